//! The Konflux manifests as kubectl builds them, before the API server with the real CRDs.
//!
//! Dry runs of the server: schemas, validation and the pod standard are its own. It has no
//! admission webhook of Konflux; `tests/manifests.rs` holds the manifests against what those
//! refuse.

use std::path::{Path, PathBuf};

use serde_json::Value;
use xtask::repository;

use crate::kubectl::Kubectl;

#[path = "../support/kustomize.rs"]
mod kustomize;

/// A namespace that warns of pods which the strictest standard would refuse, gone with the test.
struct Ground {
    kubectl: Kubectl,
    folder: tempfile::TempDir,
}

impl Ground {
    fn new(name: &str) -> Self {
        let kubectl = Kubectl::new(format!("gate-{name}-{}", std::process::id()));
        kubectl.run(&["create", "namespace", kubectl.namespace()]);
        kubectl.run(&[
            "label",
            "namespace",
            kubectl.namespace(),
            "pod-security.kubernetes.io/warn=restricted",
        ]);
        Self { kubectl, folder: tempfile::tempdir().unwrap() }
    }

    /// Everything in a file or an overlay is accepted, without a warning.
    fn accepts(&self, how: &str, path: &Path) {
        self.kubectl.run(&[
            "apply",
            "--dry-run=server",
            "--warnings-as-errors",
            how,
            path.to_str().unwrap(),
        ]);
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        self.kubectl
            .try_run(&["delete", "namespace", self.kubectl.namespace(), "--wait=false"]);
    }
}

fn overlays() -> Vec<PathBuf> {
    let folder = std::fs::read_dir(repository("tekton/konflux/overlays")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

fn sorted(mut objects: Vec<Value>) -> Vec<Value> {
    objects.sort_by_key(|object| format!("{}/{}", object["kind"], object["metadata"]["name"]));
    objects
}

#[test]
#[ignore = "needs a cluster"]
fn every_platform_is_accepted() {
    let ground = Ground::new("platforms");
    for overlay in overlays() {
        ground.accepts("-k", &overlay);
    }
}

#[test]
#[ignore = "needs a cluster"]
fn a_fourth_platform_is_accepted() {
    let ground = Ground::new("fourth");
    let konflux = ground.folder.path().join("konflux");
    let status = std::process::Command::new("cp")
        .arg("-r")
        .args([&repository("tekton/konflux"), &konflux])
        .status();
    assert!(status.unwrap().success());
    let (from, to) = (konflux.join("overlays/aro-hcp"), konflux.join("overlays/acme"));
    std::fs::create_dir(&to).unwrap();
    for file in ["kustomization.yaml", "settings.yaml"] {
        let text = std::fs::read_to_string(from.join(file))
            .unwrap()
            .replace("aro-hcp", "acme");
        std::fs::write(to.join(file), text).unwrap();
    }
    ground.accepts("-k", &to);
}

/// The hermetic tests look at what a small kustomize of their own builds.
#[test]
#[ignore = "needs a cluster"]
fn the_tests_build_what_kubectl_builds() {
    let kubectl = Kubectl::new("default");
    for overlay in overlays() {
        let text = kubectl.run(&["kustomize", overlay.to_str().unwrap()]);
        let theirs: Vec<Value> = serde_saphyr::from_multiple(&text).unwrap();
        assert_eq!(sorted(kustomize::build(&overlay)), sorted(theirs), "{}", overlay.display());
    }
}

#[test]
#[ignore = "needs a cluster"]
fn accounts_secrets_and_tasks_are_accepted() {
    let ground = Ground::new("rest");
    ground.accepts("-k", &repository("tekton/rbac"));
    ground.accepts("-f", &repository("tekton/konflux/secrets"));
    let entries = std::fs::read_dir(repository("tekton/tasks"))
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for folder in entries.filter(|path| path.is_dir()) {
        ground.accepts("-f", &folder.join(folder.file_name().unwrap()).with_extension("yaml"));
        // They have generated names, which only `create` knows.
        let samples = folder.join("samples");
        ground
            .kubectl
            .run(&["create", "--dry-run=server", "-f", samples.to_str().unwrap()]);
    }
}

#[test]
#[ignore = "needs a cluster"]
fn the_build_of_the_image_is_accepted() {
    let ground = Ground::new("build");
    ground.accepts("-f", &repository(".tekton/release-gate-build.yaml"));
    for name in ["release-gate-push.yaml", "release-gate-pull-request.yaml"] {
        // Pipelines as Code fills what is in double braces.
        let mut text = std::fs::read_to_string(repository(".tekton").join(name)).unwrap();
        while let (Some(from), Some(to)) = (text.find("{{"), text.find("}}")) {
            text.replace_range(from..to + 2, "filled");
        }
        let file = ground.folder.path().join(name);
        std::fs::write(&file, text).unwrap();
        ground.accepts("-f", &file);
    }
}

/// Its namespace belongs to somebody else, so it is sent to ours.
#[test]
#[ignore = "needs a cluster"]
fn the_example_admission_is_accepted() {
    let ground = Ground::new("admission");
    let text =
        std::fs::read_to_string(repository("tekton/konflux/admission/aro-hcp.yaml")).unwrap();
    let ours = text.replace(
        "namespace: rhtap-releng-tenant",
        &format!("namespace: {}", ground.kubectl.namespace()),
    );
    assert_ne!(text, ours);
    let file = ground.folder.path().join("admission.yaml");
    std::fs::write(&file, ours).unwrap();
    ground.accepts("-f", &file);
}

/// A server that accepts anything would prove nothing.
#[test]
#[ignore = "needs a cluster"]
fn the_server_does_refuse() {
    let ground = Ground::new("refuse");
    let overlay = overlays().into_iter().find(|path| path.ends_with("aro-hcp")).unwrap();
    let built = ground.kubectl.run(&["kustomize", overlay.to_str().unwrap()]);
    for (from, to) in [
        ("resolver: git\n", "resolver: git\n    resolverr: git\n"),
        ("schedule: 15 3 * * *", "schedule: 15 25 * * *"),
        ("  target: rhtap-releng-tenant", "  target: Not_A_Namespace"),
        ("runAsNonRoot: true", "runAsNonRoot: false"),
    ] {
        let broken = built.replacen(from, to, 1);
        assert_ne!(built, broken, "{from}");
        let file = ground.folder.path().join("broken.yaml");
        std::fs::write(&file, broken).unwrap();
        let file = file.to_str().unwrap();
        let output = ground.kubectl.try_run(&[
            "apply",
            "--dry-run=server",
            "--warnings-as-errors",
            "-f",
            file,
        ]);
        assert!(!output.status.success(), "{to} was accepted");
    }
}
