//! A record in a file: for a laptop and for other CI.

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};

use async_trait::async_trait;

use super::{Labels, MAX_BYTES, Store, StoreError, Version};
use crate::image::Digest;

/// A file that is replaced as a whole: temporary sibling, fsync, rename. The lock (`FILE.lock`) is
/// held per write, not per process: two processes may use one record.
#[derive(Debug, Clone)]
pub struct FileStore {
    path: PathBuf,
    what: &'static str,
}

impl FileStore {
    /// A record at that path.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self::of(path, "the record")
    }

    /// Another document at that path, and what it is called in messages.
    pub(crate) fn of(path: impl Into<PathBuf>, what: &'static str) -> Self {
        Self { path: path.into(), what }
    }

    fn read(&self) -> io::Result<Option<(Vec<u8>, Version)>> {
        let file = match File::open(&self.path) {
            Ok(file) => file,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        // Twice the limit: a person may have made it readable by adding blanks.
        file.take(2 * MAX_BYTES as u64 + 1).read_to_end(&mut bytes)?;
        let version = version(&bytes);
        Ok(Some((bytes, version)))
    }

    fn write(&self, bytes: &[u8], replaces: Option<&Version>) -> io::Result<Option<Version>> {
        let lock = OpenOptions::new()
            .create(true)
            .append(true)
            .open(self.path.with_added_extension("lock"))?;
        lock.lock()?;
        if self.read()?.map(|(_, version)| version).as_ref() != replaces {
            return Ok(None);
        }
        let folder = self
            .path
            .parent()
            .filter(|f| !f.as_os_str().is_empty())
            .unwrap_or(Path::new("."));
        let mut file = tempfile::NamedTempFile::new_in(folder)?;
        file.write_all(bytes)?;
        file.as_file().sync_all()?;
        file.persist(&self.path).map_err(|error| error.error)?;
        fs::File::open(folder)?.sync_all()?;
        Ok(Some(version(bytes)))
    }

    fn permanent(&self, action: &'static str) -> impl FnOnce(io::Error) -> StoreError {
        let place = self.place();
        move |source| StoreError::Permanent { action, place, source: source.into() }
    }
}

/// The content's SHA-256 is its version: whoever wrote the same has not changed anything.
fn version(bytes: &[u8]) -> Version {
    Version(Digest::of(bytes).hex().to_owned())
}

#[async_trait]
impl Store for FileStore {
    async fn load(&self) -> Result<Option<(Vec<u8>, Version)>, StoreError> {
        self.read().map_err(self.permanent("read"))
    }

    async fn save(
        &self,
        bytes: &[u8],
        _: &Labels,
        replaces: Option<&Version>,
    ) -> Result<Version, StoreError> {
        self.write(bytes, replaces)
            .map_err(self.permanent("write"))?
            .ok_or(StoreError::Conflict)
    }

    fn place(&self) -> String {
        format!("{} {}", self.what, self.path.display())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_stale_writer_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path().join("gate.json"));
        assert!(store.load().await.unwrap().is_none());
        let first = store.save(b"one", &Labels::new(), None).await.unwrap();
        assert!(matches!(
            store.save(b"other", &Labels::new(), None).await,
            Err(StoreError::Conflict)
        ));
        let second = store.save(b"two", &Labels::new(), Some(&first)).await.unwrap();
        assert!(matches!(
            store.save(b"three", &Labels::new(), Some(&first)).await,
            Err(StoreError::Conflict)
        ));
        assert_eq!(store.load().await.unwrap(), Some((b"two".to_vec(), second)));
    }

    #[tokio::test]
    async fn a_missing_folder_is_an_error() {
        let dir = tempfile::tempdir().unwrap();
        let store = FileStore::new(dir.path().join("missing/gate.json"));
        let error = store.save(b"one", &Labels::new(), None).await.unwrap_err();
        assert!(error.to_string().contains("missing/gate.json"));
    }
}
