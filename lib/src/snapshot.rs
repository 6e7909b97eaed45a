//! A Snapshot as text: the spec that integration-service hands to a run, a whole object, or a name.
//!
//! Source of the shapes: application-api `snapshot_types.go`. What the gate does not use is not
//! read, so that new fields do no harm; what it uses is read strictly.

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::image::{ImageError, ImageRef};
use crate::name::ObjectName;
use crate::text;

/// How many component names an error lists.
const NAMES_SHOWN: usize = 8;

/// `spec` of a Snapshot, as far as the gate reads it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct SnapshotSpec {
    /// The Application, unless a ComponentGroup owns the Snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub application: Option<String>,
    /// The ComponentGroup, unless an Application owns the Snapshot.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub component_group: Option<String>,
    /// The components with their images.
    #[serde(default)]
    pub components: Option<Vec<Component>>,
}

/// A component of a Snapshot.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Component {
    pub name: String,
    /// Its version, in a ComponentGroup that has several of one component.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<String>,
    /// Its image; should name a digest.
    #[serde(default)]
    pub container_image: String,
    /// Where it was built from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<Source>,
}

/// Which component of a Snapshot is meant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ComponentName {
    pub name: String,
    /// Its version, where a Snapshot may have several of that name.
    pub version: Option<String>,
}

impl ComponentName {
    /// A component by its name, in whichever version, of which there may be one.
    pub fn of(name: impl Into<String>) -> Self {
        Self { name: name.into(), version: None }
    }

    /// What `--component` and `--component-version` say together.
    ///
    /// # Errors
    /// [`NoName`] for a version without a name.
    pub fn given(name: Option<&str>, version: Option<&str>) -> Result<Option<Self>, NoName> {
        match (name, version) {
            (None, Some(_)) => Err(NoName),
            (name, version) => {
                Ok(name.map(|name| Self { version: version.map(str::to_owned), ..Self::of(name) }))
            }
        }
    }
}

/// A version of no component.
#[derive(Debug, thiserror::Error)]
#[error("--component-version: expected --component NAME beside it")]
pub struct NoName;

impl std::fmt::Display for ComponentName {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.version {
            Some(version) => write!(f, "{:?} version {version:?}", self.name),
            None => write!(f, "{:?}", self.name),
        }
    }
}

/// What a component is called, however much else is read of it.
pub trait Named {
    fn name(&self) -> &str;
    fn version(&self) -> Option<&str>;
}

impl Named for Component {
    fn name(&self) -> &str {
        &self.name
    }

    fn version(&self) -> Option<&str> {
        self.version.as_deref()
    }
}

/// The one component that is meant.
///
/// # Errors
/// [`SnapshotError::NoComponent`], [`SnapshotError::NoVersion`], [`SnapshotError::Ambiguous`].
pub fn choose<'a, C: Named>(all: &'a [C], wanted: &ComponentName) -> Result<&'a C, SnapshotError> {
    let named: Vec<&C> = all
        .iter()
        .filter(|component| component.name() == wanted.name)
        .collect();
    let versions = || {
        let versions: Vec<_> = named.iter().filter_map(|component| component.version()).collect();
        let versions: Vec<_> = versions
            .into_iter()
            .map(|version| text::one_line(version, 80))
            .collect();
        text::some_of(&versions, NAMES_SHOWN)
    };
    let fits = |component: &&&C| {
        wanted
            .version
            .as_deref()
            .is_none_or(|version| component.version() == Some(version))
    };
    let mut fit = named.iter().filter(fits);
    match (fit.next(), fit.count()) {
        (Some(component), 0) => Ok(component),
        (Some(_), more) => Err(SnapshotError::Ambiguous {
            wanted: wanted.to_string(),
            times: more + 1,
            versions: versions(),
        }),
        (None, _) if !named.is_empty() => {
            Err(SnapshotError::NoVersion { wanted: wanted.to_string(), versions: versions() })
        }
        (None, _) => {
            let names: Vec<_> = all
                .iter()
                .map(|component| text::one_line(component.name(), 80))
                .collect();
            let has = if names.is_empty() {
                "no components".to_owned()
            } else {
                text::some_of(&names, NAMES_SHOWN)
            };
            Err(SnapshotError::NoComponent { wanted: wanted.to_string(), has })
        }
    }
}

/// Where a component was built from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Source {
    /// The git repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub git: Option<Git>,
}

/// A git revision.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Git {
    /// The repository.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The commit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub revision: Option<String>,
}

/// Why a text is no Snapshot, or a Snapshot does not hold what is looked for.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// A file, or standard input, that is no Snapshot. Nothing of it is shown: who names the wrong
    /// file may have named one with a secret.
    #[error(
        "SNAPSHOT: {place} is no Snapshot in JSON: {problem}; expected the Snapshot's spec, or the whole object"
    )]
    NoSnapshot {
        /// What was read.
        place: String,
        /// The kind of problem and where, without the content.
        problem: String,
    },
    /// Neither JSON nor a name.
    #[error(
        "SNAPSHOT: expected the Snapshot's spec as JSON, its name, @FILE or -, found {found:?}{}",
        problem.as_deref().map(|problem| format!(" ({problem})")).unwrap_or_default()
    )]
    Unreadable {
        /// The beginning of what was given.
        found: String,
        /// What the JSON parser says, where it looks like JSON.
        problem: Option<String>,
    },
    /// JSON, but no Snapshot.
    #[error("SNAPSHOT: expected a JSON object with components, found {found}")]
    NotASnapshot {
        /// What was found instead.
        found: String,
    },
    /// A field is of the wrong type, missing or there twice.
    #[error("SNAPSHOT: cannot be read as a Snapshot's spec: {problem}")]
    Malformed {
        /// What the parser says.
        problem: String,
    },
    /// The component is not there.
    #[error("SNAPSHOT: component {wanted} is not in it; it has: {has}")]
    NoComponent {
        /// The component looked for.
        wanted: String,
        /// Those that are there.
        has: String,
    },
    /// The component is there, in other versions.
    #[error("SNAPSHOT: component {wanted} is not in it; {}", match versions.as_str() {
        "" => "it has no versions".to_owned(),
        versions => format!("its versions there: {versions}"),
    })]
    NoVersion {
        /// The component looked for.
        wanted: String,
        /// Its versions that are there; empty where it has none.
        versions: String,
    },
    /// The component is there more than once.
    #[error("SNAPSHOT: component {wanted} is in it {times} times; expected it once{}", match versions.as_str() {
        "" => String::new(),
        versions => format!(": --component-version chooses one of {versions}"),
    })]
    Ambiguous {
        /// The component looked for.
        wanted: String,
        /// How often it is there.
        times: usize,
        /// Its versions; empty where it has none.
        versions: String,
    },
    /// The component's image does not name a digest.
    #[error("SNAPSHOT: containerImage of component {component:?}")]
    Image {
        component: String,
        /// What is wrong with it.
        source: ImageError,
    },
}

/// What was given as SNAPSHOT.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Given {
    /// The content, with the object's name and namespace where the whole object was given.
    Content {
        spec: SnapshotSpec,
        /// `metadata.name`.
        name: Option<String>,
    },
    /// The name of a Snapshot in the cluster.
    Name(ObjectName),
}

/// Reads a text as JSON or as a name.
///
/// # Errors
/// [`SnapshotError`] when it is neither.
pub fn read(text: &str) -> Result<Given, SnapshotError> {
    let trimmed = text.trim();
    match serde_json::from_str::<Value>(trimmed) {
        Ok(value) => content(trimmed, &value),
        Err(error) => {
            if let Ok(name) = ObjectName::label(trimmed) {
                return Ok(Given::Name(name));
            }
            let looks_like_json = trimmed.starts_with(['{', '[']);
            let problem = looks_like_json.then(|| error.to_string());
            Err(SnapshotError::Unreadable { found: text::one_line(trimmed, 120), problem })
        }
    }
}

/// Reads what a file or standard input (`place`) holds, which must be JSON.
///
/// # Errors
/// [`SnapshotError::NoSnapshot`] when it is not.
pub fn read_json(text: &str, place: &str) -> Result<Given, SnapshotError> {
    let no_snapshot =
        |problem: String| Err(SnapshotError::NoSnapshot { place: place.to_owned(), problem });
    let trimmed = text.trim();
    match serde_json::from_str::<Value>(trimmed) {
        Err(error) => no_snapshot(words_of(&error)),
        Ok(value) => {
            match content(trimmed, &value) {
                Ok(given) => Ok(given),
                Err(SnapshotError::NotASnapshot { found }) => no_snapshot(match found.as_str() {
                    "null" | "an array" | "a string" => format!("it is {found}"),
                    _ => "it is something else".to_owned(),
                }),
                Err(_) => {
                    // Once more for the parser's own error, whose words are its and not the file's.
                    let spec = serde_json::from_str::<SnapshotSpec>(trimmed).err();
                    no_snapshot(spec.as_ref().map_or_else(
                        || "a field is missing or of another type".to_owned(),
                        words_of,
                    ))
                }
            }
        }
    }
}

/// What is wrong with a JSON text and where, in the parser's words as far as they are not the
/// text's.
fn words_of(error: &serde_json::Error) -> String {
    let said = error.to_string();
    let (line, column) = (error.line(), error.column());
    let words = said.split(" at line ").next().unwrap_or_default();
    let words = match error.classify() {
        serde_json::error::Category::Data => match words.rsplit_once(", expected ") {
            Some((_, expected)) => format!("a field of another type, expected {expected}"),
            None if words.starts_with("missing field") || words.starts_with("duplicate field") => {
                words.to_owned()
            }
            None => "a field of another type".to_owned(),
        },
        _ => words.to_owned(),
    };
    format!("{words} at line {line}, column {column}")
}

fn content(text: &str, value: &Value) -> Result<Given, SnapshotError> {
    let other = |found: &str| Err(SnapshotError::NotASnapshot { found: found.to_owned() });
    let object = match value {
        Value::Object(object) => object,
        Value::Null => return other("null"),
        Value::Array(_) => return other("an array"),
        Value::String(_) => return other("a string"),
        Value::Bool(_) | Value::Number(_) => return other(&value.to_string()),
    };
    match object.get("kind").and_then(Value::as_str) {
        Some("Snapshot") => {}
        Some(kind) => return other(&format!("an object of kind {:?}", text::cut(kind, 40))),
        None if object.contains_key("spec") => {}
        // Parsed from the text once more, since a tree of values has already lost what was there
        // twice.
        None => return Ok(Given::Content { spec: parse(text)?, name: None }),
    }
    #[derive(Deserialize)]
    struct Whole {
        #[serde(default)]
        metadata: Metadata,
        spec: SnapshotSpec,
    }
    #[derive(Default, Deserialize)]
    struct Metadata {
        name: Option<String>,
    }
    let whole: Whole = parse(text)?;
    Ok(Given::Content { spec: whole.spec, name: whole.metadata.name })
}

fn parse<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, SnapshotError> {
    serde_json::from_str(text)
        .map_err(|error| SnapshotError::Malformed { problem: error.to_string() })
}

impl SnapshotSpec {
    /// The component that is meant.
    ///
    /// # Errors
    /// Those of [`choose`].
    pub fn component(&self, wanted: &ComponentName) -> Result<&Component, SnapshotError> {
        choose(self.components.as_deref().unwrap_or_default(), wanted)
    }
}

impl Component {
    /// The component's image by its digest; a tag beside it is dropped.
    ///
    /// # Errors
    /// [`SnapshotError::Image`] when it names none.
    pub fn image(&self) -> Result<ImageRef, SnapshotError> {
        ImageRef::dropping_tag(&self.container_image)
            .map_err(|source| SnapshotError::Image { component: self.name.clone(), source })
    }

    /// The commit it was built from.
    pub fn revision(&self) -> Option<&str> {
        self.git()?
            .revision
            .as_deref()
            .filter(|revision| !revision.is_empty())
    }

    /// The repository it was built from.
    pub fn git_url(&self) -> Option<&str> {
        self.git()?.url.as_deref().filter(|url| !url.is_empty())
    }

    fn git(&self) -> Option<&Git> {
        self.source.as_ref()?.git.as_ref()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SPEC: &str = r#"{"application":"ho","components":[
        {"name":"ho-main","containerImage":"quay.io/acme/ho@sha256:4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1f0c2d7aa4be1",
         "source":{"git":{"url":"https://github.com/openshift/hypershift","revision":"3ee96155","context":"./"}}},
        {"name":"cpo","containerImage":"quay.io/acme/cpo:latest"}],"artifacts":{}}"#;

    fn spec(text: &str) -> SnapshotSpec {
        match read(text).unwrap() {
            Given::Content { spec, .. } => spec,
            Given::Name(name) => panic!("{name}"),
        }
    }

    fn error(text: &str) -> String {
        crate::failure::Chain(&read(text).unwrap_err()).to_string()
    }

    #[test]
    fn a_spec_and_a_whole_object() {
        let spec = spec(SPEC);
        let component = spec.component(&ComponentName::of("ho-main")).unwrap();
        assert_eq!(component.image().unwrap().digest().short(), "4be1f0c2d7aa");
        assert_eq!(component.revision(), Some("3ee96155"));
        let whole = format!(
            r#"{{"apiVersion":"v1","kind":"Snapshot","metadata":{{"name":"s-1"}},"spec":{SPEC}}}"#
        );
        assert_eq!(read(&whole).unwrap(), Given::Content { spec, name: Some("s-1".to_owned()) });
    }

    #[test]
    fn a_captured_object() {
        let text = include_str!("konflux/data/snapshot.json");
        let Given::Content { spec, name } = read(text).unwrap() else { panic!() };
        assert_eq!(name.as_deref(), Some("hypershift-operator-20261122-150855-000"));
        assert!(
            spec.component(&ComponentName::of("hypershift-operator-main"))
                .unwrap()
                .image()
                .is_ok()
        );
    }

    #[test]
    fn a_name() {
        assert_eq!(
            read(" ho-20260820-031104-000\n").unwrap(),
            Given::Name(ObjectName::label("ho-20260820-031104-000").unwrap())
        );
        assert!(read_json("ho-20260820-031104-000", "x").is_err());
    }

    #[test]
    fn a_file_that_is_no_snapshot_is_not_quoted() {
        let long = "sha256~Zm9vYmFyYmF6";
        for secret in [
            long.to_owned(),
            format!("{long}\n"),
            format!("\"{long}\""),
            "4711081547110815".to_owned(),
            format!("[\"{long}\"]"),
            format!("{{\"kind\":\"{long}\"}}"),
            format!("{{\"{long}\":1,\"{long}\":"),
            format!("{{\"components\":\"{long}\"}}"),
            format!("{{\"components\":[\"{long}\"]}}"),
            format!("{{\"components\":[{{\"name\":{{\"{long}\":1}}}}]}}"),
            format!("{{\"components\":[{{\"name\":\"a\",\"source\":\"{long}\"}}]}}"),
            format!("{{\"spec\":\"{long}\"}}"),
        ] {
            let error =
                crate::failure::Chain(&read_json(&secret, "/x/token").unwrap_err()).to_string();
            assert!(error.starts_with("SNAPSHOT: /x/token is no Snapshot in JSON: "), "{error}");
            assert!(!error.contains("Zm9vYmFyYmF6") && !error.contains("47110815"), "{error}");
        }
        let error = read_json(r#"{"components":[],"components":[]}"#, "x")
            .unwrap_err()
            .to_string();
        assert!(error.contains("duplicate field `components` at line 1, column"), "{error}");
    }

    #[test]
    fn everything_else_is_named() {
        assert_eq!(error("null"), "SNAPSHOT: expected a JSON object with components, found null");
        assert_eq!(error("[]"), "SNAPSHOT: expected a JSON object with components, found an array");
        assert_eq!(error("17"), "SNAPSHOT: expected a JSON object with components, found 17");
        assert!(
            error("{\"components\":").contains("found \"{\\\"components\\\":\" (EOF while parsing"),
            "{}",
            error("{\"components\":")
        );
        assert!(
            error("Not JSON").starts_with(
                "SNAPSHOT: expected the Snapshot's spec as JSON, its name, @FILE or -"
            )
        );
        assert!(error(r#"{"kind":"SnapshotList","items":[]}"#).contains("kind \"SnapshotList\""));
        assert!(error(r#"{"components":{}}"#).contains("cannot be read as a Snapshot's spec"));
        assert!(error(r#"{"components":[],"components":[]}"#).contains("duplicate field"));
    }

    #[test]
    fn a_component_is_there_exactly_once() {
        let error = |text: &str, name: &str| {
            spec(text)
                .component(&ComponentName::of(name))
                .unwrap_err()
                .to_string()
        };
        assert_eq!(
            error(SPEC, "x"),
            "SNAPSHOT: component \"x\" is not in it; it has: ho-main, cpo"
        );
        assert_eq!(
            error("{}", "x"),
            "SNAPSHOT: component \"x\" is not in it; it has: no components"
        );
        let twice = r#"{"components":[{"name":"a"},{"name":"a"},{"name":"a"}]}"#;
        assert_eq!(
            error(twice, "a"),
            "SNAPSHOT: component \"a\" is in it 3 times; expected it once"
        );
    }

    #[test]
    fn a_version_chooses_between_two_of_one_name() {
        let image = |letter: &str| format!("quay.io/acme/ho:v1@sha256:{}", letter.repeat(64));
        let text = serde_json::json!({"componentGroup": "ho", "components": [
            {"name": "ho", "version": "main", "containerImage": image("a")},
            {"name": "ho", "version": "release-4.22", "containerImage": image("b")},
            {"name": "plain", "containerImage": image("c")},
        ]});
        let spec = spec(&text.to_string());
        let of = |name: &str, version: &str| {
            let wanted = ComponentName { name: name.to_owned(), version: Some(version.to_owned()) };
            spec.component(&wanted)
                .map(|found| found.image().unwrap().digest().hex()[..1].to_owned())
                .map_err(|error| error.to_string())
        };
        assert_eq!(of("ho", "main"), Ok("a".to_owned()));
        assert_eq!(of("ho", "release-4.22"), Ok("b".to_owned()));
        assert_eq!(
            spec.component(&ComponentName::of("ho")).unwrap_err().to_string(),
            "SNAPSHOT: component \"ho\" is in it 2 times; expected it once: --component-version chooses one of main, release-4.22"
        );
        let other = of("ho", "4.21").unwrap_err();
        assert_eq!(
            other,
            "SNAPSHOT: component \"ho\" version \"4.21\" is not in it; its versions there: main, release-4.22"
        );
        assert!(of("plain", "main").unwrap_err().ends_with("it has no versions"));
    }

    #[test]
    fn an_image_without_digest_is_refused() {
        let spec = spec(SPEC);
        let error = spec
            .component(&ComponentName::of("cpo"))
            .unwrap()
            .image()
            .unwrap_err();
        assert!(matches!(error, SnapshotError::Image { source: ImageError::NoDigest { .. }, .. }));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "\\PC{0,200}") {
            let _ = read(&text);
        }
    }
}
