//! Launching each job exactly once.
//!
//! Gangway makes a new run for every order it gets, has no idempotency key, and can lose an answer
//! after it has made the run. So the record is the authority on who may send what, and a run is
//! recognised by the key that it carries ([`key`](crate::prow::key)). For each attempt of a job:
//!
//! 1. **Announce.** Take a token from the budget, then write the intent into the record by
//!    compare-and-swap: holder (this process), `sends` + 1, `sent_at`. The swap expects exactly the
//!    state that was read before, in which nothing can be under way. Whoever loses it has sent nothing.
//! 2. **Send**, at most 10 seconds after the announcement was begun; after that the announcement
//!    is taken back instead, since another process may already be counting from it.
//! 3. **Record** what came back, at once: the id; a refusal; "certainly no run" (429, no byte
//!    sent).
//! 4. **In doubt** (answer lost, 5xx, or an intent found without an outcome, whoever wrote it):
//!    look for a run with the key. One that is found is adopted at any time. One that is missing
//!    counts only when this process has seen the same intent for 100 seconds: then no order
//!    announced by it can still be on its way (10 seconds to send it, 90 until everybody between
//!    here and Gangway has given up). Two misses, 30 seconds apart, each with proof that the list
//!    was really read, and step 1 begins again, expecting the very intent that was watched. A look
//!    that fails is no miss. After 10 minutes of doubt nothing is sent and the step ends (exit 4).
//!
//! Two processes on one record follow the same rules: one announces, the other finds an intent in
//! doubt, sees the outcome appear in the record, or goes through step 4; if both come to send
//! again, the swap lets one through. Spans are measured by each process's own monotonic clock, so
//! that clocks that differ or jump cannot shorten a wait.

mod attempt;
mod due;
mod error;
mod find;
mod launcher;
pub mod look;
mod note;
mod order;
mod preflight;
mod request;
pub mod reuse;
mod run;
#[cfg(test)]
mod scene;
mod table;

pub use due::tonight;
pub use error::LaunchError;
pub use find::Finder;
pub use launcher::{Launched, Launcher};
pub use order::order;
pub use preflight::{RIGHTS, preflight};
pub use request::{Mismatch, bind, compare, settled};
pub use run::{Ended, Options, Preview, Sampling, dry_run, run};
pub use table::{as_json, launched, preview, table};

use crate::record::Class;

/// Launches every job of the record's request, blocking ones first.
///
/// A blocking job that is not launched stops the launch, before the others are wasted. An informing
/// one is noted in the record, said, and does not. What the record already answers costs no
/// request.
///
/// # Errors
/// [`LaunchError`] of the first blocking job that is not launched, or when the record fails.
pub async fn launch_all(launcher: &Launcher) -> Result<(), LaunchError> {
    let record = launcher.journal().record().await;
    let total = record.jobs.len();
    let in_order = record
        .jobs_of(Class::Blocking)
        .chain(record.jobs_of(Class::Informing));
    let mut hopeless: Option<String> = None;
    for (index, job) in in_order.enumerate() {
        let place = format!("{} of {total}", index + 1);
        if let Some(why) = hopeless.as_ref().filter(|_| !attempt::is_settled(job, 1)) {
            launcher.give_up(&job.name, why).await?;
            tracing::warn!(job = job.name, "{} was not launched either ({place})", job.name);
            continue;
        }
        match launcher.launch_attempt(&job.name, 1).await {
            Ok(launched) => launched.log(job, &place),
            Err(error) if job.class == Class::Informing && error.concerns_the_job() => {
                launcher.give_up(&job.name, &error.to_string()).await?;
                tracing::warn!(
                    job = job.name,
                    "{error}; it is informing, so the launch goes on ({place})"
                );
                // Each of the others would wait as long.
                if !matches!(error, LaunchError::Refused { .. }) {
                    hopeless = Some(error.to_string());
                }
            }
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
