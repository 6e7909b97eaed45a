//! Faults that a night can bring.

use std::time::Duration;

use standins::{Fault, Nth, Server, Trouble};

use crate::support::random::Random;

/// A fault that a night can bring and that passes.
pub fn fault(random: &mut Random, jobs: usize) -> Fault {
    let trouble = match random.below(8) {
        0 => Trouble::DropAfter,
        1 => Trouble::DropBefore,
        2 => Trouble::StatusAfter(504),
        3 => Trouble::StatusBefore(503),
        4 => Trouble::TooMany(Some(7)),
        5 => Trouble::Truncate(random.below(200) as usize),
        6 => Trouble::StallAfter(Duration::from_secs(20 + random.below(100))),
        _ => return outage(random),
    };
    Fault::on(Server::Gangway, trouble)
        .method("POST")
        .nth(Nth::Only(1 + random.below(jobs as u64 + 1) as u32))
}

fn outage(random: &mut Random) -> Fault {
    match random.below(4) {
        0 => Fault::on(Server::Gangway, Trouble::EmptyList)
            .method("GET")
            .nth(Nth::First(2)),
        1 => Fault::on(Server::Gangway, Trouble::StatusBefore(502))
            .method("GET")
            .nth(Nth::First(3)),
        2 => Fault::on(Server::Deck, Trouble::StatusBefore(503)).nth(Nth::First(2)),
        _ => Fault::on(Server::Deck, Trouble::DropBefore).nth(Nth::Every(2)),
    }
}

/// One of the API server, the bucket or Slack that passes.
pub fn elsewhere(random: &mut Random) -> Fault {
    let server = *random.one_of(&[Server::Kube, Server::Bucket, Server::Slack]);
    let trouble = match random.below(5) {
        0 => Trouble::DropBefore,
        1 => Trouble::DropAfter,
        2 => Trouble::StatusBefore(503),
        3 => Trouble::StatusAfter(504),
        _ => Trouble::StallAfter(Duration::from_secs(5 + random.below(40))),
    };
    // From the answer of a webhook that was lost nobody can tell whether it was posted.
    let trouble = match (server, trouble) {
        (Server::Slack, Trouble::DropAfter | Trouble::StatusAfter(_) | Trouble::StallAfter(_)) => {
            Trouble::StatusBefore(503)
        }
        (_, trouble) => trouble,
    };
    let first = 1 + random.below(40) as u32;
    Fault::on(server, trouble).nth(Nth::Only(first))
}
