//! `trigger-gate`: picks the newest good Snapshot and starts the gate's scenarios on it.
//!
//! Sets integration-service's label for one scenario after another, and waits until a PipelineRun with its
//! own id has begun; if none begins it takes its label back.

use std::process::ExitCode;

use gate::arguments;
use gate::cluster::Tenant;
use gate::duration;
use gate::failure::{Failure, OrExit};
use gate::http::BaseUrl;
use gate::record::Location;
use gate::site::Site;
use gate::slack::{Runbook, Target};
use gate::snapshot::ComponentName;
use gate::step::args::{list, read};
use gate::step::{self, Step};
use gate::trigger::{self, Options};

arguments! {
    groups: builds, archive, webhook, runbook, check, label, access;
    results:;

    /// Starts the gate: picks the newest Snapshot of a component, labels it for each scenario in
    /// turn, and confirms that a run began. Leaves a scenario alone whose image is verified or
    /// whose gate is on its way.
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
        /// the IntegrationTestScenario to start; may be repeated
        #[argh(option, arg_name = "NAME")]
        scenario: Vec<String>,
        /// this Snapshot instead of the newest one
        #[argh(option, arg_name = "NAME")]
        snapshot: Option<String>,
        /// the ReleasePlan by whose Releases an image is known as verified; one for all scenarios,
        /// or one for each in their order; may be repeated [default: none, every image counts as
        /// new]
        #[argh(option, arg_name = "PLAN")]
        release_plan: Vec<String>,
        /// how long a run may take to begin, for each scenario [default: 15m]
        #[argh(option, arg_name = "DURATION")]
        wait: Option<String>,
        /// how long from now the Snapshot is kept, since its deletion kills its run [default: 72h]
        #[argh(option, arg_name = "DURATION")]
        keep: Option<String>,
        /// show every Snapshot with the reason for or against it, and start nothing
        #[argh(switch)]
        dry_run: bool,
        /// start even if the image is verified or a gate is on its way
        #[argh(switch)]
        force: bool,
        /// where it remembers the nights that were skipped in a row, configmap:NAME or file:PATH
        /// [default: nowhere]
        #[argh(option, arg_name = "RECORD")]
        record: Option<String>,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("trigger-gate", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let site = Site::new(args.access(), step.clock.clone());
    let work = start(&args, &site, &step);
    if step.progress || args.check || args.dry_run {
        return work.await;
    }
    let target = args.slack_webhook_file.clone().map(Target::webhook);
    let (gate, runbook) = (args.gate_label.as_deref(), runbook(&args).unwrap_or_default());
    trigger::unwatched(work, target, gate, &runbook, &site).await
}

async fn start(args: &Args, site: &Site, step: &Step) -> Result<(), Failure> {
    let options = options(args)?;
    runbook(args)?;
    let location: Option<Location> = read(args.record.as_ref()).misuse()?;
    let archive = read::<BaseUrl>(args.kubearchive_url.as_ref()).misuse_of("--kubearchive-url")?;
    let target = args.slack_webhook_file.clone().map(Target::webhook);
    let slack = site.slack(target, args.check).misuse()?;
    let archive = site.archive_of(archive).await.misuse()?;
    let tenant = Tenant::new(site.cluster().await.misuse()?, step.clock.clone());
    if args.check {
        let keeps = location.as_ref().is_some_and(Location::is_config_map);
        let (archive, slack) = (archive.as_ref(), slack.as_ref());
        let checks = trigger::preflight(&options, &tenant, archive, keeps, slack).await;
        return checks.end(&step.results);
    }
    let store = site.store_of(location.as_ref()).await.misuse()?;
    let gate = args.gate_label.clone();
    let sources = trigger::Sources { tenant, archive, store, slack, gate, runbook: runbook(args)? };
    let started = trigger::night(&options, &sources, &step.clock, &step.last_words).await;
    if let Some(report) = &started.report {
        step::results::show(&report.json().to_string(), || report.text()).failed()?;
    }
    started.end()
}

fn runbook(args: &Args) -> Result<Runbook, Failure> {
    Ok(read(args.runbook_url.as_ref())
        .misuse_of("--runbook-url")?
        .unwrap_or_default())
}

/// What the flags say.
fn options(args: &Args) -> Result<Options, Failure> {
    let wanted = trigger::wanted(&list(&args.scenario), &list(&args.release_plan)).misuse()?;
    let (application, snapshot) =
        trigger::named(&args.builds(), args.snapshot.as_deref()).misuse()?;
    let time = |flag, given: &Option<String>, default| {
        duration::given(flag, given.as_ref(), default, duration::parse_positive).misuse()
    };
    let (component, version) = (args.component.as_deref(), args.component_version.as_deref());
    Ok(Options {
        application,
        component: ComponentName::given(component, version).misuse()?,
        snapshot,
        wanted,
        wait: time("--wait", &args.wait, trigger::WAIT)?,
        keep: time("--keep", &args.keep, trigger::KEEP)?,
        dry_run: args.dry_run,
        force: args.force,
    })
}
