//! A Release that is there: following it to its end, and the words for that.

use super::choose::name_of;
use super::end::End;
use super::run::Task;
use super::wait::{Ended, wait};
use super::{Mode, Promotion};
use crate::duration;
use crate::failure::{Chain, Exit};
use crate::konflux::{Outcome, PushedImage, Release, created_at, pipeline_run};
use crate::record::Released;

impl Task<'_> {
    /// Waits for the end of a Release, `--wait` from its creation.
    pub(super) async fn follow(&self, release: Release) -> Result<End, End> {
        let name = name_of(&release).to_owned();
        if self.options.mode == Mode::DryRun {
            let detail = format!("a dry run: Release {name} runs already, no other would be made");
            return Ok(End::Final(Box::new(ended(&release, Exit::Done, Released::False, detail))));
        }
        if self.options.wait.is_zero() {
            let detail = format!("Release {name} was not waited for");
            return Ok(ended(&release, Exit::Done, Released::Unknown, detail).into());
        }
        let created = created_at(&release.metadata).unwrap_or_else(|| self.clock.now());
        let deadline = self.clock.after(created, self.options.wait);
        let changed =
            |release: &Release, phase: &str| self.progress(release.clone(), phase.to_owned());
        Ok(match wait(self.tenant, self.clock, release, self.digest(), deadline, changed).await {
            Ended::There(release, Outcome::Released { images }) => {
                End::Final(Box::new(self.landed(&release, images, false)))
            }
            Ended::There(release, Outcome::Failed { why }) => {
                End::Final(Box::new(self.failed(&release, &why)))
            }
            Ended::There(release, Outcome::Unknown { why }) => {
                End::Final(Box::new(self.unknown(&name, Some(&release), &why)))
            }
            Ended::Gone => End::Final(Box::new(self.unknown(
                &name,
                None,
                "it was deleted before its end was seen",
            ))),
            Ended::There(release, Outcome::Running { phase })
            | Ended::TimeUp { release, phase } => {
                let phase = if phase.is_empty() { "it has not begun".to_owned() } else { phase };
                let detail = format!(
                    "Release {name} still runs ({phase}) {} after its creation; it goes on by itself, run this step again to see its end",
                    duration::human(self.options.wait)
                );
                ended(&release, Exit::Failed, Released::Unknown, detail).into()
            }
            Ended::Blind { said } => {
                let detail = format!(
                    "Release {name} is there, and its end could not be seen: {said}; run this step again"
                );
                Promotion::ended(Exit::Failed, Released::Unknown, detail)
                    .named(name)
                    .into()
            }
        })
    }

    async fn progress(&self, release: Release, phase: String) {
        let name = name_of(&release);
        match phase.is_empty() {
            true => tracing::info!(release = name, "Release {name} waits for release-service"),
            false => tracing::info!(release = name, phase, "Release {name}: {phase} runs"),
        }
        let run = pipeline_run(&release).map(str::to_owned);
        let noted = self.note(|noted| {
            noted.phase = Some(phase.clone()).filter(|phase| !phase.is_empty());
            if run.is_some() {
                noted.pipeline_run.clone_from(&run);
            }
        });
        if let Err(error) = noted.await {
            // The Release goes on; its end will be written, or that will fail loudly.
            tracing::warn!("the Release's phase is not in the record: {}", Chain(&error));
        }
    }

    pub(super) fn landed(
        &self,
        release: &Release,
        images: Vec<PushedImage>,
        found: bool,
    ) -> Promotion {
        let name = name_of(release);
        let what = if found { "had landed already" } else { "has landed" };
        let pushed = match images.iter().find(|image| image.digest == self.digest().as_str()) {
            Some(image) => format!("pushed {} {}", image.name, image.digest),
            None => "it names no pushed image: everything had been pushed before".to_owned(),
        };
        let released = if self.writes() { Released::True } else { Released::False };
        let promotion =
            ended(release, Exit::Done, released, format!("Release {name} {what}; {pushed}"));
        Promotion { images, ..promotion }
    }

    pub(super) fn failed(&self, release: &Release, why: &str) -> Promotion {
        let detail = format!("Release {} failed: {why}. --again makes another", name_of(release));
        ended(release, Exit::Failed, Released::False, detail)
    }

    pub(super) fn unknown(&self, name: &str, release: Option<&Release>, why: &str) -> Promotion {
        let detail = format!(
            "what became of Release {name} is not known: {why}. nothing more is done; look for the digest in its target repository before a new run releases it"
        );
        match release {
            Some(release) => ended(release, Exit::Unsafe, Released::Unknown, detail),
            None => Promotion::ended(Exit::Unsafe, Released::Unknown, detail).named(name),
        }
    }
}

fn ended(release: &Release, exit: Exit, released: Released, detail: String) -> Promotion {
    Promotion {
        pipeline_run: pipeline_run(release).map(str::to_owned),
        completed_at: release.status.as_ref().and_then(|status| status.completion_time),
        ..Promotion::ended(exit, released, detail).named(name_of(release))
    }
}
