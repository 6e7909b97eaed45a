//! The job list in YAML: a list of jobs, each with what a plain name cannot say.
//!
//! ```yaml
//! - name: periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-aks
//!   class: blocking            # or informing; blocking if absent
//!   owner: "@aro-hcp-oncall"   # whom to ask about it
//!   override-env: [OVERRIDE_IMAGE_A, OVERRIDE_IMAGE_B]   # or one name; instead of --override-env
//!   env: {CONFORMANCE: "true"} # besides --env; wins where both set a name
//!   proof-log: artifacts/*/hypershift-install/build-log.txt
//!   proof-last: true           # an upgrade job: that log alone, and the image is the last one in it
//!   tests: 100                 # a success in which fewer tests ran does not count
//!   junit: read                # or ignore: what its JUnit files say does not count
//! ```

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, SeqAccess, Visitor, value::SeqAccessDeserializer};
use serde_saphyr::Spanned;

use super::{
    Asked, JobsError, check_name, check_override, check_value, check_variable, job, quoted,
};
use crate::glob::Glob;
use crate::record::{Class, Junit};

/// No job list is larger (1 MiB).
pub(super) const MAX_BYTES: usize = 1024 * 1024;

#[derive(Debug, serde::Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    name: Spanned<String>,
    #[serde(default)]
    class: EntryClass,
    #[serde(default)]
    owner: Option<Spanned<String>>,
    #[serde(default)]
    override_env: Option<Spanned<OneOrMore>>,
    #[serde(default)]
    env: BTreeMap<String, Spanned<String>>,
    #[serde(default)]
    proof_log: Option<Spanned<String>>,
    #[serde(default)]
    proof_last: Option<Spanned<bool>>,
    #[serde(default)]
    tests: Option<Spanned<u32>>,
    #[serde(default)]
    junit: Junit,
}

#[derive(Debug, Clone, Copy, Default, serde::Deserialize)]
#[serde(rename_all = "lowercase")]
enum EntryClass {
    #[default]
    Blocking,
    Informing,
}

/// One name, or a list of them.
#[derive(Debug)]
struct OneOrMore(Vec<String>);

impl<'de> Deserialize<'de> for OneOrMore {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = OneOrMore;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a variable's name or a list of them")
            }

            fn visit_str<E>(self, name: &str) -> Result<OneOrMore, E> {
                Ok(OneOrMore(vec![name.to_owned()]))
            }

            fn visit_seq<A: SeqAccess<'de>>(self, names: A) -> Result<OneOrMore, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(names)).map(OneOrMore)
            }
        }
        deserializer.deserialize_any(Either)
    }
}

/// Reads a job list.
pub(super) fn read(flag: &str, yaml: &str) -> Result<Vec<Asked>, JobsError> {
    let expected = "expected a YAML list of jobs, each with a name (and class, owner, override-env, env, proof-log, proof-last, tests, junit)";
    if yaml.len() > MAX_BYTES {
        return Err(JobsError::new(flag, format!("it is larger than {} KiB", MAX_BYTES / 1024)));
    }
    let entries: Vec<Entry> = serde_saphyr::from_str(yaml).map_err(|error| {
        let is_list = is_job_list(yaml);
        let problem = if is_list { brief(&error) } else { kind_of(&error) };
        let Some(at) = error.location() else {
            return JobsError::new(flag, format!("{problem}; {expected}"));
        };
        let line = yaml
            .lines()
            .nth((at.line() as usize).saturating_sub(1))
            .unwrap_or_default();
        let found =
            if is_list { format!(", found {}", quoted(line.trim())) } else { String::new() };
        let place = format!("{flag}, line {} column {}", at.line(), at.column());
        JobsError::new(place, format!("{problem}; {expected}{found}"))
    })?;
    // An empty file is a mistake; an empty list is an answer.
    if entries.is_empty() && !yaml.contains('[') {
        return Err(JobsError::new(flag, format!("there is nothing in it; {expected}")));
    }
    entries.into_iter().map(|entry| check(flag, entry)).collect()
}

fn check(flag: &str, entry: Entry) -> Result<Asked, JobsError> {
    let line = |at: &serde_saphyr::Location| format!("{flag}, line {}", at.line());
    let place = line(&entry.name.referenced);
    check_name(&entry.name.value).map_err(|problem| JobsError::new(&place, problem))?;
    let class = match entry.class {
        EntryClass::Blocking => Class::Blocking,
        EntryClass::Informing => Class::Informing,
    };
    let mut job = job(entry.name.value, class);
    for (name, value) in entry.env {
        check_variable(&name)
            .and_then(|()| check_value(&name, &value.value))
            .map_err(|problem| JobsError::new(line(&value.referenced), problem))?;
        job.env.insert(name, value.value);
    }
    if let Some(names) = entry.override_env {
        let place = line(&names.referenced);
        if names.value.0.is_empty() {
            return Err(JobsError::new(
                place,
                "override-env: expected a variable's name, found an empty list",
            ));
        }
        check_override(&names.value.0)
            .map_err(|problem| JobsError::new(&place, format!("override-env: {problem}")))?;
        job.override_env = names.value.0;
    }
    job.owner = entry.owner.map(|owner| one_line(flag, "owner", owner)).transpose()?;
    job.proof_log = entry.proof_log.map(|pattern| proof_log(flag, pattern)).transpose()?;
    if let Some(last) = entry.proof_last {
        if last.value && job.proof_log.is_none() {
            let problem = "proof-last: there is no proof-log in this entry; expected the log that shows the image last";
            return Err(JobsError::new(line(&last.referenced), problem));
        }
        job.proof_last = last.value;
    }
    job.junit = entry.junit;
    if let Some(tests) = entry.tests {
        let wrong = |problem: &str| {
            Err(JobsError::new(line(&tests.referenced), format!("tests: {problem}")))
        };
        match (tests.value, job.junit) {
            (0, _) => return wrong("expected a number of tests from 1 on, found 0"),
            (_, Junit::Ignore) => {
                return wrong("with junit: ignore no test is counted; leave one of them out");
            }
            (number, Junit::Read) => job.tests = Some(number),
        }
    }
    Ok(Asked { place, job })
}

fn one_line(flag: &str, field: &str, given: Spanned<String>) -> Result<String, JobsError> {
    if given.value.trim().is_empty() || given.value.contains(char::is_control) {
        let place = format!("{flag}, line {}", given.referenced.line());
        return Err(JobsError::new(
            place,
            format!("{field}: expected a text of one line, found {:?}", given.value),
        ));
    }
    Ok(given.value)
}

/// A pattern that finds nothing would silently ask for less proof than was meant.
fn proof_log(flag: &str, given: Spanned<String>) -> Result<String, JobsError> {
    let place = format!("{flag}, line {}", given.referenced.line());
    let parsed = given.value.parse::<Glob>();
    parsed.map_err(|problem| JobsError::new(place, format!("proof-log: {problem}")))?;
    Ok(given.value)
}

/// Whether a text is a list of entries with names. Of any other nothing is quoted: who names the
/// wrong file may have named one with a secret.
fn is_job_list(yaml: &str) -> bool {
    let entries = serde_saphyr::from_str::<Vec<BTreeMap<String, serde::de::IgnoredAny>>>(yaml);
    entries.is_ok_and(|entries| entries.iter().any(|entry| entry.contains_key("name")))
}

/// The parser's complaint without anything of the text.
fn kind_of(error: &serde_saphyr::Error) -> String {
    let brief = brief(error);
    let ours =
        ["this is no list", "this is no set of fields", "this is no text", "missing field `name`"];
    match brief.as_str() {
        brief if ours.contains(&brief) => brief.to_owned(),
        brief if brief.starts_with("unknown field") => "a field that no job has".to_owned(),
        _ => "this cannot be read as a list of jobs in YAML".to_owned(),
    }
}

/// The parser's complaint in words of ours, without its picture of the place.
fn brief(error: &serde_saphyr::Error) -> String {
    let text = error.without_snippet().to_string();
    let first = text.lines().next().unwrap_or_default();
    let first = first
        .split(" at line ")
        .next()
        .unwrap_or(first)
        .split(", set DuplicateKeyPolicy")
        .next();
    match first.unwrap_or_default().trim_end_matches([':', ',']) {
        "expected sequence start" => "this is no list".to_owned(),
        "expected mapping start" => "this is no set of fields".to_owned(),
        "expected string scalar" => "this is no text".to_owned(),
        other => other.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(yaml: &str) -> String {
        read("--jobs", yaml).unwrap_err().to_string()
    }

    #[test]
    fn everything_a_job_can_say() {
        let yaml = concat!(
            "# nightly\n",
            "- name: periodic-a\n  class: informing\n  owner: \"@team\"\n  override-env: IMAGE\n",
            "  env: {COUNT: 5, FLAG: \"yes\"}\n  proof-log: artifacts/*/x.log\n  proof-last: true\n  tests: 12\n",
            "- name: periodic-b\n  junit: ignore\n",
        );
        let asked = read("--jobs", yaml).unwrap();
        let [a, b] = asked.as_slice() else { panic!("{asked:?}") };
        assert_eq!((a.place.as_str(), b.place.as_str()), ("--jobs, line 2", "--jobs, line 10"));
        assert_eq!((a.job.class, b.job.class), (Class::Informing, Class::Blocking));
        assert_eq!(
            a.job.env.iter().map(|(k, v)| format!("{k}={v}")).collect::<Vec<_>>(),
            ["COUNT=5", "FLAG=yes"]
        );
        assert_eq!(a.job.override_env, ["IMAGE"]);
        assert_eq!(a.job.proof_log.as_deref(), Some("artifacts/*/x.log"));
        assert_eq!((a.job.proof_last, a.job.tests, a.job.junit), (true, Some(12), Junit::Read));
        assert_eq!((b.job.proof_last, b.job.tests, b.job.junit), (false, None, Junit::Ignore));
    }

    #[test]
    fn every_mistake_has_its_place() {
        let table = [
            ("just a text\nof two lines", "--jobs, line 1"),
            ("- a\n- b\n", "--jobs, line 1"),
            ("- name: a\n- class: blocking\n", "--jobs, line 2 column 3: missing field `name`"),
            ("- name: a\n  clas: blocking\n", "--jobs, line 2 column 3: unknown field `clas`"),
            (
                "- name: a\n  class: deciding\n",
                "--jobs, line 2 column 10: unknown variant `deciding`",
            ),
            ("- name: [a]\n", "--jobs, line 1"),
            ("- name: ''\n", "--jobs, line 1: an empty name"),
            (
                "- name: a\n- name: \"a\\tb\"\n",
                "--jobs, line 2: \"a\\tb\" holds a control character",
            ),
            ("- name: a\n  env: [A]\n", "--jobs, line 2"),
            ("- name: a\n  env:\n    A: b\n    A: c\n", "--jobs, line 4"),
            (
                "- name: a\n  env:\n    A: b\n    C: \"\"\n",
                "--jobs, line 4: the value of C is empty",
            ),
            (
                "- name: a\n  override-env: []\n",
                "--jobs, line 2: override-env: expected a variable's name",
            ),
            (
                "- name: a\n  override-env: [a-b]\n",
                "--jobs, line 2: override-env: expected a variable's name",
            ),
            ("- name: a\n  owner: \" \"\n", "--jobs, line 2: owner: expected a text of one line"),
            (
                "- name: a\n  proof-log: /artifacts/x.log\n",
                "--jobs, line 2: proof-log: expected a pattern of a path",
            ),
            (
                "- name: a\n  proof-log: artifacts/../x.log\n",
                "--jobs, line 2: proof-log: expected a pattern of a path",
            ),
            (
                "- name: a\n\n  proof-log: a//x.log\n",
                "--jobs, line 3: proof-log: expected a pattern of a path",
            ),
            (
                "- name: a\n  proof-log: .\n",
                "--jobs, line 2: proof-log: expected a pattern of a path",
            ),
            (
                "- name: a\n  proof-log: \" \"\n",
                "--jobs, line 2: proof-log: expected a pattern of a path",
            ),
            (
                "- name: a\n  proof-last: true\n",
                "--jobs, line 2: proof-last: there is no proof-log in this entry",
            ),
            ("- name: a\n  proof-log: x.log\n  proof-last: always\n", "--jobs, line 3"),
            (
                "- name: a\n  tests: 0\n",
                "--jobs, line 2: tests: expected a number of tests from 1 on",
            ),
            ("- name: a\n  tests: -1\n", "--jobs, line 2"),
            ("- name: a\n  tests: many\n", "--jobs, line 2"),
            (
                "- name: a\n  junit: ignore\n  tests: 5\n",
                "--jobs, line 3: tests: with junit: ignore no test is counted",
            ),
            ("- name: a\n  junit: never\n", "--jobs, line 2 column 10: unknown variant `never`"),
            ("- name: a\n  name: b\n", "--jobs, line 2"),
            ("- name: a\n ]", "--jobs, line 2"),
            ("", "--jobs"),
        ];
        for (yaml, start) in table {
            let error = wrong(yaml);
            assert!(error.starts_with(start) && !error.contains('\n'), "{yaml:?}: {error}");
        }
        assert!(wrong(&" ".repeat(MAX_BYTES + 1)).contains("larger than 1024 KiB"));
        assert!(wrong("- name: a\n  clas: blocking\n").contains("found \"clas: blocking\""));
    }

    #[test]
    fn what_is_no_job_list_is_not_quoted() {
        for secret in [
            "sha256~Zm9vYmFyYmF6",
            "sha256~Zm9vYmFyYmF6\n",
            "- sha256~Zm9vYmFyYmF6",
            "- sha256~Zm9vYmFyYmF6: x",
            "[{\"token\": \"sha256~Zm9vYmFyYmF6\"}]",
            "{\"auths\": {\"quay.io\": {\"auth\": \"sha256~Zm9vYmFyYmF6\"}}}",
            "users:\n- name: u\n  user: {token: sha256~Zm9vYmFyYmF6}\n",
            "-----BEGIN PRIVATE KEY-----\nsha256~Zm9vYmFyYmF6\n",
            "a: &sha256~Zm9vYmFyYmF6 b\nc: *sha256~Zm9vYmFyYmF6x",
            "- {sha256~Zm9vYmFyYmF6: 1, sha256~Zm9vYmFyYmF6: 2}",
            "key: 'sha256~Zm9vYmFyYmF6",
            "- !sha256~Zm9vYmFyYmF6 x",
        ] {
            let error = wrong(secret);
            assert!(
                !error.contains("Zm9vYmFyYmF6") && error.contains("expected a YAML list of jobs"),
                "{error}"
            );
        }
    }
}
