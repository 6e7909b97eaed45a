//! Crates: which are linked, and the texts that their packages bring.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use crate::output;

/// A crate that is linked into the image's program.
pub struct Crate {
    /// Its package's name.
    pub name: String,
    /// Its package's version.
    pub version: String,
    /// Its licence as an SPDX expression, as the package states it.
    pub license: String,
    /// Where its package is unpacked.
    pub folder: PathBuf,
    /// Part of this repository, under its LICENSE.
    pub ours: bool,
}

/// The licence texts of a crate.
pub enum Texts {
    /// Files of the package, by their path in it, sorted.
    Files(Vec<(String, PathBuf)>),
    /// A standard text that stands for the package's own.
    Standard(PathBuf),
    /// There is none, and none can stand for it.
    None,
}

/// The crates that the image's program is linked from for `target`, by name and version.
///
/// These are what `.ci/build-binaries` builds: its package without default features, without what
/// runs at build time only (build scripts, procedural macros) or in tests.
///
/// # Errors
/// Says what cargo said, or which package states no licence.
pub fn linked(repository: &Path, target: &str) -> Result<Vec<Crate>, String> {
    let cargo = || {
        let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
        command.current_dir(repository);
        command
    };
    // Metadata knows where packages are, but unites the features of all members; the tree knows
    // what is built.
    let metadata = output(cargo().args([
        "metadata",
        "--locked",
        "--format-version",
        "1",
        "--filter-platform",
        target,
    ]))?;
    let metadata: Value =
        serde_json::from_str(&metadata).map_err(|error| format!("cargo metadata: {error}"))?;
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let members = metadata["workspace_members"]
        .as_array()
        .into_iter()
        .flatten()
        .collect::<Vec<_>>();
    let packages: BTreeMap<(String, String), &Value> = metadata["packages"]
        .as_array()
        .into_iter()
        .flatten()
        .map(|package| ((text(&package["name"]), text(&package["version"])), package))
        .collect();

    let mut tree = cargo();
    tree.args([
        "tree",
        "--locked",
        "--package",
        "release-gate",
        "--no-default-features",
        "--target",
        target,
    ]);
    tree.args(["--edges", "normal,no-proc-macro", "--prefix", "none", "--format", "{p}"]);
    let mut crates = BTreeMap::new();
    for line in output(&mut tree)?.lines() {
        let mut words = line.split_whitespace();
        let (Some(name), Some(version)) =
            (words.next(), words.next().and_then(|word| word.strip_prefix('v')))
        else {
            return Err(format!("cargo tree: expected `NAME vVERSION`, found {line:?}"));
        };
        let key = (name.to_owned(), version.to_owned());
        let package = packages
            .get(&key)
            .ok_or_else(|| format!("cargo metadata has no {name} {version}"))?;
        let folder = PathBuf::from(text(&package["manifest_path"]))
            .parent()
            .map(Path::to_owned);
        let found = Crate {
            name: key.0.clone(),
            version: key.1.clone(),
            license: package["license"].as_str().map(str::to_owned).ok_or_else(|| {
                format!("the package {name} {version} states no licence: expected an SPDX expression in its manifest")
            })?,
            folder: folder.ok_or_else(|| format!("cargo metadata does not say where {name} {version} is"))?,
            ours: members.contains(&&package["id"]),
        };
        crates.insert(key, found);
    }
    Ok(crates.into_values().collect())
}

/// The texts that `part`'s package brings, wherever in it they are.
///
/// A package without any (its repository has one file for many packages) may have them in
/// `.ci/licenses/texts/NAME-VERSION`. Failing that, the standard text stands for the package's own
/// if Apache-2.0 alone will do, since that text names no copyright holder. The others do, so
/// nothing can stand for them.
///
/// # Errors
/// Names the folder that cannot be read.
pub fn texts(part: &Crate, repository: &Path) -> Result<Texts, String> {
    for folder in [
        part.folder.clone(),
        repository
            .join(".ci/licenses/texts")
            .join(format!("{}-{}", part.name, part.version)),
    ] {
        let mut found = Vec::new();
        if folder.is_dir() {
            search(&folder, "", &mut found).map_err(|error| {
                format!("cannot read the package in {}: {error}", folder.display())
            })?;
        }
        if !found.is_empty() {
            found.sort();
            return Ok(Texts::Files(found));
        }
    }
    Ok(if apache_will_do(&part.license) {
        Texts::Standard(repository.join("LICENSE"))
    } else {
        Texts::None
    })
}

fn search(folder: &Path, inside: &str, found: &mut Vec<(String, PathBuf)>) -> std::io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let place = if inside.is_empty() { name.to_string() } else { format!("{inside}/{name}") };
        if path.is_dir() {
            search(&path, &place, found)?;
        } else if is_text(&place) {
            found.push((place, path));
        }
    }
    Ok(())
}

/// Whether a file of a package is a licence, notice or copyright text: by its name, or by a folder
/// LICENSES.
fn is_text(place: &str) -> bool {
    const NAMES: [&str; 6] = ["LICENSE", "LICENCE", "COPYING", "COPYRIGHT", "NOTICE", "UNLICENSE"];
    // Programs about licences are none.
    const OTHERS: [&str; 9] = [".RS", ".PY", ".SH", ".JS", ".C", ".H", ".TOML", ".JSON", ".YML"];
    let place = place.to_uppercase();
    let (folders, name) = place.rsplit_once('/').unwrap_or(("", &place));
    let named = NAMES.iter().any(|start| name.starts_with(start))
        || folders.split('/').any(|one| one == "LICENSES");
    named && !OTHERS.iter().any(|end| name.ends_with(end))
}

/// Whether the expression offers Apache-2.0 without anything else; `/` is an old way to write OR.
fn apache_will_do(expression: &str) -> bool {
    !expression.contains(['(', ')'])
        && !expression.split_whitespace().any(|word| word == "AND")
        && expression
            .replace('/', " OR ")
            .split(" OR ")
            .any(|one| one.trim() == "Apache-2.0")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn package(license: &str, files: &[&str]) -> (tempfile::TempDir, Crate) {
        let folder = tempfile::tempdir().unwrap();
        for file in files {
            let path = folder.path().join("package").join(file);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(path, "text").unwrap();
        }
        let (name, version, license) = ("some".to_owned(), "1.2.3".to_owned(), license.to_owned());
        let part =
            Crate { name, version, license, folder: folder.path().join("package"), ours: false };
        (folder, part)
    }

    fn names(texts: Texts) -> Vec<String> {
        match texts {
            Texts::Files(files) => files.into_iter().map(|(name, _)| name).collect(),
            Texts::Standard(path) => {
                vec![format!("standard {}", path.file_name().unwrap().to_string_lossy())]
            }
            Texts::None => Vec::new(),
        }
    }

    #[test]
    fn texts_are_found_wherever_they_are_in_a_package() {
        let files = [
            "LICENSE-MIT",
            "license-apache.txt",
            "src/lib.rs",
            "src/license.rs",
            "Cargo.toml",
            "UNLICENSE",
            "third_party/fiat/LICENSE",
            "LICENSES/Zlib.txt",
            "Notice.md",
            "copyright",
            "README.md",
        ];
        let (folder, part) = package("MIT", &files);
        assert_eq!(
            names(texts(&part, folder.path()).unwrap()),
            [
                "LICENSE-MIT",
                "LICENSES/Zlib.txt",
                "Notice.md",
                "UNLICENSE",
                "copyright",
                "license-apache.txt",
                "third_party/fiat/LICENSE",
            ]
        );
    }

    #[test]
    fn a_package_without_text_is_served_by_a_standard_text_only_if_that_names_nobody() {
        for (license, stands) in [
            ("Apache-2.0", true),
            ("MIT OR Apache-2.0", true),
            ("MIT/Apache-2.0", true),
            ("MIT", false),
            ("Apache-2.0 AND ISC", false),
            ("(Apache-2.0 OR MIT) AND BSD-3-Clause", false),
            ("Apache-2.0 WITH LLVM-exception", false),
        ] {
            let (folder, part) = package(license, &["src/lib.rs"]);
            let expected: &[&str] = if stands { &["standard LICENSE"] } else { &[] };
            assert_eq!(names(texts(&part, folder.path()).unwrap()), expected, "{license}");
        }
    }

    #[test]
    fn a_text_may_be_kept_here_for_a_package_that_brings_none() {
        let (folder, part) = package("MIT", &["src/lib.rs"]);
        let kept = folder.path().join(".ci/licenses/texts/some-1.2.3");
        fs::create_dir_all(&kept).unwrap();
        fs::write(kept.join("LICENSE"), "text").unwrap();
        assert_eq!(names(texts(&part, folder.path()).unwrap()), ["LICENSE"]);
    }
}
