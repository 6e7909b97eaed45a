//! `hold-gate`: holds a plan's promotions until a time, or lifts that; tests go on.

use std::process::ExitCode;

use gate::arguments;
use gate::cluster::Tenant;
use gate::failure::{Failure, OrExit};
use gate::hold::{self, Options, What};
use gate::name::ObjectName;
use gate::site::Site;
use gate::slack::Target;
use gate::step::args::list;
use gate::step::{self, Step};

arguments! {
    groups: webhook, check, access;
    results:;

    #[argh(
        description = "Holds promotions until a time: the gate tests as always, and create-release refuses, with the reason.\nWith --lift it ends the hold, and prints for each gate the command that promotes its newest image that was held back.",
        example = "{command_name} --until 2026-12-01T08:00:00Z --reason 'freeze for GA'",
        example = "{command_name} --release-plan ho-release-gate-aro-hcp --until 12h --reason 'incident 4711'",
        example = "{command_name} --lift",
        note = "The hold is kept in the ConfigMap holds-PLAN, which the platform's overlay makes. It is written with your own\nrights: get and update configmaps, and list to find plans and runs. Whoever may write ConfigMaps there can lift it.",
        error_code(0, "done; with --check: nothing failed"),
        error_code(
            1,
            "a plan could not be held or lifted, or Slack not be told; with --check: something failed"
        ),
        error_code(2, "bad input; nothing was done")
    )]
    struct Args {
        /// the ReleasePlan; may be repeated [default: every plan that has a list of holds]
        #[argh(option, arg_name = "PLAN")]
        release_plan: Vec<String>,
        /// when the hold ends by itself: a time, or how long from now; at most 90 days
        #[argh(option, arg_name = "TIME")]
        until: Option<String>,
        /// why, in one line, for everybody whom it concerns
        #[argh(option, arg_name = "TEXT")]
        reason: Option<String>,
        /// end the hold now
        #[argh(switch)]
        lift: bool,
        /// show what would be done, write nothing and tell nobody
        #[argh(switch)]
        dry_run: bool,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("hold-gate", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let site = Site::new(args.access(), step.clock.clone());
    let plans = list(&args.release_plan);
    let plans = plans.iter().map(|plan| ObjectName::label(plan).map(String::from));
    let what =
        What::given(args.until.as_deref(), args.reason.as_deref(), args.lift, step.clock.as_ref());
    let options = Options {
        plans: plans.collect::<Result<_, _>>().misuse_of("--release-plan")?,
        what: what.misuse()?,
        dry_run: args.dry_run,
    };
    let target = args.slack_webhook_file.clone().map(Target::webhook);
    let slack = site.slack(target, args.check).misuse()?;
    let tenant = Tenant::new(site.cluster().await.misuse()?, step.clock.clone());
    if args.check {
        return hold::preflight(&options, &tenant, slack.as_ref())
            .await
            .end(&step.results);
    }
    let said = hold::run(&options, &tenant, slack.as_ref()).await?;
    step::results::show(&said.json().to_string(), || said.table()).failed()?;
    said.end()
}
