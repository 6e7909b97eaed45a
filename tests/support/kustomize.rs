//! The part of kustomize that the manifests use, so that a test can hold what they build against
//! the pipeline without a kubectl. Anything else in a `kustomization.yaml` is an error here; the
//! cluster tests compare the outcome with kubectl's own.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use serde::de::DeserializeOwned;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Kustomization {
    #[serde(rename = "apiVersion")]
    _api_version: String,
    kind: String,
    #[serde(default)]
    resources: Vec<String>,
    #[serde(default)]
    components: Vec<String>,
    #[serde(default)]
    configurations: Vec<String>,
    #[serde(default)]
    patches: Vec<Patch>,
    #[serde(default)]
    replacements: Vec<Replacement>,
    #[serde(default)]
    name_suffix: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Selector {
    kind: String,
    #[serde(default)]
    name: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Patch {
    target: Selector,
    patch: String,
    #[serde(default)]
    options: PatchOptions,
}

#[derive(Deserialize, Default)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct PatchOptions {
    #[serde(default)]
    allow_name_change: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Operation {
    op: String,
    path: String,
    value: Value,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Replacement {
    source: Source,
    targets: Vec<Target>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Source {
    kind: String,
    name: String,
    field_path: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Target {
    select: Selector,
    field_paths: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Configuration {
    name_reference: Vec<NameReference>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct NameReference {
    kind: String,
    field_specs: Vec<FieldSpec>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FieldSpec {
    kind: String,
    path: String,
}

/// What `kubectl kustomize DIR` would print, as objects.
///
/// # Panics
/// When a file is missing or uses what is not known here.
pub fn build(folder: &Path) -> Vec<Value> {
    let mut built = Vec::new();
    let mut references = Vec::new();
    accumulate(folder, &mut built, &mut references);
    built.retain(|object| {
        object
            .pointer("/metadata/annotations/config.kubernetes.io~1local-config")
            .is_none()
    });
    built
}

/// Every object in a file of YAML documents.
pub fn objects(path: &Path) -> Vec<Value> {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_multiple(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

fn read<T: DeserializeOwned>(path: &Path) -> T {
    let text =
        std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
    serde_saphyr::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A kustomization's objects join those of the one that names it; a component changes them all.
fn accumulate(folder: &Path, objects_so_far: &mut Vec<Value>, references: &mut Vec<NameReference>) {
    let file: PathBuf = folder.join("kustomization.yaml");
    let this: Kustomization = read(&file);
    let mut own =
        if this.kind == "Component" { std::mem::take(objects_so_far) } else { Vec::new() };
    for resource in &this.resources {
        let path = folder.join(resource);
        if path.is_dir() {
            accumulate(&path, &mut own, references);
        } else {
            own.extend(objects(&path));
        }
    }
    for configuration in &this.configurations {
        references.extend(read::<Configuration>(&folder.join(configuration)).name_reference);
    }
    for component in &this.components {
        accumulate(&folder.join(component), &mut own, references);
    }
    // A patch may rename; the name is mentioned elsewhere as it was.
    let names: Vec<String> = own.iter().map(name).collect();
    for patch in &this.patches {
        let operations: Vec<Operation> = serde_saphyr::from_str(&patch.patch).unwrap();
        let mut found = false;
        for object in own.iter_mut().filter(|object| patch.target.matches(object)) {
            found = true;
            let before = name(object);
            operations.iter().for_each(|operation| operation.apply(object));
            // kubectl would keep the old name in silence.
            assert!(
                patch.options.allow_name_change || name(object) == before,
                "{}: a patch changes a name without allowNameChange",
                file.display()
            );
        }
        assert!(found, "{}: a patch has no target", file.display());
    }
    suffix(&mut own, &names, &this.name_suffix, references);
    for replacement in &this.replacements {
        replacement.apply(&mut own, &file);
    }
    objects_so_far.extend(own);
}

impl Selector {
    fn matches(&self, object: &Value) -> bool {
        object["kind"] == self.kind.as_str()
            && self
                .name
                .as_deref()
                .is_none_or(|name| object["metadata"]["name"] == name)
    }
}

impl Operation {
    fn apply(&self, object: &mut Value) {
        let (parent, last) = self.path.rsplit_once('/').unwrap();
        let parent = object
            .pointer_mut(parent)
            .unwrap_or_else(|| panic!("patch: no {}", self.path));
        match (self.op.as_str(), parent) {
            ("add", Value::Array(list)) if last == "-" => list.push(self.value.clone()),
            ("add", Value::Object(map)) => {
                map.insert(last.to_owned(), self.value.clone());
            }
            ("replace", parent) => {
                let place = parent.pointer_mut(&format!("/{last}"));
                *place.unwrap_or_else(|| panic!("patch: no {}", self.path)) = self.value.clone();
            }
            (op, _) => panic!("patch: {op} {} is not known here", self.path),
        }
    }
}

fn name(object: &Value) -> String {
    object["metadata"]["name"].as_str().unwrap().to_owned()
}

/// Renames, and renames where the names that the objects had are mentioned.
fn suffix(objects: &mut [Value], names: &[String], suffix: &str, references: &[NameReference]) {
    let mut renamed = Vec::new();
    for (object, old) in objects.iter_mut().zip(names) {
        let new = format!("{}{suffix}", name(object));
        object["metadata"]["name"] = new.as_str().into();
        if new != *old {
            renamed.push((object["kind"].as_str().unwrap().to_owned(), old.clone(), new));
        }
    }
    for reference in references {
        for (_, old, new) in renamed.iter().filter(|(kind, ..)| *kind == reference.kind) {
            for spec in &reference.field_specs {
                for object in objects
                    .iter_mut()
                    .filter(|object| object["kind"] == spec.kind.as_str())
                {
                    let path: Vec<&str> = spec.path.split('/').collect();
                    rename(object, &path, old, new);
                }
            }
        }
    }
}

/// Follows a path through maps, and through every item of a list.
fn rename(value: &mut Value, path: &[&str], old: &str, new: &str) {
    match (value, path) {
        (Value::Array(items), _) => items.iter_mut().for_each(|item| rename(item, path, old, new)),
        (Value::Object(map), [first, rest @ ..]) => {
            if let Some(inner) = map.get_mut(*first) {
                rename(inner, rest, old, new);
            }
        }
        (Value::String(text), []) if text == old => *text = new.to_owned(),
        _ => {}
    }
}

impl Replacement {
    fn apply(&self, objects: &mut [Value], file: &Path) {
        let place = || format!("{}: {}", file.display(), self.source.field_path);
        let select =
            Selector { kind: self.source.kind.clone(), name: Some(self.source.name.clone()) };
        let mut sources = objects.iter_mut().filter(|object| select.matches(object));
        let source = sources.next().unwrap_or_else(|| panic!("{}: no source", place()));
        let value = find(source, &self.source.field_path)
            .unwrap_or_else(|| panic!("{}: no value", place()))
            .clone();
        for target in &self.targets {
            let mut found = false;
            for object in objects.iter_mut().filter(|object| target.select.matches(object)) {
                found = true;
                for path in &target.field_paths {
                    *find(object, path).unwrap_or_else(|| panic!("{}: no {path}", place())) =
                        value.clone();
                }
            }
            assert!(found, "{}: a target is missing", place());
        }
    }
}

/// A field by kustomize's path: names with dots between them, `[name=x]` an item, `[a.b/c]` a name
/// with dots.
fn find<'a>(object: &'a mut Value, path: &str) -> Option<&'a mut Value> {
    let mut rest = path;
    let mut value = object;
    while !rest.is_empty() {
        let (segment, after) = match rest.strip_prefix('[').and_then(|rest| rest.split_once(']')) {
            Some((segment, after)) => (segment, after),
            None => rest.split_at(rest.find('.').unwrap_or(rest.len())),
        };
        value = match segment.split_once('=') {
            Some((key, wanted)) => {
                value.as_array_mut()?.iter_mut().find(|item| item[key] == wanted)?
            }
            None => value.get_mut(segment)?,
        };
        rest = after.strip_prefix('.').unwrap_or(after);
    }
    Some(value)
}
