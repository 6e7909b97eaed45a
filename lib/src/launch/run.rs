//! The step from its options to its end.

use std::sync::Arc;
use std::time::Duration;

use super::request::{begin, is_begun};
use super::{
    Finder, LaunchError, Launcher, attempt, bind, compare, launch_all, look, order, reuse, settled,
    table, tonight,
};
use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::failure::{Chain, Failure, OrExit};
use crate::image::ImageRef;
use crate::jobs::Request;
use crate::matrix::Tonight;
use crate::prow::Servers;
use crate::prow::budget::Budget;
use crate::prow::gangway::Create;
use crate::record::{
    Candidate, Class, GateRecord, Identity, Journal, RecordError, Store, gangway_budget,
};
use crate::secret::SecretFile;
use crate::step::command::Command;
use crate::step::terminal::NEXT;
use crate::text::some_of;

/// Jobs that a message names.
const SHOWN: usize = 5;

/// What is to be launched.
#[derive(Debug, Clone)]
pub struct Options {
    /// `--image`.
    pub image: ImageRef,
    /// The jobs.
    pub request: Request,
    /// Whose record it is.
    pub identity: Identity,
    /// How the jobs that do not run every night are chosen.
    pub sampling: Sampling,
    /// `--reuse`: how long after its end a run of another record may be taken over; none are where
    /// absent.
    pub reuse: Option<Duration>,
}

/// How the jobs with `every` are chosen.
#[derive(Debug, Clone, Default)]
pub struct Sampling {
    /// Where the earlier records are, if they are in a cluster.
    pub cluster: Option<Cluster>,
    /// `--all-cells`: every job runs.
    pub all: bool,
}

/// What a run would do.
#[derive(Debug)]
pub struct Preview {
    /// The orders that it would send, blocking jobs first.
    pub orders: Vec<(Class, Create)>,
    /// Which of the jobs with `every` run, and what the matrix asks for.
    pub tonight: Option<Tonight>,
}

/// How a launch ended.
#[derive(Debug)]
pub struct Ended {
    /// How many jobs run.
    pub launched: usize,
    /// Their names.
    pub running: Vec<String>,
    /// The jobs with what became of each, for people.
    pub table: String,
    /// Why it stopped, if it did.
    pub error: Option<LaunchError>,
}

impl Ended {
    /// The table, and where everything runs what to type next; `place` is the record as flags name it.
    pub fn shown(&self, place: &str) -> String {
        let next = Command::new("collect-results").flag("--record", Some(place));
        let next = format!("{NEXT}{}\n", next.text());
        let next = if self.error.is_none() && self.launched > 0 { next } else { String::new() };
        format!("{}\n{next}", self.table.trim_end())
    }

    /// What the step ends with; a launch that stopped says what runs all the same.
    ///
    /// # Errors
    /// Why it stopped.
    pub fn end(self) -> Result<(), Failure> {
        let Some(error) = self.error else { return Ok(()) };
        let beside = error.concerns_the_job() && !self.running.is_empty();
        let failure = Failure::from(error);
        if !beside {
            return Err(failure);
        }
        let (text, names) =
            (Chain(failure.error.as_ref()).to_string(), some_of(&self.running, SHOWN));
        Err(Failure::new(
            failure.exit,
            format!("{text}; launched before that, and not stopped: {names}"),
        ))
    }
}

/// Launches what is asked for, or finds in the record that it is done.
///
/// # Errors
/// Misuse when the token cannot be read, or the record belongs to another run, image or request.
/// Why a job was not launched is in [`Ended`].
pub async fn run(
    options: &Options,
    store: Box<dyn Store>,
    prow: &Servers,
    clock: SharedClock,
) -> Result<Ended, Failure> {
    // Before anything is written: a missing secret is a mistake of the caller.
    let missing = || {
        Failure::misuse("--gangway-token-file: expected a file with Gangway's token, found none")
    };
    let token = prow.token.clone().ok_or_else(missing)?;
    token.read().misuse()?;
    let journal = Arc::new(Journal::open(store, clock.clone(), &options.identity).await?);
    journal.bind(&Candidate::of(options.image.clone())).await?;
    let tonight = match is_begun(&journal.record().await) {
        true => None,
        false => due(options, &clock).await,
    };
    bind(&journal, &options.request, tonight.as_ref()).await??;
    if let (Some(age), Some(cluster)) = (options.reuse, &options.sampling.cluster) {
        reuse::adopt(&journal, cluster, &clock, age).await?;
    }
    let budget = if settled(&journal.record().await) {
        tracing::info!("the record already says what became of every launch");
        Arc::new(Budget::new(clock.clone(), prow.limits, false))
    } else {
        gangway_budget(&journal, clock.clone(), prow.limits).await?
    };
    let gangway = prow.gangway(token, budget);
    let record = journal.record().await;
    let open: Vec<&str> = record
        .jobs
        .iter()
        .filter(|job| job.attempts.is_empty())
        .map(|job| job.name.as_str())
        .collect();
    if !open.is_empty()
        && let Some(closed) = look::closed(&prow.deck, &prow.bucket, &open).await
    {
        return Err(Failure::failed(format!(
            "nothing was launched, since its end could not be seen: {closed}"
        )));
    }
    let finder = Finder::new(gangway.clone(), prow.deck.clone(), prow.bucket.clone());
    let launcher = Launcher::new(journal, gangway, finder, clock)
        .asked(options.image.clone(), options.request.clone());
    let error = launch_all(&launcher).await.err();
    let record = launcher.journal().record().await;
    let runs = record.jobs.iter().filter(|job| job.has_run());
    let running: Vec<_> = runs.map(|job| job.name.clone()).collect();
    Ok(Ended { launched: running.len(), running, table: table(&record), error })
}

async fn due(options: &Options, clock: &SharedClock) -> Option<Tonight> {
    let Sampling { cluster, all } = &options.sampling;
    tonight(&options.request, &options.identity, cluster.as_ref(), clock, *all).await
}

/// What a run would do. Reads the record, the earlier ones where jobs are chosen by them, and the
/// token where one is named; writes nothing.
///
/// # Errors
/// Misuse when the record belongs to another run, image or request.
pub async fn dry_run(
    options: &Options,
    store: Box<dyn Store>,
    token: Option<&SecretFile>,
    clock: SharedClock,
) -> Result<Preview, Failure> {
    if let Some(token) = token {
        token.read().misuse()?;
    }
    let place = store.place();
    let mut record = match Journal::existing(store, clock.clone(), &options.identity).await {
        Ok(journal) => journal.record().await,
        Err(RecordError::Missing { .. }) => {
            let id = options
                .identity
                .run_id
                .clone()
                .unwrap_or_else(|| uuid::Uuid::new_v4().to_string());
            GateRecord::begin(id, clock.now())
        }
        Err(error) => return Err(error.into()),
    };
    compare(&place, &record, &options.request)?;
    let candidate = record
        .candidate
        .get_or_insert_with(|| Candidate::of(options.image.clone()));
    if candidate.image != options.image {
        let (found, given) = (candidate.image.clone(), options.image.clone());
        return Err(RecordError::OtherImage { place, found, given }.into());
    }
    options.identity.complete(&mut record);
    if !is_begun(&record) {
        begin(&mut record, &options.request, due(options, &clock).await);
    }
    let in_order = record
        .jobs_of(Class::Blocking)
        .chain(record.jobs_of(Class::Informing));
    let orders = in_order
        .filter(|job| !attempt::is_settled(job, 1))
        .filter_map(|job| Some((job.class, order(&record, &job.name, 1)?)));
    Ok(Preview { orders: orders.collect(), tonight: record.matrix.clone() })
}

#[cfg(test)]
mod tests {
    use standins::{Fault, Server, Trouble};

    use super::*;
    use crate::failure::Exit;
    use crate::launch::scene::{JOB, Scene, image};

    fn options(scene: &Scene) -> Options {
        Options {
            image: image('4'),
            request: scene.request.clone(),
            identity: Identity::default(),
            sampling: Sampling::default(),
            reuse: None,
        }
    }

    async fn launch(scene: &Scene) -> Result<Ended, Failure> {
        let store = Box::new(scene.record.clone());
        run(&options(scene), store, &scene.servers(), scene.clock.clone()).await
    }

    #[test]
    fn what_to_type_next_is_shown_where_everything_runs() {
        let next = "next: collect-results --record gate.json\n";
        for (launched, stopped, shown) in [(1, false, next), (0, false, ""), (1, true, "")] {
            let why = || LaunchError::Unreachable { job: JOB.to_owned(), why: "closed".to_owned() };
            let error = stopped.then(why);
            let ended =
                Ended { launched, running: Vec::new(), table: "the table\n\n".to_owned(), error };
            assert_eq!(ended.shown("gate.json"), format!("the table\n{shown}"), "{ended:?}");
        }
    }

    #[tokio::test(start_paused = true)]
    async fn nothing_is_launched_whose_end_could_not_be_seen() {
        for (server, status, words) in [
            (Server::Deck, 403, Some("name a token for it with --deck-token-file")),
            (Server::Bucket, 403, Some("finished.json: no access (403)")),
            // That may be over before the jobs end.
            (Server::Deck, 502, None),
            (Server::Bucket, 502, None),
        ] {
            let scene = Scene::new(JOB, 1);
            scene.world.prow().ran_yesterday(JOB);
            scene.world.fault(Fault::on(server, Trouble::StatusBefore(status)));
            let ended = launch(&scene).await;
            let orders = scene.world.requests_to(Server::Gangway).len();
            match words {
                Some(words) => {
                    let failure = ended.unwrap_err();
                    let text = failure.error.to_string();
                    assert!(text.starts_with("nothing was launched"), "{text}");
                    assert!(text.contains(words), "{text}");
                    assert_eq!((failure.exit, orders), (Exit::Failed, 0));
                }
                None => assert_eq!((ended.unwrap().launched, orders), (1, 1)),
            }
        }
    }

    #[tokio::test(start_paused = true)]
    async fn which_jobs_run_this_night_is_in_the_record() {
        let scene = Scene::new(&format!("- name: nightly\n- {{name: {JOB}, every: 3d}}"), 1);
        assert_eq!(launch(&scene).await.unwrap().launched, 2);
        let chosen = scene.record.record().matrix.expect("a choice").plan.choices;
        let chosen: Vec<_> = chosen
            .iter()
            .map(|choice| (choice.name.as_str(), choice.runs))
            .collect();
        assert_eq!(chosen, [(JOB, true)]);
    }
}
