//! `verify-verdict`: whether an image passed a gate, as a consumer asks it.
//!
//! Reads a Sigstore bundle from a file or from a repository of verdicts, and judges it with a
//! public key: the signature, the image, the gate, the result, the jobs, overrides, the age. What
//! it accepts of bundles that are signed with a key and stand in no log, `cosign
//! verify-blob-attestation` accepts as well, and the other way round. It needs no cluster.
//!
//! It says on stdout what the key signed, for people or as JSON.
//! Exit codes: 0 it holds; 1 it cannot be judged, or the registry does not answer; 2 bad input; 3
//! no.

use std::path::PathBuf;
use std::process::ExitCode;

use gate::arguments;
use gate::attest::consume::{self, Said};
use gate::attest::key::PublicKey;
use gate::attest::verify::{Expected, Overrides};
use gate::duration;
use gate::failure::{Failure, OrExit};
use gate::image::{Digest, ImageRef};
use gate::registry::credentials::{Credentials, Environment};
use gate::site::Site;
use gate::step::groups::Access;
use gate::step::{self, Step};

arguments! {
    groups: registry, ca_file;
    results:;

    #[argh(
        description = "Says whether an image passed a gate, by a bundle that the gate signed.",
        usage = "IMAGE --gate NAME --key FILE (--bundle FILE | --repository REPOSITORY) [options]",
        example = "{command_name} quay.io/acme/ho@sha256:… --gate 'ARO HCP' --key gate.pub --bundle verdict.json",
        example = "{command_name} sha256:… --gate 'ARO HCP' --key gate.pub --repository quay.io/acme/verdicts \\\n    --max-age 72h --job periodic-ci-acme-operator-main-e2e",
        note = "The image's digest decides; its repository may be another one by now. A job that a person accepted has\nnot passed, unless --allow-overrides says so. Credentials for --repository come from --authfile or\nwhere podman and docker keep them.",
        error_code(0, "it holds"),
        error_code(
            1,
            "it cannot be judged: no bundle, a certificate; or the registry does not answer"
        ),
        error_code(2, "bad input; nothing was asked"),
        error_code(
            3,
            "no: the signature, the image, the gate, the result, a job, an override, the age"
        )
    )]
    struct Args {
        /// the image, repo@sha256:… or its digest alone: the index or the manifest of a platform
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
        /// a job that has to be among those that passed; may be repeated
        #[argh(option, arg_name = "NAME")]
        job: Vec<String>,
        /// how old the verdict may be, such as 72h [default: any age]
        #[argh(option, arg_name = "DURATION")]
        max_age: Option<String>,
        /// a job that a person accepted is as good as passed
        #[argh(switch)]
        allow_overrides: bool,
    }
}

pub(crate) fn main() -> ExitCode {
    step::main("verify-verdict", run)
}

async fn run(args: Args, step: Step) -> Result<(), Failure> {
    let expected = expected(&args)?;
    let key = PublicKey::read("--key", &args.key).misuse()?;
    let open = |repository: &str| {
        let credentials =
            Credentials::load(args.authfile.as_deref(), &Environment::of_process()).misuse()?;
        let access = Access { ca_file: args.ca_file.clone(), ..Access::default() };
        let plain_http = step::args::list(&args.plain_http);
        Site::new(access, step.clock.clone())
            .registry(repository, &credentials, &plain_http)
            .misuse()
    };
    let (file, repository) = (args.bundle.as_deref(), args.repository.as_deref());
    let bundle = consume::bundle(file, repository, &expected, open).await?;
    let said = Said::of(&bundle, &key, expected, step.clock.now());
    step::results::show(&said.json(), || said.table()).failed()?;
    said.end()
}

/// What is asked.
fn expected(args: &Args) -> Result<Expected, Failure> {
    let digest = args.image.parse::<Digest>();
    let image = match digest {
        Ok(digest) => digest,
        Err(_) => args.image.parse::<ImageRef>().misuse_of("IMAGE")?.digest().clone(),
    };
    let max_age = args.max_age.as_deref().map(duration::parse).transpose();
    Ok(Expected {
        image,
        gate: args.gate.clone(),
        jobs: step::args::list(&args.job),
        max_age: max_age.misuse_of("--max-age")?,
        overrides: match args.allow_overrides {
            true => Overrides::Accepted,
            false => Overrides::Refused,
        },
    })
}
