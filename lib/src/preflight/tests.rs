use super::*;

fn some() -> Preflight {
    let mut checks = Preflight::default();
    checks.passed("cluster", "namespace acme, as system:serviceaccount:acme:gate-runner");
    checks.unknown("plan", "this account may not read it");
    checks.passed("kubearchive-of-all", "shows Releases\nof this namespace");
    checks
}

#[test]
fn a_table_has_a_row_for_each_and_says_how_it_ended() {
    let mut checks = some();
    let table = checks.table();
    let rows: Vec<&str> = table.lines().collect();
    assert_eq!(
        rows[0],
        "✓ cluster             namespace acme, as system:serviceaccount:acme:gate-runner"
    );
    assert_eq!(rows[1], "? plan                this account may not read it");
    assert!(
        rows[2].starts_with("✓ kubearchive-of-all  shows Releases of this namespace"),
        "{table}"
    );
    assert_eq!(rows[3], "2 of 3 checks passed, 1 could not be told; nothing was changed");
    checks.failed("slack", "no_service");
    assert!(checks.table().ends_with(
        "✗ slack               no_service\n1 of 4 checks failed, 1 could not be told; nothing was changed\n"
    ));
}

#[test]
fn only_a_failure_fails() {
    let mut checks = some();
    checks.judged(false).unwrap();
    checks.failed("slack", "no_service");
    checks.failed("gangway", "refused the token");
    let failure = |shown| checks.judged(shown).unwrap_err();
    let text = "2 of 5 checks failed: slack: no_service; gangway: refused the token";
    assert_eq!(failure(false).error.to_string(), text);
    assert_eq!(
        failure(true).error.to_string(),
        "2 of 5 checks failed",
        "the table has just said which"
    );
    assert_eq!(failure(true).exit, crate::failure::Exit::Failed);
}

#[test]
fn machines_read_the_same() {
    let expected = serde_json::json!({"what": "plan", "result": "unknown", "detail": "this account may not read it"});
    assert_eq!(some().json()[1], expected);
}
