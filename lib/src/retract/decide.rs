//! What is to be done next, from the plan's Releases and its list.

use super::{Seen, State};
use crate::image::Digest;
use crate::lists::{Back, List, Retraction};

/// What is to be done next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// A Release of a retracted image is in flight: follow it to its end.
    Follow { release: String, digest: Digest },
    /// A Release that moves the tags back is on its way, or was announced: ask for it if it is not
    /// there, and follow it.
    GoOn(Back),
    /// The tags are at a retracted image: release this one once more.
    Back { snapshot: String, digest: Digest },
    /// The tags are at a retracted image, and there is none to go back to.
    NoneLeft {
        /// The Release that landed last.
        release: String,
    },
    /// The tags are where they belong.
    Done {
        /// The Release that landed last, if any did.
        release: Option<String>,
        /// The images that are known of it.
        digests: Vec<Digest>,
    },
}

/// Decides. `releases` are those of the plan, the one that ended last first.
pub fn decide(digest: &Digest, releases: &[Seen], list: &List<Retraction>) -> Next {
    let is_retracted = |seen: &Seen| list.digests().any(|digest| seen.is_of(digest));
    let in_flight = releases
        .iter()
        .find(|seen| seen.state == State::Running && is_retracted(seen));
    if let Some(seen) = in_flight {
        let of = list.digests().find(|digest| seen.is_of(digest));
        let digest = of.unwrap_or(digest).clone();
        return Next::Follow { release: seen.release.clone(), digest };
    }
    let open = list
        .of(digest)
        .and_then(|retraction| retraction.back.last())
        .filter(|back| back.ended.is_none());
    if let Some(back) = open {
        return Next::GoOn(back.clone());
    }
    // Where the tags are: what landed last moved them, and so may have what ended unknown.
    let moved = |seen: &&Seen| matches!(seen.state, State::Landed | State::Unknown);
    let Some(last) = releases.iter().find(moved) else {
        return Next::Done { release: None, digests: Vec::new() };
    };
    // The newest is the one that was built last: Releases of an older one are made at any time.
    let good = releases
        .iter()
        .filter(|seen| seen.state == State::Landed && !is_retracted(seen))
        .filter_map(|seen| Some((seen, seen.verifies.clone()?)))
        .max_by_key(|(seen, _)| (seen.built_at, seen.at));
    // A better one may have landed while the tags were moved back: it was overtaken.
    let overtaken = |best: &Seen| list.made(&last.release) && best.built_at > last.built_at;
    if !is_retracted(last) && !good.as_ref().is_some_and(|(best, _)| overtaken(best)) {
        let (release, digests) = (Some(last.release.clone()), last.digests.clone());
        return Next::Done { release, digests };
    }
    match good {
        Some((seen, digest)) => Next::Back { snapshot: seen.snapshot.clone(), digest },
        None => Next::NoneLeft { release: last.release.clone() },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lists::BackEnd;
    use jiff::Timestamp;

    fn digest(letter: char) -> Digest {
        format!("sha256:{}", letter.to_string().repeat(64)).parse().unwrap()
    }

    /// Of image `letter`, built and released in the order of the letters.
    fn seen(letter: char, state: State) -> Seen {
        let at = Timestamp::from_second(i64::from(u32::from(letter)) * 1000).unwrap();
        Seen {
            release: format!("r-{letter}"),
            snapshot: format!("s-{letter}"),
            state,
            is_live: true,
            at: Some(at),
            digests: vec![digest(letter)],
            digits: None,
            verifies: (state == State::Landed).then(|| digest(letter)),
            built_at: Some(at),
        }
    }

    fn list(retracted: &str) -> List<Retraction> {
        let mut list = List::of_plan("p");
        for letter in retracted.chars() {
            list.retract(Retraction {
                digest: digest(letter),
                reason: "bad".to_owned(),
                by: None,
                at: Timestamp::UNIX_EPOCH,
                undone_at: None,
                undone_by: None,
                back: Vec::new(),
            });
        }
        list
    }

    fn words(releases: &[Seen], list: &List<Retraction>) -> String {
        match decide(&digest('c'), releases, list) {
            Next::Follow { release, .. } => format!("follow {release}"),
            Next::GoOn(back) => format!("go on with {}", back.release),
            Next::Back { snapshot, .. } => format!("back to {snapshot}"),
            Next::NoneLeft { release } => format!("none left, at {release}"),
            Next::Done { release, .. } => format!("done, at {release:?}"),
        }
    }

    #[test]
    fn the_newest_verified_image_that_is_left() {
        use State::{Failed, Landed, Running, Unknown};
        let all = |states: &[(char, State)]| -> Vec<Seen> {
            states.iter().map(|(letter, state)| seen(*letter, *state)).collect()
        };
        for (releases, retracted, wanted) in [
            (all(&[('c', Landed), ('b', Landed), ('a', Landed)]), "c", "back to s-b"),
            (all(&[('c', Landed), ('b', Landed), ('a', Landed)]), "cb", "back to s-a"),
            (all(&[('c', Landed), ('b', Failed), ('a', Landed)]), "c", "back to s-a"),
            (all(&[('c', Landed), ('b', Unknown), ('a', Landed)]), "c", "back to s-a"),
            // The tags have gone on: there is nothing to move.
            (all(&[('d', Landed), ('c', Landed), ('b', Landed)]), "c", "done, at Some(\"r-d\")"),
            // It may have been pushed.
            (all(&[('c', Unknown), ('b', Landed)]), "c", "back to s-b"),
            (all(&[('c', Failed), ('b', Landed)]), "c", "done, at Some(\"r-b\")"),
            (all(&[('c', Running), ('b', Landed)]), "c", "follow r-c"),
            // Of another retracted image.
            (all(&[('d', Running), ('c', Landed), ('b', Landed)]), "cd", "follow r-d"),
            // Another image that is on its way moves the tags itself, if it lands.
            (all(&[('d', Running), ('c', Landed), ('b', Landed)]), "c", "back to s-b"),
            (all(&[('c', Landed)]), "c", "none left, at r-c"),
            (all(&[]), "c", "done, at None"),
        ] {
            assert_eq!(words(&releases, &list(retracted)), wanted, "{releases:?} {retracted}");
        }
        // Without its Snapshot an image cannot be released again.
        let mut gone = all(&[('c', Landed), ('b', Landed), ('a', Landed)]);
        gone[1].verifies = None;
        assert_eq!(words(&gone, &list("c")), "back to s-a");
        // A Release that was made of an older image later does not make it the newest.
        let mut late = all(&[('c', Landed), ('a', Landed), ('b', Landed)]);
        late[1].at = late[0].at;
        assert_eq!(words(&late, &list("c")), "back to s-b");
    }

    #[test]
    fn what_was_announced_is_gone_on_with() {
        let releases = [seen('c', State::Landed), seen('b', State::Landed)];
        let mut list = list("c");
        list.of_mut(&digest('c')).unwrap().back.push(Back {
            release: "p-b-2".to_owned(),
            snapshot: "s-b".to_owned(),
            digest: digest('b'),
            ended: None,
        });
        assert_eq!(words(&releases, &list), "go on with p-b-2");
        list.of_mut(&digest('c')).unwrap().back[0].ended = Some(BackEnd::Failed);
        assert_eq!(words(&releases, &list), "back to s-b", "the next one");
        list.of_mut(&digest('c')).unwrap().back[0].ended = Some(BackEnd::Landed);
        let again = Seen { release: "p-b-2".to_owned(), ..seen('b', State::Landed) };
        let landed = [again.clone(), releases[0].clone(), releases[1].clone()];
        assert_eq!(words(&landed, &list), "done, at Some(\"p-b-2\")");
        // A newer good image landed while that was on its way: the tags are not left behind it.
        let overtaken = [again, seen('d', State::Landed), releases[0].clone()];
        assert_eq!(words(&overtaken, &list), "back to s-d");
    }
}
