//! `--snapshot` as people and pipelines write it: JSON, a name, `@FILE` or `-`.

use std::io::{self, Read};
use std::path::PathBuf;

use crate::name::{NameError, ObjectName};
use crate::snapshot::{self, Given, SnapshotError, SnapshotSpec};

/// No Snapshot is larger than what a cluster can store (2 MiB).
const MAX_BYTES: u64 = 2 * 1024 * 1024;

/// Why `--snapshot` and `--snapshot-name` cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum InputError {
    /// The file cannot be read.
    #[error("--snapshot: cannot read {place}")]
    Unreadable {
        /// The file, or standard input.
        place: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It is no Snapshot.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// Two names contradict each other.
    #[error("--snapshot-name says {flag:?}, SNAPSHOT is {found:?}; give one or the same")]
    Names {
        /// The flag's value.
        flag: String,
        /// The name in the Snapshot.
        found: String,
    },
    /// The name cannot be a Snapshot's.
    #[error("--snapshot-name: {0}")]
    Name(NameError),
    /// A name is needed.
    #[error(
        "--snapshot-name: expected the Snapshot's name, found none; a record in a ConfigMap needs it, since the Release will be made from that Snapshot"
    )]
    NoName,
}

/// What the two flags say together.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SnapshotFlag {
    /// The content; `None` where it is to be looked up by its name.
    pub spec: Option<SnapshotSpec>,
    /// The name, where one is known.
    pub name: Option<String>,
}

impl SnapshotFlag {
    /// Reads the flags; `@FILE` and `-` are read to their end.
    ///
    /// # Errors
    /// [`InputError`].
    pub fn read(snapshot: &str, name: Option<&str>, name_needed: bool) -> Result<Self, InputError> {
        let given = match snapshot.strip_prefix('@') {
            Some(path) => {
                let path = PathBuf::from(path);
                let place = path.display().to_string();
                let file = std::fs::File::open(&path)
                    .map_err(|source| InputError::Unreadable { place: place.clone(), source })?;
                snapshot::read_json(&read_all(file, place.clone())?, &place)?
            }
            None if snapshot == "-" => {
                let place = "standard input";
                snapshot::read_json(&read_all(io::stdin(), place.to_owned())?, place)?
            }
            None => snapshot::read(snapshot)?,
        };
        Self::of(given, name, name_needed)
    }

    fn of(given: Given, flag: Option<&str>, name_needed: bool) -> Result<Self, InputError> {
        let flag = flag.map(ObjectName::label).transpose().map_err(InputError::Name)?;
        let flag = flag.map(String::from);
        let (spec, found) = match given {
            Given::Content { spec, name } => (Some(spec), name),
            Given::Name(name) => (None, Some(name.into())),
        };
        match (&flag, &found) {
            (Some(flag), Some(found)) if flag != found => {
                Err(InputError::Names { flag: flag.to_owned(), found: found.clone() })
            }
            (None, None) if name_needed => Err(InputError::NoName),
            _ => Ok(Self { spec, name: found.or(flag) }),
        }
    }
}

fn read_all(from: impl Read, place: String) -> Result<String, InputError> {
    let mut text = String::new();
    let unreadable = |source| InputError::Unreadable { place: place.clone(), source };
    from.take(MAX_BYTES + 1)
        .read_to_string(&mut text)
        .map_err(unreadable)?;
    if text.len() as u64 > MAX_BYTES {
        return Err(unreadable(io::Error::other("it is larger than 2 MiB")));
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_must_agree() {
        let name =
            |snapshot: &str, flag| SnapshotFlag::read(snapshot, flag, false).map(|read| read.name);
        assert_eq!(name("s-1", None).unwrap().as_deref(), Some("s-1"));
        assert_eq!(name("{}", Some("s-1")).unwrap().as_deref(), Some("s-1"));
        assert_eq!(name("s-1", Some("s-1")).unwrap().as_deref(), Some("s-1"));
        assert!(matches!(name("s-1", Some("s-2")), Err(InputError::Names { .. })));
        assert!(matches!(name("{}", Some("S_1")), Err(InputError::Name(_))));
        assert!(matches!(SnapshotFlag::read("{}", None, true), Err(InputError::NoName)));
    }

    #[test]
    fn a_file_holds_json() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("snapshot.json");
        let read = || SnapshotFlag::read(&format!("@{}", path.display()), None, false);
        assert!(matches!(read(), Err(InputError::Unreadable { .. })));
        std::fs::write(&path, "s-1").unwrap();
        assert!(matches!(read(), Err(InputError::Snapshot(_))));
        std::fs::write(&path, "{\"components\":[]}\n").unwrap();
        assert!(read().unwrap().spec.is_some());
    }
}
