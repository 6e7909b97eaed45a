//! Numbers and names in words.

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
}
