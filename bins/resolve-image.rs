//! `resolve-image`: from a Snapshot to one image digest that is proven to exist.
//!
//! Reads the Snapshot as integration-service hands it to a run (the spec as JSON), as a whole
//! object, from a file, from standard input, or from the cluster by its name. The component must be
//! in it exactly once, with a digest. Unless `--offline`, the image's registry is asked for the
//! manifest by that digest, for the manifests and configurations of its platforms, and everything
//! that comes is proven by its SHA-256. With `--record` the candidate is written into the gate
//! record, and the record is bound to it.
//!
//! Results: `image`, `digest`, `revision`, `snapshot`; the last two are empty where unknown.
//! Exit codes: 0 resolved; 1 not in the registry, or registry or cluster trouble; 2 bad input;
//! 3 wrong content, a missing platform, another revision.

use std::path::PathBuf;
use std::process::ExitCode;

use argh::{ArgsInfo, FromArgs};
use gate::cluster::ClusterOptions;
use gate::failure::Failure;
use gate::record::{Candidate, Identity, Location};
use gate::registry::RegistryOptions;
use gate::resolve::{self, Demands, Options, SnapshotFlag};
use gate::snapshot::ComponentName;
use gate::step::{self, Results, Step};

#[derive(FromArgs, ArgsInfo)]
#[argh(
    description = "Finds the component's image in a Snapshot and proves that its registry has it: by digest, for every\nplatform, from the revision that the Snapshot names.",
    usage = "--snapshot SNAPSHOT --component NAME [options]",
    example = "{command_name} --component hypershift-operator-main --snapshot @snapshot.json",
    example = "kubectl get snapshot ho-20260820-031104-000 -o json | {command_name} --snapshot - \\\n    --component hypershift-operator-main --require-platform linux/amd64,linux/arm64",
    note = "Credentials come from --authfile or where podman and docker keep them: REGISTRY_AUTH_FILE,\nXDG_RUNTIME_DIR/containers/auth.json, ~/.config/containers/auth.json, ~/.docker/config.json.\nWithout an entry the registry is asked anonymously. Proxies: HTTPS_PROXY, HTTP_PROXY, NO_PROXY.",
    error_code(0, "resolved; with --check: nothing failed"),
    error_code(
        1,
        "not in the registry; trouble with the registry or the cluster; with --check: something failed"
    ),
    error_code(2, "bad input; nothing was asked"),
    error_code(3, "wrong content, a missing platform, another revision")
)]
struct Args {
    /// the Snapshot: its spec or the whole object as JSON, its name, @FILE, or - for standard input
    #[argh(option, arg_name = "SNAPSHOT")]
    snapshot: String,
    /// the Snapshot's name, where --snapshot does not say it
    #[argh(option, arg_name = "NAME")]
    snapshot_name: Option<String>,
    /// the component whose image is wanted
    #[argh(option, arg_name = "NAME")]
    component: String,
    /// the component's version, where the Snapshot has several of that name [default: the only one]
    #[argh(option, arg_name = "TEXT")]
    component_version: Option<String>,
    /// ask no registry
    #[argh(switch)]
    offline: bool,
    /// a platform that the image must have, such as linux/amd64; may be repeated
    #[argh(option, arg_name = "PLATFORM")]
    require_platform: Vec<String>,
    /// fail unless a label of the image names the Snapshot's git revision [default: warn]
    #[argh(switch)]
    require_revision: bool,
    /// look whether everything that this step needs is there and answers, and change nothing
    #[argh(switch)]
    check: bool,
    /// registry credentials: docker's config.json, podman's auth.json, or a folder with one
    #[argh(option, arg_name = "FILE")]
    authfile: Option<PathBuf>,
    /// a registry host to speak to without TLS, besides loopback; may be repeated
    #[argh(option, arg_name = "HOST")]
    plain_http: Vec<String>,
    /// the gate record, configmap:NAME or file:PATH [default: none]
    #[argh(option, arg_name = "RECORD")]
    record: Option<String>,
    /// the run's id, the PipelineRun's UID [default: random]
    #[argh(option, arg_name = "ID")]
    run_id: Option<String>,
    /// the run's name, the PipelineRun
    #[argh(option, arg_name = "NAME")]
    run_name: Option<String>,
    /// the run's IntegrationTestScenario
    #[argh(option, arg_name = "NAME")]
    scenario: Option<String>,
    /// the platform's name for people, such as "ARO HCP"
    #[argh(option, arg_name = "TEXT")]
    gate_label: Option<String>,
    /// the namespace [default: the kubeconfig's or the pod's]
    #[argh(option, arg_name = "NAMESPACE")]
    namespace: Option<String>,
    /// the kubeconfig [default: KUBECONFIG, then the pod's service account]
    #[argh(option, arg_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// the kubeconfig's context [default: its current one]
    #[argh(option, arg_name = "NAME")]
    context: Option<String>,
    /// certificates to trust besides the usual ones: a PEM file or a folder of them
    #[argh(option, arg_name = "PEM")]
    ca_file: Option<PathBuf>,
    /// how logs look [default: human]
    #[argh(option, arg_name = "human|json")]
    log_format: Option<String>,
    /// divide durations by this, for rehearsals [default: 1]
    #[argh(option, arg_name = "N")]
    time_scale: Option<String>,
    /// where to write the result image
    #[argh(option, arg_name = "PATH")]
    result_image: Option<PathBuf>,
    /// where to write the result digest
    #[argh(option, arg_name = "PATH")]
    result_digest: Option<PathBuf>,
    /// where to write the result revision
    #[argh(option, arg_name = "PATH")]
    result_revision: Option<PathBuf>,
    /// where to write the result snapshot
    #[argh(option, arg_name = "PATH")]
    result_snapshot: Option<PathBuf>,
}

impl step::Arguments for Args {
    fn log_format(&self) -> Option<&str> {
        self.log_format.as_deref()
    }

    fn time_scale(&self) -> Option<&str> {
        self.time_scale.as_deref()
    }
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let mut results = Results::declare([
        ("image", &args.result_image),
        ("digest", &args.result_digest),
        ("revision", &args.result_revision),
        ("snapshot", &args.result_snapshot),
    ])
    .map_err(Failure::misuse)?;
    let record: Option<Location> = args
        .record
        .as_deref()
        .map(str::parse)
        .transpose()
        .map_err(Failure::misuse)?;
    let name_needed = record.as_ref().is_some_and(Location::is_config_map);
    let demands = Demands {
        platforms: step::args::list(&args.require_platform),
        revision: args.require_revision,
    };
    let options = Options {
        snapshot: SnapshotFlag::read(&args.snapshot, args.snapshot_name.as_deref(), name_needed)
            .map_err(Failure::misuse)?,
        component: ComponentName { name: args.component, version: args.component_version },
        offline: args.offline,
        demands,
        authfile: args.authfile,
        registry: RegistryOptions {
            ca_file: args.ca_file.clone(),
            plain_http: step::args::list(&args.plain_http),
        },
        record,
        identity: Identity {
            run_id: args.run_id,
            run_name: args.run_name,
            gate: args.gate_label,
            scenario: args.scenario,
            namespace: args.namespace.clone(),
        },
        cluster: ClusterOptions {
            kubeconfig: args.kubeconfig,
            context: args.context,
            namespace: args.namespace,
            ca_file: args.ca_file,
        },
    };
    if args.check {
        let (checks, candidate) = resolve::preflight(options, step.clock).await?;
        candidate.iter().for_each(|candidate| set(&mut results, candidate));
        return checks.end(&results);
    }
    let candidate = resolve::run(options, step.clock).await?;
    set(&mut results, &candidate);
    results.write(|| resolve::table(&candidate)).map_err(Failure::failed)
}

fn set(results: &mut Results, candidate: &Candidate) {
    results.set("image", candidate.image.to_string());
    results.set("digest", candidate.digest.as_str());
    results.set("revision", candidate.revision.as_deref().unwrap_or_default());
    results.set("snapshot", candidate.snapshot.as_deref().unwrap_or_default());
}

pub(crate) fn main() -> ExitCode {
    step::main::<Args, _, _>("resolve-image", run)
}
