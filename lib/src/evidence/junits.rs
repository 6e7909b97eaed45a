//! The JUnit files of a run: which count, and what they say.

use std::io::BufRead;
use std::sync::Arc;

use super::reader::{Found, MAX_LISTED, MIB, Reader};
use crate::prow::bucket::{BucketError, Object, Streamed};
use crate::prow::junit::{self, Quality};
use crate::prow::operator::{Phase, StepGraph};
use crate::prow::tally::{FailedTest, Tests, ToldTest};
use crate::record::{FailingTests, TestCounts};

/// A file (512 MiB): real ones have some MiB.
const MAX_FILE: u64 = 512 * MIB;

/// All files of a run, as stored (1 GiB).
const MAX_SUM: u64 = 1024 * MIB;

/// Files of a run.
const MAX_FILES: usize = 1000;

/// Names of tests of a kind that go into the record.
const NAMED_TESTS: usize = 50;

/// Bytes of what a failure says that are read.
const SAID: usize = 600;

/// Broken files that are named.
const NAMED_FILES: usize = 3;

/// What to do where a run leaves more than is read, which looking again does not change.
const TOO_MUCH: &str = "; let the job leave less, or set junit: ignore in its job list entry";

/// What the JUnit files of a run's test phase say.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TestReport {
    /// How many tests did what.
    pub counts: TestCounts,
    /// Tests that failed, by name.
    pub failing: FailingTests,
    /// Tests that failed and passed, by name.
    pub flaky: FailingTests,
    /// The first files that break off or hold no JUnit.
    pub broken: Vec<String>,
    /// Why not every file was read, if so: there is more than is read of a run.
    pub unread: Option<String>,
    /// Every test with its end.
    pub all: Arc<AllTests>,
}

/// What the JUnit files of a run say of each test: what the job's history keeps.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct AllTests {
    /// The tests, at most 20,000.
    pub tests: Vec<ToldTest>,
    /// Tests that failed, as `TestReport::failing` names them.
    pub failing: Vec<FailedTest>,
    /// Whether every file was read to its end.
    pub is_complete: bool,
}

/// Whose files count.
enum Steps<'a> {
    /// Those of these folders.
    Of(Vec<String>),
    /// All but those of these folders and of steps that gather ([`gathers`]), since it is not known
    /// which steps belong to the test phase.
    AllBut(Vec<String>, &'a str),
}

impl Steps<'_> {
    fn of(graph: Option<&StepGraph>) -> Self {
        let Some(graph) = graph else { return Self::AllBut(Vec::new(), ARTIFACTS) };
        let folder =
            |step: &crate::prow::operator::Step| format!("{ARTIFACTS}{}/{}/", step.test, step.name);
        match graph.test_steps.iter().map(folder).collect::<Vec<_>>() {
            steps if !steps.is_empty() => Self::Of(steps),
            // Set-up failed, so no test has run.
            _ if graph.pre == Phase::Failed && graph.test == Phase::Absent => Self::Of(Vec::new()),
            _ => Self::AllBut(graph.other_steps.iter().map(folder).collect(), ARTIFACTS),
        }
    }
}

const ARTIFACTS: &str = "artifacts/";

impl Reader<'_> {
    /// What the JUnit files of the steps of the test phase say.
    pub async fn tests(&self, graph: Option<&StepGraph>) -> Found<TestReport> {
        self.read_tests(graph).await.unwrap_or_else(|found| found)
    }

    async fn read_tests(
        &self,
        graph: Option<&StepGraph>,
    ) -> Result<Found<TestReport>, Found<TestReport>> {
        let mut report = TestReport::default();
        let mut files = Vec::new();
        match Steps::of(graph) {
            Steps::Of(folders) => {
                for folder in folders {
                    files.extend(self.junit_files(&folder, &mut report).await?);
                }
            }
            Steps::AllBut(others, root) => {
                let all = self.junit_files(root, &mut report).await?;
                let is_other = |file: &Object| {
                    gathers(&file.name) || others.iter().any(|other| file.name.starts_with(other))
                };
                files.extend(all.into_iter().filter(|file| !is_other(file)));
            }
        }
        let mut tests = Tests::default();
        let mut bytes = 0u64;
        for file in files {
            bytes = bytes.saturating_add(file.size);
            if report.counts.files == MAX_FILES || bytes > MAX_SUM {
                let limit = format!(
                    "of its JUnit files only {MAX_FILES} or {} MiB are read{TOO_MUCH}",
                    MAX_SUM / MIB
                );
                report.unread.get_or_insert(limit);
                break;
            }
            tests = self.read_file(&file.name, tests, &mut report).await?;
        }
        let cut = |mut names: Vec<String>, besides: usize| {
            let more = names.len().saturating_sub(NAMED_TESTS) + besides;
            names.truncate(NAMED_TESTS);
            FailingTests { names, more }
        };
        report.counts = TestCounts {
            files: report.counts.files,
            broken_files: report.counts.broken_files,
            ..tests.counts()
        };
        report.failing = cut(tests.failing(), tests.unnamed());
        let flaky = tests.flaky();
        let unnamed = report.counts.flaky.saturating_sub(flaky.len());
        report.flaky = cut(flaky, unnamed);
        report.all = Arc::new(AllTests {
            tests: tests.told(),
            failing: tests.failed_tests(NAMED_TESTS),
            is_complete: report.unread.is_none() && report.counts.broken_files == 0,
        });
        Ok(Found::Read(report))
    }

    /// The files below a folder, by their paths in the run's folder.
    async fn junit_files(
        &self,
        below: &str,
        report: &mut TestReport,
    ) -> Result<Vec<Object>, Found<TestReport>> {
        let prefix = self.folder.object(below);
        let listing = self
            .bucket
            .list(self.folder.bucket(), &prefix, None, MAX_LISTED)
            .await;
        let listing = listing.map_err(|error| Found::failed(&error))?;
        if listing.cut {
            report.unread.get_or_insert_with(|| {
                format!("{below} holds more than {MAX_LISTED} files{TOO_MUCH}")
            });
        }
        let root = self.folder.object("");
        let own = |object: Object| {
            let path = object
                .name
                .strip_prefix(&root)
                .filter(|path| is_junit(path))?
                .to_owned();
            Some(Object { name: path, size: object.size })
        };
        Ok(listing.objects.into_iter().filter_map(own).collect())
    }

    async fn read_file(
        &self,
        path: &str,
        tests: Tests,
        report: &mut TestReport,
    ) -> Result<Tests, Found<TestReport>> {
        let step = step_of(path).to_owned();
        let read = move |input: &mut dyn BufRead| {
            let mut tests = tests;
            tests.of_step(&step);
            let quality = junit::read_with_failures(input, SAID, |case| tests.add(case));
            (tests, quality)
        };
        match self.bucket.stream(self.folder, path, MAX_FILE, read).await {
            Ok(Some(Streamed { value: (tests, quality), cut })) => {
                report.counts.files += 1;
                if cut {
                    report.unread.get_or_insert_with(|| {
                        format!("{path} is larger than {} MiB{TOO_MUCH}", MAX_FILE / MIB)
                    });
                } else if !matches!(quality, Ok(Quality::Whole)) {
                    report.counts.broken_files += 1;
                    if report.broken.len() < NAMED_FILES {
                        report.broken.push(path.to_owned());
                    }
                }
                Ok(tests)
            }
            // It was listed a moment ago.
            Ok(None) => Err(Found::Unreadable(format!("{path} is gone"))),
            Err(error @ BucketError::TooLarge { .. }) => {
                Err(Found::Unreadable(super::reader::said(&error)))
            }
            Err(error) => match Found::failed(&error) {
                Found::Unreachable(why) if !why.contains(path) => {
                    Err(Found::Unreachable(format!("{path}: {why}")))
                }
                other => Err(other),
            },
        }
    }
}

/// Whether a file is JUnit: `.xml` in whose path a part begins with `junit`, as for Deck, Sippy and
/// ci-tools' aggregator. ci-operator's own two tell of steps, not of tests.
fn is_junit(path: &str) -> bool {
    let own = ["artifacts/junit_operator.xml", "artifacts/junit_job.xml"];
    path.ends_with(".xml") && path.contains("/junit") && !own.contains(&path)
}

/// Whether a file is of a step that gathers logs, such as `gather-must-gather`, `gather-extra` or
/// `hypershift-azure-gather`: some leave JUnit files of their own, of what they saw in the cluster,
/// and belong to no test phase. Asked only where the step graph does not tell the phases.
fn gathers(path: &str) -> bool {
    let step = path.split('/').nth(2).unwrap_or_default();
    step.split('-').any(|word| word == "gather")
}

/// `artifacts/TEST/STEP`: files of one step tell of the same tests.
fn step_of(path: &str) -> &str {
    path.match_indices('/').nth(2).map_or_else(
        || path.rsplit_once('/').map_or("", |(folder, _)| folder),
        |(at, _)| &path[..at],
    )
}

#[cfg(test)]
mod tests;
