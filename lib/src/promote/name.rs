//! The Release's name: `<plan, cut to 40>-<first 12 of the digest>-<n>`.
//!
//! It is the same for whoever promotes the same image by the same plan, so that the cluster itself
//! lets only one of several creations through. At most 63 characters, since it becomes a label.

use crate::image::Digest;

/// How much of the plan's name is kept.
const PLAN: usize = 40;

/// The part before the number, with its dash.
pub fn prefix(plan: &str, digest: &Digest) -> String {
    let plan = &plan[..plan.floor_char_boundary(PLAN)];
    format!("{}-{}-", plan.trim_end_matches('-'), digest.short())
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

    proptest! {
        #[test]
        fn every_name_is_accepted_by_the_webhooks(plan in "[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?", n in 0u32..100_000_000) {
            let prefix = prefix(&plan, &digest());
            let taken = format!("{prefix}{n}");
            let name = next(&prefix, [taken.as_str()].into_iter());
            prop_assert!(crate::snapshot::is_name(&name), "{}", name);
        }
    }
}
