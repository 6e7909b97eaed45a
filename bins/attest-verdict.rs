//! `attest-verdict`: states a run's final verdict for whoever uses the image, and signs it.
//!
//! Reads the gate record: the candidate, the jobs and the verdict. Makes the in-toto statement of it
//! (`test-result/v0.1`), signs it with a cosign key as a Sigstore bundle, and brings it into a file
//! or into a repository of verdicts, where there is one artifact for an image and a gate. Whoever
//! may write the record could have written a verdict into it: so before it signs, each job that is
//! called passed is asked for again, from Deck or the artifact bucket, as before a promotion. Where a
//! Release is due, its end is waited for. It calls the cluster (a record in a ConfigMap), Deck, the
//! bucket and the registry; it writes nothing into the record.
//!
//! Results: `result` (PASSED, WARNED, FAILED, ERROR), `artifact` (repository@sha256:… of what was pushed).
//! Exit codes: 0 stated; 1 a run cannot be read, a registry does not answer; 2 bad input; 3 the record
//! is contradicted, or says nothing that may be stated so.

use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use gate::arguments;
use gate::attest::key::SigningKeyFile;
use gate::attest::store::Store;
use gate::attestor::{self, Attest, Given, Options, Servers};
use gate::cluster::Tenant;
use gate::duration;
use gate::evidence::GivenRules;
use gate::failure::{Failure, OrExit};
use gate::jobs::Flags;
use gate::notify::{self, TaskStatus, run_url};
use gate::preflight::input::check_input;
use gate::prow::{self, Addresses};
use gate::record::{Identity, Journal, Location, Tested};
use gate::registry::credentials::{Credentials, Environment};
use gate::site::Site;
use gate::step::args::{list, read};
use gate::step::{self, Step, groups};

arguments! {
    groups: check, check_input, image, snapshot_name, request, proof, prow, bucket, registry, run, access;
    results: "result", "artifact";

    #[argh(
        description = "States the verdict of a run as an in-toto statement, signs it as a Sigstore bundle, and pushes it into\na repository of verdicts. The same verdict is the same bytes and the same artifact, however often.",
        usage = "--record RECORD (--out FILE | --push REPOSITORY | --beside-candidate) [options]",
        example = "{command_name} --record file:gate.json --out statement.json",
        example = "{command_name} --record configmap:gate-x7k2p --sign-key cosign.key --sign-password-file password \\\n    --push quay.io/acme/verdicts",
        note = "What is signed, or goes beside the candidate, is not believed of the record: the run of each job that\npassed is asked again. The image, the Snapshot, the blocking jobs, their variables and the proof that\nare given must be those of the record [default: the record's]: give what create-release is given. What\ncannot be read is tried for 10 minutes. A Release is waited for only if the verdict is passed and\n--task-status says collect-results=Succeeded.\n\nA bundle goes neither beside the candidate, where Conforma would refuse the image for it, nor beside\nthe verified image, where only the managed side may write. verify-verdict and cosign judge it.\n\nNeeds these rights in the namespace, for a record in a ConfigMap: get configmaps; and get releases and\nsnapshots, for jobs that a person accepted: only their Release shows who did.",
        error_code(0, "stated; it was already; --attest off; --check and --dry-run passed"),
        error_code(
            1,
            "a run cannot be read, or a registry or the cluster does not answer; with --check: something failed"
        ),
        error_code(2, "bad input, a key that cannot be used, or a repository that holds images; nothing was written"),
        error_code(
            3,
            "no verdict, or one that its runs or the request contradict; --beside-candidate: it is not good"
        )
    )]
    struct Args {
        /// the gate record, configmap:NAME or file:PATH
        #[argh(option, arg_name = "RECORD")]
        record: String,
        /// a private key as cosign generate-key-pair writes it; without one the statement is unsigned
        #[argh(option, arg_name = "FILE")]
        sign_key: Option<PathBuf>,
        /// a file with the password of that key
        #[argh(option, arg_name = "FILE")]
        sign_password_file: Option<PathBuf>,
        /// where to write the bundle, or without a key the statement
        #[argh(option, arg_name = "FILE")]
        out: Option<PathBuf>,
        /// where to write the same of the informing jobs, if there are any
        #[argh(option, arg_name = "FILE")]
        informing_out: Option<PathBuf>,
        /// a repository that holds nothing but verdicts, host/path
        #[argh(option, arg_name = "REPOSITORY")]
        push: Option<String>,
        /// hang the unsigned statement on the image under test, if it is PASSED or WARNED
        #[argh(switch)]
        beside_candidate: bool,
        /// bundle, or off: then nothing is done [default: bundle]
        #[argh(option, arg_name = "off|bundle")]
        attest: Option<String>,
        /// do everything but write, and show the statement
        #[argh(switch)]
        dry_run: bool,
        /// how a task of the run ended: Succeeded, Failed or None (never started), such as
        /// collect-results=Succeeded; may be repeated
        #[argh(option, arg_name = "NAME=STATUS")]
        task_status: Vec<String>,
        /// how long to wait for the Release to end [default: 45m]
        #[argh(option, arg_name = "DURATION")]
        release_wait: Option<String>,
        /// address of the run in a console; one that ends in / gets the run's name appended
        #[argh(option, arg_name = "URL")]
        run_url: Option<String>,
    }
}

/// How long a Release may take.
const RELEASE_WAIT: Duration = Duration::from_secs(45 * 60);

pub(crate) fn main() -> ExitCode {
    step::main("attest-verdict", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let (site, clock, mut results) =
        (Site::new(args.access(), step.clock.clone()), step.clock, step.results);
    let identity: Identity = args.run().into();
    if args.check_input {
        return check_input("attest-verdict", &args.record, &identity, &site, input(&args)).await;
    }
    let (options, addresses) = input(&args)?;
    if is_off(&args)? {
        tracing::info!("--attest is off: nothing is stated");
        return results.write(|| "off: nothing is stated\n".to_owned()).failed();
    }
    let location: Location = args.record.parse().misuse()?;
    let prow = site.prow(&addresses).misuse()?;
    let credentials =
        Credentials::load(args.authfile.as_deref(), &Environment::of_process()).misuse()?;
    let plain_http = list(&args.plain_http);
    let open = |repository: &str| -> Result<Box<dyn Store>, Failure> {
        let registry = site.registry(repository, &credentials, &plain_http).misuse()?;
        Ok(Box::new(registry.writing()))
    };
    let cluster = site.cluster_of(Some(&location)).await.misuse()?;
    let tenant = cluster.map(|cluster| Tenant::new(cluster, clock.clone()));
    let servers = Servers { prow: &prow, registry: &open, tenant: tenant.as_ref() };
    if args.check {
        let record = (&location, &identity);
        let checks = attestor::preflight(record, cluster, &options, servers, &clock).await;
        return checks.end(&results);
    }
    let store = site.store(&location).await.misuse()?;
    let journal = Journal::existing(store, clock.clone(), &identity).await?;
    let attested = attestor::run(&journal, &options, servers, &clock).await?;
    results.set("result", attested.result.to_string());
    results.set("artifact", attested.artifact());
    let statement = args.dry_run.then(|| ("statement", attested.statement()));
    results
        .write_with(statement.as_slice(), || attested.table())
        .failed()?;
    attested.end()
}

fn is_off(args: &Args) -> Result<bool, Failure> {
    let attest: Option<Attest> = read(args.attest.as_ref()).misuse()?;
    Ok(attest == Some(Attest::Off))
}

/// What the flags say. Where nothing is to be stated, nothing need be said of where.
fn input(args: &Args) -> Result<(Options, Addresses), Failure> {
    let wait = args.release_wait.as_ref();
    let wait = duration::given("--release-wait", wait, RELEASE_WAIT, duration::parse);
    let tasks = list(&args.task_status)
        .iter()
        .map(|text| text.parse())
        .collect::<Result<Vec<TaskStatus>, String>>();
    let url = args
        .run_url
        .as_deref()
        .map(|url| run_url(url, args.run_name.as_deref()));
    let tested = Tested::read(args.image.as_deref(), args.snapshot_name.as_deref());
    let key = args.sign_key.as_ref().map(|path| {
        let key = SigningKeyFile::new("--sign-key", path);
        match &args.sign_password_file {
            Some(password) => key.opened_with("--sign-password-file", password),
            None => key,
        }
    });
    let options = Options {
        given: Given {
            tested: tested.misuse()?,
            request: Flags::of(&args.request()).again().misuse()?,
            rules: GivenRules::of(&args.proof()).misuse()?,
            gate: args.gate_label.clone(),
            url: url.transpose().misuse()?.flatten(),
        },
        buckets: prow::buckets(&list(&args.bucket)).misuse()?,
        waiting: notify::Options {
            release_wait: wait.misuse()?,
            tasks: tasks.misuse()?,
            ..notify::Options::default()
        },
        key,
        out: args.out.clone(),
        informing_out: args.informing_out.clone(),
        push: args.push.clone(),
        beside_candidate: args.beside_candidate,
        dry_run: args.dry_run,
    };
    if !is_off(args)? {
        options.check()?;
    }
    let addresses = Addresses::read(&args.prow(), &groups::Gangway::default()).misuse()?;
    Ok((options, addresses))
}
