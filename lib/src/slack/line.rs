//! A line of text with links and mentions. Foreign text is only ever a span's content: escaping is
//! done once, here, when the line is rendered.

use std::fmt;
use std::str::FromStr;

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

    /// A link.
    pub fn link(mut self, text: impl Into<String>, url: impl Into<String>) -> Self {
        self.0.push(Span::Link { text: text.into(), url: url.into() });
        self
    }

    /// A mention.
    pub fn mention(mut self, whom: &Mention) -> Self {
        self.0.push(Span::Mention(whom.clone()));
        self
    }

    /// The line in Slack's mrkdwn, at most `limit` characters. A span that does not fit is left out
    /// with all that follow, since half a link is none; plain text is cut.
    pub fn mrkdwn(&self, limit: usize) -> String {
        self.rendered(limit, Span::mrkdwn)
    }

    /// The line as plain text with Slack's three control characters escaped: for the fallback that
    /// notifications and screen readers use.
    pub fn fallback(&self, limit: usize) -> String {
        self.rendered(limit, |span| match span {
            Span::Mention(whom) => whom.mrkdwn(),
            other => escape(&other.plain()),
        })
    }

    /// The line for a terminal: no markup, addresses of links in full.
    pub fn plain(&self) -> String {
        let addressed = |span: &Span| match span {
            Span::Link { text, url } if link(url).is_some() => format!("{} {}", one_line(text), one_line(url)),
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
fn cut_short(mut line: String, span: &Span, limit: usize, render: &impl Fn(&Span) -> String) -> String {
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
                Some(url) => format!("<{}|{}>", escape(&url), escape(&one_line(text)).replace('|', "¦")),
                None => escape(&one_line(text)),
            },
            Self::Mention(whom) => whom.mrkdwn(),
        }
    }

    fn plain(&self) -> String {
        match self {
            Self::Text(text) | Self::Bold(text) | Self::Code(text) | Self::Link { text, .. } => one_line(text),
            Self::Mention(whom) => whom.to_string(),
        }
    }
}

/// Control characters could begin a line of their own; blanks at the ends are part of a span.
fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// An address that may stand in a link: http or https, with what would end the link escaped.
fn link(url: &str) -> Option<String> {
    let parsed = Url::parse(url).ok().filter(|url| matches!(url.scheme(), "http" | "https"))?;
    Some(parsed.as_str().replace('|', "%7C").replace('<', "%3C").replace('>', "%3E"))
}

/// Slack's three control characters; escaped, nothing in a foreign text is a link or a mention.
/// (docs.slack.dev, "Formatting message text")
fn escape(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}

/// Why a text names nobody.
#[derive(Debug, thiserror::Error)]
#[error("expected a Slack member id (U0123ABCD), a user group's id (S0123ABCD), here or channel, found {0:?}")]
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
        let is_id = name.len() >= 3 && name.chars().all(|c| c.is_ascii_uppercase() || c.is_ascii_digit());
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
        let line = Line::of("a <!channel> & <@U1>\nb ").bold("x*y").code("`rm`").link("a|b>", "https://h/p|q?<x>");
        assert_eq!(
            line.mrkdwn(1000),
            "a &lt;!channel&gt; &amp; &lt;@U1&gt; b *x∗y*`'rm'`<https://h/p%7Cq?%3Cx%3E|a¦b&gt;>"
        );
    }

    #[test]
    fn only_web_addresses_are_links() {
        assert_eq!(Line::default().link("job", "javascript:alert(1)").mrkdwn(100), "job");
        assert_eq!(Line::default().link("job", "https://h/x?a=1&b=2").mrkdwn(100), "<https://h/x?a=1&amp;b=2|job>");
        assert_eq!(Line::default().link("job", "https://h/x").plain(), "job https://h/x");
        assert_eq!(Line::default().link("job", "https://h/x").words(), "job");
    }

    #[test]
    fn mentions_are_ids() {
        for (text, mrkdwn) in [("U012AB", "<@U012AB>"), ("S012AB", "<!subteam^S012AB>"), ("@here", "<!here>")] {
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
        fn no_foreign_text_is_a_mention(text in "[<>!@&a-zU|^\\n]{0,40}") {
            let shown = Line::of(text.clone()).bold(text.clone()).code(text.clone()).mrkdwn(4000);
            prop_assert!(!shown.contains('<') && !shown.contains('>') && !shown.contains('\n'));
        }
    }
}
