//! Which image counts as verified: the one definition that every step uses.
//!
//! **A Release verifies an image if it has landed, was not made automatically, and pushed the
//! digest that it was made for** ([`ReleaseBrief::standing`], pure). integration-service makes
//! automatic Releases for a plan unless its `auto-release` label is `false`: they push what nobody
//! has tested. What a Release was made for can be read from its Snapshot and, where create-release
//! made it, from its own name ([`MadeFor`]); what cannot be read is not compared, since Snapshots
//! outlive neither quota nor retention. A Release that names no pushed image found it all there
//! already.
//!
//! A Release is read as a [`ReleaseBrief`], whether it comes from the cluster or from an archive.

mod archived;
mod brief;
mod snapshots;
mod standing;

pub use archived::{archived, merge};
pub use brief::{ReleaseBrief, ReleaseMetadata, ReleaseStatus};
pub use snapshots::Snapshots;
pub use standing::{Image, MadeFor, Standing};
