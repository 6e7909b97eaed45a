//! The step from its options to its end.

use std::time::Duration;

use super::asked::Asked;
use super::begin::{begin, known};
use super::book::{Book, DocumentError};
use super::document::{Document, Ended as Over};
use super::run::{Bisect, BisectError};
use super::{Next, next, words};
use crate::clock::SharedClock;
use crate::cluster::Tenant;
use crate::collect::policy::Policy;
use crate::failure::{Chain, Failure, OrExit};
use crate::history::keep::Place;
use crate::name::ObjectName;
use crate::prow::Servers;
use crate::slack::{Line, Slack};
use crate::snapshot::ComponentName;

/// Everything that bisect-gate is given.
#[derive(Debug, Clone)]
pub struct Options {
    /// What is looked for.
    pub asked: Asked,
    /// `--application`.
    pub application: Option<ObjectName>,
    /// `--component`, `--component-version`.
    pub component: Option<ComponentName>,
    /// `--timeout`: how long a run may take.
    pub timeout: Duration,
    /// `--bucket`.
    pub buckets: Vec<String>,
}

/// What is outside.
#[derive(Debug)]
pub struct Outside {
    /// The bisect's record.
    pub book: Book,
    /// Where Snapshots and gate records are.
    pub tenant: Tenant,
    pub prow: Servers,
    /// Where the jobs' histories are, if anywhere.
    pub histories: Option<Place>,
    /// Who is told at the end, if anybody.
    pub slack: Option<Slack>,
    pub clock: SharedClock,
}

/// How a bisect stands when the step ends.
#[derive(Debug)]
pub struct Ended {
    /// All that is known of it.
    pub document: Document,
    /// Why the message was not delivered.
    pub undelivered: Option<String>,
}

/// Finds the first bad Snapshot, from wherever the record stands, and tells.
///
/// # Errors
/// Misuse for what is missing or contradicts the record; why it cannot go on now.
pub async fn run(options: &Options, outside: &Outside) -> Result<Ended, Failure> {
    let missing = || {
        Failure::misuse("--gangway-token-file: expected a file with Gangway's token, found none")
    };
    let token = outside.prow.token.clone().ok_or_else(missing)?;
    token.read().misuse()?;
    let document = match outside.book.load().await.map_err(BisectError::from)? {
        Some(found) => found,
        None => {
            let (document, past) = begin(options, outside).await?;
            let document = outside.book.begin(document).await.map_err(BisectError::from)?;
            for line in words::preview(&document, past.usual).lines() {
                tracing::info!("{line}");
            }
            document
        }
    };
    compare(options, &outside.book, &document)?;
    let policy = Policy {
        timeout: options.timeout,
        rules: options.asked.proof.with(Some(&document.policy)).misuse()?,
        buckets: options.buckets.clone(),
        ..Policy::default()
    };
    let bisect = Bisect {
        book: outside.book.clone(),
        prow: outside.prow.clone(),
        token,
        clock: outside.clock.clone(),
        cluster: Some(outside.tenant.cluster.clone()),
        policy,
        namespace: Some(outside.tenant.namespace().to_owned()),
    };
    let document = bisect.run().await?;
    Ok(tell(document, outside).await)
}

/// What a run would do, or where one stands.
#[derive(Debug)]
pub struct Preview {
    /// For people.
    pub text: String,
    /// For machines.
    pub json: String,
}

/// Shows what a run would do, or where one stands. Sends and writes nothing.
///
/// # Errors
/// Those of [`run`].
pub async fn dry_run(options: &Options, outside: &Outside) -> Result<Preview, Failure> {
    if let Some(token) = &outside.prow.token {
        token.read().misuse()?;
    }
    let found = outside.book.load().await.map_err(BisectError::from)?;
    let Some(document) = found else {
        let (document, past) = begin(options, outside).await?;
        let text = words::preview(&document, past.usual);
        return Ok(Preview { text, json: words::as_json(&document, past.usual) });
    };
    compare(options, &outside.book, &document)?;
    let past = known(&document, outside).await;
    let parts = [words::preview(&document, past.usual), words::table(&document)];
    Ok(Preview { text: parts.join("\n"), json: words::as_json(&document, past.usual) })
}

/// Ends a bisect for good: whoever works on it ends too, within a minute.
///
/// # Errors
/// Misuse where there is none; why it cannot be written.
pub async fn stop(
    options: &Options,
    book: &Book,
    clock: &SharedClock,
) -> Result<Document, Failure> {
    let Some(found) = book.load().await.map_err(BisectError::from)? else {
        let place = book.place();
        return Err(Failure::misuse(format!(
            "{place} does not exist; expected the record of the bisect to stop"
        )));
    };
    compare(options, book, &found)?;
    let over = Over { at: clock.now(), stopped: true, told: None };
    let change = |document: &mut Document| {
        document.ended.get_or_insert_with(|| over.clone());
    };
    Ok(book.change(change).await.map_err(BisectError::from)?)
}

/// Whether the record is of what the flags ask for.
fn compare(options: &Options, book: &Book, found: &Document) -> Result<(), Failure> {
    match options.asked.difference(found) {
        None => Ok(()),
        Some(difference) => Err(BisectError::Other { place: book.place(), difference }.into()),
    }
}

/// Tells Slack of the end, unless that was done.
async fn tell(document: Document, outside: &Outside) -> Ended {
    let told = document.ended.as_ref().and_then(|ended| ended.told) == Some(true);
    let Some(slack) = outside.slack.as_ref().filter(|_| !told) else {
        return Ended { document, undelivered: None };
    };
    let sent = slack.send(&words::payload(&document), None).await;
    let undelivered = sent.err().map(|error| Chain(&error).to_string());
    let delivered = undelivered.is_none();
    let note = |document: &mut Document| {
        if let Some(ended) = &mut document.ended {
            ended.told = Some(delivered);
        }
    };
    let noted: Result<Document, DocumentError> = outside.book.change(note).await;
    if let Err(error) = &noted {
        tracing::warn!("that the message was sent is not noted: {}", Chain(error));
    }
    Ended { document: noted.unwrap_or(document), undelivered }
}

impl Ended {
    /// The first bad Snapshot, if it was found.
    pub fn first_bad(&self) -> Option<&str> {
        match next(&self.document.seen(), &self.document.rules) {
            Next::Found(answer) => Some(&self.document.range[answer.bad].snapshot),
            _ => None,
        }
    }

    /// The end in one line.
    pub fn summary(&self) -> String {
        let lines: Vec<String> = words::end(&self.document).iter().map(Line::plain).collect();
        lines.join("; ")
    }

    /// What the step ends with.
    ///
    /// # Errors
    /// Exit 3 where there is no first bad Snapshot, exit 1 where it was stopped or nobody was told.
    pub fn end(&self) -> Result<(), Failure> {
        if let Some(why) = &self.undelivered {
            return Err(Failure::failed(format!(
                "the message was not delivered: {why}; run this step again to send it"
            )));
        }
        match next(&self.document.seen(), &self.document.rules) {
            Next::Found(_) => Ok(()),
            Next::Unfound { .. } => Err(Failure::refused(self.summary())),
            Next::Run { .. } => Err(Failure::failed(self.summary())),
        }
    }
}
