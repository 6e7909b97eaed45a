//! What the bucket holds of a run that has ended.
//!
//! Everything is bounded and nothing is trusted to be there: a missing or broken file is noted and
//! the rest is read.

use std::io::BufRead;

use super::proof::{Findings, Shown, search};
use crate::glob::{Glob, part_matches};
use crate::image::ImageRef;
use crate::prow::bucket::{Bucket, BucketError, Streamed};
use crate::prow::job_url::JobUrl;
use crate::prow::junit::{self, Quality, Tests};
use crate::prow::operator::{StepGraph, reasons};
use crate::prow::prowjob::ProwJob;
use crate::record::FailingTests;
use crate::step::Chain;
use crate::text;

const MIB: u64 = 1024 * 1024;

/// `prowjob.json` (2 MiB).
const MAX_PROWJOB: u64 = 2 * MIB;

/// A JUnit file (512 MiB): real ones have some MiB.
const MAX_JUNIT: u64 = 512 * MIB;

/// All JUnit files of a run, as stored (1 GiB).
const MAX_JUNIT_SUM: u64 = 1024 * MIB;

/// JUnit files of a run.
const MAX_JUNIT_FILES: usize = 200;

/// A log (512 MiB unpacked).
const MAX_LOG: u64 = 512 * MIB;

/// Logs that a pattern may match.
const MAX_LOGS: usize = 100;

/// Objects looked through for JUnit files.
const MAX_LISTED: usize = 50_000;

/// Names of failing tests that go into the record.
const NAMED_TESTS: usize = 50;

/// Something that may be missing or unreadable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Found<T> {
    /// Nobody looked for it.
    #[default]
    Unasked,
    /// It is not there.
    Missing,
    /// It is there, and it is not what it should be, or too large: why.
    Unreadable(String),
    /// Whether it is there could not be found out, or not all of it came: why.
    Unreachable(String),
    /// Here it is.
    Read(T),
}

impl<T> Found<T> {
    /// The thing, if it was read.
    pub fn read(&self) -> Option<&T> {
        match self {
            Self::Read(thing) => Some(thing),
            _ => None,
        }
    }

    /// Why the server could not be asked, if so.
    pub fn unreachable(&self) -> Option<&str> {
        match self {
            Self::Unreachable(why) => Some(why),
            _ => None,
        }
    }

    /// What an error of the bucket comes to: only some are the server's word on the thing.
    pub fn failed(error: &BucketError) -> Self {
        match error {
            BucketError::TooLarge { .. } | BucketError::NoBucket { .. } => Self::Unreadable(said(error)),
            _ => Self::Unreachable(said(error)),
        }
    }
}

/// What looking again at a run that has ended could show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prospect {
    /// Nothing that matters.
    Complete,
    /// What the server said is not there, or no use: the last files can come after the state.
    Missing,
    /// What the server could not be asked: why. That says nothing about the run.
    Unreachable(String),
}

/// Failing tests and what else the JUnit files of the steps say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestReport {
    /// Tests that failed, by name.
    pub failing: FailingTests,
    /// Tests that failed and passed.
    pub flaky: usize,
    /// Informing tests that failed.
    pub informing: usize,
    /// Files that could not be read, or are no JUnit.
    pub broken_files: usize,
}

/// What explains why a run failed.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Failure {
    /// `junit_operator.xml`.
    pub graph: Found<StepGraph>,
    /// ci-operator's reasons from `build-log.txt`; only asked for if the phases do not tell.
    pub reasons: Found<Vec<String>>,
    /// The steps' JUnit files; only asked for if tests can have failed.
    pub tests: Found<TestReport>,
}

impl Failure {
    /// What looking again later could show.
    pub fn prospect(&self) -> Prospect {
        let (graph, tests, reasons) = (self.graph.unreachable(), self.tests.unreachable(), self.reasons.unreachable());
        match graph.or(tests).or(reasons) {
            Some(why) => Prospect::Unreachable(why.to_owned()),
            None if matches!(self.graph, Found::Missing | Found::Unreadable(_)) => Prospect::Missing,
            None if matches!(self.tests, Found::Unreadable(_)) => Prospect::Missing,
            None => Prospect::Complete,
        }
    }
}

/// Reads a run's folder.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The bucket's server.
    pub bucket: &'a Bucket,
    /// The run's folder.
    pub folder: &'a JobUrl,
}

impl Reader<'_> {
    /// `prowjob.json`, if it is that of the execution.
    pub async fn prowjob(&self, execution: &str) -> Found<ProwJob> {
        match self.bucket.get(self.folder, "prowjob.json", MAX_PROWJOB).await {
            Ok(None) => Found::Missing,
            Err(error) => Found::failed(&error),
            Ok(Some(bytes)) => match ProwJob::from_json(&bytes) {
                Ok(job) if job.id == execution => Found::Read(job),
                Ok(_) => Found::Unreadable("prowjob.json is that of another run".to_owned()),
                // A sign-in or a proxy's page, most likely.
                Err(_) => Found::Unreachable("prowjob.json is no ProwJob".to_owned()),
            },
        }
    }

    /// What shows which image ran.
    pub async fn findings(&self, image: &ImageRef, variables: Option<Vec<String>>, logs: &[Glob]) -> Findings {
        let mut findings = Findings { variables, log_named: !logs.is_empty(), ..Findings::default() };
        for pattern in logs {
            match self.expand(pattern).await {
                Ok(paths) => {
                    for path in paths {
                        self.log(image, path, &mut findings).await;
                    }
                }
                Err(error) => findings.failed(&error),
            }
        }
        findings
    }

    async fn log(&self, image: &ImageRef, path: String, findings: &mut Findings) {
        if findings.logs.iter().any(|(seen, _)| *seen == path) {
            return;
        }
        let wanted = image.clone();
        let read = move |input: &mut dyn BufRead| search(input, &wanted);
        match self.bucket.stream(self.folder, &path, MAX_LOG, read).await {
            Ok(None) => {}
            Ok(Some(Streamed { value: Ok(shown), cut })) => searched(findings, path, shown, cut),
            Ok(Some(Streamed { value: Err(error), .. })) => {
                findings.unreachable = Some(format!("{path} is damaged: {error}"));
            }
            Err(error) => findings.failed(&error),
        }
    }

    /// The objects that fit a pattern.
    ///
    /// # Errors
    /// When the bucket cannot be listed.
    pub async fn existing(&self, pattern: &Glob) -> Result<Vec<String>, BucketError> {
        let mut existing = Vec::new();
        for path in self.expand(pattern).await? {
            let listed =
                self.bucket.list(self.folder.bucket(), &self.folder.object(&path), Some("/"), MAX_LOGS).await?;
            if listed.objects.iter().any(|object| object.name == self.folder.object(&path)) {
                existing.push(path);
            }
        }
        Ok(existing)
    }

    /// The paths that can fit a pattern; one without a wildcard at its end may turn out to be missing.
    async fn expand(&self, pattern: &Glob) -> Result<Vec<String>, BucketError> {
        let parts = pattern.parts();
        if parts.iter().any(|part| part == "**") {
            let fixed: String = pattern.fixed().iter().map(|part| format!("{part}/")).collect();
            let paths = self.below(&fixed, None).await?.0;
            return Ok(paths.into_iter().filter(|path| pattern.matches(path)).take(MAX_LOGS).collect());
        }
        let mut found = vec![String::new()];
        for (index, part) in parts.iter().enumerate() {
            let last = index + 1 == parts.len();
            if !part.contains(['*', '?']) {
                found.iter_mut().for_each(|path| path.push_str(part));
            } else {
                let mut longer = Vec::new();
                for path in &found {
                    let (objects, folders) = self.below(path, Some("/")).await?;
                    let fits = |name: &String| part_matches(part, name[path.len()..].trim_end_matches('/'));
                    let names = if last { objects } else { folders };
                    longer.extend(names.into_iter().filter(fits).map(|name| name.trim_end_matches('/').to_owned()));
                }
                found = longer;
                found.truncate(MAX_LOGS);
            }
            if !last {
                found.iter_mut().for_each(|path| path.push('/'));
            }
        }
        Ok(found)
    }

    /// Objects and folders below a path of the run's folder, as paths of that folder.
    async fn below(&self, path: &str, delimiter: Option<&str>) -> Result<(Vec<String>, Vec<String>), BucketError> {
        let root = self.folder.object("");
        let listing = self.bucket.list(self.folder.bucket(), &self.folder.object(path), delimiter, MAX_LISTED).await?;
        let own = |name: String| name.strip_prefix(&root).map(str::to_owned);
        let objects = listing.objects.into_iter().filter_map(|object| own(object.name)).collect();
        Ok((objects, listing.prefixes.into_iter().filter_map(own).collect()))
    }

    /// What explains why the run failed.
    pub async fn failure(&self) -> Failure {
        let graph = self.graph().await;
        let told = graph.read().is_some_and(|graph| {
            use crate::prow::operator::Phase::Failed;
            [graph.pre, graph.test, graph.post].contains(&Failed)
        });
        let reasons = if told { Found::Unasked } else { self.reasons().await };
        let only_setup_or_teardown = graph.read().is_some_and(|graph| told && !super::classify::tests_failed(graph));
        let tests = if only_setup_or_teardown { Found::Unasked } else { self.tests().await };
        Failure { graph, reasons, tests }
    }

    async fn graph(&self) -> Found<StepGraph> {
        let read = |input: &mut dyn BufRead| StepGraph::read(input);
        match self.bucket.stream(self.folder, "artifacts/junit_operator.xml", MAX_JUNIT, read).await {
            Ok(None) => Found::Missing,
            Ok(Some(Streamed { value: Ok(Some(graph)), cut: false })) => Found::Read(graph),
            Ok(Some(Streamed { cut: true, .. })) => Found::Unreadable("junit_operator.xml is too large".to_owned()),
            Ok(Some(_)) => Found::Unreachable("junit_operator.xml is damaged".to_owned()),
            Err(error) => Found::failed(&error),
        }
    }

    async fn reasons(&self) -> Found<Vec<String>> {
        let read = |input: &mut dyn BufRead| reasons(input);
        match self.bucket.stream(self.folder, "build-log.txt", MAX_LOG, read).await {
            Ok(None) => Found::Missing,
            Ok(Some(Streamed { value: Ok(reasons), .. })) => Found::Read(reasons),
            Ok(Some(Streamed { value: Err(error), .. })) => Found::Unreachable(format!("build-log.txt: {error}")),
            Err(error) => Found::failed(&error),
        }
    }

    async fn tests(&self) -> Found<TestReport> {
        let listing = self.bucket.list(self.folder.bucket(), &self.folder.object("artifacts/"), None, MAX_LISTED).await;
        let listing = match listing {
            Ok(listing) => listing,
            Err(error) => return Found::failed(&error),
        };
        let root = self.folder.object("");
        let mut report = TestReport::default();
        let mut tests = Tests::default();
        let (mut files, mut bytes) = (0, 0u64);
        for object in listing.objects {
            let Some(path) = object.name.strip_prefix(&root).filter(|path| is_junit(path)) else { continue };
            files += 1;
            bytes = bytes.saturating_add(object.size);
            if files > MAX_JUNIT_FILES || bytes > MAX_JUNIT_SUM {
                report.broken_files += 1;
                continue;
            }
            let read = move |input: &mut dyn BufRead| {
                let quality = junit::read(input, |case| tests.add(case));
                (tests, quality)
            };
            match self.bucket.stream(self.folder, path, MAX_JUNIT, read).await {
                Ok(Some(Streamed { value: (so_far, quality), cut })) => {
                    tests = so_far;
                    report.broken_files += usize::from(cut || !matches!(quality, Ok(Quality::Whole)));
                }
                // It was listed a moment ago.
                Ok(None) => return Found::Unreadable(format!("{path} is gone")),
                Err(error) => return Found::failed(&error),
            }
        }
        let mut names = tests.failing();
        let more = names.len().saturating_sub(NAMED_TESTS) + tests.unnamed();
        names.truncate(NAMED_TESTS);
        report.failing = FailingTests { names, more };
        (report.flaky, report.informing) = (tests.flaky(), tests.informing());
        Found::Read(report)
    }
}

/// Notes what a log shows. One that was cut off before it showed anything says nothing of what follows.
fn searched(findings: &mut Findings, path: String, shown: Shown, cut: bool) {
    if cut && shown == Shown::default() {
        findings.unreadable = Some(format!("{path} is larger than {} MiB", MAX_LOG / MIB));
    }
    findings.logs.push((path, shown));
}

/// JUnit files of the steps: `junit*.xml`, but not ci-operator's own.
fn is_junit(path: &str) -> bool {
    let name = path.rsplit('/').next().unwrap_or(path);
    let own = ["artifacts/junit_operator.xml", "artifacts/junit_job.xml"];
    name.starts_with("junit") && name.ends_with(".xml") && !own.contains(&path)
}

fn said(error: &BucketError) -> String {
    text::one_line(&Chain(error).to_string(), 300)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_cut_off_is_not_one_that_shows_nothing() {
        let unreadable = |shown: Shown, cut: bool| {
            let mut findings = Findings::default();
            searched(&mut findings, "a.log".to_owned(), shown.clone(), cut);
            assert_eq!(findings.logs, [("a.log".to_owned(), shown)]);
            findings.unreadable
        };
        let shows = || Shown { ours: true, ..Shown::default() };
        assert_eq!(unreadable(Shown::default(), false), None);
        assert_eq!(unreadable(Shown::default(), true).as_deref(), Some("a.log is larger than 512 MiB"));
        assert_eq!((unreadable(shows(), false), unreadable(shows(), true)), (None, None));
    }

    #[test]
    fn junit_files_by_name() {
        assert!(
            is_junit("artifacts/e2e-aks/run/artifacts/junit.xml")
                && is_junit("artifacts/a/b/artifacts/x/junit_e2e-1.xml")
        );
        assert!(!is_junit("artifacts/junit_operator.xml") && !is_junit("artifacts/a/b/artifacts/report.xml"));
        assert!(!is_junit("artifacts/a/b/artifacts/junit.xml.txt"));
    }
}
