//! Refusals on their way to whoever quotes them: without our own credentials.
//!
//! An API server repeats no token, but what stands before one may repeat a whole request.

use std::task::{Context, Poll};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use http::header::{AUTHORIZATION, CONTENT_LENGTH};
use http::{HeaderMap, Request, Response};
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use kube::client::{Body, DynBody};
use tower::{BoxError, Service};

use crate::secret::Secret;

/// No refusal is longer (1 MiB).
const LARGEST: usize = 1 << 20;

/// An answer whose body may be another one than the server's.
type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// A client that masks the request's `Authorization` in the server's refusals. Layers that add
/// `Authorization` must wrap this one.
#[derive(Debug, Clone)]
pub(super) struct Redacting<S>(pub(super) S);

impl<S> Service<Request<Body>> for Redacting<S>
where
    S: Service<Request<Body>, Response = Response<Box<DynBody>>, Error = BoxError>,
    S::Future: Send + 'static,
{
    type Response = Answer;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Answer, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.0.poll_ready(context)
    }

    fn call(&mut self, request: Request<Body>) -> Self::Future {
        let carried = Carried::by(request.headers());
        self.0
            .call(request)
            .and_then(move |answer| carried.taken_out_of(answer))
            .boxed()
    }
}

/// The secrets that a request carries.
#[derive(Debug, Clone, Default)]
struct Carried(Vec<Secret>);

impl Carried {
    /// Those in a request's head: a token, or a password.
    fn by(head: &HeaderMap) -> Self {
        let Some(value) = head.get(AUTHORIZATION).and_then(|value| value.to_str().ok()) else {
            return Self::default();
        };
        let credential = value
            .split_once(' ')
            .map_or(value, |(_, credential)| credential)
            .trim();
        let decoded = STANDARD
            .decode(credential)
            .ok()
            .and_then(|bytes| String::from_utf8(bytes).ok());
        let password = decoded
            .as_deref()
            .and_then(|pair| pair.split_once(':'))
            .map(|(_, password)| password);
        Self(
            [Some(credential), password]
                .into_iter()
                .flatten()
                .map(Secret::new)
                .collect(),
        )
    }

    /// A text of the server without them.
    fn redact(&self, text: &str) -> String {
        self.0
            .iter()
            .fold(text.to_owned(), |text, secret| secret.redact(&text))
    }

    /// An answer as it is, or a refusal without them.
    ///
    /// # Errors
    /// The connection broke off, or the refusal is larger than any.
    fn taken_out_of(
        self,
        answer: Response<Box<DynBody>>,
    ) -> BoxFuture<'static, Result<Answer, BoxError>> {
        let (mut head, body) = answer.into_parts();
        if !head.status.is_client_error() && !head.status.is_server_error() {
            return std::future::ready(Ok(Response::from_parts(head, body.boxed_unsync()))).boxed();
        }
        // Without `async`, whose hidden types forget that a boxed error converts to itself.
        let whole = Limited::new(body, LARGEST).collect();
        whole
            .map_ok(move |collected| {
                let text = self.redact(&String::from_utf8_lossy(&collected.to_bytes()));
                head.headers.remove(CONTENT_LENGTH);
                Response::from_parts(
                    head,
                    Full::from(text).map_err(|never| match never {}).boxed_unsync(),
                )
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(authorization: &str, status: u16, text: &'static str) -> String {
        let server = tower::service_fn(move |_: Request<Body>| {
            let body: Box<DynBody> = Box::new(Full::from(text).map_err(|never| match never {}));
            std::future::ready(Ok(Response::builder().status(status).body(body).unwrap()))
        });
        let request = Request::builder()
            .header(AUTHORIZATION, authorization)
            .body(Body::empty())
            .unwrap();
        let answer = Redacting(server).call(request).await.unwrap();
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_repeats_no_credentials() {
        let token = "Bearer k8s-aws-v1.aHR0cHM6";
        let quoted = r#"{"message":"Bearer k8s-aws-v1.aHR0cHM6, in words k8s-aws-v1.aHR0cHM6"}"#;
        assert_eq!(
            said(token, 401, quoted).await,
            r#"{"message":"Bearer [redacted], in words [redacted]"}"#
        );
        assert_eq!(said(token, 500, "no JSON: k8s-aws-v1.aHR0cHM6").await, "no JSON: [redacted]");
        assert_eq!(said(token, 200, "an object").await, "an object");
        let basic = format!("Basic {}", STANDARD.encode("me:correct-horse"));
        assert_eq!(
            said(&basic, 401, "me:correct-horse, bWU6Y29ycmVjdC1ob3JzZQ==").await,
            "me:[redacted], [redacted]"
        );
    }
}
