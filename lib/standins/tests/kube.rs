//! The Kubernetes part, asked by a real client.

use std::time::Duration;

use bytes::Bytes;
use futures::{StreamExt, TryStreamExt};
use http::Request;
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{
    Api, DynamicObject, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams,
};
use kube::core::{ApiResource, GroupVersionKind};
use serde_json::{Value, json};
use standins::{Night, Pushed, ReleaseScript, Server, TokioTime, World};

const NAMESPACE: &str = "konflux-tenant";

fn world() -> World {
    World::builder()
        .clock(TokioTime::starting_at("2026-08-20T03:20:11Z".parse().unwrap()))
        .build()
}

fn client(world: &World) -> kube::Client {
    kube::Client::new(world.direct(Server::Kube), NAMESPACE)
}

fn api(world: &World, kind: &str) -> Api<DynamicObject> {
    let resource =
        ApiResource::from_gvk(&GroupVersionKind::gvk("appstudio.redhat.com", "v1alpha1", kind));
    Api::namespaced_with(client(world), NAMESPACE, &resource)
}

fn release(name: &str, plan: &str, snapshot: &str) -> DynamicObject {
    serde_json::from_value(json!({
        "apiVersion": "appstudio.redhat.com/v1alpha1",
        "kind": "Release",
        "metadata": {"name": name, "labels": {"release.appstudio.openshift.io/author": "me"}},
        "spec": {"releasePlan": plan, "snapshot": snapshot},
    }))
    .unwrap()
}

fn refusal(error: kube::Error) -> (u16, String, String) {
    match error {
        kube::Error::Api(status) => (status.code, status.reason.clone(), status.message.clone()),
        other => panic!("{other}"),
    }
}

/// (Released' reason, ManagedPipelineProcessed' reason), empty where absent.
fn reasons(release: &DynamicObject) -> (String, String) {
    let of = |kind: &str| {
        let conditions = release.data["status"]["conditions"]
            .as_array()
            .cloned()
            .unwrap_or_default();
        let found = conditions.iter().find(|condition| condition["type"] == kind).cloned();
        found.map_or_else(String::new, |condition| condition["reason"].as_str().unwrap().to_owned())
    };
    (of("Released"), of("ManagedPipelineProcessed"))
}

#[tokio::test(start_paused = true)]
async fn a_release_is_watched_to_its_end() {
    let world = world();
    let night = Night::aro_hcp().install(&world, "quay.io");
    let releases = api(&world, "Release");
    let made = releases
        .create(&PostParams::default(), &release("aro-hcp-x-1", &night.plan, &night.snapshot))
        .await
        .unwrap();
    let labels = made.metadata.labels.clone().unwrap();
    assert_eq!(
        labels["release.appstudio.openshift.io/author"],
        "system_serviceaccount_konflux-tenant_gate-client"
    );
    assert_eq!(labels["release.appstudio.openshift.io/releasePlan"], night.plan);
    assert_eq!(labels["release.appstudio.openshift.io/snapshot"], night.snapshot);
    assert_eq!(made.data["spec"]["gracePeriodDays"], 7);
    assert!(made.data.get("status").is_none());

    let version = made.metadata.resource_version.unwrap();
    let mut events = releases
        .watch(&WatchParams::default().timeout(290), &version)
        .await
        .unwrap()
        .boxed();
    let mut seen = Vec::new();
    while let Some(event) = events.try_next().await.unwrap() {
        match event {
            WatchEvent::Modified(release) => seen.push(reasons(&release)),
            other => panic!("{other:?}"),
        }
    }
    let progressing = ("Progressing".to_owned(), "Progressing".to_owned());
    assert_eq!(seen.first().unwrap(), &("Progressing".into(), String::new()));
    assert_eq!(
        seen.last().unwrap(),
        &progressing,
        "a watch ends after its timeout, a Release after six minutes"
    );

    tokio::time::sleep(Duration::from_secs(90)).await;
    let end = releases.get("aro-hcp-x-1").await.unwrap();
    assert_eq!(reasons(&end), ("Succeeded".into(), "Succeeded".into()));
    let status = &end.data["status"];
    assert_eq!(status["artifacts"]["images"][0]["shasum"], night.image.digest);
    assert_eq!(status["artifacts"]["images"].as_array().unwrap().len(), 1);
    assert_eq!(status["managedPipelineAttempts"][0]["status"], "Succeeded");
    assert!(status["completionTime"].is_string());
    assert_eq!(end.metadata.finalizers.unwrap(), ["appstudio.redhat.com/release-finalizer"]);
    assert_eq!(
        end.metadata.labels.unwrap()["appstudio.openshift.io/component"],
        "hypershift-operator-main"
    );
}

#[tokio::test(start_paused = true)]
async fn releases_that_do_not_end_well() {
    let world = world();
    let night = Night::aro_hcp().install(&world, "quay.io");
    let releases = api(&world, "Release");
    let timeout = ReleaseScript {
        retried: vec!["TaskRunTimeout".into()],
        ..ReleaseScript::fails("push-snapshot", "push")
    };
    let scripts = vec![
        ReleaseScript::fails("push-snapshot", "push"),
        timeout,
        ReleaseScript::invalid("EnterpriseContractPolicy.appstudio.redhat.com \"x\" not found"),
        ReleaseScript::invalid_later(
            "found ReleasePlanAdmission 'aro-hcp' with block-releases label set to true",
        ),
        ReleaseScript::never_ends(),
        ReleaseScript::released().pushed(Pushed::Nothing),
        ReleaseScript::never_ends(),
    ];
    let count = scripts.len();
    world.kube().releases_of(&night.plan, scripts);
    for n in 1..=count {
        let name = format!("r{n}");
        releases
            .create(&PostParams::default(), &release(&name, &night.plan, &night.snapshot))
            .await
            .unwrap();
    }
    tokio::time::sleep(Duration::from_secs(3600)).await;
    let mut ends = Vec::new();
    for n in 1..=count {
        let release = releases.get(&format!("r{n}")).await.unwrap();
        let status = &release.data["status"];
        let attempts = status["managedPipelineAttempts"].as_array().map_or(0, Vec::len);
        let last = status["managedPipelineAttempts"][attempts.saturating_sub(1)]["status"]
            .as_str()
            .unwrap_or("-")
            .to_owned();
        let (released, managed) = reasons(&release);
        ends.push(format!("{released} {managed} {attempts} {last}"));
    }
    assert_eq!(
        ends,
        [
            "Failed Failed 1 Failed",
            "Failed Failed 2 Failed",
            "Failed Skipped 0 -",
            "Failed Skipped 1 Progressing",
            "Progressing Progressing 1 Progressing",
            "Succeeded Succeeded 1 Succeeded",
            "Progressing Progressing 1 Progressing",
        ]
    );
    // the Snapshot goes: what runs is validated again and refused, with the managed pipeline still
    // at it
    assert!(world.kube().delete("snapshots", NAMESPACE, &night.snapshot));
    let release = releases.get("r5").await.unwrap();
    assert_eq!(reasons(&release), ("Failed".into(), "Progressing".into()));
    assert_eq!(release.data["status"]["validation"]["failedPostValidation"], true);
    let after = api(&world, "Release")
        .create(&PostParams::default(), &self::release("r9", &night.plan, &night.snapshot))
        .await
        .unwrap();
    assert_eq!(after.metadata.name.unwrap(), "r9");
    tokio::time::sleep(Duration::from_secs(1)).await;
    let release = releases.get("r9").await.unwrap();
    assert_eq!(reasons(&release), ("Failed".into(), String::new()));
}

#[tokio::test(start_paused = true)]
async fn refusals_are_told_apart() {
    let world = world();
    let night = Night::aro_hcp().install(&world, "quay.io");
    let releases = api(&world, "Release");
    let create = async |release: DynamicObject| {
        releases
            .create(&PostParams::default(), &release)
            .await
            .map(drop)
            .map_err(refusal)
    };
    let plan = night.plan.as_str();
    let snapshot = night.snapshot.as_str();
    create(release("twice", plan, snapshot)).await.unwrap();
    for (what, object, wanted) in [
        (
            "the name is there",
            release("twice", plan, snapshot),
            (409, "AlreadyExists", "releases.appstudio.redhat.com \"twice\" already exists"),
        ),
        (
            "64 characters",
            release(&"a".repeat(64), plan, snapshot),
            (
                403,
                "Forbidden",
                "admission webhook \"vrelease.kb.io\" denied the request: release name must be no more than 63 characters, got 64 characters",
            ),
        ),
        (
            "64 characters of a plan",
            release("x", &"a".repeat(64), snapshot),
            (
                422,
                "Invalid",
                &format!(
                    "Release.appstudio.redhat.com \"x\" is invalid: metadata.labels: Invalid value: \"{}\": must be no more than 63 characters",
                    "a".repeat(64)
                ),
            ),
        ),
        (
            "a dot",
            release("x", plan, "a.b"),
            (
                422,
                "Invalid",
                "Release.appstudio.redhat.com \"x\" is invalid: spec.snapshot: Invalid value: \"a.b\": spec.snapshot in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'",
            ),
        ),
    ] {
        let (code, reason, message) = create(object).await.unwrap_err();
        assert_eq!((code, reason.as_str(), message.as_str()), wanted, "{what}");
    }
    world.kube().webhook(false);
    let (code, reason, message) = create(release("x", plan, snapshot)).await.unwrap_err();
    assert_eq!((code, reason.as_str()), (500, "InternalError"));
    assert!(
        message.starts_with("Internal error occurred: failed calling webhook \"mauthor.kb.io\""),
        "{message}"
    );
    world.kube().webhook(true);

    world.kube().deny("get", "snapshots");
    let (code, reason, message) = refusal(api(&world, "Snapshot").get(snapshot).await.unwrap_err());
    assert_eq!((code, reason.as_str()), (403, "Forbidden"));
    assert_eq!(
        message,
        format!(
            "snapshots.appstudio.redhat.com \"{snapshot}\" is forbidden: User \"system:serviceaccount:konflux-tenant:gate-client\" cannot get resource \"snapshots\" in API group \"appstudio.redhat.com\" in the namespace \"konflux-tenant\""
        )
    );
    world.kube().allow_all();
    assert!(api(&world, "Snapshot").get_opt("nothing").await.unwrap().is_none());

    let dry = PostParams { dry_run: true, ..PostParams::default() };
    let tried = releases.create(&dry, &release("dry", plan, snapshot)).await.unwrap();
    assert_eq!(tried.data["spec"]["gracePeriodDays"], 7);
    assert!(releases.get_opt("dry").await.unwrap().is_none());

    let patch = json!({"spec": {"gracePeriodDays": 1}});
    let error = releases
        .patch("twice", &PatchParams::default(), &Patch::Merge(&patch))
        .await
        .unwrap_err();
    assert_eq!(
        refusal(error).2,
        "admission webhook \"vrelease.kb.io\" denied the request: release resources spec cannot be updated"
    );
}

#[tokio::test(start_paused = true)]
async fn config_maps_compare_and_swap() {
    let world = world();
    let maps: Api<ConfigMap> = Api::namespaced(client(&world), NAMESPACE);
    let map = |version: Option<String>, value: &str| ConfigMap {
        metadata: kube::api::ObjectMeta {
            name: Some("record".into()),
            resource_version: version,
            ..Default::default()
        },
        data: Some([("gate.json".to_owned(), value.to_owned())].into()),
        ..ConfigMap::default()
    };
    let first = maps.create(&PostParams::default(), &map(None, "1")).await.unwrap();
    let second = maps
        .replace(
            "record",
            &PostParams::default(),
            &map(first.metadata.resource_version.clone(), "2"),
        )
        .await
        .unwrap();
    let stale = maps
        .replace("record", &PostParams::default(), &map(first.metadata.resource_version, "3"))
        .await
        .unwrap_err();
    let (code, reason, message) = refusal(stale);
    assert_eq!((code, reason.as_str()), (409, "Conflict"));
    assert_eq!(
        message,
        "Operation cannot be fulfilled on configmaps \"record\": the object has been modified; please apply your changes to the latest version and try again"
    );
    let now = maps.get("record").await.unwrap();
    assert_eq!(now.metadata.resource_version, second.metadata.resource_version);
    assert_eq!(now.data.unwrap()["gate.json"], "2");
    assert_eq!(now.metadata.uid, second.metadata.uid);
    let full = maps
        .replace("record", &PostParams::default(), &map(None, &"x".repeat(1 << 20)))
        .await
        .unwrap_err();
    let (code, reason, message) = refusal(full);
    assert_eq!((code, reason.as_str()), (422, "Invalid"));
    assert_eq!(
        message,
        "ConfigMap \"record\" is invalid: []: Too long: may not be more than 1048576 bytes"
    );
}

#[tokio::test(start_paused = true)]
async fn lists_come_in_pages() {
    let world = world();
    for n in 0..7 {
        let kind = if n % 2 == 0 { "even" } else { "odd" };
        world.kube().put(json!({"kind": "Snapshot", "metadata": {"name": format!("s{n}"), "namespace": NAMESPACE, "labels": {"n": kind}}}));
    }
    let snapshots = api(&world, "Snapshot");
    let mut names = Vec::new();
    let mut token = None;
    loop {
        let mut params = ListParams::default().labels("n=even").limit(3);
        params.continue_token = token;
        let page = snapshots.list(&params).await.unwrap();
        names.push(
            page.items
                .into_iter()
                .filter_map(|item| item.metadata.name)
                .collect::<Vec<_>>(),
        );
        token = page.metadata.continue_.filter(|token| !token.is_empty());
        if token.is_none() {
            break;
        }
    }
    assert_eq!(names, [vec!["s0", "s2", "s4"], vec!["s6"]]);
}

/// A captured object, its times, versions, uids and random endings made alike.
fn alike(object: &Value) -> Value {
    match object {
        Value::Object(map) => map
            .iter()
            .filter(|(key, _)| !["resourceVersion", "uid"].contains(&key.as_str()))
            .map(|(key, value)| (key.clone(), alike(value)))
            .collect(),
        Value::Array(items) => items.iter().map(alike).collect(),
        Value::String(text) if text.parse::<jiff::Timestamp>().is_ok() => json!("TIME"),
        Value::String(text) if text.contains("/managed-") || text.contains("-rolebinding-") => {
            json!(text[..text.len() - 5])
        }
        other => other.clone(),
    }
}

fn captured(path: &str) -> Value {
    serde_json::from_str(&standins::captured::file(path)).unwrap()
}

/// A world with the captured Snapshot and plan, the plan under all captured names.
fn captured_world() -> World {
    let world = world();
    let snapshot = captured("konflux/snapshot-just-created-by-push-build.json");
    let mut named = snapshot.clone();
    world.kube().put(snapshot);
    named["metadata"]["name"] = json!("s-fail");
    named["metadata"]["uid"] = json!(null);
    world.kube().put(named);
    for name in ["verified", "failing", "timeout", "no-rpa"] {
        let mut plan = captured("konflux/releaseplan-matched.json");
        plan["metadata"]["name"] = json!(name);
        if name == "no-rpa" {
            plan["spec"]["target"] = json!("konflux-integration-service");
            plan["status"] = json!({"conditions": [{"type": "Matched", "status": "False", "reason": "Matched", "message": ""}]});
        }
        world.kube().put(plan);
    }
    world
}

#[tokio::test(start_paused = true)]
async fn releases_look_as_captured() {
    let repository = |script: ReleaseScript| ReleaseScript {
        repository: "quay.io/example/verified".into(),
        ..script
    };
    let retried = ReleaseScript {
        retried: vec!["TaskRunTimeout".into()],
        ..ReleaseScript::fails("push-snapshot", "push")
    };
    let mut timeout = retried.clone();
    timeout.ending = standins::ReleaseEnding::Failed {
        task: "push-snapshot".into(),
        step: "push".into(),
        reason: "TaskRunTimeout".into(),
    };
    for (name, text, script, wait) in [
        ("created", "konflux/release-create-response.json", ReleaseScript::released(), 0),
        ("progressing", "konflux/release-progressing.json", ReleaseScript::released(), 100),
        ("released", "konflux/release-released.json", repository(ReleaseScript::released()), 1000),
        (
            "failed",
            "konflux/release-failed.json",
            ReleaseScript::fails("push-snapshot", "push"),
            1000,
        ),
        ("no admission", "konflux/release-validation-no-rpa.json", ReleaseScript::released(), 1000),
        (
            "no Snapshot",
            "konflux/release-validation-no-snapshot.json",
            ReleaseScript::released(),
            1000,
        ),
        ("retried", "konflux/release-retried-attempts.json", timeout.clone(), 1000),
        (
            "Snapshot gone",
            "konflux/release-failed-snapshot-deleted-while-running.json",
            ReleaseScript::released(),
            100,
        ),
    ] {
        let world = captured_world();
        world.kube().releases_go(script);
        let wanted = captured(text);
        let field = |field: &str| wanted["spec"][field].as_str().unwrap().to_owned();
        let own = wanted["metadata"]["name"].as_str().unwrap();
        let releases = api(&world, "Release");
        let made = release(own, &field("releasePlan"), &field("snapshot"));
        let made = releases.create(&PostParams::default(), &made).await.unwrap();
        let object = if wait == 0 {
            serde_json::to_value(made).unwrap()
        } else {
            tokio::time::sleep(Duration::from_secs(wait)).await;
            if name == "Snapshot gone" {
                world.kube().delete("snapshots", NAMESPACE, "s-fail");
            }
            world.kube().get("releases", NAMESPACE, own).unwrap()
        };
        let (ours, mut theirs) = (alike(&object), alike(&wanted));
        if name == "released" {
            // the registry's prefix of the tag is the mapping's
            theirs["status"]["artifacts"] = ours["status"]["artifacts"].clone();
            assert_eq!(object["status"]["artifacts"], wanted["status"]["artifacts"]);
        }
        if name == "Snapshot gone" {
            // another Snapshot's own annotations and labels
            for what in ["labels", "annotations"] {
                theirs["metadata"][what] = ours["metadata"][what].clone();
            }
        }
        assert_eq!(ours, theirs, "{name}");
    }
}

/// Statuses to the letter, except for names.
#[tokio::test(start_paused = true)]
async fn statuses_look_as_captured() {
    let world = captured_world();
    let path =
        |rest: &str| format!("/apis/appstudio.redhat.com/v1alpha1/namespaces/{NAMESPACE}/{rest}");
    let ask = async |method: &str, path: String, body: Value| {
        let kind =
            if method == "PATCH" { "application/merge-patch+json" } else { "application/json" };
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("content-type", kind);
        let body = if body.is_null() { Bytes::new() } else { Bytes::from(body.to_string()) };
        let answer = world
            .direct(Server::Kube)
            .ask(request.body(body).unwrap())
            .await
            .unwrap();
        let status = answer.status().as_u16();
        let body: Value = serde_json::from_slice(answer.body()).unwrap();
        assert!(status < 400 || body["code"] == status, "{body}");
        body
    };
    let snapshot = "hypershift-operator-20261122-150855-000";
    let release = |name: &str| {
        json!({"apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Release", "metadata": {"name": name},
            "spec": {"releasePlan": "verified", "snapshot": snapshot}})
    };
    ask("POST", path("releases"), release("aro-hcp-1a0d7d21bf82-2")).await;
    let exists = ask("POST", path("releases"), release("aro-hcp-1a0d7d21bf82-2")).await;
    assert_eq!(exists, captured("konflux/release-409.json"));
    let long = ask("POST", path("releases"), release(&"a".repeat(64))).await;
    assert_eq!(long, captured("konflux/webhook-denied-release-name-64.status.json"));
    let label = json!({"metadata": {"labels": {"release.appstudio.openshift.io/author": "me"}}});
    let author = ask("PATCH", path("releases/aro-hcp-1a0d7d21bf82-2"), label).await;
    assert_eq!(author, captured("konflux/webhook-denied-release-update-author-label.status.json"));
    let stale = ask(
        "PATCH",
        path(&format!("snapshots/{snapshot}")),
        json!({"metadata": {"resourceVersion": "1"}}),
    )
    .await;
    assert_eq!(stale, captured("konflux/snapshot-patch-stale-resourceversion-409.json"));
    let components =
        ask("PATCH", path(&format!("snapshots/{snapshot}")), json!({"spec": {"components": []}}))
            .await;
    assert_eq!(components, captured("konflux/webhook-denied-snapshot-components.json"));
    world.kube().webhook(false);
    let down = ask("POST", path("releases"), release("x")).await;
    assert_eq!(down, captured("konflux/webhook-unreachable-release-create.json"));
    world
        .kube()
        .user("nobody", "system:serviceaccount:konflux-tenant:nobody");
    world.kube().deny("get", "snapshots");
    let request = Request::get(path(&format!("snapshots/{snapshot}")))
        .header("authorization", "Bearer nobody");
    let answer = world
        .direct(Server::Kube)
        .ask(request.body(Bytes::new()).unwrap())
        .await
        .unwrap();
    let denied: Value = serde_json::from_slice(answer.body()).unwrap();
    assert_eq!(denied, captured("konflux/rbac-denied-snapshot-get.json"));
    let unknown = world
        .direct(Server::Kube)
        .ask(Request::get(path("snapshots")).body(Bytes::new()).unwrap())
        .await
        .unwrap();
    assert_eq!(unknown.status(), 401);
}

#[tokio::test]
async fn a_right_is_to_a_resource_of_its_own_group() {
    let world = world();
    let may = async |group: &str, resource: &str| {
        let question = json!({
            "apiVersion": "authorization.k8s.io/v1",
            "kind": "SelfSubjectAccessReview",
            "spec": {"resourceAttributes": {"verb": "get", "group": group, "resource": resource, "namespace": NAMESPACE}},
        });
        let request = Request::post("/apis/authorization.k8s.io/v1/selfsubjectaccessreviews");
        let request = request.body(question.to_string().into_bytes()).unwrap();
        client(&world).request::<Value>(request).await.unwrap()["status"]["allowed"] == true
    };
    assert!(may("appstudio.redhat.com", "releases").await);
    assert!(may("", "configmaps").await);
    assert!(may("", "pods").await, "which this one knows nothing of");
    assert!(!may("", "releases").await);
    assert!(!may("release.appstudio.redhat.com", "releases").await);
    assert!(!may("apps", "configmaps").await);
}
