//! The flag that was meant where one is misspelt.

use strsim::osa_distance as distance;

use super::flags::Flag;

/// The flag that a word is most like, if it is like one at all: at most a third of its letters differ,
/// or it is the beginning of one flag alone.
pub fn similar<'a>(word: &str, flags: &'a [Flag]) -> Option<&'a str> {
    let word = word.split('=').next().unwrap_or(word);
    let longs = || flags.iter().map(|flag| flag.long.as_str());
    let mut beginning = longs().filter(|long| word.len() > 4 && long.starts_with(word));
    if let (Some(only), None) = (beginning.next(), beginning.next()) {
        return Some(only);
    }
    let letters = |text: &str| text.trim_start_matches('-').chars().count();
    let near = longs().map(|long| (distance(word, long), long));
    let (distance, long) = near.min_by_key(|(distance, _)| *distance)?;
    (distance * 3 <= letters(long).max(3)).then_some(long)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_near_is_meant() {
        let flag = |long: &str| Flag {
            long: long.to_owned(),
            value: None,
            text: String::new(),
            required: false,
            repeated: false,
            common: false,
            of_boot: false,
        };
        let names =
            ["--scenario", "--snapshot", "--snapshot-name", "--release-plan", "--log-format"];
        let flags = names.map(flag);
        for (word, wanted) in [
            ("--scenaro", Some("--scenario")),
            ("--scneario", Some("--scenario")),
            ("--Snapshot", Some("--snapshot")),
            ("--release_plan=x", Some("--release-plan")),
            ("--releaseplan", Some("--release-plan")),
            ("-scenario", Some("--scenario")),
            ("--log", Some("--log-format")),
            ("--snap", None),
            ("--no-such-flag", None),
            ("--x", None),
        ] {
            assert_eq!(similar(word, &flags), wanted, "{word}");
        }
    }

    #[test]
    fn letters_are_counted() {
        for (one, other, count) in [
            ("", "", 0),
            ("a", "", 1),
            ("abc", "acb", 1),
            ("abc", "abd", 1),
            ("ab", "ba", 1),
            ("kitten", "sitting", 3),
        ] {
            assert_eq!(
                (distance(one, other), distance(other, one)),
                (count, count),
                "{one} {other}"
            );
        }
    }
}
