//! Image registries.
