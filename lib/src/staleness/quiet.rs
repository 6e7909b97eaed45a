//! Time that does not count towards an image's age: days on which nothing is promoted anyway.

use jiff::civil::{Date, Weekday};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Why a text is no quiet time.
#[derive(Debug, thiserror::Error)]
pub enum QuietError {
    /// No day of the week.
    #[error("--quiet-day: expected a day such as sat or sunday, found {0:?}")]
    Day(String),
    /// No window.
    #[error(
        "--quiet-window: expected FROM/TO as dates (2026-12-20/2027-01-02, both included) or times \
         (2026-12-20T18:00:00Z/2026-12-21T06:00:00Z), found {0:?}"
    )]
    Window(String),
}

/// Time that does not count, in UTC.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Quiet {
    days: Vec<Weekday>,
    windows: Vec<(Timestamp, Timestamp)>,
}

impl Quiet {
    /// Reads days of the week (`sat`) and windows (`FROM/TO`).
    ///
    /// # Errors
    /// [`QuietError`] naming the flag.
    pub fn parse(days: &[String], windows: &[String]) -> Result<Self, QuietError> {
        let days = days
            .iter()
            .map(|text| day(text).ok_or_else(|| QuietError::Day(text.clone())));
        let windows = windows
            .iter()
            .map(|text| window(text).ok_or_else(|| QuietError::Window(text.clone())));
        Ok(Self {
            days: days.collect::<Result<_, _>>()?,
            windows: windows.collect::<Result<_, _>>()?,
        })
    }

    /// The time from `from` until `to` that counts.
    pub fn age(&self, from: Timestamp, to: Timestamp) -> SignedDuration {
        if to <= from {
            return SignedDuration::ZERO;
        }
        let mut spans = self.windows.clone();
        spans.extend(self.quiet_days(from, to));
        let mut clipped: Vec<_> = spans
            .into_iter()
            .map(|(begin, end)| (begin.max(from), end.min(to)))
            .filter(|(begin, end)| begin < end)
            .collect();
        clipped.sort();
        let (mut quiet, mut counted_to) = (SignedDuration::ZERO, from);
        for (begin, end) in clipped {
            // Windows may overlap each other and the weekends.
            let begin = begin.max(counted_to);
            if end > begin {
                quiet += end.duration_since(begin);
                counted_to = end;
            }
        }
        to.duration_since(from) - quiet
    }

    fn quiet_days(&self, from: Timestamp, to: Timestamp) -> Vec<(Timestamp, Timestamp)> {
        if self.days.is_empty() {
            return Vec::new();
        }
        let mut found = Vec::new();
        let mut date = from.to_zoned(TimeZone::UTC).date();
        // Ten years of days at most: an age beyond that is stale with or without weekends.
        for _ in 0..3660 {
            let (Some(begin), Ok(next)) = (midnight(date), date.tomorrow()) else { break };
            if begin >= to {
                break;
            }
            if let Some(end) = midnight(next).filter(|_| self.days.contains(&date.weekday())) {
                found.push((begin, end));
            }
            date = next;
        }
        found
    }
}

fn midnight(date: Date) -> Option<Timestamp> {
    date.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
}

fn day(text: &str) -> Option<Weekday> {
    let names = ["monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday"];
    let given = text.to_lowercase();
    let index = names
        .iter()
        .position(|name| given.len() >= 3 && name.starts_with(&given))?;
    Weekday::from_monday_zero_offset(i8::try_from(index).ok()?).ok()
}

fn window(text: &str) -> Option<(Timestamp, Timestamp)> {
    let (from, to) = text.split_once('/')?;
    let begin = from
        .parse::<Timestamp>()
        .ok()
        .or_else(|| midnight(from.parse::<Date>().ok()?))?;
    let end = to
        .parse::<Timestamp>()
        .ok()
        .or_else(|| midnight(to.parse::<Date>().ok()?.tomorrow().ok()?))?;
    (begin < end).then_some((begin, end))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quiet(days: &[&str], windows: &[&str]) -> Result<Quiet, QuietError> {
        let own = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Quiet::parse(&own(days), &own(windows))
    }

    #[test]
    fn weekends_and_windows_do_not_count_and_never_twice() {
        // 2026-08-21 is a Friday.
        let (from, to) =
            ("2026-08-21T12:00:00Z".parse().unwrap(), "2026-08-25T12:00:00Z".parse().unwrap());
        for (days, windows, hours) in [
            (&[][..], &[][..], 96),
            (&["sat", "Sunday"][..], &[][..], 48),
            (&["sat", "sun"][..], &["2026-08-22/2026-08-24"][..], 24),
            (
                &[][..],
                &[
                    "2026-08-21T00:00:00Z/2026-08-21T18:00:00Z",
                    "2026-08-21T16:00:00Z/2026-08-22T00:00:00Z",
                ][..],
                84,
            ),
            (&[][..], &["2026-01-01/2027-01-01"][..], 0),
            (&["fri"][..], &[][..], 84),
        ] {
            let age = quiet(days, windows).unwrap().age(from, to);
            assert_eq!(age, SignedDuration::from_hours(hours), "{days:?} {windows:?}");
        }
        assert_eq!(Quiet::default().age(to, from), SignedDuration::ZERO);
    }

    #[test]
    fn what_is_no_quiet_time() {
        for day in ["", "sa", "samstag", "7"] {
            assert!(matches!(quiet(&[day], &[]), Err(QuietError::Day(_))), "{day}");
        }
        let empty = "2026-12-20T00:00:00Z/2026-12-20T00:00:00Z";
        for window in
            ["", empty, "2026-12-20", "2026-12-20/2026-12-01", "a/b", "2026-12-20 2026-12-21"]
        {
            assert!(matches!(quiet(&[], &[window]), Err(QuietError::Window(_))), "{window}");
        }
    }
}
