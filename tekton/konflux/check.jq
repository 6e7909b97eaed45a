# The run that an IntegrationTestScenario would start for a Snapshot, with --check as the last argument
# of every step: nothing is launched, promoted or posted.
#
#   kubectl get integrationtestscenario NAME -o json | jq -f check.jq \
#     --arg snapshot SNAPSHOT --slurpfile run ho-release-gate-run.json

["launch-args", "collect-args", "release-args", "notify-args"] as $steps
| [.spec.params[] | {name, value: (.values // .value)}] as $given
| $run[0]
| .metadata |= (del(.name) + {generateName: "\(.name)-check-"})
| .spec.params = (
    [$given[] | select(.name | IN($steps[]) | not)]
    + [{name: "SNAPSHOT", value: $snapshot}]
    + [$steps[] as $step | {name: $step, value: (([$given[] | select(.name == $step).value] | add // []) + ["--check"])}]
  )
