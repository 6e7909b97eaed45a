//! The whole of resolve-image, with its clients.

use std::path::PathBuf;
use std::time::Duration;

use super::{Demands, ResolveError, SnapshotFlag, choose, inspect, judge};
use crate::clock::SharedClock;
use crate::cluster::{Cluster, Tenant};
use crate::failure::{Failure, OrExit};
use crate::image::Digest;
use crate::preflight::input::note_stop_at;
use crate::record::{self, Candidate, Identity, Journal, Location};
use crate::registry::credentials::{Credentials, Environment};
use crate::site::Site;
use crate::snapshot::{ComponentName, SnapshotSpec};

/// How long the hint of a refused tag may take (15 seconds, wall time).
const HINT_WITHIN: Duration = Duration::from_secs(15);

/// The step's name.
const STEP: &str = "resolve-image";

/// resolve-image's options.
#[derive(Debug, Clone)]
pub struct Options {
    pub snapshot: SnapshotFlag,
    /// `--component` with `--component-version`.
    pub component: ComponentName,
    /// `--offline`.
    pub offline: bool,
    /// What the image must have.
    pub demands: Demands,
    /// `--authfile`.
    pub authfile: Option<PathBuf>,
    /// `--plain-http`.
    pub plain_http: Vec<String>,
    /// `--record`.
    pub record: Option<Location>,
    /// Who this run is.
    pub identity: Identity,
}

/// Resolves a Snapshot and returns the candidate; with a record, it is in there too.
///
/// # Errors
/// A [`Failure`] with the exit code of the reason.
pub async fn run(options: Options, site: &Site) -> Result<Candidate, Failure> {
    let (record, identity) = (options.record.clone(), options.identity.clone());
    let resolved = resolve(options, site).await;
    if let (Some(record), Err(failure)) = (&record, &resolved) {
        note_stop_at(record, &identity, site, STEP, Some(failure)).await;
    }
    resolved
}

async fn resolve(options: Options, site: &Site) -> Result<Candidate, Failure> {
    let clock = site.clock();
    check(&options)?;
    let credentials = match options.offline {
        true => Credentials::default(),
        false => {
            Credentials::load(options.authfile.as_deref(), &Environment::of_process()).misuse()?
        }
    };
    let on_cluster = options.record.as_ref().is_some_and(Location::is_config_map);
    let cluster = match options.snapshot.spec.is_none() || on_cluster {
        true => Some(connect(&options, site).await?),
        false => None,
    };
    let spec = match (&options.snapshot, cluster) {
        (SnapshotFlag { spec: Some(spec), .. }, _) => spec.clone(),
        (SnapshotFlag { name, .. }, Some(cluster)) => {
            look_up(name.as_deref().unwrap_or_default(), cluster, clock).await?
        }
        (SnapshotFlag { .. }, None) => {
            return Err(Failure::misuse("SNAPSHOT: expected its content"));
        }
    };
    let name = options.snapshot.name.as_deref();
    let mut candidate = match choose(&spec, name, &options.component, &options.demands) {
        Err(ResolveError::Tag { component, tag, .. }) => {
            let now = if options.offline {
                None
            } else {
                stands_for(&tag, &options, &credentials, site).await
            };
            return Err(ResolveError::Tag { component, tag, now }.into());
        }
        chosen => chosen?,
    };
    let registry = match options.offline {
        true => None,
        false => Some(
            site.registry(candidate.image.repository(), &credentials, &options.plain_http)
                .misuse()?,
        ),
    };
    let journal = match &options.record {
        None => None,
        Some(location) => {
            let store = site.store(location).await.misuse()?;
            let journal = Journal::open(store, clock.clone(), &options.identity).await?;
            // Before the registry is asked: a record of another image is found without a request,
            // and a message about a failed run can name the image.
            journal.bind(&candidate).await?;
            Some(journal)
        }
    };
    let Some(registry) = registry else {
        if let Some(journal) = journal {
            record::note_stop(&journal, clock, STEP, None).await;
        }
        return Ok(candidate);
    };
    let inspection = inspect(&registry, &candidate.image).await?;
    let judgement = judge(&candidate, &inspection, &options.demands)?;
    for warning in &judgement.warnings {
        tracing::warn!("{warning}");
    }
    candidate.platforms = judgement.platforms;
    candidate.manifests = judgement.manifests;
    candidate.index = inspection.index;
    if let Some(journal) = journal {
        journal.bind(&candidate).await?;
        record::note_stop(&journal, clock, STEP, None).await;
    }
    Ok(candidate)
}

/// What can be known to be wrong before anything is asked.
fn check(options: &Options) -> Result<(), Failure> {
    for platform in &options.demands.platforms {
        let parts: Vec<_> = platform.split('/').collect();
        if !matches!(parts.len(), 2 | 3)
            || parts
                .iter()
                .any(|part| part.is_empty() || part.contains(char::is_whitespace))
        {
            return Err(Failure::misuse(format!(
                "--require-platform: expected os/architecture such as linux/amd64, found {platform:?}"
            )));
        }
    }
    let demanded = [
        ("--require-platform", !options.demands.platforms.is_empty()),
        ("--require-revision", options.demands.revision),
    ];
    match demanded.iter().find(|(_, demanded)| *demanded) {
        Some((flag, _)) if options.offline => Err(Failure::misuse(format!(
            "{flag} cannot be kept with --offline: it needs the registry; leave one of them out"
        ))),
        _ => Ok(()),
    }
}

async fn connect<'a>(options: &Options, site: &'a Site) -> Result<&'a Cluster, Failure> {
    site.cluster().await.map_err(|error| match &options.snapshot {
        SnapshotFlag { spec: None, name: Some(name) } => Failure::misuse(format!(
            "SNAPSHOT: {name:?} is no JSON, so it is taken for a Snapshot's name, but {}",
            crate::failure::Chain(&error)
        )),
        _ => Failure::misuse(error),
    })
}

async fn look_up(
    name: &str,
    cluster: &Cluster,
    clock: &SharedClock,
) -> Result<SnapshotSpec, Failure> {
    let found = Tenant::new(cluster, clock.clone()).snapshot(name).await;
    match found {
        Ok(Some(snapshot)) => Ok(snapshot.spec),
        Ok(None) => Err(Failure::failed(format!(
            "SNAPSHOT: there is no Snapshot {name:?} in namespace {}; it was deleted, or the name or the namespace is another",
            cluster.namespace
        ))),
        Err(error) => Err(Failure::failed(error)),
    }
}

/// The digest that a tag points to, if that can be found out quickly. Never an error: it is a hint
/// in the message of one.
async fn stands_for(
    reference: &str,
    options: &Options,
    credentials: &Credentials,
    site: &Site,
) -> Option<String> {
    let (repository, tag) = reference
        .rsplit_once(':')
        .filter(|(_, tag)| !tag.contains('/'))
        .unwrap_or((reference, "latest"));
    let fits = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'_' | b'.' | b'-');
    // The same rules as for any image: what is no repository is not asked for.
    format!("{repository}@sha256:{}", "0".repeat(64))
        .parse::<crate::image::ImageRef>()
        .ok()?;
    if tag.is_empty() || !tag.bytes().all(fits) {
        return None;
    }
    let registry = site.registry(repository, credentials, &options.plain_http).ok()?;
    let digest = tokio::time::timeout(HINT_WITHIN, registry.digest_of_tag(tag))
        .await
        .ok()?
        .ok()?;
    let digest: Digest = digest.parse().ok()?;
    Some(format!("{repository}@{digest}"))
}

/// The candidate for people.
pub fn table(candidate: &Candidate) -> String {
    let mut rows = vec![
        ("image", candidate.image.to_string()),
        ("platforms", candidate.platforms.join(", ")),
        ("revision", candidate.revision.clone().unwrap_or_default()),
        ("snapshot", candidate.snapshot.clone().unwrap_or_default()),
    ];
    rows.retain(|(_, value)| !value.is_empty());
    rows.iter()
        .map(|(name, value)| format!("{name:<10} {value}\n"))
        .collect()
}
