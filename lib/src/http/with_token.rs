//! A server that wants a token, for clients that know of none.

use std::sync::Arc;

use async_trait::async_trait;

use super::base_url::host_of;
use super::{Request, Response, SharedTransport, Transport, TransportError};
use crate::secret::SecretFile;

/// A transport whose requests carry the token in a file, which is read again for each.
#[derive(Debug)]
struct WithToken {
    transport: SharedTransport,
    file: SecretFile,
}

/// The transport itself, or one whose requests carry a file's token: for a client of one server,
/// since it goes to whatever is asked.
pub fn with_token(transport: SharedTransport, file: Option<SecretFile>) -> SharedTransport {
    match file {
        Some(file) => Arc::new(WithToken { transport, file }),
        None => transport,
    }
}

#[async_trait]
impl Transport for WithToken {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let unread = |source| TransportError::NotSent {
            host: host_of(&request.url),
            source: Box::new(source),
        };
        let token = self.file.read().map_err(unread)?;
        self.transport.send(request.bearer(Some(token))).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::InProcessTransport;
    use bytes::Bytes;
    use std::time::Duration;

    #[tokio::test]
    async fn the_token_is_read_for_each_request() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        let echo = InProcessTransport::new(|request| {
            let value = request
                .headers()
                .get("authorization")
                .map(|value| value.as_bytes().to_vec());
            Box::pin(std::future::ready(Some(http::Response::new(Bytes::from(
                value.unwrap_or_default(),
            )))))
        });
        let transport =
            with_token(Arc::new(echo), Some(SecretFile::new("--deck-token-file", path.clone())));
        let ask = async || {
            let answer = transport
                .send(Request::get("https://deck/x".parse().unwrap(), Duration::from_secs(1)))
                .await;
            answer
                .map_err(|error| crate::failure::Chain(&error).to_string())?
                .bytes(99)
                .await
                .map_err(|e| e.to_string())
        };
        assert!(ask().await.unwrap_err().contains("--deck-token-file: cannot read"));
        for token in ["one\n", "two"] {
            std::fs::write(&path, token).unwrap();
            assert_eq!(ask().await.unwrap(), format!("Bearer {}", token.trim()));
        }
    }
}
