//! Opening what the message is made from. Hardly anything that fails here is a failure of the step:
//! a message that says what it does not know is better than none.

use super::run::PATIENCE;
use super::{Begin, Options, Sight, Sources, is_cancelled};
use crate::cluster::Cluster;
use crate::cluster::Tenant;
use crate::failure::{Chain, Failure, OrExit};
use crate::http::BaseUrl;
use crate::kubearchive::KubeArchive;
use crate::name::ObjectName;
use crate::record::{Identity, Journal, Limits, Location, Past, Whose, past_runs, store_at};
use crate::site::Site;
use crate::slack::Slack;
use crate::staleness;

/// Where the flags say that the message's content is.
#[derive(Debug, Clone, Default)]
pub struct Named {
    /// `--record`.
    pub record: Option<Location>,
    /// Whose record it is.
    pub identity: Identity,
    /// `--kubearchive-url`.
    pub archive: Option<BaseUrl>,
}

impl Named {
    /// The archive. Without a token that can be read it is asked all the same, and says what it
    /// wants.
    pub(super) async fn archive(&self, site: &Site) -> Result<Option<KubeArchive>, Failure> {
        let Some(base) = self.archive.clone() else { return Ok(None) };
        let bearer = site.bearer().await.unwrap_or_default();
        Ok(Some(site.archive(base, bearer).misuse()?))
    }
}

/// Opens what is named. A record or a cluster that cannot be reached is said in the message; what
/// else cannot be read is left out of it.
///
/// # Errors
/// Misuse when the certificates of `--ca-file` cannot be read.
pub async fn open(
    options: &mut Options,
    named: &Named,
    site: &Site,
    slack: Option<Slack>,
) -> Result<Sources, Failure> {
    let cluster = site.cluster_of(named.record.as_ref()).await;
    let (cluster, unreached) = match cluster {
        Ok(cluster) => (cluster, None),
        Err(error) => (None, Some(Chain(&error).to_string())),
    };
    if options.namespace.is_none() {
        options.namespace = cluster.map(|cluster| cluster.namespace.clone());
    }
    let (record, begin) = match (&named.record, unreached) {
        (None, _) => (Err(Sight::NotAsked), None),
        (Some(_), Some(why)) => (Err(Sight::Unreadable(why)), None),
        (Some(location), None) => read(location, cluster, &named.identity, site).await,
    };
    if let Err(Sight::Unreadable(why)) = &record {
        tracing::warn!("{why}; the message is made without the record");
    }
    let (mut cancelled, mut past, mut releases) = (None, None, None);
    if let Some(cluster) = cluster {
        if let Some(run) = &options.run_name {
            cancelled = is_cancelled(cluster, site.clock(), run).await;
        }
        past = earlier(cluster, &record, &named.identity, site).await;
        if let Some(plan) = &options.plan {
            releases = Some(staleness::Sources {
                tenant: Tenant::new(cluster, site.clock().clone()),
                archive: named.archive(site).await?,
                plan: ObjectName::label(plan).misuse_of("--release-plan")?,
                threshold: options.threshold.unwrap_or_default(),
                application: None,
                component: None,
                scenario: None,
                gate: None,
                patience: PATIENCE,
            });
        }
    }
    let clock = site.clock().clone();
    Ok(Sources { record, begin, past, releases, cancelled, slack, clock })
}

/// The record, and what to begin where there is none.
async fn read(
    location: &Location,
    cluster: Option<&Cluster>,
    identity: &Identity,
    site: &Site,
) -> (Result<Journal, Sight>, Option<Begin>) {
    // A gate or scenario that the record contradicts is something to be said, no reason for
    // silence.
    let run = Identity { run_id: identity.run_id.clone(), ..Identity::default() };
    let opened = Journal::existing(store_at(location, cluster), site.clock().clone(), &run).await;
    let begin = run
        .run_id
        .map(|_| Begin { store: store_at(location, cluster), identity: identity.clone() });
    (opened.map_err(|error| Sight::from(&error)), begin)
}

/// The gate's past runs; where they cannot be read, the message has no row of red runs to count.
async fn earlier(
    cluster: &Cluster,
    record: &Result<Journal, Sight>,
    identity: &Identity,
    site: &Site,
) -> Option<Vec<Past>> {
    let known = match record {
        Ok(journal) => Some(journal.record().await),
        Err(_) => None,
    };
    let recorded = known.as_ref().and_then(|record| record.gate.clone());
    let gate = recorded.or_else(|| identity.gate.clone())?;
    let id = known.map(|record| record.id).or_else(|| identity.run_id.clone());
    let limits = Limits { except: id.as_deref(), ..Limits::default() };
    let found = past_runs(cluster, site.clock(), Whose::Gate(&gate), limits).await;
    found
        .map(|found| found.runs)
        .inspect_err(|error| tracing::warn!("cannot list earlier records: {}", Chain(error)))
        .ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::clock::SystemClock;
    use crate::step::groups::Access;

    async fn opened(named: Named) -> (Sources, Options) {
        let nowhere = Some("/nowhere/kubeconfig".into());
        let access = Access { kubeconfig: nowhere, ..Access::default() };
        let site = Site::new(access, Arc::new(SystemClock::new(1)));
        let mut options = Options { plan: Some("plan".to_owned()), ..Options::default() };
        let sources = open(&mut options, &named, &site, None).await.unwrap();
        (sources, options)
    }

    fn identity() -> Identity {
        Identity { run_id: Some("uid".into()), gate: Some("ARO HCP".into()), ..Identity::default() }
    }

    #[tokio::test]
    async fn without_a_record_nothing_is_opened() {
        let (sources, _) = opened(Named { identity: identity(), ..Named::default() }).await;
        assert_eq!(sources.record.unwrap_err(), Sight::NotAsked);
        assert!(sources.begin.is_none() && sources.past.is_none() && sources.releases.is_none());
    }

    #[tokio::test]
    async fn a_cluster_out_of_reach_is_said_and_no_failure() {
        let record = Some(Location::ConfigMap(ObjectName::label("gate-x").unwrap()));
        let named = Named { record, identity: identity(), archive: None };
        let (sources, options) = opened(named).await;
        let Err(Sight::Unreadable(why)) = sources.record else { panic!() };
        assert!(why.starts_with("--kubeconfig: cannot use /nowhere/kubeconfig"), "{why}");
        assert!(sources.begin.is_none(), "nothing can be begun there either");
        assert!(sources.past.is_none() && sources.releases.is_none());
        assert_eq!((sources.cancelled, options.namespace), (None, None));
    }

    #[tokio::test]
    async fn a_record_that_is_missing_can_be_begun_by_a_run_that_has_an_id() {
        let dir = tempfile::tempdir().unwrap();
        let record = Some(Location::File(dir.path().join("gate.json")));
        let named = Named { record, identity: identity(), archive: None };
        let (sources, _) = opened(named.clone()).await;
        assert_eq!(sources.record.unwrap_err(), Sight::Missing);
        assert_eq!(sources.begin.unwrap().identity.gate.as_deref(), Some("ARO HCP"));
        let (sources, _) = opened(Named { identity: Identity::default(), ..named }).await;
        assert!(sources.begin.is_none(), "whose it is would not be known");
    }

    #[tokio::test]
    async fn a_record_of_another_gate_is_read_all_the_same() {
        let dir = tempfile::tempdir().unwrap();
        let location = Location::File(dir.path().join("gate.json"));
        let clock = Arc::new(SystemClock::new(1));
        let rosa = Identity { gate: Some("ROSA".to_owned()), ..identity() };
        Journal::open(store_at(&location, None), clock, &rosa).await.unwrap();
        let named = Named { record: Some(location), identity: identity(), archive: None };
        let (sources, _) = opened(named.clone()).await;
        assert_eq!(sources.record.unwrap().record().await.gate.as_deref(), Some("ROSA"));
        let other = Identity { run_id: Some("another".to_owned()), ..identity() };
        let (sources, _) = opened(Named { identity: other, ..named }).await;
        assert!(matches!(sources.record, Err(Sight::Unreadable(_))), "it is another run's");
    }
}
