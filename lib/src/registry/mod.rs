//! Container registries: what an image reference really stands for.
//!
//! - [`Registry`] fetches manifests and configurations by digest and proves their SHA-256.
//! - [`credentials`] reads docker's and podman's files.
//! - What a registry wants (`challenge`) and where it sends us (`fetch`) is held against rules
//!   before credentials go anywhere.
//! - [`manifest`] reads what was fetched; it knows no client.

mod challenge;
mod client;
pub mod credentials;
mod error;
mod fetch;
pub mod manifest;

pub use client::{Registry, RegistryOptions};
pub use error::RegistryError;
