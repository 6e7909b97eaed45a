//! Every reader of foreign data, each behind one function of bytes: what cargo-fuzz calls with its
//! inputs (`lib/fuzz`), and the tests below with theirs. A reader may refuse anything; it must not
//! crash, hang or take memory without end, and what it has accepted it must read again the same.

use std::io::Write as _;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use bytes::Bytes;
use flate2::Compression;
use flate2::write::GzEncoder;
use http::HeaderMap;
use jiff::Timestamp;
#[cfg(test)]
use serde_json::Value;

use crate::clock::SystemClock;
use crate::cluster::files;
use crate::history::History;
use crate::history::issues::KnownIssues;
use crate::http::{InProcessTransport, SharedTransport};
use crate::image::ImageRef;
use crate::jobs;
use crate::konflux::Release;
use crate::kubearchive::answer;
use crate::prow::budget::{Budget, Limits};
use crate::prow::finished::Finished;
use crate::prow::job_url::JobUrl;
use crate::prow::operator::{self, StepGraph};
use crate::prow::prowjob::ProwJob;
use crate::prow::{Addresses, Servers, Tokens, junit};
use crate::record;
use crate::registry::{credentials, manifest};
use crate::report::{self, Narrow, Report};
use crate::retry::retry_after;
use crate::secret::SecretFile;
use crate::snapshot;

/// Reads bytes, and breaks no promise.
pub type Reader = fn(&[u8]);

/// The readers by name, each with a folder of examples in `lib/fuzz/corpus`.
pub const TARGETS: [(&str, Reader); 20] = [
    ("snapshot", snapshot_of),
    ("job-list", job_list),
    ("gangway", gangway),
    ("deck", deck),
    ("prowjob", prowjob),
    ("bucket", bucket),
    ("kubearchive", kubearchive),
    ("junit", junit_of),
    ("step-graph", step_graph),
    ("finished", finished),
    ("image", image),
    ("job-url", job_url),
    ("retry-after", retry),
    ("kubeconfig", kubeconfig),
    ("registry-logins", logins),
    ("manifest", manifest_of),
    ("record", record_of),
    ("history", history),
    ("known-issues", known_issues),
    ("report", report_of),
];

/// Reads bytes as one of the targets.
///
/// # Panics
/// There is no such target, or a promise is broken.
pub fn read(target: &str, bytes: &[u8]) {
    let found = TARGETS.iter().find(|(name, _)| *name == target);
    let (_, reader) = found.unwrap_or_else(|| panic!("there is no target {target}"));
    reader(bytes);
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn snapshot_of(bytes: &[u8]) {
    let text = text(bytes);
    let _ = snapshot::read(&text);
    if let Ok(snapshot::Given::Content { spec, .. }) = snapshot::read_json(&text, "SNAPSHOT") {
        for component in spec.components.iter().flatten() {
            let _ = (component.image(), component.revision(), component.git_url());
        }
    }
}

fn job_list(bytes: &[u8]) {
    let text = text(bytes);
    let variables = ["IMAGE".to_owned()];
    let given = jobs::Given { override_env: &variables, ..jobs::Given::default() };
    let _ = jobs::read(&jobs::Given { jobs: Some(&text), ..given });
    let given = jobs::Given { override_env: &variables, ..jobs::Given::default() };
    let _ = jobs::read(&jobs::Given { blocking: Some(&text), env: Some(&text), ..given });
}

/// Prow's servers, which answer everything with these bytes.
fn servers(bytes: &[u8]) -> Servers {
    static TOKEN: LazyLock<tempfile::NamedTempFile> = LazyLock::new(|| {
        let mut file = tempfile::NamedTempFile::new().expect("a temporary file");
        file.write_all(b"sha256~EXAMPLE")
            .expect("a temporary file takes everything");
        file
    });
    let body = Bytes::copy_from_slice(bytes);
    let transport: SharedTransport = Arc::new(InProcessTransport::new(move |_| {
        let answer = http::Response::builder()
            .status(200)
            .header("content-type", "application/json")
            .body(body.clone())
            .ok();
        Box::pin(async move { answer })
    }));
    let url = |host: &str| format!("https://{host}").parse().expect("an address");
    let addresses = Addresses {
        gangway: url("gangway.example"),
        token: Some(SecretFile::new("--gangway-token-file", TOKEN.path())),
        deck: url("deck.example"),
        artifacts: url("storage.example"),
        tokens: Tokens::default(),
        limits: Limits::default(),
    };
    addresses.open(transport).expect("addresses of https")
}

fn wait<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build();
    runtime.expect("a runtime").block_on(work)
}

fn gangway(bytes: &[u8]) {
    let servers = servers(bytes);
    let clock = Arc::new(SystemClock::new(1));
    let budget = Budget::new(clock, Limits::default(), true);
    let token = servers.token.clone().expect("it was given");
    let gangway = servers.gangway(token, Arc::new(budget));
    wait(async {
        let listed = gangway.list("periodic-x").await;
        let _ = listed.map(|listing| listing.of("periodic-x").count() + listing.all().count());
        let _ = gangway.status("ca249d50-dee8-4424-a0a7-6dd9d5605267").await;
    });
}

fn deck(bytes: &[u8]) {
    let deck = servers(bytes).deck;
    wait(async {
        let _ = deck.prowjob("ca249d50-dee8-4424-a0a7-6dd9d5605267").await;
        let _ = deck.last_urls(&["periodic-x"]).await;
        let _ = deck.listed("release-gate/key", "x").await;
    });
}

fn prowjob(bytes: &[u8]) {
    let text = text(bytes);
    for read in [ProwJob::from_yaml(&text), ProwJob::from_json(bytes)]
        .into_iter()
        .flatten()
    {
        let _ = read.definition.hash_without(|name| name == "IMAGE");
        let _ = read.env("IMAGE").count();
    }
}

fn bucket(bytes: &[u8]) {
    let bucket = servers(bytes).bucket;
    wait(async {
        let _ = bucket.list("b", "logs/", None, 100).await;
        let _ = bucket.folders("b", "logs/", "1", 100).await;
    });
}

fn kubearchive(bytes: &[u8]) {
    for status in [200, 401, 500] {
        let read = answer::read::<Release>(status, &mut &*bytes);
        assert!(read.is_ok(), "reading memory does not fail");
    }
}

fn junit_of(bytes: &[u8]) {
    let mut cases = 0_usize;
    let quality = junit::read_with_failures(&mut &*bytes, 200, |_| cases += 1);
    assert!(quality.is_ok(), "reading memory does not fail");
    // A test takes a tag of some bytes.
    assert!(cases <= bytes.len());
}

fn step_graph(bytes: &[u8]) {
    let read = StepGraph::read(&mut &*bytes).expect("reading memory does not fail");
    if let Some(found) = read {
        let _ = (found.has_phases(), found.tests_failed(), found.failed_test().is_some());
    }
    let _ = operator::never_began(&mut &*bytes);
    let _ = operator::reasons(&mut &*bytes);
}

fn finished(bytes: &[u8]) {
    let _ = Finished::read(bytes);
}

fn image(bytes: &[u8]) {
    let given = text(bytes);
    if let Ok(image) = given.parse::<ImageRef>() {
        let again = image.to_string().parse::<ImageRef>();
        assert_eq!(again.ok(), Some(image), "{given:?}");
    }
}

fn job_url(bytes: &[u8]) {
    if let Ok(url) = text(bytes).parse::<JobUrl>() {
        let object = url.object("finished.json");
        assert!(object.starts_with(url.prefix()) && object.ends_with("finished.json"));
        assert!(!url.bucket().contains('/'), "{:?}", url.bucket());
    }
}

fn retry(bytes: &[u8]) {
    if let Ok(value) = http::HeaderValue::from_bytes(bytes) {
        let headers = HeaderMap::from_iter([(http::header::RETRY_AFTER, value)]);
        let pause = retry_after(&headers).unwrap_or_default();
        assert!(pause <= Duration::from_secs(3600), "{pause:?}");
    }
}

fn kubeconfig(bytes: &[u8]) {
    let _ = files::parse("kubeconfig".into(), bytes);
}

fn logins(bytes: &[u8]) {
    let _ = credentials::parse(bytes);
}

fn manifest_of(bytes: &[u8]) {
    let _ = manifest::read(bytes);
}

fn record_of(bytes: &[u8]) {
    let Ok(read) = record::decode(bytes, "file:gate.json") else { return };
    let written = serde_json::to_vec(&read).expect("a record can be written");
    let again = record::decode(&written, "file:gate.json");
    assert_eq!(again.ok().as_ref(), Some(&read), "what was read is written and read again");
    // Whatever it says, it is judged without a crash.
    let _ = crate::gate::verdict::decide(&read, Timestamp::UNIX_EPOCH);
    let meta = kube::api::ObjectMeta::default();
    let _ = report::played(&meta, &read);
}

fn history(bytes: &[u8]) {
    let now = Timestamp::UNIX_EPOCH;
    let _ = History::unpack(bytes, "periodic-x", now);
    let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
    let packed = packed.write_all(bytes).and_then(|()| packed.finish());
    let read = History::unpack(&packed.expect("memory takes everything"), "periodic-x", now);
    let Ok(mut read) = read else { return };
    let again = read.pack().expect("what was read fits");
    let again = History::unpack(&again, "periodic-x", now).expect("what was written is read");
    assert_eq!((again.runs(), again.tests()), (read.runs(), read.tests()));
}

fn known_issues(bytes: &[u8]) {
    if let Ok(issues) = KnownIssues::read("known-issues", &text(bytes)) {
        let _ = issues.of("TestX", Some("a message"), Timestamp::UNIX_EPOCH);
    }
}

fn report_of(bytes: &[u8]) {
    let Ok(read) = serde_json::from_slice::<Report>(bytes) else { return };
    let page = report::page(&read);
    assert_eq!(page.matches("<script>").count(), 1, "the page's own");
    let _ = (report::metrics(&read), report::table(&read, &Narrow::default()));
}

/// A JSON value with one thing in it changed, as `change` says: what is torn, swapped or grown.
#[cfg(test)]
fn changed(value: &Value, change: u64) -> Value {
    let mut left = change;
    alter(value, &mut left)
}

#[cfg(test)]
fn alter(value: &Value, left: &mut u64) -> Value {
    let here = *left == 0;
    *left = left.wrapping_sub(1);
    match value {
        _ if here => Value::from(vec![Value::Null, value.clone()]),
        Value::Object(map) => map
            .iter()
            .map(|(key, value)| (key.clone(), alter(value, left)))
            .collect(),
        Value::Array(values) => values.iter().map(|value| alter(value, left)).collect(),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use proptest::prelude::*;

    use super::*;

    /// The examples of each target, by its name.
    fn corpus() -> BTreeMap<String, Vec<(PathBuf, Vec<u8>)>> {
        let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus");
        let of = |folder: PathBuf| {
            let files = std::fs::read_dir(&folder).unwrap().map(|entry| entry.unwrap().path());
            let mut files: Vec<_> = files.collect();
            files.sort();
            let read = files
                .into_iter()
                .map(|path| (path.clone(), std::fs::read(path).unwrap()));
            (folder.file_name().unwrap().to_str().unwrap().to_owned(), read.collect())
        };
        let folders = std::fs::read_dir(root).unwrap().map(|entry| entry.unwrap().path());
        folders.map(of).collect()
    }

    #[test]
    fn every_target_has_examples_and_reads_them() {
        let corpus = corpus();
        let names: Vec<_> = corpus.keys().map(String::as_str).collect();
        let mut targets = TARGETS.map(|(name, _)| name);
        targets.sort_unstable();
        assert_eq!(names, targets);
        for (target, examples) in &corpus {
            assert!(!examples.is_empty(), "{target}");
            for (path, bytes) in examples {
                eprintln!("{}", path.display());
                read(target, bytes);
            }
        }
    }

    /// What is done to an example.
    #[derive(Debug, Clone)]
    enum Damage {
        Cut(usize),
        Byte(usize, u8),
        Twice(usize, usize),
        Insert(usize, Vec<u8>),
        /// Of a JSON value one part, counted from the first.
        Part(u64),
    }

    fn damage() -> impl Strategy<Value = Damage> {
        prop_oneof![
            any::<usize>().prop_map(Damage::Cut),
            (any::<usize>(), any::<u8>()).prop_map(|(at, byte)| Damage::Byte(at, byte)),
            (any::<usize>(), 1_usize..200).prop_map(|(at, long)| Damage::Twice(at, long)),
            (any::<usize>(), proptest::collection::vec(any::<u8>(), 1..20))
                .prop_map(|(at, bytes)| Damage::Insert(at, bytes)),
            (0_u64..200).prop_map(Damage::Part),
        ]
    }

    fn damaged(bytes: &[u8], damages: &[Damage]) -> Vec<u8> {
        let mut bytes = bytes.to_vec();
        for damage in damages {
            let place = |at: usize| at % (bytes.len() + 1);
            match damage {
                Damage::Cut(at) => bytes.truncate(place(*at)),
                Damage::Byte(at, byte) => {
                    let at = place(*at);
                    if let Some(found) = bytes.get_mut(at) {
                        *found = *byte;
                    }
                }
                Damage::Twice(at, long) => {
                    let at = place(*at);
                    let end = bytes.len().min(at + long);
                    let part = bytes[at..end].to_vec();
                    bytes.splice(end..end, part);
                }
                Damage::Insert(at, more) => {
                    let at = place(*at);
                    bytes.splice(at..at, more.iter().copied());
                }
                Damage::Part(change) => {
                    if let Ok(value) = serde_json::from_slice(&bytes) {
                        bytes = changed(&value, *change).to_string().into_bytes();
                    }
                }
            }
        }
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 4000, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_damaged_example_is_read_or_refused(
            number in any::<prop::sample::Index>(),
            damages in proptest::collection::vec(damage(), 1..6),
        ) {
            static CORPUS: LazyLock<Vec<(String, Vec<u8>)>> = LazyLock::new(|| {
                let all = corpus().into_iter().flat_map(|(target, examples)| {
                    examples.into_iter().map(move |(_, bytes)| (target.clone(), bytes))
                });
                all.collect()
            });
            let (target, bytes) = number.get(&CORPUS);
            read(target, &damaged(bytes, &damages));
        }
    }
}
