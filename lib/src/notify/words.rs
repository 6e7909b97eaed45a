//! Numbers and names in words.

use jiff::{SignedDuration, Timestamp};

use crate::image::Digest;

/// `first`, `second` … `tenth`, `11th` …
pub fn ordinal(number: usize) -> String {
    const WORDS: [&str; 10] =
        ["first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth", "tenth"];
    match (number.checked_sub(1).and_then(|index| WORDS.get(index)), number % 100, number % 10) {
        (Some(word), ..) => (*word).to_owned(),
        (None, 11..=13, _) => format!("{number}th"),
        (None, _, 1) => format!("{number}st"),
        (None, _, 2) => format!("{number}nd"),
        (None, _, 3) => format!("{number}rd"),
        _ => format!("{number}th"),
    }
}

/// The first eight digits of a digest, by which people know an image.
pub fn short(digest: &Digest) -> String {
    let text = digest.to_string();
    text.strip_prefix("sha256:").unwrap_or(&text).chars().take(8).collect()
}

/// How long ago: `today`, `1 day ago`, `3 days ago`; hours under two days where that says more.
pub fn ago(then: Timestamp, now: Timestamp) -> String {
    let hours = now.duration_since(then).as_hours().max(0);
    match hours {
        0 => "less than an hour ago".to_owned(),
        1 => "1 hour ago".to_owned(),
        2..48 => format!("{hours} hours ago"),
        _ => format!("{} days ago", hours / 24),
    }
}

/// A span in days: `3 days`, `36 hours`.
pub fn days(span: SignedDuration) -> String {
    match span.as_hours() {
        24 => "1 day".to_owned(),
        hours if hours % 24 == 0 => format!("{} days", hours / 24),
        hours => format!("{hours} hours"),
    }
}

/// No job's short name is shorter, unless the whole is.
const SHORTEST: usize = 6;

/// Job names without the beginning that they all share up to a `-`, by which people know them. A
/// single job stays whole, and what is left of each is long enough to mean something.
pub fn short_names<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let Some((first, rest)) = names.split_first() else { return Vec::new() };
    if rest.is_empty() {
        return names.to_vec();
    }
    let shared = rest.iter().fold(first.len(), |length, name| {
        first.bytes().zip(name.bytes()).take(length).take_while(|(a, b)| a == b).count()
    });
    let shortest = names.iter().map(|name| name.len()).min().unwrap_or(0);
    let fits = |cut: &usize| shortest.saturating_sub(*cut) >= SHORTEST;
    let dashes = first[..first.floor_char_boundary(shared)].rmatch_indices('-').map(|(dash, _)| dash + 1);
    let mut cut = dashes.into_iter().find(fits).unwrap_or(0);
    // `e2e-` is part of what people call a job.
    if first[..cut].ends_with("-e2e-") {
        cut -= "e2e-".len();
    }
    names.iter().map(|name| &name[cut..]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals() {
        let words: Vec<_> = [1, 3, 10, 11, 12, 13, 21, 22, 103, 111].into_iter().map(ordinal).collect();
        assert_eq!(words, ["first", "third", "tenth", "11th", "12th", "13th", "21st", "22nd", "103rd", "111th"]);
    }

    #[test]
    fn names_lose_what_they_share() {
        let long = ["periodic-ci-x-periodics-e2e-aks", "periodic-ci-x-periodics-e2e-aks-upgrade"];
        assert_eq!(short_names(&long), ["e2e-aks", "e2e-aks-upgrade"]);
        assert_eq!(short_names(&long[..1]), long[..1]);
        assert_eq!(short_names(&["a-b", "c-d"]), ["a-b", "c-d"]);
        assert_eq!(short_names(&["x-e2e-cell-001", "x-e2e-cell-002"]), ["e2e-cell-001", "e2e-cell-002"]);
        assert_eq!(short_names(&["jobé-x", "jobè-x"]), ["jobé-x", "jobè-x"]);
    }

    #[test]
    fn ages() {
        let now: Timestamp = "2026-08-20T03:00:00Z".parse().unwrap();
        let past = |hours: i64| ago(now - jiff::SignedDuration::from_hours(hours), now);
        assert_eq!(
            [past(0), past(1), past(47), past(72)],
            ["less than an hour ago", "1 hour ago", "47 hours ago", "3 days ago"]
        );
    }
}
