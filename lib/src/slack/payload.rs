//! A message as Slack takes it, within every limit.
//!
//! The headline is a block of its own above a coloured attachment with the body; `text` is the
//! fallback for notifications and screen readers.

use serde_json::{Value, json};

use super::Line;

/// Characters of a section's text. (docs.slack.dev, Block Kit, section)
const SECTION: usize = 3000;
/// Blocks of the body. A message may hold 50; the headline is one of them.
const BLOCKS: usize = 48;
/// Characters of the whole body. Slack gives no figure for the sum of all blocks; it refuses what
/// it finds too long (`msg_blocks_too_long`), and 12,000 is what it documents for the one block
/// that has a sum (markdown).
const BODY: usize = 12_000;
/// Characters of `text`; Slack cuts at 40,000, and advises to stay below 4,000.
const TEXT: usize = 3000;

/// The bar beside the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Colour {
    /// All is well.
    Green,
    /// It is not known, or not yet.
    Yellow,
    /// It is not well.
    Red,
    /// Nothing was decided, for a reason that is nobody's failure.
    Grey,
}

impl Colour {
    fn hex(self) -> &'static str {
        match self {
            Self::Green => "#2eb67d",
            Self::Yellow => "#ecb22e",
            Self::Red => "#e01e5a",
            Self::Grey => "#8d8d8d",
        }
    }
}

/// A message.
#[derive(Debug, Clone, PartialEq)]
pub struct Payload {
    /// The first line.
    pub headline: Line,
    /// The bar beside the body.
    pub colour: Colour,
    /// The body: paragraphs of lines. The first ones come first when there is no room for all.
    pub body: Vec<Vec<Line>>,
    /// A small last line.
    pub footer: Option<Line>,
}

impl Payload {
    /// The JSON that Slack takes. Lines that do not fit are counted, never left out silently.
    pub fn json(&self) -> Value {
        let mut blocks: Vec<Value> = self.sections().iter().map(|text| section(text)).collect();
        if let Some(footer) = &self.footer {
            blocks.push(json!({"type": "context", "elements": [mrkdwn(&footer.mrkdwn(SECTION))]}));
        }
        let mut message = self.plain_json();
        message["blocks"] = json!([section(&self.headline.mrkdwn(SECTION))]);
        if !blocks.is_empty() {
            message["attachments"] = json!([{
                "color": self.colour.hex(),
                "fallback": self.headline.fallback(TEXT),
                "blocks": blocks,
            }]);
        }
        message
    }

    /// The fallback alone: for a Slack that refuses the blocks.
    pub fn plain_json(&self) -> Value {
        json!({"text": self.fallback(), "unfurl_links": false, "unfurl_media": false})
    }

    fn fallback(&self) -> String {
        let mut text = self.headline.fallback(TEXT - 2);
        for line in self.body.iter().flatten().chain(&self.footer) {
            let room = (TEXT - 2).saturating_sub(text.chars().count() + 1);
            let piece = line.fallback(usize::MAX);
            if piece.chars().count() > room {
                return text + "\n…";
            }
            text = text + "\n" + &piece;
        }
        text
    }

    /// The body's paragraphs as the text of sections.
    fn sections(&self) -> Vec<String> {
        let total: usize = self.body.iter().map(Vec::len).sum();
        let (mut sections, mut used, mut shown) = (Vec::new(), 0, 0);
        'all: for paragraph in &self.body {
            let mut open = String::new();
            for line in paragraph {
                let text = line.mrkdwn(SECTION);
                let length = text.chars().count() + 1;
                if used + length > BODY {
                    push(&mut sections, open);
                    break 'all;
                }
                if open.chars().count() + length > SECTION {
                    push(&mut sections, std::mem::take(&mut open));
                }
                if sections.len() + 1 >= BLOCKS {
                    push(&mut sections, open);
                    break 'all;
                }
                if !open.is_empty() {
                    open.push('\n');
                }
                open += &text;
                used += length;
                shown += 1;
            }
            push(&mut sections, open);
        }
        if shown < total {
            push(&mut sections, format!("… and {} more lines; the gate record holds them all", total - shown));
        }
        sections
    }
}

fn push(sections: &mut Vec<String>, text: String) {
    if !text.trim().is_empty() {
        sections.push(text);
    }
}

fn section(text: &str) -> Value {
    json!({"type": "section", "text": mrkdwn(text)})
}

/// `verbatim`: Slack must not make links and mentions out of what only looks like them.
fn mrkdwn(text: &str) -> Value {
    json!({"type": "mrkdwn", "text": text, "verbatim": true})
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn sections(message: &Value) -> Vec<&str> {
        let blocks = message["attachments"][0]["blocks"].as_array().unwrap();
        blocks.iter().filter_map(|block| block["text"]["text"].as_str()).collect()
    }

    fn payload(body: Vec<Vec<Line>>) -> Payload {
        Payload { headline: Line::of("head"), colour: Colour::Red, body, footer: Some(Line::of("foot")) }
    }

    #[test]
    fn paragraphs_are_sections() {
        let message = payload(vec![vec![Line::of("a"), Line::of("b")], vec![], vec![Line::of("c")]]).json();
        assert_eq!(sections(&message), ["a\nb", "c"]);
        assert_eq!(message["text"], "head\na\nb\nc\nfoot");
        assert_eq!(message["attachments"][0]["color"], "#e01e5a");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let lines = (0..200).map(|n| Line::of(format!("{n} {}", "x".repeat(400)))).collect();
        let message = payload(vec![lines]).json();
        let sections = sections(&message);
        assert!(sections.last().unwrap().starts_with("… and "), "{sections:?}");
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_limit_is_broken(lines in proptest::collection::vec("[a-z&<> ]{0,500}", 0..200), per in 1usize..20) {
            let body = lines.chunks(per).map(|lines| lines.iter().map(Line::of).collect()).collect();
            let message = payload(body).json();
            let blocks = message["attachments"][0]["blocks"].as_array().unwrap();
            prop_assert!(blocks.len() < 50);
            for text in sections(&message) {
                prop_assert!((1..=SECTION).contains(&text.chars().count()));
            }
            prop_assert!(message["text"].as_str().unwrap().chars().count() <= TEXT);
        }
    }
}
