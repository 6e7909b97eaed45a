//! `--check-input`: whether a step can read what it is given, before any test and without asking a
//! server. What is wrong is noted in the record.

use crate::failure::{Chain, Failure, OrExit};
use crate::record::{Identity, Journal, Location, RecordError, note_stop};
use crate::site::Site;

/// Ends `--check-input` of a step: its input was read, or it could not be, which is noted in the
/// record.
///
/// # Errors
/// What is wrong with the input.
pub async fn check_input<T>(
    step: &str,
    record: &str,
    identity: &Identity,
    site: &Site,
    read: Result<T, Failure>,
) -> Result<(), Failure> {
    let location: Location = record.parse().misuse()?;
    note_stop_at(&location, identity, site, step, read.as_ref().err()).await;
    read.map(drop)
}

/// As [`note_stop`], where the record may not exist yet; what keeps it from being opened is a
/// warning.
pub async fn note_stop_at(
    location: &Location,
    identity: &Identity,
    site: &Site,
    step: &str,
    failure: Option<&Failure>,
) {
    let lost = |why: &(dyn std::error::Error + 'static)| {
        tracing::warn!("{}; why the run stopped is not in the record", Chain(why));
    };
    let store = match site.store(location).await {
        Ok(store) => store,
        Err(error) => return lost(&error),
    };
    let clock = site.clock();
    let opened = match failure {
        Some(_) => Journal::open(store, clock.clone(), identity).await,
        // For good news no record is begun.
        None => Journal::existing(store, clock.clone(), identity).await,
    };
    match opened {
        Ok(journal) => note_stop(&journal, clock, step, failure).await,
        Err(RecordError::Missing { .. }) if failure.is_none() => {}
        Err(error) => lost(&error),
    }
}
