//! What the artifacts of a run that has ended say of it, and what in them contradicts a success.

use super::junits::TestReport;
use super::reader::{Found, Prospect, Reader};
use super::rules::Strictness;
use crate::prow::finished::Finished;
use crate::prow::operator::{Phase, StepGraph};
use crate::record::Junit;
use crate::text;

/// Failing tests that a sentence names.
const NAMED: usize = 2;

const NO_TEST_RAN: &str = "no test ran";

/// Whether a remark says that no test ran.
pub(super) fn is_of_none(remark: &str) -> bool {
    remark.starts_with(NO_TEST_RAN)
}

/// What the artifacts of a run say of it. What nobody asks for in its case is left out.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Account {
    /// `finished.json`; asked for of a success.
    pub finished: Found<Finished>,
    /// `junit_operator.xml`.
    pub graph: Found<StepGraph>,
    /// The JUnit files of the test phase.
    pub tests: Found<TestReport>,
    /// ci-operator's reasons from `build-log.txt`; asked for of a failure.
    pub reasons: Found<Vec<String>>,
    /// Why ci-operator could not begin, from `junit_job.xml`; asked for where there is no step
    /// graph.
    pub never_began: Found<String>,
}

impl Account {
    /// The account of a run whose folder is not known.
    pub fn nowhere(why: &Found<()>) -> Self {
        Self {
            finished: why.same(),
            graph: why.same(),
            tests: why.same(),
            reasons: why.same(),
            never_began: Found::Unasked,
        }
    }

    /// Whether a test that blocks failed.
    pub fn has_failing(&self) -> bool {
        self.tests.read().is_some_and(|report| !report.failing.is_empty())
    }

    /// What contradicts that the run succeeded, if anything.
    pub fn contradiction(&self) -> Option<String> {
        let mut said = Vec::new();
        said.extend(
            self.finished
                .read()
                .and_then(Finished::other_than_success)
                .map(|word| format!("finished.json says {word}")),
        );
        said.extend(self.graph.read().and_then(failed_phase));
        said.extend(self.tests.read().and_then(failed_tests));
        (!said.is_empty()).then(|| said.join(", and "))
    }

    /// What could not be read, so that a contradiction could be in it.
    pub fn unread(&self) -> Option<&str> {
        let named = self
            .finished
            .refused()
            .or(self.graph.refused())
            .or(self.tests.refused());
        named.or_else(|| self.tests.read()?.unread.as_deref())
    }

    /// What was read and is broken, or is not there, or shows that nothing was tested.
    pub fn remarks(&self) -> Vec<String> {
        let mut remarks = Vec::new();
        let broken = [self.finished.broken(), self.graph.broken()];
        remarks.extend(broken.into_iter().flatten().map(str::to_owned));
        if matches!(self.finished, Found::Missing) {
            remarks.push("finished.json is missing".to_owned());
        }
        if let Some(report) = self.tests.read() {
            let more = report.counts.broken_files - report.broken.len();
            let named = report.broken.join(", ");
            match (report.counts.broken_files, more) {
                (0, _) => {}
                (_, 0) => remarks.push(format!("cannot be read as JUnit: {named}")),
                (_, more) => {
                    remarks.push(format!("cannot be read as JUnit: {named} and {more} more"))
                }
            }
            if report.counts.run == 0 {
                let skipped = match report.counts.skipped {
                    0 => String::new(),
                    skipped => format!(", {skipped} skipped"),
                };
                let files = if report.counts.files == 1 {
                    "1 JUnit file"
                } else {
                    &format!("{} JUnit files", report.counts.files)
                };
                remarks.push(format!(
                    "{NO_TEST_RAN} ({files}{skipped}): set tests: N or junit: ignore in its job list entry"
                ));
            }
        }
        remarks
    }

    /// What looking again at a success later could show. A contradiction is not taken back.
    pub fn prospect_of_success(&self, strictness: Strictness) -> Prospect {
        if strictness == Strictness::Off || self.contradiction().is_some() {
            return Prospect::Complete;
        }
        let unreachable = self
            .finished
            .unreachable()
            .or(self.graph.unreachable())
            .or(self.tests.unreachable());
        let broken = self.finished.broken().is_some()
            || self.graph.broken().is_some()
            || self.tests.read().is_some_and(|report| report.counts.broken_files > 0);
        match unreachable {
            Some(why) if strictness == Strictness::Enforce => Prospect::Unreachable(why.to_owned()),
            Some(why) => Prospect::Unreachable(why.to_owned()).hurried(),
            None if broken || self.unread().is_some() => Prospect::Missing,
            None if matches!(self.finished, Found::Missing)
                || matches!(self.graph, Found::Missing) =>
            {
                Prospect::Missing
            }
            None => Prospect::Complete,
        }
    }

    /// What looking again at a failure later could show.
    pub fn prospect_of_failure(&self) -> Prospect {
        let reasons = if self.has_failing() { None } else { self.reasons.unreachable() };
        match self.graph.unreachable().or(self.tests.unreachable()).or(reasons) {
            Some(why) => Prospect::Unreachable(why.to_owned()),
            None if matches!(
                self.graph,
                Found::Missing | Found::Unreadable(_) | Found::Broken(_)
            ) =>
            {
                Prospect::Missing
            }
            None if matches!(self.tests, Found::Unreadable(_)) => Prospect::Missing,
            None => Prospect::Complete,
        }
    }
}

/// The phases that a step graph says have failed.
fn failed_phase(graph: &StepGraph) -> Option<String> {
    if let Some(test) = graph.failed_test() {
        return Some(format!("its step graph says that {:?} failed", test.name));
    }
    let phases = [("set-up", graph.pre), ("test", graph.test), ("teardown", graph.post)];
    let failed: Vec<&str> = phases
        .iter()
        .filter(|(_, phase)| *phase == Phase::Failed)
        .map(|(name, _)| *name)
        .collect();
    let steps = match graph.failed_steps.as_slice() {
        [] => String::new(),
        steps => format!(" ({})", text::some_of(steps, NAMED)),
    };
    (!failed.is_empty()).then(|| {
        format!("its step graph says that the {} phase failed{steps}", failed.join(" and the "))
    })
}

fn failed_tests(report: &TestReport) -> Option<String> {
    let failed = report.failing.names.len() + report.failing.more;
    let names = report.failing.brief(NAMED);
    match failed {
        0 => None,
        1 => Some(format!("a test failed: {names}")),
        failed => Some(format!("{failed} tests failed: {names}")),
    }
}

impl Reader<'_> {
    /// What the artifacts of a success say.
    pub async fn success(&self, junit: Junit) -> Account {
        let (finished, graph) = tokio::join!(self.finished(), self.graph());
        let tests = self.tests_of(junit, graph.read()).await;
        Account { finished, graph, tests, ..Account::default() }
    }

    /// What the artifacts of a failure say.
    pub async fn failure(&self, junit: Junit) -> Account {
        let (graph, reasons) = tokio::join!(self.graph(), self.reasons());
        let tests = self.tests_of(junit, graph.read()).await;
        let never_began = match graph {
            Found::Missing => self.never_began().await,
            _ => Found::Unasked,
        };
        Account { finished: Found::Unasked, graph, tests, reasons, never_began }
    }

    async fn tests_of(&self, junit: Junit, graph: Option<&StepGraph>) -> Found<TestReport> {
        match junit {
            Junit::Read => self.tests(graph).await,
            Junit::Ignore => Found::Unasked,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prow::bucket::Bucket;
    use crate::prow::canned::{Canned, FOLDER};
    use crate::record::{FailingTests, TestCounts};

    fn report(failing: &[&str], counts: TestCounts) -> Found<TestReport> {
        let names = failing.iter().map(|name| (*name).to_owned()).collect();
        Found::Read(TestReport {
            failing: FailingTests { names, more: 0 },
            counts,
            ..TestReport::default()
        })
    }

    fn finished(text: &str) -> Found<Finished> {
        Found::Read(Finished::read(text.as_bytes()).unwrap())
    }

    #[test]
    fn what_contradicts_a_success() {
        let graph = |test, post| Found::Read(StepGraph { test, post, ..StepGraph::default() });
        let good = Account {
            finished: finished(r#"{"passed":true,"result":"SUCCESS"}"#),
            graph: graph(Phase::Passed, Phase::Passed),
            tests: report(&[], TestCounts { run: 3, ..TestCounts::default() }),
            ..Account::default()
        };
        assert_eq!(good.contradiction(), None);
        let of = |finished: Found<Finished>| Account { finished, ..good.clone() }.contradiction();
        assert_eq!(
            of(finished(r#"{"timestamp":1,"passed":false,"result":"FAILURE"}"#)).unwrap(),
            "finished.json says FAILURE"
        );
        assert_eq!(
            of(finished(r#"{"passed":false}"#)).unwrap(),
            "finished.json says passed: false"
        );
        assert_eq!(
            of(finished(r#"{"passed":true,"result":"ABORTED"}"#)).unwrap(),
            "finished.json says ABORTED"
        );
        for silent in [
            r#"{"timestamp":1}"#,
            r#"{"passed":true,"result":"success"}"#,
            r#"{"result":"SUCCESS"}"#,
        ] {
            assert_eq!(of(finished(silent)), None, "{silent}");
        }
        let of = |graph| Account { graph, ..good.clone() }.contradiction();
        assert_eq!(
            of(graph(Phase::Failed, Phase::Passed)).unwrap(),
            "its step graph says that the test phase failed"
        );
        assert_eq!(
            of(graph(Phase::Passed, Phase::Failed)).unwrap(),
            "its step graph says that the teardown phase failed"
        );
        let of = |failing: &[&str]| {
            Account { tests: report(failing, TestCounts::default()), ..good.clone() }
                .contradiction()
        };
        assert_eq!(of(&["A"]).unwrap(), "a test failed: A");
        assert_eq!(of(&["A", "B", "C"]).unwrap(), "3 tests failed: A, B and 1 more");
        let failing = FailingTests { names: vec!["A".to_owned()], more: 4 };
        let tests = Found::Read(TestReport { failing, ..TestReport::default() });
        let many = Account { tests, ..good.clone() };
        assert_eq!(many.contradiction().unwrap(), "5 tests failed: A and 4 more");
    }

    #[test]
    fn what_is_waited_for() {
        let good = Account {
            finished: finished("{}"),
            graph: Found::Read(StepGraph::default()),
            tests: report(&[], TestCounts::default()),
            ..Account::default()
        };
        fn away<T>() -> Found<T> {
            Found::Unreachable("no answer".to_owned())
        }
        let of = |account: Account| account.prospect_of_success(Strictness::Enforce);
        assert_eq!(of(good.clone()), Prospect::Complete);
        let unreachable = Prospect::Unreachable("no answer".to_owned());
        for away in [
            Account { finished: away(), ..good.clone() },
            Account { graph: away(), ..good.clone() },
            Account { tests: away(), ..good.clone() },
        ] {
            assert_eq!(of(away.clone()), unreachable);
            assert_eq!(away.unread(), Some("no answer"));
            assert_eq!(away.prospect_of_success(Strictness::Warn), Prospect::Missing);
            assert_eq!(away.prospect_of_success(Strictness::Off), Prospect::Complete);
            // What contradicts is enough.
            let failed = finished(r#"{"passed":false}"#);
            assert_eq!(of(Account { finished: failed, ..away.clone() }), Prospect::Complete);
        }
        for missing in [
            Account { finished: Found::Missing, ..good.clone() },
            Account { graph: Found::Missing, ..good.clone() },
            Account { graph: Found::Broken("x".to_owned()), ..good.clone() },
            Account { tests: Found::Unreadable("x".to_owned()), ..good.clone() },
        ] {
            assert_eq!(of(missing), Prospect::Missing);
        }
        let broken = TestCounts { broken_files: 1, ..TestCounts::default() };
        assert_eq!(of(Account { tests: report(&[], broken), ..good.clone() }), Prospect::Missing);
        assert_eq!(Account::nowhere(&away()).unread(), Some("no answer"));
    }

    #[test]
    fn what_is_waited_for_after_a_failure() {
        fn away<T>() -> Found<T> {
            Found::Unreachable("no answer".to_owned())
        }
        let word = || "x".to_owned();
        let read = || Account {
            graph: Found::Read(StepGraph::default()),
            tests: report(&[], TestCounts::default()),
            ..Account::default()
        };
        let failing = || report(&["A"], TestCounts::default());
        let unreachable = || Prospect::Unreachable("no answer".to_owned());
        for (account, prospect) in [
            (read(), Prospect::Complete),
            (Account { graph: Found::Missing, ..read() }, Prospect::Missing),
            (Account { graph: Found::Unreadable(word()), ..read() }, Prospect::Missing),
            (Account { graph: Found::Broken(word()), ..read() }, Prospect::Missing),
            (Account { tests: Found::Missing, ..read() }, Prospect::Complete),
            (Account { tests: Found::Unreadable(word()), ..read() }, Prospect::Missing),
            (Account { graph: away(), ..read() }, unreachable()),
            (Account { tests: away(), ..read() }, unreachable()),
            (Account { reasons: away(), ..read() }, unreachable()),
            // A test that failed says enough without ci-operator's reasons.
            (Account { reasons: away(), tests: failing(), ..read() }, Prospect::Complete),
        ] {
            assert_eq!(account.prospect_of_failure(), prospect, "{account:?}");
        }
    }

    #[test]
    fn broken_files_are_named_and_those_beyond_counted() {
        let of = |named: &[&str], broken_files: usize| {
            let counts = TestCounts { run: 1, broken_files, ..TestCounts::default() };
            let broken = named.iter().map(|name| (*name).to_owned()).collect();
            let report = TestReport { counts, broken, ..TestReport::default() };
            Account { tests: Found::Read(report), ..Account::default() }.remarks()
        };
        assert_eq!(of(&[], 0), [""; 0]);
        assert_eq!(of(&["a.xml", "b.xml"], 2), ["cannot be read as JUnit: a.xml, b.xml"]);
        assert_eq!(of(&["a.xml"], 3), ["cannot be read as JUnit: a.xml and 2 more"]);
    }

    #[tokio::test]
    async fn what_is_asked_for_of_a_success_and_of_a_failure() {
        let graph = ("junit_operator.xml", r#"<testsuite name="operator"/>"#);
        let began = r#"<testsuite><testcase name="initialize"><failure>no</failure></testcase></testsuite>"#;
        let began = ("junit_job.xml", began);
        let finished = Finished::read(b"{}").unwrap();
        let never_began = || Found::Read("initialize: no".to_owned());
        for (artifacts, graph, never_began) in [
            (vec![graph, began], Found::Read(StepGraph::default()), Found::Unasked),
            (vec![began], Found::Missing, never_began()),
            (vec![], Found::Missing, Found::Missing),
        ] {
            let artifacts: Vec<_> = artifacts
                .into_iter()
                .map(|(name, content)| (format!("artifacts/{name}"), content))
                .collect();
            let mut files = vec![("finished.json", "{}"), ("build-log.txt", "")];
            files.extend(artifacts.iter().map(|(path, content)| (path.as_str(), *content)));
            let bucket = Canned::of_run(&files).shared();
            let bucket = Bucket::new("http://localhost".parse().unwrap(), bucket);
            let folder = FOLDER.parse().unwrap();
            let reader = Reader { bucket: &bucket, folder: &folder };
            let success = Account {
                finished: Found::Read(finished.clone()),
                graph: graph.clone(),
                ..Account::default()
            };
            assert_eq!(reader.success(Junit::Ignore).await, success);
            let failure =
                Account { graph, reasons: Found::Read(vec![]), never_began, ..Account::default() };
            assert_eq!(reader.failure(Junit::Ignore).await, failure);
        }
    }
}
