//! Registry credentials from docker's and podman's files, the most specific entry first.
//!
//! The files are those of containers-auth.json(5) and docker's `config.json`; a pull secret
//! (`.dockerconfigjson`, or the older `.dockercfg`) has the same shape. Credential stores are other
//! programs, which the gate's image does not have: an entry that points to one counts as absent,
//! and a refusal says so.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use serde::Deserialize;

use crate::secret::Secret;

/// No such file is larger (1 MiB).
const MAX_BYTES: u64 = 1024 * 1024;

/// What a mounted folder may call its file.
const NAMES_IN_A_FOLDER: [&str; 4] = [".dockerconfigjson", "config.json", "auth.json", ".dockercfg"];

/// Why a file with credentials cannot be used. Never holds a credential.
#[derive(Debug, thiserror::Error)]
pub enum CredentialsError {
    /// It cannot be read.
    #[error("{what}: cannot read {}; expected docker's config.json, podman's auth.json or a folder with one", path.display())]
    Unreadable {
        /// The flag or variable that names it.
        what: String,
        /// Where.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// It is something else.
    #[error("{what}: {} is no registry credentials file: {problem}; expected {{\"auths\":{{\"quay.io\":{{\"auth\":…}}}}}}", path.display())]
    Malformed {
        /// The flag or variable that names it.
        what: String,
        /// Where.
        path: PathBuf,
        /// What is wrong, without the content.
        problem: String,
    },
}

/// How to log in.
#[derive(Debug, Clone)]
pub enum Login {
    /// User name and password.
    Basic {
        /// The user.
        user: String,
        /// The password.
        password: Secret,
    },
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
}

#[derive(Debug, Clone)]
struct Configuration {
    path: PathBuf,
    content: Content,
}

#[derive(Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Content {
    #[serde(default)]
    auths: BTreeMap<String, Entry>,
    #[serde(default)]
    creds_store: Option<String>,
    #[serde(default)]
    cred_helpers: BTreeMap<String, String>,
}

#[derive(Clone, Default, Deserialize)]
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
        let path = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
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
    /// [`CredentialsError`] when a file that was named cannot be read, or one that exists is none.
    pub fn load(authfile: Option<&Path>, environment: &Environment) -> Result<Self, CredentialsError> {
        let named = authfile
            .map(|path| ("--authfile", path))
            .or_else(|| environment.registry_auth_file.as_deref().map(|path| ("REGISTRY_AUTH_FILE", path)));
        if let Some((what, path)) = named {
            let path = match path.is_dir() {
                // An optional Secret that does not exist is mounted as an empty folder.
                true => match NAMES_IN_A_FOLDER.iter().map(|name| path.join(name)).find(|path| path.exists()) {
                    None => return Ok(Self::default()),
                    Some(path) => path,
                },
                false => path.to_owned(),
            };
            return Ok(Self { files: vec![Configuration::read(what, path)?] });
        }
        let usual = environment.usual().into_iter().filter(|path| path.is_file());
        let files = usual.map(|path| Configuration::read("registry credentials", path)).collect::<Result<_, _>>()?;
        Ok(Self { files })
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
        Found { login: None, hint }
    }
}

impl Configuration {
    fn read(what: &str, path: PathBuf) -> Result<Self, CredentialsError> {
        let unreadable = |source| CredentialsError::Unreadable { what: what.to_owned(), path: path.clone(), source };
        let mut bytes = Vec::new();
        File::open(&path).map_err(unreadable)?.take(MAX_BYTES + 1).read_to_end(&mut bytes).map_err(unreadable)?;
        let content =
            if bytes.len() as u64 > MAX_BYTES { Err("it is larger than 1 MiB".to_owned()) } else { parse(&bytes) };
        match content {
            Ok(content) => Ok(Self { path, content }),
            Err(problem) => Err(CredentialsError::Malformed { what: what.to_owned(), path, problem }),
        }
    }

    fn of(&self, repository: &str) -> Found {
        let hint = |text: String| Found { login: None, hint: Some(text) };
        let path = self.path.display();
        for scope in scopes(repository) {
            if let Some(helper) = self.content.cred_helpers.get(scope) {
                return hint(format!(
                    "{path} leaves the credentials of {scope} to the helper {helper:?}, which the gate cannot ask; name a file that holds them with --authfile"
                ));
            }
            let Some(entry) = self.content.auths.iter().find(|(key, _)| plain(key) == scope).map(|(_, entry)| entry)
            else {
                continue;
            };
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

/// docker's keys may be addresses: `https://registry.example.com/v1/`.
fn plain(key: &str) -> &str {
    let key = key.strip_prefix("https://").or_else(|| key.strip_prefix("http://")).unwrap_or(key);
    let key = key.trim_end_matches('/');
    key.strip_suffix("/v1").or_else(|| key.strip_suffix("/v2")).unwrap_or(key)
}

fn parse(bytes: &[u8]) -> Result<Content, String> {
    // The parser's words may quote the content: only the place is told.
    let place = |error: serde_json::Error| format!("line {}, column {} cannot be read", error.line(), error.column());
    let value: serde_json::Value = serde_json::from_slice(bytes).map_err(place)?;
    let Some(object) = value.as_object() else { return Err("it is no JSON object".to_owned()) };
    let old = !object.is_empty()
        && !["auths", "credsStore", "credHelpers"].iter().any(|key| object.contains_key(*key))
        && object.values().all(|entry| entry.get("auth").is_some());
    if old {
        return Ok(Content { auths: serde_json::from_slice(bytes).map_err(place)?, ..Content::default() });
    }
    serde_json::from_slice(bytes).map_err(place)
}

fn login(entry: &Entry) -> Result<Option<Login>, &'static str> {
    let given = |field: &Option<String>| field.clone().filter(|text| !text.is_empty());
    if let Some(token) = given(&entry.registrytoken) {
        return Ok(Some(Login::Token(Secret::new(token))));
    }
    if given(&entry.identitytoken).is_some() {
        return Err("holds an identity token, which the gate cannot use; log in with a user name and a password");
    }
    if let Some(auth) = given(&entry.auth) {
        let wrong = "has an auth that is not base64 of user:password";
        let lenient = GeneralPurpose::new(
            &base64::alphabet::STANDARD,
            GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
        );
        let decoded = STANDARD.decode(auth.trim()).or_else(|_| lenient.decode(auth.trim())).map_err(|_| wrong)?;
        let text = String::from_utf8(decoded).map_err(|_| wrong)?;
        let (user, password) = text.trim_end_matches(['\n', '\0']).split_once(':').ok_or(wrong)?;
        return Ok(Some(Login::Basic { user: user.to_owned(), password: Secret::new(password) }));
    }
    match (given(&entry.username), given(&entry.password)) {
        (Some(user), Some(password)) => Ok(Some(Login::Basic { user, password: Secret::new(password) })),
        (None, None) => Ok(None),
        _ => Err("has a user name without a password, or the other way round"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

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
        assert_eq!(basic(found(content, "registry.example.com/x")), ("u".to_owned(), "p".to_owned()));
        assert!(matches!(found(content, "quay.io/acme/special").login, Some(Login::Token(_))));
        assert!(found(content, "quay.iox/acme/x").login.is_none());
    }

    #[test]
    fn an_old_pull_secret() {
        assert_eq!(basic(found(r#"{"quay.io":{"auth":"aG9zdDpw","email":""}}"#, "quay.io/a")).0, "host");
        assert!(found("{}", "quay.io/a").login.is_none());
    }

    #[test]
    fn what_cannot_be_used_is_said() {
        let hint = |content| found(content, "quay.io/acme/x").hint.unwrap();
        assert!(hint(r#"{"auths":{"quay.io":{}},"credsStore":"desktop"}"#).contains("the store \"desktop\""));
        assert!(hint(r#"{"credHelpers":{"quay.io":"ecr"}}"#).contains("the helper \"ecr\""));
        assert!(hint(r#"{"auths":{"quay.io":{"identitytoken":"x"}}}"#).contains("identity token"));
        assert!(hint(r#"{"auths":{"quay.io":{"auth":"%%"}}}"#).contains("not base64"));
        assert!(found(r#"{"auths":{"quay.io":{}}}"#, "quay.io/a").hint.is_none());
    }

    #[test]
    fn a_broken_file_is_refused_without_quoting_it() {
        let (_dir, loaded) = credentials(r#"{"auths":{"quay.io":"aG9zdDpw"}}"#);
        let text = loaded.unwrap_err().to_string();
        assert!(text.contains("line 1") && !text.contains("aG9zdDpw"), "{text}");
        assert!(credentials("[]").1.is_err());
        let missing = Credentials::load(Some(Path::new("/nowhere/auth.json")), &Environment::default());
        assert!(matches!(missing, Err(CredentialsError::Unreadable { .. })));
    }

    #[test]
    fn a_folder_is_a_mounted_pull_secret() {
        let dir = tempfile::tempdir().unwrap();
        let load = || Credentials::load(Some(dir.path()), &Environment::default()).unwrap();
        assert!(load().of("quay.io/a").login.is_none());
        std::fs::write(dir.path().join(".dockerconfigjson"), r#"{"auths":{"quay.io":{"auth":"aG9zdDpw"}}}"#).unwrap();
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
}
