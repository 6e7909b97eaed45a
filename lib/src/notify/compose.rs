//! What to say about a run.

use super::facts::TaskStatus;
use super::words::short;
use super::{Facts, History, Message, Sight, Tone, jobs, outcome_of, past, whom};
use crate::duration::{self, ago, days};
use crate::gate::matrix;
use crate::konflux::PushedImage;
use crate::record::{Candidate, GateRecord, Health, Outcome, ReleaseRecord, Stopped};
use crate::slack::{Line, Mention, with_runbook};
use crate::step::command::Command;
use crate::text;

/// Bytes of a foreign text in a line.
const FOREIGN: usize = 300;

/// The message of a run.
pub fn compose(facts: &Facts) -> Message {
    let outcome = outcome_of(facts);
    let record = facts.sight.record();
    let mut body = vec![why(facts, outcome)];
    if let Some(record) = record {
        body.push(past::lines(record));
        body.push(jobs::blocking(record));
        body.push(jobs::informing(record).into_iter().collect());
        body.push(matrix::line(record, facts.now).into_iter().map(Line::of).collect());
        body.push(release_lines(facts, record, outcome));
    }
    body.push(task_lines(facts, outcome));
    body.push(verified_line(facts, outcome).into_iter().collect());
    body.retain(|paragraph| !paragraph.is_empty());
    Message {
        tone: Tone::of(outcome),
        headline: headline(facts, outcome),
        body,
        next: next(facts, outcome),
        footer: with_runbook(footer(facts), runbook(facts, outcome)),
    }
}

/// What the jobs' own lines do not tell of how the run ended.
pub fn why(facts: &Facts, outcome: Outcome) -> Vec<Line> {
    let mut lines = Vec::new();
    lines.extend(sight_line(facts));
    lines.extend(facts.differences().iter().map(|(flag, given, recorded)| {
        Line::of(format!(
            "this is about the record of {recorded}, although {flag} says {given}: find out which is wrong"
        ))
    }));
    lines.extend(stopped_line(facts, outcome));
    lines.extend(
        facts
            .sight
            .record()
            .into_iter()
            .flat_map(|record| reasons(record, outcome)),
    );
    lines
}

/// How the run ended, without the sign before it.
pub fn headline(facts: &Facts, outcome: Outcome) -> Line {
    let record = facts.sight.record();
    let image = match record.and_then(|record| record.candidate.as_ref()) {
        Some(candidate) => short(&candidate.digest),
        None => facts.snapshot().unwrap_or("its image").to_owned(),
    };
    let gate = facts.gate();
    let broken = match (facts.options.tasks.iter().find(|task| is_failed(task)), &facts.sight) {
        // Without the record a verdict of no cannot be told from a step that broke.
        (Some(task), Sight::Unreadable(_) | Sight::NotAsked) => {
            format!("{gate} gate failed in {}", task.name)
        }
        (Some(task), _) => format!("{gate} gate broke in {}", task.name),
        (None, _) => format!("{gate} gate ended without a verdict"),
    };
    let broken = if stopped(facts).is_some() {
        format!("{gate} gate stopped before its tests of {image}")
    } else {
        broken
    };
    let line = Line::default().bold(match outcome {
        Outcome::Promoted => format!("{gate} gate promoted {image}"),
        Outcome::Passed if is_dry(record) => {
            format!("{gate} gate passed {image}; nothing was promoted, a dry run")
        }
        Outcome::Passed => format!("{gate} gate passed {image}"),
        Outcome::Refused => format!("{gate} gate refused {image}"),
        Outcome::Undecided => format!("{gate} gate could not decide on {image}"),
        Outcome::NotReleased => format!("{gate} gate passed {image}, but it was not released"),
        Outcome::ReleaseUnknown => {
            format!("{gate} gate passed {image}; whether its Release pushed it is not known")
        }
        Outcome::ReleasePending => {
            format!("{gate} gate passed {image}; its Release has not ended yet")
        }
        Outcome::Broken => broken,
        Outcome::Cancelled => format!("{gate} gate was cancelled"),
    });
    let mut more = String::new();
    if let Some(verdict) = record.and_then(|record| record.verdict.as_ref()) {
        more += &format!(
            " · {} of {} blocking passed",
            verdict.blocking_passed, verdict.blocking_total
        );
    }
    if let Some(record) = record {
        match (jobs::passed_on_rerun(record), outcome) {
            (0, _) | (_, Outcome::Broken | Outcome::Cancelled) => {}
            (count, _) => more += &format!(", {count} on a rerun"),
        }
        if outcome == Outcome::Undecided && jobs::unproven(record) > 0 {
            more += &format!(", {} unproven", jobs::unproven(record));
        }
        if outcome == Outcome::Undecided && jobs::hollow(record) > 0 {
            more += &format!(", {} hollow", jobs::hollow(record));
        }
    }
    if matches!(outcome, Outcome::Broken | Outcome::Cancelled) {
        more += launched(facts);
    }
    more += &row(facts, outcome);
    let mut line = line.text(more);
    for mention in mentions(facts, outcome) {
        line = line.text(" ").mention(&mention);
    }
    line
}

/// The run's place in a row of red ones, or the end of the row.
fn row(facts: &Facts, outcome: Outcome) -> String {
    let Some(history) = &facts.history else { return String::new() };
    match (outcome.health(), history.row_with(outcome), history.red_before) {
        (Health::Red, 2.., _) => {
            format!(" · {} red run in a row", text::ordinal(history.row_with(outcome)))
        }
        (Health::Green, _, 1) => " · recovered after a red run".to_owned(),
        (Health::Green, _, before @ 2..) => format!(" · recovered after {before} red runs"),
        _ => String::new(),
    }
}

/// Whom the headline mentions. Without a history a red run counts as the first.
pub(super) fn mentions(facts: &Facts, outcome: Outcome) -> Vec<Mention> {
    let unknown = History::default();
    let place = facts.history.as_ref().unwrap_or(&unknown).row_with(outcome);
    whom(&facts.options.ladder, place)
}

/// What can be used instead of this image, and since when.
fn verified_line(facts: &Facts, outcome: Outcome) -> Option<Line> {
    if outcome.health() == Health::Green || (facts.history.is_none() && facts.verified.is_none()) {
        return None;
    }
    // A record may tell of a Release that is no longer seen; one that is seen counts more.
    let seen = facts.verified.as_ref().and_then(|sight| sight.newest.as_ref());
    let noted = facts
        .history
        .as_ref()
        .and_then(|history| history.last_verified.as_ref());
    let unseen = facts.verified.as_ref().and_then(|sight| sight.unseen.as_ref());
    let Some(verified) = seen.or(noted) else {
        return Some(Line::of(match unseen {
            Some(why) => format!("last verified: not known, {}", text::one_line(why, FOREIGN)),
            None => "last verified: no image that is known of".to_owned(),
        }));
    };
    let age = facts.now.duration_since(verified.at);
    // A young one is certain whatever else there may be.
    let is_young = facts.options.threshold.is_some_and(|threshold| age <= threshold);
    let seen = if unseen.is_some() && !is_young {
        "last verified that can be seen"
    } else {
        "last verified"
    };
    let words = format!("{seen}: {}, {}", verified.image, ago(verified.at, facts.now));
    Some(match facts.options.threshold {
        Some(threshold) if age > threshold => Line::default()
            .bold(words)
            .text(format!(", longer than the {} allowed", days(threshold))),
        _ => Line::of(words),
    })
}

fn is_failed(task: &TaskStatus) -> bool {
    !task.succeeded() && !task.never_started()
}

/// Whether jobs were launched before the run ended without a verdict.
fn launched(facts: &Facts) -> &'static str {
    let attempts = |record: &GateRecord| record.jobs.iter().any(|job| !job.attempts.is_empty());
    match &facts.sight {
        Sight::Read(record) if attempts(record) => " · its jobs were launched and may still run",
        Sight::Read(_) | Sight::Missing => " · nothing was launched",
        Sight::NotAsked | Sight::Unreadable(_) => "",
    }
}

/// Why the run ended before its tests, where a step noted that and nothing came after it.
fn stopped(facts: &Facts) -> Option<&Stopped> {
    let record = facts.sight.record()?;
    record
        .stopped
        .as_ref()
        .filter(|_| record.jobs.iter().all(|job| job.attempts.is_empty()))
}

/// The words of the step that ended the run before its tests.
fn stopped_line(facts: &Facts, outcome: Outcome) -> Option<Line> {
    let stopped = stopped(facts).filter(|_| outcome == Outcome::Broken)?;
    Some(Line::of(format!(
        "{}: {}",
        text::one_line(&stopped.step, 40),
        text::one_line(&stopped.why, FOREIGN * 2)
    )))
}

/// The words used when the record does not say.
fn sight_line(facts: &Facts) -> Option<Line> {
    match &facts.sight {
        Sight::Unreadable(why) => Some(Line::of(format!(
            "the gate record could not be read: {}",
            text::one_line(why, FOREIGN)
        ))),
        Sight::Missing if facts.options.task("launch-prow").is_some_and(TaskStatus::succeeded) => {
            Some(Line::of("the gate record is gone, although jobs were launched"))
        }
        _ => None,
    }
}

/// The verdict's reasons, where the jobs' own lines do not tell them.
fn reasons(record: &GateRecord, outcome: Outcome) -> Vec<Line> {
    let Some(verdict) = &record.verdict else { return Vec::new() };
    let told = verdict.blocking_passed < verdict.blocking_total && !record.jobs.is_empty();
    if told || !matches!(outcome, Outcome::Refused | Outcome::Undecided) {
        return Vec::new();
    }
    verdict
        .reasons
        .iter()
        .take(5)
        .map(|reason| Line::of(text::one_line(reason, FOREIGN)))
        .collect()
}

/// How the tasks ended, where there is no verdict.
fn task_lines(facts: &Facts, outcome: Outcome) -> Vec<Line> {
    let tasks = &facts.options.tasks;
    if !matches!(outcome, Outcome::Broken | Outcome::Cancelled) || tasks.is_empty() {
        return Vec::new();
    }
    let word = |task: &TaskStatus| match task.status.as_str() {
        "None" => "never started".to_owned(),
        other => text::one_line(other, 40).to_lowercase(),
    };
    let states: Vec<_> = tasks
        .iter()
        .map(|task| format!("{} {}", text::one_line(&task.name, 60), word(task)))
        .collect();
    vec![Line::of(states.join(" · "))]
}

/// What became of the promotion.
pub fn release_lines(facts: &Facts, record: &GateRecord, outcome: Outcome) -> Vec<Line> {
    let collect = facts.options.task("collect-results");
    match (&record.release, outcome) {
        (Some(release), Outcome::Promoted) => promoted(release, facts.scale),
        (Some(release), Outcome::Passed) => vec![release_state(facts, release)],
        (
            Some(release),
            Outcome::NotReleased | Outcome::ReleaseUnknown | Outcome::ReleasePending,
        ) => {
            vec![release_state(facts, release)]
        }
        (None, Outcome::ReleasePending) => vec![Line::of(format!(
            "create-release has written nothing to the record in {}",
            duration::human(facts.options.patience())
        ))],
        (None, Outcome::NotReleased) if collect.is_some() => vec![Line::of(
            "the jobs passed, but the task collect-results did not succeed, so nothing was promoted",
        )],
        _ => Vec::new(),
    }
}

/// Whether the promotion was only tried.
fn is_dry(record: Option<&GateRecord>) -> bool {
    record
        .and_then(|record| record.release.as_ref())
        .is_some_and(|release| release.dry_run)
}

fn promoted(release: &ReleaseRecord, scale: u32) -> Vec<Line> {
    let mut line = Line::of("Release ")
        .code(release.name.as_deref().unwrap_or(&release.plan))
        .text(" landed");
    if let (Some(from), Some(to)) = (release.created_at, release.completed_at) {
        let spent = std::time::Duration::try_from(to.duration_since(from)).unwrap_or_default();
        line = line.text(format!(" in {}", duration::human(spent * scale)));
    }
    if !release.created {
        line = line.text(", made by an earlier run");
    }
    let mut lines = vec![line];
    if release.unexamined {
        lines.push(Line::of(
            "made on the record's word alone: the blocking runs were not asked again",
        ));
    }
    lines.extend(release.images.iter().take(3).map(pushed));
    if release.images.is_empty() {
        lines.push(Line::of("it names no pushed image: all had been pushed before"));
    }
    if release.images.len() > 3 {
        lines.push(Line::of(format!("and {} more images", release.images.len() - 3)));
    }
    lines
}

fn pushed(image: &PushedImage) -> Line {
    let at = image.urls.first().map_or(image.name.as_str(), String::as_str);
    let whole =
        if at.contains("@sha256:") { at.to_owned() } else { format!("{at}@{}", image.digest) };
    Line::of("pushed ").code(text::one_line(&whole, FOREIGN))
}

fn release_state(facts: &Facts, release: &ReleaseRecord) -> Line {
    let line = match &release.name {
        Some(name) => Line::of("Release ").code(name.clone()),
        None => Line::of("no Release of plan ").code(release.plan.clone()),
    };
    let mut words = String::new();
    if let Some(phase) = &release.phase {
        words += &format!(" · {}", text::one_line(phase, 80));
    }
    if !release.is_final && release.name.is_some() {
        words += &format!(" · not ended after {}", duration::human(facts.options.patience()));
    }
    if let Some(detail) = &release.detail {
        words += &format!(" · {}", text::one_line(detail, FOREIGN));
    }
    if let Some(run) = &release.pipeline_run {
        words += &format!(" · managed run {}", text::one_line(run, 130));
    }
    line.text(words)
}

/// The runbook's row for the first line, where somebody may have to act.
fn runbook(facts: &Facts, outcome: Outcome) -> Option<Line> {
    let record = facts.sight.record();
    let has = |count: fn(&GateRecord) -> usize| record.is_some_and(|record| count(record) > 0);
    let failed = facts.options.tasks.iter().any(is_failed);
    let anchor = match outcome {
        Outcome::Promoted | Outcome::Passed => return None,
        Outcome::Refused => "refused",
        Outcome::Undecided if has(jobs::hollow) => "undecided-hollow",
        Outcome::Undecided if has(jobs::unproven) => "undecided-unproven",
        Outcome::Undecided => "undecided",
        Outcome::NotReleased => "not-released",
        Outcome::ReleaseUnknown => "release-unknown",
        Outcome::ReleasePending => "release-pending",
        Outcome::Broken if stopped(facts).is_some() => "stopped",
        Outcome::Broken if failed && record.is_none() && facts.sight != Sight::Missing => {
            "failed-in"
        }
        Outcome::Broken if failed => "broke-in",
        Outcome::Broken => "no-verdict",
        Outcome::Cancelled => "cancelled",
    };
    facts.options.runbook.row(anchor)
}

/// Where it all is.
pub fn footer(facts: &Facts) -> Option<Line> {
    let candidate = facts.sight.record().and_then(|record| record.candidate.as_ref());
    let mut parts = Vec::new();
    parts.extend(candidate.and_then(commit));
    parts.extend(facts.snapshot().map(|name| Line::of(format!("snapshot {name}"))));
    parts.extend(facts.run_name().map(|name| match &facts.options.run_url {
        Some(url) => Line::of("run ").link(name, url),
        None => Line::of(format!("run {name}")),
    }));
    let mut parts = parts.into_iter();
    let mut line = parts.next()?;
    for part in parts {
        line = line.text(" · ");
        line.0.extend(part.0);
    }
    Some(line)
}

/// The commit, linked where the forge's addresses are known to have that form.
fn commit(candidate: &Candidate) -> Option<Line> {
    let revision = candidate.revision.as_deref()?;
    let short: String = revision.chars().take(8).collect();
    let is_hash = revision.len() >= 7 && revision.chars().all(|c| c.is_ascii_hexdigit());
    Some(
        match candidate
            .git_url
            .as_deref()
            .map(|url| url.trim_end_matches('/').trim_end_matches(".git"))
        {
            Some(url) if is_hash => {
                Line::of("commit ").link(short, format!("{url}/commit/{revision}"))
            }
            _ => Line::of(format!("commit {short}")),
        },
    )
}

/// What to do: the exact command, where there is one.
pub fn next(facts: &Facts, outcome: Outcome) -> Vec<Line> {
    let record = facts.sight.record();
    let failed_task = facts.options.tasks.iter().find(|task| is_failed(task));
    match outcome {
        Outcome::Passed if is_dry(record) => release_again(facts, "to promote it for real", false)
            .into_iter()
            .collect(),
        Outcome::Promoted | Outcome::Passed => Vec::new(),
        Outcome::Refused | Outcome::Undecided | Outcome::Cancelled => {
            again(facts).into_iter().collect()
        }
        Outcome::Broken => {
            let logs = failed_task
                .filter(|_| stopped(facts).is_none())
                .and_then(|task| logs(facts, &task.name));
            let again =
                if stopped(facts).is_some() { again_once_mended(facts) } else { again(facts) };
            logs.into_iter().chain(again).collect()
        }
        Outcome::ReleasePending => {
            release_again(facts, "go on waiting", false).into_iter().collect()
        }
        Outcome::NotReleased if record.is_some_and(|record| record.release.is_none()) => {
            again(facts).into_iter().collect()
        }
        Outcome::NotReleased => {
            let made = record
                .and_then(|record| record.release.as_ref())
                .is_some_and(|release| release.created);
            let words = if is_dry(record) {
                "to promote it for real, once the cause is gone"
            } else {
                "once its cause is gone"
            };
            release_again(facts, words, made).into_iter().collect()
        }
        Outcome::ReleaseUnknown => look_at_release(facts).into_iter().collect(),
    }
}

fn step(words: &str, command: Command) -> Line {
    Line::of(format!("{words}: ")).code(command.text())
}

/// Test the same Snapshot again.
fn again(facts: &Facts) -> Option<Line> {
    Some(step("again", test_again(facts)?))
}

/// The same, of a run that will stop as before until somebody has changed something.
fn again_once_mended(facts: &Facts) -> Option<Line> {
    Some(step("once that is mended", test_again(facts)?))
}

fn test_again(facts: &Facts) -> Option<Command> {
    let (snapshot, scenario) = (facts.snapshot()?, facts.scenario()?);
    let command = Command::new("trigger-gate")
        .flag("--namespace", facts.options.namespace.as_deref())
        .flag("--snapshot", Some(snapshot))
        .flag("--scenario", Some(scenario))
        .flag("--release-plan", facts.plan());
    Some(command)
}

fn logs(facts: &Facts, task: &str) -> Option<Line> {
    let selector =
        format!("tekton.dev/pipelineRun={},tekton.dev/pipelineTask={task}", facts.run_name()?);
    let command = Command::new("kubectl logs --tail=20 --all-containers")
        .flag("--namespace", facts.options.namespace.as_deref())
        .flag("--selector", Some(&selector));
    Some(step("why", command))
}

/// The same step again: it finds its own Release, or makes the next one where asked to.
fn release_again(facts: &Facts, words: &str, made: bool) -> Option<Line> {
    let command = Command::new("create-release")
        .flag("--namespace", facts.options.namespace.as_deref())
        .flag("--record", Some(facts.options.record.as_deref()?))
        .flag("--release-plan", Some(facts.plan()?));
    Some(step(words, if made { command.word("--again") } else { command }))
}

fn look_at_release(facts: &Facts) -> Option<Line> {
    let release = facts
        .sight
        .record()
        .and_then(|record| record.release.as_ref()?.name.as_deref());
    let command = match (release, facts.snapshot()) {
        (Some(name), _) => Command::new("kubectl get release").word(name),
        (None, Some(snapshot)) => Command::new("kubectl get releases").flag(
            "--selector",
            Some(&format!("release.appstudio.openshift.io/snapshot={snapshot}")),
        ),
        (None, None) => return None,
    };
    let command = command
        .flag("--namespace", facts.options.namespace.as_deref())
        .flag("--output", Some("yaml"));
    Some(step("look before anything is released again", command))
}
