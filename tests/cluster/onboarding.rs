//! docs/onboarding.md, followed command by command, ends with a promoted image.
//!
//! Konflux's two controllers are played; the Kubernetes and Tekton under them are real, and so are
//! the CronJob's pods and the run's. Left out is what the document itself calls the outside: the
//! rehearsal, pushing the image, and a look into the verified repository.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;
use standins::Night;

use crate::field::{Field, SCALE, needed, repository};
use crate::integration_service::IntegrationService;
use crate::release_service::{Fate, ReleaseService};
use crate::run::succeeded;

const PLAN: &str = "hypershift-operator-ho-release-gate-acme";

/// A person with the document, a clone and a shell.
struct Reader<'a> {
    field: &'a Field,
    text: String,
    clone: PathBuf,
}

impl Reader<'_> {
    /// The code blocks of a language in the section with that number.
    fn blocks(&self, section: u32, language: &str) -> Vec<String> {
        let start = self.text.find(&format!("\n## {section}. ")).unwrap_or_else(|| panic!("no section {section}"));
        let rest = &self.text[start + 1..];
        let end = rest[1..].find("\n## ").map_or(rest.len(), |at| at + 1);
        let fence = format!("```{language}\n");
        rest[..end].split(&fence).skip(1).map(|block| block.split("```").next().unwrap().to_owned()).collect()
    }

    /// Runs a section's commands as they stand, with the test's namespace for the example's.
    fn follow(&self, section: u32, block: usize) -> String {
        let commands = self.blocks(section, "sh")[block].replace("acme-tenant", self.field.kubectl.namespace());
        let tools = Path::new(env!("CARGO_BIN_EXE_trigger-gate")).parent().unwrap();
        let path = format!("{}:{}", tools.display(), std::env::var("PATH").unwrap());
        let mut shell = Command::new("bash");
        shell.args(["-euo", "pipefail", "-c", &commands]).current_dir(&self.clone).env("PATH", path);
        let output = shell.output().unwrap();
        let stdout = String::from_utf8(output.stdout).unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "section {section}:\n{commands}\n{stdout}\n{stderr}");
        stdout
    }

    fn write(&self, path: &str, text: &str) {
        std::fs::write(self.clone.join(path), text).unwrap();
    }

    /// The two files of the example, with what is different here: the night's names, and stand-ins for
    /// the services.
    fn describe_the_platform(&self) {
        let [kustomization, settings]: [String; 2] = self.blocks(5, "yaml").try_into().unwrap();
        let night = &self.field.night;
        let blocking = night.blocking.as_str();
        let informing = night.informing.as_str();
        let image = needed("GATE_TEST_IMAGE");
        let different = [
            ("image", image.as_str()),
            ("e2e-blocking-job-names", blocking),
            ("e2e-informing-job-names", informing),
            ("override-env", "MULTISTAGE_PARAM_OVERRIDE_OVERRIDE_HYPERSHIFT_OPERATOR_IMAGE"),
        ];
        let mut lines: Vec<String> = settings.lines().map(ToOwned::to_owned).collect();
        for (name, value) in different {
            let line = lines.iter_mut().find(|line| line.starts_with(&format!("  {name}: "))).unwrap();
            *line = format!("  {name}: '{value}'");
        }
        self.write("tekton/konflux/overlays/acme/settings.yaml", &(lines.join("\n") + "\n"));

        let servers = &self.field.servers;
        let urls = [
            ("gangway-url", servers.gangway_url()),
            ("deck-url", servers.deck_url()),
            ("artifacts-url", servers.artifacts_url()),
        ];
        let mut more: Vec<_> = urls.iter().map(|(name, url)| json!({"name": name, "value": url})).collect();
        for name in ["launch-args", "collect-args", "release-args", "notify-args"] {
            more.push(json!({"name": name, "values": ["--time-scale", SCALE.to_string()]}));
        }
        let mut kustomization = kustomization.replace("artifacts/*/install/", "artifacts/*/hypershift-install/");
        for param in more {
            kustomization.push_str(&format!("      - {{op: add, path: /spec/params/-, value: {param}}}\n"));
        }
        self.write("tekton/konflux/overlays/acme/kustomization.yaml", &kustomization);
    }

    /// What release-service does to a plan that an admission matches.
    fn match_the_plan(&self) {
        let status = json!({"status": {
            "conditions": [{"type": "Matched", "status": "True", "reason": "Matched", "message": "", "lastTransitionTime": "2026-08-20T03:00:00Z"}],
            "releasePlanAdmission": {"name": "acme-managed/acme-release-gate", "active": true},
        }});
        self.field.kubectl.patch("releaseplan", PLAN, &status, Some("status"));
    }
}

#[test]
#[ignore = "needs a cluster"]
fn the_onboarding_ends_with_a_promoted_image() {
    let night = Night { application: "acme".to_owned(), component: "operator".to_owned(), ..Night::aro_hcp() };
    let field = Field::new("onboarding", &night);
    let reader = Reader {
        field: &field,
        text: std::fs::read_to_string(repository("docs/onboarding.md")).unwrap(),
        clone: field.folder().join("clone"),
    };
    std::fs::create_dir(&reader.clone).unwrap();
    let copy = Command::new("cp").arg("-r").arg(repository("tekton")).arg(&reader.clone).status();
    assert!(copy.unwrap().success());
    // The ground has what other tests need at once; here the reader makes it.
    field.kubectl.run(&["delete", "secret", "gangway-token", "slack-webhook"]);
    field.kubectl.run(&["delete", "configmap", "trusted-ca"]);
    field.kubectl.run(&["delete", "-k", &repository("tekton/rbac")]);

    reader.follow(3, 0);
    reader.write("gangway-token.txt", &field.night.token);
    reader.write("slack-webhook.txt", &field.servers.slack_url());
    reader.write("ca.crt", &std::fs::read_to_string(field.ca_file()).unwrap());
    reader.follow(4, 0);
    reader.follow(4, 1);
    reader.follow(5, 0);
    reader.describe_the_platform();
    reader.follow(6, 0);
    reader.follow(8, 0);
    reader.match_the_plan();
    assert!(reader.follow(8, 1).starts_with("True {"), "matched and active");

    let _konflux = IntegrationService::start(&field.kubectl);
    let _service = ReleaseService::start(&field.kubectl, &field.night.image.digest, Fate::Released);
    // From the laptop; then the way of the nightly job, which finds a run in flight and leaves it alone.
    reader.follow(9, 0);
    reader.follow(9, 1);
    let runs = field.kubectl.list("pipelineruns");
    assert_eq!(runs.len(), 1, "one run was started");
    let run = runs[0]["metadata"]["name"].as_str().unwrap();
    field.kubectl.run(&["wait", "pipelinerun", run, "--for=jsonpath={.status.completionTime}", "--timeout=420s"]);
    let ended = field.kubectl.get("pipelinerun", run);
    assert_eq!(succeeded(&ended), "True", "{}", ended["status"]["conditions"]);
    assert!(reader.follow(9, 2).contains("\"attempts\""), "the record shows the jobs");

    let releases = field.kubectl.list("releases");
    assert_eq!(releases.len(), 1);
    assert_eq!(releases[0]["spec"]["releasePlan"], PLAN);
    assert_eq!(releases[0]["spec"]["snapshot"], field.night.snapshot.as_str());
    assert_eq!(field.world.slack().messages().len(), 1);
    reader.follow(11, 0);

    // The next night finds the digest verified.
    field.kubectl.run(&["create", "job", "next-night", "--from=cronjob/trigger-gate-acme"]);
    field.kubectl.run(&["wait", "job", "next-night", "--for=condition=Complete", "--timeout=120s"]);
    assert_eq!(field.kubectl.list("pipelineruns").len(), 1, "a verified image is not tested again");
    // And the image is fresh.
    field.kubectl.run(&["create", "job", "fresh", "--from=cronjob/check-staleness-acme"]);
    field.kubectl.run(&["wait", "job", "fresh", "--for=condition=Complete", "--timeout=120s"]);
}
