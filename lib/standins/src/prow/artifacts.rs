//! What a run has in the bucket at one moment.

use std::io::Write;

use jiff::Timestamp;
use serde_json::json;

use super::junit;
use super::object::prowjob;
use super::run::{Run, State};
use super::script::{RanImage, TestPhase};
use crate::switch::glob;

/// One stored object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Stored {
    pub bytes: Vec<u8>,
    pub content_type: &'static str,
    pub gzip: bool,
    pub updated: Timestamp,
}

impl Stored {
    /// Stored as Prow's sidecar does it: text, logs and JSON compressed, XML not.
    pub(crate) fn by_name(name: &str, bytes: Vec<u8>, updated: Timestamp) -> Self {
        let extension = name.rsplit('.').next().unwrap_or_default();
        let (content_type, gzip) = match extension {
            "txt" | "log" => ("text/plain", !name.ends_with("latest-build.txt")),
            "json" => ("application/json", true),
            "yaml" => ("text/plain", true),
            "html" => ("text/html", true),
            "xml" => ("application/xml", false),
            _ => ("application/octet-stream", false),
        };
        let bytes = if gzip { compressed(&bytes) } else { bytes };
        Self { bytes, content_type, gzip, updated }
    }
}

fn compressed(bytes: &[u8]) -> Vec<u8> {
    let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    encoder.write_all(bytes).expect("writing to memory");
    encoder.finish().expect("writing to memory")
}

/// All objects of a run at this moment, by full name.
pub(crate) fn objects(run: &Run, now: Timestamp, bucket: &str) -> Vec<(String, Stored)> {
    let look = run.look(now, bucket);
    let mut found = Vec::new();
    for pod in 0..look.builds {
        let prefix = run.prefix(&run.build_id(pod));
        let mut put = |path: &str, bytes: Vec<u8>, at: Timestamp| {
            let overridden = run.script.objects.iter().any(|(name, _)| name == path);
            let missing = run.script.missing.iter().any(|pattern| glob(pattern, path));
            if !overridden && !missing {
                found.push((format!("{prefix}/{path}"), Stored::by_name(path, bytes, at)));
            }
        };
        let began = look.pending.unwrap_or(now);
        put("started.json", started(began), began);
        put("podinfo.json", b"{\"pod\":null,\"events\":[]}".to_vec(), began);
        let last = pod + 1 == look.builds;
        if !last {
            // an evicted pod's sidecar still says how it ended, which is no end of the run
            put("prowjob.json", document(run, began, bucket), began);
            put("finished.json", finished(began, false, "ABORTED", None), began);
            continue;
        }
        put("prowjob.json", document(run, now, bucket), look.completed.unwrap_or(began));
        let Some(at) = run.uploaded_at().filter(|at| *at <= now) else {
            continue;
        };
        if !run.script.artifacts {
            continue;
        }
        for (path, bytes) in at_the_end(run, look.state, at) {
            put(&path, bytes, at);
        }
        for (path, bytes) in &run.script.objects {
            found.push((format!("{prefix}/{path}"), Stored::by_name(path, bytes.clone(), at)));
        }
    }
    if let Some(build) = &look.build_id {
        let stored = Stored::by_name(
            "latest-build.txt",
            build.clone().into_bytes(),
            look.pending.unwrap_or(now),
        );
        found.push((format!("logs/{}/latest-build.txt", run.job), stored));
    }
    found
}

fn document(run: &Run, now: Timestamp, bucket: &str) -> Vec<u8> {
    prowjob(run, now, bucket).to_string().into_bytes()
}

fn started(at: Timestamp) -> Vec<u8> {
    json!({"timestamp": at.as_second(), "pull": "", "repos": {}, "repo-commit": "", "metadata": {}})
        .to_string()
        .into_bytes()
}

fn finished(at: Timestamp, passed: bool, result: &str, uploader: Option<&str>) -> Vec<u8> {
    let metadata = uploader.map_or_else(|| json!({}), |uploader| json!({"uploader": uploader}));
    json!({"timestamp": at.as_second(), "passed": passed, "metadata": metadata, "result": result})
        .to_string()
        .into_bytes()
}

/// What is uploaded when the run ends, by path within the run.
fn at_the_end(run: &Run, state: State, at: Timestamp) -> Vec<(String, Vec<u8>)> {
    let script = &run.script;
    let test = run.test_as();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    files.push((
        "finished.json".into(),
        match state {
            State::Success => finished(at, true, "SUCCESS", None),
            State::Failure => finished(at, false, "FAILURE", None),
            // written by crier, not by the pod: lower case
            State::Aborted => finished(at, false, "aborted", Some("crier")),
            _ => finished(at, false, "error", Some("crier")),
        },
    ));
    if matches!(state, State::Aborted | State::Error) {
        return files;
    }
    files.push(("build-log.txt".into(), build_log(run, &test, state, at).into_bytes()));
    files.push((
        "artifacts/ci-operator.log".into(),
        b"{\"level\":\"info\",\"msg\":\"ci-operator\"}\n".to_vec(),
    ));
    files.push(("artifacts/junit_operator.xml".into(), junit::operator(run).into_bytes()));
    if !script.began {
        return files;
    }
    let install = match &script.ran_image {
        RanImage::NoLog => None,
        RanImage::None => Some(None),
        RanImage::Requested => Some(run.requested_image()),
        RanImage::Other(image) => Some(Some(image.as_str())),
    };
    if let Some(image) = install {
        files.push((
            format!("artifacts/{test}/hypershift-install/build-log.txt"),
            install_log(image).into_bytes(),
        ));
        let passed = script.failed_phase != Some(TestPhase::Pre);
        let word = if passed { "SUCCESS" } else { "FAILURE" };
        files.push((
            format!("artifacts/{test}/hypershift-install/finished.json"),
            finished(at, passed, word, None),
        ));
    }
    if script.failed_phase != Some(TestPhase::Pre) {
        let step = format!("artifacts/{test}/hypershift-azure-run-e2e");
        let passed = script.failed_phase != Some(TestPhase::Test);
        let word = if passed { "SUCCESS" } else { "FAILURE" };
        if script.pod_pending {
            return files;
        }
        files.push((format!("{step}/build-log.txt"), b"=== RUN   TestCreateCluster\n".to_vec()));
        files.push((format!("{step}/finished.json"), finished(at, passed, word, None)));
        files.push((format!("{step}/artifacts/junit.xml"), junit::tests(run).into_bytes()));
    }
    files
}

fn install_log(image: Option<&str>) -> String {
    let overriding = image.map_or_else(String::new, |image| {
        format!("WARNING: Overriding OPERATOR_IMAGE\n  Override: {image}\n")
    });
    format!(
        "+ set -euo pipefail\n{overriding}applied CustomResourceDefinition hostedclusters.hypershift.openshift.io\ninstall finished\n"
    )
}

fn build_log(run: &Run, test: &str, state: State, at: Timestamp) -> String {
    let time = at.strftime("%Y-%m-%dT%H:%M:%SZ");
    let mut log = String::new();
    let mut line = |level: &str, words: &str| {
        log.push_str(&format!("\u{1b}[36m{level}\u{1b}[0m[{time}] {words}\n"))
    };
    line("INFO", "ci-operator version v20260820-52352cd1");
    line("INFO", "Resolved source https://github.com/openshift/hypershift to main@3ee96155");
    if run.script.began {
        line("INFO", &format!("Acquiring leases for test {test}: [hypershift-azure-quota-slice]"));
        line("INFO", &format!("Running multi-stage test {test}"));
    }
    match (&run.script.reason, state) {
        (_, State::Success) => line("INFO", "Reporting job state 'succeeded'"),
        (Some(reason), _) => {
            line("ERRO", "Some steps failed:");
            line("INFO", &format!("Reporting job state 'failed' with reason '{reason}'"));
        }
        (None, _) => line("INFO", "Reporting job state 'failed'"),
    }
    log
}
