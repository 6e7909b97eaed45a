//! Durations as Tekton writes them: `5h45m`, `1h`, `90s`.

use std::time::Duration;

/// Reads `5h45m`: one or more of hours, minutes, seconds, in this order.
pub fn parse(text: &str) -> Option<Duration> {
    let (mut total, mut rest, mut found) = (0_u64, text, false);
    for (unit, seconds) in [('h', 3600), ('m', 60), ('s', 1)] {
        if let Some((number, after)) = rest.split_once(unit) {
            if number.is_empty() || !number.bytes().all(|b| b.is_ascii_digit()) {
                return None;
            }
            total = total.checked_add(number.parse::<u64>().ok()?.checked_mul(seconds)?)?;
            (rest, found) = (after, true);
        }
    }
    (found && rest.is_empty()).then(|| Duration::from_secs(total))
}

/// For people: `3h12m`, `6m`, `34s`; from an hour on without seconds.
pub fn show(duration: Duration) -> String {
    let seconds = duration.as_secs_f64().round() as u64;
    let minutes = (duration.as_secs_f64() / 60.0).round() as u64;
    match () {
        () if minutes >= 60 => format!("{}h{:02}m", minutes / 60, minutes % 60),
        () if seconds >= 60 => format!("{minutes}m"),
        () => format!("{seconds}s"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_read() {
        for (text, seconds) in [
            ("5h45m", 20_700),
            ("1h", 3600),
            ("10m", 600),
            ("90s", 90),
            ("1h1m1s", 3661),
            ("0s", 0),
        ] {
            assert_eq!(parse(text), Some(Duration::from_secs(seconds)), "{text}");
        }
        for text in ["", "5", "h", "1d", "5m1h", "-1h", "1.5h", "1h ", "99999999999999999999h"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }

    #[test]
    fn durations_are_shown() {
        for (seconds, text) in [
            (0, "0s"),
            (34, "34s"),
            (59, "59s"),
            (60, "1m"),
            (361, "6m"),
            (3600, "1h00m"),
            (11_520, "3h12m"),
        ] {
            assert_eq!(show(Duration::from_secs(seconds)), text);
        }
    }
}
