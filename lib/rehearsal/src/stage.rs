//! The stage of a rehearsal: stand-in servers with a scenario's night, and what a PipelineRun in
//! their cluster is given.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::{Value, json};
use standins::{
    Access, CLUSTER_TOKEN, Installed, Limit, Night, ReleaseScript, Server, Servers, USER, WEBHOOK,
    World, Writes,
};

use crate::before::{hold, put_before, remember};
use crate::document::ParamValue;
use crate::run::Request;
use crate::scenario::{Attest, Gangway, Image, OtherGate, Scenario};
use crate::task::Laptop;
use crate::volumes::{Files, Mountable};

/// Name of the scenario (IntegrationTestScenario) that the run belongs to.
pub const TEST_SCENARIO: &str = "ho-release-gate-aro-hcp";

/// The gate's name, the default of the pipeline's parameter `gate-label`.
pub(crate) const GATE: &str = "ARO HCP";

/// Gangway's limit in production: 9 requests a minute for one address, burst 5.
const LIMIT: Limit = Limit { per_minute: 9, burst: 5, retry_after: None };

/// A task has this long at least, however fast the night goes (30 seconds).
const SHORTEST_TIMEOUT: Duration = Duration::from_secs(30);

/// The key that signs verdicts, as cosign 3 wrote it; made for this and used for nothing else.
pub const SIGNING_KEY: &str = include_str!("../data/cosign.key");

/// Password of [`SIGNING_KEY`].
pub const SIGNING_PASSWORD: &str = "find-me-SIGNING-7Yp2/xW+qL9vB3nKd";

/// Repository of verdicts in the stand-in registry.
pub const VERDICTS: &str = "acme/verdicts";

/// Labels of a PipelineRun that the steps read from their pods.
const SNAPSHOT_LABEL: &str = "appstudio.openshift.io/snapshot";
const SCENARIO_LABEL: &str = "test.appstudio.openshift.io/scenario";

/// Served stand-ins, ready for a run.
pub struct Stage {
    /// Their state
    pub world: World,
    /// Their addresses; they end when this is dropped
    pub servers: Servers,
    /// What the night consists of
    pub installed: Installed,
    /// Namespace of everything
    pub namespace: String,
    /// Name of the PipelineRun
    pub run: String,
    /// Its UID
    pub uid: String,
    secrets: Secrets,
    attest: Attest,
    parameters: BTreeMap<String, String>,
    gate: OtherGate,
    runs: u64,
}

/// What the stand-ins let in.
#[derive(Debug, Clone)]
pub struct Secrets {
    /// Gangway's token
    pub gangway: String,
    /// Path of Slack's webhook
    pub webhook: String,
    /// Token of the steps' account
    pub cluster: String,
    /// What the registry's token service asks for, as docker's `config.json` has it: the base64 of
    /// `user:password`; if there is none, everybody may read
    pub registry: Option<String>,
}

impl Default for Secrets {
    fn default() -> Self {
        Self {
            gangway: Night::aro_hcp().token,
            webhook: WEBHOOK.to_owned(),
            cluster: CLUSTER_TOKEN.to_owned(),
            registry: None,
        }
    }
}

impl Stage {
    /// Serves a scenario; the same seed gives the same names and ids.
    ///
    /// # Errors
    /// No free port on loopback.
    pub fn set(scenario: &Scenario, seed: u64, time_scale: u32) -> io::Result<Self> {
        Self::set_with(scenario, seed, time_scale, Secrets::default())
    }

    /// The same with secrets of the caller's.
    ///
    /// # Errors
    /// No free port on loopback.
    pub fn set_with(
        scenario: &Scenario,
        seed: u64,
        time_scale: u32,
        secrets: Secrets,
    ) -> io::Result<Self> {
        let world = World::builder()
            .time_scale(time_scale)
            .seed(seed)
            .gangway_limit(LIMIT)
            .build();
        let servers = world.serve()?;
        let night = Night { token: secrets.gangway.clone(), ..scenario.night() };
        world.slack().webhook(&secrets.webhook);
        world.kube().user(&secrets.cluster, USER);
        if let Some(wanted) = &secrets.registry {
            world.registry().access(Access::Bearer(Some(wanted.clone())));
        }
        let installed = night.install(&world, &servers.registry_host());
        for (job, _) in night.blocking.iter().chain(&night.informing) {
            world.prow().ran_yesterday(job);
        }
        if scenario.image == Image::Missing {
            world.registry().remove(&installed.image.digest);
        }
        if scenario.gangway == Gangway::Down {
            servers.close(Server::Gangway);
        }
        if scenario.attest == Attest::Taken {
            world.registry().writes(Writes::Taken);
        }
        put_before(&world, &night, &installed, scenario.before);
        remember(&world, &night, scenario);
        if let Some(reason) = &scenario.held {
            world
                .kube()
                .put(hold(&installed.plan, &night.namespace, reason, world.born()));
        }
        let gate = OtherGate {
            label: GATE.to_owned(),
            scenario: TEST_SCENARIO.to_owned(),
            plan: installed.plan.clone(),
        };
        let mut stage = Self {
            world,
            servers,
            installed,
            namespace: night.namespace,
            run: String::new(),
            uid: String::new(),
            secrets,
            attest: scenario.attest,
            parameters: scenario.parameters.clone(),
            gate,
            runs: seed,
        };
        stage.begin();
        Ok(stage)
    }

    /// Another run on the same Snapshot, of this gate or of another one.
    pub fn again(&mut self, gate: Option<&OtherGate>) {
        if let Some(gate) = gate {
            let kube = self.world.kube();
            for plural in ["releaseplans", "releaseplanadmissions"] {
                for mut object in kube.all(plural) {
                    object["metadata"]["name"] = json!(gate.plan);
                    kube.put(object);
                }
            }
            let script = ReleaseScript {
                component: Some(Night::aro_hcp().component),
                ..ReleaseScript::released()
            };
            kube.releases_of(&gate.plan, vec![script]);
            self.gate = gate.clone();
        }
        self.runs += 1;
        self.begin();
    }

    /// Makes the PipelineRun.
    fn begin(&mut self) {
        self.run = format!("ho-release-gate-{:05x}", self.runs & 0xf_ffff);
        let (snapshot, scenario) = (&self.installed.snapshot, &self.gate.scenario);
        let now = format!("{:.0}", self.world.now());
        let kube = self.world.kube();
        kube.put(pipeline_run(&self.namespace, &self.run, (snapshot, scenario), &now));
        let stored = kube
            .get("pipelineruns", &self.namespace, &self.run)
            .unwrap_or_default();
        self.uid = stored["metadata"]["uid"].as_str().unwrap_or_default().to_owned();
    }

    /// Says in the PipelineRun that it has ended.
    pub fn ended(&self, succeeded: bool) {
        let (status, reason) = if succeeded { ("True", "Succeeded") } else { ("False", "Failed") };
        let now = format!("{:.0}", self.world.now());
        self.world
            .kube()
            .change("pipelineruns", &self.namespace, &self.run, |run| {
                run["status"]["completionTime"] = json!(now);
                run["status"]["conditions"][0]["status"] = json!(status);
                run["status"]["conditions"][0]["reason"] = json!(reason);
            });
    }

    /// A word of a command with what is this run's filled in.
    pub fn filled(&self, word: &str) -> String {
        word.replace("{record}", &format!("configmap:gate-{}", self.run))
            .replace("{plan}", &self.gate.plan)
            .replace("{digest}", &self.installed.image.digest)
    }

    /// Flags that name the stand-ins in place of production's servers, as a program takes them.
    pub fn services(&self, program: &str) -> Vec<String> {
        let flags = match program {
            "override-gate" | "create-release" => vec![
                ("--deck-url", self.servers.deck_url()),
                ("--artifacts-url", self.servers.artifacts_url()),
            ],
            _ => Vec::new(),
        };
        flags
            .into_iter()
            .flat_map(|(flag, url)| [flag.to_owned(), url])
            .collect()
    }

    /// What integration-service would write into the PipelineRun: parameters that this pipeline
    /// takes from its scenario, and addresses of the stand-ins in place of production's.
    pub fn request(&self) -> Request {
        let mut texts = vec![
            ("SNAPSHOT", self.installed.snapshot_json.clone()),
            ("release-plan-name", self.gate.plan.clone()),
            ("gate-label", self.gate.label.clone()),
            ("e2e-blocking-job-names", self.installed.blocking.clone()),
            ("e2e-informing-job-names", self.installed.informing.clone()),
            ("gangway-url", self.servers.gangway_url()),
            ("deck-url", self.servers.deck_url()),
            ("artifacts-url", self.servers.artifacts_url()),
        ];
        if self.attest != Attest::Off {
            let verdicts = format!("{}/{VERDICTS}", self.servers.registry_host());
            texts.extend([("attest", "bundle".to_owned()), ("attest-repository", verdicts)]);
        }
        Request {
            name: self.run.clone(),
            uid: self.uid.clone(),
            namespace: self.namespace.clone(),
            params: texts
                .into_iter()
                .map(|(name, text)| (name.to_owned(), text))
                .chain(self.parameters.clone())
                .map(|(name, text)| (name, ParamValue::String(text)))
                .collect(),
        }
    }

    /// Gangway's token, Slack's webhook and the key that signs verdicts, by Secret.
    pub fn secrets(&self) -> BTreeMap<String, Files> {
        let one = |key: &str, text: &str| Files::from([(key.to_owned(), text.to_owned())]);
        // The pull secret may push as well.
        let push = self.home().into_values().map(|file| ("config.json".to_owned(), file));
        BTreeMap::from([
            ("gate-verdicts-push".to_owned(), push.collect()),
            ("gangway-token".to_owned(), one("token", &self.secrets.gangway)),
            (
                "slack-webhook".to_owned(),
                one("url", &(self.servers.url(Server::Slack) + &self.secrets.webhook)),
            ),
            (
                "gate-signing-key".to_owned(),
                Files::from([
                    ("cosign.key".to_owned(), SIGNING_KEY.to_owned()),
                    ("cosign.password".to_owned(), SIGNING_PASSWORD.to_owned()),
                ]),
            ),
        ])
    }

    /// This machine in place of the cluster. What a pod has from its cluster and a laptop has not:
    /// a kubeconfig for the service account's token and namespace, and for every step
    /// `--time-scale`. Nothing else is added to what the pipeline says.
    ///
    /// # Errors
    /// The folder cannot be written.
    pub fn laptop(
        &self,
        programs: PathBuf,
        work: &Path,
        binaries: &[String],
    ) -> io::Result<Laptop> {
        let kubeconfig = work.join("kubeconfig");
        self.write_kubeconfig(&kubeconfig)?;
        let time_scale = vec!["--time-scale".to_owned(), self.world.scale().to_string()];
        let log_filter = std::env::var("RUST_LOG")
            .ok()
            .map(|filter| ("RUST_LOG".to_owned(), filter));
        let mut env = vec![("KUBECONFIG".to_owned(), kubeconfig.to_string_lossy().into_owned())];
        env.extend(log_filter);
        Ok(Laptop {
            programs,
            work: work.to_owned(),
            mountable: Mountable { secrets: self.secrets(), config_maps: BTreeMap::new() },
            home: self.home(),
            labels: BTreeMap::from([
                (SNAPSHOT_LABEL.to_owned(), self.installed.snapshot.clone()),
                (SCENARIO_LABEL.to_owned(), self.gate.scenario.clone()),
            ]),
            env,
            extra_args: binaries
                .iter()
                .map(|name| (name.clone(), time_scale.clone()))
                .collect(),
            time_scale: self.world.scale(),
            shortest_timeout: SHORTEST_TIMEOUT,
        })
    }

    /// Writes a kubeconfig of the steps' account.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_kubeconfig(&self, path: &Path) -> io::Result<()> {
        self.servers
            .write_kubeconfig_with(path, &self.namespace, &self.secrets.cluster)
    }

    /// The pull secret, where Tekton puts it.
    fn home(&self) -> Files {
        let pull = |auth: &String| {
            let auths = json!({"auths": {self.servers.registry_host(): {"auth": auth}}});
            (".docker/config.json".to_owned(), auths.to_string())
        };
        self.secrets.registry.iter().map(pull).collect()
    }

    /// The gate record as it stands, if a step wrote one.
    pub fn record(&self) -> Option<String> {
        let map =
            self.world
                .kube()
                .get("configmaps", &self.namespace, &format!("gate-{}", self.run))?;
        Some(map["data"]["record.json"].as_str()?.to_owned())
    }
}

/// The PipelineRun, as far as a step looks at it.
fn pipeline_run(
    namespace: &str,
    name: &str,
    (snapshot, scenario): (&str, &str),
    started: &str,
) -> Value {
    json!({
        "apiVersion": "tekton.dev/v1",
        "kind": "PipelineRun",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "creationTimestamp": started,
            "labels": {SNAPSHOT_LABEL: snapshot, SCENARIO_LABEL: scenario},
        },
        "spec": {"timeouts": {"pipeline": "7h15m0s", "tasks": "6h0m0s", "finally": "1h15m0s"}},
        "status": {
            "startTime": started,
            "conditions": [{"type": "Succeeded", "status": "Unknown", "reason": "Running"}],
        },
    })
}
