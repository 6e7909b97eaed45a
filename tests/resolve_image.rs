//! resolve-image as a black box.
