//! Slack webhooks and their limits.
