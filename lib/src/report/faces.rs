//! The faces of a report as the bytes that are shown, and as files.

use std::io::{self, Write};
use std::path::Path;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;

use super::model::Report;
use super::{metrics, page};

/// A face as bytes, plain and packed.
#[derive(Debug, Clone)]
pub struct Face {
    /// As it is.
    pub plain: Bytes,
    /// As gzip has it, for who can unpack it.
    pub packed: Bytes,
}

impl Face {
    fn of(text: String) -> Self {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        // Memory takes everything; were it not so, the plain one would be left.
        let packed = packed.write_all(text.as_bytes()).and_then(|()| packed.finish());
        Self { packed: packed.unwrap_or_default().into(), plain: text.into() }
    }
}

/// All faces of a report.
#[derive(Debug, Clone)]
pub struct Faces {
    /// `index.html`.
    pub page: Face,
    /// `report.json`.
    pub json: Face,
    /// `metrics.txt`.
    pub metrics: Face,
}

impl Faces {
    /// The faces of a report.
    pub fn of(report: &Report) -> Self {
        let json = serde_json::to_string(report).unwrap_or_default();
        Self {
            page: Face::of(page(report)),
            json: Face::of(json + "\n"),
            metrics: Face::of(metrics(report)),
        }
    }
}

/// Writes `index.html`, `report.json` and `metrics.txt` into a folder, which is made where it is
/// missing. Each is replaced as a whole, so that whoever reads it meanwhile has the one or the other.
///
/// # Errors
/// The system's, with the path.
pub fn write(report: &Report, folder: &Path) -> io::Result<()> {
    std::fs::create_dir_all(folder).map_err(|error| named(folder, &error))?;
    let faces = Faces::of(report);
    for (name, face) in
        [("index.html", faces.page), ("report.json", faces.json), ("metrics.txt", faces.metrics)]
    {
        let path = folder.join(name);
        let written = tempfile::Builder::new().permissions(shared()).tempfile_in(folder);
        let written = written.and_then(|mut file| {
            file.write_all(&face.plain)?;
            file.persist(&path).map_err(|error| error.error)
        });
        written.map_err(|error| named(&path, &error))?;
    }
    Ok(())
}

/// A web server under another account may show them.
fn shared() -> std::fs::Permissions {
    std::os::unix::fs::PermissionsExt::from_mode(0o644)
}

fn named(path: &Path, error: &io::Error) -> io::Error {
    io::Error::new(error.kind(), format!("cannot write {}: {error}", path.display()))
}
