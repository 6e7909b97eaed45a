//! Retracted images: verified once, and never to be promoted by the plan again.

use jiff::Timestamp;
use serde::{Deserialize, Serialize};

use super::{Entry, List};
use crate::image::Digest;

/// An image that was taken back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Retraction {
    /// The digest of the image.
    pub digest: Digest,
    pub reason: String,
    /// Who took it back, as the cluster said then: information, no proof.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub by: Option<String>,
    pub at: Timestamp,
    /// When that was undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_at: Option<Timestamp>,
    /// Who undid it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub undone_by: Option<String>,
    /// The Releases that move the tags back, each from before it is asked for; the last one counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub back: Vec<Back>,
}

/// The Release of an earlier image, made so that the tags move back to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Back {
    /// The name that is or was asked for.
    pub release: String,
    /// The Snapshot of the earlier image.
    pub snapshot: String,
    /// The earlier image.
    pub digest: Digest,
    /// How it ended, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ended: Option<BackEnd>,
}

/// How the Release of the earlier image ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum BackEnd {
    /// It has landed: the tags are at the earlier image.
    Landed,
    /// It failed: the next one is made.
    Failed,
}

impl Entry for Retraction {
    const KIND: &'static str = "retracted";
}

impl Retraction {
    /// For people: `retracted on 2026-11-30T12:00:00Z by alice: the reason`.
    pub fn words(&self) -> String {
        let by = self.by.as_ref().map(|by| format!(" by {by}")).unwrap_or_default();
        let words = format!("retracted on {:.0}{by}: {}", self.at, self.reason);
        crate::text::one_line(&words, 700)
    }
}

impl List<Retraction> {
    /// The retraction of an image that stands.
    pub fn of(&self, digest: &Digest) -> Option<&Retraction> {
        self.entries
            .iter()
            .find(|entry| entry.undone_at.is_none() && entry.digest == *digest)
    }

    /// The same, to be changed.
    pub fn of_mut(&mut self, digest: &Digest) -> Option<&mut Retraction> {
        self.entries
            .iter_mut()
            .find(|entry| entry.undone_at.is_none() && entry.digest == *digest)
    }

    /// Adds an image, and returns its retraction: the one that stands already, or this one.
    pub fn retract(&mut self, retraction: Retraction) -> Retraction {
        if let Some(found) = self.of(&retraction.digest) {
            return found.clone();
        }
        self.entries.push(retraction.clone());
        retraction
    }

    /// Whether a Release by that name was made to move the tags back.
    pub fn made(&self, release: &str) -> bool {
        let mut back = self.entries.iter().flat_map(|entry| &entry.back);
        back.any(|back| back.release == release)
    }

    /// The images that are taken back.
    pub fn digests(&self) -> impl Iterator<Item = &Digest> {
        let standing = self.entries.iter().filter(|entry| entry.undone_at.is_none());
        standing.map(|entry| &entry.digest)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn digest(letter: char) -> Digest {
        format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
    }

    #[test]
    fn an_image_is_retracted_once_until_that_is_undone() {
        let retraction = |reason: &str| Retraction {
            digest: digest('a'),
            reason: reason.to_owned(),
            by: None,
            at: Timestamp::UNIX_EPOCH,
            undone_at: None,
            undone_by: None,
            back: Vec::new(),
        };
        let mut list = List::of_plan("p");
        assert_eq!(list.retract(retraction("first")).reason, "first");
        assert_eq!(list.retract(retraction("second")).reason, "first");
        assert_eq!(list.entries.len(), 1);
        assert!(list.of(&digest('b')).is_none());
        list.of_mut(&digest('a')).unwrap().undone_at = Some(Timestamp::UNIX_EPOCH);
        assert!(list.of(&digest('a')).is_none());
        assert_eq!(list.retract(retraction("third")).reason, "third");
        let back = Back {
            release: "r-2".to_owned(),
            snapshot: "s".to_owned(),
            digest: digest('b'),
            ended: None,
        };
        list.of_mut(&digest('a')).unwrap().back.push(back);
        assert!(list.made("r-2") && !list.made("r-1"));
    }
}
