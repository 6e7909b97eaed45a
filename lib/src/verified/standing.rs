//! Whether a Release verifies an image, and which.

use jiff::Timestamp;

use super::ReleaseBrief;
use crate::image::Digest;
use crate::konflux::release_name as name;

/// An image, as exactly as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Image {
    /// By its digest.
    Digest(String),
    /// By the first digits of its digest, as the Release's name has them.
    Short(String),
    /// Only by the Snapshot that names it.
    Snapshot(String),
}

impl Image {
    /// For people: the first eight digits, or the Snapshot.
    pub fn words(&self) -> String {
        match self {
            Self::Digest(digest) => short(digest),
            Self::Short(digits) => short(digits),
            Self::Snapshot(name) => name.clone(),
        }
    }

    /// Whether it is the image of that digest; `false` where that cannot be known.
    pub fn is(&self, digest: &Digest) -> bool {
        match self {
            Self::Digest(known) => known == digest.as_str(),
            Self::Short(digits) => digest.short() == digits,
            Self::Snapshot(_) => false,
        }
    }
}

fn short(digest: &str) -> String {
    digest
        .strip_prefix("sha256:")
        .unwrap_or(digest)
        .chars()
        .take(8)
        .collect()
}

/// The image that a Release was made for, as far as that is known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MadeFor {
    /// What its Snapshot has: one digest, or several where the component is not known. `None` where
    /// the Snapshot is gone or was not read.
    pub digests: Option<Vec<Digest>>,
    /// The digits in its name, where create-release made it.
    pub digits: Option<String>,
}

impl MadeFor {
    /// What the name tells, and what the Snapshot has.
    pub fn of(release: &ReleaseBrief, digests: Option<Vec<Digest>>) -> Self {
        let digits =
            name::digits(&release.spec.release_plan, &release.metadata.name).map(str::to_owned);
        Self { digests, digits }
    }

    fn may_be(&self, digest: &str) -> bool {
        let hex = digest.strip_prefix("sha256:").unwrap_or(digest);
        self.digits
            .as_ref()
            .is_none_or(|digits| hex.starts_with(digits.as_str()))
            && self
                .digests
                .as_ref()
                .is_none_or(|known| known.iter().any(|known| known.as_str() == digest))
    }

    /// The one image that all that is known leaves.
    fn image(&self) -> Option<Image> {
        let known = self.digests.as_deref().unwrap_or_default();
        let mut fit = known.iter().filter(|digest| self.may_be(digest.as_str()));
        match (fit.next(), fit.next(), &self.digits) {
            (Some(one), None, _) => Some(Image::Digest(one.to_string())),
            (None, _, Some(digits)) if known.is_empty() => Some(Image::Short(digits.clone())),
            _ => None,
        }
    }

    fn words(&self) -> String {
        match (&self.digests, &self.digits) {
            (Some(known), _) if !known.is_empty() => crate::text::some_of(
                &known.iter().map(|digest| short(digest.as_str())).collect::<Vec<_>>(),
                3,
            ),
            (_, digits) => digits.as_deref().map(short).unwrap_or_default(),
        }
    }
}

/// What a Release says about an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// The image is verified.
    Verified {
        image: Image,
        /// Since when.
        at: Timestamp,
    },
    /// integration-service made it by itself: its image is untested, however it ended.
    Automatic,
    /// It landed, and pushed something else than what it was made for.
    OtherDigest {
        /// What it says it pushed, in words.
        pushed: String,
        /// What it was made for, in words.
        made_for: String,
    },
    /// It has not landed.
    NotLanded,
}

impl ReleaseBrief {
    /// Whether this Release verifies an image. The definition: see [the module](super).
    pub fn standing(&self, made_for: &MadeFor) -> Standing {
        if self.is_automatic() {
            return Standing::Automatic;
        }
        let Some(at) = self.landed_at() else { return Standing::NotLanded };
        let pushed = self.pushed();
        let contradicted = made_for.digests.as_ref().is_some_and(|known| {
            !known.is_empty() && !known.iter().any(|digest| made_for.may_be(digest.as_str()))
        });
        let found = pushed
            .iter()
            .find(|digest| !digest.is_empty() && made_for.may_be(digest));
        let image = match (found, pushed.is_empty()) {
            _ if contradicted => None,
            // Several that could be meant: the one that the Snapshot or the name tells, else the
            // first.
            (Some(digest), _) => Some(Image::Digest(digest.clone())),
            (None, false) => None,
            (None, true) => Some(
                made_for
                    .image()
                    .unwrap_or_else(|| Image::Snapshot(self.spec.snapshot.clone())),
            ),
        };
        match image {
            Some(image) => Standing::Verified { image, at },
            None => {
                Standing::OtherDigest { pushed: pushed_words(&pushed), made_for: made_for.words() }
            }
        }
    }
}

fn pushed_words(pushed: &[String]) -> String {
    let words = |digest: &String| match digest.as_str() {
        "" => "an image without a digest".to_owned(),
        digest => short(digest),
    };
    let words: Vec<_> = pushed.iter().map(words).collect();
    if words.is_empty() { "nothing".to_owned() } else { crate::text::some_of(&words, 3) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn digest(letter: char) -> Digest {
        format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
    }

    fn release(name: &str, pushed: &[char], more: &Value) -> ReleaseBrief {
        let images: Vec<_> = pushed
            .iter()
            .map(|letter| json!({"name": "ho", "shasum": digest(*letter)}))
            .collect();
        let mut release = json!({
            "metadata": {"name": name},
            "spec": {"snapshot": "s-1", "releasePlan": "plan"},
            "status": {
                "completionTime": "2026-08-20T09:06:00Z",
                "conditions": [{"type": "Released", "status": "True", "reason": "Succeeded"}],
                "artifacts": {"images": images},
            },
        });
        for (part, fields) in more.as_object().unwrap() {
            release[part]
                .as_object_mut()
                .unwrap()
                .extend(fields.as_object().unwrap().clone());
        }
        serde_json::from_value(release).unwrap()
    }

    fn stands(release: &ReleaseBrief, snapshot: Option<&[char]>) -> String {
        let digests =
            snapshot.map(|letters| letters.iter().map(|letter| digest(*letter)).collect());
        match release.standing(&MadeFor::of(release, digests)) {
            Standing::Verified { image, .. } => format!("verified {}", image.words()),
            Standing::Automatic => "automatic".to_owned(),
            Standing::OtherDigest { pushed, made_for } => format!("{pushed} instead of {made_for}"),
            Standing::NotLanded => "not landed".to_owned(),
        }
    }

    #[test]
    fn what_a_release_was_made_for() {
        let made_for = |digests: Option<&[char]>, digits: Option<&str>| MadeFor {
            digests: digests.map(|letters| letters.iter().map(|letter| digest(*letter)).collect()),
            digits: digits.map(str::to_owned),
        };
        let a = "a".repeat(12);
        let whole = |letter| Some(Image::Digest(digest(letter).to_string()));
        for (made_for, image, words) in [
            (made_for(Some(&['a']), None), whole('a'), "aaaaaaaa"),
            (made_for(Some(&['a', 'b']), None), None, "aaaaaaaa, bbbbbbbb"),
            (made_for(Some(&['a', 'b']), Some(&a)), whole('a'), "aaaaaaaa, bbbbbbbb"),
            (made_for(None, Some(&a)), Some(Image::Short(a.clone())), "aaaaaaaa"),
            (made_for(Some(&[]), Some(&a)), Some(Image::Short(a.clone())), "aaaaaaaa"),
            // The Snapshot was made anew with another image.
            (made_for(Some(&['b']), Some(&a)), None, "bbbbbbbb"),
            (made_for(None, None), None, ""),
        ] {
            assert_eq!((made_for.image(), made_for.words().as_str()), (image, words));
        }
    }

    #[test]
    fn the_definition() {
        let none = json!({});
        let ours = "plan-aaaaaaaaaaaa-1";
        for (name, pushed, snapshot, wanted) in [
            ("by-hand", &['a'][..], Some(&['a'][..]), "verified aaaaaaaa"),
            ("by-hand", &['b'], Some(&['a']), "bbbbbbbb instead of aaaaaaaa"),
            // Siblings are pushed too.
            ("by-hand", &['b', 'a'], Some(&['a']), "verified aaaaaaaa"),
            ("by-hand", &['b'], Some(&['a', 'b']), "verified bbbbbbbb"),
            ("by-hand", &['c'], Some(&['a', 'b']), "cccccccc instead of aaaaaaaa, bbbbbbbb"),
            // The Snapshot is gone, and the name tells nothing: there is nothing to compare with.
            ("by-hand", &['b'], None, "verified bbbbbbbb"),
            (ours, &['b'], None, "bbbbbbbb instead of aaaaaaaa"),
            (ours, &['a'], None, "verified aaaaaaaa"),
            // The Snapshot was made anew with another image.
            (ours, &['b'], Some(&['b']), "bbbbbbbb instead of bbbbbbbb"),
            // All had been pushed before: the digest is the tested one, and never the Snapshot's
            // name.
            (ours, &[], None, "verified aaaaaaaa"),
            (ours, &[], Some(&['a', 'b']), "verified aaaaaaaa"),
            (ours, &[], Some(&['b']), "nothing instead of bbbbbbbb"),
            ("by-hand", &[], Some(&['b']), "verified bbbbbbbb"),
            ("by-hand", &[], None, "verified s-1"),
        ] {
            assert_eq!(
                stands(&release(name, pushed, &none), snapshot),
                wanted,
                "{name} {pushed:?} {snapshot:?}"
            );
        }
    }

    #[test]
    fn an_automatic_release_verifies_nothing() {
        let label =
            json!({"metadata": {"labels": {"release.appstudio.openshift.io/automated": "true"}}});
        let status = json!({"status": {"automated": true}});
        for more in [label, status] {
            assert_eq!(
                stands(&release("s-1-0c1d2e3-kq47h", &['a'], &more), Some(&['a'])),
                "automatic"
            );
        }
    }

    #[test]
    fn what_has_not_landed_or_names_no_digest() {
        let running = json!({"status": {"conditions": [{"type": "Released", "status": "False", "reason": "Progressing"}]}});
        assert_eq!(stands(&release("r", &['a'], &running), None), "not landed");
        let odd = json!({"status": {"artifacts": {"images": [{"name": "ho"}]}}});
        assert_eq!(
            stands(&release("plan-aaaaaaaaaaaa-1", &[], &odd), None),
            "an image without a digest instead of aaaaaaaa"
        );
    }

    #[test]
    fn null_is_absent() {
        let text = r#"{"metadata":{"name":"r","uid":null,"labels":null},"spec":null,"status":{"conditions":null,"artifacts":null,"automated":null}}"#;
        let release: ReleaseBrief = serde_json::from_str(text).unwrap();
        assert_eq!(release.standing(&MadeFor::default()), Standing::NotLanded);
    }
}
