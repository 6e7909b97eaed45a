//! What people see of a launch: one block per job, readable in 80 columns.

use crate::prow::gangway::Create;
use crate::record::{Class, GateRecord, JobRecord};

/// How many jobs have a run.
pub fn launched(record: &GateRecord) -> usize {
    record
        .jobs
        .iter()
        .filter(|job| job.attempts.iter().any(|attempt| attempt.execution.is_some()))
        .count()
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
    lines.join("\n")
}

fn state(job: &JobRecord) -> String {
    match (job.attempts.first(), &job.refusal) {
        (_, Some(refusal)) => format!("not launched: {}", refusal.reason),
        (Some(attempt), None) => match (&attempt.execution, attempt.adopted) {
            (Some(id), true) => format!("runs as {id} (found by its key)"),
            (Some(id), false) => format!("runs as {id}"),
            (None, _) => "its launch was begun".to_owned(),
        },
        (None, None) => "not launched yet".to_owned(),
    }
}

/// What would be sent, for a dry run.
pub fn preview(orders: &[(Class, Create)]) -> String {
    let mut lines =
        vec![format!("{} jobs would be launched; nothing was sent or written", orders.len())];
    for (class, order) in orders {
        lines.push(format!("  {:<10} {}", class.as_str(), order.job_name));
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
    lines.join("\n")
}

/// The same as JSON: the bodies as they would be sent.
pub fn as_json(orders: &[(Class, Create)]) -> serde_json::Value {
    let bodies = orders
        .iter()
        .map(|(_, order)| serde_json::to_value(order).unwrap_or_default());
    serde_json::Value::Array(bodies.collect())
}
