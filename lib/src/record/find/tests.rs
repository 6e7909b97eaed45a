//! Which records are whose, and all of them however the list comes.

use serde_json::json;
use standins::{Fault, Nth, Server, Trouble};

use super::*;
use crate::promote::tests::harness::Setting;
use crate::support::killer::{Killer, NEVER};

fn meta(label: Option<(&str, &str)>) -> ObjectMeta {
    let labels = label.map(|(key, value)| [(key.to_owned(), value.to_owned())].into());
    ObjectMeta { labels, ..ObjectMeta::default() }
}

fn record(gate: Option<&str>, scenario: Option<&str>) -> GateRecord {
    let (gate, scenario) = (gate.map(str::to_owned), scenario.map(str::to_owned));
    GateRecord { gate, scenario, ..GateRecord::begin("uid", Timestamp::UNIX_EPOCH) }
}

#[test]
fn the_records_own_text_decides() {
    let gate = Whose::Gate("ARO HCP");
    let label = || meta(Some((labels::GATE, "ARO-HCP")));
    assert!(gate.owns(&label(), &record(Some("ARO HCP"), None)));
    // Another name, the same label.
    assert!(!gate.owns(&label(), &record(Some("ARO-HCP"), None)));
    // The label was taken away by somebody.
    assert!(gate.owns(&meta(None), &record(Some("ARO HCP"), None)));
    assert!(
        gate.owns(&label(), &record(None, None)) && !gate.owns(&meta(None), &record(None, None))
    );
}

#[test]
fn a_record_without_a_scenario_is_known_by_its_run() {
    let whose = |runs| Whose::Scenario { name: "aro-hcp", runs };
    let label = |value| meta(Some((labels::SCENARIO, value)));
    assert!(whose(&[]).owns(&label("aro-hcp"), &record(None, Some("aro-hcp"))));
    assert!(!whose(&["uid"]).owns(&label("rosa-hcp"), &record(None, Some("rosa-hcp"))));
    // The label that it has tells more than its run.
    assert!(whose(&[]).owns(&label("aro-hcp"), &record(None, None)));
    assert!(!whose(&["uid"]).owns(&label("rosa-hcp"), &record(None, None)));
    assert!(whose(&["uid"]).owns(&meta(None), &record(None, None)));
    assert!(!whose(&["other"]).owns(&meta(None), &record(None, None)));
}

const GATE: Whose<'_> = Whose::Gate("ARO HCP");

/// ConfigMaps in a namespace, each created a minute after the one before.
struct Scene(Setting);

impl Scene {
    fn new() -> Self {
        Self(Setting::new(|_| ()))
    }

    fn put(&self, minute: i64, label: &str, document: String) {
        let at = Timestamp::from_second(minute * 60).unwrap();
        self.0.world.kube().put(json!({"kind": "ConfigMap",
            "metadata": {"name": format!("r-{minute}"), "namespace": self.0.namespace,
                "creationTimestamp": format!("{at:.0}"),
                "labels": {labels::KIND: "gate", labels::GATE: label}},
            "data": {KEY: document}}));
    }

    /// The record of the run `run-MINUTE`.
    fn record(&self, minute: i64) {
        let at = Timestamp::from_second(minute * 60).unwrap();
        let record = GateRecord {
            gate: Some("ARO HCP".to_owned()),
            ..GateRecord::begin(format!("run-{minute}"), at)
        };
        self.put(minute, "ARO-HCP", serde_json::to_string(&record).unwrap());
    }

    async fn past(&self, whose: Whose<'_>, limits: Limits<'_>) -> Result<PastRuns, kube::Error> {
        let tenant = self.0.tenant(&Killer::at(NEVER));
        past_runs(&tenant.cluster, &tenant.clock, whose, limits).await
    }

    /// The runs found, by their minutes.
    async fn minutes(&self, limits: Limits<'_>) -> String {
        let found = self.past(GATE, limits).await.unwrap();
        let minutes = found.runs.iter().map(|run| run.id.trim_start_matches("run-"));
        minutes.collect::<Vec<_>>().join(" ")
    }
}

#[tokio::test(start_paused = true)]
async fn as_many_of_the_newest_runs_as_asked_for() {
    let scene = Scene::new();
    [3, 1, 4, 2].iter().for_each(|minute| scene.record(*minute));
    let usual = Limits::default();
    assert_eq!(scene.minutes(usual).await, "4 3 2 1");
    assert_eq!(scene.minutes(Limits { most: 1, ..usual }).await, "4");
    assert_eq!(scene.minutes(Limits { most: 2, ..usual }).await, "4 3");
    assert_eq!(
        scene
            .minutes(Limits { except: Some("run-4"), most: 2, ..usual })
            .await,
        "3 2"
    );
    let since = Some(Timestamp::from_second(3 * 60).unwrap());
    assert_eq!(scene.minutes(Limits { since, ..usual }).await, "4 3");
}

#[tokio::test(start_paused = true)]
async fn a_record_that_cannot_be_read_is_its_labels() {
    let scene = Scene::new();
    scene.record(1);
    scene.put(2, "ARO-HCP", "{".to_owned());
    scene.put(3, "ROSA-HCP", "{".to_owned());
    let unreadable = async |whose| {
        let found = scene.past(whose, Limits::default()).await.unwrap();
        assert_eq!(found.runs.len(), 1);
        let names = found.unreadable.into_iter().map(|one| one.name);
        names.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(unreadable(GATE).await, "r-2");
    assert_eq!(unreadable(Whose::Anybody).await, "r-3 r-2");
}

#[tokio::test(start_paused = true)]
async fn a_list_that_changes_under_our_hands_is_begun_again_five_times() {
    for (status, times, found) in [(410, 1, true), (410, 5, true), (410, 6, false), (403, 1, false)]
    {
        let scene = Scene::new();
        scene.record(1);
        let fault = Fault::on(Server::Kube, Trouble::StatusBefore(status));
        scene.0.world.fault(fault.nth(Nth::First(times)));
        let past = scene.past(GATE, Limits::default()).await;
        match past {
            Ok(past) => assert!(found && past.runs.len() == 1, "{status} {times}: {past:?}"),
            Err(error) => assert!(!found, "{status} {times}: {error}"),
        }
    }
}

#[tokio::test(start_paused = true)]
async fn every_page_of_the_list_is_read_and_what_came_before_a_change_is_not_counted_twice() {
    let scene = Scene::new();
    let all = usize::try_from(PAGE).unwrap() + 1;
    for minute in 0..all {
        scene.put(i64::try_from(minute).unwrap(), "ARO-HCP", String::new());
    }
    let tenant = scene.0.tenant(&Killer::at(NEVER));
    let count = async || count(&tenant.cluster, &tenant.clock, GATE).await.unwrap();
    assert_eq!(count().await, all);
    // The second page of the next list.
    let fault = Fault::on(Server::Kube, Trouble::StatusBefore(410));
    scene.0.world.fault(fault.nth(Nth::Only(2)));
    assert_eq!(count().await, all);
}
