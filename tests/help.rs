//! `--help` of each binary, held by goldens in `tests/help/`.

use crate::support::Tool;
use std::path::Path;

/// The binaries of this package that people call.
pub const BINARIES: &[&str] = &[
    "resolve-image",
    "launch-prow",
    "collect-results",
    "create-release",
    "notify-slack",
    "trigger-gate",
    "check-staleness",
    #[cfg(feature = "rehearsal")]
    "rehearse-gate",
];

/// Run with `UPDATE_GOLDENS=1` after a change of a page.
#[test]
fn pages_are_as_checked_in() {
    for &name in BINARIES {
        let output = Tool::new(name).arg("--help").run();
        assert_eq!(output.code, 0, "{name}: {}", output.stderr);
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/help/{name}.txt"));
        if std::env::var_os("UPDATE_GOLDENS").is_some() {
            std::fs::write(&path, &output.stdout).unwrap();
        }
        let golden = std::fs::read_to_string(&path).unwrap_or_default();
        assert_eq!(output.stdout, golden, "{name}: UPDATE_GOLDENS=1 cargo test help");
        assert!(
            output.stdout.lines().all(|line| line.chars().count() <= 100),
            "{name}: a line is wider than 100 columns"
        );
    }
}

#[test]
fn versions_and_unknown_flags() {
    for &name in BINARIES {
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
