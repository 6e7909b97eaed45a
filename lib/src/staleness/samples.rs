//! Each message that check-staleness can send, for `docs/messages.md` and for the runbook's table.

use jiff::{SignedDuration, Timestamp};

use super::message::compose_alarm;
use super::{
    Alarm, Alert, Automatic, Cause, Context, Finding, Reach, Source, SourceName, Told, Verified,
    compose,
};
use crate::slack::Payload;
use crate::snapshot::ComponentName;
use crate::verified::Image;

fn now() -> Timestamp {
    "2026-08-20T12:05:00Z".parse().unwrap()
}

fn days_ago(days: i64) -> Timestamp {
    now() - SignedDuration::from_hours(24 * days)
}

fn context() -> Context {
    Context {
        gate: "ARO HCP".to_owned(),
        plan: "ho-release-gate-aro-hcp".to_owned(),
        scenario: Some("ho-release-gate-aro-hcp".to_owned()),
        application: Some("hypershift-operator".to_owned()),
        component: Some(ComponentName::of("hypershift-operator-main")),
        namespace: "acme-tenant".to_owned(),
        threshold: SignedDuration::from_hours(72),
        remarks: Vec::new(),
        runbook: "https://github.com/acme/release-gate/blob/main/docs/runbook.md"
            .parse()
            .unwrap(),
    }
}

fn verified(days: i64) -> Verified {
    Verified {
        release: "ho-release-gate-aro-hcp-6f3c20aa1b2c-1".to_owned(),
        image: Image::Short("6f3c20aa1b2c".to_owned()),
        at: days_ago(days),
        compared: true,
    }
}

fn stale(newest: Option<Verified>, reach: Reach, cause: Cause) -> Finding {
    Finding::Stale { newest, reach, cause, silent: Vec::new() }
}

fn silent() -> Vec<Source> {
    vec![Source::silent(SourceName::Archive, "503 Service Unavailable")]
}

fn automatic(number: u32, stands: bool) -> Automatic {
    Automatic {
        release: format!("hypershift-operator-2026082{number}"),
        id: number.to_string(),
        snapshot: format!("hypershift-operator-2026082{number}-031104-000"),
        created: Some(days_ago(0)),
        state: if stands { "landed" } else { "failed" },
        since: stands.then(|| days_ago(0)),
        stands,
    }
}

/// Each message with a title for readers.
pub fn all() -> Vec<(&'static str, Payload)> {
    let alert = |finding| compose(&context(), Told::Alert(Alert::Stale), &finding, now());
    let failed = "refused: e2e-aks-upgrade-minor failed TestUpgradeControlPlane".to_owned();
    let fresh =
        Finding::Fresh { newest: Some(verified(0)), nothing_newer: None, silent: Vec::new() };
    let raised =
        |releases: Vec<Automatic>| compose_alarm(&context(), &Alarm::Raised(releases), now());
    vec![
        (
            "Nothing was verified for too long: the gate did not run",
            alert(stale(
                Some(verified(4)),
                Reach::All,
                Cause::DidNotRun { last: Some(days_ago(3)) },
            )),
        ),
        (
            "Nothing was verified for too long: its runs did not pass",
            alert(stale(
                Some(verified(5)),
                Reach::All,
                Cause::RanAndFailed { words: failed, runs: 4 },
            )),
        ),
        (
            "Nothing was ever verified",
            alert(stale(
                None,
                Reach::All,
                Cause::RunningNow { run: "ho-release-gate-x7k2p".to_owned() },
            )),
        ),
        (
            "Nothing in the cluster is verified",
            alert(stale(None, Reach::Live, Cause::DidNotRun { last: None })),
        ),
        (
            "Nothing new is built",
            alert(stale(
                Some(verified(12)),
                Reach::All,
                Cause::NothingNewer {
                    snapshot: "hypershift-operator-20260808-031104-000".to_owned(),
                    built_at: Some(days_ago(12)),
                },
            )),
        ),
        (
            "A source does not answer",
            alert(Finding::Blind { newest: Some(verified(4)), silent: silent() }),
        ),
        ("It is fresh again", compose(&context(), Told::Recovery, &fresh, now())),
        ("An untested image was released", raised(vec![automatic(1, true)])),
        (
            "Several untested images were released",
            raised(vec![automatic(1, true), automatic(2, true)]),
        ),
        ("The plan releases by itself, and nothing was pushed", raised(vec![automatic(1, false)])),
        (
            "The plan has released several times by itself, and nothing was pushed",
            raised(vec![automatic(1, false), automatic(2, false)]),
        ),
        ("A verified image has followed", compose_alarm(&context(), &Alarm::Over, now())),
    ]
}
