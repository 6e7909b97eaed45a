//! The folder of a release: the commit's tree at the version, what is in the program, and what is left
//! for people to do.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::{fs, io};

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
    take(tree, to).map_err(|error| format!("take the bill of materials: {error}"))?;
    Ok(None)
}

/// What stands in the bill for the folder in which it was made.
const PLACE: &str = "/release-gate";

/// Takes the program's bill out of the tree, without the name of the folder in which it was made, so
/// that the bills of two folders are equal. The tool leaves one beside every `Cargo.toml` of the
/// workspace; the tree is the commit's, so they go.
fn take(tree: &Path, to: &Path) -> io::Result<()> {
    let bill = fs::read_to_string(tree.join(BILL))?;
    let whole = tree.canonicalize()?;
    let bill = bill.replace(&*whole.to_string_lossy(), PLACE);
    fs::write(to, bill.replace(&*tree.to_string_lossy(), PLACE))?;
    let mut folders = vec![tree.to_owned()];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder)? {
            let entry = entry?;
            if entry.file_type()?.is_dir() {
                folders.push(entry.path());
            } else if entry.file_name() == BILL {
                fs::remove_file(entry.path())?;
            }
        }
    }
    Ok(())
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_bills_of_two_folders_are_equal_and_the_tree_stays_the_commits() {
        let bill = || {
            let folder = tempfile::tempdir().unwrap();
            let tree = folder.path().join(TREE);
            fs::create_dir_all(tree.join("lib/xtask")).unwrap();
            let text = format!("\"path+file://{}#release-gate@0.1.0\"", tree.display());
            for made in [BILL, "lib/release-gate.cdx.json", "lib/xtask/release-gate.cdx.json"] {
                fs::write(tree.join(made), &text).unwrap();
            }
            fs::write(tree.join("lib/other.cdx.json"), "").unwrap();
            let to = folder.path().join(BILL);
            take(&tree, &to).unwrap();
            for gone in [BILL, "lib/release-gate.cdx.json", "lib/xtask/release-gate.cdx.json"] {
                assert!(!tree.join(gone).exists(), "{gone}");
            }
            assert!(tree.join("lib/other.cdx.json").exists());
            fs::read_to_string(to).unwrap()
        };
        assert_eq!(bill(), "\"path+file:///release-gate#release-gate@0.1.0\"");
        assert_eq!(bill(), bill());
    }
}
