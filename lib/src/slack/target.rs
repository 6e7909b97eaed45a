//! Where messages go.

use std::path::PathBuf;

use url::Url;

use crate::http::BaseUrl;
use crate::secret::{Secret, SecretError, SecretFile};

/// Where Slack's Web API is.
const API: &str = "https://slack.com/api";

/// Why there is nowhere to send to. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum TargetError {
    /// The secret cannot be read.
    #[error(transparent)]
    Secret(#[from] SecretError),
    /// The file holds something else than a webhook's address.
    #[error(
        "{what}: {path} holds no webhook address; expected one line such as https://hooks.slack.com/services/…"
    )]
    NoAddress {
        /// The flag.
        what: &'static str,
        /// The file.
        path: String,
    },
}

/// Where messages go.
#[derive(Debug, Clone)]
pub enum Target {
    /// An incoming webhook: its address is the secret.
    Webhook(SecretFile),
    /// A channel, with a bot's token, by `chat.postMessage`.
    Channel {
        /// The bot's token.
        token: SecretFile,
        /// The channel's id.
        channel: String,
        /// Slack's API: `https://slack.com/api` unless tested.
        api: BaseUrl,
    },
}

/// One request's address and credentials. The secret is kept for redacting what the server says.
pub(super) struct Resolved {
    pub(super) url: Url,
    pub(super) token: Option<Secret>,
    pub(super) secret: Secret,
}

impl Target {
    /// The flag of a webhook's file.
    pub const WEBHOOK_FLAG: &'static str = "--slack-webhook-file";

    /// The webhook whose address a file holds.
    pub fn webhook(file: impl Into<PathBuf>) -> Self {
        Self::Webhook(SecretFile::new(Self::WEBHOOK_FLAG, file))
    }

    /// What the flags name: a webhook, or a channel with a token and where Slack's API is.
    ///
    /// # Errors
    /// Which flags belong together.
    pub fn given(
        webhook: Option<PathBuf>,
        token: Option<PathBuf>,
        channel: Option<String>,
        api: Option<&str>,
    ) -> Result<Self, String> {
        match (webhook, token, channel) {
            (Some(file), None, None) => Ok(Self::webhook(file)),
            (None, Some(file), Some(channel)) => Ok(Self::Channel {
                token: SecretFile::new("--slack-token-file", file),
                channel,
                api: BaseUrl::given("--slack-api-url", api, API)?,
            }),
            (None, Some(_), None) => Err("--slack-token-file needs --channel".to_owned()),
            (None, None, Some(_)) => Err("--channel needs --slack-token-file".to_owned()),
            (None, None, None) => Err("expected --slack-webhook-file FILE (or --slack-token-file and --channel), or --preview to send nothing".to_owned()),
            (Some(_), _, _) => Err("expected either --slack-webhook-file or --slack-token-file with --channel, found both".to_owned()),
        }
    }

    /// Whether messages could be sent now: the secret is there and has the right form.
    ///
    /// # Errors
    /// [`TargetError`] naming the flag and the file.
    pub fn check(&self) -> Result<(), TargetError> {
        self.resolve("").map(drop)
    }

    /// Where a request goes: the webhook, or a method of the Web API. Reads the secret as it is
    /// now: it may be rotated while a step waits.
    pub(super) fn resolve(&self, method: &str) -> Result<Resolved, TargetError> {
        match self {
            Self::Webhook(file) => {
                let secret = file.read()?;
                let url =
                    webhook_address(secret.expose()).ok_or_else(|| TargetError::NoAddress {
                        what: Self::WEBHOOK_FLAG,
                        path: file.path().display().to_string(),
                    })?;
                Ok(Resolved { url, token: None, secret })
            }
            Self::Channel { token, api, .. } => {
                let secret = token.read()?;
                Ok(Resolved { url: api.join([method]), token: Some(secret.clone()), secret })
            }
        }
    }
}

/// An https address with a path; plain http for this machine only.
fn webhook_address(text: &str) -> Option<Url> {
    let url = Url::parse(text).ok()?;
    let mut base = url.clone();
    base.set_query(None);
    base.set_fragment(None);
    let safe = base.as_str().parse::<BaseUrl>().is_ok();
    (safe && url.path() != "/").then_some(url)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhook_or_a_channel_with_its_token() {
        let given = |webhook: &str, token: &str, channel: &str, api: Option<&str>| {
            let path = |text: &str| Some(PathBuf::from(text)).filter(|_| !text.is_empty());
            let channel = Some(channel.to_owned()).filter(|channel| !channel.is_empty());
            Target::given(path(webhook), path(token), channel, api)
        };
        assert!(matches!(given("w", "", "", None), Ok(Target::Webhook(_))));
        let channel = given("", "t", "C1", None).unwrap();
        assert!(matches!(channel, Target::Channel { api, .. } if api == API.parse().unwrap()));
        for (wrong, words) in [
            (given("", "t", "", None), "--slack-token-file needs --channel"),
            (given("", "", "C1", None), "--channel needs"),
            (given("", "", "", None), "expected --slack-webhook-file FILE"),
            (given("w", "t", "C1", None), "found both"),
            (given("w", "", "C1", None), "found both"),
            (given("", "t", "C1", Some("nowhere")), "--slack-api-url: "),
        ] {
            let error = wrong.unwrap_err();
            assert!(error.contains(words), "{error}");
        }
    }

    #[test]
    fn a_webhook_is_an_address_and_never_printed() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("url");
        for (content, good) in [
            ("https://hooks.example/services/T0/B0/geheim\n", true),
            ("http://127.0.0.1:1/services/geheim", true),
            ("http://hooks.example/services/geheim", false),
            ("https://hooks.example/", false),
            ("xoxb-geheim", false),
        ] {
            std::fs::write(&path, content).unwrap();
            let result = Target::Webhook(SecretFile::new(Target::WEBHOOK_FLAG, &path)).check();
            assert_eq!(result.is_ok(), good, "{content}");
            if let Err(error) = result {
                let text = error.to_string();
                assert!(
                    text.starts_with("--slack-webhook-file: ") && !text.contains("geheim"),
                    "{text}"
                );
            }
        }
    }
}
