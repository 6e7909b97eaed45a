//! One night of a gate: its record, and its Release.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};

use super::chance::Chance;
use super::job::{Job, Run};
use super::{Gate, label, sha256};

/// What happens to a night besides its jobs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// Nothing.
    Ordinary,
    /// It was killed while its jobs ran.
    Killed,
    /// Its record was written by another version.
    OtherVersion,
    /// It was stopped before its first job.
    Stopped,
    /// It runs now.
    Running,
    /// Its Release fails.
    ReleaseFails,
    /// A person promotes it if only one job did not pass.
    MayBeOverruled,
}

impl Gate<'_> {
    fn fate(&self, back: usize) -> Fate {
        match (self.number, back) {
            (0, 12) => Fate::Killed,
            (0, 40) => Fate::OtherVersion,
            (1, 9) => Fate::Stopped,
            (1, 15) => Fate::ReleaseFails,
            (2, 0) => Fate::Running,
            (2, 5..20) => Fate::MayBeOverruled,
            // It stands still: its last image is old.
            (1, 0..5) => Fate::ReleaseFails,
            _ => Fate::Ordinary,
        }
    }

    /// Plays a night.
    pub(super) fn night(
        &self,
        back: usize,
        jobs: &mut [Job],
        chance: &mut Chance,
        objects: &mut Vec<Value>,
    ) {
        let (at, fate) = (self.season.evening(back), self.fate(back));
        let digest = self.digest(back);
        let run = format!("ho-release-gate-{:05x}", chance.below(1 << 20));
        let end = at + SignedDuration::from_hours(4);
        let told = |fate: Fate| !matches!(fate, Fate::Stopped | Fate::OtherVersion);
        let played: Vec<Value> = match told(fate) {
            true => jobs
                .iter_mut()
                .map(|job| self.job(job, (at, &digest), (back, fate), chance))
                .collect(),
            false => Vec::new(),
        };
        let mut record = json!({
            "schema_version": if fate == Fate::OtherVersion { 0 } else { 1 },
            "kind": "gate", "id": format!("{run}-uid"), "gate": self.name, "scenario": self.plan(),
            "plan": self.plan(), "run": run, "created_at": at, "updated_at": end,
            "candidate": {
                "image": format!("quay.io/acme/hypershift-operator@{digest}"), "digest": digest,
                "snapshot": self.season.said(&format!("hypershift-operator-{}", at.strftime("%Y%m%d-%H%M%S-000"))),
                "component": "hypershift-operator-main",
                "revision": &sha256(&digest)[..40],
            },
            "jobs": played,
        });
        match fate {
            Fate::Stopped => {
                record["stopped"] = json!({"at": at, "step": "launch-prow --check-input", "exit": 2,
                    "why": self.season.said("--jobs: line 12: expected a map, found a text")});
            }
            Fate::Ordinary | Fate::ReleaseFails | Fate::MayBeOverruled => {
                self.judge(&mut record, (end, fate), objects)
            }
            Fate::Killed | Fate::OtherVersion | Fate::Running => {}
        }
        for job in jobs.iter_mut().filter(|job| job.ended(&digest) == Some("product")) {
            // Somebody tries what failed once more.
            if chance.in_thousand(600) {
                job.run(
                    at + SignedDuration::from_hours(6),
                    (Some(&digest), "retest"),
                    back,
                    chance,
                );
            }
        }
        if self.number == 0 {
            record["matrix"] = matrix(jobs, at);
        }
        objects.push(json!({
            "kind": "ConfigMap",
            "metadata": {
                "name": format!("gate-{run}"), "creationTimestamp": format!("{at:.0}"),
                "labels": {"app.kubernetes.io/managed-by": "release-gate", "release-gate/kind": "gate",
                    "release-gate/gate": label(&self.name), "release-gate/scenario": self.plan()},
            },
            "data": {"record.json": record.to_string()},
        }));
    }

    /// A job of the night with its attempts, as the record has it.
    fn job(
        &self,
        job: &mut Job,
        (at, digest): (Timestamp, &str),
        (back, fate): (usize, Fate),
        chance: &mut Chance,
    ) -> Value {
        let mut attempts = Vec::new();
        let mut begins = at + SignedDuration::from_mins(2);
        let open = matches!(fate, Fate::Killed | Fate::Running) && job.number > 2;
        for number in 1..=2 {
            let origin = if number == 1 { "nightly" } else { "rerun" };
            let run = job.run(begins, (Some(digest), origin), back, chance);
            attempts.push(self.attempt(job, &run, number, open));
            begins = run.ended_at + SignedDuration::from_mins(3);
            if open || !matches!(run.cause, "infrastructure" | "setup") {
                break;
            }
        }
        json!({
            "name": job.name, "class": if job.is_blocking() { "blocking" } else { "informing" },
            "owner": self.season.said("hcp team"), "override_env": ["HO_IMAGE"], "attempts": attempts,
        })
    }

    fn attempt(&self, job: &Job, run: &Run, number: u32, open: bool) -> Value {
        let names = |tests: &[usize]| tests.iter().map(|test| job.test(*test)).collect::<Vec<_>>();
        let (failing, flaky) = (names(&run.failing), names(&run.flaky));
        let url = format!(
            "https://prow.ci.openshift.org/view/gs/test-platform-results-public/logs/{}/{}",
            job.name, run.build_id
        );
        let mut attempt = json!({
            "number": number,
            "intent": {"key": &sha256(&run.execution)[..20], "written_at": run.started_at, "holder": "launch-prow"},
            "execution": run.execution, "launched_at": run.started_at, "started_at": run.started_at,
            "state": if open { "pending" } else { run.state() },
            "job_url": self.season.hostile.as_ref().map_or(url, |_| "javascript:alert(1)".to_owned()),
        });
        if open {
            return attempt;
        }
        let detail = match run.cause {
            "passed" => "proven by its install log",
            "product" => "the test phase failed",
            "setup" => "ipi-install-install failed",
            "hollow" => "3 tests ran, usually 400",
            "unproven" => "no log holds the digest",
            _ => "no cluster lease",
        };
        for (key, value) in [
            ("completed_at", json!(run.ended_at)),
            ("cause", json!(run.cause)),
            ("judged_at", json!(run.ended_at)),
            ("detail", json!(self.season.said(detail))),
        ] {
            attempt[key] = value;
        }
        if run.ran > 0 {
            attempt["tests"] = json!({"run": run.ran, "passed": run.ran - failing.len() - flaky.len(),
                "failed": failing.len(), "flaky": flaky.len(), "files": 1});
            attempt["failing_tests"] = json!({"names": failing, "more": 0});
            attempt["flaky_tests"] = json!({"names": flaky, "more": 0});
        }
        attempt
    }

    /// The verdict, and the Release of what passed.
    fn judge(&self, record: &mut Value, (end, fate): (Timestamp, Fate), objects: &mut Vec<Value>) {
        let jobs = record["jobs"].as_array().cloned().unwrap_or_default();
        let blocking: Vec<&Value> = jobs.iter().filter(|job| job["class"] == "blocking").collect();
        let cause = |job: &Value| {
            let last = job["attempts"].as_array().and_then(|attempts| attempts.last());
            last.map(|last| last["cause"].as_str().unwrap_or_default().to_owned())
                .unwrap_or_default()
        };
        let red: Vec<&&Value> = blocking.iter().filter(|job| cause(job) != "passed").collect();
        let product = red.iter().any(|job| cause(job) == "product");
        let decision = match (red.is_empty(), product) {
            (true, _) => "passed",
            (_, true) => "failed",
            _ => "undecided",
        };
        let reason = |job: &&&Value| {
            let name = job["name"].as_str().unwrap_or_default();
            let short = name.rsplit_once("-periodics-").map_or(name, |(_, short)| short);
            let last = job["attempts"]
                .as_array()
                .and_then(|attempts| attempts.last())
                .cloned()
                .unwrap_or_default();
            match last["failing_tests"]["names"][0].as_str() {
                Some(test) => format!("{short} failed {test}"),
                None => format!("{short}: {}", last["detail"].as_str().unwrap_or_default()),
            }
        };
        record["verdict"] = json!({
            "decision": decision, "decided_at": end, "reasons": red.iter().map(reason).collect::<Vec<_>>(),
            "blocking_passed": blocking.len() - red.len(), "blocking_total": blocking.len(),
        });
        if decision != "passed" {
            if fate != Fate::MayBeOverruled || red.len() > 1 {
                return;
            }
            record["accepted"] = json!([{"job": red[0]["name"], "by": "dave", "at": end,
                "reason": self.season.said("known: the test is wrong")}]);
        }
        let (digest, plan) =
            (record["candidate"]["digest"].as_str().unwrap_or_default().to_owned(), self.plan());
        let name = format!("{plan}-{}-1", &digest["sha256:".len()..][..12]);
        let landed = fate != Fate::ReleaseFails;
        let completed = end + SignedDuration::from_mins(9);
        record["release"] = json!({
            "plan": plan, "name": name, "created": true, "released": landed.to_string(), "final": true,
            "exit": u8::from(!landed), "created_at": end, "completed_at": completed,
            "phase": if landed { "Succeeded" } else { "Failed" },
        });
        objects.push(json!({
            "kind": "Release",
            "metadata": {"name": name, "creationTimestamp": format!("{end:.0}"),
                "labels": {"release.appstudio.openshift.io/release-plan": plan}},
            "spec": {"releasePlan": plan, "snapshot": record["candidate"]["snapshot"]},
            "status": {
                "startTime": format!("{end:.0}"), "completionTime": format!("{completed:.0}"),
                "conditions": [{"type": "Released", "status": if landed { "True" } else { "False" },
                    "reason": if landed { "Succeeded" } else { "Failed" }}],
                "artifacts": {"images": if landed { json!([{"name": "hypershift-operator-main", "shasum": digest}]) } else { json!([]) }},
            },
        }));
    }
}

/// A version matrix of five required cells, one stale and one that no job covers.
fn matrix(jobs: &[Job], at: Timestamp) -> Value {
    let cell = |cpo: &str| json!({"cpo": cpo, "management": "4.20"});
    let versions = ["4.22.z", "4.21.z", "4.20.z", "4.19.z", "4.18.z"];
    let covering: Vec<Value> = jobs.iter().zip(&versions[..4]).enumerate().map(|(number, (job, version))| {
        let days = if number == 3 { 11 } else { 1 };
        json!({"job": format!("{}{}", job.name, if number == 3 { "-sampled" } else { "" }), "cell": cell(version),
            "passed_at": at - SignedDuration::from_hours(24 * days)})
    }).collect();
    json!({
        "plan": {"at": at, "choices": []}, "required": versions.map(cell), "fresh": "7d", "covering": covering,
    })
}
