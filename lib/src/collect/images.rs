//! Which images were verified, and when they were built: what tells a known flake from a new fault.

use jiff::Timestamp;

use super::histories::KnownImages;
use crate::clock::SharedClock;
use crate::cluster::Cluster;
use crate::failure::Chain;
use crate::konflux::built_at_by_name;
use crate::record::{GateRecord, Limits, Past, Whose, past_runs};

/// What the gate's records tell of images. `None` where they cannot be read: then nothing counts as a
/// known flake.
pub(super) async fn known(
    cluster: &Cluster,
    clock: &SharedClock,
    record: &GateRecord,
) -> Option<KnownImages> {
    let gate = record.gate.as_deref()?;
    let limits = Limits { except: Some(record.id.as_str()), ..Limits::default() };
    match past_runs(cluster, clock, Whose::Gate(gate), limits).await {
        Ok(past) => Some(of(&past.runs, record)),
        Err(error) => {
            tracing::warn!("no known flake is run again: the records: {}", Chain(&error));
            None
        }
    }
}

/// A build whose time is not known may have begun at any time: nothing is before it.
fn of(past: &[Past], record: &GateRecord) -> KnownImages {
    let built = |snapshot: Option<&String>| snapshot.and_then(|name| built_at_by_name(name));
    let verified = || past.iter().filter(|run| run.verified.is_some());
    let images = verified().filter_map(|run| Some(run.verified.as_ref()?.image.clone()));
    let candidate = record.candidate.as_ref();
    let snapshot = candidate.and_then(|candidate| candidate.snapshot.as_ref());
    KnownImages {
        verified: images.collect(),
        newest_verified_built_at: verified().next().and_then(|run| built(run.snapshot.as_ref())),
        candidate_built_at: built(snapshot).unwrap_or(Timestamp::MIN),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::record::{Candidate, Released};
    use kube::api::ObjectMeta;

    #[test]
    fn the_newest_verified_image_is_that_of_the_newest_run_that_released_one() {
        let past = |digit: &str, snapshot: &str, released: Option<Released>| {
            let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
            let image = format!("quay.io/acme/ho@sha256:{}", digit.repeat(64))
                .parse()
                .unwrap();
            let candidate =
                Candidate { snapshot: Some(snapshot.to_owned()), ..Candidate::of(image) };
            record.candidate = Some(candidate);
            record.release = released.map(|released| {
                let json = serde_json::json!({"plan": "p", "released": released, "final": true});
                serde_json::from_value(json).unwrap()
            });
            Past::of(&ObjectMeta::default(), &record)
        };
        let runs = [
            past("4", "ho-20260820-031104-000", None),
            past("3", "ho-20260819-031104-000", Some(Released::True)),
            past("2", "ho-20260818-031104-000", Some(Released::False)),
            past("1", "ho-20260817-031104-000", Some(Released::True)),
        ];
        let mut record = GateRecord::begin("tonight", Timestamp::UNIX_EPOCH);
        let image = format!("quay.io/acme/ho@sha256:{}", "5".repeat(64)).parse().unwrap();
        let snapshot = Some("ho-20260821-031104-000".to_owned());
        record.candidate = Some(Candidate { snapshot, ..Candidate::of(image) });
        let known = of(&runs, &record);
        let digits: Vec<&str> = known.verified.iter().map(|image| &image.hex()[..1]).collect();
        assert_eq!(digits, ["3", "1"]);
        let at = |at: Option<Timestamp>| at.map(|at| at.to_string());
        assert_eq!(at(known.newest_verified_built_at).as_deref(), Some("2026-08-19T03:11:04Z"));
        assert_eq!(known.candidate_built_at.to_string(), "2026-08-21T03:11:04Z");
        record.candidate = None;
        assert_eq!(of(&[], &record).candidate_built_at, Timestamp::MIN);
    }
}
