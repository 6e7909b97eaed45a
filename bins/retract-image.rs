//! `retract-image`: takes a verified image back, and moves the tags to the verified image before it.

use std::process::ExitCode;

use gate::arguments;
use gate::cluster::Tenant;
use gate::duration;
use gate::failure::{Failure, OrExit};
use gate::http::BaseUrl;
use gate::image::Digest;
use gate::lists;
use gate::name::ObjectName;
use gate::retract::{self, Options, Sources, What};
use gate::site::Site;
use gate::slack::Target;
use gate::snapshot::ComponentName;
use gate::step::args::{list, read};
use gate::step::{self, Step};

arguments! {
    groups: archive, webhook, check, access;
    results:;

    #[argh(
        description = "Takes a verified image back: it is promoted and tested no more, Releases of it that are in flight are\nfollowed to their end, and the newest verified image before it is released once more, so that the tags move back.\nRun again after a crash: it goes on where it was.",
        example = "{command_name} --release-plan ho-release-gate-aro-hcp --digest sha256:1a0d… \\\n    --reason 'deletes node pools' --dry-run",
        example = "{command_name} --all-plans --digest sha256:1a0d… --reason 'deletes node pools'",
        example = "{command_name} --release-plan ho-release-gate-aro-hcp --digest sha256:1a0d… --undo",
        note = "The list is kept in the ConfigMap retracted-PLAN, which the platform's overlay makes. All is done with your own\nrights: get, list and update configmaps; get, list, watch and create releases; get snapshots and releaseplans. Whoever\nmay write ConfigMaps there can undo it. Consumers who pinned the digest, or have pulled it, are not reached.",
        error_code(0, "done; with --check: nothing failed"),
        error_code(
            1,
            "not all is done, or no earlier image is left to go back to, and the list is written all the same; or Slack was not told; with --check: something failed"
        ),
        error_code(2, "bad input; nothing was done"),
        error_code(4, "it is not known what became of the Release of the image before")
    )]
    struct Args {
        /// the ReleasePlan that the image was promoted by; may be repeated
        #[argh(option, arg_name = "PLAN")]
        release_plan: Vec<String>,
        /// every plan of the namespace that has a list of retracted images
        #[argh(switch)]
        all_plans: bool,
        /// the digest of the image, sha256:<64 hex digits>
        #[argh(option, arg_name = "DIGEST")]
        digest: String,
        /// why, in one line, for everybody whom it concerns
        #[argh(option, arg_name = "TEXT")]
        reason: Option<String>,
        /// let the image be promoted again; the tags stay where they are
        #[argh(switch)]
        undo: bool,
        /// the component whose image is tested
        #[argh(option, arg_name = "NAME")]
        component: Option<String>,
        /// the component's version, where a Snapshot has several of that name [default: the
        /// only one]
        #[argh(option, arg_name = "TEXT")]
        component_version: Option<String>,
        /// how long each Release is followed [default: 45m]
        #[argh(option, arg_name = "DURATION")]
        wait: Option<String>,
        /// show what would be done, change nothing and tell nobody
        #[argh(switch)]
        dry_run: bool,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("retract-image", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let site = Site::new(args.access(), step.clock.clone());
    let options = options(&args)?;
    let archive = read::<BaseUrl>(args.kubearchive_url.as_ref()).misuse_of("--kubearchive-url")?;
    let target = args.slack_webhook_file.clone().map(Target::webhook);
    let slack = site.slack(target, args.check).misuse()?;
    let archive = site.archive_of(archive).await.misuse()?;
    let tenant = Tenant::new(site.cluster().await.misuse()?, step.clock.clone());
    let sources = Sources { tenant, archive, slack };
    if args.check {
        return retract::preflight(&options, &sources).await.end(&step.results);
    }
    let said = retract::run(&options, &sources).await?;
    step::results::show(&said.json().to_string(), || said.table()).failed()?;
    said.end()
}

/// What the flags say.
fn options(args: &Args) -> Result<Options, Failure> {
    let plans = list(&args.release_plan);
    if plans.is_empty() != args.all_plans {
        return Err(Failure::misuse("expected either --release-plan PLAN or --all-plans"));
    }
    let what = match (args.reason.as_deref(), args.undo) {
        (Some(reason), false) => What::Retract { reason: lists::reason(reason).misuse()? },
        (None, true) => What::Undo,
        _ => return Err(Failure::misuse("expected either --reason TEXT or --undo")),
    };
    let plans = plans.iter().map(|plan| ObjectName::label(plan).map(String::from));
    let (component, version) = (args.component.as_deref(), args.component_version.as_deref());
    Ok(Options {
        plans: plans.collect::<Result<_, _>>().misuse_of("--release-plan")?,
        digest: args.digest.parse::<Digest>().misuse_of("--digest")?,
        what,
        component: ComponentName::given(component, version).misuse()?,
        wait: duration::given(
            "--wait",
            args.wait.as_ref(),
            retract::WAIT,
            duration::parse_positive,
        )
        .misuse()?,
        dry_run: args.dry_run,
    })
}
