//! Keys as cosign and openssl write them.

use super::super::key::{KeyError, PublicKey, SigningKeyFile};
use super::super::samples::{PASSWORD, bytes, data, key, public};

fn with_password(password: &[u8]) -> (tempfile::TempDir, SigningKeyFile) {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("password");
    std::fs::write(&path, password).unwrap();
    let file = SigningKeyFile::new("--sign-key", data("cosign.key"));
    (dir, file.opened_with("--sign-password-file", path))
}

#[test]
fn cosigns_own_key_is_opened_with_its_password() {
    for password in [PASSWORD.to_owned(), format!("{PASSWORD}\n"), format!("{PASSWORD}\r\n")] {
        let (_dir, file) = with_password(password.as_bytes());
        assert_eq!(file.read().unwrap().public(), public("cosign.pub"), "{password:?}");
    }
    // Made with an empty password, which needs no file.
    let empty = SigningKeyFile::new("--sign-key", data("empty.key")).read().unwrap();
    assert_eq!(empty.public(), public("empty.pub"));
    let open = SigningKeyFile::new("--sign-key", data("open.key")).read().unwrap();
    assert_eq!(open.public(), public("open.pub"));
}

/// Until version 1.14 cosign wrote another label.
#[test]
fn an_older_label_is_the_same() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("old.key");
    let text = String::from_utf8(bytes("empty.key"))
        .unwrap()
        .replace("SIGSTORE", "COSIGN");
    std::fs::write(&path, text).unwrap();
    let read = SigningKeyFile::new("--sign-key", path).read().unwrap();
    assert_eq!(read.public(), public("empty.pub"));
}

#[test]
fn another_password_is_named_and_not_shown() {
    let (_dir, file) = with_password(b"battery staple");
    let error = file.read().unwrap_err();
    assert!(matches!(error, KeyError::Password { .. }));
    let said = format!("{error} {error:?}");
    assert!(said.starts_with("--sign-key: ") && said.contains("--sign-password-file"), "{said}");
    assert!(!said.contains("battery"), "{said}");
    let none = SigningKeyFile::new("--sign-key", data("cosign.key"))
        .read()
        .unwrap_err();
    assert!(none.to_string().contains("name the file with its password"), "{none}");
}

#[test]
fn a_key_is_read_again_on_every_use() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    let file = SigningKeyFile::new("--sign-key", &path);
    std::fs::write(&path, bytes("open.key")).unwrap();
    assert_eq!(file.read().unwrap().public(), public("open.pub"));
    std::fs::write(&path, bytes("empty.key")).unwrap();
    assert_eq!(file.read().unwrap().public(), public("empty.pub"));
}

#[test]
fn nothing_of_a_private_key_is_printed() {
    let shown = format!("{:?}", key());
    assert_eq!(shown, format!("SigningKey({})", public("open.pub").hint()));
    let pem = String::from_utf8(bytes("open.key")).unwrap();
    let body: String = pem.lines().filter(|line| !line.starts_with('-')).collect();
    for start in (0..body.len() - 12).step_by(4) {
        assert!(!shown.contains(&body[start..start + 12]), "{shown}");
    }
}

#[test]
fn what_is_no_key_is_refused_by_its_name() {
    for (name, said) in [
        ("cosign.pub", "holds a PUBLIC KEY"),
        ("ed25519.key", "no ECDSA P-256 key"),
        ("statement.json", "no PEM"),
        ("nowhere", "cannot read"),
    ] {
        let error = SigningKeyFile::new("--sign-key", data(name))
            .read()
            .unwrap_err()
            .to_string();
        assert!(error.starts_with("--sign-key: ") && error.contains(said), "{error}");
        assert!(error.contains("expected a private key"), "{error}");
    }
    for (name, said) in [
        ("open.key", "holds a PRIVATE KEY"),
        ("p384.pub", "no ECDSA P-256 key"),
        ("statement.json", "no PEM"),
        ("nowhere", "cannot read"),
    ] {
        let error = PublicKey::read("--key", &data(name)).unwrap_err().to_string();
        assert!(error.starts_with("--key: ") && error.contains(said), "{error}");
        assert!(error.contains("expected an ECDSA P-256 public key"), "{error}");
    }
}

#[test]
fn a_file_of_more_than_64_kib_is_no_key() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("key");
    for (size, said) in [
        (1, "is no PEM"),
        (65_536, "is no PEM"),
        (65_537, "larger than 64"),
        (65_538, "larger than 64"),
    ] {
        std::fs::write(&path, vec![b'x'; size]).unwrap();
        let private = SigningKeyFile::new("--sign-key", &path).read().unwrap_err();
        let public = PublicKey::read("--key", &path).unwrap_err();
        for error in [private.to_string(), public.to_string()] {
            assert!(error.contains(said), "{size}: {error}");
        }
    }
}

/// RFC 6979: the same message has one signature, so that the same verdict is one artifact.
#[test]
fn signatures_are_deterministic_and_each_is_its_keys_and_its_messages() {
    let (key, message) = (key(), b"PAE");
    let signature = key.sign(message);
    assert_eq!(signature, key.sign(message));
    let public_key = key.public();
    assert!(public_key.verifies(message, &signature));
    assert!(!public_key.verifies(b"PAF", &signature));
    assert!(!public("empty.pub").verifies(message, &signature));
    assert!(!public_key.verifies(message, &[]));
    for at in 0..signature.len() {
        let mut changed = signature.clone();
        changed[at] ^= 1;
        assert!(!public_key.verifies(message, &changed), "byte {at}");
    }
}
