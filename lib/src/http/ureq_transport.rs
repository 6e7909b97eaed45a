//! The transport over the network.

use std::error::Error;
use std::io::ErrorKind;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rustls::pki_types::CertificateDer;
use ureq::tls::{Certificate, RootCerts, TlsConfig};
use ureq::{Agent, AsSendBody, SendBody};

use super::base_url::{host_of, is_loopback};
use super::{Body, Request, Response, Transport, TransportError, roots};

/// Connecting takes longer than this only when nobody is there (10 seconds). Below every timeout of
/// a whole exchange, so that a failure to connect can be told from an answer that did not come.
const CONNECT: Duration = Duration::from_secs(10);

/// Headers beyond this are nobody's right answer (64 KiB); Gangway can echo a request's headers.
const MAX_HEADERS: usize = 64 * 1024;

/// Sends requests over the network. Each takes a connection of its own: a kept one that the server
/// has closed meanwhile would make the outcome of a POST doubtful for nothing.
#[derive(Debug, Clone)]
pub struct UreqTransport {
    agent: Agent,
}

impl UreqTransport {
    /// A transport that trusts the usual roots and `extra` ones.
    pub fn new(extra: Vec<CertificateDer<'static>>) -> Self {
        let roots = roots::usual_certificates().into_iter().chain(extra);
        let roots: Vec<_> = roots.map(|der| Certificate::from_der(&der).to_owned()).collect();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::new_with_certs(&roots))
            .unversioned_rustls_crypto_provider(provider)
            .build();
        let config = Agent::config_builder()
            .tls_config(tls)
            .http_status_as_error(false)
            .max_redirects(0)
            .max_idle_connections(0)
            .max_response_header_size(MAX_HEADERS)
            .timeout_connect(Some(CONNECT))
            .user_agent(concat!("release-gate/", env!("CARGO_PKG_VERSION")))
            .build();
        Self { agent: config.new_agent() }
    }

    fn exchange(&self, request: Request) -> Result<Response, TransportError> {
        let Request { method, url, headers, token, body, timeout } = request;
        let (host, here) = (host_of(&url), is_loopback(&url));
        let mut builder = http::Request::builder().method(method).uri(url.as_str());
        for (name, value) in &headers {
            builder = builder.header(name, value);
        }
        if let Some(token) = &token {
            builder =
                builder.header(http::header::AUTHORIZATION, format!("Bearer {}", token.expose()));
        }
        let result = match body {
            Some(body) => self.run(builder.body(body.to_vec()), timeout, here),
            None => self.run(builder.body(SendBody::none()), timeout, here),
        };
        let (head, body) = result.map_err(|error| classify(error, host, timeout))?.into_parts();
        Ok(Response {
            status: head.status.as_u16(),
            headers: head.headers,
            body: Body::Reader(Box::new(body.into_reader())),
        })
    }

    fn run(
        &self,
        request: http::Result<http::Request<impl AsSendBody>>,
        timeout: Duration,
        here: bool,
    ) -> Result<http::Response<ureq::Body>, ureq::Error> {
        let mut request = self.agent.configure_request(request?).timeout_global(Some(timeout));
        // No proxy would find this machine by that name.
        if here {
            request = request.proxy(None);
        }
        self.agent.run(request.build())
    }
}

#[async_trait]
impl Transport for UreqTransport {
    async fn send(&self, request: Request) -> Result<Response, TransportError> {
        let this = self.clone();
        match tokio::task::spawn_blocking(move || this.exchange(request)).await {
            Ok(result) => result,
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

fn classify(error: ureq::Error, host: String, after: Duration) -> TransportError {
    use ureq::Timeout::{Connect, Resolve};
    let not_sent = match &error {
        ureq::Error::HostNotFound
        | ureq::Error::ConnectionFailed
        | ureq::Error::BadUri(_)
        | ureq::Error::Http(_)
        | ureq::Error::InvalidProxyUrl
        | ureq::Error::ConnectProxyFailed(_)
        | ureq::Error::Timeout(Connect | Resolve)
        | ureq::Error::Tls(_)
        | ureq::Error::Rustls(_) => true,
        ureq::Error::Io(io) => {
            // Refused and unreachable come from connecting alone; a certificate is judged before
            // the request is sent.
            matches!(
                io.kind(),
                ErrorKind::ConnectionRefused
                    | ErrorKind::HostUnreachable
                    | ErrorKind::NetworkUnreachable
            ) || io
                .get_ref()
                .and_then(|inner| inner.downcast_ref::<rustls::Error>())
                .is_some_and(|tls| matches!(tls, rustls::Error::InvalidCertificate(_)))
        }
        _ => false,
    };
    let timed_out = matches!(error, ureq::Error::Timeout(_));
    let source: Box<dyn Error + Send + Sync> = match error {
        ureq::Error::Io(io) => Box::new(io),
        other => Box::new(other),
    };
    match (not_sent, timed_out) {
        (true, _) => TransportError::NotSent { host, source },
        (false, true) => TransportError::TimedOut { host, after },
        (false, false) => TransportError::Lost { host, source },
    }
}
