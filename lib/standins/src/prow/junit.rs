//! The JUnit files of a run.

use super::run::Run;
use super::script::{Ending, TestPhase};

/// `artifacts/junit_operator.xml`, as ci-operator writes it.
pub(crate) fn operator(run: &Run) -> String {
    let script = &run.script;
    let test = run.test_as();
    let pods = format!("\"{test}\" pod \"{test}-hypershift-");
    let mut cases: Vec<(String, Option<String>)> = vec![
        ("Find the input image root and tag it into the pipeline".into(), None),
        ("Import the release payload \"latest\" from an external source".into(), None),
    ];
    if script.began {
        // A step is listed if its container ran, and its phase comes after the steps.
        let mut phase = |phase: TestPhase, word: &str, step: &str| {
            let fails = script.failed_phase == Some(phase);
            let never = fails && script.pod_pending;
            if !never {
                let name = format!(
                    "Run multi-stage test {test} - {test}-hypershift-{step} container test"
                );
                cases.push((
                    name,
                    fails.then(|| {
                        "{\"component\":\"entrypoint\",\"error\":\"exit status 1\"}".to_owned()
                    }),
                ));
            }
            let says = match never {
                true => {
                    format!(
                        "{pods}{step}\" failed: pod pending timeout: container \"test\" has not started in 1h0m0s"
                    )
                }
                false => format!(
                    "{pods}{step}\" failed: the pod ci-op-x/{test}-hypershift-{step} failed after 41m3s (failed containers: test): ContainerFailed one or more containers exited"
                ),
            };
            cases.push((format!("Run multi-stage test {word} phase"), fails.then_some(says)));
        };
        phase(TestPhase::Pre, "pre", "install");
        if script.failed_phase != Some(TestPhase::Pre) {
            phase(TestPhase::Test, "test", "azure-run-e2e");
        }
        phase(TestPhase::Post, "post", "destroy");
    } else if script.ending == Ending::Failure {
        cases.push((
            format!("Acquire leases for the test {test}"),
            Some("failed to acquire lease: resources not found".to_owned()),
        ));
    }
    let failures = cases.iter().filter(|(_, failure)| failure.is_some()).count();
    let mut xml = format!(
        "<testsuites>\n  <testsuite name=\"step graph\" tests=\"{}\" skipped=\"0\" failures=\"{failures}\" time=\"{}\">\n",
        cases.len(),
        script.running.as_secs()
    );
    for (name, failure) in cases {
        xml.push_str(&case(&name, "", failure.as_deref()));
    }
    xml.push_str("  </testsuite>\n</testsuites>");
    xml
}

/// `artifacts/<test>/<step>/artifacts/junit.xml`: suites within suites, as the tests write it.
pub(crate) fn tests(run: &Run) -> String {
    let script = &run.script;
    let mut cases = String::new();
    let mut failures = 0;
    for name in &script.passing {
        if !script.failing.contains(name) && !script.flaky.contains(name) {
            cases.push_str(&case(name, "", None));
        }
    }
    for name in &script.failing {
        failures += 1;
        cases.push_str(&case(
            name,
            "",
            Some("eventually.go:104: Failed to wait for the condition in 30m0s"),
        ));
    }
    for name in &script.flaky {
        failures += 1;
        cases.push_str(&case(name, "", Some("context deadline exceeded")));
        cases.push_str(&case(name, "", None));
    }
    for name in &script.informing {
        failures += 1;
        cases.push_str(&case(name, " lifecycle=\"informing\"", Some("not yet stable")));
    }
    let count = cases.matches("<testcase ").count();
    format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites tests=\"{count}\" failures=\"{failures}\" errors=\"0\">\n\
          <testsuite name=\"github.com/openshift/hypershift/test/e2e\" tests=\"{count}\" failures=\"{failures}\">\n{cases}  \
         </testsuite>\n</testsuites>\n"
    )
}

fn case(name: &str, more: &str, failure: Option<&str>) -> String {
    let name = escape(name);
    match failure {
        None => format!("    <testcase name=\"{name}\" time=\"61.5\"{more}></testcase>\n"),
        Some(words) => format!(
            "    <testcase name=\"{name}\" time=\"61.5\"{more}>\n      <failure message=\"Failed\">{}</failure>\n    </testcase>\n",
            escape(words)
        ),
    }
}

fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace('"', "&#34;")
}
