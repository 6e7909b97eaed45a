//! Container registries: what an image reference really stands for.
//!
//! - [`Registry`] fetches manifests and configurations by digest and proves their SHA-256.
//! - [`credentials`] reads docker's and podman's files.
//! - [`manifest`] reads what was fetched; it knows no client.

mod client;
pub mod credentials;
mod error;
pub mod manifest;

pub use client::{Registry, RegistryOptions};
pub use error::RegistryError;
