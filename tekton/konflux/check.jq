# The run that an IntegrationTestScenario would start for a Snapshot, as a check: resolve-image runs, and
# every other step has --check as its last argument: nothing is launched, promoted or posted. No step is
# tried again, and one that fails hides none of the others, but for resolve-image, without which they have
# nothing to look at. The record is of a gate of its own, "LABEL check", so it counts for no other.
#
#   kubectl get integrationtestscenario NAME -o json | jq -f check.jq \
#     --arg snapshot SNAPSHOT --slurpfile run ho-release-gate-run.json

["launch-args", "collect-args", "release-args", "notify-args", "attest-args"] as $steps
| [.spec.params[] | {name, value: (.values // .value)}] as $given
| $run[0]
| (.spec.pipelineSpec.params[] | select(.name == "gate-label").default) as $usual
| ([$given[] | select(.name == "gate-label").value] + [$usual] | first) as $gate
| .metadata |= (del(.name) + {generateName: "\(.name)-check-"})
| .spec.params = (
    [$given[] | select(.name | IN("gate-label", $steps[]) | not)]
    + [{name: "SNAPSHOT", value: $snapshot}, {name: "gate-label", value: "\($gate) check"}]
    + [$steps[] as $step | {name: $step, value: (([$given[] | select(.name == $step).value] | add // []) + ["--check"])}]
  )
| (.spec.pipelineSpec.tasks[], .spec.pipelineSpec.finally[]) |= (
    .retries = 0
    | .taskSpec.steps |= map(if .name == "resolve-image" then . else .onError = "continue" end)
  )
