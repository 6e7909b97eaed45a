//! Pages of the report for a browser to look at: `cargo run -p gate --example pages DIR`.
//!
//! Writes them as files, serves the first as `report-gate --serve` would, prints its address, and
//! ends with its standard input.

use std::error::Error;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use gate::clock::SystemClock;
use gate::cluster::{Cluster, Tenant};
use gate::report::serve::{Live, Server as Served};
use gate::report::{Loader, Sources, page};
use jiff::{SignedDuration, Timestamp};
use rehearsal::season::Season;
use standins::{Server, World};

const NS: &str = "acme-tenant";

/// What foreign texts may hold.
const HOSTILE: &str =
    "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&\u{202e}rtl\0 שלום 😀";

fn loader(season: Option<&Season>) -> Loader {
    let world = World::default();
    for object in season.map(|season| season.objects(NS)).unwrap_or_default() {
        world.kube().put(object);
    }
    let client = kube::Client::new(world.direct(Server::Kube), NS);
    let cluster = Cluster { client, namespace: NS.to_owned() };
    let tenant = Tenant::new(&cluster, Arc::new(SystemClock::new(1)));
    Loader::new(Sources { tenant, archive: None, threshold: SignedDuration::from_hours(72) })
}

async fn write(folder: &Path, name: &str, season: Option<&Season>) -> Result<(), Box<dyn Error>> {
    let report = loader(season).load().await;
    std::fs::write(folder.join(name), page(&report))?;
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let folder = PathBuf::from(std::env::args_os().nth(1).ok_or("expected a folder")?);
    std::fs::create_dir_all(&folder)?;
    let season = Season::new(7, Timestamp::now());
    write(&folder, "season.html", Some(&season)).await?;
    write(&folder, "week.html", Some(&Season { nights: 7, ..season.clone() })).await?;
    let hostile = Some(format!("{HOSTILE}{}", "x".repeat(10_000)));
    write(&folder, "hostile.html", Some(&Season { nights: 3, hostile, ..season.clone() })).await?;
    write(&folder, "empty.html", None).await?;
    let server = Served::listen(&"0".parse()?, Live::new(loader(Some(&season)))).await?;
    eprintln!("http://{}/", server.address()?);
    let ended = tokio::task::spawn_blocking(|| std::io::stdin().read_to_end(&mut Vec::new()));
    tokio::select! {
        () = server.serve() => {}
        ended = ended => { ended??; }
    }
    Ok(())
}
