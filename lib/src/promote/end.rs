//! How the work ends, and what may still be in doubt then.

use super::{Promotion, Refusal};
use crate::cluster::ApiError;
use crate::failure::Exit;
use crate::record::{RecordError, ReleaseRecord, Released};

/// How the work ended.
pub(super) enum End {
    /// As said; the next moment may find it otherwise.
    Open(Box<Promotion>),
    /// Nothing more happens by itself: the Release has ended, or there will be none.
    Final(Box<Promotion>),
    /// The record cannot be used.
    Record(RecordError),
}

impl From<Promotion> for End {
    fn from(promotion: Promotion) -> Self {
        Self::Open(Box::new(promotion))
    }
}

impl From<Refusal> for End {
    fn from(refusal: Refusal) -> Self {
        let stays = refusal.stays;
        let promotion = Box::new(Promotion::from(refusal));
        if stays { Self::Final(promotion) } else { Self::Open(promotion) }
    }
}

impl From<RecordError> for End {
    fn from(error: RecordError) -> Self {
        Self::Record(error)
    }
}

impl From<ApiError> for End {
    fn from(error: ApiError) -> Self {
        let passes = matches!(error, ApiError::Trouble { .. });
        Refusal { stays: !passes, ..Refusal::cannot(crate::failure::Chain(&error).to_string()) }
            .into()
    }
}

/// A Release that may exist although it was not seen: then nobody can say that there is none.
pub(super) enum Doubt {
    /// There is no such Release.
    None,
    /// The record names one that had not ended; it has not been looked for yet.
    Noted(String),
    /// It was asked for, and the answer was lost.
    Lost(String),
}

impl Doubt {
    pub(super) fn of(noted: Option<&ReleaseRecord>) -> Self {
        let open = noted.filter(|noted| {
            !noted.is_final && (noted.created || noted.released == Released::Unknown)
        });
        open.and_then(|noted| noted.name.clone())
            .map_or(Self::None, Self::Noted)
    }

    /// A survey has not found it. An answer that was lost just now may still come true.
    pub(super) fn surveyed(self) -> Self {
        match self {
            Self::Noted(_) => Self::None,
            other => other,
        }
    }

    /// An end that says that nothing was made, said with this doubt.
    pub(super) fn about(self, end: End) -> End {
        let (End::Open(promotion) | End::Final(promotion)) = &end else { return end };
        if promotion.released != Released::False || promotion.release.is_some() {
            return end;
        }
        let (name, exit, detail) = match self {
            Self::None => return end,
            Self::Noted(name) => {
                let detail = format!(
                    "this run has asked for Release {name}, and it could not be looked up: {}. run this step again",
                    promotion.detail
                );
                (name, Exit::Failed, detail)
            }
            Self::Lost(name) => {
                let detail = format!(
                    "Release {name} was asked for and the answer was lost, so it is not known whether it exists; then: {}. run this step again: it looks before it asks",
                    promotion.detail
                );
                (name, Exit::Unsafe, detail)
            }
        };
        Promotion::ended(exit, Released::Unknown, detail).named(name).into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trouble_may_pass_and_what_is_forbidden_stays_so() {
        let (verb, what) = ("get", || "Release x".to_owned());
        let source = || Box::new(kube::Error::Service("no answer".into()));
        for (error, stays) in [
            (ApiError::Trouble { verb, what: what(), attempts: 6, source: source() }, false),
            (ApiError::Forbidden { verb, what: what(), said: "no".to_owned() }, true),
            (ApiError::Unauthorized { said: "no".to_owned() }, true),
        ] {
            let said = error.to_string();
            match (End::from(error), stays) {
                (End::Open(promotion), false) | (End::Final(promotion), true) => {
                    assert_eq!(promotion.exit, Exit::Failed);
                    assert!(promotion.detail.starts_with(&said), "{}", promotion.detail);
                }
                _ => panic!("{said}"),
            }
        }
    }

    fn noted(is_final: bool, created: bool, released: Released) -> ReleaseRecord {
        serde_json::from_value(serde_json::json!({
            "plan": "plan", "name": "r-1", "final": is_final, "created": created,
            "released": released, "exit": 0,
        }))
        .unwrap()
    }

    #[test]
    fn a_release_that_is_noted_and_has_not_ended_is_in_doubt() {
        for (is_final, created, released, doubt) in [
            (false, true, Released::False, true),
            (false, false, Released::Unknown, true),
            (false, true, Released::Unknown, true),
            (false, false, Released::False, false),
            (true, true, Released::Unknown, false),
            (true, false, Released::Unknown, false),
        ] {
            let of = Doubt::of(Some(&noted(is_final, created, released)));
            let named = matches!(&of, Doubt::Noted(name) if name == "r-1");
            assert_eq!(
                (named, matches!(of, Doubt::None)),
                (doubt, !doubt),
                "{created} {released:?}"
            );
        }
        let unnamed = ReleaseRecord { name: None, ..noted(false, true, Released::Unknown) };
        assert!(matches!(Doubt::of(Some(&unnamed)), Doubt::None));
        assert!(matches!(Doubt::of(None), Doubt::None));
    }

    /// Only an end that says that there is no Release is said with a doubt.
    #[test]
    fn a_doubt_is_said_of_an_end_that_knows_no_release() {
        let lost = || Doubt::Lost("r-1".to_owned());
        let asked = || Doubt::Noted("r-1".to_owned());
        for (doubt, released, release, wanted) in [
            (Doubt::None, Released::False, None, Exit::Refused),
            (asked(), Released::False, None, Exit::Failed),
            (lost(), Released::False, None, Exit::Unsafe),
            (lost(), Released::False, Some("r-2"), Exit::Refused),
            (lost(), Released::Unknown, None, Exit::Refused),
            (lost(), Released::True, Some("r-2"), Exit::Refused),
            // A survey that has not found it settles it, unless it was asked for just now.
            (asked().surveyed(), Released::False, None, Exit::Refused),
            (lost().surveyed(), Released::False, None, Exit::Unsafe),
        ] {
            let mut promotion = Promotion::ended(Exit::Refused, released, "why");
            promotion.release = release.map(str::to_owned);
            let (End::Open(end) | End::Final(end)) = doubt.about(promotion.into()) else {
                panic!("no end");
            };
            assert_eq!(end.exit, wanted);
            let doubtful = wanted != Exit::Refused;
            assert_eq!(end.released, if doubtful { Released::Unknown } else { released });
            assert_eq!(end.release.as_deref(), if doubtful { Some("r-1") } else { release });
        }
    }
}
