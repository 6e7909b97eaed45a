//! Reading a run: its record, and what its PipelineRun says of whether anybody is still at work.

use jiff::Timestamp;

use crate::clock::SharedClock;
use crate::cluster::{self, Tenant};
use crate::failure::{Chain, Failure};
use crate::record::{GateRecord, Store, StoreError, decode, load};
use crate::tekton::{self, PipelineRun};

/// Where a run is read from.
#[derive(Debug)]
pub struct Source {
    /// The record's place.
    pub store: Box<dyn Store>,
    /// The record as flags name it.
    pub record: String,
    /// Its namespace, where it is in a cluster.
    pub tenant: Option<Tenant>,
    /// The time.
    pub clock: SharedClock,
}

/// What the PipelineRun says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RunSight {
    /// It runs, or will.
    InFlight,
    /// It has ended.
    Ended,
    /// Somebody stopped it.
    Stopped,
    /// It is gone, so nobody is at work.
    Gone,
    /// It cannot be asked: there is no cluster, or no right.
    Unknown,
}

impl RunSight {
    /// What a run of that id says.
    pub fn of(run: &PipelineRun, id: &str) -> Self {
        // Another one of the same name: this record's own has been deleted.
        if !run.metadata.uid.is_empty() && run.metadata.uid != id {
            return Self::Gone;
        }
        match (run.is_stopped(), run.is_in_flight()) {
            (true, _) => Self::Stopped,
            (false, true) => Self::InFlight,
            (false, false) => Self::Ended,
        }
    }

    /// Whether nothing more can come.
    pub fn is_over(self) -> bool {
        matches!(self, Self::Ended | Self::Stopped | Self::Gone)
    }
}

/// A run as it was at one moment.
#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    /// Its record.
    pub record: GateRecord,
    /// What its PipelineRun says.
    pub run: RunSight,
    /// The record as flags name it, for commands.
    pub place: String,
    /// The namespace, for commands.
    pub namespace: Option<String>,
    /// When.
    pub now: Timestamp,
}

impl Source {
    /// Looks once.
    ///
    /// # Errors
    /// Misuse when there is no such record, or what is there is none; failed when it cannot be
    /// reached.
    pub async fn look(&self) -> Result<Look, Failure> {
        let loaded = load(self.store.as_ref(), &self.clock).await.map_err(unread)?;
        let place = self.store.place();
        let Some((bytes, _)) = loaded else {
            return Err(Failure::misuse(format!(
                "{place} does not exist; expected the name of a run that has begun, or none for the newest"
            )));
        };
        let record = decode(&bytes, &place).map_err(Failure::misuse)?;
        let run = self.run(&record).await;
        let namespace = self.tenant.as_ref().map(|tenant| tenant.namespace().to_owned());
        let now = self.clock.now();
        let namespace = namespace.or_else(|| record.namespace.clone());
        Ok(Look { record, run, place: self.record.clone(), namespace, now })
    }

    async fn run(&self, record: &GateRecord) -> RunSight {
        let (Some(tenant), Some(name)) = (&self.tenant, &record.run) else {
            return RunSight::Unknown;
        };
        match tekton::pipeline_run(&tenant.cluster, &tenant.clock, name).await {
            Ok(run) => RunSight::of(&run, &record.id),
            Err(error) if cluster::code(&error) == Some(404) => RunSight::Gone,
            Err(error) => {
                tracing::debug!("cannot read PipelineRun {name}: {}", Chain(&error));
                RunSight::Unknown
            }
        }
    }
}

fn unread(error: StoreError) -> Failure {
    Failure::failed(format!("{}; try again", Chain(&error)))
}
