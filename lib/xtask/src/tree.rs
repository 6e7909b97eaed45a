//! The folder of a release: the commit's tree at the version, what is in the program, and what is left
//! for people to do.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::release::{Release, prepare};

/// Where the tree is below the folder of a release.
pub const TREE: &str = "tree";

/// The bill of materials of the program, by cargo-cyclonedx (CycloneDX 1.5, JSON).
pub const BILL: &str = "release-gate.cdx.json";

/// What was made.
#[derive(Debug)]
pub struct Made {
    /// The files of the tree that differ from the commit's
    pub changed: BTreeSet<PathBuf>,
    /// Why there is no bill of materials, where there is none
    pub no_bill: Option<String>,
}

/// What `git` says on stdout.
///
/// # Errors
/// It cannot be started, or fails; in its own words.
pub fn git(root: &Path, arguments: &[&str]) -> Result<String, String> {
    let output = Command::new("git")
        .arg("-C")
        .arg(root)
        .args(arguments)
        .output()
        .map_err(|error| format!("start git: {error}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!("git {}: {}", arguments.join(" "), said.trim()));
    }
    Ok(String::from_utf8_lossy(&output.stdout).trim().to_owned())
}

/// Makes the folder of a release from the commit that is checked out in `root`. What was in the
/// folder is removed.
///
/// # Errors
/// What [`prepare`] refuses, and files that cannot be written.
pub fn make(root: &Path, folder: &Path, release: &Release) -> Result<Made, String> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .map_err(|error| format!("remove {}: {error}", folder.display()))?;
    }
    let tree = folder.join(TREE);
    fs::create_dir_all(&tree).map_err(|error| format!("make {}: {error}", tree.display()))?;
    let archive = folder.join("commit.tar");
    let to = archive.to_string_lossy().into_owned();
    git(root, &["archive", "--format=tar", "--output", &to, "HEAD"])?;
    let unpacked = Command::new("tar")
        .args(["-x", "-f", &to, "-C"])
        .arg(&tree)
        .status()
        .map_err(|error| format!("start tar: {error}"))?;
    if !unpacked.success() {
        return Err(format!("tar could not unpack {to}"));
    }
    fs::remove_file(&archive).map_err(|error| format!("remove {to}: {error}"))?;
    let changed = prepare(&tree, release)?;
    let no_bill = bill(root, &tree, &folder.join(BILL))?;
    Ok(Made { changed, no_bill })
}

/// Writes the bill of materials; returns why not, where its tool is not there.
///
/// # Errors
/// The tool is there and fails.
fn bill(root: &Path, tree: &Path, to: &Path) -> Result<Option<String>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let known = Command::new(&cargo)
        .args(["cyclonedx", "--version"])
        .output()
        .is_ok_and(|output| output.status.success());
    if !known {
        return Ok(Some(
            "cargo-cyclonedx is not installed: cargo install --locked cargo-cyclonedx".to_owned(),
        ));
    }
    let made = tree.join(BILL);
    let status = Command::new(&cargo)
        .args(["cyclonedx", "--format", "json", "--spec-version", "1.5", "--no-build-deps"])
        .args(["--no-default-features", "--override-filename", BILL.trim_end_matches(".json")])
        .arg("--manifest-path")
        .arg(tree.join("Cargo.toml"))
        // The time in it is the commit's, so that two are equal.
        .env("SOURCE_DATE_EPOCH", git(root, &["show", "-s", "--format=%ct", "HEAD"])?)
        .status()
        .map_err(|error| format!("start cargo cyclonedx: {error}"))?;
    if !status.success() {
        return Err("cargo cyclonedx failed, see above".to_owned());
    }
    fs::rename(&made, to).map_err(|error| format!("move {}: {error}", made.display()))?;
    Ok(None)
}

/// What people do after it.
pub fn left(release: &Release) -> String {
    let version = &release.version;
    let image = match &release.image {
        Some(_) => "",
        None => {
            "
  build the image from a commit of this tree, push it, and pin it: the same again with --image"
        }
    };
    format!(
        "left to you:{image}
  cargo xtask check, cargo test and .ci/run pass on it
  commit; when the image is pinned, tag v{version}, and push both
  attach the bill of materials to the release; the licences are in the image, in /licenses"
    )
}
