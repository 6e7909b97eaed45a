//! A private key under a password, as cosign keeps it: scrypt and NaCl's secretbox, written as
//! JSON.
//!
//! Source: secure-systems-lab/go-securesystemslib `encrypted/encrypted.go`.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use crypto_secretbox::XSalsa20Poly1305;
use crypto_secretbox::aead::{Aead, KeyInit};
use secrecy::{ExposeSecret, SecretSlice};
use serde::Deserialize;

/// The strengths that are written: N is 2 to the power of this, r is 8, p is 1. Others are refused,
/// as the original does: a file must not decide how much memory is taken (here 128 MiB at most).
const LOG_N: [u8; 3] = [15, 16, 17];

/// Why a key stays closed. Never holds anything of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Closed {
    /// It is something else.
    Malformed(&'static str),
    /// The password is another, or the key was changed.
    Password,
}

#[derive(Deserialize)]
struct Sealed {
    kdf: Kdf,
    cipher: Cipher,
    ciphertext: String,
}

#[derive(Deserialize)]
struct Kdf {
    name: String,
    params: Params,
    salt: String,
}

#[derive(Deserialize)]
struct Params {
    #[serde(rename = "N")]
    n: u64,
    r: u32,
    p: u32,
}

#[derive(Deserialize)]
struct Cipher {
    name: String,
    nonce: String,
}

/// Opens a sealed key.
pub(super) fn open(json: &[u8], password: &[u8]) -> Result<SecretSlice<u8>, Closed> {
    let sealed: Sealed = serde_json::from_slice(json)
        .map_err(|_| Closed::Malformed("holds no JSON of scrypt and secretbox"))?;
    if sealed.kdf.name != "scrypt" {
        return Err(Closed::Malformed("is under another function than scrypt"));
    }
    if sealed.cipher.name != "nacl/secretbox" {
        return Err(Closed::Malformed("is under another cipher than nacl/secretbox"));
    }
    let Params { n, r, p } = sealed.kdf.params;
    let log_n = LOG_N.into_iter().find(|log_n| 1 << log_n == n);
    let params = log_n.filter(|_| (r, p) == (8, 1));
    let params = params.and_then(|log_n| scrypt::Params::new(log_n, r, p).ok());
    let params = params.ok_or(Closed::Malformed("is under scrypt of an unknown strength"))?;
    let base64 = |text: &str| STANDARD.decode(text).ok();
    let no_base64 = Closed::Malformed("holds something that is not base64");
    let salt = base64(&sealed.kdf.salt).ok_or(no_base64)?;
    let ciphertext = base64(&sealed.ciphertext).ok_or(no_base64)?;
    let nonce = base64(&sealed.cipher.nonce).and_then(|nonce| <[u8; 24]>::try_from(nonce).ok());
    let nonce = nonce.ok_or(Closed::Malformed("holds no nonce of 24 bytes"))?;

    let mut key = SecretSlice::from(vec![0; 32]);
    scrypt::scrypt(password, &salt, &params, secrecy::ExposeSecretMut::expose_secret_mut(&mut key))
        .map_err(|_| Closed::Malformed("is under scrypt of an unknown strength"))?;
    let opened = XSalsa20Poly1305::new_from_slice(key.expose_secret())
        .map_err(|_| Closed::Password)?
        .decrypt(&nonce.into(), ciphertext.as_slice())
        .map_err(|_| Closed::Password)?;
    Ok(opened.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sealed(name: &str, cipher: &str, n: u64, nonce: &str) -> String {
        format!(
            r#"{{"kdf":{{"name":"{name}","params":{{"N":{n},"r":8,"p":1}},"salt":"AAAA"}},"cipher":{{"name":"{cipher}","nonce":"{nonce}"}},"ciphertext":"AAAA"}}"#
        )
    }

    #[test]
    fn what_is_something_else_is_refused_before_any_work() {
        let nonce = STANDARD.encode([0; 24]);
        for (json, said) in [
            ("{}".to_owned(), "no JSON"),
            (sealed("pbkdf2", "nacl/secretbox", 32768, &nonce), "another function"),
            (sealed("scrypt", "aes", 32768, &nonce), "another cipher"),
            (sealed("scrypt", "nacl/secretbox", 1 << 24, &nonce), "unknown strength"),
            (sealed("scrypt", "nacl/secretbox", 1 << 10, &nonce), "unknown strength"),
            (sealed("scrypt", "nacl/secretbox", 0, &nonce), "unknown strength"),
            (sealed("scrypt", "nacl/secretbox", 32768, "AAAA"), "nonce of 24 bytes"),
            (sealed("scrypt", "nacl/secretbox", 32768, "?"), "nonce of 24 bytes"),
        ] {
            let closed = open(json.as_bytes(), b"").map(|_| ()).unwrap_err();
            assert!(matches!(closed, Closed::Malformed(why) if why.contains(said)), "{closed:?}");
        }
        let json = sealed("scrypt", "nacl/secretbox", 32768, &nonce);
        assert_eq!(open(json.as_bytes(), b"").map(|_| ()), Err(Closed::Password));
    }
}
