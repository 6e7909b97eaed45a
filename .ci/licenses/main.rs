//! `licenses DIR TARGET CC`: writes into DIR the licences of the image's program as it is linked
//! for TARGET by the compiler CC. `.ci/build-binaries` calls it; it needs no network where a build
//! needs none.

use std::path::Path;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [folder, target, cc] = arguments.as_slice() else {
        eprintln!("usage: licenses DIR TARGET CC");
        return ExitCode::from(2);
    };
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    match licenses::collect(&repository, target, cc, Path::new(folder)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error}");
            ExitCode::FAILURE
        }
    }
}
