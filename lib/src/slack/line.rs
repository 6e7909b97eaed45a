//! A line of text with links and mentions. Foreign text is only ever a span's content: escaping is
//! done once, here, when the line is rendered.
//!
//! Slack's mrkdwn has no way to write `*`, `_`, `~`, a backtick or `:name:` where they would be
//! markup. A line that holds such is rendered as the elements of a rich text, whose content is
//! never read as markup (docs.slack.dev, Block Kit, rich text).

use std::fmt;
use std::str::FromStr;

use serde_json::{Value, json};
use url::Url;

use crate::text;

/// A piece of a line.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Span {
    /// Plain text.
    Text(String),
    /// Emphasized text.
    Bold(String),
    /// A name or a command, in a fixed-width font.
    Code(String),
    /// A link; without its address where that is not http or https.
    Link {
        /// What is shown.
        text: String,
        /// Where it leads.
        url: String,
    },
    /// Somebody to be notified.
    Mention(Mention),
}

/// One line.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Line(pub Vec<Span>);

impl Line {
    /// A line that begins with plain text.
    pub fn of(text: impl Into<String>) -> Self {
        Self::default().text(text)
    }

    /// More plain text.
    pub fn text(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Text(text.into()));
        self
    }

    /// Emphasized text.
    pub fn bold(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Bold(text.into()));
        self
    }

    /// A name or a command.
    pub fn code(mut self, text: impl Into<String>) -> Self {
        self.0.push(Span::Code(text.into()));
        self
    }

    pub fn link(mut self, text: impl Into<String>, url: impl Into<String>) -> Self {
        self.0.push(Span::Link { text: text.into(), url: url.into() });
        self
    }

    pub fn mention(mut self, whom: &Mention) -> Self {
        self.0.push(Span::Mention(whom.clone()));
        self
    }

    /// The line in Slack's mrkdwn, at most `limit` characters. A span that does not fit is left out
    /// with all that follow, since half a link is none; plain text is cut.
    pub fn mrkdwn(&self, limit: usize) -> String {
        self.rendered(limit, Span::mrkdwn)
    }

    /// Whether something in it would be read as markup, or as an emoji's name, in mrkdwn.
    pub fn holds_markup(&self) -> bool {
        let begins = self.0.iter().map(Span::plain).find(|text| !text.trim().is_empty());
        // At a line's begin it is a quotation.
        let quotes = begins.is_some_and(|text| text.trim_start().starts_with('>'));
        quotes
            || self
                .0
                .iter()
                .any(|span| !matches!(span, Span::Mention(_)) && is_markup(&span.plain()))
    }

    /// The line as elements of a rich text section, of at most `limit` characters.
    pub fn rich(&self, limit: usize) -> Vec<Value> {
        const MARK: &str = " …";
        let length = |span: &Span| span.plain().chars().count();
        let fits = self.0.iter().map(length).sum::<usize>() <= limit;
        let mut left = if fits { limit } else { limit.saturating_sub(MARK.chars().count()) };
        let mut elements = Vec::new();
        for span in &self.0 {
            if length(span) > left {
                if let Span::Text(text) = span {
                    elements.extend(Span::Text(text.chars().take(left).collect()).rich());
                }
                break;
            }
            left -= length(span);
            elements.extend(span.rich());
        }
        if !fits {
            elements.push(json!({"type": "text", "text": MARK}));
        }
        elements
    }

    /// The line as plain text with Slack's three control characters escaped: for the fallback that
    /// notifications and screen readers use. An emoji's name is broken with a joiner that nobody
    /// sees.
    pub fn fallback(&self, limit: usize) -> String {
        self.rendered(limit, |span| match span {
            Span::Mention(whom) => whom.mrkdwn(),
            other => escape(&without_emoji(&other.plain())),
        })
    }

    /// The line for a terminal: no markup, addresses of links in full.
    pub fn plain(&self) -> String {
        let addressed = |span: &Span| match span {
            Span::Link { text, url } if link(url).is_some() => {
                format!("{} {}", one_line(text), one_line(url))
            }
            other => other.plain(),
        };
        self.0.iter().map(addressed).collect()
    }

    /// The words alone, as a reader sees them.
    pub fn words(&self) -> String {
        self.0.iter().map(Span::plain).collect()
    }

    fn rendered(&self, limit: usize, render: impl Fn(&Span) -> String) -> String {
        let mut line = String::new();
        let mut length = 0;
        for span in &self.0 {
            let piece = render(span);
            let size = piece.chars().count();
            if length + size > limit {
                return cut_short(line, span, limit, &render);
            }
            line += &piece;
            length += size;
        }
        line
    }
}

/// Ends a line that is full with as much of a text as fits, and a mark.
fn cut_short(
    mut line: String,
    span: &Span,
    limit: usize,
    render: &impl Fn(&Span) -> String,
) -> String {
    const MARK: &str = " …";
    let left = limit.saturating_sub(line.chars().count() + MARK.chars().count());
    if let Span::Text(whole) = span {
        let mut kept: Vec<char> = whole.chars().take(left).collect();
        let mut piece = render(&Span::Text(kept.iter().collect()));
        while piece.chars().count() > left && kept.pop().is_some() {
            piece = render(&Span::Text(kept.iter().collect()));
        }
        line += &piece;
    }
    while line.chars().count() + MARK.chars().count() > limit && line.pop().is_some() {}
    line + MARK
}

impl Span {
    fn mrkdwn(&self) -> String {
        match self {
            Self::Text(text) => escape(&one_line(text)),
            // A star inside would end the emphasis early.
            Self::Bold(text) => format!("*{}*", escape(&one_line(text)).replace('*', "∗")),
            Self::Code(text) => format!("`{}`", escape(&one_line(text)).replace('`', "'")),
            Self::Link { text, url } => match link(url) {
                Some(url) => {
                    format!("<{}|{}>", escape(&url), escape(&one_line(text)).replace('|', "¦"))
                }
                None => escape(&one_line(text)),
            },
            Self::Mention(whom) => whom.mrkdwn(),
        }
    }

    /// As an element of a rich text; none where there is nothing to show.
    fn rich(&self) -> Option<Value> {
        let text = |text: &str, style: Value| {
            let text = one_line(text);
            let mut element = json!({"type": "text", "text": text});
            if !style.is_null() {
                element["style"] = style;
            }
            (!text.is_empty()).then_some(element)
        };
        match self {
            Self::Text(plain) => text(plain, Value::Null),
            Self::Bold(bold) => text(bold, json!({"bold": true})),
            Self::Code(code) => text(code, json!({"code": true})),
            Self::Link { text: shown, url } => match link(url) {
                Some(url) => Some(json!({"type": "link", "url": url, "text": one_line(shown)})),
                None => text(shown, Value::Null),
            },
            Self::Mention(whom) => Some(whom.rich()),
        }
    }

    fn plain(&self) -> String {
        match self {
            Self::Text(text) | Self::Bold(text) | Self::Code(text) | Self::Link { text, .. } => {
                one_line(text)
            }
            Self::Mention(whom) => whom.to_string(),
        }
    }
}

/// Control characters could begin a line of their own, and direction controls show a text as
/// another one; blanks at the ends are part of a span.
fn one_line(text: &str) -> String {
    let kept = text.chars().filter(|c| !text::turns_direction(*c));
    kept.map(|c| if c.is_control() || text::is_harmful(c) { ' ' } else { c })
        .collect()
}

/// Whether a text holds what mrkdwn reads as emphasis, code or an emoji. An underscore counts at a
/// word's edge only: `TestNodePool_Upgrade` is none.
fn is_markup(text: &str) -> bool {
    let at_edge = |at: usize| {
        let is_word = |c: Option<char>| c.is_some_and(char::is_alphanumeric);
        !is_word(text[..at].chars().next_back()) || !is_word(text[at + 1..].chars().next())
    };
    text.contains(['*', '~', '`'])
        || text.match_indices('_').any(|(at, _)| at_edge(at))
        || !emojis(text).is_empty()
}

/// Where emojis' names begin: `:rotating_light:`.
fn emojis(text: &str) -> Vec<usize> {
    let fits = |c: char| c.is_alphanumeric() || matches!(c, '_' | '-' | '+' | '\'');
    let colons: Vec<usize> = text.match_indices(':').map(|(at, _)| at).collect();
    let is_name = |pair: &&[usize]| {
        let name = &text[pair[0] + 1..pair[1]];
        // A time of day is no emoji; two numbers are.
        let number = name.chars().all(|c| c.is_ascii_digit()) && !matches!(name, "100" | "1234");
        !name.is_empty() && !number && name.chars().all(fits)
    };
    colons.windows(2).filter(is_name).map(|pair| pair[0]).collect()
}

/// A text whose emojis' names are none to Slack, and look the same.
fn without_emoji(text: &str) -> String {
    let mut shown = text.to_owned();
    for at in emojis(text).into_iter().rev() {
        shown.insert(at + 1, '\u{2060}');
    }
    shown
}

/// An address that may stand in a link: http or https, with what would end the link escaped.
fn link(url: &str) -> Option<String> {
    let parsed = Url::parse(url)
        .ok()
        .filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(
        parsed
            .as_str()
            .replace('|', "%7C")
            .replace('<', "%3C")
            .replace('>', "%3E"),
    )
}

/// Slack's three control characters; escaped, nothing in a foreign text is a link or a mention.
/// (docs.slack.dev, "Formatting message text")
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Why a text names nobody.
#[derive(Debug, thiserror::Error)]
#[error(
    "expected a Slack member id (U0123ABCD), a user group's id (S0123ABCD), here or channel, found {0:?}"
)]
pub struct MentionError(String);

/// Whom Slack is to notify.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Mention {
    /// A member, by id.
    Member(String),
    /// A user group, by id.
    Group(String),
    /// The channel's active members.
    Here,
    /// The channel's members.
    Channel,
}

impl Mention {
    fn mrkdwn(&self) -> String {
        match self {
            Self::Member(id) => format!("<@{id}>"),
            Self::Group(id) => format!("<!subteam^{id}>"),
            Self::Here => "<!here>".to_owned(),
            Self::Channel => "<!channel>".to_owned(),
        }
    }

    fn rich(&self) -> Value {
        match self {
            Self::Member(id) => json!({"type": "user", "user_id": id}),
            Self::Group(id) => json!({"type": "usergroup", "usergroup_id": id}),
            Self::Here => json!({"type": "broadcast", "range": "here"}),
            Self::Channel => json!({"type": "broadcast", "range": "channel"}),
        }
    }
}

impl fmt::Display for Mention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Member(id) | Self::Group(id) => write!(f, "@{id}"),
            Self::Here => f.write_str("@here"),
            Self::Channel => f.write_str("@channel"),
        }
    }
}

impl FromStr for Mention {
    type Err = MentionError;

    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let name = given.strip_prefix('@').unwrap_or(given);
        let is_id =
            name.len() >= 3 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
        match name {
            "here" => Ok(Self::Here),
            "channel" => Ok(Self::Channel),
            id if is_id && id.starts_with('S') => Ok(Self::Group(id.to_owned())),
            id if is_id && id.starts_with(['U', 'W']) => Ok(Self::Member(id.to_owned())),
            _ => Err(MentionError(text::cut(given, 80))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn foreign_text_is_no_markup() {
        let line = Line::of("a <!channel> & <@U1>\nb ")
            .bold("x*y")
            .code("`rm`")
            .link("a|b>", "https://h/p|q?<x>");
        assert_eq!(
            line.mrkdwn(1000),
            "a &lt;!channel&gt; &amp; &lt;@U1&gt; b *x∗y*`'rm'`<https://h/p%7Cq?%3Cx%3E|a¦b&gt;>"
        );
    }

    #[test]
    fn what_would_be_markup_is_known() {
        for text in [
            "*a*",
            "a ~b~",
            "`x`",
            "_x_",
            "Test/_x",
            "x_",
            ":rotating_light:",
            ":100:",
            "a :+1: b",
            "> said",
        ] {
            assert!(Line::of(text).holds_markup(), "{text}");
            assert!(
                Line::default().bold(text).holds_markup()
                    && Line::default().link(text, "https://h").holds_markup()
            );
        }
        for text in [
            "TestNodePool_Upgrade/Main",
            "a: b: c",
            "https://host/x",
            "a > b",
            "10:00:30",
            "4.20::x",
            "🔴 a",
        ] {
            assert!(!Line::of(text).holds_markup(), "{text}");
        }
    }

    #[test]
    fn rich_text_is_shown_as_it_is() {
        let mention: Mention = "U012AB".parse().unwrap();
        let line = Line::of("*a* <@U9> \u{202e}b\n")
            .bold("x*y")
            .code("`rm`")
            .link("_j_", "https://h/p")
            .link("z", "file:///")
            .mention(&mention);
        assert_eq!(
            Value::from(line.rich(1000)),
            json!([
                {"type": "text", "text": "*a* <@U9> b "},
                {"type": "text", "text": "x*y", "style": {"bold": true}},
                {"type": "text", "text": "`rm`", "style": {"code": true}},
                {"type": "link", "url": "https://h/p", "text": "_j_"},
                {"type": "text", "text": "z"},
                {"type": "user", "user_id": "U012AB"},
            ])
        );
        assert_eq!(line.plain().find('\u{202e}'), None);
        assert_eq!(Line::of("a :fire: b").fallback(100), "a :\u{2060}fire: b");
    }

    #[test]
    fn only_web_addresses_are_links() {
        assert_eq!(Line::default().link("job", "javascript:alert(1)").mrkdwn(100), "job");
        assert_eq!(
            Line::default().link("job", "https://h/x?a=1&b=2").mrkdwn(100),
            "<https://h/x?a=1&amp;b=2|job>"
        );
        assert_eq!(Line::default().link("job", "https://h/x").plain(), "job https://h/x");
        assert_eq!(Line::default().link("job", "https://h/x").words(), "job");
    }

    #[test]
    fn mentions_are_ids() {
        for (text, mrkdwn) in
            [("U012AB", "<@U012AB>"), ("S012AB", "<!subteam^S012AB>"), ("@here", "<!here>")]
        {
            assert_eq!(text.parse::<Mention>().unwrap().mrkdwn(), mrkdwn);
        }
        for bad in ["", "aro-hcp-oncall", "U1><!channel>", "everyone", "X0123"] {
            bad.parse::<Mention>().unwrap_err();
        }
    }

    #[test]
    fn half_a_link_is_none() {
        let line = Line::of("job: ").link("here", "https://host/a/long/way");
        assert_eq!(line.mrkdwn(20), "job:  …");
        assert_eq!(Line::of("&&&&&&").mrkdwn(14), "&amp;&amp; …");
    }

    proptest! {
        #[test]
        fn a_line_fits(text in "\\PC{0,80}", link in "\\PC{0,40}", limit in 4usize..200) {
            let line = Line::of(text.clone()).link(link.clone(), "https://host/").code(text);
            prop_assert!(line.mrkdwn(limit).chars().count() <= limit);
            prop_assert!(line.fallback(limit).chars().count() <= limit);
        }

        #[test]
        fn rich_text_is_the_text_itself(text in "[\\PC*_~`:<>@\u{202e}]{0,60}", limit in 4usize..80) {
            let line = Line::of(text.clone()).bold(text.clone());
            let joined = |elements: &[Value]| elements.iter().filter_map(|e| e["text"].as_str()).collect::<String>();
            prop_assert_eq!(joined(&line.rich(1000)), one_line(&text).repeat(2));
            prop_assert!(joined(&line.rich(limit)).chars().count() <= limit);
            prop_assert!(!joined(&line.rich(1000)).contains(text::is_harmful));
        }

        #[test]
        fn no_foreign_text_is_a_mention(text in "[<>!@&a-zU|^\\n]{0,40}") {
            let shown = Line::of(text.clone()).bold(text.clone()).code(text.clone()).mrkdwn(4000);
            prop_assert!(!shown.contains('<') && !shown.contains('>') && !shown.contains('\n'));
        }
    }
}
