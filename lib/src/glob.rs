//! Patterns of artifact paths: `artifacts/*/hypershift-install/build-log.txt`.
//!
//! `*` matches any text within a part of the path, `?` one character, and a part `**` any number of
//! parts.

use std::fmt;
use std::str::FromStr;

/// No pattern is longer than this.
const MAX_BYTES: usize = 512;

/// A pattern.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Glob(Vec<String>);

impl Glob {
    /// The parts before the first that holds a wildcard.
    pub fn fixed(&self) -> &[String] {
        let length = self
            .0
            .iter()
            .position(|part| part.contains(['*', '?']))
            .unwrap_or(self.0.len());
        &self.0[..length]
    }

    /// All parts.
    pub fn parts(&self) -> &[String] {
        &self.0
    }

    /// Whether a path fits.
    pub fn matches(&self, path: &str) -> bool {
        let path: Vec<&str> = path.split('/').collect();
        fits(&self.0, &path)
    }
}

/// Whether one part of a path fits one part of a pattern.
pub fn part_matches(pattern: &str, part: &str) -> bool {
    let (pattern, part): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), part.chars().collect());
    // The last `*` and where its text ended so far: on a mismatch it takes one more character.
    let (mut p, mut t, mut star) = (0, 0, None);
    while t < part.len() {
        match pattern.get(p) {
            Some('*') => {
                star = Some((p, t));
                p += 1;
            }
            Some(c) if *c == '?' || *c == part[t] => {
                p += 1;
                t += 1;
            }
            _ => match &mut star {
                Some((at, taken)) => {
                    *taken += 1;
                    (p, t) = (*at + 1, *taken);
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|c| *c == '*')
}

fn fits(pattern: &[String], path: &[&str]) -> bool {
    match (pattern.split_first(), path.split_first()) {
        (None, None) => true,
        (Some((first, rest)), _) if first == "**" => {
            fits(rest, path) || path.split_first().is_some_and(|(_, path)| fits(pattern, path))
        }
        (Some((first, rest)), Some((part, path))) => part_matches(first, part) && fits(rest, path),
        _ => false,
    }
}

impl FromStr for Glob {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem: &str| {
            format!(
                "expected a pattern of a path below the run's folder such as artifacts/*/install/build-log.txt, found {text:?}: {problem}"
            )
        };
        if text.trim() != text {
            return Err(wrong("it begins or ends with a blank"));
        }
        if text.len() > MAX_BYTES {
            return Err(wrong("it is longer than 512 bytes"));
        }
        let parts: Vec<String> = text.split('/').map(str::to_owned).collect();
        if parts
            .iter()
            .any(|part| part.is_empty() || part == "." || part == "..")
        {
            return Err(wrong("a part of it is empty, . or .."));
        }
        if text.chars().any(char::is_control) {
            return Err(wrong("it holds control characters"));
        }
        if parts.iter().filter(|part| *part == "**").count() > 1 {
            return Err(wrong("** stands in it more than once"));
        }
        Ok(Self(parts))
    }
}

impl fmt::Display for Glob {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.join("/"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_paths() {
        let fits = |pattern: &str, path: &str| pattern.parse::<Glob>().unwrap().matches(path);
        let install = "artifacts/*/hypershift-install/build-log.txt";
        assert!(fits(install, "artifacts/e2e-aks/hypershift-install/build-log.txt"));
        assert!(!fits(install, "artifacts/e2e/aks/hypershift-install/build-log.txt"));
        assert!(!fits(install, "artifacts/e2e-aks/hypershift-install/build-log.txt.gz"));
        assert!(
            fits("a/**/c.txt", "a/c.txt")
                && fits("a/**/c.txt", "a/b/b/c.txt")
                && !fits("a/**/c.txt", "b/c.txt")
        );
        assert!(fits("a/j*t-?.xml", "a/junit-t-1.xml") && !fits("a/j*t-?.xml", "a/junit-t-12.xml"));
        assert!(fits("a*b*c", "aXbbYc") && !fits("a*b*c", "aXc"));
    }

    #[test]
    fn a_hostile_pattern_is_quick() {
        assert!(!part_matches(&"*a".repeat(200), &"a".repeat(199)));
    }

    #[test]
    fn what_is_no_pattern_is_refused() {
        for bad in [
            "",
            " ",
            "a ",
            "/a",
            "a/",
            "a//b",
            "../a",
            "a/./b",
            "a\nb",
            "**/a/**",
            &"a".repeat(600),
        ] {
            bad.parse::<Glob>().unwrap_err();
        }
    }

    #[test]
    fn the_fixed_beginning() {
        assert_eq!("a/b/*/c".parse::<Glob>().unwrap().fixed(), ["a", "b"]);
        assert_eq!("a/b".parse::<Glob>().unwrap().fixed(), ["a", "b"]);
    }
}
