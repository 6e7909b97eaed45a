//! collect-results as a black box.
