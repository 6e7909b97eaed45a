//! Times, shares and images as people read them.

use jiff::Timestamp;

/// A time to the minute, in UTC: `2026-08-20 03:11Z`.
pub fn minute(at: Timestamp) -> String {
    at.strftime("%Y-%m-%d %H:%MZ").to_string()
}

/// A share of a whole in per cent, rounded down, so that only all of it is 100 %.
pub fn share(part: usize, whole: usize) -> String {
    (part * 100)
        .checked_div(whole)
        .map_or_else(|| "–".to_owned(), |share| format!("{share} %"))
}

/// The first eight digits of an image's digest; the whole where it is no digest.
pub fn short(image: &str) -> &str {
    let hex = image.strip_prefix("sha256:").unwrap_or(image);
    if hex.bytes().all(|byte| byte.is_ascii_hexdigit()) {
        hex.get(..8).unwrap_or(hex)
    } else {
        image
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_and_digests() {
        assert_eq!((share(299, 300), share(0, 0)), ("99 %".to_owned(), "–".to_owned()));
        let digest = format!("sha256:{}", "4be1f0c2".repeat(8));
        assert_eq!((short(&digest), short("4be1f0c2d7aa")), ("4be1f0c2", "4be1f0c2"));
        assert_eq!(short("ho-20260820-031104-000"), "ho-20260820-031104-000");
    }
}
