//! The report for Prometheus, as OpenMetrics text.
//!
//! Everything here is a gauge: a scrape shows the state of the records, which are pruned, so nothing
//! only ever grows. Names end in their unit (`_seconds`, `_ratio`), as OpenMetrics asks.

use prometheus_client::encoding::EncodeLabelSet;
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};
use std::sync::atomic::AtomicU64;

use super::decisions::{Decision, DecisionKind};
use super::mark::{CellMark, NightMark};
use super::model::{Gate, Report};

type Float<L> = Family<L, Gauge<f64, AtomicU64>>;
type Count<L> = Family<L, Gauge>;

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfGate {
    gate: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfOutcome {
    gate: String,
    outcome: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfJob {
    gate: String,
    job: String,
    class: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfRed {
    gate: String,
    shown: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, EncodeLabelSet)]
struct OfCell {
    gate: String,
    state: String,
}

/// The report as text, `# EOF` at its end.
///
/// # Panics
/// Never: writing into a text does not fail.
pub fn metrics(report: &Report) -> String {
    let mut registry = Registry::with_prefix("release_gate");
    let made = Gauge::<f64, AtomicU64>::default();
    made.set(epoch(report.made_at));
    registry.register_with_unit(
        "report",
        "When this was made, since the epoch",
        Unit::Seconds,
        made,
    );
    let missing = Gauge::<i64>::default();
    missing.set(i64::try_from(report.missing.len()).unwrap_or(i64::MAX));
    registry.register("sources_missing", "Sources that could not be read", missing);
    Families::of(report).register(&mut registry);
    let mut text = String::new();
    encode(&mut text, &registry).expect("a text takes everything");
    in_order(&text)
}

/// The same report gives the same text: the samples of a family come in no order of their own.
fn in_order(text: &str) -> String {
    let lines = text.lines().collect::<Vec<_>>();
    let mut sorted = String::with_capacity(text.len());
    for family in lines.chunk_by(|a, b| a.starts_with('#') == b.starts_with('#')) {
        let mut family = family.to_vec();
        if !family[0].starts_with('#') {
            family.sort_unstable();
        }
        for line in family {
            sorted.push_str(line);
            sorted.push('\n');
        }
    }
    sorted
}

fn epoch(at: jiff::Timestamp) -> f64 {
    at.as_duration().as_secs_f64()
}

#[derive(Default)]
struct Families {
    verified: Float<OfGate>,
    age: Float<OfGate>,
    limit: Float<OfGate>,
    night: Float<OfGate>,
    nights: Count<OfOutcome>,
    lead: Float<OfGate>,
    hours: Float<OfGate>,
    last: Count<OfJob>,
    rate: Float<OfJob>,
    regressions: Count<OfGate>,
    red: Count<OfRed>,
    matrix: Count<OfCell>,
    held: Count<OfGate>,
    overrides: Count<OfGate>,
    retracted: Count<OfGate>,
}

impl Families {
    fn of(report: &Report) -> Self {
        let families = Self::default();
        for gate in &report.gates {
            families.add(gate, report.made_at);
        }
        families
    }

    fn add(&self, gate: &Gate, now: jiff::Timestamp) {
        let of = OfGate { gate: gate.name.clone() };
        if let Some(verified) = &gate.verified {
            self.verified.get_or_create(&of).set(epoch(verified.at));
            self.age
                .get_or_create(&of)
                .set(now.duration_since(verified.at).as_secs_f64());
        }
        if let Some(limit) = gate.stale_after {
            self.limit.get_or_create(&of).set(limit as f64);
        }
        if let Some(night) = gate.nights.first() {
            self.night.get_or_create(&of).set(epoch(night.begun_at));
        }
        for mark in NightMark::ALL {
            let nights = gate.nights.iter().filter(|night| night.mark == mark).count();
            let of = OfOutcome { gate: gate.name.clone(), outcome: word(mark) };
            self.nights.get_or_create(&of).set(count(nights));
        }
        if let Some(lead) = gate.lead_time {
            self.lead.get_or_create(&of).set(lead.median as f64);
        }
        self.hours.get_or_create(&of).set(gate.job_seconds as f64);
        for job in &gate.jobs {
            let class = if job.blocking { "blocking" } else { "informing" }.to_owned();
            let of = OfJob { gate: gate.name.clone(), job: job.name.clone(), class };
            let ended = job.cells.iter().flatten().find(|cell| cell.mark.has_ended());
            if let Some(cell) = ended {
                self.last
                    .get_or_create(&of)
                    .set(i64::from(cell.mark == CellMark::Passed));
                self.rate.get_or_create(&of).set(job.passed as f64 / job.ended as f64);
            }
        }
        self.regressions.get_or_create(&of).set(count(gate.regressions.len()));
        if let Some(found) = &gate.false_negatives {
            let shown =
                [("wrong", found.wrong), ("right", found.right), ("unknown", found.unknown)];
            for (shown, nights) in shown {
                let of = OfRed { gate: gate.name.clone(), shown: shown.to_owned() };
                self.red.get_or_create(&of).set(i64::from(nights));
            }
        }
        let decided = |kind, counts: fn(&Decision) -> bool| {
            let found = gate.decisions.iter().filter(|decision| decision.kind == kind);
            count(found.filter(|decision| counts(decision)).count())
        };
        let held = gate.holds_in_force().next().is_some();
        self.held.get_or_create(&of).set(i64::from(held));
        let overrides = decided(DecisionKind::Override, |_| true);
        self.overrides.get_or_create(&of).set(overrides);
        let retracted = decided(DecisionKind::Retraction, |entry| entry.in_force);
        self.retracted.get_or_create(&of).set(retracted);
        if let Some(coverage) = &gate.coverage {
            let cells = [
                ("fresh", coverage.fresh),
                ("stale", coverage.stale),
                ("hole", coverage.holes),
                ("unknown", coverage.unknown),
            ];
            for (state, cells) in cells {
                let of = OfCell { gate: gate.name.clone(), state: state.to_owned() };
                self.matrix.get_or_create(&of).set(count(cells));
            }
        }
    }

    fn register(self, to: &mut Registry) {
        let seconds = || Unit::Seconds;
        to.register_with_unit(
            "verified",
            "When the newest verified image was verified, since the epoch",
            seconds(),
            self.verified,
        );
        to.register_with_unit(
            "verified_age",
            "Age of the newest verified image",
            seconds(),
            self.age,
        );
        to.register_with_unit(
            "stale_after",
            "Age from which the newest verified image is stale",
            seconds(),
            self.limit,
        );
        to.register_with_unit(
            "newest_night",
            "When the newest night began, since the epoch",
            seconds(),
            self.night,
        );
        to.register("nights", "Recorded nights by outcome", self.nights);
        to.register_with_unit(
            "lead_time",
            "Median from the first job to the verified image",
            seconds(),
            self.lead,
        );
        to.register_with_unit(
            "job_time",
            "How long jobs ran in the recorded nights",
            seconds(),
            self.hours,
        );
        to.register("job_passed", "Whether the job passed in its newest ended night", self.last);
        to.register_with_unit(
            "job_passed",
            "Share of the recorded nights in which the job passed",
            Unit::Ratios,
            self.rate,
        );
        to.register("regressions", "Open regressions", self.regressions);
        to.register("red_nights", "Red nights by what later runs showed of them", self.red);
        to.register("held", "Whether a hold keeps promotions back", self.held);
        to.register("overrides", "Jobs accepted by people in the recorded nights", self.overrides);
        to.register("retracted_images", "Images that were taken back", self.retracted);
        to.register("matrix_cells", "Cells of the version matrix by state", self.matrix);
    }
}

fn word(mark: NightMark) -> String {
    let value = serde_json::to_value(mark).ok();
    value
        .and_then(|value| value.as_str().map(str::to_owned))
        .unwrap_or_default()
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
