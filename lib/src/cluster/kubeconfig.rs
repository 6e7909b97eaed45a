//! A kubeconfig's chosen context as the client's configuration.
//!
//! kube's own way from one to the other also looks for a proxy, in the environment and by rules
//! that are not kubectl's (see [`super::proxy`]), fails where it does not like what it finds, and
//! ends in a panic for some tokens and addresses that kubectl takes.

use std::path::PathBuf;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use http::{HeaderValue, Uri};
use kube::Config;
use kube::config::{AuthInfo, Cluster, ExecAuthCluster};
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use secrecy::{ExposeSecret, SecretString};

use super::connect::Bearer;
use super::files::{Entry, Files};
use super::proxy::{self, ProxyError};
use crate::secret::{Secret, SecretFile};

/// Why a kubeconfig cannot be used. Quotes nothing of it but names.
#[derive(Debug, thiserror::Error)]
pub enum Unusable {
    /// A file cannot be read.
    #[error("cannot read {}; expected a kubeconfig", path.display())]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// The system's reason.
        source: std::io::Error,
    },
    /// A file is something else.
    #[error("{} is no kubeconfig: {problem}; expected YAML with clusters, contexts and users", path.display())]
    NoKubeconfig {
        /// The file.
        path: PathBuf,
        /// What is wrong and where.
        problem: String,
    },
    /// No context is chosen.
    #[error(
        "there is no current context in {places}; choose one with --context or kubectl config use-context"
    )]
    NoContext {
        /// The files.
        places: String,
    },
    /// What is named is not there.
    #[error("there is no {kind} {name:?} in {places}; there is: {has}")]
    Missing {
        /// `context`, `cluster` or `user`.
        kind: &'static str,
        name: String,
        /// The files.
        places: String,
        /// The names that are there.
        has: String,
    },
    /// An entry cannot be used.
    #[error("the {kind} {name:?} in {}: {problem}", path.display())]
    Entry {
        /// `context`, `cluster` or `user`.
        kind: &'static str,
        name: String,
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The way to the cluster leads through what is no proxy.
    #[error(transparent)]
    Proxy(#[from] ProxyError),
}

/// A context's cluster and user, the current one's if none is named, and the user's token; the
/// proxy is found with `variable`, which reads the environment.
///
/// # Errors
/// [`Unusable`] when the context, its cluster or its user is missing, or cannot be used.
pub(super) fn configuration(
    files: &Files,
    context: Option<&str>,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(Config, Option<Bearer>), Unusable> {
    let current = context
        .filter(|name| !name.is_empty())
        .or_else(|| files.current_context());
    let name = current.ok_or_else(|| Unusable::NoContext { places: files.places() })?;
    let (_, context) = files.context(name)?;
    let (entry, cluster) = files.cluster(&context.cluster)?;
    // As for kubectl, nobody in particular is a user as well.
    let user = context
        .user
        .filter(|name| !name.is_empty())
        .map(|name| files.user(&name))
        .transpose()?;

    let (mut config, told) = place(&entry, cluster, variable)?;
    config.default_namespace = context
        .namespace
        .filter(|namespace| !namespace.is_empty())
        .unwrap_or(config.default_namespace);
    let mut bearer = None;
    if let Some((entry, user)) = user {
        (config.auth_info, bearer) = identity(&entry, user)?;
        if let Some(exec) = config
            .auth_info
            .exec
            .as_mut()
            .filter(|exec| exec.provide_cluster_info)
        {
            // What a login command may be told of the cluster.
            exec.cluster = told;
        }
    }
    Ok((config, bearer))
}

/// Where a cluster is and whom it is believed, and what a login command may be told of it.
fn place(
    entry: &Entry,
    mut cluster: Cluster,
    variable: impl Fn(&str) -> Option<String>,
) -> Result<(Config, Option<ExecAuthCluster>), Unusable> {
    let pem = entry.data(
        "certificate-authority",
        cluster.certificate_authority_data.as_deref(),
        cluster.certificate_authority.as_deref(),
    )?;
    // Read already, and once more in the form that everyone reads.
    cluster.certificate_authority = None;
    cluster.certificate_authority_data = pem.as_ref().map(|pem| STANDARD.encode(pem));
    let authorities = |pem: &Vec<u8>| {
        let found = CertificateDer::pem_slice_iter(pem).map(|der| der.map(|der| der.to_vec()));
        let found = found
            .collect::<Result<Vec<_>, _>>()
            .ok()
            .filter(|found| !found.is_empty());
        found.ok_or_else(|| entry.wrong("its certificate-authority holds no certificates in PEM"))
    };
    let root_cert = pem.as_ref().map(authorities).transpose()?;
    let told = ExecAuthCluster::try_from(&cluster).ok();

    let mut config = Config::new(address(entry, &cluster, root_cert.is_some())?);
    config.proxy_url = proxy::to(&config.cluster_url, cluster.proxy_url.as_deref(), variable)?;
    config.root_cert = root_cert;
    config.accept_invalid_certs = cluster.insecure_skip_tls_verify.unwrap_or(false);
    config.disable_compression = cluster.disable_compression.unwrap_or(false);
    config.tls_server_name = cluster.tls_server_name.filter(|name| !name.is_empty());
    Ok((config, told))
}

/// A cluster's address. Without a scheme it is HTTPS where anything is said of certificates, else
/// HTTP, as client-go's `DefaultServerURL` has it.
fn address(entry: &Entry, cluster: &Cluster, authorities: bool) -> Result<Uri, Unusable> {
    let server = cluster
        .server
        .as_deref()
        .map(str::trim)
        .filter(|server| !server.is_empty());
    let server = server.ok_or_else(|| entry.wrong("it has no server"))?;
    let tls = authorities || cluster.insecure_skip_tls_verify == Some(true);
    let whole = match server.contains("://") {
        true => server.to_owned(),
        false => format!("{}://{server}", if tls { "https" } else { "http" }),
    };
    let parsed = whole.parse::<Uri>().ok().filter(|uri| {
        let known = matches!(uri.scheme_str(), Some("http" | "https"));
        known && uri.host().is_some_and(|host| !host.is_empty()) && uri.query().is_none()
    });
    parsed.ok_or_else(|| entry.wrong("its server is no address, expected https://HOST:PORT"))
}

/// Who a user is, and the token, if that is what tells.
fn identity(entry: &Entry, mut user: AuthInfo) -> Result<(AuthInfo, Option<Bearer>), Unusable> {
    let filled = |text: Option<String>| text.filter(|text| !text.is_empty());
    user.username = filled(user.username);
    user.impersonate = filled(user.impersonate);
    let as_whom = user
        .impersonate
        .iter()
        .chain(user.impersonate_groups.iter().flatten());
    if as_whom.into_iter().any(|name| HeaderValue::from_str(name).is_err()) {
        return Err(entry.wrong("whom it acts as is no name"));
    }
    let certificate = entry.data(
        "client-certificate",
        user.client_certificate_data.as_deref(),
        user.client_certificate.as_deref(),
    )?;
    let key = entry.data(
        "client-key",
        user.client_key_data.as_ref().map(|data| data.expose_secret()),
        user.client_key.as_deref(),
    )?;
    (user.client_certificate, user.client_key) = (None, None);
    (user.client_certificate_data, user.client_key_data) = (None, None);
    match (certificate, key) {
        (None, None) => {}
        (Some(certificate), Some(key)) => {
            let certificates: Vec<_> = CertificateDer::pem_slice_iter(&certificate).collect();
            if certificates.is_empty() || certificates.iter().any(Result::is_err) {
                return Err(entry.wrong("its client-certificate holds no certificate in PEM"));
            }
            if PrivateKeyDer::from_pem_slice(&key).is_err() {
                return Err(
                    entry.wrong("its client-key holds no private key in PEM that is not encrypted")
                );
            }
            user.client_certificate_data = Some(STANDARD.encode(certificate));
            user.client_key_data = Some(SecretString::from(STANDARD.encode(key)));
        }
        _ => {
            return Err(
                entry.wrong("it has one of client-certificate and client-key, expected both")
            );
        }
    }
    if let Some(exec) = &mut user.exec {
        // One that is no bare name is beside the file.
        let beside = |command: &String| command.contains('/').then(|| entry.beside(command));
        if let Some(path) = exec
            .command
            .as_ref()
            .and_then(beside)
            .and_then(|path| path.to_str().map(str::to_owned))
        {
            exec.command = Some(path);
        }
    }
    let bearer = bearer(entry, &mut user)?;
    Ok((user, bearer))
}

/// A user's token. A file wins over a value, if it can be read, as client-go has it.
fn bearer(entry: &Entry, user: &mut AuthInfo) -> Result<Option<Bearer>, Unusable> {
    let value = user
        .token
        .take()
        .map(|token| token.expose_secret().trim().to_owned())
        .filter(|token| !token.is_empty());
    let file = user.token_file.take().filter(|path| !path.is_empty());
    let fits = |token: &str| {
        !token.contains(|c: char| c.is_control() || c.is_whitespace())
            && HeaderValue::from_str(token).is_ok()
    };
    if value.as_deref().is_some_and(|token| !fits(token)) {
        return Err(entry.wrong("its token holds blanks or control characters, expected one word"));
    }
    let file = file.map(|path| SecretFile::new("the cluster's token", entry.beside(&path)));
    match (file, value) {
        (Some(file), value) => match (file.read(), value) {
            (Ok(_), _) => Ok(Some(Bearer::File(file))),
            (Err(_), Some(value)) => Ok(Some(Bearer::Value(Secret::new(value)))),
            (Err(error), None) => {
                Err(entry.wrong(format!("its tokenFile: {}", crate::failure::Chain(&error))))
            }
        },
        (None, value) => Ok(value.map(|value| Bearer::Value(Secret::new(value)))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::config::Kubeconfig;
    use proptest::prelude::*;
    use std::sync::LazyLock;

    fn read(text: &str, context: Option<&str>) -> Result<Config, Unusable> {
        whole(text, context).map(|(config, _)| config)
    }

    fn whole(text: &str, context: Option<&str>) -> Result<(Config, Option<Bearer>), Unusable> {
        configuration(&Files::of(&[text])?, context, |_| None)
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

    /// A kubeconfig whose user is `user`, in YAML's short form, as is its cluster.
    fn of(cluster: &str, user: &str) -> String {
        format!(
            "{{clusters: [{{name: c, cluster: {cluster}}}], users: [{{name: u, user: {user}}}], \
             contexts: [{{name: x, context: {{cluster: c, user: u}}}}], current-context: x}}"
        )
    }

    /// What kube itself makes of it, but for the proxy's rules.
    #[tokio::test]
    async fn it_is_what_kube_makes_of_it() {
        let certificate = rcgen::generate_simple_self_signed(vec!["b".to_owned()]).unwrap().cert;
        let text = two(&STANDARD.encode(certificate.pem()));
        // Their rules are about these.
        let ours = ["HTTPS_PROXY", "https_proxy", "NO_PROXY", "no_proxy"]
            .iter()
            .all(|name| std::env::var(name).is_err());
        for context in [None, Some("one"), Some("two")].into_iter().filter(|_| ours) {
            let options = kube::config::KubeConfigOptions {
                context: context.map(str::to_owned),
                ..Default::default()
            };
            let theirs =
                Config::from_custom_kubeconfig(Kubeconfig::from_yaml(&text).unwrap(), &options)
                    .await
                    .unwrap();
            assert_eq!(format!("{:?}", read(&text, context).unwrap()), format!("{theirs:?}"));
        }
        assert_eq!(
            read(&text, Some("two")).unwrap().root_cert,
            Some(vec![certificate.der().to_vec()])
        );
    }

    #[test]
    fn what_is_missing_is_named() {
        let said = |text: &str, context| read(text, context).unwrap_err().to_string();
        assert_eq!(
            said(&two(""), Some("four")),
            "there is no context \"four\" in /folder/0; there is: one, two, three"
        );
        assert!(
            said(&two(""), Some("three")).starts_with("there is no cluster \"gone\" in /folder/0")
        );
        assert!(said("{}", None).contains("no current context in /folder/0"));
        let no_address =
            "{clusters: [{name: a, cluster: {}}], contexts: [{name: a, context: {cluster: a}}]}";
        assert_eq!(said(no_address, Some("a")), "the cluster \"a\" in /folder/0: it has no server");
        let nobody = "{clusters: [{name: a, cluster: {server: 'https://a'}}], contexts: [{name: a, context: {cluster: a, user: b}}]}";
        assert!(said(nobody, Some("a")).starts_with("there is no user \"b\""));
    }

    #[test]
    fn tokens_as_kubectl_takes_them() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("token");
        std::fs::write(&path, "from-file\n").unwrap();
        let path = path.display().to_string();
        let token = |user: &str| {
            let (config, bearer) = whole(&of("{server: 'https://a'}", user), None)
                .map_err(|error| error.to_string())?;
            assert!(config.auth_info.token.is_none() && config.auth_info.token_file.is_none());
            Ok::<_, String>(bearer.map(|bearer| bearer.read().unwrap().expose().to_owned()))
        };
        let some = |text: &str| Ok(Some(text.to_owned()));
        assert_eq!(token("{token: abc}"), some("abc"));
        assert_eq!(token("{token: \"abc\\n\"}"), some("abc"));
        assert_eq!(token("{token: \" abc\\r\\n\"}"), some("abc"));
        assert_eq!(token("{token: '', tokenFile: ''}"), Ok(None));
        assert_eq!(token("{}"), Ok(None));
        assert_eq!(token(&format!("{{tokenFile: '{path}'}}")), some("from-file"));
        assert_eq!(token(&format!("{{token: abc, tokenFile: '{path}'}}")), some("from-file"));
        assert_eq!(token("{token: abc, tokenFile: /nowhere}"), some("abc"));
        for (user, words) in [
            ("{token: \"a\\nb\"}", "its token holds blanks"),
            ("{token: \"a\\0b\"}", "its token holds blanks"),
            ("{tokenFile: nowhere/x}", "/folder/nowhere/x"),
            ("{as: \"a\\nb\"}", "whom it acts as"),
            ("{client-certificate-data: '%%'}", "its client-certificate-data is no base64"),
            (
                "{client-certificate: gone.crt}",
                "its client-certificate \"gone.crt\" cannot be read",
            ),
            (
                "{client-certificate-data: aG9z, client-key-data: aG9z}",
                "holds no certificate in PEM",
            ),
            ("{client-key-data: aG9z}", "expected both"),
        ] {
            let said = token(user).unwrap_err();
            assert!(
                said.starts_with("the user \"u\" in /folder/0: ") && said.contains(words),
                "{user}: {said}"
            );
        }
    }

    #[test]
    fn certificates_as_go_decodes_them() {
        let made = rcgen::generate_simple_self_signed(vec!["b".to_owned()]).unwrap();
        let lines = |text: String| {
            let encoded = STANDARD.encode(text);
            let lines: Vec<_> = encoded
                .as_bytes()
                .chunks(64)
                .map(|line| String::from_utf8_lossy(line).into_owned())
                .collect();
            lines.join("\\n")
        };
        let (certificate, key) = (lines(made.cert.pem()), lines(made.signing_key.serialize_pem()));
        let cluster = format!(
            "{{server: 'https://a', certificate-authority-data: \"{certificate}\", tls-server-name: ''}}"
        );
        let user =
            format!("{{client-certificate-data: \"{certificate}\", client-key-data: \"{key}\"}}");
        let config = read(&of(&cluster, &user), None).unwrap();
        assert_eq!(config.root_cert, Some(vec![made.cert.der().to_vec()]));
        assert!(config.auth_info.client_key_data.is_some() && config.tls_server_name.is_none());
        let said = read(&of("{server: 'https://a', certificate-authority-data: aG9z}", "{}"), None)
            .unwrap_err();
        assert!(
            said.to_string()
                .contains("certificate-authority holds no certificates")
        );
    }

    #[test]
    fn addresses_as_kubectl_takes_them() {
        for (cluster, wanted) in [
            ("{server: 'https://a:6443'}", Some("https://a:6443/")),
            ("{server: 'https://a/k8s/clusters/c-1'}", Some("https://a/k8s/clusters/c-1")),
            ("{server: 'localhost:8080'}", Some("http://localhost:8080/")),
            ("{server: 'a:6443', insecure-skip-tls-verify: true}", Some("https://a:6443/")),
            ("{server: ' https://a\n'}", Some("https://a/")),
            ("{server: ''}", None),
            ("{server: 'ftp://a'}", None),
            ("{server: 'https://'}", None),
            ("{server: 'https://a b'}", None),
            ("{server: /path}", None),
        ] {
            let found = read(&of(cluster, "{}"), None).map(|config| config.cluster_url.to_string());
            assert_eq!(found.ok().as_deref(), wanted, "{cluster}");
        }
    }

    /// Names, values and structures in every combination: what fits, what nearly fits, what is
    /// something else.
    fn kubeconfigs() -> impl Strategy<Value = String> {
        let odd = prop_oneof![
            4 => "[ -~]{0,12}",
            1 => any::<String>(),
            2 => Just("https://a:6443".to_owned()),
            1 => Just("localhost:8080".to_owned()),
            1 => Just("aG9z\ndA==".to_owned()),
            1 => Just("token\n".to_owned()),
            1 => Just("/dev/null".to_owned()),
        ];
        let value = prop_oneof![
            6 => odd.prop_map(serde_json::Value::from),
            1 => Just(serde_json::Value::Null),
            1 => any::<bool>().prop_map(serde_json::Value::from),
            1 => any::<i32>().prop_map(serde_json::Value::from),
        ];
        let fields = |names: &'static [&'static str]| {
            prop::collection::btree_map(prop::sample::select(names), value.clone(), 0..4)
        };
        let cluster = fields(&[
            "server",
            "certificate-authority-data",
            "certificate-authority",
            "proxy-url",
            "tls-server-name",
        ]);
        let user = fields(&[
            "token",
            "tokenFile",
            "username",
            "password",
            "client-certificate-data",
            "client-key-data",
            "client-key",
            "as",
        ]);
        let context = fields(&["namespace", "user"]);
        let server = prop_oneof![
            Just("https://a:6443"),
            Just("a:6443"),
            Just("http://[::1]:80/x/"),
            Just("localhost")
        ];
        (cluster, user, context, server, any::<bool>(), "[ -~\n]{0,8}").prop_map(
            |(cluster, user, context, server, named, noise)| {
                let mut entries =
                    serde_json::json!({"cluster": cluster, "user": user, "context": context});
                entries["cluster"]["insecure-skip-tls-verify"] = true.into();
                if named {
                    entries["cluster"]["server"] = server.into();
                    entries["context"]["user"] = "u".into();
                }
                entries["context"]["cluster"] = "c".into();
                let text = serde_json::json!({
                    "clusters": [{"name": "c", "cluster": entries["cluster"]}],
                    "users": [{"name": "u", "user": entries["user"]}],
                    "contexts": [{"name": "x", "context": entries["context"]}],
                    "current-context": "x",
                });
                if noise.len() == 8 {
                    text.to_string().replace(":", &noise)
                } else {
                    text.to_string()
                }
            },
        )
    }

    /// Clients are made in one; nothing is sent.
    static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
        let _ = rustls::crypto::ring::default_provider().install_default();
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .unwrap()
    });

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

        #[test]
        fn no_kubeconfig_is_a_panic(text in kubeconfigs()) {
            // The roots of the machine take long to read, and are no matter of the kubeconfig's.
            if let Ok((mut config, bearer)) = whole(&text, None) {
                config.root_cert.get_or_insert_default();
                let _guard = RUNTIME.enter();
                let _ = crate::cluster::connect::client(config, bearer);
            }
        }

        #[test]
        fn no_text_is_a_panic(text in any::<String>()) {
            let _ = whole(&text, None);
        }
    }
}
