//! The page that says what to do about a message.

use std::str::FromStr;

use super::Line;
use crate::http::{BaseUrl, BaseUrlError};

/// Where the runbook is read (`--runbook-url`); each first line has a row of its own there, which is
/// found by its anchor.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Runbook(Option<String>);

impl FromStr for Runbook {
    type Err = BaseUrlError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let page = text.split('#').next().unwrap_or(text);
        page.parse::<BaseUrl>()?;
        Ok(Self(Some(page.to_owned())))
    }
}

impl Runbook {
    /// A link to a row, where the page is known.
    pub fn row(&self, anchor: &str) -> Option<Line> {
        let page = self.0.as_ref()?;
        Some(Line::default().link("runbook", format!("{page}#{anchor}")))
    }
}

/// A message's last line with the runbook's row added.
pub fn with_runbook(footer: Option<Line>, row: Option<Line>) -> Option<Line> {
    match (footer, row) {
        (Some(mut footer), Some(row)) => {
            footer = footer.text(" · ");
            footer.0.extend(row.0);
            Some(footer)
        }
        (footer, row) => footer.or(row),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_row_is_a_place_on_the_page() {
        let page = "https://github.com/acme/release-gate/blob/main/docs/runbook.md";
        for given in [page.to_owned(), format!("{page}#look")] {
            let row = given.parse::<Runbook>().unwrap().row("refused").unwrap();
            assert_eq!(row.plain(), format!("runbook {page}#refused"));
        }
        assert_eq!(Runbook::default().row("refused"), None);
        assert!("runbook.md".parse::<Runbook>().is_err());
    }

    #[test]
    fn the_last_line_keeps_what_it_had() {
        let words = |footer, row| with_runbook(footer, row).map(|line| line.words());
        let (footer, row) = (Some(Line::of("plan x")), Some(Line::of("runbook")));
        assert_eq!(words(footer.clone(), row.clone()).unwrap(), "plan x · runbook");
        assert_eq!(words(None, row).unwrap(), "runbook");
        assert_eq!(words(footer, None).unwrap(), "plan x");
    }
}
