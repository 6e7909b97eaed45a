//! `show-gate`: a run of the gate as its record tells of it, for people.
//!
//! It only reads: record and PipelineRun. It may be asked while the run goes on.
//! Exit codes: 0 shown; 1 it cannot be read, or has not ended in time; 2 bad input or no such record;
//! 3 with `--watch`: the run ended and did not promote.

use std::io::stdout;
use std::process::ExitCode;

use gate::arguments;
use gate::duration;
use gate::failure::{Failure, OrExit};
use gate::show::{self, Wanted, Watch};
use gate::site::Site;
use gate::step::{self, Step, terminal};

arguments! {
    groups: access;
    results:;

    #[argh(
        description = "Shows a run of the gate: how it ended or how far it is, its jobs with every try, the promotion,\nwhat people accepted, and the next command. Without RUN it is the newest of the namespace, of a gate or\nof a scenario. It only reads and may be asked at any time.",
        note = "Your account needs these rights in the namespace: get and list configmaps; get pipelineruns, by which a\nrun that goes on is told from one that was killed.",
        example = "show-gate --namespace acme-tenant",
        example = "show-gate --scenario ho-release-gate-aro-hcp --watch",
        example = "show-gate ho-release-gate-aro-hcp-x7k2p --namespace acme-tenant",
        example = "show-gate --record file:night/record.json",
        error_code(0, "the run was shown; with --watch: its image was promoted, or passed"),
        error_code(
            1,
            "the record cannot be read; with --watch: the run has not ended within --wait"
        ),
        error_code(2, "bad input, or there is no such record"),
        error_code(3, "with --watch: the run ended, and its image cannot be used")
    )]
    struct Args {
        /// the PipelineRun's name, or its record's, gate-RUN
        #[argh(positional, arg_name = "RUN")]
        run: Option<String>,
        /// the run of this record, configmap:NAME or file:PATH, instead of RUN
        #[argh(option, arg_name = "RECORD")]
        record: Option<String>,
        /// the newest run of this IntegrationTestScenario
        #[argh(option, arg_name = "NAME")]
        scenario: Option<String>,
        /// the newest run of this gate, by its name for people, such as 'ARO HCP'
        #[argh(option, arg_name = "TEXT")]
        gate_label: Option<String>,
        /// show it again until the run has ended
        #[argh(switch)]
        watch: bool,
        /// how often to look with --watch [default: 30s]
        #[argh(option, arg_name = "DURATION")]
        interval: Option<String>,
        /// how long to look with --watch [default: 8h]
        #[argh(option, arg_name = "DURATION")]
        wait: Option<String>,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("show-gate", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let wanted = Wanted::given(
        args.run.as_deref(),
        args.record.as_deref(),
        args.gate_label.as_deref(),
        args.scenario.as_deref(),
    )?;
    let (interval, wait) = (args.interval.as_ref(), args.wait.as_ref());
    let positive = duration::parse_positive;
    let times = Watch {
        interval: duration::given("--interval", interval, show::INTERVAL, positive).misuse()?,
        wait: duration::given("--wait", wait, show::WAIT, positive).misuse()?,
    };
    let site = Site::new(args.access(), step.clock.clone());
    let source = show::find(&wanted, &site).await?;
    let clock = step.clock.as_ref();
    if !args.watch {
        let look = source.look().await?;
        return step::results::print(&show::face(&look, clock, terminal::width())).failed();
    }
    let mut screen = terminal::Screen::new(terminal::can_redraw(&stdout()));
    show::watch(&source, times, clock, |look| {
        let news = (look.record.revision, look.run, show::stage(look));
        screen
            .show(&show::face(look, clock, terminal::width()), &format!("{news:?}"))
            .failed()
    })
    .await
}
