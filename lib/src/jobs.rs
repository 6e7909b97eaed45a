//! The jobs asked for: two name lists and the job list in YAML.
