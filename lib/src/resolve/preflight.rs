//! `resolve-image --check`.

use super::{Options, run};
use crate::failure::{Chain, Exit, Failure, OrExit};
use crate::preflight::rights::{self, KONFLUX, Right};
use crate::preflight::{Preflight, place};
use crate::record::{Candidate, Location};
use crate::site::Site;

/// What the step needs in its namespace: for a record in a ConfigMap, and for a Snapshot by its
/// name.
pub const RIGHTS: [Right; 2] = [
    place::BEGIN,
    Right {
        group: KONFLUX,
        resource: "snapshots",
        verbs: &["get"],
        to: "to read the Snapshot by its name",
    },
];

/// Resolves the Snapshot as the step would, and looks whether the record could be kept. Writes
/// nothing.
///
/// # Errors
/// Misuse, as of the step itself.
pub async fn preflight(
    options: Options,
    site: &Site,
) -> Result<(Preflight, Option<Candidate>), Failure> {
    let mut checks = Preflight::default();
    let on_cluster = options.record.as_ref().is_some_and(Location::is_config_map);
    let by_name = options.snapshot.spec.is_none();
    let cluster = match on_cluster || by_name {
        true => Some(site.cluster().await.misuse()?),
        false => None,
    };
    if let Some(cluster) = cluster {
        let needed = [(on_cluster, RIGHTS[0]), (by_name, RIGHTS[1])];
        let needed: Vec<Right> = needed
            .into_iter()
            .filter(|(needed, _)| *needed)
            .map(|(_, right)| right)
            .collect();
        if !rights::review(cluster, &needed, &mut checks).await {
            return Ok((checks, None));
        }
    }
    if let Some(location) = &options.record {
        place::look(location, cluster, &options.identity, site.clock(), &mut checks).await;
    }
    let offline = options.offline;
    let candidate = match run(Options { record: None, ..options }, site).await {
        Ok(candidate) => {
            checks.passed("snapshot", format_args!("names {}", candidate.image));
            match offline {
                true => checks.unknown("registry", "not asked, as --offline says"),
                false => checks.passed(
                    "registry",
                    format_args!(
                        "has the image for {}, proven by its digest",
                        candidate.platforms.join(", ")
                    ),
                ),
            }
            Some(candidate)
        }
        Err(failure) if failure.exit == Exit::Misuse => return Err(failure),
        Err(failure) => {
            checks.failed("image", Chain(failure.error.as_ref()));
            None
        }
    };
    Ok((checks, candidate))
}
