//! What the webhooks of release-service and the schema do to a new Release.

use serde_json::{Value, json};

use super::status::{denied, internal, invalid};
use super::store::{KubeState, Resource};
use crate::answer::Refusal;

const PREFIX: &str = "release.appstudio.openshift.io";

/// The Release as it will be stored, or the refusal; in the order of the real thing: mutating
/// hooks, schema, validating hooks.
pub(super) fn admit(
    state: &KubeState,
    resource: &Resource,
    mut release: Value,
    namespace: &str,
    user: &str,
) -> Result<Value, Refusal> {
    let name = release["metadata"]["name"].as_str().unwrap_or_default().to_owned();
    if state.webhook_down {
        return Err(internal(
            "failed calling webhook \"mauthor.kb.io\": failed to call webhook: Post \"https://198.51.100.2:9444/mutate-appstudio-redhat-com-v1alpha1-author?timeout=10s\": dial tcp 198.51.100.2:9444: connect: connection refused",
        ).into());
    }
    let text = |release: &Value, field: &str| {
        release["spec"][field].as_str().unwrap_or_default().to_owned()
    };
    let (snapshot, plan) = (text(&release, "snapshot"), text(&release, "releasePlan"));
    let automated = release["metadata"]["labels"][format!("{PREFIX}/automated")] == "true";
    if !release["metadata"]["labels"].is_object() {
        release["metadata"]["labels"] = json!({});
    }
    release["metadata"]["labels"][format!("{PREFIX}/snapshot")] = json!(snapshot);
    release["metadata"]["labels"][format!("{PREFIX}/releasePlan")] = json!(plan);
    if !automated {
        release["metadata"]["labels"][format!("{PREFIX}/author")] = json!(author(user));
    }
    if release["spec"]["gracePeriodDays"].as_i64().unwrap_or(0) == 0 {
        let days = state
            .get("releaseplans", namespace, &plan)
            .and_then(|plan| plan["spec"]["releaseGracePeriodDays"].as_i64());
        release["spec"]["gracePeriodDays"] = json!(days.unwrap_or(0));
    }
    for value in [&snapshot, &plan] {
        if value.len() > 63 {
            let words = format!("Invalid value: {value:?}: must be no more than 63 characters");
            return Err(invalid(resource, &name, "metadata.labels", &words).into());
        }
    }
    for (field, value) in [("snapshot", &snapshot), ("releasePlan", &plan)] {
        if !is_plain_name(value) {
            let words = format!(
                "Invalid value: {value:?}: spec.{field} in body should match '^[a-z0-9]([-a-z0-9]*[a-z0-9])?$'"
            );
            return Err(invalid(resource, &name, &format!("spec.{field}"), &words).into());
        }
    }
    if name.len() > 63 {
        let words = format!(
            "release name must be no more than 63 characters, got {} characters",
            name.len()
        );
        return Err(denied("vrelease.kb.io", &words).into());
    }
    Ok(release)
}

/// What a change of a Release may not touch.
pub(super) fn admit_change(old: &Value, new: &Value) -> Result<(), Refusal> {
    if old["spec"] != new["spec"] {
        return Err(denied("vrelease.kb.io", "release resources spec cannot be updated").into());
    }
    for (what, field) in [("snapshot", "snapshot"), ("releasePlan", "releasePlan")] {
        let label = format!("{PREFIX}/{field}");
        if old["metadata"]["labels"][&label] != new["metadata"]["labels"][&label] {
            return Err(denied(
                "vrelease.kb.io",
                &format!("release {what} label cannot be updated"),
            )
            .into());
        }
    }
    let label = format!("{PREFIX}/author");
    if old["metadata"]["labels"][&label] != new["metadata"]["labels"][&label] {
        let words = "admission webhook \"mauthor.kb.io\" denied the request: release author label cannot be updated";
        return Err(super::status::failure(400, "", words, None).into());
    }
    Ok(())
}

/// The user as a label value: `:` to `_`, the first `@` to `.`, cut to 63.
fn author(user: &str) -> String {
    let text: String = user
        .replace(':', "_")
        .replacen('@', ".", 1)
        .chars()
        .take(63)
        .collect();
    text.trim_end_matches(|c: char| !c.is_ascii_alphanumeric()).to_owned()
}

/// `^[a-z0-9]([-a-z0-9]*[a-z0-9])?$`
fn is_plain_name(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
    text.starts_with(plain) && text.ends_with(plain) && text.chars().all(|c| plain(c) || c == '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn authors() {
        for (user, wanted) in [
            (
                "system:serviceaccount:konflux-tenant:gate-client",
                "system_serviceaccount_konflux-tenant_gate-client",
            ),
            (
                "system:serviceaccount:crt-redhat-acm-tenant:nightly-promotion-sa",
                "system_serviceaccount_crt-redhat-acm-tenant_nightly-promotion-s",
            ),
            ("a@example.com", "a.example.com"),
        ] {
            assert_eq!(author(user), wanted);
        }
    }
}
