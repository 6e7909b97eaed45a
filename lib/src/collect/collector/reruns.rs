//! Reruns: which jobs are due for one, and how it goes on while everything else is waited for.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;

use super::super::table;
use super::{Collector, Wait};
use crate::duration;
use crate::failure::Chain;
use crate::launch::{LaunchError, Launched};
use crate::record::{Again, Attempt, Class, JobRecord, Standing};
use crate::text;

/// After a rerun could not be launched for a reason that passes it is tried again (3 minutes): the
/// launch itself has been patient before.
const RERUN_PAUSE: Duration = Duration::from_secs(180);

/// Reruns that are being launched, as tasks of their own: one that holds the record while it waits
/// must go on whatever else is waited for. They end with the wait.
pub(super) type Relaunches = JoinSet<Relaunched>;

/// Job, number of the attempt, and the run or why there is none.
pub(super) type Relaunched = (String, u32, Result<Launched, LaunchError>);

impl Collector {
    /// Begins the reruns that are due, and goes on with those that an earlier process announced.
    pub(super) fn relaunch(&self, wait: &mut Wait, relaunches: &mut Relaunches, last: bool) {
        let Some(launcher) = self.launcher.as_ref().filter(|_| !last) else { return };
        let due: Vec<(String, u32)> = wait
            .record
            .jobs
            .iter()
            .filter_map(|job| self.due(wait, job))
            .collect();
        let now = self.clock.now();
        for (job, number) in due {
            if wait.rerun_after.get(&job).is_some_and(|after| now < *after)
                || !wait.relaunching.insert((job.clone(), number))
            {
                continue;
            }
            let launcher = Arc::clone(launcher);
            relaunches.spawn(async move {
                let result = launcher.launch_attempt(&job, number).await;
                (job, number, result)
            });
        }
    }

    /// The attempt that a job is due for, if it is.
    pub(super) fn due(&self, wait: &Wait, job: &JobRecord) -> Option<(String, u32)> {
        let last = job.attempts.last()?;
        if wait.no_rerun.contains(&job.name) {
            return None;
        }
        let again = || (job.name.clone(), last.number);
        match last.standing() {
            // It may run already: that is found out whatever the time.
            Standing::InDoubt if last.number > 1 => Some(again()),
            Standing::Free | Standing::Refused(_, Again::WithAnotherToken) => {
                (last.number > 1 && self.fits(wait, job)).then(again)
            }
            Standing::InDoubt | Standing::Refused(_, Again::No) => None,
            Standing::Running(_) | Standing::Judged(_) | Standing::Contradictory => {
                let ready = self.policy.reruns.allow(job) && self.fits(wait, job);
                ready.then(|| (job.name.clone(), last.number + 1))
            }
        }
    }

    /// Whether another attempt that takes as long as the longest so far would end in time: before
    /// the deadline, and for an informing job before the grace is over, once only such jobs are
    /// left.
    pub(super) fn fits(&self, wait: &Wait, job: &JobRecord) -> bool {
        let longest = job
            .attempts
            .iter()
            .filter_map(|attempt| self.took(attempt))
            .max()
            .unwrap_or_default();
        let blocking = wait.record.jobs_of(Class::Blocking).any(|blocking| {
            blocking.last().is_some_and(Attempt::is_running)
                || wait.relaunching.iter().any(|(name, _)| *name == blocking.name)
        });
        let end = match job.class == Class::Informing && !blocking {
            true => self.grace_ends(wait).min(wait.deadline.at),
            false => wait.deadline.at,
        };
        self.clock.until(end) > longest
    }

    pub(super) fn took(&self, attempt: &Attempt) -> Option<Duration> {
        table::took(attempt, self.clock.as_ref())
    }

    pub(super) fn relaunched(&self, wait: &mut Wait, ended: Vec<Relaunched>) {
        for (job, number, result) in ended {
            wait.relaunching.remove(&(job.clone(), number));
            match result {
                Ok(Launched { execution, .. }) => {
                    wait.rerun_after.remove(&job);
                    tracing::info!(
                        job,
                        execution,
                        attempt = number,
                        "{job} runs again ({} try)",
                        text::ordinal(number as usize)
                    );
                }
                Err(error) if is_final(&error) => {
                    tracing::error!(job, attempt = number, "{job} is not run again: {error}");
                    wait.no_rerun.insert(job);
                }
                Err(error) => {
                    let again = self.clock.after(self.clock.now(), RERUN_PAUSE);
                    let pause = duration::human(RERUN_PAUSE);
                    let error = Chain(&error);
                    if wait.rerun_after.insert(job.clone(), again).is_none() {
                        tracing::error!(
                            job,
                            attempt = number,
                            "{job} could not be run again: {error}. This step tries again every {pause}, as long as the run could end in time"
                        );
                    } else {
                        tracing::info!(
                            job,
                            attempt = number,
                            "{job} could not be run again yet: {error}"
                        );
                    }
                }
            }
        }
    }

    /// Whether a job may still change.
    pub(super) fn is_open(&self, wait: &Wait, job: &JobRecord) -> bool {
        let Some(last) = job.attempts.last() else { return false };
        let rerun = self.launcher.is_some() && self.due(wait, job).is_some();
        last.is_running() || rerun || wait.relaunching.iter().any(|(name, _)| *name == job.name)
    }
}

/// Whether a launch that failed would fail again: a server's word on the job, but not on the token.
fn is_final(error: &LaunchError) -> bool {
    match error {
        LaunchError::Refused { token, .. } => !token,
        LaunchError::NoSuchAttempt { .. } | LaunchError::Differs { .. } => true,
        LaunchError::Unreachable { .. }
        | LaunchError::Undecided { .. }
        | LaunchError::Secret(_)
        | LaunchError::Record(_) => false,
    }
}

/// Waits for a future while the relaunches go on; what ends meanwhile is kept.
pub(super) async fn alongside<T>(
    future: impl Future<Output = T>,
    relaunches: &mut Relaunches,
    ended: &mut Vec<Relaunched>,
) -> T {
    let mut future = pin!(future);
    loop {
        tokio::select! {
            biased;
            result = &mut future => return result,
            Some(relaunch) = relaunches.join_next() => match relaunch {
                Ok(relaunch) => ended.push(relaunch),
                Err(error) => std::panic::resume_unwind(error.into_panic()),
            },
        }
    }
}
