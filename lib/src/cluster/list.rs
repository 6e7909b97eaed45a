//! Lists of the API server, an object at a time: in memory is what is kept of each.

use std::time::Duration;

use futures::AsyncBufReadExt;
use kube::Client;
use kube::api::ListParams;
use kube::core::Request;
use serde::Deserialize;
use serde::de::{DeserializeOwned, Error as _};

use crate::items::{Items, ItemsError};

/// No page takes longer (2 minutes); silence ends it sooner.
const WITHIN: Duration = Duration::from_secs(120);

/// No page is larger (256 MiB): objects have 1.5 MiB at most, and a page holds some fifty.
const LARGEST: u64 = 256 << 20;

/// What is kept of a page.
#[derive(Debug)]
pub struct Page<U> {
    /// Of each of its objects that counts.
    pub kept: Vec<U>,
    /// By what the next page is asked for; `None` after the last.
    pub next: Option<String>,
}

#[derive(Deserialize)]
struct Frame {
    #[serde(default)]
    metadata: Metadata,
}

#[derive(Default, Deserialize)]
struct Metadata {
    #[serde(default, rename = "continue")]
    next: Option<String>,
}

/// Asks for a page of a collection such as `/api/v1/namespaces/x/configmaps`, and keeps of each
/// object what `keep` makes of it.
///
/// # Errors
/// The API server's answer; a page that breaks off is an error like any other that passes
/// ([`super::is_transient`]), and nothing of it counts.
pub async fn page<T: DeserializeOwned, U>(
    client: &Client,
    collection: &str,
    params: &ListParams,
    keep: impl FnMut(T) -> Option<U>,
) -> kube::Result<Page<U>> {
    let request = Request::new(collection)
        .list(params)
        .map_err(kube::Error::BuildRequest)?;
    match tokio::time::timeout(WITHIN, read(client, request, keep)).await {
        Ok(page) => page,
        Err(_) => {
            let said = format!("no whole page within {}", crate::duration::human(WITHIN));
            Err(kube::Error::Service(said.into()))
        }
    }
}

async fn read<T: DeserializeOwned, U>(
    client: &Client,
    request: http::Request<Vec<u8>>,
    mut keep: impl FnMut(T) -> Option<U>,
) -> kube::Result<Page<U>> {
    let mut body = std::pin::pin!(client.request_stream(request).await?);
    let (mut items, mut kept, mut length) = (Items::default(), Vec::new(), 0);
    loop {
        let chunk = body.fill_buf().await.map_err(kube::Error::ReadEvents)?;
        if chunk.is_empty() {
            break;
        }
        let taken = chunk.len();
        length += taken as u64;
        if length > LARGEST {
            return Err(kube::Error::SerdeError(serde_json::Error::custom(format_args!(
                "a page is larger than {} MiB",
                LARGEST >> 20
            ))));
        }
        let look = |item: &[u8]| {
            kept.extend(keep(serde_json::from_slice(item)?));
            Ok(())
        };
        items.push(chunk, look).map_err(unreadable)?;
        body.consume_unpin(taken);
    }
    let frame: Frame = items.finish().map_err(unreadable)?;
    Ok(Page { kept, next: frame.metadata.next.filter(|token| !token.is_empty()) })
}

fn unreadable(error: ItemsError) -> kube::Error {
    kube::Error::SerdeError(match error {
        ItemsError::Json(error) => error,
        other => serde_json::Error::custom(other),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    use bytes::Bytes;
    use futures::stream;
    use http_body_util::combinators::UnsyncBoxBody;
    use http_body_util::{BodyExt, Full, StreamBody};
    use kube::client::Body;

    type Answer = UnsyncBoxBody<Bytes, std::io::Error>;

    #[derive(Deserialize)]
    struct Named {
        metadata: Name,
    }

    #[derive(Deserialize)]
    struct Name {
        name: String,
    }

    fn named(object: Named) -> Option<String> {
        Some(object.metadata.name)
    }

    /// A client of a server that answers everything with a body.
    fn client(status: u16, body: impl Fn() -> Answer + Send + Clone + 'static) -> Client {
        let server = tower::service_fn(move |_: http::Request<Body>| {
            let answer = http::Response::builder().status(status).body(body()).unwrap();
            std::future::ready(Ok::<_, std::convert::Infallible>(answer))
        });
        Client::new(server, "ns")
    }

    async fn asked(status: u16, text: &'static str) -> kube::Result<Page<String>> {
        let client =
            client(status, move || Full::from(text).map_err(|never| match never {}).boxed_unsync());
        page(&client, "/api/v1/namespaces/ns/configmaps", &ListParams::default(), named).await
    }

    #[tokio::test]
    async fn a_page_and_what_is_none() {
        let list = r#"{"kind":"List","metadata":{"continue":"t"},"items":[{"metadata":{"name":"a"}},{"metadata":{"name":"b"}}]}"#;
        let page = asked(200, list).await.unwrap();
        assert_eq!(
            (page.kept, page.next),
            (vec!["a".to_owned(), "b".to_owned()], Some("t".to_owned()))
        );
        assert_eq!(
            asked(200, r#"{"metadata":{"continue":""},"items":[]}"#)
                .await
                .unwrap()
                .next,
            None
        );
        for broken in
            [&list[..list.len() - 1], &list[..60], "<html>", "", r#"{"items":[{"metadata":{}}]}"#]
        {
            let error = asked(200, broken).await.unwrap_err();
            assert!(crate::cluster::is_transient(&error), "{broken}: {error}");
        }
        let refusal =
            r#"{"kind":"Status","apiVersion":"v1","status":"Failure","message":"no","code":403}"#;
        assert_eq!(crate::cluster::code(&asked(403, refusal).await.unwrap_err()), Some(403));
    }

    /// 100 objects of 1 MB: none is at hand before the one before it is done with.
    #[tokio::test]
    async fn a_page_is_never_at_hand_as_a_whole() {
        let sent = Arc::new(AtomicUsize::new(0));
        let object =
            Bytes::from(format!("{{\"metadata\":{{\"name\":\"{}\"}}}}", "x".repeat(1_000_000)));
        let counter = sent.clone();
        let client = client(200, move || {
            let (object, counter) = (object.clone(), counter.clone());
            let objects = (0..100).map(move |n| {
                counter.fetch_add(1, Ordering::SeqCst);
                let comma = Bytes::from_static(if n == 0 { b"{\"items\":[" } else { b"," });
                [comma, object.clone()]
            });
            let chunks = objects.flatten().chain([Bytes::from_static(b"]}")]);
            let frames = stream::iter(
                chunks.map(|chunk| Ok::<_, std::io::Error>(http_body::Frame::data(chunk))),
            );
            StreamBody::new(frames).boxed_unsync()
        });
        let (mut kept, mut ahead) = (0, 0);
        let params = ListParams::default();
        let list = page(&client, "/x", &params, |_: Named| {
            kept += 1;
            ahead = ahead.max(sent.load(Ordering::SeqCst) - kept);
            Some(())
        });
        assert_eq!(list.await.unwrap().kept.len(), 100);
        assert!(ahead <= 1, "{ahead} objects were read before they were needed");
    }
}
