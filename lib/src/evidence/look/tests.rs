//! Whom a look asks, and what it takes from the answer.

use std::sync::Arc;

use standins::{Fault, Server, Trouble, World};

use super::*;
use crate::clock::RuntimeClock;
use crate::http::BaseUrl;
use crate::prow::budget::{Budget, Limits};
use crate::prow::canned::{Canned, FOLDER, exchange};
use crate::secret::SecretFile;
use crate::support::network;

/// Servers that know the run `id`: its folder holds what it is given, Gangway says that it goes on,
/// and Deck does not find it.
struct Scene {
    servers: Arc<Canned>,
    bucket: Bucket,
    deck: Deck,
    gangway: Gangway,
    clock: SharedClock,
    _token: tempfile::NamedTempFile,
}

impl Scene {
    fn new(files: &[(&str, &str)]) -> Self {
        let going_on = r#"{"id":"id","job_status":"PENDING"}"#;
        let servers = Arc::new(
            Canned::of_run(files)
                .with("/v1/executions/id", exchange(200, "application/json", going_on)),
        );
        let base: BaseUrl = "http://localhost".parse().unwrap();
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(Timestamp::UNIX_EPOCH));
        // So many at once that no test waits for the budget.
        let limits = Limits { per_minute: 6, burst: 1000 };
        let budget = Arc::new(Budget::new(clock.clone(), limits, true));
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), "token").unwrap();
        let file = SecretFile::new("--gangway-token-file", token.path());
        Self {
            bucket: Bucket::new(base.clone(), servers.clone()),
            deck: Deck::new("http://localhost/deck".parse().unwrap(), servers.clone()),
            gangway: Gangway::new(base, file, servers.clone(), budget),
            servers,
            clock,
            _token: token,
        }
    }

    fn sources(&self) -> Sources<'_> {
        Sources {
            deck: &self.deck,
            bucket: &self.bucket,
            gangway: Some(&self.gangway),
            clock: self.clock.clone(),
        }
    }

    /// A round in which Gangway may be asked six times.
    fn round(&self) -> Round {
        Round::after(None, &self.sources(), Duration::from_secs(60))
    }

    /// The run, launched now.
    fn run(&self) -> Watched {
        Watched::new("id", self.clock.now())
    }

    /// The same, whose folder was heard of.
    fn run_in_folder(&self) -> Watched {
        let mut run = self.run();
        assert_eq!(run.heard_url(Some(FOLDER)), None);
        run
    }

    /// Who tells of the run where Deck does not.
    async fn witness(&self, run: &mut Watched, round: &mut Round) -> &'static str {
        let asked = self.asked_gangway();
        let glimpse = self.sources().elsewhere(run, round, "Deck is away".to_owned()).await;
        let witness = match glimpse {
            Glimpse::Run(Sighting { job: None, .. }) => "Gangway",
            Glimpse::Run(Sighting { from_bucket: true, .. }) => "the bucket, maybe behind",
            Glimpse::Run(_) => "the bucket",
            Glimpse::Gone(_) | Glimpse::Trouble(_) => "nobody",
        };
        assert_eq!(self.asked_gangway() > asked, witness == "Gangway");
        witness
    }

    fn asked_gangway(&self) -> usize {
        let asked = self.servers.asked.lock().unwrap();
        asked.iter().filter(|path| path.starts_with("/v1/executions")).count()
    }
}

/// What the bucket shows of a run that Prow no longer has, with these files.
async fn gone(files: &[(&str, &str)]) -> Glimpse {
    let scene = Scene::new(files);
    scene.sources().gone(&scene.run_in_folder()).await
}

fn prowjob(id: &str, state: &str) -> String {
    let metadata = serde_json::json!({"name": id});
    let status = serde_json::json!({"state": state});
    let spec = serde_json::json!({"job": "a"});
    serde_json::json!({"metadata": metadata, "spec": spec, "status": status}).to_string()
}

#[tokio::test]
async fn of_a_run_that_prow_forgot_the_bucket_may_show_the_end() {
    let finished = |passed: bool| format!(r#"{{"passed":{passed},"result":"WORD"}}"#);
    for (job, finished, wanted) in [
        (Some(prowjob("id", "success")), None, "run Success"),
        (Some(prowjob("id", "pending")), None, "gone: its artifacts do not show an end"),
        (Some(prowjob("id", "pending")), Some(finished(false)), "gone: ended with WORD"),
        (None, Some(finished(true)), "gone: nothing shows that the run succeeded"),
        // Whose end that is, is not known.
        (Some(prowjob("other", "success")), Some(finished(false)), "trouble"),
        (Some("<html>".to_owned()), Some(finished(false)), "trouble"),
        (None, Some("<html>".to_owned()), "trouble"),
    ] {
        let files = [("prowjob.json", &job), ("finished.json", &finished)];
        let files = files
            .iter()
            .filter_map(|(path, text)| Some((*path, text.as_deref()?)));
        let glimpse = gone(&files.collect::<Vec<_>>()).await;
        let told = match &glimpse {
            Glimpse::Run(sighting) => format!("run {:?}", sighting.state),
            Glimpse::Gone(why) => match wanted.strip_prefix("gone: ") {
                Some(end) if why.ends_with(end) => wanted.to_owned(),
                _ => why.clone(),
            },
            Glimpse::Trouble(_) => "trouble".to_owned(),
        };
        assert_eq!(told, wanted, "{job:?} {finished:?}: {glimpse:?}");
    }
}

#[tokio::test]
async fn how_often_gangway_is_asked_within_a_round() {
    let scene = Scene::new(&[]);
    for (gangway, seconds, wanted) in
        [(Some(&scene.gangway), 120, 12), (Some(&scene.gangway), 5, 1), (None, 120, 1)]
    {
        let sources = Sources { gangway, ..scene.sources() };
        let takes = Duration::from_secs(seconds);
        let first = Round::after(None, &sources, takes);
        assert_eq!((first.gangway_left, first.deck_failures), (wanted, 0));
        // Deck gets one more chance where it was out of reach.
        for (failures, kept) in [(DECK_FAILURES, DECK_FAILURES - 1), (DECK_FAILURES - 1, 0)] {
            let before = Round { deck_failures: failures, ..Round::after(None, &sources, takes) };
            assert_eq!(Round::after(Some(&before), &sources, takes).deck_failures, kept);
        }
    }
}

#[tokio::test]
async fn after_two_failures_to_reach_deck_no_other_run_of_the_round_waits_for_it() {
    for (trouble, wanted) in [
        (Trouble::DropBefore, 2),
        // It is there, and says that it has trouble.
        (Trouble::StatusBefore(500), 3),
    ] {
        let (scene, world) = (Scene::new(&[]), World::default());
        world.fault(Fault::on(Server::Deck, trouble.clone()));
        let deck = Deck::new(Server::Deck.base().parse().unwrap(), network(&world));
        let sources = Sources { deck: &deck, gangway: None, ..scene.sources() };
        let mut round = scene.round();
        for _ in 0..3 {
            let glimpse = sources.look(&mut scene.run(), &mut round).await;
            assert!(matches!(glimpse, Glimpse::Trouble(_)), "{glimpse:?}");
        }
        assert_eq!(world.requests_to(Server::Deck).len(), wanted, "{trouble:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn gangway_is_asked_about_a_run_later_and_later() {
    let scene = Scene::new(&[]);
    let mut run = scene.run();
    let mut asked = Vec::new();
    for second in (0..3600).step_by(30) {
        if scene.witness(&mut run, &mut scene.round()).await == "Gangway" {
            asked.push(second);
        }
        tokio::time::advance(Duration::from_secs(30)).await;
    }
    assert_eq!(asked, [90, 210, 450, 930, 1530, 2130, 2730, 3330]);
}

#[tokio::test(start_paused = true)]
async fn a_round_asks_gangway_no_more_often_than_it_may() {
    let scene = Scene::new(&[]);
    let (launched, mut round) = (scene.run(), scene.round());
    tokio::time::advance(YOUNG).await;
    let mut witnesses = Vec::new();
    for _ in 0..8 {
        witnesses.push(scene.witness(&mut launched.clone(), &mut round).await);
    }
    assert_eq!(witnesses, [["Gangway"; 6].as_slice(), &["nobody"; 2]].concat());
}

#[tokio::test(start_paused = true)]
async fn gangway_is_asked_only_where_the_bucket_does_not_tell() {
    let (ended, going_on) = (prowjob("id", "success"), prowjob("id", "pending"));
    let finished = ("finished.json", r#"{"passed":true}"#);
    for (files, young, old) in [
        (vec![("prowjob.json", ended.as_str())], "the bucket", "the bucket"),
        (
            vec![("prowjob.json", going_on.as_str())],
            "the bucket, maybe behind",
            "the bucket, maybe behind",
        ),
        (vec![], "nobody", "nobody"),
        // Whose end that is, is not known.
        (vec![("prowjob.json", "<html>"), finished], "nobody", "Gangway"),
    ] {
        let scene = Scene::new(&files);
        let mut run = scene.run_in_folder();
        assert_eq!(scene.witness(&mut run, &mut scene.round()).await, young, "{files:?}");
        tokio::time::advance(YOUNG).await;
        assert_eq!(scene.witness(&mut run, &mut scene.round()).await, old, "{files:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn the_first_hint_at_an_end_is_confirmed_at_once_and_later_ones_in_their_turn() {
    let going_on = prowjob("id", "pending");
    let files = [("prowjob.json", going_on.as_str()), ("finished.json", r#"{"passed":true}"#)];
    let scene = Scene::new(&files);
    let mut run = scene.run_in_folder();
    for (later, witness) in [
        (0, "Gangway"),
        (0, "the bucket, maybe behind"),
        (119, "the bucket, maybe behind"),
        (1, "Gangway"),
        (120, "the bucket, maybe behind"),
        (120, "Gangway"),
    ] {
        tokio::time::advance(Duration::from_secs(later)).await;
        let told = scene.witness(&mut run, &mut scene.round()).await;
        assert_eq!(told, witness, "{later} s later");
    }
}

#[test]
fn all_that_a_witness_tells_is_taken() {
    let at = |second| Timestamp::from_second(second).unwrap();
    let execution = Execution {
        id: "id".to_owned(),
        job_name: "a".to_owned(),
        state: JobState::Success,
        job_url: Some(FOLDER.to_owned()),
        started_at: Some(at(1)),
        completed_at: Some(at(2)),
    };
    let sighting = Sighting::from(execution);
    assert_eq!((sighting.state, sighting.job_url.as_deref()), (JobState::Success, Some(FOLDER)));
    assert_eq!((sighting.started_at, sighting.completed_at), (Some(at(1)), Some(at(2))));
    for (word, strange) in [("success", None), ("", None), ("odd", Some("odd"))] {
        let job = ProwJob::from_json(prowjob("id", word).as_bytes()).unwrap();
        assert_eq!(Sighting::from(job).strange_word.as_deref(), strange, "{word:?}");
    }
}
