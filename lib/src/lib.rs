//! What the release gate's binaries share.
//!
//! - [`failure`]: exit codes, and the errors that end a step with them.
//! - [`step`]: what every binary does around its own work; flags; results.
//! - [`record`]: the gate record, the single thing that the steps share.
//! - [`image`], [`snapshot`]: what is tested. [`registry`] and [`resolve`] find it.
//! - [`prow`]: Gangway, Deck and the artifact bucket; [`jobs`], [`launch`], [`evidence`],
//!   [`collect`] and [`gate`] are built on it.
//! - [`history`]: what a job's runs left behind over many nights, and what is said from it.
//! - [`matrix`]: which jobs run tonight, and what the nights together cover. [`bisect`]: which
//!   Snapshot broke it.
//! - [`konflux`]: Snapshots, ReleasePlans and Releases in the cluster; [`promote`] makes the
//!   Release. [`tekton`]: PipelineRuns.
//! - [`slack`], [`notify`]: messages. [`trigger`] starts the gate. [`preflight`]: `--check`.
//! - [`attest`]: the verdict as a signed statement that travels with the image; [`attestor`] makes it
//!   of a record.
//! - [`report`]: what a team sees in the morning, of all gates of a namespace. [`show`]: one run.
//! - [`adopt`]: the files of a new gate.
//! - [`cluster`], [`http`]: how servers are reached. [`site`] opens what a step needs of them.
//! - [`clock`], [`duration`], [`glob`], [`retry`], [`secret`], [`text`]: small things that know no
//!   domain.

#![cfg_attr(not(test), warn(clippy::unwrap_used))]

pub mod adopt;
pub mod attest;
pub mod attestor;
pub mod bisect;
pub mod checkup;
pub mod clock;
pub mod cluster;
pub mod collect;
pub mod duration;
pub mod evidence;
pub mod failure;
pub mod fill;
#[cfg(any(test, fuzzing))]
pub mod fuzzing;
pub mod gate;
pub mod glob;
pub mod history;
pub mod hold;
pub mod http;
pub mod image;
pub mod items;
pub mod jobs;
pub mod konflux;
pub mod kubearchive;
pub mod launch;
pub mod lists;
pub mod matrix;
pub mod name;
pub mod notify;
mod null;
pub mod overrule;
pub mod preflight;
pub mod promote;
pub mod prow;
pub mod record;
pub mod registry;
pub mod report;
pub mod resolve;
pub mod retract;
pub mod retry;
pub mod secret;
pub mod show;
pub mod site;
pub mod slack;
pub mod snapshot;
pub mod staleness;
pub mod step;
pub mod tekton;
pub mod text;
pub mod trigger;

pub mod verified;

// What the tests share is outside, for those beside this folder and the benchmarks too.
#[cfg(test)]
extern crate self as library;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod support;
