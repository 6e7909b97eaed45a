//! Container registries: which manifest an image reference points to.
//!
//! - [`Registry`] fetches manifests and configurations by digest and proves their SHA-256.
//! - [`credentials`] reads docker's and podman's files.
//! - One that is [`Registry::writing`] stores small artifacts as well: blobs, manifests, tags.
//! - What a registry wants (`challenge`), how it is shown (`login`) and where it sends us (`fetch`)
//!   is held against rules before credentials go anywhere.
//! - [`manifest`] reads what was fetched; it knows no client.

mod challenge;
mod client;
pub mod credentials;
mod error;
mod fetch;
mod login;
pub mod manifest;
mod write;

pub use client::{Registry, RegistryOptions};
pub use error::RegistryError;
pub use write::{StoredManifest, Taken};
