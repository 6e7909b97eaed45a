//! `launch-prow`: launches each Prow job exactly once, against one image digest.
//!
//! Everything is checked before anything is sent. Each order has a key of its own, which is in the gate
//! record before it is sent. Run again, whatever happened, it carries on: what runs is adopted, what was
//! never made is ordered, and where neither can be found out it stops rather than order twice.

use std::process::ExitCode;
use std::time::Duration;

use gate::arguments;
use gate::duration;
use gate::failure::{Failure, OrExit};
use gate::image::ImageRef;
use gate::jobs::{Flags, Request};
use gate::launch::{self, Options, Sampling};
use gate::preflight::input::check_input;
use gate::prow::Addresses;
use gate::record::{Identity, Location};
use gate::site::Site;
use gate::step::{self, Step, groups};

arguments! {
    groups: image, request, informing, gangway, prow, check, check_input, run, access;
    results: "launched";

    #[argh(
        description = "Launches each Prow job exactly once through Gangway, against one image digest, and writes the\nexecutions to the gate record. Run again after a crash: what runs already is adopted.",
        note = "The job list is YAML: - name: JOB, and besides, where wanted, class: blocking or informing\n[default: blocking], owner: TEXT, override-env: NAME or a list, env: a mapping, proof-log: GLOB,\nproof-last: true (that log alone proves, and the image is the last in it), tests: N (a success of fewer\ndoes not count), junit: ignore,\nevery: 3d (not every night: when its last pass is that old, or it did not pass), cell: a mapping.\nOr a mapping of jobs: LIST and matrix: dimensions, required, except, fresh, budget.\n\n--image is required but for --check-input, --gangway-token-file but for --dry-run.",
        example = "{command_name} --record file:gate.json --image quay.io/acme/ho@sha256:4be1… \\\n    --blocking '[\"periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-aks\"]' \\\n    --override-env OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE --gangway-token-file token",
        example = "{command_name} --record file:gate.json --image quay.io/acme/ho@sha256:4be1… \\\n    --jobs jobs.yaml --override-env OPERATOR_IMAGE --dry-run",
        error_code(0, "launched, now or before; with --check: nothing failed"),
        error_code(
            1,
            "a blocking job was refused, or Gangway or the record cannot be reached; with --check: something failed"
        ),
        error_code(2, "bad input; nothing was sent"),
        error_code(4, "it is not known whether a job runs; stopped so that nothing is done twice")
    )]
    struct Args {
        /// the gate record, configmap:NAME or file:PATH; begun if there is none
        #[argh(option, arg_name = "RECORD")]
        record: String,
        /// check everything and show what would be sent; send and write nothing
        #[argh(switch)]
        dry_run: bool,
        /// take over runs of other gates and earlier runs that go on or have passed on this image
        /// with the same variables, if they ended no longer ago than this, such as 12h; needs a
        /// record in a ConfigMap [default: launch every job]
        #[argh(option, arg_name = "AGE")]
        reuse: Option<String>,
        /// run the jobs with every too, due or not, whatever the budget
        #[argh(switch)]
        all_cells: bool,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("launch-prow", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let (site, mut results) = (Site::new(args.access(), step.clock.clone()), step.results);
    let identity = Identity { namespace: args.namespace.clone(), ..args.run().into() };
    if args.check_input {
        return check_input("launch-prow", &args.record, &identity, &site, input(&args)).await;
    }
    let location: Location = args.record.parse().misuse()?;
    let missing = || Failure::misuse("expected --image REF, the image under test");
    let image: ImageRef = args
        .image
        .as_ref()
        .ok_or_else(missing)?
        .parse()
        .misuse_of("--image")?;
    let (request, addresses) = input(&args)?;
    let store = site.store(&location).await.misuse()?;
    let prow = site.prow(&addresses).misuse()?;
    let cluster = site.cluster_of(Some(&location)).await.misuse()?.cloned();
    let sampling = Sampling { cluster, all: args.all_cells };
    let identity = Identity { namespace: site.namespace(), ..identity };
    let reuse = reuse(&args)?;
    let options = Options { image, request, identity, sampling, reuse };
    results.set("launched", "0");
    if args.check {
        let checks = launch::preflight(&options, &location, &site, &prow).await?;
        return checks.end(&results);
    }
    if args.dry_run {
        let preview = launch::dry_run(&options, store, prow.token.as_ref(), step.clock).await?;
        let shown = launch::as_json(&preview);
        return results.write_with(&shown, || launch::preview(&preview)).failed();
    }
    let ended = launch::run(&options, store, &prow, step.clock).await?;
    results.set("launched", ended.launched.to_string());
    results.write(|| ended.shown(&args.record)).failed()?;
    ended.end()
}

/// What the flags say, but for the image, which a look at the input alone does without.
fn input(args: &Args) -> Result<(Request, Addresses), Failure> {
    reuse(args)?;
    let request = groups::Request { informing: args.informing.clone(), ..args.request() };
    Ok((
        Flags::of(&request).read().misuse()?,
        Addresses::read(&args.prow(), &args.gangway()).misuse()?,
    ))
}

/// `--reuse`; an empty one, or 0, switches it off.
fn reuse(args: &Args) -> Result<Option<Duration>, Failure> {
    let age = args.reuse.as_deref().map(duration::parse).transpose();
    Ok(age.misuse_of("--reuse")?.filter(|age| !age.is_zero()))
}
