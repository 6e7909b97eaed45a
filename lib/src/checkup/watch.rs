//! Creating a check, following it, and removing it again.

use std::collections::BTreeSet;

use k8s_openapi::api::batch::v1::Job;
use k8s_openapi::api::core::v1::{ConfigMap, ContainerStatus, Pod};
use kube::Api;
use kube::api::{DeleteParams, ListParams, LogParams, PostParams, Request};
use serde_json::Value;

use super::Options;
use super::objects::{check_job, check_run, parameter, serves};
use super::rows::{LOG, Row, rows};
use crate::cluster::{Resource, Tenant, code, words};
use crate::failure::{Failure, OrExit};
use crate::konflux::condition;
use crate::name::ObjectName;
use crate::snapshot::ComponentName;
use crate::step::LastWords;
use crate::tekton::{PipelineRun, RUNS};
use crate::trigger;

/// Between two looks at the pods (2 seconds).
const LOOK: std::time::Duration = std::time::Duration::from_secs(2);

/// How many pods of a check are read.
const MOST: u32 = 500;

/// How many CronJobs are read at once.
const PAGE: u32 = 100;

const CRON_JOBS: Resource =
    Resource { group: "batch", version: "v1", kind: "CronJob", plural: "cronjobs" };
const JOBS: Resource = Resource { group: "batch", version: "v1", kind: "Job", plural: "jobs" };

/// The names of what a check creates.
#[derive(Debug, Clone, Default)]
struct Created {
    run: String,
    jobs: Vec<String>,
}

/// How a check went.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Sum {
    /// The rows that were shown.
    pub rows: usize,
    /// Those that say `failed`.
    pub failed: usize,
}

impl Sum {
    fn add(&mut self, row: &Row) {
        self.rows += 1;
        self.failed += usize::from(row.failed());
    }

    /// How the step ends.
    ///
    /// # Errors
    /// Something failed, or nothing was looked at.
    pub fn end(self) -> Result<(), Failure> {
        match self {
            Self { rows: 0, .. } => Err(Failure::failed(
                "no step said what it looked at; see the runbook's section on --check",
            )),
            Self { failed: 0, .. } => Ok(()),
            Self { rows, failed } => {
                Err(Failure::failed(format!("{failed} of {rows} checks failed")))
            }
        }
    }
}

/// Starts the check run and the check Jobs, shows each row as it comes, and removes what was created,
/// also when the step is told to stop.
///
/// # Errors
/// Misuse for a scenario or a Snapshot that is not there; trouble with the cluster.
pub async fn run(
    options: &Options,
    tenant: &Tenant,
    last_words: &LastWords,
    mut show: impl FnMut(&Row),
) -> Result<Sum, Failure> {
    let name = &options.scenario;
    let Some(scenario) = tenant.scenario(name).await.failed()? else {
        return Err(Failure::misuse(trigger::no_scenario(tenant, name).await));
    };
    let snapshot = newest(options, tenant, &scenario).await?;
    let id = uuid::Uuid::new_v4().simple().to_string()[..5].to_owned();
    let run = check_run(&options.run, &scenario, &snapshot, &id).misuse_of("--run-file")?;
    let cron_jobs: Vec<Value> = tenant.list(CRON_JOBS, "", PAGE, Some).await.failed()?;
    let ours = cron_jobs.iter().filter(|cron_job| serves(cron_job, name));
    let jobs = ours
        .map(|cron_job| check_job(cron_job, &id))
        .collect::<Result<Vec<_>, _>>();
    let jobs = jobs.failed()?;
    let text = |object: &Value| object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let created = Created { run: text(&run), jobs: jobs.iter().map(text).collect() };
    tracing::info!("checks scenario {name} on Snapshot {snapshot}: run {}", created.run);
    if jobs.is_empty() {
        tracing::warn!(
            "no CronJob of this namespace names scenario {name}: only the run is checked"
        );
    }
    if !options.keep {
        last_words.set(removed(tenant.clone(), created.clone()));
    }
    let followed = match create(tenant, &run, &jobs).await {
        Ok(()) => follow(options, tenant, &created, &mut show).await,
        Err(failure) => Err(failure),
    };
    if !options.keep {
        removed(tenant.clone(), created).await;
        last_words.clear();
    }
    followed
}

/// The Snapshot of the check: the one that was named, or the newest of a push.
async fn newest(options: &Options, tenant: &Tenant, scenario: &Value) -> Result<String, Failure> {
    let application = scenario["spec"]["application"].as_str();
    let component = parameter(scenario, "component");
    let wanted = trigger::Options {
        application: application.map(ObjectName::label_value).transpose().failed()?,
        component: component.map(|name| ComponentName { name, version: None }),
        snapshot: options.snapshot.clone(),
        wanted: Vec::new(),
        wait: options.timeout,
        keep: options.timeout,
        dry_run: true,
        force: true,
    };
    let choice = trigger::choose(&wanted, tenant).await.failed()?;
    if let Some(chosen) = choice.chosen {
        return Ok(chosen.name);
    }
    let hint = trigger::no_snapshots(&wanted, tenant).await;
    Err(Failure::failed(hint.filter(|_| choice.looked_at == 0).unwrap_or_else(|| {
        "there is no usable Snapshot of a push yet: merge something and wait for its build, or name one with --snapshot"
            .to_owned()
    })))
}

async fn create(tenant: &Tenant, run: &Value, jobs: &[Value]) -> Result<(), Failure> {
    let client = &tenant.cluster.client;
    let refused = |what: &str, error: &kube::Error| {
        Failure::failed(format!("cannot create {what}: {}", words(error)))
    };
    let bytes = serde_json::to_vec(run).failed()?;
    let request = Request::new(RUNS.path(tenant.namespace())).create(&PostParams::default(), bytes);
    let request = request.failed()?;
    let made: Result<Value, _> = client.request(request).await;
    made.map_err(|error| refused("the PipelineRun", &error))?;
    let api: Api<Job> = Api::namespaced(client.clone(), tenant.namespace());
    for job in jobs {
        let job: Job = serde_json::from_value(job.clone()).failed()?;
        let made = api.create(&PostParams::default(), &job).await;
        made.map_err(|error| refused("a Job", &error))?;
    }
    Ok(())
}

/// Reads the logs of containers as they end, until everything has ended or time is up.
async fn follow(
    options: &Options,
    tenant: &Tenant,
    created: &Created,
    show: &mut impl FnMut(&Row),
) -> Result<Sum, Failure> {
    let deadline = tenant.clock.now() + options.timeout;
    let (mut sum, mut read) = (Sum::default(), BTreeSet::new());
    let mut shown = |row: &Row| {
        sum.add(row);
        show(row);
    };
    loop {
        // What has ended by now has its logs complete in the pods that are read after it.
        let (ended, failures) = ended(tenant, created).await?;
        let pods = pods(tenant, created).await?;
        for (pod, container) in pods.iter().flat_map(terminated) {
            if read.insert((pod.clone(), container.clone())) {
                let log = log(tenant, &pod, &container).await?;
                rows(&container, &log).iter().for_each(&mut shown);
            }
        }
        if ended {
            failures.iter().for_each(&mut shown);
            return Ok(sum);
        }
        if tenant.clock.now() >= deadline {
            let waiting: Vec<String> = pods.iter().flat_map(waiting).collect();
            let why = match waiting.is_empty() {
                true => "not everything has ended".to_owned(),
                false => crate::text::some_of(&waiting, 4),
            };
            shown(&Row::failure("check-gate", "timeout", &why));
            return Ok(sum);
        }
        tenant.clock.sleep(LOOK).await;
    }
}

/// Whether run and Jobs have ended, and which of them failed as a whole.
async fn ended(tenant: &Tenant, created: &Created) -> Result<(bool, Vec<Row>), Failure> {
    let (mut all, mut failures) = (true, Vec::new());
    let run: Option<PipelineRun> = tenant.get(RUNS, &created.run).await.failed()?;
    let Some(run) = run else {
        return Ok((true, vec![Row::failure("run", "gone", "somebody deleted the check's run")]));
    };
    match condition(&run.status.conditions, "Succeeded") {
        Some(found) if found.status == "True" => {}
        Some(found) if found.status == "False" => {
            failures.push(Row::failure("run", &found.reason, &found.message));
        }
        _ => all = false,
    }
    for name in &created.jobs {
        let job: Option<Job> = tenant.get(JOBS, name).await.failed()?;
        let conditions = job.and_then(|job| job.status?.conditions).unwrap_or_default();
        let is = |kind: &str| {
            conditions
                .iter()
                .find(|found| found.type_ == kind && found.status == "True")
        };
        match (is("Failed"), is("Complete")) {
            (Some(failed), _) => failures.push(Row::failure(
                "job",
                failed.reason.as_deref().unwrap_or("failed"),
                failed.message.as_deref().unwrap_or_default(),
            )),
            (None, Some(_)) => {}
            (None, None) => all = false,
        }
    }
    Ok((all, failures))
}

async fn pods(tenant: &Tenant, created: &Created) -> Result<Vec<Pod>, Failure> {
    let api: Api<Pod> = Api::namespaced(tenant.cluster.client.clone(), tenant.namespace());
    let mut selectors = vec![format!("tekton.dev/pipelineRun={}", created.run)];
    selectors.extend(created.jobs.iter().map(|job| format!("job-name={job}")));
    let mut pods = Vec::new();
    for selector in selectors {
        let params = ListParams::default().labels(&selector).limit(MOST);
        pods.extend(
            tenant
                .read("list", "pods", || api.list(&params))
                .await
                .failed()?
                .items,
        );
    }
    pods.sort_by_key(|pod| pod.metadata.creation_timestamp.clone());
    Ok(pods)
}

fn containers(pod: &Pod) -> impl Iterator<Item = (&str, &ContainerStatus)> {
    let name = pod.metadata.name.as_deref().unwrap_or_default();
    let statuses = pod
        .status
        .iter()
        .flat_map(|status| status.container_statuses.iter().flatten());
    statuses.map(move |status| (name, status))
}

/// Pod and container of what has ended.
fn terminated(pod: &Pod) -> Vec<(String, String)> {
    let has_ended = |status: &ContainerStatus| {
        status.state.as_ref().is_some_and(|state| state.terminated.is_some())
    };
    containers(pod)
        .filter(|(_, status)| has_ended(status))
        .map(|(pod, status)| (pod.to_owned(), status.name.clone()))
        .collect()
}

/// What containers wait for: an image that cannot be pulled, a Secret that is not there.
fn waiting(pod: &Pod) -> Vec<String> {
    let words = |(pod, status): (&str, &ContainerStatus)| {
        let waiting = status.state.as_ref()?.waiting.as_ref()?;
        let reason = waiting
            .reason
            .as_deref()
            .filter(|reason| *reason != "PodInitializing")?;
        let message = waiting.message.as_deref().unwrap_or_default();
        Some(format!("{} in {pod}: {reason} {message}", status.name))
    };
    containers(pod).filter_map(words).collect()
}

async fn log(tenant: &Tenant, pod: &str, container: &str) -> Result<String, Failure> {
    let api: Api<Pod> = Api::namespaced(tenant.cluster.client.clone(), tenant.namespace());
    let limit_bytes = i64::try_from(LOG).ok();
    let params =
        LogParams { container: Some(container.to_owned()), limit_bytes, ..LogParams::default() };
    let what = format!("the log of {container} in pod {pod}");
    match tenant.read("read", &what, || api.logs(pod, &params)).await {
        Ok(log) => Ok(log),
        Err(error) if error.code() == Some(404) => Ok(String::new()),
        Err(error) => Err(error).failed(),
    }
}

/// Removes what the check created; what cannot be removed is named with the command that does.
async fn removed(tenant: Tenant, created: Created) {
    let (client, namespace) = (&tenant.cluster.client, tenant.namespace());
    let background = DeleteParams::background();
    let mut left = Vec::new();
    let mut note = |what: String, result: Result<(), kube::Error>| match result {
        Ok(()) => {}
        Err(error) if code(&error) == Some(404) => {}
        Err(error) => {
            tracing::warn!("cannot delete {what}: {}", words(&error));
            left.push(what);
        }
    };
    let path = RUNS.path(namespace);
    let deleted = match Request::new(&path).delete(&created.run, &background) {
        Ok(request) => client.request::<Value>(request).await.map(drop),
        Err(error) => Err(kube::Error::BuildRequest(error)),
    };
    note(format!("pipelinerun/{}", created.run), deleted);
    let jobs: Api<Job> = Api::namespaced(client.clone(), namespace);
    for job in &created.jobs {
        note(format!("job/{job}"), jobs.delete(job, &background).await.map(drop));
    }
    let records: Api<ConfigMap> = Api::namespaced(client.clone(), namespace);
    let record = format!("gate-{}", created.run);
    note(format!("configmap/{record}"), records.delete(&record, &background).await.map(drop));
    if !left.is_empty() {
        tracing::warn!(
            "left behind; remove with: kubectl delete -n {namespace} {}",
            left.join(" ")
        );
    }
}
