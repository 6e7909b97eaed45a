//! What a caller says is under test, held against what the record is bound to.

use super::Candidate;
use crate::image::ImageRef;

/// The image and the Snapshot as the caller gives them, each as far as given. In the pipeline they
/// are results of resolve-image, which no writer of ConfigMaps can change.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tested {
    /// `--image`.
    pub image: Option<ImageRef>,
    /// `--snapshot-name`.
    pub snapshot: Option<String>,
}

impl Tested {
    /// What a record is bound to.
    pub fn of(candidate: &Candidate) -> Self {
        Self { image: Some(candidate.image.clone()), snapshot: candidate.snapshot.clone() }
    }

    /// Reads the flags.
    ///
    /// # Errors
    /// When `--image` is no image by digest.
    pub fn read(image: Option<&str>, snapshot: Option<&str>) -> Result<Self, String> {
        let image = image
            .map(|text| text.parse().map_err(|error| format!("--image: {error}")))
            .transpose()?;
        Ok(Self { image, snapshot: snapshot.map(str::to_owned) })
    }

    /// This, completed with what a record says.
    pub fn or(self, candidate: &Candidate) -> Self {
        let recorded = Self::of(candidate);
        Self { image: self.image.or(recorded.image), snapshot: self.snapshot.or(recorded.snapshot) }
    }

    /// In what the record is of something else, if it is.
    pub fn difference(&self, candidate: Option<&Candidate>) -> Option<String> {
        let held = candidate.map(Self::of).unwrap_or_default();
        let shown = |value: Option<String>| value.unwrap_or_else(|| "none".to_owned());
        let image = |tested: &Self| tested.image.as_ref().map(ToString::to_string);
        let pairs = [
            ("image", image(self), image(&held)),
            ("Snapshot", self.snapshot.clone(), held.snapshot.clone()),
        ];
        let (what, given, found) = pairs
            .into_iter()
            .find(|(_, given, found)| given.is_some() && given != found)?;
        Some(format!("the {what} under test is {}, the record says {}", shown(given), shown(found)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(digit: &str) -> ImageRef {
        format!("quay.io/acme/ho@sha256:{}", digit.repeat(64))
            .parse()
            .unwrap()
    }

    #[test]
    fn only_what_is_given_is_compared() {
        let candidate =
            Candidate { snapshot: Some("ho-1".to_owned()), ..Candidate::of(image("a")) };
        let other = |snapshot: &str| Tested {
            snapshot: Some(snapshot.to_owned()),
            ..Tested::of(&candidate)
        };
        assert_eq!(Tested::default().difference(None), None);
        assert_eq!(Tested::default().difference(Some(&candidate)), None);
        assert_eq!(Tested::of(&candidate).difference(Some(&candidate)), None);
        let told = other("ho-2").difference(Some(&candidate)).unwrap();
        assert_eq!(told, "the Snapshot under test is ho-2, the record says ho-1");
        let told = Tested::of(&Candidate::of(image("b")))
            .difference(Some(&candidate))
            .unwrap();
        assert!(told.starts_with("the image under test is quay.io/acme/ho@sha256:bbb"), "{told}");
        assert!(
            Tested::of(&candidate)
                .difference(None)
                .unwrap()
                .ends_with("the record says none")
        );
        let bare = Candidate::of(image("a"));
        assert!(
            Tested::of(&candidate)
                .difference(Some(&bare))
                .unwrap()
                .contains("Snapshot")
        );
    }

    #[test]
    fn what_is_not_given_is_the_records() {
        let candidate =
            Candidate { snapshot: Some("ho-1".to_owned()), ..Candidate::of(image("a")) };
        assert_eq!(Tested::default().or(&candidate), Tested::of(&candidate));
        let given = Tested { image: Some(image("b")), snapshot: None };
        assert!(given.or(&candidate).difference(Some(&candidate)).is_some());
        assert!(
            Tested::read(Some("quay.io/acme/ho:tag"), None)
                .unwrap_err()
                .starts_with("--image: ")
        );
    }
}
