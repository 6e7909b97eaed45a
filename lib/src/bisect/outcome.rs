//! What a judged run says of its Snapshot.

use super::Outcome;
use crate::record::{Attempt, Cause, FailingTests};

/// What a run shows, in the light of the test that is looked for, or of any product failure where
/// none is named. With the reason in words.
///
/// A failure counts only with the named test, or one of its subtests. Where the job failed and the
/// named test did not, it is not known whether that ran at all: such a run shows nothing, and
/// neither does one that failed for want of a cluster, that is not proven to have run the image, or
/// was never judged.
pub fn outcome(attempt: &Attempt, test: Option<&str>) -> (Outcome, String) {
    let detail = || attempt.detail.clone().unwrap_or_default();
    let failures = || match attempt.failing_tests.is_empty() {
        true => detail(),
        false => format!("{} failed", attempt.failing_tests.brief(2)),
    };
    let Some(cause) = attempt.cause else {
        let reason = attempt
            .refusal
            .as_ref()
            .map_or("not judged", |refusal| &refusal.reason);
        return (Outcome::Inconclusive, reason.to_owned());
    };
    let failing = &attempt.failing_tests;
    match (cause, test) {
        (Cause::Passed, _) => (Outcome::Passed, "passed".to_owned()),
        // A success that its own tests contradict.
        (Cause::Product | Cause::Hollow, Some(test)) if holds(failing, test) => {
            (Outcome::Failed, format!("{test} failed"))
        }
        (Cause::Product | Cause::Hollow, Some(test)) if holds(&attempt.flaky_tests, test) => {
            (Outcome::Passed, format!("{test} failed and passed"))
        }
        (Cause::Product, Some(test)) => {
            let words = format!("{}, and {test} is not among the failures", failures());
            (Outcome::Inconclusive, words)
        }
        (Cause::Product, None) => (Outcome::Failed, failures()),
        (Cause::Hollow, None) if !failing.is_empty() => (Outcome::Failed, failures()),
        (cause, _) => (Outcome::Inconclusive, format!("{}: {}", cause.as_str(), detail())),
    }
}

/// Whether a test is among those named: it, or a subtest of it, which stands for its parents.
fn holds(tests: &FailingTests, test: &str) -> bool {
    tests.names.iter().any(|name| is_of(name, test))
}

/// Whether a name is that of a test or of one of its subtests.
pub(super) fn is_of(name: &str, test: &str) -> bool {
    let rest = name.strip_prefix(test);
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::matrix::tests::attempt;

    fn named(names: &[&str]) -> FailingTests {
        FailingTests { names: names.iter().map(|name| (*name).to_owned()).collect(), more: 0 }
    }

    fn ended(cause: Option<Cause>, failing: &[&str], flaky: &[&str]) -> Attempt {
        Attempt { failing_tests: named(failing), flaky_tests: named(flaky), ..attempt(1, 0, cause) }
    }

    #[test]
    fn a_failure_counts_only_with_the_named_test() {
        use Outcome::{Failed, Inconclusive, Passed};
        let table = [
            (Some(Cause::Passed), &[][..], &[][..], Passed, Passed),
            (Some(Cause::Product), &["TestA"], &[], Failed, Failed),
            (Some(Cause::Product), &["TestA/Main/x"], &[], Failed, Failed),
            (Some(Cause::Product), &["TestAB"], &[], Failed, Inconclusive),
            (Some(Cause::Product), &["TestB"], &["TestA"], Failed, Passed),
            (Some(Cause::Product), &[], &[], Failed, Inconclusive),
            (Some(Cause::Hollow), &["TestA"], &[], Failed, Failed),
            (Some(Cause::Hollow), &["TestB"], &[], Failed, Inconclusive),
            (Some(Cause::Hollow), &[], &[], Inconclusive, Inconclusive),
            (Some(Cause::Infrastructure), &["TestA"], &[], Inconclusive, Inconclusive),
            (Some(Cause::Unproven), &[], &[], Inconclusive, Inconclusive),
            (Some(Cause::Deadline), &[], &[], Inconclusive, Inconclusive),
            (None, &[], &[], Inconclusive, Inconclusive),
        ];
        for (cause, failing, flaky, any, test) in table {
            let attempt = ended(cause, failing, flaky);
            assert_eq!(outcome(&attempt, None).0, any, "{cause:?} {failing:?}");
            assert_eq!(outcome(&attempt, Some("TestA")).0, test, "{cause:?} {failing:?}");
        }
    }
}
