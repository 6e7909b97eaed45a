//! Spans of days in a job list: `7d`, `1d12h`, `72h`.

use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use jiff::{SignedDuration, Span, SpanRelativeTo};
use schemars::{JsonSchema, Schema, SchemaGenerator};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A day, in seconds: spans here are counted in days of 24 hours.
const DAY: u64 = 86_400;

/// The shortest span that a list may name (1 hour).
const SHORTEST: Duration = Duration::from_secs(3600);

/// The longest span that a list may name (366 days).
const LONGEST: Duration = Duration::from_secs(366 * DAY);

/// Why a text is no span of days.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a duration of 1h to 366d such as 7d, 1d12h or 72h, found {found:?}")]
pub struct SpanError {
    found: String,
}

/// A span of an hour up to 366 days, a day having 24 hours; written `7d`, `1d12h`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Days(Duration);

impl Days {
    /// How long it is.
    pub fn duration(self) -> Duration {
        self.0
    }

    /// So many whole days.
    #[cfg(test)]
    pub(crate) fn whole(days: u64) -> Self {
        Self(Duration::from_secs(days * DAY))
    }
}

impl FromStr for Days {
    type Err = SpanError;

    fn from_str(text: &str) -> Result<Self, SpanError> {
        let wrong = || SpanError { found: text.to_owned() };
        let plain = |c: char| c.is_ascii_digit() || matches!(c, 'w' | 'd' | 'h' | 'm' | 's');
        if !text.starts_with(|c: char| c.is_ascii_digit()) || !text.chars().all(plain) {
            return Err(wrong());
        }
        let span: Span = text.parse().map_err(|_| wrong())?;
        let span = span
            .to_duration(SpanRelativeTo::days_are_24_hours())
            .map_err(|_| wrong())?;
        let span = Duration::try_from(span).map_err(|_| wrong())?;
        if (SHORTEST..=LONGEST).contains(&span) { Ok(Self(span)) } else { Err(wrong()) }
    }
}

/// As a list has it; parts below a minute are left out.
impl fmt::Display for Days {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let minutes = self.0.as_secs() / 60;
        let parts = [(minutes / 1440, "d"), (minutes / 60 % 24, "h"), (minutes % 60, "m")];
        parts
            .iter()
            .filter(|(count, _)| *count > 0)
            .try_for_each(|(count, unit)| write!(f, "{count}{unit}"))
    }
}

impl Serialize for Days {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Days {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        text.parse().map_err(serde::de::Error::custom)
    }
}

impl JsonSchema for Days {
    fn schema_name() -> Cow<'static, str> {
        "Days".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        schemars::json_schema!({
            "description": "a duration of 1h to 366d, such as 7d, 1d12h or 72h",
            "type": "string",
            "pattern": "^([0-9]+[wdhms])+$"
        })
    }
}

/// An age for people: `9 days`, `1 day`, `5 hours`.
pub fn age(age: SignedDuration) -> String {
    let hours = u64::try_from(age.as_hours()).unwrap_or(0);
    let (count, unit) = if hours < 48 { (hours, "hour") } else { (hours / 24, "day") };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_are_read_and_written() {
        for (given, hours, written) in [
            ("7d", 168, "7d"),
            ("72h", 72, "3d"),
            ("1d12h", 36, "1d12h"),
            ("1w", 168, "7d"),
            ("366d", 8784, "366d"),
            ("90m", 1, "1h30m"),
        ] {
            let span: Days = given.parse().unwrap();
            assert_eq!(span.duration().as_secs() / 3600, hours, "{given}");
            assert_eq!(span.to_string(), written);
            let json = serde_json::to_string(&span).unwrap();
            assert_eq!(json, format!("{written:?}"));
            assert_eq!(serde_json::from_str::<Days>(&json).unwrap(), span);
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for bad in [
            "", "7", "3 days", "-1d", "30m", "367d", "1y", "2mo", "1d ago", "P7D", "soon", "1D",
            "dd",
        ] {
            let error = bad.parse::<Days>().unwrap_err().to_string();
            assert!(error.starts_with("expected a duration of 1h to 366d"), "{bad}: {error}");
        }
    }

    #[test]
    fn ages_are_said_in_hours_and_then_in_days() {
        for (hours, words) in [(0, "0 hours"), (1, "1 hour"), (47, "47 hours"), (48, "2 days")] {
            assert_eq!(age(SignedDuration::from_hours(hours)), words);
        }
    }
}
