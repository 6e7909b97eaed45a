//! `report-gate`: what a team sees in the morning, of all gates of a namespace.
//!
//! Reads records, histories, Releases (in the cluster and in KubeArchive) and the gates' scenarios,
//! or records that are named. Writes a page, JSON and metrics into a folder, serves them, or prints
//! a table. It changes nothing in the cluster. What it cannot read is said in what it writes.
//!
//! Exit codes: 0 done, 1 something could not be read or written, 2 bad input.

use std::path::PathBuf;
use std::process::ExitCode;

use gate::arguments;
use gate::cluster::Tenant;
use gate::duration;
use gate::failure::{Failure, OrExit};
use gate::http::BaseUrl;
use gate::record::Location;
use gate::report::serve::{Address, Live, Server};
use gate::report::{self, Given, Loader, Narrow, Report, Sources};
use gate::site::Site;
use gate::step::args::{list, read};
use gate::step::{self, Step};

arguments! {
    groups: threshold, archive, check, access;
    results:;

    /// Shows the gates of a namespace: the newest verified image and its age, the nights, the jobs
    /// and the tests that failed by nights, regressions, how often the gate was wrong, the version
    /// matrix.
    #[argh(
        note = "Without --out and --serve it prints a table: a line of signs for each job, the newest night first.\nThe cluster is only read. Records, histories and what cannot be read are told from each other on the page.",
        example = "report-gate --namespace acme-tenant",
        example = "report-gate --namespace acme-tenant --out /tmp/report",
        example = "report-gate --namespace acme-tenant --serve 8080",
        example = "report-gate --job e2e-aks --test TestNodePool",
        example = "report-gate --record file:night/record.json --out /tmp/report",
        error_code(0, "done; with --check: nothing failed"),
        error_code(
            1,
            "something could not be read, which the report names, or the report could not be written; with --check: something failed"
        ),
        error_code(2, "bad input; nothing was written")
    )]
    struct Args {
        /// write index.html, report.json and metrics.txt into this folder
        #[argh(option, arg_name = "DIR")]
        out: Option<PathBuf>,
        /// show the report live: a port of this machine, or an address with a port such as
        /// 0.0.0.0:8080 for everybody who reaches it
        #[argh(option, arg_name = "PORT|ADDRESS")]
        serve: Option<String>,
        /// only the row of this job, by its name or the short one
        #[argh(option, arg_name = "NAME")]
        job: Option<String>,
        /// only the rows of tests with this in their names
        #[argh(option, arg_name = "TEXT")]
        test: Option<String>,
        /// only this record, file:PATH or configmap:NAME, instead of a namespace; may be repeated
        #[argh(option, arg_name = "RECORD")]
        record: Vec<String>,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("report-gate", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let site = Site::new(args.access(), step.clock.clone());
    let days = duration::parse_days(args.threshold_days.as_deref().unwrap_or("3"));
    let threshold = days.misuse_of("--threshold-days")?;
    let archive = read::<BaseUrl>(args.kubearchive_url.as_ref()).misuse_of("--kubearchive-url")?;
    let address = read::<Address>(args.serve.as_ref()).misuse_of("--serve")?;
    let records: Result<Vec<Location>, _> =
        list(&args.record).iter().map(|text| text.parse()).collect();
    let records = records.misuse()?;
    let narrow = Narrow { job: args.job.clone(), test: args.test.clone() };
    let shows = args.out.is_some() || address.is_some();
    if (shows && narrow != Narrow::default()) || (args.out.is_some() && address.is_some()) {
        return Err(Failure::misuse("expected only one of --out, --serve, and --job with --test"));
    }
    if !records.is_empty() {
        if address.is_some() || args.check {
            return Err(Failure::misuse("--record: named records are neither served nor checked"));
        }
        let mut given = Given::default();
        for record in &records {
            let store = site.store(record).await.misuse()?;
            given.add(store.as_ref(), step.clock.now()).await;
        }
        return end(&args, &narrow, &given.report(step.clock.now()));
    }
    let tenant = Tenant::new(site.cluster().await.misuse()?, step.clock.clone());
    let sources = Sources { tenant, archive: site.archive_of(archive).await.misuse()?, threshold };
    if args.check {
        return report::preflight::preflight(&sources).await.end(&step.results);
    }
    let mut loader = Loader::new(sources);
    let Some(address) = address else {
        return end(&args, &narrow, &loader.load().await);
    };
    let server = Server::listen(&address, Live::new(loader)).await.failed()?;
    tracing::info!("the report is at http://{}/", server.address().failed()?);
    step.last_words.set(server.end());
    server.serve().await;
    Ok(())
}

/// Shows a report that was read once.
fn end(args: &Args, narrow: &Narrow, report: &Report) -> Result<(), Failure> {
    narrow.check(report).misuse()?;
    match &args.out {
        Some(folder) => {
            report::write(report, folder).failed()?;
            tracing::info!("the report is in {}", folder.join("index.html").display());
        }
        None => step::results::print(&report::table(report, narrow)).failed()?,
    }
    match report.missing.len() {
        0 => Ok(()),
        1 => Err(Failure::failed(format!("not read: {}", report.missing[0]))),
        more => Err(Failure::failed(format!(
            "{more} things could not be read, the first: {}",
            report.missing[0]
        ))),
    }
}
