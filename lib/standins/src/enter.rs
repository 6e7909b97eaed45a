//! The way of every request into a server: faults, log, treatment.

use std::time::Duration;

use axum::Router;
use axum::body::{Body, HttpBody};
use axum::extract::Request;
use bytes::Bytes;
use futures::StreamExt;
use http::request::Parts;
use http::{HeaderValue, Response};

use crate::answer::{self, Answer};
use crate::direct::{Broken, InProcess};
use crate::{Server, Trouble, World};

/// A request larger than this is cut off before it reaches a server.
const LARGEST_REQUEST: usize = 64 << 20; // 64 MiB

/// Marks an answer that must not be sent: the connection ends instead.
///
/// A served world closes the socket for it, [`crate::Direct`] turns it into [`Broken::Dropped`].
#[derive(Debug, Clone, Copy)]
pub struct Dropped;

/// Marks an answer that would have come so much later; only for requests through [`crate::Direct`].
#[derive(Debug, Clone, Copy)]
pub(crate) struct Stalled(pub(crate) Duration);

/// How one server treats one request; never waits.
pub(crate) type Handler = fn(&World, &Parts, &Bytes) -> Answer;

/// A router whose every request goes through the switchboard and the log to `handler`.
pub(crate) fn router(world: &World, server: Server, handler: Handler) -> Router {
    let world = world.clone();
    Router::new().fallback(move |request: Request| {
        let world = world.clone();
        async move { enter(&world, server, handler, request).await }
    })
}

async fn enter(world: &World, server: Server, handler: Handler, request: Request) -> Answer {
    let (parts, body) = request.into_parts();
    let direct = parts.extensions.get::<InProcess>().is_some();
    let asked = world.asked(server, &parts);
    let Ok(body) = axum::body::to_bytes(body, LARGEST_REQUEST).await else {
        return dropped();
    };
    let mut trouble = None;
    for picked in world.troubles(server, &parts) {
        match picked {
            Trouble::Do(change) => change(world),
            other => trouble = Some(other),
        }
    }
    let treat = || handler(world, &parts, &body);
    let name = trouble.as_ref().map(|trouble| format!("{trouble:?}"));
    let answer = match trouble {
        None => treat(),
        Some(Trouble::Do(_)) => unreachable!("done above"),
        Some(Trouble::DropBefore) => dropped(),
        Some(Trouble::DropAfter) => {
            treat();
            dropped()
        }
        Some(Trouble::StallBefore(time)) => {
            if direct {
                stalled(time)
            } else {
                tokio::time::sleep(time).await;
                treat()
            }
        }
        Some(Trouble::StallAfter(time)) => {
            let answer = treat();
            if direct {
                stalled(time)
            } else {
                tokio::time::sleep(time).await;
                answer
            }
        }
        Some(Trouble::Truncate(after)) => interrupt(treat(), after, None),
        Some(Trouble::StallBody(after, time)) => {
            interrupt(treat(), after, (!direct).then_some(time))
        }
        Some(Trouble::Html403) => answer::sign_in(403),
        Some(Trouble::Html200) => answer::sign_in(200),
        Some(Trouble::NotFound) => answer::not_found(server),
        Some(Trouble::TooMany(retry_after)) => answer::too_many(server, retry_after),
        Some(Trouble::StatusBefore(code)) => answer::layer(server, code),
        Some(Trouble::StatusAfter(code)) => {
            treat();
            answer::layer(server, code)
        }
        Some(Trouble::EmptyList) => answer::empty_list(server),
        Some(Trouble::Echo(code, before)) => answer::echo(server, code, before, &parts),
        Some(Trouble::Answer(canned)) => self::canned(canned),
        Some(Trouble::AnswerAfter(canned)) => {
            treat();
            self::canned(canned)
        }
    };
    let silent = answer.extensions().get::<Dropped>().is_some()
        || answer.extensions().get::<Stalled>().is_some();
    world.answered(asked, (!silent).then(|| answer.status().as_u16()), name);
    answer
}

fn dropped() -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = http::StatusCode::BAD_GATEWAY;
    answer.extensions_mut().insert(Dropped);
    answer
}

fn stalled(time: Duration) -> Answer {
    let mut answer = Response::new(Body::empty());
    *answer.status_mut() = http::StatusCode::GATEWAY_TIMEOUT;
    answer.extensions_mut().insert(Stalled(time));
    answer
}

fn canned(canned: crate::Canned) -> Answer {
    let headers: Vec<(&str, &str)> = canned
        .headers
        .iter()
        .map(|(name, value)| (name.as_str(), value.as_str()))
        .collect();
    answer::answer(canned.status, &headers, canned.body)
}

/// The same answer, its body ended after `after` bytes, or standing still there for `time`.
fn interrupt(answer: Answer, after: usize, time: Option<Duration>) -> Answer {
    let (mut parts, body) = answer.into_parts();
    if let Some(length) = body.size_hint().exact() {
        // the length is promised in full, as the real thing does, so that a client can see what is
        // missing
        parts.headers.insert("content-length", HeaderValue::from(length));
    }
    struct State {
        body: axum::body::BodyDataStream,
        left: usize,
        rest: Option<Bytes>,
        time: Option<Duration>,
        interrupted: bool,
    }
    let state =
        State { body: body.into_data_stream(), left: after, rest: None, time, interrupted: false };
    let stream = futures::stream::unfold(Some(state), |state| async move {
        let mut state = state?;
        if state.left == 0 && !state.interrupted {
            state.interrupted = true;
            match state.time {
                Some(time) => tokio::time::sleep(time).await,
                None => {
                    // lets what was sent leave the buffers before the connection is torn down
                    tokio::task::yield_now().await;
                    return Some((Err(Broken::Cut), None));
                }
            }
        }
        let chunk = match state.rest.take() {
            Some(rest) => rest,
            None => match state.body.next().await? {
                Ok(chunk) => chunk,
                Err(_) => return Some((Err(Broken::Cut), None)),
            },
        };
        if state.interrupted || chunk.len() < state.left {
            state.left = state.left.saturating_sub(chunk.len());
            return Some((Ok(chunk), Some(state)));
        }
        let mut chunk = chunk;
        let rest = chunk.split_off(state.left);
        state.left = 0;
        state.rest = Some(rest).filter(|rest| !rest.is_empty());
        Some((Ok(chunk), Some(state)))
    });
    Response::from_parts(parts, Body::from_stream(stream))
}
