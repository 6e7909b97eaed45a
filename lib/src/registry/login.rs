//! Speaking to a registry for the first time, and showing it what it wants to see.
//!
//! Whether a registry on this machine speaks TLS is found out; a certificate that is refused is no
//! reason to do without. What goes into `Authorization` is kept for the next request, and asked for
//! again when a request meets a 401: tokens of registries last minutes.

use std::future::Future;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde::Deserialize;
use tokio::sync::Mutex;
use url::Url;

use super::challenge::{self, Challenge};
use super::client::{MAX_MANIFEST, Registry};
use super::credentials::Login;
use super::error::{Failed, Kind};
use super::fetch::{Answer, Fetcher, Plain, is_named};
use crate::http;
use crate::secret::Secret;

/// No token is longer (256 KiB), nor what comes with it.
const MAX_TOKEN: u64 = 256 << 10;

/// As whom an identity token is exchanged.
const CLIENT: &str = "release-gate";

/// A registry that has been spoken to.
pub(super) struct Session {
    pub(super) base: Url,
    pub(super) fetcher: Fetcher,
    /// What goes into `Authorization`, if it wants anything.
    authorization: Mutex<Option<Secret>>,
}

impl Registry {
    /// Who was spoken to; the first to ask finds out how.
    pub(super) async fn session(&self) -> Result<&Session, Failed> {
        self.session.get_or_try_init(|| self.connect()).await
    }

    /// One question.
    pub(super) async fn get(
        &self,
        session: &Session,
        url: Url,
        accept: &str,
        limit: u64,
    ) -> Result<Answer, Failed> {
        self.authorized(session, |authorization| {
            let url = url.clone();
            async move { session.fetcher.get(url, authorization.as_ref(), accept, limit).await }
        })
        .await
    }

    /// One request; a 401 that says how to log in is answered once.
    pub(super) async fn authorized<F, R>(&self, session: &Session, ask: F) -> Result<Answer, Failed>
    where
        F: Fn(Option<Secret>) -> R,
        R: Future<Output = Result<Answer, Failed>>,
    {
        let before = session.authorization.lock().await.clone();
        let answer = ask(before.clone()).await?;
        if answer.status != 401 {
            return Ok(answer);
        }
        let after = self.authorization(session, &answer).await?;
        let same = after.as_ref().map(Secret::expose) == before.as_ref().map(Secret::expose);
        match after {
            Some(after) if !same => {
                let answer = ask(Some(after.clone())).await;
                *session.authorization.lock().await = Some(after);
                answer
            }
            _ => Ok(answer),
        }
    }

    /// The first to ask finds out what the registry wants, and whether one on this machine speaks
    /// TLS.
    async fn connect(&self) -> Result<Session, Failed> {
        if is_named(&self.host, &self.plain_http) {
            return self.log_in("http").await;
        }
        match self.log_in("https").await {
            // A certificate that is refused is no reason to do without.
            Err(failed) if failed.kind == Kind::NoTls || failed.unconnected => {
                match self.base("http") {
                    Ok(base) if http::is_loopback(&base) => self.log_in("http").await,
                    _ => Err(failed),
                }
            }
            other => other,
        }
    }

    fn base(&self, scheme: &str) -> Result<Url, Failed> {
        let base = format!("{scheme}://{}/", answering(&self.host)).parse::<Url>();
        base.map_err(|error| Failed::refused(format!("its name is no host: {error}")))
    }

    async fn log_in(&self, scheme: &str) -> Result<Session, Failed> {
        let plain =
            if scheme == "http" { Plain::For(self.plain_http.clone()) } else { Plain::Never };
        let fetcher = Fetcher::new(self.transport.clone(), plain);
        let session =
            Session { base: self.base(scheme)?, fetcher, authorization: Mutex::new(None) };
        let mut url = session.base.clone();
        url.set_path("/v2/");
        let answer = session.fetcher.get(url, None, "*/*", MAX_MANIFEST).await?;
        match answer.status {
            401 => {
                let wanted = self.authorization(&session, &answer).await?;
                *session.authorization.lock().await = wanted;
                Ok(session)
            }
            408 | 425 | 429 | 500.. => Err(Failed::of_answer(&answer)),
            // What it says of the repository counts.
            _ => Ok(session),
        }
    }

    /// What the registry wants to see in `Authorization`, as its 401 says; `None` where there is
    /// nothing to show it.
    async fn authorization(
        &self,
        session: &Session,
        refusal: &Answer,
    ) -> Result<Option<Secret>, Failed> {
        let basic = |login: Option<&Login>| match login {
            Some(Login::Basic { user, password }) => Some(Secret::new(format!(
                "Basic {}",
                STANDARD.encode(format!("{user}:{}", password.expose()))
            ))),
            _ => None,
        };
        let login = self.login.as_ref();
        if let Some(Login::Token(token)) = login {
            return Ok(Some(Secret::new(format!("Bearer {}", token.expose()))));
        }
        let (realm, service) = match Challenge::of(&refusal.headers).map_err(Failed::refused)? {
            None => return Ok(None),
            Some(Challenge::Basic) => return Ok(basic(login)),
            Some(Challenge::Bearer { realm, service }) => (realm, service),
        };
        let scope = challenge::scope(&self.repository, self.writes);
        let answer = match login {
            Some(Login::Identity(token)) => {
                let form = exchange(token, service.as_deref().unwrap_or_default(), &scope);
                session.fetcher.post_form(realm, form, MAX_TOKEN).await?
            }
            login => {
                let url = challenge::token_url(&realm, service.as_deref(), &scope);
                session
                    .fetcher
                    .get(url, basic(login).as_ref(), "application/json", MAX_TOKEN)
                    .await?
            }
        };
        token(&answer).map(|token| Some(Secret::new(format!("Bearer {token}"))))
    }
}

impl Session {
    pub(super) fn url(&self, repository: &str, kind: &str, reference: &str) -> Url {
        let mut url = self.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty()
                .push("v2")
                .extend(repository.split('/'))
                .push(kind)
                .push(reference);
        }
        url
    }
}

/// The host that answers for a registry: docker.io's has another name.
pub(super) fn answering(registry: &str) -> &str {
    if registry == "docker.io" { "index.docker.io" } else { registry }
}

/// The form that exchanges an identity token for one of a right.
fn exchange(token: &Secret, service: &str, scope: &str) -> String {
    url::form_urlencoded::Serializer::new(String::new())
        .append_pair("grant_type", "refresh_token")
        .append_pair("client_id", CLIENT)
        .append_pair("refresh_token", token.expose())
        .append_pair("service", service)
        .append_pair("scope", scope)
        .finish()
}

/// The token that a token service gives.
fn token(answer: &Answer) -> Result<String, Failed> {
    #[derive(Deserialize)]
    struct Given {
        token: Option<String>,
        access_token: Option<String>,
    }
    if answer.status != 200 {
        return Err(Failed::of_token_service(answer));
    }
    let given = serde_json::from_slice::<Given>(&answer.body).ok();
    let token = given
        .and_then(|given| given.token.filter(|token| !token.is_empty()).or(given.access_token));
    let trouble = || Failed::trouble("the token service sent no token".to_owned());
    token.filter(|token| !token.is_empty()).ok_or_else(trouble)
}
