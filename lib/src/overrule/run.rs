//! Writing down what is accepted, and promoting.

use super::{Options, judge};
use crate::clock::SharedClock;
use crate::cluster::Tenant;
use crate::failure::{Chain, Exit, Failure};
use crate::preflight::rights;
use crate::promote::{self, Mode, Promotion};
use crate::prow::Servers;
use crate::record::{Accepted, GateRecord, Journal};
use crate::slack::{Colour, Line, Payload, Slack};
use crate::text;

/// How it ended.
#[derive(Debug)]
pub struct Overruled {
    /// The promotion.
    pub promotion: Promotion,
    /// Why Slack was not told, if so.
    pub undelivered: Option<String>,
}

impl Overruled {
    /// How the step ends.
    ///
    /// # Errors
    /// As the promotion, or because nobody was told.
    pub fn end(&self) -> Result<(), Failure> {
        self.promotion.end()?;
        match &self.undelivered {
            None => Ok(()),
            Some(why) => Err(Failure::failed(format!("the message was not delivered: {why}"))),
        }
    }
}

/// Accepts the jobs and promotes; a dry run writes down nothing.
///
/// # Errors
/// What is named cannot be accepted; those of a promotion.
pub async fn run(
    options: &Options,
    tenant: &Tenant,
    prow: &Servers,
    journal: &Journal,
    slack: Option<&Slack>,
    clock: &SharedClock,
) -> Result<Overruled, Failure> {
    let record = journal.record().await;
    judge(&record, &options.jobs, clock.as_ref())?;
    let writes = options.promotion.mode == Mode::Create;
    let by = rights::whoami(&tenant.cluster).await;
    if writes {
        may_release(tenant).await?;
        let at = clock.now();
        journal
            .update(|record| accept(record, options, by.as_deref(), at))
            .await?;
    }
    let promotion = promote::run(tenant, prow, journal, &options.promotion, clock).await?;
    let told = match slack.filter(|_| writes) {
        None => Ok(()),
        Some(slack) => {
            let record = journal.record().await;
            slack
                .send(&message(&record, options, by.as_deref(), &promotion), None)
                .await
                .map(drop)
        }
    };
    let undelivered = told.err().map(|error| Chain(&error).to_string());
    Ok(Overruled { promotion, undelivered })
}

/// Whoever may not make the Release accepts nothing: their name would stand beside the jobs.
async fn may_release(tenant: &Tenant) -> Result<(), Failure> {
    match rights::may(&tenant.cluster, &promote::CREATE, "create").await {
        Ok(false) => Err(Failure::failed(format!(
            "the rights do not suffice: you may not create Releases in namespace {}. nothing was accepted; the Role gate-overrider gives that right",
            tenant.namespace()
        ))),
        // What cannot be asked shows when the Release is made.
        Ok(true) | Err(_) => Ok(()),
    }
}

/// Notes each job once: a second call by the same person with the same reason is the same word.
fn accept(record: &mut GateRecord, options: &Options, by: Option<&str>, at: jiff::Timestamp) {
    for job in &options.jobs {
        let same = |noted: &Accepted| {
            (noted.job.as_str(), noted.reason.as_str(), noted.by.as_deref())
                == (job, &options.reason, by)
        };
        if !record.accepted.iter().any(same) {
            record.accepted.push(Accepted {
                job: job.clone(),
                reason: options.reason.clone(),
                by: by.map(str::to_owned),
                at,
            });
        }
    }
}

fn message(
    record: &GateRecord,
    options: &Options,
    by: Option<&str>,
    promotion: &Promotion,
) -> Payload {
    let image = record.candidate.as_ref().map(|candidate| candidate.digest.short());
    let image = image.unwrap_or("the image");
    let gate = record.gate.as_deref().unwrap_or("Release");
    let who = by.map_or_else(|| "somebody".to_owned(), |by| text::one_line(by, 120));
    let done = promotion.exit == Exit::Done;
    let (sign, colour, words) = match done {
        true => (
            "⚠️",
            Colour::Yellow,
            format!("{gate} gate: {who} promoted {image} against its verdict"),
        ),
        false => (
            "🔴",
            Colour::Red,
            format!("{gate} gate: {who} accepted jobs of {image}, and it was not promoted"),
        ),
    };
    let mut lines = vec![Line::of(format!("why: {}", options.reason))];
    let accepted = options
        .jobs
        .iter()
        .map(|job| Line::of("accepted: ").code(text::one_line(job, 200)));
    lines.extend(accepted);
    lines.push(Line::of(text::one_line(&promotion.detail, 600)));
    let footer = record.run.as_ref().map(|run| Line::of(format!("run {run}")));
    Payload {
        headline: Line::of(format!("{sign} ")).bold(words),
        colour,
        body: vec![lines],
        footer,
    }
}
