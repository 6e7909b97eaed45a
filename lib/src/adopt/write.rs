//! Writing the files: all or none, and none over another.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use crate::failure::Failure;

/// Writes texts below a folder and returns their paths.
///
/// # Errors
/// Misuse when a file is there already; failed when one cannot be written, and none is left then.
pub fn write(below: &Path, files: &[(String, String)]) -> Result<Vec<PathBuf>, Failure> {
    let paths: Vec<PathBuf> = files.iter().map(|(path, _)| below.join(path)).collect();
    if let Some(there) = paths.iter().find(|path| path.symlink_metadata().is_ok()) {
        return Err(Failure::misuse(format!(
            "{} is there already; remove it, or choose another --platform",
            there.display()
        )));
    }
    let mut written: Vec<&PathBuf> = Vec::new();
    for (path, (_, text)) in paths.iter().zip(files) {
        if let Err(error) = one(path, text) {
            for path in written {
                let _ = fs::remove_file(path);
            }
            return Err(Failure::failed(format!("cannot write {}: {error}", path.display())));
        }
        written.push(path);
    }
    Ok(paths)
}

/// A new file; one that came meanwhile is not written over.
fn one(path: &Path, text: &str) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create_new(path)?;
    file.write_all(text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn all_or_none() {
        let dir = tempfile::tempdir().unwrap();
        let files = |names: &[&str]| -> Vec<(String, String)> {
            names
                .iter()
                .map(|name| ((*name).to_owned(), "new".to_owned()))
                .collect()
        };
        write(dir.path(), &files(&["a/one", "b/two"])).unwrap();
        let error = write(dir.path(), &files(&["a/three", "b/two"])).unwrap_err();
        assert_eq!(error.exit, Exit::Misuse);
        assert!(error.error.to_string().contains("two is there already"), "{}", error.error);
        assert!(!dir.path().join("a/three").exists());
        // A folder's place is taken by a file.
        let error = write(dir.path(), &files(&["c", "a/one/x"])).unwrap_err();
        assert_eq!(error.exit, Exit::Failed);
        assert!(error.error.to_string().starts_with("cannot write "), "{}", error.error);
        assert!(!dir.path().join("c").exists(), "what was written is taken away");
    }
}
