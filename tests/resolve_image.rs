//! resolve-image against the stand-in registry and cluster, and its refusals of bad input.

use serde_json::{Value, json};
use standins::{Access, ImageBuilder, Servers, World};

use crate::support::{Dir, Output, Tool};

const REVISION: &str = "3ee96155aabbccddeeff00112233445566778899";
const NAME: &str = "ho-20260820-031104-000";

fn snapshot(image: &str) -> Value {
    json!({"application": "ho", "components": [
        {"name": "ho-main", "containerImage": image,
         "source": {"git": {"url": "https://git.example.com/ho", "revision": REVISION, "context": "./"}}},
        {"name": "cpo", "containerImage": "quay.io/acme/cpo:latest"},
        {"name": "twice", "containerImage": image}, {"name": "twice", "containerImage": image}],
        "artifacts": {}})
}

fn tool(snapshot: &Value) -> Tool {
    Tool::new("resolve-image")
        .args(["--component", "ho-main", "--snapshot"])
        .arg(snapshot.to_string())
}

fn digest(digit: &str) -> String {
    format!("sha256:{}", digit.repeat(64))
}

/// An image in a served registry.
struct Case {
    world: World,
    servers: Servers,
    image: standins::ImageRef,
}

impl Case {
    fn new(image: ImageBuilder) -> Self {
        let world = World::builder().time_scale(1000).build();
        let image = world.registry().push(&image);
        let servers = world.serve().unwrap();
        Self { world, servers, image }
    }

    fn run(&self, more: &[&str]) -> Output {
        let reference = self.image.at(&self.servers.registry_host());
        tool(&snapshot(&reference))
            .args(["--time-scale", "1000"])
            .args(more)
            .run()
    }
}

fn image() -> ImageBuilder {
    ImageBuilder::new("acme/ho")
        .revision(REVISION)
        .platforms(&["linux/amd64", "linux/arm64"])
}

#[test]
fn offline_needs_nothing_else() {
    let dir = Dir::new();
    let reference = format!("quay.io/acme/ho@{}", digest("a"));
    let paths: Vec<_> = ["image", "digest", "revision", "snapshot"]
        .map(|name| dir.path(name))
        .into();
    let mut run = tool(&snapshot(&reference)).args(["--offline", "--snapshot-name", NAME]);
    for (flag, path) in
        ["--result-image", "--result-digest", "--result-revision", "--result-snapshot"]
            .iter()
            .zip(&paths)
    {
        run = run.arg(flag).arg(path);
    }
    let output = run.run();
    assert_eq!(output.code, 0, "{output:?}");
    let results: Value = serde_json::from_str(&output.stdout).unwrap();
    assert_eq!(
        results,
        json!({"image": reference, "digest": digest("a"), "revision": REVISION, "snapshot": NAME})
    );
    assert_eq!((dir.read("image"), dir.read("snapshot")), (reference, NAME.to_owned()));
    assert_eq!(output.stderr, "");
}

#[test]
fn a_file_and_standard_input() {
    let dir = Dir::new();
    let whole = json!({"kind": "Snapshot", "metadata": {"name": NAME}, "spec": snapshot(&format!("quay.io/acme/ho@{}", digest("a")))});
    let path = dir.write("snapshot.json", whole.to_string());
    let run = |source: &str| {
        Tool::new("resolve-image").args([
            "--component",
            "ho-main",
            "--offline",
            "--snapshot",
            source,
        ])
    };
    let output = run(&format!("@{}", path.display())).run();
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stdout.contains(NAME));
    let mut command = run("-").command();
    let output = command.stdin(std::fs::File::open(&path).unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn a_version_chooses_and_a_tag_beside_the_digest_is_dropped() {
    let digest = |letter: &str| format!("sha256:{}", letter.repeat(64));
    let snapshot = json!({"componentGroup": "ho", "components": [
        {"name": "ho-main", "version": "main", "containerImage": format!("quay.io/acme/ho:v1@{}", digest("a"))},
        {"name": "ho-main", "version": "release-4.22", "containerImage": format!("quay.io/acme/ho@{}", digest("c"))},
    ]});
    let resolve = |more: &[&str]| {
        let tool =
            Tool::new("resolve-image").args(["--component", "ho-main", "--offline", "--snapshot"]);
        tool.arg(snapshot.to_string()).args(more).run()
    };
    let output = resolve(&[]);
    assert_eq!(output.code, 2);
    assert!(
        output
            .stderr
            .contains("--component-version chooses one of main, release-4.22"),
        "{}",
        output.stderr
    );
    for (version, letter) in [("main", "a"), ("release-4.22", "c")] {
        let output = resolve(&["--component-version", version]);
        assert_eq!(output.code, 0, "{output:?}");
        let found: serde_json::Value = serde_json::from_str(&output.stdout).unwrap();
        assert_eq!(found["image"], format!("quay.io/acme/ho@{}", digest(letter)));
    }
    let output = resolve(&["--component-version", "4.21"]);
    assert_eq!(output.code, 2);
    assert!(output.stderr.contains("its versions there: main, release-4.22"), "{}", output.stderr);
    let cut = json!({"components": [{"name": "ho-main", "containerImage": format!("registry.example.com@{}", digest("a"))}]});
    let tool =
        Tool::new("resolve-image").args(["--component", "ho-main", "--offline", "--snapshot"]);
    let output = tool.arg(cut.to_string()).run();
    assert_eq!(output.code, 2);
    assert!(
        output
            .stderr
            .contains("names no repository, only \"registry.example.com\""),
        "{}",
        output.stderr
    );
}

/// Arguments after `--component ho-main --offline --snapshot`, and what the message must hold.
#[test]
fn bad_input_is_named() {
    let good = snapshot(&format!("quay.io/acme/ho@{}", digest("a"))).to_string();
    let cases: Vec<(Vec<String>, &str)> = vec![
        (vec!["not json".into()], "SNAPSHOT: expected the Snapshot's spec as JSON"),
        (vec!["{\"components\":".into()], "EOF while parsing"),
        (vec!["null".into()], "SNAPSHOT: expected a JSON object with components, found null"),
        (vec!["@/no/such/file".into()], "--snapshot: cannot read /no/such/file"),
        (
            vec!["{\"components\":[]}".into()],
            "component \"ho-main\" is not in it; it has: no components",
        ),
        (
            vec![snapshot("quay.io/acme/ho:latest").to_string()],
            "quay.io/acme/ho:latest is a tag; the gate needs a digest",
        ),
        (vec![snapshot("quay.io/acme/ho@sha256:a").to_string()], "expected sha256: and 64 digits"),
        (
            vec![snapshot(&format!("quay.io/acme/ho@{}", digest("A"))).to_string()],
            "expected sha256: and 64 digits",
        ),
        (vec![snapshot("").to_string()], "has no digest"),
        (
            vec![good.clone(), "--snapshot-name".into(), "Nope".into()],
            "--snapshot-name: expected lower-case letters",
        ),
        (
            vec![good.clone(), "--record".into(), "gate.json".into()],
            "--record: expected configmap:NAME or file:PATH",
        ),
        (
            vec![good.clone(), "--record".into(), "configmap:gate".into()],
            "--snapshot-name: expected the Snapshot's name",
        ),
        (
            vec![good.clone(), "--require-platform".into(), "amd64".into()],
            "--require-platform: expected os/architecture",
        ),
        (
            vec![good.clone(), "--require-platform".into(), "linux/amd64".into()],
            "--require-platform cannot be kept with --offline",
        ),
        (
            vec![good.clone(), "--result-image".into(), "/no/such/folder/image".into()],
            "--result-image: cannot write",
        ),
        (vec![NAME.into()], "no cluster"),
    ];
    for (arguments, message) in cases {
        let output = Tool::new("resolve-image")
            .args(["--component", "ho-main", "--offline", "--snapshot"])
            .args(&arguments)
            .run();
        assert_eq!(output.code, 2, "{arguments:?}: {output:?}");
        assert!(output.stderr.contains(message), "{arguments:?}: {}", output.stderr);
        assert_eq!(output.stdout, "");
    }
    for (component, message) in [
        ("x", "it has: ho-main, cpo, twice, twice"),
        ("twice", "is in it 2 times"),
        ("", "--component"),
    ] {
        let output = Tool::new("resolve-image")
            .args(["--offline", "--component", component, "--snapshot", &good])
            .run();
        assert_eq!(output.code, 2, "{output:?}");
        assert!(output.stderr.contains(message), "{}", output.stderr);
    }
}

#[test]
fn an_index_is_followed() {
    let case = Case::new(image());
    let dir = Dir::new();
    let record = format!("file:{}", dir.path("gate.json").display());
    let output = case.run(&[
        "--require-platform",
        "linux/amd64,linux/arm64",
        "--require-revision",
        "--record",
        &record,
    ]);
    assert_eq!(output.code, 0, "{output:?}");
    let written: Value = serde_json::from_str(&dir.read("gate.json")).unwrap();
    assert_eq!(written["candidate"]["platforms"], json!(["linux/amd64", "linux/arm64"]));
    // Its manifests are the image too, and the index proves them.
    let manifests = ["linux/amd64", "linux/arm64"]
        .map(|platform| json!({"digest": case.image.platforms[platform], "platform": platform}));
    assert_eq!(written["candidate"]["manifests"], json!(manifests));
    let index = written["candidate"]["index"].as_str().unwrap();
    gate::registry::manifest::verify(index.as_bytes(), &case.image.digest.parse().unwrap())
        .unwrap();
    assert_eq!(written["candidate"]["revision"], REVISION);
    let other = tool(&snapshot(&format!("quay.io/acme/ho@{}", digest("b"))))
        .args(["--offline", "--record", &record])
        .run();
    assert_eq!(other.code, 2, "{other:?}");
    assert!(other.stderr.contains("is bound to"), "{}", other.stderr);
}

#[test]
fn what_the_registry_says_decides_the_exit_code() {
    let case = Case::new(image());
    let missing = case.run(&["--require-platform", "linux/s390x"]);
    assert_eq!(missing.code, 3, "{missing:?}");
    assert!(
        missing
            .stderr
            .contains("has no image for linux/s390x; it has linux/amd64, linux/arm64")
    );

    let configuration = case.image.blobs.first().unwrap();
    for spoiled in [configuration, &case.image.platforms["linux/arm64"], &case.image.digest] {
        let case = Case::new(image());
        case.world.registry().corrupt(spoiled);
        let output = case.run(&[]);
        assert_eq!(output.code, 3, "{output:?}");
        assert!(output.stderr.contains("sent other content"), "{}", output.stderr);
        case.world.registry().remove(spoiled);
        let output = case.run(&[]);
        assert_eq!(output.code, 1, "{output:?}");
        assert!(output.stderr.contains("is not in the registry"), "{}", output.stderr);
    }
}

#[test]
fn another_revision_is_a_warning_or_a_refusal() {
    let case = Case::new(image().revision("0123456789abcdef0123456789abcdef01234567"));
    let output = case.run(&[]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stderr.contains("the Snapshot says 3ee96155"), "{}", output.stderr);
    assert_eq!(case.run(&["--require-revision"]).code, 3);
}

#[test]
fn a_registry_that_wants_a_login() {
    let dir = Dir::new();
    for access in [Access::Basic, |auth| Access::Bearer(Some(auth))] {
        let case = Case::new(image());
        case.world.registry().access(access("cm9ib3Q6czNjcjN0".to_owned()));
        let refused = case.run(&[]);
        assert_eq!(refused.code, 1, "{refused:?}");
        assert!(refused.stderr.contains("--authfile"), "{}", refused.stderr);
        let host = case.servers.registry_host();
        let auth = |auth: &str| {
            dir.write("auth.json", json!({"auths": {&host: {"auth": auth}}}).to_string())
        };
        let wrong = case.run(&["--authfile", auth("cm9ib3Q6d3Jvbmc=").to_str().unwrap()]);
        assert_eq!(wrong.code, 1, "{wrong:?}");
        let right = case.run(&["--authfile", auth("cm9ib3Q6czNjcjN0").to_str().unwrap()]);
        assert_eq!(right.code, 0, "{right:?}");
        assert!(!right.stderr.contains("s3cr3t") && !wrong.stderr.contains("cm9ib3Q6"));
    }
    let case = Case::new(image());
    case.world
        .registry()
        .access(Access::Basic("cm9ib3Q6czNjcjN0".to_owned()));
    let auths = json!({"auths": {case.servers.registry_host(): {"username": "robot", "password": "s3cr3t"}}});
    let file = dir.write("home/.config/containers/auth.json", auths.to_string());
    let reference = case.image.at(&case.servers.registry_host());
    assert_eq!(tool(&snapshot(&reference)).env("HOME", dir.path("home")).run().code, 0);
    assert_eq!(tool(&snapshot(&reference)).env("REGISTRY_AUTH_FILE", file).run().code, 0);
    case.world.registry().access(Access::Bearer(None));
    assert_eq!(case.run(&[]).code, 0);
}

#[test]
fn trouble_is_retried_and_then_called_so() {
    use standins::{Fault, Nth, Server, Trouble};
    let case = Case::new(image());
    case.world.fault(
        Fault::on(Server::Registry, Trouble::StatusBefore(503))
            .path("*/manifests/*")
            .nth(Nth::Only(1)),
    );
    let output = case.run(&[]);
    assert_eq!(output.code, 0, "{output:?}");
    assert!(output.stderr.contains("trying again"), "{}", output.stderr);
    case.world.clear_faults();
    case.world
        .fault(Fault::on(Server::Registry, Trouble::StatusBefore(503)));
    let output = case.run(&[]);
    assert_eq!(output.code, 1, "{output:?}");
    assert!(
        output
            .stderr
            .contains("says nothing about the image, try again later"),
        "{}",
        output.stderr
    );
}

#[test]
fn what_asking_again_cannot_help_is_asked_once() {
    let case = Case::new(image());
    case.world.registry().remove(&case.image.digest);
    assert_eq!(case.run(&[]).code, 1);
    let manifests = |case: &Case| {
        case.world
            .requests()
            .iter()
            .filter(|asked| asked.path.contains("/manifests/"))
            .count()
    };
    assert_eq!(manifests(&case), 1);
    let case = Case::new(image());
    case.world
        .registry()
        .access(Access::Basic("cm9ib3Q6czNjcjN0".to_owned()));
    assert_eq!(case.run(&[]).code, 1);
    assert_eq!(manifests(&case), 1);
}

#[test]
fn a_tag_is_refused_with_the_digest_behind_it() {
    let case = Case::new(image().tag("latest"));
    let host = case.servers.registry_host();
    let output = tool(&snapshot(&format!("{host}/acme/ho:latest"))).run();
    assert_eq!(output.code, 2, "{output:?}");
    let hint = format!("today it points to {}", case.image.at(&host));
    assert!(output.stderr.contains(&hint), "{}", output.stderr);
    let unknown = tool(&snapshot(&format!("{host}/acme/ho:none"))).run();
    assert_eq!(unknown.code, 2, "{unknown:?}");
    assert!(!unknown.stderr.contains("today"));
}
