//! A consumer's question: did this image pass that gate? Where the bundle comes from, and how the
//! answer is said.

use std::io::Read;
use std::path::Path;

use jiff::Timestamp;
use serde_json::json;

use super::bundle::{MAX_BYTES, Signed};
use super::key::PublicKey;
use super::push::{self, Lookup};
use super::statement::Statement;
use super::verify::{Answer, Expected, Found, statement_of, verify};
use crate::failure::Failure;
use crate::registry::Registry;
use crate::{duration, text};

/// How many gates a refusal names.
const SHOWN: usize = 5;

/// The bundle that the flags name: `--bundle`, or that of `--repository`, which `open` opens.
///
/// # Errors
/// Exit 2 unless one of them is given, or when the file cannot be read; exit 3 where the repository
/// has none, since nothing says that the image passed; exit 1 where the registry does not answer, or
/// holds something else there.
pub async fn bundle(
    file: Option<&Path>,
    repository: Option<&str>,
    expected: &Expected,
    open: impl FnOnce(&str) -> Result<Registry, Failure>,
) -> Result<Vec<u8>, Failure> {
    match (file, repository) {
        (Some(file), None) => from_file(file),
        (None, Some(repository)) => from_registry(&open(repository)?, repository, expected).await,
        _ => Err(Failure::misuse("expected either --bundle FILE or --repository REPOSITORY")),
    }
}

fn from_file(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(MAX_BYTES as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| {
            Failure::misuse(format!(
                "--bundle: cannot read {}: {error}; expected a Sigstore bundle",
                path.display()
            ))
        })?;
    Ok(bytes)
}

async fn from_registry(
    registry: &Registry,
    repository: &str,
    expected: &Expected,
) -> Result<Vec<u8>, Failure> {
    let (image, gate) = (&expected.image, &expected.gate);
    match push::find(registry, image, gate).await.map_err(Failure::failed)? {
        Lookup::Found(found) => found.bundle.ok_or_else(|| {
            Failure::failed(format!(
                "{repository}@{} holds no Sigstore bundle, so it cannot be judged",
                found.digest
            ))
        }),
        Lookup::Missing { others } => {
            let others = match &others[..] {
                [] => "nor of any other gate".to_owned(),
                others => format!("only of {}", text::some_of(others, SHOWN)),
            };
            Err(Failure::refused(format!(
                "{repository} has no verdict of the gate {gate:?} on {image}, {others}"
            )))
        }
    }
}

/// An answer, with how it is said.
#[derive(Debug)]
pub struct Said {
    answer: Answer,
    expected: Expected,
    now: Timestamp,
}

impl Said {
    /// Judges a bundle.
    pub fn of(bundle: &[u8], key: &PublicKey, expected: Expected, now: Timestamp) -> Self {
        Self { answer: verify(bundle, key, &expected, now), expected, now }
    }

    /// For machines: `answer` is holds, no or cannot-tell; `why` has a sentence for each reason.
    pub fn json(&self) -> String {
        let (answer, why, found) = match &self.answer {
            Answer::Holds(found) => ("holds", vec![], Some(found)),
            Answer::No { found, why } => {
                ("no", why.iter().map(ToString::to_string).collect(), found.as_ref())
            }
            Answer::CannotTell(why) => ("cannot-tell", vec![why.to_string()], None),
        };
        json!({"answer": answer, "why": why, "image": self.expected.image, "found": found})
            .to_string()
    }

    /// For people.
    pub fn table(&self) -> String {
        let found = match &self.answer {
            Answer::Holds(found) => found,
            Answer::No { found: Some(found), .. } => found,
            _ => return String::new(),
        };
        rows(found, self.now)
            .into_iter()
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| format!("{name:<10} {}\n", text::one_line(&value, 2000)))
            .collect()
    }

    /// The statement, where it holds.
    pub fn statement(&self, bundle: &[u8]) -> Option<Statement> {
        let holds = matches!(self.answer, Answer::Holds(_));
        let signed = Signed::read(bundle).ok().filter(|_| holds)?;
        statement_of(signed.payload()).ok()
    }

    /// How the step ends: 0 holds, 3 no, 1 cannot tell.
    ///
    /// # Errors
    /// Unless it holds.
    pub fn end(self) -> Result<(), Failure> {
        match self.answer {
            Answer::Holds(_) => Ok(()),
            Answer::No { why, .. } => {
                let why: Vec<_> = why.iter().map(ToString::to_string).collect();
                Err(Failure::refused(why.join("; ")))
            }
            Answer::CannotTell(why) => Err(Failure::failed(why)),
        }
    }
}

fn rows(found: &Found, now: Timestamp) -> Vec<(&'static str, String)> {
    let decided = found.decided_at.map(|at| {
        let age = std::time::Duration::try_from(now.duration_since(at)).unwrap_or_default();
        format!("{at}, {} ago", duration::human(age))
    });
    let accepted = found.overrides.iter().map(|accepted| {
        let by = accepted.by.as_deref().unwrap_or("somebody");
        format!("{} by {by}: {}", accepted.job, accepted.reason)
    });
    let policy = found.policy.iter().map(|(name, value)| format!("{name} {value}"));
    vec![
        ("result", found.result.to_string()),
        ("accepted", accepted.collect::<Vec<_>>().join("; ")),
        ("gate", found.gate.clone()),
        ("decided", decided.unwrap_or_default()),
        ("passed", found.passed.join(", ")),
        ("failed", found.failed.join(", ")),
        ("undecided", found.undecided.join(", ")),
        ("rules", policy.collect::<Vec<_>>().join(", ")),
        ("images", found.images.join(", ")),
        ("see", found.url.clone().unwrap_or_default()),
    ]
}

#[cfg(test)]
mod tests {
    use super::super::samples::{accepted, expected, job, key, now, public, verdict};
    use super::super::statement::Statement;
    use super::super::verdict::End;
    use super::super::{bundle, verify::Overrides};
    use super::*;
    use crate::failure::Exit;

    #[test]
    fn an_answer_for_people_and_one_for_machines() {
        let mut warned = verdict();
        warned.blocking[0] = accepted(job("e2e-aks", End::Failed));
        let bundle = bundle::sign(&Statement::of(&warned).bytes(), &key()).unwrap();
        let lenient = Expected { overrides: Overrides::Accepted, ..expected() };
        let said = Said::of(&bundle, &public("open.pub"), lenient, now());
        let table = said.table();
        assert!(table.starts_with("result     WARNED\naccepted   e2e-aks by jane@"), "{table}");
        assert!(table.contains("decided    2026-08-20T03:20:11Z, 1h09m ago"), "{table}");
        let json: serde_json::Value = serde_json::from_str(&said.json()).unwrap();
        assert_eq!(
            (&json["answer"], &json["found"]["result"]),
            (&"holds".into(), &"WARNED".into())
        );
        assert!(said.statement(&bundle).is_some() && said.end().is_ok());

        let said = Said::of(&bundle, &public("open.pub"), expected(), now());
        let json: serde_json::Value = serde_json::from_str(&said.json()).unwrap();
        assert_eq!(json["answer"], "no");
        // What was signed is shown all the same, and is nothing to go by.
        assert_eq!(said.table(), table);
        assert!(said.statement(&bundle).is_none());
        let failure = said.end().unwrap_err();
        assert_eq!(failure.exit, Exit::Refused);
        assert!(failure.error.to_string().contains("a person accepted"), "{failure:?}");

        let said = Said::of(b"{}", &public("open.pub"), expected(), now());
        assert!(said.json().contains("cannot-tell"));
        assert_eq!(said.end().unwrap_err().exit, Exit::Failed);
    }

    /// What was cut off could look like a bundle.
    #[test]
    fn a_file_that_is_too_large_stays_too_large() {
        let mut bundle = bundle::sign(&Statement::of(&verdict()).bytes(), &key()).unwrap();
        bundle.resize(MAX_BYTES + 2, b' ');
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("bundle.json");
        std::fs::write(&path, bundle).unwrap();
        let read = from_file(&path).unwrap();
        let said = Said::of(&read, &public("open.pub"), expected(), now());
        assert!(said.json().contains("larger than 4 MiB"), "{}", said.json());
        assert_eq!(read.len(), MAX_BYTES + 1, "no more of it is read");
    }

    #[test]
    fn a_bundle_that_cannot_be_read_is_misuse() {
        let failure = from_file(Path::new("/nowhere/bundle.json")).unwrap_err();
        assert_eq!(failure.exit, Exit::Misuse);
        assert!(
            failure
                .error
                .to_string()
                .starts_with("--bundle: cannot read /nowhere")
        );
    }
}
