# What steps said with --check, from the lines of `kubectl logs --prefix`: STEP RESULT WHAT DETAIL, with
# tabs between, one line for each thing looked at and for each error.
#
#   kubectl logs --prefix --all-containers --tail=-1 … | jq -rRnf checks.jq

inputs
| capture("^\\[pod/[^/]+/(step-)?(?<step>[^]]+)\\] (?<line>.*)$")
| .step as $step
| .line
| (fromjson? | objects | .checks[]? | [$step, .result, .what, .detail]),
  # The sum of rows that are there already is no row.
  (capture("^error: (?<why>.*)$") | select(.why | test("^[0-9]+ of [0-9]+ checks failed") | not)
    | [$step, "failed", "error", .why])
| @tsv
