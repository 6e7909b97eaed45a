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
        let mut blocks = self.blocks();
        if let Some(footer) = &self.footer {
            blocks.push(match footer.holds_markup() {
                true => rich(footer.rich(SECTION)),
                false => json!({"type": "context", "elements": [mrkdwn(&footer.mrkdwn(SECTION))]}),
            });
        }
        let mut message = self.plain_json();
        message["blocks"] = json!([match self.headline.holds_markup() {
            true => rich(self.headline.rich(SECTION)),
            false => section(&self.headline.mrkdwn(SECTION)),
        }]);
        if !blocks.is_empty() {
            message["attachments"] = json!([{
                "color": self.colour.hex(),
                "fallback": self.headline.fallback(TEXT),
                "blocks": blocks,
            }]);
        }
        message
    }

    /// The fallback alone: for a Slack that refuses the blocks. Where a text would be read as
    /// markup, Slack is told not to.
    pub fn plain_json(&self) -> Value {
        let mut message =
            json!({"text": self.fallback(), "unfurl_links": false, "unfurl_media": false});
        if self
            .body
            .iter()
            .flatten()
            .chain([&self.headline])
            .chain(&self.footer)
            .any(Line::holds_markup)
        {
            message["mrkdwn"] = false.into();
        }
        message
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

    /// The body's paragraphs as blocks: sections of mrkdwn, or rich text where something in the
    /// paragraph would be read as markup.
    fn blocks(&self) -> Vec<Value> {
        let total: usize = self.body.iter().map(Vec::len).sum();
        let (mut blocks, mut used, mut shown) = (Vec::new(), 0, 0);
        'all: for paragraph in &self.body {
            let is_rich = paragraph.iter().any(Line::holds_markup);
            let mut open = Open::default();
            for line in paragraph {
                let piece = if is_rich { Open::rich(line) } else { Open::text(line) };
                let length = piece.length + 1;
                if used + length > BODY {
                    open.close(&mut blocks);
                    break 'all;
                }
                if open.length + length > SECTION {
                    std::mem::take(&mut open).close(&mut blocks);
                }
                if blocks.len() + 1 >= BLOCKS {
                    open.close(&mut blocks);
                    break 'all;
                }
                open.add(piece);
                used += length;
                shown += 1;
            }
            open.close(&mut blocks);
        }
        if shown < total {
            blocks.push(section(&format!(
                "… and {} more lines; the gate record holds them all",
                total - shown
            )));
        }
        blocks
    }
}

/// A block that is being filled: with mrkdwn, or with elements of rich text.
#[derive(Default)]
struct Open {
    text: String,
    elements: Vec<Value>,
    /// Characters.
    length: usize,
}

impl Open {
    fn text(line: &Line) -> Self {
        let text = line.mrkdwn(SECTION);
        Self { length: text.chars().count(), text, elements: Vec::new() }
    }

    fn rich(line: &Line) -> Self {
        let elements = line.rich(SECTION);
        let length = elements
            .iter()
            .filter_map(|element| element["text"].as_str())
            .map(|text| text.chars().count());
        Self { length: length.sum(), text: String::new(), elements }
    }

    /// Adds a line.
    fn add(&mut self, line: Self) {
        if self.length > 0 {
            self.length += 1;
            if line.elements.is_empty() {
                self.text.push('\n');
            } else {
                self.elements.push(json!({"type": "text", "text": "\n"}));
            }
        }
        self.length += line.length;
        self.text += &line.text;
        self.elements.extend(line.elements);
    }

    fn close(self, blocks: &mut Vec<Value>) {
        if !self.elements.is_empty() {
            blocks.push(rich(self.elements));
        } else if !self.text.trim().is_empty() {
            blocks.push(section(&self.text));
        }
    }
}

fn rich(elements: Vec<Value>) -> Value {
    json!({"type": "rich_text", "elements": [{"type": "rich_text_section", "elements": elements}]})
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
        blocks
            .iter()
            .filter_map(|block| block["text"]["text"].as_str())
            .collect()
    }

    fn payload(body: Vec<Vec<Line>>) -> Payload {
        Payload {
            headline: Line::of("head"),
            colour: Colour::Red,
            body,
            footer: Some(Line::of("foot")),
        }
    }

    #[test]
    fn paragraphs_are_sections() {
        let message =
            payload(vec![vec![Line::of("a"), Line::of("b")], vec![], vec![Line::of("c")]]).json();
        assert_eq!(sections(&message), ["a\nb", "c"]);
        assert_eq!(message["text"], "head\na\nb\nc\nfoot");
        assert_eq!(message["attachments"][0]["color"], "#e01e5a");
    }

    #[test]
    fn what_does_not_fit_is_counted() {
        let lines = (0..200)
            .map(|n| Line::of(format!("{n} {}", "x".repeat(400))))
            .collect();
        let message = payload(vec![lines]).json();
        let sections = sections(&message);
        assert!(sections.last().unwrap().starts_with("… and "), "{sections:?}");
    }

    #[test]
    fn names_that_would_be_markup_arrive_as_they_are() {
        let names = ["*x*", "_y_ ~z~", "`rm -rf`", ":rotating_light:", "<@U1>", "\u{202e}gpj"];
        let body = vec![
            vec![Line::of("plain")],
            names
                .iter()
                .map(|name| Line::default().bold(*name).link(*name, "https://h/"))
                .collect(),
        ];
        let message = Payload { headline: Line::of("gate *a*"), ..payload(body) }.json();
        assert_eq!(message["mrkdwn"], false);
        assert_eq!(message["blocks"][0]["type"], "rich_text");
        let blocks = message["attachments"][0]["blocks"].as_array().unwrap();
        assert_eq!(blocks[0]["text"]["text"], "plain");
        assert_eq!(blocks[1]["type"], "rich_text");
        let elements = blocks[1]["elements"][0]["elements"].as_array().unwrap();
        let shown: String = elements
            .iter()
            .filter_map(|element| element["text"].as_str())
            .collect();
        let wanted: Vec<String> =
            names.map(|name| name.trim_start_matches('\u{202e}').repeat(2)).into();
        assert_eq!(shown, wanted.join("\n"));
        assert!(!message.to_string().contains('\u{202e}'));
        assert!(payload(vec![]).json().get("mrkdwn").is_none());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn no_limit_is_broken(lines in proptest::collection::vec("[a-z&<> *]{0,500}", 0..200), per in 1usize..20) {
            let body = lines.chunks(per).map(|lines| lines.iter().map(Line::of).collect()).collect();
            let message = payload(body).json();
            let blocks = message["attachments"][0]["blocks"].as_array().unwrap();
            prop_assert!(blocks.len() < 50);
            for text in sections(&message) {
                prop_assert!((1..=SECTION).contains(&text.chars().count()));
            }
            for block in blocks.iter().filter(|block| block["type"] == "rich_text") {
                let elements = block["elements"][0]["elements"].as_array().unwrap();
                let texts = elements.iter().map(|element| element["text"].as_str().unwrap().chars().count());
                prop_assert!((1..=SECTION).contains(&texts.sum::<usize>()));
            }
            prop_assert!(message["text"].as_str().unwrap().chars().count() <= TEXT);
        }
    }
}
