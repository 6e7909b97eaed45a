//! What the account may do, as the API server itself says.
//!
//! A SelfSubjectAccessReview is a question in the form of an object: nothing is stored. Every
//! authenticated account may ask it (`system:basic-user`).

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use kube::Api;
use kube::api::PostParams;

use super::Preflight;
use crate::cluster::{self, Cluster};
use crate::step::Chain;

/// Konflux's API group.
pub const KONFLUX: &str = "appstudio.redhat.com";

/// Tekton's API group.
pub const TEKTON: &str = "tekton.dev";

/// Verbs on a resource that a step needs in its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// The API group; empty for Kubernetes' own.
    pub group: &'static str,
    /// The plural.
    pub resource: &'static str,
    /// The verbs.
    pub verbs: &'static [&'static str],
    /// What for, as in "may not … (to start a scenario)".
    pub to: &'static str,
}

/// Asks for the rights one by one, and who is asking.
pub async fn review(cluster: &Cluster, rights: &[Right], checks: &mut Preflight) {
    if !reached(cluster, checks).await {
        return;
    }
    for right in rights {
        ask(cluster, right, checks).await;
    }
}

/// Whether the API server answers, and to whom.
async fn reached(cluster: &Cluster, checks: &mut Preflight) -> bool {
    let namespace = &cluster.namespace;
    let api: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    match api.create(&PostParams::default(), &SelfSubjectReview::default()).await {
        Ok(review) => {
            let user = review.status.and_then(|status| status.user_info).and_then(|info| info.username);
            let user = user.unwrap_or_else(|| "nobody".to_owned());
            checks.passed("cluster", format_args!("namespace {namespace}, as {user}"));
            true
        }
        Err(error) if matches!(cluster::code(&error), Some(403 | 404)) => {
            checks.unknown("cluster", format_args!("namespace {namespace}; the server does not tell as whom"));
            true
        }
        Err(error) => {
            checks.failed("cluster", format_args!("cannot be asked: {}", Chain(&error)));
            false
        }
    }
}

async fn ask(cluster: &Cluster, right: &Right, checks: &mut Preflight) {
    let mut denied = Vec::new();
    for verb in right.verbs {
        match may(cluster, right, verb).await {
            Ok(true) => {}
            Ok(false) => denied.push(*verb),
            Err(error) => {
                return checks.unknown("rights", format_args!("to {}: {}", written(right, right.verbs), Chain(&error)));
            }
        }
    }
    match denied.is_empty() {
        true => checks.passed("rights", format_args!("may {} ({})", written(right, right.verbs), right.to)),
        false => checks.failed(
            "rights",
            format_args!(
                "may not {} in namespace {} ({}); tekton/rbac has the Role of each account",
                written(right, &denied),
                cluster.namespace,
                right.to
            ),
        ),
    }
}

fn written(right: &Right, verbs: &[&str]) -> String {
    format!("{} {}", verbs.join(", "), right.resource)
}

/// Whether the account may use one verb.
///
/// # Errors
/// When the API server does not answer the question.
pub async fn may(cluster: &Cluster, right: &Right, verb: &str) -> Result<bool, kube::Error> {
    let attributes = ResourceAttributes {
        namespace: Some(cluster.namespace.clone()),
        group: Some(right.group.to_owned()),
        resource: Some(right.resource.to_owned()),
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec = SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let api: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let answer = api.create(&PostParams::default(), &review).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}
