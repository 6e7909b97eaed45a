//! Questions in the form of objects: who am I, and what may I do?

use bytes::Bytes;
use serde_json::{Value, json};

use super::store::{KubeState, Resource};
use crate::answer::{Answer, json_answer};

const WHO: &str = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const MAY: &str = "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews";

/// The answer to a question; nothing is stored.
pub(super) fn answer(state: &KubeState, path: &str, body: &Bytes, user: &str) -> Option<Answer> {
    let mut question: Value = serde_json::from_slice(body).unwrap_or_default();
    match path {
        WHO => {
            question["status"] =
                json!({"userInfo": {"username": user, "groups": ["system:authenticated"]}});
        }
        MAY => {
            let asked = &question["spec"]["resourceAttributes"];
            let text = |name: &str| asked[name].as_str().unwrap_or_default();
            // A rule names a group besides the resource: in another group there is none of that
            // name.
            let known = Resource::of_plural(text("resource"))
                .is_none_or(|resource| resource.group == text("group"));
            let allowed = known && !state.refuses(user, text("verb"), text("resource"));
            question["status"] = json!({"allowed": allowed});
        }
        _ => return None,
    }
    Some(json_answer(201, &question))
}
