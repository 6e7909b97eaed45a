//! Image references and digests.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

/// Why a text does not name an image by its digest.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImageError {
    /// A tag instead of a digest, or neither.
    #[error("{found:?} has no digest; the gate needs repository@sha256:<64 hex digits>")]
    NoDigest {
        /// What was given.
        found: String,
    },
    /// There is something like a digest, but it is not one.
    #[error(
        "{found:?} does not end in a digest: expected sha256: and 64 digits of 0-9 and a-f, found {digest:?}"
    )]
    BadDigest {
        /// What was given.
        found: String,
        /// The part that should be a digest.
        digest: String,
    },
    /// The part before the digest names a registry and nothing in it.
    #[error(
        "{found:?} names no repository, only {host:?}; integration-service cuts an image's address at its first colon, so of a registry with a port only the host is left: the registry needs an address without a port"
    )]
    NoPath {
        /// What was given.
        found: String,
        /// What stands where a repository should.
        host: String,
    },
    /// The part before the digest names no repository.
    #[error("{found:?} does not begin with a repository such as quay.io/organisation/name")]
    BadRepository {
        /// What was given.
        found: String,
    },
}

/// A SHA-256 digest: `sha256:` and 64 lower-case hexadecimal digits.
#[derive(
    Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, schemars::JsonSchema,
)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Digest(String);

impl Digest {
    /// The digest of some content.
    pub fn of(content: impl AsRef<[u8]>) -> Self {
        let hash = Sha256::digest(content);
        Self(
            hash.iter()
                .fold("sha256:".to_owned(), |text, byte| text + &format!("{byte:02x}")),
        )
    }

    /// The first 12 hexadecimal digits, for names and people.
    pub fn short(&self) -> &str {
        &self.hex()[..12]
    }

    /// The 64 hexadecimal digits.
    pub fn hex(&self) -> &str {
        &self.0["sha256:".len()..]
    }

    /// The whole, `sha256:…`.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Digest {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let hex = text.strip_prefix("sha256:").unwrap_or_default();
        if hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) {
            Ok(Self(text.to_owned()))
        } else {
            Err(ImageError::BadDigest { found: text.to_owned(), digest: text.to_owned() })
        }
    }
}

impl TryFrom<String> for Digest {
    type Error = ImageError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// An image by its digest: `repository@sha256:…`. A tag beside the digest is not accepted, since
/// nobody could say which of the two was meant; only in a Snapshot, which a machine wrote, it is
/// dropped ([`ImageRef::dropping_tag`]).
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct ImageRef {
    repository: String,
    digest: Digest,
}

impl ImageRef {
    /// The repository with its registry, `quay.io/organisation/name`.
    pub fn repository(&self) -> &str {
        &self.repository
    }

    /// The last part of the repository's name.
    pub fn name(&self) -> &str {
        self.repository.rsplit('/').next().unwrap_or(&self.repository)
    }

    /// The registry's host and port.
    pub fn registry(&self) -> &str {
        self.repository.split('/').next().unwrap_or_default()
    }

    pub fn digest(&self) -> &Digest {
        &self.digest
    }

    /// Reads a reference as Snapshots may hold it: a tag beside the digest is dropped, since
    /// integration-service takes such an image, and the digest alone says which it is.
    ///
    /// # Errors
    /// [`ImageError`].
    pub fn dropping_tag(text: &str) -> Result<Self, ImageError> {
        let Some((named, digest)) = text.split_once('@') else { return text.parse() };
        let (repository, tag) = match named.rsplit_once(':') {
            Some((repository, tag)) if !tag.contains('/') => (repository, tag),
            _ => return text.parse(),
        };
        let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
        if tag.is_empty()
            || tag.len() > 128
            || !tag.bytes().all(fits)
            || tag.starts_with(['.', '-'])
        {
            return Err(ImageError::BadRepository { found: text.to_owned() });
        }
        format!("{repository}@{digest}").parse().map_err(|error| match error {
            // Named as it was given.
            ImageError::NoDigest { .. } => ImageError::NoDigest { found: text.to_owned() },
            ImageError::BadDigest { digest, .. } => {
                ImageError::BadDigest { found: text.to_owned(), digest }
            }
            ImageError::NoPath { host, .. } => ImageError::NoPath { found: text.to_owned(), host },
            ImageError::BadRepository { .. } => {
                ImageError::BadRepository { found: text.to_owned() }
            }
        })
    }

    /// Name and short digest for people: `hypershift-operator-main@sha256:4be1f0c2d7aa…`.
    pub fn brief(&self) -> String {
        format!("{}@sha256:{}…", self.name(), &self.digest.hex()[..8])
    }
}

impl FromStr for ImageRef {
    type Err = ImageError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let found = || text.to_owned();
        let Some((repository, digest)) = text.split_once('@') else {
            return Err(ImageError::NoDigest { found: found() });
        };
        let digest = digest
            .parse()
            .map_err(|_| ImageError::BadDigest { found: found(), digest: digest.to_owned() })?;
        if !repository.is_empty() && !repository.contains('/') {
            return Err(ImageError::NoPath { found: found(), host: repository.to_owned() });
        }
        if !is_repository(repository) {
            return Err(ImageError::BadRepository { found: found() });
        }
        Ok(Self { repository: repository.to_owned(), digest })
    }
}

/// `host[:port]/path[/path…]`: the host as DNS has it, the path as registries have it, no tag.
fn is_repository(text: &str) -> bool {
    let Some((host, path)) = text.split_once('/') else { return false };
    let (name, port) = host
        .split_once(':')
        .map_or((host, None), |(name, port)| (name, Some(port)));
    let host_fits = !name.is_empty()
        && name
            .bytes()
            .all(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    let port_fits = port.is_none_or(|port| port.parse::<u16>().is_ok());
    let part_fits = |part: &str| {
        let inside =
            |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
        let end = |b: Option<&u8>| b.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        part.bytes().all(inside) && end(part.as_bytes().first()) && end(part.as_bytes().last())
    };
    host_fits && port_fits && path.split('/').all(part_fits)
}

impl TryFrom<String> for ImageRef {
    type Error = ImageError;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        text.parse()
    }
}

impl From<ImageRef> for String {
    fn from(image: ImageRef) -> Self {
        image.to_string()
    }
}

impl fmt::Display for ImageRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}@{}", self.repository, self.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const HEX: &str = "4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1";

    #[test]
    fn takes_a_digest_and_nothing_else() {
        let image: ImageRef = format!("quay.io/acme/ho@sha256:{HEX}").parse().unwrap();
        assert_eq!(
            (image.registry(), image.name(), image.digest().short()),
            ("quay.io", "ho", "4be1f0c2d7aa")
        );
        format!("127.0.0.1:5000/a/b_c.d@sha256:{HEX}")
            .parse::<ImageRef>()
            .unwrap();
        let refused = [
            "quay.io/acme/ho:latest".to_owned(),
            "quay.io/acme/ho".to_owned(),
            "quay.io/acme/ho@sha256:a".to_owned(),
            format!("quay.io/acme/ho@sha256:{}", HEX.to_uppercase()),
            format!("quay.io/acme/ho:v1@sha256:{HEX}"),
            format!(" quay.io/acme/ho@sha256:{HEX}"),
            format!("quay.io/acme/ho@sha256:{HEX}\n"),
            format!("ho@sha256:{HEX}"),
            format!("quay.io/@sha256:{HEX}"),
            format!("quay.io/Acme/ho@sha256:{HEX}"),
            format!("quay.io/acme/ho@sha512:{HEX}"),
        ];
        for text in refused {
            assert!(text.parse::<ImageRef>().is_err(), "{text}");
        }
    }

    #[test]
    fn in_a_snapshot_a_tag_beside_the_digest_is_dropped() {
        for (given, read) in [
            ("quay.io/acme/ho:v1", "quay.io/acme/ho"),
            ("127.0.0.1:5000/a/b:v1.2-x", "127.0.0.1:5000/a/b"),
        ] {
            let image = ImageRef::dropping_tag(&format!("{given}@sha256:{HEX}")).unwrap();
            assert_eq!(image.to_string(), format!("{read}@sha256:{HEX}"));
        }
        for given in [
            "quay.io/acme/ho:",
            "quay.io/acme/ho:-v1",
            "quay.io/acme/ho:a b",
            "quay.io/Acme/ho:v1",
            "quay.io/acme/ho:v1:v2",
        ] {
            let text = format!("{given}@sha256:{HEX}");
            assert_eq!(
                ImageRef::dropping_tag(&text),
                Err(ImageError::BadRepository { found: text.clone() }),
                "{text}"
            );
        }
        assert!(matches!(
            ImageRef::dropping_tag("quay.io/acme/ho:v1"),
            Err(ImageError::NoDigest { .. })
        ));
        assert!(matches!(
            ImageRef::dropping_tag("quay.io/acme/ho:v1@sha256:a"),
            Err(ImageError::BadDigest { .. })
        ));
    }

    #[test]
    fn a_host_alone_is_named_as_one() {
        for host in ["registry.example.com", "ho", "localhost"] {
            let found = format!("{host}@sha256:{HEX}");
            assert_eq!(
                ImageRef::dropping_tag(&found),
                Err(ImageError::NoPath { found: found.clone(), host: host.to_owned() })
            );
        }
        let found = format!("registry.example.com:5000@sha256:{HEX}");
        let error = ImageRef::dropping_tag(&found).unwrap_err();
        assert_eq!(error, ImageError::NoPath { found, host: "registry.example.com".to_owned() });
        assert!(
            error
                .to_string()
                .contains("cuts an image's address at its first colon")
        );
    }

    proptest! {
        #[test]
        fn what_is_printed_is_read_again(host in "[a-z]{1,8}\\.io", path in "[a-z0-9]{1,9}(/[a-z0-9]{1,9}){0,3}", hex in "[0-9a-f]{64}") {
            let text = format!("{host}/{path}@sha256:{hex}");
            prop_assert_eq!(text.parse::<ImageRef>().unwrap().to_string(), text);
        }

        #[test]
        fn nothing_panics(text in "\\PC{0,120}") {
            let _ = text.parse::<ImageRef>();
            let _ = ImageRef::dropping_tag(&text);
        }
    }
}
