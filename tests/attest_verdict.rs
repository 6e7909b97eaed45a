//! attest-verdict and attach-verdict as they are called: with a key under a password, against a
//! registry that takes what is written, and what a consumer is told then.

use std::path::PathBuf;
use std::time::Duration;

use gate::image::Digest;
use gate::prow::key;
use serde_json::{Value, json};
use standins::{Fault, ImageBuilder, ImageRef, JobScript, Server, Servers, Trouble, World, Writes};

use crate::support::commands::repository;
use crate::support::registry::{DockerRegistry, Door};
use crate::support::{Dir, Output, Tool};

/// Gate seconds in a second.
const SCALE: u32 = 1000;

const GATE: &str = "ARO HCP";

/// The blocking jobs, and one that informs.
const JOBS: [(&str, &str); 3] =
    [("e2e-aks", "blocking"), ("e2e-aks-upgrade", "blocking"), ("e2e-kubevirt", "informing")];

/// The variable that carries the image.
const VARIABLE: &str = "OVERRIDE_IMAGE";

/// A run whose tests have passed, on an image in a registry.
struct Case {
    world: World,
    servers: Servers,
    dir: Dir,
    registry: String,
    image: ImageRef,
}

impl Case {
    fn new() -> Self {
        let world = World::builder().time_scale(SCALE).build();
        world.registry().writes(Writes::WithReferrers);
        let image = world.registry().push(&candidate());
        let servers = world.serve().unwrap();
        let registry = servers.registry_host();
        Self::of(world, servers, registry, image)
    }

    fn of(world: World, servers: Servers, registry: String, image: ImageRef) -> Self {
        JOBS.iter()
            .for_each(|(job, _)| world.prow().job(job, JobScript::passes()));
        let case = Self { world, servers, dir: Dir::new(), registry, image };
        let reference = case.candidate();
        let record = json!({
            "schema_version": 1, "kind": "gate", "id": "run-1", "gate": GATE,
            "created_at": "2026-08-20T03:00:00Z", "updated_at": "2026-08-20T06:00:00Z",
            "candidate": {"image": reference, "digest": case.image.digest, "index": index()},
            "jobs": JOBS.map(|(job, class)| case.passed(job, class, &reference)),
            "verdict": {"decision": "passed", "decided_at": "2026-08-20T06:00:00Z", "reasons": [],
                "blocking_passed": 2, "blocking_total": 2},
        });
        case.dir.write("gate.json", record.to_string());
        case.dir.write("password", "correct horse\n");
        case
    }

    fn passed(&self, name: &str, class: &str, image: &str) -> Value {
        let digest: Digest = self.image.digest.parse().unwrap();
        let key = key::of("run-1", name, &digest, 1);
        let variables = [(VARIABLE.to_owned(), image.to_owned())].into();
        let labels = [(key::LABEL.to_owned(), key.clone())].into();
        let ago = Duration::from_secs(4 * 3600);
        let run = self.world.prow().launched_ago(name, ago, variables, labels);
        let intent =
            json!({"key": key, "written_at": "2026-08-20T03:00:00Z", "holder": "launch-prow"});
        json!({"name": name, "class": class, "override_env": [VARIABLE], "attempts": [
            {"number": 1, "intent": intent, "execution": run, "state": "success", "cause": "passed"}]})
    }

    fn candidate(&self) -> String {
        self.image.at(&self.registry)
    }

    fn verdicts(&self) -> String {
        format!("{}/acme/verdicts", self.registry)
    }

    fn tool(&self) -> Tool {
        Tool::new("attest-verdict")
            .args(["--record", &format!("file:{}", self.dir.path("gate.json").display())])
            .args(["--deck-url", &self.servers.deck_url()])
            .args(["--artifacts-url", &self.servers.artifacts_url()])
            .args(["--time-scale", &SCALE.to_string()])
    }

    /// With the key.
    fn signed(&self, more: &[&str]) -> Output {
        let password = self.dir.path("password");
        self.tool()
            .args(["--sign-key", data("cosign.key").to_str().unwrap()])
            .args(["--sign-password-file", password.to_str().unwrap()])
            .args(more)
            .run()
    }

    fn push(&self) -> Output {
        self.signed(&["--push", &self.verdicts()])
    }

    fn consumer(&self, name: &str, image: &str, more: &[&str]) -> Output {
        Tool::new(name)
            .args([image, "--gate", GATE, "--key", data("cosign.pub").to_str().unwrap()])
            .args(["--repository", &self.verdicts(), "--time-scale", &SCALE.to_string()])
            .args(more)
            .run()
    }

    fn writes(&self) -> usize {
        let asked = self.world.requests_to(Server::Registry);
        asked
            .iter()
            .filter(|asked| ["PUT", "POST"].contains(&asked.method.as_str()))
            .count()
    }
}

/// The image under test.
fn candidate() -> ImageBuilder {
    ImageBuilder::new("acme/ho").index()
}

/// The same image, promoted.
fn verified() -> ImageBuilder {
    candidate().copied_to("verified/ho")
}

/// The candidate's index as its registry holds it.
fn index() -> String {
    let world = World::default();
    let image = world.registry().push(&candidate());
    let path = format!("/v2/{}/manifests/{}", image.repository, image.digest);
    let request = http::Request::get(path).body(Default::default()).unwrap();
    let answer = world.direct(Server::Registry).ask_blocking(request).unwrap();
    String::from_utf8(answer.into_body().to_vec()).unwrap()
}

fn data(name: &str) -> PathBuf {
    repository("lib/src/attest/data").join(name)
}

fn results(output: &Output) -> Value {
    serde_json::from_str(&output.stdout).unwrap_or_else(|error| panic!("{error}: {output:?}"))
}

#[test]
fn what_was_attested_holds_for_a_consumer_and_once() {
    let case = Case::new();
    let first = case.push();
    assert_eq!(first.code, 0, "{first:?}");
    let told = results(&first);
    assert_eq!(told["result"], "PASSED");
    let artifact = told["artifact"].as_str().unwrap();
    assert!(artifact.starts_with(&format!("{}@sha256:", case.verdicts())), "{artifact}");
    let writes = case.writes();
    assert_eq!(results(&case.push()), told);
    assert_eq!(case.writes(), writes);

    let consumer = case.consumer("verify-verdict", &case.candidate(), &["--job", "e2e-aks"]);
    assert_eq!(consumer.code, 0, "{consumer:?}");
    let amd64 = &case.image.platforms["linux/amd64"];
    assert_eq!(case.consumer("verify-verdict", amd64, &[]).code, 0);
    let text = first.stdout + &first.stderr;
    assert!(!text.contains("correct horse") && !text.contains("PRIVATE KEY"), "{text}");
}

#[test]
fn a_statement_in_a_file_and_a_dry_run() {
    let case = Case::new();
    let out = case.dir.path("statement.json");
    let plain = case.tool().args(["--out", out.to_str().unwrap()]).run();
    assert_eq!(plain.code, 0, "{plain:?}");
    let statement: Value = serde_json::from_str(&case.dir.read("statement.json")).unwrap();
    assert_eq!(statement["_type"], "https://in-toto.io/Statement/v1");
    assert_eq!(statement["predicate"]["result"], "PASSED");
    let dry = case.signed(&["--push", &case.verdicts(), "--beside-candidate", "--dry-run"]);
    assert_eq!(dry.code, 0, "{dry:?}");
    assert_eq!(results(&dry)["statement"], statement);
    assert_eq!(case.writes(), 0);
    let bundle = case.dir.path("bundle.json");
    assert_eq!(case.signed(&["--out", bundle.to_str().unwrap()]).code, 0);
    let judged = Tool::new("verify-verdict")
        .args([&case.image.digest, "--gate", GATE, "--bundle", bundle.to_str().unwrap()])
        .args(["--key", data("cosign.pub").to_str().unwrap()])
        .run();
    assert_eq!(judged.code, 0, "{judged:?}");
}

#[test]
fn no_and_cannot_and_bad_input() {
    let case = Case::new();
    let verdicts = case.verdicts();
    let push = ["--push", verdicts.as_str()];
    let image = format!("quay.io/acme/ho@sha256:{}", "e".repeat(64));
    let candidates = format!("{}/acme/ho", case.registry);
    for (output, code, words) in [
        (case.tool().run(), 2, "expected where the statement goes"),
        (case.tool().args(push).run(), 2, "--sign-key with --push"),
        (case.signed(&["--push", &candidates]), 2, "is the candidate's own repository"),
        (case.signed(&["--push", "verdicts"]), 2, "--push: "),
        (case.signed(&["--attest", "bundel", push[0], push[1]]), 2, "expected off or bundle"),
        (case.signed(&["--image", &image, push[0], push[1]]), 3, "the image under test is"),
        (case.signed(&["--proof", "perhaps", push[0], push[1]]), 2, "--proof"),
        (
            case.signed(&[
                "--blocking",
                r#"["e2e-gcp"]"#,
                "--override-env",
                VARIABLE,
                push[0],
                push[1],
            ]),
            3,
            "is missing now",
        ),
    ] {
        assert_eq!(output.code, code, "{words}: {output:?}");
        assert!(output.stderr.contains(words), "{words}: {output:?}");
    }
    case.dir.write("password", "wrong");
    let closed = case.push();
    assert_eq!((closed.code, closed.stderr.contains("cannot be opened")), (2, true), "{closed:?}");
    case.dir.write("password", "correct horse");
    assert_eq!(case.signed(&["--attest", "off"]).code, 0);
    assert_eq!(case.writes(), 0);

    case.world.registry().writes(Writes::Refused);
    let refused = case.push();
    assert_eq!(refused.code, 1, "{refused:?}");
}

/// Whoever wrote `passed` into the record gets no signature.
#[test]
fn a_forged_record_is_not_signed() {
    let case = Case::new();
    case.world.prow().job("e2e-aks", JobScript::fails(&["TestX"]));
    let mut record: Value = serde_json::from_str(&case.dir.read("gate.json")).unwrap();
    record["jobs"][0] = case.passed("e2e-aks", "blocking", &case.candidate());
    case.dir.write("gate.json", record.to_string());
    let output = case.push();
    assert_eq!(output.code, 3, "{output:?}");
    assert!(output.stderr.contains("its run does not bear that out"), "{output:?}");
    assert_eq!(case.writes(), 0);
}

#[test]
fn a_check_looks_and_writes_nothing() {
    let case = Case::new();
    let checked = case.signed(&["--check", "--push", &case.verdicts()]);
    assert_eq!(checked.code, 0, "{checked:?}");
    for words in ["can be opened", "answers, with 0 verdicts on this image", "shows run"] {
        assert!(checked.stdout.contains(words), "{words}: {checked:?}");
    }
    assert_eq!(case.writes(), 0);
    case.world
        .fault(Fault::on(Server::Registry, Trouble::StatusBefore(403)));
    case.dir.write("password", "wrong");
    let checked = case.signed(&["--check", "--push", &case.verdicts()]);
    assert_eq!(checked.code, 1, "{checked:?}");
    assert!(checked.stderr.contains("sign-key: ") && checked.stderr.contains("repository: "));
}

/// The managed side: beside the verified image, and never beside the candidate.
#[test]
fn the_bundle_is_attached_to_the_verified_image_only() {
    let case = Case::new();
    assert_eq!(case.push().code, 0);
    case.world.registry().push(&verified());
    let verified = format!("{}/verified/ho@{}", case.registry, case.image.digest);
    let attached = case.consumer("attach-verdict", &verified, &[]);
    assert_eq!(attached.code, 0, "{attached:?}");
    let bundles = |repository: &str| {
        let manifests = case.world.registry().manifests(repository);
        manifests
            .iter()
            .filter(|m| m.to_string().contains("sigstore"))
            .count()
    };
    assert_eq!(bundles("verified/ho"), 1);
    assert_eq!(results(&case.consumer("attach-verdict", &verified, &[])), results(&attached));
    assert_eq!(bundles("verified/ho"), 1);
    for (image, code, words) in [
        (case.candidate(), 3, "is where the image was tested"),
        (format!("{}/verified/ho@sha256:{}", case.registry, "e".repeat(64)), 3, "has no verdict"),
        (
            format!("{}/elsewhere/ho@{}", case.registry, case.image.digest),
            1,
            "is not in the repository",
        ),
        ("quay.io/acme/ho:latest".to_owned(), 2, "IMAGE: "),
    ] {
        let output = case.consumer("attach-verdict", &image, &[]);
        assert_eq!(output.code, code, "{output:?}");
        assert!(output.stderr.contains(words), "{words}: {output:?}");
    }
    assert_eq!(bundles("acme/ho"), 0);
}

/// Everything in Debian's registry, which keeps no lists of referrers; and where COSIGN names one,
/// the real cosign finds what lies beside the verified image.
#[test]
fn in_debians_registry_and_for_a_real_cosign() {
    let Some(registry) = DockerRegistry::start(Door::Open) else { return };
    let image = registry.push(&candidate());
    let verified = registry.push(&verified());
    assert_eq!(image.digest, verified.digest);
    let world = World::builder().time_scale(SCALE).build();
    let servers = world.serve().unwrap();
    let case = Case::of(world, servers, registry.host(), image);
    assert_eq!(case.push().code, 0);
    assert_eq!(case.consumer("verify-verdict", &case.candidate(), &[]).code, 0);
    let verified = verified.at(&registry.host());
    let cosign = |image: &str| {
        let cosign = std::env::var_os("COSIGN").filter(|cosign| !cosign.is_empty())?;
        let output = std::process::Command::new(cosign)
            .args(["verify-attestation", "--key", data("cosign.pub").to_str().unwrap()])
            .args(["--insecure-ignore-tlog", "--allow-http-registry", "--type"])
            .args(["https://in-toto.io/attestation/test-result/v0.1", image])
            .env("HOME", case.dir.path(""))
            .output()
            .unwrap();
        Some((output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned()))
    };
    if let Some((found, said)) = cosign(&verified) {
        assert!(!found, "{said}");
    }
    for _ in 0..2 {
        let attached = case.consumer("attach-verdict", &verified, &[]);
        assert_eq!(attached.code, 0, "{attached:?}");
    }
    match cosign(&verified) {
        Some((found, said)) => assert!(found, "{said}"),
        None => eprintln!("skipped: COSIGN names no cosign"),
    }
    if let Some((found, said)) = cosign(&case.candidate()) {
        assert!(!found, "the candidate carries none: {said}");
    }
}
