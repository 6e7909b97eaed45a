//! Watches: what happened since a version, then what happens, one JSON object a line.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use http::Response;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::selector::Selector;
use super::status;
use super::store::{KubeState, Resource};
use crate::World;
use crate::answer::Answer;
use crate::direct::Broken;
use crate::time::after;

/// A watch ends after this if the client asks for no other time (5 minutes).
const LONGEST: Duration = Duration::from_secs(300);

/// What a watch asks for.
pub(super) struct Wanted {
    pub(super) resource: &'static Resource,
    pub(super) namespace: Option<String>,
    pub(super) selector: Selector,
    pub(super) name: Option<String>,
    pub(super) since: Option<u64>,
    pub(super) timeout: Option<Duration>,
}

impl Wanted {
    fn fits(&self, plural: &str, namespace: &str, name: &str) -> bool {
        plural == self.resource.plural
            && self.namespace.as_ref().is_none_or(|wanted| wanted == namespace)
            && self.name.as_ref().is_none_or(|wanted| wanted == name)
    }
}

/// Answers at once with a body that goes on.
pub(super) fn watch(world: &World, state: &KubeState, wanted: Wanted) -> Answer {
    let mut lines: Vec<Bytes> = Vec::new();
    let seen = match wanted.since {
        Some(since) if since > 0 && since < state.oldest => {
            let words = format!("too old resource version: {since} ({})", state.oldest);
            let gone = status::status(410, "Expired", &words, None);
            let line = line("ERROR", &gone);
            return streamed(futures::stream::iter([Ok::<_, Broken>(line)]));
        }
        Some(since) if since > 0 => since,
        _ => {
            for ((plural, namespace, name), object) in &state.objects {
                if wanted.fits(plural, namespace, name) && wanted.selector.matches(object) {
                    lines.push(line("ADDED", object));
                }
            }
            1000 + state.version
        }
    };
    let until = after(world.now(), wanted.timeout.unwrap_or(LONGEST));
    let flow = Flow { world: world.clone(), wanted, seen, until, ready: lines.into() };
    streamed(futures::stream::unfold(flow, |mut flow| async move {
        let line = flow.next().await?;
        Some((Ok::<_, Broken>(line), flow))
    }))
}

fn streamed(stream: impl futures::Stream<Item = Result<Bytes, Broken>> + Send + 'static) -> Answer {
    let mut answer = Response::new(Body::from_stream(stream));
    answer
        .headers_mut()
        .insert("content-type", http::HeaderValue::from_static("application/json"));
    answer
}

fn line(what: &str, object: &Value) -> Bytes {
    Bytes::from(json!({"type": what, "object": object}).to_string() + "\n")
}

struct Flow {
    world: World,
    wanted: Wanted,
    seen: u64,
    until: Timestamp,
    ready: std::collections::VecDeque<Bytes>,
}

impl Flow {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            if let Some(line) = self.ready.pop_front() {
                return Some(line);
            }
            let now = self.world.now();
            if now >= self.until {
                return None;
            }
            // the lock is let go before anything waits, and the change is asked for before the
            // look, so none is missed
            let changed = self.world.kube_state().changed.clone();
            let changed = changed.notified();
            let mut changed = std::pin::pin!(changed);
            changed.as_mut().enable();
            let next = self.gather(now);
            if !self.ready.is_empty() {
                continue;
            }
            let wake = next.unwrap_or(self.until).min(self.until);
            tokio::select! {
                () = changed => {}
                () = self.world.time().wait(Some(wake)) => {}
            }
        }
    }

    /// Takes the events since the last look; gives the moment of the next change that is known.
    fn gather(&mut self, now: Timestamp) -> Option<Timestamp> {
        let mut state = self.world.kube_state();
        state.settle(now);
        for event in state.events.iter().filter(|event| event.version > self.seen) {
            let (plural, namespace, name) = &event.key;
            if self.wanted.fits(plural, namespace, name)
                && self.wanted.selector.matches(&event.object)
            {
                self.ready.push_back(line(event.what, &event.object));
            }
        }
        self.seen = 1000 + state.version;
        [state.releases.next_moment(), state.integration.next_moment()]
            .into_iter()
            .flatten()
            .min()
    }
}
