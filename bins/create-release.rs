//! `create-release`: promotes the tested image with one Konflux Release, and waits until it landed.
//!
//! Reads the gate record: the candidate and the verdict. Only a record that says passed is
//! promoted. The Snapshot must still have the tested digest; the ReleasePlan must be matched by an
//! active admission and must say auto-release "false"; nothing newer may have been released. A
//! Release that exists for plan and Snapshot is adopted, never doubled. Then the Release is
//! followed to its end, which goes into the record; from there it is repeated without a request.
//!
//! Results: `release` (its name), `released` (true, false, unknown).
//! Exit codes: 0 released, or not to be waited for; 1 failed, missing, or still running; 2 bad
//! input; 3 the gate says no; 4 what became of the image is not known.

use std::path::PathBuf;
use std::process::ExitCode;

use argh::{ArgsInfo, FromArgs};
use gate::cluster::{Cluster, ClusterOptions};
use gate::duration;
use gate::konflux::Konflux;
use gate::promote::{self, Mode, Options};
use gate::record::{Identity, Journal, Location, note_stop, store_at};
use gate::snapshot::is_name;
use gate::step::{self, Failure, Results, Step};
use gate::text;

#[derive(FromArgs, ArgsInfo)]
#[argh(
    description = "Promotes the tested image: makes the one Release of its Snapshot and ReleasePlan, if the record's\nverdict is passed, and follows it to its end. Run again after a crash: what exists is adopted.",
    usage = "--record RECORD --release-plan PLAN [options]",
    example = "{command_name} --record file:gate.json --release-plan hypershift-operator-verified --check",
    example = "{command_name} --record configmap:gate-x7k2p --release-plan hypershift-operator-verified",
    note = "Needs these rights in the namespace: get snapshots and releaseplans; get, list, watch and create\nreleases; get and update configmaps, for a record in one. --check needs to get and list only.",
    error_code(0, "released; already released; not waited for (--wait 0); --check and --dry-run passed"),
    error_code(1, "failed or still running; plan or Snapshot missing, plan unmatched; cluster trouble"),
    error_code(2, "bad input; nothing was asked"),
    error_code(3, "the gate says no: verdict, another digest, older image, auto-release, blocked plan"),
    error_code(4, "it is not known what became of the image, or whether the Release exists")
)]
struct Args {
    /// the gate record, configmap:NAME or file:PATH
    #[argh(option, arg_name = "RECORD")]
    record: String,
    /// the ReleasePlan of the Release
    #[argh(option, arg_name = "PLAN")]
    release_plan: String,
    /// how long a Release may take from its creation, 0 to not wait [default: 45m]
    #[argh(option, arg_name = "DURATION")]
    wait: Option<String>,
    /// how many days the Release is kept [default: the plan's]
    #[argh(option, arg_name = "DAYS")]
    grace_period_days: Option<String>,
    /// promote even if an image built later has been released
    #[argh(switch)]
    allow_older: bool,
    /// after this run's own Release has failed, make another; after an unknown end, look again
    #[argh(switch)]
    again: bool,
    /// only look whether a Release would be possible, and end as it would; needs no verdict, makes
    /// nothing, and notes in a record without jobs why not
    #[argh(switch)]
    check: bool,
    /// let the server try the creation without doing it, show the object on stderr, note that in the record
    #[argh(switch)]
    dry_run: bool,
    /// the run's id, the PipelineRun's UID [default: the record's]
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
    /// where to write the result release
    #[argh(option, arg_name = "PATH")]
    result_release: Option<PathBuf>,
    /// where to write the result released
    #[argh(option, arg_name = "PATH")]
    result_released: Option<PathBuf>,
}

impl step::Arguments for Args {
    fn log_format(&self) -> Option<&str> {
        self.log_format.as_deref()
    }

    fn time_scale(&self) -> Option<&str> {
        self.time_scale.as_deref()
    }
}

/// The typed text made into what is meant.
fn options(args: &Args) -> Result<Options, Failure> {
    if !is_name(&args.release_plan) {
        return Err(Failure::misuse(format!(
            "--release-plan: expected lower-case letters, digits and -, at most 63, found {:?}",
            args.release_plan
        )));
    }
    let wait = match args.wait.as_deref().map(duration::parse).transpose() {
        Ok(wait) => wait.unwrap_or(promote::WAIT),
        Err(error) => return Err(Failure::misuse(format!("--wait: {error}"))),
    };
    let days = args.grace_period_days.as_deref().map(|text| {
        let days = text.parse().ok().filter(|days| (1..=365).contains(days));
        days.ok_or_else(|| {
            Failure::misuse(format!("--grace-period-days: expected a number of days from 1 to 365, found {text:?}"))
        })
    });
    let mode = match (args.check, args.dry_run) {
        // The pipeline gives its release-args to the check as well, --dry-run among them.
        (true, _) => Mode::Check,
        (false, true) => Mode::DryRun,
        (false, false) => Mode::Create,
    };
    Ok(Options {
        plan: args.release_plan.clone(),
        wait,
        grace_period_days: days.transpose()?,
        allow_older: args.allow_older,
        again: args.again,
        mode,
    })
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let results = [("release", &args.result_release), ("released", &args.result_released)];
    let mut results = Results::declare(results).map_err(Failure::misuse)?;
    let options = options(&args)?;
    let location: Location = args.record.parse().map_err(Failure::misuse)?;
    let cluster = ClusterOptions {
        kubeconfig: args.kubeconfig,
        context: args.context,
        namespace: args.namespace,
        ca_file: args.ca_file,
    };
    let cluster = Cluster::connect(&cluster).await.map_err(Failure::misuse)?;
    let identity = Identity {
        run_id: args.run_id,
        run_name: args.run_name,
        gate: args.gate_label,
        scenario: args.scenario,
        namespace: Some(cluster.namespace.clone()),
    };
    let store = store_at(&location, Some(&cluster));
    let journal = match options.mode {
        Mode::Create => Journal::join(store, step.clock.clone(), &identity).await?,
        Mode::Check | Mode::DryRun => Journal::existing(store, step.clock.clone(), &identity).await?,
    };
    let konflux = Konflux::new(&cluster, step.clock.clone());
    let promotion = promote::run(&konflux, &journal, &options, &step.clock).await;
    if options.mode == Mode::Check {
        let refused = promotion.as_ref().ok().and_then(|promotion| promotion.end().err());
        let refused = refused.as_ref().or(promotion.as_ref().err());
        note_stop(&journal, &step.clock, "create-release", refused).await;
    }
    let promotion = promotion?;
    if let Some(object) = promotion.shown() {
        eprintln!("{}", text::harmless(&object));
    }
    results.set("release", promotion.release.as_deref().unwrap_or_default());
    results.set("released", promotion.released.as_str());
    let checks = promotion.checks.as_ref().map(|checks| ("checks", checks.json()));
    results.write_with(checks.as_slice(), || promotion.table()).map_err(Failure::failed)?;
    promotion.end()
}

pub(crate) fn main() -> ExitCode {
    step::main::<Args, _, _>("create-release", run)
}
