//! The documents held against what they talk about.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use xtask::repository;

use crate::manifests::kustomize;
use crate::support::Dir;
use crate::support::commands::{RUN_BY, blocks};

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file below a folder with that ending, in order.
fn below(folder: &str, ending: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut folders = vec![repository(folder)];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if entry.file_type().unwrap().is_dir() {
                folders.push(path);
            } else if path.to_string_lossy().ends_with(ending) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn documents() -> Vec<PathBuf> {
    let mut all = below("docs", ".md");
    all.extend(below("tekton", ".md"));
    all.extend(["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "SECURITY.md"].map(repository));
    all
}

/// Text outside of code blocks, and the blocks themselves with their language.
fn split(text: &str) -> (String, Vec<(String, String)>) {
    let (mut prose, mut blocks, mut block) = (String::new(), Vec::new(), None::<(String, String)>);
    for line in text.lines() {
        // A block may be indented, as part of a list.
        let fence = line.trim_start().strip_prefix("```");
        match (&mut block, fence) {
            (None, Some(language)) => block = Some((language.to_owned(), String::new())),
            (Some(_), Some(_)) => blocks.extend(block.take()),
            (Some((_, code)), None) => {
                code.push_str(line);
                code.push('\n');
            }
            (None, None) => {
                prose.push_str(line);
                prose.push('\n');
            }
        }
    }
    assert!(block.is_none(), "a code block is not closed");
    (prose, blocks)
}

/// A heading's anchor, as GitHub makes it.
fn anchor(heading: &str) -> String {
    let kept = heading
        .to_lowercase()
        .chars()
        .filter(|c| c.is_alphanumeric() || " -_".contains(*c))
        .collect::<String>();
    kept.replace(' ', "-")
}

#[test]
fn every_link_leads_somewhere() {
    for document in documents() {
        let (prose, _) = split(&read(&document));
        for part in prose.split("](").skip(1) {
            let target = part.split_once(')').unwrap().0;
            if target.contains("://") {
                continue;
            }
            let (file, fragment) = target.split_once('#').unwrap_or((target, ""));
            let path = if file.is_empty() {
                document.clone()
            } else {
                document.parent().unwrap().join(file)
            };
            assert!(path.exists(), "{}: {target} leads nowhere", document.display());
            if !fragment.is_empty() {
                let text = split(&read(&path)).0;
                let headings = text.lines().filter_map(|line| line.strip_prefix('#'));
                let known = headings.map(|heading| anchor(heading.trim_start_matches('#').trim()));
                assert!(
                    known.into_iter().any(|known| known == fragment),
                    "{}: no {target}",
                    document.display()
                );
            }
        }
    }
}

/// Every command block is run by a test, or says what it needs.
#[test]
fn every_command_block_is_run_or_says_what_it_needs() {
    let mut sources: String = below("tests", ".rs").iter().map(|path| read(path)).collect();
    sources.push_str(&read(&repository("lib/tests/crash.rs")));
    let root = repository("");
    let mut names: Vec<String> = documents()
        .iter()
        .map(|path| path.strip_prefix(&root).unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    let mut unclaimed = Vec::new();
    for document in &names {
        let mut runs = RUN_BY.iter().filter(|(claimed, _, _)| claimed == document);
        for block in blocks(document) {
            if let Some(needs) = &block.needs {
                assert!(!needs.trim().is_empty(), "{document}, {:?}: needs nothing", block.heading);
                continue;
            }
            match runs.next() {
                Some((_, heading, by)) if *heading == block.heading => {
                    let exists = if by.starts_with(".ci/") {
                        let script = read(&repository(by));
                        block
                            .code
                            .lines()
                            .all(|line| script.lines().any(|known| known.trim() == line))
                    } else {
                        sources.contains(&format!("fn {by}("))
                    };
                    assert!(exists, "{document}, {heading:?}: {by} does not run\n{}", block.code);
                }
                _ => unclaimed.push(format!("{document}, {:?}:\n{}", block.heading, block.code)),
            }
        }
        assert!(
            unclaimed.is_empty() || runs.next().is_none(),
            "{document}: claims are out of order"
        );
        assert_eq!(
            runs.next(),
            None,
            "{document}: a block that tests/support/commands.rs names is gone"
        );
    }
    let gone: Vec<_> = RUN_BY
        .iter()
        .filter(|(document, _, _)| !names.iter().any(|name| name == document))
        .collect();
    assert!(gone.is_empty(), "{gone:?}");
    assert!(
        unclaimed.is_empty(),
        "these command blocks are run by no test; follow each in one and name it in tests/support/commands.rs, or, if it \
         cannot be run here, put <!-- needs: WHAT --> into the line before it\n\n{}",
        unclaimed.join("\n")
    );
}

/// Commands of ours in code blocks use flags that the binary has, by its `--help` page.
#[test]
fn every_flag_in_a_command_exists() {
    let mut checked = 0;
    for document in documents() {
        for (language, code) in split(&read(&document)).1 {
            if !["sh", "console", "bash", "shell"].contains(&language.as_str()) {
                continue;
            }
            for line in code.replace("\\\n", " ").lines() {
                let words: Vec<&str> = line.trim_start_matches("$ ").split_whitespace().collect();
                let Some(program) = words.first() else { continue };
                let page = repository(format!("tests/help/{program}.txt"));
                if !page.exists() {
                    continue;
                }
                let help = read(&page);
                for flag in words.iter().filter(|word| word.starts_with("--")) {
                    let known =
                        help.lines().any(|line| line.split_whitespace().next() == Some(flag));
                    assert!(known, "{}: {program} has no {flag}", document.display());
                    checked += 1;
                }
            }
        }
    }
    assert!(checked > 20, "only {checked} flags were found");
}

/// The first cell of a row of the runbook is a piece of a message; it must still be one.
#[test]
fn every_message_in_the_runbook_is_said_somewhere() {
    let mut sources = below("lib/src", ".rs");
    sources.extend(below("bins", ".rs"));
    let said: String = sources.iter().map(|path| read(path).replace("\\\"", "\"")).collect();
    let text = read(&repository("docs/runbook.md"));
    let messages: Vec<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("| `")?.split_once("` |"))
        .map(|(cell, _)| cell)
        .filter(|cell| cell.contains(' ') && !cell.contains('`'))
        // First lines in Slack are held by the library, which makes them.
        .filter(|cell| !cell.starts_with(['🟢', '🟡', '🔴', '⚪', '…']))
        .collect();
    assert!(messages.len() > 30, "{}", messages.len());
    let missing: Vec<&str> = messages
        .into_iter()
        .filter(|message| !message.split('…').all(|piece| said.contains(piece.trim())))
        .collect();
    assert!(missing.is_empty(), "no step says:\n{}", missing.join("\n"));
}

/// The annotated record is one: nothing in it is made up, and every part of a record is in the page.
#[test]
fn the_annotated_record_is_a_record() {
    let text = read(&repository("docs/record.md"));
    let blocks = split(&text).1;
    let (_, annotated) = blocks.iter().find(|(language, _)| language == "jsonc").unwrap();
    let shown: serde_json::Value = serde_json::from_str(&without_comments(annotated)).unwrap();
    let record: gate::record::GateRecord = serde_json::from_value(shown.clone()).unwrap();
    // What is no field of it would be gone.
    let read_back = serde_json::to_value(&record).unwrap();
    for (line, as_read) in lines(&shown).iter().zip(lines(&read_back)) {
        assert_eq!(*line, as_read);
    }
    assert_eq!(read_back, shown);
    assert_eq!(
        gate::record::Ending::of(&record),
        gate::record::Ending::Known(gate::record::Outcome::Promoted)
    );
    let schema: serde_json::Value =
        serde_json::from_str(&read(&repository("docs/record.schema.json"))).unwrap();
    for field in schema["properties"].as_object().unwrap().keys() {
        let named = text.contains(&format!("\"{field}\":")) || text.contains(&format!("`{field}`"));
        assert!(named, "docs/record.md does not name {field}");
    }
}

fn lines(value: &serde_json::Value) -> Vec<String> {
    let text = serde_json::to_string_pretty(value).unwrap();
    text.lines().map(str::to_owned).collect()
}

/// JSON with its comments taken out: they begin with two slashes after a blank, or a line.
fn without_comments(annotated: &str) -> String {
    let lines = annotated.lines().map(|line| match line.split_once(" // ") {
        Some((before, _)) => before,
        None => line,
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// Every cause, decision and outcome has its word in the glossary, every cause its row in the runbook.
#[test]
fn every_word_of_a_record_is_explained() {
    let schema: serde_json::Value =
        serde_json::from_str(&read(&repository("docs/record.schema.json"))).unwrap();
    let words = |name: &str| -> Vec<String> {
        let all = schema["$defs"][name]["oneOf"].as_array().unwrap();
        all.iter()
            .map(|one| format!("`{}`", one["const"].as_str().unwrap()))
            .collect()
    };
    let glossary = read(&repository("docs/glossary.md"));
    for name in ["Cause", "Decision", "Outcome"] {
        let words = words(name);
        assert!(words.len() >= 3, "{name}");
        let missing: Vec<_> = words.iter().filter(|word| !glossary.contains(*word)).collect();
        assert!(missing.is_empty(), "docs/glossary.md lacks {missing:?}");
    }
    let runbook = read(&repository("docs/runbook.md"));
    let (_, causes) = runbook.split_once("\n### collect-results\n").unwrap();
    let (causes, _) = causes.split_once("\n#### ").unwrap();
    let rows: String = causes
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split(" |").next())
        .collect();
    let causes = words("Cause");
    let missing: Vec<_> = causes
        .iter()
        .filter(|cause| *cause != "`passed`" && !rows.contains(*cause))
        .collect();
    assert!(missing.is_empty(), "docs/runbook.md lacks {missing:?}");
}

/// The example of the onboarding, built as it stands.
#[test]
fn the_onboarding_s_platform_builds() {
    let text = read(&repository("docs/onboarding.md"));
    let blocks: Vec<_> = split(&text)
        .1
        .into_iter()
        .filter(|(language, _)| language == "yaml")
        .collect();
    let [(_, kustomization), (_, settings)] = blocks.as_slice() else {
        panic!("{} blocks", blocks.len())
    };
    let dir = Dir::new();
    crate::manifests::copy(&repository("tekton/konflux"), &dir.path("konflux"));
    dir.write("konflux/overlays/acme/kustomization.yaml", kustomization);
    dir.write("konflux/overlays/acme/settings.yaml", settings);
    crate::manifests::check_overlay("acme", &dir.path("konflux/overlays/acme"));
    // The commands after it name what it makes.
    let built = kustomize::build(&dir.path("konflux/overlays/acme"));
    for (kind, name) in [
        ("IntegrationTestScenario", "ho-release-gate-acme"),
        ("CronJob", "trigger-gate-acme"),
        ("CronJob", "check-staleness-acme"),
        ("ReleasePlan", "release-gate-acme"),
    ] {
        let made = built
            .iter()
            .find(|object| object["kind"] == kind && object["metadata"]["name"] == name)
            .unwrap_or_else(|| panic!("no {kind} {name}"));
        assert!(text.contains(name), "{name}");
        // Nothing starts before the last step.
        assert!(kind != "CronJob" || made["spec"]["suspend"] == true, "{name} is not suspended");
    }
}

/// The comparison names tests that exist.
#[test]
fn every_test_that_the_comparison_names_exists() {
    tests_exist(&read(&repository("docs/comparison.md")));
}

/// The security page names, for each of its promises, tests that exist.
#[test]
fn every_test_that_the_security_page_names_exists() {
    let text = read(&repository("docs/security.md"));
    let (_, promises) = text.split_once("## Each promise and its test").unwrap();
    tests_exist(promises);
}

fn tests_exist(text: &str) {
    let mut sources: String = below("lib", ".rs").iter().map(|path| read(path)).collect();
    sources.extend(below("tests", ".rs").iter().map(|path| read(path)));
    let mut named = BTreeSet::new();
    for row in text
        .lines()
        .filter(|line| line.starts_with("| ") && !line.starts_with("| #"))
    {
        let last = row.trim_end_matches('|').rsplit(" | ").next().unwrap();
        named.extend(last.split('`').skip(1).step_by(2).filter(|name| name.contains('_')));
    }
    assert!(named.len() >= 20, "{} tests are named", named.len());
    for name in named {
        assert!(sources.contains(&format!("fn {name}(")), "there is no test {name}");
    }
}
