//! The command blocks of the documents (```sh and ```console): which there are, and who runs them.
//!
//! A block that cannot be run here has a line before it that says what it needs, which GitHub does
//! not show: `<!-- needs: quay.io -->`. Every other block has an entry in [`RUN_BY`], and the test
//! that is named there follows it, as it stands but for the placeholders that the test declares.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

pub use xtask::repository;

/// The blocks that are run, in the order of the documents: document, heading, and the test (or
/// script) that runs them.
pub const RUN_BY: &[(&str, &str, &str)] = &[
    ("CONTRIBUTING.md", "Begin", ".ci/run"),
    ("README.md", "Quick start", "the_readme_s_commands_work"),
    ("README.md", "In a cluster", "what_a_tenant_applies_by_the_readmes"),
    ("docs/architecture.md", "The gate record", "the_runbook_works_at_night"),
    ("docs/by-hand.md", "Check the setup first", "the_readme_s_commands_work"),
    ("docs/by-hand.md", "Test an image with two jobs", "the_readme_s_commands_work"),
    ("docs/by-hand.md", "resolve-image", "every_step_by_hand_as_the_document_says"),
    (
        "docs/by-hand.md",
        "create-release: would it be possible?",
        "every_step_by_hand_as_the_document_says",
    ),
    ("docs/by-hand.md", "launch-prow", "every_step_by_hand_as_the_document_says"),
    ("docs/by-hand.md", "collect-results", "every_step_by_hand_as_the_document_says"),
    ("docs/by-hand.md", "create-release", "every_step_by_hand_as_the_document_says"),
    ("docs/by-hand.md", "notify-slack", "every_step_by_hand_as_the_document_says"),
    ("docs/by-hand.md", "trigger-gate", "every_step_by_hand_as_the_document_says"),
    ("docs/by-hand.md", "check-staleness", "every_step_by_hand_as_the_document_says"),
    ("docs/by-hand.md", "Look at it", "every_step_by_hand_as_the_document_says"),
    ("docs/by-hand.md", "Show the verdict again", "every_step_by_hand_as_the_document_says"),
    ("docs/by-hand.md", "Judge it again", "every_step_by_hand_as_the_document_says"),
    ("docs/by-hand.md", "Preview its message", "every_step_by_hand_as_the_document_says"),
    ("docs/by-hand.md", "Promote it", "every_step_by_hand_as_the_document_says"),
    ("docs/man-pages.md", "Install them", "the_readme_s_commands_work"),
    ("docs/migration.md", "Step by step, without a gap", "the_migration_goes_step_by_step"),
    ("docs/migration.md", "Step by step, without a gap", "the_migration_goes_step_by_step"),
    ("docs/migration.md", "Step by step, without a gap", "the_migration_goes_step_by_step"),
    ("docs/migration.md", "Step by step, without a gap", "the_migration_goes_step_by_step"),
    ("docs/onboarding.md", "1. See it work on your machine", "the_readme_s_commands_work"),
    ("docs/onboarding.md", "3. Accounts", "the_onboarding_ends_with_a_promoted_image"),
    ("docs/onboarding.md", "4. Secrets", "the_onboarding_ends_with_a_promoted_image"),
    ("docs/onboarding.md", "4. Secrets", "the_onboarding_ends_with_a_promoted_image"),
    ("docs/onboarding.md", "5. Your platform", "the_onboarding_ends_with_a_promoted_image"),
    ("docs/onboarding.md", "6. Look before you apply", "the_onboarding_ends_with_a_promoted_image"),
    (
        "docs/onboarding.md",
        "8. Apply, with the schedules stopped",
        "the_onboarding_ends_with_a_promoted_image",
    ),
    (
        "docs/onboarding.md",
        "8. Apply, with the schedules stopped",
        "the_onboarding_ends_with_a_promoted_image",
    ),
    ("docs/onboarding.md", "9. Check everything", "the_onboarding_ends_with_a_promoted_image"),
    ("docs/onboarding.md", "10. The first run", "the_onboarding_ends_with_a_promoted_image"),
    ("docs/onboarding.md", "10. The first run", "the_onboarding_ends_with_a_promoted_image"),
    ("docs/onboarding.md", "10. The first run", "the_onboarding_ends_with_a_promoted_image"),
    ("docs/onboarding.md", "10. The first run", "the_onboarding_ends_with_a_promoted_image"),
    (
        "docs/onboarding.md",
        "11. The first promoted image",
        "the_onboarding_ends_with_a_promoted_image",
    ),
    ("docs/onboarding.md", "12. Every night", "the_onboarding_ends_with_a_promoted_image"),
    ("docs/report.md", "The report", "sixty_nights_are_played_at_once"),
    ("docs/runbook.md", "Look", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Look", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Test again", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Test again", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Run one step again", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Promote by hand", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Promote by hand", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Promote by hand", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Roll back", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Stop promotion now", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Stop promotion now", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Stop promotion", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Stop promotion", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Cancel a run", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Renew a token", "the_runbook_works_at_night"),
    ("docs/runbook.md", "Schedules and records", "the_runbook_works_at_night"),
    ("docs/security.md", "If a secret got out", "the_runbook_works_at_night"),
    ("tekton/konflux/README.md", "Konflux manifests", "what_a_tenant_applies_by_the_readmes"),
    ("tekton/tasks/attest-verdict/README.md", "Use", "what_a_tenant_applies_by_the_readmes"),
    ("tekton/tasks/collect-results/README.md", "Use", "what_a_tenant_applies_by_the_readmes"),
    ("tekton/tasks/create-release/README.md", "Use", "what_a_tenant_applies_by_the_readmes"),
    ("tekton/tasks/launch-prow/README.md", "Use", "what_a_tenant_applies_by_the_readmes"),
    ("tekton/tasks/notify-slack/README.md", "Use", "what_a_tenant_applies_by_the_readmes"),
    ("tekton/tasks/resolve-image/README.md", "Use", "what_a_tenant_applies_by_the_readmes"),
];

/// A command block.
#[derive(Debug, Clone)]
pub struct Block {
    /// The heading above it.
    pub heading: String,
    /// What it needs, where it says so.
    pub needs: Option<String>,
    /// Its lines, without the indentation of a list.
    pub code: String,
}

/// The command blocks of a document, in order.
pub fn blocks(document: &str) -> Vec<Block> {
    let text = std::fs::read_to_string(repository(document))
        .unwrap_or_else(|error| panic!("{document}: {error}"));
    let (mut found, mut heading, mut before) = (Vec::new(), String::new(), "");
    let mut lines = text.lines();
    while let Some(line) = lines.next() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            let indent = line.len() - line.trim_start().len();
            let body = lines
                .by_ref()
                .take_while(|line| !line.trim_start().starts_with("```"));
            let code: String = body
                .map(|line| format!("{}\n", line.get(indent..).unwrap_or_default()))
                .collect();
            if ["sh", "console", "bash", "shell"].contains(&language.trim()) {
                let needs = before
                    .trim()
                    .strip_prefix("<!-- needs: ")
                    .and_then(|rest| rest.strip_suffix(" -->"));
                let code = code
                    .lines()
                    .map(|line| format!("{}\n", line.strip_prefix("$ ").unwrap_or(line)))
                    .collect();
                found.push(Block {
                    heading: heading.clone(),
                    needs: needs.map(str::to_owned),
                    code,
                });
            }
        } else if line.starts_with('#') {
            heading = line.trim_start_matches('#').trim().to_owned();
        }
        before = line;
    }
    found
}

/// Puts a program into a folder that calls another with further arguments: what a stand-in's
/// address needs besides the commands of a document.
pub fn wrap(folder: &Path, name: &str, program: &Path, more: &[String]) {
    use std::os::unix::fs::PermissionsExt;
    let quoted: Vec<String> = more
        .iter()
        .map(|word| format!("'{}'", word.replace('\'', r"'\''")))
        .collect();
    let script = format!("#!/bin/sh\nexec '{}' \"$@\" {}\n", program.display(), quoted.join(" "));
    std::fs::create_dir_all(folder).unwrap();
    std::fs::write(folder.join(name), script).unwrap();
    std::fs::set_permissions(folder.join(name), std::fs::Permissions::from_mode(0o755)).unwrap();
}

/// A person with a clone, a shell and the documents, who follows them for one test.
pub struct Reader {
    test: &'static str,
    clone: PathBuf,
    path: Vec<PathBuf>,
    env: Vec<(&'static str, String)>,
    placeholders: Vec<(String, String)>,
    followed: std::cell::RefCell<Vec<(String, String)>>,
}

impl Reader {
    /// For the test of that name, in that folder.
    pub fn new(test: &'static str, clone: impl Into<PathBuf>) -> Self {
        Self {
            test,
            clone: clone.into(),
            path: Vec::new(),
            env: Vec::new(),
            placeholders: Vec::new(),
            followed: Vec::new().into(),
        }
    }

    /// Looks for programs in a folder first.
    pub fn with_programs(mut self, folder: impl Into<PathBuf>) -> Self {
        self.path.push(folder.into());
        self
    }

    /// A variable of the shell.
    #[allow(dead_code, reason = "the tests on a cluster need none")]
    pub fn with_env(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.env.push((name, value.into()));
        self
    }

    /// From now on this stands for a placeholder. They are put in by their order.
    pub fn put(&mut self, placeholder: &str, value: impl Into<String>) {
        self.placeholders.retain(|(known, _)| known != placeholder);
        self.placeholders.push((placeholder.to_owned(), value.into()));
    }

    /// Runs a block: the `nth` (from 0) below a heading that needs nothing. It must end well;
    /// returns what it printed.
    pub fn follow(&self, document: &str, heading: &str, nth: usize) -> String {
        let of_heading = blocks(document)
            .into_iter()
            .filter(|block| block.heading == heading && block.needs.is_none());
        let block = of_heading
            .into_iter()
            .nth(nth)
            .unwrap_or_else(|| panic!("{document}: {heading}: no block {nth}"));
        self.followed
            .borrow_mut()
            .push((document.to_owned(), heading.to_owned()));
        self.run(&block.code)
    }

    /// Runs the block in a situation in which it must not end well; returns what it printed.
    #[allow(dead_code, reason = "only a cluster has such situations")]
    pub fn fails(&self, document: &str, heading: &str, nth: usize) -> String {
        let block = blocks(document)
            .into_iter()
            .filter(|block| block.heading == heading)
            .nth(nth)
            .unwrap();
        let (output, commands) = self.output(&block.code);
        assert!(!output.status.success(), "{commands} did not fail");
        format!(
            "{}{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        )
    }

    /// Runs any commands as a block's.
    pub fn run(&self, commands: &str) -> String {
        let (output, commands) = self.output(commands);
        let stdout = String::from_utf8_lossy(&output.stdout).into_owned();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{}: {commands}\n{stdout}\n{stderr}", output.status);
        stdout
    }

    fn output(&self, commands: &str) -> (Output, String) {
        let mut commands = commands.to_owned();
        for (placeholder, value) in &self.placeholders {
            commands = commands.replace(placeholder, value);
        }
        let usual = std::env::var_os("PATH").unwrap_or_default();
        let path =
            std::env::join_paths(self.path.iter().cloned().chain(std::env::split_paths(&usual)))
                .unwrap();
        let mut shell = Command::new("bash");
        shell
            .args(["-euo", "pipefail", "-c", &commands])
            .current_dir(&self.clone)
            .env("PATH", path);
        // Cargo tells a test where its package is; a person's shell does not.
        for (name, _) in
            std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("CARGO"))
        {
            shell.env_remove(name);
        }
        shell.envs(self.env.iter().cloned());
        (shell.output().unwrap(), commands)
    }

    /// All blocks that are this test's have been followed.
    pub fn finish(self) {
        let mut wanted: Vec<_> = RUN_BY.iter().filter(|(_, _, test)| *test == self.test).collect();
        wanted.sort();
        let mut followed = self.followed.into_inner();
        followed.sort();
        let wanted: Vec<(String, String)> = wanted
            .into_iter()
            .map(|(document, heading, _)| ((*document).to_owned(), (*heading).to_owned()))
            .collect();
        assert_eq!(followed, wanted, "{} does not follow what support/commands.rs says", self.test);
    }
}
