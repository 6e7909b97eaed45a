//! What tests of the library share, its own unit tests, those beside this folder and the
//! benchmarks: a killer of processes, a record in memory, a network without sockets, numbers from a
//! seed.
//!
//! Each includes this file as a module and calls the library `library` at its root: the library's
//! own tests cannot know it by its name.

#![allow(dead_code, reason = "each user takes a part")]

pub mod killer;
pub mod memory;
pub mod random;

use std::sync::Arc;

use library::cluster::Cluster;
use library::http::{InProcessTransport, SharedTransport};
use standins::{Server, World};

/// All servers of a world, by their usual addresses.
pub fn network(world: &World) -> SharedTransport {
    let world = world.clone();
    Arc::new(InProcessTransport::new(move |request| {
        let world = world.clone();
        Box::pin(async move { world.network(request).await })
    }))
}

/// A world's API server, and a namespace of it.
pub fn cluster(world: &World, namespace: &str) -> Cluster {
    Cluster {
        client: kube::Client::new(world.direct(Server::Kube), namespace),
        namespace: namespace.to_owned(),
    }
}
