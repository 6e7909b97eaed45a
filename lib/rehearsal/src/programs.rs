//! The steps' programs: which ones a pipeline runs, and a folder with a link for each.
//!
//! The rehearsal is one program with the steps in it, as the image is: called by a step's name, it
//! is that step.

use std::collections::BTreeSet;
use std::os::unix::fs::symlink;

use tempfile::TempDir;

use crate::document::PipelineSpec;

/// Why the programs cannot be run.
#[derive(Debug, thiserror::Error)]
pub enum ProgramsError {
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
    /// A program that the image does not have
    #[error("expected a program of the image, one of {known}; found /usr/bin/{name}")]
    Unknown {
        /// Its name
        name: String,
        /// All that there are
        known: String,
    },
    /// This program cannot be found, or no link made
    #[error("{what}: {source}")]
    System {
        /// What was tried
        what: String,
        /// What the system said
        source: std::io::Error,
    },
}

/// Names of the programs that a pipeline runs, each once.
///
/// # Errors
/// A step with another command than `/usr/bin/NAME`.
pub fn names(spec: &PipelineSpec) -> Result<Vec<String>, ProgramsError> {
    let mut names = BTreeSet::new();
    for task in spec.all_tasks() {
        for step in &task.task_spec.steps {
            let program = &step.command[0];
            match program.strip_prefix("/usr/bin/").filter(|name| !name.contains('/')) {
                Some(name) => names.insert(name.to_owned()),
                None => {
                    let (task, step) = (task.name.clone(), step.name.clone());
                    return Err(ProgramsError::Foreign { task, step, program: program.clone() });
                }
            };
        }
    }
    Ok(names.into_iter().collect())
}

/// Whether the program holds all of these steps.
///
/// # Errors
/// The first that it does not.
pub fn check(names: &[String], known: &[&str]) -> Result<(), ProgramsError> {
    match names.iter().find(|name| !known.contains(&name.as_str())) {
        None => Ok(()),
        Some(name) => Err(ProgramsError::Unknown { name: name.clone(), known: known.join(", ") }),
    }
}

/// A new folder with a link to this program for each of its steps; dropping it removes it.
///
/// # Errors
/// The system does not say where this program is, or the folder cannot be written.
pub fn link(steps: &[&str]) -> Result<TempDir, ProgramsError> {
    let system = |what: &str| {
        let what = what.to_owned();
        |source| ProgramsError::System { what, source }
    };
    let this = std::env::current_exe().map_err(system("find this program"))?;
    let folder = tempfile::Builder::new()
        .prefix("rehearse-gate-bin-")
        .tempdir()
        .map_err(system("make a folder for the steps"))?;
    for step in steps {
        let link = folder.path().join(step);
        symlink(&this, &link).map_err(system(&format!("make {}", link.display())))?;
    }
    Ok(folder)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_step_is_a_link_to_this_program() {
        let folder = link(&["a", "b"]).unwrap();
        let this = std::env::current_exe().unwrap();
        for step in ["a", "b"] {
            assert_eq!(std::fs::read_link(folder.path().join(step)).unwrap(), this);
        }
    }

    #[test]
    fn a_step_that_the_program_lacks_is_named() {
        let names = ["resolve-image".to_owned(), "resolve-images".to_owned()];
        let error = check(&names, &["launch-prow", "resolve-image"])
            .unwrap_err()
            .to_string();
        assert_eq!(
            error,
            "expected a program of the image, one of launch-prow, resolve-image; found \
             /usr/bin/resolve-images"
        );
        check(&names[..1], &["launch-prow", "resolve-image"]).unwrap();
    }
}
