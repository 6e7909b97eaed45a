//! What a look at the label and at the runs means.

use crate::tekton::PipelineRun;

/// What was seen. The label is read before the runs: integration-service makes the run before it
/// takes the label away, so that no run after a missing label is no run at all.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Look {
    /// Whether the Snapshot is gone, and every run of it with it.
    pub gone: bool,
    /// The label's value.
    pub label: Option<String>,
    /// The trigger's id beside it.
    pub id: Option<String>,
    /// The runs that carry our id.
    pub runs: Vec<PipelineRun>,
    /// What integration-service says, since our label is set, of a run that it could not make.
    pub invalid: Option<String>,
}

/// What it means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Observation {
    /// The run has begun, and the label is not ours any more.
    Started { run: String },
    /// The run was made and failed before any task of it began.
    FailedAtOnce {
        run: String,
        /// Tekton's words.
        why: String,
    },
    /// The run was made and has not begun.
    NotBegun { run: String },
    /// The label is still ours.
    Labelled,
    /// The label is still ours, and integration-service cannot make the run. It tries again for
    /// ever.
    Invalid {
        /// Its words.
        why: String,
    },
    /// The label is gone and there is no run.
    Vanished,
    /// Somebody else's value is in the label, and there is no run of ours.
    Overwritten {
        /// The value.
        by: String,
    },
    /// The Snapshot is gone.
    Gone,
}

/// What a look means for the scenario that we set with our id.
pub fn observe(look: &Look, scenario: &str, id: &str) -> Observation {
    if look.gone {
        return Observation::Gone;
    }
    let ours = look.label.as_deref() == Some(scenario) && look.id.as_deref() == Some(id);
    let name = |run: &PipelineRun| run.metadata.name.clone();
    match (look.runs.iter().find(|run| run.has_begun()), look.runs.first()) {
        // Both are needed: a label that stays could start another run.
        (Some(_), _) if ours => Observation::Labelled,
        (Some(run), _) => match run.failed_at_once() {
            Some(why) => Observation::FailedAtOnce { run: name(run), why },
            None => Observation::Started { run: name(run) },
        },
        (None, Some(run)) => Observation::NotBegun { run: name(run) },
        (None, None) if ours => match &look.invalid {
            Some(why) => Observation::Invalid { why: why.clone() },
            None => Observation::Labelled,
        },
        (None, None) => match &look.label {
            None => Observation::Vanished,
            Some(by) => Observation::Overwritten { by: by.clone() },
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(status: &str) -> PipelineRun {
        serde_json::from_str(&format!(r#"{{"metadata":{{"name":"g-1"}},"status":{status}}}"#))
            .unwrap()
    }

    #[test]
    fn every_way_it_can_go() {
        let begun = || run(r#"{"startTime":"2026-08-20T03:00:00Z"}"#);
        let denied = || {
            run(
                r#"{"conditions":[{"type":"Succeeded","status":"False","reason":"CouldntGetPipeline","message":"no file"}]}"#,
            )
        };
        let name = || "g-1".to_owned();
        for (label, id, runs, wanted) in [
            (Some("gate"), Some("me"), vec![], Observation::Labelled),
            (Some("gate"), Some("me"), vec![begun()], Observation::Labelled),
            (None, Some("me"), vec![begun()], Observation::Started { run: name() }),
            (Some("other"), Some("me"), vec![begun()], Observation::Started { run: name() }),
            (None, Some("me"), vec![run("{}")], Observation::NotBegun { run: name() }),
            (
                None,
                Some("me"),
                vec![denied()],
                Observation::FailedAtOnce {
                    run: name(),
                    why: "CouldntGetPipeline: no file".to_owned(),
                },
            ),
            (None, Some("me"), vec![], Observation::Vanished),
            (
                Some("other"),
                Some("me"),
                vec![],
                Observation::Overwritten { by: "other".to_owned() },
            ),
            (
                Some("gate"),
                Some("somebody"),
                vec![],
                Observation::Overwritten { by: "gate".to_owned() },
            ),
        ] {
            let look = Look {
                label: label.map(str::to_owned),
                id: id.map(str::to_owned),
                runs,
                ..Look::default()
            };
            assert_eq!(observe(&look, "gate", "me"), wanted, "{look:?}");
            // What cannot be made is said only while the label is ours and there is no run.
            let invalid = Look { invalid: Some("no file".to_owned()), ..look };
            let wanted = match wanted {
                Observation::Labelled if invalid.runs.is_empty() => {
                    Observation::Invalid { why: "no file".to_owned() }
                }
                wanted => wanted,
            };
            assert_eq!(observe(&invalid, "gate", "me"), wanted, "{invalid:?}");
        }
        assert_eq!(
            observe(&Look { gone: true, ..Look::default() }, "gate", "me"),
            Observation::Gone
        );
    }
}
