//! A job over a season: its runs, and a letter of each test for each of them.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::chance::Chance;
use super::{Gate, packed, sha256};

/// What jobs are called, after the platform.
const FLAVOURS: [&str; 8] = [
    "",
    "-upgrade-minor",
    "-conformance",
    "-nodepool",
    "-external-oidc",
    "-kubevirt",
    "-autoscaling",
    "-disaster-recovery",
];

/// Tests by their real names, before they are numbered.
const TESTS: [&str; 12] = [
    "TestCreateCluster/Main/EnsureNoCrashingPods",
    "TestAutoscaling/Main/TestAutoscaling",
    "TestUpgradeControlPlane/Main/EnsureMachineDeploymentGeneration",
    "TestNodePool/Main/TestRollback",
    "TestNodePool/Main/TestNodePoolDrain",
    "TestKarpenter/Main/TestKarpenterScaleUp",
    "TestExternalOIDC/Main/TestExternalOIDC",
    "TestCreateClusterCustomConfig/Main/EnsureOAuthPodsAreRunning",
    "TestHAEtcdChaos/Main/SingleMemberRecovery",
    "TestNodePool/Main/TestNTOMachineConfigGetsRolledOut",
    "TestCreateClusterProxy/Main/EnsureAllContainersHavePullPolicyIfNotPresent",
    "TestAzureScheduler/Main/EnsureHostedClusterScales",
];

/// How a run ended.
#[derive(Debug, Clone)]
pub struct Run {
    pub build_id: String,
    pub execution: String,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    pub cause: &'static str,
    /// Tests that failed, by number.
    pub failing: Vec<usize>,
    /// Tests that failed and passed.
    pub flaky: Vec<usize>,
    /// How many ran.
    pub ran: usize,
    digest: Option<String>,
    origin: &'static str,
}

impl Run {
    /// What Prow says.
    pub fn state(&self) -> &'static str {
        if matches!(self.cause, "passed" | "hollow" | "unproven") { "success" } else { "failure" }
    }

    fn has_tests(&self) -> bool {
        self.ran > 0
    }
}

/// A job of a gate.
pub struct Job {
    pub name: String,
    pub number: usize,
    gate: String,
    runs: Vec<Run>,
    tests: Vec<String>,
}

impl Job {
    pub fn new(gate: &Gate<'_>, number: usize) -> Self {
        let flavour = FLAVOURS
            .get(number)
            .map_or_else(|| format!("-{number}"), |flavour| (*flavour).to_owned());
        let name = format!(
            "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-{}{flavour}",
            gate.platform
        );
        let mut tests: Vec<String> = (0..gate.season.tests)
            .map(|n| {
                TESTS.get(n).map_or_else(
                    || format!("[sig-conformance] case {n:04}"),
                    |name| (*name).to_owned(),
                )
            })
            .map(|name| gate.season.said(&name))
            .collect();
        tests.sort_unstable();
        Self {
            name: gate.season.said(&name),
            number,
            gate: gate.name.clone(),
            runs: Vec::new(),
            tests,
        }
    }

    /// The name of a test.
    pub fn test(&self, number: usize) -> &str {
        &self.tests[number]
    }

    /// Whether it decides: two of three do.
    pub fn is_blocking(&self) -> bool {
        self.number % 3 != 2
    }

    /// Runs once; `back` counts nights from the end of the season.
    pub fn run(
        &mut self,
        at: Timestamp,
        (digest, origin): (Option<&str>, &'static str),
        back: usize,
        chance: &mut Chance,
    ) -> Run {
        let minutes = 95 + 7 * self.number as i64 % 40 + chance.below(40) as i64;
        let id = sha256(&format!("{}{at}{origin}", self.name));
        let mut run = Run {
            build_id: format!(
                "20{:017}",
                u64::from_str_radix(&id[..14], 16).unwrap_or(0) % 100_000_000_000_000_000
            ),
            execution: format!(
                "{}-{}-4{}-8{}-{}",
                &id[..8],
                &id[8..12],
                &id[13..16],
                &id[17..20],
                &id[20..32]
            ),
            started_at: at,
            ended_at: at + SignedDuration::from_mins(minutes),
            cause: "passed",
            failing: Vec::new(),
            flaky: Vec::new(),
            ran: self.tests.len(),
            digest: digest.map(str::to_owned),
            origin,
        };
        match chance.below(1000) {
            0..25 => (run.cause, run.ran) = ("infrastructure", 0),
            25..35 => (run.cause, run.ran) = ("setup", 0),
            35..37 => run.cause = "unproven",
            37..39 => (run.cause, run.ran) = ("hollow", 3),
            _ => self.fail(&mut run, digest.is_some(), back, chance),
        }
        self.runs.push(run.clone());
        run
    }

    /// Lets tests fail, some without a rerun that passed.
    fn fail(&self, run: &mut Run, ours: bool, back: usize, chance: &mut Chance) {
        for number in 0..self.tests.len().min(12) {
            // Most tests are good; the flaky ones are others for each job.
            let often = match (number + self.number) % 12 {
                0 => 60,
                1 => 15,
                _ => 1,
            };
            // One gets worse in the last week.
            let worse = self.number == 1 && number == 5 && back < 7 && chance.in_thousand(600);
            // A fault of the product that took six nights to mend.
            let faulty = ours && self.number == 0 && number == 2 && (18..24).contains(&back);
            if faulty || worse || (chance.in_thousand(often) && chance.in_thousand(350)) {
                run.failing.push(number);
            } else if chance.in_thousand(often) {
                run.flaky.push(number);
            }
        }
        if !run.failing.is_empty() {
            run.cause = "product";
        }
    }

    /// How its last run on an image ended.
    pub fn ended(&self, digest: &str) -> Option<&'static str> {
        let last = self.runs.last().filter(|run| run.digest.as_deref() == Some(digest))?;
        Some(last.cause)
    }

    /// Prow's own run of a day, with another image.
    pub fn scheduled(&mut self, at: Timestamp, chance: &mut Chance) {
        self.run(at, (None, "schedule"), usize::MAX, chance);
    }

    /// Its history as a ConfigMap.
    pub fn history(&self) -> Value {
        let mut runs: Vec<&Run> = self.runs.iter().collect();
        runs.sort_by(|a, b| (a.started_at, &a.build_id).cmp(&(b.started_at, &b.build_id)));
        let letters =
            |number: usize| -> String { runs.iter().map(|run| letter(run, number)).collect() };
        let tests: Vec<Value> = self
            .tests
            .iter()
            .enumerate()
            .map(|(number, name)| json!({"suite": "e2e", "name": one_line(name), "letters": letters(number)}))
            .collect();
        let described = |run: &&Run| {
            let judged = run
                .digest
                .as_ref()
                .map(|_| json!({"at": run.ended_at, "cause": run.cause}));
            let mut told = json!({
                "build_id": run.build_id, "execution": run.execution, "started_at": run.started_at,
                "ended_at": run.ended_at, "result": run.state(), "origin": run.origin,
                "reading": if run.has_tests() { "complete" } else { "not-reached" },
            });
            let known = [
                ("digest", json!(run.digest)),
                ("judged", json!(judged)),
                ("gate", json!(one_line(&self.gate))),
            ];
            for (key, value) in known.into_iter().filter(|(_, value)| !value.is_null()) {
                told[key] = value;
            }
            told
        };
        let runs: Vec<Value> = runs.iter().map(described).collect();
        let document = json!({
            "schema_version": 1, "kind": "history", "job": one_line(&self.name), "runs": runs,
            "tests": tests, "regressions": [], "dropped": {},
        });
        json!({
            "kind": "ConfigMap",
            "metadata": {
                "name": format!("history-{}", &sha256(&self.name)[..20]),
                "labels": {"app.kubernetes.io/managed-by": "release-gate", "release-gate/kind": "history"},
                "annotations": {"release-gate/job": one_line(&self.name)},
            },
            "binaryData": {"history.json.gz": packed(&document)},
        })
    }
}

/// As the gate's own writers keep foreign texts: a line without controls, of 300 bytes at most.
fn one_line(text: &str) -> String {
    let calm: String = text.chars().filter(|c| !c.is_control()).collect();
    calm.chars().take(100).collect()
}

fn letter(run: &Run, test: usize) -> char {
    match () {
        () if run.failing.contains(&test) => 'F',
        () if run.flaky.contains(&test) => 'K',
        () if test < run.ran => 'P',
        () => 'A',
    }
}
