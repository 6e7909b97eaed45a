//! `trigger-gate`: picks the newest good Snapshot and starts the gate's scenarios on it.
//!
//! Reads Snapshots, PipelineRuns, Releases (also from KubeArchive) and gate records of one namespace. Sets the label
//! `test.appstudio.openshift.io/run` for one scenario after another, together with an id of its own
//! and the time for which the Snapshot is kept, and waits until a PipelineRun with that id has
//! begun; if none begins it takes its label back. Writes to stdout what it chose and why, and to
//! its own record the nights that were skipped in a row because the jobs of another one still ran.
//!
//! Exit codes: 0 started or rightly skipped, 1 not started or not told, 2 bad input.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use argh::{ArgsInfo, FromArgs};
use gate::cluster::{Cluster, ClusterOptions, Tenant, bearer};
use gate::failure::{Chain, Failure};
use gate::http::{BaseUrl, SharedTransport, UreqTransport, extra_certificates};
use gate::kubearchive::KubeArchive;
use gate::name::{LONGEST_LABEL, is_subdomain};
use gate::record::{Location, store_at};
use gate::secret::SecretFile;
use gate::slack::{Colour, Line, Payload, Slack, Target};
use gate::snapshot::ComponentName;
use gate::step::{self, Results, Step};
use gate::trigger::{self, Due, Options, Report, Wanted};

/// Starts the gate: picks the newest Snapshot of a component, labels it for each scenario in turn,
/// and confirms that a run began. Leaves a scenario alone whose image is verified or whose gate is
/// on its way.
#[derive(FromArgs, ArgsInfo)]
#[argh(
    note = "Needs --application and --component, or --snapshot. A label that started nothing is taken back, so that nothing starts later unasked. A night that is skipped because the jobs of another one still run is told in Slack from the second in a row on; without --record it is not known which is the first, and each is told.",
    example = "trigger-gate --application hypershift-operator --component hypershift-operator-main \\\n    --scenario ho-release-gate-aro-hcp --release-plan ho-release-gate-aro-hcp --dry-run",
    example = "trigger-gate --snapshot hypershift-operator-20260820-031104-000 --scenario ho-release-gate-aro-hcp",
    error_code(
        0,
        "every scenario was started, or rightly left alone; with --check: nothing failed"
    ),
    error_code(
        1,
        "a scenario was not started, the message says why; or Slack could not be told; with --check: something failed"
    ),
    error_code(2, "bad input; nothing was done")
)]
struct Args {
    /// the Application (or ComponentGroup) whose Snapshots are looked at
    #[argh(option, arg_name = "NAME")]
    application: Option<String>,
    /// the component whose image is to be tested
    #[argh(option, arg_name = "NAME")]
    component: Option<String>,
    /// the component's version, where a Snapshot has several of that name [default: the only one]
    #[argh(option, arg_name = "TEXT")]
    component_version: Option<String>,
    /// the IntegrationTestScenario to start; may be repeated
    #[argh(option, arg_name = "NAME")]
    scenario: Vec<String>,
    /// this Snapshot instead of the newest one
    #[argh(option, arg_name = "NAME")]
    snapshot: Option<String>,
    /// the ReleasePlan by whose Releases an image is known as verified; one for all scenarios, or
    /// one for each in their order; may be repeated [default: none, every image counts as new]
    #[argh(option, arg_name = "NAME")]
    release_plan: Vec<String>,
    /// base URL of KubeArchive, for Releases that are no longer in the cluster [default: none]
    #[argh(option, arg_name = "URL")]
    kubearchive_url: Option<String>,
    /// how long a run may take to begin, for each scenario [default: 15m]
    #[argh(option, arg_name = "TIME")]
    wait: Option<String>,
    /// how long from now the Snapshot is kept, since its deletion kills its run [default: 72h]
    #[argh(option, arg_name = "TIME")]
    keep: Option<String>,
    /// show every Snapshot with the reason for or against it, and start nothing
    #[argh(switch)]
    dry_run: bool,
    /// start even if the image is verified or a gate is on its way
    #[argh(switch)]
    force: bool,
    /// look whether everything that this step needs is there and answers, and change nothing
    #[argh(switch)]
    check: bool,
    /// where it remembers the nights that were skipped in a row, configmap:NAME or file:PATH
    /// [default: nowhere]
    #[argh(option, arg_name = "R")]
    record: Option<String>,
    /// file that holds the address of a Slack webhook, to be told of what was not started
    #[argh(option, arg_name = "FILE")]
    slack_webhook_file: Option<PathBuf>,
    /// the platform's name for people
    #[argh(option, arg_name = "TEXT")]
    gate_label: Option<String>,
    /// namespace of the Snapshots [default: the kubeconfig's or the pod's]
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
    step::main("trigger-gate", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let options = options(&args)?;
    let location = args
        .record
        .as_deref()
        .map(str::parse::<Location>)
        .transpose()
        .map_err(Failure::misuse)?;
    let archive_url = args.kubearchive_url.as_deref().map(str::parse::<BaseUrl>).transpose();
    let archive_url =
        archive_url.map_err(|error| Failure::misuse(format!("--kubearchive-url: {error}")))?;
    let slack = args
        .slack_webhook_file
        .as_ref()
        .map(|file| slack(file, &args, &step))
        .transpose()?;
    let access = ClusterOptions {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        namespace: args.namespace.clone(),
        ca_file: args.ca_file.clone(),
    };
    let cluster = Cluster::connect(&access).await.map_err(Failure::misuse)?;
    let archive = match archive_url {
        None => None,
        Some(base) => Some(KubeArchive {
            base,
            bearer: bearer(&access).await.map_err(Failure::misuse)?,
            transport: transport(&args)?,
            clock: step.clock.clone(),
        }),
    };
    let store = location.as_ref().map(|location| store_at(location, Some(&cluster)));
    let tenant = Tenant::new(&cluster, step.clock.clone());
    if args.check {
        let keeps = location.as_ref().is_some_and(Location::is_config_map);
        let checks =
            trigger::preflight(&options, &tenant, archive.as_ref(), keeps, slack.as_ref()).await;
        return checks.end(&Results::none());
    }
    let (mut failures, mut due) = (Vec::new(), Vec::new());
    match trigger::run(&options, &tenant, archive.as_ref(), &step.clock, &step.last_words).await {
        Ok(report) => {
            show(&report)?;
            failures = report.failures();
            if !options.dry_run {
                due = trigger::note(&report, store.as_deref(), step.clock.as_ref()).await;
            }
        }
        Err(error) => failures.push(Chain(&error).to_string()),
    }
    for due in &due {
        tracing::warn!("skipped, and not for the image: {}", due.words());
    }
    let to_tell = [
        (!failures.is_empty()).then(|| not_started(&args, &failures)),
        (!due.is_empty()).then(|| skipped(&args, &due)),
    ];
    if let Some(slack) = slack.filter(|_| !options.dry_run) {
        for message in to_tell.into_iter().flatten() {
            if let Err(error) = slack.send(&message, None).await {
                failures.push(format!("the message was not delivered: {}", Chain(&error)));
            }
        }
    }
    if failures.is_empty() { Ok(()) } else { Err(Failure::failed(failures.join("; "))) }
}

fn show(report: &Report) -> Result<(), Failure> {
    for note in &report.notes {
        tracing::warn!("{note}");
    }
    step::results::show(&report.json().to_string(), || report.text()).map_err(Failure::failed)
}

fn options(args: &Args) -> Result<Options, Failure> {
    let scenarios = step::args::list(&args.scenario);
    if scenarios.is_empty() {
        return Err(Failure::misuse(
            "expected --scenario NAME, the IntegrationTestScenario to start",
        ));
    }
    if args.snapshot.is_none() && (args.application.is_none() || args.component.is_none()) {
        return Err(Failure::misuse("expected --application and --component, or --snapshot NAME"));
    }
    let flags = [
        ("--application", &args.application),
        ("--component", &args.component),
        ("--snapshot", &args.snapshot),
    ];
    for (flag, name) in flags
        .into_iter()
        .filter_map(|(flag, name)| Some((flag, name.as_ref()?)))
    {
        object_name(flag, name)?;
    }
    let plans = step::args::list(&args.release_plan);
    for (flag, names) in [("--scenario", &scenarios), ("--release-plan", &plans)] {
        names.iter().try_for_each(|name| object_name(flag, name))?;
    }
    if let Some(twice) = scenarios
        .iter()
        .enumerate()
        .find(|(at, name)| scenarios[..*at].contains(name))
    {
        return Err(Failure::misuse(format!("--scenario: {} is given twice", twice.1)));
    }
    if plans.len() > 1 && plans.len() != scenarios.len() {
        return Err(Failure::misuse(format!(
            "--release-plan: expected one for all scenarios or one for each, found {} for {} scenarios",
            plans.len(),
            scenarios.len()
        )));
    }
    let plan = |index: usize| {
        plans
            .get(index)
            .or_else(|| plans.first().filter(|_| plans.len() == 1))
            .cloned()
    };
    let wanted = scenarios.iter().enumerate();
    let wanted = wanted
        .map(|(index, scenario)| Wanted { scenario: scenario.clone(), plan: plan(index) })
        .collect();
    let time = |flag: &str, given: &Option<String>, default: &str| {
        let parsed = gate::duration::parse_positive(given.as_deref().unwrap_or(default));
        parsed.map_err(|error| Failure::misuse(format!("{flag}: {error}")))
    };
    Ok(Options {
        application: args.application.clone(),
        component: ComponentName::given(
            args.component.as_deref(),
            args.component_version.as_deref(),
        )
        .map_err(Failure::misuse)?,
        snapshot: args.snapshot.clone(),
        wanted,
        wait: time("--wait", &args.wait, "15m")?,
        keep: time("--keep", &args.keep, "72h")?,
        dry_run: args.dry_run,
        force: args.force,
    })
}

/// The names go into label selectors and label values.
fn object_name(flag: &str, name: &str) -> Result<(), Failure> {
    let fits = name.len() <= LONGEST_LABEL && is_subdomain(name);
    let wrong = || {
        format!("{flag}: expected an object's name (lower-case letters, digits, -), found {name:?}")
    };
    if fits { Ok(()) } else { Err(Failure::misuse(wrong())) }
}

fn slack(file: &PathBuf, args: &Args, step: &Step) -> Result<Slack, Failure> {
    let target = Target::Webhook(SecretFile::new(Target::WEBHOOK_FLAG, file));
    if !args.check {
        target.check().map_err(Failure::misuse)?;
    }
    Ok(Slack::new(target, transport(args)?, step.clock.clone()))
}

fn transport(args: &Args) -> Result<SharedTransport, Failure> {
    let extra = args
        .ca_file
        .as_deref()
        .map(extra_certificates)
        .transpose()
        .map_err(Failure::misuse)?;
    Ok(Arc::new(UreqTransport::new(extra.unwrap_or_default())))
}

fn not_started(args: &Args, failures: &[String]) -> Payload {
    let headline = Line::of("🔴 ").bold(format!("{} was not started", gate(args)));
    let body = vec![failures.iter().map(Line::of).collect()];
    Payload { headline, colour: Colour::Red, body, footer: None }
}

/// Nothing failed: yet a gate that is skipped again and again tests nothing.
fn skipped(args: &Args, due: &[Due]) -> Payload {
    let most = due
        .iter()
        .filter_map(|due| due.row.as_ref())
        .map(|row| row.nights)
        .max();
    let words = match most {
        Some(nights) => format!("{} was skipped for {nights} nights in a row", gate(args)),
        None => format!("{} was skipped", gate(args)),
    };
    let headline = Line::of("🟡 ")
        .bold(words)
        .text(" · the jobs of another night still run");
    let mut lines: Vec<Line> = due.iter().map(|due| Line::of(due.words())).collect();
    lines.push(Line::of("wait for it, or end its run and its jobs; --force starts one beside it"));
    Payload { headline, colour: Colour::Yellow, body: vec![lines], footer: None }
}

fn gate(args: &Args) -> String {
    args.gate_label
        .as_deref()
        .map_or_else(|| "Release gate".to_owned(), |label| format!("{label} gate"))
}
