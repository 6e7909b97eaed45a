//! From path and method to verb and object; reading and writing.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde_json::{Value, json};

use super::selector::Selector;
use super::store::{KubeState, RESOURCES, Resource};
use super::{USER, delete, release, service, status, watch};
use crate::World;
use crate::answer::{Answer, Refusal, first, json_answer, query};

/// Objects on a page where the client sets no limit: all.
const NO_LIMIT: usize = usize::MAX;
/// What the API server takes as a ConfigMap or any other object, about.
const LARGEST_OBJECT: usize = 1_572_864; // 1.5 MiB, etcd's limit

struct Target {
    resource: &'static Resource,
    namespace: Option<String>,
    name: Option<String>,
}

fn target(path: &str) -> Option<Target> {
    let parts: Vec<&str> = path.trim_matches('/').split('/').collect();
    let (group, version, rest) = match parts.as_slice() {
        ["api", version, rest @ ..] => ("", *version, rest),
        ["apis", group, version, rest @ ..] => (*group, *version, rest),
        _ => return None,
    };
    let (namespace, plural, name) = match rest {
        [plural] => (None, *plural, None),
        ["namespaces", namespace, plural] => (Some(*namespace), *plural, None),
        ["namespaces", namespace, plural, name] => (Some(*namespace), *plural, Some(*name)),
        _ => return None,
    };
    let resource =
        RESOURCES.iter().find(|known| known.group == group && known.version == version && known.plural == plural)?;
    Some(Target { resource, namespace: namespace.map(str::to_owned), name: name.map(str::to_owned) })
}

pub(crate) fn handle(world: &World, parts: &Parts, body: &Bytes) -> Answer {
    let now = world.now();
    let mut state = world.kube_state();
    state.settle(now);
    let Some(user) = user(&state, parts) else {
        return status::failure(401, "Unauthorized", "Unauthorized", None);
    };
    if parts.uri.path() == "/version" {
        return json_answer(
            200,
            &json!({"major": "1", "minor": "34", "gitVersion": "v1.34.4", "platform": "linux/amd64"}),
        );
    }
    let Some(target) = target(parts.uri.path()) else {
        return status::no_such_resource();
    };
    let pairs = query(parts.uri.query());
    let watching = first(&pairs, "watch").is_some_and(|value| value == "true" || value == "1");
    let verb = match (&parts.method, target.name.is_some()) {
        (&Method::GET, true) => "get",
        (&Method::GET, false) if watching => "watch",
        (&Method::GET, false) => "list",
        (&Method::POST, false) => "create",
        (&Method::PUT, true) => "update",
        (&Method::PATCH, true) => "patch",
        (&Method::DELETE, true) => "delete",
        _ => {
            return status::failure(
                405,
                "MethodNotAllowed",
                "the server does not allow this method on the requested resource",
                None,
            );
        }
    };
    let refused = state.denials.iter().any(|denial| {
        denial.user.as_ref().is_none_or(|denied| *denied == user)
            && (denial.verb == "*" || denial.verb == verb)
            && (denial.plural == "*" || denial.plural == target.resource.plural)
    });
    let name = target.name.clone().unwrap_or_default();
    let namespace = target.namespace.clone().unwrap_or_default();
    if refused {
        return status::forbidden(target.resource, &name, verb, &user, &namespace);
    }
    let dry = first(&pairs, "dryRun") == Some("All");
    match verb {
        "get" => match state.get(target.resource.plural, &namespace, &name) {
            Some(object) => json_answer(200, object),
            None => status::not_found(target.resource, &name),
        },
        "list" => list(&state, &target, &pairs),
        "watch" => begin_watch(world, &state, target, &pairs),
        "create" => create(world, &mut state, &target, body, &user, dry),
        "update" => update(world, &mut state, &target, body, dry),
        "patch" => patch(world, &mut state, &target, parts, body, dry),
        _ => {
            let key = (target.resource.plural, namespace, name.clone());
            if !state.objects.contains_key(&key) {
                return status::not_found(target.resource, &name);
            }
            if !dry {
                delete(&mut state, &key, now);
            }
            json_answer(200, &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}))
        }
    }
}

fn user(state: &KubeState, parts: &Parts) -> Option<String> {
    if state.users.is_empty() {
        return Some(USER.to_owned());
    }
    let token = parts.headers.get("authorization")?.to_str().ok()?.strip_prefix("Bearer ")?;
    state.users.iter().find(|(known, _)| known == token).map(|(_, user)| user.clone())
}

/// The selectors of a query: by labels, and by name (the only field that is served).
fn selectors(pairs: &[(String, String)]) -> Result<(Selector, Option<String>), Refusal> {
    let labels = first(pairs, "labelSelector").unwrap_or_default();
    let selector = Selector::parse(labels)
        .map_err(|part| status::bad_request(&format!("unable to parse requirement: {part:?}: found in {labels:?}")))?;
    let name = match first(pairs, "fieldSelector") {
        None | Some("") => None,
        Some(text) => match text.strip_prefix("metadata.name=") {
            Some(name) => Some(name.trim_start_matches('=').to_owned()),
            None => {
                return Err(status::bad_request(&format!("field label not supported: {text}")).into());
            }
        },
    };
    Ok((selector, name))
}

fn list(state: &KubeState, target: &Target, pairs: &[(String, String)]) -> Answer {
    let (selector, name) = match selectors(pairs) {
        Ok(both) => both,
        Err(refusal) => return *refusal,
    };
    let limit = first(pairs, "limit").and_then(|n| n.parse().ok()).filter(|n| *n > 0).unwrap_or(NO_LIMIT);
    let after = match first(pairs, "continue").filter(|token| !token.is_empty()).map(token_read) {
        None => None,
        Some(Some((version, _))) if version < state.oldest => {
            let words = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.";
            return status::failure(410, "Expired", words, None);
        }
        Some(Some((_, after))) => Some(after),
        Some(None) => {
            return status::bad_request("continue key is not valid: encoded continue key is corrupt");
        }
    };
    let mut items: Vec<(String, &Value)> = state
        .objects
        .iter()
        .filter(|((plural, namespace, own), object)| {
            *plural == target.resource.plural
                && target.namespace.as_ref().is_none_or(|wanted| wanted == namespace)
                && name.as_ref().is_none_or(|wanted| wanted == own)
                && selector.matches(object)
        })
        .map(|((_, namespace, own), object)| (format!("{namespace}/{own}"), object))
        .filter(|(place, _)| after.as_ref().is_none_or(|after| place > after))
        .collect();
    let left = items.len().saturating_sub(limit);
    items.truncate(limit);
    let mut metadata = json!({"resourceVersion": state.list_version()});
    if left > 0 {
        let last = items.last().map(|(place, _)| place.clone()).unwrap_or_default();
        metadata["continue"] = json!(token_write(1000 + state.version, &last));
        metadata["remainingItemCount"] = json!(left);
    } else {
        metadata["continue"] = json!("");
    }
    let items: Vec<&Value> = items.into_iter().map(|(_, object)| object).collect();
    json_answer(
        200,
        &json!({"apiVersion": target.resource.api_version(), "kind": format!("{}List", target.resource.kind), "metadata": metadata, "items": items}),
    )
}

/// A continue token: hex, so that nobody reads it or forgets to escape it.
fn token_write(version: u64, place: &str) -> String {
    format!("{version}/{place}").bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn token_read(token: &str) -> Option<(u64, String)> {
    let pairs = (0..token.len()).step_by(2).map(|at| u8::from_str_radix(token.get(at..at + 2)?, 16).ok());
    let text = String::from_utf8(pairs.collect::<Option<Vec<_>>>()?).ok()?;
    let (version, place) = text.split_once('/')?;
    Some((version.parse().ok()?, place.to_owned()))
}

fn begin_watch(world: &World, state: &KubeState, target: Target, pairs: &[(String, String)]) -> Answer {
    let (selector, name) = match selectors(pairs) {
        Ok(both) => both,
        Err(refusal) => return *refusal,
    };
    let since = match first(pairs, "resourceVersion") {
        None | Some("") => None,
        Some(text) => match text.parse() {
            Ok(since) => Some(since),
            Err(_) => {
                return status::bad_request(&format!(
                    "resourceVersion: Invalid value: {text:?}: strconv.ParseUint: parsing {text:?}: invalid syntax"
                ));
            }
        },
    };
    let timeout = first(pairs, "timeoutSeconds").and_then(|n| n.parse().ok()).map(Duration::from_secs);
    watch::watch(
        world,
        state,
        watch::Wanted { resource: target.resource, namespace: target.namespace, selector, name, since, timeout },
    )
}

/// The body as an object of the target's kind.
fn object(target: &Target, body: &Bytes) -> Result<Value, Refusal> {
    if body.len() > LARGEST_OBJECT {
        return Err(
            status::failure(413, "RequestEntityTooLarge", "Request entity too large: limit is 3145728", None).into()
        );
    }
    let mut object: Value = serde_json::from_slice(body).map_err(|error| {
        status::bad_request(&format!(
            "the object provided is unrecognized (must be of type {}): {error}",
            target.resource.kind
        ))
    })?;
    if !object.is_object() || !object["metadata"].is_object() {
        return Err(status::bad_request("the object provided is unrecognized: metadata is missing").into());
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
    Ok(object)
}

fn create(world: &World, state: &mut KubeState, target: &Target, body: &Bytes, user: &str, dry: bool) -> Answer {
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
    if object["metadata"]["resourceVersion"].as_str().is_some_and(|version| !version.is_empty()) {
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

fn update(world: &World, state: &mut KubeState, target: &Target, body: &Bytes, dry: bool) -> Answer {
    let object = match object(target, body) {
        Ok(object) => object,
        Err(refusal) => return *refusal,
    };
    write(world, state, target, object, dry)
}

fn patch(world: &World, state: &mut KubeState, target: &Target, parts: &Parts, body: &Bytes, dry: bool) -> Answer {
    let kind = parts.headers.get("content-type").and_then(|kind| kind.to_str().ok()).unwrap_or_default();
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
        object["metadata"].as_object_mut().expect("stored").remove("resourceVersion");
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
fn write(world: &World, state: &mut KubeState, target: &Target, mut object: Value, dry: bool) -> Answer {
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
    let stored = state.store(key.clone(), object);
    service::validate_running(state, &key, world.now());
    json_answer(200, &stored)
}
