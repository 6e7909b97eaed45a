//! Names of objects, by Kubernetes' two rules (RFC 1123).

use std::fmt;
use std::ops::Deref;

/// The longest label: also the longest value of a Kubernetes label.
const LONGEST_LABEL: usize = 63;

const LONGEST_SUBDOMAIN: usize = 253;

/// An object's name, read once: whatever holds one need not look at it again. It can stand in a
/// request's path and in a label.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ObjectName(String);

/// Why a text is no name.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}, found {found:?}")]
pub struct NameError {
    expected: &'static str,
    found: String,
}

impl ObjectName {
    /// A name of one label, as a Release has it in its spec: Snapshots and ReleasePlans.
    ///
    /// # Errors
    /// What was expected.
    pub fn label(text: &str) -> Result<Self, NameError> {
        Self::that(is_label, "lower-case letters, digits and -, at most 63", text)
    }

    /// A name that may have dots and is a label's value as well, up to 63 bytes: an
    /// IntegrationTestScenario, an Application, a component.
    ///
    /// # Errors
    /// What was expected.
    pub fn label_value(text: &str) -> Result<Self, NameError> {
        let fits = |text: &str| text.len() <= LONGEST_LABEL && is_subdomain(text);
        Self::that(fits, "an object's name (lower-case letters, digits, -)", text)
    }

    /// A name with dots, up to 253 bytes: a ConfigMap.
    ///
    /// # Errors
    /// What was expected.
    pub fn subdomain(text: &str) -> Result<Self, NameError> {
        Self::that(is_subdomain, "lower-case letters, digits, - and ., at most 253", text)
    }

    fn that(
        fits: impl FnOnce(&str) -> bool,
        expected: &'static str,
        text: &str,
    ) -> Result<Self, NameError> {
        match fits(text) {
            true => Ok(Self(text.to_owned())),
            false => Err(NameError { expected, found: text.to_owned() }),
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Deref for ObjectName {
    type Target = str;

    fn deref(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for ObjectName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl From<ObjectName> for String {
    fn from(name: ObjectName) -> Self {
        name.0
    }
}

/// Whether a text is one label: `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, at most 63 bytes, no dots. So
/// are named namespaces, and whatever a Release names in its spec (the CRD's own pattern):
/// Snapshots and ReleasePlans.
fn is_label(text: &str) -> bool {
    text.len() <= LONGEST_LABEL && has_form(text)
}

/// Whether a text is a subdomain: parts of a label's form with dots between them, at most 253 bytes
/// in all. So are named most objects, ConfigMaps among them.
fn is_subdomain(text: &str) -> bool {
    text.len() <= LONGEST_SUBDOMAIN && text.split('.').all(has_form)
}

fn has_form(part: &str) -> bool {
    let letter = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let bytes = part.as_bytes();
    bytes.first().is_some_and(letter)
        && bytes.last().is_some_and(letter)
        && bytes.iter().all(|byte| letter(byte) || *byte == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_a_name() {
        let long = |length: usize| "a".repeat(length);
        for (text, label, subdomain) in [
            ("ho-20260820-031104-000", true, true),
            ("0", true, true),
            ("a.b", false, true),
            (long(63).as_str(), true, true),
            (long(64).as_str(), false, true),
            (long(253).as_str(), false, true),
            (long(254).as_str(), false, false),
            ("", false, false),
            ("-a", false, false),
            ("a-", false, false),
            ("a..b", false, false),
            (".a", false, false),
            ("a.", false, false),
            ("a.-b", false, false),
            ("A", false, false),
            ("a_b", false, false),
            ("ü", false, false),
        ] {
            assert_eq!(ObjectName::label(text).is_ok(), label, "{text}");
            assert_eq!(ObjectName::subdomain(text).is_ok(), subdomain, "{text}");
            let value = subdomain && text.len() <= 63;
            assert_eq!(ObjectName::label_value(text).is_ok(), value, "{text}");
        }
    }
}
