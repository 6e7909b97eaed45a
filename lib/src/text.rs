//! Text that has to fit: cutting with a count, one line out of many, short names of jobs.

use std::borrow::Cow;
use std::collections::HashSet;

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

/// No job's short name is shorter, unless the whole is.
const SHORTEST: usize = 6;

/// What stands before the part of a periodic's name that people use.
const PERIODICS: &str = "-periodics-";

/// Job names as people know them, each still another one: what follows `-periodics-`, or else
/// without the beginning that they all share up to a `-`, and long enough to mean something.
pub fn short_names<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let rest_of = |name: &'a str| {
        name.split_once(PERIODICS)
            .map(|(_, rest)| rest)
            .filter(|rest| !rest.is_empty())
    };
    let periodics: Option<Vec<&str>> = names.iter().map(|name| rest_of(name)).collect();
    if let Some(short) = periodics.filter(|short| all_different(short)) {
        return short;
    }
    let Some((first, rest)) = names.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return names.to_vec();
    };
    let shared = rest.iter().fold(first.len(), |length, name| {
        first
            .bytes()
            .zip(name.bytes())
            .take(length)
            .take_while(|(a, b)| a == b)
            .count()
    });
    let shortest = names.iter().map(|name| name.len()).min().unwrap_or(0);
    let fits = |cut: &usize| shortest.saturating_sub(*cut) >= SHORTEST;
    let dashes = first[..first.floor_char_boundary(shared)]
        .rmatch_indices('-')
        .map(|(dash, _)| dash + 1);
    let mut cut = dashes.into_iter().find(fits).unwrap_or(0);
    // `e2e-` is part of what people call a job.
    if first[..cut].ends_with("-e2e-") {
        cut -= "e2e-".len();
    }
    names.iter().map(|name| &name[cut..]).collect()
}

fn all_different(names: &[&str]) -> bool {
    let mut seen = HashSet::new();
    names.iter().all(|name| seen.insert(name))
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
    fn names_of_jobs_as_people_know_them() {
        let long = [
            "periodic-ci-x-4.22-periodics-e2e-aks",
            "periodic-ci-x-4.22-periodics-e2e-aks-upgrade",
        ];
        assert_eq!(short_names(&long), ["e2e-aks", "e2e-aks-upgrade"]);
        assert_eq!(short_names(&long[..1]), ["e2e-aks"]);
        let releases = ["ci-4.22-periodics-e2e-aks", "ci-4.23-periodics-e2e-aks"];
        assert_eq!(short_names(&releases), ["4.22-periodics-e2e-aks", "4.23-periodics-e2e-aks"]);
        assert_eq!(
            short_names(&["ci-main-e2e-aks", "ci-main-e2e-aks-upgrade"]),
            ["e2e-aks", "e2e-aks-upgrade"]
        );
        assert_eq!(
            short_names(&["x-e2e-cell-001", "x-e2e-cell-002"]),
            ["e2e-cell-001", "e2e-cell-002"]
        );
        assert_eq!(short_names(&["a-b", "c-d"]), ["a-b", "c-d"]);
        assert_eq!(short_names(&["jobé-x", "jobè-x"]), ["jobé-x", "jobè-x"]);
        assert_eq!(short_names(&["x-periodics-"]), ["x-periodics-"]);
        assert_eq!(short_names(&[]), [""; 0]);
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
