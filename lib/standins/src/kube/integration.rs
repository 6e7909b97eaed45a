//! integration-service's part: the label that starts a run of a scenario on a Snapshot, with the
//! ways in which it can be lost or linger. As with Releases, what will happen is written down as
//! moments.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use super::store::{Key, KubeState};
use crate::time::{after, seconds};

const RUN: &str = "test.appstudio.openshift.io/run";
const STATUS: &str = "test.appstudio.openshift.io/status";
/// How long after a run was made its label goes.
const LABEL_GOES: Duration = Duration::from_millis(20);
/// How often the making of a run is tried again.
const RETRY: Duration = Duration::from_secs(1);

/// What integration-service does with a label for a scenario. Durations are gate time.
#[derive(Debug, Clone)]
pub struct ScenarioScript {
    /// The `metadata.name` of the PipelineRun file that the scenario points to (`resourceKind:
    /// pipelinerun`); runs are named after it, so that scenarios which share a file share the
    /// beginning of their runs' names. None for a Pipeline file, whose runs are named after the
    /// scenario.
    pub run_file: Option<String>,
    /// How long until the run is made: 50 ms for a Pipeline, about a second for a PipelineRun.
    pub made_after: Duration,
    /// How long after that Tekton takes it up; never, if none.
    pub begins_after: Option<Duration>,
    /// How long it runs; for ever, if none.
    pub lasts: Option<Duration>,
    /// Why the run cannot be made: the label stays and it is tried once a second until
    /// [`super::Kube::mend`].
    pub broken: Option<String>,
    /// Reason and message with which Tekton ends the run before its first task.
    pub fails_at_once: Option<(String, String)>,
    /// A label set while a run of the scenario is in flight starts a second one, instead of
    /// nothing.
    pub doubles: bool,
    /// After this scenario the controller sets its own label for that one.
    pub also_sets: Option<String>,
}

impl Default for ScenarioScript {
    /// The run is made after a second, begins a second later and goes on for ever.
    fn default() -> Self {
        Self {
            run_file: Some("ho-release-gate".to_owned()),
            made_after: Duration::from_secs(1),
            begins_after: Some(Duration::from_secs(1)),
            lasts: None,
            broken: None,
            fails_at_once: None,
            doubles: false,
            also_sets: None,
        }
    }
}

/// Something that the controller does at a moment.
#[derive(Debug)]
enum Act {
    /// It has made up its mind about the Snapshot as it was when it began.
    Make(Key, String, Value),
    /// It takes the label away, whatever its value is by now.
    Clear(Key, Option<String>),
    /// It sets a label of its own.
    Set(Key, String),
    /// Tekton takes a run up.
    Begin(Key, ScenarioScript),
    /// A run ends.
    End(Key),
}

#[derive(Debug, Default)]
pub(crate) struct Integration {
    /// Whether it is there at all.
    pub(super) on: bool,
    /// Whether it acts; what is set while it does not waits.
    pub(super) paused: bool,
    pub(super) scenarios: BTreeMap<String, ScenarioScript>,
    /// Snapshots whose label is being worked on: another one set meanwhile is lost.
    busy: Vec<Key>,
    acts: Vec<(Timestamp, Act)>,
    made: u64,
    pub(super) scale: u32,
}

impl Integration {
    fn at(&mut self, from: Timestamp, wait: Duration, act: Act) {
        self.acts.push((after(from, wait / self.scale.max(1)), act));
    }

    pub(super) fn next_moment(&self) -> Option<Timestamp> {
        self.acts.iter().map(|(at, _)| *at).min()
    }

    fn take(&mut self, now: Timestamp) -> Option<(Timestamp, Act)> {
        let due = (0..self.acts.len()).filter(|at| self.acts[*at].0 <= now);
        let index = due.min_by_key(|at| (self.acts[*at].0, *at))?;
        Some(self.acts.remove(index))
    }
}

/// The controller sees that a Snapshot was written: a label that was added or has another value is
/// an event.
pub(super) fn written(state: &mut KubeState, key: &Key, old: Option<&Value>, now: Timestamp) {
    if key.0 != "snapshots" || !state.integration.on || state.integration.paused {
        return;
    }
    let label = |object: &Value| object["metadata"]["labels"][RUN].as_str().map(str::to_owned);
    let set = state.objects.get(key).and_then(label);
    if let Some(scenario) = set.filter(|set| old.and_then(label).as_ref() != Some(set)) {
        begin(state, key, scenario, now);
    }
}

fn begin(state: &mut KubeState, key: &Key, scenario: String, now: Timestamp) {
    if state.integration.busy.contains(key) {
        return;
    }
    state.integration.busy.push(key.clone());
    let known = state.integration.scenarios.get(&scenario);
    let wait = known.map_or(Duration::from_millis(12), |script| script.made_after);
    let read = state.objects.get(key).cloned().unwrap_or_default();
    state
        .integration
        .at(now, wait, Act::Make(key.clone(), scenario, read));
}

/// The controller stops: what it was about to do is forgotten.
pub(super) fn stop(state: &mut KubeState) {
    (state.integration.on, state.integration.paused) = (true, true);
    state.integration.busy.clear();
    state
        .integration
        .acts
        .retain(|(_, act)| matches!(act, Act::Begin(..) | Act::End(_)));
}

/// The controller starts, and acts on every label that it finds.
pub(super) fn resume(state: &mut KubeState, now: Timestamp) {
    (state.integration.on, state.integration.paused) = (true, false);
    let label = |object: &Value| object["metadata"]["labels"][RUN].as_str().map(str::to_owned);
    let snapshots = state.objects.iter().filter(|(key, _)| key.0 == "snapshots");
    let found: Vec<_> = snapshots
        .filter_map(|(key, object)| Some((key.clone(), label(object)?)))
        .collect();
    for (key, scenario) in found {
        begin(state, &key, scenario, now);
    }
}

/// Lets everything happen that was due until `now`.
pub(super) fn settle(state: &mut KubeState, now: Timestamp) {
    while let Some((at, act)) = state.integration.take(now) {
        match act {
            Act::Make(key, scenario, read) => make(state, key, scenario, &read, at),
            Act::Clear(key, also) => clear(state, key, also, at),
            Act::Set(key, scenario) => set(state, &key, scenario, at),
            Act::Begin(key, script) => take_up(state, key, &script, at),
            Act::End(key) => end(state, &key, at),
        }
    }
}

fn make(state: &mut KubeState, key: Key, scenario: String, read: &Value, at: Timestamp) {
    let Some(snapshot) = state.objects.get(&key).cloned() else {
        state.integration.busy.retain(|busy| *busy != key);
        return;
    };
    let Some(script) = state.integration.scenarios.get(&scenario).cloned() else {
        return state.integration.at(at, Duration::ZERO, Act::Clear(key, None));
    };
    if let Some(why) = &script.broken {
        if snapshot["metadata"]["labels"][RUN] != scenario.as_str() {
            state.integration.busy.retain(|busy| *busy != key);
            if let Some(other) = snapshot["metadata"]["labels"][RUN].as_str() {
                begin(state, &key, other.to_owned(), at);
            }
            return;
        }
        note(
            state,
            &key,
            &scenario,
            &format!("Creation of pipelineRun failed during creation due to: {why}"),
            at,
        );
        return state.integration.at(at, RETRY, Act::Make(key, scenario, snapshot));
    }
    let in_flight = state.objects.iter().any(|(other, run)| {
        other.0 == "pipelineruns"
            && other.1 == key.1
            && run["metadata"]["labels"]["test.appstudio.openshift.io/scenario"]
                == scenario.as_str()
            && run["status"]["completionTime"].is_null()
    });
    if !in_flight || script.doubles {
        start(state, &key, read, &scenario, &script, at);
    }
    state
        .integration
        .at(at, LABEL_GOES, Act::Clear(key, script.also_sets));
}

fn start(
    state: &mut KubeState,
    key: &Key,
    snapshot: &Value,
    scenario: &str,
    script: &ScenarioScript,
    at: Timestamp,
) {
    state.integration.made += 1;
    let hash = Sha256::digest(format!("{}/{}/{}", key.2, scenario, state.integration.made));
    let hex: String = hash.iter().map(|byte| format!("{byte:02x}")).collect();
    let start_of_name = format!("{}-", script.run_file.as_deref().unwrap_or(scenario));
    let name = format!("{start_of_name}{}", &hex[..5]);
    let copied = |field: &str| {
        let all = snapshot["metadata"][field].as_object().into_iter().flatten();
        let prefixes = ["custom.appstudio", "test.appstudio", "pac.test.appstudio"];
        all.filter(move |(name, _)| prefixes.iter().any(|prefix| name.starts_with(prefix)))
            .map(|(name, value)| (name.clone(), value.clone()))
            .collect::<serde_json::Map<_, _>>()
    };
    let (mut labels, annotations) = (copied("labels"), copied("annotations"));
    labels.insert("appstudio.openshift.io/snapshot".into(), json!(key.2));
    labels.insert("test.appstudio.openshift.io/scenario".into(), json!(scenario));
    labels.insert("pipelines.appstudio.openshift.io/type".into(), json!("test"));
    let run = json!({
        "apiVersion": "tekton.dev/v1", "kind": "PipelineRun",
        "metadata": {
            "name": name, "generateName": start_of_name, "namespace": key.1,
            "uid": format!("{}-{}-4{}-8{}-{}", &hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]),
            "creationTimestamp": seconds(at), "labels": labels, "annotations": annotations,
            "finalizers": ["test.appstudio.openshift.io/pipelinerun"],
            "ownerReferences": [{
                "apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Snapshot", "name": key.2,
                "uid": snapshot["metadata"]["uid"], "controller": true, "blockOwnerDeletion": true,
            }],
        },
        "spec": {"params": [{"name": "SNAPSHOT", "value": snapshot["spec"].to_string()}]},
    });
    let run_key: Key = ("pipelineruns", key.1.clone(), name);
    state.store(run_key.clone(), run);
    if let Some(wait) = script.begins_after {
        state.integration.at(at, wait, Act::Begin(run_key, script.clone()));
    }
}

fn clear(state: &mut KubeState, key: Key, also: Option<String>, at: Timestamp) {
    state.integration.busy.retain(|busy| *busy != key);
    if let Some(mut snapshot) = state.objects.get(&key).cloned() {
        if let Some(labels) = snapshot["metadata"]["labels"].as_object_mut() {
            labels.remove(RUN);
        }
        state.store(key.clone(), snapshot);
    }
    if let Some(scenario) = also {
        state
            .integration
            .at(at, Duration::from_millis(100), Act::Set(key, scenario));
    }
}

fn set(state: &mut KubeState, key: &Key, scenario: String, at: Timestamp) {
    let Some(mut snapshot) = state.objects.get(key).cloned() else {
        return;
    };
    let old = snapshot.clone();
    snapshot["metadata"]["labels"][RUN] = json!(scenario);
    state.store(key.clone(), snapshot);
    written(state, key, Some(&old), at);
}

fn take_up(state: &mut KubeState, key: Key, script: &ScenarioScript, at: Timestamp) {
    let Some(mut run) = state.objects.get(&key).cloned() else {
        return;
    };
    let condition = |status: &str, reason: &str, message: &str| json!([{"type": "Succeeded", "status": status, "reason": reason, "message": message, "lastTransitionTime": seconds(at)}]);
    run["status"] = match &script.fails_at_once {
        Some((reason, message)) => json!({
            "startTime": seconds(at), "completionTime": seconds(at), "conditions": condition("False", reason, message),
        }),
        None => json!({
            "startTime": seconds(at), "conditions": condition("Unknown", "Running", "Tasks Completed: 0"),
            "childReferences": [{"apiVersion": "tekton.dev/v1", "kind": "TaskRun", "name": format!("{}-resolve-image", key.2)}],
        }),
    };
    state.store(key.clone(), run);
    if let (Some(lasts), None) = (script.lasts, &script.fails_at_once) {
        state.integration.at(at, lasts, Act::End(key));
    }
}

fn end(state: &mut KubeState, key: &Key, at: Timestamp) {
    if let Some(mut run) = state.objects.get(key).cloned() {
        run["status"]["completionTime"] = json!(seconds(at));
        run["status"]["conditions"] = json!([{"type": "Succeeded", "status": "True", "reason": "Succeeded", "message": "", "lastTransitionTime": seconds(at)}]);
        state.store(key.clone(), run);
    }
}

/// Notes in the status annotation what could not be done; the time in it changes with every try.
fn note(state: &mut KubeState, key: &Key, scenario: &str, details: &str, at: Timestamp) {
    let Some(mut snapshot) = state.objects.get(key).cloned() else {
        return;
    };
    let entry = json!([{"scenario": scenario, "status": "TestInvalid", "details": details, "lastUpdateTime": at.to_string()}]);
    if !snapshot["metadata"]["annotations"].is_object() {
        snapshot["metadata"]["annotations"] = json!({});
    }
    snapshot["metadata"]["annotations"][STATUS] = json!(entry.to_string());
    state.store(key.clone(), snapshot);
}
