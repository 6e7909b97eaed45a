//! Slack's incoming webhooks: they take a message, hold it to Slack's limits, and keep it. Its Web
//! API is beside it.

use bytes::Bytes;
use http::request::Parts;
use http::{HeaderValue, Method};
use jiff::Timestamp;
use serde_json::Value;

use crate::World;
use crate::answer::{Answer, text};
use crate::slack_web::{self, Web};

/// Slack's limits: blocks of a message, characters of a section's text, of a header's, of a
/// field's; fields of a section, elements of a context block.
/// ([blocks](https://docs.slack.dev/reference/block-kit/blocks))
const BLOCKS: usize = 50;
const SECTION_TEXT: usize = 3000;
const HEADER_TEXT: usize = 150;
const FIELD_TEXT: usize = 2000;
const FIELDS: usize = 10;
const CONTEXT_ELEMENTS: usize = 10;

/// A message that Slack accepted.
#[derive(Debug, Clone, PartialEq)]
pub struct Message {
    pub at: Timestamp,
    /// The webhook's path.
    pub path: String,
    /// The payload as sent.
    pub payload: Value,
    /// Its id in its channel; webhooks have none that they tell.
    pub ts: Option<String>,
    /// The message that it answers.
    pub thread: Option<String>,
    /// Whether it is seen in the channel.
    pub in_channel: bool,
}

impl Message {
    /// All text of the message that a person sees, in order, one line per piece; the plain `text`
    /// only if there are no blocks.
    pub fn words(&self) -> String {
        let mut words = Vec::new();
        gather(self.payload.get("blocks").unwrap_or(&Value::Null), &mut words);
        gather(self.payload.get("attachments").unwrap_or(&Value::Null), &mut words);
        if words.is_empty() {
            gather(&self.payload, &mut words);
        }
        words.join("\n")
    }
}

fn gather(value: &Value, words: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| gather(item, words)),
        Value::Object(map) => {
            for (key, item) in map {
                match item {
                    Value::String(text) if key == "text" || key == "fallback" => {
                        words.push(text.clone())
                    }
                    _ => gather(item, words),
                }
            }
        }
        _ => {}
    }
}

#[derive(Debug, Default)]
pub(crate) struct SlackState {
    pub(crate) messages: Vec<Message>,
    pub(crate) refused: Vec<(Value, String)>,
    webhooks: Vec<String>,
    revoked: Vec<String>,
    pub(crate) web: Web,
}

/// Slack as a test sees it.
pub struct Slack(pub(crate) World);

impl Slack {
    /// The accepted messages, oldest first.
    pub fn messages(&self) -> Vec<Message> {
        self.0.slack_state().messages.clone()
    }

    /// The payloads that broke a rule, with Slack's word for it.
    pub fn refused(&self) -> Vec<(Value, String)> {
        self.0.slack_state().refused.clone()
    }

    /// Makes this path a webhook. Before the first call every path is one.
    pub fn webhook(&self, path: &str) {
        self.0.slack_state().webhooks.push(path.to_owned());
    }

    /// Takes a webhook back: 403 `invalid_token` from now on.
    pub fn revoke(&self, path: &str) {
        self.0.slack_state().revoked.push(path.to_owned());
    }
}

pub(crate) fn handle(world: &World, parts: &Parts, body: &Bytes) -> Answer {
    let path = parts.uri.path();
    if path.starts_with(slack_web::PATH) {
        return slack_web::handle(world, parts, body);
    }
    let mut state = world.slack_state();
    if state.revoked.iter().any(|revoked| revoked == path) {
        return text(403, "text/html", "invalid_token");
    }
    if !state.webhooks.is_empty() && !state.webhooks.iter().any(|webhook| webhook == path) {
        return text(404, "text/html", "no_service");
    }
    if parts.method != Method::POST {
        let mut answer = text(302, "text/html", "");
        answer
            .headers_mut()
            .insert("location", HeaderValue::from_static("https://docs.slack.dev/messaging"));
        return answer;
    }
    let payload = match serde_json::from_slice::<Value>(body) {
        Ok(payload @ Value::Object(_)) => payload,
        _ => {
            state.refused.push((Value::Null, "invalid_payload".into()));
            return text(400, "text/html", "invalid_payload");
        }
    };
    match check(&payload) {
        Err(word) => {
            state.refused.push((payload, word.to_owned()));
            text(400, "text/html", word)
        }
        Ok(()) => {
            let path = path.to_owned();
            let message = Message {
                at: world.now(),
                path,
                payload,
                ts: None,
                thread: None,
                in_channel: true,
            };
            state.messages.push(message);
            text(200, "text/html", "ok")
        }
    }
}

/// Slack's rules for a payload, as the word that it answers with.
pub(crate) fn check(payload: &Value) -> Result<(), &'static str> {
    let empty = Vec::new();
    let list = |value: &Value, key: &str| {
        value
            .get(key)
            .map_or(Ok(empty.clone()), |v| v.as_array().cloned().ok_or(()))
    };
    let blocks = list(payload, "blocks").map_err(|()| "invalid_blocks")?;
    let attachments = list(payload, "attachments").map_err(|()| "invalid_attachments")?;
    let words = payload.get("text").and_then(Value::as_str).unwrap_or_default();
    if words.is_empty() && blocks.is_empty() && attachments.is_empty() {
        return Err("no_text");
    }
    if words.chars().count() > 40_000 {
        return Err("msg_too_long");
    }
    if attachments.len() > 100 {
        return Err("too_many_attachments");
    }
    check_blocks(&blocks)?;
    for attachment in &attachments {
        check_blocks(&list(attachment, "blocks").map_err(|()| "invalid_blocks")?)?;
    }
    Ok(())
}

fn check_blocks(blocks: &[Value]) -> Result<(), &'static str> {
    let fine =
        blocks.len() <= BLOCKS && blocks.iter().all(|block| block_is_fine(block).unwrap_or(false));
    if fine { Ok(()) } else { Err("invalid_blocks") }
}

/// Whether a block keeps the rules; none if it lacks something that it must have.
fn block_is_fine(block: &Value) -> Option<bool> {
    let text = |value: &Value, limit: usize| {
        let words = value.get("text")?.as_str()?;
        let kind = value.get("type")?.as_str()?;
        Some(
            !words.is_empty()
                && words.chars().count() <= limit
                && matches!(kind, "mrkdwn" | "plain_text"),
        )
    };
    match block.get("type")?.as_str()? {
        "section" => {
            let fields = block
                .get("fields")
                .map_or(Some(&[][..]), |fields| fields.as_array().map(Vec::as_slice))?;
            let body = match block.get("text") {
                Some(body) => text(body, SECTION_TEXT)?,
                None => !fields.is_empty(),
            };
            let fields_fine = fields.len() <= FIELDS
                && fields.iter().all(|field| text(field, FIELD_TEXT) == Some(true));
            Some(body && fields_fine)
        }
        "header" => {
            let body = block.get("text")?;
            Some(text(body, HEADER_TEXT)? && body.get("type")? == "plain_text")
        }
        "context" => {
            let elements = block.get("elements")?.as_array()?;
            Some(
                (1..=CONTEXT_ELEMENTS).contains(&elements.len())
                    && elements.iter().all(|e| text(e, SECTION_TEXT) == Some(true)),
            )
        }
        "divider" => Some(true),
        // kinds that no step sends are not judged
        "actions" | "image" | "rich_text" | "markdown" | "table" => Some(true),
        _ => Some(false),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn section(length: usize) -> Value {
        json!({"type": "section", "text": {"type": "mrkdwn", "text": "x".repeat(length)}})
    }

    #[test]
    fn limits() {
        let header = |length: usize| json!({"type": "header", "text": {"type": "plain_text", "text": "x".repeat(length)}});
        for (name, payload, wanted) in [
            ("plain text", json!({"text": "hello"}), Ok(())),
            ("nothing", json!({}), Err("no_text")),
            ("a section of 3000", json!({"blocks": [section(3000)]}), Ok(())),
            ("a section of 3001", json!({"blocks": [section(3001)]}), Err("invalid_blocks")),
            ("an empty section", json!({"blocks": [section(0)]}), Err("invalid_blocks")),
            ("50 blocks", json!({"blocks": vec![section(1); 50]}), Ok(())),
            ("51 blocks", json!({"blocks": vec![section(1); 51]}), Err("invalid_blocks")),
            ("a header of 150", json!({"blocks": [header(150)]}), Ok(())),
            ("a header of 151", json!({"blocks": [header(151)]}), Err("invalid_blocks")),
            (
                "in an attachment",
                json!({"attachments": [{"blocks": [section(3001)]}]}),
                Err("invalid_blocks"),
            ),
            ("an unknown kind", json!({"blocks": [{"type": "sekshun"}]}), Err("invalid_blocks")),
            ("blocks as text", json!({"blocks": "[]"}), Err("invalid_blocks")),
        ] {
            assert_eq!(check(&payload), wanted, "{name}");
        }
    }
}
