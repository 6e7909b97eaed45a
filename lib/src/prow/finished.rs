//! `finished.json`: how a run's pod, or Prow in its place, says that it ended.

use serde::Deserialize;

use crate::text;

/// A run's end as the bucket has it. A hint only: an evicted pod leaves one too, and its run goes
/// on.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Finished {
    /// Whether it ended well.
    #[serde(default)]
    pub passed: Option<bool>,
    /// `SUCCESS`, `FAILURE`, `ABORTED` from the pod; in lower case, and `error`, from Prow itself.
    #[serde(default)]
    pub result: Option<String>,
}

impl Finished {
    /// Reads the file; `None` if it is something else.
    pub fn read(bytes: &[u8]) -> Option<Self> {
        serde_json::from_slice(bytes).ok()
    }

    /// Its word, if that is another than success.
    pub fn other_than_success(&self) -> Option<String> {
        let word = self.result.as_deref().map(str::trim).filter(|word| !word.is_empty());
        match (self.passed, word) {
            (Some(false), Some(word)) if !word.eq_ignore_ascii_case("success") => {
                Some(text::one_line(word, 40))
            }
            (Some(false), _) => Some("passed: false".to_owned()),
            (_, Some(word)) if !word.eq_ignore_ascii_case("success") => {
                Some(text::one_line(word, 40))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_timestamp_is_always_there() {
        let read = |text: &str| Finished::read(text.as_bytes());
        assert_eq!(
            read(r#"{"timestamp":1755668462}"#),
            Some(Finished { passed: None, result: None })
        );
        let crier = r#"{"timestamp":1,"passed":false,"metadata":{"uploader":"crier"},"result":"aborted","revision":"x"}"#;
        assert_eq!(
            read(crier),
            Some(Finished { passed: Some(false), result: Some("aborted".to_owned()) })
        );
        assert_eq!(read("<html>"), None);
    }

    #[test]
    fn another_word_than_success_is_told_and_a_contradiction_as_no_pass() {
        for (file, word) in [
            (r#"{"passed":true,"result":"SUCCESS"}"#, None),
            (r#"{"result":"success"}"#, None),
            (r#"{"result":" "}"#, None),
            (r#"{"passed":false,"result":"SUCCESS"}"#, Some("passed: false")),
            (r#"{"passed":false}"#, Some("passed: false")),
            (r#"{"passed":false,"result":"ABORTED"}"#, Some("ABORTED")),
            (r#"{"passed":true,"result":"FAILURE"}"#, Some("FAILURE")),
            (r#"{"result":"error"}"#, Some("error")),
        ] {
            let finished = Finished::read(file.as_bytes()).unwrap();
            assert_eq!(finished.other_than_success().as_deref(), word, "{file}");
        }
    }
}
