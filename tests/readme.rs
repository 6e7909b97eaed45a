//! What the documents let a person do on a laptop, followed as it stands.

use standins::{Night, World};

use crate::help::binaries;
use crate::support::commands::{Reader, repository, wrap};
use crate::support::{Dir, Tool, binary};

/// Gate seconds in a second.
const SCALE: u32 = 1500;

#[test]
fn the_readme_s_commands_work() {
    let dir = Dir::new();
    let world = World::builder().time_scale(SCALE).build();
    let servers = world.serve().unwrap();
    // Prow is production's by default; here it is a stand-in.
    let mut more = vec![
        "--gangway-url".to_owned(),
        servers.gangway_url(),
        "--deck-url".to_owned(),
        servers.deck_url(),
    ];
    more.extend([
        "--artifacts-url".to_owned(),
        servers.artifacts_url(),
        "--time-scale".to_owned(),
        SCALE.to_string(),
    ]);
    for name in ["launch-prow", "collect-results"] {
        wrap(&dir.path("bin"), name, &binary(name), &more);
    }
    let home = dir.path("home");
    std::fs::create_dir(&home).unwrap();
    // The clone that a person runs them in.
    std::os::unix::fs::symlink(repository(".tekton"), dir.path(".tekton")).unwrap();
    let mut reader = Reader::new("the_readme_s_commands_work", dir.path(""))
        .with_programs(dir.path("bin"))
        .with_programs(binary("rehearse-gate").parent().unwrap())
        .with_env("HOME", home.to_str().unwrap());
    // The tests have built it already.
    reader.put("cargo run -- ", "rehearse-gate ");
    reader.put("cargo run", "rehearse-gate");
    // On this night the gate says no.
    reader.put("--scenario blocking-failure", "--scenario blocking-failure || test $? -eq 3");

    assert!(reader.follow("README.md", "Quick start", 0).contains("promoted: "));
    let nights = reader.follow("docs/onboarding.md", "1. See it work on your machine", 0);
    assert!(nights.contains("promoted: ") && nights.contains("refused: "), "{nights}");

    let jobs = |end: &str| {
        (format!("periodic-ci-acme-operator-main-{end}"), vec![standins::JobScript::passes()])
    };
    let night = Night {
        blocking: vec![jobs("e2e"), jobs("upgrade")],
        informing: Vec::new(),
        ..Night::aro_hcp()
    };
    let installed = night.install(&world, &servers.registry_host());
    dir.write("token", &night.token);
    reader.put("quay.io/acme/operator@sha256:…", installed.reference.as_str());
    for (job, _) in &night.blocking {
        world.prow().ran_yesterday(job);
    }
    let checked = reader.follow("docs/by-hand.md", "Check the setup first", 0);
    assert!(!checked.contains("\"failed\""), "{checked}");
    assert_eq!(world.prow().launches().len(), 2, "yesterday's");
    let told = reader.follow("docs/by-hand.md", "Test an image with two jobs", 0);
    assert!(told.contains("\"verdict\":\"passed\""), "{told}");
    assert_eq!(world.prow().launches().len(), 4);

    reader.follow("docs/man-pages.md", "Install them", 0);
    for name in binaries() {
        for (path, kind) in [
            (format!(".local/share/man/man1/{name}.1"), "man"),
            (format!(".local/share/bash-completion/completions/{name}"), "complete-bash"),
            (format!(".local/share/zsh/site-functions/_{name}"), "complete-zsh"),
            (format!(".config/fish/completions/{name}.fish"), "complete-fish"),
        ] {
            let installed = std::fs::read_to_string(home.join(&path))
                .unwrap_or_else(|error| panic!("{path}: {error}"));
            assert_eq!(
                installed,
                Tool::new(name).args(["--generate", kind]).run().stdout,
                "{path}"
            );
        }
    }
    reader.finish();
}
