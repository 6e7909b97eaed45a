//! The binaries as black boxes, and the files of this repository held against them.

mod attest_verdict;
mod bisect_gate;
mod check_input;
mod check_staleness;
mod collect_results;
mod create_release;
mod docker_registry;
mod docs;
mod field;
mod generate;
mod help;
mod hostile_registry;
mod image_build;
mod launch_prow;
mod manifests;
mod new_gate;
mod new_step;
mod notify_slack;
mod people;
mod pipeline;
mod preflight;
mod proxies;
#[cfg(feature = "rehearsal")]
mod readme;
mod record;
#[cfg(feature = "rehearsal")]
mod rehearsal;
mod report_gate;
mod resolve_image;
mod rooms;
#[cfg(feature = "rehearsal")]
mod secrets;
mod show_gate;
mod slack_threads;
mod support;
mod tasks;
mod terminal;
mod trigger_gate;
mod verify_verdict;
