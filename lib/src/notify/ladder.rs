//! Whom to mention when runs stay red, as data: `3=S0123ABCD,7+=here`.

use std::str::FromStr;

use crate::slack::{Mention, MentionError};

/// Why a text is no rung.
#[derive(Debug, thiserror::Error)]
#[error(
    "--escalate: expected N=WHOM (at the Nth red run in a row) or N+=WHOM (from it on), found {found:?}{}",
    reason(source)
)]
pub struct RungError {
    found: String,
    source: Option<MentionError>,
}

fn reason(source: &Option<MentionError>) -> String {
    source.as_ref().map(|error| format!(": {error}")).unwrap_or_default()
}

/// One rung of the ladder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rung {
    /// The place in the row, counted from 1.
    at: usize,
    /// Whether every later red run of the row mentions them too.
    onwards: bool,
    whom: Mention,
}

impl FromStr for Rung {
    type Err = RungError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let wrong = |source| RungError { found: text.to_owned(), source };
        let (number, whom) = text.split_once('=').ok_or_else(|| wrong(None))?;
        let (number, onwards) = number
            .strip_suffix('+')
            .map_or((number, false), |number| (number, true));
        let at = number.parse().ok().filter(|at| *at >= 1).ok_or_else(|| wrong(None))?;
        Ok(Self { at, onwards, whom: whom.parse().map_err(|error| wrong(Some(error)))? })
    }
}

/// Whom a red run at that place in its row mentions, each once; nobody at place 0.
pub fn whom(ladder: &[Rung], place: usize) -> Vec<Mention> {
    let mut found = Vec::new();
    for rung in ladder {
        let hit = rung.at == place || (rung.onwards && place > rung.at);
        if hit && !found.contains(&rung.whom) {
            found.push(rung.whom.clone());
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_ladder() {
        let ladder: Vec<Rung> = ["1=U012", "3=S0123", "3=here", "5+=S0123", "7+=S0123"]
            .iter()
            .map(|rung| rung.parse().unwrap())
            .collect();
        let names = |place| {
            whom(&ladder, place)
                .iter()
                .map(Mention::to_string)
                .collect::<Vec<_>>()
                .join(" ")
        };
        let found: Vec<_> = [0, 1, 2, 3, 4, 5, 6, 8].into_iter().map(names).collect();
        assert_eq!(found, ["", "@U012", "", "@S0123 @here", "", "@S0123", "@S0123", "@S0123"]);
    }

    #[test]
    fn what_is_no_rung_is_shown() {
        for bad in ["", "S0123", "0=S0123", "x=S0123", "3=oncall", "3=", "-1=here"] {
            let error = bad.parse::<Rung>().unwrap_err().to_string();
            assert!(
                error.starts_with("--escalate: expected N=WHOM")
                    && error.contains(&format!("{bad:?}")),
                "{error}"
            );
        }
    }
}
