//! What a cluster and Prow hold that may be an answer. Whatever cannot be read offers nothing: the
//! question is put all the same.

use std::collections::BTreeSet;
use std::time::Duration;

use serde_json::Value;

use super::{Answers, proof_log};
use crate::cluster::Tenant;
use crate::konflux::{PLANS, SCENARIOS};
use crate::prow::Servers;

/// No look takes longer (20 seconds); the logs of a run may take three times that.
const PATIENCE: Duration = Duration::from_secs(20);

/// So many are offered.
const MOST: usize = 12;

/// Objects on a page.
const A_PAGE: u32 = 50;

/// Where it is looked.
#[derive(Debug, Default)]
pub struct Offers {
    /// The namespace of the gate.
    pub tenant: Option<Tenant>,
    /// Where jobs leave their logs.
    pub prow: Option<Servers>,
}

impl Offers {
    /// What may answer a question, the likeliest first.
    pub async fn of(&self, flag: &str, given: &Answers) -> Vec<String> {
        let (patience, look) = match flag {
            "--proof-log" => (3 * PATIENCE, true),
            _ => (PATIENCE, self.tenant.is_some()),
        };
        if !look {
            return Vec::new();
        }
        let found = tokio::time::timeout(patience, self.look(flag, given)).await;
        let mut found = found.unwrap_or_else(|_| {
            tracing::warn!("{flag}: looking for what there is took too long");
            Vec::new()
        });
        found.truncate(MOST);
        found
    }

    async fn look(&self, flag: &str, given: &Answers) -> Vec<String> {
        match (flag, &self.tenant) {
            ("--proof-log", _) => self.proof_logs(given).await,
            ("--application", Some(tenant)) => {
                owners(tenant, |owner| owner.application.or(owner.component_group)).await
            }
            ("--component", Some(tenant)) => {
                let application = given.get("--application").cloned();
                let of = |owner: crate::konflux::labels::Owner| {
                    let theirs = owner.application.or(owner.component_group);
                    owner.component.filter(|_| theirs == application)
                };
                owners(tenant, of).await
            }
            ("--managed-namespace", Some(tenant)) => {
                let target = |plan: Value| plan["spec"]["target"].as_str().map(str::to_owned);
                unique(tenant.list(PLANS, "", A_PAGE, target).await.ok())
            }
            ("--override-env", Some(tenant)) => parameters(tenant, "override-env").await,
            ("--step-image", Some(tenant)) => parameters(tenant, "image").await,
            ("--run-url-base", Some(tenant)) => parameters(tenant, "run-url-base").await,
            ("--pipeline-url", Some(tenant)) => {
                let url = |scenario: Value| {
                    let params = scenario.pointer("/spec/resolverRef/params")?.as_array()?.clone();
                    value_of(&params, "url")
                };
                unique(tenant.list(SCENARIOS, OURS, A_PAGE, url).await.ok())
            }
            _ => Vec::new(),
        }
    }

    /// Logs of a past run of a blocking job that show digests.
    async fn proof_logs(&self, given: &Answers) -> Vec<String> {
        let Some(prow) = &self.prow else { return Vec::new() };
        let jobs = given.get("--blocking").map_or("[]", String::as_str);
        let Ok(jobs) = serde_json::from_str::<Vec<String>>(jobs) else { return Vec::new() };
        let component = given.get("--component").map_or("", String::as_str);
        proof_log::proposals(prow, &jobs, component).await
    }
}

/// The gates' own scenarios.
const OURS: &str = "app.kubernetes.io/name=release-gate";

fn unique(found: Option<Vec<String>>) -> Vec<String> {
    let found: BTreeSet<String> = found.into_iter().flatten().collect();
    found.into_iter().collect()
}

async fn owners(
    tenant: &Tenant,
    of: impl Fn(crate::konflux::labels::Owner) -> Option<String>,
) -> Vec<String> {
    let owners = tenant.owners().await.unwrap_or_default();
    unique(Some(owners.into_iter().filter_map(of).collect()))
}

fn value_of(params: &[Value], name: &str) -> Option<String> {
    let found = params.iter().find(|param| param["name"] == name)?;
    found["value"].as_str().map(str::to_owned)
}

/// What the gates that there are say of a parameter.
async fn parameters(tenant: &Tenant, name: &str) -> Vec<String> {
    let value =
        |scenario: Value| value_of(scenario.pointer("/spec/params")?.as_array()?.as_slice(), name);
    unique(tenant.list(SCENARIOS, OURS, A_PAGE, value).await.ok())
}
