//! The document as it is stored: JSON, packed with gzip, in a ConfigMap or a file.

use std::io::{Read, Write};

use flate2::Compression;
use flate2::read::GzDecoder;
use flate2::write::GzEncoder;
use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Serialize};

use super::bounds::{Dropped, MAX_PACKED, MAX_RUNS, MAX_TESTS, MAX_UNPACKED};
use super::document::{History, Test};
use super::mark::Mark;
use super::regression::OpenRegression;
use super::run::Run;
use crate::image::Digest;
use crate::text;

/// What the document says it is, and the value of its label.
pub const KIND: &str = "history";

/// The version of the document's form that is read and written.
pub const SCHEMA_VERSION: u32 = 1;

/// The annotation of its ConfigMap that holds the job's name, which a label could not.
pub const JOB_ANNOTATION: &str = "release-gate/job";

/// How far in the future another clock may write (10 minutes).
const SKEW: SignedDuration = SignedDuration::from_mins(10);

/// The name of the ConfigMap with a job's history: `history-` and 20 digits of the hash of the
/// job's name, which may be longer than a name can be.
pub fn config_map_name(job: &str) -> String {
    format!("history-{}", &Digest::of(job).hex()[..20])
}

/// Why a stored history cannot be used. No verdict depends on one: it becomes a warning.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// It is another document, which must not be overwritten.
    #[error("it is no history but of kind {kind:?}; give it a place of its own")]
    Foreign {
        /// What it says it is.
        kind: String,
    },
    /// It is of another job, which must not be overwritten.
    #[error("it is the history of the job {job:?}")]
    OtherJob { job: String },
    /// A newer toolkit wrote it.
    #[error(
        "it is of version {version}, this toolkit reads version {SCHEMA_VERSION}; use a newer image"
    )]
    Newer { version: u32 },
    /// It is larger than any right one.
    #[error("it has more than {limit} bytes, more than any right history")]
    TooLarge {
        /// The limit that it exceeds, packed or unpacked.
        limit: usize,
    },
    /// It breaks off, or is not what was written.
    #[error("it is damaged: {why}")]
    Damaged {
        /// What is wrong with it.
        why: String,
    },
    /// It tells of runs that are still to come.
    #[error("it tells of a run of {at:.0}, which is still to come: a clock is or was wrong")]
    Ahead {
        /// The time of its newest run.
        at: Timestamp,
    },
}

impl ReadError {
    /// Whether a new history may be written in its place: nothing that can be read would be lost.
    pub fn may_be_replaced(&self) -> bool {
        matches!(self, Self::TooLarge { .. } | Self::Damaged { .. } | Self::Ahead { .. })
    }

    fn damaged(why: impl ToString) -> Self {
        Self::Damaged { why: text::one_line(&why.to_string(), 200) }
    }
}

/// What every document of this toolkit begins with.
#[derive(Deserialize)]
struct Head {
    kind: String,
    schema_version: u32,
}

#[derive(Deserialize)]
struct Body {
    job: String,
    #[serde(default)]
    runs: Vec<Run>,
    #[serde(default)]
    tests: Vec<Test>,
    #[serde(default)]
    regressions: Vec<OpenRegression>,
    #[serde(default)]
    dropped: Dropped,
}

#[derive(Serialize)]
struct Written<'a> {
    schema_version: u32,
    kind: &'a str,
    job: &'a str,
    runs: &'a [Run],
    tests: &'a [Test],
    regressions: &'a [OpenRegression],
    dropped: &'a Dropped,
}

impl History {
    /// Packs it. What does not fit is dropped and counted: tests that were not seen for the longest
    /// time, then the oldest runs.
    ///
    /// # Errors
    /// A text that says what could not be written; none is known.
    pub fn pack(&mut self) -> Result<Vec<u8>, String> {
        loop {
            let json = serde_json::to_vec(&self.written()).map_err(|error| error.to_string())?;
            if json.len() > MAX_UNPACKED {
                self.shrink(json.len(), MAX_UNPACKED);
                continue;
            }
            let mut packed = GzEncoder::new(Vec::new(), Compression::default());
            let packed = packed.write_all(&json).and_then(|()| packed.finish());
            let packed = packed.map_err(|error| error.to_string())?;
            if packed.len() <= MAX_PACKED || (self.runs.len() <= 1 && self.tests.is_empty()) {
                return Ok(packed);
            }
            self.shrink(packed.len(), MAX_PACKED);
        }
    }

    /// Reads a packed history of a job.
    ///
    /// # Errors
    /// [`ReadError`].
    pub fn unpack(packed: &[u8], job: &str, now: Timestamp) -> Result<Self, ReadError> {
        if packed.len() > MAX_PACKED {
            return Err(ReadError::TooLarge { limit: MAX_PACKED });
        }
        let mut json = Vec::with_capacity((packed.len() * 8).min(MAX_UNPACKED));
        let mut unpacked = GzDecoder::new(packed).take(MAX_UNPACKED as u64 + 1);
        unpacked.read_to_end(&mut json).map_err(ReadError::damaged)?;
        if json.len() > MAX_UNPACKED {
            return Err(ReadError::TooLarge { limit: MAX_UNPACKED });
        }
        let head: Head = serde_json::from_slice(&json).map_err(ReadError::damaged)?;
        if head.kind != KIND {
            return Err(ReadError::Foreign { kind: text::one_line(&head.kind, 40) });
        }
        if head.schema_version > SCHEMA_VERSION {
            return Err(ReadError::Newer { version: head.schema_version });
        }
        if head.schema_version != SCHEMA_VERSION {
            return Err(ReadError::damaged(format!("there is no version {}", head.schema_version)));
        }
        let body: Body = serde_json::from_slice(&json).map_err(ReadError::damaged)?;
        if body.job != job {
            return Err(ReadError::OtherJob { job: text::one_line(&body.job, 253) });
        }
        check(&body, now)?;
        let Body { job, runs, tests, regressions, dropped } = body;
        Ok(Self::assembled(job, runs, tests, regressions, dropped))
    }

    fn written(&self) -> Written<'_> {
        Written {
            schema_version: SCHEMA_VERSION,
            kind: KIND,
            job: self.job(),
            runs: &self.runs,
            tests: &self.tests,
            regressions: &self.regressions,
            dropped: &self.dropped,
        }
    }
}

/// What everything else relies on.
fn check(body: &Body, now: Timestamp) -> Result<(), ReadError> {
    let (runs, tests) = (&body.runs, &body.tests);
    if runs.len() > MAX_RUNS || tests.len() > MAX_TESTS {
        let why = format!("{} runs and {} tests are more than is written", runs.len(), tests.len());
        return Err(ReadError::damaged(why));
    }
    if !runs.is_sorted_by(|a, b| a.key() < b.key()) {
        return Err(ReadError::damaged("its runs are not in order"));
    }
    let mut ids: Vec<&str> = runs.iter().map(|run| run.build_id.as_str()).collect();
    ids.sort_unstable();
    if let Some(twice) = ids.windows(2).find(|pair| pair[0] == pair[1]) {
        return Err(ReadError::damaged(format!("the run {} stands in it twice", twice[0])));
    }
    if !tests.is_sorted_by(|a, b| a.id() < b.id()) {
        return Err(ReadError::damaged("its tests are not in order"));
    }
    for test in tests {
        let letters = test.letters();
        let known = letters.bytes().all(|letter| Mark::from_letter(letter).is_some());
        if !known || letters.len() != runs.len() || test.last_seen().is_none() {
            let name = &test.id().name;
            let why = format!("the letters of the test {name:?} are not one for each run");
            return Err(ReadError::damaged(why));
        }
    }
    let times = runs
        .iter()
        .flat_map(|run| [Some(run.started_at), run.ended_at])
        .flatten();
    match times.max() {
        Some(at) if at.duration_since(now) > SKEW => Err(ReadError::Ahead { at }),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::super::samples::{day, end, history, nightly, with};
    use super::super::{Addition, Reading, TestEnd, TestId};
    use super::*;
    use serde_json::{Value, json};

    fn gzip(json: &[u8]) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(json).unwrap();
        packed.finish().unwrap()
    }

    fn packed_as(change: impl Fn(&mut Value)) -> Vec<u8> {
        let mut value = serde_json::to_value(history("PPF", "P").written()).unwrap();
        change(&mut value);
        gzip(value.to_string().as_bytes())
    }

    fn unpack(packed: &[u8]) -> Result<History, ReadError> {
        History::unpack(packed, "periodic-x", day(10))
    }

    #[test]
    fn a_name_for_each_job() {
        let name =
            config_map_name("periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-aks");
        assert_eq!(name, "history-619bf1f3ca5abe3803bb");
        assert_ne!(
            name,
            config_map_name("periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-aks-x")
        );
    }

    #[test]
    fn the_form_is_kept() {
        let mut history = history("PF", "");
        history.set_regressions(super::super::regression::look(&history, day(3)).open);
        let json = serde_json::to_value(history.written()).unwrap();
        assert_eq!(json["kind"], "history");
        assert_eq!(json["tests"], json!([{"suite": "e2e", "name": "T", "letters": "PF"}]));
        assert_eq!(
            json["runs"][1],
            json!({
                "build_id": "n0001", "started_at": "2026-06-02T03:00:00Z", "result": "success",
                "digest": format!("sha256:{:064x}", 1), "snapshot": "s-1", "revision": format!("{:040x}", 1),
                "origin": "nightly", "reading": "complete",
                "tests": serde_json::to_value(nightly(1).tests).unwrap(),
            })
        );
        let packed = history.pack().unwrap();
        assert_eq!(unpack(&packed).unwrap(), history);
    }

    #[test]
    fn fields_of_later_toolkits_are_passed_over() {
        let packed = packed_as(|value| {
            value["more"] = json!({"x": 1});
            value["runs"][0]["more"] = json!([1]);
            value["tests"][0]["more"] = json!("y");
            value.as_object_mut().unwrap().remove("dropped");
        });
        assert_eq!(unpack(&packed).unwrap(), history("PPF", "P"));
    }

    #[test]
    fn what_cannot_be_read_says_why_and_whether_it_may_be_replaced() {
        let good = packed_as(|_| {});
        let mut flipped = good.clone();
        *flipped.last_mut().unwrap() ^= 1;
        for (packed, wanted, replaced) in [
            (Vec::new(), "it is damaged", true),
            (good[..good.len() / 2].to_vec(), "it is damaged", true),
            (flipped, "it is damaged", true),
            (b"{\"kind\":\"history\"}".to_vec(), "it is damaged", true),
            (gzip(b""), "it is damaged", true),
            (gzip(b"null"), "it is damaged", true),
            (gzip(b"{\"kind\":\"history\",\"schema_version\":1}"), "missing field `job`", true),
            (
                packed_as(|v| v["kind"] = json!("gate")),
                "it is no history but of kind \"gate\"",
                false,
            ),
            (
                packed_as(|v| {
                    v["schema_version"] = json!(2);
                    v["runs"] = json!("new")
                }),
                "it is of version 2",
                false,
            ),
            (packed_as(|v| v["schema_version"] = json!(0)), "there is no version 0", true),
            (
                packed_as(|v| v["job"] = json!("other")),
                "it is the history of the job \"other\"",
                false,
            ),
            (
                packed_as(|v| v["tests"][0]["letters"] = json!("PPF")),
                "the letters of the test \"T\"",
                true,
            ),
            (
                packed_as(|v| v["tests"][0]["letters"] = json!("PPFX")),
                "the letters of the test \"T\"",
                true,
            ),
            (
                packed_as(|v| v["tests"][0]["letters"] = json!("AAUA")),
                "the letters of the test \"T\"",
                true,
            ),
            (
                packed_as(|v| v["tests"][0]["letters"] = json!("éPF")),
                "the letters of the test \"T\"",
                true,
            ),
            (
                packed_as(|v| v["tests"] = json!([v["tests"][0], v["tests"][0]])),
                "its tests are not in order",
                true,
            ),
            (
                packed_as(|v| v["runs"].as_array_mut().unwrap().reverse()),
                "its runs are not in order",
                true,
            ),
            (
                packed_as(|v| v["runs"][1]["build_id"] = json!("n0000")),
                "the run n0000 stands in it twice",
                true,
            ),
            (
                packed_as(|v| v["runs"][3]["started_at"] = json!("2026-06-11T03:10:01Z")),
                "it tells of a run of 2026-06-11T03:10:01Z",
                true,
            ),
            (packed_as(|v| v["runs"][0]["started_at"] = json!("yesterday")), "it is damaged", true),
            (packed_as(|v| v["runs"][0]["digest"] = json!("sha256:x")), "it is damaged", true),
            (vec![0x1f; MAX_PACKED + 1], "it has more than 921600 bytes", true),
            (gzip(&vec![b' '; MAX_UNPACKED + 1]), "it has more than 25165824 bytes", true),
        ] {
            let error = unpack(&packed).unwrap_err();
            assert!(error.to_string().contains(wanted), "{wanted}: {error}");
            assert_eq!(error.may_be_replaced(), replaced, "{error}");
        }
        let skewed = packed_as(|v| v["runs"][3]["started_at"] = json!("2026-06-11T03:10:00Z"));
        assert!(unpack(&skewed).is_ok(), "two clocks may differ by 10 minutes");
    }

    #[test]
    fn every_torn_end_is_damaged() {
        let good = packed_as(|_| {});
        for end in 0..good.len() {
            let error = unpack(&good[..end]).unwrap_err();
            assert!(matches!(error, ReadError::Damaged { .. }), "{end}: {error}");
        }
    }

    /// Names that do not pack well, so that size alone decides.
    fn noise(seed: u64, length: usize) -> String {
        let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
        let digit = |_| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            char::from(b'!' + (state % 90) as u8)
        };
        (0..length).map(digit).collect()
    }

    fn noisy(from: u64, to: u64) -> Vec<TestEnd> {
        (from..to).map(|n| end(&noise(n, 290), 'P')).collect()
    }

    #[test]
    fn what_does_not_fit_is_dropped_and_counted() {
        let mut history = History::of_job("periodic-x");
        history.add(&Addition { run: nightly(0), tests: noisy(0, 3000) });
        history.add(&Addition { run: nightly(1), tests: noisy(1000, 4500) });
        let packed = history.pack().unwrap();
        assert!(
            packed.len() <= MAX_PACKED && packed.len() > MAX_PACKED * 8 / 10,
            "{}",
            packed.len()
        );
        // Tests that the newest run does not tell of went first; the runs are still there.
        let dropped = history.dropped().tests;
        assert!(dropped > 100 && dropped < 1000, "{dropped}");
        assert_eq!((history.runs().len(), history.tests().len()), (2, 4500 - dropped));
        let old = history.tests().iter().filter(|test| test.letters() == "PA").count();
        assert_eq!(old, 1000 - dropped);
        assert_eq!(unpack(&packed).unwrap(), history);
        // What fits is not touched.
        let before = history.clone();
        history.pack().unwrap();
        assert_eq!(history, before);
    }

    #[test]
    fn runs_go_when_all_tests_are_of_the_newest_one() {
        // The letters are noise.
        let mut history = History::of_job("periodic-x");
        for n in 0..20_i64 {
            let tests = (0..2_000_u64).map(|t| {
                let noisy = (t.wrapping_mul(0x9e37_79b9).wrapping_add(n as u64 * 0x85eb_ca6b)
                    ^ (t << 3))
                    .wrapping_mul(0xff51_afd7_ed55_8ccd)
                    >> 61;
                end(&format!("T{t:05}"), if n == 19 || noisy > 3 { 'P' } else { 'F' })
            });
            history.add(&Addition { run: nightly(n), tests: tests.collect() });
        }
        let limit = history.pack().unwrap().len();
        history.shrink(limit, limit * 9 / 10);
        assert!(history.dropped().runs > 0, "{:?}", history.dropped());
        assert_eq!(history.dropped().tests, 0);
        assert!(history.dropped().up_to.is_some());
    }

    #[test]
    fn one_run_that_is_too_large_is_cut_as_well() {
        let mut history = History::of_job("periodic-x");
        history.add(&Addition { run: nightly(0), tests: noisy(0, 6000) });
        let packed = history.pack().unwrap();
        assert!(packed.len() <= MAX_PACKED);
        assert_eq!(
            (history.runs().len(), history.tests().len() + history.dropped().tests),
            (1, 6000)
        );
        assert!(history.tests().len() > 2000, "{}", history.tests().len());
    }

    #[test]
    fn a_regression_goes_with_its_test() {
        let mut history = history(&format!("{}FFF", "P".repeat(30)), "");
        history.set_regressions(super::super::regression::look(&history, day(32)).open);
        assert!(!history.regressions().is_empty());
        for n in 33..240 {
            let run = super::super::Run { reading: Reading::Complete, ..nightly(n) };
            history.add(&Addition {
                run,
                tests: vec![TestEnd { id: TestId::new("", "", "U"), ..end("U", 'P') }],
            });
        }
        assert_eq!(history.tests().len(), 1);
        assert!(history.regressions().iter().all(|open| open.test.is_none()));
    }

    #[test]
    fn a_regression_of_a_test_that_is_kept_stays() {
        let mut history = history(&format!("{}FFF", "P".repeat(197)), "");
        let open = super::super::regression::look(&history, day(199)).open;
        assert!(!open.is_empty());
        history.set_regressions(open.clone());
        history.add(&with(nightly(200), 'P'));
        assert_eq!((history.dropped().runs, history.regressions()), (1, open.as_slice()));
    }
}
