//! The bundle beside the verified image, by the managed side.

use serde_json::{Value, json};

use super::super::artifact::referrers_tag;
use super::super::attach::attach;
use super::super::beside::{BesideError, Hung};
use super::super::bundle::{self, Signed};
use super::super::samples::{key, verdict};
use super::super::statement::Statement;
use super::super::verdict::Verdict;
use super::memory::{Manners, Memory};
use crate::image::{Digest, ImageRef};

const VERIFIED: &str = "quay.io/verified/ho";

/// A verified repository with the image, and the gate's bundle about it.
fn promoted(manners: Manners) -> (Memory, ImageRef, Vec<u8>, Statement) {
    let (store, digest) = Memory::with(manners).with_image("ho");
    let image: ImageRef = format!("quay.io/acme/ho@{digest}").parse().unwrap();
    let statement = Statement::of(&Verdict { image, platforms: vec![], ..verdict() });
    let bundle = bundle::sign(&statement.bytes(), &key()).unwrap();
    (store, at(VERIFIED, &digest), bundle, statement)
}

fn at(repository: &str, digest: &Digest) -> ImageRef {
    format!("{repository}@{digest}").parse().unwrap()
}

fn manners(referrers: bool) -> Manners {
    Memory::new(referrers).manners()
}

/// As cosign's `WriteAttestationNewBundleFormat` does, in what it looks for.
#[tokio::test]
async fn it_lies_where_cosign_looks() {
    for referrers in [true, false] {
        let (store, image, bundle, statement) = promoted(manners(referrers));
        let hung = attach(&store, &image, bundle.clone(), &statement).await.unwrap();
        let Hung::Written { digest } = hung else { panic!("{hung:?}") };
        let (manifest, layer) = store.first_layer(&digest);
        assert_eq!(layer, bundle);
        let kind = "application/vnd.dev.sigstore.bundle.v0.3+json";
        assert_eq!(
            (&manifest["artifactType"], &manifest["layers"][0]["mediaType"]),
            (&json!(kind), &json!(kind))
        );
        assert_eq!(manifest["subject"]["digest"], image.digest().as_str());
        assert_eq!(manifest["subject"]["mediaType"], "application/vnd.oci.image.index.v1+json");
        assert_eq!(manifest["annotations"]["dev.sigstore.bundle.content"], "dsse-envelope");
        let list = store.referrers_now(image.digest());
        assert_eq!((list.len(), &list[0]["artifactType"]), (1, &json!(kind)));

        let writes = store.writes();
        let again = attach(&store, &image, bundle, &statement).await.unwrap();
        assert_eq!((again, store.writes()), (Hung::Already { digest }, writes));
    }
}

/// The key signed where the image was tested: there nothing is attached.
#[tokio::test]
async fn never_beside_the_candidate() {
    let (store, image, bundle, statement) = promoted(manners(true));
    for candidate in ["quay.io/acme/ho", "QUAY.IO/acme/ho"] {
        let Ok(candidate) = format!("{candidate}@{}", image.digest()).parse::<ImageRef>() else {
            continue;
        };
        let refused = attach(&store, &candidate, bundle.clone(), &statement).await;
        assert!(matches!(refused, Err(BesideError::Candidate(_))), "{refused:?}");
    }
    assert_eq!((store.requests(), store.writes()), (0, 0));
    assert!(Signed::read(&bundle).unwrap().is_by(&key().public()));
}

#[tokio::test]
async fn an_image_that_did_not_land_gets_none() {
    let (store, _, bundle, statement) = promoted(manners(true));
    let elsewhere = at(VERIFIED, &super::super::samples::digest('e'));
    let missing = attach(&store, &elsewhere, bundle, &statement).await;
    assert!(matches!(missing, Err(BesideError::NoImage(_))), "{missing:?}");
    assert_eq!(store.writes(), 0);
}

/// Others write the list too, and the registry forgets a write of it.
#[tokio::test]
async fn a_list_that_others_write_and_one_that_is_lost() {
    let (store, image, bundle, statement) =
        promoted(Manners { loses: |n| n == 1, ..manners(false) });
    let theirs: Value = json!({"schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
        "manifests": [{"mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": format!("sha256:{}", "9".repeat(64)), "size": 3}]});
    store.put_at(&referrers_tag(image.digest()), theirs.to_string().into());
    attach(&store, &image, bundle, &statement).await.unwrap();
    assert_eq!(store.referrers_now(image.digest()).len(), 2);
}

#[tokio::test]
async fn killed_anywhere_it_is_attached_once() {
    for referrers in [true, false] {
        let (whole, image, bundle, statement) = promoted(manners(referrers));
        attach(&whole, &image, bundle.clone(), &statement).await.unwrap();
        for limit in 1..=whole.requests() {
            let (store, ..) = promoted(Manners { fails_at: Some(limit), ..manners(referrers) });
            let died = attach(&store, &image, bundle.clone(), &statement).await;
            assert!(matches!(died, Err(BesideError::Registry(_))), "{limit}");
            store.manners.lock().unwrap().fails_at = None;
            attach(&store, &image, bundle.clone(), &statement).await.unwrap();
            assert_eq!(store.referrers_now(image.digest()).len(), 1, "{limit}");
        }
    }
}
