//! On a terminal: tables instead of JSON, colour where it is wanted, lines that fit. The terminal
//! is `script`'s, which every Debian has.

use std::process::{Command, Stdio};

use crate::help::binaries;
use crate::support::{Dir, Tool, binary};

/// What a program shows on a terminal of so many columns with these variables, and its exit code;
/// `None` where there is no `script`.
fn on_terminal(
    columns: u32,
    variables: &[(&str, &str)],
    program: &str,
    arguments: &[&str],
) -> Option<(i32, String)> {
    let quoted = |text: &str| format!("'{}'", text.replace('\'', r"'\''"));
    let words = std::iter::once(quoted(&binary(program).display().to_string()))
        .chain(arguments.iter().map(|a| quoted(a)));
    let line = format!("stty cols {columns}; {}", words.collect::<Vec<_>>().join(" "));
    let mut command = Command::new("script");
    command
        .args(["-qec", &line, "/dev/null"])
        .stdin(Stdio::null())
        .env_clear();
    command
        .env("PATH", std::env::var("PATH").unwrap())
        .env("TERM", "xterm-256color")
        .envs(variables.iter().copied());
    let Ok(output) = command.output() else {
        eprintln!("skipped: there is no `script` here");
        return None;
    };
    let shown = String::from_utf8(output.stdout).unwrap().replace("\r\n", "\n");
    Some((output.status.code().unwrap(), shown))
}

/// A text without colours.
fn plain(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |shown, part| shown + part.split_once('m').expect("nothing but colours").1)
}

/// What a record that is none makes a step say.
fn trouble(variables: &[(&str, &str)], more: &[&str]) -> Option<String> {
    let dir = Dir::new();
    let record = format!("file:{}", dir.path("gate.json").display());
    dir.write("gate.json", "null");
    let arguments = [&["collect-results", "--record", &record][..], more].concat();
    let (code, shown) = on_terminal(100, variables, arguments[0], &arguments[1..])?;
    assert_eq!(code, 2, "{shown}");
    Some(shown.replace(&record["file:".len()..], "gate.json"))
}

#[test]
fn a_step_speaks_on_a_terminal() {
    let image = format!("quay.io/acme/ho@sha256:{}", "4be1f0c2".repeat(8));
    let snapshot = format!(r#"{{"components":[{{"name":"ho","containerImage":"{image}"}}]}}"#);
    let arguments = ["--offline", "--component", "ho", "--snapshot", &snapshot];
    let Some((code, said)) = on_terminal(80, &[], "resolve-image", &arguments) else { return };
    assert_eq!(code, 0, "{said}");
    assert!(said.contains(&image) && !said.contains('{'), "a table, no JSON: {said}");
}

#[test]
fn colour_is_for_terminals_alone_and_marks_the_same_words() {
    let wanted = "error: the record gate.json is no gate record: it holds null";
    let Some(coloured) = trouble(&[], &[]) else { return };
    assert!(coloured.starts_with("\u{1b}[31merror:\u{1b}[0m "), "{coloured:?}");
    for variables in [&[("NO_COLOR", "1")][..], &[("TERM", "dumb")]] {
        let shown = trouble(variables, &[]).unwrap();
        assert!(shown.starts_with(wanted) && !shown.contains('\u{1b}'), "{variables:?}: {shown:?}");
        assert_eq!(plain(&coloured), shown);
    }
    assert_eq!(trouble(&[("NO_COLOR", "")], &[]).unwrap(), coloured, "empty is as good as absent");
    let json = trouble(&[], &["--log-format", "json"]).unwrap();
    assert!(json.starts_with('{') && !json.contains('\u{1b}'), "{json:?}");
}

/// Levels of log lines are coloured by the same rule.
#[test]
fn log_lines_are_coloured_on_a_terminal() {
    let image = format!("quay.io/acme/ho@sha256:{}", "4be1f0c2".repeat(8));
    let snapshot = format!(r#"{{"components":[{{"name":"ho","containerImage":"{image}"}}]}}"#);
    let arguments = ["--component", "ho", "--snapshot", &snapshot, "--time-scale", "100000"];
    let shown = |variables: &[(&str, &str)]| {
        // Nobody listens there: a warning for each try.
        let proxy = [&[("HTTPS_PROXY", "http://127.0.0.1:9")], variables].concat();
        on_terminal(100, &proxy, "resolve-image", &arguments).map(|(_, shown)| shown)
    };
    let Some(coloured) = shown(&[]) else { return };
    assert!(coloured.contains("\u{1b}[33m WARN\u{1b}[0m"), "{coloured:?}");
    assert!(plain(&coloured).contains("Z  WARN "), "the word is there: {coloured:?}");
    assert!(!shown(&[("NO_COLOR", "1")]).unwrap().contains('\u{1b}'));
    let piped = Tool::new("resolve-image")
        .args(arguments)
        .env("HTTPS_PROXY", "http://127.0.0.1:9")
        .run();
    assert!(
        piped.stderr.contains("Z  WARN ") && !piped.stderr.contains('\u{1b}'),
        "{}",
        piped.stderr
    );
}

/// Every help page fits a narrow terminal, word for word what a pipe gets.
#[test]
fn help_fits_the_terminal() {
    for name in binaries() {
        let piped = Tool::new(name).arg("--help").run().stdout;
        let (_, examples) = piped.split_once("\nExamples:\n").unwrap();
        for (columns, at_most) in [(70, 70), (40, 60), (300, 100)] {
            let Some((_, shown)) = on_terminal(columns, &[], name, &["--help"]) else { return };
            let wide: Vec<&str> =
                shown.lines().filter(|line| line.chars().count() > at_most).collect();
            // Examples are there to be copied, an address is one word.
            let whole = |line: &&str| examples.contains(*line) || !line.trim().contains(' ');
            assert!(wide.iter().all(whole), "{name}, {columns}: {wide:?}");
            assert!(shown.split_whitespace().eq(piped.split_whitespace()), "{name}: {shown}");
        }
    }
}

/// A table whose last column is text is broken there; one with names and digests keeps them whole.
#[test]
fn tables_fit_the_terminal() {
    let dir = Dir::new();
    let image = format!("quay.io/acme/ho@sha256:{}", "4be1f0c2".repeat(8));
    let record = serde_json::json!({
        "schema_version": 1, "kind": "gate", "id": "run", "created_at": "2026-08-20T03:00:00Z", "updated_at": "2026-08-20T03:00:00Z",
        "candidate": {"image": image, "digest": format!("sha256:{}", "4be1f0c2".repeat(8)), "snapshot": "s"},
        "jobs": [{"name": "periodic-ci-x-main-e2e", "class": "blocking", "override_env": ["I"], "env": {}, "attempts": [{
            "number": 1, "intent": {"key": "k", "written_at": "2026-08-20T03:00:00Z", "holder": "h"}, "execution": "e", "state": "failure", "cause": "product", "detail": "failed",
            "failing_tests": {"names": ["TestUpgradeControlPlane/Main/EnsureNoCrashingPods", "TestNodePool", "TestOther"]},
            "judged_at": "2026-08-20T05:00:00Z", "launched_at": "2026-08-20T03:00:00Z", "states": []}]}],
        "verdict": {"decision": "failed", "decided_at": "2026-08-20T05:00:00Z", "blocking_passed": 0, "blocking_total": 1,
            "reasons": ["periodic-ci-x-main-e2e failed TestUpgradeControlPlane/Main/EnsureNoCrashingPods and 2 more"]},
    });
    let path = dir.write("gate.json", record.to_string());
    let flag = format!("file:{}", path.display());
    let token = dir.write("token", "t").display().to_string();
    let arguments = ["--record", &flag, "--gangway-token-file", &token];
    for columns in [60, 80, 100] {
        let Some((code, shown)) =
            on_terminal(columns, &[("RUST_LOG", "off")], "collect-results", &arguments)
        else {
            return;
        };
        assert_eq!(code, 3, "{shown}");
        let table: Vec<&str> = shown.lines().filter(|line| !line.contains("error:")).collect();
        assert!(table.len() > 1, "{shown}");
        assert!(
            table.iter().all(|line| line.chars().count() <= columns as usize),
            "{columns}:\n{shown}"
        );
    }
}

/// The rehearsal: the same words, with colours, in lines that fit.
#[cfg(feature = "rehearsal")]
#[test]
fn a_rehearsal_looks_the_same_in_colour() {
    let arguments = ["--scenario", "image-missing", "--seed", "7"];
    // How long something took is another figure each time.
    let words = |text: &str| {
        let words = text
            .split_whitespace()
            .filter(|word| !word.starts_with(|c: char| c.is_ascii_digit()));
        words.map(str::to_owned).collect::<Vec<_>>()
    };
    let piped = Tool::new("rehearse-gate")
        .args(arguments)
        .command()
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output();
    let piped = String::from_utf8(piped.unwrap().stdout).unwrap();
    assert!(
        !piped.contains('\u{1b}') && piped.lines().all(|line| line.chars().count() <= 100),
        "{piped}"
    );
    // Its progress is drawn on stderr, which is not wanted here.
    let line = |tool: &str| {
        format!(
            "cd '{}' && '{tool}' {} 2>/dev/null",
            env!("CARGO_MANIFEST_DIR"),
            arguments.join(" ")
        )
    };
    let run = |columns: u32, variables: &[(&str, &str)]| {
        let tool = binary("rehearse-gate").display().to_string();
        let mut command = Command::new("script");
        command
            .args(["-qec", &format!("stty cols {columns}; {}", line(&tool)), "/dev/null"])
            .stdin(Stdio::null());
        let output = command
            .env("TERM", "xterm")
            .env_remove("NO_COLOR")
            .envs(variables.iter().copied());
        Some(
            String::from_utf8(output.output().ok()?.stdout)
                .unwrap()
                .replace("\r\n", "\n"),
        )
    };
    let Some(coloured) = run(100, &[]) else { return };
    assert!(coloured.contains("\u{1b}[31m✗\u{1b}[0m"), "{coloured:?}");
    assert_eq!(words(&plain(&coloured)), words(&piped));
    let narrow = run(70, &[("NO_COLOR", "1")]).unwrap();
    assert_eq!(words(&narrow), words(&piped));
    let wide: Vec<&str> = narrow.lines().filter(|line| line.chars().count() > 70).collect();
    assert!(wide.iter().all(|line| line.contains("sha256:")), "{wide:?}");
    for columns in [60, 100] {
        let list = on_terminal(columns, &[], "rehearse-gate", &["--list-scenarios"])
            .unwrap()
            .1;
        assert!(list.lines().all(|line| line.chars().count() <= columns as usize), "{list}");
    }
}
