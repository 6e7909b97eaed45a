//! The clients of Deck and the bucket against exchanges captured from a real Deck and a bucket
//! server.

use bytes::Bytes;
use http::header::HeaderName;

use super::bucket::{Bucket, BucketError, Listing};
use super::deck::{Deck, DeckError};
use super::job_url::JobUrl;
use crate::http::InProcessTransport;
use crate::prow::JobState;

const EXCHANGES: &str = include_str!("data/exchanges.txt");
const ID: &str = "855c7797-f74e-4c73-8d5d-68cece05a59b";

/// Name, path and query asked, and the answer.
struct Captured {
    name: &'static str,
    path: &'static str,
    answer: http::Response<Bytes>,
}

fn all() -> Vec<Captured> {
    EXCHANGES
        .strip_prefix("# ")
        .unwrap()
        .split("\n# ")
        .map(captured)
        .collect()
}

fn captured(block: &'static str) -> Captured {
    let (request, answer) = block.split_once("\n<<<\n").unwrap();
    let (name, path) = request.split_once("\n>>> GET ").unwrap();
    let (head, body) = answer.split_once("\n\n").unwrap();
    let mut lines = head.lines();
    let status: u16 = lines.next().unwrap().split(' ').nth(1).unwrap().parse().unwrap();
    let mut response = http::Response::builder().status(status);
    for (name, value) in lines.filter_map(|line| line.split_once(':')) {
        response = response.header(name.parse::<HeaderName>().unwrap(), value.trim());
    }
    let body = format!("{}\n", body.trim_end_matches('\n'));
    Captured { name, path, answer: response.body(body.into()).unwrap() }
}

fn server(answer: &http::Response<Bytes>) -> crate::http::SharedTransport {
    let answer = answer.clone();
    std::sync::Arc::new(InProcessTransport::new(move |_| {
        let answer = answer.clone();
        Box::pin(async move { Some(answer) })
    }))
}

/// What Deck's client makes of an answer, in a word.
async fn deck(captured: &Captured) -> String {
    let id = captured
        .path
        .split_once("?prowjob=")
        .map_or(ID, |(_, id)| id.split('&').next().unwrap());
    match Deck::new("http://localhost".parse().unwrap(), server(&captured.answer))
        .prowjob(id)
        .await
    {
        Ok(None) => "gone".to_owned(),
        Ok(Some(job)) => format!("{:?}", job.state),
        Err(DeckError::Blind { problem }) => format!("blind: {problem}"),
        Err(DeckError::Status { status }) => format!("status {status}"),
        Err(DeckError::Page { .. }) => "page".to_owned(),
        Err(DeckError::OtherRun { .. }) => "other run".to_owned(),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn every_captured_answer_of_deck() {
    let refused = "blind: its API server refuses connections";
    let silent = "blind: its API server does not answer";
    let wrong_page = "blind: there is no such page; is --deck-url right?";
    let unknown = "blind: for an unknown reason";
    let table = [
        ("prowjob-aborted-bare", "Aborted"),
        ("prowjob-aborted-timeout", "Aborted"),
        ("prowjob-crd-gone", "blind: its API server has no ProwJobs"),
        ("prowjob-empty-parameter", "status 400"),
        ("prowjob-error-long-description", "Error"),
        ("prowjob-error-no-build-id", "Error"),
        ("prowjob-extra-parameter", "Aborted"),
        ("prowjob-failure", "Failure"),
        ("prowjob-gzip-small-404", "gone"),
        ("prowjob-hidden-job", "Scheduling"),
        ("prowjob-id-bad-escape", "status 400"),
        ("prowjob-id-dotdot", unknown),
        ("prowjob-id-html", unknown),
        ("prowjob-id-percent-newline", unknown),
        ("prowjob-id-trailing-space", unknown),
        ("prowjob-id-uppercase", "gone"),
        ("prowjob-id-with-slash", unknown),
        ("prowjob-missing-parameter", "status 400"),
        ("prowjob-multiline-description", "Pending"),
        ("prowjob-own-job-label", "Scheduling"),
        ("prowjob-path-form", wrong_page),
        ("prowjob-pending", "Pending"),
        ("prowjob-post-with-cookie-secret", "status 403"),
        ("prowjob-scheduling", "Scheduling"),
        ("prowjob-success", "Success"),
        ("prowjob-trailing-slash", wrong_page),
        ("prowjob-triggered", "Triggered"),
        ("prowjob-two-ids-first-wins", "Failure"),
        ("prowjob-unknown-id", "gone"),
        ("prowjob-with-cookie-secret", "Success"),
        ("noapi-prowjob", refused),
        ("noapi-prowjob-unknown-id", refused),
        ("apihangs-prowjob-30s", silent),
        ("apihangs-prowjob-established-connection", silent),
        ("spyglass-view", "page"),
        ("unknown-path", wrong_page),
        ("index-page", "page"),
        ("rerun-get", "other run"),
    ];
    let all = all();
    let captured: Vec<&Captured> = all
        .iter()
        .filter(|captured| !captured.name.starts_with("bucket-"))
        .collect();
    assert_eq!(captured.len(), table.len());
    for captured in captured {
        let expected = table
            .iter()
            .find(|(name, _)| *name == captured.name)
            .map(|(_, expected)| *expected);
        assert_eq!(Some(deck(captured).await.as_str()), expected, "{}", captured.name);
    }
}

/// What the bucket's client makes of an answer, in a few words.
async fn bucket(captured: &Captured) -> String {
    let client = Bucket::new("http://localhost".parse().unwrap(), server(&captured.answer));
    if captured.path.starts_with("/storage/") {
        let prefix = captured
            .path
            .split_once("?prefix=")
            .map_or("", |(_, rest)| rest.split('&').next().unwrap());
        return match client.list("b", prefix, Some("/"), 1000).await {
            Ok(Listing { objects, prefixes, cut }) => {
                format!(
                    "{} objects, {} folders{}",
                    objects.len(),
                    prefixes.len(),
                    if cut { ", cut" } else { "" }
                )
            }
            Err(BucketError::NoBucket { .. }) => "no bucket".to_owned(),
            Err(error) => error.to_string(),
        };
    }
    let folder: JobUrl = "https://prow/view/gs/b/logs/j/1".parse().unwrap();
    match client.get(&folder, "x", 1000).await {
        Ok(None) => "missing".to_owned(),
        Ok(Some(bytes)) => format!("{} bytes", bytes.len()),
        Err(BucketError::Status { status, .. }) => format!("status {status}"),
        Err(error) => error.to_string(),
    }
}

#[tokio::test]
async fn every_captured_answer_of_the_bucket() {
    let table = [
        ("bucket-object", "14 bytes"),
        ("bucket-object-missing", "missing"),
        ("bucket-missing-bucket", "missing"),
        ("bucket-gzip-json-no-accept", "59 bytes"),
        ("bucket-list-no-match", "0 objects, 0 folders"),
        ("bucket-list-missing-bucket", "no bucket"),
        ("bucket-list-no-slash", "0 objects, 1 folders"),
        // The same page again and again: its token repeats.
        ("bucket-list-page-1", "4 objects, 0 folders, cut"),
        ("bucket-list-runs", "1 objects, 8 folders"),
        ("bucket-list-page-3", "1 objects, 0 folders"),
        ("bucket-gzip-log-no-accept", "11 bytes"),
        ("bucket-list-delimiter", "2 objects, 1 folders"),
        ("bucket-range-beyond", "status 416"),
        ("bucket-fs-backend-dropped-file-breaks-list", "no bucket"),
    ];
    for captured in all().iter().filter(|captured| captured.name.starts_with("bucket-")) {
        let expected = table
            .iter()
            .find(|(name, _)| *name == captured.name)
            .map(|(_, expected)| *expected);
        assert_eq!(Some(bucket(captured).await.as_str()), expected, "{}", captured.name);
    }
}

#[tokio::test]
async fn a_folded_description_survives_the_way() {
    let all = all();
    let captured = all
        .iter()
        .find(|captured| captured.name == "prowjob-aborted-timeout")
        .unwrap();
    let id = captured.path.split_once("?prowjob=").unwrap().1;
    let job = Deck::new("http://localhost".parse().unwrap(), server(&captured.answer))
        .prowjob(id)
        .await;
    let job = job.unwrap().unwrap();
    assert_eq!(
        (job.state, job.description.as_deref()),
        (JobState::Aborted, Some("Pod running timeout."))
    );
}
