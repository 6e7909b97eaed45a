//! What the steps of a check say in their logs, as rows.

use serde::Deserialize;

use crate::text;

/// How much of a container's log is read (1 MiB): a check says little.
pub const LOG: u64 = 1 << 20;

/// One thing that a step looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The step, or what failed instead of one: `run`, `job`.
    pub step: String,
    /// `passed`, `failed`, `unknown`.
    pub result: String,
    /// The thing.
    pub what: String,
    pub detail: String,
}

impl Row {
    /// Something that failed beside the steps.
    pub fn failure(step: &str, what: &str, detail: &str) -> Self {
        let (what, detail) = (text::one_line(what, 60), text::one_line(detail, 600));
        Self { step: step.to_owned(), result: "failed".to_owned(), what, detail }
    }

    pub fn failed(&self) -> bool {
        self.result == "failed"
    }

    /// `STEP RESULT WHAT DETAIL`, with tabs between.
    pub fn line(&self) -> String {
        format!("{}\t{}\t{}\t{}\n", self.step, self.result, self.what, self.detail)
    }

    /// For a terminal.
    pub fn words(&self) -> String {
        let mark = match self.result.as_str() {
            "passed" => '✓',
            "failed" => '✗',
            _ => '?',
        };
        format!("{mark} {:<16} {:<13}  {}\n", self.step, self.what, self.detail)
    }
}

#[derive(Deserialize)]
struct Said {
    #[serde(default)]
    checks: Vec<Check>,
}

#[derive(Deserialize)]
struct Check {
    what: String,
    result: String,
    #[serde(default)]
    detail: String,
}

/// The rows in the log of one container. Each step shows its checks as JSON in one line, and its error in
/// another; a sum of rows that are there already is no row.
pub fn rows(container: &str, log: &str) -> Vec<Row> {
    let step = container.strip_prefix("step-").unwrap_or(container);
    let mut rows = Vec::new();
    for line in log.lines() {
        if let Ok(said) = serde_json::from_str::<Said>(line) {
            rows.extend(said.checks.into_iter().map(|check| Row {
                step: step.to_owned(),
                result: text::one_line(&check.result, 10),
                what: text::one_line(&check.what, 60),
                detail: text::one_line(&check.detail, 600),
            }));
        } else if let Some(why) = line.strip_prefix("error: ")
            && !is_sum(why)
        {
            rows.push(Row::failure(step, "error", why));
        }
    }
    rows
}

/// `N of M checks failed`.
fn is_sum(why: &str) -> bool {
    let mut words = why.split(' ');
    let number = |word: Option<&str>| word.is_some_and(|word| word.parse::<u32>().is_ok());
    let (failed, of, all) = (words.next(), words.next(), words.next());
    number(failed)
        && of == Some("of")
        && number(all)
        && words.collect::<Vec<_>>().join(" ").starts_with("checks failed")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_and_errors_are_rows() {
        let log = r#"{"level":"INFO","message":"reads the record"}
{"checks":[{"what":"gangway","result":"passed","detail":"answers"},{"what":"job","result":"failed","detail":"no such job"}]}
error: 1 of 2 checks failed: job: no such job
not JSON"#;
        let found = rows("step-launch-prow", log);
        let lines: String = found.iter().map(Row::line).collect();
        assert_eq!(
            lines,
            "launch-prow\tpassed\tgangway\tanswers\nlaunch-prow\tfailed\tjob\tno such job\n"
        );
        assert!(!found[0].failed() && found[1].failed());
        let alone = rows("trigger-gate", "error: --wait: expected a duration\n");
        assert_eq!(alone[0].line(), "trigger-gate\tfailed\terror\t--wait: expected a duration\n");
    }

    #[test]
    fn what_a_server_says_stays_one_harmless_line() {
        let log = "{\"checks\":[{\"what\":\"a\\tb\\nc\",\"result\":\"passed\",\"detail\":\"\\u001b[31mx\\ty\"}]}";
        let row = &rows("step-x", log)[0];
        assert_eq!(row.line().matches('\t').count(), 3, "{row:?}");
        assert!(!row.line().contains('\u{1b}'), "{row:?}");
    }
}
