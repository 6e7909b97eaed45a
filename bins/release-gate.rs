/*! All steps in one program, for the image: it acts as the step by whose name it is called.

One static program with links to it is a fifth of the size of the steps one by one, and takes one long
link instead of seven. The rehearsal holds the steps in the same way. Elsewhere each is a program of its own.
*/

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

#[path = "attach-verdict.rs"]
mod attach_verdict;
#[path = "attest-verdict.rs"]
mod attest_verdict;
#[path = "bisect-gate.rs"]
mod bisect_gate;
#[path = "check-gate.rs"]
mod check_gate;
#[path = "check-staleness.rs"]
mod check_staleness;
#[path = "collect-history.rs"]
mod collect_history;
#[path = "collect-results.rs"]
mod collect_results;
#[path = "create-release.rs"]
mod create_release;
#[path = "hold-gate.rs"]
mod hold_gate;
#[path = "launch-prow.rs"]
mod launch_prow;
#[path = "new-gate.rs"]
mod new_gate;
#[path = "notify-slack.rs"]
mod notify_slack;
#[path = "override-gate.rs"]
mod override_gate;
#[path = "report-gate.rs"]
mod report_gate;
#[path = "resolve-image.rs"]
mod resolve_image;
#[path = "retract-image.rs"]
mod retract_image;
#[path = "show-gate.rs"]
mod show_gate;
#[path = "trigger-gate.rs"]
mod trigger_gate;
#[path = "verify-verdict.rs"]
mod verify_verdict;

/// What a step does.
pub type Main = fn() -> ExitCode;

/// Each step by its name.
pub const STEPS: &[(&str, Main)] = &[
    ("attach-verdict", attach_verdict::main),
    ("attest-verdict", attest_verdict::main),
    ("check-staleness", check_staleness::main),
    ("collect-results", collect_results::main),
    ("create-release", create_release::main),
    ("hold-gate", hold_gate::main),
    ("launch-prow", launch_prow::main),
    ("notify-slack", notify_slack::main),
    ("override-gate", override_gate::main),
    ("report-gate", report_gate::main),
    ("resolve-image", resolve_image::main),
    ("retract-image", retract_image::main),
    ("trigger-gate", trigger_gate::main),
    ("verify-verdict", verify_verdict::main),
    ("check-gate", check_gate::main),
    ("collect-history", collect_history::main),
    ("show-gate", show_gate::main),
    ("new-gate", new_gate::main),
    ("bisect-gate", bisect_gate::main),
];

/// The name by which this program was called, and the step of that name.
pub fn called() -> (OsString, Option<Main>) {
    let called = std::env::args_os().next().unwrap_or_default();
    let name = Path::new(&called).file_name().unwrap_or_default().to_owned();
    let step = STEPS.iter().find(|(step, _)| name == *step);
    (name, step.map(|(_, main)| *main))
}

fn main() -> ExitCode {
    match called() {
        (_, Some(step)) => step(),
        (name, None) => {
            let names: Vec<&str> = STEPS.iter().map(|(step, _)| *step).collect();
            eprintln!(
                "error: expected to be called as one of {}, by a link of that name; found {name:?}",
                names.join(", ")
            );
            ExitCode::from(2)
        }
    }
}
