//! What the account may do, as the API server itself says.
//!
//! A SelfSubjectAccessReview is a question in the form of an object: nothing is stored. Every
//! authenticated account may ask it (`system:basic-user`).

use std::future::Future;
use std::time::Duration;

use k8s_openapi::api::authentication::v1::SelfSubjectReview;
use k8s_openapi::api::authorization::v1::{
    ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec,
};
use kube::Api;
use kube::api::PostParams;

use super::Preflight;
use crate::cluster::{self, Cluster};
use crate::failure::Chain;

/// No question takes longer (20 seconds), a server that sends a byte now and then included.
const LONGEST: Duration = Duration::from_secs(20);

/// Konflux's API group.
pub const KONFLUX: &str = crate::konflux::SNAPSHOTS.group;

/// Tekton's API group.
pub const TEKTON: &str = crate::tekton::RUNS.group;

/// Verbs on a resource that a step needs in its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Right {
    /// The API group; empty for Kubernetes' own.
    pub group: &'static str,
    /// The plural.
    pub resource: &'static str,
    pub verbs: &'static [&'static str],
    /// What for, as in "may not … (to start a scenario)".
    pub to: &'static str,
}

/// Asks for the rights one by one, and who is asking. `false` if the cluster does not answer: then
/// nothing else of it need be asked.
pub async fn review(cluster: &Cluster, rights: &[Right], checks: &mut Preflight) -> bool {
    if !reached(cluster, checks).await {
        return false;
    }
    ask_all(cluster, rights, checks).await;
    true
}

/// Asks for the rights one by one, of a cluster that answers.
pub async fn ask_all(cluster: &Cluster, rights: &[Right], checks: &mut Preflight) {
    for right in rights {
        ask(cluster, right, true, checks).await;
    }
}

/// Asks for rights that the step does without, if it must.
pub async fn review_optional(cluster: &Cluster, rights: &[Right], checks: &mut Preflight) {
    for right in rights {
        ask(cluster, right, false, checks).await;
    }
}

/// Whether the API server answers, and to whom.
pub async fn reached(cluster: &Cluster, checks: &mut Preflight) -> bool {
    let namespace = &cluster.namespace;
    let api: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    match within(api.create(&PostParams::default(), &SelfSubjectReview::default())).await {
        Ok(review) => {
            let user = review
                .status
                .and_then(|status| status.user_info)
                .and_then(|info| info.username);
            let user = user.unwrap_or_else(|| "nobody".to_owned());
            checks.passed("cluster", format_args!("namespace {namespace}, as {user}"));
            true
        }
        Err(Unanswered::Refused(error)) if matches!(cluster::code(&error), Some(403 | 404)) => {
            checks.unknown(
                "cluster",
                format_args!("namespace {namespace}; the server does not tell as whom"),
            );
            true
        }
        Err(why) => {
            checks.failed("cluster", format_args!("cannot be asked: {}", Chain(&why)));
            false
        }
    }
}

/// Who the caller is to the cluster; `None` where it does not tell.
pub async fn whoami(cluster: &Cluster) -> Option<String> {
    let api: Api<SelfSubjectReview> = Api::all(cluster.client.clone());
    let review = within(api.create(&PostParams::default(), &SelfSubjectReview::default())).await;
    review.ok()?.status?.user_info?.username
}

async fn ask(cluster: &Cluster, right: &Right, needed: bool, checks: &mut Preflight) {
    let mut denied = Vec::new();
    for verb in right.verbs {
        match may(cluster, right, verb).await {
            Ok(true) => {}
            Ok(false) => denied.push(*verb),
            Err(Unanswered::Refused(error)) if matches!(cluster::code(&error), Some(403 | 404)) => {
                return checks.unknown(
                    "rights",
                    format_args!("to {}: {}", written(right, right.verbs), Chain(&error)),
                );
            }
            Err(why) => {
                return checks.failed(
                    "rights",
                    format_args!("to {}: {}", written(right, right.verbs), Chain(&why)),
                );
            }
        }
    }
    let (namespace, to) = (&cluster.namespace, right.to);
    match (denied.is_empty(), needed) {
        (true, _) => checks.passed("rights", format_args!("may {} ({to})", written(right, right.verbs))),
        (false, true) => checks.failed(
            "rights",
            format_args!(
                "may not {} in namespace {namespace} ({to}); tekton/rbac has the Role of each account",
                written(right, &denied)
            ),
        ),
        (false, false) => checks.unknown(
            "rights",
            format_args!("may not {} in namespace {namespace} ({to}), and goes on without", written(right, &denied)),
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
pub async fn may(cluster: &Cluster, right: &Right, verb: &str) -> Result<bool, Unanswered> {
    let attributes = ResourceAttributes {
        namespace: Some(cluster.namespace.clone()),
        group: Some(right.group.to_owned()),
        resource: Some(right.resource.to_owned()),
        verb: Some(verb.to_owned()),
        ..ResourceAttributes::default()
    };
    let spec =
        SelfSubjectAccessReviewSpec { resource_attributes: Some(attributes), ..Default::default() };
    let review = SelfSubjectAccessReview { spec, ..SelfSubjectAccessReview::default() };
    let api: Api<SelfSubjectAccessReview> = Api::all(cluster.client.clone());
    let answer = within(api.create(&PostParams::default(), &review)).await?;
    Ok(answer.status.is_some_and(|status| status.allowed))
}

/// Why a question has no answer.
#[derive(Debug, thiserror::Error)]
pub enum Unanswered {
    /// The server said no, or was not reached.
    #[error(transparent)]
    Refused(#[from] kube::Error),
    /// It took too long, whatever came of it.
    #[error("no answer in {} seconds", LONGEST.as_secs())]
    Late,
}

async fn within<T>(asked: impl Future<Output = kube::Result<T>>) -> Result<T, Unanswered> {
    match tokio::time::timeout(LONGEST, asked).await {
        Ok(answer) => Ok(answer?),
        Err(_) => Err(Unanswered::Late),
    }
}
