//! By what a record is found among the objects of a namespace: what it is, of which gate, of which
//! scenario. Never by its name: the runs of all platforms may have names of one shape.
//!
//! A label holds less than a name may say, so that different names can give one label: whoever
//! selects by a label compares the record's own text as well.

use super::{GateRecord, Labels};
use crate::cluster;
use crate::image::Digest;

/// The label that says what a document is about.
pub const KIND: &str = "release-gate/kind";
/// The kind of a bisect's record.
pub const BISECT: &str = "bisect";
/// The label of the gate (`--gate-label`).
pub const GATE: &str = "release-gate/gate";
/// The label of the IntegrationTestScenario (`--scenario`).
pub const SCENARIO: &str = "release-gate/scenario";

/// The labels of a document of some kind.
pub fn of_kind(kind: &str) -> Labels {
    [("app.kubernetes.io/managed-by", "release-gate"), (KIND, kind)]
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

/// The labels of a gate's record, from what it says of itself.
pub fn of_record(record: &GateRecord) -> Labels {
    let mut labels = of_kind("gate");
    for (key, name) in [(GATE, &record.gate), (SCENARIO, &record.scenario)] {
        labels.extend(name.as_deref().map(|name| (key.to_owned(), value(name))));
    }
    labels
}

/// A name as the value of a label. One of which nothing would be left (`ГКП`) gets a value that is
/// made from its hash: an empty one would be no gate's.
pub fn value(name: &str) -> String {
    let value = cluster::label_value(name);
    if !value.is_empty() {
        return value;
    }
    format!("name-{}", Digest::of(name).short())
}

/// Selects the gate's records with that label; `key` is [`GATE`] or [`SCENARIO`].
pub fn selector(key: &str, name: &str) -> String {
    format!("{KIND}=gate,{key}={}", value(name))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn a_record_says_itself_what_it_is_labelled_with() {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        assert_eq!(of_record(&record), of_kind("gate"));
        (record.gate, record.scenario) =
            (Some("ARO HCP".to_owned()), Some("ho-release-gate-aro-hcp".to_owned()));
        let labels = of_record(&record);
        assert_eq!(
            (labels[GATE].as_str(), labels[SCENARIO].as_str()),
            ("ARO-HCP", "ho-release-gate-aro-hcp")
        );
    }

    #[test]
    fn every_name_has_a_value() {
        assert_eq!(value("ARO HCP"), "ARO-HCP");
        let (one, other) = (value("ГКП"), value("★"));
        assert!(one.starts_with("name-") && one.len() == 17 && one != other, "{one} {other}");
        assert_eq!(cluster::label_value(&one), one);
    }
}
