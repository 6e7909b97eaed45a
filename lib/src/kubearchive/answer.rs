//! What an answer of KubeArchive means.

use serde::Deserialize;
use serde::de::DeserializeOwned;

/// How much of an answer that is none is looked at (64 KiB).
const READ: usize = 64 * 1024;

/// A page of a list. `metadata.continue` must be there: a list that was cut off lacks it.
#[derive(Debug, Deserialize)]
pub(super) struct Page<T> {
    pub(super) items: Vec<T>,
    pub(super) metadata: Metadata,
}

#[derive(Debug, Deserialize)]
pub(super) struct Metadata {
    #[serde(rename = "continue")]
    pub(super) next: String,
}

/// What an answer means.
#[derive(Debug)]
pub(super) enum Verdict<T> {
    Page(Page<T>),
    /// It may be another one a moment later. As its words came: not searched for credentials, nor cut.
    Passing(String),
    /// It stays so.
    Final(String),
}

/// Reads an answer.
pub(super) fn read<T: DeserializeOwned>(status: u16, body: &[u8]) -> Verdict<T> {
    if status == 200 {
        return match serde_json::from_slice(body) {
            Ok(page) => Verdict::Page(page),
            // A proxy's page stays; a list that stops in the middle was cut off.
            Err(_) if body.trim_ascii_start().starts_with(b"<") => {
                Verdict::Final("a page for people instead of a list".to_owned())
            }
            Err(error) => Verdict::Passing(format!("a list that breaks off: {error}")),
        };
    }
    let said = words(body);
    // Two reasons for a 500 lie in the request itself.
    let hopeless = said.contains("more than one resource found") || said.contains("22P02");
    match status {
        429 | 408 | 502..=504 => Verdict::Passing(said),
        500 if !hopeless => Verdict::Passing(said),
        _ => Verdict::Final(said),
    }
}

fn words(body: &[u8]) -> String {
    #[derive(Deserialize)]
    struct Message {
        message: String,
    }
    match serde_json::from_slice::<Message>(body) {
        Ok(Message { message }) => message,
        Err(_) => String::from_utf8_lossy(&body[..body.len().min(READ)]).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::verified::ReleaseBrief;

    fn kind(status: u16, body: &str) -> &'static str {
        match read::<ReleaseBrief>(status, body.as_bytes()) {
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
            (200, r#"{"kind": "List", "apiVersion": "v1", "items": [], "metadata": {"continue": ""}}"#, "page"),
            (200, r#"{"kind": "List", "apiVersion": "v1", "items": []}"#, "passing"),
            (200, "<html>sign in</html>", "final"),
            (301, "<a href=\"/x\">Moved Permanently</a>", "final"),
            (400, r#"{"message":"empty authorization bearer token given"}"#, "final"),
            (401, r#"{"message":"unauthorized"}"#, "final"),
            (404, "404 page not found", "final"),
            (429, r#"{"message":"too many requests"}"#, "passing"),
            (500, r#"{"message":"dial tcp 127.0.0.1:5432: connect: connection refused"}"#, "passing"),
            (500, r#"{"message":"pq: canceling statement due to statement timeout (57014)"}"#, "passing"),
            (500, r#"{"message":"more than one resource found"}"#, "final"),
            (500, r#"{"message":"pq: invalid input syntax for type uuid: \"garbage\" (22P02)"}"#, "final"),
            (504, r#"{"message":"context deadline exceeded: query timeout: context deadline exceeded"}"#, "passing"),
        ] {
            assert_eq!(kind(status, body), wanted, "{status} {body}");
        }
    }

    #[test]
    fn an_archived_release_is_read() {
        let Verdict::Page(page) = read::<ReleaseBrief>(200, include_bytes!("data/list-one.json")) else { panic!() };
        let release = &page.items[0];
        assert!(release.has_landed());
        assert_eq!(release.pushed(), ["sha256:1a0d7d21bf82908fb700e0a74975defe72b3141d503bbcb694dd26594e18b2a6"]);
    }
}
