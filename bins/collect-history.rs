//! `collect-history`: what the jobs' runs left in the artifact bucket, into the jobs' histories.
//!
//! Reads the runs of the last weeks, those of other images among them, newest first, within a budget of
//! requests and bytes. Killed, or out of its budget, it goes on the next time: a run that is known costs
//! no request.

use std::process::ExitCode;

use gate::arguments;
use gate::failure::{Failure, OrExit};
use gate::fill::{self, Options};
use gate::preflight::Preflight;
use gate::prow::Addresses;
use gate::site::Site;
use gate::step::args::{list, read};
use gate::step::{self, Step, groups};

arguments! {
    groups: prow, check, label, access;
    results: "runs", "summary";

    #[argh(
        description = "Fills the histories of Prow jobs from what their runs left in the artifact bucket: once for the time\nbefore the gate, then daily for runs of other images.",
        note = "The jobs are those of the gate's records in the namespace, or of --job. A job's bucket is that of its\nnewest run, as a record or Deck's list has it. The bucket is asked for one thing after another, five a\nsecond at most.",
        example = "{command_name} --gate-label 'ARO HCP'",
        example = "{command_name} --job periodic-ci-acme-operator-main-e2e --bucket test-platform-results-public \\\n    --history folder:histories --days 30",
        error_code(
            0,
            "done, or the budget is used up and the rest is for the next time; with --check: nothing failed"
        ),
        error_code(
            1,
            "a job could not be read to its end, or a history not written; run it again; with --check: something failed"
        ),
        error_code(2, "bad input; nothing was asked")
    )]
    struct Args {
        /// a Prow job; may be repeated [default: those of the gate's records]
        #[argh(option, arg_name = "NAME")]
        job: Vec<String>,
        /// the bucket of the jobs' runs [default: that of each job's newest run]
        #[argh(option, arg_name = "NAME")]
        bucket: Option<String>,
        /// where the jobs' histories are kept [default: configmap, for records in a cluster]
        #[argh(option, arg_name = "configmap|folder:PATH|off")]
        history: Option<String>,
        /// how many days back runs are looked for [default: 60]
        #[argh(option, arg_name = "N")]
        days: Option<String>,
        /// requests that one run of this step may make [default: 2000]
        #[argh(option, arg_name = "N")]
        max_requests: Option<String>,
        /// how much one run of this step may read, unpacked [default: 1GiB]
        #[argh(option, arg_name = "SIZE")]
        max_bytes: Option<String>,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("collect-history", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let (site, mut results) = (Site::new(args.access(), step.clock.clone()), step.results);
    let options = Options {
        jobs: list(&args.job),
        bucket: args.bucket.clone(),
        gate: args.gate_label.clone(),
        history: read(args.history.as_ref()).misuse()?,
        days: fill::days(args.days.as_deref()).misuse()?,
        budget: fill::budget(args.max_requests.as_deref(), args.max_bytes.as_deref()).misuse()?,
        addresses: Addresses::read(&args.prow(), &groups::Gangway::default()).misuse()?,
    };
    if args.check {
        let checks: Preflight = fill::preflight(&options, &site).await?;
        return checks.end(&results);
    }
    let report = fill::run(&options, &site).await?;
    results.set("runs", report.added().to_string());
    results.set("summary", report.summary());
    results.write(|| report.table()).failed()?;
    report.end()
}
