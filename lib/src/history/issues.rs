//! Known issues: a list of failures that somebody knows of, as data.
//!
//! ```yaml
//! - test: "TestNodePool*/Drain"           # a pattern for the test's name
//!   message: "*connection refused*"       # or for the first line of its failure; or both
//!   reason: the management cluster loses its konnectivity server
//!   link: https://issues.example.com/browse/BUG-123
//!   owner: "@nodepool-team"
//!   until: 2026-12-24                     # from this day on (UTC) the entry has no effect
//! ```
//!
//! In a pattern `*` is any text, `?` one character; it fits the whole text. Such a failure is shown
//! as known and may be rerun; it never passes.

use std::fmt;

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_saphyr::Spanned;
use url::Url;

use crate::glob::part_matches;
use crate::text;

/// No list is larger (256 KiB).
const MAX_BYTES: usize = 256 * 1024;

/// No pattern is longer, in bytes.
const MAX_PATTERN: usize = 512;

/// Why a list of known issues cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct IssuesError {
    place: String,
    problem: String,
}

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    #[serde(default)]
    test: Option<Spanned<String>>,
    #[serde(default)]
    message: Option<Spanned<String>>,
    reason: Spanned<String>,
    link: Spanned<String>,
    owner: Spanned<String>,
    until: Spanned<String>,
}

/// A failure that somebody knows of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KnownIssue {
    test: Option<String>,
    message: Option<String>,
    /// What is wrong, in words.
    pub reason: String,
    /// Where it is followed.
    pub link: String,
    /// Who follows it.
    pub owner: String,
    /// The day (UTC) from which on the entry has no effect.
    pub until: Date,
}

impl KnownIssue {
    /// Whether the entry has no effect any more.
    pub fn has_ended(&self, now: Timestamp) -> bool {
        now.to_zoned(TimeZone::UTC).date() >= self.until
    }

    fn fits(&self, test: &str, message: Option<&str>) -> bool {
        let fits_test = self.test.as_ref().is_none_or(|pattern| part_matches(pattern, test));
        let line = message.and_then(|message| message.trim_start().lines().next());
        let fits_message = self
            .message
            .as_ref()
            .is_none_or(|pattern| line.is_some_and(|line| part_matches(pattern, line.trim_end())));
        fits_test && fits_message
    }
}

impl fmt::Display for KnownIssue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { reason, link, owner, until, .. } = self;
        write!(f, "{reason} ({owner}, {link}, until {until})")
    }
}

/// The known issues, in the order of the list.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct KnownIssues(Vec<KnownIssue>);

impl KnownIssues {
    /// Reads a list; `place` is where it comes from, such as `--known-issues`. An empty text is an
    /// empty list.
    ///
    /// # Errors
    /// [`IssuesError`] with place and line of the first entry that is wrong.
    pub fn read(place: &str, yaml: &str) -> Result<Self, IssuesError> {
        if yaml.len() > MAX_BYTES {
            let problem = format!("it is larger than {} KiB", MAX_BYTES / 1024);
            return Err(IssuesError { place: place.to_owned(), problem });
        }
        if yaml
            .lines()
            .all(|line| line.trim().is_empty() || line.trim_start().starts_with('#'))
        {
            return Ok(Self::default());
        }
        let entries: Vec<Entry> =
            serde_saphyr::from_str(yaml).map_err(|error| unread(place, &error))?;
        let issues = entries.into_iter().map(|entry| check(place, entry));
        issues.collect::<Result<_, _>>().map(Self)
    }

    /// Reads what a flag gives: a file, or the list itself, which has several lines or begins as a list
    /// does.
    ///
    /// # Errors
    /// Those of [`KnownIssues::read`], and that there is no such file.
    pub fn given(flag: &str, value: &str) -> Result<Self, IssuesError> {
        let is_list = value.contains('\n')
            || ["[", "- ", "#"]
                .iter()
                .any(|mark| value.trim_start().starts_with(mark));
        if is_list || value.trim().is_empty() {
            return Self::read(flag, value);
        }
        let unread = |problem: String| IssuesError { place: flag.to_owned(), problem };
        let file = std::fs::File::open(value).map_err(|error| {
            unread(format!(
                "cannot read {}: {error}; expected a file with a YAML list, or the list itself",
                text::cut(value, 200)
            ))
        })?;
        let mut yaml = String::new();
        let limit = MAX_BYTES as u64 + 1;
        std::io::Read::read_to_string(&mut std::io::Read::take(file, limit), &mut yaml)
            .map_err(|error| unread(format!("{}: {error}", text::cut(value, 200))))?;
        Self::read(flag, &yaml)
    }

    /// The first entry that fits a failure and has not ended.
    pub fn of(&self, test: &str, message: Option<&str>, now: Timestamp) -> Option<&KnownIssue> {
        self.0
            .iter()
            .find(|issue| !issue.has_ended(now) && issue.fits(test, message))
    }

    /// The entries that have no effect any more: every message says so.
    pub fn ended(&self, now: Timestamp) -> impl Iterator<Item = &KnownIssue> {
        self.0.iter().filter(move |issue| issue.has_ended(now))
    }
}

fn unread(place: &str, error: &serde_saphyr::Error) -> IssuesError {
    let expected = "expected a YAML list of known issues, each with test or message (or both), reason, link, owner and until";
    let whole = error.without_snippet().to_string();
    let first = whole.lines().next().unwrap_or_default();
    let first = first
        .split(" at line ")
        .next()
        .unwrap_or(first)
        .trim_end_matches([':', ',']);
    let problem = match first {
        "expected sequence start" => "this is no list",
        "expected mapping start" => "this is no set of fields",
        "expected string scalar" => "this is no text",
        other => other,
    };
    let place = match error.location() {
        Some(at) => format!("{place}, line {} column {}", at.line(), at.column()),
        None => place.to_owned(),
    };
    IssuesError { place, problem: format!("{}; {expected}", text::one_line(problem, 200)) }
}

fn check(place: &str, entry: Entry) -> Result<KnownIssue, IssuesError> {
    let Entry { test, message, reason, link, owner, until } = entry;
    let wrong = |field: &str, given: &Spanned<String>, expected: &str| {
        let place = format!("{place}, line {}", given.referenced.line());
        let found = text::cut(&given.value, 80);
        Err(IssuesError {
            place,
            problem: format!("{field}: expected {expected}, found {found:?}"),
        })
    };
    if test.is_none() && message.is_none() {
        let place = format!("{place}, line {}", reason.referenced.line());
        let problem =
            "there is neither test nor message in this entry; expected a pattern".to_owned();
        return Err(IssuesError { place, problem });
    }
    for (field, pattern) in [("test", &test), ("message", &message)] {
        let Some(pattern) = pattern else { continue };
        let text = pattern.value.as_str();
        let says_something = text.chars().any(|c| c.is_alphanumeric());
        if !says_something || text.len() > MAX_PATTERN || is_untidy(text) {
            let expected =
                "a pattern of one line with a letter or digit in it, such as TestUpgrade*";
            return wrong(field, pattern, expected);
        }
    }
    for (field, given) in [("reason", &reason), ("owner", &owner)] {
        if is_untidy(&given.value) {
            return wrong(field, given, "a text of one line");
        }
    }
    let is_web = |url: &Url| matches!(url.scheme(), "https" | "http") && url.has_host();
    if is_untidy(&link.value) || !Url::parse(&link.value).as_ref().is_ok_and(is_web) {
        return wrong("link", &link, "an address such as https://issues.example.com/browse/BUG-1");
    }
    let Ok(date) = until.value.parse::<Date>() else {
        return wrong("until", &until, "a day such as 2026-12-24");
    };
    if date.to_string() != until.value {
        return wrong("until", &until, "a day such as 2026-12-24");
    }
    Ok(KnownIssue {
        test: test.map(|test| test.value),
        message: message.map(|message| message.value),
        reason: reason.value,
        link: link.value,
        owner: owner.value,
        until: date,
    })
}

/// Whether a text is empty, has blanks around it, or is not one line.
fn is_untidy(text: &str) -> bool {
    text.is_empty() || text.trim() != text || text.contains(text::is_harmful) || text.contains('\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    const REST: &str = "reason: r\n  link: https://x.example/1\n  owner: o\n  until: 2026-12-24\n";

    fn at(text: &str) -> Timestamp {
        text.parse().unwrap()
    }

    fn one(head: &str) -> Result<KnownIssues, String> {
        let list = format!("# ours\n- {head}\n  {REST}");
        KnownIssues::read("--known-issues", &list).map_err(|error| error.to_string())
    }

    #[test]
    fn an_entry_fits_by_test_and_message() {
        let now = at("2026-12-01T00:00:00Z");
        for (head, test, message, wanted) in [
            ("test: TestA", "TestA", None, true),
            ("test: TestA", "TestAB", None, false),
            ("test: \"TestA*\"", "TestAB", None, true),
            ("test: \"*/Drain\"", "TestNodePool/x/Drain", None, true),
            ("test: TestA", "xTestA", Some("m"), false),
            ("message: \"*refused*\"", "T", Some("dial tcp: refused!"), true),
            ("message: \"*refused*\"", "T", Some("\n  dial: refused\r\nmore"), true),
            ("message: \"*refused*\"", "T", Some("first\nrefused"), false),
            ("message: \"*refused*\"", "T", None, false),
            ("test: T\n  message: \"*refused*\"", "T", Some("refused"), true),
            ("test: T\n  message: \"*refused*\"", "T", Some("other"), false),
            ("test: T\n  message: \"*refused*\"", "U", Some("refused"), false),
        ] {
            let issues = one(head).unwrap();
            assert_eq!(
                issues.of(test, message, now).is_some(),
                wanted,
                "{head} {test} {message:?}"
            );
        }
    }

    #[test]
    fn from_its_end_on_an_entry_has_no_effect_and_is_named() {
        let issues = one("test: T").unwrap();
        for (now, counts) in [("2026-12-23T23:59:59Z", true), ("2026-12-24T00:00:00Z", false)] {
            assert_eq!(issues.of("T", None, at(now)).is_some(), counts, "{now}");
            assert_eq!(issues.ended(at(now)).count(), usize::from(!counts));
        }
        let ended = issues.ended(at("2027-01-01T00:00:00Z")).next().unwrap();
        assert_eq!(ended.to_string(), "r (o, https://x.example/1, until 2026-12-24)");
    }

    #[test]
    fn an_empty_list_is_empty() {
        for list in ["", "\n", "# none\n", "[]"] {
            assert_eq!(KnownIssues::read("f", list).unwrap(), KnownIssues::default(), "{list:?}");
        }
    }

    #[test]
    fn what_is_wrong_is_named_with_its_line() {
        let day = |until: &str| {
            format!(
                "- test: T\n  reason: r\n  link: https://x.example\n  owner: o\n  until: {until}\n"
            )
        };
        let good = day("2026-12-24");
        for (list, wanted) in [
            ("test: T".to_owned(), "f, line 1 column 1: this is no list"),
            ("- T".to_owned(), "f, line 1 column 3: this is no set of fields"),
            (good.replace("owner: o\n  ", ""), "missing field `owner`"),
            (good.replace("owner", "ovner"), "f, line 4 column 3: unknown field `ovner`"),
            (good.replace("test: T", "test: \"*\""), "f, line 1: test: expected a pattern"),
            (good.replace("test: T", "message: \"?*\""), "f, line 1: message: expected a pattern"),
            (good.replace("test: T", "test: \" T\""), "found \" T\""),
            (good.replace("test: T\n  ", ""), "f, line 1: there is neither test nor message"),
            (
                good.replace("reason: r", "reason: \"\""),
                "f, line 2: reason: expected a text of one line",
            ),
            (good.replace("owner: o", "owner: \"a\\nb\""), "f, line 4: owner: expected a text"),
            (good.replace("https://x.example", "BUG-1"), "f, line 3: link: expected an address"),
            (
                good.replace("https://x.example", "\"javascript:alert(1)\""),
                "f, line 3: link: expected",
            ),
            (day("soon"), "f, line 5: until: expected a day such as 2026-12-24, found \"soon\""),
            (day("2026-02-30"), "f, line 5: until: expected a day"),
            (day("2026-12-24T10:00:00"), "f, line 5: until: expected a day"),
            (day("20261224"), "f, line 5: until: expected a day"),
            (format!("{good}- 7\n"), "f, line 6 column 3"),
            (good.repeat(5000), "f: it is larger than 256 KiB"),
            (good.replace("test: T", &format!("test: {}", "T".repeat(600))), "f, line 1: test: "),
        ] {
            let read = KnownIssues::read("f", &list).map(|issues| issues.0.len());
            let error = read.unwrap_err().to_string();
            assert!(error.contains(wanted), "{wanted}\n{error}");
            assert!(error.len() < 500 && !error.contains('\n'), "{error}");
        }
    }
}
