//! The real binaries beside this one: where they are, and building them where cargo is at hand.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use crate::document::PipelineSpec;

/// Why the binaries cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum SiblingsError {
    /// A command that is not one of ours
    #[error(
        "task {task}, step {step}: expected a program of the image, /usr/bin/NAME, found {program}"
    )]
    Foreign {
        /// The task
        task: String,
        /// The step
        step: String,
        /// Its command
        program: String,
    },
    /// No such file
    #[error("{0} is not there; build it with: cargo build --bins")]
    Missing(PathBuf),
    /// Cargo did not build them
    #[error("cargo could not build the steps (see above)")]
    Build,
    /// Cargo cannot be started, or this program cannot be found
    #[error("{what}: {source}")]
    System {
        /// What was tried
        what: String,
        /// What the system said
        source: std::io::Error,
    },
}

/// Names of the binaries that a pipeline runs, each once.
///
/// # Errors
/// A step with another command than `/usr/bin/NAME`.
pub fn names(spec: &PipelineSpec) -> Result<Vec<String>, SiblingsError> {
    let mut names = BTreeSet::new();
    for task in spec.all_tasks() {
        for step in &task.task_spec.steps {
            let program = &step.command[0];
            match program.strip_prefix("/usr/bin/").filter(|name| !name.contains('/')) {
                Some(name) => names.insert(name.to_owned()),
                None => {
                    let (task, step) = (task.name.clone(), step.name.clone());
                    return Err(SiblingsError::Foreign { task, step, program: program.clone() });
                }
            };
        }
    }
    Ok(names.into_iter().collect())
}

/// The folder of this program, and of the others.
///
/// # Errors
/// The system does not say where this program is.
pub fn folder() -> Result<PathBuf, SiblingsError> {
    let this = std::env::current_exe()
        .map_err(|source| SiblingsError::System { what: "find this program".into(), source })?;
    Ok(this.parent().unwrap_or(Path::new(".")).to_owned())
}

/// Builds the binaries into their folder, if `cargo run` started this program: it builds only what
/// it runs. Cargo's own output goes to stderr.
///
/// # Errors
/// They do not build.
pub fn build(names: &[String], folder: &Path) -> Result<(), SiblingsError> {
    let Some(cargo) = std::env::var_os("CARGO") else { return Ok(()) };
    let profile = match folder.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    eprintln!("building the steps: {}", names.join(", "));
    let mut command = Command::new(cargo);
    command.args(["build", "--profile", profile]).stdin(Stdio::null());
    // `cargo run` tells its program about its package. Passed on, that would look to build scripts
    // like a change of their own package, and half of all crates would be built again.
    for (name, _) in
        std::env::vars_os().filter(|(name, _)| is_about_the_package(&name.to_string_lossy()))
    {
        command.env_remove(name);
    }
    if let Some(package) = std::env::var_os("CARGO_MANIFEST_DIR") {
        command
            .arg("--manifest-path")
            .arg(Path::new(&package).join("Cargo.toml"));
    }
    if let Some(target) = folder.parent() {
        command.arg("--target-dir").arg(target);
    }
    for name in names {
        command.args(["--bin", name]);
    }
    let status = command
        .status()
        .map_err(|source| SiblingsError::System { what: "start cargo".into(), source })?;
    if status.success() { Ok(()) } else { Err(SiblingsError::Build) }
}

fn is_about_the_package(name: &str) -> bool {
    let exact = ["CARGO_BIN_NAME", "CARGO_CRATE_NAME", "CARGO_PRIMARY_PACKAGE", "OUT_DIR"];
    exact.contains(&name) || name.starts_with("CARGO_PKG_") || name.starts_with("CARGO_MANIFEST_")
}

/// Whether all are there.
///
/// # Errors
/// The first that is not.
pub fn check(names: &[String], folder: &Path) -> Result<(), SiblingsError> {
    match names
        .iter()
        .map(|name| folder.join(name))
        .find(|path| !path.is_file())
    {
        None => Ok(()),
        Some(path) => Err(SiblingsError::Missing(path)),
    }
}
