//! `--help` of each binary, held by goldens in `tests/help/`.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use xtask::{held, repository};

use crate::support::Tool;

/// The binaries of this package that people call: each file in `bins/`.
pub fn binaries() -> impl Iterator<Item = &'static str> {
    static NAMES: LazyLock<Vec<String>> = LazyLock::new(|| {
        let folder = std::fs::read_dir(repository("bins")).unwrap();
        let names = folder.map(|entry| entry.unwrap().path());
        let mut names: Vec<String> = names
            .map(|path| path.file_stem().unwrap().to_str().unwrap().to_owned())
            // The image's program is called by the steps' names only.
            .filter(|name| name != "release-gate")
            .filter(|name| cfg!(feature = "rehearsal") || name != "rehearse-gate")
            .collect();
        names.sort();
        names
    });
    NAMES.iter().map(String::as_str)
}

#[test]
fn pages_are_as_checked_in() {
    for name in binaries() {
        let output = Tool::new(name).arg("--help").run();
        assert_eq!(output.code, 0, "{name}: {}", output.stderr);
        held(&format!("tests/help/{name}.txt"), &output.stdout);
        assert!(
            output.stdout.lines().all(|line| line.chars().count() <= 100),
            "{name}: a line is wider than 100 columns"
        );
    }
}

#[test]
fn versions_and_unknown_flags() {
    for name in binaries() {
        let version = Tool::new(name).arg("--version").run();
        assert_eq!(
            (version.code, version.stdout.as_str()),
            (0, format!("{name} {}\n", env!("CARGO_PKG_VERSION")).as_str())
        );
        let unknown = Tool::new(name).arg("--no-such-flag").run();
        assert_eq!(unknown.code, 2);
        assert!(unknown.stderr.contains("--no-such-flag"), "{}", unknown.stderr);
    }
}

/// Flags that mean something of their own in each step that has them.
const OWN_MEANING: [&str; 23] = [
    "--application",
    "--blocking",
    "--bucket",
    "--check",
    "--component",
    "--dry-run",
    "--gate-label",
    "--informing",
    "--job",
    "--keep",
    "--out",
    "--override-env",
    "--proof-log",
    "--record",
    "--release-plan",
    "--runbook-url",
    "--scenario",
    "--serve",
    "--snapshot",
    "--test",
    "--time-scale",
    "--timeout",
    "--wait",
];

/// A page's flags: each with the name of its value and its text.
fn described(page: &str) -> BTreeMap<String, (String, String)> {
    let mut flags = BTreeMap::<String, (String, String)>::new();
    let mut flag = None;
    for line in page.lines() {
        if let Some(entry) = line.strip_prefix("  --") {
            let (head, text) = entry.split_once("  ").unwrap_or((entry, ""));
            let (name, value) = head.split_once(' ').unwrap_or((head, ""));
            flags.insert(
                name.to_owned(),
                (value.to_owned(), text.trim().replace(" (required)", "")),
            );
            flag = Some(name.to_owned());
        } else if let Some(text) = line.strip_prefix("                    ")
            && let Some(flag) = &flag
        {
            let said = &mut flags.get_mut(flag).unwrap().1;
            *said = format!("{said} {}", text.trim()).trim().replace(" (required)", "");
        } else {
            flag = None;
        }
    }
    flags
}

#[test]
fn a_flag_of_several_steps_has_one_value_and_one_text() {
    let mut known = BTreeMap::<String, (String, String, &str)>::new();
    for name in binaries() {
        let page = std::fs::read_to_string(repository(format!("tests/help/{name}.txt"))).unwrap();
        let flags = described(&page);
        assert!(flags.len() > 3, "{name}: {flags:?}");
        for (flag, (value, text)) in flags {
            if OWN_MEANING.contains(&format!("--{flag}").as_str()) {
                continue;
            }
            let (their_value, their_text, other) =
                known
                    .entry(flag.clone())
                    .or_insert((value.clone(), text.clone(), name));
            assert_eq!(
                (&value, &text),
                (&*their_value, &*their_text),
                "--{flag} in {name} and in {other}"
            );
        }
    }
}
