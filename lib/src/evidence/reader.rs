//! What the bucket holds of a run that has ended.
//!
//! Everything is bounded and nothing is trusted to be there: a missing or broken file is noted and
//! the rest is read.

use std::io::BufRead;

use super::proof::{Findings, Shown, search};
use super::subject::Subject;
use crate::failure::Chain;
use crate::glob::{Glob, part_matches};
use crate::prow::bucket::{Bucket, BucketError, Streamed};
use crate::prow::finished::Finished;
use crate::prow::job_url::JobUrl;
use crate::prow::operator::{StepGraph, never_began, reasons};
use crate::prow::prowjob::ProwJob;
use crate::text;

pub(super) const MIB: u64 = 1024 * 1024;

/// `prowjob.json` (2 MiB).
const MAX_PROWJOB: u64 = 2 * MIB;

/// A log (512 MiB unpacked).
const MAX_LOG: u64 = 512 * MIB;

/// Logs that a pattern may match.
const MAX_LOGS: usize = 100;

/// `junit_operator.xml` (64 MiB).
const MAX_GRAPH: u64 = 64 * MIB;

/// `finished.json` (1 MiB).
const MAX_FINISHED: u64 = MIB;

/// Objects looked through.
pub(super) const MAX_LISTED: usize = 50_000;

/// Something that may be missing or unreadable.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Found<T> {
    /// It was not looked for.
    #[default]
    Unasked,
    /// It is not there.
    Missing,
    /// It is there, and it is not what it should be, or too large: why.
    Unreadable(String),
    /// It was read to its end, and it breaks off or says nothing: why.
    Broken(String),
    /// Whether it is there could not be found out, or not all of it came: why.
    Unreachable(String),
    /// Here it is.
    Read(T),
}

impl Found<()> {
    /// The same of something else: why it could not be had.
    pub fn same<T>(&self) -> Found<T> {
        match self {
            Self::Unasked => Found::Unasked,
            Self::Missing | Self::Read(()) => Found::Missing,
            Self::Unreadable(why) => Found::Unreadable(why.clone()),
            Self::Broken(why) => Found::Broken(why.clone()),
            Self::Unreachable(why) => Found::Unreachable(why.clone()),
        }
    }
}

impl<T> Found<T> {
    /// The thing, if it was read.
    pub fn read(&self) -> Option<&T> {
        match self {
            Self::Read(thing) => Some(thing),
            _ => None,
        }
    }

    /// Why the server could not be asked, if so.
    pub fn unreachable(&self) -> Option<&str> {
        match self {
            Self::Unreachable(why) => Some(why),
            _ => None,
        }
    }

    /// Why it is broken, if it was read and is.
    pub fn broken(&self) -> Option<&str> {
        match self {
            Self::Broken(why) => Some(why),
            _ => None,
        }
    }

    /// Why it was not read, if it is there or may be there.
    pub fn refused(&self) -> Option<&str> {
        match self {
            Self::Unreadable(why) | Self::Unreachable(why) => Some(why),
            Self::Unasked | Self::Missing | Self::Broken(_) | Self::Read(_) => None,
        }
    }

    /// What an error of the bucket comes to: only some are the server's word on the thing.
    pub fn failed(error: &BucketError) -> Self {
        match error {
            BucketError::TooLarge { .. } | BucketError::NoBucket { .. } => {
                Self::Unreadable(said(error))
            }
            _ => Self::Unreachable(said(error)),
        }
    }
}

/// What looking again at a run that has ended could show.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prospect {
    /// Nothing that matters.
    Complete,
    /// What the server said is not there, or no use: the last files can come after the state.
    Missing,
    /// What the server could not be asked: why. That says nothing about the run.
    Unreachable(String),
}

impl Prospect {
    /// The same where it is not worth a long wait.
    pub fn hurried(self) -> Self {
        match self {
            Self::Unreachable(_) => Self::Missing,
            other => other,
        }
    }

    /// What two parts of the evidence have in prospect.
    pub fn or(self, other: Self) -> Self {
        match (self, other) {
            (Self::Unreachable(why), _) | (_, Self::Unreachable(why)) => Self::Unreachable(why),
            (Self::Missing, _) | (_, Self::Missing) => Self::Missing,
            (Self::Complete, Self::Complete) => Self::Complete,
        }
    }
}

/// Reads a run's folder.
#[derive(Debug, Clone, Copy)]
pub struct Reader<'a> {
    /// The bucket's server.
    pub bucket: &'a Bucket,
    /// The run's folder.
    pub folder: &'a JobUrl,
}

impl Reader<'_> {
    /// `prowjob.json`, if it is that of the execution.
    pub async fn prowjob(&self, execution: &str) -> Found<ProwJob> {
        match self.prowjob_of_anybody().await {
            Found::Read(job) if job.id != execution => {
                Found::Unreadable("prowjob.json is that of another run".to_owned())
            }
            other => other,
        }
    }

    /// `prowjob.json`, whichever execution's it is.
    pub async fn prowjob_of_anybody(&self) -> Found<ProwJob> {
        match self.bucket.get(self.folder, "prowjob.json", MAX_PROWJOB).await {
            Ok(None) => Found::Missing,
            Err(error) => Found::failed(&error),
            Ok(Some(bytes)) => match ProwJob::from_json(&bytes) {
                Ok(job) => Found::Read(job),
                // A sign-in or a proxy's page, most likely.
                Err(_) => Found::Unreachable("prowjob.json is no ProwJob".to_owned()),
            },
        }
    }

    /// What shows which image ran.
    pub async fn findings(
        &self,
        subject: &Subject,
        variables: Option<Vec<String>>,
        logs: &[Glob],
        last_counts: bool,
    ) -> Findings {
        let mut findings =
            Findings { variables, log_named: !logs.is_empty(), last_counts, ..Findings::default() };
        for pattern in logs {
            match self.expand(pattern).await {
                Ok(paths) => {
                    for path in paths {
                        self.log(subject, path, &mut findings).await;
                    }
                }
                Err(error) => findings.failed(&error),
            }
        }
        findings
    }

    async fn log(&self, subject: &Subject, path: String, findings: &mut Findings) {
        if findings.logs.iter().any(|(seen, _)| *seen == path) {
            return;
        }
        let wanted = subject.clone();
        let read = move |input: &mut dyn BufRead| search(input, &wanted);
        match self.bucket.stream(self.folder, &path, MAX_LOG, read).await {
            Ok(None) => {}
            Ok(Some(Streamed { value: Ok(shown), cut })) => searched(findings, path, shown, cut),
            Ok(Some(Streamed { value: Err(error), .. })) => {
                findings.unreachable = Some(format!("{path} is damaged: {error}"));
            }
            Err(error) => findings.failed(&error),
        }
    }

    /// The objects that fit a pattern.
    ///
    /// # Errors
    /// When the bucket cannot be listed.
    pub async fn existing(&self, pattern: &Glob) -> Result<Vec<String>, BucketError> {
        let mut existing = Vec::new();
        for path in self.expand(pattern).await? {
            let listed = self
                .bucket
                .list(self.folder.bucket(), &self.folder.object(&path), Some("/"), MAX_LOGS)
                .await?;
            if listed
                .objects
                .iter()
                .any(|object| object.name == self.folder.object(&path))
            {
                existing.push(path);
            }
        }
        Ok(existing)
    }

    /// The paths that can fit a pattern; one without a wildcard at its end may turn out to be
    /// missing.
    async fn expand(&self, pattern: &Glob) -> Result<Vec<String>, BucketError> {
        let parts = pattern.parts();
        if parts.iter().any(|part| part == "**") {
            let fixed: String = pattern.fixed().iter().map(|part| format!("{part}/")).collect();
            let paths = self.below(&fixed, None).await?.0;
            return Ok(paths
                .into_iter()
                .filter(|path| pattern.matches(path))
                .take(MAX_LOGS)
                .collect());
        }
        let mut found = vec![String::new()];
        for (index, part) in parts.iter().enumerate() {
            let last = index + 1 == parts.len();
            if !part.contains(['*', '?']) {
                found.iter_mut().for_each(|path| path.push_str(part));
            } else {
                let mut longer = Vec::new();
                for path in &found {
                    let (objects, folders) = self.below(path, Some("/")).await?;
                    let fits = |name: &String| {
                        part_matches(part, name[path.len()..].trim_end_matches('/'))
                    };
                    let names = if last { objects } else { folders };
                    longer.extend(
                        names
                            .into_iter()
                            .filter(fits)
                            .map(|name| name.trim_end_matches('/').to_owned()),
                    );
                }
                found = longer;
                found.truncate(MAX_LOGS);
            }
            if !last {
                found.iter_mut().for_each(|path| path.push('/'));
            }
        }
        Ok(found)
    }

    /// Objects and folders below a path of the run's folder, as paths of that folder.
    async fn below(
        &self,
        path: &str,
        delimiter: Option<&str>,
    ) -> Result<(Vec<String>, Vec<String>), BucketError> {
        let root = self.folder.object("");
        let listing = self
            .bucket
            .list(self.folder.bucket(), &self.folder.object(path), delimiter, MAX_LISTED)
            .await?;
        let own = |name: String| name.strip_prefix(&root).map(str::to_owned);
        let objects = listing
            .objects
            .into_iter()
            .filter_map(|object| own(object.name))
            .collect();
        Ok((objects, listing.prefixes.into_iter().filter_map(own).collect()))
    }

    /// `finished.json`.
    pub async fn finished(&self) -> Found<Finished> {
        match self.bucket.get(self.folder, "finished.json", MAX_FINISHED).await {
            Ok(None) => Found::Missing,
            Ok(Some(bytes)) => Finished::read(&bytes).map_or_else(
                || Found::Broken("finished.json is no JSON object".to_owned()),
                Found::Read,
            ),
            Err(error) => Found::failed(&error),
        }
    }

    /// `junit_operator.xml`.
    pub async fn graph(&self) -> Found<StepGraph> {
        let read = |input: &mut dyn BufRead| StepGraph::read(input);
        match self
            .bucket
            .stream(self.folder, "artifacts/junit_operator.xml", MAX_GRAPH, read)
            .await
        {
            Ok(None) => Found::Missing,
            Ok(Some(Streamed { value: Ok(Some(graph)), cut: false })) => Found::Read(graph),
            Ok(Some(Streamed { cut: true, .. })) => {
                Found::Unreadable("junit_operator.xml is too large".to_owned())
            }
            Ok(Some(_)) => Found::Broken("junit_operator.xml breaks off".to_owned()),
            Err(error) => Found::failed(&error),
        }
    }

    /// What `junit_job.xml` says of ci-operator's own beginning: its case `initialize` failed.
    pub async fn never_began(&self) -> Found<String> {
        let read = |input: &mut dyn BufRead| never_began(input);
        match self
            .bucket
            .stream(self.folder, "artifacts/junit_job.xml", MAX_GRAPH, read)
            .await
        {
            Ok(None) => Found::Missing,
            Ok(Some(Streamed { value: Ok(Some(why)), .. })) => Found::Read(why),
            Ok(Some(_)) => Found::Broken("junit_job.xml names no failure".to_owned()),
            Err(error) => Found::failed(&error),
        }
    }

    /// ci-operator's reasons in `build-log.txt`.
    pub async fn reasons(&self) -> Found<Vec<String>> {
        let read = |input: &mut dyn BufRead| reasons(input);
        match self.bucket.stream(self.folder, "build-log.txt", MAX_LOG, read).await {
            Ok(None) => Found::Missing,
            Ok(Some(Streamed { value: Ok(reasons), .. })) => Found::Read(reasons),
            Ok(Some(Streamed { value: Err(error), .. })) => {
                Found::Unreachable(format!("build-log.txt: {error}"))
            }
            Err(error) => Found::failed(&error),
        }
    }
}

pub(super) fn said(error: &BucketError) -> String {
    text::one_line(&Chain(error).to_string(), 300)
}

/// Notes what a log shows. One that was cut off before it showed anything says nothing of what
/// follows, and where the last image counts it says nothing at all.
fn searched(findings: &mut Findings, path: String, shown: Shown, cut: bool) {
    let shown = if cut && findings.last_counts { Shown::default() } else { shown };
    if cut && shown == Shown::default() {
        findings.unreadable = Some(format!("{path} is larger than {} MiB", MAX_LOG / MIB));
    }
    findings.logs.push((path, shown));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_that_was_cut_off_is_not_one_that_shows_nothing() {
        let unreadable = |shown: Shown, cut: bool, last_counts: bool| {
            let mut findings = Findings { last_counts, ..Findings::default() };
            searched(&mut findings, "a.log".to_owned(), shown.clone(), cut);
            let shown = if cut && last_counts { Shown::default() } else { shown };
            assert_eq!(findings.logs, [("a.log".to_owned(), shown)]);
            findings.unreadable
        };
        let shows = || Shown { ours: true, ..Shown::default() };
        assert_eq!(unreadable(Shown::default(), false, false), None);
        assert_eq!(
            unreadable(Shown::default(), true, false).as_deref(),
            Some("a.log is larger than 512 MiB")
        );
        assert_eq!(
            (unreadable(shows(), false, false), unreadable(shows(), true, false)),
            (None, None)
        );
        assert_eq!(unreadable(shows(), false, true), None);
        assert!(unreadable(shows(), true, true).is_some(), "another image may come after");
    }
}
