//! How answers are put together, and how each server words the general failures.

use axum::body::Body;
use bytes::Bytes;
use http::{HeaderName, HeaderValue, Response, StatusCode};
use serde_json::{Value, json};

use crate::Server;

/// What every handler gives back.
pub(crate) type Answer = Response<Body>;

/// A refusal on the way to an answer; boxed, since answers are large.
pub(crate) type Refusal = Box<Answer>;

/// An answer of these parts; a status or header that is none becomes a panic, since they are ours.
pub(crate) fn answer(status: u16, headers: &[(&str, &str)], body: impl Into<Bytes>) -> Answer {
    let mut answer = Response::new(Body::from(body.into()));
    *answer.status_mut() = StatusCode::from_u16(status).expect("a status code");
    for (name, value) in headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a header name");
        answer
            .headers_mut()
            .append(name, HeaderValue::from_bytes(value.as_bytes()).expect("a header value"));
    }
    answer
}

/// Text of a content type.
pub(crate) fn text(status: u16, content_type: &str, body: impl Into<Bytes>) -> Answer {
    answer(status, &[("content-type", content_type)], body)
}

/// Compact JSON.
pub(crate) fn json_answer(status: u16, body: &Value) -> Answer {
    text(status, "application/json", body.to_string())
}

/// The sign-in page that OpenShift's oauth-proxy shows instead of an answer.
pub(crate) fn sign_in(status: u16) -> Answer {
    let page = "<!DOCTYPE html>\n<html lang=\"en\" charset=\"utf-8\">\n<head>\n  <title>Log In</title>\n</head>\n<body>\n\
        <form method=\"GET\" action=\"/oauth/start\">\n  <input type=\"hidden\" name=\"rd\" value=\"/v1/executions\">\n  \
        <button type=\"submit\" class=\"btn btn-primary\">Log in with OpenShift</button>\n</form>\n</body>\n</html>\n";
    text(status, "text/html; charset=utf-8", page)
}

/// 429 as nginx in front of Gangway says it, or as the server at hand would.
pub(crate) fn too_many(server: Server, retry_after: Option<u32>) -> Answer {
    let mut answer = match server {
        Server::Gangway => {
            text(429, "text/plain", "Rate limit exceeded. Please wait before retrying.")
        }
        Server::Kube => json_answer(
            429,
            &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "the server has received too many requests and has asked us to try again later",
                "reason": "TooManyRequests", "details": {"retryAfterSeconds": retry_after.unwrap_or(1)}, "code": 429}),
        ),
        Server::Registry => json_answer(
            429,
            &json!({"errors": [{"code": "TOOMANYREQUESTS", "message": "too many requests", "detail": {}}]}),
        ),
        Server::Bucket => json_answer(
            429,
            &json!({"error": {"code": 429, "message": "Too Many Requests", "errors": [
                {"domain": "usageLimits", "reason": "rateLimitExceeded", "message": "Too Many Requests"}]}}),
        ),
        Server::Deck => text(429, "text/plain; charset=utf-8", "Too Many Requests\n"),
        Server::Slack => text(429, "text/plain", "rate_limited"),
        Server::Archive => json_answer(429, &json!({"message": "too many requests"})),
    };
    if let Some(seconds) = retry_after {
        answer.headers_mut().insert("retry-after", HeaderValue::from(seconds));
    }
    answer
}

/// 404 for something that the server does not know, without looking at what was asked.
pub(crate) fn not_found(server: Server) -> Answer {
    match server {
        Server::Gangway => answer(404, &[], ""),
        Server::Deck => go_error(404, "404 page not found\n"),
        Server::Bucket => go_error(404, "Not Found\n"),
        Server::Kube => json_answer(
            404,
            &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": "the server could not find the requested resource", "reason": "NotFound", "details": {}, "code": 404}),
        ),
        Server::Registry => json_answer(
            404,
            &json!({"errors": [{"code": "MANIFEST_UNKNOWN", "message": "manifest unknown", "detail": {}}]}),
        ),
        Server::Slack => text(404, "text/html", "no_service"),
        Server::Archive => text(404, "text/plain", "404 page not found"),
    }
}

/// A status from the layer before the server, as that layer words it.
pub(crate) fn layer(server: Server, code: u16) -> Answer {
    let reason = StatusCode::from_u16(code)
        .ok()
        .and_then(|code| code.canonical_reason())
        .unwrap_or("Unknown");
    match (server, code) {
        (Server::Gangway, 500) => grpc(
            500,
            2,
            "Post \"https://198.51.100.2:6443/apis/prow.k8s.io/v1/namespaces/ci/prowjobs\": read tcp 198.51.100.3:41522->198.51.100.2:6443: read: connection reset by peer",
        ),
        (Server::Gangway, 503) => text(
            503,
            "text/plain",
            "upstream connect error or disconnect/reset before headers. reset reason: remote connection failure",
        ),
        (Server::Gangway, 504) => text(504, "text/plain", "upstream request timeout"),
        (Server::Gangway, _) => text(
            code,
            "text/html",
            format!(
                "<html>\r\n<head><title>{code} {reason}</title></head>\r\n<body>\r\n<center><h1>{code} {reason}</h1></center>\r\n<hr><center>nginx/1.22.1</center>\r\n</body>\r\n</html>\r\n"
            ),
        ),
        (Server::Kube, _) => {
            let (why, message) = match code {
                401 => ("Unauthorized", "Unauthorized".to_owned()),
                503 => (
                    "ServiceUnavailable",
                    "the server is currently unable to handle the request".to_owned(),
                ),
                504 => (
                    "Timeout",
                    "Timeout: request did not complete within the allotted timeout".to_owned(),
                ),
                _ => {
                    ("InternalError", format!("Internal error occurred: {}", reason.to_lowercase()))
                }
            };
            json_answer(
                code,
                &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                    "message": message, "reason": why, "code": code}),
            )
        }
        (Server::Bucket, _) => json_answer(
            code,
            &json!({"error": {"code": code, "message": reason, "errors": [
                {"domain": "global", "reason": "backendError", "message": reason}]}}),
        ),
        (Server::Registry, _) => {
            let what = if code == 401 { "UNAUTHORIZED" } else { "UNKNOWN" };
            json_answer(
                code,
                &json!({"errors": [{"code": what, "message": reason.to_lowercase(), "detail": null}]}),
            )
        }
        (Server::Deck, _) => text(
            code,
            "text/html",
            format!(
                "<html><head><title>{reason}</title></head><body><h1>Application is not available</h1></body></html>\n"
            ),
        ),
        (Server::Archive, 500) => json_answer(
            500,
            &json!({"message": "dial tcp 127.0.0.1:5432: connect: connection refused"}),
        ),
        (Server::Archive, _) => json_answer(
            code,
            &json!({"message": "context deadline exceeded: query timeout: context deadline exceeded"}),
        ),
        (Server::Slack, _) => {
            text(code, "text/html", format!("<html><body>{reason}</body></html>"))
        }
    }
}

/// A refusal in the server's form that quotes the request's address and headers, as one of
/// Gangway's errors does.
pub(crate) fn echo(
    server: Server,
    status: u16,
    before: usize,
    parts: &http::request::Parts,
) -> Answer {
    let headers: Vec<String> = parts
        .headers
        .iter()
        .map(|(name, value)| format!("{name}:[{}]", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    let credentials = parts
        .headers
        .get("authorization")
        .map(|value| String::from_utf8_lossy(value.as_bytes()));
    let words = format!(
        "{}credentials {} were not accepted for {} {} map[{}]",
        "so it is ".repeat(before / 9),
        credentials.unwrap_or_default(),
        parts.method,
        parts.uri,
        headers.join(" ")
    );
    match server {
        Server::Gangway => grpc(status, if status == 401 { 16 } else { 2 }, &words),
        Server::Kube => json_answer(
            status,
            &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
                "message": words, "reason": "Unknown", "details": {}, "code": status}),
        ),
        Server::Registry => json_answer(
            status,
            &json!({"errors": [{"code": "DENIED", "message": words, "detail": null}]}),
        ),
        Server::Archive => json_answer(status, &json!({"message": words})),
        Server::Bucket | Server::Deck | Server::Slack => {
            text(status, "text/plain; charset=utf-8", words)
        }
    }
}

/// The server's own form of "there is nothing", 200.
pub(crate) fn empty_list(server: Server) -> Answer {
    match server {
        Server::Gangway => answer(
            200,
            &[("content-type", "application/json"), ("grpc-status", "0"), ("grpc-message", "")],
            "{\n \"job_execution\": []\n}\n",
        ),
        Server::Deck => text(200, "application/json", "{\"items\":[]}"),
        Server::Bucket => text(200, "application/json", "{\"kind\":\"storage#objects\"}\n"),
        Server::Kube => json_answer(
            200,
            &json!({"kind": "List", "apiVersion": "v1", "metadata": {"resourceVersion": "1"}, "items": []}),
        ),
        Server::Registry => json_answer(200, &json!({})),
        Server::Slack => text(200, "text/plain", ""),
        Server::Archive => json_answer(
            200,
            &json!({"kind": "List", "apiVersion": "v1", "items": [], "metadata": {"continue": ""}}),
        ),
    }
}

/// An error as Go's `http.Error` writes it.
pub(crate) fn go_error(status: u16, body: impl Into<Bytes>) -> Answer {
    answer(
        status,
        &[("content-type", "text/plain; charset=utf-8"), ("x-content-type-options", "nosniff")],
        body,
    )
}

/// An answer of a gRPC server through Envoy: the words are in the headers, the body is empty.
pub(crate) fn grpc(status: u16, code: u32, message: &str) -> Answer {
    let code = code.to_string();
    let message = grpc_message(message);
    answer(
        status,
        &[
            ("content-type", "application/grpc"),
            ("grpc-status", &code),
            ("grpc-message", &message),
            ("x-envoy-upstream-service-time", "0"),
            ("server", "envoy"),
        ],
        "",
    )
}

/// gRPC's percent-encoding of a status message: everything outside space to `~`, and `%` itself.
pub(crate) fn grpc_message(message: &str) -> String {
    let mut out = String::with_capacity(message.len());
    for byte in message.bytes() {
        if (b' '..=b'~').contains(&byte) && byte != b'%' {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// Text as Go's `%q` writes it.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::from('"');
    for c in text.chars() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if c.is_ascii_control() => out.push_str(&format!("\\x{:02x}", u32::from(c))),
            c => out.push(c),
        }
    }
    out.push('"');
    out
}

/// Why Kubernetes' client refuses a name that cannot stand in a path.
pub(crate) fn bad_resource_name(name: &str) -> Option<String> {
    let why = match name {
        "." => "may not be '.'",
        ".." => "may not be '..'",
        name if name.contains('/') => "may not contain '/'",
        name if name.contains('%') => "may not contain '%'",
        _ => return None,
    };
    Some(format!("invalid resource name {}: [{why}]", quoted(name)))
}

/// Percent-decodes; `None` for a bad escape or bytes that are no UTF-8.
pub(crate) fn decode(text: &str) -> Option<String> {
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while at < bytes.len() {
        if bytes[at] == b'%' {
            let digits = text.get(at + 1..at + 3)?;
            out.push(u8::from_str_radix(digits, 16).ok()?);
            at += 3;
        } else {
            out.push(bytes[at]);
            at += 1;
        }
    }
    String::from_utf8(out).ok()
}

/// The pairs of a query, decoded; a pair with a bad escape is left out, as Go does.
pub(crate) fn query(query: Option<&str>) -> Vec<(String, String)> {
    query
        .unwrap_or_default()
        .split('&')
        .filter(|pair| !pair.is_empty())
        .filter_map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            Some((decode(&name.replace('+', " "))?, decode(&value.replace('+', " "))?))
        })
        .collect()
}

/// The first value of a query parameter.
pub(crate) fn first<'a>(pairs: &'a [(String, String)], name: &str) -> Option<&'a str> {
    pairs
        .iter()
        .find(|(key, _)| key == name)
        .map(|(_, value)| value.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grpc_messages_are_encoded_as_seen() {
        assert_eq!(grpc_message("a \"b\" 100% ü/x\\ny"), "a \"b\" 100%25 %C3%BC/x\\ny");
    }

    #[test]
    fn quoting_as_go_does() {
        assert_eq!(quoted("a\nb\0c \"q\" \\ ü"), "\"a\\nb\\x00c \\\"q\\\" \\\\ ü\"");
    }

    #[test]
    fn queries() {
        let pairs = query(Some("a=1&b=x%2Fy+z&c=%zz&d"));
        assert_eq!(
            pairs,
            [
                ("a".into(), "1".into()),
                ("b".into(), "x/y z".into()),
                ("d".to_owned(), String::new())
            ]
        );
    }
}
