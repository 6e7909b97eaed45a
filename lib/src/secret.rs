//! Secrets: files that are read again on every use, in a type that cannot be printed.

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};
use secrecy::{ExposeSecret, SecretString};

/// No token or webhook address is longer than this (64 KiB).
const MAX_BYTES: u64 = 64 * 1024;

/// A part of a secret address that is shorter (8 bytes) gives nothing away.
const TELLING: usize = 8;

/// A piece of a secret that is this long (12 bytes) is not shown either: whoever quotes may have
/// cut.
const PIECE: usize = 12;

/// A word behind `Bearer` or `Basic` that is this long (16 bytes) is taken for a credential,
/// whosever.
const CREDENTIAL: usize = 16;

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

    /// A text without the secret: in plain, percent-encoded, JSON-escaped or in base64 (with
    /// something before it as well, as in basic authentication), whole or a piece of 12 bytes and
    /// more, since a server or a limit may have cut it. Of a secret that is an address (a webhook)
    /// what is behind the host: a server that quotes a request quotes no more than that. And
    /// without any other credential that stands behind `Bearer` or `Basic`, such as a session's.
    pub fn redact(&self, text: &str) -> String {
        let mut hidden = vec![false; text.len()];
        for form in self.telling_forms() {
            hide(text.as_bytes(), form.as_bytes(), &mut hidden);
        }
        for scheme in ["Bearer ", "Basic "] {
            for (at, _) in text.match_indices(scheme) {
                let from = at + scheme.len();
                let word = text[from..]
                    .split(|c: char| c.is_whitespace() || "\"',;".contains(c))
                    .next()
                    .unwrap_or("");
                // A challenge names its realm there.
                if word.len() >= CREDENTIAL && !word.starts_with("realm=") {
                    hidden[from..from + word.len()].fill(true);
                }
            }
        }
        let mut shown = String::with_capacity(text.len());
        let mut before = false;
        for (at, c) in text.char_indices() {
            match (hidden[at], before) {
                (false, _) => shown.push(c),
                (true, false) => shown.push_str(REDACTED),
                (true, true) => {}
            }
            before = hidden[at];
        }
        shown
    }

    /// Every form in which the secret may turn up.
    fn telling_forms(&self) -> HashSet<String> {
        let value = self.expose();
        let mut plain = vec![value.to_owned()];
        if let Ok(address) = url::Url::parse(value)
            && address.has_host()
        {
            // What leads to the host is no secret, so no piece of it is looked for.
            plain = vec![address.path().to_owned()];
            plain.extend(address.path().split('/').map(str::to_owned));
            plain.extend(address.query().map(str::to_owned));
            plain.retain(|part| part.len() >= TELLING);
        }
        let mut forms = HashSet::new();
        for part in plain.into_iter().filter(|part| !part.is_empty()) {
            let percent: String = url::form_urlencoded::byte_serialize(part.as_bytes()).collect();
            let escaped = serde_json::Value::from(part.as_str()).to_string();
            let escaped = escaped[1..escaped.len() - 1].to_owned();
            forms.extend(
                encoded(part.as_bytes())
                    .into_iter()
                    .filter(|form| form.len() >= PIECE),
            );
            forms.extend([
                lower_case_codes(&percent),
                percent,
                escaped.replace('/', "\\/"),
                escaped,
                part,
            ]);
        }
        forms
    }
}

/// Marks every piece of `form` in a text: of [`PIECE`] bytes, or all of it where it is shorter.
fn hide(text: &[u8], form: &[u8], hidden: &mut [bool]) {
    let length = form.len().min(PIECE);
    if length == 0 {
        return;
    }
    let pieces: HashSet<&[u8]> = form.windows(length).collect();
    for (at, window) in text.windows(length).enumerate() {
        if pieces.contains(window) {
            hidden[at..at + length].fill(true);
        }
    }
}

/// The base64 of some bytes wherever they begin in what was encoded, as far as it depends on
/// nothing before and behind them.
fn encoded(bytes: &[u8]) -> Vec<String> {
    let mut forms = Vec::new();
    for before in 0..3 {
        let mut whole = vec![0; before];
        whole.extend(bytes);
        whole.truncate(whole.len() / 3 * 3);
        for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
            forms.extend(
                engine
                    .encode(&whole)
                    .get((before * 8).div_ceil(6)..)
                    .map(str::to_owned),
            );
        }
    }
    forms
}

/// `%2F` as `%2f`.
fn lower_case_codes(percent: &str) -> String {
    let mut pieces = percent.split('%');
    let mut lower = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let (code, rest) = piece.split_at(piece.len().min(2));
        lower.push('%');
        lower.push_str(&code.to_ascii_lowercase());
        lower.push_str(rest);
    }
    lower
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
        let unreadable = |source| SecretError::Unreadable {
            what: self.what.clone(),
            path: self.path.clone(),
            source,
        };
        let malformed = |problem| SecretError::Malformed {
            what: self.what.clone(),
            path: self.path.clone(),
            problem,
        };
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
        assert_eq!(
            secret.redact(said),
            "The requested URL [redacted] was not found; [redacted] B0AA [redacted]"
        );
        assert_eq!(secret.redact("no_service"), "no_service");
    }

    #[test]
    fn no_form_and_no_half_of_it_is_shown() {
        let value = "sha256~Zm9vYmFy+and/more==\"q\"";
        let secret = Secret::new(value);
        let base64 = base64::engine::general_purpose::STANDARD.encode(format!("robot:{value}"));
        let percent: String = url::form_urlencoded::byte_serialize(value.as_bytes()).collect();
        let quoted = [
            value.to_owned(),
            serde_json::Value::from(value).to_string(),
            percent.clone(),
            lower_case_codes(&percent),
            base64,
            value[..value.len() / 2].to_owned(),
            value[value.len() / 2..].to_owned(),
        ];
        for quoted in quoted {
            let shown = secret.redact(&format!("it said: {quoted}, and no more"));
            // What is beside the secret in one encoding stays.
            let rest = shown
                .replace(REDACTED, "")
                .replace("it said: ", "")
                .replace(", and no more", "");
            assert!(shown.contains(REDACTED) && rest.len() <= 12, "{quoted}: {shown}");
        }
    }

    #[test]
    fn nobodys_credential_is_shown() {
        let secret = Secret::new("sha256~one");
        assert_eq!(
            secret.redact(
                "Bearer realm=\"https://quay.io/token\" refused \"Bearer eyJhbGciOiJSUzI1NiJ9.e30\""
            ),
            "Bearer realm=\"https://quay.io/token\" refused \"Bearer [redacted]\""
        );
        assert_eq!(
            secret.redact("empty authorization bearer token given"),
            "empty authorization bearer token given"
        );
    }

    #[test]
    fn what_is_no_secret_is_refused_by_its_name() {
        for content in [&b""[..], b" \n", b"two words", b"a\nb", &[0xff, 0xfe]] {
            let (_dir, secret) = file(content);
            assert!(
                secret
                    .read()
                    .unwrap_err()
                    .to_string()
                    .starts_with("--gangway-token-file: ")
            );
        }
        let missing = SecretFile::new("--gangway-token-file", "/nowhere/token");
        assert!(missing.read().unwrap_err().to_string().contains("/nowhere/token"));
    }
}
