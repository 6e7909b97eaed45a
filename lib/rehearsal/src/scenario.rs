//! The scenarios, as data: `scenarios.yaml`.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use standins::{JobScript, Night, ReleaseScript};

use crate::duration;
use crate::past::Past;

/// One scenario.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Scenario {
    /// Its name
    pub name: String,
    /// What happens, in a sentence
    pub about: String,
    /// The exit code that the rehearsal ends with
    pub exit: u8,
    /// About how much gate time it takes
    #[serde(deserialize_with = "gate_time")]
    pub lasts: Duration,
    /// What the jobs do, by short name, an entry for each launch
    #[serde(default)]
    pub jobs: BTreeMap<String, Vec<Attempt>>,
    /// Whether the image is there
    #[serde(default)]
    pub image: Image,
    /// Whether Gangway is there
    #[serde(default)]
    pub gangway: Gangway,
    /// What the Release comes to
    #[serde(default)]
    pub release: Release,
    /// What was released before
    #[serde(default)]
    pub before: Before,
    /// What becomes of the verdict
    #[serde(default)]
    pub attest: Attest,
    /// What the cluster remembers of jobs, by short name
    #[serde(default)]
    pub past: BTreeMap<String, Past>,
    /// How many nights ago the gate last promoted an image, if it did
    #[serde(default)]
    pub promoted: Option<u32>,
    /// Parameters of the pipeline besides those of every night
    #[serde(default)]
    pub parameters: BTreeMap<String, String>,
    /// Why promotions are held when the night begins, if they are
    #[serde(default)]
    pub held: Option<String>,
    /// What happens after the run, in order; the last of it decides how the rehearsal ends
    #[serde(default)]
    pub then: Vec<Then>,
}

/// What happens after a run.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub enum Then {
    /// The pipeline runs once more on the same Snapshot
    Run {
        /// What happens, in a sentence
        about: String,
        /// Another gate than the first run's
        #[serde(default)]
        gate: Option<OtherGate>,
    },
    /// A person types a command
    Typed {
        /// What happens, in a sentence
        about: String,
        /// Its words; `{record}`, `{plan}`, `{digest}` are the last run's
        command: Vec<String>,
    },
}

/// A gate of another platform for the same image.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OtherGate {
    /// Its name for people
    pub label: String,
    /// Its IntegrationTestScenario
    pub scenario: String,
    /// Its ReleasePlan
    pub plan: String,
}

/// What a job does when it is launched.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Attempt {
    /// How it ends
    pub ending: Ending,
    /// How long it runs; the stand-ins' own time if not given
    #[serde(default, deserialize_with = "some_gate_time")]
    pub running: Option<Duration>,
    /// The tests that fail
    #[serde(default)]
    pub failing: Vec<String>,
}

/// How a job ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// All tests pass
    Passes,
    /// Tests fail
    Fails,
    /// It gets no cluster
    NoLease,
    /// Tests fail, and it ends well all the same
    HidesFailures,
    /// The pod of its tests never starts
    PodNeverStarts,
}

/// Whether the image is in its registry.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Image {
    /// It is
    #[default]
    Present,
    /// It is not
    Missing,
}

/// Whether Gangway takes connections.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Gangway {
    /// It does
    #[default]
    Up,
    /// It refuses them
    Down,
}

/// What release-service makes of the Release.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Release {
    /// It lands
    #[default]
    Lands,
    /// The managed pipeline fails
    FailsIn {
        /// in this task
        task: String,
        /// in this step
        step: String,
    },
    /// It is validated again while the managed pipeline pushes, and refused
    RefusedLater,
}

/// Whether the verdict is signed, and what its registry does.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Attest {
    /// It is not
    #[default]
    Off,
    /// It is, and the registry takes it
    Taken,
    /// It is, and the registry refuses it
    Refused,
}

/// What was released by the same plan before the night.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Before {
    /// Nothing
    #[default]
    Nothing,
    /// This very Snapshot: a person was quicker
    Same,
    /// This very Snapshot, and it failed: another run's
    SameFailed,
    /// A Snapshot that was built later
    Newer,
    /// The image of the night before
    Earlier,
}

/// release-service's words for an admission that was blocked.
const BLOCKED: &str = "found ReleasePlanAdmission 'aro-hcp' with block-releases label set to true";

fn gate_time<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Duration, D::Error> {
    let text = String::deserialize(deserializer)?;
    duration::parse(&text)
        .ok_or_else(|| serde::de::Error::custom(format!("{text} is no duration such as 2h41m")))
}

fn some_gate_time<'de, D: serde::Deserializer<'de>>(
    deserializer: D,
) -> Result<Option<Duration>, D::Error> {
    gate_time(deserializer).map(Some)
}

/// All scenarios, in the order of their file.
///
/// # Panics
/// If the file that was compiled in is not understood; a test reads it.
pub fn all() -> Vec<Scenario> {
    match serde_saphyr::from_str(include_str!("scenarios.yaml")) {
        Ok(scenarios) => scenarios,
        Err(error) => panic!("scenarios.yaml: {error}"),
    }
}

/// The scenario of a name, or the names that there are.
///
/// # Errors
/// No scenario of this name: the message lists them.
pub fn named(name: &str) -> Result<Scenario, String> {
    let scenarios = all();
    let names: Vec<String> = scenarios.iter().map(|scenario| scenario.name.clone()).collect();
    scenarios
        .into_iter()
        .find(|scenario| scenario.name == name)
        .ok_or_else(|| {
            format!("--scenario: there is no scenario {name:?}; there are: {}", names.join(", "))
        })
}

impl Scenario {
    /// The stand-ins' night, with this scenario's jobs and Release.
    pub fn night(&self) -> Night {
        let mut night = Night::aro_hcp();
        for (name, attempts) in &self.jobs {
            *night.job(name) = attempts.iter().map(Attempt::script).collect();
        }
        let script = match &self.release {
            Release::Lands => None,
            Release::FailsIn { task, step } => Some(ReleaseScript::fails(task, step)),
            Release::RefusedLater => Some(ReleaseScript::invalid_later(BLOCKED)),
        };
        if let Some(script) = script {
            night.releases =
                vec![ReleaseScript { component: Some(night.component.clone()), ..script }];
        }
        // The plan of another gate and what is made after the run are as the first one.
        let one = night.releases.clone();
        for _ in &self.then {
            night.releases.extend(one.clone());
        }
        night
    }
}

impl Attempt {
    fn script(&self) -> JobScript {
        let failing: Vec<&str> = self.failing.iter().map(String::as_str).collect();
        let script = match self.ending {
            Ending::Passes => JobScript::passes(),
            Ending::Fails => JobScript::fails(&failing),
            Ending::NoLease => JobScript::no_lease(),
            Ending::HidesFailures => JobScript::hides_failures(&failing),
            Ending::PodNeverStarts => JobScript::pod_pending(),
        };
        match self.running {
            Some(running) => script.running(running),
            None => script,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_scenarios_are_those_of_the_interface() {
        let scenarios = all();
        let names: Vec<_> = scenarios.iter().map(|s| (s.name.as_str(), s.exit)).collect();
        assert_eq!(
            names,
            [
                ("pass", 0),
                ("blocking-failure", 3),
                ("informing-failure", 0),
                ("hidden-failure", 1),
                ("pod-never-started", 0),
                ("image-missing", 1),
                ("gangway-down", 1),
                ("release-failed", 1),
                ("release-there", 0),
                ("release-failed-before", 0),
                ("older-image", 3),
                ("validated-again", 1),
                ("attested", 0),
                ("attest-refused", 0),
                ("regression", 3),
                ("known-flake", 0),
                ("hollow", 1),
                ("retest", 0),
                ("shared-image", 0),
                ("override", 0),
                ("hold", 0),
                ("retract", 0),
            ]
        );
        for scenario in scenarios {
            // A job that does not exist panics here.
            scenario.night();
        }
    }

    #[test]
    fn an_unknown_scenario_is_answered_with_the_known_ones() {
        let error = named("passs").unwrap_err();
        assert!(error.contains("\"passs\"") && error.contains("pass, blocking-failure"), "{error}");
    }
}
