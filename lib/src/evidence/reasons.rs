//! What ci-operator and the cluster under it say of themselves: one table of words, as data.
//!
//! Sources: `results.ForReason(…)` throughout openshift/ci-tools (chains joined by `:` as
//! `pkg/results` makes them), and the errors of pods in its `pkg/util/pods.go` and
//! `pkg/steps/multi_stage/run.go`. ci-operator has new reasons every few months, so that a part
//! which is not in the table is shown as it is, and counts as the machinery's own.

use crate::text;

/// The longest reason shown, in bytes.
const MAX_SHOWN: usize = 120;

/// Parts that only say within what something failed: the test itself, in the end.
const WITHIN: [&str; 8] = [
    "executing_graph",
    "executing_post",
    "step_failed",
    "executing_test",
    "executing_multi_stage_test",
    "executing_template",
    "running_pod",
    "unknown",
];

/// A part that begins so says as little.
const WITHIN_FAMILIES: [&str; 1] = ["utilizing_"];

/// Parts with words of their own.
const WORDS: [(&str, &str); 24] = [
    ("acquiring_lease", "no cluster lease"),
    ("releasing_lease", "the cluster lease could not be given back"),
    ("acquiring_cluster_claim", "no cluster from the pool"),
    ("acquiring_ip_pool_lease", "no lease of an IP pool"),
    ("executing_lease_proxy", "the lease proxy failed"),
    ("importing_release", "the release payload could not be imported"),
    ("assembling_release", "the release payload could not be assembled"),
    ("resolving_release", "the release payload could not be resolved"),
    ("resolving_inputs", "its inputs could not be resolved"),
    ("resolving_cli_override", "the CLI of the release could not be resolved"),
    ("pod_pending", "a pod did not start"),
    ("initializing_namespace", "its namespace could not be made"),
    ("creating_namespace", "its namespace could not be made"),
    ("cloning_source", "the source could not be cloned"),
    ("loading_args", "ci-operator could not load its arguments"),
    ("loading_config", "ci-operator could not load its configuration"),
    ("config_resolver", "the configuration could not be had from the config resolver"),
    ("config_resolver_literal", "the configuration could not be resolved"),
    ("gsm_client", "the secret manager could not be reached"),
    ("validating_config", "the job's configuration is not valid"),
    ("building_graph", "the step graph could not be made"),
    ("promoting_images", "images could not be promoted"),
    ("injecting_rpms", "packages could not be injected into an image"),
    ("interrupted", "ci-operator was interrupted"),
];

/// What the first word of a part means, for those without words of their own.
const FAMILIES: [(&str, &str); 21] = [
    ("acquiring", "a resource could not be had"),
    ("releasing", "a resource could not be given back"),
    ("loading", "ci-operator could not load what it needs"),
    ("config", "the configuration could not be had"),
    ("gsm", "the secret manager failed"),
    ("validating", "something given is not valid"),
    ("defaulting", "the configuration could not be completed"),
    ("resolving", "something it needs could not be resolved"),
    ("initializing", "something could not be prepared"),
    ("creating", "something could not be made in its namespace"),
    ("saving", "something could not be stored"),
    ("writing", "something could not be stored"),
    ("importing", "something could not be imported"),
    ("tagging", "an image could not be tagged"),
    ("assembling", "something could not be assembled"),
    ("building", "an image could not be built"),
    ("cloning", "a source could not be cloned"),
    ("injecting", "something could not be put into an image"),
    ("promoting", "something could not be promoted"),
    ("serving", "a server of its own failed"),
    ("pod", "a pod failed outside of the test"),
];

/// What the errors of a pod that did not end by itself say.
const PODS: [(&str, &str); 15] = [
    ("pod pending timeout", "a pod did not start"),
    ("pod was deleted while", "a pod was deleted"),
    ("was deleted without completing", "a pod was deleted"),
    ("no longer present on the cluster", "a pod was deleted"),
    ("unable to delete completed pod", "a pod could not be deleted"),
    ("unable to create pod", "a pod could not be made"),
    ("failed to create or restart", "a pod could not be made"),
    ("could not list pod", "a pod could not be watched"),
    ("could not watch pod", "a pod could not be watched"),
    ("): NodeLost", "its node was lost"),
    ("): NodeShutdown", "its node was shut down"),
    ("): Shutdown", "its node was shut down"),
    ("): Terminated Pod was terminated", "its node was shut down"),
    ("): NodeAffinity", "no node took a pod"),
    ("): UnexpectedAdmissionError", "no node took a pod"),
];

/// Reasons of Kubernetes for a pod that it ended or did not admit, whole families of them.
const POD_FAMILIES: [(&str, &str); 6] = [
    ("): Evicted", "a pod was evicted"),
    ("): Evict", "a pod was evicted"),
    ("): Preempt", "a pod was preempted"),
    ("): OutOf", "no node had room for a pod"),
    ("): DeletionBy", "a pod was deleted"),
    ("): Node", "its node failed"),
];

/// What a container that ran to its end leaves in an error.
const CONTAINER_ENDED: [&str; 3] =
    ["): ContainerFailed", "exited with code", "): DeadlineExceeded"];

/// What a reason comes to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// Something failed inside the test: nothing more is said.
    Within,
    /// The machinery itself failed: in words.
    Machinery(String),
}

impl Reason {
    /// Reads a chain such as `executing_graph:step_failed:utilizing_lease:acquiring_lease`. Its
    /// last part says most; where that is not known, the last one that is.
    pub fn of(chain: &str) -> Self {
        let within = |part: &&str| {
            WITHIN.contains(part) || WITHIN_FAMILIES.iter().any(|family| part.starts_with(family))
        };
        let parts: Vec<&str> = chain
            .split(':')
            .map(str::trim)
            .filter(|part| !part.is_empty() && !within(part))
            .collect();
        let Some(last) = parts.last() else { return Self::Within };
        let known = parts.iter().rev().find_map(|part| words(part));
        Self::Machinery(
            known
                .unwrap_or_else(|| format!("ci-operator says {}", text::one_line(last, MAX_SHOWN))),
        )
    }
}

fn words(part: &str) -> Option<String> {
    if let Some((_, words)) = WORDS.iter().find(|(known, _)| *known == part) {
        return Some((*words).to_owned());
    }
    let family = part.split('_').next().unwrap_or(part);
    let (_, words) = FAMILIES.iter().find(|(known, _)| *known == family)?;
    Some(format!("{words} ({})", text::one_line(part, MAX_SHOWN)))
}

/// What all chains of a run come to.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Reasons {
    /// Whether a chain ends in the test itself.
    pub within: bool,
    /// What the machinery says of itself, once each.
    pub machinery: Vec<String>,
}

impl Reasons {
    /// Reads the chains.
    pub fn of(chains: &[String]) -> Self {
        let mut reasons = Self::default();
        for chain in chains {
            match Reason::of(chain) {
                Reason::Within => reasons.within = true,
                Reason::Machinery(words) if reasons.machinery.contains(&words) => {}
                Reason::Machinery(words) => reasons.machinery.push(words),
            }
        }
        reasons
    }

    /// What the machinery says, in a few words.
    pub fn words(&self) -> Option<String> {
        (!self.machinery.is_empty()).then(|| text::some_of(&self.machinery, 2))
    }
}

/// What the error of a step or phase says of its pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PodEnd {
    /// Nothing.
    Silent,
    /// Its container ended by itself, or when its time was over.
    ContainerEnded,
    /// The cluster ended it, or never began it: in words.
    Cluster(&'static str),
}

impl PodEnd {
    /// Reads an error. A container's own last words, between lines of `---`, are left out.
    pub fn of(error: &str) -> Self {
        let mut quoted = false;
        let mut ended = false;
        for line in error.lines() {
            if line.trim() == "---" {
                quoted = !quoted;
            } else if !quoted {
                let known = PODS.iter().chain(&POD_FAMILIES).find(|(mark, _)| line.contains(mark));
                if let Some((_, words)) = known {
                    return Self::Cluster(words);
                }
                ended |= CONTAINER_ENDED.iter().any(|mark| line.contains(mark));
            }
        }
        if ended { Self::ContainerEnded } else { Self::Silent }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn machinery(chain: &str) -> String {
        match Reason::of(chain) {
            Reason::Machinery(words) => words,
            Reason::Within => String::new(),
        }
    }

    #[test]
    fn chains_in_words() {
        for (chain, words) in [
            ("executing_graph:step_failed:utilizing_lease:acquiring_lease", "no cluster lease"),
            (
                "executing_graph:step_failed:utilizing_lease:acquiring_lease:aws-quota-slice",
                "no cluster lease",
            ),
            (
                "executing_graph:step_failed:utilizing_lease:executing_test:executing_multi_stage_test:pod_pending",
                "a pod did not start",
            ),
            (
                "executing_graph:step_failed:utilizing_cluster_claim:acquiring_cluster_claim",
                "no cluster from the pool",
            ),
            (
                "executing_graph:step_failed:importing_release",
                "the release payload could not be imported",
            ),
            ("executing_graph:interrupted", "ci-operator was interrupted"),
            ("interrupted", "ci-operator was interrupted"),
            ("loading_args", "ci-operator could not load its arguments"),
            (
                "loading_args:loading_config:config_resolver",
                "the configuration could not be had from the config resolver",
            ),
            (
                "loading_args:loading_config:config_resolver_literal",
                "the configuration could not be resolved",
            ),
            ("loading_args:gsm_client", "the secret manager could not be reached"),
            ("loading_args:gsm_bundles", "the secret manager failed (gsm_bundles)"),
            ("resolving_inputs:resolving_release", "the release payload could not be resolved"),
            (
                "defaulting_config:resolving_release_image",
                "something it needs could not be resolved (resolving_release_image)",
            ),
            (
                "executing_graph:step_failed:building_image_from_source",
                "an image could not be built (building_image_from_source)",
            ),
            (
                "executing_graph:step_failed:tagging_input_image",
                "an image could not be tagged (tagging_input_image)",
            ),
            ("executing_graph:step_failed:running_pod:pod_pending", "a pod did not start"),
            ("executing_graph:step_failed:something_new", "ci-operator says something_new"),
            ("importing_release:something_new", "the release payload could not be imported"),
        ] {
            assert_eq!(machinery(chain), words, "{chain}");
        }
    }

    #[test]
    fn a_chain_that_ends_in_the_test_says_nothing_more() {
        for chain in [
            "executing_graph:step_failed:utilizing_lease:executing_test:executing_multi_stage_test",
            "executing_graph:step_failed:utilizing_ip_pool:executing_test:utilizing_lease:executing_test:executing_multi_stage_test",
            "executing_graph:step_failed:running_pod",
            "unknown",
            "",
            "::",
        ] {
            assert_eq!(Reason::of(chain), Reason::Within, "{chain}");
        }
    }

    #[test]
    fn pods_that_did_not_end_by_themselves() {
        let after = |reason: &str| {
            format!(
                "\"e2e-aks\" test steps failed: \"e2e-aks\" pod \"e2e-aks-run\" failed: the pod ci-op-x/e2e-aks-run failed after 1h2m3s (failed containers: test): {reason}\nContainer test exited with code 137, reason Error\n---\nsaid: pod pending timeout\n---\nLink to step"
            )
        };
        for (error, words) in [
            (after("Evicted The node was low on resource: memory."), "a pod was evicted"),
            (after("NodeLost Node ip-10-0-1-2 is gone"), "its node was lost"),
            (after("NodeUnreachable x"), "its node failed"),
            (
                after("Terminated Pod was terminated in response to imminent node shutdown."),
                "its node was shut down",
            ),
            (after("Preempting Preempted in order to admit critical pod"), "a pod was preempted"),
            (after("OutOfcpu Pod was rejected"), "no node had room for a pod"),
            (after("OutOfephemeral-storage Pod was rejected"), "no node had room for a pod"),
            (after("UnexpectedAdmissionError Allocate failed"), "no node took a pod"),
            (after("DeletionByTaintManager x"), "a pod was deleted"),
            (
                "pod pending timeout: container \"test\" has not started in 1h0m0s".to_owned(),
                "a pod did not start",
            ),
            (
                "the pod x/y was deleted without completing after 3m (failed containers: )"
                    .to_owned(),
                "a pod was deleted",
            ),
            (
                "failed to create or restart e2e-aks-run pod: unable to create pod: forbidden"
                    .to_owned(),
                "a pod could not be made",
            ),
        ] {
            assert_eq!(PodEnd::of(&error), PodEnd::Cluster(words), "{error}");
        }
        assert_eq!(
            PodEnd::of(&after("ContainerFailed one or more containers exited")),
            PodEnd::ContainerEnded
        );
        assert_eq!(
            PodEnd::of(&after(
                "DeadlineExceeded Pod was active on the node longer than the specified deadline"
            )),
            PodEnd::ContainerEnded
        );
        assert_eq!(PodEnd::of("never ready"), PodEnd::Silent);
        assert_eq!(PodEnd::of(""), PodEnd::Silent);
    }

    proptest! {
        #[test]
        fn whatever_is_said_is_shown(parts in prop::collection::vec("[a-z_]{1,20}|\\PC{0,200}", 0..8), error in "\\PC{0,200}") {
            let chain = parts.join(":");
            if let Reason::Machinery(words) = Reason::of(&chain) {
                prop_assert!(!words.is_empty() && words.len() < 2 * MAX_SHOWN && !words.contains('\n'));
            }
            let _ = PodEnd::of(&error);
        }
    }
}
