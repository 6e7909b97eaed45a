//! What the tests of the launch share: a request, a record, and servers that know its jobs.

use std::sync::Arc;

use standins::{JobScript, Server, TokioTime, World};

use super::request::begin;
use super::{Finder, Launcher};
use crate::clock::{SharedClock, SystemClock};
use crate::image::ImageRef;
use crate::jobs::{self, Given, Request};
use crate::prow::budget::Budget;
use crate::prow::{Addresses, Servers};
use crate::record::{Candidate, GateRecord, Identity, Journal, Store};
use crate::step::groups;
use crate::support::memory::Memory;
use crate::support::network;

pub(super) const JOB: &str = "periodic-e2e-aks";

pub(super) fn image(digit: char) -> ImageRef {
    format!("quay.io/acme/ho@sha256:{}", digit.to_string().repeat(64))
        .parse()
        .unwrap()
}

pub(super) struct Scene {
    pub world: World,
    pub clock: SharedClock,
    pub request: Request,
    pub record: Memory,
    token: tempfile::NamedTempFile,
}

impl Scene {
    /// Servers that know a job, or all of a job list, and a gate whose time is scaled. Must be made
    /// inside a runtime with paused time.
    pub fn new(jobs: &str, scale: u32) -> Self {
        let start = "2026-08-20T03:00:00Z".parse().unwrap();
        let world = World::builder().clock(TokioTime::starting_at(start)).build();
        world.prow().token("sha256~EXAMPLE");
        let token = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(token.path(), "sha256~EXAMPLE").unwrap();
        let list = if jobs.starts_with('-') { jobs.to_owned() } else { format!("- name: {jobs}") };
        let variables = ["OVERRIDE_IMAGE".to_owned()];
        let given = Given { jobs: Some(&list), override_env: &variables, ..Given::default() };
        let request = jobs::read(&given).unwrap();
        for job in &request.jobs {
            world.prow().job(&job.name, JobScript::passes());
        }
        let clock = Arc::new(SystemClock::new(scale));
        Self { world, clock, request, record: Memory::default(), token }
    }

    /// The record as the step begins it.
    pub fn begun(&self) -> GateRecord {
        let mut record = GateRecord::begin("uid", self.world.born());
        record.candidate = Some(Candidate::of(image('4')));
        begin(&mut record, &self.request, None);
        record
    }

    pub fn servers(&self) -> Servers {
        let prow = groups::Prow {
            deck_url: Some(Server::Deck.base()),
            artifacts_url: Some(Server::Bucket.base()),
            ..groups::Prow::default()
        };
        let gangway = groups::Gangway {
            url: Some(Server::Gangway.base()),
            token_file: Some(self.token.path().to_owned()),
            ..groups::Gangway::default()
        };
        let addresses = Addresses::read(&prow, &gangway).unwrap();
        addresses.open(network(&self.world)).unwrap()
    }

    /// The launcher of a process that has read its record there.
    pub async fn launcher(&self, store: impl Store + 'static) -> Launcher {
        let identity = Identity::default();
        let journal = Journal::existing(Box::new(store), self.clock.clone(), &identity);
        let servers = self.servers();
        let budget = Arc::new(Budget::new(self.clock.clone(), servers.limits, true));
        let gangway = servers.gangway(servers.token.clone().unwrap(), budget);
        let finder = Finder::new(gangway.clone(), servers.deck, servers.bucket);
        Launcher::new(Arc::new(journal.await.unwrap()), gangway, finder, self.clock.clone())
    }
}
