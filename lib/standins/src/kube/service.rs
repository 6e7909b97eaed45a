//! release-service's part: what happens to a Release after its creation, written down as changes at
//! their moments.

use std::collections::BTreeMap;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::script::{Pushed, ReleaseEnding, ReleaseScript};
use super::store::{Key, KubeState};
use crate::World;
use crate::time::{after, seconds};

type Change = Box<dyn FnOnce(&mut Value) + Send>;

/// A change to an object at a moment.
pub(super) struct Due {
    pub(super) at: Timestamp,
    pub(super) key: Key,
    pub(super) change: Change,
}

/// What is to happen to Releases.
#[derive(Default)]
pub(crate) struct Releases {
    due: Vec<Due>,
    scripts: BTreeMap<String, (Vec<ReleaseScript>, usize)>,
    default: Option<ReleaseScript>,
}

impl std::fmt::Debug for Releases {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Releases({} due)", self.due.len())
    }
}

impl Releases {
    pub(super) fn script(&mut self, plan: Option<&str>, scripts: Vec<ReleaseScript>) {
        match plan {
            Some(plan) => drop(self.scripts.insert(plan.to_owned(), (scripts, 0))),
            None => self.default = scripts.into_iter().next(),
        }
    }

    fn next_script(&mut self, plan: &str) -> ReleaseScript {
        if let Some((scripts, used)) = self.scripts.get_mut(plan)
            && let Some(script) = scripts.get((*used).min(scripts.len().saturating_sub(1)))
        {
            *used += 1;
            return script.clone();
        }
        self.default.clone().unwrap_or_else(ReleaseScript::released)
    }

    /// Takes the earliest change that is due.
    pub(super) fn next_due(&mut self, now: Timestamp) -> Option<Due> {
        let index = (0..self.due.len())
            .filter(|i| self.due[*i].at <= now)
            .min_by_key(|i| (self.due[*i].at, *i))?;
        Some(self.due.remove(index))
    }

    /// When the next change comes.
    pub(super) fn next_moment(&self) -> Option<Timestamp> {
        self.due.iter().map(|due| due.at).min()
    }

    fn forget(&mut self, key: &Key) {
        self.due.retain(|due| due.key != *key);
    }

    fn at(&mut self, at: Timestamp, key: &Key, change: impl FnOnce(&mut Value) + Send + 'static) {
        self.due.push(Due { at, key: key.clone(), change: Box::new(change) });
    }
}

const RELEASED: &str = "Released";
const VALIDATED: &str = "Validated";
const MANAGED: &str = "ManagedPipelineProcessed";
const SKIPPED_FIRST: [&str; 3] = [
    "TenantCollectorsPipelineProcessed",
    "ManagedCollectorsPipelineProcessed",
    "TenantPipelineProcessed",
];
const FINAL: &str = "FinalPipelineProcessed";

/// Sets a condition; like the real one it keeps `lastTransitionTime` while the status stays the
/// same.
fn condition(
    release: &mut Value,
    kind: &str,
    status: &str,
    reason: &str,
    message: &str,
    at: Timestamp,
) {
    let conditions = &mut release["status"]["conditions"];
    if !conditions.is_array() {
        *conditions = json!([]);
    }
    let list = conditions.as_array_mut().expect("just made");
    let position = list.iter().position(|condition| condition["type"] == kind);
    let since = match position {
        Some(index) if list[index]["status"] == status => list[index]["lastTransitionTime"].clone(),
        _ => json!(seconds(at)),
    };
    let condition = json!({"lastTransitionTime": since, "message": message, "reason": reason, "status": status, "type": kind});
    match position {
        Some(index) => list[index] = condition,
        None => list.push(condition),
    }
}

/// Why validation would refuse this Release, from the objects that are there.
fn validate(state: &KubeState, namespace: &str, plan: &str, snapshot: &str) -> Option<String> {
    let Some(plan) = state.get("releaseplans", namespace, plan) else {
        return Some(format!("ReleasePlan.appstudio.redhat.com \"{plan}\" not found"));
    };
    let Some(snapshot) = state.get("snapshots", namespace, snapshot) else {
        return Some(format!("Snapshot.appstudio.redhat.com \"{snapshot}\" not found"));
    };
    let application = plan["spec"]["application"].as_str().unwrap_or_default();
    if snapshot["spec"]["application"] != plan["spec"]["application"] {
        return Some("different Application referenced in ReleasePlan and Snapshot".into());
    }
    let conditions = plan["status"]["conditions"].as_array();
    let matched = conditions.is_some_and(|all| {
        all.iter()
            .any(|one| one["type"] == "Matched" && one["status"] == "True")
    });
    let target = plan["spec"]["target"].as_str().unwrap_or_default();
    if !matched {
        return Some(format!(
            "no ReleasePlanAdmission found in namespace ({target}) with the origin ({namespace}) for '{application}'"
        ));
    }
    let admission = &plan["status"]["releasePlanAdmission"];
    if admission["active"] != true {
        let name = admission["name"]
            .as_str()
            .unwrap_or_default()
            .rsplit('/')
            .next()
            .unwrap_or_default();
        return Some(format!(
            "found ReleasePlanAdmission '{name}' with block-releases label set to true"
        ));
    }
    None
}

/// Begins a new Release's life: everything that will happen to it is written down.
pub(super) fn begin(world: &World, state: &mut KubeState, key: &Key, now: Timestamp) {
    let release = state.objects[key].clone();
    let namespace = key.1.clone();
    let text = |field: &str| release["spec"][field].as_str().unwrap_or_default().to_owned();
    let (plan, snapshot) = (text("releasePlan"), text("snapshot"));
    let days = release["spec"]["gracePeriodDays"].as_i64().unwrap_or(0);
    let author = release["metadata"]["labels"]["release.appstudio.openshift.io/author"].clone();
    let mut script = state.releases.next_script(&plan);
    if let Some(target) = state
        .get("releaseplans", &namespace, &plan)
        .and_then(|plan| plan["spec"]["target"].as_str())
    {
        script.target = target.to_owned();
    }
    if let Some(words) = validate(state, &namespace, &plan, &snapshot) {
        script.ending = ReleaseEnding::Invalid(words);
    }
    let copied = state.get("snapshots", &namespace, &snapshot).map(copied_metadata);
    let images = state
        .get("snapshots", &namespace, &snapshot)
        .map(|snapshot| pushed_images(snapshot, &script));
    let expires = after(now, Duration::from_secs(days.unsigned_abs() * 24 * 3600));
    let target = script.target.clone();
    let ms = |n: u64| after(now, Duration::from_millis(n));

    let releases = &mut state.releases;
    releases.at(ms(4), key, move |release| {
        release["status"]["startTime"] = json!(seconds(now));
        condition(release, RELEASED, "False", "Progressing", "", now);
    });
    if let ReleaseEnding::Invalid(words) = &script.ending {
        let words = words.clone();
        let missing = words.starts_with("Snapshot.") && words.ends_with("not found");
        releases.at(ms(27), key, move |release| {
            release["status"]["target"] = json!(target);
            release["status"]["validation"] = json!({"time": seconds(now)});
            release["status"]["completionTime"] = json!(seconds(now));
            condition(release, RELEASED, "False", "Failed", "Release validation failed", now);
            condition(release, VALIDATED, "False", "Failed", &words, now);
        });
        if !missing {
            releases.at(ms(98), key, move |release| {
                copy_metadata(release, copied);
                release["status"]["expirationTime"] = json!(seconds(expires));
                for kind in SKIPPED_FIRST.iter().chain(&[MANAGED, FINAL]) {
                    condition(release, kind, "True", "Skipped", "", now);
                }
            });
        }
        return;
    }
    releases.at(ms(7), key, move |release| {
        release["status"]["target"] = json!(target);
        release["status"]["attribution"] = json!({"author": author});
        release["status"]["validation"] = json!({"time": seconds(now)});
        condition(release, VALIDATED, "True", "Succeeded", "", now);
    });
    releases.at(ms(41), key, move |release| {
        copy_metadata(release, copied);
        release["status"]["expirationTime"] = json!(seconds(expires));
        for kind in SKIPPED_FIRST {
            condition(release, kind, "True", "Skipped", "", now);
        }
    });
    let mut start = ms(81);
    let mut number = 0;
    for reason in &script.retried {
        let end = after(start, world.scaled(script.managed));
        attempt(world, releases, key, &script.target, number, start);
        attempt_failed(releases, key, number, end, end, ("push-snapshot", "push", reason));
        start = end;
        number += 1;
    }
    attempt(world, releases, key, &script.target, number, start);
    let end = after(start, world.scaled(script.managed));
    match script.ending {
        ReleaseEnding::Never | ReleaseEnding::Invalid(_) => {}
        ReleaseEnding::Released => {
            if let Some(images) = images.filter(|_| script.pushed != Pushed::Nothing) {
                let pushed = after(start, world.scaled(script.managed) * 4 / 5);
                releases.at(pushed, key, move |release| {
                    release["status"]["artifacts"] = json!({ "images": images })
                });
            }
            succeed(releases, key, number, end);
        }
        ReleaseEnding::Failed { task, step, reason } => {
            attempt_failed(releases, key, number, end, end, (&task, &step, &reason));
            let words = "Release processing failed on managed pipelineRun";
            releases.at(end, key, move |release| {
                condition(release, MANAGED, "False", "Failed", words, end);
                condition(release, RELEASED, "False", "Failed", words, end);
                release["status"]["completionTime"] = json!(seconds(end));
                condition(release, FINAL, "True", "Skipped", "", end);
            });
        }
        ReleaseEnding::InvalidLater(words) => refuse_later(releases, key, end, words),
    }
}

fn attempt(
    world: &World,
    releases: &mut Releases,
    key: &Key,
    target: &str,
    number: usize,
    start: Timestamp,
) {
    let run = format!("{target}/managed-{}", world.suffix());
    // a generated name: what was asked for, cut to 58, and five characters
    let stem: String = format!("{}-rolebinding-for-release-pipeline-resource-role-", key.2)
        .chars()
        .take(58)
        .collect();
    let binding = format!("{}/{stem}{}", key.1, world.suffix());
    releases.at(start, key, move |release| {
        condition(release, MANAGED, "False", "Progressing", "", start);
        let bindings = json!({ "tenantRoleBinding": binding });
        let attempt =
            json!({"pipelineRun": run, "roleBindings": bindings, "startTime": seconds(start), "status": "Progressing"});
        if number == 0 {
            release["status"]["managedPipelineAttempts"] = json!([attempt]);
            release["status"]["managedProcessing"] =
                json!({"pipelineRun": run, "roleBindings": bindings, "startTime": seconds(start)});
        } else {
            // the deprecated field moves on to the new run and keeps the end of the old one
            release["status"]["managedProcessing"]["pipelineRun"] = json!(run);
            release["status"]["managedPipelineAttempts"]
                .as_array_mut()
                .expect("made by the first attempt")
                .push(attempt);
        }
    });
}

fn attempt_failed(
    releases: &mut Releases,
    key: &Key,
    number: usize,
    at: Timestamp,
    end: Timestamp,
    why: (&str, &str, &str),
) {
    let (task, step, reason) = (why.0.to_owned(), why.1.to_owned(), why.2.to_owned());
    releases.at(at, key, move |release| {
        let attempt = &mut release["status"]["managedPipelineAttempts"][number];
        attempt["status"] = json!("Failed");
        attempt["failureReason"] = json!(reason);
        attempt["completionTime"] = json!(seconds(end));
        for (field, value) in [("lastTask", task), ("lastStep", step)] {
            if !value.is_empty() {
                attempt[field] = json!(value);
            }
        }
        release["status"]["managedProcessing"]["completionTime"] = json!(seconds(end));
    });
}

fn succeed(releases: &mut Releases, key: &Key, number: usize, end: Timestamp) {
    releases.at(end, key, move |release| {
        let attempt = &mut release["status"]["managedPipelineAttempts"][number];
        attempt["status"] = json!("Succeeded");
        attempt["completionTime"] = json!(seconds(end));
        release["status"]["managedProcessing"]["completionTime"] = json!(seconds(end));
        condition(release, MANAGED, "True", "Succeeded", "", end);
    });
    releases.at(after(end, Duration::from_millis(17)), key, move |release| {
        condition(release, FINAL, "True", "Skipped", "", end);
        condition(release, RELEASED, "True", "Succeeded", "", end);
        release["status"]["completionTime"] = json!(seconds(end));
    });
}

/// Validated again while the managed pipeline runs, and refused: what happened to the image is not
/// known.
fn refuse_later(releases: &mut Releases, key: &Key, at: Timestamp, words: String) {
    let missing = words.starts_with("Snapshot.");
    releases.at(at, key, move |release| {
        condition(release, RELEASED, "False", "Failed", "Release validation failed", at);
        condition(release, VALIDATED, "False", "Failed", &words, at);
        release["status"]["completionTime"] = json!(seconds(at));
        release["status"]["validation"] =
            json!({"failedPostValidation": true, "time": seconds(at)});
        if !missing {
            condition(release, MANAGED, "True", "Skipped", "", at);
            condition(release, FINAL, "True", "Skipped", "", at);
        }
    });
}

/// A changed or deleted Snapshot or plan makes release-service validate its running Releases again.
pub(super) fn validate_running(state: &mut KubeState, changed: &Key, now: Timestamp) {
    if changed.0 != "snapshots" && changed.0 != "releaseplans" {
        return;
    }
    let running: Vec<(Key, String, String)> = state
        .objects
        .iter()
        .filter(|(key, release)| {
            let conditions = release["status"]["conditions"].as_array();
            let has = |kind: &str, reason: &str| {
                conditions.is_some_and(|all| {
                    all.iter().any(|one| one["type"] == kind && one["reason"] == reason)
                })
            };
            key.0 == "releases" && has(RELEASED, "Progressing") && has(VALIDATED, "Succeeded")
        })
        .map(|(key, release)| {
            let text = |field: &str| release["spec"][field].as_str().unwrap_or_default().to_owned();
            (key.clone(), text("releasePlan"), text("snapshot"))
        })
        .collect();
    for (key, plan, snapshot) in running {
        let concerned = key.1 == changed.1
            && (if changed.0 == "snapshots" { &snapshot } else { &plan }) == &changed.2;
        if !concerned {
            continue;
        }
        if let Some(words) = validate(state, &key.1, &plan, &snapshot) {
            state.releases.forget(&key);
            refuse_later(&mut state.releases, &key, now, words);
        }
    }
    state.settle(now);
}

/// Labels and annotations that a Release takes over from its Snapshot.
fn copied_metadata(snapshot: &Value) -> Value {
    let pick = |map: &Value| {
        let mut picked = json!({});
        for (key, value) in map.as_object().into_iter().flatten() {
            let own = ["application", "component-group", "component", "build-pipelinerun"];
            let wanted = key.starts_with("pac.test.appstudio.openshift.io/")
                || own
                    .iter()
                    .any(|name| key.strip_prefix("appstudio.openshift.io/") == Some(name));
            if wanted {
                picked[key] = value.clone();
            }
        }
        picked
    };
    json!({"labels": pick(&snapshot["metadata"]["labels"]), "annotations": pick(&snapshot["metadata"]["annotations"])})
}

fn copy_metadata(release: &mut Value, copied: Option<Value>) {
    release["metadata"]["finalizers"] = json!(["appstudio.redhat.com/release-finalizer"]);
    for what in ["labels", "annotations"] {
        for (key, value) in copied
            .as_ref()
            .and_then(|copied| copied[what].as_object())
            .into_iter()
            .flatten()
        {
            if !release["metadata"][what].is_object() {
                release["metadata"][what] = json!({});
            }
            release["metadata"][what][key] = value.clone();
        }
    }
}

/// `status.artifacts.images` as the catalog's tasks write it.
fn pushed_images(snapshot: &Value, script: &ReleaseScript) -> Value {
    let components = snapshot["spec"]["components"].as_array().cloned().unwrap_or_default();
    let mapped = components.iter().filter(|component| {
        script
            .component
            .as_ref()
            .is_none_or(|name| component["name"] == **name)
    });
    let images = mapped.map(|component| {
        let tested = component["containerImage"]
            .as_str()
            .and_then(|image| image.split_once('@'))
            .map_or("", |(_, digest)| digest);
        let digest = if let Pushed::Other(digest) = &script.pushed { digest } else { tested };
        let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
        json!({
            "arches": ["amd64"],
            "name": component["name"],
            "oses": ["linux"],
            "shasum": digest,
            "urls": [format!("{}:aro-hcp-{hex}", script.repository)],
        })
    });
    images.collect()
}
