//! `rehearse-gate` as a stranger runs it: every scenario with its exit code, its screen and what
//! the servers saw.

use std::io::{BufRead, BufReader};
use std::path::PathBuf;
use std::process::{Command, Stdio};

use serde_json::Value;
use xtask::{held, repository};

use crate::secrets::search::below;
use crate::secrets::{THEIRS, of_any_stage};
use crate::support::{Dir, Output, Tool};

fn pipeline(name: &str) -> PathBuf {
    repository(".tekton/pipelines").join(name)
}

fn rehearse(dir: &Dir, scenario: &str) -> Output {
    let tool = Tool::new("rehearse-gate").env("RUST_LOG", "trace");
    tool.args(["--scenario", scenario, "--keep"])
        .arg(dir.path("kept"))
        .run()
}

/// The screen with what differs from run to run masked: spans of time, ports, folders, build ids.
/// Rows that go on are joined, since where they break depends on those.
fn masked(screen: &str, dir: &Dir) -> String {
    let mut out = String::new();
    let screen = screen.replace(&format!("\n{:28}", ""), " ");
    for line in screen.lines() {
        let line = line.replace(dir.path("kept").parent().unwrap().to_str().unwrap(), "DIR");
        let line = line.replace(pipeline("").to_str().unwrap(), "");
        let mut row = String::new();
        for (number, word) in line.split(' ').map(mask).enumerate() {
            if word == "TIME" && row.ends_with(['✓', '✗', ' ']) {
                // It is right-aligned in its column.
                row.truncate(row.trim_end().len());
            }
            if number > 0 {
                row.push(' ');
            }
            row.push_str(&word);
        }
        // How often a connection is tried in its time depends on the machine.
        if let Some((before, after)) = row.clone().split_once(" tries in ") {
            row = format!(
                "{}N tries in {after}",
                before.trim_end_matches(|c: char| c.is_ascii_digit())
            );
        }
        // Kubernetes makes these letters up.
        if let Some((before, after)) = row.clone().split_once("/managed-") {
            row = format!(
                "{before}/managed-X{}",
                after.trim_start_matches(|c: char| c.is_ascii_alphanumeric())
            );
        }
        out.push_str(row.trim_end());
        out.push('\n');
    }
    out
}

fn mask(word: &str) -> String {
    let (word, point) = match word.strip_suffix([';', ',']) {
        Some(bare) => (bare, &word[bare.len()..]),
        None => (word, ""),
    };
    // 2026-08-20T03:00:00Z
    if word.len() == 20 && word.ends_with('Z') && word.as_bytes()[10] == b'T' {
        return format!("WHEN{point}");
    }
    let span = word.ends_with(['h', 'm', 's'])
        && word.starts_with(|c: char| c.is_ascii_digit())
        && word.chars().all(|c| c.is_ascii_digit() || "hms".contains(c));
    if span {
        return format!("TIME{point}");
    }
    let mut out = String::new();
    let mut digits = String::new();
    for c in word.chars().chain(['\n']) {
        if c.is_ascii_digit() {
            digits.push(c);
            continue;
        }
        // A build id, or the port behind an address.
        let port = digits.len() >= 4 && out.ends_with("127.0.0.1:");
        out.push_str(if digits.len() >= 15 || port { "N" } else { &digits });
        digits.clear();
        out.push(c);
    }
    out.trim_end_matches('\n').to_owned() + point
}

fn path_of(name: &str) -> String {
    format!("tests/screens/{name}.txt")
}

fn golden(name: &str) -> String {
    std::fs::read_to_string(repository(path_of(name))).unwrap_or_default()
}

/// Requests that a server answered, by method and a part of the path.
fn asked(dir: &Dir, server: &str, method: &str, path: &str) -> usize {
    let requests = dir.read("kept/requests.txt");
    let hit = |line: &&str| {
        let words: Vec<&str> = line.split(' ').collect();
        words[1] == server && words[2] == method && words[3].contains(path)
    };
    requests.lines().filter(hit).count()
}

/// What a night of one run came to: exit code, launches, Releases.
fn night(scenario: &str, code: i32, launches: usize, releases: usize) -> (Dir, Value) {
    nights(scenario, code, (launches, releases, 1))
}

/// The same with messages in Slack, for what goes on after its first run.
fn nights(
    scenario: &str,
    code: i32,
    (launches, releases, messages): (usize, usize, usize),
) -> (Dir, Value) {
    let dir = Dir::new();
    let output = rehearse(&dir, scenario);
    let all = format!("{}{}", output.stdout, output.stderr);
    assert_eq!(output.code, code, "{scenario}: {all}");
    assert!(
        output
            .stdout
            .lines()
            .all(|line| line.chars().count() <= 100 || line.contains("://")),
        "{all}"
    );
    held(&path_of(scenario), &masked(&output.stdout, &dir));
    assert_eq!(output.stderr, "", "{scenario}");
    assert_eq!(asked(&dir, "gangway", "POST", "/v1/executions"), launches, "{scenario}: {all}");
    assert_eq!(asked(&dir, "kube", "POST", "/releases"), releases, "{scenario}: {all}");
    assert_eq!(asked(&dir, "slack", "POST", "/services/"), messages, "{scenario}: {all}");
    dir.write("kept/screen", all);
    assert_eq!(below(&of_any_stage(), &dir.path("kept"), &THEIRS), [], "{scenario}");
    let record = serde_json::from_str(&dir.read("kept/record.json")).unwrap();
    let page = dir.read("kept/index.html");
    assert!(page.starts_with("<!DOCTYPE html>") && page.contains("class=\"strip\""), "{page}");
    (dir, record)
}

#[test]
fn a_night_in_which_all_pass_is_promoted() {
    // three jobs, and one of them again
    let (_, record) = night("pass", 0, 4, 1);
    assert_eq!(record["verdict"]["decision"], "passed");
    assert_eq!(record["release"]["released"], "true");
}

#[test]
fn a_blocking_failure_is_refused() {
    let (_, record) = night("blocking-failure", 3, 3, 0);
    assert_eq!(record["verdict"]["decision"], "failed");
}

#[test]
fn an_informing_failure_decides_nothing() {
    let (_, record) = night("informing-failure", 0, 3, 1);
    assert_eq!(record["verdict"]["decision"], "passed");
}

#[test]
fn a_failure_that_hides_behind_a_success_is_not_promoted() {
    let (dir, record) = night("hidden-failure", 1, 3, 0);
    assert_eq!(record["verdict"]["decision"], "undecided");
    let job = &record["jobs"][1]["attempts"][0];
    assert_eq!(
        (&job["cause"], &job["failing_tests"]["names"][0]),
        (&"hollow".into(), &"TestUpgradeControlPlane".into())
    );
    assert!(dir.read("kept/screen").contains("TestUpgradeControlPlane"));
}

#[test]
fn a_pod_that_never_starts_is_no_fault_of_the_image() {
    let (_, record) = night("pod-never-started", 0, 4, 1);
    let first = &record["jobs"][1]["attempts"][0];
    assert_eq!(
        (&first["cause"], &first["detail"]),
        (&"infrastructure".into(), &"a pod did not start".into())
    );
}

#[test]
fn an_image_that_is_missing_is_not_tested() {
    let (_, record) = night("image-missing", 1, 0, 0);
    assert_eq!(record["verdict"], Value::Null);
}

#[test]
fn without_gangway_nothing_is_decided() {
    let (_, record) = night("gangway-down", 1, 0, 0);
    assert_eq!(record["verdict"], Value::Null);
}

#[test]
fn a_release_that_fails_promotes_nothing() {
    let (_, record) = night("release-failed", 1, 3, 1);
    assert_eq!(record["verdict"]["decision"], "passed");
    assert_eq!(record["release"]["released"], "false");
}

#[test]
fn a_release_that_is_there_is_found_and_not_doubled() {
    let (_, record) = night("release-there", 0, 3, 0);
    assert_eq!(
        (&record["release"]["name"], &record["release"]["created"]),
        (&"by-hand".into(), &false.into())
    );
}

#[test]
fn a_release_of_another_run_that_failed_is_followed_by_the_next() {
    let (_, record) = night("release-failed-before", 0, 3, 1);
    assert_eq!(record["release"]["released"], "true");
}

#[test]
fn an_older_image_is_refused_before_anything_is_launched() {
    let (_, record) = night("older-image", 3, 0, 0);
    assert_eq!(record["verdict"], Value::Null);
}

#[test]
fn validated_again_while_it_pushed_is_not_called_failed() {
    let (_, record) = night("validated-again", 1, 3, 1);
    assert_eq!(record["release"]["released"], "unknown");
    assert_eq!(record["release"]["exit"], 4);
}

#[test]
fn the_verdict_is_signed_and_found_by_index_and_platform() {
    let (dir, _) = night("attested", 0, 3, 1);
    // The index and two platforms; of the blocking jobs, and of the informing one.
    assert_eq!(asked(&dir, "registry", "PUT", "/acme/verdicts/manifests/verdict-"), 6);
    assert_eq!(
        asked(&dir, "registry", "PUT", "hypershift-operator"),
        0,
        "nothing beside the image"
    );
}

#[test]
fn a_verdict_that_no_registry_takes_fails_nothing() {
    let (dir, record) = night("attest-refused", 0, 3, 1);
    assert_eq!(record["release"]["released"], "true");
    assert!(dir.read("kept/screen").contains("UNSUPPORTED"));
}

#[test]
fn a_regression_is_told_with_its_past() {
    let (_, record) = night("regression", 3, 3, 0);
    assert_eq!(record["verdict"]["decision"], "failed");
    let history = &record["jobs"][1]["attempts"][0]["history"];
    assert_eq!(history["tests"][0]["kind"], "regression");
    let told = history["regressions"][0].as_str().unwrap();
    assert!(told.starts_with("TestUpgradeControlPlane failed 4 of"), "{told}");
    assert_eq!(history["suspects"]["good"], "hypershift-operator-night-4");
}

#[test]
fn a_known_flake_is_run_again_and_promoted() {
    let (_, record) = night("known-flake", 0, 4, 1);
    let attempts = &record["jobs"][1]["attempts"];
    assert_eq!(
        (&attempts[0]["cause"], &attempts[1]["cause"]),
        (&"product".into(), &"passed".into())
    );
    assert_eq!(attempts[0]["history"]["all_known"], true);
}

#[test]
fn a_success_of_too_few_tests_is_not_promoted() {
    let (_, record) = night("hollow", 1, 3, 0);
    assert_eq!(record["verdict"]["decision"], "undecided");
    let job = &record["jobs"]
        .as_array()
        .unwrap()
        .iter()
        .find(|job| job["tests"] == 400)
        .unwrap();
    assert_eq!(job["attempts"][0]["cause"], "hollow");
}

#[test]
fn a_retest_launches_only_what_failed() {
    let (dir, record) = nights("retest", 0, (4, 1, 2));
    assert!(
        dir.read("kept/screen")
            .contains("1 job launched, 2 adopted, 1 request")
    );
    let job = |number: usize| &record["jobs"][number]["attempts"][0];
    assert_eq!(job(0)["reused_from"]["record"], "gate-ho-release-gate-00000");
    assert_eq!(job(1)["reused_from"], Value::Null);
    assert_eq!(record["jobs"][1]["earlier"]["product"], 1);
}

#[test]
fn a_gate_adopts_what_another_one_runs_on_the_image() {
    let (_, record) = nights("shared-image", 0, (3, 2, 2));
    assert_eq!(record["gate"], "ROSA HCP");
    for job in record["jobs"].as_array().unwrap() {
        let from = &job["attempts"][0]["reused_from"];
        assert_eq!(from["gate"], "ARO HCP", "{job}");
    }
    assert_eq!(record["release"]["plan"], "rosa-hcp");
}

#[test]
fn a_person_overrides_a_job_in_writing() {
    let (dir, record) = nights("override", 0, (3, 1, 1));
    assert_eq!(record["verdict"]["decision"], "failed");
    assert_eq!(record["release"]["released"], "true");
    assert_eq!(record["accepted"][0]["reason"], "the test is wrong and mended");
    assert!(dir.read("kept/index.html").contains("promoted by an override"));
}

#[test]
fn a_hold_keeps_a_tested_image_back_until_it_is_lifted() {
    // One creation is refused by nobody: with a hold none is asked for.
    let (dir, record) = nights("hold", 0, (3, 1, 1));
    assert_eq!(record["release"]["released"], "true");
    let screen = dir.read("kept/screen");
    let command = "command: create-release --record configmap:gate-ho-release-gate-00000";
    assert!(screen.contains(command), "{screen}");
    assert!(screen.contains("held until"), "{screen}");
}

#[test]
fn an_image_that_is_taken_back_gives_way_to_the_one_before() {
    let (dir, _) = nights("retract", 0, (3, 2, 1));
    let objects: Value = serde_json::from_str(&dir.read("kept/cluster.json")).unwrap();
    let find = |name: &str| {
        let named = |object: &&Value| object["metadata"]["name"] == name;
        objects.as_array().unwrap().iter().find(named).unwrap()
    };
    let list = find("retracted-aro-hcp")["data"]["list.json"].as_str().unwrap();
    assert!(list.contains("it deletes node pools"), "{list}");
    assert_eq!(find("aro-hcp-ea51ea51ea51-1")["spec"]["snapshot"], "built-earlier");
}

/// Each scenario is one of the nights above.
#[test]
fn every_scenario_is_played() {
    let folder = std::fs::read_dir(repository("tests/screens")).unwrap();
    let mut screens: Vec<String> = folder
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    let mut scenarios: Vec<String> = rehearsal::scenario::all()
        .iter()
        .map(|s| format!("{}.txt", s.name))
        .collect();
    screens.sort();
    scenarios.sort();
    assert_eq!(screens, scenarios);
}

#[test]
fn the_pipeline_run_is_rehearsed_as_well() {
    let dir = Dir::new();
    let output = Tool::new("rehearse-gate")
        .args(["--scenario=image-missing", "--pipeline"])
        .arg(pipeline("ho-release-gate-run.yaml"))
        .run();
    assert_eq!(output.code, 1, "{}", output.stderr);
    let expected = &golden("image-missing");
    // All but the name of the file and the place of the folder.
    let middle = |text: &str| {
        text.lines()
            .skip(1)
            .filter(|l| !l.contains("messages"))
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(middle(&masked(&output.stdout, &dir)), middle(expected));
}

#[test]
fn misuse_says_what_and_where() {
    let dir = Dir::new();
    let odd = dir.write(
        "odd.yaml",
        std::fs::read_to_string(pipeline("ho-release-gate.yaml"))
            .unwrap()
            .replacen("      timeout: 10m", "      timeout: 10m\n      matrix: {}", 1),
    );
    let slip = dir.write(
        "slip.yaml",
        std::fs::read_to_string(pipeline("ho-release-gate.yaml"))
            .unwrap()
            .replacen("$(params.component)", "$(params.komponent)", 1),
    );
    let full = dir.write("full/file", "");
    let cases: [(&[&str], &[&str]); 7] = [
        (&["--scenario", "night"], &["--scenario", "\"night\"", "image-missing"]),
        (&["--time-scale", "fast"], &["--time-scale"]),
        (&["--pipeline", "/nowhere.yaml"], &["--pipeline", "/nowhere.yaml"]),
        (&["--pipeline", odd.to_str().unwrap()], &["odd.yaml", "matrix", "line "]),
        (
            &["--pipeline", slip.to_str().unwrap()],
            &["slip.yaml", "task resolve-image", "komponent is not declared"],
        ),
        (&["--keep", full.parent().unwrap().to_str().unwrap()], &["--keep", "not empty"]),
        (&["--list"], &["--list"]),
    ];
    for (args, words) in cases {
        let output = Tool::new("rehearse-gate").args(args).run();
        assert_eq!(output.code, 2, "{args:?}: {}{}", output.stdout, output.stderr);
        assert_eq!(output.stdout, "", "{args:?}");
        for word in words {
            assert!(output.stderr.contains(word), "{args:?}: {word}: {}", output.stderr);
        }
    }
}

/// Outside of a checkout there is no file to fall back on: it says which, and what to do.
#[test]
fn without_a_checkout_the_pipeline_is_asked_for() {
    let dir = Dir::new();
    for args in [&[][..], &["--serve"]] {
        let output = Tool::new("rehearse-gate")
            .args(args)
            .command()
            .current_dir(dir.path(""))
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(2), "{said}");
        for words in [
            "cannot read .tekton/pipelines/ho-release-gate.yaml: No such file",
            "checkout",
            "--pipeline FILE",
        ] {
            assert!(said.contains(words), "{words}: {said}");
        }
    }
}

/// What `--serve` prints is copied into a shell and does a night by hand.
#[test]
fn served_stand_ins_take_every_step_by_hand() {
    let dir = Dir::new();
    let mut served = Tool::new("rehearse-gate")
        .args(["--serve", "--time-scale", "1500", "--scenario", "informing-failure", "--keep"])
        .arg(dir.path("served"))
        .command()
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(served.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut script = String::from("set -e\n");
    for line in lines.by_ref() {
        script.push_str(&line);
        script.push('\n');
        // The last command is check-staleness', and it ends with a row that goes on nowhere.
        if script.contains("\ncheck-staleness ") && !line.ends_with('\\') {
            break;
        }
    }
    let shell = Command::new("/bin/sh")
        .arg("-c")
        .arg(&script)
        .env_clear()
        .env("PATH", "/bin:/usr/bin")
        .output()
        .unwrap();
    let said = format!(
        "{script}\n{}\n{}",
        String::from_utf8_lossy(&shell.stdout),
        String::from_utf8_lossy(&shell.stderr)
    );
    let ended = Command::new("kill")
        .args(["-INT", &served.id().to_string()])
        .status()
        .unwrap();
    assert!(ended.success());
    assert!(served.wait().unwrap().success(), "Ctrl-C is how it ends");
    assert!(shell.status.success(), "{said}");
    let record: Value = serde_json::from_str(&dir.read("served/gate.json")).unwrap();
    assert_eq!(record["release"]["released"], "true", "{said}");
    assert!(said.contains("# in a second terminal") && said.contains("gate promoted "), "{said}");
    // The file has the same commands.
    let night = dir.read("served/night.sh");
    let commands = script
        .lines()
        .filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let commands: Vec<_> = commands.filter(|line| *line != "set -e").collect();
    assert!(commands.len() > 10 && commands.iter().all(|line| night.contains(line)), "{night}");
}

/// A closed terminal leaves no folder behind.
#[test]
fn a_closed_terminal_leaves_nothing() {
    let dir = Dir::new();
    let mut served = Tool::new("rehearse-gate")
        .arg("--serve")
        .env("TMPDIR", dir.path(""))
        .command()
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let mut line = String::new();
    BufReader::new(served.stdout.take().unwrap())
        .read_line(&mut line)
        .unwrap();
    assert!(line.contains("90 gate seconds a second"), "{line}");
    assert!(std::fs::read_dir(dir.path("")).unwrap().count() > 0);
    let hung = Command::new("kill").args(["-HUP", &served.id().to_string()]).status();
    assert!(hung.unwrap().success());
    assert_eq!(served.wait().unwrap().code(), Some(143));
    assert_eq!(std::fs::read_dir(dir.path("")).unwrap().count(), 0, "its folders are gone");
}
