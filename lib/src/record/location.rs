//! Where a record is: `configmap:NAME` or `file:PATH`.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

use crate::name::ObjectName;

/// Why a text is no place for a record.
#[derive(Debug, thiserror::Error)]
#[error("--record: expected configmap:NAME or file:PATH, found {found:?}{problem}")]
pub struct LocationError {
    found: String,
    problem: &'static str,
}

/// A place for a record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Location {
    /// A ConfigMap of that name in the gate's namespace.
    ConfigMap(ObjectName),
    /// A file.
    File(PathBuf),
}

impl Location {
    /// Whether a cluster is needed to reach it.
    pub fn is_config_map(&self) -> bool {
        matches!(self, Self::ConfigMap(_))
    }
}

impl fmt::Display for Location {
    /// As flags name it.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::ConfigMap(name) => write!(f, "configmap:{}", name.as_str()),
            Self::File(path) => write!(f, "file:{}", path.display()),
        }
    }
}

impl FromStr for Location {
    type Err = LocationError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |problem| LocationError { found: text.to_owned(), problem };
        match text.split_once(':') {
            Some(("configmap", name)) => {
                let name = ObjectName::subdomain(name).map_err(|_| {
                    wrong(
                        ": a ConfigMap's name has lower-case letters, digits, - and ., at most 253",
                    )
                })?;
                Ok(Self::ConfigMap(name))
            }
            Some(("file", path)) if !path.is_empty() => {
                let path = PathBuf::from(path);
                let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
                if folder.is_some_and(|folder| !folder.is_dir()) {
                    return Err(wrong(": its folder does not exist"));
                }
                Ok(Self::File(path))
            }
            _ => Err(wrong("")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_kinds_of_places() {
        assert_eq!(
            "configmap:gate-x7k2p".parse::<Location>().unwrap(),
            Location::ConfigMap(ObjectName::label("gate-x7k2p").unwrap())
        );
        assert_eq!(
            "file:gate.json".parse::<Location>().unwrap(),
            Location::File("gate.json".into())
        );
        "file:src/gate.json".parse::<Location>().unwrap();
        for bad in [
            "",
            "gate.json",
            "configmap:",
            "configmap:Gate",
            "configmap:a_b",
            "file:",
            "file:missing/gate.json",
            "secret:x",
        ] {
            let error = bad.parse::<Location>().unwrap_err().to_string();
            assert!(error.starts_with("--record: expected configmap:NAME or file:PATH"), "{error}");
        }
    }
}
