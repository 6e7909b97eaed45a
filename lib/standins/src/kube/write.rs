//! Creating and changing objects.

use bytes::Bytes;
use http::request::Parts;
use serde_json::{Value, json};

use super::store::KubeState;
use super::verbs::Target;
use super::{integration, release, service, status};
use crate::World;
use crate::answer::{Answer, Refusal, json_answer};

/// What the API server takes as a request, 3 MiB; escapes count here, and not in what is stored.
const LARGEST_BODY: usize = 3_145_728;
/// What the API server takes as a ConfigMap's data, 1 MiB.
const LARGEST_DATA: usize = 1_048_576;

/// The body as an object of the target's kind.
fn object(target: &Target, body: &Bytes) -> Result<Value, Refusal> {
    if body.len() > LARGEST_BODY {
        return Err(status::failure(
            413,
            "RequestEntityTooLarge",
            "Request entity too large: limit is 3145728",
            None,
        )
        .into());
    }
    let mut object: Value = serde_json::from_slice(body).map_err(|error| {
        status::bad_request(&format!(
            "the object provided is unrecognized (must be of type {}): {error}",
            target.resource.kind
        ))
    })?;
    if !object.is_object() || !object["metadata"].is_object() {
        return Err(status::bad_request(
            "the object provided is unrecognized: metadata is missing",
        )
        .into());
    }
    let wanted = (target.resource.api_version(), target.resource.kind);
    let given = |field: &str| object.get(field).and_then(Value::as_str).map(str::to_owned);
    if given("kind").is_some_and(|kind| kind != wanted.1)
        || given("apiVersion").is_some_and(|version| version != wanted.0)
    {
        return Err(status::bad_request(&format!(
            "{} in version \"{}\" cannot be handled as a {}: the object's kind or version is another one",
            target.resource.kind, target.resource.version, target.resource.kind
        ))
        .into());
    }
    object["apiVersion"] = json!(wanted.0);
    object["kind"] = json!(wanted.1);
    if let Some(namespace) = &target.namespace {
        match object["metadata"]["namespace"].as_str() {
            Some(own) if own != namespace => {
                return Err(status::bad_request(
                    "the namespace of the provided object does not match the namespace sent on the request",
                )
                .into());
            }
            _ => object["metadata"]["namespace"] = json!(namespace),
        }
    }
    let data: usize = object["data"]
        .as_object()
        .into_iter()
        .flatten()
        .map(|(key, value)| key.len() + value.as_str().map_or(0, str::len))
        .sum();
    if target.resource.kind == "ConfigMap" && data > LARGEST_DATA {
        let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let words = format!("Too long: may not be more than {LARGEST_DATA} bytes");
        return Err(status::invalid(target.resource, &name, "[]", &words).into());
    }
    Ok(object)
}

pub(super) fn create(
    world: &World,
    state: &mut KubeState,
    target: &Target,
    body: &Bytes,
    user: &str,
    dry: bool,
) -> Answer {
    let now = world.now();
    let mut object = match object(target, body) {
        Ok(object) => object,
        Err(refusal) => return *refusal,
    };
    let namespace = target.namespace.clone().unwrap_or_default();
    if object["metadata"]["name"].as_str().is_none_or(str::is_empty) {
        match object["metadata"]["generateName"].as_str() {
            Some(start) if !start.is_empty() => {
                object["metadata"]["name"] = json!(format!("{start}{}", world.suffix()))
            }
            _ => {
                return status::invalid(
                    target.resource,
                    "",
                    "metadata.name",
                    "Required value: name or generateName is required",
                );
            }
        }
    }
    if object["metadata"]["resourceVersion"]
        .as_str()
        .is_some_and(|version| !version.is_empty())
    {
        return status::internal("resourceVersion should not be set on objects to be created");
    }
    for field in ["uid", "creationTimestamp", "generation"] {
        object["metadata"].as_object_mut().expect("checked").remove(field);
    }
    if target.resource.plural == "releases" {
        object.as_object_mut().expect("checked").remove("status");
        object = match release::admit(state, target.resource, object, &namespace, user) {
            Ok(object) => object,
            Err(refusal) => return *refusal,
        };
    }
    let name = object["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    let key = (target.resource.plural, namespace, name.clone());
    if state.objects.contains_key(&key) {
        return status::exists(target.resource, &name);
    }
    KubeState::born(world, &mut object, now);
    if dry {
        return json_answer(201, &object);
    }
    let stored = state.store(key.clone(), object);
    if target.resource.plural == "releases" {
        service::begin(world, state, &key, now);
    }
    json_answer(201, &stored)
}

pub(super) fn update(
    world: &World,
    state: &mut KubeState,
    target: &Target,
    body: &Bytes,
    dry: bool,
) -> Answer {
    let object = match object(target, body) {
        Ok(object) => object,
        Err(refusal) => return *refusal,
    };
    write(world, state, target, object, dry)
}

pub(super) fn patch(
    world: &World,
    state: &mut KubeState,
    target: &Target,
    parts: &Parts,
    body: &Bytes,
    dry: bool,
) -> Answer {
    let kind = parts
        .headers
        .get("content-type")
        .and_then(|kind| kind.to_str().ok())
        .unwrap_or_default();
    if kind != "application/merge-patch+json" {
        let words = "the body of the request was in an unknown format - accepted media types include: application/merge-patch+json";
        return status::failure(415, "UnsupportedMediaType", words, None);
    }
    let Ok(change) = serde_json::from_slice::<Value>(body) else {
        return status::bad_request("error decoding patch: invalid JSON");
    };
    let name = target.name.clone().unwrap_or_default();
    let namespace = target.namespace.clone().unwrap_or_default();
    let Some(mut object) = state.get(target.resource.plural, &namespace, &name).cloned() else {
        return status::not_found(target.resource, &name);
    };
    if change["metadata"].get("resourceVersion").is_none() {
        object["metadata"]
            .as_object_mut()
            .expect("stored")
            .remove("resourceVersion");
    }
    merge(&mut object, &change);
    write(world, state, target, object, dry)
}

/// RFC 7386.
fn merge(object: &mut Value, change: &Value) {
    let Value::Object(change) = change else {
        *object = change.clone();
        return;
    };
    if !object.is_object() {
        *object = json!({});
    }
    for (key, value) in change {
        let map = object.as_object_mut().expect("made one above");
        if value.is_null() {
            map.remove(key);
        } else {
            merge(map.entry(key.clone()).or_insert(Value::Null), value);
        }
    }
}

/// Stores a changed object: only over the version that it names, if it names one.
fn write(
    world: &World,
    state: &mut KubeState,
    target: &Target,
    mut object: Value,
    dry: bool,
) -> Answer {
    let name = target.name.clone().unwrap_or_default();
    let key = (target.resource.plural, target.namespace.clone().unwrap_or_default(), name.clone());
    if object["metadata"]["name"].as_str() != Some(name.as_str()) {
        return status::bad_request("the name of the object does not match the name on the URL");
    }
    let Some(old) = state.objects.get(&key) else {
        return status::not_found(target.resource, &name);
    };
    let version = object["metadata"]["resourceVersion"].as_str().unwrap_or_default();
    if !version.is_empty() && old["metadata"]["resourceVersion"] != version {
        return status::conflict(target.resource, &name);
    }
    for field in ["uid", "creationTimestamp"] {
        object["metadata"][field] = old["metadata"][field].clone();
    }
    match target.resource.plural {
        "releases" => {
            if let Err(refusal) = release::admit_change(old, &object) {
                return *refusal;
            }
        }
        "snapshots" if old["spec"]["components"] != object["spec"]["components"] => {
            let words = format!(
                "spec.components: Invalid value: {}: components field is immutable and cannot be modified after creation",
                object["spec"]["components"]
            );
            return status::denied("vsnapshot.kb.io", &words);
        }
        _ => {}
    }
    if dry {
        return json_answer(200, &object);
    }
    let old = old.clone();
    let stored = state.store(key.clone(), object);
    service::validate_running(state, &key, world.now());
    integration::written(state, &key, Some(&old), world.now());
    json_answer(200, &stored)
}
