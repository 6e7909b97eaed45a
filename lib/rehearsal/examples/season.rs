//! A season served as a cluster, for figures: `cargo run -p rehearsal --example season GATES NIGHTS JOBS TESTS`.
//!
//! Prints the kubeconfig's path, and ends with its standard input.

use std::error::Error;
use std::io::Read;

use jiff::Timestamp;
use rehearsal::season::Season;

fn main() -> Result<(), Box<dyn Error>> {
    let numbers = std::env::args().skip(1).map(|text| text.parse::<usize>());
    let numbers = numbers.collect::<Result<Vec<_>, _>>()?;
    let [gates, nights, jobs, tests] = numbers[..] else {
        return Err("expected GATES NIGHTS JOBS TESTS".into());
    };
    let season = Season { gates, nights, jobs, tests, ..Season::new(7, Timestamp::now()) };
    let standing = season.serve("acme-tenant")?;
    eprintln!("{}", standing.kubeconfig.display());
    std::io::stdin().read_to_end(&mut Vec::new())?;
    Ok(())
}
