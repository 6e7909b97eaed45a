//! `--serve`: the stand-ins alone, and how to run each step against them by hand.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use crate::scenario::Scenario;
use crate::screen::WIDTH;
use crate::stage::{Stage, TEST_SCENARIO};

/// Prints how to use the stand-ins, and serves them until Ctrl-C.
///
/// # Errors
/// The folder cannot be written.
pub async fn serve(
    stage: &Stage,
    scenario: &Scenario,
    programs: &Path,
    work: &Path,
) -> io::Result<()> {
    stage.write_kubeconfig(&work.join("kubeconfig"))?;
    fs::write(work.join("snapshot.json"), &stage.installed.snapshot_json)?;
    for (secret, file) in [("gangway-token", "token"), ("slack-webhook", "url")] {
        fs::write(work.join(secret), &stage.secrets()[secret][file])?;
    }
    {
        let mut out = io::stdout().lock();
        writeln!(
            out,
            "# stand-ins of scenario {} · {} gate seconds a second · Ctrl-C ends them",
            scenario.name,
            stage.world.scale()
        )?;
        writeln!(out, "export PATH={}:$PATH", quote(&programs.to_string_lossy()))?;
        writeln!(out, "export KUBECONFIG={}", quote(&work.join("kubeconfig").to_string_lossy()))?;
        writeln!(out, "cd {}\n", quote(&work.to_string_lossy()))?;
        for command in commands(stage) {
            writeln!(out, "{command}\n")?;
        }
        out.flush()?;
    }
    tokio::signal::ctrl_c().await
}

/// Each step with a record in a file, in the order of a night.
pub fn commands(stage: &Stage) -> Vec<String> {
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
    let join = |name: &str, parts: &[&[(&str, &str)]]| command(name, &parts.concat());
    vec![
        join(
            "resolve-image",
            &[&snapshot, &[("--component", "hypershift-operator-main"), label], &shared],
        ),
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
    ]
}

/// A command for a shell; flags go on in rows of at most [`WIDTH`]. An empty value is a switch's.
fn command(name: &str, flags: &[(&str, &str)]) -> String {
    let mut rows = vec![name.to_owned()];
    for (flag, value) in flags {
        let word =
            if value.is_empty() { (*flag).to_owned() } else { format!("{flag} {}", quote(value)) };
        let last = rows.len() - 1;
        if rows[last].chars().count() + 1 + word.chars().count() + 2 <= WIDTH {
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
        let command = command("tool", &[("--check", ""), ("--a", &long), ("--b", "c")]);
        assert_eq!(command, format!("tool --check --a {long} \\\n  --b c"));
    }
}
