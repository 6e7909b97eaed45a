//! Addresses that may stand behind a link: http and https alone, and the page's own.

use schemars::JsonSchema;
use serde::{Deserialize, Deserializer, Serialize};
use url::Url;

use crate::image::Digest;

/// An address that can be put behind a link. A record's job URL is a foreign text: `javascript:`
/// and its like must never become one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema)]
#[schemars(transparent)]
pub struct Link(String);

impl Link {
    /// The longest that is taken, in bytes.
    const LONGEST: usize = 2_000;

    /// The address, if it is http or https and has a host.
    pub fn of(text: &str) -> Option<Self> {
        if text.len() > Self::LONGEST {
            return None;
        }
        let url = Url::parse(text).ok()?;
        let web = matches!(url.scheme(), "http" | "https") && url.has_host();
        let bare = url.username().is_empty() && url.password().is_none();
        (web && bare).then(|| Self(url.into()))
    }

    /// The address, escaped as URLs are.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The id of a text in the page's addresses: the same text has the same id for ever.
pub(super) fn id(prefix: char, text: &str) -> String {
    format!("{prefix}{}", &Digest::of(text).hex()[..8])
}

impl<'de> Deserialize<'de> for Link {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        Self::of(&text).ok_or_else(|| serde::de::Error::custom("expected an http or https address"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_web_addresses_are_links() {
        let good = "https://prow.example/view/gs/b/logs/j/1";
        assert_eq!(Link::of(good).unwrap().as_str(), good);
        for bad in [
            "",
            "javascript:alert(1)",
            " javascript:alert(1)",
            "data:text/html,x",
            "file:///etc/passwd",
            "//host/x",
            "https://user:secret@host/x",
            "https://",
        ] {
            assert_eq!(Link::of(bad), None, "{bad}");
        }
        assert_eq!(
            Link::of("https://host/\"><script>").unwrap().as_str(),
            "https://host/%22%3E%3Cscript%3E"
        );
        assert_eq!(Link::of(&format!("https://host/{}", "x".repeat(2_000))), None);
    }
}
