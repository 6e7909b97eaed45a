//! A namespace in which three gates have run for fourteen nights.

use jiff::Timestamp;
use rehearsal::season::Season;
use standins::{Servers, World};

use super::Dir;

/// Its name.
pub const NS: &str = "tenant";

pub struct Namespace {
    /// With a kubeconfig of it.
    pub dir: Dir,
    pub world: World,
    pub servers: Servers,
}

impl Namespace {
    pub fn new() -> Self {
        let (world, dir) = (World::default(), Dir::new());
        let servers = world.serve().unwrap();
        let season = Season { nights: 14, tests: 20, ..Season::new(7, Timestamp::now()) };
        for object in season.objects(NS) {
            world.kube().put(object);
        }
        servers.write_kubeconfig(&dir.path("kubeconfig"), NS).unwrap();
        Self { dir, world, servers }
    }
}
