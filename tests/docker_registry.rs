//! resolve-image against Debian's docker-registry, where it is installed.

use serde_json::json;
use standins::{ImageBuilder, ImageRef};

use crate::support::registry::{DockerRegistry, Door};
use crate::support::{Dir, Output, Tool};

const REVISION: &str = "3ee96155aabbccddeeff00112233445566778899";

fn image() -> ImageBuilder {
    ImageBuilder::new("acme/ho").revision(REVISION)
}

fn index() -> ImageBuilder {
    image().platforms(&["linux/amd64", "linux/arm64"])
}

fn resolve(registry: &DockerRegistry, image: &ImageRef, more: &[&str]) -> Output {
    let component = json!({"name": "ho", "containerImage": image.at(&registry.host()),
        "source": {"git": {"url": "https://git.example.com/ho", "revision": REVISION}}});
    Tool::new("resolve-image")
        .args(["--component", "ho", "--time-scale", "1000", "--snapshot"])
        .arg(json!({"components": [component]}).to_string())
        .args(more)
        .run()
}

#[track_caller]
fn ends(output: &Output, code: i32, words: &str) {
    assert_eq!(output.code, code, "{output:?}");
    assert!(output.stderr.contains(words), "expected {words:?} in {}", output.stderr);
}

#[test]
fn single_images_and_indexes_of_both_families() {
    let Some(registry) = DockerRegistry::start(Door::Open) else { return };
    for builder in [image(), image().docker(), index(), index().docker()] {
        let image = registry.push(&builder);
        ends(
            &resolve(
                &registry,
                &image,
                &["--require-revision", "--require-platform", "linux/amd64"],
            ),
            0,
            "",
        );
    }
    let two = registry.push(&index());
    ends(&resolve(&registry, &two, &["--require-platform", "linux/amd64,linux/arm64"]), 0, "");
    ends(
        &resolve(&registry, &two, &["--require-platform", "linux/s390x"]),
        3,
        "has no image for linux/s390x",
    );
}

#[test]
fn another_revision_in_its_labels() {
    let Some(registry) = DockerRegistry::start(Door::Open) else { return };
    let image = registry.push(&image().revision(&"0".repeat(40)));
    ends(&resolve(&registry, &image, &[]), 0, "the Snapshot says 3ee96155");
    ends(&resolve(&registry, &image, &["--require-revision"]), 3, "the Snapshot says 3ee96155");
}

#[test]
fn what_is_spoiled_and_what_is_missing() {
    let Some(registry) = DockerRegistry::start(Door::Open) else { return };
    let image = registry.push(&index());
    let configuration = image.blobs.first().unwrap().clone();
    registry.spoil(&configuration);
    ends(&resolve(&registry, &image, &[]), 3, "sent other content");
    registry.remove("acme/ho", &configuration);
    ends(&resolve(&registry, &image, &[]), 1, "is not in the registry");
    registry.remove("acme/ho", &image.platforms["linux/arm64"]);
    registry.remove("acme/ho", &image.digest);
    ends(&resolve(&registry, &image, &[]), 1, "is not in the registry (MANIFEST_UNKNOWN");
    let elsewhere = ImageRef { repository: "acme/none".to_owned(), ..image };
    ends(&resolve(&registry, &elsewhere, &[]), 1, "is not in the registry");
}

#[test]
fn a_manifest_with_another_content() {
    let Some(registry) = DockerRegistry::start(Door::Open) else { return };
    let image = registry.push(&image());
    registry.spoil(&image.digest);
    // The registry may notice by itself: then it has none that it can give.
    let output = resolve(&registry, &image, &[]);
    assert!(output.code == 3 || output.code == 1, "{output:?}");
}

#[test]
fn a_password() {
    let Some(registry) = DockerRegistry::start(Door::Password) else { return };
    let image = registry.push(&index());
    let dir = Dir::new();
    let file = |name: &str, password: &str| {
        let auths =
            json!({"auths": {registry.host(): {"username": "robot", "password": password}}});
        dir.write(name, auths.to_string()).display().to_string()
    };
    ends(&resolve(&registry, &image, &[]), 1, "--authfile");
    ends(&resolve(&registry, &image, &["--authfile", &file("right.json", "s3cr3t")]), 0, "");
    let wrong = resolve(&registry, &image, &["--authfile", &file("wrong.json", "wr0ng-0ne")]);
    ends(&wrong, 1, "the credentials given do not suffice");
    assert!(!wrong.stderr.contains("wr0ng-0ne"));
    dir.write("pull/.dockerconfigjson", std::fs::read(file("right.json", "s3cr3t")).unwrap());
    ends(&resolve(&registry, &image, &["--authfile", dir.path("pull").to_str().unwrap()]), 0, "");
}

#[test]
fn an_authority_of_its_own() {
    let Some(registry) = DockerRegistry::start(Door::Tls) else { return };
    let image = registry.push(&index());
    ends(&resolve(&registry, &image, &[]), 1, "--ca-file");
    let authority = xtask::repository("tests/data/tls/ca.crt");
    ends(&resolve(&registry, &image, &["--ca-file", authority.to_str().unwrap()]), 0, "");
}

#[test]
fn nobody_there() {
    let Some(registry) = DockerRegistry::start(Door::Open) else { return };
    let image = registry.push(&image());
    let host = registry.host();
    let output = {
        let component = json!({"name": "ho", "containerImage": image.at(&host)});
        drop(registry);
        let snapshot = json!({"components": [component]}).to_string();
        Tool::new("resolve-image")
            .args(["--component", "ho", "--time-scale", "1000", "--snapshot", &snapshot])
            .run()
    };
    ends(&output, 1, "this says nothing about the image, try again later");
}
