//! What the flags ask for, and in what a record differs from it.

use super::Rules;
use super::document::Document;
use crate::evidence::{GivenRules, Rules as Evidence};
use crate::jobs::{self, FlagsError, Given, Request, Source};
use crate::record::{Class, PolicyRecord};
use crate::step::args::list;
use crate::step::groups;
use crate::text;

/// No number that a flag gives is larger.
const MOST: u32 = 1000;

/// What the flags ask for. What is not given is the record's, or the default.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Asked {
    /// `--job` with what it is launched with: one job.
    pub request: Option<Request>,
    /// `--test`.
    pub test: Option<String>,
    /// `--good`.
    pub good: Option<String>,
    /// `--bad`.
    pub bad: Option<String>,
    /// `--confirm`, `--passes` and `--runs`.
    pub numbers: Numbers,
    /// `--proof`, `--proof-log` and `--hollow`.
    pub proof: GivenRules,
}

/// How much evidence is asked for, as far as given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Numbers {
    /// `--confirm`.
    pub confirm: Option<u32>,
    /// `--passes`.
    pub passes: Option<u32>,
    /// `--runs`.
    pub runs: Option<u32>,
}

/// Reads `--confirm`, `--passes` and `--runs`.
///
/// # Errors
/// What was expected of which flag.
pub fn numbers(
    confirm: Option<&str>,
    passes: Option<&str>,
    runs: Option<&str>,
) -> Result<Numbers, String> {
    let read = |flag: &str, least: u32, given: Option<&str>| {
        let wrong = |text: &str| {
            let found = text::cut(text, 40);
            format!("{flag}: expected a whole number from {least} to {MOST}, found {found:?}")
        };
        let number = |text: &str| {
            let number = text.parse().ok().filter(|number| (least..=MOST).contains(number));
            number.ok_or_else(|| wrong(text))
        };
        given.map(number).transpose()
    };
    Ok(Numbers {
        confirm: read("--confirm", 0, confirm)?,
        passes: read("--passes", 1, passes)?,
        runs: read("--runs", 1, runs)?,
    })
}

/// The request for the job of that name alone: as the job list has it, where one is given.
///
/// # Errors
/// What was expected of which flag.
pub fn request(job: Option<&str>, given: &groups::Request) -> Result<Option<Request>, String> {
    let groups::Request { jobs, override_env, env, .. } = given;
    let Some(job) = job else {
        return match jobs.is_some() || env.is_some() || !override_env.is_empty() {
            true => Err("expected --job NAME beside --jobs, --override-env and --env".to_owned()),
            false => Ok(None),
        };
    };
    let yaml = jobs
        .as_deref()
        .map(|jobs| Source::of(jobs).read())
        .transpose()
        .map_err(|error| FlagsError::from(error).to_string())?;
    let named = serde_json::json!([job]).to_string();
    let override_env = list(override_env);
    let request = jobs::read(&Given {
        blocking: Some(named.as_str()).filter(|_| yaml.is_none()),
        informing: None,
        jobs: yaml.as_deref(),
        override_env: &override_env,
        env: env.as_deref(),
    });
    let request = request.map_err(|error| {
        // The name was given by another flag than the one it is read as.
        error.to_string().replacen("--blocking, entry 1", "--job", 1)
    })?;
    let names: Vec<_> = request.jobs.iter().map(|job| job.name.clone()).collect();
    let Some(mut found) = request.jobs.into_iter().find(|found| found.name == job) else {
        let (job, has) = (text::one_line(job, 200), text::some_of(&names, 5));
        return Err(format!("--job: {job:?} is not in --jobs; it has: {has}"));
    };
    // It alone decides, and runs whenever it is asked to.
    (found.class, found.every) = (Class::Blocking, None);
    Ok(Some(Request { jobs: vec![found], env: request.env, matrix: None }))
}

impl Asked {
    /// How much evidence a new bisect asks for.
    pub fn rules(&self) -> Rules {
        let Numbers { confirm, passes, runs } = self.numbers;
        let usual = Rules::default();
        Rules {
            confirm: confirm.unwrap_or(usual.confirm),
            passes: passes.unwrap_or(usual.passes),
            runs: runs.unwrap_or(usual.runs),
        }
    }

    /// What a run of a new bisect must show to count.
    ///
    /// # Errors
    /// A pattern that is none.
    pub fn policy(&self) -> Result<PolicyRecord, String> {
        let Evidence { proof, proof_logs, hollow } = self.proof.with(None)?;
        let proof_logs = proof_logs.iter().map(ToString::to_string).collect();
        Ok(PolicyRecord { proof, proof_logs, hollow, ..PolicyRecord::default() })
    }

    /// In what a record differs from what is asked for, if it does. The Snapshots between the ends
    /// are the record's, once it is begun: Snapshots come and go.
    pub fn difference(&self, found: &Document) -> Option<String> {
        let Numbers { confirm, passes, runs } = self.numbers;
        let is = |given: Option<u32>, found: u32| given.is_none_or(|given| given == found);
        let end = |given: &Option<String>, found: Option<&super::document::Place>| {
            given.is_none() || found.map(|place| &place.snapshot) == given.as_ref()
        };
        let same_job = self.request.as_ref().is_none_or(|request| {
            request.jobs.as_slice() == std::slice::from_ref(&found.job) && request.env == found.env
        });
        let table = [
            ("its job is another, or has other variables", same_job),
            ("its --test is another", self.test.is_none() || self.test == found.test),
            ("its --good is another", end(&self.good, found.range.first())),
            ("its --bad is another", end(&self.bad, found.range.last())),
            ("its --confirm is another", is(confirm, found.rules.confirm)),
            ("its --passes is another", is(passes, found.rules.passes)),
            ("its --runs is another", is(runs, found.rules.runs)),
        ];
        let differs = table.iter().find(|(_, same)| !same);
        differs
            .map(|(what, _)| (*what).to_owned())
            .or_else(|| self.proof.difference(&found.policy))
    }
}

#[cfg(test)]
mod tests {
    use super::super::document::tests::document;
    use super::*;
    use crate::record::Strictness;

    fn given(jobs: Option<&str>) -> groups::Request {
        groups::Request {
            jobs: jobs.map(str::to_owned),
            override_env: vec!["IMAGE".to_owned()],
            ..groups::Request::default()
        }
    }

    #[test]
    fn one_job_by_its_name_or_as_the_list_has_it() {
        let alone = request(Some("periodic-a"), &given(None)).unwrap().unwrap();
        assert_eq!(
            (alone.jobs.len(), alone.jobs[0].override_env.as_slice()),
            (1, &["IMAGE".to_owned()][..])
        );
        let yaml =
            "- {name: periodic-a}\n- {name: periodic-b, class: informing, every: 3d, env: {X: y}}";
        let listed = request(Some("periodic-b"), &given(Some(yaml))).unwrap().unwrap();
        let job = &listed.jobs[0];
        assert_eq!((listed.jobs.len(), job.class, job.every), (1, Class::Blocking, None));
        assert_eq!(job.env["X"], "y");
        let error = request(Some("periodic-c"), &given(Some(yaml))).unwrap_err();
        assert_eq!(error, "--job: \"periodic-c\" is not in --jobs; it has: periodic-a, periodic-b");
        let error = request(Some("a b"), &given(None)).unwrap_err();
        assert!(error.starts_with("--job: "), "{error}");
        let default = groups::Request::default;
        for nameless in [
            groups::Request { jobs: Some(yaml.to_owned()), ..default() },
            groups::Request { env: Some("{X: y}".to_owned()), ..default() },
            given(None),
        ] {
            let error = request(None, &nameless).unwrap_err();
            assert!(error.starts_with("expected --job NAME"), "{nameless:?}: {error}");
        }
        assert_eq!(request(None, &groups::Request::default()), Ok(None));
    }

    #[test]
    fn numbers_are_read() {
        let read = numbers(Some("0"), None, Some("7")).unwrap();
        assert_eq!(read, Numbers { confirm: Some(0), passes: None, runs: Some(7) });
        for (passes, runs) in [(Some("0"), None), (None, Some("0")), (None, Some("1001"))] {
            assert!(numbers(None, passes, runs).is_err(), "{passes:?} {runs:?}");
        }
        let error = numbers(Some("-1"), None, None).unwrap_err();
        assert_eq!(error, "--confirm: expected a whole number from 0 to 1000, found \"-1\"");
    }

    #[test]
    fn a_new_bisect_goes_by_what_is_given() {
        let logs = ["artifacts/*/install/build-log.txt".to_owned()];
        let asked = Asked {
            numbers: numbers(Some("3"), Some("4"), Some("5")).unwrap(),
            proof: GivenRules::read(Some("off"), &logs, Some("warn")).unwrap(),
            ..Asked::default()
        };
        assert_eq!(asked.rules(), Rules { confirm: 3, passes: 4, runs: 5 });
        let policy = PolicyRecord {
            proof: Strictness::Off,
            proof_logs: logs.to_vec(),
            hollow: Some(Strictness::Warn),
            ..PolicyRecord::default()
        };
        assert_eq!(asked.policy(), Ok(policy));
        let usual = Asked::default();
        assert_eq!(
            (usual.rules(), usual.policy()),
            (Rules::default(), Ok(PolicyRecord::default()))
        );
    }

    #[test]
    fn another_bisect_is_told_in_words() {
        let mut found = document(5);
        assert_eq!(Asked::default().difference(&found), None, "what is not given is the record's");
        let same = Asked {
            request: request(Some("periodic-a"), &given(None)).unwrap(),
            good: Some("snap-0".to_owned()),
            bad: Some("snap-4".to_owned()),
            numbers: numbers(Some("1"), Some("2"), Some("60")).unwrap(),
            ..Asked::default()
        };
        assert_eq!(same.difference(&found), None);
        found.range.remove(2);
        assert_eq!(same.difference(&found), None, "Snapshots come and go");
        let text = |text: &str| Some(text.to_owned());
        let others = [
            (
                Asked { request: request(Some("b"), &given(None)).unwrap(), ..same.clone() },
                "its job",
            ),
            (Asked { test: text("TestA"), ..same.clone() }, "its --test"),
            (Asked { good: text("snap-1"), ..same.clone() }, "its --good"),
            (Asked { bad: text("snap-3"), ..same.clone() }, "its --bad"),
            (
                Asked { numbers: numbers(Some("2"), None, None).unwrap(), ..same.clone() },
                "its --confirm",
            ),
            (
                Asked { numbers: numbers(None, Some("1"), None).unwrap(), ..same.clone() },
                "its --passes",
            ),
            (
                Asked { numbers: numbers(None, None, Some("9")).unwrap(), ..same.clone() },
                "its --runs",
            ),
            (
                Asked { proof: GivenRules::read(Some("off"), &[], None).unwrap(), ..same.clone() },
                "--proof",
            ),
        ];
        for (asked, words) in others {
            let difference = asked.difference(&found).unwrap_or_default();
            assert!(difference.starts_with(words), "{words}: {difference:?}");
        }
        found.test = text("TestA");
        for test in [None, text("TestA")] {
            assert_eq!(Asked { test, ..same.clone() }.difference(&found), None);
        }
    }
}
