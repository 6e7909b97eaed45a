//! The shipped image, manifests and pipeline on a real API server, kubelet and Tekton.
//!
//! `.ci/cluster-tests` says what it needs and runs it. Each test has a namespace of its own.

mod authority;
mod edges;
mod field;
mod gate;
mod hand;
mod integration_service;
mod kubectl;
mod manifests;
mod onboarding;
mod promotion;
mod rbac;
mod release_service;
mod run;
mod tasks;
