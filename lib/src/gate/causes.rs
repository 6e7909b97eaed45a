//! Every cause with everything that people are told of it: a new one gets its words here.

use crate::record::{Attempt, Cause, JobState, ProofLevel};
use crate::text;

use super::counts;
use super::past;
use super::reruns::is_known;

/// How many failing tests a sentence names.
const NAMED_TESTS: usize = 3;

/// The longest foreign text in a part of a message, in bytes.
const FOREIGN: usize = 160;

/// What is said of a run that was judged, at each place where people read of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Told {
    /// In one word of a table.
    pub word: &'static str,
    /// Why the job did not pass, after its name.
    pub reason: String,
    /// In a table, besides the word.
    pub remark: Option<String>,
    /// In a table, of a try before the last: `the first …`.
    pub earlier: String,
    /// In a message, after the job's name.
    pub message: String,
    /// In a message, of a try before the last.
    pub message_earlier: String,
}

/// What is said of a run with that cause.
pub fn told(attempt: &Attempt, cause: Cause) -> Told {
    let known = attempt.detail.clone().filter(|detail| !detail.is_empty());
    let why = attempt.detail.as_deref().unwrap_or("no reason is known");
    let tests = &attempt.failing_tests;
    let with_detail = format!("{}{}", cause.as_str(), detail(attempt));
    let remark = match &known {
        Some(detail) => format!("{}: {detail}", cause.as_str()),
        None => cause.as_str().to_owned(),
    };
    match cause {
        Cause::Passed => Told {
            word: "passed",
            reason: "passed".to_owned(),
            remark: passed(attempt, known),
            earlier: "passed".to_owned(),
            message: passed_in_message(attempt),
            message_earlier: "passed".to_owned(),
        },
        Cause::Product => {
            let named = past::failing(attempt, NAMED_TESTS, FOREIGN);
            let named = named.map(|tests| format!("product: {tests}"));
            let short = named.unwrap_or(with_detail);
            Told {
                word: ended_badly(attempt.state),
                reason: match tests.names.is_empty() {
                    true => format!("failed in its test phase: {why}"),
                    false => format!("failed {}", tests.brief(NAMED_TESTS)),
                },
                remark: Some(match tests.names.is_empty() {
                    true => remark,
                    false => {
                        let first = past::failing(attempt, 1, FOREIGN).unwrap_or_default();
                        format!("{}: {first}", cause.as_str())
                    }
                }),
                earlier: match is_known(attempt) {
                    true => format!("failed only what is known: {}", tests.brief(1)),
                    false => format!("failed {}", tests.brief(1)),
                },
                message: format!("failed, {short}"),
                message_earlier: short,
            }
        }
        Cause::Setup | Cause::Teardown => Told {
            word: ended_badly(attempt.state),
            reason: format!("failed in {}: {why}", cause.as_str()),
            remark: Some(remark),
            earlier: format!("failed in {}", cause.as_str()),
            message: format!("failed in {with_detail}"),
            message_earlier: with_detail,
        },
        Cause::Infrastructure => Told {
            word: ended_badly(attempt.state),
            reason: format!("was stopped by infrastructure: {why}"),
            earlier: match &known {
                Some(detail) if detail.contains("lease") => "had no lease".to_owned(),
                Some(detail) => format!("was stopped: {}", text::one_line(detail, 60)),
                None => "was stopped by infrastructure".to_owned(),
            },
            remark: Some(remark),
            message: format!("no result, {with_detail}"),
            message_earlier: with_detail,
        },
        Cause::Deadline => Told {
            word: "too late",
            reason: format!("had not ended in time: {why}"),
            remark: Some(remark),
            earlier: "ended for an unknown reason".to_owned(),
            message: format!("not finished in time{}", detail(attempt)),
            message_earlier: with_detail,
        },
        // The word beside the remark says that already.
        Cause::Unproven => Told {
            word: "unproven",
            reason: format!("succeeded, but it is not proven on which image: {why}"),
            remark: known.or_else(|| Some("nothing shows which image ran".to_owned())),
            earlier: "was unproven".to_owned(),
            message: format!("succeeded, but it is not proven which image ran{}", proof(attempt)),
            message_earlier: format!("unproven{}", proof(attempt)),
        },
        Cause::Hollow => Told {
            word: "hollow",
            reason: format!("succeeded, but {why}"),
            remark: known.or_else(|| Some("its own artifacts contradict its success".to_owned())),
            earlier: match tests.is_empty() {
                true => "was hollow".to_owned(),
                false => format!("was hollow: {}", tests.brief(1)),
            },
            message: format!("succeeded, but {}", contradiction(attempt)),
            message_earlier: format!("hollow: {}", contradiction(attempt)),
        },
        Cause::Undetermined => Told {
            word: ended_badly(attempt.state),
            reason: format!("ended for an unknown reason: {why}"),
            remark: Some(remark),
            earlier: "ended for an unknown reason".to_owned(),
            message: format!("ended, cause undetermined{}", detail(attempt)),
            message_earlier: with_detail,
        },
    }
}

fn ended_badly(state: JobState) -> &'static str {
    match state {
        JobState::Aborted => "aborted",
        JobState::Error => "error",
        _ => "failed",
    }
}

/// How well its image is proven, how many tests ran, and what else is said of a pass.
fn passed(attempt: &Attempt, known: Option<String>) -> Option<String> {
    let proof = attempt.proof.as_ref().map(|proof| match proof.level {
        ProofLevel::Proven => "proven by its log".to_owned(),
        ProofLevel::Requested => "image requested, not proven by a log".to_owned(),
        ProofLevel::Unproven => format!("image unproven: {}", proof.note),
    });
    let said: Vec<String> = [proof, counts::tests(attempt), known].into_iter().flatten().collect();
    (!said.is_empty()).then(|| said.join(" · "))
}

fn passed_in_message(attempt: &Attempt) -> String {
    let proof = match attempt.proof.as_ref().map(|proof| proof.level) {
        Some(ProofLevel::Requested) => " (image requested, no log proves it)",
        Some(ProofLevel::Unproven) => " (image not proven)",
        Some(ProofLevel::Proven) | None => "",
    };
    let detail = attempt.detail.as_deref().map(|text| text::one_line(text, FOREIGN));
    let said = counts::tests(attempt).into_iter().chain(detail);
    let said: String = said.map(|words| format!(", {words}")).collect();
    format!("passed{proof}{said}")
}

/// `: why`, from the detail or Prow's words.
fn detail(attempt: &Attempt) -> String {
    let known = attempt
        .detail
        .as_deref()
        .or(attempt.reason.as_deref())
        .map(|text| text::one_line(text, FOREIGN));
    known
        .filter(|text| !text.is_empty())
        .map(|text| format!(": {text}"))
        .unwrap_or_default()
}

fn proof(attempt: &Attempt) -> String {
    match &attempt.proof {
        Some(proof) if !proof.note.is_empty() => {
            format!(": {}", text::one_line(&proof.note, FOREIGN))
        }
        _ => detail(attempt),
    }
}

/// What contradicts a success.
fn contradiction(attempt: &Attempt) -> String {
    let known = attempt.detail.as_deref().map(|text| text::one_line(text, FOREIGN));
    known.unwrap_or_else(|| "its own artifacts contradict that".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::Proof;
    use crate::record::samples::attempt;

    #[test]
    fn what_did_not_pass_is_called_by_prows_own_word() {
        use Cause::{Infrastructure, Product, Setup, Teardown, Undetermined};
        for (state, word) in [
            (JobState::Failure, "failed"),
            (JobState::Aborted, "aborted"),
            (JobState::Error, "error"),
        ] {
            for cause in [Product, Setup, Teardown, Infrastructure, Undetermined] {
                assert_eq!(told(&attempt(state, Some(cause)), cause).word, word, "{cause:?}");
            }
        }
    }

    #[test]
    fn an_earlier_try_without_a_lease_is_told_from_other_stops() {
        for (detail, earlier) in [
            (Some("no cluster lease"), "had no lease"),
            (Some("Pod scheduling timeout."), "was stopped: Pod scheduling timeout."),
            (None, "was stopped by infrastructure"),
        ] {
            let mut stopped = attempt(JobState::Error, Some(Cause::Infrastructure));
            stopped.detail = detail.map(str::to_owned);
            assert_eq!(told(&stopped, Cause::Infrastructure).earlier, earlier);
        }
    }

    #[test]
    fn a_message_says_why_an_image_is_not_proven() {
        let unproven = |note: Option<&str>, detail: Option<&str>| {
            let mut unproven = attempt(JobState::Success, Some(Cause::Unproven));
            let proof = |note: &str| Proof { level: ProofLevel::Unproven, note: note.to_owned() };
            unproven.proof = note.map(proof);
            unproven.detail = detail.map(str::to_owned);
            told(&unproven, Cause::Unproven).message_earlier
        };
        assert_eq!(unproven(Some("no log"), Some("it is closed")), "unproven: no log");
        assert_eq!(unproven(Some(""), Some("it is closed")), "unproven: it is closed");
        assert_eq!(unproven(None, Some("it is closed")), "unproven: it is closed");
        assert_eq!(unproven(Some(""), None), "unproven");
    }
}
