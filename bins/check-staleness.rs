//! `check-staleness`: an alarm when no image was verified for too long, with the cause.
//!
//! Reads the plan's Releases (in the cluster and in KubeArchive), the scenario's PipelineRuns and
//! the gate's records. Tells Slack, at most once per interval, and when it is over. Remembers what
//! it told in a record of its own kind, and deletes the gate's records beyond the newest 60.
//!
//! Exit codes: 0 fresh, 1 blind (a source did not answer, and that could have changed the finding)
//! or not delivered, 2 bad input, 3 stale, or an untested image was released automatically.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use argh::{ArgsInfo, FromArgs};
use gate::cluster::{Cluster, ClusterOptions, Tenant, bearer};
use gate::failure::Failure;
use gate::http::{BaseUrl, SharedTransport, UreqTransport, extra_certificates};
use gate::kubearchive::KubeArchive;
use gate::record::{ConfigMapStore, FileStore, Location, Store};
use gate::secret::SecretFile;
use gate::slack::{Slack, Target};
use gate::snapshot::ComponentName;
use gate::staleness::{self, Options, Quiet, Sources};
use gate::step::{self, Results, Step};

/// Says how old the newest verified image of a ReleasePlan is, raises an alarm when it is too old
/// or when that cannot be seen, and tells why: the gate did not run, was killed, failed, passed
/// without a Release, or runs now. Raises one at once when the plan releases untested images by
/// itself.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "Without --record every look that finds something tells it again. Without --scenario and --gate-label the cause is not known. With --application or --component an old image is no alarm while the newest Snapshot has it, until three times the limit: then that nothing new is built is told once.",
    example = "check-staleness --release-plan ho-release-gate-aro-hcp --scenario ho-release-gate-aro-hcp \\\n    --gate-label 'ARO HCP' --record configmap:staleness-aro-hcp \\\n    --slack-webhook-file webhook-url",
    example = "check-staleness --release-plan ho-release-gate-aro-hcp --quiet-day sat,sun \\\n    --quiet-window 2026-12-20/2027-01-02",
    error_code(
        0,
        "the newest verified image is young enough, or there is nothing newer to verify; with --check: nothing failed"
    ),
    error_code(
        1,
        "a source did not answer that could have changed this, or the message was not delivered; with --check: something failed"
    ),
    error_code(2, "bad input; nothing was sent"),
    error_code(
        3,
        "the newest verified image is too old, or there is none, or an untested one was released automatically"
    )
)]
struct Args {
    /// the ReleasePlan whose Releases verify an image
    #[argh(option, arg_name = "NAME")]
    release_plan: String,
    /// the gate's IntegrationTestScenario, to tell why there is no newer image
    #[argh(option, arg_name = "NAME")]
    scenario: Option<String>,
    /// the Application (or ComponentGroup) of the Snapshots, to tell whether there is anything
    /// newer
    #[argh(option, arg_name = "NAME")]
    application: Option<String>,
    /// the component that is gated, to tell its image among others of a Snapshot
    #[argh(option, arg_name = "NAME")]
    component: Option<String>,
    /// the component's version, where a Snapshot has several of that name [default: the only one]
    #[argh(option, arg_name = "TEXT")]
    component_version: Option<String>,
    /// days after which an image is too old, quiet time not counted [default: 3]
    #[argh(option, arg_name = "N")]
    threshold_days: Option<String>,
    /// day of the week (UTC) that does not count: sat,sun; may be repeated
    #[argh(option, arg_name = "DAY")]
    quiet_day: Vec<String>,
    /// time that does not count: dates (both included) or times, FROM/TO; may be repeated
    #[argh(option, arg_name = "FROM/TO")]
    quiet_window: Vec<String>,
    /// base URL of KubeArchive, for Releases that are no longer in the cluster [default: none]
    #[argh(option, arg_name = "URL")]
    kubearchive_url: Option<String>,
    /// file that holds the address of a Slack incoming webhook [default: none, only the exit code]
    #[argh(option, arg_name = "FILE")]
    slack_webhook_file: Option<PathBuf>,
    /// look whether everything that this step needs is there and answers, and change nothing
    #[argh(switch)]
    check: bool,
    /// how often an alarm that lasts is told again [default: 24h]
    #[argh(option, arg_name = "TIME")]
    repeat: Option<String>,
    /// where it remembers what it told, configmap:NAME or file:PATH [default: nowhere]
    #[argh(option, arg_name = "R")]
    record: Option<String>,
    /// the platform's name for people, by which the gate's records are found
    #[argh(option, arg_name = "TEXT")]
    gate_label: Option<String>,
    /// namespace of the Releases [default: the kubeconfig's or the pod's]
    #[argh(option, arg_name = "NAME")]
    namespace: Option<String>,
    /// kubeconfig file [default: KUBECONFIG, then the pod's service account]
    #[argh(option, arg_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// context of the kubeconfig [default: its current one]
    #[argh(option, arg_name = "NAME")]
    context: Option<String>,
    /// PEM file or folder of authorities to trust besides the usual ones
    #[argh(option, arg_name = "PEM")]
    ca_file: Option<PathBuf>,
    /// how logs look [default: human]
    #[argh(option, arg_name = "human|json")]
    log_format: Option<String>,
    /// seconds of gate time in a second, for rehearsals [default: 1]
    #[argh(option, arg_name = "N")]
    time_scale: Option<String>,
}

impl step::Arguments for Args {
    fn log_format(&self) -> Option<&str> {
        self.log_format.as_deref()
    }

    fn time_scale(&self) -> Option<&str> {
        self.time_scale.as_deref()
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("check-staleness", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let options = options(&args)?;
    let component =
        ComponentName::given(args.component.as_deref(), args.component_version.as_deref());
    let component = component.map_err(Failure::misuse)?;
    let location = args
        .record
        .as_deref()
        .map(str::parse::<Location>)
        .transpose()
        .map_err(Failure::misuse)?;
    let archive_url = args.kubearchive_url.as_deref().map(str::parse::<BaseUrl>).transpose();
    let archive_url =
        archive_url.map_err(|error| Failure::misuse(format!("--kubearchive-url: {error}")))?;
    let target = args
        .slack_webhook_file
        .as_ref()
        .map(|file| Target::Webhook(SecretFile::new(Target::WEBHOOK_FLAG, file)));
    if !args.check {
        target
            .as_ref()
            .map_or(Ok(()), Target::check)
            .map_err(Failure::misuse)?;
    }

    let access = ClusterOptions {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        namespace: args.namespace.clone(),
        ca_file: args.ca_file.clone(),
    };
    let cluster = Cluster::connect(&access).await.map_err(Failure::misuse)?;
    let transport = || -> Result<SharedTransport, Failure> {
        let extra = args
            .ca_file
            .as_deref()
            .map(extra_certificates)
            .transpose()
            .map_err(Failure::misuse)?;
        Ok(Arc::new(UreqTransport::new(extra.unwrap_or_default())))
    };
    let archive = match archive_url {
        None => None,
        Some(base) => Some(KubeArchive {
            base,
            bearer: bearer(&access).await.map_err(Failure::misuse)?,
            transport: transport()?,
            clock: step.clock.clone(),
        }),
    };
    let slack = match target {
        None => None,
        Some(target) => Some(Slack::new(target, transport()?, step.clock.clone())),
    };
    let ledger = location.as_ref().map(|location| ledger(location, &cluster));
    let sources = Sources {
        tenant: Tenant::new(&cluster, step.clock.clone()),
        archive,
        plan: args.release_plan,
        threshold: options.threshold,
        application: args.application,
        component,
        scenario: args.scenario,
        gate: args.gate_label,
        patience: staleness::PATIENCE,
    };
    if args.check {
        let checks = staleness::preflight(&sources, ledger.is_some(), slack.as_ref()).await;
        return checks.end(&Results::none());
    }
    let checked =
        staleness::check(&options, &sources, ledger.as_deref(), slack.as_ref(), &step.clock)
            .await?;
    step::results::show(&checked.json().to_string(), || format!("{}\n", checked.summary))
        .map_err(Failure::failed)?;
    Ok(checked.end()?)
}

fn options(args: &Args) -> Result<Options, Failure> {
    let threshold = gate::duration::parse_days(args.threshold_days.as_deref().unwrap_or("3"));
    let repeat = gate::duration::parse(args.repeat.as_deref().unwrap_or("24h"));
    let quiet =
        Quiet::parse(&step::args::list(&args.quiet_day), &step::args::list(&args.quiet_window));
    Ok(Options {
        threshold: threshold
            .map_err(|error| Failure::misuse(format!("--threshold-days: {error}")))?,
        repeat: repeat.map_err(|error| Failure::misuse(format!("--repeat: {error}")))?,
        quiet: quiet.map_err(Failure::misuse)?,
    })
}

fn ledger(location: &Location, cluster: &Cluster) -> Box<dyn Store> {
    match location {
        Location::File(path) => Box::new(FileStore::new(path)),
        Location::ConfigMap(name) => Box::new(ConfigMapStore::new(cluster, name)),
    }
}
