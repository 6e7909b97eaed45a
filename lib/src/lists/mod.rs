//! What people have written down about a plan: holds and retracted images.
//!
//! One ConfigMap for each, `holds-PLAN` and `retracted-PLAN`, made by the platform's overlay without
//! data, so that applying the overlay again leaves what is in them. For a step a missing one is
//! empty; in a `--check` it is a failed row. One that cannot be read, is torn, or is of another
//! version or plan is never taken for an empty one. Whoever may write ConfigMaps can lift both.

mod hold;
mod list;
mod retracted;

pub use hold::Hold;
pub use list::{Entry, List, ListError, MAX_REASON, change, plans, read, reason, store};
pub use retracted::{Back, BackEnd, Retraction};
