//! `check-staleness`: an alarm when no image was verified for too long, with the cause.
//!
//! It runs beside the gate, so that a gate that does not run at all is noticed. It also deletes the gate's
//! records beyond the newest 60.

use std::process::ExitCode;

use gate::arguments;
use gate::cluster::Tenant;
use gate::duration;
use gate::failure::{Failure, OrExit};
use gate::http::BaseUrl;
use gate::name::ObjectName;
use gate::record::Location;
use gate::site::Site;
use gate::slack::Target;
use gate::snapshot::ComponentName;
use gate::staleness::{self, Options, Quiet, Sources};
use gate::step::args::{list, read};
use gate::step::{self, Step};

arguments! {
    groups: builds, threshold, archive, webhook, runbook, check, label, access;
    results:;

    /// Says how old the newest verified image of a ReleasePlan is, raises an alarm when it is too
    /// old or when that cannot be seen, and tells why: the gate did not run, was killed, failed,
    /// passed without a Release, or runs now. Raises one at once when the plan releases untested
    /// images by itself.
    #[argh(
        note = "Without --record, every run that finds a problem alerts again. Without --scenario and --gate-label the cause is not known. With --application or --component an old image is no alarm while the newest Snapshot has it, until three times the limit: then that nothing new is built is told once.",
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
        #[argh(option, arg_name = "PLAN")]
        release_plan: String,
        /// the gate's IntegrationTestScenario, to tell why there is no newer image
        #[argh(option, arg_name = "NAME")]
        scenario: Option<String>,
        /// day of the week (UTC) that does not count: sat,sun; may be repeated
        #[argh(option, arg_name = "DAY")]
        quiet_day: Vec<String>,
        /// time that does not count: dates (both included) or times, FROM/TO; may be repeated
        #[argh(option, arg_name = "FROM/TO")]
        quiet_window: Vec<String>,
        /// how often an alarm that lasts is told again [default: 24h]
        #[argh(option, arg_name = "DURATION")]
        repeat: Option<String>,
        /// where it remembers what it told, configmap:NAME or file:PATH [default: nowhere]
        #[argh(option, arg_name = "RECORD")]
        record: Option<String>,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("check-staleness", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let site = Site::new(args.access(), step.clock.clone());
    let options = options(&args)?;
    let (component, version) = (args.component.as_deref(), args.component_version.as_deref());
    let component = ComponentName::given(component, version).misuse()?;
    let location: Option<Location> = read(args.record.as_ref()).misuse()?;
    let archive = read::<BaseUrl>(args.kubearchive_url.as_ref()).misuse_of("--kubearchive-url")?;
    let target = args.slack_webhook_file.clone().map(Target::webhook);
    let slack = site.slack(target, args.check).misuse()?;
    let cluster = site.cluster().await.misuse()?;
    let archive = site.archive_of(archive).await.misuse()?;
    let ledger = site.store_of(location.as_ref()).await.misuse()?;
    let scenario = args.scenario.as_deref().map(ObjectName::label_value).transpose();
    let scenario = scenario.misuse_of("--scenario")?;
    let sources = Sources {
        tenant: Tenant::new(cluster, step.clock.clone()),
        archive,
        plan: ObjectName::label(&args.release_plan).misuse_of("--release-plan")?,
        threshold: options.threshold,
        application: args.application,
        component,
        scenario,
        gate: args.gate_label,
        patience: staleness::PATIENCE,
    };
    let (slack, ledger, clock) = (slack.as_ref(), ledger.as_deref(), &step.clock);
    if args.check {
        let checks = staleness::preflight(&sources, ledger.is_some(), slack).await;
        return checks.end(&step.results);
    }
    let checked = staleness::check(&options, &sources, ledger, slack, clock).await?;
    let text = || format!("{}\n", checked.summary);
    step::results::show(&checked.json().to_string(), text).failed()?;
    Ok(checked.end()?)
}

/// What the flags say.
fn options(args: &Args) -> Result<Options, Failure> {
    let days = duration::parse_days(args.threshold_days.as_deref().unwrap_or("3"));
    let repeat =
        duration::given("--repeat", args.repeat.as_ref(), staleness::REPEAT, duration::parse);
    Ok(Options {
        threshold: days.misuse_of("--threshold-days")?,
        repeat: repeat.misuse()?,
        runbook: read(args.runbook_url.as_ref())
            .misuse_of("--runbook-url")?
            .unwrap_or_default(),
        quiet: Quiet::parse(&list(&args.quiet_day), &list(&args.quiet_window)).misuse()?,
    })
}
