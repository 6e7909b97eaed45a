//! What the cluster holds when a night begins: earlier Releases, a hold, histories.

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use standins::{Installed, Night, World};

use crate::past::promoted;
use crate::scenario::{Before, Scenario};
use crate::stage::GATE;

/// What a plan released before the night, as release-service leaves it.
pub(crate) fn put_before(world: &World, night: &Night, installed: &Installed, before: Before) {
    let (name, snapshot, reason) = match before {
        Before::Nothing => return,
        Before::Same => ("by-hand", installed.snapshot.as_str(), "Succeeded"),
        Before::SameFailed => ("by-another-run", installed.snapshot.as_str(), "Failed"),
        Before::Newer => ("by-another-run", "built-later", "Succeeded"),
        Before::Earlier => ("of-the-night-before", "built-earlier", "Succeeded"),
    };
    let day = SignedDuration::from_hours(24);
    let other = match before {
        Before::Newer => Some((world.born() + SignedDuration::from_mins(1), "1a7e")),
        Before::Earlier => Some((world.born() - day, "ea51")),
        _ => None,
    };
    if let Some((built, digits)) = other {
        let mut other = installed.snapshot_object.clone();
        let start = built.as_millisecond().to_string();
        other["metadata"] = json!({"name": snapshot, "namespace": night.namespace,
            "annotations": {"test.appstudio.openshift.io/pipelinerunstarttime": start}});
        for component in other["spec"]["components"].as_array_mut().into_iter().flatten() {
            component["containerImage"] =
                json!(format!("quay.io/acme/other@sha256:{}", digits.repeat(16)));
        }
        world.kube().put(other);
    }
    let released = if before == Before::Earlier { world.born() - day } else { world.born() };
    let now = format!("{released:.0}");
    let condition = |kind: &str, reason: &str| {
        let (status, message) = match reason {
            "Failed" => ("False", "Release processing failed on managed pipelineRun"),
            _ => ("True", ""),
        };
        json!({"type": kind, "status": status, "reason": reason, "message": message, "lastTransitionTime": now})
    };
    let mut attempt = json!({"pipelineRun": "managed/managed-7wq2d", "startTime": now, "completionTime": now, "status": reason});
    let mut status = json!({"startTime": now, "completionTime": now, "conditions":
        [condition("Released", reason), condition("Validated", "Succeeded"), condition("ManagedPipelineProcessed", reason)]});
    if reason == "Failed" {
        attempt["failureReason"] = json!("Error");
        attempt["lastTask"] = json!("push-snapshot");
    } else if before == Before::Same {
        status["artifacts"] = json!({"images": [{"name": night.component, "shasum": installed.image.digest, "urls": []}]});
    }
    status["managedPipelineAttempts"] = json!([attempt]);
    if before == Before::Earlier {
        let shasum = format!("sha256:{}", "ea51".repeat(16));
        status["artifacts"] =
            json!({"images": [{"name": night.component, "shasum": shasum, "urls": []}]});
    }
    world
        .kube()
        .put(json!({"kind": "Release", "metadata": {"name": name, "namespace": night.namespace, "creationTimestamp": now},
        "spec": {"releasePlan": installed.plan, "snapshot": snapshot}, "status": status}));
}

/// A hold of a plan for the next day, as `hold-gate` leaves it.
pub(crate) fn hold(plan: &str, namespace: &str, reason: &str, now: Timestamp) -> Value {
    let until = now + SignedDuration::from_hours(24);
    let list = json!({"schema_version": 1, "kind": "holds", "plan": plan,
        "entries": [{"at": now, "until": until, "by": "alice", "reason": reason}]});
    json!({
        "kind": "ConfigMap",
        "metadata": {"name": format!("holds-{plan}"), "namespace": namespace,
            "labels": {"release-gate/kind": "holds"}},
        "data": {"list.json": list.to_string()},
    })
}

/// The histories of jobs and the record of the last promotion, as earlier nights left them.
pub(crate) fn remember(world: &World, night: &Night, scenario: &Scenario) {
    for (short, past) in &scenario.past {
        let mut jobs = night.blocking.iter().chain(&night.informing);
        let job = jobs.find(|(name, _)| name.ends_with(short)).map(|(name, _)| name);
        let Some(job) = job else { panic!("no job ends with {short}") };
        world.kube().put(past.history(job, &night.namespace, world.born()));
    }
    if let Some(nights) = scenario.promoted {
        world
            .kube()
            .put(promoted(GATE, nights, &night.namespace, world.born()));
    }
}
