//! The switchboard of faults: which request gets which trouble.
//!
//! To add a trouble: a variant of [`Trouble`], and its meaning in `enter.rs`; nothing else knows
//! the list.

use std::sync::Arc;
use std::time::Duration;

use http::Method;
use jiff::Timestamp;

use crate::World;

/// The servers of a world.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Server {
    /// Gangway behind its proxies.
    Gangway,
    Deck,
    /// The artifact bucket.
    Bucket,
    /// The part of a Kubernetes API that the steps call.
    Kube,
    /// The OCI registry.
    Registry,
    /// Slack's webhooks.
    Slack,
    /// KubeArchive.
    Archive,
}

impl Server {
    /// All of them, in the order in which they are served.
    pub const ALL: [Self; 7] = [
        Self::Gangway,
        Self::Deck,
        Self::Bucket,
        Self::Kube,
        Self::Registry,
        Self::Slack,
        Self::Archive,
    ];

    /// A word for logs.
    pub fn name(self) -> &'static str {
        match self {
            Self::Gangway => "gangway",
            Self::Deck => "deck",
            Self::Bucket => "bucket",
            Self::Kube => "kube",
            Self::Registry => "registry",
            Self::Slack => "slack",
            Self::Archive => "archive",
        }
    }
}

/// An answer written out by hand.
#[derive(Debug, Clone, Default)]
pub struct Canned {
    /// Status code.
    pub status: u16,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// Body bytes.
    pub body: Vec<u8>,
}

/// What happens to a request instead of, before or after its normal treatment.
#[derive(Clone)]
pub enum Trouble {
    /// The connection ends before the request has an effect.
    DropBefore,
    /// The request has its effect, then the connection ends without an answer.
    DropAfter,
    /// Nothing happens for so long (real time), then the normal treatment.
    StallBefore(Duration),
    /// The request has its effect at once, its answer comes so much later (real time).
    StallAfter(Duration),
    /// The answer's body ends after so many bytes, the connection with it.
    Truncate(usize),
    /// The answer's body stands still after so many bytes for so long (real time), then goes on.
    StallBody(usize, Duration),
    /// A proxy's sign-in page: 403, `text/html`; no effect.
    Html403,
    /// 200 with a page of HTML, as a captive proxy gives; no effect.
    Html200,
    /// 404 as the server itself would say it for something unknown to it; no effect.
    NotFound,
    /// 429, with `Retry-After` in seconds or without; no effect.
    TooMany(Option<u32>),
    /// This status as the layer before the server would give it; no effect.
    StatusBefore(u16),
    /// The request has its effect, then this status.
    StatusAfter(u16),
    /// The server's own form of an empty list, 200; no effect.
    EmptyList,
    /// This answer; no effect.
    Answer(Canned),
    /// The request has its effect, then this answer.
    AnswerAfter(Canned),
    /// This status with the whole request quoted in the server's words, credentials included, after
    /// so many bytes of other words; no effect.
    Echo(u16, usize),
    /// Changes the world, then looks for further rules and treats the request as usual.
    Do(Arc<dyn Fn(&World) + Send + Sync>),
}

impl std::fmt::Debug for Trouble {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let word = match self {
            Self::DropBefore => "drop before",
            Self::DropAfter => "drop after",
            Self::StallBefore(_) => "stall before",
            Self::StallAfter(_) => "stall after",
            Self::Truncate(_) => "truncate",
            Self::StallBody(..) => "stall in the body",
            Self::Html403 => "html 403",
            Self::Html200 => "html 200",
            Self::NotFound => "not found",
            Self::TooMany(_) => "too many",
            Self::StatusBefore(code) => return write!(f, "{code} before"),
            Self::StatusAfter(code) => return write!(f, "{code} after"),
            Self::EmptyList => "empty list",
            Self::Answer(_) => "answer",
            Self::AnswerAfter(_) => "answer after",
            Self::Echo(code, _) => return write!(f, "{code} with the request quoted"),
            Self::Do(_) => "do",
        };
        f.write_str(word)
    }
}

/// Which of the matching requests, counted from 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nth {
    /// Every one.
    Each,
    /// Only this one.
    Only(u32),
    /// The first so many.
    First(u32),
    /// This one and all later ones.
    From(u32),
    /// Every k-th.
    Every(u32),
}

impl Nth {
    fn hits(self, count: u32) -> bool {
        match self {
            Self::Each => true,
            Self::Only(n) => count == n,
            Self::First(n) => count <= n,
            Self::From(n) => count >= n,
            Self::Every(n) => n > 0 && count.is_multiple_of(n),
        }
    }
}

/// A fault: requests to `server` that match, and what they get.
///
/// ```
/// # use standins::{Fault, Nth, Server, Trouble};
/// // the first launch is accepted, and its answer lost
/// let fault = Fault::on(Server::Gangway,
/// Trouble::DropAfter).method("POST").path("/v1/executions*").nth(Nth::Only(1));
/// ```
#[derive(Debug, Clone)]
pub struct Fault {
    server: Server,
    method: Option<Method>,
    pattern: String,
    nth: Nth,
    window: Option<(Timestamp, Timestamp)>,
    trouble: Trouble,
    seen: u32,
}

impl Fault {
    /// Trouble for every request to `server`, until narrowed.
    pub fn on(server: Server, trouble: Trouble) -> Self {
        Self {
            server,
            method: None,
            pattern: "*".into(),
            nth: Nth::Each,
            window: None,
            trouble,
            seen: 0,
        }
    }

    /// Only requests with this method.
    ///
    /// # Panics
    /// If `method` is no HTTP method.
    #[must_use]
    pub fn method(mut self, method: &str) -> Self {
        self.method = Some(Method::from_bytes(method.as_bytes()).expect("an HTTP method"));
        self
    }

    /// Only requests whose path matches; `*` stands for any text. With a `?` in the pattern it is
    /// held against path and query.
    #[must_use]
    pub fn path(mut self, pattern: &str) -> Self {
        pattern.clone_into(&mut self.pattern);
        self
    }

    /// Only these of the matching requests.
    #[must_use]
    pub fn nth(mut self, nth: Nth) -> Self {
        self.nth = nth;
        self
    }

    /// Only from `from` until before `until`, by the world's clock. Requests outside are not
    /// counted.
    #[must_use]
    pub fn between(mut self, from: Timestamp, until: Timestamp) -> Self {
        self.window = Some((from, until));
        self
    }
}

/// All faults of a world.
#[derive(Debug, Default)]
pub(crate) struct Switchboard {
    faults: Vec<Fault>,
}

impl Switchboard {
    pub(crate) fn add(&mut self, fault: Fault) {
        self.faults.push(fault);
    }

    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    /// The troubles for a request, every matching rule counted: all `Do`, and at most one other,
    /// the earliest rule's.
    pub(crate) fn pick(
        &mut self,
        server: Server,
        method: &Method,
        path_and_query: &str,
        now: Timestamp,
    ) -> Vec<Trouble> {
        let path = path_and_query.split('?').next().unwrap_or_default();
        let mut picked: Vec<Trouble> = Vec::new();
        let mut taken = false;
        for fault in &mut self.faults {
            let text = if fault.pattern.contains('?') { path_and_query } else { path };
            let matches = fault.server == server
                && fault.method.as_ref().is_none_or(|wanted| wanted == method)
                && fault.window.is_none_or(|(from, until)| from <= now && now < until)
                && glob(&fault.pattern, text);
            if !matches {
                continue;
            }
            fault.seen += 1;
            let act = matches!(fault.trouble, Trouble::Do(_));
            if fault.nth.hits(fault.seen) && (act || !taken) {
                taken |= !act;
                picked.push(fault.trouble.clone());
            }
        }
        picked
    }
}

/// Whether `text` matches `pattern`, in which `*` stands for any text, `/` included.
pub(crate) fn glob(pattern: &str, text: &str) -> bool {
    let mut parts = pattern.split('*');
    let Some(first) = parts.next() else {
        return text.is_empty();
    };
    let Some(mut rest) = text.strip_prefix(first) else {
        return false;
    };
    let mut parts = parts.peekable();
    if parts.peek().is_none() {
        return rest.is_empty();
    }
    while let Some(part) = parts.next() {
        if parts.peek().is_none() {
            return rest.ends_with(part);
        }
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns() {
        for (pattern, text, wanted) in [
            ("*", "/v1/executions", true),
            ("/v1/executions", "/v1/executions", true),
            ("/v1/executions", "/v1/executions/x", false),
            ("/v1/executions*", "/v1/executions/x", true),
            ("*/releases/*", "/apis/a/v1/namespaces/n/releases/r", true),
            ("*/releases", "/apis/a/v1/namespaces/n/releases/r", false),
            ("a*b*c", "a-c-b-c", true),
            ("a*b*c", "a-c-b", false),
        ] {
            assert_eq!(glob(pattern, text), wanted, "{pattern} against {text}");
        }
    }

    #[test]
    fn counting() {
        let hits = |nth: Nth| (1..=6).filter(|n| nth.hits(*n)).collect::<Vec<_>>();
        assert_eq!(hits(Nth::Each), [1, 2, 3, 4, 5, 6]);
        assert_eq!(hits(Nth::Only(2)), [2]);
        assert_eq!(hits(Nth::First(2)), [1, 2]);
        assert_eq!(hits(Nth::From(5)), [5, 6]);
        assert_eq!(hits(Nth::Every(3)), [3, 6]);
    }
}
