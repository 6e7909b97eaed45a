//! The client against exchanges captured from a real Gangway behind a real Envoy and nginx.

use std::sync::{Arc, Mutex};

use jiff::Timestamp;
use standins::captured::exchanges;

use super::*;
use crate::clock::RuntimeClock;
use crate::http::InProcessTransport;
use crate::prow::JobState;
use crate::prow::budget::Limits;

const JOB: &str = "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks";
const TOKEN: &str = "sha256~EXAMPLE";

type Answer = http::Response<Bytes>;

/// The captured answer of that name.
fn captured(name: &str) -> Answer {
    ["create", "read", "list", "layers", "others"]
        .iter()
        .flat_map(|file| exchanges(&format!("gangway/{file}.txt")))
        .find(|exchange| exchange.name == name)
        .unwrap_or_else(|| panic!("{name} is not captured"))
        .answer
        .response()
}

/// A client of a server that always gives one answer; `None` breaks the connection. And what was
/// asked.
fn client(
    answer: Option<Answer>,
) -> (Gangway, Arc<Mutex<Vec<http::Request<Bytes>>>>, tempfile::TempDir) {
    let asked = Arc::new(Mutex::new(Vec::new()));
    let log = asked.clone();
    let transport = InProcessTransport::new(move |request| {
        log.lock().unwrap().push(request);
        let answer = answer.clone();
        Box::pin(async move { answer })
    });
    let dir = tempfile::tempdir().unwrap();
    let token = dir.path().join("token");
    std::fs::write(&token, TOKEN).unwrap();
    let clock = Arc::new(RuntimeClock::starting_at(Timestamp::UNIX_EPOCH));
    let budget = Arc::new(Budget::new(clock, Limits::default(), true));
    let base = "https://gangway.test/base/v1/executions/".parse().unwrap();
    let token = SecretFile::new("--gangway-token-file", token);
    (Gangway::new(base, token, Arc::new(transport), budget), asked, dir)
}

fn order() -> Create {
    let image = format!("quay.io/org/repo@sha256:{}", "a".repeat(64));
    Create::new(
        JOB,
        PodSpecOptions {
            envs: [("MULTISTAGE_PARAM_OVERRIDE_X".to_owned(), image)].into(),
            labels: [("release-gate/key".to_owned(), "k3f9".to_owned())].into(),
            annotations: [("release-gate/pipelinerun".to_owned(), "ns/name/uid".to_owned())].into(),
        },
    )
}

async fn create(answer: Option<Answer>) -> Outcome {
    client(answer).0.create(&order()).await.unwrap()
}

/// The outcome of a captured answer: its kind in a word, and the words quoted.
async fn outcome(name: &str) -> (String, String) {
    match create(Some(captured(name))).await {
        Outcome::Created { id } => ("created".to_owned(), id),
        Outcome::Differs { lacks, .. } => ("differs".to_owned(), lacks),
        Outcome::Refused(Refusal { kind, words }) => (format!("{kind:?}"), words),
        Outcome::NotCreated { why, limited: true, pause } => {
            (format!("limited {}", pause.unwrap().as_secs()), why)
        }
        Outcome::NotCreated { why, .. } => ("not created".to_owned(), why),
        Outcome::Unknown { why } => ("unknown".to_owned(), why),
    }
}

#[tokio::test]
async fn every_captured_answer_to_a_create() {
    let table = [
        ("create-envs-labels-annotations", "created", "81a39535-8025-4190-aad6-73466af9e456"),
        (
            "create-ok",
            "differs",
            "it lacks the variable MULTISTAGE_PARAM_OVERRIDE_X, the label release-gate/key",
        ),
        ("create-unknown-field", "differs", "it lacks the variable"),
        ("create-utf8-annotation", "differs", "it"),
        (
            "create-unknown-job",
            "UnknownJob",
            "failed to find associated periodic job \"periodic-nobody-has-this\"",
        ),
        ("nginx-unknown-job", "UnknownJob", "failed to find associated periodic job"),
        ("create-unknown-job-quotes-and-percent", "UnknownJob", r#"\"b\" 100% ü/x\ny"#),
        (
            "create-other-tenants-job",
            "Tenant",
            "403, client is not authorized to execute the given job",
        ),
        ("create-unknown-client", "Token", "could not find allowed client from &map["),
        ("create-env-empty-value", "Order", "invalid environment variable key/value pair"),
        ("create-label-value-64-chars", "Order", "no more than 63 bytes"),
        ("create-periodic-with-refs", "Order", "periodic jobs cannot also have gitRefs"),
        ("create-empty-object", "Order", "job_name field cannot be empty"),
        ("create-malformed-json", "Order", "400, "),
        ("create-type-99", "Order", "job_execution_type: invalid value"),
        ("create-type-missing", "Order", "unsupported JobExecutionType"),
        ("create-query-string", "Order", "415, "),
        ("method-put", "Order", "415, "),
        ("create-label-key-invalid", "Order", "is invalid: metadata.labels"),
        ("create-annotation-key-invalid", "Order", "is invalid: metadata.annotations"),
        ("oversized-annotation-300k", "Order", "Too long"),
        ("oversized-body-1m-and-more", "Order", "413, Payload Too Large"),
        ("nginx-limited-post-2m", "Order", "413, a page titled \"413 Request Entity Too Large\""),
        ("path-root", "Address", "404"),
        (
            "nginx-limited-post",
            "limited 7",
            "429, Rate limit exceeded. Please wait before retrying.",
        ),
        ("noapi-create", "not created", "connect: connection refused"),
        ("backend-down-create", "unknown", "503, upstream connect error"),
        ("nginx-backend-down-create", "unknown", "503, "),
        ("nginx-envoy-down-create", "unknown", "502, a page titled \"502 Bad Gateway\""),
        ("backend-hangs-create", "unknown", "504, upstream request timeout"),
        ("create-content-type-grpc", "unknown", "200, unknown service v1"),
    ];
    for (name, kind, words) in table {
        let (found, said) = outcome(name).await;
        assert!(found == kind && said.contains(words), "{name}: {found}: {said}");
        assert!(!said.contains(TOKEN), "{name}: {said}");
    }
}

fn plain(status: u16, headers: &[(&str, &str)], body: &str) -> Option<Answer> {
    let mut response = http::Response::builder().status(status);
    for (name, value) in headers {
        response = response.header(*name, *value);
    }
    Some(response.body(body.to_owned().into()).unwrap())
}

#[tokio::test]
async fn answers_that_were_not_captured() {
    let page = &[("content-type", "text/html")][..];
    for (answer, token) in [
        (plain(403, page, "<title>Log in</title>"), true),
        (plain(403, &[], ""), true),
        (plain(401, page, ""), true),
        (plain(401, &[("grpc-status", "16")], ""), true),
        (plain(302, &[("location", "https://login.test")], ""), true),
        (plain(403, &[("grpc-status", "7")], ""), false),
    ] {
        let shown = format!("{answer:?}");
        let Outcome::Refused(refusal) = create(answer).await else { panic!("{shown}") };
        assert_eq!(refusal.kind == RefusalKind::Token, token, "{shown}");
    }
    let whole = serde_json::json!({"id": "x", "job_name": JOB, "pod_spec_options": order().pod_spec_options});
    assert_eq!(
        create(plain(200, &[], &whole.to_string())).await,
        Outcome::Created { id: "x".to_owned() }
    );
    let unknown = [
        None,
        plain(200, page, "<title>Welcome</title>"),
        plain(200, &[], "{\"id\":"),
        plain(200, &[], "{}"),
        plain(200, &[], "{\"id\":\"\"}"),
        plain(200, &[], "{\"id\":\"../../x\"}"),
        plain(200, &[("content-length", "900")], &whole.to_string()),
        plain(200, &[], &" ".repeat(2 << 20)),
        plain(200, &[("grpc-status", "13")], &whole.to_string()),
        plain(500, &[], ""),
        plain(
            500,
            &[("grpc-status", "2"), ("grpc-message", "Post \"https://x\": net/http: timeout")],
            "",
        ),
        plain(500, &[("grpc-status", "2"), ("grpc-message", "something is invalid: x")], ""),
        plain(404, &[("grpc-status", "5")], ""),
        plain(408, &[], ""),
        plain(418, &[], ""),
        plain(599, &[], ""),
    ];
    for answer in unknown {
        let shown = format!("{answer:?}");
        assert!(matches!(create(answer).await, Outcome::Unknown { .. }), "{shown}");
    }
    let another = whole.to_string().replace(JOB, "periodic-other");
    assert!(matches!(create(plain(200, &[], &another)).await, Outcome::Differs { .. }));
}

#[tokio::test]
async fn a_create_is_sent_as_documented() {
    let (gangway, asked, _dir) = client(plain(500, &[], ""));
    gangway.create(&order()).await.unwrap();
    let asked = asked.lock().unwrap();
    let [request] = asked.as_slice() else { panic!("{asked:?}") };
    assert_eq!(
        (request.method().as_str(), request.uri().to_string().as_str()),
        ("POST", "https://gangway.test/base/v1/executions")
    );
    assert_eq!(request.headers()["content-type"], "application/json");
    assert_eq!(request.headers()["authorization"], format!("Bearer {TOKEN}"));
    assert_eq!(request.body(), &order().body());
}

#[tokio::test]
async fn the_limit_is_kept_after_a_429() {
    let (gangway, _, _dir) = client(Some(captured("nginx-limited-post")));
    gangway.create(&order()).await.unwrap();
    let (gangway, mut waits) = (gangway, Vec::new());
    tokio::time::pause();
    gangway.budget().acquire(|wait| waits.push(wait)).await;
    assert!(waits[0] >= Duration::from_secs(7), "{waits:?}");
}

const ID: &str = "5fac00a6-8131-4d67-81ef-f950416a0777";

async fn status(name: &str, id: &str) -> Result<Execution, ReadError> {
    client(Some(captured(name))).0.status(id).await
}

#[tokio::test]
async fn states_are_read() {
    let table = [
        ("get-state-scheduling", JobState::Scheduling),
        ("get-state-triggered", JobState::Triggered),
        ("get-state-pending", JobState::Pending),
        ("get-state-success", JobState::Success),
        ("get-state-failure", JobState::Failure),
        ("get-state-aborted", JobState::Aborted),
        ("get-state-error", JobState::Error),
    ];
    for (name, state) in table {
        let execution = status(name, ID).await.unwrap();
        assert_eq!((execution.state, execution.job_name.as_str()), (state, JOB), "{name}");
    }
    let done = status("get-state-success", ID).await.unwrap();
    assert!(
        done.job_url.is_some_and(|url| url.contains("/view/gs/")) && done.completed_at.is_some()
    );
    let answer = plain(
        200,
        &[],
        &format!("{{\"id\":\"{ID}\",\"job_status\":\"MELTED\",\"create_time\":\"soon\"}}"),
    );
    let execution = client(answer).0.status(ID).await.unwrap();
    assert_eq!(
        (execution.state, execution.started_at, execution.job_url),
        (JobState::Unknown, None, None)
    );
}

#[tokio::test]
async fn what_is_no_state() {
    let unknown = "ca249d50-dee8-4424-a0a7-6dd9d5605267";
    assert_eq!(
        status("get-unknown-id", unknown).await,
        Err(ReadError::Vanished(unknown.to_owned()))
    );
    // The same words about another id prove nothing about this one.
    for (name, id) in [
        ("get-unknown-id", ID),
        ("get-with-json-body", ID),
        ("get-state-success", unknown),
        ("get-empty-id", ID),
        ("get-with-query", ID),
        ("backend-down-get", ID),
        ("backend-hangs-get", ID),
        ("nginx-envoy-down-get", ID),
        ("noapi-get", ID),
        ("nginx-limited-post", ID),
    ] {
        let result = status(name, id).await;
        assert!(matches!(result, Err(ReadError::Trouble(_))), "{name}: {result:?}");
    }
    let (gangway, asked, _dir) = client(Some(captured("get-empty-id")));
    gangway.status("").await.unwrap_err();
    assert!(asked.lock().unwrap().is_empty(), "an empty id lists everything");
    let page = plain(403, &[("content-type", "text/html")], "<title>Log in</title>");
    assert!(matches!(client(page).0.status(ID).await, Err(ReadError::Token(_))));
}

#[tokio::test]
async fn lists_are_asked_by_label_and_read_by_name() {
    let (gangway, asked, _dir) = client(Some(captured("list-name-truncated-and-trimmed")));
    let long = "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-v2-aws-conformance";
    let listing = gangway.list(long).await.unwrap();
    assert_eq!(
        asked.lock().unwrap()[0].uri().query(),
        Some("job_name=periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-v2")
    );
    assert_eq!(
        listing.of(long).map(|run| run.id.as_str()).collect::<Vec<_>>(),
        ["44414067-5a17-4c8d-a69e-6da7ca3b6eaa"]
    );
    assert_eq!(
        listing
            .of("periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-v2")
            .count(),
        0
    );
    for name in ["noapi-list", "list-name-over-63", "list-name-unknown"] {
        assert!(client(Some(captured(name))).0.list(JOB).await.unwrap().is_empty(), "{name}");
    }
    let old = plain(
        501,
        &[("grpc-status", "12"), ("grpc-message", "method ListJobExecutions not implemented")],
        "",
    );
    assert!(matches!(client(old).0.list(JOB).await, Err(ReadError::CannotList(_))));
    for answer in [
        Some(captured("list-unknown-parameter")),
        Some(captured("get-state-success")),
        plain(200, &[], "[]"),
    ] {
        assert!(matches!(client(answer).0.list(JOB).await, Err(ReadError::Trouble(_))));
    }
    assert!(
        !client(Some(captured("list-name-63")))
            .0
            .list_all()
            .await
            .unwrap()
            .is_empty()
    );
}
