//! Intent keys.
