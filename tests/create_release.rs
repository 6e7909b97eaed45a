//! create-release as a black box.
