//! Whether the way to the API server leads through a proxy, as kubectl finds it.
//!
//! A kubeconfig's own `proxy-url` is always used. Else it is `HTTPS_PROXY`, but not for a host that
//! `NO_PROXY` excepts, and never for this machine (a cluster on a laptop). kube's own answer is not
//! asked for: it holds `NO_PROXY` against the proxy's host instead of the cluster's, and refuses a
//! list that everything else reads (an empty entry, `*` among others).

use http::Uri;
use hyper_util::client::proxy::matcher::Matcher;

/// What should be a proxy's address is none. The value is not shown: it may hold a password.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("{place}: expected a proxy's address that begins with http://, https:// or socks5://")]
pub struct ProxyError {
    /// Where it stands: a variable, or the kubeconfig's field.
    pub place: &'static str,
}

/// The proxy that a kubeconfig's cluster is reached through, if any. `own` is its `proxy-url`,
/// `variable` reads the environment.
///
/// # Errors
/// [`ProxyError`] when what would be used is no proxy's address.
pub fn to(
    cluster: &Uri,
    own: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Option<Uri>, ProxyError> {
    let filled = |text: String| Some(text.trim().to_owned()).filter(|text| !text.is_empty());
    if let Some(own) = own.and_then(|own| filled(own.to_owned())) {
        return address(&own, "the kubeconfig's proxy-url").map(Some);
    }
    let first = |names: [&'static str; 2]| {
        names
            .into_iter()
            .find_map(|name| variable(name).and_then(filled).map(|value| (name, value)))
    };
    let Some((name, common)) = first(["HTTPS_PROXY", "https_proxy"]) else { return Ok(None) };
    let except = first(["NO_PROXY", "no_proxy"]).map_or_else(String::new, |(_, value)| value);
    if is_here(cluster) || is_excepted(cluster, &except) {
        return Ok(None);
    }
    address(&common, name).map(Some)
}

fn address(text: &str, place: &'static str) -> Result<Uri, ProxyError> {
    // `proxy.example.com:3128` is HTTP, as everywhere.
    let whole = if text.contains("://") { text.to_owned() } else { format!("http://{text}") };
    let uri = whole.parse::<Uri>().map_err(|_| ProxyError { place })?;
    let known = matches!(uri.scheme_str(), Some("http" | "https" | "socks5"));
    if known && uri.host().is_some_and(|host| !host.is_empty()) {
        Ok(uri)
    } else {
        Err(ProxyError { place })
    }
}

fn is_here(cluster: &Uri) -> bool {
    let host = cluster.host().unwrap_or_default().trim_matches(['[', ']']);
    host == "localhost"
        || host
            .parse()
            .is_ok_and(|address: std::net::IpAddr| address.is_loopback())
}

/// Entries are names (with all below them), addresses, ranges or `*`; a port behind one limits it.
fn is_excepted(cluster: &Uri, list: &str) -> bool {
    let port =
        cluster
            .port_u16()
            .unwrap_or(if cluster.scheme_str() == Some("http") { 80 } else { 443 });
    let entries = list
        .split(',')
        .map(str::trim)
        .filter_map(|entry| match entry.split_once(':') {
            // More colons are IPv6.
            Some((name, number)) if !number.contains(':') => {
                (number.parse() == Ok(port)).then_some(name)
            }
            _ => Some(entry),
        });
    let entries: Vec<&str> = entries
        .map(|entry| entry.strip_prefix('*').unwrap_or(entry))
        .collect();
    let all = list.split(',').any(|entry| entry.trim() == "*");
    // Which proxy is of no account, only whether one is meant.
    let matcher = Matcher::builder()
        .all("http://proxy.invalid")
        .no(entries.join(","))
        .build();
    all || matcher.intercept(cluster).is_none()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROXY: &str = "http://proxy.example.com:3128";

    fn found(
        cluster: &str,
        own: Option<&str>,
        variables: &[(&str, &str)],
    ) -> Result<Option<String>, ProxyError> {
        let variable = |name: &str| {
            variables
                .iter()
                .find(|(known, _)| *known == name)
                .map(|(_, value)| (*value).to_owned())
        };
        Ok(to(&cluster.parse().unwrap(), own, variable)?
            .map(|uri| uri.to_string().trim_end_matches('/').to_owned()))
    }

    #[test]
    fn the_environment_s_proxy_is_for_clusters_elsewhere() {
        let common = ("HTTPS_PROXY", PROXY);
        let lower = ("https_proxy", PROXY);
        let acme = "https://api.acme.com:6443";
        for (cluster, variables, used) in [
            (acme, vec![], false),
            (acme, vec![("HTTPS_PROXY", " ")], false),
            (acme, vec![common], true),
            (acme, vec![common, ("NO_PROXY", "localhost,.acme.com")], false),
            (acme, vec![common, ("NO_PROXY", "acme.com:6443")], false),
            (acme, vec![common, ("NO_PROXY", "acme.com:443")], true),
            (acme, vec![common, ("NO_PROXY", "*.acme.com")], false),
            (acme, vec![lower, ("no_proxy", "10.0.0.0/8,*")], false),
            // Lists as people have them.
            (acme, vec![common, ("NO_PROXY", "localhost,,foo")], true),
            (acme, vec![common, ("NO_PROXY", "localhost, .svc ,")], true),
            (acme, vec![common, ("NO_PROXY", " ")], true),
            (acme, vec![common, ("NO_PROXY", "?,://, 10.0.0.0/99")], true),
            ("https://10.1.2.3:6443", vec![common, ("NO_PROXY", "10.0.0.0/8")], false),
            ("https://10.1.2.3:6443", vec![common, ("NO_PROXY", "*")], false),
            ("https://[fd00::1]:6443", vec![common, ("NO_PROXY", "fd00::/8")], false),
            // The proxy is excepted, the cluster is not.
            (acme, vec![common, ("NO_PROXY", "proxy.example.com")], true),
            ("https://127.0.0.1:6443", vec![common], false),
            ("https://[::1]:6443", vec![common], false),
            ("https://localhost:6443", vec![common], false),
        ] {
            let wanted = used.then(|| PROXY.to_owned());
            assert_eq!(found(cluster, None, &variables), Ok(wanted), "{cluster} {variables:?}");
        }
    }

    #[test]
    fn the_kubeconfig_s_own_is_always_used() {
        let own = "socks5://127.0.0.1:1080";
        let variables = [("HTTPS_PROXY", PROXY), ("NO_PROXY", "*")];
        assert_eq!(
            found("https://127.0.0.1:6443", Some(own), &variables),
            Ok(Some(own.to_owned()))
        );
        assert_eq!(
            found("https://api.acme.com", Some(""), &variables[..1]),
            Ok(Some(PROXY.to_owned()))
        );
    }

    #[test]
    fn what_is_no_proxy_is_refused_by_its_place() {
        let one = |value| found("https://api.acme.com", None, &[("https_proxy", value)]);
        assert_eq!(one("proxy.example.com:3128"), Ok(Some(PROXY.to_owned())));
        for value in ["ftp://proxy.example.com", "http://", "http://a b", "://x"] {
            assert_eq!(one(value), Err(ProxyError { place: "https_proxy" }), "{value}");
        }
        let own = found("https://api.acme.com", Some("gopher://user:password@proxy"), &[])
            .unwrap_err()
            .to_string();
        assert!(
            own.starts_with("the kubeconfig's proxy-url: expected ") && !own.contains("password"),
            "{own}"
        );
    }
}
