//! One answer for one request, without a socket.

use std::sync::Arc;

use bytes::Bytes;
use http::header::{
    ACCEPT_ENCODING, ALLOW, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_SECURITY_POLICY, CONTENT_TYPE,
    HOST, HeaderValue, REFERRER_POLICY, VARY, X_CONTENT_TYPE_OPTIONS,
};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use http_body_util::Full;

use crate::report::faces::{Face, Faces};
use crate::report::page::policy;

/// Who is let in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Who calls this machine by a name that only itself has: a page of the web that lets its own
    /// name lead here (DNS rebinding) must not read a namespace.
    Loopback,
    /// Everybody who reaches it; who that is, is for what stands in front of it.
    Open,
}

/// What counts of a request.
#[derive(Debug, Clone)]
pub struct Asked {
    method: Method,
    path: String,
    headers: HeaderMap,
}

impl Asked {
    /// What counts of a request; its body is never read.
    pub fn of<B>(request: &Request<B>) -> Self {
        Self {
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
            headers: request.headers().clone(),
        }
    }

    fn header(&self, name: http::HeaderName) -> &str {
        self.headers
            .get(name)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default()
    }

    /// Whether it is sent to a name of this machine itself.
    fn is_for_loopback(&self) -> bool {
        let host = self.header(HOST);
        let name = match host.strip_prefix('[') {
            Some(rest) => rest.split(']').next(),
            None => host.split(':').next(),
        };
        let name = name.unwrap_or_default();
        name.eq_ignore_ascii_case("localhost")
            || name.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
    }

    fn takes_gzip(&self) -> bool {
        let mut codings = self.header(ACCEPT_ENCODING).split(',');
        codings.any(|coding| {
            let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
            let refused =
                weight.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok()) == Some(0.0);
            name.trim().eq_ignore_ascii_case("gzip") && !refused
        })
    }
}

/// Metrics as OpenMetrics 1.0 names them.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Answers. The cluster is asked only for what needs it.
pub async fn answer<F>(
    asked: &Asked,
    door: Door,
    faces: impl FnOnce() -> F,
) -> Response<Full<Bytes>>
where
    F: Future<Output = Arc<Faces>>,
{
    if door == Door::Loopback && !asked.is_for_loopback() {
        return said(StatusCode::MISDIRECTED_REQUEST, "ask for localhost\n");
    }
    if !matches!(asked.method, Method::GET | Method::HEAD) {
        let mut refused = said(StatusCode::METHOD_NOT_ALLOWED, "this is for reading alone\n");
        refused
            .headers_mut()
            .insert(ALLOW, HeaderValue::from_static("GET, HEAD"));
        return refused;
    }
    match asked.path.as_str() {
        "/" | "/index.html" => face(asked, "text/html; charset=utf-8", &faces().await.page),
        "/report.json" => face(asked, "application/json", &faces().await.json),
        "/metrics" => face(asked, OPEN_METRICS, &faces().await.metrics),
        "/healthz" => said(StatusCode::OK, "ok\n"),
        _ => said(StatusCode::NOT_FOUND, "there are /, /report.json, /metrics and /healthz\n"),
    }
}

fn face(asked: &Asked, kind: &'static str, face: &Face) -> Response<Full<Bytes>> {
    let packed = asked.takes_gzip() && !face.packed.is_empty();
    let body = if packed { &face.packed } else { &face.plain };
    let mut response = with(StatusCode::OK, kind, body.clone());
    let headers = response.headers_mut();
    headers.insert(VARY, HeaderValue::from_static("accept-encoding"));
    if packed {
        headers.insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    response
}

fn said(status: StatusCode, words: &'static str) -> Response<Full<Bytes>> {
    with(status, "text/plain; charset=utf-8", Bytes::from_static(words.as_bytes()))
}

fn with(status: StatusCode, kind: &'static str, body: Bytes) -> Response<Full<Bytes>> {
    let mut response = Response::new(Full::new(body));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // A frame of another page can only be refused by a header.
    let policy = format!("{}; frame-ancestors 'none'", policy());
    headers.extend(HeaderValue::from_str(&policy).map(|policy| (CONTENT_SECURITY_POLICY, policy)));
    for (name, value) in [
        (CONTENT_TYPE, kind),
        (CACHE_CONTROL, "no-cache"),
        (REFERRER_POLICY, "no-referrer"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        headers.insert(name, HeaderValue::from_static(value));
    }
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use http_body_util::BodyExt;
    use std::io::Read;

    fn asked(method: &str, path: &str, headers: &[(&str, &str)]) -> Asked {
        let mut request = Request::builder().method(method).uri(path);
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Asked::of(&request.body(()).unwrap())
    }

    fn faces() -> Arc<Faces> {
        let of = |name: &str| Face {
            plain: name.to_owned().into(),
            packed: {
                let mut packed = Vec::new();
                let reader = flate2::read::GzEncoder::new(name.as_bytes(), Default::default());
                { reader }.read_to_end(&mut packed).unwrap();
                packed.into()
            },
        };
        Arc::new(Faces { page: of("page"), json: of("json"), metrics: of("metrics") })
    }

    async fn text(response: Response<Full<Bytes>>) -> (u16, String) {
        let status = response.status().as_u16();
        let body = response.into_body().collect().await.unwrap().to_bytes();
        (status, String::from_utf8_lossy(&body).into_owned())
    }

    #[tokio::test]
    async fn what_is_there_and_how_it_may_be_asked_for() {
        let local = [("host", "localhost:8080")];
        for (method, path, status, body) in [
            ("GET", "/", 200, "page"),
            ("GET", "/index.html?x=1", 200, "page"),
            ("HEAD", "/", 200, "page"),
            ("GET", "/report.json", 200, "json"),
            ("GET", "/metrics", 200, "metrics"),
            ("GET", "/healthz", 200, "ok"),
            ("GET", "/../etc/passwd", 404, "there are"),
            ("POST", "/", 405, "this is for reading alone"),
            ("DELETE", "/metrics", 405, "this is for reading alone"),
        ] {
            let answered =
                answer(&asked(method, path, &local), Door::Loopback, || async { faces() }).await;
            let policy = answered.headers()["content-security-policy"]
                .to_str()
                .unwrap()
                .to_owned();
            assert!(policy.ends_with("; frame-ancestors 'none'") && !policy.contains("unsafe"));
            let (got, text) = text(answered).await;
            assert_eq!(got, status, "{method} {path}");
            assert!(text.starts_with(body), "{method} {path}: {text}");
        }
    }

    #[tokio::test]
    async fn health_asks_nobody() {
        let nobody = || async { panic!("the cluster was asked") };
        let answered = answer(&asked("GET", "/healthz", &[]), Door::Open, nobody).await;
        assert_eq!(answered.status(), 200);
    }

    #[tokio::test]
    async fn on_loopback_only_this_machines_own_names_are_answered() {
        for (host, status) in [
            ("localhost", 200),
            ("LOCALHOST:8080", 200),
            ("127.0.0.1:8080", 200),
            ("[::1]:8080", 200),
            ("evil.example:8080", 421),
            ("localhost.evil.example", 421),
            ("10.0.0.1", 421),
            ("", 421),
        ] {
            let asked = asked("GET", "/", &[("host", host)]);
            let inside = answer(&asked, Door::Loopback, || async { faces() }).await;
            assert_eq!(inside.status(), status, "{host}");
            let open = answer(&asked, Door::Open, || async { faces() }).await;
            assert_eq!(open.status(), 200, "{host}");
        }
        let none = answer(&asked("GET", "/", &[]), Door::Loopback, || async { faces() }).await;
        assert_eq!(none.status(), 421);
    }

    #[tokio::test]
    async fn it_is_packed_for_who_can_unpack() {
        for (accepted, packed) in [
            ("gzip", true),
            ("br, GZIP;q=0.8", true),
            ("gzip;q=0", false),
            ("br", false),
            ("x-gzip-not", false),
            ("", false),
        ] {
            let asked = asked("GET", "/", &[("accept-encoding", accepted)]);
            let answered = answer(&asked, Door::Open, || async { faces() }).await;
            assert_eq!(answered.headers().contains_key("content-encoding"), packed, "{accepted}");
            let body = answered.into_body().collect().await.unwrap().to_bytes();
            let mut text = String::new();
            match packed {
                true => flate2::read::GzDecoder::new(&body[..])
                    .read_to_string(&mut text)
                    .unwrap(),
                false => (&body[..]).read_to_string(&mut text).unwrap(),
            };
            assert_eq!(text, "page");
        }
    }
}
