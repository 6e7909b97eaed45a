//! Registry credentials from docker's and podman's files, the most specific entry first.
//!
//! The files are those of containers-auth.json(5) and docker's `config.json`; a pull secret
//! (`.dockerconfigjson`, or the older `.dockercfg`) has the same shape. Credential stores are other
//! programs, which the gate's image does not have: an entry that points to one counts as absent,
//! and a refusal says so.
//!
//! Source of the rules: docker/cli `cli/config/configfile/file.go` and
//! `cli/config/credentials/file_store.go`, containers/image `pkg/docker/config/config.go`. As Go
//! reads JSON: names of fields in any case, `null` as absent, what follows the first value left
//! alone, an empty file as an empty one. As they look for a registry: the exact key, then one that
//! is an address of it; docker.io has three names.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde_json::{Map, Value};

use crate::failure::Chain;
use crate::secret::Secret;

/// No such file is larger (1 MiB).
const MAX_BYTES: u64 = 1024 * 1024;

/// docker.io's names.
const DOCKER: [&str; 3] = ["docker.io", "index.docker.io", "registry-1.docker.io"];

/// What a mounted folder may call its file.
const NAMES_IN_A_FOLDER: [&str; 4] =
    [".dockerconfigjson", "config.json", "auth.json", ".dockercfg"];

/// Why a file with credentials cannot be used. Never holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("{what}: cannot read {}; expected docker's config.json, podman's auth.json or a folder with one", path.display())]
    Unreadable {
        /// The flag or variable that names it.
        what: String,
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is something else.
    #[error("{what}: {} is no registry credentials file: {problem}; expected {{\"auths\":{{\"quay.io\":{{\"auth\":…}}}}}}", path.display())]
    Malformed {
        /// The flag or variable that names it.
        what: String,
        path: PathBuf,
        /// What is wrong, without the content.
        problem: String,
    },
}

/// How to log in.
#[derive(Debug, Clone)]
pub enum Login {
    /// User name and password.
    Basic { user: String, password: Secret },
    /// A registry token, sent as it is.
    Token(Secret),
    /// An identity token, for which the registry's token service gives others.
    Identity(Secret),
}

impl Login {
    /// The secret in it.
    pub fn secret(&self) -> &Secret {
        match self {
            Self::Basic { password, .. } => password,
            Self::Token(token) | Self::Identity(token) => token,
        }
    }
}

/// What is known for a repository.
#[derive(Debug, Clone, Default)]
pub struct Found {
    /// The credentials, if any.
    pub login: Option<Login>,
    /// Why an entry could not be used: for the message when the registry refuses.
    pub hint: Option<String>,
}

/// The files to look into, in their order.
#[derive(Debug, Clone, Default)]
pub struct Credentials {
    files: Vec<Configuration>,
    /// Why a file that was found by itself is of no use: for the message when the registry refuses.
    unusable: Option<String>,
}

#[derive(Debug, Clone)]
struct Configuration {
    path: PathBuf,
    content: Content,
}

#[derive(Clone, Default)]
pub(crate) struct Content {
    auths: BTreeMap<String, Entry>,
    creds_store: Option<String>,
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Clone, Default)]
struct Entry {
    auth: Option<String>,
    username: Option<String>,
    password: Option<String>,
    identitytoken: Option<String>,
    registrytoken: Option<String>,
}

impl std::fmt::Debug for Content {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_list().entries(self.auths.keys()).finish()
    }
}

/// Where credentials are looked for without `--authfile`, as podman and skopeo do: the first file
/// with an entry for the repository wins.
#[derive(Debug, Clone, Default)]
pub struct Environment {
    /// `REGISTRY_AUTH_FILE`.
    pub registry_auth_file: Option<PathBuf>,
    /// `XDG_RUNTIME_DIR`.
    pub xdg_runtime_dir: Option<PathBuf>,
    /// `XDG_CONFIG_HOME`.
    pub xdg_config_home: Option<PathBuf>,
    /// `DOCKER_CONFIG`.
    pub docker_config: Option<PathBuf>,
    /// `HOME`.
    pub home: Option<PathBuf>,
}

impl Environment {
    /// The process's own.
    pub fn of_process() -> Self {
        let path = |name| {
            std::env::var_os(name)
                .filter(|value| !value.is_empty())
                .map(PathBuf::from)
        };
        Self {
            registry_auth_file: path("REGISTRY_AUTH_FILE"),
            xdg_runtime_dir: path("XDG_RUNTIME_DIR"),
            xdg_config_home: path("XDG_CONFIG_HOME"),
            docker_config: path("DOCKER_CONFIG"),
            home: path("HOME"),
        }
    }

    fn usual(&self) -> Vec<PathBuf> {
        let below = |base: &Option<PathBuf>, rest: &str| base.as_ref().map(|base| base.join(rest));
        let config = self.xdg_config_home.clone().or_else(|| below(&self.home, ".config"));
        let docker = self.docker_config.clone().or_else(|| below(&self.home, ".docker"));
        let paths = [
            below(&self.xdg_runtime_dir, "containers/auth.json"),
            below(&config, "containers/auth.json"),
            below(&docker, "config.json"),
            below(&self.home, ".dockercfg"),
        ];
        paths.into_iter().flatten().collect()
    }
}

impl Credentials {
    /// Reads `--authfile`, else `REGISTRY_AUTH_FILE`, else the usual files that exist.
    ///
    /// # Errors
    /// [`CredentialsError`] when a file that was named cannot be read, or is none. One that was
    /// found by itself and is of no use is said only if the registry refuses: a public image needs
    /// none.
    pub fn load(
        authfile: Option<&Path>,
        environment: &Environment,
    ) -> Result<Self, CredentialsError> {
        let named = authfile.map(|path| ("--authfile", path)).or_else(|| {
            environment
                .registry_auth_file
                .as_deref()
                .map(|path| ("REGISTRY_AUTH_FILE", path))
        });
        if let Some((what, path)) = named {
            let path = match path.is_dir() {
                // An optional Secret that does not exist is mounted as an empty folder.
                true => match NAMES_IN_A_FOLDER
                    .iter()
                    .map(|name| path.join(name))
                    .find(|path| path.exists())
                {
                    None => return Ok(Self::default()),
                    Some(path) => path,
                },
                false => path.to_owned(),
            };
            return Ok(Self { files: vec![Configuration::read(what, path)?], unusable: None });
        }
        let mut usual = Self::default();
        for path in environment.usual().into_iter().filter(|path| path.is_file()) {
            match Configuration::read("registry credentials", path) {
                Ok(file) => usual.files.push(file),
                Err(error) => {
                    usual.unusable = usual.unusable.or_else(|| Some(Chain(&error).to_string()))
                }
            }
        }
        Ok(usual)
    }

    /// What is known for a repository such as `quay.io/organisation/name`: the entry of the
    /// repository itself, of the folders above it, then of its host.
    pub fn of(&self, repository: &str) -> Found {
        let mut hint = None;
        for file in &self.files {
            match file.of(repository) {
                Found { login: None, hint: why } => hint = hint.or(why),
                found => return found,
            }
        }
        Found { login: None, hint: hint.or_else(|| self.unusable.clone()) }
    }
}

impl Configuration {
    fn read(what: &str, path: PathBuf) -> Result<Self, CredentialsError> {
        let unreadable = |source| CredentialsError::Unreadable {
            what: what.to_owned(),
            path: path.clone(),
            source,
        };
        let mut bytes = Vec::new();
        File::open(&path)
            .map_err(unreadable)?
            .take(MAX_BYTES + 1)
            .read_to_end(&mut bytes)
            .map_err(unreadable)?;
        let content = if bytes.len() as u64 > MAX_BYTES {
            Err("it is larger than 1 MiB".to_owned())
        } else {
            parse(&bytes)
        };
        match content {
            Ok(content) => Ok(Self { path, content }),
            Err(problem) => {
                Err(CredentialsError::Malformed { what: what.to_owned(), path, problem })
            }
        }
    }

    fn of(&self, repository: &str) -> Found {
        let hint = |text: String| Found { login: None, hint: Some(text) };
        let path = self.path.display();
        for scope in scopes(repository) {
            let helper = self
                .content
                .cred_helpers
                .iter()
                .find(|(key, _)| plain(key) == plain(scope));
            if let Some((_, helper)) = helper {
                return hint(format!(
                    "{path} leaves the credentials of {scope} to the helper {helper:?}, which the gate cannot ask; name a file that holds them with --authfile"
                ));
            }
            let Some(entry) = self.content.entry(scope) else { continue };
            return match login(entry) {
                Ok(Some(login)) => Found { login: Some(login), hint: None },
                Ok(None) => match &self.content.creds_store {
                    None => continue,
                    Some(store) => hint(format!(
                        "{path} keeps the credentials of {scope} in the store {store:?}, which the gate cannot open; name a file that holds them with --authfile"
                    )),
                },
                Err(problem) => hint(format!("the entry of {scope} in {path} {problem}")),
            };
        }
        Found::default()
    }
}

/// `a/b/c`, `a/b`, `a`.
fn scopes(repository: &str) -> impl Iterator<Item = &str> {
    let cuts = repository.rmatch_indices('/').map(|(at, _)| &repository[..at]);
    std::iter::once(repository).chain(cuts)
}

/// A key, or a scope, as what it stands for. docker's keys may be addresses, of which the host
/// counts: `https://registry.example.com/v1/`; and docker.io has three names.
fn plain(key: &str) -> String {
    let address = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://"));
    let key = match address {
        Some(address) => address.split('/').next().unwrap_or_default(),
        None => key.trim_end_matches('/'),
    };
    let key = key
        .strip_suffix("/v1")
        .or_else(|| key.strip_suffix("/v2"))
        .unwrap_or(key);
    let (host, path) = key
        .split_once('/')
        .map_or((key, None), |(host, path)| (host, Some(path)));
    let host = if DOCKER.contains(&host) { DOCKER[0] } else { host };
    path.map_or_else(|| host.to_owned(), |path| format!("{host}/{path}"))
}

impl Content {
    /// The entry of a scope: the exact key's, else the first whose key stands for it.
    fn entry(&self, scope: &str) -> Option<&Entry> {
        let wanted = plain(scope);
        // An address with https is likelier to be meant than one without.
        let rank = |key: &str| (key.starts_with("http://"), !key.starts_with("https://"));
        let alike = || {
            let alike = self.auths.iter().filter(|(key, _)| plain(key) == wanted);
            alike.min_by_key(|(key, _)| rank(key)).map(|(_, entry)| entry)
        };
        self.auths.get(scope).or_else(alike)
    }
}

/// Reads a file; the problem in words never quotes it.
pub(crate) fn parse(bytes: &[u8]) -> Result<Content, String> {
    let text = String::from_utf8_lossy(bytes);
    // docker leaves alone what follows.
    let first = serde_json::Deserializer::from_str(&text).into_iter::<Value>().next();
    let object = match first {
        None => return Ok(Content::default()),
        Some(Ok(Value::Object(object))) => object,
        Some(Ok(Value::Null)) => return Ok(Content::default()),
        Some(Ok(_)) => return Err("it is no JSON object".to_owned()),
        Some(Err(error)) => {
            return Err(format!("line {}, column {} cannot be read", error.line(), error.column()));
        }
    };
    let is_entry =
        |entry: &Value| entry.as_object().is_some_and(|entry| field(entry, "auth").is_some());
    let is_old = !object.is_empty()
        && ["auths", "credsStore", "credHelpers"]
            .iter()
            .all(|name| field(&object, name).is_none())
        && object.values().any(is_entry)
        && object.values().all(|entry| entry.is_null() || is_entry(entry));
    let auths = if is_old { Some(&object) } else { map(&object, "auths")? };
    let mut content =
        Content { creds_store: text_of(&object, "credsStore")?, ..Content::default() };
    for (key, value) in auths.into_iter().flatten() {
        let entry = match value {
            Value::Null => Entry::default(),
            Value::Object(entry) => Entry {
                auth: text_of(entry, "auth")?,
                username: text_of(entry, "username")?,
                password: text_of(entry, "password")?,
                identitytoken: text_of(entry, "identitytoken")?,
                registrytoken: text_of(entry, "registrytoken")?,
            },
            _ => return Err("an entry of auths is no object".to_owned()),
        };
        content.auths.insert(key.clone(), entry);
    }
    for (key, helper) in map(&object, "credHelpers")?.into_iter().flatten() {
        let helper = helper.as_str().ok_or("an entry of credHelpers is no text")?;
        content.cred_helpers.insert(key.clone(), helper.to_owned());
    }
    Ok(content)
}

/// A field as Go finds it: of that very name, else of one in other letters; `null` is as good as
/// absent.
fn field<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    let alike = || {
        object
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value)
    };
    object.get(name).or_else(alike).filter(|value| !value.is_null())
}

fn map<'a>(
    object: &'a Map<String, Value>,
    name: &str,
) -> Result<Option<&'a Map<String, Value>>, String> {
    let Some(value) = field(object, name) else { return Ok(None) };
    value
        .as_object()
        .map(Some)
        .ok_or_else(|| format!("{name} is no object"))
}

fn text_of(object: &Map<String, Value>, name: &str) -> Result<Option<String>, String> {
    let Some(value) = field(object, name) else { return Ok(None) };
    value
        .as_str()
        .map(|text| Some(text.to_owned()))
        .ok_or_else(|| format!("a field {name} is no text"))
}

fn login(entry: &Entry) -> Result<Option<Login>, &'static str> {
    let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    if let Some(token) = given(&entry.registrytoken) {
        return Ok(Some(Login::Token(Secret::new(token))));
    }
    if let Some(token) = given(&entry.identitytoken) {
        return Ok(Some(Login::Identity(Secret::new(token))));
    }
    if let Some(auth) = given(&entry.auth) {
        let wrong = "has an auth that is not base64 of user:password";
        let lenient = GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            GeneralPurposeConfig::new()
                .with_decode_allow_trailing_bits(true)
                .with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        // Go skips line breaks.
        let auth: String = auth.chars().filter(|c| !c.is_ascii_whitespace()).collect();
        let decoded = lenient.decode(auth).map_err(|_| wrong)?;
        let text = String::from_utf8(decoded).map_err(|_| wrong)?;
        let (user, password) = text
            .split_once(':')
            .filter(|(user, _)| !user.is_empty())
            .ok_or(wrong)?;
        let password = password.trim_matches('\0').trim_end_matches(['\r', '\n']);
        return Ok(Some(Login::Basic { user: user.to_owned(), password: Secret::new(password) }));
    }
    match (given(&entry.username), given(&entry.password)) {
        (Some(user), Some(password)) => {
            Ok(Some(Login::Basic { user, password: Secret::new(password) }))
        }
        (None, None) => Ok(None),
        _ => Err("has a user name without a password, or the other way round"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn credentials(content: &str) -> (tempfile::TempDir, Result<Credentials, CredentialsError>) {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("config.json");
        std::fs::write(&path, content).unwrap();
        let loaded = Credentials::load(Some(&path), &Environment::default());
        (dir, loaded)
    }

    fn found(content: &str, repository: &str) -> Found {
        credentials(content).1.unwrap().of(repository)
    }

    fn basic(found: Found) -> (String, String) {
        match found.login {
            Some(Login::Basic { user, password }) => (user, password.expose().to_owned()),
            other => panic!("{other:?} {:?}", found.hint),
        }
    }

    #[test]
    fn the_most_specific_entry_wins() {
        let content = r#"{"auths":{
            "quay.io":{"auth":"aG9zdDpw"},
            "quay.io/acme":{"auth":"b3JnOnA6cA=="},
            "https://registry.example.com/v1/":{"username":"u","password":"p"},
            "quay.io/acme/special":{"registrytoken":"t"}}}"#;
        assert_eq!(basic(found(content, "quay.io/other/x")), ("host".to_owned(), "p".to_owned()));
        assert_eq!(basic(found(content, "quay.io/acme/x")), ("org".to_owned(), "p:p".to_owned()));
        assert_eq!(
            basic(found(content, "registry.example.com/x")),
            ("u".to_owned(), "p".to_owned())
        );
        assert!(matches!(found(content, "quay.io/acme/special").login, Some(Login::Token(_))));
        assert!(found(content, "quay.iox/acme/x").login.is_none());
    }

    #[test]
    fn an_old_pull_secret() {
        assert_eq!(
            basic(found(r#"{"quay.io":{"auth":"aG9zdDpw","email":""}}"#, "quay.io/a")).0,
            "host"
        );
        assert!(found("{}", "quay.io/a").login.is_none());
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let hint = |content| found(content, "quay.io/acme/x").hint.unwrap();
        assert!(
            hint(r#"{"auths":{"quay.io":{}},"credsStore":"desktop"}"#)
                .contains("the store \"desktop\"")
        );
        assert!(hint(r#"{"credHelpers":{"quay.io":"ecr"}}"#).contains("the helper \"ecr\""));
        assert!(hint(r#"{"auths":{"quay.io":{"auth":"%%"}}}"#).contains("not base64"));
        assert!(found(r#"{"auths":{"quay.io":{}}}"#, "quay.io/a").hint.is_none());
    }

    #[test]
    fn a_broken_file_is_refused_without_quoting_it() {
        for content in [
            r#"{"auths":{"quay.io":"aG9zdDpw"}}"#,
            r#"{"auths":["aG9zdDpw"]}"#,
            r#"{"auths":{"quay.io":{"auth":["aG9zdDpw"]}}}"#,
            r#"{"credHelpers":{"quay.io":{"aG9zdDpw":1}}}"#,
            r#"{"auths":{"aG9zdDpw":"#,
            "aG9zdDpw",
            r#""aG9zdDpw""#,
        ] {
            let (_dir, loaded) = credentials(content);
            let text = loaded.unwrap_err().to_string();
            assert!(
                text.contains("is no registry credentials file") && !text.contains("aG9zdDpw"),
                "{text}"
            );
        }
        assert!(credentials("[]").1.is_err());
        let missing =
            Credentials::load(Some(Path::new("/nowhere/auth.json")), &Environment::default());
        assert!(matches!(missing, Err(CredentialsError::Unreadable { .. })));
    }

    #[test]
    fn a_folder_is_a_mounted_pull_secret() {
        let dir = tempfile::tempdir().unwrap();
        let load = || Credentials::load(Some(dir.path()), &Environment::default()).unwrap();
        assert!(load().of("quay.io/a").login.is_none());
        std::fs::write(
            dir.path().join(".dockerconfigjson"),
            r#"{"auths":{"quay.io":{"auth":"aG9zdDpw"}}}"#,
        )
        .unwrap();
        assert_eq!(basic(load().of("quay.io/a")).0, "host");
    }

    #[test]
    fn the_usual_files_in_their_order() {
        let dir = tempfile::tempdir().unwrap();
        let write = |path: &str, content: &str| {
            let path = dir.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        };
        let environment = Environment {
            home: Some(dir.path().to_owned()),
            xdg_runtime_dir: Some(dir.path().join("run")),
            ..Environment::default()
        };
        write(".docker/config.json", r#"{"auths":{"quay.io":{"auth":"aG9zdDpw"}}}"#);
        write("run/containers/auth.json", r#"{"auths":{"other.io":{"auth":"b3JnOnA6cA=="}}}"#);
        let both = Credentials::load(None, &environment).unwrap();
        assert_eq!(basic(both.of("quay.io/a")).0, "host");
        assert_eq!(basic(both.of("other.io/a")).0, "org");
    }

    #[test]
    fn logins_as_docker_and_podman_take_them() {
        let user = |content: &str, repository: &str| {
            found(content, repository).login.map(|login| match login {
                Login::Basic { user, password } => format!("{user}:{}", password.expose()),
                Login::Token(token) => format!("token {}", token.expose()),
                Login::Identity(token) => format!("identity {}", token.expose()),
            })
        };
        // host:p and org:p:p
        let (host, org) = (r#"{"auth":"aG9zdDpw"}"#, r#"{"auth":"b3JnOnA6cA=="}"#);
        for (content, repository, wanted) in [
            (
                format!(r#"{{"auths":{{"https://localhost:5000":{org},"localhost:5000":{host}}}}}"#),
                "localhost:5000/a",
                Some("host:p"),
            ),
            (
                format!(r#"{{"auths":{{"http://localhost:5000":{org},"https://localhost:5000/v2/":{host}}}}}"#),
                "localhost:5000/a",
                Some("host:p"),
            ),
            (format!(r#"{{"auths":{{"https://quay.io/some/where":{host}}}}}"#), "quay.io/a/b", Some("host:p")),
            (format!(r#"{{"auths":{{"quay.io/acme/":{host}}}}}"#), "quay.io/acme/b", Some("host:p")),
            (format!(r#"{{"auths":{{"quay.io:443":{host}}}}}"#), "quay.io/acme/b", None),
            (format!(r#"{{"auths":{{"https://index.docker.io/v1/":{host}}}}}"#), "docker.io/acme/b", Some("host:p")),
            (format!(r#"{{"auths":{{"registry-1.docker.io":{host}}}}}"#), "docker.io/acme/b", Some("host:p")),
            (format!(r#"{{"auths":{{"docker.io":{host}}}}}"#), "index.docker.io/acme/b", Some("host:p")),
            (
                format!(r#"{{"auths":{{"docker.io/acme":{org},"index.docker.io":{host}}}}}"#),
                "docker.io/acme/b",
                Some("org:p:p"),
            ),
            (r#"{"Auths":{"quay.io":{"AUTH":"aG9zdDpw"}}}"#.to_owned(), "quay.io/a", Some("host:p")),
            (format!(r#"{{"auths":{{"quay.io":{host}}}}} trailing"#), "quay.io/a", Some("host:p")),
            (r#"{"auths":{"quay.io":{"auth":"aG9z\r\ndDpw\n"}}}"#.to_owned(), "quay.io/a", Some("host:p")),
            (r#"{"auths":{"quay.io":{"auth":"b3JnOnA6cA"}}}"#.to_owned(), "quay.io/a", Some("org:p:p")),
            (r#"{"auths":{"quay.io":{"auth":"aG9zdDo="}}}"#.to_owned(), "quay.io/a", Some("host:")),
            (r#"{"auths":{"quay.io":{"auth":"aG9zdDpwAAA="}}}"#.to_owned(), "quay.io/a", Some("host:p")),
            (r#"{"auths":{"quay.io":{"auth":"","username":"u","password":"p"}}}"#.to_owned(), "quay.io/a", Some("u:p")),
            (
                r#"{"auths":{"quay.io":{"auth":"aG9zdDpw","identitytoken":"i"}}}"#.to_owned(),
                "quay.io/a",
                Some("identity i"),
            ),
            (
                r#"{"auths":{"quay.io":{"identitytoken":"i","registrytoken":"t"}}}"#.to_owned(),
                "quay.io/a",
                Some("token t"),
            ),
            (format!(r#"{{"quay.io":{host},"other.io":null}}"#), "quay.io/a", Some("host:p")),
            (r#"{"auths":null}"#.to_owned(), "quay.io/a", None),
            (r#"{"auths":{},"credHelpers":null,"credsStore":null}"#.to_owned(), "quay.io/a", None),
            (r#"{"auths":{"quay.io":null}}"#.to_owned(), "quay.io/a", None),
            (r#"{"auths":{"quay.io":{"auth":null}}}"#.to_owned(), "quay.io/a", None),
            (
                r#"{"auths":{},"HttpHeaders":{"User-Agent":"x"},"psFormat":"table","proxies":{"default":{}}}"#
                    .to_owned(),
                "quay.io/a",
                None,
            ),
            ("null".to_owned(), "quay.io/a", None),
            (String::new(), "quay.io/a", None),
            (" \n".to_owned(), "quay.io/a", None),
        ] {
            assert_eq!(user(&content, repository).as_deref(), wanted, "{content} {repository}");
        }
        let hint =
            found(r#"{"credHelpers":{"https://index.docker.io/v1/":"osx"}}"#, "docker.io/acme/b")
                .hint
                .unwrap();
        assert!(hint.contains("the helper \"osx\""), "{hint}");
    }

    #[test]
    fn a_file_found_by_itself_stops_nothing() {
        let dir = tempfile::tempdir().unwrap();
        std::fs::create_dir_all(dir.path().join(".docker")).unwrap();
        let environment =
            Environment { home: Some(dir.path().to_owned()), ..Environment::default() };
        for content in ["{", "[]", r#"{"auths":[]}"#, "\u{0}"] {
            std::fs::write(dir.path().join(".docker/config.json"), content).unwrap();
            let found = Credentials::load(None, &environment).unwrap().of("quay.io/a");
            assert!(found.login.is_none());
            assert!(found.hint.unwrap().contains("is no registry credentials file"), "{content}");
        }
        std::fs::write(dir.path().join(".dockercfg"), r#"{"quay.io":{"auth":"aG9zdDpw"}}"#)
            .unwrap();
        assert_eq!(basic(Credentials::load(None, &environment).unwrap().of("quay.io/a")).0, "host");
    }

    /// Files in which every field may hold anything.
    fn logins() -> impl Strategy<Value = String> {
        let text = prop_oneof![
            3 => "[ -~]{0,10}",
            1 => any::<String>(),
            2 => Just("aG9zdDpw".to_owned()),
            1 => Just("quay.io".to_owned()),
        ];
        let value = prop_oneof![
            8 => text.prop_map(Value::from),
            1 => Just(Value::Null),
            1 => any::<i16>().prop_map(Value::from),
            1 => Just(Value::from(vec![1])),
        ];
        let keys = prop_oneof![
            Just("quay.io".to_owned()),
            Just("https://quay.io/v1/".to_owned()),
            Just("quay.io/a".to_owned()),
            "[a-z:/.]{0,12}",
            any::<String>(),
        ];
        let fields = prop::sample::select(vec![
            "auth",
            "username",
            "password",
            "identitytoken",
            "registrytoken",
            "email",
        ]);
        let entry = prop::collection::btree_map(fields, value.clone(), 0..4);
        let auths = prop::collection::btree_map(keys.clone(), entry, 0..4);
        let helpers = prop::collection::btree_map(keys, value.clone(), 0..2);
        (auths, helpers, value, 0usize..12).prop_map(|(auths, helpers, store, cut)| {
            let whole =
                serde_json::json!({"auths": auths, "credHelpers": helpers, "credsStore": store})
                    .to_string();
            if cut == 0 { whole.chars().take(whole.len() / 2).collect() } else { whole }
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 10_000, ..ProptestConfig::default() })]

        #[test]
        fn no_login_is_a_panic(content in logins(), repository in "[a-z.:]{0,8}(/[a-z]{0,4}){0,3}") {
            if let Ok(content) = parse(content.as_bytes()) {
                let file = Configuration { path: PathBuf::from("/x"), content };
                let credentials = Credentials { files: vec![file], unusable: None };
                let _ = (credentials.of(&repository), credentials.of("quay.io/a"));
            }
        }

        #[test]
        fn no_text_is_a_panic(content in any::<Vec<u8>>()) {
            let _ = parse(&content);
        }
    }
}
