//! What the API server holds: objects, versions, and the events of watches.

use std::collections::BTreeMap;
use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};
use tokio::sync::Notify;

use super::integration::{self, Integration};
use super::service::{Due, Releases};
use crate::World;
use crate::time::seconds;

/// A kind of object that the steps call.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Resource {
    pub(crate) group: &'static str,
    pub(crate) version: &'static str,
    pub(crate) plural: &'static str,
    pub(crate) kind: &'static str,
}

/// All of them. To serve another kind, add a line.
pub(super) const RESOURCES: [Resource; 8] = [
    Resource { group: "", version: "v1", plural: "configmaps", kind: "ConfigMap" },
    Resource {
        group: "appstudio.redhat.com",
        version: "v1alpha1",
        plural: "snapshots",
        kind: "Snapshot",
    },
    Resource {
        group: "appstudio.redhat.com",
        version: "v1alpha1",
        plural: "releases",
        kind: "Release",
    },
    Resource {
        group: "appstudio.redhat.com",
        version: "v1alpha1",
        plural: "releaseplans",
        kind: "ReleasePlan",
    },
    Resource {
        group: "appstudio.redhat.com",
        version: "v1alpha1",
        plural: "releaseplanadmissions",
        kind: "ReleasePlanAdmission",
    },
    Resource {
        group: "appstudio.redhat.com",
        version: "v1beta2",
        plural: "integrationtestscenarios",
        kind: "IntegrationTestScenario",
    },
    Resource { group: "tekton.dev", version: "v1", plural: "pipelineruns", kind: "PipelineRun" },
    Resource { group: "tekton.dev", version: "v1", plural: "taskruns", kind: "TaskRun" },
];

impl Resource {
    /// `releases.appstudio.redhat.com`, as messages name it.
    pub(super) fn qualified(&self) -> String {
        if self.group.is_empty() {
            self.plural.to_owned()
        } else {
            format!("{}.{}", self.plural, self.group)
        }
    }

    /// `appstudio.redhat.com/v1alpha1`.
    pub(super) fn api_version(&self) -> String {
        if self.group.is_empty() {
            self.version.to_owned()
        } else {
            format!("{}/{}", self.group, self.version)
        }
    }

    pub(super) fn of_plural(plural: &str) -> Option<&'static Self> {
        RESOURCES.iter().find(|resource| resource.plural == plural)
    }

    pub(super) fn of_kind(kind: &str) -> Option<&'static Self> {
        RESOURCES.iter().find(|resource| resource.kind == kind)
    }
}

/// Plural, namespace, name.
pub(super) type Key = (&'static str, String, String);

/// One event of a watch.
#[derive(Debug, Clone)]
pub(super) struct Event {
    pub(super) version: u64,
    pub(super) what: &'static str,
    pub(super) key: Key,
    pub(super) object: Value,
}

/// A refusal that a test has arranged: user (any, if none), verb and resource, `*` for any.
#[derive(Debug)]
pub(super) struct Denial {
    pub(super) user: Option<String>,
    pub(super) verb: String,
    pub(super) plural: String,
}

#[derive(Debug, Default)]
pub(crate) struct KubeState {
    pub(super) objects: BTreeMap<Key, Value>,
    pub(super) version: u64,
    pub(super) events: Vec<Event>,
    /// Watches and continue tokens older than this have expired.
    pub(super) oldest: u64,
    pub(super) denials: Vec<Denial>,
    /// Tokens and the users that they stand for.
    pub(super) users: Vec<(String, String)>,
    pub(super) webhook_down: bool,
    pub(super) releases: Releases,
    pub(super) integration: Integration,
    pub(super) changed: Arc<Notify>,
}

impl KubeState {
    /// Whether a test has arranged that this is refused.
    pub(super) fn refuses(&self, user: &str, verb: &str, plural: &str) -> bool {
        self.denials.iter().any(|denial| {
            denial.user.as_ref().is_none_or(|denied| denied == user)
                && (denial.verb == "*" || denial.verb == verb)
                && (denial.plural == "*" || denial.plural == plural)
        })
    }

    pub(super) fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<&Value> {
        let resource = Resource::of_plural(plural)?;
        self.objects
            .get(&(resource.plural, namespace.to_owned(), name.to_owned()))
    }

    /// Stores an object under a new version, and tells the watches.
    pub(super) fn store(&mut self, key: Key, mut object: Value) -> Value {
        self.version += 1;
        // a cluster has seen something before
        object["metadata"]["resourceVersion"] = json!((1000 + self.version).to_string());
        let what = if self.objects.contains_key(&key) { "MODIFIED" } else { "ADDED" };
        self.objects.insert(key.clone(), object.clone());
        self.tell(what, key, object.clone());
        object
    }

    /// Removes an object, and tells the watches.
    pub(super) fn remove(&mut self, key: &Key) -> Option<Value> {
        let mut object = self.objects.remove(key)?;
        self.version += 1;
        object["metadata"]["resourceVersion"] = json!((1000 + self.version).to_string());
        self.tell("DELETED", key.clone(), object.clone());
        Some(object)
    }

    fn tell(&mut self, what: &'static str, key: Key, object: Value) {
        self.events
            .push(Event { version: 1000 + self.version, what, key, object });
        self.changed.notify_waiters();
    }

    /// The version of the whole store, as lists carry it.
    pub(super) fn list_version(&self) -> String {
        (1000 + self.version).to_string()
    }

    /// Fills in what the API server sets on a new object.
    pub(super) fn born(world: &World, object: &mut Value, now: Timestamp) {
        let metadata = &mut object["metadata"];
        if metadata.get("uid").is_none_or(Value::is_null) {
            metadata["uid"] = json!(world.uuid());
        }
        if metadata.get("creationTimestamp").is_none_or(Value::is_null) {
            metadata["creationTimestamp"] = json!(seconds(now));
        }
        if metadata.get("generation").is_none_or(Value::is_null) && object["kind"] != "ConfigMap" {
            object["metadata"]["generation"] = json!(1);
        }
    }

    /// Lets everything happen to Snapshots, runs and Releases that was due until `now`.
    pub(super) fn settle(&mut self, now: Timestamp) {
        integration::settle(self, now);
        while let Some(due) = self.releases.next_due(now) {
            self.apply(due);
        }
    }

    fn apply(&mut self, due: Due) {
        let Some(mut object) = self.objects.get(&due.key).cloned() else {
            return;
        };
        (due.change)(&mut object);
        self.store(due.key, object);
    }
}
