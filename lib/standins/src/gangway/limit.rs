//! nginx' limit, a leaky bucket for all requests together.

use crate::Server;
use crate::World;
use crate::answer::{Answer, too_many};

/// Counts the request, or refuses it; a refused one leaves no trace.
pub(crate) fn refuse(world: &World) -> Option<Answer> {
    let now = world.now();
    let mut state = world.prow_state();
    let limit = state.limit?;
    let (excess, since) = state.excess;
    let gone = now.duration_since(since).as_secs_f64().max(0.0) * f64::from(world.scale());
    let leaked = gone * f64::from(limit.per_minute) / 60.0;
    let full = (excess - leaked).max(0.0);
    // nginx allows a request while the excess before it is at most the burst, in thousandths of a
    // request
    if full > f64::from(limit.burst) + 0.0005 {
        return Some(too_many(Server::Gangway, limit.retry_after));
    }
    state.excess = (full + 1.0, now);
    None
}
