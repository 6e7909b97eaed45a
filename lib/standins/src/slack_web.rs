//! Slack's Web API as far as a bot that posts needs it: `auth.test` and `chat.postMessage`.
//!
//! Every answer is 200 but for a limit that was passed (429 with `Retry-After`); `ok` and `error`
//! tell. ([chat.postMessage](https://docs.slack.dev/reference/methods/chat.postMessage)) A reply to
//! a message that is gone is not refused: it is posted to the channel, and only the missing
//! `message.thread_ts` shows that. ([slack-go#1571](https://github.com/slack-go/slack/issues/1571))

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use http::Method;
use http::header::AUTHORIZATION;
use http::request::Parts;
use serde_json::{Value, json};

use crate::World;
use crate::answer::{Answer, json_answer};
use crate::slack::{Message, Slack, check};

/// Where the Web API is below Slack's address.
pub(crate) const PATH: &str = "/api/";

#[derive(Debug, Default)]
pub(crate) struct Web {
    /// Tokens, with the word that refuses those that are no good any more.
    tokens: BTreeMap<String, Option<&'static str>>,
    /// Channels, with the word that refuses those that cannot be posted to.
    channels: BTreeMap<String, Option<&'static str>>,
    /// Messages that were deleted.
    deleted: BTreeSet<String>,
    /// Threads that an administrator has locked.
    locked: BTreeSet<String>,
    posted: u32,
}

impl Slack {
    /// Makes a bot's token and a channel that its app is a member of; Slack then has its Web API
    /// under `/api/`.
    pub fn bot(&self, token: &str, channel: &str) {
        let mut state = self.0.slack_state();
        state.web.tokens.insert(token.to_owned(), None);
        state.web.channels.insert(channel.to_owned(), None);
    }

    /// Refuses a token from now on: `token_revoked`, `account_inactive`, `missing_scope` …
    pub fn refuse_token(&self, token: &str, word: &'static str) {
        self.0.slack_state().web.tokens.insert(token.to_owned(), Some(word));
    }

    /// Refuses a channel from now on: `not_in_channel`, `is_archived` …; none lets it be posted to
    /// again.
    pub fn refuse_channel(&self, channel: &str, word: Option<&'static str>) {
        self.0.slack_state().web.channels.insert(channel.to_owned(), word);
    }

    /// Somebody deletes a message.
    pub fn delete_message(&self, ts: &str) {
        self.0.slack_state().web.deleted.insert(ts.to_owned());
    }

    /// An administrator locks a thread.
    pub fn lock_thread(&self, ts: &str) {
        self.0.slack_state().web.locked.insert(ts.to_owned());
    }
}

pub(crate) fn handle(world: &World, parts: &Parts, body: &Bytes) -> Answer {
    let no = |word: &str| json_answer(200, &json!({"ok": false, "error": word}));
    let method = parts.uri.path().trim_start_matches(PATH);
    if parts.method != Method::POST || !matches!(method, "auth.test" | "chat.postMessage") {
        return no("unknown_method");
    }
    let mut state = world.slack_state();
    let given = parts
        .headers
        .get(AUTHORIZATION)
        .and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    match given.map(|token| state.web.tokens.get(token)) {
        None => return no("not_authed"),
        Some(None) => return no("invalid_auth"),
        Some(Some(Some(word))) => return no(word),
        Some(Some(None)) => {}
    }
    if method == "auth.test" {
        return json_answer(
            200,
            &json!({"ok": true, "team": "Example", "user": "gate", "bot_id": "B0123"}),
        );
    }
    let Ok(payload @ Value::Object(_)) = serde_json::from_slice::<Value>(body) else {
        return no("invalid_json");
    };
    let channel = payload["channel"].as_str().unwrap_or_default().to_owned();
    match state.web.channels.get(&channel) {
        None => return no("channel_not_found"),
        Some(Some(word)) => return no(word),
        Some(None) => {}
    }
    if let Err(word) = check(&payload) {
        state.refused.push((payload, word.to_owned()));
        return no(word);
    }
    let asked = payload["thread_ts"].as_str().map(str::to_owned);
    if asked.as_ref().is_some_and(|ts| state.web.locked.contains(ts)) {
        return no("restricted_action_thread_locked");
    }
    let there = |ts: &String| {
        let known = |message: &Message| {
            message.ts.as_ref() == Some(ts) && message.payload["channel"] == channel.as_str()
        };
        state.messages.iter().any(known) && !state.web.deleted.contains(ts)
    };
    let thread = asked.filter(there);
    state.web.posted += 1;
    let ts = format!("{}.{:06}", world.now().as_second(), state.web.posted);
    let mut told = json!({"type": "message", "text": payload["text"], "ts": ts});
    if let Some(thread) = &thread {
        told["thread_ts"] = json!(thread);
    }
    let in_channel = thread.is_none() || payload["reply_broadcast"] == true;
    let answer =
        json_answer(200, &json!({"ok": true, "channel": channel, "ts": ts, "message": told}));
    let path = parts.uri.path().to_owned();
    state.messages.push(Message {
        at: world.now(),
        path,
        payload,
        ts: Some(ts),
        thread,
        in_channel,
    });
    answer
}
