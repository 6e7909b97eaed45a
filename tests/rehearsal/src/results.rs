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
pub enum Carried {
    /// All that is there
    Whole(BTreeMap<String, String>),
    /// More than 4096 bytes: Tekton fails the step
    TooLarge,
    /// Within Tekton's limit, but cut by the kubelet: there are none
    Lost,
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
        results.insert(
            result.name.clone(),
            String::from_utf8_lossy(&bytes).into_owned(),
        );
    }
    let size = message_size(&results);
    // one init container besides the steps
    let part = POD / (steps + 1);
    Ok(match () {
        () if size > MESSAGE => Carried::TooLarge,
        () if size > part => Carried::Lost,
        () => Carried::Whole(results),
    })
}

fn message_size(results: &BTreeMap<String, String>) -> usize {
    OWN + results
        .iter()
        .map(|(name, value)| ENTRY + name.len() + escaped(value))
        .sum::<usize>()
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

    fn written(name: &str, value: &str, steps: usize) -> Carried {
        let folder = tempfile::tempdir().unwrap();
        std::fs::write(folder.path().join(name), value).unwrap();
        let declared = |name: &str| ResultSpec {
            name: name.into(),
            description: String::new(),
            value: None,
        };
        carried(folder.path(), &[declared(name), declared("other")], steps).unwrap()
    }

    #[test]
    fn one_result_of_one_letter_has_3999_bytes() {
        // seen on Tekton: 3999 fits, 4000 fails
        assert!(matches!(
            written("a", &"x".repeat(3999), 1),
            Carried::Whole(_)
        ));
        assert_eq!(written("a", &"x".repeat(4000), 1), Carried::TooLarge);
        assert_eq!(written("a", &"\"".repeat(2000), 1), Carried::TooLarge);
        assert_eq!(written("a", &"&".repeat(667), 1), Carried::TooLarge);
        assert_eq!(written("a", &"x".repeat(200_000), 1), Carried::TooLarge);
    }

    #[test]
    fn many_steps_share_the_pod() {
        assert!(matches!(
            written("a", &"x".repeat(3999), 2),
            Carried::Whole(_)
        ));
        assert_eq!(written("a", &"x".repeat(3000), 3), Carried::Lost);
        assert!(matches!(
            written("a", &"x".repeat(2900), 3),
            Carried::Whole(_)
        ));
    }

    #[test]
    fn bytes_are_kept_and_missing_files_are_missing() {
        let Carried::Whole(results) = written("a", "v\n", 1) else {
            panic!("lost")
        };
        assert_eq!(
            results,
            BTreeMap::from([("a".to_owned(), "v\n".to_owned())])
        );
    }
}
