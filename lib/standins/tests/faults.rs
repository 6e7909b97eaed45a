//! Every trouble, as a client of each kind meets it.

use std::io::Read;
use std::time::{Duration, Instant};

use bytes::Bytes;
use http::Request;
use standins::{
    Broken, Canned, Fault, JobScript, ManualTime, Nth, Server, Tls, TokioTime, Trouble, World,
};

const CREATE: &str = r#"{"job_name":"periodic-x","job_execution_type":"1"}"#;

fn world() -> World {
    let world = World::default();
    world.prow().job("periodic-x", JobScript::passes());
    world
}

fn create(world: &World) -> Result<(u16, String), Broken> {
    let request = Request::post("/v1/executions").body(Bytes::from(CREATE)).unwrap();
    let answer = world.direct(Server::Gangway).ask_blocking(request)?;
    Ok((answer.status().as_u16(), String::from_utf8_lossy(answer.body()).into_owned()))
}

/// What the client sees, and how many jobs were launched.
#[test]
fn troubles_of_a_launch() {
    let canned =
        || Canned { status: 418, headers: vec![("x-y".into(), "z".into())], body: b"tea".to_vec() };
    let minute = Duration::from_secs(60);
    for (trouble, wanted, launched) in [
        (Trouble::DropBefore, Err(Broken::Dropped), 0),
        (Trouble::DropAfter, Err(Broken::Dropped), 1),
        (Trouble::StallBefore(minute), Err(Broken::Stalled(minute)), 0),
        (Trouble::StallAfter(minute), Err(Broken::Stalled(minute)), 1),
        (Trouble::Truncate(0), Err(Broken::Cut), 1),
        (Trouble::Truncate(20), Err(Broken::Cut), 1),
        (Trouble::StallBody(20, minute), Err(Broken::Cut), 1),
        (Trouble::Html403, Ok((403, "<!DOCTYPE html>")), 0),
        (Trouble::Html200, Ok((200, "<!DOCTYPE html>")), 0),
        (Trouble::NotFound, Ok((404, "")), 0),
        (Trouble::TooMany(Some(7)), Ok((429, "Rate limit exceeded.")), 0),
        (Trouble::TooMany(None), Ok((429, "Rate limit exceeded.")), 0),
        (
            Trouble::StatusBefore(502),
            Ok((502, "<html>\r\n<head><title>502 Bad Gateway</title>")),
            0,
        ),
        (Trouble::StatusBefore(503), Ok((503, "upstream connect error")), 0),
        (Trouble::StatusAfter(504), Ok((504, "upstream request timeout")), 1),
        (Trouble::StatusAfter(500), Ok((500, "")), 1),
        (Trouble::EmptyList, Ok((200, "{\n \"job_execution\": []\n}\n")), 0),
        (Trouble::Answer(canned()), Ok((418, "tea")), 0),
        (Trouble::AnswerAfter(canned()), Ok((418, "tea")), 1),
    ] {
        let world = world();
        let name = format!("{trouble:?}");
        world.fault(
            Fault::on(Server::Gangway, trouble)
                .method("POST")
                .path("/v1/executions*"),
        );
        match (create(&world), wanted) {
            (Ok((status, body)), Ok((code, begin))) => {
                assert_eq!(status, code, "{name}");
                assert!(body.starts_with(begin), "{name}: {body}");
            }
            (Err(broken), Err(wanted)) => assert_eq!(broken, wanted, "{name}"),
            (other, _) => panic!("{name}: {other:?}"),
        }
        assert_eq!(world.prow().launches().len(), launched, "{name}");
    }
}

#[test]
fn faults_can_be_narrowed() {
    let clock = ManualTime::starting_at("2026-08-20T03:20:11Z".parse().unwrap());
    let world = World::builder().clock(clock.clone()).build();
    let get = |server: Server, path: &str| {
        let request = Request::get(path).body(Bytes::new()).unwrap();
        world
            .direct(server)
            .ask_blocking(request)
            .map(|answer| answer.status().as_u16())
    };
    world.fault(
        Fault::on(Server::Deck, Trouble::StatusBefore(503))
            .path("/prowjob?prowjob=a*")
            .nth(Nth::First(2)),
    );
    assert_eq!(get(Server::Deck, "/prowjob?prowjob=b"), Ok(404));
    assert_eq!(get(Server::Deck, "/prowjob?prowjob=a1"), Ok(503));
    assert_eq!(get(Server::Deck, "/prowjob?prowjob=a2"), Ok(503));
    assert_eq!(get(Server::Deck, "/prowjob?prowjob=a3"), Ok(404));

    let now = clock.clone();
    let minutes = |n: i64| jiff::SignedDuration::from_mins(n);
    let start = standins::Time::now(&now);
    world.fault(
        Fault::on(Server::Gangway, Trouble::DropBefore)
            .between(start + minutes(1), start + minutes(2)),
    );
    assert_eq!(get(Server::Gangway, "/v1/executions"), Ok(200));
    clock.advance(Duration::from_secs(60));
    assert_eq!(get(Server::Gangway, "/v1/executions"), Err(Broken::Dropped));
    clock.advance(Duration::from_secs(60));
    assert_eq!(get(Server::Gangway, "/v1/executions"), Ok(200));
}

/// A fault can change the world at a request, and the request then meets the changed world.
#[test]
fn a_request_can_change_the_world() {
    let world = world();
    world.prow().token("sha256~old");
    let rotate = |world: &World| {
        world.prow().revoke("sha256~old");
        world.prow().token("sha256~new");
    };
    world.fault(
        Fault::on(Server::Gangway, Trouble::Do(std::sync::Arc::new(rotate))).nth(Nth::Only(2)),
    );
    let get = |token: &str| {
        let request =
            Request::get("/v1/executions").header("authorization", format!("Bearer {token}"));
        world
            .direct(Server::Gangway)
            .ask_blocking(request.body(Bytes::new()).unwrap())
            .unwrap()
            .status()
            .as_u16()
    };
    assert_eq!([get("sha256~old"), get("sha256~old"), get("sha256~new")], [200, 403, 200]);
}

/// Through the asynchronous network a stall takes tokio's time, and a cut body is shorter than
/// promised.
#[tokio::test(start_paused = true)]
async fn through_the_network() {
    let clock = TokioTime::starting_at("2026-08-20T03:20:11Z".parse().unwrap());
    let world = World::builder().clock(clock).build();
    world.prow().job("periodic-x", JobScript::passes());
    let post = || {
        let uri = format!("{}/v1/executions", Server::Gangway.base());
        world.network(Request::post(uri).body(Bytes::from(CREATE)).unwrap())
    };
    world.fault(
        Fault::on(Server::Gangway, Trouble::StallAfter(Duration::from_secs(60))).nth(Nth::Only(1)),
    );
    tokio::time::timeout(Duration::from_secs(30), post())
        .await
        .unwrap_err();
    assert_eq!(world.prow().launches().len(), 1);

    world.clear_faults();
    world.fault(Fault::on(Server::Gangway, Trouble::DropAfter).nth(Nth::Only(1)));
    assert!(post().await.is_none());
    assert_eq!(world.prow().launches().len(), 2);

    world.clear_faults();
    world.fault(Fault::on(Server::Gangway, Trouble::Truncate(25)).nth(Nth::Only(1)));
    let cut = post().await.unwrap();
    assert_eq!(cut.body().len(), 25);
    assert!(
        cut.headers()["content-length"]
            .to_str()
            .unwrap()
            .parse::<usize>()
            .unwrap()
            > 25
    );
    let whole = post().await.unwrap();
    assert_eq!(whole.headers()["content-length"], whole.body().len().to_string());
    assert!(
        world
            .network(Request::get("https://elsewhere.test/").body(Bytes::new()).unwrap())
            .await
            .is_none()
    );
}

/// Over a socket a stall is a client's timeout.
#[test]
fn stalls_over_a_socket() {
    let world = world();
    let servers = world.serve().unwrap();
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .timeout_global(Some(Duration::from_millis(200)))
        .build()
        .into();
    world.fault(
        Fault::on(Server::Gangway, Trouble::StallAfter(Duration::from_secs(600))).nth(Nth::Only(1)),
    );
    let url = format!("{}/v1/executions", servers.gangway_url());
    let begin = Instant::now();
    assert!(matches!(agent.post(&url).send(CREATE).unwrap_err(), ureq::Error::Timeout(_)));
    assert!(begin.elapsed() < Duration::from_secs(60));
    assert_eq!(world.prow().launches().len(), 1);
    // dropping the servers does not wait for the stall
    drop(servers);
    assert!(begin.elapsed() < Duration::from_secs(60));
}

#[test]
fn over_tls() {
    let folder = tempfile::tempdir().unwrap();
    let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let (certificates, key) = (folder.path().join("tls.crt"), folder.path().join("tls.key"));
    std::fs::write(&certificates, made.cert.pem()).unwrap();
    std::fs::write(&key, made.signing_key.serialize_pem()).unwrap();
    let tls = Tls { certificates: certificates.clone(), key };
    let options = standins::ServeOptions {
        tls: [(Server::Deck, tls)].into(),
        host: Some("localhost".into()),
        ..standins::ServeOptions::default()
    };
    let world = World::default();
    let servers = world.serve_with(&options).unwrap();
    assert!(servers.deck_url().starts_with("https://localhost:"));
    let _ = rustls::crypto::ring::default_provider().install_default();
    let root = ureq::tls::Certificate::from_pem(&std::fs::read(&certificates).unwrap())
        .unwrap()
        .to_owned();
    let config = ureq::tls::TlsConfig::builder()
        .root_certs(ureq::tls::RootCerts::Specific([root].to_vec().into()));
    let agent: ureq::Agent = ureq::Agent::config_builder()
        .tls_config(config.build())
        .build()
        .into();
    let mut body = String::new();
    let url = servers.deck_url() + "/prowjobs.js";
    agent
        .get(&url)
        .call()
        .unwrap()
        .body_mut()
        .as_reader()
        .read_to_string(&mut body)
        .unwrap();
    assert_eq!(body, "{\"items\":[]}");

    let missing = Tls { certificates: folder.path().join("none"), key: folder.path().join("none") };
    let options = standins::ServeOptions {
        tls: [(Server::Deck, missing)].into(),
        ..standins::ServeOptions::default()
    };
    assert!(
        world
            .serve_with(&options)
            .map(drop)
            .unwrap_err()
            .to_string()
            .contains("none")
    );
}
