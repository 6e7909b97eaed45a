//! `cargo xtask generate` and `check`: the tests that hold generated files, told to write them or
//! to note what is stale.

use std::collections::BTreeSet;
use std::path::Path;
use std::process::Command;
use std::{fs, io};

use crate::{LOG, MODE, repository};

/// Where the tests are that hold files: the packages' unit tests, and the test program of the
/// whole.
const WHERE: [&str; 8] = [
    "test",
    "--quiet",
    "--no-fail-fast",
    "--package=gate",
    "--package=release-gate",
    "--lib",
    "--test=gate",
    "--",
];
/// Parts of their names: a test that holds a file has this in its name; every rehearsal holds its
/// screen.
const NAMES: [&str; 2] = ["as_checked_in", "rehearsal::"];

/// How it went.
#[derive(Debug)]
pub struct Report {
    /// Files that were written, or are stale
    pub files: BTreeSet<String>,
    /// Whether all tests that hold files passed
    pub passed: bool,
}

/// Writes the files that are stale, or only finds them.
///
/// # Errors
/// Cargo cannot be started, or the folder for temporary files cannot be written.
pub fn run(write: bool) -> io::Result<Report> {
    let log = repository("target").join(format!("xtask-{}.log", std::process::id()));
    fs::create_dir_all(repository("target"))?;
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let status = Command::new(cargo)
        .args(WHERE)
        .args(NAMES)
        .current_dir(repository(""))
        .env(MODE, if write { "write" } else { "note" })
        .env(LOG, &log)
        .status()?;
    let files = noted(&log)?;
    Ok(Report { files, passed: status.success() })
}

/// The paths in the log, each once, and the log removed; there is none if nothing was stale.
fn noted(log: &Path) -> io::Result<BTreeSet<String>> {
    match fs::read_to_string(log) {
        Ok(text) => {
            fs::remove_file(log)?;
            Ok(text.lines().map(str::to_owned).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(BTreeSet::new()),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_noted_is_read_once() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("log");
        assert!(noted(&log).unwrap().is_empty());
        fs::write(&log, "b\na\nb\n").unwrap();
        assert_eq!(noted(&log).unwrap(), BTreeSet::from(["a".to_owned(), "b".to_owned()]));
        assert!(!log.exists());
    }
}
