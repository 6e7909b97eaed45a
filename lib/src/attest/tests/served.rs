//! The real client against a registry that is served: with and without lists of referrers, with
//! tokens that run out in the middle of a push, and with answers that are lost.

use std::sync::Arc;

use serde_json::json;
use standins::{Access, Canned, Fault, ImageBuilder, Nth, Server, Servers, Trouble, World, Writes};

use super::super::artifact::{referrers_tag, tag};
use super::super::beside::{self, BesideError, Hung};
use super::super::bundle;
use super::super::push::{self, Lookup, PushError, Pushed};
use super::super::samples::{GATE, digest, expected, key, now, verdict};
use super::super::statement::Statement;
use super::super::verdict::Verdict;
use super::super::verify::{Answer, verify};
use crate::clock::SystemClock;
use crate::image::Digest;
use crate::registry::credentials::{Credentials, Environment};
use crate::registry::{Registry, RegistryOptions};

/// base64 of `robot:s3cr3t`
const ROBOT: &str = "cm9ib3Q6czNjcjN0";

/// Where verdicts go.
const OWN: &str = "acme/verdicts";

/// Where the candidate is.
const CANDIDATE: &str = "acme/ho";

struct Scene {
    world: World,
    servers: Servers,
    _dir: tempfile::TempDir,
    credentials: Credentials,
}

impl Scene {
    fn new(writes: Writes) -> Self {
        let world = World::default();
        let servers = world.serve().unwrap();
        world.registry().writes(writes);
        world.registry().access(Access::Bearer(Some(ROBOT.to_owned())));
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.json");
        let auths = json!({"auths": {servers.registry_host(): {"auth": ROBOT}}});
        std::fs::write(&file, auths.to_string()).unwrap();
        let credentials = Credentials::load(Some(&file), &Environment::default()).unwrap();
        Self { world, servers, _dir: dir, credentials }
    }

    fn registry(&self, repository: &str) -> Registry {
        let place = format!("{}/{repository}", self.servers.registry_host());
        let clock = Arc::new(SystemClock::new(10_000));
        Registry::new(&place, &self.credentials, &RegistryOptions::default(), clock)
            .unwrap()
            .writing()
    }

    async fn push(&self, statement: &Statement) -> Result<Pushed, PushError> {
        let signed = bundle::sign(&statement.bytes(), &key()).unwrap();
        push::push(&self.registry(OWN), signed, statement, &key().public()).await
    }

    fn image(&self) -> (Digest, Statement) {
        let image = self.world.registry().push(&ImageBuilder::new(CANDIDATE).index());
        let statement = Statement::of(&Verdict {
            image: image.at("quay.io").parse().unwrap(),
            platforms: image
                .platforms
                .values()
                .map(|digest| digest.parse().unwrap())
                .collect(),
            ..verdict()
        });
        (image.digest.parse().unwrap(), statement)
    }

    async fn hang(&self, image: &Digest, statement: &Statement) -> Result<Hung, BesideError> {
        beside::hang(&self.registry(CANDIDATE), image, statement).await
    }

    fn writes(&self) -> usize {
        let asked = self.world.requests_to(Server::Registry);
        asked
            .iter()
            .filter(|asked| ["PUT", "POST"].contains(&asked.method.as_str()))
            .count()
    }

    fn requests(&self) -> u32 {
        self.world.requests_to(Server::Registry).len() as u32
    }

    /// What hangs beside the candidate, by the list that everybody reads.
    async fn beside(&self, image: &Digest) -> Vec<serde_json::Value> {
        let registry = self.registry(CANDIDATE);
        let list = match registry.referrers(image).await.unwrap() {
            Some(list) => Some(list),
            None => {
                let stored = registry.find_manifest(&referrers_tag(image)).await.unwrap();
                stored.map(|stored| stored.bytes)
            }
        };
        let list = list.map(|list| serde_json::from_slice::<serde_json::Value>(&list).unwrap());
        list.map(|list| list["manifests"].as_array().unwrap().clone())
            .unwrap_or_default()
    }
}

#[tokio::test]
async fn a_push_and_a_consumer() {
    for writes in [Writes::Taken, Writes::WithReferrers] {
        let scene = Scene::new(writes);
        let statement = Statement::of(&verdict());
        assert!(matches!(scene.push(&statement).await.unwrap(), Pushed::Written { .. }));
        let found = push::find(&scene.registry(OWN), &digest('a'), GATE).await.unwrap();
        let Lookup::Found(found) = found else { panic!("not found") };
        let answer = verify(&found.bundle.unwrap(), &key().public(), &expected(), now());
        assert!(matches!(answer, Answer::Holds(_)), "{answer:?}");

        let before = scene.writes();
        assert!(matches!(scene.push(&statement).await.unwrap(), Pushed::Already { .. }));
        assert_eq!(scene.writes(), before);
        assert_eq!(scene.world.registry().manifests(OWN).len(), 1);
        // Without the right to write the token service would give one that reads only.
        let tokens = scene.world.requests_to(Server::Registry);
        let mut tokens = tokens.iter().filter(|asked| asked.path.starts_with("/token"));
        assert!(tokens.all(|asked| asked.path.contains("pull%2Cpush")));
    }
}

/// Whichever request it is that meets a token that has run out.
#[tokio::test]
async fn a_token_that_runs_out_in_the_middle() {
    let statement = Statement::of(&verdict());
    let whole = Scene::new(Writes::Taken);
    whole.push(&statement).await.unwrap();
    let mut refused = 0;
    for lasts in 1..=whole.requests() as usize {
        let scene = Scene::new(Writes::Taken);
        scene.world.registry().token_lasts(lasts);
        let pushed = scene.push(&statement).await;
        assert!(matches!(pushed, Ok(Pushed::Written { .. })), "{lasts}: {pushed:?}");
        assert_eq!(scene.world.registry().tags(OWN), whole.world.registry().tags(OWN), "{lasts}");
        let asked = scene.world.requests_to(Server::Registry);
        let denied = |asked: &&standins::Asked| asked.status == Some(401) && asked.method != "GET";
        refused += asked.iter().filter(denied).count();
    }
    assert!(refused > 5, "only {refused} writes met it");
}

/// An answer that is lost, before or after the request had its effect, is asked for again.
#[tokio::test]
async fn an_answer_that_is_lost() {
    let statement = Statement::of(&verdict());
    let whole = Scene::new(Writes::Taken);
    whole.push(&statement).await.unwrap();
    for (trouble, step) in [(Trouble::DropAfter, 1), (Trouble::StatusBefore(503), 4)] {
        for nth in (2..=whole.requests()).step_by(step) {
            let scene = Scene::new(Writes::Taken);
            scene
                .world
                .fault(Fault::on(Server::Registry, trouble.clone()).nth(Nth::Only(nth)));
            let pushed = scene.push(&statement).await;
            assert!(pushed.is_ok(), "{trouble:?} {nth}: {pushed:?}");
            let tags = scene.world.registry().tags(OWN);
            assert_eq!(tags, whole.world.registry().tags(OWN), "{trouble:?} {nth}");
        }
    }
}

/// It says 201 to the second tag, and forgets it.
#[tokio::test]
async fn a_second_write_that_is_lost() {
    let scene = Scene::new(Writes::Taken);
    let taken = Canned { status: 201, ..Canned::default() };
    let fault = Fault::on(Server::Registry, Trouble::Answer(taken));
    scene
        .world
        .fault(fault.method("PUT").path("*/manifests/*").nth(Nth::Only(2)));
    scene.push(&Statement::of(&verdict())).await.unwrap();
    assert_eq!(scene.world.registry().tags(OWN).len(), 3);

    let (image, statement) = scene.image();
    scene.world.clear_faults();
    scene.hang(&image, &statement).await.unwrap();
    let taken = Canned { status: 201, ..Canned::default() };
    let fault = Fault::on(Server::Registry, Trouble::Answer(taken));
    scene
        .world
        .fault(fault.method("PUT").path("*/manifests/sha256-*").nth(Nth::Only(1)));
    let mut later = statement.clone();
    later.predicate.timestamp = Some(now());
    scene.hang(&image, &later).await.unwrap();
    assert_eq!(scene.beside(&image).await.len(), 2);
}

#[tokio::test]
async fn a_registry_that_refuses_says_so() {
    let scene = Scene::new(Writes::Refused);
    let error = scene.push(&Statement::of(&verdict())).await.unwrap_err().to_string();
    assert!(error.contains("UNSUPPORTED"), "{error}");
    let scene = Scene::new(Writes::Taken);
    scene
        .world
        .registry()
        .access(Access::Bearer(Some("b3RoZXI6eA==".to_owned())));
    let error = scene.push(&Statement::of(&verdict())).await.unwrap_err().to_string();
    assert!(error.contains("the credentials given do not suffice"), "{error}");
    assert!(!error.contains("s3cr3t") && !error.contains(ROBOT), "{error}");
}

/// A registry may keep uploads elsewhere: that host gets the blob, and nothing to log in with,
/// whatever it asks for.
#[tokio::test]
async fn credentials_do_not_follow_an_upload() {
    let (scene, other) = (Scene::new(Writes::Taken), Scene::new(Writes::Taken));
    let place =
        format!("http://{}/v2/acme/verdicts/blobs/uploads/1", other.servers.registry_host());
    let elsewhere =
        Canned { status: 202, headers: vec![("location".to_owned(), place)], ..Canned::default() };
    let fault = Fault::on(Server::Registry, Trouble::Answer(elsewhere));
    scene.world.fault(fault.method("POST"));
    let error = scene.push(&Statement::of(&verdict())).await.unwrap_err();
    assert!(matches!(error, PushError::Registry(_)), "{error}");
    let asked = other.world.requests_to(Server::Registry);
    assert_eq!(asked.len(), 1, "{asked:?}");
    assert_eq!((asked[0].method.as_str(), asked[0].authorization.as_str()), ("PUT", ""));
}

#[tokio::test]
async fn the_plain_statement_beside_the_candidate() {
    for writes in [Writes::Taken, Writes::WithReferrers] {
        let scene = Scene::new(writes);
        let (image, statement) = scene.image();
        assert!(matches!(scene.hang(&image, &statement).await.unwrap(), Hung::Written { .. }));
        let before = scene.writes();
        assert!(matches!(scene.hang(&image, &statement).await.unwrap(), Hung::Already { .. }));
        assert_eq!(scene.writes(), before, "{writes:?}");
        let list = scene.beside(&image).await;
        assert_eq!(list.len(), 1);
        assert_eq!(list[0]["artifactType"], "application/vnd.in-toto+json");

        // And the bundle: into its own repository only.
        scene.push(&statement).await.unwrap();
        assert_eq!(scene.beside(&image).await.len(), 1);
        let candidate = scene.world.registry().manifests(CANDIDATE);
        assert!(
            !candidate
                .iter()
                .any(|manifest| manifest.to_string().contains("sigstore"))
        );
        let tags = scene.world.registry().tags(CANDIDATE);
        assert!(tags.keys().all(|tag| *tag == referrers_tag(&image)), "{tags:?}");
    }
}

#[tokio::test]
async fn a_token_that_runs_out_beside_the_candidate() {
    let whole = Scene::new(Writes::Taken);
    let (image, statement) = whole.image();
    whole.hang(&image, &statement).await.unwrap();
    for lasts in 1..=whole.requests() as usize {
        let scene = Scene::new(Writes::Taken);
        let (image, statement) = scene.image();
        scene.world.registry().token_lasts(lasts);
        scene.hang(&image, &statement).await.unwrap();
        assert_eq!(scene.beside(&image).await.len(), 1, "{lasts}");
    }
}

/// Lists come in pages, here of two tags.
#[tokio::test]
async fn other_gates_are_named_from_every_page() {
    let scene = Scene::new(Writes::Taken);
    let names = ["a", "b", "c", "d", "e"];
    for name in names {
        scene
            .push(&Statement::of(&Verdict { gate: name.to_owned(), ..verdict() }))
            .await
            .unwrap();
    }
    let missing = push::find(&scene.registry(OWN), &digest('a'), GATE).await.unwrap();
    assert_eq!(missing, Lookup::Missing { others: names.map(str::to_owned).to_vec() });
    assert!(scene.world.registry().tags(OWN).contains_key(&tag(&digest('a'), "c")));
    let nowhere = push::find(&scene.registry("acme/none"), &digest('a'), GATE)
        .await
        .unwrap();
    assert_eq!(nowhere, Lookup::Missing { others: vec![] });
}
