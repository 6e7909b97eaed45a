//! The verdict travels with the image: what a gate found of a digest, signed, for whoever pulls it.
//!
//! - [`verdict`] is what is attested, [`statement`] its in-toto statement.
//! - [`key`] reads keys as cosign writes them, [`bundle`] signs a statement as a Sigstore bundle.
//! - [`verify`] answers whether a bundle says that an image passed a gate.
//! - [`consume`] asks that as a consumer does.
//! - [`artifact`] lays a bundle out for a registry, [`push`] brings it there and finds it again,
//!   [`beside`] hangs the plain, unsigned statement on the candidate, [`attach`] a bundle on the
//!   verified image.
//!
//! A bundle never goes beside the candidate: Conforma would then look for the build's own signature
//! in bundles only, and refuse an image that was fine.

pub mod artifact;
pub mod attach;
pub mod beside;
pub mod bundle;
pub mod consume;
pub mod key;
pub mod push;
mod sealed;
pub mod statement;
pub mod store;
pub mod verdict;
pub mod verify;

#[cfg(test)]
pub(crate) mod samples;
#[cfg(test)]
mod tests;
