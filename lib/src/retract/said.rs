//! What retract-image did, for people, programs and Slack.

use serde_json::{Value, json};

use super::{Next, Options, What};
use crate::failure::{Exit, Failure};
use crate::image::Digest;
use crate::lists::Back;
use crate::slack::{Colour, Line, Payload};
use crate::text;

/// How it ended for a plan.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ended {
    /// The exit code.
    pub exit: Exit,
    /// In words.
    pub detail: String,
    /// The Release that moved the tags back.
    pub back: Option<Back>,
}

impl Ended {
    pub(super) fn done(detail: impl Into<String>) -> Self {
        Self { exit: Exit::Done, detail: detail.into(), back: None }
    }

    pub(super) fn failed(exit: Exit, detail: impl Into<String>) -> Self {
        Self { exit, detail: detail.into(), back: None }
    }

    pub(super) fn none_left(release: &str) -> Self {
        let detail = format!(
            "it is promoted no more, but the tags stay at it (Release {release}): no Snapshot of an earlier verified image is left to go back to"
        );
        Self::failed(Exit::Failed, detail)
    }

    pub(super) fn settled(
        moved: Option<Back>,
        release: Option<String>,
        digests: &[Digest],
    ) -> Self {
        let image = digests
            .first()
            .map(|digest| format!(" with image {}", digest.short()));
        let image = image.unwrap_or_default();
        let detail = match (&moved, release) {
            (Some(back), _) => format!(
                "it is promoted no more; the tags have moved back to image {}, by Release {} of {}",
                back.digest.short(),
                back.release,
                back.snapshot
            ),
            (None, Some(release)) => format!(
                "it is promoted no more; the tags are not at it: Release {release}{image} landed last"
            ),
            (None, None) => {
                "it is promoted no more; nothing has ever landed by this plan".to_owned()
            }
        };
        Self { back: moved, ..Self::done(detail) }
    }

    /// What a call in earnest would begin with.
    pub(super) fn would(next: &Next) -> Self {
        match next {
            Next::Follow { release, .. } => Self::done(format!(
                "would be retracted; Release {release} of it is in flight and would be followed first"
            )),
            Next::GoOn(back) => Self::done(format!(
                "is retracted; Release {} of {} would be followed",
                back.release, back.snapshot
            )),
            Next::Back { snapshot, digest } => Self::done(format!(
                "would be retracted, and {snapshot} with image {} be released once more",
                digest.short()
            )),
            Next::NoneLeft { release } => Self::none_left(release),
            Next::Done { .. } => Self::done(
                "would be retracted; the tags are not at it, so nothing would be released",
            ),
        }
    }
}

/// A plan, and how it ended for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The ReleasePlan.
    pub name: String,
    /// How it ended.
    pub ended: Ended,
}

/// What was done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// The image.
    pub digest: Digest,
    /// What was asked for.
    pub what: What,
    /// The plans, one by one.
    pub plans: Vec<Plan>,
    /// Why Slack was not told, if so.
    pub undelivered: Option<String>,
    /// The namespace.
    pub namespace: String,
    /// Whether nothing was changed.
    pub dry_run: bool,
}

impl Said {
    pub(super) fn new(options: &Options, namespace: &str) -> Self {
        Self {
            digest: options.digest.clone(),
            what: options.what.clone(),
            plans: Vec::new(),
            undelivered: None,
            namespace: namespace.to_owned(),
            dry_run: options.dry_run,
        }
    }

    /// How the step ends: as the plan for which it ended worst.
    ///
    /// # Errors
    /// What could not be done.
    pub fn end(self) -> Result<(), Failure> {
        let wrong = self.plans.iter().filter(|plan| plan.ended.exit != Exit::Done);
        let mut words: Vec<String> = wrong
            .clone()
            .map(|plan| format!("{}: {}", plan.name, plan.ended.detail))
            .collect();
        let unsafe_end = wrong.clone().any(|plan| plan.ended.exit == Exit::Unsafe);
        words.extend(
            self.undelivered
                .iter()
                .map(|why| format!("the message was not delivered: {why}")),
        );
        match words.is_empty() {
            true => Ok(()),
            false if unsafe_end => Err(Failure::unsafe_to_go_on(words.join("; "))),
            false => Err(Failure::failed(words.join("; "))),
        }
    }

    /// For programs.
    pub fn json(&self) -> Value {
        let plan = |plan: &Plan| {
            let back = plan.ended.back.as_ref().map(|back| {
                json!({"release": back.release, "snapshot": back.snapshot, "digest": back.digest})
            });
            json!({"plan": plan.name, "exit": plan.ended.exit as u8, "detail": plan.ended.detail,
                "back": back})
        };
        json!({
            "digest": self.digest,
            "undone": self.what == What::Undo,
            "plans": self.plans.iter().map(plan).collect::<Vec<_>>(),
            "dry_run": self.dry_run,
        })
    }

    /// For people.
    pub fn table(&self) -> String {
        let mut table = format!("{}\n", self.digest);
        for plan in &self.plans {
            table += &format!("{}  {}\n", plan.name, text::one_line(&plan.ended.detail, 900));
        }
        table
    }

    /// For the channel.
    pub fn message(&self) -> Payload {
        let image = self.digest.short();
        let all_done = self.plans.iter().all(|plan| plan.ended.exit == Exit::Done);
        let (sign, colour, words) = match (&self.what, all_done) {
            (What::Undo, _) => {
                ("▶️", Colour::Green, format!("image {image} may be promoted again"))
            }
            (What::Retract { .. }, true) => {
                ("⛔", Colour::Yellow, format!("image {image} was retracted"))
            }
            (What::Retract { .. }, false) => (
                "🔴",
                Colour::Red,
                format!("image {image} was to be retracted, and not all of it is done"),
            ),
        };
        let mut lines = Vec::new();
        if let What::Retract { reason } = &self.what {
            lines.push(Line::of(format!("why: {}", text::one_line(reason, 500))));
        }
        lines.push(Line::of("").code(self.digest.to_string()));
        lines.extend(self.plans.iter().map(|plan| {
            let detail = text::one_line(&plan.ended.detail, 600);
            Line::of(format!("plan {}: {detail}", plan.name))
        }));
        if let What::Retract { .. } = self.what {
            lines.push(Line::of(
                "consumers who pinned this digest, or have pulled it, are not reached: tell them",
            ));
        }
        let footer = Line::of(format!("namespace {}", self.namespace));
        Payload {
            headline: Line::of(format!("{sign} ")).bold(words),
            colour,
            body: vec![lines],
            footer: Some(footer),
        }
    }
}
