//! What an answer of KubeArchive means.

use std::io::{self, BufRead, BufReader, Read};

use serde::Deserialize;
use serde::de::{DeserializeOwned, IgnoredAny};

use crate::items::{Items, ItemsError};

/// How much of an answer that is none is looked at (64 KiB).
pub(super) const READ: u64 = 64 * 1024;

/// No page is larger, unpacked (256 MiB): an archived object has 1.5 MiB at most.
const MAX_PAGE: u64 = 256 << 20;

/// A page of a list.
#[derive(Debug)]
pub(crate) struct Page<T> {
    /// The objects, up to the first that cannot be read.
    pub(super) items: Vec<T>,
    pub(super) next: String,
    /// What is wrong with that one, if there is one.
    pub(super) odd: Option<String>,
}

/// What is around the items. `metadata.continue` must be there: a list that was cut off lacks it.
#[derive(Deserialize)]
struct Frame {
    #[serde(rename = "items")]
    _items: IgnoredAny,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Metadata {
    #[serde(rename = "continue")]
    next: String,
}

/// What an answer means.
#[derive(Debug)]
pub(crate) enum Verdict<T> {
    Page(Page<T>),
    /// It may be another one a moment later. As its words came: not searched for credentials, nor
    /// cut.
    Passing(String),
    /// It stays so.
    Final(String),
}

/// Reads an answer, a list's objects one at a time.
///
/// # Errors
/// The connection's, where it breaks off.
pub(crate) fn read<T: DeserializeOwned>(
    status: u16,
    body: &mut dyn Read,
) -> io::Result<Verdict<T>> {
    if status == 200 { list(body, MAX_PAGE) } else { refusal(status, body) }
}

/// Reads a page of `most` bytes at most.
fn list<T: DeserializeOwned>(body: &mut dyn Read, most: u64) -> io::Result<Verdict<T>> {
    let (mut items, mut found, mut odd) = (Items::default(), Vec::new(), None);
    let mut body = BufReader::new(body.take(most + 1));
    let mut length = 0;
    let broken =
        |error: ItemsError| Ok(Verdict::Passing(format!("a list that breaks off: {error}")));
    loop {
        let bytes = body.fill_buf()?;
        let taken = bytes.len();
        length += taken as u64;
        if taken == 0 {
            break;
        }
        if length > most {
            return Ok(Verdict::Final(format!("a list of more than {} MiB", most >> 20)));
        }
        let look = |item: &[u8]| {
            match serde_json::from_slice(item) {
                Ok(object) if odd.is_none() => found.push(object),
                Ok(_) => {}
                // Whole, and not of the form that was archived: so it will be the next time.
                Err(error) if error.is_data() => odd = odd.take().or(Some(error)),
                Err(error) => return Err(error.into()),
            }
            Ok(())
        };
        if let Err(error) = items.push(bytes, look) {
            return if items.is_markup() { page_for_people() } else { broken(error) };
        }
        body.consume(taken);
    }
    // A proxy's page stays; a list that stops in the middle was cut off.
    if items.is_markup() {
        return page_for_people();
    }
    match items.finish::<Frame>() {
        Ok(frame) => {
            let odd = odd.map(|error| error.to_string());
            Ok(Verdict::Page(Page { items: found, next: frame.metadata.next, odd }))
        }
        Err(error) => broken(error),
    }
}

fn page_for_people<T>() -> io::Result<Verdict<T>> {
    Ok(Verdict::Final("a page for people instead of a list".to_owned()))
}

fn refusal<T>(status: u16, body: &mut dyn Read) -> io::Result<Verdict<T>> {
    let mut begun = Vec::new();
    body.take(READ).read_to_end(&mut begun)?;
    let said = words(&begun);
    // Two reasons for a 500 lie in the request itself.
    let hopeless = said.contains("more than one resource found") || said.contains("22P02");
    Ok(match status {
        429 | 408 | 502..=504 => Verdict::Passing(said),
        500 if !hopeless => Verdict::Passing(said),
        _ => Verdict::Final(said),
    })
}

fn words(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    match serde_json::from_slice::<Message>(body) {
        Ok(Message { message }) => message,
        Err(_) => String::from_utf8_lossy(body).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verified::ReleaseBrief;

    fn kind(status: u16, body: &str) -> &'static str {
        match read::<ReleaseBrief>(status, &mut body.as_bytes()).unwrap() {
            Verdict::Page(_) => "page",
            Verdict::Passing(_) => "passing",
            Verdict::Final(_) => "final",
        }
    }

    #[test]
    fn answers_as_they_were_seen() {
        let list = include_str!("data/list-one.json");
        assert_eq!(kind(200, list), "page");
        assert_eq!(kind(200, &list[..list.len() - 30]), "passing");
        for (status, body, wanted) in [
            (
                200,
                r#"{"kind": "List", "apiVersion": "v1", "items": [], "metadata": {"continue": ""}}"#,
                "page",
            ),
            (200, r#"{"kind": "List", "apiVersion": "v1", "items": []}"#, "passing"),
            (200, "<html>sign in</html>", "final"),
            (301, "<a href=\"/x\">Moved Permanently</a>", "final"),
            (400, r#"{"message":"empty authorization bearer token given"}"#, "final"),
            (401, r#"{"message":"unauthorized"}"#, "final"),
            (404, "404 page not found", "final"),
            (429, r#"{"message":"too many requests"}"#, "passing"),
            (
                500,
                r#"{"message":"dial tcp 127.0.0.1:5432: connect: connection refused"}"#,
                "passing",
            ),
            (
                500,
                r#"{"message":"pq: canceling statement due to statement timeout (57014)"}"#,
                "passing",
            ),
            (500, r#"{"message":"more than one resource found"}"#, "final"),
            (
                500,
                r#"{"message":"pq: invalid input syntax for type uuid: \"garbage\" (22P02)"}"#,
                "final",
            ),
            (
                504,
                r#"{"message":"context deadline exceeded: query timeout: context deadline exceeded"}"#,
                "passing",
            ),
        ] {
            assert_eq!(kind(status, body), wanted, "{status} {body}");
        }
    }

    /// 400 objects of 1 MB: what is read at once is an object, and no list is without end.
    #[test]
    fn a_page_is_never_at_hand_as_a_whole() {
        struct Objects<'a> {
            left: usize,
            object: &'a [u8],
            at: usize,
        }
        impl Read for Objects<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
                if self.at == self.object.len() {
                    (self.at, self.left) = (0, self.left.saturating_sub(1));
                }
                let piece = if self.left == 0 { &[] } else { &self.object[self.at..] };
                let length = piece.len().min(buffer.len()).min(8192);
                buffer[..length].copy_from_slice(&piece[..length]);
                self.at += length;
                Ok(length)
            }
        }
        let object = format!(r#"{{"metadata":{{"name":"r","x":"{}"}}}},"#, "x".repeat(1_000_000));
        let page = |count: usize| {
            let objects = Objects { left: count, object: object.as_bytes(), at: 0 };
            let last = &br#"{"metadata":{"name":"r"}}],"metadata":{"continue":""}}"#[..];
            let mut body = br#"{"items":["#.chain(objects).chain(last);
            read::<ReleaseBrief>(200, &mut body).unwrap()
        };
        assert!(matches!(page(200), Verdict::Page(page) if page.items.len() == 201));
        assert!(matches!(page(400), Verdict::Final(said) if said == "a list of more than 256 MiB"));
    }

    #[test]
    fn a_page_of_the_largest_size_is_read_and_no_larger_one() {
        let page = format!(
            r#"{{"items":[{}{{}}],"metadata":{{"continue":""}}}}"#,
            r#"{"metadata":{"name":"r"}},"#.repeat(1000)
        );
        let read = |most: usize| {
            // In pieces, as a connection brings it.
            let (head, tail) = page.as_bytes().split_at(page.len() / 3);
            list::<IgnoredAny>(&mut head.chain(tail), most as u64).unwrap()
        };
        assert!(matches!(read(page.len()), Verdict::Page(page) if page.items.len() == 1001));
        for most in [page.len() - 1, page.len() / 2] {
            let verdict = read(most);
            assert!(
                matches!(&verdict, Verdict::Final(said) if said.starts_with("a list of more than")),
                "{most}: {verdict:?}"
            );
        }
    }

    #[test]
    fn an_entry_that_is_no_json_is_a_page_that_broke() {
        let damaged = r#"{"items":[{"metadata":nothing}],"metadata":{"continue":""}}"#;
        assert_eq!(kind(200, damaged), "passing");
    }

    #[test]
    fn null_is_empty_as_in_go() {
        let list = r#"{"kind":"List","items":[{"metadata":{"name":"r","labels":null,"uid":null},"spec":{"snapshot":null,"releasePlan":"p"},"status":{"conditions":null,"artifacts":{"images":null}}}],"metadata":{"continue":""}}"#;
        assert_eq!(kind(200, list), "page");
        assert_eq!(kind(200, r#"{"kind":"List","items":null,"metadata":{"continue":""}}"#), "page");
        let odd = r#"{"kind":"List","items":[{"metadata":{"name":7}}],"metadata":{"continue":""}}"#;
        assert_eq!(kind(200, odd), "page", "it is whole, and will be the same the next time");
        assert_eq!(kind(200, &odd[..odd.len() - 4]), "passing");
    }

    /// Lists are newest first, so that what comes before an entry that cannot be read is certain.
    #[test]
    fn what_comes_before_an_odd_entry_counts() {
        let entries = ["\"a\"", "\"b\"", "7", "\"c\"", "{}"];
        let entries = entries.map(|name| format!(r#"{{"metadata":{{"name":{name}}}}}"#));
        let list = format!(r#"{{"items":[{}],"metadata":{{"continue":""}}}}"#, entries.join(","));
        let Verdict::Page(page) = read::<ReleaseBrief>(200, &mut list.as_bytes()).unwrap() else {
            panic!()
        };
        let names: Vec<_> = page.items.iter().map(|item| item.metadata.name.as_str()).collect();
        assert_eq!(names, ["a", "b"]);
        assert!(page.odd.unwrap().starts_with("invalid type: integer `7`"));
    }

    #[test]
    fn an_archived_release_is_read() {
        let list = include_bytes!("data/list-one.json");
        let Verdict::Page(page) = read::<ReleaseBrief>(200, &mut &list[..]).unwrap() else {
            panic!()
        };
        let release = &page.items[0];
        assert!(release.has_landed());
        assert_eq!(
            release.pushed(),
            ["sha256:1a0d7d21bf82908fb700e0a74975defe72b3141d503bbcb694dd26594e18b2a6"]
        );
    }
}
