//! Sixty nights of three platforms, as the channel has them: what somebody reads who has nothing
//! else.
//!
//! The nights are drawn from the situations of the samples with a fixed seed, played on a clock
//! that does not wait, with records and Releases in a cluster and a Slack that keeps what it gets;
//! check-staleness looks at noon. The transcript is kept.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::{SignedDuration, Timestamp};
use serde_json::{Value, json};
use standins::{Server, TokioTime, World};

use super::{Begin, Facts, Sight, Sources, run, samples};
use crate::clock::{RuntimeClock, SharedClock};
use crate::cluster::{Cluster, Tenant};
use crate::http::SharedTransport;
use crate::record::{
    ConfigMapStore, GateRecord, Identity, Journal, Limits, Whose, labels, past_runs,
};
use crate::secret::SecretFile;
use crate::slack::{Runbook, Slack, Target};
use crate::staleness::{self, Quiet};
use crate::support::network;
use crate::support::random::Random;

const NAMESPACE: &str = "acme-tenant";
const CHANNEL: &str = "C0123";
const TOKEN: &str = "xoxb-a-bot";
const PLATFORMS: [(&str, &str); 3] =
    [("ARO HCP", "aro-hcp"), ("ROSA HCP", "rosa-hcp"), ("GCP HCP", "gcp-hcp")];
const NIGHTS: u64 = 20;

/// What a night can be, as often as it stands here. A night that was killed leaves a record and no
/// message.
const DRAWN: [&str; 20] = [
    "promoted",
    "promoted",
    "promoted",
    "promoted",
    "promoted",
    "promoted-on-rerun",
    "promoted-on-rerun",
    "refused",
    "refused",
    "refused",
    "undecided",
    "undecided",
    "unproven",
    "release-failed",
    "release-unknown",
    "stopped",
    "broken-before-launch",
    "broken-while-waiting",
    "cancelled",
    "killed",
];

struct Town {
    world: World,
    clock: SharedClock,
    cluster: Cluster,
    transport: SharedTransport,
    secrets: tempfile::TempDir,
}

/// One night of one platform.
struct Night<'a> {
    label: &'a str,
    name: &'a str,
    drawn: &'a str,
    /// Names this night's image, Snapshot and run.
    number: u64,
    begun: Timestamp,
}

impl Night<'_> {
    fn record_name(&self) -> String {
        format!("gate-{}", self.run())
    }

    fn run(&self) -> String {
        format!("ho-release-gate-{:05x}", 0xa0000 + self.number)
    }

    /// A text of a sample with the names of this night.
    fn named(&self, text: &str) -> String {
        let stamp = self.begun.strftime("%Y%m%d-%H%M%S");
        text.replace("4be1f0c2", &format!("{:08x}", 0x1000_0000 + self.number * 0x0101_0101))
            .replace("20260820-031104", &stamp.to_string())
            .replace("ho-release-gate-x7k2p", &self.run())
            .replace("0d8ffe0e-9f0b-4d2e-9a07-7d7f5bb9c2d1", &format!("run-{}", self.number))
            .replace("ARO HCP", self.label)
            .replace("aro-hcp", self.name)
    }

    /// A record of a sample, moved to this night.
    fn record(&self, sample: &GateRecord) -> GateRecord {
        let by = self.begun.duration_since(sample.created_at);
        let text = self.named(&serde_json::to_string(sample).unwrap());
        let mut value: Value = serde_json::from_str(&text).unwrap();
        shift(&mut value, by);
        let mut record: GateRecord = serde_json::from_value(value).unwrap();
        record.scenario = Some(format!("ho-release-gate-{}", self.name));
        record
    }
}

/// Moves every time in a document.
fn shift(value: &mut Value, by: SignedDuration) {
    match value {
        Value::Array(items) => items.iter_mut().for_each(|item| shift(item, by)),
        Value::Object(map) => map.values_mut().for_each(|item| shift(item, by)),
        Value::String(text) => {
            if let Ok(at) = text.parse::<Timestamp>() {
                *text = (at + by).to_string();
            }
        }
        _ => {}
    }
}

impl Town {
    fn new(start: Timestamp) -> Self {
        let world = World::builder().clock(TokioTime::starting_at(start)).build();
        let transport = network(&world);
        let client = kube::Client::new(world.direct(Server::Kube), NAMESPACE);
        let secrets = tempfile::tempdir().unwrap();
        std::fs::write(secrets.path().join("token"), TOKEN).unwrap();
        world.slack().bot(TOKEN, CHANNEL);
        Self {
            world,
            clock: Arc::new(RuntimeClock::starting_at(start)),
            cluster: Cluster { client, namespace: NAMESPACE.to_owned() },
            transport,
            secrets,
        }
    }

    fn slack(&self) -> Slack {
        let token = SecretFile::new("--slack-token-file", self.secrets.path().join("token"));
        let api = format!("{}/api", Server::Slack.base()).parse().unwrap();
        let target = Target::Channel { token, channel: CHANNEL.to_owned(), api };
        Slack::new(target, Arc::clone(&self.transport), Arc::clone(&self.clock))
    }

    fn store(&self, name: &str) -> ConfigMapStore {
        ConfigMapStore::new(&self.cluster, name)
    }

    async fn wait_until(&self, at: Timestamp) {
        self.clock.sleep(self.clock.until(at)).await;
    }

    /// What the cluster holds after the night: its record, its run, and its Release.
    fn leave(&self, night: &Night<'_>, record: &GateRecord) {
        let scenario = record.scenario.clone().unwrap();
        self.world.kube().put(json!({
            "kind": "ConfigMap", "data": {"record.json": serde_json::to_string(record).unwrap()},
            "metadata": {"name": night.record_name(), "namespace": NAMESPACE, "creationTimestamp": night.begun.to_string(),
                "labels": labels::of_record(record)},
        }));
        self.world.kube().put(json!({
            "kind": "PipelineRun",
            "metadata": {"name": night.run(), "namespace": NAMESPACE, "creationTimestamp": night.begun.to_string(),
                "labels": {"test.appstudio.openshift.io/scenario": scenario}},
            "status": {"startTime": night.begun.to_string(), "completionTime": self.clock.now().to_string()},
        }));
        let Some(release) = record
            .release
            .as_ref()
            .filter(|_| night.drawn.starts_with("promoted"))
        else {
            return;
        };
        let snapshot = record
            .candidate
            .as_ref()
            .and_then(|candidate| candidate.snapshot.clone());
        self.world.kube().put(json!({
            "kind": "Release",
            "metadata": {"name": format!("r-{}", night.number), "namespace": NAMESPACE, "uid": format!("r-{}", night.number),
                "creationTimestamp": release.created_at.unwrap().to_string()},
            "spec": {"releasePlan": release.plan, "snapshot": snapshot},
            "status": {
                "completionTime": release.completed_at.unwrap().to_string(),
                "conditions": [{"type": "Released", "status": "True", "reason": "Succeeded", "message": ""}],
                "artifacts": {"images": [{"name": "ho", "urls": [],
                    "shasum": record.candidate.as_ref().unwrap().digest.as_str()}]},
            },
        }));
    }

    /// Plays a night to its end; whether it could speak.
    async fn play(&self, night: &Night<'_>, samples: &BTreeMap<&str, Facts>) -> bool {
        self.wait_until(night.begun + SignedDuration::from_hours(3)).await;
        if night.drawn == "killed" {
            let mut record = night.record(samples["broken-while-waiting"].sight.record().unwrap());
            (record.verdict, record.release) = (None, None);
            self.leave(night, &record);
            return false;
        }
        let facts = &samples[night.drawn];
        let mut options = facts.options.clone();
        for text in [
            &mut options.gate,
            &mut options.snapshot,
            &mut options.plan,
            &mut options.run_name,
            &mut options.run_url,
        ]
        .into_iter()
        .chain([&mut options.scenario, &mut options.record])
        {
            *text = text.as_deref().map(|text| night.named(text));
        }
        let identity = Identity {
            run_id: Some(format!("run-{}", night.number)),
            run_name: Some(night.run()),
            gate: Some(night.label.to_owned()),
            scenario: options.scenario.clone(),
            namespace: Some(NAMESPACE.to_owned()),
        };
        let store = || Box::new(self.store(&night.record_name()));
        let record = match facts.sight.record() {
            None => Err(Sight::Missing),
            Some(sample) => {
                self.leave(night, &night.record(sample));
                Ok(Journal::existing(store(), Arc::clone(&self.clock), &Identity::default())
                    .await
                    .unwrap())
            }
        };
        let id = format!("run-{}", night.number);
        let limits = Limits { except: Some(&id), ..Limits::default() };
        let past = past_runs(&self.cluster, &self.clock, Whose::Gate(night.label), limits)
            .await
            .unwrap();
        let sources = Sources {
            record,
            begin: Some(Begin { store: store(), identity }),
            past: Some(past.runs),
            releases: None,
            cancelled: facts.cancelled,
            slack: Some(self.slack()),
            clock: Arc::clone(&self.clock),
        };
        run(options, sources).await.sent.unwrap().unwrap();
        true
    }

    /// check-staleness at noon.
    async fn look(&self, label: &str, name: &str) {
        let options = staleness::Options {
            threshold: SignedDuration::from_hours(72),
            repeat: Duration::from_secs(24 * 3600),
            quiet: Quiet::default(),
            runbook: Runbook::default(),
        };
        let sources = staleness::Sources {
            tenant: Tenant::new(&self.cluster, Arc::clone(&self.clock)),
            archive: None,
            plan: crate::name::ObjectName::label(&format!("ho-release-gate-{name}")).unwrap(),
            threshold: options.threshold,
            application: None,
            component: None,
            scenario: Some(
                crate::name::ObjectName::label(&format!("ho-release-gate-{name}")).unwrap(),
            ),
            gate: Some(label.to_owned()),
            patience: staleness::PATIENCE,
        };
        let ledger = self.store(&format!("staleness-{name}"));
        staleness::check(&options, &sources, Some(&ledger), Some(&self.slack()), &self.clock)
            .await
            .unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn sixty_nights_read_in_the_channel_as_checked_in() {
    let start: Timestamp = "2026-08-01T00:00:00Z".parse().unwrap();
    let town = Town::new(start);
    let samples: BTreeMap<_, _> = samples::all()
        .into_iter()
        .map(|(name, _, facts)| (name, facts))
        .collect();
    let mut random = Random::seeded(7);
    let (mut number, mut spoken) = (0, 0);
    for day in 0..NIGHTS {
        let midnight = start + SignedDuration::from_hours(24 * i64::try_from(day).unwrap());
        for (index, (label, name)) in PLATFORMS.iter().enumerate() {
            number += 1;
            // Each platform begins with an image that is verified.
            let drawn = if day == 0 { "promoted" } else { random.one_of(&DRAWN) };
            let begun = midnight + SignedDuration::from_mins(30 * i64::try_from(index).unwrap());
            let night = Night { label, name, drawn, number, begun };
            let before = town.world.slack().messages().len();
            let spoke = town.play(&night, &samples).await;
            let said = town.world.slack().messages().len() - before;
            assert_eq!(
                said,
                usize::from(spoke),
                "night {number}, {drawn}: one message, neither none nor two"
            );
            spoken += said;
        }
        town.wait_until(midnight + SignedDuration::from_hours(12)).await;
        for (label, name) in PLATFORMS {
            town.look(label, name).await;
        }
    }
    assert_eq!(town.world.slack().refused(), []);
    let messages = town.world.slack().messages();
    let mut transcript = format!(
        "{number} nights, {} messages, {} of them of check-staleness\n",
        messages.len(),
        messages.len() - spoken
    );
    let (mut first, mut headlines) = (BTreeMap::new(), BTreeSet::new());
    for message in &messages {
        let words = message.words();
        // Without what a telephone shows of it.
        let words = words.rsplit_once('\n').map_or(words.as_str(), |(seen, _)| seen);
        let place = match message.thread.as_ref().map(|thread| &first[thread]) {
            None => String::new(),
            Some(at) if message.in_channel => format!(", in the thread of {at} and in the channel"),
            Some(at) => format!(", in the thread of {at}"),
        };
        let at = message.at.strftime("%m-%d %H:%M").to_string();
        transcript += &format!("\n{at}{place}\n{words}\n");
        first.insert(message.ts.clone().unwrap(), at.clone());
        // Whoever has only this message knows of what it is, and what to do where something is to
        // be done; what the gate's last message said is not said again by the watch.
        assert!(PLATFORMS.iter().any(|(label, _)| words.contains(label)), "{words}");
        let bad = words.contains('🔴') || words.contains('🟡');
        let told =
            ["again: ", "mended: ", "gone: ", "next: ", "did not pass", "was not released: "];
        assert!(!bad || told.iter().any(|action| words.contains(action)), "nothing to do: {words}");
        let headline = words.lines().next().unwrap().to_owned();
        assert!(headlines.insert((at[..5].to_owned(), headline)), "told twice in a day: {words}");
    }
    xtask::held("lib/src/notify/goldens/sixty-nights.txt", &transcript);
}
