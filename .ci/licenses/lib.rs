//! Licences of everything that is linked into the step image's program, as verbatim files with an
//! index.
//!
//! A part without a text is an error, never an entry without a file. Nothing is needed but cargo,
//! rustc and the sources that they build from, so it works where the image is built without
//! network; of Debian it asks where the C library is from. What it writes depends on nothing but
//! these.

use std::fs;
use std::path::Path;
use std::process::Command;

mod crates;
mod system;

pub use crates::{Crate, Texts, linked, texts};

/// The index's name, in the folder of the licences.
pub const INDEX: &str = "INDEX.txt";

/// A part of the image in the index.
pub struct Entry {
    name: String,
    version: String,
    license: String,
    /// Where its texts are, or what else there is to say.
    note: String,
}

/// Writes the licences of the program that cargo builds for `target` with the C compiler `cc` into
/// `folder`.
///
/// # Errors
/// Names every part whose licence is not to be found, and what to do about it.
pub fn collect(repository: &Path, target: &str, cc: &str, folder: &Path) -> Result<(), String> {
    let crates = collect_crates(repository, target, folder)?;
    let system = system::collect(target, cc, folder)?;
    copy(&repository.join("LICENSE"), &folder.join("LICENSE"))?;
    write(&folder.join(INDEX), index(&crates, &system).as_bytes())
}

/// The crates' part of [`collect`], which needs no Debian.
///
/// # Errors
/// As [`collect`]'s.
pub fn collect_crates(
    repository: &Path,
    target: &str,
    folder: &Path,
) -> Result<Vec<Entry>, String> {
    let mut entries = Vec::new();
    let mut without = Vec::new();
    for part in linked(repository, target)? {
        let note = if part.ours {
            Some("LICENSE".to_owned())
        } else {
            copy_texts(&part, repository, folder)?
        };
        let Some(note) = note else {
            without.push(format!("{} {} ({})", part.name, part.version, part.license));
            continue;
        };
        entries.push(Entry { name: part.name, version: part.version, license: part.license, note });
    }
    if without.is_empty() {
        return Ok(entries);
    }
    Err(format!(
        "no licence text in the packages of {}: put the file of its repository into .ci/licenses/texts/NAME-VERSION",
        without.join(", ")
    ))
}

/// Copies a crate's texts and says where to, if there are any.
fn copy_texts(part: &Crate, repository: &Path, folder: &Path) -> Result<Option<String>, String> {
    let place = format!("crates/{}-{}", part.name, part.version);
    match texts(part, repository)? {
        Texts::None => Ok(None),
        Texts::Files(found) => {
            for (name, source) in &found {
                copy(source, &folder.join(&place).join(name))?;
            }
            let names: Vec<&str> = found.iter().map(|(name, _)| name.as_str()).collect();
            Ok(Some(format!("{place}: {}", names.join(", "))))
        }
        Texts::Standard(source) => {
            copy(&source, &folder.join(&place).join("LICENSE-APACHE"))?;
            Ok(Some(format!(
                "{place}: LICENSE-APACHE (the licence's standard text; the package brings no file)"
            )))
        }
    }
}

fn index(crates: &[Entry], system: &[Entry]) -> String {
    let mut text =
        "What is linked into the program of this image, and the trust roots beside it. The texts are in the\n\
         folders named here, as each part's authors wrote them.\n"
            .to_owned();
    for (title, entries) in [("Crates", crates), ("Others", system)] {
        let width = |column: fn(&Entry) -> &str| {
            entries.iter().map(|entry| column(entry).len()).max().unwrap_or(0)
        };
        let (name, version, license) = (
            width(|entry| &entry.name),
            width(|entry| &entry.version),
            width(|entry| &entry.license),
        );
        text.push_str(&format!("\n{title}\n\n"));
        for entry in entries {
            text.push_str(&format!(
                "{:name$}  {:version$}  {:license$}  {}\n",
                entry.name, entry.version, entry.license, entry.note
            ));
        }
    }
    text
}

fn copy(from: &Path, to: &Path) -> Result<(), String> {
    let content =
        fs::read(from).map_err(|error| format!("cannot read {}: {error}", from.display()))?;
    if content.trim_ascii().is_empty() {
        return Err(format!("{} is empty, where a licence was expected", from.display()));
    }
    write(to, &content)
}

fn write(to: &Path, content: &[u8]) -> Result<(), String> {
    let done = to
        .parent()
        .map_or(Ok(()), fs::create_dir_all)
        .and_then(|()| fs::write(to, content));
    done.map_err(|error| format!("cannot write {}: {error}", to.display()))
}

/// What a command prints on stdout.
fn output(command: &mut Command) -> Result<String, String> {
    let shown = format!("{command:?}");
    let output = command
        .output()
        .map_err(|error| format!("cannot run {shown}: {error}"))?;
    if !output.status.success() {
        let stderr = String::from_utf8_lossy(&output.stderr);
        return Err(format!("{shown} failed ({}): {}", output.status, stderr.trim()));
    }
    String::from_utf8(output.stdout)
        .map_err(|_| format!("{shown} printed something that is not UTF-8"))
}
