//! Durations as Tekton writes them: `5h30m`, `45s`, `0`.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// Why a text is no duration.
#[derive(Debug, thiserror::Error)]
#[error("expected a duration{least} such as 5h30m, 45m or 45s, found {found:?}")]
pub struct DurationError {
    found: String,
    least: &'static str,
}

/// Reads a duration such as `5h30m`, `45s` or `0`.
///
/// # Errors
/// Anything else, a negative span and a bare number other than 0 among it.
pub fn parse(text: &str) -> Result<Duration, DurationError> {
    let wrong = || DurationError { found: text.to_owned(), least: "" };
    if text == "0" {
        return Ok(Duration::ZERO);
    }
    if !text.starts_with(|c: char| c.is_ascii_digit()) || text.contains([' ', ',']) {
        return Err(wrong());
    }
    let span: SignedDuration = text.parse().map_err(|_| wrong())?;
    Duration::try_from(span).map_err(|_| wrong())
}

/// Reads a duration of which 0 would make no sense.
///
/// # Errors
/// Those of [`parse`], and for `0`.
pub fn parse_positive(text: &str) -> Result<Duration, DurationError> {
    let duration = parse(text)?;
    if duration.is_zero() {
        Err(DurationError { found: text.to_owned(), least: " of more than 0" })
    } else {
        Ok(duration)
    }
}

/// The span that a flag gives, or its default.
///
/// # Errors
/// The reason, after the flag's name.
pub fn given(
    flag: &str,
    text: Option<&String>,
    default: Duration,
    parse: fn(&str) -> Result<Duration, DurationError>,
) -> Result<Duration, String> {
    let read = |text: &String| parse(text).map_err(|error| format!("{flag}: {error}"));
    text.map_or(Ok(default), read)
}

/// Why a text is no number of days.
#[derive(Debug, thiserror::Error)]
#[error("expected a number of days such as 3 or 1.5, at most 3650, found {found:?}")]
pub struct DaysError {
    found: String,
}

/// Reads a positive number of days: `3`, `1.5`.
///
/// # Errors
/// Anything else.
pub fn parse_days(text: &str) -> Result<SignedDuration, DaysError> {
    let number = text
        .parse::<f64>()
        .ok()
        .filter(|days| (0.0..=3650.0).contains(days) && *days > 0.0);
    let days = number.ok_or_else(|| DaysError { found: text.to_owned() })?;
    Ok(SignedDuration::from_secs((days * 86_400.0).round() as i64))
}

/// Writes a duration for people: `2h51m`, `6m`, `34s`, `0s`. Below an hour to the second where
/// that matters (under ten minutes), above it to the minute.
pub fn human(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    match (hours, minutes) {
        (0, 0) => format!("{seconds}s"),
        (0, 1..=9) if !seconds.is_multiple_of(60) => format!("{minutes}m{:02}s", seconds % 60),
        (0, _) => format!("{minutes}m"),
        _ => format!("{hours}h{minutes:02}m"),
    }
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
    fn reads_what_tekton_writes() {
        for (text, seconds) in
            [("5h30m", 19_800), ("45s", 45), ("0", 0), ("1h30m5s", 5405), ("0s", 0), ("90m", 5400)]
        {
            assert_eq!(parse(text).unwrap(), Duration::from_secs(seconds), "{text}");
        }
        assert_eq!(parse("1500ms").unwrap(), Duration::from_millis(1500));
    }

    #[test]
    fn refuses_nothing_where_something_is_needed() {
        for text in ["0", "0s", "0h0m"] {
            let problem = parse_positive(text).unwrap_err().to_string();
            assert_eq!(
                problem,
                format!(
                    "expected a duration of more than 0 such as 5h30m, 45m or 45s, found {text:?}"
                )
            );
        }
        assert_eq!(parse_positive("1s").unwrap(), Duration::from_secs(1));
    }

    #[test]
    fn refuses_everything_else() {
        for text in ["", "5", "-5m", "5 m", "1h, 5m", "soon", "5h30", "1d ago", "PT5M"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn reads_days() {
        assert_eq!(parse_days("1.5").unwrap(), SignedDuration::from_hours(36));
        for bad in ["", "0", "-1", "three", "NaN", "inf", "1e9", "3d"] {
            assert!(parse_days(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn writes_for_people() {
        for (seconds, text) in
            [(0, "0s"), (34, "34s"), (90, "1m30s"), (360, "6m"), (3480, "58m"), (10_260, "2h51m")]
        {
            assert_eq!(human(Duration::from_secs(seconds)), text);
        }
    }

    #[test]
    fn ages() {
        let now: Timestamp = "2026-08-20T03:00:00Z".parse().unwrap();
        let past = |hours: i64| ago(now - SignedDuration::from_hours(hours), now);
        assert_eq!(
            [past(0), past(1), past(47), past(72)],
            ["less than an hour ago", "1 hour ago", "47 hours ago", "3 days ago"]
        );
    }
}
