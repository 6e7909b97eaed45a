//! A version of the toolkit.

use std::fmt;
use std::str::FromStr;

/// `MAJOR.MINOR.PATCH`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version([u32; 3]);

impl Version {
    /// `MAJOR.MINOR`.
    pub fn minor(self) -> String {
        format!("{}.{}", self.0[0], self.0[1])
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [major, minor, patch] = self.0;
        write!(f, "{major}.{minor}.{patch}")
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let number = |part: &str| {
            let plain = part.chars().all(|c| c.is_ascii_digit());
            let canonical = plain && (part == "0" || !part.starts_with('0'));
            canonical.then(|| part.parse().ok()).flatten()
        };
        let parts: Option<Vec<u32>> = text.split('.').map(number).collect();
        parts
            .and_then(|parts| parts.try_into().ok())
            .map(Self)
            .ok_or_else(|| format!("expected MAJOR.MINOR.PATCH, such as 0.2.0, found {text:?}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_numbers_in_their_order() {
        let version = |text: &str| text.parse::<Version>().unwrap();
        assert!(version("0.9.0") < version("0.10.0") && version("1.0.0") > version("0.99.99"));
        assert_eq!(version("0.10.3").to_string(), "0.10.3");
        assert_eq!(version("0.10.3").minor(), "0.10");
        for wrong in ["", "1", "1.2", "1.2.3.4", "v1.2.3", "1.2.3-rc", "01.2.3", "1.+2.3", "1..3"] {
            let why = wrong.parse::<Version>().unwrap_err();
            assert!(why.contains("MAJOR.MINOR.PATCH"), "{wrong}: {why}");
        }
    }
}
