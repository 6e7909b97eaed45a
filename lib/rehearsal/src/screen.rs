//! What a person sees of a rehearsal: lines of at most 100 columns, made of what the steps left
//! behind. The same words with and without colour.

use std::time::Duration;

use crate::child::Ended;
use crate::duration;
use crate::order::{Outcome, Skip};
use crate::record::{Attempt, Job, Record};
use crate::scenario::Scenario;
use crate::task::TaskReport;

/// Widest line.
pub const WIDTH: usize = 100;
/// Where the text of a task's line begins.
const TEXT: usize = 28;
/// A try that takes less than this for each of its steps (a fifth of a second) did nothing but
/// start processes; what that would be in gate time means nothing.
const START: Duration = Duration::from_millis(200);

/// How lines look.
#[derive(Debug, Clone, Copy)]
pub struct Screen {
    /// Whether to colour
    pub colour: bool,
    /// Gate seconds in a second
    pub scale: u32,
    /// Columns of a line; [`WIDTH`] at most
    pub width: usize,
}

/// What was counted while a task ran.
#[derive(Debug, Clone, Copy, Default)]
pub struct Counted {
    /// Requests to Gangway
    pub gangway_requests: usize,
    /// Messages that Slack took
    pub messages: usize,
}

/// Green, red, yellow, faint.
#[derive(Clone, Copy)]
enum Colour {
    Good,
    Bad,
    Odd,
    Faint,
}

impl Screen {
    /// The first line.
    pub fn head(self, pipeline: &str, scenario: &Scenario) -> String {
        let wall = scenario.lasts.as_secs().div_ceil(u64::from(self.scale));
        let file = format!("rehearsing {pipeline}");
        let lasts = duration::show(scenario.lasts);
        let what = format!("scenario {} · {lasts} of gate time in about {wall}s", scenario.name);
        let one = format!("{file} · {what}\n");
        if one.chars().count() <= self.width { one } else { format!("{file}\n{what}\n") }
    }

    /// The lines of a task that is over; `error` is what its failed step said.
    pub fn task(
        self,
        task: &TaskReport,
        record: &Record,
        counted: Counted,
        error: Option<&str>,
    ) -> Vec<String> {
        let succeeded = task.finished.outcome == Outcome::Succeeded;
        let mark = if succeeded { ("✓", Colour::Good) } else { ("✗", Colour::Bad) };
        let took: Duration = task
            .tries
            .iter()
            .filter(|one| one.took >= START * one.steps.len() as u32)
            .map(|one| one.took)
            .sum();
        let known = self.known(task, record, counted);
        let failure = || {
            let failed = task
                .tries
                .last()
                .and_then(|one| one.failure.clone())
                .unwrap_or_default();
            let said = error.map_or(failed, short_digests);
            match task.tries.len() {
                1 => said,
                tries => format!("{said} ({tries} tries)"),
            }
        };
        // A verdict says more than the exit code that goes with it.
        let verdict = task.name == "collect-results" && record.verdict.is_some();
        let text = if succeeded || verdict { known.unwrap_or_default() } else { failure() };
        let mut lines = self.line(&task.name, mark, &self.gate_time(took), &text);
        if task.name == "collect-results" {
            let width = record
                .jobs
                .iter()
                .map(|job| short(&job.name).len())
                .max()
                .unwrap_or(0);
            lines.extend(record.jobs.iter().flat_map(|job| self.job(job, width)));
        }
        lines
    }

    /// The line of a task that never began.
    pub fn skipped(self, name: &str, skip: &Skip) -> Vec<String> {
        let why = match skip {
            Skip::When(input, _) if name == "create-release" && input == "Failed" => {
                "the gate did not pass".to_owned()
            }
            Skip::When(input, _) if name == "create-release" && input == "None" => {
                "nothing was tested".to_owned()
            }
            Skip::When(input, _) if name == "attest-verdict" && input == "off" => {
                "attest is off".to_owned()
            }
            Skip::When(input, values) => format!("{input:?} is not among {values:?}"),
            Skip::Stopping => "a task before it failed".to_owned(),
            Skip::Parent => "a task that it waits for was skipped".to_owned(),
            Skip::ResultsMissing(what)
                if name == "create-release" && what.starts_with("resolve-image.") =>
            {
                "nothing was tested".to_owned()
            }
            Skip::ResultsMissing(what) => format!("the result {what} is missing"),
            Skip::ResultNeverWritten(what) => {
                format!("{what} was never written, which fails the run")
            }
        };
        self.line(name, ("–", Colour::Faint), "", &format!("skipped: {why}"))
    }

    /// The heading of the tasks that run at the end.
    pub fn finally(self) -> String {
        self.paint("finally", Colour::Faint)
    }

    fn line(self, name: &str, mark: (&str, Colour), took: &str, text: &str) -> Vec<String> {
        let head = format!("{name:<17} {} {took:>6}  ", self.paint(mark.0, mark.1));
        let mut rows = wrap(text, self.width - TEXT).into_iter();
        let first = rows.next().unwrap_or_default();
        let mut lines = vec![format!("{head}{first}").trim_end().to_owned()];
        lines.extend(rows.map(|row| format!("{:TEXT$}{row}", "")));
        lines
    }

    /// What the steps of the shipped pipeline have to say.
    fn known(self, task: &TaskReport, record: &Record, counted: Counted) -> Option<String> {
        let result = |name: &str| task.finished.results.get(name).map(String::as_str);
        Some(match task.name.as_str() {
            "resolve-image" => {
                let candidate = record.candidate.as_ref();
                let platforms = candidate.map(|c| c.platforms.join(" ")).unwrap_or_default();
                let revision = candidate
                    .and_then(|c| c.revision.as_deref())
                    .map(|r| &r[..r.len().min(8)]);
                let mut parts = vec![short_image(result("image")?)];
                parts.extend((!platforms.is_empty()).then(|| platforms.replace("linux/", "")));
                parts.extend(revision.map(|revision| format!("revision {revision}")));
                parts.join("  ")
            }
            "launch-prow" => {
                let all: usize = result("launched")?.parse().ok()?;
                let adopted = record.jobs.iter().filter(|job| job.is_adopted()).count();
                let launched = many(all.saturating_sub(adopted), "job");
                let requests = many(counted.gangway_requests, "request");
                match adopted {
                    0 => format!("{launched} launched, {requests}"),
                    _ => format!("{launched} launched, {adopted} adopted, {requests}"),
                }
            }
            "collect-results" => {
                let verdict = record.verdict.as_ref()?;
                let total = verdict.blocking_total;
                // In collect-results' own words.
                match total.saturating_sub(verdict.blocking_passed) {
                    0 => format!("{}: {total} of {total} blocking jobs passed", verdict.decision),
                    not => {
                        format!("{}: {not} of {total} blocking jobs did not pass", verdict.decision)
                    }
                }
            }
            "create-release" => {
                let release = record.release.as_ref()?;
                let mut parts = vec![result("release")?.to_owned()];
                parts.extend((release.released == "true").then(|| "Released".to_owned()));
                parts.extend(
                    release
                        .images
                        .iter()
                        .filter_map(|image| pushed(image.urls.first()?, &image.digest)),
                );
                parts.join(" · ")
            }
            "notify-slack" => many(counted.messages, "message"),
            "attest-verdict" => {
                let pushed = result("artifact").is_some_and(|artifact| !artifact.is_empty());
                let pushed = if pushed { ", signed and pushed" } else { "" };
                format!("{}{pushed}", result("result")?)
            }
            _ => return None,
        })
    }

    fn job(self, job: &Job, width: usize) -> Vec<String> {
        let (word, colour) = match (outcome(job), job.class.as_str()) {
            ("passed", _) => ("passed", Colour::Good),
            (word, "informing") => (word, Colour::Odd),
            (word, _) => (word, Colour::Bad),
        };
        let first = job.attempts.first().and_then(|attempt| attempt.launched_at);
        let last = job
            .attempts
            .last()
            .and_then(|attempt| attempt.states.last())
            .map(|state| state.at);
        let adopted = job.attempts.last().filter(|_| job.is_adopted());
        let own = |attempt: &Attempt| attempt.started_at.zip(attempt.completed_at);
        let took = adopted.map_or(first.zip(last), own).map(|(first, last)| {
            self.gate_time(Duration::try_from(last.duration_since(first)).unwrap_or_default())
        });
        let head = format!(
            "  {:<9} {:<width$}  {}{:pad$} {:>5}  ",
            job.class,
            short(&job.name),
            self.paint(word, colour),
            "",
            took.unwrap_or_default(),
            pad = 7_usize.saturating_sub(word.chars().count()),
        );
        let indent = 2 + 9 + 1 + width + 2 + 7 + 1 + 5 + 2;
        let mut rows = wrap(&note(job), self.width.saturating_sub(indent).max(30)).into_iter();
        let first = rows.next().unwrap_or_default();
        let mut lines = vec![format!("{head}{first}").trim_end().to_owned()];
        lines.extend(rows.map(|row| format!("{:indent$}{row}", "")));
        lines
    }

    fn gate_time(self, wall: Duration) -> String {
        duration::show(wall.saturating_mul(self.scale))
    }

    fn paint(self, text: &str, colour: Colour) -> String {
        let code = match colour {
            Colour::Good => "32",
            Colour::Bad => "31",
            Colour::Odd => "33",
            Colour::Faint => "2",
        };
        if self.colour { format!("\u{1b}[{code}m{text}\u{1b}[0m") } else { text.to_owned() }
    }
}

/// `passed`, `failed`, `refused`, `running` or `not launched`.
fn outcome(job: &Job) -> &str {
    match job.attempts.last().map(|attempt| attempt.cause.as_deref()) {
        Some(Some("passed")) => "passed",
        Some(Some("hollow")) => "hollow",
        Some(Some(_)) => "failed",
        _ if job.refusal.is_some() => "refused",
        Some(None) => "running",
        None => "not launched",
    }
}

fn note(job: &Job) -> String {
    let Some(last) = job.attempts.last() else {
        return job
            .refusal
            .as_ref()
            .map(|refusal| refusal.reason.clone())
            .unwrap_or_default();
    };
    let mut parts = Vec::new();
    if last.cause.as_deref() == Some("passed") {
        parts.extend(last.proof.as_ref().map(|proof| match proof.level.as_str() {
            "proven" => "proven by its install log".to_owned(),
            "requested" => "asked for this image, not proven".to_owned(),
            level => level.to_owned(),
        }));
        parts.extend(last.tests.as_ref().map(|tests| match tests.flaky {
            0 => many(tests.run, "test"),
            flaky => format!("{}, {flaky} flaky", many(tests.run, "test")),
        }));
        parts.extend(last.detail.clone());
    } else {
        parts.push(cause(last));
    }
    if let Some(from) = job.attempts[0].reused_from.as_ref() {
        let gate = from.gate.as_deref().unwrap_or("another gate");
        parts.push(format!("adopted from {} of {gate}", from.record));
    }
    let earlier = &job.attempts[..job.attempts.len() - 1];
    if !earlier.is_empty() {
        let number = ["second", "third", "fourth", "fifth"]
            .get(earlier.len() - 1)
            .unwrap_or(&"later");
        let causes: Vec<String> = earlier
            .iter()
            .map(|e| e.detail.clone().unwrap_or_else(|| cause(e)))
            .collect();
        // On its second try the proof is a matter of course.
        if let Some(first) = parts.first_mut().filter(|part| part.starts_with("proven")) {
            "proven".clone_into(first);
        }
        parts.push(format!("{number} try, the first: {}", causes.join(", then ")));
    }
    parts.join(" · ")
}

/// `product: TestA and 2 more`
pub fn cause(attempt: &Attempt) -> String {
    let Some(cause) = attempt.cause.as_deref() else { return String::new() };
    if let ("hollow", Some(detail)) = (cause, attempt.detail.as_deref()) {
        return format!("succeeded, but {detail}");
    }
    let tests = tests(attempt);
    match (tests.is_empty(), attempt.detail.as_deref()) {
        (false, _) => format!("{cause}: {tests}{}", past(attempt)),
        (true, Some(detail)) if !detail.is_empty() => format!("{cause}: {detail}"),
        (true, _) => cause.to_owned(),
    }
}

/// ` (regression, failing since 2026-08-17)`: what the first test's past says, if anything.
fn past(attempt: &Attempt) -> String {
    let first = attempt.failing_tests.names.first();
    let mut pasts = attempt.history.iter().flat_map(|history| &history.tests);
    match pasts.find(|past| Some(&past.name) == first) {
        Some(past) if past.kind == "regression" => format!(" (regression, {})", past.words),
        Some(past) => format!(" ({})", past.words),
        None => String::new(),
    }
}

/// `TestA and 2 more`; empty if none failed.
pub fn tests(attempt: &Attempt) -> String {
    let failing = &attempt.failing_tests;
    let more = (failing.names.len() + failing.more).saturating_sub(1);
    match (failing.names.first(), more) {
        (None, _) => String::new(),
        (Some(first), 0) => first.clone(),
        (Some(first), more) => format!("{first} and {more} more"),
    }
}

/// A job's name without what all of a release's jobs share.
pub fn short(job: &str) -> &str {
    job.find("-e2e-").map_or(job, |at| &job[at + 1..])
}

/// `hypershift-operator-main@sha256:4be1f0c2…`
pub fn short_image(image: &str) -> String {
    short_digests(image.rsplit('/').next().unwrap_or(image))
}

/// A text with each digest cut to its first eight digits.
pub(crate) fn short_digests(text: &str) -> String {
    let mut parts = text.split("sha256:");
    let mut out = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let digits = part.bytes().take_while(u8::is_ascii_hexdigit).count();
        let shown =
            if digits > 8 { format!("{}…", &part[..8]) } else { part[..digits].to_owned() };
        out.push_str(&format!("sha256:{shown}{}", &part[digits..]));
    }
    out
}

fn many(number: usize, what: &str) -> String {
    if number == 1 { format!("1 {what}") } else { format!("{number} {what}s") }
}

/// Where an image was pushed to, by digest whatever its tag.
fn pushed(url: &str, digest: &str) -> Option<String> {
    let (registry, path) = url.split_once('/')?;
    let path = path.split(['@', ':']).next().unwrap_or(path);
    Some(short_digests(&format!("{registry}/{path}@{digest}")))
}

/// Rows of at most `width`; a longer word (an address) keeps a row of its own, whole.
pub fn wrap(text: &str, width: usize) -> Vec<String> {
    if text.chars().count() <= width && !text.contains('\n') {
        return vec![text.to_owned()];
    }
    let mut rows: Vec<String> = Vec::new();
    for word in text.split_whitespace() {
        match rows.last_mut() {
            Some(row) if row.chars().count() + 1 + word.chars().count() <= width => {
                row.push(' ');
                row.push_str(word);
            }
            _ => rows.push(word.to_owned()),
        }
    }
    rows
}

/// The exit code that a task's last step ended with, if one ended.
pub fn last_exit(task: &TaskReport) -> Option<i32> {
    match task.tries.last()?.steps.last()?.ended {
        Ended::Exited(code) => Some(code),
        Ended::TimedOut => None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;
    use std::path::PathBuf;

    use super::*;
    use crate::order::Finished;
    use crate::task::{StepReport, Try};

    const PLAIN: Screen = Screen { colour: false, scale: 100, width: WIDTH };

    /// A task with its results; `failure` makes it a failed one.
    fn task(
        name: &str,
        results: &[(&str, &str)],
        failure: Option<&str>,
        tries: usize,
    ) -> TaskReport {
        let one = Try {
            steps: vec![StepReport {
                name: name.into(),
                line: crate::pod::CommandLine::default(),
                ended: Ended::Exited(i32::from(failure.is_some())),
                stdout: PathBuf::new(),
                stderr: PathBuf::new(),
            }],
            failure: failure.map(str::to_owned),
            took: Duration::from_secs(60),
        };
        TaskReport {
            name: name.into(),
            finished: Finished {
                outcome: if failure.is_some() { Outcome::Failed } else { Outcome::Succeeded },
                results: results
                    .iter()
                    .map(|(k, v)| ((*k).to_owned(), (*v).to_owned()))
                    .collect::<BTreeMap<_, _>>(),
            },
            tries: vec![one; tries],
        }
    }

    fn record() -> Record {
        let record = Record::read(
            r#"{
  "candidate": {"revision": "3ee96155a7c0", "platforms": ["linux/amd64", "linux/arm64"]},
  "jobs": [
    {"name": "periodic-ci-x-e2e-aks", "class": "blocking", "attempts": [
      {"launched_at": "2026-08-20T03:20:00Z", "states": [{"at": "2026-08-20T03:21:36.6Z"}], "cause": "passed",
       "proof": {"level": "proven", "note": "n"}}]},
    {"name": "periodic-ci-x-e2e-aks-upgrade-minor", "class": "blocking", "attempts": [
      {"launched_at": "2026-08-20T03:20:00Z", "cause": "infrastructure", "detail": "no cluster lease"},
      {"launched_at": "2026-08-20T03:20:30Z", "states": [{"at": "2026-08-20T03:21:42.6Z"}], "cause": "passed",
       "proof": {"level": "proven", "note": "n"}}]},
    {"name": "periodic-ci-x-e2e-kubevirt-aks", "class": "informing", "attempts": [
      {"launched_at": "2026-08-20T03:20:00Z", "states": [{"at": "2026-08-20T03:21:10.8Z"}], "cause": "product",
       "failing_tests": {"names": ["TestNodePool/Main/TestRollback", "b"], "more": 1}}]},
    {"name": "unnamed", "class": "informing", "refusal": {"reason": "no such job"}}
  ],
  "verdict": {"decision": "passed", "blocking_passed": 2, "blocking_total": 2},
  "release": {"released": "true", "images": [{"digest": "sha256:4be1f0c2d7aa", "urls": ["quay.io/acme/v:aro-x"]}]}
}"#,
        );
        assert_eq!(record.jobs.len(), 4, "the text above is read");
        record
    }

    #[test]
    fn each_task_says_what_it_came_to() {
        let counted = Counted { gangway_requests: 3, messages: 1 };
        let image = "127.0.0.1:5000/acme/ho@sha256:4be1f0c2d7aa";
        let lines = |task: &TaskReport| PLAIN.task(task, &record(), counted, None).join("\n");
        assert_eq!(
            lines(&task("resolve-image", &[("image", image)], None, 1)),
            "resolve-image     ✓  1h40m  ho@sha256:4be1f0c2…  amd64 arm64  revision 3ee96155"
        );
        assert_eq!(
            lines(&task("launch-prow", &[("launched", "1")], None, 1)),
            "launch-prow       ✓  1h40m  1 job launched, 3 requests"
        );
        assert_eq!(
            lines(&task("create-release", &[("release", "aro-4be-1")], None, 1)),
            "create-release    ✓  1h40m  aro-4be-1 · Released · quay.io/acme/v@sha256:4be1f0c2…"
        );
        assert_eq!(
            lines(&task("notify-slack", &[], None, 1)),
            "notify-slack      ✓  1h40m  1 message"
        );
        assert_eq!(lines(&task("other", &[], None, 1)), "other             ✓  1h40m");
    }

    #[test]
    fn the_verdict_shows_every_job() {
        let expected = "collect-results   ✗  5h00m  passed: 2 of 2 blocking jobs passed
  blocking  e2e-aks                passed  2h41m  proven by its install log
  blocking  e2e-aks-upgrade-minor  passed  2h51m  proven · second try, the first: no cluster lease
  informing e2e-kubevirt-aks       failed  1h58m  product: TestNodePool/Main/TestRollback and 2 more
  informing unnamed                refused        no such job";
        let failed = task("collect-results", &[], Some("step collect-results exited 3"), 3);
        let lines = PLAIN.task(&failed, &record(), Counted::default(), Some("ignored"));
        assert_eq!(lines.join("\n"), expected);
    }

    #[test]
    fn a_failure_shows_what_its_step_said() {
        let failed = task("launch-prow", &[], Some("step launch-prow exited 1"), 3);
        let lines = |error| {
            PLAIN
                .task(&failed, &Record::default(), Counted::default(), error)
                .join("\n")
        };
        assert_eq!(lines(None), "launch-prow       ✗  5h00m  step launch-prow exited 1 (3 tries)");
        let digest = format!("a/b@sha256:{} is not there", "4be1f0c2".repeat(8));
        assert_eq!(
            lines(Some(&digest)),
            "launch-prow       ✗  5h00m  a/b@sha256:4be1f0c2… is not there (3 tries)"
        );
        let long = "Gangway refused the token (403, a sign-in page): /var/run/gangway/token expired or lacks access; \
                    renew it";
        assert_eq!(
            lines(Some(long)),
            "launch-prow       ✗  5h00m  Gangway refused the token (403, a sign-in page): /var/run/gangway/token
                            expired or lacks access; renew it (3 tries)"
        );
    }

    #[test]
    fn the_head_fits() {
        let scenario = crate::scenario::named("pass").unwrap();
        let screen = Screen { colour: false, scale: 1500, width: WIDTH };
        assert_eq!(
            screen.head("a.yaml", &scenario),
            "rehearsing a.yaml · scenario pass · 3h05m of gate time in about 8s\n"
        );
        let long = "x".repeat(50);
        let two = format!("rehearsing {long}\nscenario pass · 3h05m of gate time in about 8s\n");
        assert_eq!(screen.head(&long, &scenario), two);
    }

    #[test]
    fn skipped_tasks_say_why() {
        let when = |input: &str| Skip::When(input.into(), vec!["Succeeded".into()]);
        for (name, skip, expected) in [
            (
                "create-release",
                when("Failed"),
                "create-release    –         skipped: the gate did not pass",
            ),
            (
                "x",
                when("Failed"),
                "x                 –         skipped: \"Failed\" is not among [\"Succeeded\"]",
            ),
            (
                "create-release",
                when("None"),
                "create-release    –         skipped: nothing was tested",
            ),
            (
                "launch-prow",
                Skip::Stopping,
                "launch-prow       –         skipped: a task before it failed",
            ),
        ] {
            assert_eq!(PLAIN.skipped(name, &skip).join("\n"), expected);
        }
    }

    #[test]
    fn colour_adds_no_word() {
        let colour = Screen { colour: true, ..PLAIN };
        let task = task("collect-results", &[], None, 1);
        let plain = PLAIN.task(&task, &record(), Counted::default(), None).join("\n");
        let coloured = colour.task(&task, &record(), Counted::default(), None).join("\n");
        assert_ne!(coloured, plain);
        let mut bare = String::new();
        for part in coloured.split("\u{1b}[") {
            bare.push_str(
                part.split_once('m')
                    .filter(|(code, _)| code.parse::<u8>().is_ok())
                    .map_or(part, |(_, r)| r),
            );
        }
        assert_eq!(bare, plain);
        assert!(plain.lines().all(|line| line.chars().count() <= WIDTH));
    }

    #[test]
    fn rows_break_at_words_and_addresses_stay_whole() {
        assert_eq!(wrap("a  b", 10), ["a  b"]);
        assert_eq!(wrap("aaa bbb ccc", 7), ["aaa bbb", "ccc"]);
        assert_eq!(
            wrap("see https://example.com/long x", 8),
            ["see", "https://example.com/long", "x"]
        );
    }
}
