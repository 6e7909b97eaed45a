//! Whether the way to the API server leads through a proxy.
//!
//! A kubeconfig's own `proxy-url` is always used. kube takes `HTTPS_PROXY` for every other cluster, but
//! asks `NO_PROXY` about the proxy's host instead of the cluster's; kubectl asks about the cluster's, and
//! never sends what is for this machine (a cluster on a laptop) through a proxy.

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// Whether a cluster is reached without the proxy that was found for it. `variable` reads the
/// environment.
pub fn is_bypassed(cluster: &Uri, proxy: &Uri, variable: impl Fn(&str) -> Option<String>) -> bool {
    let either = |upper: &str, lower: &str| {
        let given = |name| variable(name).filter(|value| !value.is_empty());
        given(upper).or_else(|| given(lower))
    };
    let Some(common) =
        either("HTTPS_PROXY", "https_proxy").filter(|text| text.parse::<Uri>().is_ok_and(|common| common == *proxy))
    else {
        return false;
    };
    let host = cluster.host().unwrap_or_default().trim_matches(['[', ']']);
    let here = host == "localhost" || host.parse().is_ok_and(|address: std::net::IpAddr| address.is_loopback());
    let except = either("NO_PROXY", "no_proxy").unwrap_or_default();
    here || Matcher::builder().all(common).no(except).build().intercept(cluster).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_environment_s_proxy_is_for_clusters_elsewhere() {
        let proxy = "http://proxy.example.com:3128";
        let bypassed = |cluster: &str, variables: &[(&str, &str)]| {
            let variable =
                |name: &str| variables.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned());
            is_bypassed(&cluster.parse().unwrap(), &proxy.parse().unwrap(), variable)
        };
        let common = ("HTTPS_PROXY", proxy);
        let lower = ("https_proxy", proxy);
        for (cluster, variables, wanted) in [
            ("https://api.acme.com:6443", vec![common], false),
            ("https://api.acme.com:6443", vec![common, ("NO_PROXY", "localhost,.acme.com")], true),
            ("https://api.acme.com:6443", vec![lower, ("no_proxy", "10.0.0.0/8,*")], true),
            ("https://10.1.2.3:6443", vec![common, ("NO_PROXY", "10.0.0.0/8")], true),
            // The proxy is excepted, the cluster is not.
            ("https://api.acme.com:6443", vec![common, ("NO_PROXY", "proxy.example.com")], false),
            ("https://127.0.0.1:6443", vec![common], true),
            ("https://[::1]:6443", vec![common], true),
            ("https://localhost:6443", vec![common], true),
            // The kubeconfig's own is not the environment's.
            ("https://127.0.0.1:6443", vec![], false),
            ("https://api.acme.com", vec![("HTTPS_PROXY", "http://other:1"), ("NO_PROXY", "*")], false),
        ] {
            assert_eq!(bypassed(cluster, &variables), wanted, "{cluster} {variables:?}");
        }
    }
}
