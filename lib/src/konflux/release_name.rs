//! The Release's name: `<plan, cut to 40>-<first 12 of the digest>-<n>`.
//!
//! It is the same for whoever promotes the same image by the same plan, so that the cluster itself
//! lets only one of several creations through. At most 63 characters, since it becomes a label.

use crate::image::Digest;

/// How much of the plan's name is kept.
const PLAN: usize = 40;

/// The part before the number, with its dash.
pub fn prefix(plan: &str, digest: &Digest) -> String {
    format!("{}-{}-", cut(plan), digest.short())
}

fn cut(plan: &str) -> &str {
    plan[..plan.floor_char_boundary(PLAN)].trim_end_matches('-')
}

/// The first digits of the digest in a name of this form, for a plan.
pub fn digits<'a>(plan: &str, name: &'a str) -> Option<&'a str> {
    let rest = name.strip_prefix(cut(plan))?.strip_prefix('-')?;
    let (digits, number) = rest.split_once('-')?;
    let is_hex =
        digits.len() == 12 && digits.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    (is_hex && !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit())).then_some(digits)
}

/// The number in a name with that prefix.
pub fn number(prefix: &str, name: &str) -> Option<u32> {
    name.strip_prefix(prefix)?.parse().ok()
}

/// The next free name, after those that are taken.
pub fn next<'a>(prefix: &str, taken: impl Iterator<Item = &'a str>) -> String {
    let last = taken.filter_map(|name| number(prefix, name)).max().unwrap_or(0);
    format!("{prefix}{}", last.saturating_add(1))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest() -> Digest {
        format!("sha256:{}", "4be1f0c2".repeat(8)).parse().unwrap()
    }

    #[test]
    fn the_next_number() {
        let prefix = prefix("verified", &digest());
        assert_eq!(prefix, "verified-4be1f0c24be1-");
        assert_eq!(next(&prefix, [].into_iter()), "verified-4be1f0c24be1-1");
        let taken = ["verified-4be1f0c24be1-2", "verified-4be1f0c24be1-x", "other-4be1f0c24be1-7"];
        assert_eq!(next(&prefix, taken.into_iter()), "verified-4be1f0c24be1-3");
    }

    #[test]
    fn names_of_another_form_tell_no_digest() {
        for name in [
            "verified-1",
            "other-4be1f0c24be1-1",
            "verified-4be1f0c24be1",
            "verified-4be1f0c24be1-x",
            "s-0c1d2e3-kq47h",
        ] {
            assert_eq!(digits("verified", name), None, "{name}");
        }
    }

    proptest! {
        #[test]
        fn every_name_is_accepted_by_the_webhooks(plan in "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", n in 0u32..100_000_000) {
            let prefix = prefix(&plan, &digest());
            let taken = format!("{prefix}{n}");
            let name = next(&prefix, [taken.as_str()].into_iter());
            prop_assert!(crate::name::ObjectName::label(&name).is_ok(), "{}", name);
            let digest = digest();
            prop_assert_eq!(digits(&plan, &name), Some(digest.short()));
        }
    }
}
