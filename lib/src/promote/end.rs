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
