//! Text that has to fit: cutting with a count, and one line out of many.

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

/// A foreign text as one line that can be shown: control characters become spaces, runs of blanks
/// one, and the whole is cut to `limit` bytes.
pub fn one_line(text: &str, limit: usize) -> String {
    let calm: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
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
        assert_eq!(one_line("a\r\n\u{1b}[31mb  c", 100), "a [31mb c");
    }

    proptest! {
        #[test]
        fn a_cut_text_fits(text in "\\PC{0,200}", limit in 40usize..120) {
            prop_assert!(cut(&text, limit).len() <= limit.max(text.len().min(limit)));
        }
    }
}
