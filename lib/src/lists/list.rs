//! A list of a plan, and where it is kept.

use std::fmt::Debug;

use kube::api::ObjectMeta;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::clock::SharedClock;
use crate::cluster::{Cluster, Tenant};
use crate::failure::{Chain, Failure};
use crate::record::{
    ConfigMapStore, Document, Form, Labels, MAX_BYTES, Store, StoreError, documents, labels, load,
    swap,
};
use crate::text;

/// The version of the lists that this toolkit reads and writes.
const SCHEMA_VERSION: u32 = 1;

/// Characters of a reason.
pub const MAX_REASON: usize = 500;

/// What a list holds.
pub trait Entry: Serialize + DeserializeOwned + Clone + PartialEq + Debug {
    /// The list's kind, with which its ConfigMap's name begins: `holds-PLAN`.
    const KIND: &'static str;
}

/// A list of a plan.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct List<E> {
    schema_version: u32,
    kind: String,
    /// The ReleasePlan.
    plan: String,
    /// The oldest first.
    pub entries: Vec<E>,
}

/// Why a list cannot be used. It is never taken for an empty one.
#[derive(Debug, thiserror::Error)]
pub enum ListError {
    /// It is no list.
    #[error("{place} cannot be read as the list {kind}; mend it by hand, or from a copy")]
    Malformed {
        place: String,
        kind: &'static str,
        /// The parser's words, with line and column.
        source: serde_json::Error,
    },
    /// It is another one, or of another version of the toolkit.
    #[error(
        "{place} holds {found}; expected the list {kind} of plan {plan}, version {SCHEMA_VERSION}"
    )]
    Other { place: String, found: String, kind: &'static str, plan: String },
    /// It would be too large.
    #[error("{place} would have more than {MAX_BYTES} bytes; take old entries out by hand")]
    Full { place: String },
    /// It cannot be read or written.
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl From<ListError> for Failure {
    fn from(error: ListError) -> Self {
        Self::failed(error)
    }
}

impl<E: Entry> List<E> {
    /// The key of the ConfigMap that holds the list.
    pub const KEY: &str = "list.json";

    /// The ReleasePlan.
    pub fn plan(&self) -> &str {
        &self.plan
    }

    /// The empty list of a plan.
    pub fn of_plan(plan: &str) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            kind: E::KIND.to_owned(),
            plan: plan.to_owned(),
            entries: Vec::new(),
        }
    }

    /// The name of the ConfigMap that has the list of a plan.
    pub fn config_map(plan: &str) -> String {
        format!("{}-{plan}", E::KIND)
    }
}

impl<E: Entry> Document for List<E> {
    type Error = ListError;

    fn decode(&self, bytes: Option<&[u8]>, place: &str) -> Result<Self, ListError> {
        /// What every version of a list says of itself.
        #[derive(Deserialize)]
        struct Head {
            schema_version: u32,
            kind: String,
            plan: String,
        }
        // The overlay makes the ConfigMap without data.
        let Some(bytes) = bytes.filter(|bytes| !bytes.is_empty()) else { return Ok(self.clone()) };
        let kind = E::KIND;
        let malformed = |source| ListError::Malformed { place: place.to_owned(), kind, source };
        let head: Head = serde_json::from_slice(bytes).map_err(malformed)?;
        if (head.schema_version, &head.kind, &head.plan)
            != (self.schema_version, &self.kind, &self.plan)
        {
            let (found_kind, found_plan) =
                (text::one_line(&head.kind, 40), text::one_line(&head.plan, 80));
            let found =
                format!("{found_kind:?} of plan {found_plan:?}, version {}", head.schema_version);
            let (place, plan) = (place.to_owned(), self.plan.clone());
            return Err(ListError::Other { place, found, kind, plan });
        }
        serde_json::from_slice(bytes).map_err(malformed)
    }

    fn encode(&self, place: &str) -> Result<Vec<u8>, ListError> {
        let (place, kind) = (place.to_owned(), E::KIND);
        match serde_json::to_vec(self) {
            Ok(bytes) if bytes.len() <= MAX_BYTES => Ok(bytes),
            Ok(_) => Err(ListError::Full { place }),
            Err(source) => Err(ListError::Malformed { place, kind, source }),
        }
    }

    fn labels(&self) -> Labels {
        labels::of_kind(E::KIND)
    }
}

/// Where the list of a plan is kept.
pub fn store<E: Entry>(cluster: &Cluster, plan: &str) -> Box<dyn Store> {
    let form = Form { what: "the list", key: List::<E>::KEY, is_binary: false };
    Box::new(ConfigMapStore::of_form(cluster, List::<E>::config_map(plan), form, Labels::new()))
}

/// The list of a plan; `None` where its ConfigMap is missing.
///
/// # Errors
/// [`ListError`].
pub async fn read<E: Entry>(
    store: &dyn Store,
    clock: &SharedClock,
    plan: &str,
) -> Result<Option<List<E>>, ListError> {
    let Some((bytes, _)) = load(store, clock).await? else { return Ok(None) };
    List::of_plan(plan).decode(Some(&bytes), &store.place()).map(Some)
}

/// Changes the list of a plan. `change` may be applied more than once.
///
/// # Errors
/// [`ListError`].
pub async fn change<E: Entry, T>(
    store: &dyn Store,
    clock: &SharedClock,
    plan: &str,
    change: impl FnMut(&mut List<E>) -> T,
) -> Result<T, ListError> {
    swap(store, clock, &List::of_plan(plan), change).await
}

/// The plans that are meant: those named, or all of the namespace that have such a list.
///
/// # Errors
/// None has one, or that cannot be seen.
pub async fn plans<E: Entry>(named: &[String], tenant: &Tenant) -> Result<Vec<String>, Failure> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let (kind, namespace) = (E::KIND, tenant.namespace());
    let selector = format!("{}={kind}", labels::KIND);
    let found = documents(&tenant.cluster, &tenant.clock, &selector)
        .await
        .map_err(|error| {
            Failure::failed(format!(
                "cannot find the lists {kind}-PLAN in namespace {namespace}: {}",
                Chain(&error)
            ))
        })?;
    let prefix = List::<E>::config_map("");
    let plan = |meta: &ObjectMeta| Some(meta.name.as_ref()?.strip_prefix(&prefix)?.to_owned());
    let mut plans: Vec<String> = found.iter().filter_map(plan).collect();
    plans.sort();
    if plans.is_empty() {
        return Err(Failure::failed(format!(
            "no plan in namespace {namespace} has a list {kind}-PLAN; name the plan with --release-plan, or apply the platform's overlay, which makes the list"
        )));
    }
    Ok(plans)
}

/// Reads `--reason`: it is for people, and stands in messages.
///
/// # Errors
/// What was expected.
pub fn reason(given: &str) -> Result<String, String> {
    let reason = given.trim();
    let fits = !reason.is_empty()
        && reason.chars().count() <= MAX_REASON
        && !reason.chars().any(|c| c.is_control() || text::is_harmful(c));
    if fits {
        return Ok(reason.to_owned());
    }
    Err(format!(
        "--reason: expected one line of 1 to {MAX_REASON} characters, found {:?}",
        text::cut(given, 100)
    ))
}
