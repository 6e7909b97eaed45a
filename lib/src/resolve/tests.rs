use super::*;
use crate::registry::manifest::Platform;
use std::collections::BTreeMap;

const REVISION: &str = "3ee96155aabbccddeeff00112233445566778899";

fn spec(image: &str, revision: Option<&str>) -> SnapshotSpec {
    let git = revision
        .map(|revision| serde_json::json!({"git": {"url": "https://git.example.com/ho", "revision": revision}}));
    let component = serde_json::json!({"name": "ho", "containerImage": image, "source": git});
    serde_json::from_value(serde_json::json!({"components": [component]})).unwrap()
}

fn image() -> String {
    format!("quay.io/acme/ho@sha256:{}", "4be1f0c2".repeat(8))
}

fn candidate() -> Candidate {
    choose(
        &spec(&image(), Some(REVISION)),
        Some("s-1"),
        &ComponentName::of("ho"),
        &Demands::default(),
    )
    .unwrap()
}

fn built(architecture: &str, label: Option<&str>) -> Configuration {
    let labels = label
        .map(|value| ("vcs-ref".to_owned(), value.to_owned()))
        .into_iter()
        .collect::<BTreeMap<_, _>>();
    Configuration { platform: platform(architecture), labels }
}

fn platform(architecture: &str) -> Platform {
    Platform { os: "linux".to_owned(), architecture: architecture.to_owned(), variant: None }
}

fn child(architecture: &str) -> Option<Child> {
    let digest = format!("sha256:{}", if architecture == "arm64" { "a" } else { "b" }.repeat(64))
        .parse()
        .unwrap();
    Some(Child { digest, platform: platform(architecture) })
}

fn one(label: Option<&str>) -> Inspection {
    Inspection { images: vec![(None, built("amd64", label))], index: None }
}

fn exit(error: ResolveError) -> Exit {
    Failure::from(error).exit
}

#[test]
fn a_candidate_has_all_that_the_snapshot_says() {
    let candidate = candidate();
    assert_eq!(candidate.image.to_string(), image());
    assert_eq!(
        (candidate.snapshot.as_deref(), candidate.component.as_deref()),
        (Some("s-1"), Some("ho"))
    );
    assert_eq!(
        (candidate.revision.as_deref(), candidate.git_url.as_deref()),
        (Some(REVISION), Some("https://git.example.com/ho"))
    );
}

#[test]
fn a_tag_and_a_missing_revision_are_misuse() {
    let tag = choose(
        &spec("quay.io/acme/ho:latest", None),
        None,
        &ComponentName::of("ho"),
        &Demands::default(),
    )
    .unwrap_err();
    assert!(matches!(&tag, ResolveError::Tag { tag, .. } if tag == "quay.io/acme/ho:latest"));
    assert_eq!(exit(tag), Exit::Misuse);
    let demands = Demands { revision: true, ..Demands::default() };
    assert_eq!(
        exit(choose(&spec(&image(), None), None, &ComponentName::of("ho"), &demands).unwrap_err()),
        Exit::Misuse
    );
    assert_eq!(
        exit(choose(&spec("", None), None, &ComponentName::of("ho"), &demands).unwrap_err()),
        Exit::Misuse
    );
}

#[test]
fn a_missing_platform_is_refused() {
    let index = Inspection {
        images: vec![
            (child("arm64"), built("arm64", None)),
            (child("amd64"), built("amd64", None)),
        ],
        index: None,
    };
    let demands = |names: &[&str]| Demands {
        platforms: names.iter().map(|n| (*n).to_owned()).collect(),
        revision: false,
    };
    let judgement = judge(&candidate(), &index, &demands(&["linux/amd64", "linux/arm64"])).unwrap();
    assert_eq!(judgement.platforms, ["linux/amd64", "linux/arm64"]);
    let error = judge(&candidate(), &index, &demands(&["linux/amd64", "linux/s390x"])).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("has no image for linux/s390x; it has linux/amd64, linux/arm64"),
        "{error}"
    );
    assert_eq!(exit(error), Exit::Refused);
}

#[test]
fn an_image_under_a_wrong_platform_does_not_count() {
    let index = Inspection { images: vec![(child("arm64"), built("amd64", None))], index: None };
    assert_eq!(
        judge(&candidate(), &index, &Demands::default())
            .unwrap()
            .warnings
            .len(),
        1
    );
    let demands = Demands { platforms: vec!["linux/arm64".to_owned()], revision: false };
    assert!(judge(&candidate(), &index, &demands).is_err());
}

#[test]
fn another_revision_is_a_warning_unless_it_is_demanded() {
    let demands = Demands { revision: true, ..Demands::default() };
    assert!(
        judge(&candidate(), &one(Some(&REVISION[..8])), &demands)
            .unwrap()
            .warnings
            .is_empty()
    );
    for (label, warnings) in [(Some("0123456789"), 1), (None, 0)] {
        assert_eq!(
            judge(&candidate(), &one(label), &Demands::default())
                .unwrap()
                .warnings
                .len(),
            warnings
        );
        assert_eq!(exit(judge(&candidate(), &one(label), &demands).unwrap_err()), Exit::Refused);
    }
}
