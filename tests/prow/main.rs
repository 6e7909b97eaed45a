//! launch-prow and collect-results against Prow's own Gangway behind Envoy, its Deck and a bucket.
//!
//! `.ci/prow-tests` says what it needs and runs it. There is one Gangway, which some tests stop on
//! purpose: they run one after another. ProwJobs are real objects that nothing runs, so a test is
//! their scheduler and their pods ([`player`]).

#[allow(dead_code, reason = "shared with the cluster tests, which use all of it")]
#[path = "../cluster/authority.rs"]
mod authority;
#[allow(dead_code, reason = "shared with the cluster tests, which use all of it")]
#[path = "../cluster/field.rs"]
mod field;
#[allow(dead_code, reason = "shared with the cluster tests, which use all of it")]
#[path = "../cluster/kubectl.rs"]
mod kubectl;
#[allow(dead_code, reason = "shared with the cluster tests, which use all of it")]
#[path = "../cluster/release_service.rs"]
mod release_service;
#[allow(dead_code, reason = "shared with the cluster tests, which use all of it")]
#[path = "../cluster/run.rs"]
mod run;

mod build;
mod gate;
mod http;
mod launch;
mod player;
mod pods;
mod prow;
mod relay;
mod steps;
mod trouble;
