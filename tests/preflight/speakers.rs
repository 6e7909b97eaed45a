//! notify-slack and check-staleness: Slack and KubeArchive.

use serde_json::json;
use standins::{Canned, Fault, Server, Trouble};

use super::{Tenant, fails, of, passes};
use crate::support::Tool;

#[test]
fn notify_slack_finds_a_webhook_that_is_dead_and_posts_nothing() {
    let tenant = Tenant::new();
    let output = tenant.notify().run();
    passes(&output, &["slack", "cluster", "rights", "record"]);
    assert_eq!(
        of(&output, "kubearchive")[0].0,
        "unknown",
        "an archive that holds nothing proves nothing"
    );
    tenant.world.archive().put(json!({"kind": "Release", "apiVersion": "appstudio.redhat.com/v1alpha1",
        "metadata": {"name": "r", "namespace": tenant.namespace, "uid": "1", "creationTimestamp": "2026-08-01T00:00:00Z"}}));
    passes(&tenant.notify().run(), &["kubearchive"]);
    let path = url_path(&tenant.servers.slack_url());
    tenant.world.slack().revoke(&path);
    let dead = tenant.notify().run();
    fails(&dead, "slack", "make a new one");
    assert!(!format!("{dead:?}").contains(&path), "{dead:?}");
    std::fs::remove_file(tenant.dir.path("webhook")).unwrap();
    fails(&tenant.notify().run(), "slack", "--slack-webhook-file");
    tenant.unchanged();
}

#[test]
fn a_bot_s_token_is_shown_to_slack() {
    let tenant = Tenant::new();
    tenant.dir.write("bot", "xoxb-easy-to-find");
    let check = || {
        Tool::new("notify-slack")
            .args([
                "--check",
                "--channel",
                "C0123",
                "--slack-api-url",
                &tenant.servers.url(Server::Slack),
            ])
            .arg("--slack-token-file")
            .arg(tenant.dir.path("bot"))
            .run()
    };
    let says = |body: &str| {
        tenant.world.clear_faults();
        let canned = Canned {
            status: 200,
            headers: vec![("content-type".into(), "application/json".into())],
            body: body.into(),
        };
        tenant
            .world
            .fault(Fault::on(Server::Slack, Trouble::Answer(canned)).path("/auth.test"));
    };
    says(r#"{"ok":true,"team":"acme","user":"gate"}"#);
    passes(&check(), &["slack"]);
    says(r#"{"ok":false,"error":"invalid_auth"}"#);
    let refused = check();
    fails(&refused, "slack", "invalid_auth");
    assert!(!format!("{refused:?}").contains("easy-to-find"));
}

#[test]
fn check_staleness_finds_what_would_make_it_blind() {
    let tenant = Tenant::new();
    passes(&tenant.staleness().run(), &["cluster", "rights", "plan", "slack"]);
    tenant
        .world
        .fault(Fault::on(Server::Archive, Trouble::StatusBefore(401)));
    fails(&tenant.staleness().run(), "kubearchive", "KubeArchive refuses (401");
    tenant.world.clear_faults();
    tenant.world.kube().deny("delete", "configmaps");
    fails(&tenant.staleness().run(), "rights", "may not delete configmaps");
    tenant
        .world
        .kube()
        .delete("releaseplans", &tenant.namespace, &tenant.night.plan);
    fails(&tenant.staleness().run(), "plan", "there is no ReleasePlan");
    tenant.unchanged();
}

fn url_path(url: &str) -> String {
    let rest = url.split_once("://").unwrap().1;
    format!("/{}", rest.split_once('/').unwrap().1)
}
