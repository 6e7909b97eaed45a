//! The files of a new gate, and the commands that remain.

use super::Answers;
use crate::step::command::Command;

/// The plan's name in tekton/konflux/base, which an overlay replaces.
const BASE_PLAN: &str = "hypershift-operator-ho-release-gate";

/// The scenario's name there; the platform's is appended.
const SCENARIO: &str = "ho-release-gate";

/// Each file's path below the folder of the Konflux manifests, and its text.
pub fn files(given: &Answers, namespace: &str) -> Vec<(String, String)> {
    let platform = of(given, "--platform");
    vec![
        (format!("overlays/{platform}/kustomization.yaml"), kustomization(given)),
        (format!("overlays/{platform}/settings.yaml"), settings(given)),
        (format!("admission/{platform}.yaml"), admission(given, namespace)),
    ]
}

fn of<'a>(given: &'a Answers, flag: &str) -> &'a str {
    given.get(flag).map_or("", String::as_str)
}

/// A text as YAML has it: bare where nothing else can be read into it.
fn yaml(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./@:".contains(c);
    let bare = text.chars().all(plain)
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && !text.ends_with(':')
        && !["true", "false", "yes", "no", "on", "off", "null", "y", "n"]
            .contains(&text.to_ascii_lowercase().as_str());
    match (bare, text.contains('"')) {
        (true, _) => text.to_owned(),
        (false, false) if !text.contains('\\') => format!("\"{text}\""),
        // Within single quotes nothing is read but the quote itself.
        (false, _) => format!("'{}'", text.replace('\'', "''")),
    }
}

fn kustomization(given: &Answers) -> String {
    let platform = of(given, "--platform");
    let plan = of(given, "--release-plan");
    let plan = plan.strip_suffix(&format!("-{platform}")).unwrap_or(plan);
    let (env, log) = (yaml(of(given, "--env")), yaml(of(given, "--proof-log")));
    let archive = match of(given, "--kubearchive-url") {
        "" => "",
        _ => "\n  - ../../kubearchive",
    };
    format!(
        "apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources:
  - ../../base
  - settings.yaml
components:
  - ../../wiring{archive}
nameSuffix: -{platform}
patches:
  # The plan is called {plan}-{platform}.
  - target: {{kind: ReleasePlan}}
    options: {{allowNameChange: true}}
    patch: |-
      - {{op: replace, path: /metadata/name, value: {plan}}}
  # Its lists are found by its name.
  - target: {{kind: ConfigMap, name: holds-{BASE_PLAN}}}
    options: {{allowNameChange: true}}
    patch: |-
      - {{op: replace, path: /metadata/name, value: holds-{plan}}}
  - target: {{kind: ConfigMap, name: retracted-{BASE_PLAN}}}
    options: {{allowNameChange: true}}
    patch: |-
      - {{op: replace, path: /metadata/name, value: retracted-{plan}}}
  - target: {{kind: IntegrationTestScenario}}
    patch: |-
      - {{op: add, path: /spec/params/-, value: {{name: job-env, value: {env}}}}}
      - {{op: add, path: /spec/params/-, value: {{name: proof-log, value: {log}}}}}
  # Nothing starts by itself until this patch is taken away.
  - target: {{kind: CronJob}}
    patch: |-
      - {{op: add, path: /spec/suspend, value: true}}
"
    )
}

/// The settings, in the order in which they stand in the shipped overlays, with the flag of each.
const SETTINGS: [(&str, Option<&str>); 17] = [
    ("application", Some("--application")),
    ("component", Some("--component")),
    ("managed-namespace", Some("--managed-namespace")),
    ("release-plan-admission", Some("--admission")),
    ("pipeline-url", Some("--pipeline-url")),
    ("pipeline-revision", Some("--pipeline-revision")),
    ("image", Some("--step-image")),
    ("gate-label", Some("--gate-label")),
    ("e2e-blocking-job-names", Some("--blocking")),
    ("e2e-informing-job-names", Some("--informing")),
    ("override-env", Some("--override-env")),
    ("stale-threshold-days", None),
    ("run-url-base", Some("--run-url-base")),
    ("kubearchive-url", Some("--kubearchive-url")),
    ("runbook-url", Some("--runbook-url")),
    ("trigger-schedule", Some("--trigger-schedule")),
    ("staleness-schedule", None),
];

fn settings(given: &Answers) -> String {
    let mut text = "apiVersion: v1
kind: ConfigMap
metadata:
  name: settings
  annotations:
    config.kubernetes.io/local-config: \"true\"
data:
"
    .to_owned();
    for (name, flag) in SETTINGS {
        let value = match (flag, name) {
            // What is not there has no setting: only its component has a place for it.
            (Some(flag), _) if of(given, flag).is_empty() => continue,
            (Some(flag), _) => of(given, flag),
            (None, "stale-threshold-days") => "3",
            (None, _) => "5 * * * *",
        };
        text += &format!("  {name}: {}\n", yaml(value));
    }
    text
}

fn admission(given: &Answers, namespace: &str) -> String {
    let of = |flag| yaml(of(given, flag));
    let (platform, managed) = (of("--platform"), of("--managed-namespace"));
    format!(
        "# For the owner of {managed}, who applies it there. Policy, pipeline and account are the owner's to
# choose. A label block-releases of \"true\" stops promotion at once.
apiVersion: appstudio.redhat.com/v1alpha1
kind: ReleasePlanAdmission
metadata:
  name: {admission}
  namespace: {managed}
  labels:
    release.appstudio.openshift.io/block-releases: \"false\"
spec:
  applications: [{application}]
  origin: {namespace}
  policy: app-interface-standard
  data:
    mapping:
      components:
        # This component and no other: what is mapped is pushed, and the Snapshot's others are untested.
        - name: {component}
          repositories:
            - url: {repository}
              tags:
                # Consumers pin the first; the last moves.
                - {platform}-{{{{ digest_sha }}}}
                - {platform}-{{{{ git_sha }}}}
                - {platform}-latest
      defaults:
        pushSourceContainer: false
    intention: production
  pipeline:
    pipelineRef:
      resolver: git
      params:
        - {{name: url, value: \"https://github.com/konflux-ci/release-service-catalog.git\"}}
        - {{name: revision, value: production}}
        - name: pathInRepo
          value: pipelines/managed/rh-push-to-external-registry/rh-push-to-external-registry.yaml
    serviceAccountName: release-app-interface-prod
    timeouts:
      pipeline: 4h
      tasks: 4h
",
        admission = of("--admission"),
        application = of("--application"),
        namespace = yaml(namespace),
        component = of("--component"),
        repository = of("--verified-repository"),
    )
}

/// What remains to be done, in this order: what it is for, and the command.
pub fn commands(given: &Answers, namespace: &str, manifests: &str) -> Vec<(String, String)> {
    let platform = of(given, "--platform");
    let overlay = format!("{manifests}/overlays/{platform}");
    let scenario = format!("{SCENARIO}-{platform}");
    let within = |command: Command| command.flag("-n", Some(namespace)).text();
    let apply = |path: &str| Command::new("kubectl apply").flag("-k", Some(path));
    let secret = |name: &str, key: &str, file: &str| {
        let secret = Command::new("kubectl create secret generic").word(name);
        within(secret.word(&format!("--from-file={key}={file}")))
    };
    let trigger = Command::new("trigger-gate")
        .flag("--application", Some(of(given, "--application")))
        .flag("--component", Some(of(given, "--component")))
        .flag("--scenario", Some(&scenario))
        .flag("--release-plan", Some(of(given, "--release-plan")));
    let admission = format!("{manifests}/admission/{platform}.yaml");
    let managed = of(given, "--managed-namespace");
    let steps = [
        ("the accounts, once for a namespace", within(apply("tekton/rbac"))),
        ("Gangway's token, once", secret("gangway-token", "token", "gangway-token.txt")),
        ("Slack's webhook, once", secret("slack-webhook", "url", "slack-webhook.txt")),
        ("look first", within(apply(&overlay).word("--dry-run=server"))),
        (
            "by the owner of the managed namespace",
            Command::new("kubectl apply")
                .flag("-f", Some(&admission))
                .flag("-n", Some(managed))
                .text(),
        ),
        ("apply it; its schedules are stopped", within(apply(&overlay))),
        (
            "check everything",
            within(Command::new("check-gate").flag("--scenario", Some(&scenario))),
        ),
        ("the first run", within(trigger)),
        (
            "look at it",
            within(
                Command::new("show-gate")
                    .flag("--scenario", Some(&scenario))
                    .word("--watch"),
            ),
        ),
    ];
    steps.map(|(what, command)| (what.to_owned(), command)).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_text_stays_what_it_is() {
        for (text, wanted) in [
            ("acme", "acme"),
            ("ARO HCP", "\"ARO HCP\""),
            ("3", "\"3\""),
            ("off", "\"off\""),
            ("[\"a\"]", "'[\"a\"]'"),
            ("it's \"x\"", "'it''s \"x\"'"),
            ("a\\b", "'a\\b'"),
            ("https://h/x/", "https://h/x/"),
            ("a:", "\"a:\""),
            ("a: b", "\"a: b\""),
            ("{}", "\"{}\""),
            ("artifacts/*/x", "\"artifacts/*/x\""),
        ] {
            assert_eq!(yaml(text), wanted);
            let read: serde_json::Value = serde_saphyr::from_str(&format!("x: {wanted}")).unwrap();
            assert_eq!(read["x"], text);
        }
    }
}
