//! How many tests of a run did what, in words.

use crate::record::Attempt;

/// `1,204 tests, 2 flaky, 1 informing failed`: what the tests of a run did; `None` where that is
/// not known, or none ran, which its detail says.
pub fn tests(attempt: &Attempt) -> Option<String> {
    let counts = attempt.tests.filter(|counts| counts.run > 0)?;
    let mut words = match counts.run {
        1 => "1 test".to_owned(),
        run => format!("{} tests", thousands(run)),
    };
    if counts.flaky > 0 {
        words += &format!(", {} flaky", thousands(counts.flaky));
    }
    if counts.informing_failed > 0 {
        words += &format!(", {} informing failed", thousands(counts.informing_failed));
    }
    if let Some(usual) = unusual(attempt, counts.run) {
        words += &format!(", usually {}", thousands(usual));
    }
    Some(words)
}

/// How many tests usually run, where clearly more or fewer did (by a tenth) and nothing else says so.
fn unusual(attempt: &Attempt, run: usize) -> Option<usize> {
    let usual = attempt.usual?.median();
    let told = attempt
        .detail
        .as_deref()
        .is_some_and(|detail| detail.contains("usually "));
    (!told && run.abs_diff(usual) * 10 > usual).then_some(usual)
}

/// How much of a run that passed is to be looked at all the same: informing tests that failed,
/// flaky ones, files that are broken, and that no test ran.
pub fn warnings(attempt: &Attempt) -> usize {
    let Some(counts) = attempt.tests else { return 0 };
    counts.informing_failed + counts.flaky + counts.broken_files + usize::from(counts.run == 0)
}

/// `1,204`
fn thousands(number: usize) -> String {
    let digits = number.to_string();
    let mut out = String::new();
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_usual_number_is_told_where_it_differs() {
        use crate::record::samples::attempt;
        use crate::record::{Cause, JobState, TestCounts, Usual};
        let words = |run: usize, usual: usize, detail: Option<&str>| {
            let mut passed = attempt(JobState::Success, Some(Cause::Passed));
            passed.tests = Some(TestCounts { run, ..TestCounts::default() });
            passed.usual = Some(Usual { ran: [usual; 5] });
            passed.detail = detail.map(str::to_owned);
            tests(&passed).unwrap()
        };
        assert_eq!(words(1_000, 1_050, None), "1,000 tests");
        assert_eq!(words(900, 1_050, None), "900 tests, usually 1,050");
        // A tenth itself is not clearly fewer.
        assert_eq!(words(900, 1_000, None), "900 tests");
        assert_eq!(words(1_200, 1_050, None), "1,200 tests, usually 1,050");
        assert_eq!(words(9, 1_050, Some("9 tests ran, usually 1050")), "9 tests");
    }

    #[test]
    fn all_that_is_to_be_looked_at_is_counted() {
        use crate::record::samples::attempt;
        use crate::record::{Cause, JobState, TestCounts};
        let counts = TestCounts {
            run: 0,
            informing_failed: 2,
            flaky: 4,
            broken_files: 8,
            ..TestCounts::default()
        };
        let of = |tests| {
            let passed = attempt(JobState::Success, Some(Cause::Passed));
            warnings(&Attempt { tests, ..passed })
        };
        assert_eq!(of(Some(counts)), 15);
        assert_eq!(of(Some(TestCounts { run: 1, ..counts })), 14);
        assert_eq!(of(None), 0);
    }

    #[test]
    fn thousands_are_grouped() {
        assert_eq!([999, 1_000, 1_234_567].map(thousands), ["999", "1,000", "1,234,567"]);
    }
}
