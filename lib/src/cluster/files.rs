//! Kubeconfig files as kubectl takes them: which, merged how, and what an entry means.
//!
//! Source of the rules: client-go's `tools/clientcmd` (loader.go, client_config.go, validation.go).
//! The first file that has an entry counts, and the first that names a current context; a file of
//! the list in `KUBECONFIG` may be missing; paths in a file are relative to it; base64 may be
//! broken into lines. Where client-go refuses, so does this, naming file and entry; nothing of a
//! file is quoted, since who names the wrong one may have named one with a secret.

use std::fs::File;
use std::io::{self, Read};
use std::path::{Path, PathBuf};

use kube::config::{AuthInfo, Cluster, Context, Kubeconfig, KubeconfigError};

use super::kubeconfig::Unusable;

/// No kubeconfig is larger (16 MiB).
const MAX_BYTES: u64 = 16 << 20;

/// How many names an error lists.
const SHOWN: usize = 8;

/// A file's content.
#[derive(Debug)]
pub(crate) struct Loaded {
    path: PathBuf,
    content: Kubeconfig,
}

/// The files that count, in their order.
#[derive(Debug, Default)]
pub(super) struct Files(Vec<Loaded>);

impl Files {
    /// The one that a flag names.
    pub(super) fn named(path: &Path) -> Result<Self, Unusable> {
        let bytes =
            read(path).map_err(|source| Unusable::Unreadable { path: path.to_owned(), source })?;
        Ok(Self(vec![parse(path.to_owned(), &bytes)?]))
    }

    /// Those of a list as `KUBECONFIG` has it, or else `~/.kube/config`. What is not there is
    /// passed over.
    pub(super) fn usual(
        list: Option<std::ffi::OsString>,
        home: Option<PathBuf>,
    ) -> Result<Self, Unusable> {
        let list = list.filter(|list| !list.is_empty());
        let paths: Vec<PathBuf> = match list {
            Some(list) => std::env::split_paths(&list)
                .filter(|path| !path.as_os_str().is_empty())
                .collect(),
            None => home.map(|home| home.join(".kube/config")).into_iter().collect(),
        };
        let mut files = Vec::new();
        for path in paths {
            match read(&path) {
                Ok(bytes) => files.push(parse(path, &bytes)?),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(source) => return Err(Unusable::Unreadable { path, source }),
            }
        }
        Ok(Self(files))
    }

    #[cfg(test)]
    pub(super) fn of(texts: &[&str]) -> Result<Self, Unusable> {
        let one = |(at, text): (usize, &&str)| {
            parse(PathBuf::from(format!("/folder/{at}")), text.as_bytes())
        };
        Ok(Self(texts.iter().enumerate().map(one).collect::<Result<_, _>>()?))
    }

    /// The paths, for messages.
    pub(super) fn places(&self) -> String {
        let paths: Vec<_> = self.0.iter().map(|file| file.path.display().to_string()).collect();
        if paths.is_empty() {
            "no kubeconfig".to_owned()
        } else {
            crate::text::some_of(&paths, SHOWN)
        }
    }

    /// The first current context that is not empty.
    pub(super) fn current_context(&self) -> Option<&str> {
        self.0
            .iter()
            .filter_map(|file| file.content.current_context.as_deref())
            .find(|name| !name.is_empty())
    }

    pub(super) fn context(&self, name: &str) -> Result<(Entry, Context), Unusable> {
        let list = |file: &Kubeconfig| {
            file.contexts
                .iter()
                .map(|known| (known.name.clone(), known.context.clone()))
                .collect()
        };
        self.find("context", name, list)
    }

    pub(super) fn cluster(&self, name: &str) -> Result<(Entry, Cluster), Unusable> {
        let list = |file: &Kubeconfig| {
            file.clusters
                .iter()
                .map(|known| (known.name.clone(), known.cluster.clone()))
                .collect()
        };
        self.find("cluster", name, list)
    }

    pub(super) fn user(&self, name: &str) -> Result<(Entry, AuthInfo), Unusable> {
        let list = |file: &Kubeconfig| {
            file.auth_infos
                .iter()
                .map(|known| (known.name.clone(), known.auth_info.clone()))
                .collect()
        };
        self.find("user", name, list)
    }

    fn find<T: Default>(
        &self,
        kind: &'static str,
        name: &str,
        list: impl Fn(&Kubeconfig) -> Vec<(String, Option<T>)>,
    ) -> Result<(Entry, T), Unusable> {
        let mut known = Vec::new();
        for file in &self.0 {
            for (found, value) in list(&file.content) {
                if found == name {
                    let entry = Entry { kind, name: name.to_owned(), path: file.path.clone() };
                    return Ok((entry, value.unwrap_or_default()));
                }
                known.push(found);
            }
        }
        known.dedup();
        let has =
            if known.is_empty() { "none".to_owned() } else { crate::text::some_of(&known, SHOWN) };
        Err(Unusable::Missing { kind, name: name.to_owned(), places: self.places(), has })
    }
}

/// An entry that was found, for messages about it.
#[derive(Debug, Clone)]
pub(super) struct Entry {
    kind: &'static str,
    name: String,
    path: PathBuf,
}

impl Entry {
    pub(super) fn wrong(&self, problem: impl Into<String>) -> Unusable {
        Unusable::Entry {
            kind: self.kind,
            name: self.name.clone(),
            path: self.path.clone(),
            problem: problem.into(),
        }
    }

    /// What a pair of fields holds, as bytes: the data in base64 itself, or a file's. The data
    /// counts, where both are given; an empty text is as good as absent.
    pub(super) fn data(
        &self,
        field: &str,
        data: Option<&str>,
        file: Option<&str>,
    ) -> Result<Option<Vec<u8>>, Unusable> {
        if let Some(data) = data.filter(|data| !data.is_empty()) {
            let decoded =
                decode(data).ok_or_else(|| self.wrong(format!("its {field}-data is no base64")))?;
            return Ok(Some(decoded));
        }
        let Some(path) = file.filter(|path| !path.is_empty()) else { return Ok(None) };
        let bytes = read(&self.beside(path));
        bytes
            .map(Some)
            .map_err(|error| self.wrong(format!("its {field} {path:?} cannot be read: {error}")))
    }

    /// A path in the file, which is relative to it.
    pub(super) fn beside(&self, path: &str) -> PathBuf {
        self.path.parent().unwrap_or(Path::new("")).join(path)
    }
}

/// Base64 as Go reads it: line breaks do not count, the padding does.
fn decode(text: &str) -> Option<Vec<u8>> {
    use base64::Engine;
    use base64::engine::{GeneralPurpose, GeneralPurposeConfig};
    let go = GeneralPurposeConfig::new().with_decode_allow_trailing_bits(true);
    let plain: String = text.chars().filter(|c| !c.is_ascii_whitespace()).collect();
    GeneralPurpose::new(&base64::alphabet::STANDARD, go)
        .decode(plain)
        .ok()
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    File::open(path)?.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(io::Error::other(format!("it is larger than {} MiB", MAX_BYTES >> 20)));
    }
    Ok(bytes)
}

/// A file's content; the encodings are those of a byte order mark, as other systems' shells write
/// it.
pub(crate) fn parse(path: PathBuf, bytes: &[u8]) -> Result<Loaded, Unusable> {
    let no_kubeconfig = |problem: String| Unusable::NoKubeconfig { path: path.clone(), problem };
    let utf16 = |bytes: &[u8], unit: fn([u8; 2]) -> u16| {
        let units: Vec<u16> = bytes.chunks_exact(2).map(|pair| unit([pair[0], pair[1]])).collect();
        String::from_utf16(&units).ok()
    };
    let text = match bytes {
        [0xff, 0xfe, rest @ ..] => utf16(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => utf16(rest, u16::from_be_bytes),
        [0xef, 0xbb, 0xbf, rest @ ..] => String::from_utf8(rest.to_vec()).ok(),
        bytes => String::from_utf8(bytes.to_vec()).ok(),
    };
    let text = text.ok_or_else(|| no_kubeconfig("it is no text in UTF-8".to_owned()))?;
    match Kubeconfig::from_yaml(&text) {
        Ok(content) => Ok(Loaded { path, content }),
        Err(KubeconfigError::Parse(error)) => {
            let place = error
                .location()
                .map(|at| format!(" at line {}, column {}", at.line(), at.column()));
            Err(no_kubeconfig(format!("it cannot be read{}", place.unwrap_or_default())))
        }
        Err(_) => Err(no_kubeconfig("its parts are of different kinds".to_owned())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_as_go_reads_it() {
        for (text, decoded) in [
            ("aG9zdDpw", Some("host:p")),
            ("aG9z\r\ndDpw\n", Some("host:p")),
            ("aG9zdA==", Some("host")),
            ("aG9zdB==", Some("host")),
            ("aG9zdA", None),
            ("aG9zdA=", None),
            ("aG9_", None),
            ("%%", None),
        ] {
            assert_eq!(
                decode(text).map(|bytes| String::from_utf8(bytes).unwrap()).as_deref(),
                decoded,
                "{text:?}"
            );
        }
    }

    #[test]
    fn a_list_of_files_as_kubectl_merges_it() {
        let dir = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
        let list = |names: &[&str]| {
            let paths = names.iter().map(|name| dir.path().join(name));
            Files::usual(Some(std::env::join_paths(paths).unwrap()), None)
        };
        write(
            "one",
            "current-context: ''\nusers: [{name: u, user: {token: first}}]\ncontexts: null\n",
        );
        write(
            "two",
            "current-context: two\nusers: [{name: u, user: {token: second}}, {name: v}]\n",
        );
        write("empty", "");
        let files = list(&["gone", "empty", "one", "two", "one"]).unwrap();
        assert_eq!(files.current_context(), Some("two"));
        let token = |name: &str| files.user(name).unwrap().1.token.is_some();
        assert!(token("u") && !token("v"));
        assert_eq!(files.user("u").unwrap().0.path, dir.path().join("one"));
        let missing = files.user("w").unwrap_err().to_string();
        assert!(missing.contains("no user \"w\"") && missing.contains("u, v"), "{missing}");
        assert!(list(&["gone"]).unwrap().0.is_empty());
        assert!(Files::usual(None, Some(dir.path().to_owned())).unwrap().0.is_empty());
        assert!(matches!(Files::named(&dir.path().join("gone")), Err(Unusable::Unreadable { .. })));
        assert!(matches!(list(&["one", "."]), Err(Unusable::Unreadable { .. })));
    }

    #[test]
    fn what_is_no_kubeconfig_is_not_quoted() {
        for text in [
            "sha256~Zm9vYmFy",
            "- sha256~Zm9vYmFy",
            "users: sha256~Zm9vYmFy",
            "users: [sha256~Zm9vYmFy]",
            "a: 'sha256~Zm9vYmFy",
        ] {
            let error = Files::of(&[text]).unwrap_err().to_string();
            assert!(
                error.contains("/folder/0 is no kubeconfig: ") && !error.contains("Zm9v"),
                "{error}"
            );
        }
        assert!(Files::of(&["\u{feff}current-context: a"]).is_ok());
        let utf16: Vec<u8> = [0xfeff]
            .into_iter()
            .chain("current-context: a".encode_utf16())
            .flat_map(u16::to_le_bytes)
            .collect();
        assert_eq!(
            parse(PathBuf::new(), &utf16)
                .unwrap()
                .content
                .current_context
                .as_deref(),
            Some("a")
        );
        assert!(parse(PathBuf::new(), &[0xff]).is_err());
    }
}
