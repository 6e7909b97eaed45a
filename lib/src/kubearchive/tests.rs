//! What it is asked, and how often, on a transport that answers from a script.

use std::io;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use bytes::Bytes;
use serde_json::Value;

use super::*;
use crate::clock::RuntimeClock;
use crate::http::{Body, Response, Transport};
use crate::konflux::RELEASES;
use crate::secret::Secret;

#[derive(Debug)]
enum Answer {
    Untrusted,
    NotThere,
    Says(u16, String),
}

/// Gives one answer after the other, the last one for ever, and keeps what it was asked.
#[derive(Debug)]
struct Script {
    answers: Vec<Answer>,
    asked: Mutex<Vec<Request>>,
}

impl Script {
    fn asked(&self) -> Vec<String> {
        let asked = self.asked.lock().unwrap();
        asked.iter().map(|request| request.url.to_string()).collect()
    }

    fn token(&self) -> Option<String> {
        let asked = self.asked.lock().unwrap();
        let token = asked.last().unwrap().token.as_ref();
        token.map(|token| token.expose().to_owned())
    }
}

#[async_trait]
impl Transport for Script {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let turn = {
            let mut asked = self.asked.lock().unwrap();
            asked.push(request);
            asked.len().min(self.answers.len()) - 1
        };
        let not_sent = |source: io::Error| {
            Err(TransportError::NotSent { host: "archive".to_owned(), source: Box::new(source) })
        };
        match &self.answers[turn] {
            Answer::Untrusted => not_sent(io::Error::other(rustls::Error::InvalidCertificate(
                rustls::CertificateError::UnknownIssuer,
            ))),
            Answer::NotThere => not_sent(io::ErrorKind::ConnectionRefused.into()),
            Answer::Says(status, text) => Ok(Response {
                status: *status,
                headers: http::HeaderMap::new(),
                body: Body::Bytes(Bytes::from(text.clone())),
            }),
        }
    }
}

fn archive(answers: Vec<Answer>) -> (KubeArchive, Arc<Script>) {
    let script = Arc::new(Script { answers, asked: Mutex::default() });
    let archive = KubeArchive {
        base: "https://archive.example".parse().unwrap(),
        bearer: None,
        transport: script.clone(),
        clock: Arc::new(RuntimeClock::starting_at(Timestamp::UNIX_EPOCH)),
    };
    (archive, script)
}

/// A page of so many entries, with the token of the next one.
fn page(entries: usize, next: &str) -> Answer {
    let entries = vec!["{}"; entries].join(",");
    list(&entries, next)
}

fn list(entries: &str, next: &str) -> Answer {
    Answer::Says(200, format!(r#"{{"items":[{entries}],"metadata":{{"continue":"{next}"}}}}"#))
}

async fn all<T: DeserializeOwned + Send + 'static>(archive: &KubeArchive) -> Listing<T> {
    archive
        .list(RELEASES, "tenant", ("plan", "p"), None, WITHIN, |_| false)
        .await
}

fn why(rest: Option<ArchiveError>) -> String {
    rest.map(|error| Chain(&error).to_string()).unwrap_or_default()
}

#[tokio::test(start_paused = true)]
async fn an_untrusted_certificate_is_seen_once() {
    let (untrusted, script) = archive(vec![Answer::Untrusted]);
    let why_not = why(all::<Value>(&untrusted).await.rest);
    assert!(why_not.contains("certificate is not trusted; --ca-file names"), "{why_not}");
    assert_eq!(script.asked().len(), 1);
    let (absent, script) = archive(vec![Answer::NotThere]);
    let why_not = why(all::<Value>(&absent).await.rest);
    let often = script.asked().len();
    assert!(often > 1 && why_not.contains(&format!("after {often} tries")), "{often}: {why_not}");
}

#[tokio::test(start_paused = true)]
async fn an_odd_entry_ends_the_list_and_what_was_newer_stays() {
    #[derive(Debug, serde::Deserialize)]
    struct Numbered {
        n: u32,
    }
    let (odd, script) = archive(vec![list(r#"{"n":2},{"n":"x"},{"n":1}"#, "more")]);
    let listing = all::<Numbered>(&odd).await;
    assert_eq!(listing.items.iter().map(|item| item.n).collect::<Vec<_>>(), [2]);
    let why_not = why(listing.rest);
    assert!(why_not.contains("list of releases has an entry that cannot be read"), "{why_not}");
    assert_eq!(script.asked().len(), 1, "it will be the same the next time");
    // What was newer may be enough.
    let label = ("plan", "p");
    let enough = odd
        .list::<Numbered>(RELEASES, "tenant", label, None, WITHIN, |seen| !seen.is_empty())
        .await;
    assert!(enough.rest.is_none());
}

#[tokio::test(start_paused = true)]
async fn every_page_is_asked_for_with_its_token_until_the_list_ends() {
    let (pages, script) = archive(vec![page(2, ""), page(9, "")]);
    assert_eq!(all::<Value>(&pages).await.items.len(), 2);
    assert_eq!(script.asked().len(), 1, "a list without a token is whole");
    let (pages, script) = archive(vec![page(2, "one"), page(3, "two"), page(4, "")]);
    let listing = all::<Value>(&pages).await;
    assert_eq!((listing.items.len(), why(listing.rest)), (9, String::new()));
    let [first, second, third] = <[_; 3]>::try_from(script.asked()).unwrap();
    assert!(first.ends_with("/namespaces/tenant/releases?labelSelector=plan%3Dp&limit=100"));
    assert_eq!([second, third], ["one", "two"].map(|token| format!("{first}&continue={token}")));
}

#[tokio::test(start_paused = true)]
async fn a_list_without_an_end_is_left_at_2000_entries() {
    let (endless, script) = archive(vec![page(1999, "a"), page(1, "b"), page(1, "")]);
    let listing = all::<Value>(&endless).await;
    assert_eq!((listing.items.len(), script.asked().len()), (2000, 2));
    let why_not = why(listing.rest);
    assert!(why_not.contains("list of releases has more than 2000 entries"), "{why_not}");
}

#[tokio::test(start_paused = true)]
async fn one_object_is_asked_for_to_tell_whether_there_is_any() {
    for (entries, any) in [(0, false), (1, true)] {
        // Trouble passes.
        let passing = Answer::Says(503, "soon".to_owned());
        let (archive, script) = archive(vec![passing, page(entries, "")]);
        assert_eq!(archive.holds_any(RELEASES, "tenant").await.unwrap(), any);
        let asked = script.asked();
        assert!(asked[1].ends_with("/releases?limit=1"), "{asked:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_refusal_says_what_to_look_at() {
    for (status, said, advice) in [
        (
            400,
            "empty authorization bearer token given",
            "; the kubeconfig's user has no bearer token for it, or a blank one",
        ),
        (400, "bad limit parameter", ""),
        (
            401,
            "unauthorized",
            "; the account may not list these objects, or got the right less than a minute ago",
        ),
        (401, "authentication failed", "; it does not accept the token"),
        (403, "no", ""),
        (301, "Moved Permanently", "; is the address right?"),
        (404, "404 page not found", "; is the address right?"),
    ] {
        let (archive, script) = archive(vec![Answer::Says(status, said.to_owned())]);
        let error = archive.holds_any(RELEASES, "tenant").await.unwrap_err();
        assert_eq!(error.to_string(), format!("KubeArchive refuses ({status}: {said}){advice}"));
        assert_eq!(script.asked().len(), 1, "{status}: it stays so");
    }
}

#[tokio::test(start_paused = true)]
async fn a_list_that_has_no_time_left_tells_its_trouble_after_one_try() {
    let (absent, script) = archive(vec![Answer::NotThere]);
    let label = ("plan", "p");
    let listing = absent
        .list::<Value>(RELEASES, "tenant", label, None, Duration::ZERO, |_| false)
        .await;
    let why_not = why(listing.rest);
    assert!(why_not.starts_with("KubeArchive does not answer, after 1 tries"), "{why_not}");
    assert_eq!(script.asked().len(), 1);
}

#[tokio::test(start_paused = true)]
async fn the_token_goes_along_and_a_blank_one_does_not() {
    for (token, sent) in [("sha256~abc", Some("sha256~abc")), (" \n", None)] {
        let (archive, script) = archive(vec![page(0, "")]);
        let bearer = Some(Bearer::Value(Secret::new(token)));
        KubeArchive { bearer, ..archive }
            .holds_any(RELEASES, "tenant")
            .await
            .unwrap();
        assert_eq!(script.token().as_deref(), sent);
    }
}
