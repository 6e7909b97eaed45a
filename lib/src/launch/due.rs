//! What this gate's earlier records say of the jobs that do not run every night, for the choice of
//! the ones that run now.
//!
//! Only runs that this gate launched count, on whatever image: a job's own schedule tests another
//! image, and a bisect old ones. A record that cannot be read is passed over, which can only make a
//! job due. Where the records as a whole cannot be read nothing is known, and all jobs are due, up
//! to the budget.

use std::collections::BTreeMap;
use std::ops::ControlFlow;

use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::gate::matrix::ended;
use crate::jobs::Request;
use crate::matrix::Tonight;
use crate::matrix::due::{Ended, Past, Pasts};
use crate::record::{self, GateRecord, Identity, JobRecord, Whose};

/// The choice for a request; `None` where every job of it runs every night and there is no matrix.
/// With `all` every job runs, due or not.
pub async fn tonight(
    request: &Request,
    identity: &Identity,
    cluster: Option<&Cluster>,
    clock: &SharedClock,
    all: bool,
) -> Option<Tonight> {
    let jobs = request.listed();
    // Without history, for whether there is anything to choose.
    let now = clock.now();
    Tonight::choose(request.matrix.as_ref(), &jobs, &Pasts::new(), (now, all))?;
    let pasts = match earlier(identity, cluster, clock).await {
        Ok(pasts) => pasts,
        Err(why) => {
            tracing::warn!(
                "it is not known when the jobs that have every last passed, so all of them are due, up to the budget: {why}"
            );
            let unknown = |job: &JobRecord| (job.name.clone(), Past::Unknown);
            request.jobs.iter().map(unknown).collect()
        }
    };
    Tonight::choose(request.matrix.as_ref(), &jobs, &pasts, (now, all))
}

/// What the records of this gate, or else of this scenario, say.
async fn earlier(
    identity: &Identity,
    cluster: Option<&Cluster>,
    clock: &SharedClock,
) -> Result<Pasts, String> {
    let Some(cluster) = cluster else {
        return Err("a record in a file has no others beside it".to_owned());
    };
    let whose = match (&identity.gate, &identity.scenario) {
        (Some(gate), _) => Whose::Gate(gate),
        (None, Some(name)) => Whose::Scenario { name, runs: &[] },
        (None, None) => return Err("neither --gate-label nor --scenario is given".to_owned()),
    };
    let mut runs = Runs::default();
    record::each(cluster, clock, whose, None, |_, record| {
        match record {
            Ok(record) if identity.run_id.as_ref() == Some(&record.id) => {}
            Ok(record) => runs.add(&record),
            Err(error) => tracing::warn!("{error}"),
        }
        ControlFlow::Continue(())
    })
    .await
    .map_err(|error| crate::failure::Chain(&error).to_string())?;
    Ok(runs.pasts())
}

/// The runs of each job.
#[derive(Debug, Default)]
struct Runs(BTreeMap<String, Vec<Ended>>);

impl Runs {
    fn add(&mut self, record: &GateRecord) {
        for job in &record.jobs {
            if let Some(ended) = ended(job) {
                self.0.entry(job.name.clone()).or_default().push(ended);
            }
        }
    }

    fn pasts(self) -> Pasts {
        self.0.into_iter().map(|(job, runs)| (job, Past::of(runs))).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::gate::matrix::tests::{at, attempt};
    use crate::record::{Attempt, Cause, Class, ConfigMapStore, Store, labels};

    fn night(attempts: Vec<Attempt>) -> GateRecord {
        let mut record = GateRecord::begin("run", at(0));
        record
            .jobs
            .push(JobRecord { attempts, ..JobRecord::named("a", Class::Blocking) });
        record
    }

    #[test]
    fn a_night_counts_once_from_its_first_launch() {
        let mut runs = Runs::default();
        let red = attempt(1, 100, Some(Cause::Infrastructure));
        runs.add(&night(vec![red.clone(), attempt(2, 200, Some(Cause::Passed))]));
        runs.add(&night(vec![attempt(1, 50, Some(Cause::Product))]));
        let past = runs.pasts().remove("a").unwrap();
        assert_eq!((past.passed_at(), past.ran_at()), (Some(at(100)), Some(at(100))));

        let mut runs = Runs::default();
        runs.add(&night(vec![attempt(1, 100, Some(Cause::Passed))]));
        // Killed before it was judged; never launched at all.
        runs.add(&night(vec![attempt(1, 300, None)]));
        runs.add(&night(Vec::new()));
        let past = runs.pasts().remove("a").unwrap();
        assert_eq!((past.passed_at(), past.ran_at()), (Some(at(100)), Some(at(300))));
    }

    fn sampled() -> Request {
        let yaml = "- name: nightly\n- {name: a, every: 3d}\n- {name: b, every: 3d}\n";
        let names = ["X".to_owned()];
        crate::jobs::read(&crate::jobs::Given {
            jobs: Some(yaml),
            override_env: &names,
            ..Default::default()
        })
        .unwrap()
    }

    #[tokio::test(start_paused = true)]
    async fn the_record_of_tonight_tells_nothing_of_earlier_nights() {
        let world = standins::World::builder().build();
        let cluster = crate::support::cluster(&world, "gates");
        let clock: SharedClock = std::sync::Arc::new(crate::clock::SystemClock::new(1));
        for (id, second) in [("tonight", 500), ("earlier", 100)] {
            let mut record = night(vec![attempt(1, second, Some(Cause::Passed))]);
            (record.id, record.gate) = (id.to_owned(), Some("g".to_owned()));
            let store = ConfigMapStore::new(&cluster, format!("gate-{id}"));
            let bytes = serde_json::to_vec(&record).unwrap();
            store.save(&bytes, &labels::of_record(&record), None).await.unwrap();
        }
        for (id, second) in [(Some("tonight"), 100), (Some("earlier"), 500), (None, 500)] {
            let run_id = id.map(str::to_owned);
            let identity = Identity { run_id, gate: Some("g".to_owned()), ..Identity::default() };
            let pasts = earlier(&identity, Some(&cluster), &clock).await.unwrap();
            assert_eq!(pasts["a"].passed_at(), Some(at(second)), "{id:?}");
        }
    }

    #[tokio::test]
    async fn without_records_all_are_due() {
        let clock: SharedClock = std::sync::Arc::new(crate::clock::SystemClock::new(1));
        let identity = Identity { gate: Some("g".to_owned()), ..Identity::default() };
        let tonight = tonight(&sampled(), &identity, None, &clock, false).await.unwrap();
        let due: Vec<_> = tonight
            .plan
            .choices
            .iter()
            .map(|choice| (choice.runs, choice.reason))
            .collect();
        assert_eq!(due, [(true, crate::matrix::due::Reason::Unknown); 2]);
    }
}
