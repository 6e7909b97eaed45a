//! `cargo xtask new-step NAME`: a new binary that builds, with every entry that the tests ask for.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry as Slot;
use std::fs;
use std::path::Path;
use std::process::Command;

/// The binary as it begins. tests/new_step.rs builds it, so that it fits the library.
const FRAME: &str = include_str!("frame_step.rs");

/// Its list of binaries makes each page name the others.
const MAN: &str = "lib/src/step/generate/man.rs";

/// Its loop over all binaries installs their man pages.
const MAN_PAGES: &str = "docs/man-pages.md";

/// An entry in a file: the text before which it goes, and the entry.
struct Entry {
    file: &'static str,
    before: &'static str,
    text: String,
}

/// Every entry that a binary of this name has in a file of others.
fn entries(name: &str) -> [Entry; 6] {
    let module = name.replace('-', "_");
    let release_gate = "bins/release-gate.rs";
    [
        Entry {
            file: "Cargo.toml",
            before: "# Every step in one program, for the image.\n",
            text: format!(
                "[[bin]]\nname = \"{name}\"\npath = \"bins/{name}.rs\"\ntest = false\n\n"
            ),
        },
        Entry {
            file: release_gate,
            before: "\n/// What a step does.\n",
            text: format!("#[path = \"{name}.rs\"]\nmod {module};\n"),
        },
        Entry {
            file: release_gate,
            before: "];\n\n/// The name by which",
            text: format!("    (\"{name}\", {module}::main),\n"),
        },
        Entry {
            file: "README.md",
            before: "| `rehearse-gate` | the pipeline file |",
            text: format!(
                "| `{name}` | WHAT IT READS | WHAT IT DOES | ITS RESULTS | WHOM IT ASKS |\n"
            ),
        },
        Entry { file: MAN_PAGES, before: " rehearse-gate; do\n", text: format!(" {name}") },
        Entry {
            file: MAN,
            before: "];\n\n/// A variable of the environment",
            text: format!("    \"{name}\",\n"),
        },
    ]
}

/// Lays out a step in the repository at `root`, and says what is left to fill in.
///
/// # Errors
/// The name cannot be a binary's, there is one of that name, a file cannot be written or is not as
/// expected, or the new binary does not build. Nothing is written unless every entry has its place.
pub fn lay_out(root: &Path, name: &str) -> Result<String, String> {
    check(root, name)?;
    write(root, name)?;
    let help = help(root, name)?;
    let golden = root.join("tests/help").join(format!("{name}.txt"));
    fs::write(&golden, help).map_err(|error| format!("write {}: {error}", golden.display()))?;
    Ok(format!(
        "{name} is laid out: `cargo test` passes. Left to you:
  bins/{name}.rs: its flags, its results, and one call into the library
  README.md: the words in capitals in its row of the table of binaries
  docs/architecture.md: what it decides, in the table of who decides what
  CHANGELOG.md: a line
if the pipeline runs it:
  .tekton/pipelines/ho-release-gate.yaml, TASKS in tests/tasks.rs, tekton/tasks/{name}/README.md
  and a sample in tekton/tasks/{name}/samples
if a CronJob runs it:
  tekton/konflux/base, and its rights in tekton/rbac
after any change of a flag or a task:
  cargo xtask generate"
    ))
}

/// Whether a binary can have this name.
fn check(root: &Path, name: &str) -> Result<(), String> {
    let word = |word: &str| {
        word.starts_with(|c: char| c.is_ascii_lowercase())
            && word.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit())
    };
    if !name.split('-').all(word) || name.len() > 40 {
        return Err(format!(
            "NAME: expected lower-case words joined by hyphens, such as tag-image, found {name:?}"
        ));
    }
    if root.join("bins").join(format!("{name}.rs")).exists() {
        return Err(format!("NAME: bins/{name}.rs is there already; choose another name"));
    }
    Ok(())
}

/// Writes the binary's file and its entries.
fn write(root: &Path, name: &str) -> Result<(), String> {
    let mut texts: BTreeMap<String, String> = BTreeMap::new();
    for Entry { file, before, text } in entries(name) {
        let whole = match texts.entry(file.to_owned()) {
            Slot::Occupied(read) => read.into_mut(),
            Slot::Vacant(slot) => slot.insert(
                fs::read_to_string(root.join(file))
                    .map_err(|error| format!("read {file}: {error}"))?,
            ),
        };
        let at = whole
            .find(before)
            .ok_or_else(|| format!("{file}: expected a place before {before:?}, found none"))?;
        whole.insert_str(at, &text);
    }
    texts.insert(format!("bins/{name}.rs"), FRAME.replace("frame-step", name));
    for (file, text) in texts {
        fs::write(root.join(&file), text).map_err(|error| format!("write {file}: {error}"))?;
    }
    Ok(())
}

/// The page that the new binary prints.
fn help(root: &Path, name: &str) -> Result<Vec<u8>, String> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .args(["run", "--quiet", "--bin", name, "--", "--help"])
        .current_dir(root)
        .stderr(std::process::Stdio::inherit())
        .output()
        .map_err(|error| format!("start cargo: {error}"))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    Err(format!("bins/{name}.rs does not build or run, see above"))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A folder with this repository's files that get an entry.
    fn copy() -> tempfile::TempDir {
        let folder = tempfile::tempdir().unwrap();
        let whole = [
            "Cargo.toml",
            "README.md",
            "bins/release-gate.rs",
            "bins/launch-prow.rs",
            MAN,
            MAN_PAGES,
        ];
        for file in whole {
            fs::create_dir_all(folder.path().join(file).parent().unwrap()).unwrap();
            fs::copy(crate::repository(file), folder.path().join(file)).unwrap();
        }
        folder
    }

    #[test]
    fn every_entry_has_its_place() {
        let folder = copy();
        write(folder.path(), "tag-image").unwrap();
        let read = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
        assert!(read("bins/tag-image.rs").contains("step::main(\"tag-image\", run)"));
        assert!(!read("bins/tag-image.rs").contains("frame"));
        assert!(read("Cargo.toml").contains("path = \"bins/tag-image.rs\"\n"));
        let program = read("bins/release-gate.rs");
        assert!(program.contains("#[path = \"tag-image.rs\"]\nmod tag_image;\n"), "{program}");
        assert!(program.contains("    (\"tag-image\", tag_image::main),\n];\n"), "{program}");
        let readme = read("README.md");
        assert!(readme.contains("\n| `tag-image` | WHAT IT READS |"), "{readme}");
        let man_pages = read(MAN_PAGES);
        assert!(man_pages.contains(" tag-image rehearse-gate; do\n"), "{man_pages}");
        assert!(read(MAN).contains("    \"tag-image\",\n];\n"), "{}", read(MAN));
        // Once more is refused, and so is the name of another.
        assert!(
            check(folder.path(), "tag-image")
                .unwrap_err()
                .contains("is there already")
        );
        assert!(check(folder.path(), "launch-prow").is_err());
    }

    #[test]
    fn a_file_that_changed_its_shape_is_left_alone() {
        let folder = copy();
        let readme = folder.path().join("README.md");
        fs::write(&readme, "another\n").unwrap();
        let before = fs::read_to_string(folder.path().join("Cargo.toml")).unwrap();
        let problem = write(folder.path(), "tag-image").unwrap_err();
        assert!(problem.starts_with("README.md: expected a place before"), "{problem}");
        assert_eq!(fs::read_to_string(folder.path().join("Cargo.toml")).unwrap(), before);
        assert!(!folder.path().join("bins/tag-image.rs").exists());
    }

    #[test]
    fn names_that_no_binary_can_have() {
        let folder = copy();
        for name in ["", "Tag", "tag_image", "-tag", "tag--image", "tag-1", "../x", "tag image"] {
            let problem = check(folder.path(), name).unwrap_err();
            assert!(problem.contains("lower-case words"), "{name:?}: {problem}");
        }
        check(folder.path(), "tag-image2").unwrap();
    }
}
