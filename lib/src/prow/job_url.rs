//! Where a run keeps its artifacts, as its job URL says: `https://HOST/view/gs/BUCKET/PREFIX`.
//!
//! The host is never contacted, and no bucket is built in: Prow's public one has changed before.

use std::fmt;
use std::str::FromStr;

use url::Url;

/// No job URL is longer (2 KiB).
const MAX_BYTES: usize = 2048;

/// Why a job URL does not tell where the artifacts are.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected a job URL such as https://HOST/view/gs/BUCKET/logs/JOB/BUILD, found {found:?}: {problem}"
)]
pub struct JobUrlError {
    found: String,
    problem: &'static str,
}

/// A run's folder in the bucket.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct JobUrl {
    bucket: String,
    prefix: String,
}

impl JobUrl {
    /// The bucket's name.
    pub fn bucket(&self) -> &str {
        &self.bucket
    }

    /// The folder's path in the bucket, without a slash at its end.
    pub fn prefix(&self) -> &str {
        &self.prefix
    }

    /// The full name of an object by its path in the folder.
    pub fn object(&self, path: &str) -> String {
        format!("{}/{path}", self.prefix)
    }
}

impl fmt::Display for JobUrl {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.bucket, self.prefix)
    }
}

impl FromStr for JobUrl {
    type Err = JobUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem| JobUrlError { found: crate::text::one_line(text, 200), problem };
        if text.len() > MAX_BYTES {
            return Err(wrong("it is longer than 2 KiB"));
        }
        let url = Url::parse(text).map_err(|_| wrong("it is no address"))?;
        if !matches!(url.scheme(), "https" | "http") {
            return Err(wrong("its scheme is neither https nor http"));
        }
        // The path is taken from the text: the parser would resolve `..` and hide it.
        let rest = text.split_once("://").map_or("", |(_, rest)| rest);
        let path = rest.split_once('/').map_or("", |(_, path)| path);
        let Some(("gs", folder)) = path.strip_prefix("view/").and_then(|path| path.split_once('/'))
        else {
            return Err(wrong("its path does not begin with /view/gs/"));
        };
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.');
        if folder
            .split('/')
            .any(|part| part.is_empty() || part == "." || part == ".." || !part.chars().all(fits))
        {
            return Err(wrong(
                "a part of its path is empty, . or .., or holds other than letters, digits, - _ and .",
            ));
        }
        let (bucket, prefix) = folder
            .split_once('/')
            .ok_or_else(|| wrong("nothing follows the bucket"))?;
        Ok(Self { bucket: bucket.to_owned(), prefix: prefix.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bucket_and_folder() {
        let url: JobUrl =
            "https://prow.ci.openshift.org/view/gs/test-platform-results-public/logs/periodic-ci-x-4.22_y/2094357"
                .parse()
                .unwrap();
        assert_eq!(
            (url.bucket(), url.prefix()),
            ("test-platform-results-public", "logs/periodic-ci-x-4.22_y/2094357")
        );
        assert_eq!(url.object("finished.json"), "logs/periodic-ci-x-4.22_y/2094357/finished.json");
        assert_eq!(
            url.to_string(),
            "test-platform-results-public/logs/periodic-ci-x-4.22_y/2094357"
        );
    }

    #[test]
    fn the_longest_address_is_read() {
        let host = "https://host/view/gs/b/";
        for (length, fits) in [(MAX_BYTES, true), (MAX_BYTES + 1, false)] {
            let url = format!("{host}{}", "a".repeat(length - host.len()));
            assert_eq!(url.parse::<JobUrl>().is_ok(), fits, "{length}");
        }
    }

    #[test]
    fn other_shapes_are_refused() {
        for bad in [
            "",
            "view/gs/b/logs/j/1",
            "https://host/view/gcs/b/logs/j/1",
            "https://host/view/gs",
            "https://host/view/gs/",
            "https://host/view/gs/bucket",
            "https://host/view/gs/bucket/",
            "https://host/view/gs//logs/j/1",
            "https://host/view/gs/b/logs/j/1/",
            "https://host/view/gs/b/logs/../../other/1",
            "https://host/view/gs/../gs/b/logs/j/1",
            "https://host/view/gs/b/logs/%2e%2e/1",
            "https://host/view/gs/b/logs/j/1?x=1",
            "https://host/view/gs/b/logs/j/1#x",
            "https://host/view/gs/b/logs/j\\1/2",
            "https://host/x/view/gs/b/logs/j/1",
            "ftp://host/view/gs/b/logs/j/1",
            "https://host/view/gs/b/logs/j\n/1",
            "https://host/view/gs/b/logs/j/1\u{202e}",
            &format!("https://host/view/gs/b/{}", "a".repeat(3000)),
        ] {
            let error = bad.parse::<JobUrl>().unwrap_err().to_string();
            assert!(error.contains("expected a job URL such as") && error.len() < 600, "{error}");
        }
    }
}
