//! The CronJobs' pods as the composed overlays make them: with the shipped image, under their own
//! accounts, in a namespace that enforces the strictest pod standard.

use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use standins::{Fault, Night, Server, Trouble};

use crate::field::{Field, SCENARIO};
use crate::integration_service::IntegrationService;
use crate::platform::{apply, clone, exit, job, settle};

const PLAN: &str = "hypershift-operator-ho-release-gate-aro-hcp";

fn field(name: &str) -> Field {
    let field = Field::new(name, &Night::aro_hcp());
    let clone = clone(&field);
    settle(&field, &clone, "aro-hcp", &[]);
    apply(&field, &clone, "aro-hcp");
    field
}

fn log(field: &Field, pod: &Value) -> String {
    field
        .kubectl
        .run(&["logs", pod["metadata"]["name"].as_str().unwrap()])
}

/// A Release of the plan that landed at that age.
fn released(name: &str, plan: &str, days: i64) -> Value {
    let at = format!("{:.0}", Timestamp::now() - SignedDuration::from_hours(24 * days));
    json!({
        "apiVersion": "appstudio.redhat.com/v1alpha1", "kind": "Release",
        "metadata": {"name": name, "uid": format!("uid-{name}"), "creationTimestamp": at,
            "labels": {"release.appstudio.openshift.io/releasePlan": plan}},
        "spec": {"snapshot": "earlier", "releasePlan": plan},
        "status": {
            "startTime": at, "completionTime": at,
            "conditions": [{"type": "Released", "status": "True", "reason": "Succeeded", "message": "", "lastTransitionTime": at}],
            "artifacts": {"images": [{"name": "hypershift-operator-main", "shasum": format!("sha256:{}", "4be1f0c2".repeat(8)), "urls": []}]},
        },
    })
}

#[test]
#[ignore = "needs a cluster"]
fn the_nightly_job_starts_a_run() {
    let field = field("nightly");
    let _konflux = IntegrationService::start(&field.kubectl);
    let pod = job(&field, "night", "trigger-gate-aro-hcp");
    assert_eq!(exit(&pod), 0, "{}", log(&field, &pod));
    assert_eq!(pod["spec"]["serviceAccountName"], "gate-trigger");
    let runs = field.kubectl.list("pipelineruns");
    assert_eq!(runs.len(), 1, "{}", log(&field, &pod));
    assert_eq!(runs[0]["metadata"]["labels"]["test.appstudio.openshift.io/scenario"], SCENARIO);
    for line in log(&field, &pod).lines() {
        serde_json::from_str::<Value>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    assert_eq!(field.world.slack().messages().len(), 0, "a run that started is no news");
    // The next night it is still in flight.
    let pod = job(&field, "next", "trigger-gate-aro-hcp");
    assert_eq!(exit(&pod), 0, "{}", log(&field, &pod));
    assert_eq!(field.kubectl.list("pipelineruns").len(), 1, "{}", log(&field, &pod));
}

/// Its Release has left the cluster: the archive alone knows that the image is verified.
#[test]
#[ignore = "needs a cluster"]
fn an_image_that_the_archive_knows_as_verified_is_not_tested_again() {
    let field = field("archived");
    let _konflux = IntegrationService::start(&field.kubectl);
    let digest = &field.night.image.digest;
    // It was built the day before that.
    let built = Timestamp::now() - SignedDuration::from_hours(24 * 9);
    let built = json!({"test.appstudio.openshift.io/pipelinerunstarttime": built.as_millisecond().to_string()});
    let patch = json!({"metadata": {"annotations": built}});
    field.kubectl.patch("snapshot", &field.night.snapshot, &patch, None);
    let mut release = released(&format!("{PLAN}-{}-1", &digest[7..19]), PLAN, 8);
    release["metadata"]["namespace"] = field.kubectl.namespace().into();
    release["spec"]["snapshot"] = json!(field.night.snapshot);
    release["status"]["artifacts"]["images"][0]["shasum"] = json!(digest);
    field.world.archive().put(release);
    let pod = job(&field, "night", "trigger-gate-aro-hcp");
    let said = log(&field, &pod);
    assert_eq!(exit(&pod), 0, "{said}");
    assert!(field.kubectl.list("pipelineruns").is_empty(), "{said}");
    assert!(said.contains("verified"), "{said}");
    let asked = field.world.requests_to(Server::Archive);
    assert!(
        !asked.is_empty() && asked.iter().all(|asked| asked.authorization.starts_with("Bearer ey"))
    );
}

#[test]
#[ignore = "needs a cluster"]
fn the_staleness_job_alarms_once_and_says_when_it_is_over() {
    let field = field("stale");
    let archived = |plan: &str, days| {
        let mut release = released(&format!("archived-{days}"), plan, days);
        release["metadata"]["namespace"] = field.kubectl.namespace().into();
        field.world.archive().put(release);
    };
    archived(PLAN, 5);
    // Nights enough have passed since the newest Snapshot was built.
    let built = Timestamp::now() - SignedDuration::from_hours(48);
    let annotations = json!({"test.appstudio.openshift.io/pipelinerunstarttime": built.as_millisecond().to_string()});
    field.kubectl.patch(
        "snapshot",
        &field.night.snapshot,
        &json!({"metadata": {"annotations": annotations}}),
        None,
    );
    let mut counted = 0;
    let mut check = |name: &str, code: i64, said: &[&str]| {
        let pod = job(&field, name, "check-staleness-aro-hcp");
        assert_eq!(exit(&pod), code, "{name}: {}", log(&field, &pod));
        assert_eq!(pod["spec"]["serviceAccountName"], "gate-staleness");
        let messages = field.world.slack().messages();
        assert_eq!(field.world.slack().refused(), []);
        assert_eq!(
            messages.len(),
            counted + usize::from(!said.is_empty()),
            "{name}: {}",
            log(&field, &pod)
        );
        counted = messages.len();
        for word in said {
            assert!(
                messages[counted - 1].words().contains(word),
                "{name}: {}",
                messages[counted - 1].words()
            );
        }
    };
    check("stale", 3, &["5 days"]);
    check("still-stale", 3, &[]);
    assert!(
        field
            .world
            .requests_to(Server::Archive)
            .iter()
            .all(|asked| asked.authorization.starts_with("Bearer ey"))
    );

    field
        .world
        .fault(Fault::on(Server::Archive, Trouble::StatusBefore(503)));
    check("blind", 1, &["KubeArchive"]);
    check("still-blind", 1, &[]);
    field.world.clear_faults();

    let now = released("fresh", PLAN, 0);
    let mut release = now.clone();
    for made_by_server in ["uid", "creationTimestamp"] {
        release["metadata"].as_object_mut().unwrap().remove(made_by_server);
    }
    release.as_object_mut().unwrap().remove("status");
    field.kubectl.create(&release);
    field
        .kubectl
        .patch("release", "fresh", &json!({"status": now["status"]}), Some("status"));
    check("recovered", 0, &["the alarm is over"]);
    check("fresh", 0, &[]);
}

/// A pod that waits for a Secret would hang without a word.
#[test]
#[ignore = "needs a cluster"]
fn without_the_secret_the_jobs_end_and_name_it() {
    let field = field("nosecret");
    field.kubectl.run(&["delete", "secret", "slack-webhook"]);
    for name in ["trigger-gate-aro-hcp", "check-staleness-aro-hcp"] {
        let begun = Instant::now();
        let pod = job(&field, &format!("without-{name}"), name);
        assert_eq!(exit(&pod), 2, "{}", log(&field, &pod));
        assert!(log(&field, &pod).contains("--slack-webhook-file"), "{}", log(&field, &pod));
        assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    }
    assert!(field.kubectl.list("pipelineruns").is_empty());
}
