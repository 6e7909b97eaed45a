//! A world with a judged record, and processes that can be killed at any request.

use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use serde_json::Value;
use standins::{Installed, JobScript, Night, Server, TokioTime, World, Writes};

use crate::attest::artifact::referrers_tag;
use crate::attest::key::{PublicKey, SigningKeyFile};
use crate::attest::push::{self, Lookup};
use crate::attest::samples::{data, public};
use crate::attest::store::Store;
use crate::attest::verify::{Answer, Expected, Overrides, verify};
use crate::attestor::{Attested, Given, Options, Servers, run};
use crate::clock::{RuntimeClock, SharedClock};
use crate::cluster::Tenant;
use crate::evidence::GivenRules;
use crate::failure::Failure;
use crate::gate::verdict::decide;
use crate::http::SharedTransport;
use crate::image::Digest;
use crate::jobs;
use crate::launch::order;
use crate::prow;
use crate::record::samples::{attempt, job};
use crate::record::{
    Candidate, Cause, Class, GateRecord, Identity, JobState, Journal, LaunchOptions, PolicyRecord,
    ProofMode, Tested,
};
use crate::registry::credentials::Credentials;
use crate::registry::{Registry, RegistryOptions};
use crate::support::killer::{Deadly, Killer, NEVER};
use crate::support::memory::Memory;
use crate::support::network;

pub const GATE: &str = "ARO HCP";

/// The blocking jobs.
pub const JOBS: [&str; 2] = ["e2e-aks", "e2e-aks-upgrade"];

/// The informing job.
pub const INFORMING: &str = "e2e-kubevirt";

/// Where the record and its Release are.
pub const NS: &str = "konflux-tenant";

pub const LOG: &str = "artifacts/*/hypershift-install/build-log.txt";

const VARIABLE: &str = "OVERRIDE_IMAGE";

/// The repository of verdicts, without its host.
pub const OWN: &str = "acme/verdicts";

pub struct Scene {
    pub world: World,
    pub night: Installed,
    pub clock: SharedClock,
    pub memory: Memory,
}

impl Scene {
    /// All three jobs passed. Must be made inside a runtime whose time is paused.
    pub async fn passed() -> Self {
        Self::with([JobScript::passes(), JobScript::passes()], Cause::Passed).await
    }

    /// The blocking jobs did as their scripts say; the record says that the first passed, and of the
    /// second this.
    pub async fn with(scripts: [JobScript; 2], second: Cause) -> Self {
        let start: Timestamp = "2026-08-20T06:00:00Z".parse().unwrap();
        let world = World::builder().clock(TokioTime::starting_at(start)).build();
        world.registry().writes(Writes::WithReferrers);
        let night = Night::aro_hcp().install(&world, &host());
        for (job, script) in JOBS.iter().zip(scripts) {
            world.prow().job(job, script);
        }
        world.prow().job(INFORMING, JobScript::passes());
        let clock: SharedClock = Arc::new(RuntimeClock::starting_at(start));
        let scene = Self { world, night, clock, memory: Memory::default() };
        let record = scene.record(second).await;
        scene.memory.replace(serde_json::to_vec(&record).unwrap());
        scene
    }

    async fn record(&self, second: Cause) -> GateRecord {
        let now = self.clock.now();
        let mut record = GateRecord::begin("run", now);
        let candidate = Candidate::of(self.night.reference.parse().unwrap());
        let index = self
            .registry(candidate.image.repository(), &Killer::at(NEVER))
            .find_manifest(candidate.digest.as_str())
            .await;
        record.candidate = Some(Candidate {
            snapshot: Some(self.night.snapshot.clone()),
            component: Some("hypershift-operator-main".to_owned()),
            index: index
                .unwrap()
                .map(|stored| String::from_utf8(stored.bytes.to_vec()).unwrap()),
            ..candidate
        });
        record.gate = Some(GATE.to_owned());
        record.run = Some("ho-release-gate-x7k2p".to_owned());
        record.launch = Some(LaunchOptions::default());
        record.policy = Some(PolicyRecord {
            proof_logs: vec![LOG.to_owned()],
            hollow: Some(ProofMode::Enforce),
            rerun: [(Cause::Infrastructure, 1)].into(),
            ..PolicyRecord::default()
        });
        let state = match second {
            Cause::Passed => JobState::Success,
            _ => JobState::Failure,
        };
        let asked = [
            (JOBS[0], Class::Blocking, JobState::Success, Cause::Passed),
            (JOBS[1], Class::Blocking, state, second),
            (INFORMING, Class::Informing, JobState::Success, Cause::Passed),
        ];
        for (name, class, state, cause) in asked {
            let mut asked = job(name, class, vec![attempt(state, Some(cause))]);
            asked.override_env = vec![VARIABLE.to_owned()];
            record.jobs.push(asked);
            let order = order(&record, name, 1).unwrap().pod_spec_options;
            let ago = Duration::from_secs(4 * 3600);
            let run = self.world.prow().launched_ago(name, ago, order.envs, order.labels);
            record.job_mut(name).unwrap().attempts[0].execution = Some(run);
        }
        record.verdict = Some(decide(&record, now));
        record
    }

    /// What the pipeline gives: bundles into the repository of verdicts.
    pub fn options(&self) -> Options {
        let names = serde_json::to_string(&JOBS).unwrap();
        let variable = [VARIABLE.to_owned()];
        let asked =
            jobs::Given { blocking: Some(&names), override_env: &variable, ..Default::default() };
        let rules = GivenRules::read(Some("enforce"), &[LOG.to_owned()], Some("enforce"));
        let given = Given {
            tested: Tested {
                image: Some(self.night.reference.parse().unwrap()),
                snapshot: Some(self.night.snapshot.clone()),
            },
            request: Some(jobs::read(&asked).unwrap()),
            rules: rules.unwrap(),
            gate: Some(GATE.to_owned()),
            url: None,
        };
        Options {
            given,
            buckets: crate::prow::BUCKETS.map(str::to_owned).to_vec(),
            key: Some(SigningKeyFile::new("--sign-key", data("open.key"))),
            push: Some(format!("{}/{OWN}", host())),
            ..Options::default()
        }
    }

    pub fn registry(&self, repository: &str, killer: &Arc<Killer>) -> Registry {
        let transport: SharedTransport = Arc::new(Deadly(network(&self.world), killer.clone()));
        let (nobody, usual) = (Credentials::default(), RegistryOptions::default());
        Registry::over(transport, repository, &nobody, &usual, self.clock.clone()).writing()
    }

    /// Runs one process, killed at a point; `None` when it died. And the points that it passed.
    pub async fn process(
        &self,
        options: &Options,
        point: u64,
    ) -> (Option<Result<Attested, Failure>>, u64) {
        let killer = Killer::at(point);
        let transport: SharedTransport = Arc::new(Deadly(network(&self.world), killer.clone()));
        let prow = prow::Servers::stand_in(transport);
        let open =
            |repository: &str| Ok(Box::new(self.registry(repository, &killer)) as Box<dyn Store>);
        let cluster = crate::support::cluster(&self.world, NS);
        let tenant = Tenant::new(&cluster, self.clock.clone());
        let servers = Servers { prow: &prow, registry: &open, tenant: Some(&tenant) };
        let process = async {
            let store = Box::new(Deadly(self.memory.clone(), killer.clone()));
            let identity = Identity { gate: options.given.gate.clone(), ..Identity::default() };
            let journal = Journal::existing(store, self.clock.clone(), &identity).await?;
            run(&journal, options, servers, &self.clock).await
        };
        let end = killer.run(process).await;
        (end, killer.passed())
    }

    /// Runs a process that does not die.
    pub async fn run(&self, options: &Options) -> Result<Attested, Failure> {
        self.process(options, NEVER).await.0.unwrap()
    }

    pub fn image(&self) -> Digest {
        self.night.image.digest.parse().unwrap()
    }

    /// What a consumer with the key is told of the gate's verdict on the image.
    pub async fn consumer(&self, key: &PublicKey) -> Option<Answer> {
        self.consumer_with(key, Overrides::Refused).await
    }

    /// The same with what the consumer thinks of overrides.
    pub async fn consumer_with(&self, key: &PublicKey, overrides: Overrides) -> Option<Answer> {
        let registry = self.registry(&format!("{}/{OWN}", host()), &Killer::at(NEVER));
        let found = push::find(&registry, &self.image(), GATE).await.unwrap();
        let Lookup::Found(found) = found else { return None };
        let expected = Expected {
            image: self.image(),
            gate: GATE.to_owned(),
            jobs: JOBS.map(str::to_owned).to_vec(),
            max_age: None,
            overrides,
        };
        Some(verify(&found.bundle.unwrap(), key, &expected, self.clock.now()))
    }

    /// Whether the image is told to have passed.
    pub async fn holds(&self) -> bool {
        let answer = self.consumer(&public("open.pub")).await;
        matches!(answer, Some(Answer::Holds(_)))
    }

    /// What the repository of verdicts holds: tags with what they show, and how many manifests.
    pub fn own(&self) -> (Vec<(String, String)>, usize) {
        let registry = self.world.registry();
        (registry.tags(OWN).into_iter().collect(), registry.manifests(OWN).len())
    }

    /// Everything in the candidate's repository that was not there from the build.
    pub fn beside(&self) -> Vec<Value> {
        let found = self.world.registry().manifests(&self.night.image.repository);
        let referrer = |manifest: &Value| {
            manifest["artifactType"].is_string()
                || manifest.to_string().contains("sigstore")
                || manifest["manifests"][0]["artifactType"].is_string()
        };
        let tags = self.world.registry().tags(&self.night.image.repository);
        let listed = tags.get(&referrers_tag(&self.image()));
        let kept = found.into_iter().filter(referrer);
        kept.chain(listed.map(|digest| Value::String(digest.clone())))
            .collect()
    }

    /// How often somebody has written into a registry.
    pub fn writes(&self) -> usize {
        let asked = self.world.requests_to(Server::Registry);
        asked
            .iter()
            .filter(|asked| ["PUT", "POST"].contains(&asked.method.as_str()))
            .count()
    }
}

/// The registry's host.
pub fn host() -> String {
    Server::Registry.base().replace("https://", "")
}
