//! Deck and the bucket, held against what was captured from real ones.

mod captured;

use std::collections::BTreeSet;
use std::io::Read;
use std::time::Duration;

use bytes::Bytes;
use captured::{alike, ask};
use http::Request;
use serde_json::{Value, json};
use standins::captured::{Exchange, exchanges, file};
use standins::{BUCKET, Ending, JobScript, ManualTime, Server, World};

const JOB: &str =
    "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-kubevirt-aws-ovn-reduced";

fn world() -> (World, ManualTime) {
    let clock = ManualTime::starting_at("2026-11-22T16:39:45Z".parse().unwrap());
    let world = World::builder().clock(clock.clone()).build();
    world.prow().job(JOB, JobScript::passes());
    (world, clock)
}

fn get(
    world: &World,
    server: Server,
    path: &str,
    headers: &[(&str, &str)],
) -> (u16, http::HeaderMap, Bytes) {
    let mut request = Request::get(path);
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = world
        .direct(server)
        .ask_blocking(request.body(Bytes::new()).unwrap())
        .unwrap();
    (answer.status().as_u16(), answer.headers().clone(), answer.into_body())
}

fn launch(world: &World, job: &str) -> String {
    let body = json!({"job_name": job, "job_execution_type": "1", "pod_spec_options": {
        "envs": {"MULTISTAGE_PARAM_OVERRIDE_OPERATOR_IMAGE": "quay.io/org/repo@sha256:aaaa"},
        "labels": {"release-gate/key": "key-one"}, "annotations": {"release-gate/snapshot": "snap-1"}}});
    let request = Request::post("/v1/executions")
        .body(Bytes::from(body.to_string()))
        .unwrap();
    let answer = world
        .direct(Server::Gangway)
        .ask_blocking(request)
        .unwrap()
        .into_body();
    serde_json::from_slice::<Value>(&answer).unwrap()["id"]
        .as_str()
        .unwrap()
        .to_owned()
}

/// Every path to a scalar of a document.
fn paths(value: &Value, at: &str, into: &mut BTreeSet<String>) {
    match value {
        Value::Object(map) => map
            .iter()
            .for_each(|(key, value)| paths(value, &format!("{at}.{key}"), into)),
        Value::Array(items) => items.iter().for_each(|item| paths(item, &format!("{at}[]"), into)),
        _ => drop(into.insert(at.to_owned())),
    }
}

fn paths_of(value: &Value) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    paths(value, "", &mut found);
    found
}

#[test]
fn refusals_and_empty_lists() {
    let (world, _) = world();
    for exchange in exchanges("deck/answers.txt") {
        let answer = ask(&world, Server::Deck, &exchange).unwrap();
        assert_eq!(alike(answer), alike(exchange.answer.clone()), "{}", exchange.name);
    }
}

#[test]
fn prowjobs_have_the_captured_fields() {
    let ends = |ending: Ending, bare: bool| JobScript { ending, bare, ..JobScript::passes() };
    for (name, script, gone, captured) in [
        ("scheduling", JobScript::passes(), 0, file("deck/prowjob-scheduling.yaml")),
        ("triggered", JobScript::passes(), 6, file("deck/prowjob-triggered.yaml")),
        ("pending", JobScript::passes(), 100, file("deck/prowjob-pending.yaml")),
        ("success", JobScript::passes(), 10_000, file("deck/prowjob-success.yaml")),
        ("error", ends(Ending::Error, true), 10_000, file("deck/prowjob-error-no-build-id.yaml")),
        ("aborted", ends(Ending::Aborted, true), 10_000, file("deck/prowjob-aborted-bare.yaml")),
    ] {
        let (world, clock) = world();
        world.prow().job(JOB, script);
        let id = launch(&world, JOB);
        clock.advance(Duration::from_secs(gone));
        let (status, headers, body) =
            get(&world, Server::Deck, &format!("/prowjob?prowjob={id}"), &[]);
        assert_eq!(status, 200);
        assert_eq!(headers["content-type"], "text/plain");
        let ours: Value = serde_saphyr::from_str(std::str::from_utf8(&body).unwrap()).unwrap();
        let theirs: Value = serde_saphyr::from_str(&captured).unwrap();
        assert_eq!(paths_of(&ours), paths_of(&theirs), "{name}");
        assert_eq!(ours["status"]["state"], name);
        assert_eq!(ours["metadata"]["labels"]["prow.k8s.io/job"], &JOB[..63]);
    }
}

#[test]
fn the_list_has_the_captured_fields_and_is_old() {
    let (world, clock) = world();
    world.prow().job("periodic-hidden", JobScript::passes());
    world.prow().hide("periodic-hidden");
    let id = launch(&world, JOB);
    let hidden = launch(&world, "periodic-hidden");
    let list = |query: &str| {
        let (status, _, body) = get(&world, Server::Deck, &format!("/prowjobs.js{query}"), &[]);
        assert_eq!(status, 200);
        let list: Value = serde_json::from_slice(&body).unwrap();
        list["items"].as_array().unwrap().clone()
    };
    // a list is read every 30 s, the first one at the beginning of the world, when the jobs were
    // there already
    assert_eq!(list("")[0]["metadata"]["name"], id);
    assert_eq!(list("").len(), 1, "the hidden one is left out");
    assert_eq!(get(&world, Server::Deck, &format!("/prowjob?prowjob={hidden}"), &[]).0, 200);
    clock.advance(Duration::from_secs(10));
    let later = launch(&world, JOB);
    clock.advance(Duration::from_secs(19));
    assert_eq!(list("").len(), 1);
    assert_eq!(get(&world, Server::Deck, &format!("/prowjob?prowjob={later}"), &[]).0, 200);
    clock.advance(Duration::from_secs(1));
    assert_eq!(list("").len(), 2);
    assert_eq!(list("")[0]["metadata"]["name"], later, "newest first");

    let captured: Value = serde_json::from_str(&file("deck/prowjobs-js.json")).unwrap();
    let theirs = &captured["items"][1];
    let mut wanted = paths_of(theirs);
    wanted.remove(".status.description");
    let mut ours = paths_of(&list("")[0]);
    ours.remove(".status.description");
    assert_eq!(ours, wanted);
    let bare: Value = serde_json::from_str(&file("deck/prowjobs-js-omit-all.json")).unwrap();
    let mut wanted = paths_of(&bare["items"][0]);
    wanted.remove(".status.completionTime");
    wanted.insert(".status.description".into());
    assert_eq!(paths_of(&list("?omit=annotations,labels,decoration_config,pod_spec")[0]), wanted);

    // without its API server Deck goes on showing the old list, and says 404 for everything it
    // should read
    world.prow().api_server(false);
    clock.advance(Duration::from_secs(3600 * 4));
    assert_eq!(list("")[0]["status"]["state"], "triggered");
    let (status, _, body) = get(&world, Server::Deck, &format!("/prowjob?prowjob={id}"), &[]);
    assert_eq!(status, 404);
    let words = std::str::from_utf8(&body).unwrap();
    assert!(
        words.starts_with("ProwJob not found: Get \"https://")
            && words.contains("connection refused"),
        "{words}"
    );
    world.prow().api_server(true);
    assert_eq!(list("")[0]["status"]["state"], "success");
}

#[test]
fn gzip_is_given_to_those_who_ask() {
    let (world, _) = world();
    let id = launch(&world, JOB);
    let path = format!("/prowjob?prowjob={id}");
    let plain = get(&world, Server::Deck, &path, &[]).2;
    let (_, headers, packed) = get(&world, Server::Deck, &path, &[("accept-encoding", "gzip")]);
    assert_eq!(headers["content-encoding"], "gzip");
    let mut text = String::new();
    flate2::read::GzDecoder::new(&packed[..])
        .read_to_string(&mut text)
        .unwrap();
    assert_eq!(text.as_bytes(), &plain[..]);
}

#[test]
fn bucket_answers() {
    let (world, _) = world();
    let prefix = "logs/periodic-short/2094357209625399297";
    world.prow().put_object(
        BUCKET,
        &format!("{prefix}/artifacts/junit_operator.xml"),
        "<testsuites/>\n",
    );
    world.prow().put_object(
        BUCKET,
        &format!("{prefix}/finished.json"),
        "{\"timestamp\":1795365993,\"passed\":false,\"result\":\"FAILURE\"}\n",
    );
    for mut exchange in exchanges("bucket/answers.txt") {
        // another gzip makes another length of the same content
        if exchange
            .answer
            .headers
            .get("x-goog-stored-content-encoding")
            .is_some_and(|kind| kind == "gzip")
        {
            exchange.answer.headers.remove("x-goog-stored-content-length");
        }
        if exchange.method == "HEAD" {
            let answer = ask(&world, Server::Bucket, &exchange).unwrap();
            assert_eq!(answer.status, 200);
            continue;
        }
        let answer = ask(&world, Server::Bucket, &exchange).unwrap();
        assert_eq!(alike(answer), alike(exchange.answer.clone()), "{}", exchange.name);
    }
    let path = format!("/{BUCKET}/{prefix}/finished.json");
    let (_, headers, body) = get(&world, Server::Bucket, &path, &[("accept-encoding", "gzip")]);
    assert_eq!(headers["content-encoding"], "gzip");
    assert_eq!(headers["x-goog-stored-content-length"], body.len().to_string());
    // a range of what is unpacked on the way is ignored; of what is given as stored it is a piece
    // of the gzip
    assert_eq!(get(&world, Server::Bucket, &path, &[("range", "bytes=0-9")]).0, 200);
    let (status, _, piece) =
        get(&world, Server::Bucket, &path, &[("range", "bytes=-20"), ("accept-encoding", "gzip")]);
    assert_eq!((status, piece), (206, body.slice(body.len() - 20..)));
}

#[test]
fn lists_by_folder_and_page() {
    let (world, _) = world();
    for n in 1..=5 {
        world.prow().put_object(
            BUCKET,
            &format!("logs/periodic-short/2/a/odd name +%#{n}.txt"),
            "x",
        );
    }
    world.prow().put_object(BUCKET, "logs/periodic-short/2/b.txt", "x");
    let list = |query: &str| -> Value {
        let path = format!("/storage/v1/b/{BUCKET}/o?{query}");
        let answer = ask(
            &world,
            Server::Bucket,
            &Exchange { method: "GET".into(), path, ..Exchange::default() },
        )
        .unwrap();
        serde_json::from_str(&answer.body).unwrap()
    };
    let names = |page: &Value| -> Vec<String> {
        let items = page["items"].as_array().cloned().unwrap_or_default();
        items
            .iter()
            .map(|item| {
                item["name"]
                    .as_str()
                    .unwrap()
                    .trim_start_matches("logs/periodic-short/2/")
                    .to_owned()
            })
            .collect()
    };
    let first = list("prefix=logs/periodic-short/2/a/&maxResults=2");
    assert_eq!(names(&first), ["a/odd name +%#1.txt", "a/odd name +%#2.txt"]);
    assert_eq!(first["nextPageToken"], "logs/periodic-short/2/a/odd name +%#3.txt");
    let second = list(
        "prefix=logs/periodic-short/2/a/&maxResults=2&pageToken=logs/periodic-short/2/a/odd%20name%20%2B%25%233.txt",
    );
    assert_eq!(names(&second), ["a/odd name +%#3.txt", "a/odd name +%#4.txt"]);
    let last = list(
        "prefix=logs/periodic-short/2/a/&maxResults=2&pageToken=logs/periodic-short/2/a/odd%20name%20%2B%25%235.txt",
    );
    assert_eq!(names(&last), ["a/odd name +%#5.txt"]);
    assert!(last.get("nextPageToken").is_none());
    // a token that is not escaped is no token: the first page again
    let again = list(
        "prefix=logs/periodic-short/2/a/&maxResults=2&pageToken=logs/periodic-short/2/a/odd+name++%",
    );
    assert_eq!(names(&again), names(&first));

    let folders = list("prefix=logs/periodic-short/2/&delimiter=/");
    assert_eq!(names(&folders), ["b.txt"]);
    assert_eq!(folders["prefixes"], json!(["logs/periodic-short/2/a/"]));
    let one = list("prefix=logs/periodic-short/2/&delimiter=/&maxResults=1");
    assert_eq!(
        (names(&one), &one["nextPageToken"]),
        (vec![], &json!("logs/periodic-short/2/b.txt"))
    );
}

#[test]
fn a_replaced_pod_leaves_its_build_behind() {
    let (world, clock) = world();
    world
        .prow()
        .job(JOB, JobScript::passes().new_build_after(Duration::from_secs(600)));
    let id = launch(&world, JOB);
    clock.advance(Duration::from_secs(100));
    let url = |world: &World| {
        world.prow().prowjob(&id).unwrap()["status"]["url"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let object = |url: &str, name: &str| {
        let path = url.split("/view/gs").nth(1).unwrap();
        let (status, _, body) = get(&world, Server::Bucket, &format!("{path}/{name}"), &[]);
        (status == 200).then(|| serde_json::from_slice::<Value>(&body).unwrap())
    };
    let first = url(&world);
    clock.advance(Duration::from_secs(10_000));
    let second = url(&world);
    assert_ne!(first, second);
    assert_eq!(object(&first, "finished.json").unwrap()["passed"], false);
    assert_eq!(object(&second, "finished.json").unwrap()["passed"], true);
    assert_eq!(object(&second, "prowjob.json").unwrap()["metadata"]["name"], id);
}
