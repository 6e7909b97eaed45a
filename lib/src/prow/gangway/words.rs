//! A server's own words, fit to be shown: decoded, without the token, in one line.
//!
//! Gangway answers an error with an empty body and its text in the header `grpc-message`, percent-
//! encoded; the proxies before it answer with plain text or a page. One of Gangway's errors quotes
//! all request headers, the bearer token among them.

use crate::http::Response;
use crate::secret::Secret;
use crate::text;

/// No quotation is longer, in bytes.
const LONGEST: usize = 400;

/// No more of a body is searched for words (16 KiB).
const MOST_READ: usize = 16 * 1024;

/// The head of an answer and as much of its body as tells who spoke.
#[derive(Debug, Clone)]
pub(super) struct Heard {
    pub status: u16,
    /// Present only when Gangway itself (or its gRPC server) spoke.
    pub grpc_status: Option<u16>,
    /// Decoded and redacted, not yet cut.
    pub message: String,
    pub html: bool,
}

impl Heard {
    pub fn new(response: &Response, body: &[u8], token: &Secret) -> Self {
        let grpc_status = response.header("grpc-status").trim().parse().ok();
        let html = response.is_html();
        let message = match response.headers.get("grpc-message") {
            Some(value) if grpc_status.is_some() => percent_decode(value.as_bytes()),
            _ if html => title(&String::from_utf8_lossy(&body[..body.len().min(MOST_READ)])),
            // A right answer's body is not for people.
            _ if response.status == 200 => String::new(),
            _ => String::from_utf8_lossy(&body[..body.len().min(MOST_READ)]).into_owned(),
        };
        Self { status: response.status, grpc_status, message: token.redact(&message), html }
    }

    /// What was answered, for people: `500, failed to find associated periodic job "x"`.
    pub fn quoted(&self) -> String {
        let message = text::one_line(&self.message, LONGEST);
        match (self.html, message.is_empty()) {
            (true, true) => format!("{}, a page instead of an answer", self.status),
            (true, false) => format!("{}, a page titled {message:?}", self.status),
            (false, true) => self.status.to_string(),
            (false, false) => format!("{}, {message}", self.status),
        }
    }
}

/// Undoes gRPC's percent-encoding; what is no code stays as it is.
fn percent_decode(encoded: &[u8]) -> String {
    let mut decoded = Vec::with_capacity(encoded.len());
    let mut rest = encoded;
    while let Some((first, tail)) = rest.split_first() {
        let digits = tail.get(..2).filter(|two| two.iter().all(u8::is_ascii_hexdigit));
        let code = digits.and_then(|hex| u8::from_str_radix(str::from_utf8(hex).ok()?, 16).ok());
        match code.filter(|_| *first == b'%') {
            Some(byte) => {
                decoded.push(byte);
                rest = &tail[2..];
            }
            None => {
                decoded.push(*first);
                rest = tail;
            }
        }
    }
    String::from_utf8_lossy(&decoded).into_owned()
}

/// A page's title.
fn title(page: &str) -> String {
    let start = page.find("<title>").map(|at| at + "<title>".len());
    let title = start.and_then(|start| Some(&page[start..start + page[start..].find("</title>")?]));
    title.unwrap_or_default().trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::Body;
    use http::HeaderMap;

    fn heard(status: u16, headers: &[(&'static str, &str)], body: &str) -> Heard {
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.insert(*name, value.parse().unwrap());
        }
        let response = Response { status, headers: map, body: Body::Bytes(body.to_owned().into()) };
        Heard::new(&response, body.as_bytes(), &Secret::new("sha256~EXAMPLE"))
    }

    #[test]
    fn gangways_message_is_decoded() {
        let heard =
            heard(500, &[("grpc-status", "2"), ("grpc-message", "100%25 f%C3%BCr %zz %4")], "");
        assert_eq!(heard.quoted(), "500, 100% für %zz %4");
    }

    #[test]
    fn the_token_is_not_repeated() {
        for message in
            ["authorization:[Bearer sha256~EXAMPLE] x", "%73ha256~EXAMPLE", "sha256%7EEXAMPLE"]
        {
            let heard = heard(400, &[("grpc-status", "3"), ("grpc-message", message)], "");
            assert!(!heard.quoted().contains("EXAMPLE"), "{}", heard.quoted());
        }
        assert!(
            !heard(502, &[], "you sent sha256~EXAMPLE")
                .quoted()
                .contains("EXAMPLE")
        );
    }

    #[test]
    fn a_page_is_named_by_its_title() {
        let page = heard(
            403,
            &[("content-type", "text/html; charset=utf-8")],
            "<html><title>Log in</title>…",
        );
        assert_eq!(page.quoted(), "403, a page titled \"Log in\"");
        assert_eq!(
            heard(403, &[("content-type", "text/html")], "<p>").quoted(),
            "403, a page instead of an answer"
        );
        assert_eq!(heard(503, &[], " ").quoted(), "503");
    }
}
