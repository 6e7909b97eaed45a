//! `Status` objects as the API server writes them.

use serde_json::{Value, json};

use super::store::Resource;
use crate::answer::{Answer, json_answer};

/// A failure: code, reason (empty: none), message, and what it is about.
pub(super) fn failure(
    code: u16,
    reason: &str,
    message: &str,
    about: Option<(&Resource, &str)>,
) -> Answer {
    json_answer(code, &status(code, reason, message, about))
}

/// [`failure`]'s body.
pub(super) fn status(
    code: u16,
    reason: &str,
    message: &str,
    about: Option<(&Resource, &str)>,
) -> Value {
    let mut status = json!({"kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure", "message": message, "code": code});
    if !reason.is_empty() {
        status["reason"] = json!(reason);
    }
    if let Some((resource, name)) = about {
        let mut details = json!({"kind": resource.plural});
        if !name.is_empty() {
            details["name"] = json!(name);
        }
        if !resource.group.is_empty() {
            details["group"] = json!(resource.group);
        }
        status["details"] = details;
    }
    status
}

/// 404 for an object that is not there.
pub(super) fn not_found(resource: &Resource, name: &str) -> Answer {
    failure(
        404,
        "NotFound",
        &format!("{} \"{name}\" not found", resource.qualified()),
        Some((resource, name)),
    )
}

/// 404 for a path that no API serves.
pub(super) fn no_such_resource() -> Answer {
    crate::answer::not_found(crate::Server::Kube)
}

/// 403 of RBAC.
pub(super) fn forbidden(
    resource: &Resource,
    name: &str,
    verb: &str,
    user: &str,
    namespace: &str,
) -> Answer {
    let named = if name.is_empty() { String::new() } else { format!(" \"{name}\"") };
    let message = format!(
        "{}{named} is forbidden: User \"{user}\" cannot {verb} resource \"{}\" in API group \"{}\" in the namespace \"{namespace}\"",
        resource.qualified(),
        resource.plural,
        resource.group
    );
    failure(403, "Forbidden", &message, Some((resource, name)))
}

/// 403 of a webhook.
pub(super) fn denied(webhook: &str, words: &str) -> Answer {
    failure(
        403,
        "Forbidden",
        &format!("admission webhook \"{webhook}\" denied the request: {words}"),
        None,
    )
}

/// 422 for an object that its schema refuses.
pub(super) fn invalid(resource: &Resource, name: &str, field: &str, words: &str) -> Answer {
    let kind = if resource.group.is_empty() {
        resource.kind.to_owned()
    } else {
        format!("{}.{}", resource.kind, resource.group)
    };
    let message = format!("{kind} \"{name}\" is invalid: {field}: {words}");
    let mut body = status(422, "Invalid", &message, Some((resource, name)));
    body["details"]["kind"] = json!(resource.kind);
    body["details"]["causes"] =
        json!([{"reason": "FieldValueInvalid", "message": words, "field": field}]);
    json_answer(422, &body)
}

/// 409 for an object that is there already.
pub(super) fn exists(resource: &Resource, name: &str) -> Answer {
    failure(
        409,
        "AlreadyExists",
        &format!("{} \"{name}\" already exists", resource.qualified()),
        Some((resource, name)),
    )
}

/// 409 for a change that knows an older version.
pub(super) fn conflict(resource: &Resource, name: &str) -> Answer {
    let message = format!(
        "Operation cannot be fulfilled on {} \"{name}\": the object has been modified; please apply your changes to the latest version and try again",
        resource.qualified()
    );
    failure(409, "Conflict", &message, Some((resource, name)))
}

/// 400 with the API server's words.
pub(super) fn bad_request(words: &str) -> Answer {
    failure(400, "BadRequest", words, None)
}

/// 500 with the API server's words.
pub(super) fn internal(words: &str) -> Answer {
    let mut body = status(500, "InternalError", &format!("Internal error occurred: {words}"), None);
    body["details"] = json!({"causes": [{"message": words}]});
    json_answer(500, &body)
}
