//! Keeping a record within its size, whatever is written into it.
//!
//! What a decision depends on is never cut: the request, the intents and executions, states, causes
//! and proof levels. What only people read gives way, least useful first, until the rest fits:
//! names of tests (with a count, never silently), then the length of texts, then what older
//! attempts say besides how they ended. A request that is too large by itself is refused before
//! anything is sent.

use super::{Attempt, FailingTests, GateRecord, MAX_BYTES};

/// A record is too large although all that only people read was cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TooLarge {
    /// How large it is at its smallest, in bytes.
    pub bytes: usize,
}

/// Bytes of a job's URL; one that is longer leads nowhere, and can be asked for again.
const LONGEST_URL: usize = 1000;

/// What is cut, in this order, until the record fits. Each step includes those before it.
const STEPS: [fn(&mut GateRecord); 18] = [
    |record| each(record, |attempt| keep_names(&mut attempt.flaky_tests, 10)),
    |record| each(record, |attempt| keep_names(&mut attempt.flaky_tests, 0)),
    |record| older(record, |attempt| keep_history(attempt, 0)),
    |record| each(record, |attempt| keep_history(attempt, 10)),
    |record| each(record, |attempt| keep_names(&mut attempt.failing_tests, 25)),
    |record| texts(record, 400),
    |record| each(record, |attempt| keep_names(&mut attempt.failing_tests, 10)),
    |record| each(record, |attempt| keep_names(&mut attempt.failing_tests, 5)),
    |record| each(record, |attempt| keep_history(attempt, 0)),
    |record| texts(record, 200),
    |record| older(record, |attempt| keep_names(&mut attempt.failing_tests, 0)),
    |record| each(record, |attempt| keep_names(&mut attempt.failing_tests, 2)),
    |record| texts(record, 100),
    |record| older(record, without_details),
    |record| each(record, |attempt| keep_names(&mut attempt.failing_tests, 0)),
    |record| texts(record, 40),
    few_notes,
    |record| each(record, without_long_url),
];

/// A record as it is stored, no larger than [`MAX_BYTES`].
///
/// # Errors
/// [`TooLarge`] when what must be kept does not fit.
pub fn encode(record: &mut GateRecord) -> Result<Vec<u8>, TooLarge> {
    // Never more than 50 names, however much room there is.
    each(record, |attempt| {
        keep_names(&mut attempt.failing_tests, 50);
        keep_names(&mut attempt.flaky_tests, 50);
    });
    let mut bytes = serde_json::to_vec(record).expect("a record is JSON");
    for cut in STEPS {
        if bytes.len() <= MAX_BYTES {
            return Ok(bytes);
        }
        cut(record);
        bytes = serde_json::to_vec(record).expect("a record is JSON");
    }
    if bytes.len() <= MAX_BYTES { Ok(bytes) } else { Err(TooLarge { bytes: bytes.len() }) }
}

fn each(record: &mut GateRecord, change: impl FnMut(&mut Attempt)) {
    record
        .jobs
        .iter_mut()
        .flat_map(|job| &mut job.attempts)
        .for_each(change);
}

/// All attempts but each job's last, which is the one that counts.
fn older(record: &mut GateRecord, mut change: impl FnMut(&mut Attempt)) {
    for job in &mut record.jobs {
        let count = job.attempts.len().saturating_sub(1);
        job.attempts[..count].iter_mut().for_each(&mut change);
    }
}

fn keep_names(tests: &mut FailingTests, most: usize) {
    let surplus = tests.names.len().saturating_sub(most);
    tests.names.truncate(most);
    tests.more += surplus;
}

/// What the history says is for people; whether a rerun is worth it stays.
fn keep_history(attempt: &mut Attempt, most: usize) {
    let Some(told) = &mut attempt.history else { return };
    told.tests.truncate(most);
    told.regressions.truncate(most.min(3));
    if most == 0 {
        (told.suspects, told.job_changed) = (None, None);
    }
    attempt.history.take_if(|told| told.is_empty());
}

/// How an attempt ended stays; what was said of it goes.
fn without_details(attempt: &mut Attempt) {
    (attempt.detail, attempt.reason, attempt.job_url, attempt.tests) = (None, None, None, None);
    attempt.states.clear();
    if let Some(proof) = &mut attempt.proof {
        proof.note.clear();
    }
}

fn without_long_url(attempt: &mut Attempt) {
    attempt.job_url.take_if(|url| url.len() > LONGEST_URL);
}

/// The last message is kept, which is what later ones go by; and the verdict's first reasons.
fn few_notes(record: &mut GateRecord) {
    let surplus = record.notifications.len().saturating_sub(1);
    record.notifications.drain(..surplus);
    if let Some(verdict) = &mut record.verdict {
        let more = verdict.reasons.len().saturating_sub(20);
        verdict.reasons.truncate(20);
        verdict.reasons.extend((more > 0).then(|| format!("and {more} more")));
    }
    if let Some(release) = &mut record.release {
        release.images.iter_mut().for_each(|image| image.urls.truncate(1));
    }
}

/// Cuts every text that only people read.
fn texts(record: &mut GateRecord, limit: usize) {
    let cut = |text: &mut String| shorten(text, limit);
    for job in &mut record.jobs {
        job.refusal.iter_mut().for_each(|refusal| cut(&mut refusal.reason));
        for attempt in &mut job.attempts {
            attempt.detail.iter_mut().for_each(cut);
            attempt.reason.iter_mut().for_each(cut);
            attempt
                .refusal
                .iter_mut()
                .for_each(|refusal| cut(&mut refusal.reason));
            attempt.proof.iter_mut().for_each(|proof| cut(&mut proof.note));
            attempt
                .failing_tests
                .names
                .iter_mut()
                .chain(&mut attempt.flaky_tests.names)
                .for_each(cut);
        }
    }
    record
        .verdict
        .iter_mut()
        .flat_map(|verdict| &mut verdict.reasons)
        .for_each(cut);
    for note in &mut record.notifications {
        cut(&mut note.headline);
        note.detail.iter_mut().for_each(cut);
    }
    if let Some(release) = &mut record.release {
        release.detail.iter_mut().chain(&mut release.phase).for_each(cut);
    }
}

/// Cuts a text, which may have been cut before: what was left out is counted from its whole.
fn shorten(text: &mut String, limit: usize) {
    if text.len() <= limit {
        return;
    }
    let before = text
        .strip_suffix(" bytes)")
        .and_then(|head| head.rsplit_once(" … (+"));
    let before = before.and_then(|(kept, count)| Some((kept, count.parse::<usize>().ok()?)));
    let (kept, gone) = before.unwrap_or((text, 0));
    // The mark is part of the limit: ten digits are more than a record has bytes.
    let at = kept.floor_char_boundary(limit.saturating_sub(" … (+1234567890 bytes)".len()));
    let gone = gone + kept.len() - at;
    *text = format!("{} … (+{gone} bytes)", &kept[..at]);
}

#[cfg(test)]
mod tests;
