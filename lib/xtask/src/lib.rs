//! Files of this repository that are made from others, and the tests that hold them.
//!
//! A test makes the text and calls [`held`]. Usually that compares; under `cargo xtask generate` it
//! writes, and under `cargo xtask check` it only notes what is stale.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::path::{Path, PathBuf};

/// What [`held`] does about a file that differs, if not to fail: `write` or `note`.
pub(crate) const MODE: &str = "XTASK_HELD";
/// The file to which [`held`] then appends the path, a line for each.
pub(crate) const LOG: &str = "XTASK_LOG";

pub mod generate;
pub mod new_step;
pub mod release;
pub mod tree;
pub mod version;

/// A path in this repository.
pub fn repository(path: impl AsRef<Path>) -> PathBuf {
    let crate_folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    // This crate is lib/xtask.
    let root = crate_folder.ancestors().nth(2).unwrap_or(crate_folder);
    root.join(path)
}

/// Holds a file of this repository to the text that it must have.
///
/// # Panics
/// The file differs or is missing; the message shows the first line that differs.
pub fn held(path: &str, text: &str) {
    let file = repository(path);
    let found = fs::read_to_string(&file).unwrap_or_default();
    if found == text {
        return;
    }
    let (mode, log) = (std::env::var(MODE), std::env::var_os(LOG));
    let (Ok(mode), Some(log)) = (mode, log) else {
        panic!("{path} is stale; run: cargo xtask generate\n{}", difference(&found, text));
    };
    if mode == "write" {
        let folder = file.parent().expect("a file is in a folder");
        fs::create_dir_all(folder)
            .and_then(|()| fs::write(&file, text))
            .unwrap_or_else(|error| panic!("write {path}: {error}"));
    }
    OpenOptions::new()
        .append(true)
        .create(true)
        .open(log)
        .and_then(|mut log| writeln!(log, "{path}"))
        .unwrap_or_else(|error| panic!("note {path}: {error}"));
}

/// The first line that differs, of both texts.
fn difference(found: &str, wanted: &str) -> String {
    let (mut found, mut wanted) = (found.lines(), wanted.lines());
    for number in 1.. {
        match (found.next(), wanted.next()) {
            (None, None) => break,
            (found, wanted) if found == wanted => {}
            (found, wanted) => {
                let shown = |line: Option<&str>| line.unwrap_or("(nothing)").to_owned();
                return format!(
                    "line {number}, found:\n  {}\nexpected:\n  {}",
                    shown(found),
                    shown(wanted)
                );
            }
        }
    }
    "only in the ends of lines".to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_repository_is_found() {
        assert!(repository("Cargo.lock").is_file() && repository("lib/xtask/src/lib.rs").is_file());
    }

    #[test]
    fn the_first_difference_is_shown() {
        assert_eq!(difference("a\nb\n", "a\nc\n"), "line 2, found:\n  b\nexpected:\n  c");
        assert_eq!(difference("a\n", "a\nb\n"), "line 2, found:\n  (nothing)\nexpected:\n  b");
        assert_eq!(difference("a", "a\n"), "only in the ends of lines");
    }
}
