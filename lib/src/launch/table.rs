//! What people see of a launch: one block per job, readable in 80 columns.

use super::Preview;
use crate::matrix::{Tonight, due};
use crate::record::{Attempt, Class, GateRecord, JobRecord, Standing};

/// How many jobs have a run.
pub fn launched(record: &GateRecord) -> usize {
    record.jobs.iter().filter(|job| job.has_run()).count()
}

/// The jobs with what became of each.
pub fn table(record: &GateRecord) -> String {
    let mut lines = vec![format!("{} of {} jobs launched", launched(record), record.jobs.len())];
    for job in record
        .jobs_of(Class::Blocking)
        .chain(record.jobs_of(Class::Informing))
    {
        lines.push(format!("  {:<10} {}", job.class.as_str(), job.name));
        lines.push(format!("  {:<10} {}", "", state(job)));
    }
    if let Some(tonight) = &record.matrix {
        lines.extend(waiting(tonight));
    }
    lines.join("\n")
}

/// The jobs with `every` that do not run, with the reason.
fn waiting(tonight: &Tonight) -> impl Iterator<Item = String> {
    let plan = &tonight.plan;
    let waits = plan.choices.iter().filter(|choice| !choice.runs);
    waits.flat_map(|choice| {
        let why = due::words(choice, plan.at);
        [format!("  {:<10} {}", "not now", choice.name), format!("  {:<10} {why}", "")]
    })
}

fn state(job: &JobRecord) -> String {
    let first = job.attempts.first();
    match job.first_launch() {
        Standing::Refused(refusal, _) => format!("not launched: {}", refusal.reason),
        Standing::Free | Standing::InDoubt if first.is_some() => "its launch was begun".to_owned(),
        Standing::Free | Standing::InDoubt => "not launched yet".to_owned(),
        Standing::Running(_) | Standing::Judged(_) | Standing::Contradictory => {
            let id = first.and_then(Attempt::run).unwrap_or_default();
            match first.is_some_and(|attempt| attempt.adopted) {
                true => format!("runs as {id} (found by its key)"),
                false => format!("runs as {id}"),
            }
        }
    }
}

/// What would be done, for a dry run.
pub fn preview(preview: &Preview) -> String {
    let orders = &preview.orders;
    let mut lines =
        vec![format!("{} jobs would be launched; nothing was sent or written", orders.len())];
    for (class, order) in orders {
        lines.push(format!("  {:<10} {}", class.as_str(), order.job_name));
        let choice = preview.tonight.as_ref().and_then(|tonight| {
            let choices = &tonight.plan.choices;
            let choice = choices.iter().find(|choice| choice.name == order.job_name)?;
            Some(due::words(choice, tonight.plan.at))
        });
        lines.extend(choice.map(|choice| format!("    {choice}")));
        let options = &order.pod_spec_options;
        let kinds = [
            ("env", &options.envs),
            ("label", &options.labels),
            ("annotation", &options.annotations),
        ];
        for (kind, values) in kinds {
            lines.extend(
                values
                    .iter()
                    .map(|(name, value)| format!("    {kind:<10} {name}={value}")),
            );
        }
    }
    if let Some(tonight) = &preview.tonight {
        lines.extend(waiting(tonight));
        let now = tonight.plan.at;
        lines.extend(tonight.coverage(|_| None, now).map(|coverage| coverage.line(now)));
    }
    lines.join("\n")
}

/// The same as JSON: the bodies as they would be sent, and the choice of the jobs with `every`.
pub fn as_json(preview: &Preview) -> [(&'static str, serde_json::Value); 2] {
    let bodies = preview
        .orders
        .iter()
        .map(|(_, order)| serde_json::to_value(order).unwrap_or_default());
    let matrix = serde_json::to_value(&preview.tonight).unwrap_or_default();
    [("would_send", serde_json::Value::Array(bodies.collect())), ("matrix", matrix)]
}
