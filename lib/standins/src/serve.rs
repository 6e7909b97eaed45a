//! Serving a world over sockets, from a thread of its own.

use std::collections::BTreeMap;
use std::io;
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;

use axum::Router;
use axum::extract::Request;
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::pki_types::pem::PemObject;
use tokio_rustls::rustls::pki_types::{CertificateDer, PrivateKeyDer};
use tower::ServiceExt;

use crate::direct::Broken;
use crate::enter::Dropped;
use crate::{Server, World};

/// Certificate chain and key, both PEM files.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Certificates, the server's own first.
    pub certificates: PathBuf,
    /// Its private key.
    pub key: PathBuf,
}

/// Where and how a world is served.
#[derive(Debug, Clone)]
pub struct ServeOptions {
    /// Address to bind.
    pub address: IpAddr,
    /// Ports of servers; any free one for the others.
    pub ports: BTreeMap<Server, u16>,
    /// Servers that speak TLS.
    pub tls: BTreeMap<Server, Tls>,
    /// Host that URLs name; the address if none is given.
    pub host: Option<String>,
}

impl Default for ServeOptions {
    fn default() -> Self {
        Self {
            address: IpAddr::V4(Ipv4Addr::LOCALHOST),
            ports: BTreeMap::new(),
            tls: BTreeMap::new(),
            host: None,
        }
    }
}

/// Path of Slack's webhook, where none is made known.
pub const WEBHOOK: &str = "/services/T0FINDME/B0FINDME/find-me-webhook-of-slack";

/// The token in a kubeconfig, where none is chosen.
pub const CLUSTER_TOKEN: &str = "find-me-token-of-the-cluster";

/// Served servers; they end when this is dropped.
pub struct Servers {
    addresses: BTreeMap<Server, SocketAddr>,
    tls: Vec<Server>,
    host: Option<String>,
    closed: watch::Sender<Vec<Server>>,
    thread: Option<JoinHandle<()>>,
}

impl World {
    /// Serves every server on a free port of 127.0.0.1.
    ///
    /// # Errors
    /// A port cannot be bound.
    pub fn serve(&self) -> io::Result<Servers> {
        self.serve_with(&ServeOptions::default())
    }

    /// Serves every server as the options say.
    ///
    /// # Errors
    /// A port cannot be bound, or a certificate or key cannot be read.
    pub fn serve_with(&self, options: &ServeOptions) -> io::Result<Servers> {
        let mut listeners = Vec::new();
        let mut addresses = BTreeMap::new();
        for server in Server::ALL {
            let port = options.ports.get(&server).copied().unwrap_or(0);
            let listener = TcpListener::bind((options.address, port))?;
            listener.set_nonblocking(true)?;
            addresses.insert(server, listener.local_addr()?);
            let acceptor = options.tls.get(&server).map(acceptor).transpose()?;
            listeners.push((server, listener, self.router(server), acceptor));
        }
        let (closed, closing) = watch::channel(Vec::new());
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("standins".into()).spawn(move || {
            runtime.block_on(async {
                for (server, listener, router, acceptor) in listeners {
                    match tokio::net::TcpListener::from_std(listener) {
                        Ok(listener) => drop(tokio::spawn(accept(
                            server,
                            listener,
                            router,
                            acceptor,
                            closing.clone(),
                        ))),
                        Err(error) => unreachable!("a bound listener is taken over: {error}"),
                    }
                }
                // until the handle is dropped, and its sender with it
                let mut closing = closing;
                while closing.changed().await.is_ok() {}
            });
        })?;
        Ok(Servers {
            addresses,
            tls: options.tls.keys().copied().collect(),
            host: options.host.clone(),
            closed,
            thread: Some(thread),
        })
    }
}

fn acceptor(tls: &Tls) -> io::Result<TlsAcceptor> {
    let wrong = |error: &dyn std::fmt::Display, path: &Path| {
        io::Error::other(format!("{}: {error}", path.display()))
    };
    let chain = CertificateDer::pem_file_iter(&tls.certificates)
        .and_then(Iterator::collect::<Result<Vec<_>, _>>)
        .map_err(|error| wrong(&error, &tls.certificates))?;
    let key = PrivateKeyDer::from_pem_file(&tls.key).map_err(|error| wrong(&error, &tls.key))?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|config| config.with_no_client_auth().with_single_cert(chain, key))
        .map_err(|error| wrong(&error, &tls.certificates))?;
    Ok(TlsAcceptor::from(Arc::new(config)))
}

async fn accept(
    server: Server,
    listener: tokio::net::TcpListener,
    router: Router,
    acceptor: Option<TlsAcceptor>,
    closing: watch::Receiver<Vec<Server>>,
) {
    let mut closed = closing.clone();
    let connections = async {
        loop {
            let Ok((socket, _)) = listener.accept().await else {
                continue;
            };
            let _ = socket.set_nodelay(true);
            let (router, acceptor, mut closed) =
                (router.clone(), acceptor.clone(), closing.clone());
            tokio::spawn(async move {
                let talk = async {
                    match acceptor {
                        None => talk(socket, router).await,
                        Some(acceptor) => {
                            if let Ok(socket) = acceptor.accept(socket).await {
                                talk(socket, router).await;
                            }
                        }
                    }
                };
                tokio::select! {
                    () = talk => {}
                    _ = closed.wait_for(|closed| closed.contains(&server)) => {}
                }
            });
        }
    };
    tokio::select! {
        () = connections => {}
        _ = closed.wait_for(|closed| closed.contains(&server)) => {}
    }
}

/// One connection, until it ends or a fault ends it.
async fn talk(socket: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, router: Router) {
    let service = hyper::service::service_fn(move |request: Request<hyper::body::Incoming>| {
        let router = router.clone();
        async move {
            let answer = router.oneshot(request.map(axum::body::Body::new)).await?;
            match answer.extensions().get::<Dropped>() {
                Some(_) => Err(Broken::Dropped),
                None => Ok(answer),
            }
        }
    });
    // an error here is the client's or a fault's: nobody wants to hear of it
    let _ = hyper::server::conn::http1::Builder::new()
        .serve_connection(TokioIo::new(socket), service)
        .await;
}

impl Servers {
    /// Base URL of a server, without a slash at the end.
    pub fn url(&self, server: Server) -> String {
        let scheme = if self.tls.contains(&server) { "https" } else { "http" };
        format!("{scheme}://{}", self.host_of(server))
    }

    fn host_of(&self, server: Server) -> String {
        let address = self.addresses[&server];
        match &self.host {
            Some(host) => format!("{host}:{}", address.port()),
            None => address.to_string(),
        }
    }

    /// Where a server listens.
    pub fn address(&self, server: Server) -> SocketAddr {
        self.addresses[&server]
    }

    /// Gangway's base URL.
    pub fn gangway_url(&self) -> String {
        self.url(Server::Gangway)
    }

    /// Deck's base URL.
    pub fn deck_url(&self) -> String {
        self.url(Server::Deck)
    }

    /// The bucket's base URL.
    pub fn artifacts_url(&self) -> String {
        self.url(Server::Bucket)
    }

    /// The Kubernetes API's URL.
    pub fn kube_url(&self) -> String {
        self.url(Server::Kube)
    }

    /// Host and port of the registry, as an image reference begins.
    pub fn registry_host(&self) -> String {
        self.host_of(Server::Registry)
    }

    /// A webhook of Slack.
    pub fn slack_url(&self) -> String {
        self.url(Server::Slack) + WEBHOOK
    }

    /// KubeArchive's base URL.
    pub fn archive_url(&self) -> String {
        self.url(Server::Archive)
    }

    /// Closes a server: its connections end, and new ones are refused.
    pub fn close(&self, server: Server) {
        self.closed.send_modify(|closed| closed.push(server));
    }

    /// Writes a kubeconfig for the Kubernetes API, with this namespace and [`CLUSTER_TOKEN`].
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_kubeconfig(&self, path: &Path, namespace: &str) -> io::Result<()> {
        self.write_kubeconfig_with(path, namespace, CLUSTER_TOKEN)
    }

    /// The same with a token of the caller's.
    ///
    /// # Errors
    /// The file cannot be written.
    pub fn write_kubeconfig_with(
        &self,
        path: &Path,
        namespace: &str,
        token: &str,
    ) -> io::Result<()> {
        let config = serde_json::json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "standin",
            "clusters": [{"name": "standin", "cluster": {"server": self.kube_url()}}],
            "users": [{"name": "standin", "user": {"token": token}}],
            "contexts": [{"name": "standin", "context": {"cluster": "standin", "user": "standin", "namespace": namespace}}],
        });
        std::fs::write(path, crate::prow::yaml::print(&config))
    }
}

impl Drop for Servers {
    fn drop(&mut self) {
        // the thread ends when the sender is gone
        let (sender, _) = watch::channel(Vec::new());
        drop(std::mem::replace(&mut self.closed, sender));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}
