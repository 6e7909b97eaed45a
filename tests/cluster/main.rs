//! The shipped image, manifests and pipeline on a real API server, kubelet and Tekton.
//!
//! `.ci/cluster-tests` says what it needs and runs it. Each test has a namespace of its own.

#[path = "../support/commands.rs"]
mod commands;

mod attest;
mod authority;
mod bisect;
mod cronjobs;
mod edges;
mod field;
mod gate;
mod hand;
mod integration_service;
mod kubectl;
mod manifests;
mod migration;
mod nights;
mod onboarding;
mod people;
mod platform;
mod promotion;
mod rbac;
mod readmes;
mod release_service;
mod run;
mod runbook;
mod tasks;
