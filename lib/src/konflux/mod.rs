//! Konflux objects in the cluster, as far as the gate reads and writes them.
