//! The part of a Kubernetes API that the steps call, with release-service played on top of it.

mod integration;
mod release;
mod review;
mod script;
mod selector;
mod service;
mod status;
mod store;
mod verbs;
mod watch;
mod write;

use jiff::Timestamp;
use serde_json::Value;

pub use integration::ScenarioScript;
pub use script::{Pushed, ReleaseEnding, ReleaseScript};
pub(crate) use store::KubeState;
use store::{Denial, Key, Resource};
pub(crate) use verbs::handle;

use crate::World;

/// Who a request is from when its token stands for nobody in particular.
pub const USER: &str = "system:serviceaccount:konflux-tenant:gate-client";

/// Kubernetes as a test or rehearsal arranges it.
pub struct Kube(pub(crate) World);

impl Kube {
    /// Stores an object as it stands, past webhooks and versions; uid, creation time and namespace
    /// `default` are filled in.
    ///
    /// # Panics
    /// If the kind is not served, or the object has no name.
    pub fn put(&self, mut object: Value) {
        let now = self.0.now();
        let kind = object["kind"].as_str().unwrap_or_default().to_owned();
        let resource =
            Resource::of_kind(&kind).unwrap_or_else(|| panic!("kind {kind:?} is not served"));
        let namespace = object["metadata"]["namespace"]
            .as_str()
            .unwrap_or("default")
            .to_owned();
        let name = object["metadata"]["name"]
            .as_str()
            .expect("an object needs a name")
            .to_owned();
        object["metadata"]["namespace"] = Value::from(namespace.as_str());
        object["apiVersion"] = Value::from(resource.api_version());
        KubeState::born(&self.0, &mut object, now);
        let mut state = self.0.kube_state();
        state.settle(now);
        let key = (resource.plural, namespace, name);
        let old = state.objects.get(&key).cloned();
        state.store(key.clone(), object);
        service::validate_running(&mut state, &key, now);
        integration::written(&mut state, &key, old.as_ref(), now);
    }

    /// An object now; `plural` as in `releases`.
    pub fn get(&self, plural: &str, namespace: &str, name: &str) -> Option<Value> {
        let now = self.0.now();
        let mut state = self.0.kube_state();
        state.settle(now);
        state.get(plural, namespace, name).cloned()
    }

    /// All objects of a kind now, in the order of namespace and name.
    pub fn all(&self, plural: &str) -> Vec<Value> {
        let now = self.0.now();
        let mut state = self.0.kube_state();
        state.settle(now);
        state
            .objects
            .iter()
            .filter(|(key, _)| key.0 == plural)
            .map(|(_, object)| object.clone())
            .collect()
    }

    /// All Releases now, oldest first.
    pub fn releases(&self) -> Vec<Value> {
        let mut releases = self.all("releases");
        let version = |release: &Value| {
            release["metadata"]["creationTimestamp"]
                .as_str()
                .unwrap_or_default()
                .to_owned()
        };
        releases.sort_by_key(version);
        releases
    }

    /// Changes an object in place, past webhooks.
    ///
    /// # Panics
    /// If it is not there.
    pub fn change(
        &self,
        plural: &str,
        namespace: &str,
        name: &str,
        change: impl FnOnce(&mut Value),
    ) {
        let mut object = self
            .get(plural, namespace, name)
            .unwrap_or_else(|| panic!("no {plural} {namespace}/{name}"));
        change(&mut object);
        self.put(object);
    }

    /// Deletes an object now. A Snapshot takes its PipelineRuns with it, and running Releases of it
    /// are validated again.
    pub fn delete(&self, plural: &str, namespace: &str, name: &str) -> bool {
        let now = self.0.now();
        let mut state = self.0.kube_state();
        state.settle(now);
        let Some(resource) = Resource::of_plural(plural) else {
            return false;
        };
        delete(&mut state, &(resource.plural, namespace.to_owned(), name.to_owned()), now)
    }

    /// Refuses a verb (`create`, `*`, …) on a resource (`releases`, `*`, …) to everybody.
    pub fn deny(&self, verb: &str, plural: &str) {
        self.deny_to(None, verb, plural);
    }

    /// Refuses a verb on a resource to one user.
    pub fn deny_user(&self, user: &str, verb: &str, plural: &str) {
        self.deny_to(Some(user.to_owned()), verb, plural);
    }

    fn deny_to(&self, user: Option<String>, verb: &str, plural: &str) {
        let denial = Denial { user, verb: verb.to_owned(), plural: plural.to_owned() };
        self.0.kube_state().denials.push(denial);
    }

    /// Lifts all refusals.
    pub fn allow_all(&self) {
        self.0.kube_state().denials.clear();
    }

    /// Lets a bearer token stand for a user. Once there is one, other tokens and none are 401.
    pub fn user(&self, token: &str, user: &str) {
        self.0.kube_state().users.push((token.to_owned(), user.to_owned()));
    }

    /// Takes the webhooks of release-service away, or gives them back: without them creating a
    /// Release is 500.
    pub fn webhook(&self, there: bool) {
        self.0.kube_state().webhook_down = !there;
    }

    /// What release-service will do with Releases that no plan's script covers; released if not
    /// set.
    pub fn releases_go(&self, script: ReleaseScript) {
        self.0.kube_state().releases.script(None, vec![script]);
    }

    /// What release-service will do with a plan's Releases: the n-th as the n-th script says, later
    /// ones as the last.
    pub fn releases_of(&self, plan: &str, scripts: Vec<ReleaseScript>) {
        self.0.kube_state().releases.script(Some(plan), scripts);
    }

    /// Lets integration-service be there and know a scenario; a Snapshot's label then has its
    /// effect. Its IntegrationTestScenario object is put beside it.
    pub fn scenario(&self, namespace: &str, name: &str, script: ScenarioScript) {
        let scale = self.0.scale();
        {
            let mut state = self.0.kube_state();
            (state.integration.on, state.integration.scale) = (true, scale);
            state.integration.scenarios.insert(name.to_owned(), script);
        }
        self.put(serde_json::json!({
            "kind": "IntegrationTestScenario", "metadata": {"name": name, "namespace": namespace}, "spec": {},
        }));
    }

    /// Takes the cause away for which the runs of a scenario could not be made.
    pub fn mend(&self, scenario: &str) {
        let now = self.0.now();
        let mut state = self.0.kube_state();
        // What was due before failed as it would have then.
        integration::settle(&mut state, now);
        if let Some(script) = state.integration.scenarios.get_mut(scenario) {
            script.broken = None;
        }
    }

    /// Stops integration-service, or lets it go on with what it missed.
    pub fn integration_service(&self, running: bool) {
        let (now, scale) = (self.0.now(), self.0.scale());
        let mut state = self.0.kube_state();
        state.integration.scale = scale;
        if running {
            integration::resume(&mut state, now);
        } else {
            integration::stop(&mut state);
        }
    }

    /// Makes every version known so far too old to watch from, or to continue a list with.
    pub fn expire(&self) {
        let mut state = self.0.kube_state();
        state.oldest = 1000 + state.version + 1;
    }
}

/// Deletes, with what follows from it.
fn delete(state: &mut KubeState, key: &Key, now: Timestamp) -> bool {
    let Some(gone) = state.remove(key) else {
        return false;
    };
    if key.0 == "snapshots" {
        let owned: Vec<Key> = state
            .objects
            .iter()
            .filter(|(other, object)| {
                other.0 == "pipelineruns"
                    && object["metadata"]["ownerReferences"]
                        .as_array()
                        .is_some_and(|owners| {
                            owners.iter().any(|owner| owner["uid"] == gone["metadata"]["uid"])
                        })
            })
            .map(|(other, _)| other.clone())
            .collect();
        for run in owned {
            state.remove(&run);
        }
    }
    service::validate_running(state, key, now);
    true
}
