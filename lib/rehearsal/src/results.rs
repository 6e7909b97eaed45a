//! Results of a task: files that its steps write, carried in the termination message of the pod.
//!
//! The message holds all results of the task so far, Tekton's own entries, and no more than 4096
//! bytes for a container; the kubelet moreover cuts 12288 bytes into equal parts for all containers
//! of the pod, and a message that is cut is no JSON any more, so its results are lost.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::Path;

use crate::document::ResultSpec;

/// Most bytes of a step's termination message.
const MESSAGE: usize = 4096;
/// Bytes that the kubelet has for all containers of a pod.
const POD: usize = 12_288;
/// Tekton's own entry.
const OWN: usize = 65;
/// What a result takes besides its name and value: `{"key":"…","value":"…","type":1},`.
const ENTRY: usize = 31;
/// More than any message can take; a larger file is not read to its end.
const FILE: u64 = 64 * 1024;

/// What came of a step's results.
#[derive(Debug, PartialEq, Eq)]
pub struct Carried {
    /// Those that arrive
    pub results: BTreeMap<String, String>,
    /// More than 4096 bytes: Tekton fails the step, whatever its exit code
    pub too_large: bool,
}

/// The results in a folder, as they arrive from a pod with that many steps.
///
/// # Errors
/// A file that cannot be read.
pub fn carried(folder: &Path, declared: &[ResultSpec], steps: usize) -> std::io::Result<Carried> {
    let mut results = BTreeMap::new();
    for result in declared {
        let file = match std::fs::File::open(folder.join(&result.name)) {
            Ok(file) => file,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => return Err(error),
        };
        let mut bytes = Vec::new();
        file.take(FILE).read_to_end(&mut bytes)?;
        results.insert(result.name.clone(), String::from_utf8_lossy(&bytes).into_owned());
    }
    // Tekton writes the results, then adds an entry of its own; each must fit.
    let size = entries(&results);
    let too_large = size + OWN > MESSAGE;
    // One init container besides the steps; a message that is cut is lost.
    let part = (POD / (steps + 1)).min(MESSAGE);
    let arrives = size + if too_large { 0 } else { OWN } <= part;
    if !arrives {
        results.clear();
    }
    Ok(Carried { results, too_large })
}

fn entries(results: &BTreeMap<String, String>) -> usize {
    results
        .iter()
        .map(|(name, value)| ENTRY + name.len() + escaped(value))
        .sum()
}

/// Bytes of a text in Go's JSON, which escapes for HTML as well.
fn escaped(text: &str) -> usize {
    text.chars()
        .map(|c| match c {
            '"' | '\\' | '\n' | '\r' | '\t' | '\u{8}' | '\u{c}' => 2,
            '<' | '>' | '&' | '\u{2028}' | '\u{2029}' => 6,
            c if c < ' ' => 6,
            c => c.len_utf8(),
        })
        .sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(value: &str, steps: usize) -> Carried {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join("a"), value).unwrap();
        let declared =
            |name: &str| ResultSpec { name: name.into(), description: String::new(), value: None };
        carried(folder.path(), &[declared("a"), declared("other")], steps).unwrap()
    }

    #[test]
    fn a_step_has_4096_bytes_with_tektons_own() {
        // value, steps, whether the step fails, whether the result arrives.
        // The first three and the last of one step were seen on Tekton 1.12.
        let cases = [
            ("x".repeat(3999), 1, false, true),
            ("x".repeat(4000), 1, true, true),
            ("x".repeat(4100), 1, true, false),
            ("\"".repeat(1999), 1, false, true),
            ("\"".repeat(2000), 1, true, true),
            ("&".repeat(666), 1, false, true),
            ("&".repeat(700), 1, true, false),
            ("x".repeat(200_000), 1, true, false),
            ("x".repeat(3999), 2, false, true),
            ("x".repeat(2900), 3, false, true),
            ("x".repeat(3000), 3, false, false),
        ];
        for (value, steps, too_large, arrives) in cases {
            let carried = written(&value, steps);
            let name = format!("{} of {:?} in {steps} steps", value.len(), value.chars().next());
            assert_eq!(carried.too_large, too_large, "{name}");
            assert_eq!(carried.results.contains_key("a"), arrives, "{name}");
        }
    }

    #[test]
    fn bytes_are_kept_and_missing_files_are_missing() {
        let results = written("v\n", 1).results;
        assert_eq!(results, BTreeMap::from([("a".to_owned(), "v\n".to_owned())]));
    }
}
