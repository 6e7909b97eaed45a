//! What the cluster remembers when a night begins: the histories of jobs, and the last image that was
//! verified.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::season::{packed, sha256};

/// The suite of the stand-ins' tests.
const SUITE: &str = "github.com/openshift/hypershift/test/e2e";

/// The past of a job.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Past {
    /// How many nights it ran.
    pub nights: u32,
    /// Tests, each with how many nights ago it failed; tonight is 0.
    #[serde(default)]
    pub failed: BTreeMap<String, Vec<u32>>,
}

impl Past {
    /// The job's history as a ConfigMap, as of a night that begins now.
    pub fn history(&self, job: &str, namespace: &str, now: Timestamp) -> Value {
        let back: Vec<u32> = (1..=self.nights).rev().collect();
        let failed = |night: &u32| self.failed.values().any(|nights| nights.contains(night));
        let run = |night: &u32| {
            let at = begun(now, *night);
            let (result, cause) =
                if failed(night) { ("failure", "product") } else { ("success", "passed") };
            json!({
                "build_id": format!("{}", 2_090_000_000_000_000_000_u64 - u64::from(*night)),
                "started_at": at, "ended_at": at + SignedDuration::from_hours(2), "result": result,
                "digest": digest(*night), "snapshot": format!("hypershift-operator-night-{night}"),
                "revision": format!("{night:040x}"), "origin": "nightly", "reading": "complete",
                "judged": {"at": at + SignedDuration::from_hours(2), "cause": cause},
                "tests": {"run": 3, "passed": 3, "files": 1},
            })
        };
        let letters = |nights: &Vec<u32>| -> String {
            let letter = |night| if nights.contains(night) { 'F' } else { 'P' };
            back.iter().map(letter).collect()
        };
        let tests: Vec<Value> = self
            .failed
            .iter()
            .map(|(name, nights)| json!({"suite": SUITE, "name": name, "letters": letters(nights)}))
            .collect();
        let document = json!({
            "schema_version": 1, "kind": "history", "job": job,
            "runs": back.iter().map(run).collect::<Vec<_>>(), "tests": tests,
        });
        json!({
            "apiVersion": "v1", "kind": "ConfigMap",
            "metadata": {
                "name": format!("history-{}", &sha256(job)[..20]), "namespace": namespace,
                "labels": {"app.kubernetes.io/managed-by": "release-gate", "release-gate/kind": "history"},
                "annotations": {"release-gate/job": job},
            },
            "binaryData": {"history.json.gz": packed(&document)},
        })
    }
}

/// The record of a gate's night that ended with a promotion.
pub fn promoted(gate: &str, night: u32, namespace: &str, now: Timestamp) -> Value {
    let at = begun(now, night);
    let end = at + SignedDuration::from_hours(3);
    let snapshot = format!("hypershift-operator-{}-000", at.strftime("%Y%m%d-%H%M%S"));
    let record = json!({
        "schema_version": 1, "kind": "gate", "id": format!("night-{night}"), "gate": gate,
        "created_at": at, "updated_at": end,
        "candidate": {
            "image": format!("quay.io/acme/hypershift-operator-main@{}", digest(night)),
            "digest": digest(night), "snapshot": snapshot,
        },
        "verdict": {"decision": "passed", "decided_at": end, "reasons": [],
            "blocking_passed": 2, "blocking_total": 2},
        "release": {"plan": "aro-hcp", "released": "true", "final": true, "completed_at": end},
    });
    json!({
        "apiVersion": "v1", "kind": "ConfigMap",
        "metadata": {
            "name": format!("gate-night-{night}"), "namespace": namespace,
            "creationTimestamp": format!("{at:.0}"),
            "labels": {"app.kubernetes.io/managed-by": "release-gate", "release-gate/kind": "gate",
                "release-gate/gate": gate.replace(' ', "-")},
        },
        "data": {"record.json": record.to_string()},
    })
}

fn begun(now: Timestamp, night: u32) -> Timestamp {
    now - SignedDuration::from_hours(24 * i64::from(night))
}

fn digest(night: u32) -> String {
    format!("sha256:{night:064x}")
}
