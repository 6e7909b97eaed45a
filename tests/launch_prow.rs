//! launch-prow as a black box.
