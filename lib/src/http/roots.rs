//! Which certificate authorities are trusted: the machine's, or the bundled web roots where the
//! machine has none (an image from scratch), and those of `--ca-file` besides.

use std::io;
use std::path::{Path, PathBuf};

use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

/// Why the extra authorities cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum RootsError {
    /// A file or folder cannot be read.
    #[error("--ca-file: cannot read {}", path.display())]
    Unreadable {
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file holds something else.
    #[error("--ca-file: {} holds no certificates; expected PEM blocks that begin with -----BEGIN CERTIFICATE-----", path.display())]
    NoCertificates {
        path: PathBuf,
        /// What the parser says, if it got that far.
        source: Option<pem::Error>,
    },
}

/// Reads the certificates of `--ca-file`: a PEM file, or a folder of them, which may be empty (a
/// volume whose ConfigMap does not exist).
///
/// # Errors
/// [`RootsError`] when it cannot be read or a file in it holds no certificate.
pub fn extra_certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let unreadable = |path: &Path| {
        let path = path.to_owned();
        move |source| RootsError::Unreadable { path, source }
    };
    if !std::fs::metadata(path).map_err(unreadable(path))?.is_dir() {
        return certificates_of(path);
    }
    let mut found = Vec::new();
    for entry in std::fs::read_dir(path).map_err(unreadable(path))? {
        let file = entry.map_err(unreadable(path))?.path();
        // A mounted ConfigMap has hidden folders beside its files.
        let hidden = file
            .file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with('.'));
        if !hidden && file.is_file() {
            found.extend(certificates_of(&file)?);
        }
    }
    Ok(found)
}

fn certificates_of(path: &Path) -> Result<Vec<CertificateDer<'static>>, RootsError> {
    let none = |source| RootsError::NoCertificates { path: path.to_owned(), source };
    let bytes = std::fs::read(path)
        .map_err(|source| RootsError::Unreadable { path: path.to_owned(), source })?;
    let found: Vec<_> = CertificateDer::pem_slice_iter(&bytes)
        .collect::<Result<_, _>>()
        .map_err(|e| none(Some(e)))?;
    if found.is_empty() { Err(none(None)) } else { Ok(found) }
}

/// The roots trusted without `--ca-file`. `SSL_CERT_FILE` and `SSL_CERT_DIR` are honoured.
pub fn usual_certificates() -> Vec<CertificateDer<'static>> {
    let native = rustls_native_certs::load_native_certs().certs;
    if native.is_empty() { webpki_root_certs::TLS_SERVER_ROOT_CERTS.to_vec() } else { native }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_folder_adds_nothing() {
        let dir = tempfile::tempdir().unwrap();
        assert!(extra_certificates(dir.path()).unwrap().is_empty());
    }

    #[test]
    fn a_file_without_certificates_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("ca.crt");
        std::fs::write(&file, "not a certificate").unwrap();
        assert!(matches!(extra_certificates(&file), Err(RootsError::NoCertificates { .. })));
        assert!(matches!(extra_certificates(dir.path()), Err(RootsError::NoCertificates { .. })));
        assert!(matches!(
            extra_certificates(&dir.path().join("gone")),
            Err(RootsError::Unreadable { .. })
        ));
    }
}
