//! From path and method to verb and object; reading.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use http::request::Parts;
use serde_json::{Value, json};

use super::selector::Selector;
use super::store::{KubeState, RESOURCES, Resource};
use super::{USER, delete, review, status, watch, write};
use crate::World;
use crate::answer::{Answer, Refusal, first, json_answer, query};

/// Objects on a page where the client sets no limit: all.
const NO_LIMIT: usize = usize::MAX;

/// What a path names.
pub(super) struct Target {
    pub(super) resource: &'static Resource,
    pub(super) namespace: Option<String>,
    pub(super) name: Option<String>,
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
    let resource = RESOURCES
        .iter()
        .find(|known| known.group == group && known.version == version && known.plural == plural)?;
    Some(Target {
        resource,
        namespace: namespace.map(str::to_owned),
        name: name.map(str::to_owned),
    })
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
    if parts.method == Method::POST
        && let Some(answer) = review::answer(&state, parts.uri.path(), body, &user)
    {
        return answer;
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
    let refused = state.refuses(&user, verb, target.resource.plural);
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
        "create" => write::create(world, &mut state, &target, body, &user, dry),
        "update" => write::update(world, &mut state, &target, body, dry),
        "patch" => write::patch(world, &mut state, &target, parts, body, dry),
        _ => {
            let key = (target.resource.plural, namespace, name.clone());
            let Some(object) = state.objects.get(&key) else {
                return status::not_found(target.resource, &name);
            };
            if !is_as_wanted(object, body) {
                return status::conflict(target.resource, &name);
            }
            if !dry {
                delete(&mut state, &key, now);
            }
            json_answer(
                200,
                &json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Success"}),
            )
        }
    }
}

/// Whether an object is the one of the preconditions in a deletion's options.
fn is_as_wanted(object: &Value, options: &[u8]) -> bool {
    let options: Value = serde_json::from_slice(options).unwrap_or_default();
    let wanted = &options["preconditions"];
    ["uid", "resourceVersion"]
        .iter()
        .all(|field| wanted[*field].is_null() || wanted[*field] == object["metadata"][*field])
}

fn user(state: &KubeState, parts: &Parts) -> Option<String> {
    if state.users.is_empty() {
        return Some(USER.to_owned());
    }
    let token = parts
        .headers
        .get("authorization")?
        .to_str()
        .ok()?
        .strip_prefix("Bearer ")?;
    state
        .users
        .iter()
        .find(|(known, _)| known == token)
        .map(|(_, user)| user.clone())
}

/// The selectors of a query: by labels, and by name (the only field that is served).
fn selectors(pairs: &[(String, String)]) -> Result<(Selector, Option<String>), Refusal> {
    let labels = first(pairs, "labelSelector").unwrap_or_default();
    let selector = Selector::parse(labels).map_err(|part| {
        status::bad_request(&format!("unable to parse requirement: {part:?}: found in {labels:?}"))
    })?;
    let name = match first(pairs, "fieldSelector") {
        None | Some("") => None,
        Some(text) => match text.strip_prefix("metadata.name=") {
            Some(name) => Some(name.trim_start_matches('=').to_owned()),
            None => {
                return Err(
                    status::bad_request(&format!("field label not supported: {text}")).into()
                );
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
    let limit = first(pairs, "limit")
        .and_then(|n| n.parse().ok())
        .filter(|n| *n > 0)
        .unwrap_or(NO_LIMIT);
    let after = match first(pairs, "continue")
        .filter(|token| !token.is_empty())
        .map(token_read)
    {
        None => None,
        Some(Some((version, _))) if version < state.oldest => {
            let words = "The provided continue parameter is too old to display a consistent list result. You can start a new list without the continue parameter.";
            return status::failure(410, "Expired", words, None);
        }
        Some(Some((_, after))) => Some(after),
        Some(None) => {
            return status::bad_request(
                "continue key is not valid: encoded continue key is corrupt",
            );
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
    format!("{version}/{place}")
        .bytes()
        .map(|byte| format!("{byte:02x}"))
        .collect()
}

fn token_read(token: &str) -> Option<(u64, String)> {
    let pairs = (0..token.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(token.get(at..at + 2)?, 16).ok());
    let text = String::from_utf8(pairs.collect::<Option<Vec<_>>>()?).ok()?;
    let (version, place) = text.split_once('/')?;
    Some((version.parse().ok()?, place.to_owned()))
}

fn begin_watch(
    world: &World,
    state: &KubeState,
    target: Target,
    pairs: &[(String, String)],
) -> Answer {
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
    let timeout = first(pairs, "timeoutSeconds")
        .and_then(|n| n.parse().ok())
        .map(Duration::from_secs);
    watch::watch(
        world,
        state,
        watch::Wanted {
            resource: target.resource,
            namespace: target.namespace,
            selector,
            name,
            since,
            timeout,
        },
    )
}
