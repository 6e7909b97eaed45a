//! The artifact bucket: objects and lists, in the shape of Google Cloud Storage's interface.
//!
//! Text is stored gzipped there; what comes from here is always unpacked, and every limit counts
//! unpacked bytes. Absence is a value: a missing object is `None`. No access (401, 403) is not
//! absence.

use std::io::{self, BufRead, BufReader, Read};
use std::time::Duration;

use bytes::Bytes;
use flate2::bufread::MultiGzDecoder;
use serde::Deserialize;

use super::job_url::JobUrl;
use crate::http::{BaseUrl, Request, Response, SharedTransport, TransportError};

/// How long a small object or a page of a list may take (30 seconds).
const TIMEOUT: Duration = Duration::from_secs(30);

/// How long a large object may take (2 minutes: 100 MB at 7 Mbit/s).
const STREAM_TIMEOUT: Duration = Duration::from_secs(120);

/// A page of 1000 items of the largest names has about 3 MiB; servers that ignore `fields=` send
/// more.
const MAX_PAGE_BYTES: u64 = 16 * 1024 * 1024;

/// How much is read at a time.
const BUFFER: usize = 64 * 1024;

/// No list is followed further than this many pages.
const MAX_PAGES: usize = 50;

/// Why the bucket did not tell.
#[derive(Debug, thiserror::Error)]
pub enum BucketError {
    /// There was no whole answer. It may work a moment later.
    #[error("the artifacts cannot be read")]
    Transport(#[from] TransportError),
    /// The server's own trouble. It may work a moment later.
    #[error("{what}: the artifact server answered {status}")]
    Status {
        /// The object or list.
        what: String,
        /// The status code.
        status: u16,
    },
    /// The bucket is closed to us. That does not mean that the object is missing.
    #[error(
        "{what}: no access ({status}); expected a bucket that everybody may read, or a token for it with --artifacts-token-file"
    )]
    NoAccess {
        /// The object or list.
        what: String,
        /// The status code.
        status: u16,
    },
    /// There is no such bucket.
    #[error("{what}: there is no such bucket")]
    NoBucket {
        /// The list.
        what: String,
    },
    /// The answer is not what it should be: a sign-in page, a proxy's page, broken JSON.
    #[error("{what}: the artifact server's answer is {found}")]
    Malformed {
        /// The object or list.
        what: String,
        /// What it is instead.
        found: String,
    },
    /// The object is larger than it can rightly be.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// The object.
        what: String,
        limit: u64,
    },
}

impl BucketError {
    /// Whether the same request may work a moment later.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Transport(TransportError::TooLarge { .. }) => false,
            Self::Transport(_) | Self::Malformed { .. } => true,
            Self::Status { status, .. } => *status == 408 || *status == 429 || *status >= 500,
            Self::NoAccess { .. } | Self::NoBucket { .. } | Self::TooLarge { .. } => false,
        }
    }
}

/// A listed object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Object {
    /// Its full name.
    pub name: String,
    /// Its size as stored, in bytes (gzipped for text).
    pub size: u64,
}

/// What a list found.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Listing {
    /// The objects; with a delimiter only those of the folder itself.
    pub objects: Vec<Object>,
    /// The folders below, with a slash at their end; only with a delimiter.
    pub prefixes: Vec<String>,
    /// Whether there is more that was not read: too many, or the server repeated itself.
    pub cut: bool,
}

/// What a reader made of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Streamed<T> {
    /// The reader's result.
    pub value: T,
    /// Whether the reader got to the limit and there was more.
    pub cut: bool,
}

/// The artifact bucket's server.
#[derive(Debug, Clone)]
pub struct Bucket {
    base: BaseUrl,
    transport: SharedTransport,
}

impl Bucket {
    /// A server at that address, whose objects are at `/BUCKET/OBJECT`.
    pub fn new(base: BaseUrl, transport: SharedTransport) -> Self {
        Self { base, transport }
    }

    /// An object of a run's folder as a whole, no larger than `limit` bytes; `None` if it is
    /// missing.
    ///
    /// # Errors
    /// [`BucketError`] when that cannot be told.
    pub async fn get(
        &self,
        folder: &JobUrl,
        path: &str,
        limit: u64,
    ) -> Result<Option<Bytes>, BucketError> {
        let Some(answer) = self.object(folder, path, TIMEOUT).await? else { return Ok(None) };
        let read = move |reader: &mut dyn BufRead| -> io::Result<Bytes> {
            let mut bytes = Vec::new();
            reader.read_to_end(&mut bytes)?;
            Ok(bytes.into())
        };
        let what = || folder.object(path);
        match through(answer, limit, read).await? {
            Streamed { cut: true, .. } => Err(BucketError::TooLarge { what: what(), limit }),
            Streamed { value: Ok(bytes), .. } => Ok(Some(bytes)),
            Streamed { value: Err(error), .. } => {
                Err(BucketError::Malformed { what: what(), found: format!("damaged ({error})") })
            }
        }
    }

    /// Runs a reader over an object of a run's folder, at most `limit` bytes of it, without holding
    /// it in memory; `None` if it is missing. The reader may stop early.
    ///
    /// # Errors
    /// [`BucketError`] when the connection breaks, whatever the reader made of what came before.
    pub async fn stream<T, F>(
        &self,
        folder: &JobUrl,
        path: &str,
        limit: u64,
        read: F,
    ) -> Result<Option<Streamed<T>>, BucketError>
    where
        T: Send + 'static,
        F: FnOnce(&mut dyn BufRead) -> T + Send + 'static,
    {
        let Some(answer) = self.object(folder, path, STREAM_TIMEOUT).await? else {
            return Ok(None);
        };
        Ok(Some(through(answer, limit, read).await?))
    }

    /// The objects whose names begin with `prefix` (a folder's ends with a slash), at most `most`;
    /// with a delimiter those of one folder and the folders below it.
    ///
    /// # Errors
    /// [`BucketError`] when a page cannot be read.
    pub async fn list(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
        most: usize,
    ) -> Result<Listing, BucketError> {
        self.list_from(bucket, prefix, delimiter, "", most).await
    }

    /// The folders of a folder (whose name ends with a slash) from the name `start` on, in the order of
    /// their names, at most `most`.
    ///
    /// # Errors
    /// [`BucketError`] when a page cannot be read.
    pub async fn folders(
        &self,
        bucket: &str,
        prefix: &str,
        start: &str,
        most: usize,
    ) -> Result<Listing, BucketError> {
        self.list_from(bucket, prefix, Some("/"), start, most).await
    }

    async fn list_from(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
        start: &str,
        most: usize,
    ) -> Result<Listing, BucketError> {
        let what = format!("the list of {bucket}/{prefix}");
        let mut listing = Listing::default();
        let mut seen: Vec<String> = Vec::new();
        loop {
            let from = (start, seen.last().map(String::as_str));
            let page = self.page(bucket, prefix, delimiter, from, &what).await?;
            listing.take(page.items.unwrap_or_default(), page.prefixes.unwrap_or_default(), prefix);
            if listing.objects.len() + listing.prefixes.len() > most {
                listing.objects.truncate(most);
                listing.cut = true;
                return Ok(listing);
            }
            match page.next_page_token.filter(|token| !token.is_empty()) {
                None => return Ok(listing),
                // A server that does not take its own token sends the first page again, for ever.
                Some(token) if seen.contains(&token) || seen.len() == MAX_PAGES => {
                    listing.cut = true;
                    return Ok(listing);
                }
                Some(token) => seen.push(token),
            }
        }
    }

    async fn page(
        &self,
        bucket: &str,
        prefix: &str,
        delimiter: Option<&str>,
        (start, token): (&str, Option<&str>),
        what: &str,
    ) -> Result<Page, BucketError> {
        let mut url = self.base.join(["storage", "v1", "b", bucket, "o"]);
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("prefix", prefix);
            if let Some(delimiter) = delimiter {
                query.append_pair("delimiter", delimiter);
            }
            query
                .append_pair("fields", "items(name,size),prefixes,nextPageToken")
                .append_pair("maxResults", "1000");
            if !start.is_empty() {
                query.append_pair("startOffset", start);
            }
            if let Some(token) = token {
                query.append_pair("pageToken", token);
            }
        }
        let answer = self.transport.send(Request::get(url, TIMEOUT)).await?;
        let Some(answer) = checked(answer, what)? else {
            return Err(BucketError::NoBucket { what: what.to_owned() });
        };
        let read = |reader: &mut dyn BufRead| serde_json::from_reader(reader);
        let page: Result<Page, _> = through(answer, MAX_PAGE_BYTES, read).await?.value;
        page.map_err(|error| BucketError::Malformed {
            what: what.to_owned(),
            found: format!("no list ({error})"),
        })
    }

    async fn object(
        &self,
        folder: &JobUrl,
        path: &str,
        within: Duration,
    ) -> Result<Option<Response>, BucketError> {
        let name = folder.object(path);
        let url = self
            .base
            .join(std::iter::once(folder.bucket()).chain(name.split('/')));
        let answer = self.transport.send(Request::get(url, within)).await?;
        checked(answer, &name)
    }
}

impl Listing {
    /// Takes what belongs to the prefix and can be asked for: a name with `.` or `..` as a part
    /// would lead elsewhere.
    fn take(&mut self, items: Vec<Item>, prefixes: Vec<String>, prefix: &str) {
        let fits = |name: &str| {
            name.starts_with(prefix) && !name.split('/').any(|part| matches!(part, "." | ".."))
        };
        let items = items.into_iter().filter(|item| fits(&item.name));
        self.objects
            .extend(items.map(|item| Object { size: item.size(), name: item.name }));
        self.prefixes.extend(prefixes.into_iter().filter(|name| fits(name)));
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Page {
    items: Option<Vec<Item>>,
    prefixes: Option<Vec<String>>,
    next_page_token: Option<String>,
}

#[derive(Deserialize)]
struct Item {
    name: String,
    #[serde(default)]
    size: serde_json::Value,
}

impl Item {
    /// Google writes sizes as text.
    fn size(&self) -> u64 {
        self.size
            .as_u64()
            .or_else(|| self.size.as_str()?.parse().ok())
            .unwrap_or(0)
    }
}

/// The answer if it is the object or list; `None` if that is missing.
fn checked(answer: Response, what: &str) -> Result<Option<Response>, BucketError> {
    let what = what.to_owned();
    match answer.status {
        // A proxy's or a sign-in page: what is stored as one has a name that says so.
        200 if answer.is_html() && !what.ends_with(".html") => Err(BucketError::Malformed {
            what,
            found: "a page for people (a sign-in page or a proxy's)".to_owned(),
        }),
        200 => Ok(Some(answer)),
        404 => Ok(None),
        status @ (401 | 403) => Err(BucketError::NoAccess { what, status }),
        // Nothing of a bucket redirects, but a sign-in does.
        status @ 300..=399 => Err(BucketError::NoAccess { what, status }),
        status => Err(BucketError::Status { what, status }),
    }
}

/// Runs a reader over an answer's body, unpacked where it still is gzipped.
async fn through<T, F>(answer: Response, limit: u64, read: F) -> Result<Streamed<T>, TransportError>
where
    T: Send + 'static,
    F: FnOnce(&mut dyn BufRead) -> T + Send + 'static,
{
    let run = move |body: &mut dyn Read| {
        let mut broken = None;
        let mut body = BufReader::with_capacity(BUFFER, Watched { body, broken: &mut broken });
        let packed = body.fill_buf().is_ok_and(|head| head.starts_with(&[0x1f, 0x8b]));
        let mut unpacked: Box<dyn BufRead + '_> = if packed {
            Box::new(BufReader::with_capacity(BUFFER, MultiGzDecoder::new(body)))
        } else {
            Box::new(body)
        };
        let mut limited = Read::take(&mut unpacked, limit);
        let value = read(&mut limited);
        let cut = limited.limit() == 0 && unpacked.fill_buf().is_ok_and(|rest| !rest.is_empty());
        drop(unpacked);
        match broken {
            Some(source) => Err(TransportError::body(source)),
            None => Ok(Streamed { value, cut }),
        }
    };
    answer.body.read_with(run).await
}

/// Notices when the connection breaks, since a lenient reader takes that for the end of a file.
struct Watched<'a> {
    body: &'a mut dyn Read,
    broken: &'a mut Option<io::Error>,
}

impl Read for Watched<'_> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let result = self.body.read(buffer);
        match result {
            Err(error) if error.kind() != io::ErrorKind::Interrupted => {
                let kind = error.kind();
                *self.broken = Some(error);
                Err(kind.into())
            }
            other => other,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::super::canned::{Canned, Exchange, exchange};
    use super::*;

    const FOLDER: &str = "https://prow/view/gs/b/logs/j/1";
    const JSON: &str = "application/json";

    fn bucket(answers: &[(&str, Exchange)]) -> Bucket {
        let canned = answers
            .iter()
            .fold(Canned::default(), |canned, (path, answer)| canned.with(path, answer.clone()));
        Bucket::new("http://localhost/gcs".parse().unwrap(), canned.shared())
    }

    fn folder() -> JobUrl {
        FOLDER.parse().unwrap()
    }

    async fn get(answer: Exchange, limit: u64) -> Result<Option<Bytes>, BucketError> {
        bucket(&[("/gcs/b/logs/j/1/finished.json", answer)])
            .get(&folder(), "finished.json", limit)
            .await
    }

    #[tokio::test]
    async fn an_object_is_there_missing_or_closed() {
        assert_eq!(get(exchange(200, JSON, "{}"), 2).await.unwrap().unwrap(), "{}");
        assert_eq!(get(exchange(404, "text/plain", "Not Found"), 2).await.unwrap(), None);
        for status in [401, 403, 302] {
            let error = get(exchange(status, "text/html", "<html>"), 2).await.unwrap_err();
            assert!(
                matches!(&error, BucketError::NoAccess { .. }) && !error.is_transient(),
                "{error}"
            );
        }
        for status in [429, 500, 503] {
            assert!(
                get(exchange(status, "text/plain", ""), 2)
                    .await
                    .unwrap_err()
                    .is_transient()
            );
        }
        assert!(matches!(
            get(exchange(200, JSON, "{} "), 2).await,
            Err(BucketError::TooLarge { limit: 2, .. })
        ));
        let page = get(exchange(200, "text/html", "<html>"), 99).await.unwrap_err();
        assert!(matches!(&page, BucketError::Malformed { .. }) && page.is_transient(), "{page}");
    }

    #[tokio::test]
    async fn gzip_is_unpacked_and_its_bombs_are_bounded() {
        let packed = |bytes: &[u8]| {
            let mut encoder =
                flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(bytes).unwrap();
            encoder.finish().unwrap()
        };
        assert_eq!(get(exchange(200, JSON, packed(b"{}")), 100).await.unwrap().unwrap(), "{}");
        let bomb = packed(&vec![0; 10_000_000]);
        assert!(matches!(
            get(exchange(200, JSON, bomb), 100).await,
            Err(BucketError::TooLarge { .. })
        ));
        let damaged = packed(&[7; 1000])[..20].to_vec();
        assert!(matches!(
            get(exchange(200, JSON, damaged), 100).await,
            Err(BucketError::Malformed { .. })
        ));
    }

    #[tokio::test]
    async fn a_reader_may_stop_early_and_is_told_of_the_cut() {
        let bucket = bucket(&[(
            "/gcs/b/logs/j/1/build-log.txt",
            exchange(200, "text/plain", "one\ntwo\nthree\n"),
        )]);
        let lines = |most: usize| {
            move |reader: &mut dyn BufRead| reader.lines().take(most).flatten().count()
        };
        let read = |limit, most| bucket.stream(&FOLDER_URL, "build-log.txt", limit, lines(most));
        static FOLDER_URL: std::sync::LazyLock<JobUrl> = std::sync::LazyLock::new(folder);
        assert_eq!(read(100, 9).await.unwrap().unwrap(), Streamed { value: 3, cut: false });
        assert_eq!(read(8, 9).await.unwrap().unwrap(), Streamed { value: 2, cut: true });
        assert_eq!(read(14, 1).await.unwrap().unwrap(), Streamed { value: 1, cut: false });
    }

    #[tokio::test]
    async fn pages_are_followed_and_a_repeated_token_ends_them() {
        let page = |names: &[&str], token: Option<&str>| {
            let items: Vec<_> = names
                .iter()
                .map(|name| serde_json::json!({"name": name, "size": "7"}))
                .collect();
            exchange(
                200,
                JSON,
                serde_json::json!({"items": items, "nextPageToken": token}).to_string(),
            )
        };
        let list = "/gcs/storage/v1/b/b/o";
        let first = format!(
            "{list}?prefix=logs%2Fj%2F1%2F&fields=items%28name%2Csize%29%2Cprefixes%2CnextPageToken&maxResults=1000"
        );
        let second = format!("{first}&pageToken=odd+name+%2B%25%23");
        let bucket = bucket(&[
            (&first, page(&["logs/j/1/a", "logs/j/1/../x", "elsewhere"], Some("odd name +%#"))),
            (&second, page(&["logs/j/1/b"], Some("odd name +%#"))),
        ]);
        let listing = bucket.list("b", "logs/j/1/", None, 100).await.unwrap();
        let names: Vec<_> = listing
            .objects
            .iter()
            .map(|object| (object.name.as_str(), object.size))
            .collect();
        assert_eq!((names, listing.cut), (vec![("logs/j/1/a", 7), ("logs/j/1/b", 7)], true));
        assert!(bucket.list("b", "logs/j/1/", None, 1).await.unwrap().cut);
    }

    #[tokio::test]
    async fn lists_that_are_empty_missing_or_broken() {
        let list = |answer| bucket(&[("/gcs/storage/v1/b/b/o", answer)]);
        let empty = list(exchange(200, JSON, r#"{"kind":"storage#objects"}"#));
        assert_eq!(empty.list("b", "x/", Some("/"), 9).await.unwrap(), Listing::default());
        let missing = bucket(&[]);
        assert!(matches!(
            missing.list("b", "x/", None, 9).await,
            Err(BucketError::NoBucket { .. })
        ));
        for broken in ["", "[]", "<html>", r#"{"items":[{}]}"#, r#"{"items":[{"name":"x"#] {
            let error = list(exchange(200, JSON, broken))
                .list("b", "x/", None, 9)
                .await
                .unwrap_err();
            assert!(matches!(error, BucketError::Malformed { .. }), "{broken}: {error}");
        }
    }
}
