//! What came back, noted in the record at once.

use super::attempt;
use super::{LaunchError, Launched, Launcher};
use crate::failure::Chain;
use crate::prow::gangway::{Refusal, RefusalKind};
use crate::record::{GateRecord, Intent, LaunchRefusal};

impl Launcher {
    pub(super) async fn refused(
        &self,
        job: &str,
        number: u32,
        intent: &Intent,
        refusal: &Refusal,
    ) -> Result<(), LaunchError> {
        let words = &refusal.words;
        let token_file = self.gangway.token_file().path().display();
        let reason = match refusal.kind {
            RefusalKind::Token => format!(
                "Gangway refused the token ({words}): {token_file} expired or lacks access; renew it and run this step again"
            ),
            RefusalKind::Tenant => format!("the token's owner may not run this job ({words})"),
            RefusalKind::UnknownJob => format!("Prow has no periodic job of this name ({words})"),
            RefusalKind::Order => format!("Gangway does not accept the order ({words})"),
            // Somebody else answered: no word about the job, so nothing to keep.
            RefusalKind::Address => {
                self.note(|record| attempt::not_created(record, job, number, intent))
                    .await?;
                let why = format!(
                    "no Gangway answers at {} ({words}); check --gangway-url",
                    self.gangway.host()
                );
                return Err(LaunchError::Unreachable { job: job.to_owned(), why });
            }
        };
        let refusal = LaunchRefusal {
            at: self.clock.now(),
            reason,
            token: refusal.kind == RefusalKind::Token,
        };
        self.note(|record| attempt::refused(record, job, number, intent, &refusal))
            .await?;
        // Said here, since with a token that is renewed the same attempt is free again.
        Err(LaunchError::Refused {
            job: job.to_owned(),
            reason: refusal.reason,
            token: refusal.token,
        })
    }

    pub(super) async fn note_difference(
        &self,
        job: &str,
        number: u32,
        id: &str,
        lacks: &str,
    ) -> Result<(), LaunchError> {
        let reason = format!(
            "Gangway made the run {id}, but not as ordered: {lacks}. It would test something else and is not counted; abort it"
        );
        let refusal = LaunchRefusal { at: self.clock.now(), reason, token: false };
        self.note(|record| attempt::differs(record, job, number, &refusal))
            .await
    }

    pub(super) async fn note_launched(
        &self,
        job: &str,
        number: u32,
        launched: &Launched,
    ) -> Result<(), LaunchError> {
        let now = self.clock.now();
        let noted = self
            .note(|record| attempt::launched(record, job, number, launched, now))
            .await;
        if let Err(error) = &noted {
            let id = &launched.execution;
            tracing::error!(
                job,
                execution = id,
                "{job} runs as {id}, but the record cannot say so: {}",
                Chain(error)
            );
        }
        noted
    }

    pub(super) async fn note(
        &self,
        change: impl FnMut(&mut GateRecord),
    ) -> Result<(), LaunchError> {
        Ok(self.journal.update(change).await?)
    }
}
