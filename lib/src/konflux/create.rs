//! Making a Release, and what the answer says about whether it exists.

use std::collections::BTreeMap;

use kube::api::{ObjectMeta, PostParams, TypeMeta};

use super::labels::{PLAN_LABEL, SNAPSHOT_LABEL};
use super::objects::{Release, ReleaseSpec};
use crate::cluster::{self, Tenant, words};
use crate::name::ObjectName;

/// A Release that is about to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Draft {
    pub name: String,
    /// The ReleasePlan.
    pub plan: ObjectName,
    pub snapshot: ObjectName,
    /// How many days it is kept; the plan's where absent.
    pub grace_period_days: Option<u32>,
    pub annotations: BTreeMap<String, String>,
}

impl Draft {
    /// The object as it is sent. The labels are those that release-service's webhook sets.
    pub fn object(&self) -> Release {
        let spec = ReleaseSpec {
            snapshot: self.snapshot.to_string(),
            release_plan: self.plan.to_string(),
            grace_period_days: self.grace_period_days.map(i64::from),
        };
        let metadata = ObjectMeta { name: Some(self.name.clone()), ..ObjectMeta::default() };
        let mut release =
            Release { types: Some(TypeMeta::resource::<Release>()), metadata, spec, status: None };
        release.metadata.labels = Some(BTreeMap::from([
            (PLAN_LABEL.to_owned(), self.plan.to_string()),
            (SNAPSHOT_LABEL.to_owned(), self.snapshot.to_string()),
        ]));
        release.metadata.annotations = Some(self.annotations.clone());
        release
    }
}

/// What became of the request to make a Release.
#[derive(Debug)]
pub enum Creation {
    /// It was made (or, in a dry run, would be).
    Made(Box<Release>),
    /// There is one of that name.
    Taken,
    /// It was certainly not made, and trying again may help: the server is busy, or a webhook is
    /// down.
    NotNow {
        /// The server's words.
        said: String,
    },
    /// It is not known whether it was made: it has to be looked up.
    Lost {
        /// What went wrong.
        said: String,
    },
    /// It was certainly not made, and trying again does not help.
    Refused {
        /// Who refused it, and the server's words.
        said: String,
    },
}

impl Tenant {
    /// Asks for a Release to be made, once.
    pub async fn create(&self, draft: &Draft, dry_run: bool) -> Creation {
        let params = PostParams { dry_run, field_manager: Some("release-gate".to_owned()) };
        match self.releases().create(&params, &draft.object()).await {
            Ok(mut release) => {
                release.metadata.managed_fields = None;
                Creation::Made(Box::new(release))
            }
            Err(error) => read(&error, &draft.name),
        }
    }
}

/// Tells refusals apart. Those of release-service's webhooks have the same codes as those of RBAC
/// and of the schema: only the text differs.
fn read(error: &kube::Error, name: &str) -> Creation {
    let said = words(error);
    let kube::Error::Api(status) = error else {
        return match cluster::is_transient(error) {
            true => Creation::Lost { said },
            false => Creation::Refused { said },
        };
    };
    let webhook = status.message.contains("admission webhook \"");
    let refused = |by: &str| Creation::Refused { said: format!("{by}: {said}") };
    match status.code {
        409 if status.reason == "AlreadyExists" || status.message.contains("already exists") => {
            Creation::Taken
        }
        409 => Creation::NotNow { said },
        403 | 400 if webhook => refused("release-service's webhook refused it"),
        403 if status.message.contains("forbidden: User ") => refused("the rights do not suffice"),
        403 => refused("the cluster refused it"),
        401 => refused("the cluster does not accept the credentials"),
        404 => refused("the cluster has no Releases in this namespace; is Konflux installed there"),
        400 | 405 | 406 | 413 | 415 | 422 => {
            refused(&format!("the cluster finds Release {name} invalid"))
        }
        429 => Creation::NotNow { said },
        500 if status.message.contains("failed calling webhook") => Creation::NotNow { said },
        code if code >= 500 => Creation::Lost { said },
        _ => refused("the cluster refused it"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use kube::core::Status;

    fn status(code: u16, reason: &str, message: &str) -> Creation {
        let status = Status {
            code,
            reason: reason.to_owned(),
            message: message.to_owned(),
            ..Status::default()
        };
        read(&kube::Error::Api(status.boxed()), "r-1")
    }

    fn refused(creation: Creation) -> String {
        match creation {
            Creation::Refused { said } => said,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn answers_are_told_apart() {
        let taken = "releases.appstudio.redhat.com \"aro-hcp-1a0d7d21bf82-2\" already exists";
        assert!(matches!(status(409, "AlreadyExists", taken), Creation::Taken));
        let webhook = "admission webhook \"vrelease.kb.io\" denied the request: release name must be no more than 63 characters, got 64 characters";
        assert!(
            refused(status(403, "Forbidden", webhook))
                .starts_with("release-service's webhook refused it: ")
        );
        let author = "admission webhook \"mauthor.kb.io\" denied the request: release author label cannot be updated";
        assert!(
            refused(status(400, "", author)).starts_with("release-service's webhook refused it: ")
        );
        let rights = "releases.appstudio.redhat.com is forbidden: User \"system:serviceaccount:a:b\" cannot create resource \"releases\"";
        assert!(
            refused(status(403, "Forbidden", rights)).starts_with("the rights do not suffice: ")
        );
        let schema = "Release \"x\" is invalid: spec.snapshot: Invalid value: \"Bad_Name\"";
        assert!(refused(status(422, "Invalid", schema)).contains("finds Release r-1 invalid"));
        let down = "Internal error occurred: failed calling webhook \"mauthor.kb.io\": failed to call webhook: Post \"https://198.51.100.2:9444\": dial tcp: connect: connection refused";
        assert!(matches!(status(500, "InternalError", down), Creation::NotNow { .. }));
        assert!(matches!(status(429, "TooManyRequests", "slow"), Creation::NotNow { .. }));
        assert!(matches!(
            status(504, "Timeout", "request did not complete"),
            Creation::Lost { .. }
        ));
        assert!(matches!(
            status(500, "InternalError", "etcdserver: request timed out"),
            Creation::Lost { .. }
        ));
    }

    #[test]
    fn the_object_has_the_labels_of_the_webhook() {
        let draft = Draft {
            name: "verified-1a0d7d21bf82-1".to_owned(),
            plan: ObjectName::label("verified").unwrap(),
            snapshot: ObjectName::label("ho-1").unwrap(),
            grace_period_days: None,
            annotations: BTreeMap::new(),
        };
        let sent = serde_json::to_value(draft.object()).unwrap();
        assert_eq!(
            sent["spec"],
            serde_json::json!({"snapshot": "ho-1", "releasePlan": "verified"})
        );
        assert_eq!(sent["metadata"]["labels"][PLAN_LABEL], "verified");
        assert_eq!(sent["apiVersion"], "appstudio.redhat.com/v1alpha1");
        assert!(sent.get("status").is_none());
    }
}
