//! What a program is linked from besides crates: Rust's standard library, the C library, the
//! compiler's run-time; and the trust roots, which are in the image as a file.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::{Entry, copy, output};

/// Where Debian keeps the texts that its packages' own refer to.
const COMMON: &str = "/usr/share/common-licenses";

/// Copies their licences into `folder`.
///
/// # Errors
/// Names what was not found where a toolchain of rustup, and Debian, have it.
pub fn collect(target: &str, cc: &str, folder: &Path) -> Result<Vec<Entry>, String> {
    // Other C libraries have other licences, of which this knows nothing.
    if !target.ends_with("-linux-gnu") {
        return Err(format!(
            "cannot tell the licence of {target}'s C library: expected a target ending in -linux-gnu"
        ));
    }
    let owner = |argument: &str| -> Result<String, String> {
        let archive = output(Command::new(cc).arg(argument))?;
        let archive = fs::canonicalize(archive.trim()).map_err(|error| {
            format!("{cc} {argument} printed {:?}, which is not there: {error}", archive.trim())
        })?;
        let owned = output(Command::new("dpkg").arg("-S").arg(&archive))?;
        Ok(owned.split(": ").next().unwrap_or_default().to_owned())
    };
    let libc = debian(&owner("-print-file-name=libc.a")?, folder, "glibc", &["LGPL-2.1"])?;
    let gcc = debian(&owner("-print-libgcc-file-name")?, folder, "gcc", &["GPL-3"])?;
    let roots = debian("ca-certificates", folder, "ca-certificates", &["MPL-2.0"])?;
    Ok(vec![
        rust(folder)?,
        Entry {
            name: "GNU C library".to_owned(),
            license: "LGPL-2.1-or-later".to_owned(),
            note: format!(
                "glibc; linked statically and unchanged, from {}. To use another one, build \
                 this program again from its own source, which is all open: .ci/build-binaries",
                libc.source
            ),
            version: libc.version,
        },
        Entry {
            name: "GCC run-time".to_owned(),
            license: "GPL-3.0-or-later WITH GCC-exception-3.1".to_owned(),
            note: format!("gcc; libgcc, linked statically and unchanged, from {}", gcc.source),
            version: gcc.version,
        },
        Entry {
            name: "Mozilla's trust roots".to_owned(),
            license: "MPL-2.0".to_owned(),
            note: format!("ca-certificates; in /etc/ssl/certs, from {}", roots.source),
            version: roots.version,
        },
    ])
}

fn rust(folder: &Path) -> Result<Entry, String> {
    let sysroot = output(Command::new("rustc").args(["--print", "sysroot"]))?;
    let documents = Path::new(sysroot.trim()).join("share/doc/rust");
    copy(&documents.join("COPYRIGHT-library.html"), &folder.join("rust/COPYRIGHT-library.html"))?;
    for name in ["Apache-2.0.txt", "MIT.txt", "Unicode-3.0.txt", "LLVM-exception.txt"] {
        copy(&documents.join("licenses").join(name), &folder.join("rust").join(name))?;
    }
    let version = output(Command::new("rustc").arg("--version"))?;
    Ok(Entry {
        name: "Rust's standard library".to_owned(),
        version: version.split_whitespace().nth(1).unwrap_or_default().to_owned(),
        license: "(MIT OR Apache-2.0) AND Unicode-3.0".to_owned(),
        note: "rust; with what it is linked from, in COPYRIGHT-library.html".to_owned(),
    })
}

struct Package {
    version: String,
    /// How to get its source.
    source: String,
}

/// Copies the copyright file of a package of Debian, and the texts that it refers to.
fn debian(package: &str, folder: &Path, place: &str, common: &[&str]) -> Result<Package, String> {
    let name = package.split(':').next().unwrap_or(package);
    copy(
        &Path::new("/usr/share/doc").join(name).join("copyright"),
        &folder.join(place).join("copyright"),
    )?;
    for text in common {
        copy(&Path::new(COMMON).join(text), &folder.join(place).join(text))?;
    }
    let format = "${Version}\t${source:Package}=${source:Version}";
    let known = output(Command::new("dpkg-query").args(["-W", "-f", format, package]))?;
    let (version, source) = known.split_once('\t').unwrap_or((&known, ""));
    Ok(Package {
        version: version.to_owned(),
        source: format!(
            "Debian's {name} (source: apt-get source {source}, or Debian's snapshot archive)"
        ),
    })
}
