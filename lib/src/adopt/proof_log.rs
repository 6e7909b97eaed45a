//! Which log of a job shows the image: found in a run that has been.

use std::collections::BTreeMap;
use std::io::{self, BufRead};

use memchr::memmem;

use crate::prow::Servers;
use crate::prow::job_url::JobUrl;

/// Objects of a run that are listed.
const LISTED: usize = 3_000;

/// Logs that are read.
const LOGS: usize = 60;

/// Bytes of a log that are read (16 MiB).
const LOG: u64 = 16 << 20;

/// How an image by its digest looks in a log.
const MARK: &[u8] = b"@sha256:";

/// What a log shows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Shows {
    /// An image by its digest.
    Digest,
    /// One whose repository is named like the component.
    Component,
}

/// Logs of the jobs' last runs that show an image by its digest, as patterns that fit other runs too;
/// those that name the component first.
pub(super) async fn proposals(prow: &Servers, jobs: &[String], component: &str) -> Vec<String> {
    let mut found = BTreeMap::new();
    for job in jobs {
        let urls = prow.deck.last_urls(&[job]).await.unwrap_or_default();
        let folders = urls.iter().filter_map(|url| url.parse::<JobUrl>().ok());
        for folder in folders {
            for (path, pattern) in logs(prow, &folder).await {
                let component = component.to_owned();
                let read = move |input: &mut dyn BufRead| search(input, component.as_bytes());
                let read = prow.bucket.stream(&folder, &path, LOG, read).await;
                let shows = read.ok().flatten().and_then(|log| log.value.ok().flatten());
                if let Some(shows) = shows {
                    let best = found.entry(pattern).or_insert(shows);
                    *best = shows.max(*best);
                }
            }
        }
        if !found.is_empty() {
            break;
        }
    }
    let mut found: Vec<(String, Shows)> = found.into_iter().collect();
    found.sort_by_key(|(_, shows)| std::cmp::Reverse(*shows));
    found.into_iter().map(|(pattern, _)| pattern).collect()
}

/// The logs of the steps of a run: each with the pattern that finds it in other runs, where the test
/// may have another name.
async fn logs(prow: &Servers, folder: &JobUrl) -> Vec<(String, String)> {
    let start = format!("{}/", folder.prefix());
    let below = folder.object("artifacts/");
    let listed = prow.bucket.list(folder.bucket(), &below, None, LISTED).await;
    let names = listed.map(|listing| listing.objects).unwrap_or_default();
    let names = names.into_iter().filter_map(|object| {
        let path = object.name.strip_prefix(&start)?.to_owned();
        let parts: Vec<&str> = path.split('/').collect();
        match parts.as_slice() {
            ["artifacts", _, step, "build-log.txt"] => {
                let pattern = format!("artifacts/*/{step}/build-log.txt");
                Some((path.clone(), pattern))
            }
            _ => None,
        }
    });
    names.take(LOGS).collect()
}

/// What a log shows at best. Lines may be of any length: only as much is kept as a mark needs.
fn search(input: &mut dyn BufRead, component: &[u8]) -> io::Result<Option<Shows>> {
    let finder = memmem::Finder::new(MARK);
    let (before, after) = (component.len() + 64, MARK.len() + 64);
    let (mut window, mut best) = (Vec::new(), None);
    loop {
        let buffer = input.fill_buf()?;
        let length = buffer.len();
        window.extend_from_slice(buffer);
        input.consume(length);
        for at in finder.find_iter(&window) {
            let digits = window.get(at + MARK.len()..at + after).unwrap_or_default();
            if digits.len() < 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
                continue;
            }
            let name = window[..at].rsplit(|byte| b"/ \t\n\"'".contains(byte)).next();
            let is_ours = !component.is_empty() && name.is_some_and(|name| name == component);
            best = best.max(Some(if is_ours { Shows::Component } else { Shows::Digest }));
        }
        if length == 0 || best == Some(Shows::Component) {
            return Ok(best);
        }
        let keep = window.len().saturating_sub(before + after);
        window.drain(..keep);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shows(log: &str) -> Option<Shows> {
        let mut small = io::BufReader::with_capacity(7, log.as_bytes());
        search(&mut small, b"operator").unwrap()
    }

    #[test]
    fn a_digest_is_found_across_pieces() {
        let digest = format!("sha256:{}", "a1".repeat(32));
        assert_eq!(
            shows(&format!("x\nimage: quay.io/acme/operator@{digest}\n")),
            Some(Shows::Component)
        );
        assert_eq!(shows(&format!("pulled quay.io/acme/other@{digest}")), Some(Shows::Digest));
        assert_eq!(
            shows(&format!("pulled quay.io/acme/my-operator@{digest}")),
            Some(Shows::Digest)
        );
        assert_eq!(shows("quay.io/acme/operator:latest sha256:short @sha256:00"), None);
        assert_eq!(shows(""), None);
    }
}
