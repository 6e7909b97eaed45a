//! Requests to a registry and to where it sends us: what may go where, and how much is read.
//!
//! - From a registry that speaks TLS nothing goes on over plain HTTP, neither to its token service
//!   nor by a redirect. From one that may be spoken to in plain it goes on so only to a host that
//!   may as well.
//! - A redirect to another host, port or scheme is followed without credentials.
//! - No body is read beyond its limit; of a refusal only the beginning is.

use std::time::Duration;

use bytes::Bytes;
use http::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, LOCATION, WWW_AUTHENTICATE};
use http::{HeaderMap, HeaderValue, Method};
use url::Url;

use super::error::{Failed, Kind, READ};
use crate::http::{Request, SharedTransport, host_of, is_loopback};
use crate::secret::Secret;

/// No request takes longer, its body included (30 seconds).
pub(super) const TIMEOUT: Duration = Duration::from_secs(30);

/// Redirects that are followed one after another.
const MAX_REDIRECTS: usize = 5;

/// An answer, whatever its status.
#[derive(Debug, Clone)]
pub(super) struct Answer {
    pub(super) status: u16,
    pub(super) headers: HeaderMap,
    /// All of it, or the beginning of a refusal.
    pub(super) body: Bytes,
}

/// Which hosts may be asked without TLS.
#[derive(Debug, Clone)]
pub(super) enum Plain {
    /// None: the registry speaks TLS.
    Never,
    /// This machine and those of `--plain-http`: the registry is one of them.
    For(Vec<String>),
}

impl Plain {
    fn allows(&self, url: &Url) -> bool {
        match self {
            Self::Never => false,
            Self::For(hosts) => is_loopback(url) || is_named(&host_of(url), hosts),
        }
    }
}

/// Whether a registry is among the hosts of `--plain-http`, which may be named with and without
/// port.
pub(super) fn is_named(host: &str, hosts: &[String]) -> bool {
    let name = host.rsplit_once(':').map_or(host, |(name, _)| name);
    hosts.iter().any(|plain| plain == host || plain == name)
}

/// Sends requests within the rules.
#[derive(Debug, Clone)]
pub(super) struct Fetcher {
    transport: SharedTransport,
    plain: Plain,
}

impl Fetcher {
    pub(super) fn new(transport: SharedTransport, plain: Plain) -> Self {
        Self { transport, plain }
    }

    /// Asks for an address, with the value of `Authorization` if there is one; a good answer may
    /// have `limit` bytes.
    pub(super) async fn get(
        &self,
        url: Url,
        authorization: Option<&Secret>,
        accept: &str,
        limit: u64,
    ) -> Result<Answer, Failed> {
        let origin = url.origin();
        let mut url = url;
        for _ in 0..=MAX_REDIRECTS {
            let ours = authorization.filter(|_| url.origin() == origin);
            let mut request = Request::get(url.clone(), TIMEOUT).header(ACCEPT, value(accept)?);
            if let Some(credentials) = ours {
                request = request.header(AUTHORIZATION, secret(credentials)?);
            }
            let mut answer = self.send(request, limit).await?;
            if url.origin() != origin {
                // Another host has no say in where the credentials go.
                answer.headers.remove(WWW_AUTHENTICATE);
            }
            if !matches!(answer.status, 301 | 302 | 303 | 307 | 308) {
                return Ok(answer);
            }
            let location = answer
                .headers
                .get(LOCATION)
                .and_then(|location| location.to_str().ok());
            let next = location.and_then(|location| url.join(location).ok());
            url = next
                .ok_or_else(|| Failed::refused("it sends us on without saying where".to_owned()))?;
        }
        Err(Failed::refused(format!("it sends us on more than {MAX_REDIRECTS} times")))
    }

    /// Sends a form. Its answer is not followed to another address: the form holds a credential.
    pub(super) async fn post_form(
        &self,
        url: Url,
        form: String,
        limit: u64,
    ) -> Result<Answer, Failed> {
        let request =
            Request { method: Method::POST, body: Some(form.into()), ..Request::get(url, TIMEOUT) };
        let request = request
            .header(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        self.send(request, limit).await
    }

    /// Sends a request that may write. Its answer is not followed to another address: what is
    /// written goes where the registry itself says.
    pub(super) async fn write(
        &self,
        request: Request,
        authorization: Option<&Secret>,
        limit: u64,
    ) -> Result<Answer, Failed> {
        let request = match authorization {
            Some(credentials) => request.header(AUTHORIZATION, secret(credentials)?),
            None => request,
        };
        self.send(request, limit).await
    }

    async fn send(&self, request: Request, limit: u64) -> Result<Answer, Failed> {
        self.check(&request.url)?;
        let mut response = self
            .transport
            .send(request)
            .await
            .map_err(|error| Failed::of_transport(&error))?;
        let (status, headers) = (response.status, std::mem::take(&mut response.headers));
        let body = match status {
            200..=299 => response
                .bytes(limit)
                .await
                .map_err(|error| Failed::of_transport(&error))?,
            // What it says is of use, not that it says it to the end.
            _ => response.beginning(READ).await.unwrap_or_default(),
        };
        Ok(Answer { status, headers, body })
    }

    /// Whether an address may be asked at all.
    fn check(&self, url: &Url) -> Result<(), Failed> {
        let refused = |why: &str| {
            Err(Failed::refused(format!(
                "it sends us to {}://{}, {why}",
                url.scheme(),
                host_of(url)
            )))
        };
        match url.scheme() {
            _ if !url.username().is_empty() || url.password().is_some() => {
                refused("with a user name of its own")
            }
            "https" => Ok(()),
            "http" if self.plain.allows(url) => Ok(()),
            "http" => refused("which is plain http; expected https"),
            _ => refused("which is no address on the web"),
        }
    }
}

fn value(text: &str) -> Result<HeaderValue, Failed> {
    HeaderValue::from_str(text)
        .map_err(|_| Failed::refused("its answer cannot be sent back to it".to_owned()))
}

fn secret(credentials: &Secret) -> Result<HeaderValue, Failed> {
    let mut value = HeaderValue::from_str(credentials.expose()).map_err(|_| Failed {
        kind: Kind::Denied,
        ..Failed::refused("the credentials hold what no header may".to_owned())
    })?;
    value.set_sensitive(true);
    Ok(value)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io;
    use std::sync::{Arc, Mutex};

    use crate::http::{Body, Response, Transport, TransportError};
    use async_trait::async_trait;

    type Asked = Arc<Mutex<Vec<(String, bool)>>>;

    /// Servers by address: what each answers is in the table; it notes who was asked, and whether
    /// with credentials.
    #[derive(Debug)]
    struct Servers {
        answers: Vec<(&'static str, u16, &'static str)>,
        asked: Asked,
    }

    #[async_trait]
    impl Transport for Servers {
        async fn send(&self, request: Request) -> Result<Response, TransportError> {
            let url = request.url.to_string();
            self.asked
                .lock()
                .unwrap()
                .push((url.clone(), request.headers.contains_key(AUTHORIZATION)));
            let (_, status, text) =
                self.answers.iter().find(|(known, ..)| url == *known).expect(&url);
            let mut headers = HeaderMap::new();
            let body = match text.strip_prefix("-> ") {
                Some(location) => {
                    headers.insert(LOCATION, location.parse().unwrap());
                    Body::Bytes(Bytes::new())
                }
                None if *text == "endless" => Body::Reader(Box::new(io::repeat(b'x'))),
                None => Body::Bytes(Bytes::from_static(text.as_bytes())),
            };
            Ok(Response { status: *status, headers, body })
        }
    }

    /// What came of a request with credentials, and who was asked, `*` with them.
    async fn asked(
        plain: Plain,
        from: &str,
        answers: &[(&'static str, u16, &'static str)],
    ) -> (Result<String, String>, Vec<String>) {
        let asked = Asked::default();
        let servers = Servers { answers: answers.to_vec(), asked: asked.clone() };
        let fetcher = Fetcher::new(Arc::new(servers), plain);
        let secret = Secret::new("Basic cm9ib3Q6czNjcjN0");
        let answer = fetcher.get(from.parse().unwrap(), Some(&secret), "*/*", 1000).await;
        let told = answer
            .map(|answer| format!("{} {}", answer.status, answer.body.len()))
            .map_err(|failed| failed.said);
        let asked = asked
            .lock()
            .unwrap()
            .iter()
            .map(|(url, with)| format!("{}{url}", if *with { "*" } else { "" }))
            .collect();
        (told, asked)
    }

    #[tokio::test]
    async fn credentials_stay_with_their_host() {
        let chain = [
            ("https://r.io/a", 307, "-> /b"),
            ("https://r.io/b", 302, "-> https://cdn.io/c?sig=1"),
            ("https://cdn.io/c?sig=1", 301, "-> //r.io:444/d"),
            ("https://r.io:444/d", 200, "blob"),
        ];
        let (told, asked) = asked(Plain::Never, "https://r.io/a", &chain).await;
        assert_eq!(told.unwrap(), "200 4");
        assert_eq!(
            asked,
            ["*https://r.io/a", "*https://r.io/b", "https://cdn.io/c?sig=1", "https://r.io:444/d"]
        );
    }

    #[tokio::test]
    async fn plain_http_is_not_gone_to() {
        for target in [
            "-> http://r.io/b",
            "-> http://127.0.0.1/b",
            "-> //u:p@r.io/b",
            "-> ftp://r.io/b",
            "-> file:///etc",
        ] {
            let chain = [("https://r.io/a", 302, target)];
            let (told, asked) = asked(Plain::Never, "https://r.io/a", &chain).await;
            let said = told.unwrap_err();
            assert!(said.starts_with("it sends us to "), "{said}");
            assert_eq!(asked.len(), 1, "{target}");
        }
        let plain = || Plain::For(vec!["r.io".to_owned(), "s.io:81".to_owned()]);
        for (target, goes) in [
            ("http://r.io:80/b", true),
            ("http://s.io:81/b", true),
            ("http://s.io/b", false),
            ("http://127.0.0.1:5000/b", true),
            ("http://0.0.0.0:5000/b", false),
            ("http://localhost.evil.io/b", false),
        ] {
            let location: &'static str = Box::leak(format!("-> {target}").into_boxed_str());
            let to: &'static str = Box::leak(target.replace(":80/", "/").into_boxed_str());
            let chain = [("http://127.0.0.1:1/a", 302, location), (to, 200, "x")];
            let (told, _) = asked(plain(), "http://127.0.0.1:1/a", &chain).await;
            assert_eq!(told.is_ok(), goes, "{target} {told:?}");
        }
    }

    #[tokio::test]
    async fn nothing_is_without_end() {
        let (told, _) =
            asked(Plain::Never, "https://r.io/a", &[("https://r.io/a", 200, "endless")]).await;
        assert!(told.unwrap_err().contains("larger than 1000 bytes"));
        let (told, _) =
            asked(Plain::Never, "https://r.io/a", &[("https://r.io/a", 500, "endless")]).await;
        assert_eq!(told.unwrap(), format!("500 {READ}"));
        let (told, asked) =
            asked(Plain::Never, "https://r.io/a", &[("https://r.io/a", 302, "-> /a")]).await;
        assert!(told.unwrap_err().contains("more than 5 times"));
        assert_eq!(asked.len(), 6);
    }
}
