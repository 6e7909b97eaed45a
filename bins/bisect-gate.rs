//! `bisect-gate`: finds the first bad Snapshot of those between a good and a bad one, with one job.
//!
//! Half of what is left is probed at a time, each run launched exactly once. Killed, it goes on from
//! its record; `--stop` ends it wherever it runs.

use std::process::ExitCode;

use gate::arguments;
use gate::bisect::book::Book;
use gate::bisect::{self, Asked, Options, Outside};
use gate::cluster::Tenant;
use gate::collect::policy::TIMEOUT;
use gate::duration;
use gate::evidence::GivenRules;
use gate::failure::{Failure, OrExit};
use gate::history::keep::Choice;
use gate::name::ObjectName;
use gate::prow::{self, Addresses};
use gate::record::Location;
use gate::site::Site;
use gate::slack::Target;
use gate::snapshot::ComponentName;
use gate::step::args::{list, read};
use gate::step::results::show;
use gate::step::{self, Step, groups};

arguments! {
    groups: builds, job_list, proof, gangway_place, prow, bucket, webhook, check, access;
    results: "first-bad", "summary";

    #[argh(
        description = "Finds the first bad Snapshot between a good and a bad one, with one Prow job, one run at a time. Run again after a\ncrash: it goes on where it was.",
        note = "A new bisect needs --job, --good, --bad, --application and --component; one that is begun needs --record, and takes\nthe rest from it. A failure counts only with --test, where that is given. Gangway is asked once for each run, twice a minute\nat most, and no run is launched while a gate of the namespace has jobs to launch.",
        example = "{command_name} --record configmap:bisect-upgrade --job periodic-ci-acme-operator-main-e2e-upgrade \\\n    --test TestUpgradeControlPlane --good acme-20260817-031104-000 \\\n    --bad acme-20260820-031104-000 --application acme --component acme-main \\\n    --override-env OPERATOR_IMAGE --dry-run",
        example = "{command_name} --record configmap:bisect-upgrade --gangway-token-file token",
        example = "{command_name} --record configmap:bisect-upgrade --stop",
        error_code(0, "found; with --stop: stopped; with --check: nothing failed"),
        error_code(
            1,
            "it cannot go on now, run it again; or it was stopped, or Slack was not told; with --check: something failed"
        ),
        error_code(2, "bad input; nothing was launched"),
        error_code(3, "there is no first bad Snapshot: the message says why, and what is left"),
        error_code(4, "it is not known whether a run was launched; stopped so that nothing is done twice")
    )]
    struct Args {
        /// the bisect's record, configmap:NAME or file:PATH; begun if there is none
        #[argh(option, arg_name = "RECORD")]
        record: String,
        /// the Prow job that shows the failure; with --jobs as that list has it
        #[argh(option, arg_name = "NAME")]
        job: Option<String>,
        /// the test that fails, or whose subtests do [default: any failure of the product]
        #[argh(option, arg_name = "NAME")]
        test: Option<String>,
        /// the newest Snapshot that is known to be good
        #[argh(option, arg_name = "SNAPSHOT")]
        good: Option<String>,
        /// the oldest Snapshot that is known to be bad
        #[argh(option, arg_name = "SNAPSHOT")]
        bad: Option<String>,
        /// how often a failure is confirmed before a Snapshot is bad [default: 1]
        #[argh(option, arg_name = "N")]
        confirm: Option<String>,
        /// how many passes make a Snapshot good [default: 2]
        #[argh(option, arg_name = "N")]
        passes: Option<String>,
        /// how many runs there are at most [default: 60]
        #[argh(option, arg_name = "N")]
        runs: Option<String>,
        /// how long each run may take [default: 5h30m]
        #[argh(option, arg_name = "DURATION")]
        timeout: Option<String>,
        /// where the jobs' histories are kept [default: configmap, for records in a cluster]
        #[argh(option, arg_name = "configmap|folder:PATH|off")]
        history: Option<String>,
        /// show the Snapshots, runs and hours, or where it stands; launch and write nothing
        #[argh(switch)]
        dry_run: bool,
        /// end the bisect for good, and whoever works on it; its run in Prow goes on to its end
        #[argh(switch)]
        stop: bool,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("bisect-gate", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let (site, mut results) = (Site::new(args.access(), step.clock.clone()), step.results);
    let location: Location = args.record.parse().misuse()?;
    let options = options(&args)?;
    if args.stop {
        let book = Book::new(site.store(&location).await.misuse()?, step.clock.clone());
        let stopped = bisect::stop(&options, &book, &step.clock).await?;
        return results.write(|| bisect::words::table(&stopped)).failed();
    }
    let outside = outside(&args, &location, &site).await?;
    if args.check {
        let checks = bisect::preflight(&options, &outside, location.is_config_map()).await?;
        return checks.end(&results);
    }
    if args.dry_run {
        let shown = bisect::dry_run(&options, &outside).await?;
        return show(&shown.json, || shown.text).failed();
    }
    let ended = bisect::run(&options, &outside).await?;
    results.set("first-bad", ended.first_bad().unwrap_or_default());
    results.set("summary", ended.summary());
    results.write(|| bisect::words::table(&ended.document)).failed()?;
    ended.end()
}

/// What the flags say.
fn options(args: &Args) -> Result<Options, Failure> {
    let given = groups::Request {
        jobs: args.jobs.clone(),
        override_env: args.override_env.clone(),
        env: args.env.clone(),
        ..groups::Request::default()
    };
    let name = |flag: &str, given: &Option<String>| {
        given
            .as_deref()
            .map(ObjectName::label_value)
            .transpose()
            .misuse_of(flag)
    };
    let (confirm, passes) = (args.confirm.as_deref(), args.passes.as_deref());
    let (component, version) = (args.component.as_deref(), args.component_version.as_deref());
    name("--component", &args.component)?;
    let positive = duration::parse_positive;
    Ok(Options {
        asked: Asked {
            request: bisect::request(args.job.as_deref(), &given).misuse()?,
            test: args.test.clone(),
            good: args.good.clone(),
            bad: args.bad.clone(),
            numbers: bisect::numbers(confirm, passes, args.runs.as_deref()).misuse()?,
            proof: GivenRules::of(&args.proof()).misuse()?,
        },
        application: name("--application", &args.application)?,
        component: ComponentName::given(component, version).misuse()?,
        timeout: duration::given("--timeout", args.timeout.as_ref(), TIMEOUT, positive).misuse()?,
        buckets: prow::buckets(&list(&args.bucket)).misuse()?,
    })
}

async fn outside(args: &Args, location: &Location, site: &Site) -> Result<Outside, Failure> {
    let gangway = groups::Gangway {
        token_file: args.gangway_token_file.clone(),
        url: args.gangway_url.clone(),
        ..groups::Gangway::default()
    };
    let addresses = Addresses::read(&args.prow(), &gangway).misuse()?;
    let history: Option<Choice> = read(args.history.as_ref()).misuse()?;
    let target = args.slack_webhook_file.clone().map(Target::webhook);
    let silent = args.check || args.dry_run;
    Ok(Outside {
        book: Book::new(site.store(location).await.misuse()?, site.clock().clone()),
        tenant: Tenant::new(site.cluster().await.misuse()?, site.clock().clone()),
        prow: site.prow(&addresses).misuse()?,
        histories: site.histories(history.as_ref(), location).await.misuse()?,
        slack: site.slack(target, silent).misuse()?,
        clock: site.clock().clone(),
    })
}
