//! Names of objects, by Kubernetes' two rules (RFC 1123).

/// The longest label: also the longest value of a Kubernetes label.
pub const LONGEST_LABEL: usize = 63;

pub const LONGEST_SUBDOMAIN: usize = 253;

/// Whether a text is one label: `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`, at most 63 bytes, no dots. So
/// are named namespaces, and whatever a Release names in its spec (the CRD's own pattern):
/// Snapshots and ReleasePlans.
pub fn is_label(text: &str) -> bool {
    text.len() <= LONGEST_LABEL && has_form(text)
}

/// Whether a text is a subdomain: parts of a label's form with dots between them, at most 253 bytes
/// in all. So are named most objects, ConfigMaps among them.
pub fn is_subdomain(text: &str) -> bool {
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
            assert_eq!((is_label(text), is_subdomain(text)), (label, subdomain), "{text}");
        }
    }
}
