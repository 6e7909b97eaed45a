//! The Snapshots between a good one and a bad one.

use jiff::Timestamp;

use super::document::Place;

/// Snapshots that a range has at most: more than a namespace keeps.
pub const MOST: usize = 1000;

/// A Snapshot that may belong to the range.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The Snapshot, with its image.
    pub place: Place,
    /// Whether it is the build of a push and as it should be; others are passed over, unless they
    /// are an end.
    pub fit: bool,
}

/// Why there is no range.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum RangeError {
    /// An end is not there.
    #[error(
        "{flag}: there is no Snapshot {name:?} with an image of this component; expected the name of one that is still in the namespace"
    )]
    Missing {
        /// `--good` or `--bad`.
        flag: &'static str,
        /// What was given.
        name: String,
    },
    /// They are in the wrong order.
    #[error("--good {good} was built at {good_at}, which is not before --bad {bad} at {bad_at}")]
    Order {
        /// The good end.
        good: String,
        /// When it was built.
        good_at: Timestamp,
        /// The bad end.
        bad: String,
        /// When it was built.
        bad_at: Timestamp,
    },
    /// It cannot be told when an end was built.
    #[error("{flag}: it is not known when {name} was built")]
    NoTime {
        /// `--good` or `--bad`.
        flag: &'static str,
        /// The Snapshot.
        name: String,
    },
    /// Both have the same image.
    #[error("--good {good} and --bad {bad} have the same image, so that no change is between them")]
    SameImage {
        /// The good end.
        good: String,
        /// The bad end.
        bad: String,
    },
    /// There are too many.
    #[error("{0} Snapshots are between --good and --bad; expected at most {MOST}")]
    TooMany(usize),
}

/// The Snapshots of pushes from `good` to `bad`, by when they were built. Of several with the same
/// image in a row the first is taken.
///
/// # Errors
/// [`RangeError`].
pub fn range(
    builds: impl IntoIterator<Item = Build>,
    good: &str,
    bad: &str,
) -> Result<Vec<Place>, RangeError> {
    let builds: Vec<_> = builds.into_iter().collect();
    let end = |flag, name: &str| {
        let found = builds.iter().find(|build| build.place.snapshot == name);
        let found = found.ok_or(RangeError::Missing { flag, name: name.to_owned() })?;
        let at = found.place.built_at;
        let at = at.ok_or(RangeError::NoTime { flag, name: name.to_owned() })?;
        Ok((found.place.clone(), at))
    };
    let ((first, first_at), (last, last_at)) = (end("--good", good)?, end("--bad", bad)?);
    if first_at >= last_at {
        return Err(RangeError::Order {
            good: good.to_owned(),
            good_at: first_at,
            bad: bad.to_owned(),
            bad_at: last_at,
        });
    }
    if first.image.digest() == last.image.digest() {
        return Err(RangeError::SameImage { good: good.to_owned(), bad: bad.to_owned() });
    }
    let mut between: Vec<_> = builds
        .into_iter()
        .filter(|build| build.fit && ![good, bad].contains(&build.place.snapshot.as_str()))
        .map(|build| build.place)
        .filter(|place| place.built_at.is_some_and(|at| at >= first_at && at <= last_at))
        .collect();
    between.sort_by(|one, other| {
        (one.built_at, &one.snapshot).cmp(&(other.built_at, &other.snapshot))
    });
    let mut range = vec![first];
    for place in between {
        let before = range.last().map(|before| before.image.digest());
        if before != Some(place.image.digest()) && place.image.digest() != last.image.digest() {
            range.push(place);
        }
    }
    range.push(last);
    if range.len() > MOST {
        return Err(RangeError::TooMany(range.len()));
    }
    Ok(range)
}

#[cfg(test)]
mod tests {
    use super::super::document::tests::place;
    use super::*;

    fn build(number: usize) -> Build {
        Build { place: place(number), fit: true }
    }

    fn names(builds: Vec<Build>, good: &str, bad: &str) -> Result<Vec<String>, RangeError> {
        range(builds, good, bad)
            .map(|range| range.into_iter().map(|place| place.snapshot).collect())
    }

    #[test]
    fn pushes_between_the_ends_by_their_build() {
        let mut builds: Vec<_> = [5, 2, 9, 3, 7].map(build).into();
        builds.push(Build { fit: false, ..build(4) });
        let again = Place { snapshot: "again".to_owned(), image: place(3).image, ..place(4) };
        builds.push(Build { place: again, fit: true });
        assert_eq!(
            names(builds.clone(), "snap-2", "snap-7").unwrap(),
            ["snap-2", "snap-3", "snap-5", "snap-7"]
        );
        assert_eq!(
            names(builds.clone(), "snap-1", "snap-7").unwrap_err().to_string(),
            "--good: there is no Snapshot \"snap-1\" with an image of this component; expected the name of one that is still in the namespace"
        );
        let error = names(builds.clone(), "snap-7", "snap-2").unwrap_err().to_string();
        assert!(error.contains("is not before --bad snap-2"), "{error}");
        let error = names(builds, "snap-3", "again").unwrap_err().to_string();
        assert!(error.contains("the same image"), "{error}");
    }

    #[test]
    fn a_range_has_at_most_a_thousand_snapshots() {
        let up_to = |last: usize| {
            names((0..=last).map(build).collect(), "snap-0", &format!("snap-{last}"))
                .map(|names| names.len())
        };
        assert_eq!(up_to(MOST - 1), Ok(MOST));
        assert_eq!(up_to(MOST), Err(RangeError::TooMany(MOST + 1)));
    }
}
