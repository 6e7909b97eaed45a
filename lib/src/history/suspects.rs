//! Which builds may have broken a test.

use jiff::Timestamp;
use url::Url;

use super::document::{History, TestId};
use super::mark::Ended;
use super::past::{Seen, Tonight};
use super::run::{Origin, Run};
use crate::image::Digest;

/// A Snapshot, as far as it is told of as a suspect.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The Snapshot's name.
    pub snapshot: String,
    /// The image.
    pub digest: Digest,
    /// The git revision that it was built from.
    pub revision: Option<String>,
    /// When its build began.
    pub built_at: Timestamp,
    /// The commit's title, where the Snapshot's annotations have it.
    pub title: Option<String>,
    /// The pull request's address, where they have it.
    pub link: Option<String>,
}

/// What lies between the last pass and the first failure of a test.
#[derive(Debug, Clone, PartialEq)]
pub struct Suspects<'a> {
    /// The last run in which the test passed.
    pub good: &'a Run,
    /// The first run since in which it failed; `None` where that is tonight's.
    pub bad: Option<&'a Run>,
    /// The Snapshots after the good one up to and with the bad one, oldest first.
    pub builds: Vec<&'a Build>,
    /// What changed between them, for people.
    pub compare: Option<String>,
}

/// The builds after the last image on which a test passed, up to the first on which it failed.
/// `None` where no pass of ours with a known image is known, or where the test passed and failed on
/// the same image: then no build is to blame.
///
/// `builds` are Snapshots in any order; where there are none, the compare link alone is given.
/// `repository` is where the component comes from, `revision` what tonight's image was built from.
pub fn suspects<'a>(
    history: &'a History,
    test: &TestId,
    tonight: Tonight<'_>,
    revision: Option<&str>,
    repository: Option<&str>,
    builds: &'a [Build],
) -> Option<Suspects<'a>> {
    let ours = |seen: &Seen<'_>| seen.run.origin == Origin::Nightly && seen.run.digest.is_some();
    let past: Vec<Seen<'a>> = history.past(test, tonight).into_iter().filter(ours).collect();
    let last_pass = past.iter().rposition(|seen| seen.mark.ended != Ended::Failed)?;
    let good = past[last_pass].run;
    let bad = past.get(last_pass + 1).map(|seen| seen.run);
    let bad_digest = bad.map_or(tonight.digest, |run| run.digest.as_ref());
    if good.digest.as_ref() == bad_digest {
        return None;
    }
    let bad_revision = bad.map_or(revision, |run| run.revision.as_deref());
    let compare = repository
        .zip(good.revision.as_deref())
        .zip(bad_revision)
        .and_then(|((repository, good), bad)| compare_link(repository, good, bad));
    let builds = between(builds, good.digest.as_ref(), bad_digest);
    Some(Suspects { good, bad, builds, compare })
}

fn between<'a>(builds: &'a [Build], good: Option<&Digest>, bad: Option<&Digest>) -> Vec<&'a Build> {
    let built = |digest: Option<&Digest>| {
        let same = builds.iter().filter(|build| Some(&build.digest) == digest);
        same.map(|build| build.built_at).min()
    };
    let Some((from, to)) = built(good).zip(built(bad)) else { return Vec::new() };
    let mut between: Vec<&Build> = builds
        .iter()
        .filter(|build| from < build.built_at && build.built_at <= to)
        .collect();
    between.sort_by(|a, b| (a.built_at, &a.snapshot).cmp(&(b.built_at, &b.snapshot)));
    between
}

/// The page that compares two revisions of a repository: as GitHub has it, or GitLab. `None` for an
/// address that is not https, and for what is no revision.
pub fn compare_link(repository: &str, good: &str, bad: &str) -> Option<String> {
    let is_revision =
        |text: &str| (7..=64).contains(&text.len()) && text.bytes().all(|b| b.is_ascii_hexdigit());
    let url = Url::parse(repository).ok()?;
    let host = url.host_str().filter(|_| url.scheme() == "https")?;
    let path = url.path().trim_matches('/');
    let path = path.strip_suffix(".git").unwrap_or(path);
    if !is_revision(good) || !is_revision(bad) || path.is_empty() || !url.username().is_empty() {
        return None;
    }
    let host = url.port().map_or(host.to_owned(), |port| format!("{host}:{port}"));
    let compare = if host.contains("gitlab") { "-/compare" } else { "compare" };
    Some(format!("https://{host}/{path}/{compare}/{good}...{bad}"))
}

#[cfg(test)]
mod tests {
    use super::super::samples::{day, digest, history, nightly, scheduled, test, with};
    use super::*;
    use jiff::SignedDuration;

    fn build(n: i64) -> Build {
        Build {
            snapshot: format!("s-{n}"),
            digest: digest(n),
            revision: Some(format!("{n:040x}")),
            built_at: day(n) - SignedDuration::from_hours(6),
            title: None,
            link: None,
        }
    }

    const REPOSITORY: &str = "https://github.com/acme/operator.git";

    type Found = (String, Option<String>, Vec<String>, Option<String>);

    /// The suspects of `T`, which failed in the night after the last letter: good run, bad run,
    /// builds, and the link.
    fn of(letters: &str) -> Option<Found> {
        let n = letters.len() as i64;
        let history = history(letters, "");
        // In no order, with one of last month and one of tomorrow.
        let builds: Vec<Build> = [n + 1, 3, 0, 4, 2, 1, -30]
            .into_iter()
            .chain(5..=n)
            .map(build)
            .collect();
        let night = nightly(n);
        let found = suspects(
            &history,
            &test("T"),
            Tonight::of(&night),
            night.revision.as_deref(),
            Some(REPOSITORY),
            &builds,
        )?;
        let names = found.builds.iter().map(|build| build.snapshot.clone()).collect();
        let bad = found.bad.map(|run| run.build_id.clone());
        Some((found.good.build_id.clone(), bad, names, found.compare))
    }

    #[test]
    fn builds_after_the_last_pass_up_to_the_first_failure() {
        let names =
            |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        let link = |good: i64, bad: i64| {
            Some(format!("https://github.com/acme/operator/compare/{good:040x}...{bad:040x}"))
        };
        let wanted = ("n0002".to_owned(), None, names(&["s-3"]), link(2, 3));
        assert_eq!(of("PPP"), Some(wanted));
        let wanted = ("n0002".to_owned(), Some("n0003".to_owned()), names(&["s-3"]), link(2, 3));
        assert_eq!(of("PPPFF"), Some(wanted));
        // Nights that say nothing widen it.
        let wanted = ("n0001".to_owned(), None, names(&["s-2", "s-3", "s-4", "s-5"]), link(1, 5));
        assert_eq!(of("PPSUA"), Some(wanted));
        // A flake passed as well.
        let wanted = ("n0002".to_owned(), None, names(&["s-3"]), link(2, 3));
        assert_eq!(of("PPK"), Some(wanted));
        assert_eq!((of("FFF"), of("")), (None, None));
    }

    #[test]
    fn no_build_is_to_blame_for_what_passed_on_the_same_image() {
        let mut history = history("PP", "");
        let again = Run { digest: Some(digest(1)), revision: nightly(1).revision, ..nightly(2) };
        history.add(&with(again.clone(), 'F'));
        let of = |night: &Run| {
            suspects(&history, &test("T"), Tonight::of(night), None, Some(REPOSITORY), &[])
                .is_some()
        };
        assert!(!of(&again));
        assert!(!of(&nightly(3)), "the first failure was on the image of the last pass");
    }

    #[test]
    fn a_scheduled_pass_is_none_of_ours() {
        let mut history = history("PPF", "");
        history.add(&with(Run { digest: Some(digest(77)), ..scheduled(1) }, 'P'));
        let night = nightly(3);
        let found = suspects(&history, &test("T"), Tonight::of(&night), None, None, &[]).unwrap();
        assert_eq!((found.good.build_id.as_str(), found.compare), ("n0001", None));
    }

    #[test]
    fn without_snapshots_the_link_is_left() {
        let history = history("PPP", "");
        let night = nightly(3);
        let found = suspects(
            &history,
            &test("T"),
            Tonight::of(&night),
            night.revision.as_deref(),
            Some(REPOSITORY),
            &[],
        );
        let found = found.unwrap();
        assert!(found.builds.is_empty() && found.compare.is_some());
    }

    #[test]
    fn links_are_made_of_addresses_and_revisions_alone() {
        let (a, b) = ("6f3c20aa", "4be1f0c2d7aa");
        for (repository, good, bad, wanted) in [
            (
                "https://github.com/a/b",
                a,
                b,
                Some("https://github.com/a/b/compare/6f3c20aa...4be1f0c2d7aa"),
            ),
            (
                "https://github.com/a/b.git/",
                a,
                b,
                Some("https://github.com/a/b/compare/6f3c20aa...4be1f0c2d7aa"),
            ),
            (
                "https://gitlab.example.com:8443/g/s/b",
                a,
                b,
                Some("https://gitlab.example.com:8443/g/s/b/-/compare/6f3c20aa...4be1f0c2d7aa"),
            ),
            ("https://user:secret@github.com/a/b", a, b, None),
            ("http://github.com/a/b", a, b, None),
            ("git@github.com:a/b", a, b, None),
            ("https://github.com/", a, b, None),
            ("https://github.com/a/b", "main", b, None),
            ("https://github.com/a/b", a, "4be1f0c2|x", None),
            (
                "https://github.com/a/b>|x",
                a,
                b,
                Some("https://github.com/a/b%3E|x/compare/6f3c20aa...4be1f0c2d7aa"),
            ),
        ] {
            assert_eq!(
                compare_link(repository, good, bad).as_deref(),
                wanted,
                "{repository} {good} {bad}"
            );
        }
    }
}
