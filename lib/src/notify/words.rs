//! Numbers and names in words.

use jiff::{SignedDuration, Timestamp};

use crate::image::Digest;

/// `first`, `second` … `tenth`, `11th` …
pub fn ordinal(number: usize) -> String {
    const WORDS: [&str; 10] = [
        "first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth", "ninth",
        "tenth",
    ];
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
    text.strip_prefix("sha256:")
        .unwrap_or(&text)
        .chars()
        .take(8)
        .collect()
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinals() {
        let words: Vec<_> = [1, 3, 10, 11, 12, 13, 21, 22, 103, 111]
            .into_iter()
            .map(ordinal)
            .collect();
        assert_eq!(
            words,
            ["first", "third", "tenth", "11th", "12th", "13th", "21st", "22nd", "103rd", "111th"]
        );
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
