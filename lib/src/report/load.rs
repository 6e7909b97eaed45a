//! What a namespace holds of its gates, read again as seldom as possible: ConfigMaps are listed by
//! their metadata, a document is read only when its resourceVersion has changed, and of each is
//! kept what the report needs.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::time::Duration;

use futures::StreamExt;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::ConfigMap;
use kube::api::{Api, ObjectMeta};
use tokio::time::Instant;

use super::build::{Around, Read, report};
use super::model::{Report, Source, Verified};
use super::played::{NAME, Played, played, unreadable};
use crate::cluster::{self, Tenant};
use crate::failure::Chain;
use crate::history::{History, JOB_ANNOTATION};
use crate::konflux::SCENARIOS;
use crate::kubearchive::KubeArchive;
use crate::lists::{Entry, Hold, List, Retraction};
use crate::name::ObjectName;
use crate::record::{Document as _, KEY, decode, documents, labels};
use crate::snapshot::ComponentName;
use crate::staleness;
use crate::text::one_line;
use crate::verified::Image;

/// Documents read at once.
const AT_ONCE: usize = 8;

/// No more documents are read: a gate keeps 60 records, a job one history.
const MOST: usize = 1000;

/// No more plans are asked for.
const PLANS: usize = 50;

/// Releases are listed and the archive is asked again after so long (5 minutes).
const RELEASES_AGAIN: Duration = Duration::from_secs(5 * 60);

/// How long may be spent on the Releases of a plan (1 minute): the page says what is missing.
const PATIENCE: Duration = Duration::from_secs(60);

/// Lines about what is missing, and the longest of them in bytes.
const LINES: usize = 20;
const LINE: usize = 400;

/// Scenarios on a page.
const A_PAGE: u32 = 50;

/// Where to look.
#[derive(Debug, Clone)]
pub struct Sources {
    /// The namespace.
    pub tenant: Tenant,
    /// The archive, where there is one.
    pub archive: Option<KubeArchive>,
    /// From which age of the newest verified image on it is stale.
    pub threshold: SignedDuration,
}

/// Reads a namespace, and keeps what it has read.
#[derive(Debug)]
pub struct Loader {
    sources: Sources,
    seen: HashMap<String, Seen>,
    releases: Releases,
}

/// A document as it was last read.
#[derive(Debug)]
struct Seen {
    version: Option<String>,
    document: Document,
}

#[derive(Debug)]
enum Document {
    Run(Box<Played>),
    History(Box<History>),
    Holds(List<Hold>),
    Retracted(List<Retraction>),
    /// Nothing of it can be used; what people are told.
    Useless(String),
}

/// What Releases tell, by plan.
#[derive(Debug, Default)]
struct Releases {
    asked: Option<Instant>,
    told: BTreeMap<String, Told>,
}

#[derive(Debug, Default)]
struct Told {
    verified: Option<Verified>,
    missing: Vec<String>,
}

/// A gate as its scenario names it.
#[derive(Debug, Clone, PartialEq)]
struct Scenario {
    name: String,
    gate: Option<String>,
    plan: Option<String>,
    component: Option<String>,
}

impl Loader {
    /// Nothing is read yet.
    pub fn new(sources: Sources) -> Self {
        Self { sources, seen: HashMap::new(), releases: Releases::default() }
    }

    /// Where it looks.
    pub fn sources(&self) -> &Sources {
        &self.sources
    }

    /// The report as of now. What cannot be read is said in it, and stays as it was last read.
    pub async fn load(&mut self) -> Report {
        let mut missing = Vec::new();
        if let Err(error) = self.documents(&mut missing).await {
            missing.push(format!("records and histories cannot be listed: {}", Chain(&error)));
        }
        let scenarios = match self.scenarios().await {
            Ok(scenarios) => scenarios,
            Err(why) => {
                missing.push(why);
                Vec::new()
            }
        };
        let now = self.sources.tenant.clock.now();
        let plans = self.plans(&scenarios);
        self.ask_releases(&plans, now).await;
        let mut read =
            Read { namespace: Some(self.sources.tenant.namespace().to_owned()), ..Read::default() };
        for seen in self.seen.values() {
            match &seen.document {
                Document::Run(played) => read.played.push(played),
                Document::History(history) => {
                    read.histories.insert(history.job(), history);
                }
                Document::Holds(list) => {
                    read.lists.entry(list.plan().to_owned()).or_default().holds = Some(list);
                }
                Document::Retracted(list) => {
                    read.lists.entry(list.plan().to_owned()).or_default().retracted = Some(list);
                }
                Document::Useless(why) => missing.push(why.clone()),
            }
        }
        read.around = self.around(&scenarios);
        missing.extend(self.releases.told.values().flat_map(|told| told.missing.clone()));
        missing.sort_unstable();
        missing.dedup();
        let more = missing.len().saturating_sub(LINES);
        missing.truncate(LINES);
        missing.extend((more > 0).then(|| format!("and {more} more")));
        read.missing = missing.iter().map(|line| one_line(line, LINE)).collect();
        report(&read, now)
    }

    /// Reads the documents that have changed and forgets those that are gone.
    async fn documents(&mut self, missing: &mut Vec<String>) -> Result<(), kube::Error> {
        let (cluster, clock) = (&self.sources.tenant.cluster, &self.sources.tenant.clock);
        let (holds, retracted) = (Hold::KIND, Retraction::KIND);
        let selector = format!("{} in (gate,history,{holds},{retracted})", labels::KIND);
        let mut listed = documents(cluster, clock, &selector).await?;
        if listed.len() > MOST {
            missing.push(format!(
                "the oldest {} records and histories are not read",
                listed.len() - MOST
            ));
            listed.truncate(MOST);
        }
        let uids: BTreeSet<&str> = listed.iter().filter_map(|meta| meta.uid.as_deref()).collect();
        self.seen.retain(|uid, _| uids.contains(uid.as_str()));
        let seen = &self.seen;
        let has_changed = |meta: &&ObjectMeta| {
            let known = meta.uid.as_ref().and_then(|uid| seen.get(uid));
            known.is_none_or(|known| known.version != meta.resource_version)
        };
        let api: Api<ConfigMap> = Api::namespaced(cluster.client.clone(), &cluster.namespace);
        let names = listed.iter().filter(has_changed).filter_map(|meta| meta.name.clone());
        let read = |name: String| {
            let api = &api;
            async move {
                let read = cluster::patiently(clock, || api.get_opt(&name)).await;
                (name, read)
            }
        };
        let mut answers = futures::stream::iter(names.collect::<Vec<_>>())
            .map(read)
            .buffer_unordered(AT_ONCE);
        let mut changed = Vec::new();
        while let Some((name, answer)) = answers.next().await {
            match answer {
                Ok(Some(object)) => changed.extend(seen_of(object, clock.now())),
                Ok(None) => {}
                Err(error) => missing.push(format!("configmap {name}: {}", Chain(&error))),
            }
        }
        drop(answers);
        self.seen.extend(changed);
        Ok(())
    }

    /// The gates as their scenarios name them.
    async fn scenarios(&self) -> Result<Vec<Scenario>, String> {
        let tenant = &self.sources.tenant;
        let listed = tenant.list(SCENARIOS, "app.kubernetes.io/name=release-gate", A_PAGE, Some);
        match listed.await {
            Ok(found) => Ok(found.into_iter().map(scenario).collect()),
            Err(error) => {
                Err(format!("a gate that has no record yet is not known: {}", Chain(&error)))
            }
        }
    }

    /// The plans of all gates, each with the component whose image counts, where that is known.
    fn plans(&self, scenarios: &[Scenario]) -> BTreeMap<String, Option<ComponentName>> {
        let mut plans = BTreeMap::new();
        for scenario in scenarios {
            let component = ComponentName::given(scenario.component.as_deref(), None);
            if let Some(plan) = &scenario.plan {
                plans.insert(plan.clone(), component.ok().flatten());
            }
        }
        for played in self.runs() {
            if let Some(plan) = &played.plan {
                plans.entry(plan.clone()).or_insert_with(|| played.component.clone());
            }
        }
        plans
    }

    fn runs(&self) -> impl Iterator<Item = &Played> {
        self.seen.values().filter_map(|seen| match &seen.document {
            Document::Run(played) => Some(played.as_ref()),
            _ => None,
        })
    }

    /// Asks what the Releases of these plans tell, unless that was just done.
    async fn ask_releases(
        &mut self,
        plans: &BTreeMap<String, Option<ComponentName>>,
        now: Timestamp,
    ) {
        let is_fresh = self
            .releases
            .asked
            .is_some_and(|asked| asked.elapsed() < RELEASES_AGAIN);
        if is_fresh && plans.keys().all(|plan| self.releases.told.contains_key(plan)) {
            return;
        }
        let mut told = BTreeMap::new();
        for (plan, component) in plans.iter().take(PLANS) {
            told.insert(plan.clone(), self.told(plan, component.clone(), now).await);
        }
        for plan in plans.keys().skip(PLANS) {
            let line = format!("the Releases of plan {plan} were not looked at: too many plans");
            told.insert(plan.clone(), Told { verified: None, missing: vec![line] });
        }
        self.releases = Releases { asked: Some(Instant::now()), told };
    }

    async fn told(&self, plan: &str, component: Option<ComponentName>, now: Timestamp) -> Told {
        let plan = match ObjectName::label(plan) {
            Ok(name) => name,
            Err(error) => {
                let line = format!("the record's ReleasePlan: {}", Chain(&error));
                return Told { verified: None, missing: vec![line] };
            }
        };
        let sources = staleness::Sources {
            tenant: self.sources.tenant.clone(),
            archive: self.sources.archive.clone(),
            plan: plan.clone(),
            threshold: self.sources.threshold,
            application: None,
            component,
            scenario: None,
            gate: None,
            patience: PATIENCE,
        };
        let evidence = staleness::releases(&sources, now).await;
        let silent = |source: &staleness::Source| {
            format!("plan {plan}: {}: {}", source.name.words(), source.why)
        };
        let verified = evidence.newest().map(|found| Verified {
            image: match found.image {
                Image::Digest(text) | Image::Short(text) | Image::Snapshot(text) => {
                    one_line(&text, NAME)
                }
            },
            at: found.at,
            source: Source::Release,
        });
        Told { verified, missing: evidence.silent.iter().map(silent).collect() }
    }

    /// What is known of each gate besides its records.
    fn around(&self, scenarios: &[Scenario]) -> BTreeMap<String, Around> {
        let mut around: BTreeMap<String, Around> = BTreeMap::new();
        for scenario in scenarios {
            let gate = scenario.gate.as_deref().unwrap_or(&scenario.name);
            let entry = around.entry(one_line(gate, NAME)).or_default();
            entry.scenario = Some(one_line(&scenario.name, NAME));
            entry.plan = scenario.plan.as_deref().map(|plan| one_line(plan, NAME));
        }
        let mut newest = BTreeMap::new();
        for run in self.runs().filter(|run| run.plan.is_some()) {
            let known = newest.entry(run.gate.as_str()).or_insert(run);
            if run.night.begun_at > known.night.begun_at {
                *known = run;
            }
        }
        for (gate, run) in newest {
            around.entry(gate.to_owned()).or_default().plan.clone_from(&run.plan);
        }
        let limit = u64::try_from(self.sources.threshold.as_secs()).ok();
        for gate in around.values_mut() {
            let told = gate.plan.as_ref().and_then(|plan| self.releases.told.get(plan));
            gate.verified = told.and_then(|told| told.verified.clone());
            gate.stale_after = limit;
        }
        around
    }
}

/// What is kept of a document, by its UID.
fn seen_of(object: ConfigMap, now: Timestamp) -> Option<(String, Seen)> {
    let ConfigMap { metadata, data, binary_data, .. } = object;
    let label = |key| {
        metadata
            .labels
            .as_ref()
            .and_then(|labels| labels.get(key))
            .map(String::as_str)
    };
    let name = metadata.name.clone().unwrap_or_default();
    let kind = label(labels::KIND);
    let document = if kind == Some("history") {
        let packed = binary_data.into_iter().flatten().next().map(|(_, packed)| packed.0);
        history(&metadata, packed, now)
    } else if kind == Some(Hold::KIND) {
        list(&name, data).map_or_else(Document::Useless, Document::Holds)
    } else if kind == Some(Retraction::KIND) {
        list(&name, data).map_or_else(Document::Useless, Document::Retracted)
    } else {
        let text = data.and_then(|mut data| data.remove(KEY)).unwrap_or_default();
        Document::Run(Box::new(match decode(text.as_bytes(), &format!("configmap:{name}")) {
            Ok(record) => played(&metadata, &record),
            Err(error) => {
                let created = metadata.creation_timestamp.as_ref();
                let created = created.map_or(Timestamp::UNIX_EPOCH, |time| time.0);
                let gate = label(labels::GATE).or(label(labels::SCENARIO));
                unreadable(&name, created, &Chain(&error).to_string(), gate)
            }
        }))
    };
    Some((metadata.uid?, Seen { version: metadata.resource_version, document }))
}

/// A list of the plan that the ConfigMap's name ends with; or what people are told.
fn list<E: Entry>(name: &str, data: Option<BTreeMap<String, String>>) -> Result<List<E>, String> {
    let place = format!("configmap:{name}");
    let Some(plan) = name.strip_prefix(&List::<E>::config_map("")) else {
        return Err(format!("{place} has the label {0}, but is not named {0}-PLAN", E::KIND));
    };
    let text = data.and_then(|mut data| data.remove(List::<E>::KEY));
    List::of_plan(plan)
        .decode(text.as_ref().map(String::as_bytes), &place)
        .map_err(|error| Chain(&error).to_string())
}

fn history(meta: &ObjectMeta, packed: Option<Vec<u8>>, now: Timestamp) -> Document {
    let name = meta.name.as_deref().unwrap_or_default();
    let job = meta.annotations.as_ref().and_then(|notes| notes.get(JOB_ANNOTATION));
    let useless = |why: &str| Document::Useless(format!("history configmap:{name}: {why}"));
    let (Some(packed), Some(job)) = (packed, job) else {
        return useless("it holds no history of a job that it names");
    };
    match History::unpack(&packed, job, now) {
        Ok(history) => Document::History(Box::new(history.of_failures())),
        Err(error) => useless(&Chain(&error).to_string()),
    }
}

fn scenario(object: serde_json::Value) -> Scenario {
    let param = |name: &str| {
        let params = object.pointer("/spec/params")?.as_array()?;
        let found = params.iter().find(|param| param["name"] == name)?;
        Some(found["value"].as_str()?.to_owned())
    };
    Scenario {
        name: object
            .pointer("/metadata/name")
            .and_then(|name| name.as_str())
            .unwrap_or_default()
            .to_owned(),
        gate: param("gate-label"),
        plan: param("release-plan-name"),
        component: param("component"),
    }
}
