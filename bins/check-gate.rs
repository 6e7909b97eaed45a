//! `check-gate`: a whole gate checked before the night, on its own cluster, under its own accounts.
//!
//! Starts the run that a scenario would start, and a Job of each of its CronJobs, all with `--check`; shows
//! what each step looked at as it comes; removes everything at its end, also when it is interrupted.

use std::path::PathBuf;
use std::process::ExitCode;

use gate::arguments;
use gate::checkup::{self, Options};
use gate::cluster::Tenant;
use gate::duration;
use gate::failure::{Failure, OrExit};
use gate::name::ObjectName;
use gate::site::Site;
use gate::step::{self, Step, terminal};

arguments! {
    groups: access;
    results:;

    #[argh(
        description = "Checks a whole gate before the night: starts the run of a scenario and a Job of each of its CronJobs\nwith --check, under their own accounts, and shows what each step looked at. Nothing is launched,\npromoted or posted, and everything that it creates is removed, also when it is interrupted.",
        usage = "--scenario NAME [options]",
        example = "{command_name} --scenario ho-release-gate-aro-hcp --namespace acme-tenant",
        note = "resolve-image really runs, for the newest usable Snapshot of a push, and writes to a separate\nrecord, of a gate called \"LABEL check\". In a pipe each row is a line: STEP, passed, failed or unknown, WHAT, DETAIL, with\ntabs between. unknown means that it could not be checked; it does not block you.\n\nYour account needs these rights in the namespace: get integrationtestscenarios; list and get snapshots;\ncreate, get and delete pipelineruns; list cronjobs; create, get and delete jobs; list pods and get their\nlogs; delete configmaps.",
        error_code(0, "every check passed, or could not be told"),
        error_code(1, "something failed, or the cluster does not answer"),
        error_code(2, "bad input, or no such scenario; nothing was created")
    )]
    struct Args {
        /// the IntegrationTestScenario of the gate
        #[argh(option, arg_name = "NAME")]
        scenario: String,
        /// check with this Snapshot instead of the newest one
        #[argh(option, arg_name = "NAME")]
        snapshot: Option<String>,
        /// the PipelineRun that the scenario fetches, as a file
        /// [default: .tekton/pipelines/ho-release-gate-run.yaml]
        #[argh(option, arg_name = "FILE")]
        run_file: Option<PathBuf>,
        /// how long the checks may take [default: 10m]
        #[argh(option, arg_name = "DURATION")]
        wait: Option<String>,
        /// leave run, Jobs and record where they are
        #[argh(switch)]
        keep: bool,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("check-gate", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let site = Site::new(args.access(), step.clock.clone());
    let options = options(&args)?;
    let tenant = Tenant::new(site.cluster().await.misuse()?, step.clock.clone());
    let on_terminal = terminal::can_redraw(&std::io::stdout());
    let mut shown = Ok(());
    let sum = checkup::run(&options, &tenant, &step.last_words, |row| {
        let text = if on_terminal { row.words() } else { row.line() };
        if shown.is_ok() {
            shown = step::results::print(&text);
        }
    });
    let sum = sum.await?;
    shown.failed()?;
    sum.end()
}

/// What the flags say.
fn options(args: &Args) -> Result<Options, Failure> {
    let snapshot = args.snapshot.as_deref().map(ObjectName::label).transpose();
    let wait = args.wait.as_ref();
    Ok(Options {
        scenario: ObjectName::label_value(&args.scenario).misuse_of("--scenario")?,
        snapshot: snapshot.misuse_of("--snapshot")?,
        run: checkup::run_file(args.run_file.as_deref()).misuse()?,
        timeout: duration::given("--wait", wait, checkup::TIMEOUT, duration::parse_positive)
            .misuse()?,
        keep: args.keep,
    })
}
