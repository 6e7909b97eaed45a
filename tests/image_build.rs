//! What the step image holds, and the files that build it in Konflux: hermetic, pinned, and true to
//! this repository.

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::Value;
use xtask::repository;

fn read(name: &str) -> Value {
    let text = std::fs::read_to_string(repository(".tekton").join(name)).unwrap();
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{name}: {error}"))
}

fn named<'a>(list: &'a Value, name: &str) -> &'a Value {
    let items = list.as_array().unwrap();
    items
        .iter()
        .find(|item| item["name"] == name)
        .unwrap_or_else(|| panic!("no {name} in {list}"))
}

fn task<'a>(pipeline: &'a Value, name: &str) -> &'a Value {
    named(&pipeline["spec"]["tasks"], name)
}

#[test]
fn every_task_of_the_build_is_pinned_by_digest() {
    let pipeline = read("release-gate-build.yaml");
    for task in pipeline["spec"]["tasks"].as_array().unwrap() {
        let bundle = named(&task["taskRef"]["params"], "bundle")["value"].as_str().unwrap();
        let (name, digest) = bundle.split_once("@sha256:").unwrap_or_else(|| panic!("{bundle}"));
        assert_eq!(digest.len(), 64, "{bundle}");
        let task_name = named(&task["taskRef"]["params"], "name")["value"].as_str().unwrap();
        assert!(name.contains(&format!("/task-{task_name}:")), "{bundle} is not {task_name}");
    }
}

#[test]
fn the_build_is_hermetic_on_prefetched_crates() {
    let pipeline = read("release-gate-build.yaml");
    let build = &task(&pipeline, "build-images")["params"];
    assert_eq!(named(build, "HERMETIC")["value"], "true");
    let prefetch = named(&task(&pipeline, "prefetch-dependencies")["params"], "input")["value"]
        .as_str()
        .unwrap();
    assert_eq!(named(build, "PREFETCH_INPUT")["value"], prefetch);
    let prefetch: Value = serde_json::from_str(prefetch).unwrap();
    assert_eq!(prefetch, serde_json::json!({"type": "cargo", "path": "."}));
    assert!(repository("Cargo.lock").is_file());
}

#[test]
fn the_builder_stage_needs_no_toolchain_that_it_has_not() {
    let toolchain = std::fs::read_to_string(repository("rust-toolchain.toml")).unwrap();
    let channel = toolchain
        .lines()
        .find_map(|line| line.strip_prefix("channel = "))
        .unwrap()
        .trim_matches('"');
    let containerfile = std::fs::read_to_string(repository("Containerfile")).unwrap();
    assert!(containerfile.contains(&format!("\nFROM docker.io/library/rust:{channel}-")));
    assert!(containerfile.contains(&format!("\nENV RUSTUP_TOOLCHAIN={channel}\n")));
}

#[test]
fn every_time_in_the_image_is_the_commits() {
    let pipeline = read("release-gate-build.yaml");
    let build = &task(&pipeline, "build-images")["params"];
    assert_eq!(
        named(build, "SOURCE_DATE_EPOCH")["value"],
        "$(tasks.clone-repository.results.commit-timestamp)"
    );
    assert_eq!(named(build, "REWRITE_TIMESTAMP")["value"], "true");
}

#[test]
fn the_image_has_the_labels_that_the_policy_asks_for() {
    let containerfile = std::fs::read_to_string(repository("Containerfile")).unwrap();
    let labels = containerfile.split_once("\nLABEL ").unwrap().1;
    let label = |name: &str| {
        let value = labels
            .lines()
            .find_map(|line| line.trim_start().strip_prefix(name)?.strip_prefix("=\""));
        value
            .unwrap_or_else(|| panic!("no label {name}"))
            .trim_end_matches('\\')
            .trim_end()
            .trim_end_matches('"')
    };
    // Required, or not to be inherited from the base. Konflux's build sets those that differ by
    // platform and commit.
    for name in [
        "name",
        "com.redhat.component",
        "summary",
        "description",
        "io.k8s.display-name",
        "io.k8s.description",
        "io.openshift.tags",
        "distribution-scope",
        "release",
        "vcs-type",
        "vcs-ref",
        "url",
    ] {
        assert!(!label(name).is_empty(), "{name}");
    }
    assert_eq!(label("vendor"), "Red Hat, Inc.");
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(label("version"), "${VERSION}");
    assert!(containerfile.contains(&format!("\nARG VERSION={version}\n")));
    let minor = version.rsplit_once('.').unwrap().0;
    assert!(label("cpe").contains(&format!(":release_gate:{minor}::")));
}

#[test]
fn every_crate_in_the_image_has_its_licence_there() {
    let rustc = Command::new("rustc").arg("-vV").output().unwrap();
    let rustc = String::from_utf8(rustc.stdout).unwrap();
    let target = rustc.lines().find_map(|line| line.strip_prefix("host: ")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    licenses::collect_crates(&repository(""), target, folder.path()).unwrap();

    let linked = licenses::linked(&repository(""), target).unwrap();
    assert!(
        linked.len() > 100 && linked.iter().any(|part| part.name == "ring"),
        "{}",
        linked.len()
    );
    for built_only in ["standins", "axum", "syn", "cc"] {
        assert!(
            linked.iter().all(|part| part.name != built_only),
            "{built_only} is not in the image"
        );
    }
    for part in linked.iter().filter(|part| !part.ours) {
        let texts = folder.path().join(format!("crates/{}-{}", part.name, part.version));
        let texts = std::fs::read_dir(&texts)
            .unwrap_or_else(|error| panic!("{}: {error}", texts.display()));
        for text in texts.map(|text| text.unwrap().path()).filter(|path| path.is_file()) {
            let own = part.folder.join(text.file_name().unwrap());
            let own = if own.is_file() { own } else { repository("LICENSE") };
            assert_eq!(
                std::fs::read(&text).unwrap(),
                std::fs::read(own).unwrap(),
                "{}",
                text.display()
            );
        }
    }
}

/// The program itself names crates, in the places of its panics. `.ci/run` builds it before the
/// tests.
#[test]
fn no_crate_that_the_built_program_names_lacks_a_licence() {
    let image = repository("target/image-context/image");
    let Ok(program) = std::fs::read(image.join("bin/release-gate")) else {
        eprintln!("skipped: {} is not built", image.display());
        return;
    };
    let program = String::from_utf8_lossy(&program);
    let named: BTreeSet<&str> = program
        .split("/crates/")
        .skip(1)
        .filter_map(|rest| rest.split_once('/').map(|(name, _)| name))
        .collect();
    assert!(named.len() > 50 && named.iter().any(|name| name.starts_with("tokio-1.")), "{named:?}");
    for name in named {
        let texts = image.join("licenses/crates").join(name);
        assert!(
            texts.is_dir(),
            "the program has code of {name}, but {} is not there",
            texts.display()
        );
    }
    for part in
        ["LICENSE", "INDEX.txt", "rust/COPYRIGHT-library.html", "glibc/LGPL-2.1", "gcc/copyright"]
    {
        assert!(image.join("licenses").join(part).is_file(), "{part}");
    }
    for machine in ["/root/", "/home/", env!("CARGO_MANIFEST_DIR")] {
        let at = program
            .find(machine)
            .map(|at| program[at..].chars().take(80).collect::<String>());
        assert_eq!(at, None, "the program names a folder of the machine that built it");
    }
}

#[test]
fn both_events_run_that_build() {
    let pipeline = read("release-gate-build.yaml");
    for (file, event) in
        [("release-gate-push.yaml", "push"), ("release-gate-pull-request.yaml", "pull_request")]
    {
        let run = read(file);
        assert_eq!(run["spec"]["pipelineRef"]["name"], pipeline["metadata"]["name"]);
        let when = &run["metadata"]["annotations"]["pipelinesascode.tekton.dev/on-cel-expression"];
        assert_eq!(when, &format!("event == \"{event}\" && target_branch == \"main\""));
        for param in run["spec"]["params"].as_array().unwrap() {
            named(&pipeline["spec"]["params"], param["name"].as_str().unwrap());
        }
        for declared in pipeline["spec"]["params"].as_array().unwrap() {
            if declared["default"].is_null() {
                named(&run["spec"]["params"], declared["name"].as_str().unwrap());
            }
        }
    }
    // What a merge builds is for every platform.
    let platforms = &named(&pipeline["spec"]["params"], "build-platforms")["default"];
    assert_eq!(platforms, &serde_json::json!(["linux/x86_64", "linux/arm64"]));
    assert!(!read("release-gate-push.yaml").to_string().contains("build-platforms"));
}
