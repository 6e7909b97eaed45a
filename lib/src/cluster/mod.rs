//! The Kubernetes cluster: how it is reached, what its errors mean, and how objects are read.

mod api_error;
mod authorize;
mod connect;
pub(crate) mod files;
mod kubeconfig;
mod list;
mod patience;
mod proxy;
mod refusals;
mod resource;
mod tenant;

pub use api_error::{ApiError, words};
pub use connect::{Bearer, Cluster, ClusterError, ClusterOptions, bearer};
pub use kubeconfig::Unusable;
pub use list::{Page, page};
pub use patience::patiently;
pub use proxy::ProxyError;
pub use resource::Resource;
pub use tenant::Tenant;

/// The HTTP status of an API server's refusal.
pub fn code(error: &kube::Error) -> Option<u16> {
    match error {
        kube::Error::Api(status) => Some(status.code),
        _ => None,
    }
}

/// Whether the same request may work a moment later: the server was not reached, is busy, or has
/// failed itself. Whether it carried the request out is then not known.
pub fn is_transient(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status.code == 429 || status.code >= 500,
        kube::Error::HyperError(_) | kube::Error::Service(_) | kube::Error::ReadEvents(_) => true,
        // A body that broke off.
        kube::Error::SerdeError(_) => true,
        _ => false,
    }
}

/// Whether a 404 means that the namespace itself is missing.
pub fn is_missing_namespace(error: &kube::Error) -> bool {
    match error {
        kube::Error::Api(status) => status
            .details
            .as_ref()
            .is_some_and(|details| details.kind == "namespaces"),
        _ => false,
    }
}

/// A text as a label's value: what a label may not hold becomes `-`, and it is cut to 63
/// characters.
pub fn label_value(text: &str) -> String {
    let fits =
        |c: char| if c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.') { c } else { '-' };
    let value: String = text.trim().chars().map(fits).take(63).collect();
    value.trim_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_label_value_is_made_to_fit() {
        assert_eq!(label_value("ARO HCP"), "ARO-HCP");
        assert_eq!(label_value("  (x) "), "x");
        assert_eq!(label_value(&"a".repeat(80)).len(), 63);
        assert_eq!(label_value("ü"), "");
    }
}
