//! Addresses of services as the user gives them: bases, whose own path is kept.

use std::net::IpAddr;
use std::str::FromStr;

use url::{Host, Url};

/// Why an address cannot be the base of a service.
#[derive(Debug, thiserror::Error)]
pub enum BaseUrlError {
    /// It is no address at all.
    #[error("expected an address such as https://host/path, found {found:?}: {source}")]
    Malformed {
        /// What was given.
        found: String,
        /// What the parser says.
        source: url::ParseError,
    },
    /// It is one, but not of a form that can be a base.
    #[error("expected an address such as https://host/path, found {found:?}: {problem}")]
    Unfit {
        /// What was given.
        found: String,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The request would travel unencrypted.
    #[error(
        "{found:?} is plain http, which is accepted for this machine (localhost) only; expected https://"
    )]
    PlainHttp {
        /// What was given.
        found: String,
    },
}

/// The address under which a service is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BaseUrl(Url);

impl BaseUrl {
    /// The address that a flag gives, or its default.
    ///
    /// # Errors
    /// The reason as [`BaseUrlError`] has it, after the flag's name.
    pub fn given(flag: &str, text: Option<&str>, default: &str) -> Result<Self, String> {
        text.unwrap_or(default)
            .parse()
            .map_err(|error: BaseUrlError| format!("{flag}: {error}"))
    }

    /// An address below the base. The segments are escaped, so a foreign name cannot leave its
    /// place.
    pub fn join<I, S>(&self, segments: I) -> Url
    where
        I: IntoIterator<Item = S>,
        S: AsRef<str>,
    {
        let mut url = self.0.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().extend(segments);
        }
        url
    }

    /// The same base without a path that its users often give along, such as `v1/executions`.
    pub fn without_suffix(mut self, suffix: &str) -> Self {
        let path = self.0.path().trim_end_matches('/');
        if let Some(kept) = path.strip_suffix(suffix).map(str::to_owned) {
            self.0.set_path(&kept);
        }
        self
    }

    /// The host and port, for messages.
    pub fn host(&self) -> String {
        host_of(&self.0)
    }
}

/// An address's host and port as they go into messages.
pub fn host_of(url: &Url) -> String {
    match (url.host_str(), url.port()) {
        (Some(host), Some(port)) => format!("{host}:{port}"),
        (host, _) => host.unwrap_or_default().to_owned(),
    }
}

/// Whether a host is this machine.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Domain(name)) => name == "localhost",
        Some(Host::Ipv4(address)) => IpAddr::V4(address).is_loopback(),
        Some(Host::Ipv6(address)) => IpAddr::V6(address).is_loopback(),
        None => false,
    }
}

impl FromStr for BaseUrl {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let unfit = |problem| BaseUrlError::Unfit { found: text.to_owned(), problem };
        let url = Url::parse(text)
            .map_err(|source| BaseUrlError::Malformed { found: text.to_owned(), source })?;
        if !url.username().is_empty() || url.password().is_some() {
            // Not quoted: what stands there is a secret.
            return Err(BaseUrlError::Unfit {
                found: host_of(&url),
                problem: "it must not hold a user name or password",
            });
        }
        match url.scheme() {
            "https" => {}
            "http" if is_loopback(&url) => {}
            "http" => return Err(BaseUrlError::PlainHttp { found: text.to_owned() }),
            _ => return Err(unfit("its scheme is not https")),
        }
        if url.query().is_some() || url.fragment().is_some() {
            return Err(unfit("it must end before ? and #"));
        }
        Ok(Self(url))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn joined(base: &str, segments: &[&str]) -> String {
        base.parse::<BaseUrl>().unwrap().join(segments).to_string()
    }

    #[test]
    fn a_path_of_its_own_is_kept() {
        assert_eq!(joined("https://host", &["v1", "executions"]), "https://host/v1/executions");
        assert_eq!(joined("https://host/a/", &["v1"]), "https://host/a/v1");
        assert_eq!(joined("https://host/a/b", &["v1"]), "https://host/a/b/v1");
    }

    #[test]
    fn a_given_endpoint_is_cut() {
        for base in
            ["https://host/g/v1/executions", "https://host/g/v1/executions/", "https://host/g"]
        {
            let base: BaseUrl = base.parse().unwrap();
            assert_eq!(
                base.without_suffix("/v1/executions").join(["v1"]).as_str(),
                "https://host/g/v1"
            );
        }
    }

    #[test]
    fn foreign_names_stay_in_their_place() {
        assert_eq!(joined("https://host", &["a/b", "..", "c?d#e"]), "https://host/a%2Fb/c%3Fd%23e");
    }

    #[test]
    fn plain_http_is_for_this_machine() {
        for good in ["http://localhost:1", "http://127.0.0.2:80/x", "http://[::1]:8080"] {
            good.parse::<BaseUrl>().unwrap();
        }
        for bad in [
            "http://example.com",
            "http://10.0.0.1",
            "http://localhost.example.com",
            "ftp://host",
            "host",
            "",
            "https://u:p@host",
            "https://host/?q=1",
            "https://host/#f",
        ] {
            bad.parse::<BaseUrl>().unwrap_err();
        }
    }

    #[test]
    fn a_password_is_not_repeated() {
        assert!(
            !"https://u:geheim@host"
                .parse::<BaseUrl>()
                .unwrap_err()
                .to_string()
                .contains("geheim")
        );
    }
}
