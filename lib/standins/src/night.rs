//! A night of a gate, ready to use: Snapshot, plan, image and jobs.

use std::time::Duration;

use serde_json::{Value, json};

use crate::registry::{ImageBuilder, ImageRef};
use crate::time::{after, seconds};
use crate::{JobScript, ReleaseScript, World};

/// What a night consists of; change the fields, then [`Night::install`] it.
#[derive(Debug, Clone)]
pub struct Night {
    /// Namespace of Snapshot, plan and Release.
    pub namespace: String,
    /// Application of Snapshot and plan.
    pub application: String,
    /// The gated component.
    pub component: String,
    /// Repository of its image.
    pub repository: String,
    /// Git revision of the build, in Snapshot and image.
    pub revision: String,
    /// Git revision that the image's labels show, if another one.
    pub labelled: Option<String>,
    /// Platforms of the image.
    pub platforms: Vec<String>,
    /// Components of the Snapshot that are not gated: name and image.
    pub siblings: Vec<(String, String)>,
    /// Name of the Snapshot; made of the application and the time of the build if none is given.
    pub snapshot: Option<String>,
    /// How long before the world's present the build began.
    pub age: Duration,
    /// Name of the ReleasePlan.
    pub plan: String,
    /// What release-service does with the plan's Releases, one after another.
    pub releases: Vec<ReleaseScript>,
    /// Blocking jobs and the scripts of their launches.
    pub blocking: Vec<(String, Vec<JobScript>)>,
    /// Informing jobs and the scripts of their launches.
    pub informing: Vec<(String, Vec<JobScript>)>,
    /// The bearer token that Gangway lets in.
    pub token: String,
}

/// What was installed, in the forms in which steps and pipelines take it.
#[derive(Debug, Clone)]
pub struct Installed {
    /// The image in the registry.
    pub image: ImageRef,
    /// `HOST/REPOSITORY@sha256:…`
    pub reference: String,
    /// Name of the Snapshot.
    pub snapshot: String,
    /// The Snapshot as stored.
    pub snapshot_object: Value,
    /// `Snapshot.spec` as integration-service writes it into the parameter SNAPSHOT.
    pub snapshot_json: String,
    /// Name of the ReleasePlan.
    pub plan: String,
    /// JSON array of the blocking jobs' names.
    pub blocking: String,
    /// JSON array of the informing jobs' names.
    pub informing: String,
    /// The bearer token that Gangway lets in.
    pub token: String,
}

fn minutes(minutes: u64) -> Duration {
    Duration::from_secs(minutes * 60)
}

impl Night {
    /// ARO HCP's night, in which everything passes: two blocking jobs, one informing.
    pub fn aro_hcp() -> Self {
        let job = |name: &str, minutes: Duration| {
            (
                format!("periodic-ci-openshift-hypershift-main-{name}"),
                vec![JobScript::passes().running(minutes)],
            )
        };
        Self {
            namespace: "konflux-tenant".into(),
            application: "hypershift-operator".into(),
            component: "hypershift-operator-main".into(),
            repository: "acme/hypershift-operator-main".into(),
            revision: "3ee96155a7c0d2f1e4b6a8c9d0e1f2031425364f".into(),
            labelled: None,
            platforms: vec!["linux/amd64".into(), "linux/arm64".into()],
            siblings: vec![(
                "control-plane-operator-main".into(),
                "quay.io/acme/control-plane-operator-main@sha256:5d1f3a7c9e0b2d4f6a8c0e1b3d5f7a9c1e3b5d7f9a0c2e4b6d8f0a1c3e5b7d9f".into(),
            )],
            snapshot: None,
            age: minutes(50),
            plan: "aro-hcp".into(),
            releases: vec![ReleaseScript { component: Some("hypershift-operator-main".into()), ..ReleaseScript::released() }],
            blocking: vec![job("e2e-aks", minutes(161)), job("e2e-aks-upgrade-minor", minutes(171))],
            informing: vec![job("e2e-kubevirt-aks", minutes(118))],
            token: "sha256~find-me-token-of-gangway".into(),
        }
    }

    /// The first job of this short name (the end of its full name).
    ///
    /// # Panics
    /// If no job's name ends so.
    pub fn job(&mut self, end: &str) -> &mut Vec<JobScript> {
        let mut jobs = self.blocking.iter_mut().chain(&mut self.informing);
        &mut jobs
            .find(|(name, _)| name.ends_with(end))
            .unwrap_or_else(|| panic!("no job ends with {end}"))
            .1
    }

    /// A list of the plan as an overlay makes it: without data.
    fn list_object(&self, list: &str) -> Value {
        json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {
            "name": format!("{list}-{}", self.plan), "namespace": self.namespace,
            "labels": {"app.kubernetes.io/managed-by": "release-gate", "release-gate/kind": list}}})
    }

    /// Puts the night into a world; `registry_host` is how the image's reference begins.
    pub fn install(&self, world: &World, registry_host: &str) -> Installed {
        let platforms: Vec<&str> = self.platforms.iter().map(String::as_str).collect();
        let builder = ImageBuilder::new(&self.repository)
            .revision(self.labelled.as_ref().unwrap_or(&self.revision))
            .platforms(&platforms)
            .tag("latest");
        let image = world.registry().push(&builder);
        let reference = image.at(registry_host);
        let object = self.snapshot_object(world, &reference);
        world.kube().put(object.clone());
        world.kube().put(self.plan_object(world));
        for list in ["holds", "retracted"] {
            world.kube().put(self.list_object(list));
        }
        world.kube().releases_of(&self.plan, self.releases.clone());
        world.prow().token(&self.token);
        for (name, scripts) in self.blocking.iter().chain(&self.informing) {
            world.prow().job_attempts(name, scripts.clone());
        }
        let names = |jobs: &[(String, Vec<JobScript>)]| {
            json!(jobs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>()).to_string()
        };
        let snapshot = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        Installed {
            reference,
            snapshot_json: object["spec"].to_string(),
            snapshot_object: world
                .kube()
                .get("snapshots", &self.namespace, &snapshot)
                .unwrap_or(object),
            snapshot,
            image,
            plan: self.plan.clone(),
            blocking: names(&self.blocking),
            informing: names(&self.informing),
            token: self.token.clone(),
        }
    }

    /// The Snapshot of a push build, as integration-service leaves it where no scenario is
    /// required.
    fn snapshot_object(&self, world: &World, reference: &str) -> Value {
        let born = world.born().as_second() - i64::try_from(self.age.as_secs()).unwrap_or(0);
        let began = jiff::Timestamp::from_second(born).unwrap_or(world.born());
        let name = self.snapshot.clone().unwrap_or_else(|| {
            format!("{}-{}-000", self.application, began.strftime("%Y%m%d-%H%M%S"))
        });
        let finished = after(began, minutes(12));
        let digest = reference.rsplit('@').next().unwrap_or_default();
        let mut components = vec![json!({
            "name": self.component,
            "containerImage": reference,
            "source": {"git": {"url": "https://github.com/openshift/hypershift", "revision": self.revision, "context": "./"}},
        })];
        for (name, image) in &self.siblings {
            components.push(json!({"name": name, "containerImage": image, "source": {"git": {
                "url": "https://github.com/openshift/hypershift", "revision": self.revision, "dockerfileUrl": "Containerfile"}}}));
        }
        json!({
            "apiVersion": "appstudio.redhat.com/v1alpha1",
            "kind": "Snapshot",
            "metadata": {
                "name": name,
                "namespace": self.namespace,
                "creationTimestamp": seconds(finished),
                "labels": {
                    "appstudio.openshift.io/application": self.application,
                    "appstudio.openshift.io/component": self.component,
                    "appstudio.openshift.io/build-pipelinerun": format!("{}-on-push-bsw4l", self.component),
                    "pac.test.appstudio.openshift.io/event-type": "push",
                    "pac.test.appstudio.openshift.io/git-provider": "github",
                    "pac.test.appstudio.openshift.io/sha": self.revision,
                    "pac.test.appstudio.openshift.io/url-org": "openshift",
                    "pac.test.appstudio.openshift.io/url-repository": "hypershift",
                    "test.appstudio.openshift.io/pipelinerunfinishtime": finished.as_second().to_string(),
                    "test.appstudio.openshift.io/type": "component",
                },
                "annotations": {
                    "pac.test.appstudio.openshift.io/branch": "main",
                    "pac.test.appstudio.openshift.io/event-type": "push",
                    "pac.test.appstudio.openshift.io/repo-url": "https://github.com/openshift/hypershift",
                    "pac.test.appstudio.openshift.io/sha": self.revision,
                    "pac.test.appstudio.openshift.io/source-branch": "main",
                    "test.appstudio.openshift.io/integration-workflow": "push",
                    "test.appstudio.openshift.io/pipelinerunstarttime": format!("{}000", began.as_second()),
                    "test.appstudio.openshift.io/result-image-digest": digest,
                    "test.appstudio.openshift.io/source-repo-url": "https://github.com/openshift/hypershift",
                },
            },
            "spec": {"application": self.application, "artifacts": {}, "components": components},
            "status": {"conditions": [{
                "lastTransitionTime": seconds(finished),
                "message": "No required IntegrationTestScenarios found, skipped testing",
                "reason": "Passed",
                "status": "True",
                "type": "AppStudioTestSucceeded",
            }]},
        })
    }

    /// The plan, matched by an active admission, never released to by itself.
    fn plan_object(&self, world: &World) -> Value {
        let since = seconds(
            jiff::Timestamp::from_second(world.born().as_second() - 30 * 24 * 3600)
                .unwrap_or(world.born()),
        );
        json!({
            "apiVersion": "appstudio.redhat.com/v1alpha1",
            "kind": "ReleasePlan",
            "metadata": {
                "name": self.plan,
                "namespace": self.namespace,
                "creationTimestamp": since,
                "labels": {
                    "release.appstudio.openshift.io/auto-release": "false",
                    "release.appstudio.openshift.io/releasePlanAdmission": self.plan,
                    "release.appstudio.openshift.io/standing-attribution": "false",
                },
            },
            "spec": {"application": self.application, "releaseGracePeriodDays": 7, "target": "konflux-managed"},
            "status": {
                "conditions": [{"lastTransitionTime": since, "message": "", "reason": "Matched", "status": "True", "type": "Matched"}],
                "releasePlanAdmission": {"active": true, "name": format!("konflux-managed/{}", self.plan)},
            },
        })
    }
}
