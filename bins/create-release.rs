//! `create-release`: promotes the tested image with one Konflux Release, and waits until it landed.
//!
//! Whoever may write the record could have written its verdict, so each blocking run is asked again, under
//! this step's own account. A Release that exists for plan and Snapshot is adopted, never doubled.

use std::process::ExitCode;

use gate::arguments;
use gate::duration;
use gate::evidence::GivenRules;
use gate::failure::{Failure, OrExit};
use gate::jobs::Flags;
use gate::name::ObjectName;
use gate::promote::{self, Mode, Options, tries};
use gate::prow::{self, Addresses};
use gate::record::{Location, Tested};
use gate::site::Site;
use gate::step::args::{list, read};
use gate::step::{self, Step, groups};
use gate::text;

arguments! {
    groups: image, snapshot_name, request, proof, prow, bucket, run, access;
    results: "release", "released";

    #[argh(
        description = "Promotes the tested image: makes the one Release of its Snapshot and ReleasePlan, if the record's\nverdict is passed, and follows it to its end. Run again after a crash: what exists is adopted.",
        usage = "--record RECORD --release-plan PLAN [options]",
        example = "{command_name} --record file:gate.json --release-plan hypershift-operator-verified --check",
        example = "{command_name} --record configmap:gate-x7k2p --release-plan hypershift-operator-verified",
        note = "Before it makes a Release it asks Deck, or the artifacts, for each blocking job's run. The image, the\nSnapshot, the blocking jobs, their variables and the proof that are given must be those of the record\n[default: the record's]: give what launch-prow and collect-results were given. What cannot be read is tried for 10 minutes.\n\nNeeds these rights in the namespace: get snapshots and releaseplans; get, list, watch and create\nreleases; get and update configmaps, for a record in one. --check needs to get and list only.",
        error_code(
            0,
            "released; already released; not waited for (--wait 0); --check and --dry-run passed"
        ),
        error_code(
            1,
            "failed or still running; plan or Snapshot missing, plan unmatched; a run that cannot be read; cluster trouble"
        ),
        error_code(2, "bad input, or a record of another plan; nothing was asked"),
        error_code(
            3,
            "the gate says no: verdict, a run that contradicts it, another request, digest, older image, auto-release, blocked plan"
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
        /// only look whether a Release would be possible, and end as it would; needs no verdict,
        /// makes nothing; where it would be possible, the record is bound to the plan,
        /// otherwise why not is noted in a record without jobs
        #[argh(switch)]
        check: bool,
        /// let the server try the creation without doing it, show the object on stderr, note that
        /// in the record
        #[argh(switch)]
        dry_run: bool,
        /// whom to believe that the blocking jobs passed: their runs, asked again, or the record,
        /// which the message then says [default: again]
        #[argh(option, arg_name = "again|record")]
        evidence: Option<String>,
        /// how often this step is tried again if this try fails, or how often at all less the tries
        /// made, such as 1-0: until none is left, a refusal is not the last word [default: not
        /// known]
        #[argh(option, arg_name = "N|N-MADE")]
        tries_left: Option<String>,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("create-release", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let (site, mut results) = (Site::new(args.access(), step.clock), step.results);
    let options = options(&args)?;
    let addresses = Addresses::read(&args.prow(), &groups::Gangway::default()).misuse()?;
    let location: Location = args.record.parse().misuse()?;
    let promotion =
        promote::open(&options, &addresses, &location, args.run().into(), &site).await?;
    if let Some(object) = promotion.shown() {
        eprintln!("{}", text::harmless(&object));
    }
    results.set("release", promotion.release.as_deref().unwrap_or_default());
    results.set("released", promotion.released.as_str());
    let checks = promotion.checks.as_ref().map(|checks| ("checks", checks.json()));
    results.write_with(checks.as_slice(), || promotion.table()).failed()?;
    promotion.end()
}

/// What the flags say.
fn options(args: &Args) -> Result<Options, Failure> {
    let days = args.grace_period_days.as_deref().map(promote::grace_period);
    let tested = Tested::read(args.image.as_deref(), args.snapshot_name.as_deref());
    Ok(Options {
        plan: ObjectName::label(&args.release_plan).misuse_of("--release-plan")?,
        wait: duration::given("--wait", args.wait.as_ref(), promote::WAIT, duration::parse)
            .misuse()?,
        grace_period_days: days.transpose().misuse()?,
        allow_older: args.allow_older,
        again: args.again,
        mode: Mode::of(args.check, args.dry_run),
        accepted: Vec::new(),
        evidence: read(args.evidence.as_ref()).misuse()?.unwrap_or_default(),
        request: Flags::of(&args.request()).again().misuse()?,
        tested: tested.misuse()?,
        rules: GivenRules::of(&args.proof()).misuse()?,
        buckets: prow::buckets(&list(&args.bucket)).misuse()?,
        tries_left: args.tries_left.as_deref().map_or(Ok(None), tries::left).misuse()?,
    })
}
