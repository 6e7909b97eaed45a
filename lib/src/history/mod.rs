//! What a Prow job's runs left behind, over many nights, and what is said from it.
//!
//! A [`History`] is one document per job and namespace. For each run it keeps what Prow and the
//! gate said of it, and for each test one letter per run. It is bounded: tests that were not seen
//! for the longest time go first, then the oldest runs. [`History::add`] is all that a writer does:
//! the same runs, added in whatever order and however often, give the same document, so that a
//! writer whose write was refused reads again and adds again.
//!
//! What is said from it are functions without clients:
//!
//! - [`trend()`]: whether a failing test is new, flaky, or has been failing since some run.
//! - [`flaky`]: whether a failure is a known flake or a known issue, and may be rerun.
//! - [`regression`]: tests that fail more often this week than in the month before.
//! - [`negatives`]: how often the gate refused a good image.
//! - [`suspects()`]: the Snapshots between the last pass and the first failure.
//! - [`usual`]: how many tests a success of the job usually runs.
//!
//! Trends, flakes, regressions and the usual number of tests look at first attempts of nightly and
//! scheduled runs alone ([`Origin::is_counted`]): reruns, retests and bisects are made because
//! something failed, and would count that failure again.

mod bounds;
mod document;
pub mod flaky;
pub mod issues;
pub mod keep;
mod mark;
pub mod negatives;
mod pack;
mod past;
pub mod regression;
mod run;
pub mod statistics;
mod suspects;
pub mod tell;
mod trend;
pub mod usual;

pub use bounds::{Dropped, MAX_PACKED, MAX_RUNS, MAX_TESTS};
pub use document::{Added, Addition, History, Test, TestEnd, TestId};
pub use mark::{Ended, Mark};
pub use pack::{JOB_ANNOTATION, KIND, ReadError, SCHEMA_VERSION, config_map_name};
pub use past::{Seen, Tonight};
pub use run::{Judged, Origin, Reading, Run};
pub use suspects::{Build, Suspects, compare_link, suspects};
pub use trend::{Trend, trend};

#[cfg(test)]
pub(crate) mod samples;
