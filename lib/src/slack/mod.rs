//! Slack: text that cannot be misread as markup, messages within Slack's limits, and their
//! delivery.
//!
//! - [`Line`] and [`Span`]: text with links and mentions, rendered as Slack's mrkdwn or for a
//!   terminal.
//! - [`Payload`]: a headline, a coloured body and a plain fallback, never over a limit.
//! - [`Slack`]: an incoming webhook, or a channel by `chat.postMessage`.

mod client;
mod line;
mod payload;
mod runbook;
mod target;

pub use client::{Probe, Receipt, Slack, SlackError, Thread};
pub use line::{Line, Mention, MentionError, Span};
pub use payload::{Colour, Payload};
pub use runbook::{Runbook, with_runbook};
pub use target::{Target, TargetError};
