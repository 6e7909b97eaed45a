//! A season: many nights of three gates, played at once from a seed, as what they leave in their
//! namespace. No step runs for it: the documents have the form that the steps write, and the tests
//! hold that they can be read.
//!
//! In it is what a team meets: a fault that stays for some nights, flaky tests, one that gets worse,
//! lost clusters, a run whose artifacts contradict it, a killed run, a record of an older version, a
//! Release that fails, a gate that stands still and one without any record yet.

mod chance;
mod job;
mod lists;
mod night;

use std::io::{self, Write};
use std::path::PathBuf;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use flate2::Compression;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use standins::{Servers, World};
use tempfile::TempDir;

use self::chance::Chance;
use self::job::Job;

/// A season to be played.
#[derive(Debug, Clone)]
pub struct Season {
    /// What everything is drawn from.
    pub seed: u64,
    /// When it ends.
    pub now: Timestamp,
    /// Gates that have nights, 1 to 3.
    pub gates: usize,
    /// Nights of each gate.
    pub nights: usize,
    /// Jobs of each gate.
    pub jobs: usize,
    /// Tests of each job.
    pub tests: usize,
    /// A text that is put into every name that comes from outside.
    pub hostile: Option<String>,
}

/// A season that is served as a cluster.
pub struct Standing {
    /// How to reach it.
    pub kubeconfig: PathBuf,
    _servers: Servers,
    _folder: TempDir,
}

/// The gates, each with its part of names.
const GATES: [(&str, &str); 3] = [("ARO HCP", "aks"), ("GCP HCP", "gke"), ("ROSA HCP", "aws")];

/// The gate of which there is no record yet.
const NEW_GATE: (&str, &str) = ("IBM Cloud HCP", "ibmcloud");

impl Season {
    /// Sixty nights as a team has them.
    pub fn new(seed: u64, now: Timestamp) -> Self {
        Self { seed, now, gates: 3, nights: 60, jobs: 8, tests: 400, hostile: None }
    }

    /// Everything that a namespace holds after it, as objects of its API.
    pub fn objects(&self, namespace: &str) -> Vec<Value> {
        let mut objects = Vec::new();
        for (number, (gate, platform)) in GATES.into_iter().take(self.gates).enumerate() {
            let gate = Gate { season: self, number, name: self.said(gate), platform };
            gate.play(&mut objects);
        }
        let (gate, platform) = NEW_GATE;
        let gate = Gate { season: self, number: GATES.len(), name: self.said(gate), platform };
        objects.push(gate.scenario());
        for object in &mut objects {
            object["metadata"]["namespace"] = json!(namespace);
        }
        objects
    }

    /// Serves that as a cluster, until what is returned is dropped.
    ///
    /// # Errors
    /// No free port on loopback, or no folder for temporary files.
    pub fn serve(&self, namespace: &str) -> io::Result<Standing> {
        let (world, folder) = (World::default(), tempfile::tempdir()?);
        for object in self.objects(namespace) {
            world.kube().put(object);
        }
        let servers = world.serve()?;
        let kubeconfig = folder.path().join("kubeconfig");
        servers.write_kubeconfig(&kubeconfig, namespace)?;
        Ok(Standing { kubeconfig, _servers: servers, _folder: folder })
    }

    /// A name as a foreigner might write it.
    fn said(&self, name: &str) -> String {
        self.hostile
            .as_ref()
            .map_or_else(|| name.to_owned(), |hostile| format!("{name}{hostile}"))
    }

    /// The evening of a night, counted back from the end.
    fn evening(&self, back: usize) -> Timestamp {
        self.now - SignedDuration::from_hours(24 * back as i64 + 9)
    }
}

/// A gate of a season.
struct Gate<'a> {
    season: &'a Season,
    number: usize,
    name: String,
    platform: &'a str,
}

impl Gate<'_> {
    fn plan(&self) -> String {
        format!("ho-release-gate-{}", self.platform)
    }

    /// Its IntegrationTestScenario.
    fn scenario(&self) -> Value {
        json!({
            "kind": "IntegrationTestScenario",
            "metadata": {"name": self.plan(), "labels": {"app.kubernetes.io/name": "release-gate"}},
            "spec": {"params": [
                {"name": "gate-label", "value": self.name},
                {"name": "release-plan-name", "value": self.plan()},
                {"name": "component", "value": "hypershift-operator-main"},
            ]},
        })
    }

    /// Plays all nights and adds what they leave.
    fn play(&self, objects: &mut Vec<Value>) {
        let mut chance = Chance::new(self.season.seed ^ ((self.number as u64 + 1) << 32));
        let mut jobs: Vec<Job> = (0..self.season.jobs).map(|n| Job::new(self, n)).collect();
        for back in (0..self.season.nights).rev() {
            self.night(back, &mut jobs, &mut chance, objects);
            for job in &mut jobs {
                job.scheduled(
                    self.season.evening(back) + SignedDuration::from_hours(6),
                    &mut chance,
                );
            }
        }
        objects.extend(jobs.iter().map(Job::history));
        objects.extend(self.lists());
        objects.push(self.scenario());
    }
}

/// The text as a label holds it.
fn label(text: &str) -> String {
    let fits = |c: char| if c.is_ascii_alphanumeric() { c } else { '-' };
    let text: String = text.chars().map(fits).take(60).collect();
    text.trim_matches('-').to_owned()
}

/// The SHA-256 of a text, in hex.
pub(crate) fn sha256(text: &str) -> String {
    Sha256::digest(text)
        .iter()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

/// A document as a ConfigMap holds it: packed, and in base64.
pub(crate) fn packed(document: &Value) -> String {
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    packed
        .write_all(document.to_string().as_bytes())
        .expect("memory takes everything");
    STANDARD.encode(packed.finish().expect("memory takes everything"))
}
