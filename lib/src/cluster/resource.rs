//! A kind of objects, as the API's paths name it.

/// A kind of objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Resource {
    /// The API group.
    pub group: &'static str,
    pub version: &'static str,
    /// The kind: `Snapshot`.
    pub kind: &'static str,
    /// The plural: `snapshots`.
    pub plural: &'static str,
}

impl Resource {
    /// The path of a namespace's objects: `/apis/GROUP/VERSION/namespaces/NAMESPACE/PLURAL`.
    pub fn path(&self, namespace: &str) -> String {
        let Self { group, version, plural, .. } = self;
        format!("/apis/{group}/{version}/namespaces/{namespace}/{plural}")
    }
}
