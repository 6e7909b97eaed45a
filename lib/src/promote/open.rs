//! create-release from its flags on: what it needs is opened, and a refusal before the tests noted.

use super::{Mode, Options, Promotion, run};
use crate::cluster::Tenant;
use crate::failure::{Failure, OrExit};
use crate::prow::Addresses;
use crate::record::{Identity, Journal, Location, note_stop};
use crate::site::Site;

/// Opens record, cluster and Prow, and promotes, or only looks. What speaks against a Release before
/// the tests is noted in the record, for the run's message.
///
/// # Errors
/// Misuse for what cannot be opened; those of [`run`].
pub async fn open(
    options: &Options,
    addresses: &Addresses,
    location: &Location,
    identity: Identity,
    site: &Site,
) -> Result<Promotion, Failure> {
    let clock = site.clock();
    let prow = site.prow(addresses).misuse()?;
    let tenant = Tenant::new(site.cluster().await.misuse()?, clock.clone());
    let identity = Identity { namespace: site.namespace(), ..identity };
    let store = site.store(location).await.misuse()?;
    let journal = match options.mode {
        Mode::Create => Journal::join(store, clock.clone(), &identity).await?,
        Mode::Check | Mode::DryRun => Journal::existing(store, clock.clone(), &identity).await?,
    };
    let promotion = run(&tenant, &prow, &journal, options, clock).await;
    if options.mode == Mode::Check {
        let refused = promotion.as_ref().ok().and_then(|promotion| promotion.end().err());
        let refused = refused.as_ref().or(promotion.as_ref().err());
        note_stop(&journal, clock, "create-release", refused).await;
    }
    promotion
}
