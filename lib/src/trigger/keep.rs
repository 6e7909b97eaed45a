//! How long a Snapshot is kept: its deletion kills its running gate, `finally` included.

use std::time::Duration;

use jiff::Timestamp;

/// The annotation's value so that a Snapshot is kept for `keep` from now, or `None` where what it
/// has is as good. It counts from the Snapshot's creation, as snapshotgc reads it: a Go duration,
/// or `true` for ever.
pub fn wanted(
    existing: Option<&str>,
    created: Option<Timestamp>,
    now: Timestamp,
    keep: Duration,
) -> Option<String> {
    let age = created
        .and_then(|created| Duration::try_from(now.duration_since(created)).ok())
        .unwrap_or_default();
    let needed = age.saturating_add(keep);
    let enough = match existing {
        None => false,
        Some("true") => true,
        Some(text) => go_duration(text).is_some_and(|kept| kept >= needed),
    };
    // Whole hours, rounded up: one annotation a run is enough.
    (!enough && !keep.is_zero()).then(|| format!("{}h", needed.as_secs().div_ceil(3600)))
}

/// Reads a duration as Go writes it: `72h`, `1h30m0s`, `1.5h`.
fn go_duration(text: &str) -> Option<Duration> {
    let mut seconds = 0.0;
    let mut rest = text.strip_prefix('+').unwrap_or(text);
    if rest == "0" {
        return Some(Duration::ZERO);
    }
    if rest.is_empty() {
        return None;
    }
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.')?;
        let number: f64 = rest[..digits].parse().ok()?;
        rest = &rest[digits..];
        let units = [
            ("ns", 1e-9),
            ("us", 1e-6),
            ("µs", 1e-6),
            ("ms", 1e-3),
            ("h", 3600.0),
            ("m", 60.0),
            ("s", 1.0),
        ];
        let (unit, factor) = units.iter().find(|(unit, _)| rest.starts_with(unit))?;
        seconds += number * factor;
        rest = &rest[unit.len()..];
    }
    Duration::try_from_secs_f64(seconds).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn go_durations() {
        for (text, seconds) in
            [("72h", 259_200.0), ("1h30m0s", 5400.0), ("1.5h", 5400.0), ("500ms", 0.5), ("0", 0.0)]
        {
            assert_eq!(go_duration(text), Some(Duration::from_secs_f64(seconds)), "{text}");
        }
        for bad in ["", "3d", "h", "72", "-1h", "forever"] {
            assert_eq!(go_duration(bad), None, "{bad}");
        }
    }

    #[test]
    fn it_is_only_ever_lengthened() {
        let created: Timestamp = "2026-08-20T00:00:00Z".parse().unwrap();
        let now: Timestamp = "2026-08-21T00:30:00Z".parse().unwrap();
        let keep = Duration::from_secs(72 * 3600);
        for (existing, value) in [
            (None, Some("97h")),
            (Some("true"), None),
            (Some("96h"), Some("97h")),
            (Some("96h30m"), None),
            (Some("1000h"), None),
            (Some("nonsense"), Some("97h")),
        ] {
            assert_eq!(
                wanted(existing, Some(created), now, keep).as_deref(),
                value,
                "{existing:?}"
            );
        }
        assert_eq!(wanted(None, Some(created), now, Duration::ZERO), None);
    }
}
