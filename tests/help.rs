//! `--help` of each binary, held by goldens in `tests/help/`.

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
