//! What the shipped accounts may do, and what not, as the API server judges it.

use standins::Night;

use crate::field::Field;

/// Account, verb, resource, allowed.
const TABLE: &[(&str, &str, &str, bool)] = &[
    ("gate-runner", "get", "configmaps", true),
    ("gate-runner", "list", "configmaps", true),
    ("gate-runner", "create", "configmaps", true),
    ("gate-runner", "update", "configmaps", true),
    ("gate-runner", "delete", "configmaps", false),
    ("gate-runner", "get", "pipelineruns.tekton.dev", true),
    ("gate-runner", "list", "pipelineruns.tekton.dev", false),
    ("gate-runner", "create", "pipelineruns.tekton.dev", false),
    ("gate-runner", "get", "snapshots.appstudio.redhat.com", true),
    ("gate-runner", "patch", "snapshots.appstudio.redhat.com", false),
    ("gate-runner", "get", "releaseplans.appstudio.redhat.com", true),
    ("gate-runner", "list", "releases.appstudio.redhat.com", true),
    ("gate-runner", "create", "releases.appstudio.redhat.com", false),
    ("gate-runner", "get", "secrets", false),
    ("gate-runner", "get", "pods", false),
    ("gate-releaser", "get", "configmaps", true),
    ("gate-releaser", "update", "configmaps", true),
    ("gate-releaser", "create", "configmaps", false),
    ("gate-releaser", "delete", "configmaps", false),
    ("gate-releaser", "get", "snapshots.appstudio.redhat.com", true),
    ("gate-releaser", "patch", "snapshots.appstudio.redhat.com", false),
    ("gate-releaser", "get", "releaseplans.appstudio.redhat.com", true),
    ("gate-releaser", "update", "releaseplans.appstudio.redhat.com", false),
    ("gate-releaser", "create", "releases.appstudio.redhat.com", true),
    ("gate-releaser", "watch", "releases.appstudio.redhat.com", true),
    ("gate-releaser", "delete", "releases.appstudio.redhat.com", false),
    ("gate-releaser", "patch", "releases.appstudio.redhat.com", false),
    ("gate-releaser", "get", "secrets", false),
    ("gate-attester", "get", "configmaps", true),
    ("gate-attester", "list", "configmaps", false),
    ("gate-attester", "update", "configmaps", false),
    ("gate-attester", "get", "releases.appstudio.redhat.com", true),
    ("gate-attester", "list", "releases.appstudio.redhat.com", false),
    ("gate-attester", "get", "snapshots.appstudio.redhat.com", true),
    ("gate-attester", "create", "releases.appstudio.redhat.com", false),
    ("gate-attester", "get", "secrets", false),
    ("gate-trigger", "list", "snapshots.appstudio.redhat.com", true),
    ("gate-trigger", "patch", "snapshots.appstudio.redhat.com", true),
    ("gate-trigger", "update", "snapshots.appstudio.redhat.com", false),
    ("gate-trigger", "list", "pipelineruns.tekton.dev", true),
    ("gate-trigger", "create", "pipelineruns.tekton.dev", false),
    ("gate-trigger", "list", "releases.appstudio.redhat.com", true),
    ("gate-trigger", "create", "releases.appstudio.redhat.com", false),
    ("gate-trigger", "list", "configmaps", true),
    ("gate-trigger", "update", "configmaps", true),
    ("gate-trigger", "delete", "configmaps", false),
    ("gate-trigger", "get", "integrationtestscenarios.appstudio.redhat.com", true),
    ("gate-trigger", "patch", "integrationtestscenarios.appstudio.redhat.com", false),
    ("gate-trigger", "get", "releaseplans.appstudio.redhat.com", true),
    ("gate-trigger", "update", "releaseplans.appstudio.redhat.com", false),
    ("gate-trigger", "get", "secrets", false),
    ("gate-staleness", "list", "releases.appstudio.redhat.com", true),
    ("gate-staleness", "create", "releases.appstudio.redhat.com", false),
    ("gate-staleness", "list", "pipelineruns.tekton.dev", true),
    ("gate-staleness", "get", "snapshots.appstudio.redhat.com", true),
    ("gate-staleness", "patch", "snapshots.appstudio.redhat.com", false),
    ("gate-staleness", "update", "configmaps", true),
    ("gate-staleness", "delete", "configmaps", true),
    ("gate-staleness", "get", "secrets", false),
    ("default", "get", "configmaps", false),
];

#[test]
#[ignore = "needs a cluster"]
fn the_accounts_may_do_what_the_steps_call_and_no_more() {
    let field = Field::new("rbac", &Night::aro_hcp());
    for (account, verb, resource, allowed) in TABLE {
        assert_eq!(field.can(account, verb, resource), *allowed, "{account}: {verb} {resource}");
    }
}

/// The Role for people on call, bound to an account that stands for one.
#[test]
#[ignore = "needs a cluster"]
fn whoever_is_on_call_looks_and_tests_again_and_no_more() {
    let field = Field::new("oncall", &Night::aro_hcp());
    let people = crate::field::repository("tekton/rbac/people");
    field.kubectl.run(&["apply", "-k", &people]);
    field.kubectl.run(&["create", "serviceaccount", "oncall"]);
    let account = format!("--serviceaccount={}:oncall", field.kubectl.namespace());
    field
        .kubectl
        .run(&["create", "rolebinding", "oncall", "--role=gate-oncall", &account]);
    for (verb, resource, allowed) in [
        ("get", "configmaps", true),
        ("list", "configmaps", true),
        ("update", "configmaps", false),
        ("delete", "configmaps", false),
        ("get", "pods/log", true),
        ("create", "pods", false),
        ("get", "pipelineruns.tekton.dev", true),
        ("list", "pipelineruns.tekton.dev", true),
        ("create", "pipelineruns.tekton.dev", false),
        ("patch", "snapshots.appstudio.redhat.com", true),
        ("delete", "snapshots.appstudio.redhat.com", false),
        ("list", "releases.appstudio.redhat.com", true),
        ("create", "releases.appstudio.redhat.com", false),
        ("patch", "releaseplans.appstudio.redhat.com", false),
        ("get", "secrets", false),
    ] {
        assert_eq!(field.can("oncall", verb, resource), allowed, "{verb} {resource}");
    }
}
