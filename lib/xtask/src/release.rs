//! `cargo xtask release VERSION`: the tree of a version. What is written depends on the commit, the
//! version and the image alone, so that two of them are equal.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use crate::version::Version;

/// The image of the steps in every manifest until a release names the real one.
const PLACEHOLDER: &str = "quay.io/acme/release-gate";

/// Folders and files besides the packages that name the version.
const WHERE: [&str; 5] = [
    ".tekton",
    "tekton",
    "lib/rehearsal/src/run_header.yaml",
    "docs/onboarding.md",
    "Containerfile",
];

/// What a release is made of.
#[derive(Debug, Clone)]
pub struct Release {
    /// Its version.
    pub version: Version,
    /// The day that the changelog gives it, `2026-08-20`: the commit's.
    pub date: String,
    /// The image of the steps, `NAME:TAG@sha256:DIGEST`, that the manifests are to name.
    pub image: Option<String>,
}

/// Writes the version into the tree at `root`; returns the files that were changed.
///
/// # Errors
/// A file is not as expected, or the version cannot follow the tree's. Nothing is written then.
pub fn prepare(root: &Path, release: &Release) -> Result<BTreeSet<PathBuf>, String> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|error| format!("read {}: {error}", path.display()))
    };
    let manifest = root.join("Cargo.toml");
    let before = read(&manifest)?;
    let old = of_workspace(&before)?;
    if release.version < old {
        return Err(format!(
            "VERSION: {} is older than the tree's {old}; give that or a newer one",
            release.version
        ));
    }
    if let Some(image) = &release.image {
        check_image(image)?;
    }
    let mut texts = vec![(manifest, with_workspace(&before, &old, &release.version))];
    let lock = root.join("Cargo.lock");
    texts.push((lock.clone(), with_lock(&read(&lock)?, &old, &release.version)?));
    let changelog = root.join("CHANGELOG.md");
    texts.push((changelog.clone(), with_changelog(&read(&changelog)?, release)?));
    let mut files = Vec::new();
    for place in WHERE {
        collect(&root.join(place), &mut files)?;
    }
    for file in files {
        let text = with_places(&read(&file)?, &old, release);
        texts.push((file, text));
    }
    let mut changed = BTreeSet::new();
    for (file, text) in texts {
        if read(&file)? != text {
            fs::write(&file, text).map_err(|error| format!("write {}: {error}", file.display()))?;
            changed.insert(file.strip_prefix(root).unwrap_or(&file).to_owned());
        }
    }
    Ok(changed)
}

/// Every file below, in order.
fn collect(path: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    if path.is_file() {
        files.push(path.to_owned());
        return Ok(());
    }
    let entries =
        fs::read_dir(path).map_err(|error| format!("read {}: {error}", path.display()))?;
    let mut paths = Vec::new();
    for entry in entries {
        paths.push(
            entry
                .map_err(|error| format!("read {}: {error}", path.display()))?
                .path(),
        );
    }
    paths.sort();
    paths.iter().try_for_each(|path| collect(path, files))
}

/// The version that the packages of the workspace share.
fn of_workspace(manifest: &str) -> Result<Version, String> {
    let (_, package) = manifest
        .split_once("[workspace.package]\n")
        .ok_or("Cargo.toml: expected [workspace.package], found none")?;
    let line = package.lines().find_map(|line| line.strip_prefix("version = \""));
    let text = line
        .and_then(|rest| rest.strip_suffix('"'))
        .ok_or("Cargo.toml: expected a version in [workspace.package], found none")?;
    text.parse().map_err(|why| format!("Cargo.toml: version: {why}"))
}

fn with_workspace(manifest: &str, old: &Version, new: &Version) -> String {
    // The first is the workspace's own: packages of others are named with other keys before.
    let (head, package) = manifest.split_once("[workspace.package]\n").unwrap_or((manifest, ""));
    let package =
        package.replacen(&format!("version = \"{old}\""), &format!("version = \"{new}\""), 1);
    format!("{head}[workspace.package]\n{package}")
}

/// The lock file with the workspace's own packages, which have no source, at the new version.
fn with_lock(lock: &str, old: &Version, new: &Version) -> Result<String, String> {
    let (was, becomes) = (format!("\nversion = \"{old}\"\n"), format!("\nversion = \"{new}\"\n"));
    let mut found = 0;
    let blocks: Vec<String> = lock
        .split("[[package]]\n")
        .map(|block| {
            if block.contains("\nsource = ") || !block.contains(&was) {
                return block.to_owned();
            }
            found += 1;
            block.replacen(&was, &becomes, 1)
        })
        .collect();
    match found {
        0 => Err(format!("Cargo.lock: expected packages of this workspace at {old}, found none")),
        _ => Ok(blocks.join("[[package]]\n")),
    }
}

/// The changelog, in which what was unreleased is the version's.
fn with_changelog(changelog: &str, release: &Release) -> Result<String, String> {
    let Release { version, date, .. } = release;
    if changelog.contains(&format!("\n## {version} ")) {
        // The image can only be built and pinned when the version stands in the tree.
        return match release.image {
            Some(_) => Ok(changelog.to_owned()),
            None => Err(format!("CHANGELOG.md: it has {version} already; --image pins its image")),
        };
    }
    let (head, rest) = changelog
        .split_once("\n## Unreleased\n")
        .ok_or("CHANGELOG.md: expected \"## Unreleased\", found none")?;
    let unreleased = rest.split("\n## ").next().unwrap_or_default();
    if !unreleased.lines().any(|line| line.starts_with("- ")) {
        return Err("CHANGELOG.md: nothing is unreleased".to_owned());
    }
    Ok(format!("{head}\n## Unreleased\n\n## {version} ({date})\n{rest}"))
}

/// A file with the version in every place that has the tree's.
fn with_places(text: &str, old: &Version, release: &Release) -> String {
    let new = &release.version;
    let placeholder = format!("{PLACEHOLDER}:{old}@sha256:{}", "0".repeat(64));
    let image = match &release.image {
        Some(image) => image.clone(),
        None => placeholder.replace(&format!(":{old}@"), &format!(":{new}@")),
    };
    let mut text = text.replace(&placeholder, &image);
    for (was, becomes) in [
        (
            format!("app.kubernetes.io/version: \"{old}\""),
            format!("app.kubernetes.io/version: \"{new}\""),
        ),
        (format!("{PLACEHOLDER}:{old}"), format!("{PLACEHOLDER}:{new}")),
        (format!("pipeline-revision: v{old}"), format!("pipeline-revision: v{new}")),
        (format!("name: revision, value: v{old}"), format!("name: revision, value: v{new}")),
        (format!("ARG VERSION={old}"), format!("ARG VERSION={new}")),
        (format!(":release_gate:{}::", old.minor()), format!(":release_gate:{}::", new.minor())),
    ] {
        text = text.replace(&was, &becomes);
    }
    text
}

/// Whether it names a tag and a digest.
fn check_image(image: &str) -> Result<(), String> {
    let good = image.split_once("@sha256:").is_some_and(|(name, digest)| {
        let hex = |c: char| c.is_ascii_digit() || ('a'..='f').contains(&c);
        let tagged = name.rsplit_once('/').is_some_and(|(_, last)| last.contains(':'));
        digest.len() == 64 && digest.chars().all(hex) && tagged
    });
    match good {
        true => Ok(()),
        false => Err(format!(
            "--image: expected NAME:TAG@sha256:<64 hex digits>, such as quay.io/acme/release-gate:0.1.0@sha256:…, found {image:?}"
        )),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::repository;

    /// This repository's files that a release may change.
    fn copy() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let mut files = Vec::new();
        for place in WHERE.iter().chain(&["Cargo.toml", "Cargo.lock", "CHANGELOG.md"]) {
            collect(&repository(place), &mut files).unwrap();
        }
        for file in files {
            let to = folder.path().join(file.strip_prefix(repository("")).unwrap());
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(file, to).unwrap();
        }
        folder
    }

    fn release(version: &str, image: Option<&str>) -> Release {
        Release {
            version: version.parse().unwrap(),
            date: "2026-08-20".to_owned(),
            image: image.map(str::to_owned),
        }
    }

    fn contents(root: &Path) -> BTreeMap<PathBuf, String> {
        let mut files = Vec::new();
        collect(root, &mut files).unwrap();
        let read = |file: PathBuf| (file.clone(), fs::read_to_string(file).unwrap());
        let named =
            |(file, text): (PathBuf, String)| (file.strip_prefix(root).unwrap().to_owned(), text);
        files.into_iter().map(read).map(named).collect()
    }

    fn image() -> String {
        format!("quay.example/team/release-gate:7.8.9@sha256:{}", "ab".repeat(32))
    }

    #[test]
    fn two_releases_of_one_tree_are_equal() {
        let (one, two) = (copy(), copy());
        let release = release("7.8.9", Some(&image()));
        let changed = prepare(one.path(), &release).unwrap();
        assert_eq!(prepare(two.path(), &release).unwrap(), changed);
        assert_eq!(contents(one.path()), contents(two.path()));
        assert!(changed.len() > 15, "{changed:?}");
    }

    /// No manifest is left at the version before, and each pins the image.
    #[test]
    fn the_version_and_the_image_are_everywhere() {
        let folder = copy();
        let root = folder.path();
        let old = of_workspace(&fs::read_to_string(root.join("Cargo.toml")).unwrap()).unwrap();
        prepare(root, &release("7.8.9", Some(&image()))).unwrap();
        for (file, text) in contents(root) {
            let name = file.to_str().unwrap();
            if name.ends_with(".yaml") || name == "Containerfile" || name == "docs/onboarding.md" {
                assert!(!text.contains(&old.to_string()), "{name} has {old}");
            }
            if name.ends_with(".yaml") {
                let pins = text.matches("/release-gate:7.8.9@sha256:").count();
                assert_eq!(text.matches(&image()).count(), pins, "{name} names another image");
            }
        }
        let read = |file: &str| fs::read_to_string(root.join(file)).unwrap();
        assert!(read("Cargo.toml").contains("[workspace.package]\nversion = \"7.8.9\"\n"));
        assert!(read("Cargo.lock").contains("name = \"gate\"\nversion = \"7.8.9\"\n"));
        assert!(read("CHANGELOG.md").contains("\n## Unreleased\n\n## 7.8.9 (2026-08-20)\n\n### "));
        assert!(read("Containerfile").contains("ARG VERSION=7.8.9\n"));
        assert!(read("Containerfile").contains(":release_gate:7.8::"));
        let pipeline = read(".tekton/pipelines/ho-release-gate.yaml");
        assert!(pipeline.contains("version: \"7.8.9\"") && pipeline.contains(&image()));
        let settings = read("tekton/konflux/overlays/aro-hcp/settings.yaml");
        assert!(settings.contains("pipeline-revision: v7.8.9\n") && settings.contains(&image()));
        // Packages of others stay as they are.
        let others = |lock: &str| lock.matches("\nsource = ").count();
        let before = fs::read_to_string(repository("Cargo.lock")).unwrap();
        assert_eq!(others(&read("Cargo.lock")), others(&before));
        assert_eq!(read("Cargo.lock").lines().count(), before.lines().count());
    }

    /// The image is built from the tree of the version, so it is pinned after that.
    #[test]
    fn the_image_is_pinned_at_once_or_afterwards() {
        let (one, two) = (copy(), copy());
        prepare(one.path(), &release("7.8.9", Some(&image()))).unwrap();
        prepare(two.path(), &release("7.8.9", None)).unwrap();
        let changed = prepare(two.path(), &release("7.8.9", Some(&image()))).unwrap();
        assert!(!changed.contains(Path::new("CHANGELOG.md")) && changed.len() > 5, "{changed:?}");
        assert_eq!(contents(one.path()), contents(two.path()));
    }

    #[test]
    fn what_cannot_be_released_is_left_alone() {
        let folder = copy();
        let before = contents(folder.path());
        let fails = |release: &Release, why: &str| {
            let error = prepare(folder.path(), release).unwrap_err();
            assert!(error.contains(why), "{error}");
            assert_eq!(contents(folder.path()), before, "{why}");
        };
        fails(&release("0.0.1", None), "is older than the tree's");
        for image in ["quay.io/acme/release-gate:1", "quay.io/acme/a@sha256:00", ""] {
            fails(&release("7.8.9", Some(image)), "--image: expected");
        }
        // Without a change there is nothing to release.
        prepare(folder.path(), &release("7.8.9", None)).unwrap();
        let again = prepare(folder.path(), &release("7.8.9", None)).unwrap_err();
        assert!(again.contains("it has 7.8.9 already; --image"), "{again}");
        let next = prepare(folder.path(), &release("7.8.10", None)).unwrap_err();
        assert!(next.contains("nothing is unreleased"), "{next}");
    }
}
