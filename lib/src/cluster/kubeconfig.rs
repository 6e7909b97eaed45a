//! A kubeconfig's chosen context as the client's configuration.
//!
//! kube's own way from one to the other also looks for a proxy, in the environment and by rules that
//! are not kubectl's (see [`super::proxy`]), and fails where it does not like what it finds.

use http::Uri;
use kube::Config;
use kube::config::{ExecAuthCluster, Kubeconfig, KubeconfigError};
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::{self, PemObject};

use super::proxy::{self, ProxyError};

/// Why a kubeconfig cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// It cannot be read, or what it names is not there.
    #[error(transparent)]
    Kubeconfig(#[from] KubeconfigError),
    /// The cluster's authorities are no certificates.
    #[error("cannot read the cluster's certificate-authority; expected certificates in PEM")]
    Authorities(#[source] pem::Error),
    /// The way to the cluster leads through what is no proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// A context's cluster and user, the current one's if none is named; the proxy is found with
/// `variable`, which reads the environment.
///
/// # Errors
/// [`Unusable`] when the context or its cluster is missing, or cannot be used.
pub(super) fn configuration(
    kubeconfig: Kubeconfig,
    context: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<Config, Unusable> {
    let name =
        context.map(str::to_owned).or(kubeconfig.current_context).ok_or(KubeconfigError::CurrentContextNotSet)?;
    let context = kubeconfig.contexts.into_iter().find(|known| known.name == name).and_then(|known| known.context);
    let context = context.ok_or(KubeconfigError::LoadContext(name))?;
    let cluster =
        kubeconfig.clusters.into_iter().find(|known| known.name == context.cluster).and_then(|known| known.cluster);
    let cluster = cluster.ok_or_else(|| KubeconfigError::LoadClusterOfContext(context.cluster.clone()))?;
    // As for kubectl, nobody in particular is a user as well.
    let user = kubeconfig.auth_infos.into_iter().find(|known| Some(&known.name) == context.user.as_ref());
    let mut user = user.and_then(|known| known.auth_info).unwrap_or_default();

    // What a login command may be told of the cluster: its authorities are read for it anyway.
    let told = ExecAuthCluster::try_from(&cluster)?;
    let authorities = |pem: &Vec<u8>| {
        let certificates = CertificateDer::pem_slice_iter(pem).map(|der| der.map(|der| der.to_vec()));
        certificates.collect::<Result<_, _>>().map_err(Unusable::Authorities)
    };
    let root_cert = told.certificate_authority_data.as_ref().map(authorities).transpose()?;
    if let Some(exec) = user.exec.as_mut().filter(|exec| exec.provide_cluster_info) {
        exec.cluster = Some(told);
    }

    let server = cluster.server.ok_or(KubeconfigError::MissingClusterUrl)?;
    let mut config = Config::new(server.parse::<Uri>().map_err(KubeconfigError::ParseClusterUrl)?);
    config.proxy_url = proxy::to(&config.cluster_url, cluster.proxy_url.as_deref(), variable)?;
    config.root_cert = root_cert;
    config.default_namespace = context.namespace.unwrap_or(config.default_namespace);
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    config.tls_server_name = cluster.tls_server_name;
    config.auth_info = user;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str, context: Option<&str>) -> Result<Config, Unusable> {
        configuration(Kubeconfig::from_yaml(text).unwrap(), context, |_| None)
    }

    /// Two contexts; `ca` is the second cluster's `certificate-authority-data`.
    fn two(ca: &str) -> String {
        format!(
            "{{clusters: [{{name: a, cluster: {{server: 'https://a:1'}}}}, {{name: b, cluster: {{server: 'https://b:2', \
             tls-server-name: c, insecure-skip-tls-verify: true, disable-compression: true, \
             certificate-authority-data: '{ca}', proxy-url: 'http://p:3'}}}}], \
             contexts: [{{name: one, context: {{cluster: a}}}}, {{name: two, context: {{cluster: b, user: u, \
             namespace: n}}}}, {{name: three, context: {{cluster: gone}}}}], users: [{{name: u, user: {{exec: {{command: \
             c, apiVersion: v1, provideClusterInfo: true}}}}}}], current-context: one}}"
        )
    }

    /// What kube itself makes of it, but for the proxy's rules.
    #[tokio::test]
    async fn it_is_what_kube_makes_of_it() {
        let certificate = rcgen::generate_simple_self_signed(vec!["b".to_owned()]).unwrap().cert;
        let text = two(&base64::Engine::encode(&base64::engine::general_purpose::STANDARD, certificate.pem()));
        // Their rules are about these.
        let ours =
            ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"].iter().all(|name| std::env::var(name).is_err());
        for context in [None, Some("one"), Some("two")].into_iter().filter(|_| ours) {
            let options = kube::config::KubeConfigOptions { context: context.map(str::to_owned), ..Default::default() };
            let theirs = Config::from_custom_kubeconfig(Kubeconfig::from_yaml(&text).unwrap(), &options).await.unwrap();
            assert_eq!(format!("{:?}", read(&text, context).unwrap()), format!("{theirs:?}"));
        }
        assert_eq!(read(&text, Some("two")).unwrap().root_cert, Some(vec![certificate.der().to_vec()]));
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |text: &str, context| read(text, context).unwrap_err().to_string();
        assert!(said(&two(""), Some("four")).contains("four"));
        assert!(said(&two(""), Some("three")).contains("gone"));
        assert!(said("{}", None).contains("current context"));
        let no_address = "{clusters: [{name: a, cluster: {}}], contexts: [{name: a, context: {cluster: a}}]}";
        assert!(said(no_address, Some("a")).contains("url is missing"));
        // A block that begins and does not end.
        let broken =
            base64::Engine::encode(&base64::engine::general_purpose::STANDARD, "-----BEGIN CERTIFICATE-----\nMIIB\n");
        assert!(said(&two(&broken), Some("two")).contains("certificate-authority"));
    }
}
