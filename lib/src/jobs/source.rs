//! Where the job list comes from: a file, standard input, or the value of `--jobs` itself.

use std::fs::File;
use std::io::{self, Read};
use std::path::PathBuf;

use super::list::MAX_BYTES;

/// Why the job list cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum SourceError {
    /// The file or standard input cannot be read.
    #[error(
        "--jobs: cannot read {from}; expected a file with a YAML list of jobs, - for standard input, or the YAML itself"
    )]
    Unreadable {
        /// What was to be read.
        from: String,
        /// The system's reason.
        source: io::Error,
    },
    /// It is larger than any job list.
    #[error("--jobs: {from} is larger than {} KiB", MAX_BYTES / 1024)]
    TooLarge {
        /// What was to be read.
        from: String,
    },
}

/// What `--jobs` names.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// `-`.
    StandardInput,
    /// The YAML itself: it has several lines, or begins as a list does.
    Text(String),
    File(PathBuf),
}

impl Source {
    /// Tells the three apart.
    pub fn of(value: &str) -> Self {
        let start = value.trim_start();
        match value {
            "-" => Self::StandardInput,
            _ if value.contains('\n')
                || ["[", "{", "- "].iter().any(|mark| start.starts_with(mark)) =>
            {
                Self::Text(value.to_owned())
            }
            _ => Self::File(PathBuf::from(value)),
        }
    }

    /// Reads the YAML.
    ///
    /// # Errors
    /// [`SourceError`] when it cannot be read as text or is too large.
    pub fn read(self) -> Result<String, SourceError> {
        match self {
            Self::Text(text) => Ok(text),
            Self::StandardInput => read("standard input".to_owned(), io::stdin().lock()),
            Self::File(path) => {
                let from = path.display().to_string();
                let file = File::open(&path)
                    .map_err(|source| SourceError::Unreadable { from: from.clone(), source })?;
                read(from, file)
            }
        }
    }
}

fn read(from: String, reader: impl Read) -> Result<String, SourceError> {
    let mut text = String::new();
    match reader.take(MAX_BYTES as u64 + 1).read_to_string(&mut text) {
        Err(source) => Err(SourceError::Unreadable { from, source }),
        Ok(length) if length > MAX_BYTES => Err(SourceError::TooLarge { from }),
        Ok(_) => Ok(text),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_told_from_yaml() {
        for text in ["- name: a", "[{name: a}]", "# x\n- name: a", "  - name: a"] {
            assert_eq!(Source::of(text), Source::Text(text.to_owned()));
        }
        for path in ["jobs.yaml", "./a b/jobs.yaml", "-x.yaml"] {
            assert_eq!(Source::of(path), Source::File(path.into()));
        }
        assert_eq!(Source::of("-"), Source::StandardInput);
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        let missing = Source::of("/nowhere/jobs.yaml").read().unwrap_err().to_string();
        assert!(
            missing.starts_with("--jobs: cannot read /nowhere/jobs.yaml; expected a file"),
            "{missing}"
        );
        assert!(matches!(
            read("x".to_owned(), io::repeat(b'a')),
            Err(SourceError::TooLarge { .. })
        ));
        assert!(matches!(read("x".to_owned(), &b"\xff"[..]), Err(SourceError::Unreadable { .. })));
    }
}
