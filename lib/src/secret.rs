//! Secrets: files that are read again on every use, in a type that cannot be printed.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use secrecy::{ExposeSecret, SecretString};

/// No token or webhook address is longer than this (64 KiB).
const MAX_BYTES: u64 = 64 * 1024;

/// A part of a secret address that is shorter (8 bytes) gives nothing away.
const TELLING: usize = 8;

/// What stands where a secret stood.
const REDACTED: &str = "[redacted]";

/// Why a secret cannot be used. Never holds the secret.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// The file cannot be read.
    #[error("{what}: cannot read {}; expected a file that holds only the secret", path.display())]
    Unreadable {
        /// What the secret is, as the user knows it: the flag.
        what: String,
        /// Where it was looked for.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// The file holds something that cannot be a secret of one line.
    #[error("{what}: {} {problem}; expected one line of text", path.display())]
    Malformed {
        /// What the secret is, as the user knows it: the flag.
        what: String,
        /// Where it was found.
        path: PathBuf,
        /// What is wrong with it.
        problem: &'static str,
    },
}

/// A secret's value. Has no `Display`, and its `Debug` shows nothing.
#[derive(Debug, Clone)]
pub struct Secret(SecretString);

impl Secret {
    /// Wraps a value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(SecretString::from(value.into()))
    }

    /// The value, for the one place that sends it.
    pub fn expose(&self) -> &str {
        self.0.expose_secret()
    }

    /// A text with every occurrence of the secret replaced, in plain and percent-encoded form. Of a
    /// secret that is an address (a webhook) its path and the long parts of it as well: a server that
    /// quotes a request quotes no more than these.
    pub fn redact(&self, text: &str) -> String {
        self.telling_parts().iter().fold(text.to_owned(), |text, part| text.replace(part.as_str(), REDACTED))
    }

    /// What must not be seen, the longest first.
    fn telling_parts(&self) -> Vec<String> {
        let value = self.expose();
        let encoded = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let mut parts = vec![value.to_owned(), encoded];
        if let Ok(address) = url::Url::parse(value) {
            parts.push(address.path().to_owned());
            parts.extend(address.path().split('/').map(str::to_owned));
            parts.extend(address.query().map(str::to_owned));
        }
        parts.retain(|part| part == value || part.len() >= TELLING);
        parts.retain(|part| !part.is_empty());
        parts.sort_by_key(|part| std::cmp::Reverse(part.len()));
        parts
    }
}

/// Where a secret is kept. It is read on every use, since a mounted Secret can change in the
/// course of a long run.
#[derive(Debug, Clone)]
pub struct SecretFile {
    what: String,
    path: PathBuf,
}

impl SecretFile {
    /// A secret in a file; `what` names it in errors, as the user gave it: `--gangway-token-file`.
    pub fn new(what: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { what: what.into(), path: path.into() }
    }

    /// Where the secret is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads the secret as it is now, without the line break at its end.
    ///
    /// # Errors
    /// [`SecretError`] when the file cannot be read, is empty, too large, or no single line.
    pub fn read(&self) -> Result<Secret, SecretError> {
        let unreadable = |source| SecretError::Unreadable { what: self.what.clone(), path: self.path.clone(), source };
        let malformed = |problem| SecretError::Malformed { what: self.what.clone(), path: self.path.clone(), problem };
        let mut bytes = Vec::new();
        let file = File::open(&self.path).map_err(unreadable)?;
        file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        if bytes.len() as u64 > MAX_BYTES {
            return Err(malformed("is larger than 64 KiB"));
        }
        let text = String::from_utf8(bytes).map_err(|_| malformed("is not UTF-8"))?;
        let value = text.trim();
        if value.is_empty() {
            return Err(malformed("is empty"));
        }
        if value.contains(|c: char| c.is_control() || c.is_whitespace()) {
            return Err(malformed("holds blanks or control characters"));
        }
        Ok(Secret::new(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn file(content: &[u8]) -> (tempfile::TempDir, SecretFile) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, content).unwrap();
        (dir, SecretFile::new("--gangway-token-file", path))
    }

    #[test]
    fn is_read_again_on_every_use() {
        let (_dir, secret) = file(b"sha256~one\n");
        assert_eq!(secret.read().unwrap().expose(), "sha256~one");
        std::fs::write(secret.path(), "sha256~two").unwrap();
        assert_eq!(secret.read().unwrap().expose(), "sha256~two");
    }

    #[test]
    fn cannot_be_printed() {
        let secret = Secret::new("sha256~one");
        assert!(!format!("{secret:?}").contains("one"));
        assert_eq!(
            secret.redact("Bearer sha256~one, sha256%7Eone or sha256~one"),
            "Bearer [redacted], sha256%7Eone or [redacted]".replace("sha256%7Eone", "[redacted]")
        );
    }

    #[test]
    fn a_webhook_is_not_told_by_its_path() {
        let secret = Secret::new("https://hooks.slack.com/services/T0/B0AA/abcdefgh12345678");
        let said = "The requested URL /services/T0/B0AA/abcdefgh12345678 was not found; services B0AA abcdefgh12345678";
        assert_eq!(secret.redact(said), "The requested URL [redacted] was not found; [redacted] B0AA [redacted]");
        assert_eq!(secret.redact("no_service"), "no_service");
    }

    #[test]
    fn what_is_no_secret_is_refused_by_its_name() {
        for content in [&b""[..], b" \n", b"two words", b"a\nb", &[0xff, 0xfe]] {
            let (_dir, secret) = file(content);
            assert!(secret.read().unwrap_err().to_string().starts_with("--gangway-token-file: "));
        }
        let missing = SecretFile::new("--gangway-token-file", "/nowhere/token");
        assert!(missing.read().unwrap_err().to_string().contains("/nowhere/token"));
    }
}
