//! A repository of its own, and the plain statement beside the candidate.

use bytes::Bytes;
use serde_json::{Value, json};

use super::super::artifact::{self, Artifact, Descriptor, INDEX, own_repository, tag};
use super::super::beside::{self, BesideError, Hung};
use super::super::bundle;
use super::super::push::{self, Lookup, PushError, Pushed};
use super::super::samples::{GATE, accepted, at, bytes, digest, expected, job, key, now, verdict};
use super::super::statement::Statement;
use super::super::verdict::{End, Verdict};
use super::super::verify::{Answer, verify};
use super::memory::{Manners, Memory};
use crate::image::Digest;

fn signed(statement: &Statement) -> Vec<u8> {
    bundle::sign(&statement.bytes(), &key()).unwrap()
}

async fn pushed(store: &Memory, statement: &Statement) -> Result<Pushed, PushError> {
    push::push(store, signed(statement), statement, &key().public()).await
}

fn later() -> Statement {
    Statement::of(&Verdict { decided_at: at("2026-08-21T03:20:11Z"), ..verdict() })
}

#[tokio::test]
async fn what_is_pushed_is_found_for_each_platform_and_holds() {
    let store = Memory::new(true);
    let statement = Statement::of(&verdict());
    assert!(matches!(pushed(&store, &statement).await.unwrap(), Pushed::Written { .. }));
    for image in ['a', 'b', 'c'] {
        let Lookup::Found(found) = push::find(&store, &digest(image), GATE).await.unwrap() else {
            panic!("{image} is not found");
        };
        let bundle = found.bundle.unwrap();
        let expected = super::super::verify::Expected { image: digest(image), ..expected() };
        let answer = verify(&bundle, &key().public(), &expected, now());
        assert!(matches!(answer, Answer::Holds(_)), "{answer:?}");
    }
    // One artifact, whatever the number of tags.
    assert_eq!(store.manifests().len(), 1);
}

#[tokio::test]
async fn the_same_verdict_makes_no_second_artifact() {
    let store = Memory::new(true);
    let statement = Statement::of(&verdict());
    let first = pushed(&store, &statement).await.unwrap();
    let writes = store.writes();
    let second = pushed(&store, &statement).await.unwrap();
    let Pushed::Written { digest } = first else { panic!("{first:?}") };
    assert_eq!(second, Pushed::Already { digest });
    assert_eq!(store.writes(), writes);
}

#[tokio::test]
async fn of_two_pushes_at_once_only_who_wrote_says_so() {
    let store = Memory::new(true);
    let statement = Statement::of(&verdict());
    let (one, other) = tokio::join!(pushed(&store, &statement), pushed(&store, &statement));
    let said = [one.unwrap(), other.unwrap()];
    let wrote = said
        .iter()
        .filter(|said| matches!(said, Pushed::Written { .. }))
        .count();
    let index = format!("tag {}", tag(&digest('a'), GATE));
    let writes = store.content.lock().unwrap().writes.clone();
    assert_eq!(writes.iter().filter(|write| **write == index).count(), wrote, "{writes:?}");
    assert_eq!(wrote, 1, "{said:?}");
}

#[tokio::test]
async fn the_newest_verdict_is_the_one_that_stays() {
    let store = Memory::new(true);
    let (old, new) = (Statement::of(&verdict()), later());
    pushed(&store, &old).await.unwrap();
    assert!(matches!(pushed(&store, &new).await.unwrap(), Pushed::Written { .. }));
    let writes = store.writes();
    let at = new.predicate.timestamp.unwrap();
    assert_eq!(pushed(&store, &old).await.unwrap(), Pushed::Newer { at });
    assert_eq!(store.writes(), writes);
    // Gates do not meet.
    let other = Statement::of(&Verdict { gate: "ho-release-gate-rosa".to_owned(), ..verdict() });
    assert!(matches!(pushed(&store, &other).await.unwrap(), Pushed::Written { .. }));
    let informing = Statement::of_informing(&verdict()).unwrap();
    assert!(matches!(pushed(&store, &informing).await.unwrap(), Pushed::Written { .. }));
    assert_eq!(store.tags_now().len(), 9);
}

/// What another key signed is of a key that was replaced, or of somebody else; its time is no
/// reason to stay away.
#[tokio::test]
async fn what_the_key_did_not_sign_is_replaced() {
    let store = Memory::new(true);
    let (old, new) = (Statement::of(&verdict()), later());
    let by_cosign: Value = serde_json::from_slice(&bytes("exchanges/by-cosign.json")).unwrap();
    let mut forged: Value = serde_json::from_slice(&signed(&new)).unwrap();
    forged["dsseEnvelope"]["signatures"] = by_cosign["dsseEnvelope"]["signatures"].clone();
    for other in [forged.to_string(), "{}".to_owned()] {
        let artifact = Artifact::of_bundle(other.into_bytes(), &new);
        for (digest, bytes) in &artifact.blobs {
            store
                .content
                .lock()
                .unwrap()
                .blobs
                .insert(digest.clone(), bytes.clone());
        }
        store.put_at(&tag(&digest('a'), GATE), artifact.manifest.clone());
        assert!(matches!(pushed(&store, &old).await.unwrap(), Pushed::Written { .. }));
    }
    // A newer verdict of our key on another image, put at this image's tag.
    let moved = Statement::of(&Verdict {
        image: format!("quay.io/acme/other@{}", digest('e')).parse().unwrap(),
        platforms: vec![],
        decided_at: at("2026-08-22T00:00:00Z"),
        ..verdict()
    });
    pushed(&store, &moved).await.unwrap();
    let theirs = store.content.lock().unwrap().tags[&tag(&digest('e'), GATE)].clone();
    store
        .content
        .lock()
        .unwrap()
        .tags
        .insert(tag(&digest('a'), GATE), theirs);
    assert!(matches!(pushed(&store, &old).await.unwrap(), Pushed::Written { .. }));
}

/// Killed before any request, and done again: the same artifact, and the index's tag came last.
#[tokio::test]
async fn a_push_that_was_killed_is_carried_on() {
    let statement = Statement::of(&verdict());
    let whole = Memory::new(true);
    pushed(&whole, &statement).await.unwrap();
    let index = tag(&digest('a'), GATE);
    for limit in 1..=whole.requests() {
        let store = Memory::with(Manners { fails_at: Some(limit), ..Memory::new(true).manners() });
        assert!(matches!(pushed(&store, &statement).await, Err(PushError::Registry(_))), "{limit}");
        let tags = store.tags_now();
        assert!(!tags.contains(&index) || tags.len() == 3, "{limit} {tags:?}");
        store.manners.lock().unwrap().fails_at = None;
        pushed(&store, &statement).await.unwrap();
        assert_eq!(store.tags_now(), whole.tags_now(), "{limit}");
        assert_eq!(store.manifests(), whole.manifests(), "{limit}");
    }
}

#[tokio::test]
async fn a_tag_that_is_lost_is_written_again_and_not_for_ever() {
    let statement = Statement::of(&verdict());
    let store = Memory::with(Manners { loses: |n| n == 3, ..Memory::new(true).manners() });
    assert!(matches!(pushed(&store, &statement).await.unwrap(), Pushed::Written { .. }));
    assert_eq!(store.tags_now().len(), 3);
    let store = Memory::with(Manners { loses: |_| true, ..Memory::new(true).manners() });
    assert!(matches!(pushed(&store, &statement).await, Err(PushError::Lost { .. })));
    assert!(store.writes() < 10);
}

#[tokio::test]
async fn what_is_not_there_is_told_with_what_is() {
    let store = Memory::new(true);
    pushed(&store, &Statement::of(&verdict())).await.unwrap();
    let missing = push::find(&store, &digest('a'), "another").await.unwrap();
    assert_eq!(missing, Lookup::Missing { others: vec![GATE.to_owned()] });
    let missing = push::find(&store, &digest('e'), GATE).await.unwrap();
    assert_eq!(missing, Lookup::Missing { others: vec![] });
    // Somebody else's artifact at the tag is found, and holds no bundle.
    store.put_at(&tag(&digest('e'), GATE), json!({"layers": []}).to_string().into());
    let Lookup::Found(found) = push::find(&store, &digest('e'), GATE).await.unwrap() else {
        panic!("nothing found");
    };
    assert_eq!(found.bundle, None);
}

#[test]
fn the_manifest_is_the_one_that_the_specification_has() {
    let statement = Statement::of(&verdict());
    let bundle = signed(&statement);
    let artifact = Artifact::of_bundle(bundle.clone(), &statement);
    let json: Value = serde_json::from_slice(&artifact.manifest).unwrap();
    let layer = Digest::of(&bundle);
    assert_eq!(
        json,
        json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "artifactType": "application/vnd.dev.sigstore.bundle.v0.3+json",
            "config": {
                "mediaType": "application/vnd.oci.empty.v1+json",
                "digest": "sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a",
                "size": 2,
            },
            "layers": [{
                "mediaType": "application/vnd.dev.sigstore.bundle.v0.3+json",
                "digest": layer,
                "size": bundle.len(),
            }],
            "annotations": {
                "dev.sigstore.bundle.content": "dsse-envelope",
                "dev.sigstore.bundle.predicateType": "https://in-toto.io/attestation/test-result/v0.1",
                "org.opencontainers.image.created": "2026-08-20T03:20:11Z",
                "release-gate/gate": GATE,
                "release-gate/result": "PASSED",
            },
        })
    );
}

/// So a reader finds in a list what it looks for, without each manifest.
#[test]
fn a_list_of_referrers_says_of_an_artifact_what_its_manifest_does() {
    let statement = Statement::of(&verdict());
    let image = Descriptor {
        media_type: INDEX.to_owned(),
        digest: digest('a'),
        size: 1,
        artifact_type: None,
        annotations: Default::default(),
    };
    for artifact in [
        Artifact::of_bundle(signed(&statement), &statement),
        Artifact::of_statement(&statement, &image),
    ] {
        let manifest: Value = serde_json::from_slice(&artifact.manifest).unwrap();
        let listed = json!(artifact.descriptor());
        assert!(manifest["annotations"].is_object(), "{manifest}");
        for (field, wanted) in [
            ("mediaType", &manifest["mediaType"]),
            ("artifactType", &manifest["artifactType"]),
            ("annotations", &manifest["annotations"]),
            ("digest", &json!(artifact.digest)),
            ("size", &json!(artifact.manifest.len())),
        ] {
            assert_eq!(&listed[field], wanted, "{field}");
        }
    }
}

/// The tag that OCI's distribution specification has for it: readers know no other.
#[test]
fn each_image_has_the_tag_of_the_specification_for_its_list_of_referrers() {
    for digit in ['a', 'b'] {
        let tag = format!("sha256-{}", digit.to_string().repeat(64));
        assert_eq!(artifact::referrers_tag(&digest(digit)), tag);
    }
}

/// cosign looks for `sha256-HEX`, `.sig`, `.att` and `.sbom`: none of ours may look so.
#[test]
fn tags_are_each_gates_own_and_never_cosigns() {
    let names =
        ["aro", "ARO", "ARO HCP", "ARO-HCP", "aro-hcp", "att", "", "ä", &"x".repeat(300), "a_b"];
    let tags: std::collections::BTreeSet<_> =
        names.iter().map(|name| tag(&digest('a'), name)).collect();
    assert_eq!(tags.len(), names.len());
    for tag in &tags {
        let fits = |c: char| c.is_ascii_alphanumeric() || "._-".contains(c);
        assert!(tag.len() <= 128 && tag.chars().all(fits), "{tag}");
        assert!(tag.starts_with(&artifact::tag_prefix(&digest('a'))), "{tag}");
        assert!(!tag.starts_with("sha256-"), "{tag}");
    }
    assert_eq!(tag(&digest('a'), "aro"), format!("verdict-{}.aro", "a".repeat(64)));
}

#[test]
fn a_bundle_goes_neither_to_the_candidate_nor_to_the_verified_image() {
    let candidate = format!("quay.io/acme/ho@{}", digest('a')).parse().unwrap();
    let verified = [
        format!("quay.io/verified/ho@{}", digest('a')),
        "quay.io/verified/tagged:latest".to_owned(),
        "127.0.0.1:5000/verified/bare".to_owned(),
    ];
    for refused in [
        "quay.io/acme/ho",
        "quay.io/acme/ho/",
        "quay.io/verified/ho",
        "quay.io/verified/tagged",
        "127.0.0.1:5000/verified/bare",
    ] {
        assert!(own_repository(refused, &candidate, &verified).is_some(), "{refused}");
    }
    for taken in ["quay.io/acme/ho-verdicts", "quay.io/verified/other", "127.0.0.1"] {
        assert_eq!(own_repository(taken, &candidate, &verified), None, "{taken}");
    }
}

fn about(image: &Digest) -> Statement {
    Statement::of(&Verdict {
        image: format!("quay.io/acme/ho@{image}").parse().unwrap(),
        platforms: vec![],
        ..verdict()
    })
}

/// As Conforma finds it: by the artifact's type in the list, the statement as plain JSON in the
/// first layer.
#[tokio::test]
async fn the_plain_statement_hangs_beside_the_candidate() {
    for referrers in [true, false] {
        let (store, image) = Memory::new(referrers).with_image("1");
        let statement = about(&image);
        let hung = beside::hang(&store, &image, &statement).await.unwrap();
        let Hung::Written { digest } = hung else { panic!("{hung:?}") };
        let list = store.referrers_now(&image);
        assert_eq!(list.len(), 1);
        assert_eq!(list[0]["artifactType"], "application/vnd.in-toto+json");
        assert_eq!(list[0]["digest"], digest.as_str());
        let (manifest, layer) = store.first_layer(&digest);
        assert_eq!(manifest["subject"]["digest"], image.as_str());
        assert_eq!(manifest["subject"]["mediaType"], INDEX);
        assert_eq!(layer, statement.bytes());

        let writes = store.writes();
        let again = beside::hang(&store, &image, &statement).await.unwrap();
        assert_eq!(again, Hung::Already { digest }, "{referrers}");
        assert_eq!(store.writes(), writes, "{referrers}");
    }
}

/// In every mode: the only thing that ever refers to the candidate is the plain statement.
#[tokio::test]
async fn the_candidate_carries_no_bundle() {
    for referrers in [true, false] {
        let (store, image) = Memory::new(referrers).with_image("1");
        let statement = about(&image);
        pushed(&store, &statement).await.unwrap();
        pushed(&store, &Statement::of_informing(&verdict()).unwrap())
            .await
            .unwrap();
        assert_eq!(store.referrers_now(&image), [] as [Value; 0]);
        beside::hang(&store, &image, &statement).await.unwrap();
        let bundles = store.manifests().into_iter().filter(|manifest| {
            manifest["subject"].is_object() && manifest.to_string().contains("sigstore.bundle")
        });
        assert_eq!(bundles.count(), 0);
        for referrer in store.referrers_now(&image) {
            assert!(!referrer.to_string().contains("sigstore"), "{referrer}");
        }
        let cosigns = |tag: &String| [".att", ".sig"].iter().any(|end| tag.ends_with(end));
        assert!(!store.tags_now().iter().any(cosigns));
    }
}

#[tokio::test]
async fn only_a_good_result_goes_beside_the_candidate() {
    let (store, image) = Memory::new(true).with_image("1");
    for end in [End::Failed, End::Undecided] {
        let mut bad = verdict();
        bad.blocking[0] = job("e2e-aks", end);
        let error = beside::hang(&store, &image, &Statement::of(&bad)).await.unwrap_err();
        assert!(matches!(error, BesideError::NotPassed(_)), "{error}");
    }
    assert_eq!(store.requests(), 0);
    let mut warned = verdict();
    warned.blocking[0] = accepted(job("e2e-aks", End::Failed));
    beside::hang(&store, &image, &Statement::of(&warned)).await.unwrap();
    let gone = beside::hang(&store, &digest('f'), &Statement::of(&verdict()))
        .await
        .unwrap_err();
    assert!(matches!(gone, BesideError::NoImage(_)), "{gone}");
}

#[tokio::test]
async fn the_list_of_others_is_kept() {
    let (store, image) = Memory::new(false).with_image("1");
    let tag = artifact::referrers_tag(&image);
    let other =
        json!({"mediaType": "m", "digest": digest('9'), "size": 1, "platform": {"os": "x"}});
    let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": [other], "annotations": {"a": "b"}});
    store.put_at(&tag, list.to_string().into());
    beside::hang(&store, &image, &about(&image)).await.unwrap();
    let manifests = store.referrers_now(&image);
    assert_eq!(manifests.len(), 2);
    assert_eq!(manifests[0], other);
    let content = store.content.lock().unwrap();
    let now: Value = serde_json::from_slice(&content.manifests[&content.tags[&tag]].1).unwrap();
    assert_eq!(now["annotations"]["a"], "b");
}

#[tokio::test]
async fn a_list_that_is_none_is_left_alone() {
    for odd in [
        json!({"mediaType": "application/vnd.docker.distribution.manifest.v2+json"}),
        json!({"mediaType": "application/vnd.docker.distribution.manifest.list.v2+json", "manifests": []}),
        json!({"mediaType": INDEX}),
        json!([]),
    ] {
        let (store, image) = Memory::new(false).with_image("1");
        let tag = artifact::referrers_tag(&image);
        store.put_at(&tag, odd.to_string().into());
        let before = store.content.lock().unwrap().tags.clone();
        let error = beside::hang(&store, &image, &about(&image)).await.unwrap_err();
        assert!(matches!(error, BesideError::NoList { .. }), "{error}");
        assert_eq!(store.content.lock().unwrap().tags, before);
    }
}

#[tokio::test]
async fn a_write_of_the_list_that_is_lost_is_done_again_and_not_for_ever() {
    // The registry forgets the second write of the list: the one that adds the second statement.
    let manners = Manners { loses: |n| n == 2, ..Memory::new(false).manners() };
    let (store, image) = Memory::with(manners).with_image("1");
    beside::hang(&store, &image, &about(&image)).await.unwrap();
    let second = Statement { predicate: later().predicate, ..about(&image) };
    let hung = beside::hang(&store, &image, &second).await.unwrap();
    assert!(matches!(hung, Hung::Written { .. }));
    assert_eq!(store.referrers_now(&image).len(), 2);

    // Somebody else writes their own list over ours each time.
    let rival = |_: &str| {
        let list = json!({"schemaVersion": 2, "mediaType": INDEX, "manifests": []});
        Some(Bytes::from(list.to_string()))
    };
    let manners = Manners { rival: Some(rival), ..Memory::new(false).manners() };
    let (store, image) = Memory::with(manners).with_image("1");
    let error = beside::hang(&store, &image, &about(&image)).await.unwrap_err();
    assert!(matches!(error, BesideError::Lost { .. }), "{error}");
    assert!(store.writes() < 10);
}
