//! The job list in YAML: a list of jobs, each with what a plain name cannot say; or a mapping of
//! such a list, `jobs`, and the [`matrix`](crate::matrix) that the jobs cover.
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
//!   every: 3d                  # not every night: when its last pass is that old, or it did not pass
//!   cell: {cpo: "4.19.z", platform: aks}   # which cell of the matrix it covers; needs a matrix
//! ```

use std::collections::BTreeMap;
use std::fmt;

use schemars::JsonSchema;
use serde::de::value::{MapAccessDeserializer, SeqAccessDeserializer};
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;

use super::{
    Asked, JobsError, check_name, check_override, check_value, check_variable, job, quoted,
};
use crate::glob::Glob;
use crate::matrix::{Days, Listed, Matrix, RawCell, RawMatrix, Wrong, enough};
use crate::record::{Class, JobRecord, Junit};

/// No job list is larger (1 MiB).
pub(super) const MAX_BYTES: usize = 1024 * 1024;

/// The jobs that a gate launches.
#[derive(Debug, JsonSchema)]
#[schemars(untagged)]
enum JobList {
    /// The jobs alone.
    Plain(Vec<Entry>),
    /// The jobs, and the matrix that they cover.
    Whole(Box<Whole>),
}

/// The jobs, and the matrix that they cover.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Whole {
    jobs: Vec<Entry>,
    /// What they must cover.
    #[serde(default)]
    matrix: Option<RawMatrix>,
}

/// A Prow job.
#[derive(Debug, serde::Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Entry {
    /// Its full name, such as periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-aks.
    #[schemars(with = "String")]
    name: Spanned<String>,
    /// Whether it must pass, or is only shown.
    #[serde(default)]
    class: EntryClass,
    /// Whom to ask about it.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    owner: Option<Spanned<String>>,
    /// The variables that carry the image into it, instead of those of --override-env.
    #[serde(default)]
    #[schemars(with = "Option<NameOrNames>")]
    override_env: Option<Spanned<OneOrMore>>,
    /// Constant variables, besides those of --env; these win.
    #[serde(default)]
    #[schemars(with = "BTreeMap<String, String>")]
    env: BTreeMap<String, Spanned<String>>,
    /// Which log proves the image: a pattern of its path below the job's folder.
    #[serde(default)]
    #[schemars(with = "Option<String>")]
    proof_log: Option<Spanned<String>>,
    /// Whether that log alone proves it, and the image is the last one in it (an upgrade job).
    #[serde(default)]
    #[schemars(with = "Option<bool>")]
    proof_last: Option<Spanned<bool>>,
    /// A success in which fewer tests ran does not count.
    #[serde(default)]
    #[schemars(with = "Option<u32>", range(min = 1))]
    tests: Option<Spanned<u32>>,
    /// What its JUnit files count for.
    #[serde(default)]
    junit: Junit,
    /// Which cell of the matrix it covers: a value for each dimension.
    #[serde(default)]
    #[schemars(with = "Option<BTreeMap<String, String>>")]
    cell: Option<Spanned<RawCell>>,
    /// Not every night: when its last pass is so old, it never passed, or did not pass last time.
    #[serde(default)]
    #[schemars(with = "Option<Days>")]
    every: Option<Spanned<String>>,
}

#[derive(Debug, Clone, Copy, Default, serde::Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
enum EntryClass {
    /// It must pass.
    #[default]
    Blocking,
    /// It is shown and decides nothing.
    Informing,
}

/// One name, or a list of them.
#[derive(JsonSchema)]
#[schemars(untagged)]
#[allow(dead_code, reason = "the shape of OneOrMore, for the schema alone")]
enum NameOrNames {
    One(String),
    More(Vec<String>),
}

impl<'de> Deserialize<'de> for JobList {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Either;
        impl<'de> Visitor<'de> for Either {
            type Value = JobList;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a list of jobs, or a mapping of jobs and matrix")
            }

            fn visit_seq<A: SeqAccess<'de>>(self, jobs: A) -> Result<JobList, A::Error> {
                Vec::deserialize(SeqAccessDeserializer::new(jobs)).map(JobList::Plain)
            }

            fn visit_map<A: MapAccess<'de>>(self, fields: A) -> Result<JobList, A::Error> {
                let whole = Whole::deserialize(MapAccessDeserializer::new(fields))?;
                Ok(JobList::Whole(Box::new(whole)))
            }
        }
        deserializer.deserialize_any(Either)
    }
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
pub(super) fn read(flag: &str, yaml: &str) -> Result<(Vec<Asked>, Option<Matrix>), JobsError> {
    let expected = "expected a YAML list of jobs, each with a name (and class, owner, override-env, env, proof-log, proof-last, tests, junit, cell, every), or a mapping of such a list, jobs, and matrix";
    if yaml.len() > MAX_BYTES {
        return Err(JobsError::new(flag, format!("it is larger than {} KiB", MAX_BYTES / 1024)));
    }
    let list: JobList = serde_saphyr::from_str(yaml).map_err(|error| {
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
    let (entries, raw) = match list {
        JobList::Plain(jobs) => (jobs, None),
        JobList::Whole(whole) => (whole.jobs, whole.matrix),
    };
    // An empty file is a mistake; an empty list is an answer.
    if entries.is_empty() && !yaml.contains('[') {
        return Err(JobsError::new(flag, format!("there is nothing in it; {expected}")));
    }
    let at = |wrong: Wrong| JobsError::new(format!("{flag}, line {}", wrong.line), wrong.problem);
    let matrix = raw.as_ref().map(RawMatrix::check).transpose().map_err(at)?;
    let check = |entry| check(flag, entry, matrix.as_ref());
    let asked: Vec<_> = entries.into_iter().map(check).collect::<Result<_, _>>()?;
    if let (Some(matrix), Some(raw)) = (&matrix, &raw) {
        let jobs: Vec<_> = asked.iter().map(|asked| listed(&asked.job)).collect();
        enough(matrix, &jobs).map_err(|problem| at(Wrong { line: raw.limits_line(), problem }))?;
    }
    Ok((asked, matrix))
}

/// A job as the matrix sees it.
pub(super) fn listed(job: &JobRecord) -> Listed<'_> {
    Listed { name: &job.name, cell: job.cell.as_ref(), every: job.every }
}

/// The list's JSON Schema, for editors.
pub fn schema() -> String {
    let schema = schemars::schema_for!(JobList);
    serde_json::to_string_pretty(&schema).expect("a schema is JSON") + "\n"
}

fn check(flag: &str, entry: Entry, matrix: Option<&Matrix>) -> Result<Asked, JobsError> {
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
    if let Some(every) = entry.every {
        let parsed = every.value.parse().map_err(|problem| {
            JobsError::new(line(&every.referenced), format!("every: {problem}"))
        });
        job.every = Some(parsed?);
    }
    if let Some(cell) = entry.cell {
        let Some(matrix) = matrix else {
            let problem = "cell: there is no matrix; expected a mapping of jobs and matrix rather than a list of jobs";
            return Err(JobsError::new(line(&cell.referenced), problem));
        };
        let found = matrix.cell(&cell);
        job.cell = Some(found.map_err(|wrong| {
            JobsError::new(format!("{flag}, line {}", wrong.line), wrong.problem)
        })?);
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
    type Entries = Vec<BTreeMap<String, serde::de::IgnoredAny>>;
    #[derive(serde::Deserialize)]
    struct Jobs {
        jobs: Entries,
    }
    let entries = serde_saphyr::from_str::<Entries>(yaml)
        .or_else(|_| serde_saphyr::from_str::<Jobs>(yaml).map(|whole| whole.jobs));
    entries.is_ok_and(|entries| entries.iter().any(|entry| entry.contains_key("name")))
}

/// The parser's complaint without anything of the text.
fn kind_of(error: &serde_saphyr::Error) -> String {
    let brief = brief(error);
    let ours =
        ["this is no list", "this is no set of fields", "this is no text", "missing field `name`"];
    match brief.as_str() {
        brief if ours.contains(&brief) => brief.to_owned(),
        // A text or a number as a whole.
        brief if brief.starts_with("invalid type") => "this is no list".to_owned(),
        brief if brief.starts_with("unknown field") => "a field that no job list has".to_owned(),
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
        read("--jobs", yaml).map(|_| ()).unwrap_err().to_string()
    }

    #[test]
    fn everything_a_job_can_say() {
        let yaml = concat!(
            "# nightly\n",
            "- name: periodic-a\n  class: informing\n  owner: \"@team\"\n  override-env: IMAGE\n",
            "  env: {COUNT: 5, FLAG: \"yes\"}\n  proof-log: artifacts/*/x.log\n  proof-last: true\n  tests: 12\n",
            "- name: periodic-b\n  junit: ignore\n",
        );
        let (asked, _) = read("--jobs", yaml).unwrap();
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
            ("just a text\nof two lines", "--jobs: this is no list; expected a YAML list of jobs"),
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
    fn an_empty_list_is_an_answer_and_an_empty_file_is_a_mistake() {
        for empty in ["[]", "jobs: []\n"] {
            assert!(read("--jobs", empty).unwrap().0.is_empty(), "{empty}");
        }
        for nothing in ["", "\n", "# nightly\n"] {
            assert!(wrong(nothing).contains("expected a YAML list of jobs"), "{nothing}");
        }
    }

    #[test]
    fn a_list_of_the_largest_size_is_read() {
        let list = "- name: a\n#";
        let largest = format!("{list}{}", "x".repeat(MAX_BYTES - list.len()));
        assert_eq!(read("--jobs", &largest).unwrap().0.len(), 1);
    }

    #[test]
    fn what_a_variable_may_be_is_said() {
        let error = wrong("- name: a\n  override-env: {b: c}\n");
        assert!(
            error.contains(
                "column 17: invalid type: map, expected a variable's name or a list of them; "
            ),
            "{error}"
        );
    }

    #[test]
    fn what_is_no_job_list_is_told_by_its_kind() {
        for (text, kind) in [
            ("just a text", "this is no list"),
            ("- class: blocking\n", "missing field `name`"),
            ("- a\n", "this is no set of fields"),
            ("- token: x\n", "a field that no job list has"),
            ("- class: deciding\n", "this cannot be read as a list of jobs in YAML"),
        ] {
            let error = wrong(text);
            let wanted = format!(": {kind}; expected a YAML list of jobs");
            assert!(error.contains(&wanted), "{text:?}: {error}");
        }
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

    const WHOLE: &str = r#"
matrix:
  dimensions:
    cpo: ["4.19.z", "4.20.z"]
    management: ["4.19", "4.20"]
  required:
    - {cpo: "4.20.z"}
    - {cpo: "4.19.z", management: ["4.19"]}
  except:
    - {cpo: "4.20.z", management: "4.19"}
  fresh: 7d
  budget: 2
jobs:
  - name: always
    cell: {cpo: "4.20.z", management: "4.20"}
  - name: sometimes
    cell: {cpo: 4.19.z, management: 4.19}
    every: 3d
"#;

    #[test]
    fn a_mapping_has_a_matrix_besides() {
        let (asked, matrix) = read("--jobs", WHOLE).unwrap();
        let matrix = matrix.unwrap();
        let words = crate::matrix::words;
        let required: Vec<_> = matrix.required.iter().map(words).collect();
        assert_eq!(required, ["cpo=4.19.z management=4.19", "cpo=4.20.z management=4.20"]);
        assert_eq!((matrix.fresh.unwrap().to_string(), matrix.budget), ("7d".to_owned(), Some(2)));
        assert_eq!(asked[1].place, "--jobs, line 16");
        let job = &asked[1].job;
        assert_eq!(words(job.cell.as_ref().unwrap()), "cpo=4.19.z management=4.19");
        assert_eq!(job.every.unwrap().to_string(), "3d");
        // Without a matrix every may stand alone.
        let (asked, matrix) = read("--jobs", "- name: a\n  every: 36h\n").unwrap();
        assert_eq!((asked[0].job.every.unwrap().to_string(), matrix), ("1d12h".to_owned(), None));
        assert!(read("--jobs", "jobs:\n- name: a\n").unwrap().1.is_none());
    }

    #[test]
    fn every_mistake_in_the_matrix_has_its_place() {
        let with = |from: &str, to: &str| {
            assert!(WHOLE.contains(from), "{from}");
            wrong(&WHOLE.replacen(from, to, 1))
        };
        let table = [
            (
                "cpo: [\"4.19.z\"",
                "Cpo: [\"4.19.z\"",
                "4: dimensions: expected a name of lower-case",
            ),
            ("[\"4.19.z\", ", "[\"4.20.z\", ", "4: dimensions: cpo: \"4.20.z\" stands there twice"),
            ("[\"4.19\", \"4.20\"]", "[]", "5: dimensions: management: expected a list of values"),
            (
                "[\"4.19\", \"4.20\"]",
                "[\"4 19\"]",
                "5: dimensions: management: expected a value of",
            ),
            (
                "- {cpo: \"4.20.z\"}",
                "- {cpu: \"4.20.z\"}",
                "7: required: \"cpu\" is no dimension; expected one of cpo, management",
            ),
            ("- {cpo: \"4.20.z\"}", "- {}", "7: required: an empty entry"),
            (
                "management: [\"4.19\"]",
                "management: [\"4.18\"]",
                "8: required: management: \"4.18\" is none of its values; expected one of 4.19, 4.20",
            ),
            (
                "\"4.20.z\", management: \"4.19\"",
                "\"4.19.z\", management: \"4.20\"",
                "10: except: none of these cells is required",
            ),
            (
                "fresh: 7d",
                "fresh: 7",
                "11: fresh: expected a duration of 1h to 366d such as 7d, 1d12h or 72h, found \"7\"",
            ),
            ("budget: 2", "budget: 0", "12: budget: expected a number of jobs from 1 on"),
            ("budget: 2", "budget: two", "12"),
            ("budget: 2", "budjet: 2", "12 column 3: unknown field `budjet`"),
            ("fresh: 7d", "fresh: 7d\n  fresh: 8d", "12"),
            (
                "    cell: {cpo: \"4.20.z\", ",
                "    cell: {",
                "15: cell: cpo is missing; expected one of 4.19.z, 4.20.z",
            ),
            (
                "management: 4.19}",
                "management: 4.21}",
                "17: cell: management: \"4.21\" is none of its values",
            ),
            (
                "management: 4.19}",
                "management: 4.19, from: x}",
                "17: cell: \"from\" is no dimension",
            ),
            ("every: 3d", "every: sometimes", "18: every: expected a duration"),
            ("every: 3d", "every: 30d", "12: every: 30d of sometimes is longer than fresh: 7d"),
            ("every: 3d", "evry: 3d", "18 column 5: unknown field `evry`"),
            ("  - name: sometimes", "  - nam: sometimes", "16"),
        ];
        for (from, to, start) in table {
            let error = with(from, to);
            let start = format!("--jobs, line {start}");
            assert!(error.starts_with(&start) && !error.contains('\n'), "{to}: {error}");
        }
        let error = wrong("- name: a\n  cell: {a: b}\n");
        assert!(error.starts_with("--jobs, line 2: cell: there is no matrix"), "{error}");
        let cells: Vec<_> = (0..40).map(|number| format!("v{number}")).collect();
        let list = cells.join(", ");
        let error = wrong(&format!(
            "matrix:\n  dimensions:\n    a: [{list}]\n    b: [{list}]\njobs:\n- name: a\n"
        ));
        assert!(error.starts_with("--jobs, line 3: dimensions: 1600 combinations"), "{error}");
    }

    #[test]
    fn the_worked_example_has_the_holes_that_it_names() {
        use crate::matrix::Tonight;
        let yaml = include_str!("../../../docs/examples/hypershift-matrix.yaml");
        let (asked, matrix) = read("--jobs", yaml).unwrap();
        let jobs: Vec<_> = asked.iter().map(|asked| listed(&asked.job)).collect();
        let now = jiff::Timestamp::from_second(1_780_000_000).unwrap();
        let tonight =
            Tonight::choose(matrix.as_ref(), &jobs, &Default::default(), (now, false)).unwrap();
        let running = tonight.plan.choices.iter().filter(|choice| choice.runs).count();
        assert_eq!((jobs.len(), tonight.required.len(), running), (38, 62, 6));
        let made = tonight.coverage(|_| Some(now), now).unwrap();
        assert_eq!((made.fresh, made.stale(), made.holes()), (38, 0, 24));
        let holes = |test: &str| made.holes.iter().filter(|cell| cell["test"] == test).count();
        assert_eq!(
            ["management-skew", "upgrade", "guest-skew", "e2e"].map(holes),
            [6, 6, 4, 8],
            "the comment at its head"
        );
    }

    #[test]
    fn the_schema_is_as_checked_in() {
        xtask::held("docs/jobs.schema.json", &schema());
    }
}
