//! From a Snapshot to one image.
