//! How often it is asked, on a transport that counts.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use async_trait::async_trait;
use bytes::Bytes;

use super::*;
use crate::clock::RuntimeClock;
use crate::http::{Body, Response, Transport};
use crate::konflux::RELEASES;

#[derive(Debug)]
enum Answer {
    Untrusted,
    Refused,
    List(&'static str),
}

#[derive(Debug)]
struct Counting(AtomicU32, Answer);

#[async_trait]
impl Transport for Counting {
    async fn send(&self, _: Request) -> Result<Response, TransportError> {
        self.0.fetch_add(1, Ordering::Relaxed);
        let not_sent = |source: io::Error| {
            Err(TransportError::NotSent { host: "archive".to_owned(), source: Box::new(source) })
        };
        match self.1 {
            Answer::Untrusted => not_sent(io::Error::other(rustls::Error::InvalidCertificate(
                rustls::CertificateError::UnknownIssuer,
            ))),
            Answer::Refused => not_sent(io::ErrorKind::ConnectionRefused.into()),
            Answer::List(text) => Ok(Response {
                status: 200,
                headers: http::HeaderMap::new(),
                body: Body::Bytes(Bytes::from_static(text.as_bytes())),
            }),
        }
    }
}

#[derive(Debug, serde::Deserialize)]
struct Numbered {
    n: u32,
}

async fn asked(answer: Answer) -> (Vec<serde_json::Value>, String, u32) {
    let transport = Arc::new(Counting(AtomicU32::new(0), answer));
    let archive = KubeArchive {
        base: "https://archive.example".parse().unwrap(),
        bearer: None,
        transport: transport.clone(),
        clock: Arc::new(RuntimeClock::starting_at(Timestamp::UNIX_EPOCH)),
    };
    let listing = archive
        .list(RELEASES, "tenant", ("plan", "p"), None, WITHIN, |_| false)
        .await;
    let why = listing.rest.map(|error| Chain(&error).to_string());
    (listing.items, why.unwrap_or_default(), transport.0.load(Ordering::Relaxed))
}

#[tokio::test(start_paused = true)]
async fn an_untrusted_certificate_is_seen_once() {
    let (_, why, asked_once) = asked(Answer::Untrusted).await;
    assert!(why.contains("certificate is not trusted; --ca-file names"), "{why}");
    assert_eq!(asked_once, 1);
    let (_, why, often) = asked(Answer::Refused).await;
    assert!(often > 1 && why.contains(&format!("after {often} tries")), "{often}: {why}");
}

#[tokio::test(start_paused = true)]
async fn an_odd_entry_ends_the_list_and_what_was_newer_stays() {
    let list = r#"{"items":[{"a":1},{"a":2}],"metadata":{"continue":""}}"#;
    assert_eq!(asked(Answer::List(list)).await.0.len(), 2);
    let transport = Arc::new(Counting(
        AtomicU32::new(0),
        Answer::List(r#"{"items":[{"n":2},{"n":"x"},{"n":1}],"metadata":{"continue":"more"}}"#),
    ));
    let archive = KubeArchive {
        base: "https://archive.example".parse().unwrap(),
        bearer: None,
        transport: transport.clone(),
        clock: Arc::new(RuntimeClock::starting_at(Timestamp::UNIX_EPOCH)),
    };
    let label = ("plan", "p");
    let listing = archive
        .list::<Numbered>(RELEASES, "tenant", label, None, WITHIN, |_| false)
        .await;
    assert_eq!(listing.items.iter().map(|item| item.n).collect::<Vec<_>>(), [2]);
    let why = listing.rest.unwrap().to_string();
    assert!(why.contains("list of releases has an entry that cannot be read"), "{why}");
    assert_eq!(transport.0.load(Ordering::Relaxed), 1, "it will be the same the next time");
    // What was newer may be enough.
    let enough = archive
        .list::<Numbered>(RELEASES, "tenant", label, None, WITHIN, |seen| !seen.is_empty())
        .await;
    assert!(enough.rest.is_none());
}
