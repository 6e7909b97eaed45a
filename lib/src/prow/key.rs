//! Intent keys: what makes a run of ours recognisable among all runs of the same job.
//!
//! Gangway has no idempotency key of its own, and nightly cron runs share the job's name. So every
//! launch carries a key as label and annotation, made from what distinguishes it and nothing else:
//! whoever works on the same record makes the same key.

use sha2::{Digest as _, Sha256};

use crate::image::Digest;

/// The label and the annotation that carry the key.
pub const LABEL: &str = "release-gate/key";

/// The annotation of a run that is a probe of a bisect: the bisect's id.
pub const BISECT: &str = "release-gate/bisect";

/// RFC 4648's alphabet in lower case: every key is a valid label value.
const BASE32: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";

/// The key of one attempt of a job in the run `id`: 40 characters of a-z and 2-7 (200 bits).
pub fn of(id: &str, job: &str, digest: &Digest, attempt: u32) -> String {
    // Read from its end, the text can be taken apart in one way only: a job's name has no line
    // breaks.
    let hash = Sha256::digest(format!("{id}\n{job}\n{digest}\n{attempt}"));
    hash[..25]
        .chunks(5)
        .flat_map(|five| base32(five.try_into().unwrap_or_default()))
        .collect()
}

fn base32(five: [u8; 5]) -> [char; 8] {
    let bits = five.iter().fold(0u64, |bits, byte| bits << 8 | u64::from(*byte));
    std::array::from_fn(|place| char::from(BASE32[(bits >> (35 - 5 * place) & 31) as usize]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn digest(digit: &str) -> Digest {
        format!("sha256:{}", digit.repeat(64)).parse().unwrap()
    }

    /// A change of this key would launch again what a record of an older version has launched.
    #[test]
    fn the_key_is_the_same_for_ever() {
        let key =
            of("4f1c1a3e-0000-4000-8000-000000000000", "periodic-ci-e2e-aks", &digest("4"), 1);
        assert_eq!(key, "2e6b3aqu3hh7vgmwggtbmzp56h4tgyoekmy7pzfq");
    }

    #[test]
    fn base32_is_that_of_the_rfc() {
        assert_eq!(base32(*b"fooba").iter().collect::<String>(), "mzxw6ytb");
    }

    #[test]
    fn each_part_makes_another_key() {
        let keys: std::collections::BTreeSet<_> = [
            of("a", "b", &digest("4"), 1),
            of("a", "b", &digest("4"), 2),
            of("a", "b", &digest("5"), 1),
            of("a", "bb", &digest("4"), 1),
            of("ab", "b", &digest("4"), 1),
        ]
        .into();
        assert_eq!(keys.len(), 5);
    }

    proptest! {
        #[test]
        fn is_a_label_value(id in "\\PC{0,60}", job in "[a-z.-]{1,80}", attempt in 1u32..9) {
            let key = of(&id, &job, &digest("a"), attempt);
            prop_assert!(key.len() == 40 && key.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit()));
        }
    }
}
