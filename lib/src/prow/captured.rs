//! The clients of Deck and the bucket against exchanges captured from a real Deck and a bucket
//! server.

use bytes::Bytes;
use standins::captured::{Exchange, exchanges};

use super::bucket::{Bucket, BucketError, Listing};
use super::deck::{Deck, DeckError};
use super::job_url::JobUrl;
use crate::http::InProcessTransport;
use crate::prow::JobState;

const ID: &str = "855c7797-f74e-4c73-8d5d-68cece05a59b";

/// What a server was asked that the clients ask, and what it answered.
fn all(server: &str) -> Vec<Exchange> {
    let mut all = exchanges(&format!("{server}/answers.txt"));
    all.extend(exchanges(&format!("{server}/others.txt")));
    all.retain(|exchange| exchange.method != "HEAD" && exchange.path != "/prowjobs.js");
    all
}

/// The answer as it came: with the end of the line that the file has not.
fn answer(captured: &Exchange) -> http::Response<Bytes> {
    captured
        .answer
        .response()
        .map(|body| [&body[..], b"\n"].concat().into())
}

fn server(captured: &Exchange) -> crate::http::SharedTransport {
    let answer = answer(captured);
    std::sync::Arc::new(InProcessTransport::new(move |_| {
        let answer = answer.clone();
        Box::pin(async move { Some(answer) })
    }))
}

/// Holds what a client makes of each captured answer of a server to a table that names them all.
async fn hold(server: &str, table: &[(&str, &str)], client: impl AsyncFn(&Exchange) -> String) {
    let all = all(server);
    assert_eq!(all.len(), table.len());
    for captured in &all {
        let expected = table
            .iter()
            .find(|(name, _)| *name == captured.name)
            .map(|(_, expected)| *expected);
        assert_eq!(Some(client(captured).await.as_str()), expected, "{}", captured.name);
    }
}

/// What Deck's client makes of an answer, in a word.
async fn deck(captured: &Exchange) -> String {
    let id = captured
        .path
        .split_once("?prowjob=")
        .map_or(ID, |(_, id)| id.split('&').next().unwrap());
    match Deck::new("http://localhost".parse().unwrap(), server(captured))
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
    hold("deck", &table, deck).await;
}

/// What the bucket's client makes of an answer, in a few words.
async fn bucket(captured: &Exchange) -> String {
    let client = Bucket::new("http://localhost".parse().unwrap(), server(captured));
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
        ("bucket-range-plain", "status 206"),
        ("bucket-fs-backend-dropped-file-breaks-list", "no bucket"),
    ];
    hold("bucket", &table, bucket).await;
}

#[tokio::test]
async fn a_folded_description_survives_the_way() {
    let all = all("deck");
    let captured = all
        .iter()
        .find(|captured| captured.name == "prowjob-aborted-timeout")
        .unwrap();
    let id = captured.path.split_once("?prowjob=").unwrap().1;
    let job = Deck::new("http://localhost".parse().unwrap(), server(captured))
        .prowjob(id)
        .await;
    let job = job.unwrap().unwrap();
    assert_eq!(
        (job.state, job.description.as_deref()),
        (JobState::Aborted, Some("Pod running timeout."))
    );
}
