//! Refusals on their way to whoever quotes them: without our own credentials.
//!
//! An API server repeats no token, but what stands before one may repeat a whole request.

use bytes::Bytes;
use futures::future::BoxFuture;
use futures::{FutureExt, TryFutureExt};
use http::Response;
use http::header::CONTENT_LENGTH;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Full, Limited};
use kube::client::DynBody;
use kube::config::AuthInfo;
use secrecy::ExposeSecret;
use tower::BoxError;

use crate::secret::{Secret, SecretFile};

/// No refusal is longer (1 MiB).
const LARGEST: usize = 1 << 20;

/// An answer whose body may be another one than the server's.
type Answer = Response<UnsyncBoxBody<Bytes, BoxError>>;

/// The secrets that a cluster's requests carry, as far as they are known before a request.
#[derive(Debug, Clone, Default)]
pub(super) struct Carried {
    fixed: Vec<Secret>,
    file: Option<SecretFile>,
}

impl Carried {
    /// Those of a kubeconfig's user, or of a pod.
    pub(super) fn by(user: &AuthInfo) -> Self {
        let texts = [&user.token, &user.password].into_iter().flatten();
        let fixed = texts.map(|text| Secret::new(text.expose_secret())).collect();
        Self { fixed, file: user.token_file.as_ref().map(|path| SecretFile::new("the cluster's token", path)) }
    }

    /// A text of the server without them. The file is read again: its token is renewed every hour.
    fn redact(&self, text: &str) -> String {
        let fresh = self.file.as_ref().and_then(|file| file.read().ok());
        self.fixed.iter().chain(&fresh).fold(text.to_owned(), |text, secret| secret.redact(&text))
    }

    /// An answer as it is, or a refusal without them.
    ///
    /// # Errors
    /// The connection broke off, or the refusal is larger than any.
    pub(super) fn taken_out_of(self, answer: Response<Box<DynBody>>) -> BoxFuture<'static, Result<Answer, BoxError>> {
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
                Response::from_parts(head, Full::from(text).map_err(|never| match never {}).boxed_unsync())
            })
            .boxed()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn said(status: u16, text: &'static str) -> String {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("token");
        std::fs::write(&file, "freshly-made-for-this-pod").unwrap();
        let user = AuthInfo {
            token: Some("kubeconfig-has-this".to_owned().into()),
            token_file: Some(file.display().to_string()),
            ..AuthInfo::default()
        };
        let body: Box<DynBody> = Box::new(Full::from(text).map_err(|never| match never {}));
        let answer = Response::builder().status(status).body(body).unwrap();
        let answer = Carried::by(&user).taken_out_of(answer).await.unwrap();
        String::from_utf8(answer.into_body().collect().await.unwrap().to_bytes().to_vec()).unwrap()
    }

    #[tokio::test]
    async fn a_refusal_repeats_no_credentials() {
        let quoted = r#"{"message":"Bearer kubeconfig-has-this, then freshly-made-for-this-pod"}"#;
        assert_eq!(said(401, quoted).await, r#"{"message":"Bearer [redacted], then [redacted]"}"#);
        assert_eq!(said(500, "no JSON: freshly-made-for-this-pod").await, "no JSON: [redacted]");
        assert_eq!(said(200, "an object").await, "an object");
    }
}
