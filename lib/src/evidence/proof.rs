//! Which image ran: what logs and variables show of it.

use std::io::{self, BufRead};

use memchr::memmem;

use super::reader::{Found, Prospect};
use super::rules::ProofMode;
use super::subject::Subject;
use crate::prow::bucket::BucketError;
use crate::record::{Proof, ProofLevel};
use crate::text;

const MARK: &[u8] = b"sha256:";

/// Hexadecimal digits of a digest.
const HEX: usize = 64;

/// What a log shows of the image.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Shown {
    /// The digest asked for stands in it.
    pub ours: bool,
    /// A digest of the image's repository that is another one: the first.
    pub other: Option<String>,
    /// The last digest of the repository, if it is another one.
    pub last: Option<String>,
}

/// Searches a stream for the image's digest, and for others of its repository, in flat memory.
///
/// # Errors
/// When the stream cannot be read.
pub fn search(input: &mut dyn BufRead, subject: &Subject) -> io::Result<Shown> {
    let repository = format!("{}@", subject.image().repository());
    let finder = memmem::Finder::new(MARK);
    // What a digest that began in one buffer needs of the next, and a repository of the one before.
    let (before, after) = (repository.len(), MARK.len() + HEX + 1);
    let mut shown = Shown::default();
    let mut window: Vec<u8> = Vec::new();
    // Up to here the window has been judged.
    let mut judged = 0;
    loop {
        let buffer = input.fill_buf()?;
        let length = buffer.len();
        let last = length == 0;
        window.extend(buffer);
        input.consume(length);
        // A digest is judged when all of it, and the byte behind it, is here.
        let end = if last { window.len() } else { window.len().saturating_sub(after).max(judged) };
        let marks = finder.find_iter(&window[judged..]).map(|at| at + judged);
        for at in marks.take_while(|at| *at < end) {
            judge(&window, at, repository.as_bytes(), subject, &mut shown);
        }
        if last {
            return Ok(shown);
        }
        let keep = end.saturating_sub(before);
        window.drain(..keep);
        judged = end - keep;
    }
}

fn judge(window: &[u8], at: usize, repository: &[u8], subject: &Subject, shown: &mut Shown) {
    let digits = &window[at + MARK.len()..];
    let Some(hex) = digits.get(..HEX).filter(|hex| hex.iter().all(u8::is_ascii_hexdigit)) else {
        return;
    };
    if digits.get(HEX).is_some_and(u8::is_ascii_hexdigit) {
        return;
    }
    let digest = format!("sha256:{}", String::from_utf8_lossy(hex).to_ascii_lowercase());
    let of_repository = window[..at].ends_with(repository);
    if subject.is(&digest) {
        shown.ours = true;
        if of_repository {
            shown.last = None;
        }
    } else if of_repository {
        shown.other.get_or_insert_with(|| digest.clone());
        shown.last = Some(digest);
    }
}

/// What was found out about the image of a run.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Findings {
    /// The values of the variable that carries the image, one for each container; `None` if the
    /// run's variables could not be read.
    pub variables: Option<Vec<String>>,
    /// Whether a log that proves is named at all.
    pub log_named: bool,
    /// Whether the image must be the last of its repository in the log, and others may stand before
    /// it.
    pub last_counts: bool,
    /// What each log that was found shows, by its path in the run's folder.
    pub logs: Vec<(String, Shown)>,
    /// Why a log is no use, or could not be read to its end.
    pub unreadable: Option<String>,
    /// Why the server could not be asked for something.
    pub unreachable: Option<String>,
}

impl Findings {
    /// Takes in that a log could not be had.
    pub fn failed(&mut self, error: &BucketError) {
        match Found::<()>::failed(error) {
            Found::Unreachable(why) => self.unreachable = Some(why),
            Found::Unreadable(why) => self.unreadable = Some(why),
            Found::Unasked | Found::Missing | Found::Broken(_) | Found::Read(()) => {}
        }
    }

    /// What looking again later could show. Neither a proof nor another image can be taken back.
    pub fn prospect(&self, subject: &Subject) -> Prospect {
        if self.level(subject).level == ProofLevel::Proven || self.contradiction(subject).is_some()
        {
            return Prospect::Complete;
        }
        let log_missing = self.log_named && (self.logs.is_empty() || self.unreadable.is_some());
        match &self.unreachable {
            Some(why) => Prospect::Unreachable(why.clone()),
            None if log_missing || self.variables.is_none() => Prospect::Missing,
            None => Prospect::Complete,
        }
    }

    /// What shows that another image ran, if anything.
    pub fn contradiction(&self, subject: &Subject) -> Option<String> {
        let image = subject.image();
        let wanted = image.digest().to_string();
        for (path, shown) in &self.logs {
            match (self.last_counts, &shown.other, &shown.last) {
                (false, Some(other), _) => {
                    return Some(format!("{path} shows {other} of {}", image.repository()));
                }
                (true, _, Some(last)) => {
                    return Some(format!(
                        "the last of {} that {path} shows is {last}",
                        image.repository()
                    ));
                }
                _ => {}
            }
        }
        let mut variables = self.variables.iter().flatten();
        let other = variables.find(|value| !value.contains(&wanted))?;
        Some(format!("the run was given {other:?} as its image"))
    }

    /// How well it is shown that this image ran, and by what.
    ///
    /// Another digest of the image's repository, in a log or in the variable, outweighs everything.
    pub fn level(&self, subject: &Subject) -> Proof {
        let proof = |level, note: String| Proof { level, note: text::one_line(&note, 400) };
        if let Some(contradiction) = self.contradiction(subject) {
            return proof(ProofLevel::Unproven, contradiction);
        }
        if let Some((path, _)) = self.logs.iter().find(|(_, shown)| shown.ours) {
            return proof(ProofLevel::Proven, path.clone());
        }
        let variables = self.variables.as_deref().unwrap_or_default();
        let log = match (
            self.log_named,
            self.unreachable.as_ref().or(self.unreadable.as_ref()),
            self.logs.as_slice(),
        ) {
            (false, ..) => "no log is named that would prove it".to_owned(),
            (true, Some(why), _) => why.clone(),
            (true, None, []) => "the log that would prove it is missing".to_owned(),
            (true, None, [(path, _), ..]) => format!("{path} does not hold the digest"),
        };
        match (&self.variables, variables) {
            (_, [_, ..]) => proof(ProofLevel::Requested, log),
            (Some(_), []) => {
                proof(ProofLevel::Unproven, format!("the run was not given the image, and {log}"))
            }
            (None, _) => proof(
                ProofLevel::Unproven,
                format!("the run's variables could not be read, and {log}"),
            ),
        }
    }
}

/// Whether a proof says that the run had another image, by the words of
/// [`Findings::contradiction`].
pub fn shows_another(proof: &Proof) -> bool {
    let words = [" shows sha256:", " shows is sha256:", " as its image"];
    proof.level == ProofLevel::Unproven && words.iter().any(|word| proof.note.contains(word))
}

/// Whether a proof is enough for a run that succeeded to have passed.
pub fn suffices(proof: &Proof, log_named: bool, mode: ProofMode) -> bool {
    match mode {
        ProofMode::Off | ProofMode::Warn => true,
        ProofMode::Enforce if log_named => proof.level == ProofLevel::Proven,
        ProofMode::Enforce => proof.level >= ProofLevel::Requested,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::image::{Digest, ImageRef};
    use crate::record::Candidate;
    use std::io::BufReader;

    fn digest(digit: char) -> String {
        format!("sha256:{}", digit.to_string().repeat(64))
    }

    fn image() -> ImageRef {
        format!("quay.io/acme/ho@{}", digit_a()).parse().unwrap()
    }

    fn subject() -> Subject {
        image().into()
    }

    fn digit_a() -> String {
        digest('a')
    }

    fn found(log: &str, size: usize) -> Shown {
        search(&mut BufReader::with_capacity(size, log.as_bytes()), &subject()).unwrap()
    }

    #[test]
    fn a_digest_is_found_wherever_the_buffers_end() {
        let log = format!("{}\n  Override: quay.io/acme/ho@{}\nmore\n", "x".repeat(333), digit_a());
        let other = format!("{}quay.io/acme/ho@{} ", "x".repeat(99), digest('b'));
        let begins = format!("quay.io/acme/ho@{}", digest('c'));
        for size in [1, 2, 7, 15, 16, 50, 64, 65, 73, 100, 4096] {
            assert_eq!(found(&log, size), Shown { ours: true, ..Shown::default() }, "{size}");
            assert_eq!(found(&other, size).other, Some(digest('b')), "{size}");
            assert_eq!(found(&begins, size).other, Some(digest('c')), "{size}");
            let both = |last| Shown { ours: true, other: Some(digest('b')), last };
            assert_eq!(found(&format!("{log}{other}"), size), both(Some(digest('b'))), "{size}");
            assert_eq!(found(&format!("{other}{log}"), size), both(None), "{size}");
            // Only a digest with its repository is the last of it.
            assert_eq!(
                found(&format!("{log}{other}{}", digit_a()), size),
                both(Some(digest('b'))),
                "{size}"
            );
        }
    }

    #[test]
    fn what_looking_again_could_show() {
        let log = |shown: Shown| vec![("a.log".to_owned(), shown)];
        let ours = || log(Shown { ours: true, ..Shown::default() });
        let other = || log(Shown { other: Some(digest('b')), ..Shown::default() });
        let why = || Some("no answer".to_owned());
        let given = |digit| Some(vec![format!("quay.io/acme/ho@{}", digest(digit))]);
        let good = || Findings { variables: given('a'), ..Findings::default() };
        let named = || Findings { log_named: true, ..good() };
        let (complete, missing) = (Prospect::Complete, Prospect::Missing);
        let unreachable = || Prospect::Unreachable("no answer".to_owned());
        for (findings, wanted) in [
            (good(), complete.clone()),
            (Findings { variables: None, ..good() }, missing.clone()),
            (Findings { unreachable: why(), ..good() }, unreachable()),
            (named(), missing.clone()),
            (Findings { logs: log(Shown::default()), ..named() }, complete.clone()),
            (Findings { logs: log(Shown::default()), unreadable: why(), ..named() }, missing),
            (Findings { unreachable: why(), ..named() }, unreachable()),
            // An unreadable log that nobody named is missed by nobody.
            (Findings { unreadable: why(), ..good() }, complete.clone()),
            // Neither a proof nor another image is taken back.
            (Findings { logs: ours(), unreachable: why(), ..named() }, complete.clone()),
            (Findings { logs: other(), unreachable: why(), ..named() }, complete.clone()),
            (Findings { variables: given('b'), unreachable: why(), ..named() }, complete),
        ] {
            assert_eq!(findings.prospect(&subject()), wanted, "{findings:?}");
        }
    }

    #[test]
    fn that_another_image_ran_is_known_by_the_words_of_its_proof() {
        let given = |digit| Some(vec![format!("quay.io/acme/ho@{}", digest(digit))]);
        let log = |last_counts, other, last| Findings {
            variables: given('a'),
            log_named: true,
            logs: vec![("a.log".to_owned(), Shown { ours: true, other, last })],
            last_counts,
            ..Findings::default()
        };
        for (findings, wanted) in [
            (log(false, Some(digest('b')), None), true),
            (log(true, None, Some(digest('b'))), true),
            (log(false, None, None), false),
            (Findings { variables: given('b'), ..Findings::default() }, true),
            (Findings { variables: given('a'), ..Findings::default() }, false),
            (Findings::default(), false),
        ] {
            let another = findings.contradiction(&subject()).is_some();
            let proof = findings.level(&subject());
            assert_eq!((another, shows_another(&proof)), (wanted, wanted), "{proof:?}");
        }
        // The same words of a proof that holds are the name of a log.
        let note = "a shows sha256: b".to_owned();
        assert!(!shows_another(&Proof { level: ProofLevel::Proven, note }));
    }

    #[test]
    fn what_is_no_digest_and_what_is_another_image() {
        for log in [
            String::new(),
            format!("quay.io/acme/ho@{}a", digit_a()),
            format!("quay.io/acme/ho@{}", &digit_a()[..70]),
            format!("quay.io/acme/other@{}", digest('b')),
            format!("quay.io/acme/ho:{}", digest('b')),
        ] {
            for size in 1..=160 {
                assert_eq!(found(&log, size), Shown::default(), "{size} of {log}");
            }
        }
        assert!(found(&digit_a().to_uppercase().replace("SHA", "sha"), 64).ours);
    }

    #[test]
    fn the_manifest_of_a_platform_is_no_other_image() {
        let index = serde_json::json!({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json", "size": 1, "digest": digest('b'),
                "platform": {"os": "linux", "architecture": "amd64"},
            }],
        });
        let index = index.to_string();
        let image: ImageRef = format!("quay.io/acme/ho@{}", Digest::of(&index)).parse().unwrap();
        let subject = Subject::of(&Candidate { index: Some(index), ..Candidate::of(image) });
        let shown = |digit| {
            let log = format!("imageID: quay.io/acme/ho@{}\n", digest(digit));
            search(&mut log.as_bytes(), &subject).unwrap()
        };
        assert_eq!(shown('b'), Shown { ours: true, ..Shown::default() });
        assert_eq!(shown('c').other, Some(digest('c')));
    }

    fn level(findings: Findings) -> ProofLevel {
        findings.level(&subject()).level
    }

    #[test]
    fn levels_of_proof() {
        let value = || Some(vec![image().to_string()]);
        let log = |ours, other: Option<char>| {
            ("log".to_owned(), Shown { ours, other: other.map(digest), last: other.map(digest) })
        };
        let base = Findings { variables: value(), log_named: true, ..Findings::default() };
        let with = |logs| Findings { logs, ..base.clone() };
        assert_eq!(level(with(vec![log(true, None)])), ProofLevel::Proven);
        assert_eq!(level(with(vec![log(false, None), log(true, None)])), ProofLevel::Proven);
        assert_eq!(level(with(vec![log(true, None), log(false, Some('b'))])), ProofLevel::Unproven);
        assert_eq!(level(with(vec![log(false, None)])), ProofLevel::Requested);
        assert_eq!(level(with(vec![])), ProofLevel::Requested);
        let last = |ours, last: Option<char>| {
            let shown = Shown { ours, other: Some(digest('b')), last: last.map(digest) };
            Findings { last_counts: true, ..with(vec![("log".to_owned(), shown)]) }
        };
        assert_eq!(level(last(true, None)), ProofLevel::Proven);
        assert_eq!(level(last(true, Some('b'))), ProofLevel::Unproven);
        assert_eq!(level(last(false, Some('b'))), ProofLevel::Unproven);
        let given = |variables| Findings { variables, ..with(vec![log(true, None)]) };
        assert_eq!(
            level(given(Some(vec![format!("quay.io/acme/ho@{}", digest('b'))]))),
            ProofLevel::Unproven
        );
        assert_eq!(
            level(given(Some(vec![image().to_string(), String::new()]))),
            ProofLevel::Unproven
        );
        assert_eq!(level(given(None)), ProofLevel::Proven);
        assert_eq!(level(Findings::default()), ProofLevel::Unproven);
        assert_eq!(
            level(Findings { variables: Some(vec![]), ..Findings::default() }),
            ProofLevel::Unproven
        );
    }

    #[test]
    fn what_suffices() {
        let proof = |level| Proof { level, note: String::new() };
        let enough = |level, named, mode| suffices(&proof(level), named, mode);
        use ProofLevel::{Proven, Requested, Unproven};
        assert!(
            enough(Proven, true, ProofMode::Enforce)
                && !enough(Requested, true, ProofMode::Enforce)
        );
        assert!(
            enough(Requested, false, ProofMode::Enforce)
                && !enough(Unproven, false, ProofMode::Enforce)
        );
        assert!(enough(Unproven, true, ProofMode::Warn) && enough(Unproven, true, ProofMode::Off));
    }
}
