//! What people wrote down about a gate's plan.

use jiff::SignedDuration;
use serde_json::{Value, json};

use super::{Gate, sha256};

impl Gate<'_> {
    /// The digest of the image of a night, counted back from the end.
    pub(super) fn digest(&self, back: usize) -> String {
        format!("sha256:{}", sha256(&format!("{}{back}{}", self.platform, self.season.seed)))
    }

    /// The plan's holds and its retracted images: the first gate took an image back and lifted a hold,
    /// the third is held.
    pub(super) fn lists(&self) -> Vec<Value> {
        let at = |back| self.season.evening(back) + SignedDuration::from_hours(7);
        let reason = |text: &str| self.season.said(text);
        let holds = match self.number {
            0 => json!([{"at": at(33), "until": at(30), "by": "bob", "lifted_at": at(32),
                "lifted_by": "alice", "reason": reason("the registry moves")}]),
            2 => json!([{"at": at(1), "until": self.season.now + SignedDuration::from_hours(30),
                "by": "carol", "reason": reason("freeze before the release")}]),
            _ => json!([]),
        };
        let retracted = match self.number {
            0 => json!([{"digest": self.digest(21), "at": at(19), "by": "alice",
                "reason": reason("it loses node pools on upgrade")}]),
            _ => json!([]),
        };
        vec![self.list("holds", holds), self.list("retracted", retracted)]
    }

    fn list(&self, kind: &str, entries: Value) -> Value {
        let list =
            json!({"schema_version": 1, "kind": kind, "plan": self.plan(), "entries": entries});
        json!({
            "kind": "ConfigMap",
            "metadata": {"name": format!("{kind}-{}", self.plan()), "labels": {"release-gate/kind": kind}},
            "data": {"list.json": list.to_string()},
        })
    }
}
