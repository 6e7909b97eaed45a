//! `notify-slack`: one message per run of the gate, in Slack.
//!
//! Says what it knows from the record, Tekton's status of the run's tasks and its own flags, even where half
//! of that is missing.

use std::path::PathBuf;
use std::process::ExitCode;

use gate::arguments;
use gate::duration;
use gate::failure::{Failure, OrExit};
use gate::http::BaseUrl;
use gate::name::ObjectName;
use gate::notify::{self, Named, Options, run_url};
use gate::preflight::input::check_input;
use gate::record::Identity;
use gate::site::Site;
use gate::slack::Target;
use gate::step::args::{each, read};
use gate::step::{self, Step};

arguments! {
    groups: webhook, runbook, snapshot_name, threshold, archive, check, check_input, run, access;
    results:;

    /// Sends one message about a run of the gate to Slack: the verdict, what became of each job,
    /// the Release, and what to do next. Says what it knows even if no other step ran.
    #[argh(
        note = "Waits for the Release only if the record's verdict is passed and --task-status says collect-results=Succeeded; create-release, running at the same time, writes the end there. A record that is missing, unreadable or out of reach is said in the message, and no error.",
        example = "notify-slack --record file:gate.json --gate-label 'ARO HCP' --preview",
        example = "notify-slack --record file:gate.json --gate-label 'ARO HCP' --slack-webhook-file webhook-url",
        error_code(0, "the message was sent, or shown with --preview; with --check: nothing failed"),
        error_code(
            1,
            "the message could not be delivered; it is printed and kept in the record; with --check: something failed"
        ),
        error_code(2, "bad input or no webhook; nothing was sent")
    )]
    struct Args {
        /// the gate record, configmap:NAME or file:PATH [default: none, the flags alone]
        #[argh(option, arg_name = "RECORD")]
        record: Option<String>,
        /// file that holds a Slack bot token, instead of a webhook; needs --channel
        #[argh(option, arg_name = "FILE")]
        slack_token_file: Option<PathBuf>,
        /// id of the channel for --slack-token-file
        #[argh(option, arg_name = "ID")]
        channel: Option<String>,
        /// base URL of Slack's Web API, for --slack-token-file [default: https://slack.com/api]
        #[argh(option, arg_name = "URL")]
        slack_api_url: Option<String>,
        /// the ReleasePlan's name, for the command to try again
        #[argh(option, arg_name = "PLAN")]
        release_plan: Option<String>,
        /// how long to wait for the Release to end [default: 45m]
        #[argh(option, arg_name = "DURATION")]
        release_wait: Option<String>,
        /// how a task of the run ended: Succeeded, Failed or None (never started), such as
        /// collect-results=Succeeded; may be repeated
        #[argh(option, arg_name = "NAME=STATUS")]
        task_status: Vec<String>,
        /// address of the run in a console; one that ends in / gets the run's name appended
        #[argh(option, arg_name = "URL")]
        run_url: Option<String>,
        /// whom to mention when runs stay red: 3=S0123ABCD at the third red run in a row, 5+=here
        /// from the fifth on; a Slack member's or group's id, here or channel; may be repeated
        #[argh(option, arg_name = "N=WHOM")]
        escalate: Vec<String>,
        /// show the message in the terminal and send nothing
        #[argh(switch)]
        preview: bool,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("notify-slack", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let site = Site::new(args.access(), step.clock);
    let identity = Identity { namespace: args.namespace.clone(), ..args.run().into() };
    if args.check_input {
        let missing = || Failure::misuse("expected --record, with --check-input");
        let record = args.record.as_ref().ok_or_else(missing)?;
        return check_input("notify-slack", record, &identity, &site, options(&args)).await;
    }
    let mut options = options(&args)?;
    let archive = read::<BaseUrl>(args.kubearchive_url.as_ref()).misuse_of("--kubearchive-url")?;
    let named = Named { record: read(args.record.as_ref()).misuse()?, identity, archive };
    let target = if args.preview && !args.check { None } else { Some(target(&args)?) };
    let slack = site.slack(target, args.check).misuse()?;
    if args.check {
        let checks = notify::preflight(&options, &named, &site, slack.as_ref()).await?;
        return checks.end(&step.results);
    }
    let sources = notify::open(&mut options, &named, &site, slack).await?;
    notify::run(options, sources).await.end()
}

fn target(args: &Args) -> Result<Target, Failure> {
    let (webhook, token) = (args.slack_webhook_file.clone(), args.slack_token_file.clone());
    let api = args.slack_api_url.as_deref();
    Target::given(webhook, token, args.channel.clone(), api).misuse()
}

/// What the flags say.
fn options(args: &Args) -> Result<Options, Failure> {
    let wait = args.release_wait.as_ref();
    let days = duration::parse_days(args.threshold_days.as_deref().unwrap_or("3"));
    let run_name = args.run_name.as_deref();
    let run_url = args.run_url.as_deref().map(|url| run_url(url, run_name));
    read::<BaseUrl>(args.kubearchive_url.as_ref()).misuse_of("--kubearchive-url")?;
    let plan = args.release_plan.as_deref().map(ObjectName::label).transpose();
    let runbook = read(args.runbook_url.as_ref());
    Ok(Options {
        gate: args.gate_label.clone(),
        snapshot: args.snapshot_name.clone(),
        plan: plan.misuse_of("--release-plan")?.map(String::from),
        release_wait: duration::given(
            "--release-wait",
            wait,
            notify::RELEASE_WAIT,
            duration::parse,
        )
        .misuse()?,
        tasks: each(&args.task_status).misuse()?,
        run_url: run_url.transpose().misuse()?.flatten(),
        run_name: args.run_name.clone(),
        scenario: args.scenario.clone(),
        namespace: args.namespace.clone(),
        record: args.record.clone(),
        ladder: each(&args.escalate).misuse()?,
        threshold: Some(days.misuse_of("--threshold-days")?),
        runbook: runbook.misuse_of("--runbook-url")?.unwrap_or_default(),
    })
}
