//! Text that has to fit or be harmless: cutting with a count, one line out of many, ordinals.

use std::borrow::Cow;

/// The first `limit` bytes of a text at most, cut at a character, with what was left out counted:
/// `the beginning … (+120 bytes)`. The mark is part of the limit.
pub fn cut(text: &str, limit: usize) -> String {
    if text.len() <= limit {
        return text.to_owned();
    }
    // The mark's own length depends on the count; the count never has more digits than the length.
    let reserve = " … (+ bytes)".len() + text.len().to_string().len();
    let kept = text.floor_char_boundary(limit.saturating_sub(reserve));
    format!("{} … (+{} bytes)", &text[..kept], text.len() - kept)
}

/// Whether a character turns the direction of writing, so that a text is shown as another one
/// (Unicode's bidirectional controls).
pub fn turns_direction(c: char) -> bool {
    matches!(c, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Whether a character does something to a terminal or to the order of what it shows, instead of
/// being shown: all controls but the line break and the tab.
pub fn is_harmful(c: char) -> bool {
    (c.is_control() && !matches!(c, '\n' | '\t'))
        || turns_direction(c)
        || matches!(c, '\u{2028}' | '\u{2029}')
}

/// A text as a terminal may get it: what is [`is_harmful`] in it is shown as an escape, `\u{1b}`.
///
/// What people see goes through here last, wherever its parts came from: tables, errors, log lines,
/// progress.
pub fn harmless(text: &str) -> Cow<'_, str> {
    if !text.contains(is_harmful) {
        return Cow::Borrowed(text);
    }
    let mut shown = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        if is_harmful(c) { shown.extend(c.escape_unicode()) } else { shown.push(c) }
    }
    Cow::Owned(shown)
}

/// A foreign text as one line that can be shown: control characters become spaces, runs of blanks
/// one, direction controls are dropped, and the whole is cut to `limit` bytes.
pub fn one_line(text: &str, limit: usize) -> String {
    let kept = text.chars().filter(|c| !turns_direction(*c));
    let calm: String = kept.map(|c| if c.is_control() { ' ' } else { c }).collect();
    cut(&calm.split_whitespace().collect::<Vec<_>>().join(" "), limit)
}

/// The first `most` of some names, and how many more there are: `a, b and 3 more`.
pub fn some_of<S: AsRef<str>>(names: &[S], most: usize) -> String {
    let shown: Vec<_> = names.iter().take(most).map(AsRef::as_ref).collect();
    match names.len().saturating_sub(shown.len()) {
        0 => shown.join(", "),
        more => format!("{} and {more} more", shown.join(", ")),
    }
}

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

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn short_text_stays() {
        assert_eq!(cut("all of it", 9), "all of it");
    }

    #[test]
    fn names_are_counted() {
        assert_eq!(some_of(&["a", "b"], 2), "a, b");
        assert_eq!(some_of(&["a", "b", "c"], 2), "a, b and 1 more");
    }

    #[test]
    fn a_foreign_text_is_one_line() {
        assert_eq!(one_line("a\r\n\u{1b}[31mb  c\u{202e}d", 100), "a [31mb cd");
    }

    #[test]
    fn a_terminal_is_not_spoken_to() {
        assert_eq!(harmless("a\u{1b}]0;x\u{7}\tb\n\u{9b}1m"), "a\\u{1b}]0;x\\u{7}\tb\n\\u{9b}1m");
        assert_eq!(
            harmless("\u{202e}gpj.exe\u{2066}\u{200f}"),
            "\\u{202e}gpj.exe\\u{2066}\\u{200f}"
        );
        for plain in ["", "ü – 日本語 🚨", "עברית"] {
            assert!(matches!(harmless(plain), Cow::Borrowed(text) if text == plain));
        }
    }

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

    proptest! {
        #[test]
        fn nothing_harmful_is_left(text in any::<String>()) {
            prop_assert!(!harmless(&text).contains(is_harmful));
            prop_assert!(!one_line(&text, 1000).contains(is_harmful));
        }

        #[test]
        fn a_cut_text_fits(text in "\\PC{0,200}", limit in 40usize..120) {
            prop_assert!(cut(&text, limit).len() <= limit.max(text.len().min(limit)));
        }
    }
}
