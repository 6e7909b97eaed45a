//! `resolve-image`: from a Snapshot to one image digest that is proven to exist.
//!
//! The component must be in the Snapshot exactly once, with a digest. Unless `--offline`, its registry is
//! asked for the manifest by that digest, and for the manifests and configurations of its platforms;
//! everything that comes is proven by its SHA-256. With `--record` the gate record is bound to it.

use std::process::ExitCode;

use gate::arguments;
use gate::failure::{Failure, OrExit};
use gate::record::{Candidate, Identity, Location};
use gate::resolve::{self, Demands, Options, SnapshotFlag};
use gate::site::Site;
use gate::snapshot::ComponentName;
use gate::step::args::{list, read};
use gate::step::{self, Results, Step};

arguments! {
    groups: check, snapshot_name, registry, run, access;
    results: "image", "digest", "revision", "snapshot";

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
        /// the Snapshot: its spec or the whole object as JSON, its name, @FILE, or - for standard
        /// input
        #[argh(option, arg_name = "SNAPSHOT")]
        snapshot: String,
        /// the component whose image is tested
        #[argh(option, arg_name = "NAME")]
        component: String,
        /// the component's version, where a Snapshot has several of that name [default: the only
        /// one]
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
        /// the gate record, configmap:NAME or file:PATH [default: none]
        #[argh(option, arg_name = "RECORD")]
        record: Option<String>,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("resolve-image", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let (site, mut results) = (Site::new(args.access(), step.clock), step.results);
    let record: Option<Location> = read(args.record.as_ref()).misuse()?;
    let name_needed = record.as_ref().is_some_and(Location::is_config_map);
    let snapshot = SnapshotFlag::read(&args.snapshot, args.snapshot_name.as_deref(), name_needed);
    let identity = Identity { namespace: args.namespace.clone(), ..args.run().into() };
    let options = Options {
        snapshot: snapshot.misuse()?,
        component: ComponentName { name: args.component, version: args.component_version },
        offline: args.offline,
        demands: Demands {
            platforms: list(&args.require_platform),
            revision: args.require_revision,
        },
        authfile: args.authfile,
        plain_http: list(&args.plain_http),
        record,
        identity,
    };
    if args.check {
        let (checks, candidate) = resolve::preflight(options, &site).await?;
        candidate.iter().for_each(|candidate| set(&mut results, candidate));
        return checks.end(&results);
    }
    let candidate = resolve::run(options, &site).await?;
    set(&mut results, &candidate);
    results.write(|| resolve::table(&candidate)).failed()
}

fn set(results: &mut Results, candidate: &Candidate) {
    results.set("image", candidate.image.to_string());
    results.set("digest", candidate.digest.as_str());
    results.set("revision", candidate.revision.as_deref().unwrap_or_default());
    results.set("snapshot", candidate.snapshot.as_deref().unwrap_or_default());
}
