//! What the READMEs tell a tenant to apply, as it stands, in an empty namespace each.

use serde_json::json;
use uuid::Uuid;

use crate::commands::{Reader, repository};
use crate::kubectl::Kubectl;

/// A namespace that enforces the strictest pod standard, gone with the test.
struct Empty(Kubectl);

impl Empty {
    fn new(name: &str) -> Self {
        let suffix = Uuid::new_v4().simple().to_string();
        let kubectl = Kubectl::new(format!("gate-{name}-{}", &suffix[..6]));
        kubectl.create(&json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": kubectl.namespace(),
            "labels": {"pod-security.kubernetes.io/enforce": "restricted"}}}));
        Self(kubectl)
    }
}

impl Drop for Empty {
    fn drop(&mut self) {
        self.0
            .try_run(&["delete", "namespace", self.0.namespace(), "--wait=false"]);
    }
}

#[test]
#[ignore = "needs a cluster"]
fn what_a_tenant_applies_by_the_readmes() {
    let folder = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(repository("tekton"), folder.path().join("tekton")).unwrap();
    for (file, text) in
        [("token", "sha256~a-token"), ("url", "https://hooks.example/services/T0/B0/x")]
    {
        std::fs::write(folder.path().join(file), text).unwrap();
    }
    let mut reader = Reader::new("what_a_tenant_applies_by_the_readmes", folder.path());
    let mut in_an_empty_namespace =
        |placeholder: &str, document: &str, heading: &str, made: &[&str]| {
            let empty = Empty::new("readme");
            reader.put(placeholder, empty.0.namespace());
            reader.follow(document, heading, 0);
            for object in made {
                empty.0.run(&["get", object]);
            }
            let runs = empty.0.list("pipelineruns").len() + empty.0.list("taskruns").len();
            assert_eq!(runs > 0, document.starts_with("tekton/tasks"), "{document}");
        };
    let (accounts, secrets) =
        (["sa/gate-runner", "sa/gate-releaser"], ["secret/gangway-token", "secret/slack-webhook"]);
    in_an_empty_namespace(
        "YOUR-NAMESPACE",
        "README.md",
        "In a cluster",
        &[accounts, secrets].concat(),
    );
    let platform = [
        "releaseplan/hypershift-operator-ho-release-gate-aro-hcp",
        "cronjob/check-staleness-aro-hcp",
    ];
    let konflux = "tekton/konflux/README.md";
    in_an_empty_namespace(
        "TENANT-NAMESPACE",
        konflux,
        "Konflux manifests",
        &[accounts, platform].concat(),
    );
    for task in [
        "attest-verdict",
        "collect-results",
        "create-release",
        "launch-prow",
        "notify-slack",
        "resolve-image",
    ] {
        let document = format!("tekton/tasks/{task}/README.md");
        in_an_empty_namespace(
            "NAMESPACE",
            &document,
            "Use",
            &["sa/gate-runner", &format!("task/{task}")],
        );
    }
    reader.finish();
}
