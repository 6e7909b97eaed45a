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
    Some(words)
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
    fn thousands_are_grouped() {
        assert_eq!([999, 1_000, 1_234_567].map(thousands), ["999", "1,000", "1,234,567"]);
    }
}
