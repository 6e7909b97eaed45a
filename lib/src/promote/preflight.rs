//! `create-release --check`: everything that can be known before the tests.

use super::choose::{Choice, automatic, choose, name_of};
use super::end::End;
use super::run::Task;
use super::{Promotion, Refusal, checks, listed};
use crate::cluster::{ApiError, Cluster};
use crate::failure::{Chain, Exit};
use crate::konflux::{Release, ReleasePlan, Snapshot, fit_plan};
use crate::lists::{Hold, Retraction};
use crate::preflight::rights::{self, KONFLUX, Right};
use crate::preflight::{Preflight, lists, place};
use crate::record::Released;

/// What the step needs in its namespace, for a record in a ConfigMap.
pub const RIGHTS: [Right; 4] = [
    place::CONTINUE,
    Right { group: KONFLUX, resource: "snapshots", verbs: &["get"], to: "to compare the digest" },
    Right {
        group: KONFLUX,
        resource: "releaseplans",
        verbs: &["get"],
        to: "to see that the plan is matched",
    },
    CREATE,
];

/// To promote.
pub const CREATE: Right = Right {
    group: KONFLUX,
    resource: "releases",
    verbs: &["get", "list", "watch", "create"],
    to: "to make the Release and follow it",
};

/// What was looked at, and the first reason not to make a Release.
#[derive(Default)]
struct Findings {
    table: Preflight,
    against: Option<End>,
}

impl Findings {
    fn judged(
        &mut self,
        what: &'static str,
        judged: Result<(), Refusal>,
        passed: impl FnOnce() -> String,
    ) {
        match judged {
            Ok(()) => self.table.passed(what, passed()),
            Err(refusal) => {
                self.table.failed(what, &refusal.why);
                self.against.get_or_insert(refusal.into());
            }
        }
    }

    /// The table, with the end that the promotion would come to.
    fn end(self) -> Result<End, End> {
        let Self { table, against } = self;
        let checked = |promotion: Promotion| Promotion { checks: Some(table), ..promotion };
        match against {
            None => {
                let detail = "no reason was found to refuse a Release";
                Ok(checked(Promotion::ended(Exit::Done, Released::False, detail)).into())
            }
            Some(End::Open(promotion)) => Err(End::Open(Box::new(checked(*promotion)))),
            Some(End::Final(promotion)) => Err(End::Final(Box::new(checked(*promotion)))),
            Some(record @ End::Record(_)) => Err(record),
        }
    }

    fn ended(&mut self, what: &'static str, promotion: Promotion) {
        self.table.failed(what, &promotion.detail);
        self.against.get_or_insert(promotion.into());
    }

    /// What was read; `None` where the rights are missing, which another account may have.
    fn seen<T>(&mut self, what: &'static str, read: Result<T, ApiError>) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) if error.is_forbidden() => {
                tracing::warn!("not checked: {}", Chain(&error));
                self.table
                    .unknown(what, format_args!("not checked: {}", Chain(&error)));
                None
            }
            Err(error) => {
                self.table.failed(what, Chain(&error));
                self.against.get_or_insert(error.into());
                None
            }
        }
    }
}

impl Task<'_> {
    /// Looks at plan, Snapshot, Releases and rights, and ends as the promotion itself would, as far
    /// as that can be known. A right that is missing is no error: the run's own account asks this,
    /// and another one promotes.
    pub(super) async fn check(&self, cluster: &Cluster) -> Result<End, End> {
        let mut findings = Findings::default();
        if !rights::reached(cluster, &mut findings.table).await {
            findings.against =
                Some(Refusal::trouble("the cluster cannot be asked; try again").into());
            return findings.end();
        }
        let plan = self.plan(&mut findings).await;
        let snapshot = self.candidate_in(&mut findings).await;
        if let (Some(plan), Some(snapshot)) = (&plan, &snapshot) {
            let judged = checks::same_owner(plan, snapshot);
            if judged.is_err() {
                findings.judged("owner", judged, String::new);
            }
        }
        if let Some(releases) = findings.seen("releases", self.releases().await) {
            self.earlier(&releases, snapshot.as_ref(), &mut findings).await;
        }
        self.lists(&mut findings).await;
        promoting(cluster, &mut findings).await;
        findings.end()
    }

    async fn plan(&self, findings: &mut Findings) -> Option<ReleasePlan> {
        let name = &self.options.plan;
        let plan = findings.seen("plan", self.tenant.plan(name).await)?;
        let admission = || {
            let admission = plan
                .as_ref()
                .and_then(|plan| plan.status.as_ref()?.release_plan_admission.as_ref());
            admission
                .map_or_else(String::new, |admission| format!(" and matched by {}", admission.name))
        };
        let judged = fit_plan(name, plan.as_ref()).map_err(Refusal::from);
        findings.judged("plan", judged, || format!("{name} is not automatic{}", admission()));
        plan
    }

    async fn candidate_in(&self, findings: &mut Findings) -> Option<Snapshot> {
        let name = self.snapshot;
        let found = findings.seen("snapshot", self.tenant.snapshot(name).await)?;
        let judged = checks::snapshot(self.candidate, name, found.as_ref());
        findings.judged("snapshot", judged, || format!("{name} has {}", self.digest()));
        found
    }

    /// What people have written down about the plan. A hold may be over when the tests are: it is
    /// no reason not to run them.
    async fn lists(&self, findings: &mut Findings) {
        let plan = &self.options.plan;
        match self.retraction().await {
            Ok(found) => {
                lists::row::<Retraction>(plan, found.is_some(), &mut findings.table);
                let retraction = found.flatten();
                if let Some(retraction) = retraction {
                    findings.judged("retracted", Err(listed::retracted(&retraction)), String::new);
                }
            }
            Err(refusal) => findings.judged("retracted", Err(refusal), String::new),
        }
        match self.hold().await {
            Ok(Some(Some(hold))) => {
                findings
                    .table
                    .unknown("hold", format_args!("{}; the tests run all the same", hold.words()));
            }
            Ok(found) => lists::row::<Hold>(plan, found.is_some(), &mut findings.table),
            Err(refusal) => findings.judged("hold", Err(refusal), String::new),
        }
    }

    /// What earlier Releases of the plan mean.
    async fn earlier(
        &self,
        releases: &[Release],
        ours: Option<&Snapshot>,
        findings: &mut Findings,
    ) {
        let record = self.journal.record().await;
        let table = &mut findings.table;
        for release in automatic(&self.wanted(record.release.as_ref()), releases) {
            table.unknown(
                "releases",
                format_args!(
                    "Release {} was made automatically, before anything was tested: it counts for nothing",
                    name_of(release)
                ),
            );
        }
        match choose(&self.wanted(record.release.as_ref()), releases) {
            Choice::Done { release, .. } => {
                table.passed("releases", format_args!("Release {} has landed already", name_of(release)));
            }
            Choice::Wait(release) => {
                table.passed("releases", format_args!("Release {} runs already", name_of(release)));
            }
            Choice::Unknown { name, release, why } => findings.ended("releases", self.unknown(&name, release, &why)),
            Choice::Failed { release, why } => findings.ended("releases", self.failed(release, &why)),
            // Without our own Snapshot there is nothing to compare.
            Choice::Make { .. } if ours.is_none() => table.unknown(
                "releases",
                "none of this Snapshot stands in the way; without it, whether a newer image was released cannot be checked",
            ),
            Choice::Make { name, .. } => match self.order(releases, ours).await {
                Ok(()) => findings.table.passed("releases", format_args!("none stands in the way; it would be {name}")),
                Err(End::Open(promotion) | End::Final(promotion)) => findings.ended("releases", *promotion),
                Err(record @ End::Record(_)) => findings.against = Some(record),
            },
        }
    }
}

/// Whether this account may promote. The one that runs the check in a pipeline need not; one that
/// may make Releases is the one that promotes, and needs all the rest.
async fn promoting(cluster: &Cluster, findings: &mut Findings) {
    match rights::may(cluster, &CREATE, "create").await {
        Ok(true) => {
            rights::ask_all(cluster, &RIGHTS, &mut findings.table).await;
            let missing = findings.table.failures().filter(|check| check.what == "rights");
            let missing: Vec<&str> = missing.map(|check| check.detail.as_str()).collect();
            if !missing.is_empty() {
                let why = format!("this account may make Releases, but {}", missing.join("; "));
                findings.against.get_or_insert(Refusal::cannot(why).into());
            }
        }
        Ok(false) => findings
            .table
            .unknown("rights", "this account may not make Releases; the one that promotes must"),
        Err(why) => {
            findings.table.unknown(
                "rights",
                format_args!("whether this account may make Releases: {}", Chain(&why)),
            );
        }
    }
}
