//! Keys: ECDSA on P-256 with SHA-256, in the files that cosign and openssl write.
//!
//! A private key is read again on every use, since a mounted Secret can change, and cannot be
//! printed. Signatures are deterministic (RFC 6979): the same statement under the same key is the
//! same bundle.

use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD, STANDARD_NO_PAD};
use p256::ecdsa::signature::{Signer, Verifier};
use p256::ecdsa::{DerSignature, Signature};
use p256::pkcs8::der::pem;
use p256::pkcs8::{DecodePrivateKey, DecodePublicKey, EncodePublicKey};
use secrecy::{ExposeSecret, SecretSlice};
use sha2::{Digest as _, Sha256};

use super::sealed::{self, Closed};

/// No key and no password is longer (64 KiB).
const MAX_BYTES: u64 = 64 * 1024;

/// What a private key under a password begins with.
const SEALED: [&str; 2] = ["ENCRYPTED SIGSTORE PRIVATE KEY", "ENCRYPTED COSIGN PRIVATE KEY"];

/// What an open private key begins with.
const OPEN: &str = "PRIVATE KEY";

/// What a public key begins with.
const PUBLIC: &str = "PUBLIC KEY";

/// Why a key cannot be used. Never holds the key or the password.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read.
    #[error("{what}: cannot read {}; expected {expected}", path.display())]
    Unreadable {
        /// The flag.
        what: String,
        /// The file.
        path: PathBuf,
        /// What should be there.
        expected: &'static str,
        /// The system's reason.
        source: io::Error,
    },
    /// It is something else.
    #[error("{what}: {} {problem}; expected {expected}", path.display())]
    Malformed {
        /// The flag.
        what: String,
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
        /// What should be there.
        expected: &'static str,
    },
    /// The password does not open it.
    #[error("{what}: {} cannot be opened with {password}", path.display())]
    Password {
        /// The flag.
        what: String,
        /// The file.
        path: PathBuf,
        /// Which password was tried, in words.
        password: String,
    },
}

const PRIVATE_FORM: &str = "a private key as `cosign generate-key-pair` writes it, or an ECDSA P-256 key as `openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256` does";
const PUBLIC_FORM: &str = "an ECDSA P-256 public key: -----BEGIN PUBLIC KEY-----";
const PASSWORD_FORM: &str = "a file that holds only the password";

/// Where a private key is, and the password that opens it.
#[derive(Debug, Clone)]
pub struct SigningKeyFile {
    what: String,
    path: PathBuf,
    password: Option<(String, PathBuf)>,
}

impl SigningKeyFile {
    /// A key in a file; `what` names it in errors, as the user gave it: `--sign-key`.
    pub fn new(what: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        Self { what: what.into(), path: path.into(), password: None }
    }

    /// The same, opened with the password in another file.
    #[must_use]
    pub fn opened_with(mut self, what: impl Into<String>, path: impl Into<PathBuf>) -> Self {
        self.password = Some((what.into(), path.into()));
        self
    }

    /// Reads the key as it is now. Opening one under a password takes up to 128 MiB for a moment.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(&self) -> Result<SigningKey, KeyError> {
        let text = read(&self.what, &self.path, PRIVATE_FORM)?;
        let malformed = |problem: String| KeyError::Malformed {
            what: self.what.clone(),
            path: self.path.clone(),
            problem,
            expected: PRIVATE_FORM,
        };
        let (label, der) = pem::decode_vec(text.expose_secret())
            .map_err(|_| malformed("is no PEM file".to_owned()))?;
        let content = SecretSlice::from(der);
        let der = match label {
            OPEN => content,
            label if SEALED.contains(&label) => {
                let password = self.password()?;
                sealed::open(content.expose_secret(), password.expose_secret()).map_err(
                    |closed| match closed {
                        Closed::Malformed(problem) => malformed(problem.to_owned()),
                        Closed::Password => KeyError::Password {
                            what: self.what.clone(),
                            path: self.path.clone(),
                            password: self.password_in_words(),
                        },
                    },
                )?
            }
            label => return Err(malformed(format!("holds a {label}"))),
        };
        p256::ecdsa::SigningKey::from_pkcs8_der(der.expose_secret())
            .map(SigningKey)
            .map_err(|_| malformed("holds no ECDSA P-256 key".to_owned()))
    }

    fn password(&self) -> Result<SecretSlice<u8>, KeyError> {
        let Some((what, path)) = &self.password else { return Ok(SecretSlice::from(vec![])) };
        let password = read(what, path, PASSWORD_FORM)?;
        let bytes = password.expose_secret();
        // An editor ends a file with a line break, and no password does; blanks may belong to it.
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        Ok(SecretSlice::from(bytes.strip_suffix(b"\r").unwrap_or(bytes).to_vec()))
    }

    fn password_in_words(&self) -> String {
        match &self.password {
            Some((what, path)) => format!("the password in {} ({what})", path.display()),
            None => "an empty password; name the file with its password".to_owned(),
        }
    }
}

/// A private key. Its `Debug` shows which it is, by the hint of its public key, and nothing of it.
#[derive(Clone)]
pub struct SigningKey(p256::ecdsa::SigningKey);

impl SigningKey {
    /// Signs bytes: ASN.1 DER, as DSSE has it for such keys.
    pub fn sign(&self, message: &[u8]) -> Vec<u8> {
        let signature: Signature = self.0.sign(message);
        signature.to_der().as_bytes().to_vec()
    }

    /// Its public key.
    pub fn public(&self) -> PublicKey {
        PublicKey(*self.0.verifying_key())
    }
}

impl fmt::Debug for SigningKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SigningKey({})", self.public().hint())
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey(p256::ecdsa::VerifyingKey);

impl PublicKey {
    /// Reads a key from a file; `what` names it in errors: `--key`.
    ///
    /// # Errors
    /// [`KeyError`].
    pub fn read(what: &str, path: &Path) -> Result<Self, KeyError> {
        let malformed = |problem: String| KeyError::Malformed {
            what: what.to_owned(),
            path: path.to_owned(),
            problem,
            expected: PUBLIC_FORM,
        };
        let content = read(what, path, PUBLIC_FORM)?;
        let (label, der) = pem::decode_vec(content.expose_secret())
            .map_err(|_| malformed("is no PEM file".to_owned()))?;
        if label != PUBLIC {
            return Err(malformed(format!("holds a {label}")));
        }
        p256::ecdsa::VerifyingKey::from_public_key_der(&der)
            .map(Self)
            .map_err(|_| malformed("holds no ECDSA P-256 key".to_owned()))
    }

    /// Whether a signature (ASN.1 DER) of these bytes is this key's.
    pub fn verifies(&self, message: &[u8], signature: &[u8]) -> bool {
        DerSignature::try_from(signature)
            .is_ok_and(|signature| self.0.verify(message, &signature).is_ok())
    }

    /// What cosign writes into a bundle to say which key it was: the SHA-256 of the public key in
    /// base64 (cosign `internal/key/svkeypair.go`). It proves nothing.
    pub fn hint(&self) -> String {
        let der = self.0.to_public_key_der();
        der.map(|der| STANDARD.encode(Sha256::digest(der.as_bytes())))
            .unwrap_or_default()
    }

    /// The `keyid` that go-securesystemslib computes for a key: its SSH fingerprint
    /// (`dsse/verify.go`, RFC 5656).
    pub fn ssh_fingerprint(&self) -> String {
        let point = self.0.to_sec1_point(false);
        let parts = [b"ecdsa-sha2-nistp256".as_slice(), b"nistp256", point.as_bytes()];
        let mut wire = Vec::new();
        for part in parts {
            wire.extend((part.len() as u32).to_be_bytes());
            wire.extend(part);
        }
        format!("SHA256:{}", STANDARD_NO_PAD.encode(Sha256::digest(&wire)))
    }
}

fn read(what: &str, path: &Path, expected: &'static str) -> Result<SecretSlice<u8>, KeyError> {
    let unreadable = |source| KeyError::Unreadable {
        what: what.to_owned(),
        path: path.to_owned(),
        expected,
        source,
    };
    let mut bytes = Vec::new();
    let file = File::open(path).map_err(unreadable)?;
    file.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
    let bytes = SecretSlice::from(bytes);
    if bytes.expose_secret().len() as u64 > MAX_BYTES {
        return Err(KeyError::Malformed {
            what: what.to_owned(),
            path: path.to_owned(),
            problem: "is larger than 64 KiB".to_owned(),
            expected,
        });
    }
    Ok(bytes)
}
