//! From the record to a statement, a bundle, and where they go.

use super::verdict::{candidate, of_record};
use super::{Attested, Options, Servers, overrides};
use crate::attest::artifact::own_repository;
use crate::attest::beside::{self, BesideError};
use crate::attest::bundle;
use crate::attest::key::SigningKey;
use crate::attest::push;
use crate::attest::statement::{ResultWord, Statement};
use crate::clock::SharedClock;
use crate::evidence::Subject;
use crate::evidence::again::Again;
use crate::evidence::look::Sources;
use crate::failure::{Failure, OrExit};
use crate::notify::wait_for_release;
use crate::promote::{Unborne, bear_out};
use crate::record::{Class, GateRecord, JobRecord, Journal};
use crate::step::results::write_whole;

/// States the verdict of a record.
///
/// Where a Release is due it is waited for first: with its end the record tells where the verified
/// image went, and no bundle may go there. Everything that can be refused is refused before anything
/// is written. What was done already is found and left as it is, so that it may be done again.
///
/// # Errors
/// Exit 1 where a run cannot be read or a registry does not answer; exit 2 for input that cannot be
/// used; exit 3 where the record is contradicted, or says nothing that may go there.
pub async fn run(
    journal: &Journal,
    options: &Options,
    servers: Servers<'_>,
    clock: &SharedClock,
) -> Result<Attested, Failure> {
    options.check()?;
    // A key that cannot be read is a mistake of the caller: it is told before any waiting.
    options.key.as_ref().map(|key| key.read().misuse()).transpose()?;
    if !wait_for_release(journal, &options.waiting, clock.as_ref()).await {
        tracing::warn!("the Release has not ended in time; the verdict is stated all the same");
    }
    let record = journal.record().await;
    let accepted = overrides::accepted(&record, servers.tenant).await?;
    let verdict = of_record(&record, &options.given, &accepted)?;
    let blocking = Statement::of(&verdict);
    if let Some(repository) = &options.push {
        own(repository, &record)?;
    }
    let result = &blocking.predicate.result;
    if options.beside_candidate && !matches!(result, ResultWord::Passed | ResultWord::Warned) {
        return Err(Failure::refused(BesideError::NotPassed(result.clone())));
    }
    let step = Task { record: &record, options, servers, clock };
    step.borne_out(Class::Blocking).await?;
    let mut attested = Attested::of(&blocking, options);
    // Read again on its use: a mounted Secret may have changed while the Release was waited for.
    let key = options.key.as_ref().map(|key| key.read().misuse()).transpose()?;
    step.deliver(&blocking, key.as_ref(), &mut attested).await?;
    let wanted = options.push.is_some() || options.informing_out.is_some();
    if let Some(informing) = Statement::of_informing(&verdict).filter(|_| wanted) {
        let stated = async {
            step.borne_out(Class::Informing).await?;
            step.deliver_informing(&informing, key.as_ref()).await
        };
        // The gate's own verdict is stated: what came of it is told, and then this.
        match stated.await {
            Ok(()) => attested.informing = Some(informing.predicate.result),
            Err(failure) => attested.failure = Some(failure),
        }
    }
    Ok(attested)
}

/// A bundle goes neither beside the candidate nor where the Release pushed the image to.
fn own(repository: &str, record: &GateRecord) -> Result<(), Failure> {
    let pushed = record.release.iter().flat_map(|release| &release.images);
    let verified: Vec<String> = pushed.flat_map(|image| image.urls.clone()).collect();
    match own_repository(repository, &candidate(record)?.image, &verified) {
        None => Ok(()),
        Some(why) => Err(Failure::misuse(format!(
            "--push: {why}; expected one that holds nothing but verdicts"
        ))),
    }
}

struct Task<'a> {
    record: &'a GateRecord,
    options: &'a Options,
    servers: Servers<'a>,
    clock: &'a SharedClock,
}

impl Task<'_> {
    /// Asks the runs of the jobs that the record calls passed, unless nobody is to believe it.
    async fn borne_out(&self, class: Class) -> Result<(), Failure> {
        let passed: Vec<&JobRecord> =
            self.record.jobs_of(class).filter(|job| job.passed()).collect();
        if !self.options.vouches() || passed.is_empty() {
            return Ok(());
        }
        let rules = self.options.given.rules.with(self.record.policy.as_ref());
        let rules = rules.map_err(|wrong| {
            Failure::refused(format!("the record's {wrong}. nothing is attested"))
        })?;
        let sources = Sources {
            deck: &self.servers.prow.deck,
            bucket: &self.servers.prow.bucket,
            gangway: None,
            clock: self.clock.clone(),
        };
        let subject = Subject::of(candidate(self.record)?);
        let again =
            Again { sources, buckets: &self.options.buckets, subject: &subject, rules: &rules };
        let what = match class {
            Class::Blocking => "nothing is attested",
            Class::Informing => "the informing jobs are not attested",
        };
        match bear_out(self.record, &passed, &again).await {
            Ok(()) => Ok(()),
            Err(unborne @ Unborne::Unreadable { .. }) => Err(Failure::failed(format!(
                "{unborne}. {what}, run this step again when Deck and the artifacts answer"
            ))),
            Err(unborne) => Err(Failure::refused(format!("{unborne}. {what}"))),
        }
    }

    /// The gate's statement, everywhere that it is to go.
    async fn deliver(
        &self,
        statement: &Statement,
        key: Option<&SigningKey>,
        attested: &mut Attested,
    ) -> Result<(), Failure> {
        let bytes = signed(statement, key)?;
        if self.options.dry_run {
            return Ok(());
        }
        if let Some(path) = &self.options.out {
            write_whole(path, &bytes).map_err(|error| {
                Failure::failed(format!("--out: cannot write {}: {error}", path.display()))
            })?;
        }
        if let (Some(repository), Some(key)) = (&self.options.push, key) {
            attested.pushed = Some(self.push(repository, bytes, statement, key).await?);
        }
        if self.options.beside_candidate {
            let image = &candidate(self.record)?.image;
            let store = (self.servers.registry)(image.repository())?;
            let hung = beside::hang(store.as_ref(), image.digest(), statement).await;
            attested.hung = Some(hung.failed()?);
        }
        Ok(())
    }

    /// The statement of the informing jobs. It never goes beside the candidate: Conforma knows only by
    /// a setting of its own that a failure in it is none.
    async fn deliver_informing(
        &self,
        statement: &Statement,
        key: Option<&SigningKey>,
    ) -> Result<(), Failure> {
        let bytes = signed(statement, key)?;
        if self.options.dry_run {
            return Ok(());
        }
        if let Some(path) = &self.options.informing_out {
            write_whole(path, &bytes).map_err(|error| {
                Failure::failed(format!(
                    "--informing-out: cannot write {}: {error}",
                    path.display()
                ))
            })?;
        }
        if let (Some(repository), Some(key)) = (&self.options.push, key) {
            self.push(repository, bytes, statement, key).await?;
        }
        Ok(())
    }

    async fn push(
        &self,
        repository: &str,
        bundle: Vec<u8>,
        statement: &Statement,
        key: &SigningKey,
    ) -> Result<push::Pushed, Failure> {
        let store = (self.servers.registry)(repository)?;
        push::push(store.as_ref(), bundle, statement, &key.public())
            .await
            .failed()
    }
}

/// The bundle, or without a key the statement itself.
fn signed(statement: &Statement, key: Option<&SigningKey>) -> Result<Vec<u8>, Failure> {
    let bytes = statement.bytes();
    match key {
        None => Ok(bytes),
        Some(key) => bundle::sign(&bytes, key).failed(),
    }
}
