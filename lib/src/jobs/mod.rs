//! The jobs asked for: two lists of names and the job list in YAML, made into one request.
//!
//! Nothing is repaired or guessed: a name with a blank too many would start another job or none,
//! and a list that is a string would start one job per letter. Every message names the flag, the
//! place in it, what was found and what is expected.

mod compare;
mod flags;
mod list;
mod names;
mod short_names;
mod source;

use std::collections::BTreeMap;
use std::fmt;

use crate::matrix::{Listed, Matrix, Tonight};
use crate::record::{Class, JobRecord};
use crate::text;

pub use compare::{blocking_difference, difference};
pub use flags::{Flags, FlagsError};
pub use list::schema;
pub use short_names::short_names;
pub use source::{Source, SourceError};

/// Why the jobs asked for cannot be launched: nothing was sent.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {problem}")]
pub struct JobsError {
    place: String,
    problem: String,
}

impl JobsError {
    fn new(place: impl fmt::Display, problem: impl Into<String>) -> Self {
        Self { place: place.to_string(), problem: problem.into() }
    }
}

/// What was given, as it was given.
#[derive(Debug, Clone, Default)]
pub struct Given<'a> {
    /// `--blocking`: a JSON array of names.
    pub blocking: Option<&'a str>,
    /// `--informing`: a JSON array of names.
    pub informing: Option<&'a str>,
    /// The YAML of `--jobs`.
    pub jobs: Option<&'a str>,
    /// `--override-env`: the variables that carry the image, for jobs that name none of their own.
    pub override_env: &'a [String],
    /// `--env`: a JSON object of constant variables for every job.
    pub env: Option<&'a str>,
}

/// The request: the jobs, blocking ones first, and what all of them get.
#[derive(Debug, Clone, PartialEq)]
pub struct Request {
    pub jobs: Vec<JobRecord>,
    /// Constant variables for every job. A job's own win.
    pub env: BTreeMap<String, String>,
    /// What the jobs must cover, where the list says so.
    pub matrix: Option<Matrix>,
}

impl Request {
    /// The jobs as the matrix sees them.
    pub fn listed(&self) -> Vec<Listed<'_>> {
        self.jobs.iter().map(list::listed).collect()
    }

    /// What is left of it when only the sampled jobs of that choice run. A job without `every`
    /// stays whatever the choice says: it comes from who started the run, the choice from the
    /// record.
    pub fn tonight(&self, chosen: Option<&Tonight>) -> Self {
        let runs = |job: &&JobRecord| {
            job.every.is_none() || chosen.is_none_or(|chosen| chosen.plan.runs(&job.name))
        };
        Self { jobs: self.jobs.iter().filter(runs).cloned().collect(), ..self.clone() }
    }
}

/// Reads and checks everything given.
///
/// # Errors
/// [`JobsError`] for the first thing that is wrong.
pub fn read(given: &Given<'_>) -> Result<Request, JobsError> {
    check_override(given.override_env)
        .map_err(|problem| JobsError::new("--override-env", problem))?;
    let env = given
        .env
        .map(|text| names::variables("--env", text))
        .transpose()?
        .unwrap_or_default();
    let mut asked = Vec::new();
    for (flag, text, class) in [
        ("--blocking", given.blocking, Class::Blocking),
        ("--informing", given.informing, Class::Informing),
    ] {
        let names = text
            .map(|text| names::names(flag, text))
            .transpose()?
            .unwrap_or_default();
        asked.extend(names.into_iter().enumerate().map(|(index, name)| Asked {
            place: format!("{flag}, entry {}", index + 1),
            job: job(name, class),
        }));
    }
    let mut matrix = None;
    if let Some(yaml) = given.jobs {
        let (listed, found) = list::read("--jobs", yaml)?;
        asked.extend(listed);
        matrix = found;
    }
    check_names(&asked)?;
    for Asked { place, job } in &mut asked {
        if job.override_env.is_empty() {
            job.override_env = given.override_env.to_vec();
        }
        check_image_variables(place, job, &env)?;
    }
    let mut jobs: Vec<_> = asked.into_iter().map(|asked| asked.job).collect();
    jobs.sort_by_key(|job| job.class);
    if jobs.first().is_none_or(|job| job.class != Class::Blocking) {
        let problem = "no blocking job: nothing would decide; expected at least one name, such as [\"periodic-ci-…\"], or a job of class blocking in --jobs";
        return Err(JobsError::new("--blocking", problem));
    }
    if jobs
        .iter()
        .all(|job| job.class != Class::Blocking || job.every.is_some())
    {
        let problem = "every blocking job has every, so that on some nights nothing would decide; expected at least one blocking job without it";
        return Err(JobsError::new("--jobs", problem));
    }
    Ok(Request { jobs, env, matrix })
}

/// A job and where it was asked for.
#[derive(Debug)]
struct Asked {
    place: String,
    job: JobRecord,
}

fn job(name: String, class: Class) -> JobRecord {
    JobRecord::named(name, class)
}

fn check_names(asked: &[Asked]) -> Result<(), JobsError> {
    let mut seen: BTreeMap<&str, &Asked> = BTreeMap::new();
    for this in asked {
        let name = &this.job.name;
        let Some(first) = seen.insert(name, this) else { continue };
        let problem = if first.job.class == this.job.class {
            format!("{name:?} is asked for twice, first in {}; expected each job once", first.place)
        } else {
            let (one, other) = (first.job.class.as_str(), this.job.class.as_str());
            format!(
                "{name:?} is {other} here and {one} in {}; expected one class for each job",
                first.place
            )
        };
        return Err(JobsError::new(&this.place, problem));
    }
    Ok(())
}

/// The image must arrive, and only once.
fn check_image_variables(
    place: &str,
    job: &JobRecord,
    common: &BTreeMap<String, String>,
) -> Result<(), JobsError> {
    let name = &job.name;
    if job.override_env.is_empty() {
        let problem = format!(
            "no variable carries the image into {name:?}; expected --override-env NAME, or override-env for this job in --jobs"
        );
        return Err(JobsError::new(place, problem));
    }
    for variable in &job.override_env {
        let constant = if job.env.contains_key(variable) { Some("its env") } else { None };
        let constant = constant.or_else(|| common.contains_key(variable).then_some("--env"));
        if let Some(constant) = constant {
            let problem = format!(
                "{variable} carries the image into {name:?} and is also set in {constant}; expected only one"
            );
            return Err(JobsError::new(place, problem));
        }
    }
    Ok(())
}

/// What is wrong with a job's name, if anything.
fn check_name(name: &str) -> Result<(), String> {
    let expected =
        "expected a Prow job's full name, such as periodic-ci-openshift-hypershift-…-e2e-aks";
    if name.is_empty() {
        return Err(format!("an empty name; {expected}"));
    }
    if name.trim().is_empty() {
        return Err(format!("a blank name; {expected}"));
    }
    // What Prow takes in a job's name. Anything else may be invisible, or look like one of these.
    let known = |c: &char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '_');
    match name.chars().find(|c| !known(c)) {
        Some(c) if c.is_control() => {
            Err(format!("{} holds a control character; {expected}", quoted(name)))
        }
        Some(c) if c.is_whitespace() => Err(format!("{} holds a blank; {expected}", quoted(name))),
        Some(c) => Err(format!(
            "{} holds {}, which no job's name has; {expected}",
            quoted(name),
            spelled(c)
        )),
        None => Ok(()),
    }
}

/// A letter as one can see it, its number besides where it is no plain one.
fn spelled(c: char) -> String {
    if c.is_ascii() { format!("{c:?}") } else { format!("'{}'", c.escape_unicode()) }
}

/// What is wrong with the variables that carry the image, if anything.
fn check_override(names: &[String]) -> Result<(), String> {
    names.iter().try_for_each(|name| check_variable(name))?;
    match names
        .iter()
        .enumerate()
        .find(|(at, name)| names[..*at].contains(name))
    {
        Some((_, twice)) => Err(format!("{twice} is named twice; expected each variable once")),
        None => Ok(()),
    }
}

/// What is wrong with a variable's name, if anything: Gangway takes any, and the pod then fails.
fn check_variable(name: &str) -> Result<(), String> {
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if begins && name.chars().all(|c| c.is_ascii_alphanumeric() || c == '_') {
        return Ok(());
    }
    Err(format!("expected a variable's name of letters, digits and _, found {}", quoted(name)))
}

/// What is wrong with a variable's value, if anything.
fn check_value(name: &str, value: &str) -> Result<(), String> {
    match value {
        "" => Err(format!("the value of {name} is empty, which Gangway refuses; leave {name} out")),
        value if value.contains('\0') => Err(format!("the value of {name} holds a NUL character")),
        _ => Ok(()),
    }
}

/// A given text as it stands in a message: quoted, its control characters escaped, not too long.
fn quoted(found: &str) -> String {
    format!("{:?}", text::cut(found, 120))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn given<'a>(
        blocking: &'a str,
        informing: &'a str,
        jobs: &'a str,
        names: &'a [String],
    ) -> Given<'a> {
        let some = |text: &'a str| Some(text).filter(|text| !text.is_empty());
        Given {
            blocking: some(blocking),
            informing: some(informing),
            jobs: some(jobs),
            override_env: names,
            env: None,
        }
    }

    fn image() -> Vec<String> {
        vec!["IMAGE".to_owned()]
    }

    fn refused(blocking: &str, informing: &str, jobs: &str) -> String {
        read(&given(blocking, informing, jobs, &image()))
            .unwrap_err()
            .to_string()
    }

    #[test]
    fn blocking_jobs_come_first_wherever_they_are_named() {
        let yaml = "- name: c\n  class: informing\n  owner: team-x\n- name: d\n  class: blocking\n";
        let request = read(&given(r#"["b"]"#, r#"["a"]"#, yaml, &image())).unwrap();
        let names: Vec<_> = request
            .jobs
            .iter()
            .map(|job| (job.name.as_str(), job.class.as_str()))
            .collect();
        assert_eq!(
            names,
            [("b", "blocking"), ("d", "blocking"), ("a", "informing"), ("c", "informing")]
        );
        assert_eq!(request.jobs[3].owner.as_deref(), Some("team-x"));
        assert!(request.jobs.iter().all(|job| job.override_env == ["IMAGE"]));
    }

    #[test]
    fn each_job_once_in_one_class() {
        assert_eq!(
            refused(r#"["a","b","a"]"#, "", ""),
            r#"--blocking, entry 3: "a" is asked for twice, first in --blocking, entry 1; expected each job once"#
        );
        assert_eq!(
            refused(r#"["a"]"#, r#"["x","a"]"#, ""),
            r#"--informing, entry 2: "a" is informing here and blocking in --blocking, entry 1; expected one class for each job"#
        );
        assert!(refused(r#"["a"]"#, "", "- name: a\n").starts_with("--jobs, line 1"));
    }

    #[test]
    fn something_must_decide() {
        for (blocking, informing) in [("", ""), ("[]", ""), ("[]", r#"["a"]"#)] {
            assert!(
                refused(blocking, informing, "").starts_with("--blocking: no blocking job"),
                "{blocking}"
            );
        }
    }

    #[test]
    fn something_must_decide_every_night() {
        let sampled = "- {name: a, every: 3d}\n- {name: b, class: informing}\n";
        assert!(refused("", "", sampled).starts_with("--jobs: every blocking job has every"));
        let request = read(&given(r#"["c"]"#, "", sampled, &image())).unwrap();
        assert_eq!(request.jobs.len(), 3);
        let now = jiff::Timestamp::UNIX_EPOCH;
        let mut chosen =
            Tonight::choose(None, &request.listed(), &Default::default(), (now, false)).unwrap();
        let names =
            |request: &Request| request.jobs.iter().map(|job| job.name.clone()).collect::<Vec<_>>();
        assert_eq!(names(&request.tonight(Some(&chosen))), ["c", "a", "b"]);
        chosen.plan.choices[0].runs = false;
        assert_eq!(names(&request.tonight(Some(&chosen))), ["c", "b"]);
        // A record that leaves out what runs every night is not believed.
        chosen.plan.choices[0].name = "c".to_owned();
        assert_eq!(names(&request.tonight(Some(&chosen))), ["c", "a", "b"]);
    }

    #[test]
    fn the_image_must_arrive_and_once() {
        let without = read(&given(r#"["a"]"#, "", "", &[])).unwrap_err().to_string();
        assert!(
            without.starts_with("--blocking, entry 1: no variable carries the image into \"a\""),
            "{without}"
        );
        let own = read(&given("", "", "- {name: a, override-env: [X, Y]}", &[])).unwrap();
        assert_eq!(own.jobs[0].override_env, ["X", "Y"]);
        let twice = refused(r#"["b"]"#, "", "- {name: a, env: {IMAGE: x}}");
        assert!(
            twice.contains("IMAGE carries the image into \"a\" and is also set in its env"),
            "{twice}"
        );
        let names = image();
        let common = Given { env: Some(r#"{"IMAGE":"x"}"#), ..given(r#"["a"]"#, "", "", &names) };
        assert!(read(&common).unwrap_err().to_string().contains("also set in --env"));
        let named = |names: &[&str]| {
            let names: Vec<_> = names.iter().map(|name| (*name).to_owned()).collect();
            read(&given(r#"["a"]"#, "", "", &names)).unwrap_err().to_string()
        };
        assert!(named(&["1 bad=name"]).starts_with("--override-env: expected"));
        assert_eq!(
            named(&["A", "B", "A"]),
            "--override-env: A is named twice; expected each variable once"
        );
        let own = refused("", "", "- name: a\n  override-env: [X, X]\n");
        assert_eq!(
            own,
            "--jobs, line 2: override-env: X is named twice; expected each variable once"
        );
    }

    proptest! {
        #[test]
        fn nothing_panics(blocking in "\\PC{0,40}", jobs in "[-a-z:\\[\\]{}\" \n]{0,60}") {
            let _ = read(&given(&blocking, "", &jobs, &image()));
        }
    }
}
