//! `override-gate`: a person accepts blocking jobs that did not pass, and promotes the image.

use std::process::ExitCode;

use gate::arguments;
use gate::cluster::Tenant;
use gate::duration;
use gate::evidence::GivenRules;
use gate::failure::{Failure, OrExit};
use gate::jobs::Flags;
use gate::lists;
use gate::name::ObjectName;
use gate::overrule::{self, Options};
use gate::promote::{self, Mode};
use gate::prow::{self, Addresses};
use gate::record::{Identity, Journal, Location, Tested};
use gate::site::Site;
use gate::slack::Target;
use gate::step::args::list;
use gate::step::{self, Step, groups};
use gate::text;

arguments! {
    groups: image, snapshot_name, request, proof, prow, bucket, webhook, check, access;
    results: "release", "released";

    #[argh(
        description = "Accepts blocking jobs that failed or were not decided, after the run has ended, and makes the Release itself:\nwith every check of create-release but for these jobs. Who did it stands in the Release's author label.",
        example = "{command_name} --record configmap:gate-x7k2p --release-plan ho-release-gate-aro-hcp \\\n    --job periodic-ci-openshift-hypershift-main-e2e-aks --reason 'known, OCPBUGS-1234' --dry-run",
        note = "It acts under your own rights in the namespace: get snapshots and releaseplans; get, list, watch and create releases;\nget and update configmaps. The other blocking jobs are asked for again, as create-release does. Image, Snapshot, jobs,\nvariables and proof that are not given are the record's. create-release ignores what is accepted here.",
        error_code(0, "released; --check and --dry-run passed"),
        error_code(
            1,
            "failed or still running; plan or Snapshot missing; a run that cannot be read; cluster trouble; Slack was not told"
        ),
        error_code(2, "bad input, the run has not ended, or there is nothing to accept; nothing was done"),
        error_code(
            3,
            "the gate says no: another job did not pass either, a job ran another image, promoted already, or as create-release"
        ),
        error_code(4, "it is not known what became of the image, or whether the Release exists")
    )]
    struct Args {
        /// the gate record, configmap:NAME or file:PATH
        #[argh(option, arg_name = "RECORD")]
        record: String,
        /// the ReleasePlan of the Release
        #[argh(option, arg_name = "PLAN")]
        release_plan: String,
        /// a blocking job that is accepted, by its full name; may be repeated
        #[argh(option, arg_name = "NAME")]
        job: Vec<String>,
        /// why, in one line, for everybody whom it concerns
        #[argh(option, arg_name = "TEXT")]
        reason: String,
        /// how long a Release may take from its creation, 0 to not wait [default: 45m]
        #[argh(option, arg_name = "DURATION")]
        wait: Option<String>,
        /// promote even if an image built later has been released
        #[argh(switch)]
        allow_older: bool,
        /// after this run's own Release has failed, make another; after an unknown end, look again
        #[argh(switch)]
        again: bool,
        /// let the server try the creation without doing it; tell nobody
        #[argh(switch)]
        dry_run: bool,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("override-gate", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let (site, mut results) = (Site::new(args.access(), step.clock), step.results);
    let options = options(&args)?;
    let addresses = Addresses::read(&args.prow(), &groups::Gangway::default()).misuse()?;
    let location: Location = args.record.parse().misuse()?;
    let target = args.slack_webhook_file.clone().map(Target::webhook);
    let slack = site.slack(target, args.check).misuse()?;
    let prow = site.prow(&addresses).misuse()?;
    let tenant = Tenant::new(site.cluster().await.misuse()?, site.clock().clone());
    if args.check {
        return overrule::preflight(&options, &tenant, slack.as_ref())
            .await
            .end(&results);
    }
    let store = site.store(&location).await.misuse()?;
    let journal = Journal::existing(store, site.clock().clone(), &Identity::default()).await?;
    let ended =
        overrule::run(&options, &tenant, &prow, &journal, slack.as_ref(), site.clock()).await?;
    let promotion = &ended.promotion;
    if let Some(object) = promotion.shown() {
        eprintln!("{}", text::harmless(&object));
    }
    results.set("release", promotion.release.as_deref().unwrap_or_default());
    results.set("released", promotion.released.as_str());
    results.write(|| promotion.table()).failed()?;
    ended.end()
}

/// What the flags say.
fn options(args: &Args) -> Result<Options, Failure> {
    let jobs = list(&args.job);
    if jobs.is_empty() {
        return Err(Failure::misuse("expected --job NAME, the job that is accepted"));
    }
    let tested = Tested::read(args.image.as_deref(), args.snapshot_name.as_deref());
    let wait = duration::given("--wait", args.wait.as_ref(), promote::WAIT, duration::parse);
    let plan = ObjectName::label(&args.release_plan).misuse_of("--release-plan")?;
    let promotion = promote::Options {
        accepted: jobs.clone(),
        wait: wait.misuse()?,
        allow_older: args.allow_older,
        again: args.again,
        mode: Mode::of(false, args.dry_run),
        request: Flags::of(&args.request()).again().misuse()?,
        tested: tested.misuse()?,
        rules: GivenRules::of(&args.proof()).misuse()?,
        buckets: prow::buckets(&list(&args.bucket)).misuse()?,
        ..promote::Options::of(plan)
    };
    Ok(Options { jobs, reason: lists::reason(&args.reason).misuse()?, promotion })
}
