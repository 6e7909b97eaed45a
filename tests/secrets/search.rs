//! Searching bytes for secrets, in every form in which one may show.

use std::path::{Path, PathBuf};

use base64::Engine;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// A secret that is looked for.
#[derive(Debug, Clone)]
pub struct Secret {
    what: &'static str,
    value: String,
}

/// Something that was found: which secret, in what form, where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hit {
    /// Which secret, and the form.
    pub what: String,
    /// The file.
    pub place: PathBuf,
}

impl Secret {
    /// A secret that is easy to find: nothing else holds it, nor half of it.
    pub fn new(what: &'static str, value: impl Into<String>) -> Self {
        Self { what, value: value.into() }
    }

    /// What it is.
    pub fn what(&self) -> &str {
        self.what
    }

    /// The value.
    pub fn value(&self) -> &str {
        &self.value
    }

    /// What it looks like in plain, percent-encoded, JSON-escaped, hex and base64 (wherever it
    /// begins in what was encoded), each whole and in halves.
    pub fn forms(&self) -> Vec<(String, Vec<u8>)> {
        let value = &self.value;
        let code = |upper: bool| -> String {
            let one = |byte: u8| match (byte.is_ascii_alphanumeric(), upper) {
                (true, _) => char::from(byte).to_string(),
                (false, true) => format!("%{byte:02X}"),
                (false, false) => format!("%{byte:02x}"),
            };
            value.bytes().map(one).collect()
        };
        let json = serde_json::Value::from(value.as_str()).to_string();
        let json = json[1..json.len() - 1].to_owned();
        let mut forms = vec![
            ("plain", value.clone()),
            ("percent-encoded", code(true)),
            ("percent-encoded", code(false)),
            ("percent-encoded", url::form_urlencoded::byte_serialize(value.as_bytes()).collect()),
            ("as JSON", json.replace('/', "\\/")),
            ("as JSON", json),
            ("hex", value.bytes().map(|byte| format!("{byte:02x}")).collect()),
        ];
        for before in 0..3 {
            // Only what does not depend on the neighbours.
            let mut bytes = vec![0; before];
            bytes.extend(value.bytes());
            bytes.truncate(bytes.len() / 3 * 3);
            for engine in [STANDARD_NO_PAD, URL_SAFE_NO_PAD] {
                forms
                    .push(("base64", engine.encode(&bytes)[(before * 8).div_ceil(6)..].to_owned()));
            }
        }
        let mut all = Vec::new();
        for (name, form) in forms {
            let (first, second) = form.split_at(form.len() / 2);
            all.push((format!("first half of {}, {name}", self.what), first.as_bytes().to_vec()));
            all.push((format!("second half of {}, {name}", self.what), second.as_bytes().to_vec()));
            all.push((format!("{}, {name}", self.what), form.into_bytes()));
        }
        for (name, form) in &all {
            assert!(form.len() >= 8, "{name} is too short to be looked for");
        }
        all
    }
}

/// What is found of the secrets in some bytes.
pub fn hits(secrets: &[Secret], place: &Path, bytes: &[u8]) -> Vec<Hit> {
    let forms = secrets.iter().flat_map(Secret::forms);
    let found = forms.filter(|(_, form)| memchr::memmem::find(bytes, form).is_some());
    found.map(|(what, _)| Hit { what, place: place.to_owned() }).collect()
}

/// What is found in all files below a folder, but for those whose path ends with one of `theirs`.
pub fn below(secrets: &[Secret], folder: &Path, theirs: &[&str]) -> Vec<Hit> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    let mut files = 0;
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).unwrap().map(Result::unwrap) {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if !theirs.iter().any(|end| path.ends_with(end)) {
                files += 1;
                found.extend(hits(secrets, &path, &std::fs::read(&path).unwrap()));
            }
        }
    }
    assert!(files > 0, "{} is empty", folder.display());
    found
}

#[test]
fn the_search_finds_every_form_and_every_half() {
    let secret = Secret::new("a token", r#"sha256~find/me+"x\y"=0123456789abcdefghijk"#);
    let dir = crate::support::Dir::new();
    for (what, form) in secret.forms() {
        let path = dir.write(
            "deep/down/log",
            [b"{\"message\":\"it said: ".as_slice(), &form, b", twice\"}\0"].concat(),
        );
        let found = below(std::slice::from_ref(&secret), path.ancestors().nth(3).unwrap(), &[]);
        assert!(found.contains(&Hit { what: what.clone(), place: path }), "{what}");
    }
    let encoded =
        base64::engine::general_purpose::STANDARD.encode(format!("robot:{}", secret.value()));
    assert!(!hits(std::slice::from_ref(&secret), Path::new("x"), encoded.as_bytes()).is_empty());
    assert_eq!(hits(&[secret], Path::new("x"), b"sha256~find me, sha256~0123"), []);
}
