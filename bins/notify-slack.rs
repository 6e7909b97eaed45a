//! `notify-slack`: one message per run of the gate, in Slack.
//!
//! Reads the gate record (where there is one that can be read), Tekton's status of the run's tasks
//! and its own flags. Waits for the Release only where the verdict is passed and the task
//! collect-results succeeded, by reading the record again: create-release writes its outcome there.
//! Calls the cluster (a record in a ConfigMap, the run's PipelineRun) and Slack. Writes what it
//! sent, or could not send, into the record.
//!
//! Exit codes: 0 sent (or shown), 1 not delivered, 2 bad input.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use argh::{ArgsInfo, FromArgs};
use gate::clock::SharedClock;
use gate::cluster::{Cluster, ClusterOptions, Tenant, bearer};
use gate::failure::{Chain, Failure};
use gate::http::{BaseUrl, BaseUrlError, SharedTransport, UreqTransport, extra_certificates};
use gate::kubearchive::KubeArchive;
use gate::notify::{self, Begin, Content, Options, Rung, Sight, Sources, TaskStatus};
use gate::record::{
    Identity, Journal, Limits, Location, Past, Whose, check_input, past_runs, store_at,
};
use gate::secret::SecretFile;
use gate::slack::{Slack, Target};
use gate::staleness;
use gate::step::{self, Results, Step};

/// Sends one message about a run of the gate to Slack: the verdict, what became of each job, the
/// Release, and what to do next. Says what it knows even if no other step ran.
#[derive(FromArgs, ArgsInfo)]
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
    #[argh(option, arg_name = "R")]
    record: Option<String>,
    /// file that holds the address of a Slack incoming webhook; required, unless a token is given
    #[argh(option, arg_name = "FILE")]
    slack_webhook_file: Option<PathBuf>,
    /// file that holds a Slack bot token, instead of a webhook; needs --channel
    #[argh(option, arg_name = "FILE")]
    slack_token_file: Option<PathBuf>,
    /// id of the channel for --slack-token-file
    #[argh(option, arg_name = "ID")]
    channel: Option<String>,
    /// base URL of Slack's Web API, for --slack-token-file [default: https://slack.com/api]
    #[argh(option, arg_name = "URL")]
    slack_api_url: Option<String>,
    /// the Snapshot's name, where the record does not tell it
    #[argh(option, arg_name = "NAME")]
    snapshot_name: Option<String>,
    /// the ReleasePlan's name, for the command to try again
    #[argh(option, arg_name = "NAME")]
    release_plan: Option<String>,
    /// how long to wait for the Release to end [default: 45m]
    #[argh(option, arg_name = "TIME")]
    release_wait: Option<String>,
    /// how a task of the run ended: Succeeded, Failed or None (never started), such as
    /// collect-results=Succeeded; may be repeated
    #[argh(option, arg_name = "NAME=STATUS")]
    task_status: Vec<String>,
    /// address of the run in a console; one that ends in / gets the run's name appended
    #[argh(option, arg_name = "URL")]
    run_url: Option<String>,
    /// the IntegrationTestScenario, for the command to test again
    #[argh(option, arg_name = "NAME")]
    scenario: Option<String>,
    /// days without a newly verified image after which that is said too [default: 3]
    #[argh(option, arg_name = "N")]
    threshold_days: Option<String>,
    /// base URL of KubeArchive, for Releases that are no longer in the cluster [default: none]
    #[argh(option, arg_name = "URL")]
    kubearchive_url: Option<String>,
    /// whom to mention when runs stay red: 3=S0123ABCD at the third red run in a row, 5+=here from
    /// the fifth on; a Slack member's or group's id, here or channel; may be repeated
    #[argh(option, arg_name = "N=WHOM")]
    escalate: Vec<String>,
    /// show the message in the terminal and send nothing
    #[argh(switch)]
    preview: bool,
    /// look whether everything that this step needs is there and answers, and change nothing
    #[argh(switch)]
    check: bool,
    /// only read the flags, ask nobody, and note in a record without jobs what is wrong
    #[argh(switch)]
    check_input: bool,
    /// id of this run, as the record holds it
    #[argh(option, arg_name = "ID")]
    run_id: Option<String>,
    /// name of the PipelineRun
    #[argh(option, arg_name = "NAME")]
    run_name: Option<String>,
    /// the platform's name for people
    #[argh(option, arg_name = "TEXT")]
    gate_label: Option<String>,
    /// namespace of the run [default: the kubeconfig's or the pod's]
    #[argh(option, arg_name = "NAME")]
    namespace: Option<String>,
    /// kubeconfig file [default: KUBECONFIG, then the pod's service account]
    #[argh(option, arg_name = "FILE")]
    kubeconfig: Option<PathBuf>,
    /// context of the kubeconfig [default: its current one]
    #[argh(option, arg_name = "NAME")]
    context: Option<String>,
    /// PEM file or folder of authorities to trust besides the usual ones
    #[argh(option, arg_name = "PEM")]
    ca_file: Option<PathBuf>,
    /// how logs look [default: human]
    #[argh(option, arg_name = "human|json")]
    log_format: Option<String>,
    /// seconds of gate time in a second, for rehearsals [default: 1]
    #[argh(option, arg_name = "N")]
    time_scale: Option<String>,
}

impl step::Arguments for Args {
    fn log_format(&self) -> Option<&str> {
        self.log_format.as_deref()
    }

    fn time_scale(&self) -> Option<&str> {
        self.time_scale.as_deref()
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("notify-slack", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    if args.check_input {
        let record = args
            .record
            .as_deref()
            .ok_or_else(|| Failure::misuse("expected --record, with --check-input"))?;
        let place = (&access(&args), &identity(&args));
        return check_input("notify-slack", record, place, &step.clock, options(&args)).await;
    }
    let location = args
        .record
        .as_deref()
        .map(str::parse::<Location>)
        .transpose()
        .map_err(Failure::misuse)?;
    let mut options = options(&args)?;
    if args.check {
        return check(&args, location.as_ref(), &step).await;
    }
    let slack = if args.preview { None } else { Some(slack(&args, &step)?) };

    let identity = identity(&args);
    let on_cluster = location.as_ref().is_some_and(Location::is_config_map);
    let cluster = if on_cluster { Some(connect(&args).await) } else { None };
    let reached = cluster.as_ref().and_then(|cluster| cluster.as_ref().ok());
    if options.namespace.is_none() {
        options.namespace = reached.map(|cluster| cluster.namespace.clone());
    }
    let (record, begin) = match (&location, &cluster) {
        (None, _) => (Err(Sight::NotAsked), None),
        (Some(_), Some(Err(why))) => (Err(Sight::Unreadable(why.clone())), None),
        (Some(location), _) => {
            let store = || store_at(location, reached);
            // A gate or scenario that the record contradicts is something to be said, no reason for
            // silence.
            let run = Identity { run_id: args.run_id.clone(), ..Identity::default() };
            let opened = Journal::existing(store(), step.clock.clone(), &run).await;
            let begin = args
                .run_id
                .is_some()
                .then(|| Begin { store: store(), identity: identity.clone() });
            (opened.map_err(|error| Sight::from(&error)), begin)
        }
    };
    if let Err(Sight::Unreadable(why)) = &record {
        tracing::warn!("{why}; the message is made without the record");
    }
    let cancelled = match (reached, &options.run_name) {
        (Some(cluster), Some(run)) => notify::is_cancelled(cluster, &step.clock, run).await,
        _ => None,
    };

    let past = match reached {
        Some(cluster) => past(cluster, &step.clock, &record, &args).await,
        None => None,
    };

    let releases = match reached {
        Some(cluster) => releases(cluster, &args, &options, &step).await?,
        None => None,
    };
    let sources = Sources { record, begin, past, releases, cancelled, slack, clock: step.clock };
    let delivery = notify::run(options, sources).await;
    match delivery.sent {
        Some(Ok(())) => tracing::info!("sent: {}", delivery.message.headline.plain()),
        Some(Err(error)) => {
            step::results::print(&delivery.message.text()).map_err(Failure::failed)?;
            return Err(error.into());
        }
        None => step::results::print(&delivery.message.text()).map_err(Failure::failed)?,
    }
    Ok(())
}

async fn check(args: &Args, location: Option<&Location>, step: &Step) -> Result<(), Failure> {
    let slack = slack(args, step)?;
    let cluster = match location.is_some_and(Location::is_config_map) {
        true => Some(Cluster::connect(&access(args)).await.map_err(Failure::misuse)?),
        false => None,
    };
    let archive = archive(args, step).await?;
    let content = Content {
        record: location,
        identity: identity(args),
        cluster: cluster.as_ref(),
        archive: archive.as_ref(),
        names_run: args.run_name.is_some(),
        names_plan: args.release_plan.is_some(),
    };
    notify::preflight(&content, &slack, &step.clock)
        .await
        .end(&Results::none())
}

fn identity(args: &Args) -> Identity {
    Identity {
        run_id: args.run_id.clone(),
        run_name: args.run_name.clone(),
        gate: args.gate_label.clone(),
        scenario: args.scenario.clone(),
        namespace: args.namespace.clone(),
    }
}

async fn archive(args: &Args, step: &Step) -> Result<Option<KubeArchive>, Failure> {
    let Some(url) = args.kubearchive_url.as_deref() else { return Ok(None) };
    Ok(Some(KubeArchive {
        base: url.parse().map_err(|error: BaseUrlError| {
            Failure::misuse(format!("--kubearchive-url: {error}"))
        })?,
        bearer: bearer(&access(args)).await.unwrap_or_default(),
        transport: transport(args)?,
        clock: step.clock.clone(),
    }))
}

/// Where the plan's Releases are.
async fn releases(
    cluster: &Cluster,
    args: &Args,
    options: &Options,
    step: &Step,
) -> Result<Option<staleness::Sources>, Failure> {
    let Some(plan) = args.release_plan.clone() else { return Ok(None) };
    Ok(Some(staleness::Sources {
        tenant: Tenant::new(cluster, step.clock.clone()),
        archive: archive(args, step).await?,
        plan,
        threshold: options.threshold.unwrap_or_default(),
        application: None,
        component: None,
        scenario: None,
        gate: None,
        patience: notify::PATIENCE,
    }))
}

/// The gate's past runs; where they cannot be read, the message has no row of red runs to count.
async fn past(
    cluster: &Cluster,
    clock: &SharedClock,
    record: &Result<Journal, Sight>,
    args: &Args,
) -> Option<Vec<Past>> {
    let known = match record {
        Ok(journal) => Some(journal.record().await),
        Err(_) => None,
    };
    let gate = known
        .as_ref()
        .and_then(|record| record.gate.clone())
        .or_else(|| args.gate_label.clone())?;
    let id = known.map(|record| record.id).or_else(|| args.run_id.clone());
    let limits = Limits { except: id.as_deref(), ..Limits::default() };
    let found = past_runs(cluster, clock, Whose::Gate(&gate), limits)
        .await
        .map(|found| found.runs);
    found
        .inspect_err(|error| tracing::warn!("cannot list earlier records: {}", Chain(error)))
        .ok()
}

fn options(args: &Args) -> Result<Options, Failure> {
    let wait = args.release_wait.as_deref().unwrap_or("45m");
    let release_wait =
        gate::duration::parse(wait).map_err(|e| Failure::misuse(format!("--release-wait: {e}")))?;
    let tasks = step::args::list(&args.task_status)
        .iter()
        .map(|text| task(text))
        .collect::<Result<_, _>>()?;
    let run_url = args
        .run_url
        .as_deref()
        .map(|url| run_url(url, args.run_name.as_deref()))
        .transpose()?;
    if let Some(url) = &args.kubearchive_url {
        url.parse::<BaseUrl>()
            .map_err(|error| Failure::misuse(format!("--kubearchive-url: {error}")))?;
    }
    let threshold = gate::duration::parse_days(args.threshold_days.as_deref().unwrap_or("3"));
    let threshold =
        threshold.map_err(|error| Failure::misuse(format!("--threshold-days: {error}")))?;
    let ladder = step::args::list(&args.escalate)
        .iter()
        .map(|rung| rung.parse::<Rung>())
        .collect::<Result<_, _>>();
    Ok(Options {
        gate: args.gate_label.clone(),
        snapshot: args.snapshot_name.clone(),
        plan: args.release_plan.clone(),
        release_wait,
        tasks,
        run_url: run_url.flatten(),
        run_name: args.run_name.clone(),
        scenario: args.scenario.clone(),
        namespace: args.namespace.clone(),
        record: args.record.clone(),
        ladder: ladder.map_err(Failure::misuse)?,
        threshold: Some(threshold),
    })
}

fn task(text: &str) -> Result<TaskStatus, Failure> {
    match text.split_once('=') {
        Some((name, status)) if !name.trim().is_empty() && !status.trim().is_empty() => {
            Ok(TaskStatus { name: name.trim().to_owned(), status: status.trim().to_owned() })
        }
        _ => Err(Failure::misuse(format!(
            "--task-status: expected NAME=STATUS such as collect-results=Succeeded, found {text:?}"
        ))),
    }
}

/// The run's address; a base without a run's name leads nowhere.
fn run_url(url: &str, run: Option<&str>) -> Result<Option<String>, Failure> {
    let base: BaseUrl = url
        .parse()
        .map_err(|error| Failure::misuse(format!("--run-url: {error}")))?;
    Ok(match (url.ends_with('/'), run) {
        (false, _) => Some(url.to_owned()),
        (true, Some(run)) => Some(base.join([run]).to_string()),
        (true, None) => None,
    })
}

fn slack(args: &Args, step: &Step) -> Result<Slack, Failure> {
    let target = match (&args.slack_webhook_file, &args.slack_token_file, &args.channel) {
        (Some(file), None, None) => Target::Webhook(SecretFile::new(Target::WEBHOOK_FLAG, file)),
        (None, Some(file), Some(channel)) => Target::Channel {
            token: SecretFile::new("--slack-token-file", file),
            channel: channel.clone(),
            api: args
                .slack_api_url
                .as_deref()
                .unwrap_or("https://slack.com/api")
                .parse()
                .map_err(|error| Failure::misuse(format!("--slack-api-url: {error}")))?,
        },
        (None, Some(_), None) => return Err(Failure::misuse("--slack-token-file needs --channel")),
        (None, None, Some(_)) => return Err(Failure::misuse("--channel needs --slack-token-file")),
        (None, None, None) => {
            return Err(Failure::misuse(
                "expected --slack-webhook-file FILE (or --slack-token-file and --channel), or --preview to send nothing",
            ));
        }
        (Some(_), _, _) => {
            return Err(Failure::misuse(
                "expected either --slack-webhook-file or --slack-token-file with --channel, found both",
            ));
        }
    };
    if !args.check {
        target.check().map_err(Failure::misuse)?;
    }
    Ok(Slack::new(target, transport(args)?, step.clock.clone()))
}

fn transport(args: &Args) -> Result<SharedTransport, Failure> {
    let extra = args
        .ca_file
        .as_deref()
        .map(extra_certificates)
        .transpose()
        .map_err(Failure::misuse)?;
    Ok(Arc::new(UreqTransport::new(extra.unwrap_or_default())))
}

async fn connect(args: &Args) -> Result<Cluster, String> {
    Cluster::connect(&access(args))
        .await
        .map_err(|error| Chain(&error).to_string())
}

fn access(args: &Args) -> ClusterOptions {
    ClusterOptions {
        kubeconfig: args.kubeconfig.clone(),
        context: args.context.clone(),
        namespace: args.namespace.clone(),
        ca_file: args.ca_file.clone(),
    }
}
