//! `new-gate`: the overlay of a new gate, the admission for the managed side, and the commands that
//! remain.
//!
//! Asks for what the flags do not say; with a kubeconfig it offers what the namespace holds, and logs of
//! past runs that show a digest. It changes nothing but the new files.
//! Exit codes: 0 written; 1 a file cannot be written; 2 bad input, or a file is there already.

use std::collections::BTreeMap;
use std::io::{IsTerminal, stderr, stdin};
use std::path::PathBuf;
use std::process::ExitCode;

use gate::adopt::ask::{Person, answers};
use gate::adopt::{self, files, offers::Offers};
use gate::arguments;
use gate::cluster::Tenant;
use gate::failure::{Failure, OrExit};
use gate::name::ObjectName;
use gate::prow::Addresses;
use gate::site::Site;
use gate::step::{self, Step, groups};

arguments! {
    groups: archive, prow, access;
    results:;

    #[argh(
        description = "Writes what a new gate needs: its overlay, the ReleasePlanAdmission for the owner of the managed\nnamespace, and the commands that remain. On a terminal it asks for what the flags do not say, and offers\nwhat the namespace holds and what past runs of the jobs show. Nothing is applied.",
        usage = "--namespace NAMESPACE [options]",
        note = "Run it in a clone of this repository, or name its folder tekton/konflux with --manifests. A file that is\nthere already is not written over. Your account needs no rights; for offers it reads Snapshots, ReleasePlans\nand scenarios.",
        example = "new-gate --namespace acme-tenant",
        example = "new-gate --namespace acme-tenant --platform acme --application acme --component operator \\\n    --blocking periodic-ci-acme-operator-main-e2e --override-env OPERATOR_IMAGE \\\n    --proof-log 'artifacts/*/install/build-log.txt' --managed-namespace acme-managed \\\n    --verified-repository quay.io/acme/operator-verified \\\n    --step-image quay.io/acme/release-gate:0.1.0@sha256:4be1… \\\n    --pipeline-url https://github.com/acme/release-gate \\\n    --run-url-base https://konflux-ui.example/ns/acme-tenant/applications/acme/pipelineruns/",
        error_code(0, "the files were written"),
        error_code(1, "a file cannot be written; none is left"),
        error_code(2, "bad input, or a file is there already; nothing was written")
    )]
    struct Args {
        /// the platform's short name, which ends the name of every object
        #[argh(option, arg_name = "NAME")]
        platform: Option<String>,
        /// its name for people [default: the platform in capitals]
        #[argh(option, arg_name = "TEXT")]
        gate_label: Option<String>,
        /// the Konflux Application
        #[argh(option, arg_name = "NAME")]
        application: Option<String>,
        /// the component of its Snapshots that is tested
        #[argh(option, arg_name = "NAME")]
        component: Option<String>,
        /// jobs that must pass: names with blanks between, or a JSON array
        #[argh(option, arg_name = "JOBS")]
        blocking: Option<String>,
        /// jobs that are run and shown but decide nothing, in the same form
        #[argh(option, arg_name = "JOBS")]
        informing: Option<String>,
        /// the variable that carries the image into the jobs
        #[argh(option, arg_name = "NAME")]
        override_env: Option<String>,
        /// further variables for every job, as a JSON object of texts
        #[argh(option, arg_name = "JSON")]
        env: Option<String>,
        /// the log that shows the image's digest, as a pattern of its path below the run's folder
        #[argh(option, arg_name = "GLOB")]
        proof_log: Option<String>,
        /// the ReleasePlan that is made for it [default: release-gate-PLATFORM]
        #[argh(option, arg_name = "PLAN")]
        release_plan: Option<String>,
        /// the namespace of the managed release pipeline
        #[argh(option, arg_name = "NAMESPACE")]
        managed_namespace: Option<String>,
        /// the ReleasePlanAdmission there [default: PLATFORM-release-gate]
        #[argh(option, arg_name = "NAME")]
        admission: Option<String>,
        /// the repository that verified images are pushed to
        #[argh(option, arg_name = "REPOSITORY")]
        verified_repository: Option<String>,
        /// this toolkit's repository, or your fork of it
        #[argh(option, arg_name = "URL")]
        pipeline_url: Option<String>,
        /// a tag or commit of it [default: the tag of this version]
        #[argh(option, arg_name = "REVISION")]
        pipeline_revision: Option<String>,
        /// the image of the steps, NAME:TAG@sha256:DIGEST
        #[argh(option, arg_name = "REF")]
        step_image: Option<String>,
        /// the console's address of the namespace's PipelineRuns, ending in /
        #[argh(option, arg_name = "URL")]
        run_url_base: Option<String>,
        /// where the runbook is read [default: docs/runbook.md at --pipeline-url]
        #[argh(option, arg_name = "URL")]
        runbook_url: Option<String>,
        /// when it starts, as cron has it, in UTC [default: 15 3 * * *]
        #[argh(option, arg_name = "CRON")]
        trigger_schedule: Option<String>,
        /// the folder of the Konflux manifests [default: tekton/konflux]
        #[argh(option, arg_name = "DIR")]
        manifests: Option<PathBuf>,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("new-gate", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let manifests = args.manifests.clone().unwrap_or_else(|| "tekton/konflux".into());
    if !manifests.join("wiring/kustomization.yaml").is_file() {
        return Err(Failure::misuse(format!(
            "--manifests: expected the folder tekton/konflux of a clone of this repository, found no wiring in {}",
            manifests.display()
        )));
    }
    let site = Site::new(args.access(), step.clock.clone());
    let prow = Addresses::read(&args.prow(), &groups::Gangway::default()).misuse()?;
    let prow = site.prow(&prow).misuse()?;
    let cluster = site.cluster().await;
    let tenant = cluster
        .as_ref()
        .ok()
        .map(|cluster| Tenant::new(cluster, step.clock.clone()));
    let namespace = args.namespace.clone().or_else(|| site.namespace());
    let namespace = namespace.ok_or_else(|| Failure::misuse("expected --namespace"))?;
    ObjectName::label(&namespace).misuse_of("--namespace")?;
    let offers = Offers { tenant, prow: Some(prow) };
    let (mut input, mut output) = (stdin().lock(), stderr());
    let asks = input.is_terminal() && output.is_terminal();
    let person = asks.then_some(Person { input: &mut input, output: &mut output });
    let given = answers(&given(&args), &offers, person).await.misuse()?;
    let files = files::files(&given, &namespace);
    let written = adopt::write(&manifests, &files)?;
    let mut text = String::from("written:\n");
    for path in written {
        text += &format!("  {}\n", path.display());
    }
    text += "left to do, in this order:\n";
    for (what, command) in files::commands(&given, &namespace, &manifests.display().to_string()) {
        text += &format!("  # {what}\n  {command}\n");
    }
    text += "then docs/onboarding.md, from its step 10, says what to look at\n";
    step::results::print(&text).failed()
}

/// What the flags say.
fn given(args: &Args) -> BTreeMap<&'static str, String> {
    let flags = [
        ("--platform", &args.platform),
        ("--gate-label", &args.gate_label),
        ("--application", &args.application),
        ("--component", &args.component),
        ("--blocking", &args.blocking),
        ("--informing", &args.informing),
        ("--override-env", &args.override_env),
        ("--env", &args.env),
        ("--proof-log", &args.proof_log),
        ("--release-plan", &args.release_plan),
        ("--managed-namespace", &args.managed_namespace),
        ("--admission", &args.admission),
        ("--verified-repository", &args.verified_repository),
        ("--pipeline-url", &args.pipeline_url),
        ("--pipeline-revision", &args.pipeline_revision),
        ("--step-image", &args.step_image),
        ("--run-url-base", &args.run_url_base),
        ("--kubearchive-url", &args.kubearchive_url),
        ("--runbook-url", &args.runbook_url),
        ("--trigger-schedule", &args.trigger_schedule),
    ];
    flags
        .into_iter()
        .filter_map(|(flag, given)| Some((flag, given.clone()?)))
        .collect()
}
