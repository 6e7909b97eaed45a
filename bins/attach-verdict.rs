//! `attach-verdict`: hangs a gate's bundle on the verified image, where cosign looks for it.
//!
//! For the managed side, once the Release has landed. Reads a Sigstore bundle from a file or from the
//! repository of verdicts, judges it as `verify-verdict` does, and only if it holds makes it a
//! referrer of the image. Where the gate tested the image it attaches nothing: the key signed which
//! repository that is, and a bundle there would make Conforma refuse the image. It calls registries
//! and no cluster.
//!
//! Result: `artifact` (repository@sha256:… of the referrer).
//! Exit codes: 0 attached, or it was already; 1 it cannot be judged, or a registry does not answer;
//! 2 bad input; 3 the bundle does not hold, or the image is the candidate.

use std::path::PathBuf;
use std::process::ExitCode;

use gate::arguments;
use gate::attest::attach::attach;
use gate::attest::beside::{BesideError, Hung};
use gate::attest::consume::{self, Said};
use gate::attest::key::PublicKey;
use gate::attest::verify::{Expected, Overrides};
use gate::failure::{Failure, OrExit};
use gate::image::ImageRef;
use gate::registry::credentials::{Credentials, Environment};
use gate::site::Site;
use gate::step::groups::Access;
use gate::step::{self, Step};

arguments! {
    groups: registry, ca_file;
    results: "artifact";

    #[argh(
        description = "Attaches the bundle of a gate to the verified image, if it says that the image passed.",
        usage = "IMAGE --gate NAME --key FILE (--bundle FILE | --repository REPOSITORY) [options]",
        example = "{command_name} quay.io/acme/ho-verified@sha256:… --gate 'ARO HCP' --key gate.pub \\\n    --repository quay.io/acme/verdicts",
        note = "The bundle is judged as verify-verdict does it. The image must be there already: attach once the Release\nhas landed. Needs the right to push where the image is, and to pull where the verdicts are. Found by:\n  cosign verify-attestation --key gate.pub --insecure-ignore-tlog \\\n    --type https://in-toto.io/attestation/test-result/v0.1 IMAGE",
        error_code(0, "attached, or it was attached already"),
        error_code(1, "it cannot be judged, the image is not there, or a registry does not answer"),
        error_code(2, "bad input; nothing was asked"),
        error_code(3, "the bundle does not hold, or the image is where the gate tested it")
    )]
    struct Args {
        /// the verified image, repo@sha256:…: the index or the manifest of a platform
        #[argh(positional, arg_name = "IMAGE")]
        image: String,
        /// the gate that has to have passed it, by the platform's name for people
        #[argh(option, arg_name = "NAME")]
        gate: String,
        /// the gate's public key, ECDSA P-256 in PEM, as cosign writes it
        #[argh(option, arg_name = "FILE")]
        key: PathBuf,
        /// the bundle
        #[argh(option, arg_name = "FILE")]
        bundle: Option<PathBuf>,
        /// the repository in which the gate keeps its verdicts
        #[argh(option, arg_name = "REPOSITORY")]
        repository: Option<String>,
        /// a job that a person accepted is as good as passed
        #[argh(switch)]
        allow_overrides: bool,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("attach-verdict", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let (clock, mut results) = (step.clock, step.results);
    let image: ImageRef = args.image.parse().misuse_of("IMAGE")?;
    let key = PublicKey::read("--key", &args.key).misuse()?;
    let expected = Expected {
        image: image.digest().clone(),
        gate: args.gate.clone(),
        jobs: Vec::new(),
        max_age: None,
        overrides: match args.allow_overrides {
            true => Overrides::Accepted,
            false => Overrides::Refused,
        },
    };
    let credentials =
        Credentials::load(args.authfile.as_deref(), &Environment::of_process()).misuse()?;
    let access = Access { ca_file: args.ca_file.clone(), ..Access::default() };
    let site = Site::new(access, clock.clone());
    let plain_http = step::args::list(&args.plain_http);
    let open = |repository: &str| site.registry(repository, &credentials, &plain_http).misuse();
    let (file, repository) = (args.bundle.as_deref(), args.repository.as_deref());
    let bundle = consume::bundle(file, repository, &expected, open).await?;
    let said = Said::of(&bundle, &key, expected, clock.now());
    let Some(statement) = said.statement(&bundle) else { return said.end() };
    let verified = open(image.repository())?.writing();
    let hung = attach(&verified, &image, bundle, &statement).await.map_err(refused)?;
    let (digest, word) = match hung {
        Hung::Written { digest } => (digest, "attached"),
        Hung::Already { digest } => (digest, "attached already"),
    };
    let artifact = format!("{}@{digest}", image.repository());
    results.set("artifact", &artifact);
    results.write(|| format!("{word}: {artifact}\n")).failed()
}

fn refused(error: BesideError) -> Failure {
    match error {
        BesideError::Candidate(_) => Failure::refused(error),
        _ => Failure::failed(error),
    }
}
