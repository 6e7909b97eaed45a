//! What is said of a finding.

use jiff::{SignedDuration, Timestamp};

use super::{Cause, Finding, Source, Told, Verified};
use crate::notify::words::{ago, days};
use crate::slack::{Colour, Line, Payload};
use crate::text;

/// Bytes of a foreign text in a line.
const FOREIGN: usize = 300;

/// What a message needs besides the finding.
#[derive(Debug, Clone)]
pub struct Context {
    /// The gate's name.
    pub gate: String,
    /// The plan.
    pub plan: String,
    /// The scenario.
    pub scenario: Option<String>,
    /// The namespace.
    pub namespace: String,
    /// The threshold.
    pub threshold: SignedDuration,
}

/// The message about a finding.
pub fn compose(context: &Context, told: Told, finding: &Finding, now: Timestamp) -> Payload {
    let gate = &context.gate;
    let (sign, colour, headline) = match (told, finding) {
        (Told::Recovery, _) | (_, Finding::Fresh { .. }) => ("🟢", Colour::Green, format!("{gate}: the alarm is over")),
        (_, Finding::Stale { newest: Some(newest), .. }) => {
            ("🔴", Colour::Red, format!("{gate}: nothing was verified since {}", ago(newest.at, now)))
        }
        (_, Finding::Stale { newest: None, .. }) => ("🔴", Colour::Red, format!("{gate}: no image was ever verified")),
        (_, Finding::Blind { .. }) => {
            ("🟡", Colour::Yellow, format!("{gate}: it cannot be seen how old the newest verified image is"))
        }
    };
    let mut lines = vec![newest_line(finding, now)];
    match finding {
        Finding::Stale { cause, silent, .. } => {
            lines.push(Line::of(cause_words(cause, now)));
            lines.extend(silent_lines(silent));
            lines.extend(next(context, cause));
        }
        Finding::Blind { silent, .. } => lines.extend(silent_lines(silent)),
        Finding::Fresh { .. } => {}
    }
    let scenario = context.scenario.as_ref().map(|name| format!(" · scenario {name}")).unwrap_or_default();
    let limit = days(context.threshold);
    let footer = Line::of(format!("plan {}{scenario} · namespace {} · limit {limit}", context.plan, context.namespace));
    let headline = Line::of(format!("{sign} ")).bold(headline);
    Payload { headline, colour, body: vec![lines], footer: Some(footer) }
}

/// A finding in one line, for logs and programs.
pub fn summary(finding: &Finding, now: Timestamp) -> String {
    let newest = newest_words(finding, now);
    match finding {
        Finding::Fresh { .. } => format!("fresh: {newest}"),
        Finding::Stale { cause, .. } => format!("stale: {newest}; {}", cause_words(cause, now)),
        Finding::Blind { silent, .. } => {
            let silent: Vec<_> =
                silent.iter().map(|source| format!("{}: {}", source.name.words(), source.why)).collect();
            format!("blind: {newest}; {}", silent.join("; "))
        }
    }
}

fn newest_line(finding: &Finding, now: Timestamp) -> Line {
    Line::of(newest_words(finding, now))
}

fn newest_words(finding: &Finding, now: Timestamp) -> String {
    let (Finding::Fresh { newest } | Finding::Stale { newest, .. } | Finding::Blind { newest, .. }) = finding;
    match (newest, finding) {
        (Some(Verified { image, release, at }), Finding::Blind { .. }) => {
            format!("newest verified image that can be seen: {image}, {} (Release {release})", ago(*at, now))
        }
        (Some(Verified { image, release, at }), _) => {
            format!("newest verified image: {image}, {} (Release {release})", ago(*at, now))
        }
        (None, Finding::Fresh { .. }) => "no image verified yet, and the gate is younger than the limit".to_owned(),
        (None, Finding::Blind { .. }) => "no verified image can be seen".to_owned(),
        (None, Finding::Stale { .. }) => "no Release of the plan has ever landed".to_owned(),
    }
}

fn cause_words(cause: &Cause, now: Timestamp) -> String {
    match cause {
        Cause::DidNotRun { last: Some(last) } => {
            format!("the gate did not run: its last run began {}", ago(*last, now))
        }
        Cause::DidNotRun { last: None } => "the gate did not run: no run and no record of it is known".to_owned(),
        Cause::Killed { run, snapshot } => {
            let with = snapshot
                .as_ref()
                .map(|name| format!(" (it may have gone with its Snapshot {name})"))
                .unwrap_or_default();
            format!("run {run} was killed: its record has a beginning and no end{with}")
        }
        Cause::RanAndFailed { words, runs: 1 } => {
            format!("the gate ran and did not pass: {}", text::one_line(words, FOREIGN))
        }
        Cause::RanAndFailed { words, runs } => {
            format!("the gate ran {runs} times and did not pass; the last: {}", text::one_line(words, FOREIGN))
        }
        Cause::OnlyTried { words } => {
            format!("the gate ran and passed, and nothing was to be promoted: {}", text::one_line(words, FOREIGN))
        }
        Cause::ReleaseFailed { words } => {
            format!("the image passed and was not released: {}", text::one_line(words, FOREIGN))
        }
        Cause::RunningNow { run } => format!("run {run} is on its way"),
        Cause::NotKnown => "why is not known: see what did not answer".to_owned(),
    }
}

fn silent_lines(silent: &[Source]) -> Vec<Line> {
    let line = |source: &Source| {
        Line::of(format!("no answer: {}: {}", source.name.words(), text::one_line(&source.why, FOREIGN)))
    };
    silent.iter().map(line).collect()
}

/// What to do, as a command.
fn next(context: &Context, cause: &Cause) -> Option<Line> {
    let namespace = &context.namespace;
    let command = match cause {
        Cause::DidNotRun { .. } | Cause::Killed { .. } => {
            let scenario = context.scenario.as_ref()?;
            format!(
                "trigger-gate --namespace {namespace} --application NAME --component NAME --scenario {scenario} --release-plan {}",
                context.plan
            )
        }
        Cause::ReleaseFailed { .. } => format!(
            "kubectl get releases --namespace {namespace} --selector release.appstudio.openshift.io/releasePlan={}",
            context.plan
        ),
        Cause::RanAndFailed { .. } | Cause::OnlyTried { .. } | Cause::RunningNow { .. } | Cause::NotKnown => {
            return None;
        }
    };
    Some(Line::of("next: ").code(command))
}
