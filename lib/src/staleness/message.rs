//! The message about a finding.

use jiff::{SignedDuration, Timestamp};

use super::automatic::{Alarm, Automatic};
use super::{Cause, Finding, Reach, Source, Told, Verified};
use crate::duration::{ago, days};
use crate::konflux::AUTO_RELEASE_LABEL;
use crate::slack::{Colour, Line, Payload, Runbook, with_runbook};
use crate::snapshot::ComponentName;
use crate::step::command::Command;
use crate::text;

/// So many automatic Releases are shown.
const SHOWN: usize = 5;

/// Bytes of a foreign text in a line.
const FOREIGN: usize = 300;

/// What a message needs besides the finding.
#[derive(Debug, Clone)]
pub struct Context {
    /// The gate's name.
    pub gate: String,
    pub plan: String,
    pub scenario: Option<String>,
    /// The Application of its Snapshots.
    pub application: Option<String>,
    /// The component that is gated.
    pub component: Option<ComponentName>,
    pub namespace: String,
    pub threshold: SignedDuration,
    /// Further remarks, one per line.
    pub remarks: Vec<String>,
    /// Where the runbook is.
    pub runbook: Runbook,
}

/// The message about a finding.
pub fn compose(context: &Context, told: Told, finding: &Finding, now: Timestamp) -> Payload {
    let gate = &context.gate;
    let (sign, colour, headline, anchor) = match (told, finding) {
        (Told::Recovery, _) | (_, Finding::Fresh { .. }) => {
            ("🟢", Colour::Green, format!("{gate}: the alarm is over"), None)
        }
        (_, Finding::Stale { cause: Cause::NothingNewer { built_at, .. }, newest, .. }) => {
            let since = built_at.or(newest.as_ref().map(|newest| newest.at));
            let days = since.map_or(0, |since| now.duration_since(since).as_hours() / 24);
            let words = format!("{gate}: no new build for {days} days");
            ("🟡", Colour::Yellow, words, Some("no-new-build"))
        }
        (_, Finding::Stale { newest: Some(newest), .. }) => (
            "🔴",
            Colour::Red,
            format!("{gate}: nothing was verified since {}", ago(newest.at, now)),
            Some("stale"),
        ),
        (_, Finding::Stale { newest: None, reach: Reach::All, .. }) => {
            let words = format!("{gate}: no image was ever verified");
            ("🔴", Colour::Red, words, Some("never-verified"))
        }
        (_, Finding::Stale { newest: None, .. }) => {
            let words = format!("{gate}: no verified image is known of");
            ("🔴", Colour::Red, words, Some("none-known"))
        }
        (_, Finding::Blind { .. }) => (
            "🟡",
            Colour::Yellow,
            format!("{gate}: it cannot be seen how old the newest verified image is"),
            Some("blind"),
        ),
    };
    let mut lines = vec![newest_line(finding, now)];
    match finding {
        Finding::Stale { cause, silent, .. } => {
            lines.push(Line::of(cause_words(cause, now)));
            lines.extend(silent_lines(silent));
            lines.extend(next(context, cause));
        }
        Finding::Blind { silent, .. } => lines.extend(silent_lines(silent)),
        Finding::Fresh { silent, .. } => lines.extend(silent_lines(silent)),
    }
    lines.extend(
        context
            .remarks
            .iter()
            .map(|remark| Line::of(text::one_line(remark, FOREIGN))),
    );
    Payload {
        headline: Line::of(format!("{sign} ")).bold(headline),
        colour,
        body: vec![lines],
        footer: footer(context, anchor),
    }
}

/// The message about Releases that were made automatically.
pub fn compose_alarm(context: &Context, alarm: &Alarm, now: Timestamp) -> Payload {
    let gate = &context.gate;
    let raised = match alarm {
        Alarm::Raised(raised) => raised.as_slice(),
        Alarm::Over | Alarm::None => {
            let words = format!("{gate}: a verified image has followed the untested one");
            let (headline, footer) = (Line::of("🟢 ").bold(words), footer(context, None));
            let line = Line::of(
                "the automatic Releases that were told of have been overtaken by a verified one",
            );
            return Payload { headline, colour: Colour::Green, body: vec![vec![line]], footer };
        }
    };
    let out = raised.iter().filter(|one| one.stands).count();
    let untested = "an untested image was released automatically";
    let (words, anchor) = match (raised, out) {
        ([_], 0) => ("its plan made a Release by itself".to_owned(), "own-release"),
        (many, 0) => (format!("its plan made {} Releases by itself", many.len()), "own-releases"),
        ([_], _) | (_, 1) => (untested.to_owned(), "untested-release"),
        (_, out) => {
            (format!("{out} untested images were released automatically"), "untested-releases")
        }
    };
    let mut lines: Vec<Line> = raised
        .iter()
        .take(SHOWN)
        .map(|one| automatic_line(one, now))
        .collect();
    if let Some(more @ 1..) = raised.len().checked_sub(SHOWN) {
        lines.push(Line::of(format!("and {more} more")));
    }
    lines.push(Line::of(format!(
        "plan {} is not told to leave that: each new Snapshot is released before it is tested. such a Release verifies nothing",
        context.plan
    )));
    let label = format!(
        "kubectl label releaseplan {} --namespace {} --overwrite {AUTO_RELEASE_LABEL}=false",
        context.plan, context.namespace
    );
    lines.push(Line::of("next: ").code(label));
    let headline = Line::of("🔴 ").bold(format!("{gate}: {words}"));
    let footer = footer(context, Some(anchor));
    Payload { headline, colour: Colour::Red, body: vec![lines], footer }
}

fn automatic_line(one: &Automatic, now: Timestamp) -> Line {
    let when = one
        .created
        .map(|at| format!(", made {}", ago(at, now)))
        .unwrap_or_default();
    let snapshot = text::one_line(&one.snapshot, 80);
    Line::of("Release ")
        .code(text::one_line(&one.release, 80))
        .text(format!(" of {snapshot}{when}: {}", one.state))
}

fn footer(context: &Context, anchor: Option<&str>) -> Option<Line> {
    let scenario = context
        .scenario
        .as_ref()
        .map(|name| format!(" · scenario {name}"))
        .unwrap_or_default();
    let limit = days(context.threshold);
    let words = format!(
        "plan {}{scenario} · namespace {} · limit {limit}",
        context.plan, context.namespace
    );
    with_runbook(Some(Line::of(words)), anchor.and_then(|anchor| context.runbook.row(anchor)))
}

/// A finding in one line, for logs and programs.
pub fn summary(finding: &Finding, untested: &[Automatic], alarm: &Alarm, now: Timestamp) -> String {
    let newest = newest_words(finding, now);
    let mut words = match finding {
        Finding::Fresh { silent, .. } if !silent.is_empty() => {
            format!("fresh: {newest}; {}", silent_words(silent))
        }
        Finding::Fresh { .. } => format!("fresh: {newest}"),
        Finding::Stale { cause, .. } => format!("stale: {newest}; {}", cause_words(cause, now)),
        Finding::Blind { silent, .. } => format!("blind: {newest}; {}", silent_words(silent)),
    };
    let raised = if let Alarm::Raised(raised) = alarm { raised.as_slice() } else { &[] };
    let named = untested.iter().filter(|one| one.stands || raised.contains(one));
    let named: Vec<_> = named.map(|one| one.release.as_str()).collect();
    if !named.is_empty() {
        words +=
            &format!("; made automatically, of untested images: {}", text::some_of(&named, SHOWN));
    }
    words
}

fn silent_words(silent: &[Source]) -> String {
    let words: Vec<_> = silent
        .iter()
        .map(|source| format!("{}: {}", source.name.words(), source.why))
        .collect();
    words.join("; ")
}

fn newest_line(finding: &Finding, now: Timestamp) -> Line {
    Line::of(newest_words(finding, now))
}

fn newest_words(finding: &Finding, now: Timestamp) -> String {
    let (Finding::Fresh { newest, .. }
    | Finding::Stale { newest, .. }
    | Finding::Blind { newest, .. }) = finding;
    let Some(Verified { image, release, at, .. }) = newest else {
        return match finding {
            Finding::Fresh { .. } => {
                "no image verified yet, and the gate is younger than the limit".to_owned()
            }
            Finding::Blind { .. } => "no verified image can be seen".to_owned(),
            Finding::Stale { reach: Reach::All, .. } => {
                "no Release of the plan has ever landed with a tested image".to_owned()
            }
            Finding::Stale { reach: Reach::Live, .. } => {
                "no Release of the plan that is still in the cluster has landed with a tested image"
                    .to_owned()
            }
            Finding::Stale { reach: Reach::Back(back), .. } => {
                format!(
                    "no Release of the plan has landed with a tested image in the last {}",
                    days(*back)
                )
            }
        };
    };
    let can_be_seen =
        if matches!(finding, Finding::Blind { .. }) { " that can be seen" } else { "" };
    let words = format!(
        "newest verified image{can_be_seen}: {}, {} (Release {release})",
        image.words(),
        ago(*at, now)
    );
    match finding {
        Finding::Fresh { nothing_newer: Some(snapshot), .. } => {
            format!(
                "{words}; there is nothing newer that a night could have verified: the newest Snapshot is {snapshot}"
            )
        }
        _ => words,
    }
}

fn cause_words(cause: &Cause, now: Timestamp) -> String {
    match cause {
        Cause::DidNotRun { last: Some(last) } => {
            format!("the gate did not run: its last run began {}", ago(*last, now))
        }
        Cause::DidNotRun { last: None } => {
            "the gate did not run: no run and no record of it is known".to_owned()
        }
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
            format!(
                "the gate ran {runs} times and did not pass; the last: {}",
                text::one_line(words, FOREIGN)
            )
        }
        Cause::OnlyTried { words } => {
            format!(
                "the gate ran and passed, and nothing was to be promoted: {}",
                text::one_line(words, FOREIGN)
            )
        }
        Cause::ReleaseFailed { words } => {
            format!("the image passed and was not released: {}", text::one_line(words, FOREIGN))
        }
        Cause::ReleaseUnknown { words } => {
            format!(
                "the image passed, and it is not known whether its Release pushed it: {}",
                text::one_line(words, FOREIGN)
            )
        }
        Cause::RunningNow { run } => format!("run {run} is on its way"),
        Cause::NothingNewer { snapshot, .. } => {
            format!(
                "there is nothing newer that a night could have verified: the newest Snapshot is {snapshot}. is the build broken, or the schedule off?"
            )
        }
        Cause::NotKnown => "why is not known: see what did not answer".to_owned(),
    }
}

fn silent_lines(silent: &[Source]) -> Vec<Line> {
    let line = |source: &Source| {
        Line::of(format!(
            "no answer: {}: {}",
            source.name.words(),
            text::one_line(&source.why, FOREIGN)
        ))
    };
    silent.iter().map(line).collect()
}

/// What to do, as a command.
fn next(context: &Context, cause: &Cause) -> Option<Line> {
    let namespace = &context.namespace;
    let command = match cause {
        Cause::DidNotRun { .. } | Cause::Killed { .. } => {
            let scenario = context.scenario.as_ref()?;
            let whole = context.application.as_ref().zip(context.component.as_ref());
            match whole {
                Some((application, component)) => Command::new("trigger-gate")
                    .flag("--namespace", Some(namespace))
                    .flag("--application", Some(application))
                    .flag("--component", Some(&component.name))
                    .flag("--component-version", component.version.as_deref())
                    .flag("--scenario", Some(scenario))
                    .flag("--release-plan", Some(&context.plan)),
                // With a gap in it a command cannot be run as it stands.
                None => Command::new("show-gate")
                    .flag("--namespace", Some(namespace))
                    .flag("--scenario", Some(scenario)),
            }
            .text()
        }
        Cause::ReleaseFailed { .. } | Cause::ReleaseUnknown { .. } => format!(
            "kubectl get releases --namespace {namespace} --selector release.appstudio.openshift.io/releasePlan={}",
            context.plan
        ),
        Cause::RanAndFailed { .. }
        | Cause::OnlyTried { .. }
        | Cause::RunningNow { .. }
        | Cause::NothingNewer { .. }
        | Cause::NotKnown => return None,
    };
    Some(Line::of("next: ").code(command))
}
