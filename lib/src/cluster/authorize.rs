//! A bearer token in every request, as it is at that moment.

use std::task::{Context, Poll};

use futures::FutureExt;
use futures::future::{self, BoxFuture};
use http::header::AUTHORIZATION;
use http::{HeaderValue, Request};
use kube::client::Body;
use tower::{BoxError, Service};

use super::connect::Bearer;

/// A client whose requests carry a token: a file is read again for each, since a pod's is renewed.
#[derive(Debug, Clone)]
pub(super) struct Authorized<S> {
    pub(super) inner: S,
    pub(super) bearer: Bearer,
}

impl<S> Service<Request<Body>> for Authorized<S>
where
    S: Service<Request<Body>, Error = BoxError>,
    S::Response: Send + 'static,
    S::Future: Send + 'static,
{
    type Response = S::Response;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<S::Response, BoxError>>;

    fn poll_ready(&mut self, context: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(context)
    }

    fn call(&mut self, mut request: Request<Body>) -> Self::Future {
        let value = self.bearer.read().map_err(BoxError::from).and_then(|token| {
            let mut value = HeaderValue::from_str(&format!("Bearer {}", token.expose()))?;
            value.set_sensitive(true);
            Ok(value)
        });
        match value {
            Ok(value) => {
                request.headers_mut().insert(AUTHORIZATION, value);
                self.inner.call(request).boxed()
            }
            Err(error) => future::ready(Err(error)).boxed(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::secret::SecretFile;

    #[tokio::test]
    async fn a_token_that_was_renewed_is_used() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let said = tower::service_fn(|request: Request<Body>| {
            let value = request
                .headers()
                .get(AUTHORIZATION)
                .map(|value| value.to_str().unwrap().to_owned());
            future::ready(Ok::<_, BoxError>(value))
        });
        let mut client =
            Authorized { inner: said, bearer: Bearer::File(SecretFile::new("x", path.clone())) };
        let mut ask = async || client.call(Request::new(Body::empty())).await;
        assert!(ask().await.is_err());
        for token in ["one\n", "two"] {
            std::fs::write(&path, token).unwrap();
            assert_eq!(ask().await.unwrap(), Some(format!("Bearer {}", token.trim())));
        }
    }
}
