//! `--serve`: the stand-ins alone, and how to run each step against them by hand.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use standins::ScenarioScript;

use crate::scenario::Scenario;
use crate::stage::{Stage, TEST_SCENARIO};

/// Gate seconds that pass in a second where nothing else is said: a night of three hours takes two
/// minutes, so that the waiting is seen.
pub const TIME_SCALE: u32 = 90;

/// The file that does the whole night.
const NIGHT: &str = "night.sh";

/// Prints how to use the stand-ins, writes the same into a file, and serves them until Ctrl-C.
///
/// # Errors
/// The folder cannot be written.
pub async fn serve(
    stage: &Stage,
    scenario: &Scenario,
    programs: &Path,
    work: &Path,
    width: usize,
) -> io::Result<()> {
    let names = (stage.namespace.as_str(), TEST_SCENARIO);
    stage
        .world
        .kube()
        .scenario(names.0, names.1, ScenarioScript::default());
    stage.write_kubeconfig(&work.join("kubeconfig"))?;
    fs::write(work.join("snapshot.json"), &stage.installed.snapshot_json)?;
    for (secret, file) in [("gangway-token", "token"), ("slack-webhook", "url")] {
        fs::write(work.join(secret), &stage.secrets()[secret][file])?;
    }
    let night = work.join(NIGHT);
    let mut text = format!(
        "export PATH={}:\"$PATH\"\nexport KUBECONFIG={}\ncd {}\n",
        quote(&programs.to_string_lossy()),
        quote(&work.join("kubeconfig").to_string_lossy()),
        quote(&work.to_string_lossy())
    );
    for command in commands(stage, width) {
        text += &format!("\n{command}\n");
    }
    fs::write(
        &night,
        format!("# A night by hand. Each command is shown before it runs.\nset -v\n{text}"),
    )?;
    let head = format!(
        "# stand-ins of scenario {} · {} gate seconds a second · Ctrl-C ends them\n\
         # in a second terminal, one after another; or all of them: sh {}\n",
        scenario.name,
        stage.world.scale(),
        quote(&night.to_string_lossy())
    );
    {
        let mut out = io::stdout().lock();
        out.write_all((head + &text).as_bytes())?;
        out.flush()?;
    }
    tokio::signal::ctrl_c().await
}

/// Each step with a record in a file, in the order of a night.
pub fn commands(stage: &Stage, width: usize) -> Vec<String> {
    let installed = &stage.installed;
    let (gangway, deck, artifacts) =
        (stage.servers.gangway_url(), stage.servers.deck_url(), stage.servers.artifacts_url());
    let scale = stage.world.scale().to_string();
    let services: [(&str, &str); 4] = [
        ("--gangway-url", &gangway),
        ("--gangway-token-file", "gangway-token"),
        ("--deck-url", &deck),
        ("--artifacts-url", &artifacts),
    ];
    let shared: [(&str, &str); 2] = [("--record", "file:gate.json"), ("--time-scale", &scale)];
    let snapshot =
        [("--snapshot", "@snapshot.json"), ("--snapshot-name", installed.snapshot.as_str())];
    let plan = [("--release-plan", installed.plan.as_str())];
    let label = ("--gate-label", "ARO HCP");
    let join = |name: &str, parts: &[&[(&str, &str)]]| command(name, &parts.concat(), width);
    let component = [("--component", "hypershift-operator-main")];
    let scenario_and_plan = [&[("--scenario", TEST_SCENARIO)], &plan[..]].concat();
    vec![
        join(
            "trigger-gate",
            &[
                &[("--application", "hypershift-operator")],
                &component,
                &scenario_and_plan,
                &[("--dry-run", ""), shared[1]],
            ],
        ),
        join("resolve-image", &[&snapshot, &component, &[label], &shared]),
        join("create-release", &[&[("--check", "")], &plan, &shared]),
        join(
            "launch-prow",
            &[
                &[
                    ("--image", installed.reference.as_str()),
                    ("--blocking", installed.blocking.as_str()),
                    ("--informing", installed.informing.as_str()),
                    (
                        "--override-env",
                        "MULTISTAGE_PARAM_OVERRIDE_OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE",
                    ),
                ],
                &services,
                &shared,
            ],
        ),
        join(
            "collect-results",
            &[
                &[("--proof-log", "artifacts/*/hypershift-install/build-log.txt")],
                &services,
                &shared,
            ],
        ),
        join("create-release", &[&plan, &services[2..], &shared]),
        join(
            "notify-slack",
            &[
                &[("--slack-webhook-file", "slack-webhook"), ("--scenario", TEST_SCENARIO)],
                &plan,
                &shared,
            ],
        ),
        join("show-gate", &[&shared]),
        join("check-staleness", &[&plan, &component, &[shared[1]]]),
    ]
}

/// A command for a shell; flags go on in rows of at most `width` columns, where a value is not longer.
/// An empty value is a switch's.
fn command(name: &str, flags: &[(&str, &str)], width: usize) -> String {
    let mut rows = vec![name.to_owned()];
    for (flag, value) in flags {
        let word =
            if value.is_empty() { (*flag).to_owned() } else { format!("{flag} {}", quote(value)) };
        let last = rows.len() - 1;
        if rows[last].chars().count() + 1 + word.chars().count() + 2 <= width {
            rows[last] = format!("{} {word}", rows[last]);
        } else {
            rows.push(format!("  {word}"));
        }
    }
    rows.join(" \\\n")
}

/// A text as one word of a POSIX shell.
pub(crate) fn quote(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:@=%+,".contains(c);
    if !text.is_empty() && text.chars().all(plain) {
        return text.to_owned();
    }
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_words_of_a_shell() {
        assert_eq!(quote("file:a/b.json"), "file:a/b.json");
        assert_eq!(quote("ARO HCP"), "'ARO HCP'");
        assert_eq!(quote("it's $HOME"), r"'it'\''s $HOME'");
        assert_eq!(quote(""), "''");
        let long = "x".repeat(80);
        let command = command("tool", &[("--check", ""), ("--a", &long), ("--b", "c")], 100);
        assert_eq!(command, format!("tool --check --a {long} \\\n  --b c"));
    }
}
