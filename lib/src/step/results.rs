//! What a step hands on: result files for Tekton, and the same values on stdout.
//!
//! A result is written as bytes without a line break, to a temporary sibling that is then renamed,
//! so that a reader sees all of it or nothing. Each is kept under 1 KB, since all results of a
//! container share Tekton's 4096 bytes; bulk belongs into the record.

use std::io::{self, IsTerminal, Write};
use std::path::{Path, PathBuf};

use super::{flags, terminal};
use crate::text;

/// The longest result in bytes, as JSON escapes it (Tekton counts the escaped form).
pub const MAX_RESULT_BYTES: usize = 960;

/// Why results cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum ResultsError {
    /// The path given cannot be written to. Found before anything is done.
    #[error("{flag}: cannot write {}; expected a path in a folder that exists", path.display())]
    Unwritable {
        /// The flag.
        flag: String,
        /// The path given.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Writing failed at the end.
    #[error("cannot write the result {name} to {}", path.display())]
    Failed {
        /// The result.
        name: String,
        /// The path given.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// Standard output is gone.
    #[error("cannot write the results to standard output")]
    Stdout(#[source] io::Error),
}

#[derive(Debug)]
struct Entry {
    name: &'static str,
    path: Option<PathBuf>,
    value: String,
}

/// A step's results, by name in the order declared. A result that is never set is the empty text.
#[derive(Debug)]
pub struct Results(Vec<Entry>);

impl Results {
    /// Declares the results, each with the path of its flag; an absent path writes no file.
    ///
    /// # Errors
    /// [`ResultsError::Unwritable`] when a path's folder is missing or closed, so that this is
    /// known before any work is done.
    pub fn declare(
        results: impl IntoIterator<Item = (&'static str, Option<PathBuf>)>,
    ) -> Result<Self, ResultsError> {
        let entry = |(name, path)| Entry { name, path, value: String::new() };
        let declared = Self(results.into_iter().map(entry).collect());
        for Entry { name, path, .. } in &declared.0 {
            if let Some(path) = path {
                let unwritable = |source| ResultsError::Unwritable {
                    flag: flags::of_result(name),
                    path: path.clone(),
                    source,
                };
                if path.is_dir() {
                    return Err(unwritable(io::Error::from(io::ErrorKind::IsADirectory)));
                }
                // The error would name the temporary file, which nobody has asked for.
                let tried = tempfile::NamedTempFile::new_in(folder_of(path));
                tried.map_err(|error| unwritable(error.kind().into()))?;
            }
        }
        Ok(declared)
    }

    /// Those of a step that has none.
    pub fn none() -> Self {
        Self(Vec::new())
    }

    /// Sets a declared result; a longer value is cut with a count.
    ///
    /// # Panics
    /// If the name was not declared, which is a bug.
    pub fn set(&mut self, name: &str, value: impl AsRef<str>) {
        let entry = self.0.iter_mut().find(|entry| entry.name == name);
        let entry = entry.unwrap_or_else(|| panic!("the result {name} is not declared"));
        entry.value = fit(value.as_ref());
    }

    /// Writes the files, then the values to stdout: one JSON object in a pipe, `table` on a
    /// terminal.
    ///
    /// # Errors
    /// [`ResultsError`] when either cannot be written.
    pub fn write(&self, table: impl FnOnce() -> String) -> Result<(), ResultsError> {
        self.write_with(&[], table)
    }

    /// As [`Results::write`], with more in the JSON object than results: what a dry run would send.
    ///
    /// # Errors
    /// [`ResultsError`] when either cannot be written.
    pub fn write_with(
        &self,
        more: &[(&str, serde_json::Value)],
        table: impl FnOnce() -> String,
    ) -> Result<(), ResultsError> {
        self.write_files()?;
        let stdout = io::stdout();
        let text = if stdout.is_terminal() {
            terminal::fitted(&table(), terminal::width())
        } else {
            self.json_with(more)
        };
        let mut stdout = stdout.lock();
        match writeln!(stdout, "{}", text.trim_end_matches('\n')).and_then(|()| stdout.flush()) {
            // Nobody reads any more (`| head`): the files are what counts.
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
            other => other.map_err(ResultsError::Stdout),
        }
    }

    /// The results as one JSON object of texts, in the order declared.
    pub fn json(&self) -> String {
        self.json_with(&[])
    }

    fn json_with(&self, more: &[(&str, serde_json::Value)]) -> String {
        let results = self
            .0
            .iter()
            .map(|entry| format!("{}:{}", quoted(entry.name), quoted(&entry.value)));
        let pairs =
            results.chain(more.iter().map(|(name, value)| format!("{}:{value}", quoted(name))));
        format!("{{{}}}", pairs.collect::<Vec<_>>().join(","))
    }

    fn write_files(&self) -> Result<(), ResultsError> {
        for Entry { name, path, value } in &self.0 {
            if let Some(path) = path {
                let failed = |source| ResultsError::Failed {
                    name: (*name).to_owned(),
                    path: path.clone(),
                    source,
                };
                write_whole(path, value.as_bytes()).map_err(failed)?;
            }
        }
        Ok(())
    }
}

/// Shows what a step without results says on stdout: `json` in a pipe, `text` on a terminal.
///
/// # Errors
/// [`ResultsError::Stdout`]; a reader that has gone away is none.
pub fn show(json: &str, text: impl FnOnce() -> String) -> Result<(), ResultsError> {
    let shown = io::stdout()
        .is_terminal()
        .then(|| terminal::fitted(&text(), terminal::width()));
    print(&shown.unwrap_or_else(|| format!("{json}\n")))
}

/// Prints a text for people on stdout: what a step shows besides results, or instead of them.
///
/// # Errors
/// [`ResultsError::Stdout`]; a reader that has gone away is none.
pub fn print(text: &str) -> Result<(), ResultsError> {
    let mut stdout = io::stdout().lock();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        other => other.map_err(ResultsError::Stdout),
    }
}

/// Replaces a file's content as a whole: a reader sees the old or the new one.
pub(crate) fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = tempfile::NamedTempFile::new_in(folder_of(path))?;
    file.write_all(bytes)?;
    // Tekton's entrypoint reads the file under the step's own UID, people under theirs.
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        file.as_file()
            .set_permissions(std::fs::Permissions::from_mode(0o644))?;
    }
    file.persist(path).map_err(|error| error.error)?;
    Ok(())
}

fn folder_of(path: &Path) -> &Path {
    path.parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."))
}

fn quoted(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

/// The bytes that Tekton counts for a value: `"` and `\` take two, `&`, `<`, `>` and control
/// characters six.
pub fn escaped_len(value: &str) -> usize {
    let length = |c: char| match c {
        '"' | '\\' | '\n' | '\r' | '\t' => 2,
        '&' | '<' | '>' => 6,
        c if c.is_control() => 6,
        c => c.len_utf8(),
    };
    value.chars().map(length).sum()
}

fn fit(value: &str) -> String {
    let mut limit = MAX_RESULT_BYTES;
    loop {
        let cut = text::cut(value, limit);
        if escaped_len(&cut) <= MAX_RESULT_BYTES || limit < 64 {
            return cut;
        }
        limit -= 32;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn files_hold_the_bytes_and_nothing_else() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("image");
        let mut results =
            Results::declare([("image", Some(path.clone())), ("TEST_OUTPUT", None)]).unwrap();
        results.set("image", "a@b");
        results.set("TEST_OUTPUT", r#"{"result":"SUCCESS"}"#);
        results.write_files().unwrap();
        assert_eq!(std::fs::read(path).unwrap(), b"a@b");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "no temporary file is left");
        assert_eq!(results.json(), r#"{"image":"a@b","TEST_OUTPUT":"{\"result\":\"SUCCESS\"}"}"#);
    }

    #[test]
    fn a_missing_folder_is_found_at_once() {
        let dir = tempfile::tempdir().unwrap();
        let path = Some(dir.path().join("missing/out"));
        let error = Results::declare([("TEST_OUTPUT", path)]).unwrap_err().to_string();
        assert!(error.starts_with("--result-test-output: cannot write "), "{error}");
        Results::declare([("image", Some(dir.path().to_owned()))]).unwrap_err();
    }

    proptest! {
        #[test]
        fn a_result_fits(value in "[a-z\"&<\\\\ü]{0,3000}") {
            prop_assert!(escaped_len(&fit(&value)) <= MAX_RESULT_BYTES);
        }
    }
}
