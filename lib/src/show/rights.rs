//! What a person on call needs to look, which the Role gate-oncall gives.

use crate::preflight::rights::{KONFLUX, Right, TEKTON};

/// What show-gate asks for.
pub const RIGHTS: [Right; 2] = [
    Right {
        group: "",
        resource: "configmaps",
        verbs: &["get", "list"],
        to: "to find and read the record",
    },
    Right {
        group: TEKTON,
        resource: "pipelineruns",
        verbs: &["get"],
        to: "to tell a run that goes on from one that was killed",
    },
];

/// What the kubectl commands of messages ask for: `kubectl logs --selector`, `kubectl get releases`.
pub const MESSAGES: [Right; 3] = [
    Right { group: "", resource: "pods", verbs: &["get", "list"], to: "to find a step's pod" },
    Right { group: "", resource: "pods/log", verbs: &["get"], to: "to read a step's log" },
    Right { group: KONFLUX, resource: "releases", verbs: &["get", "list"], to: "to see a Release" },
];
