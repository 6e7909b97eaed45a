//! Reads a JUnit file as collect-results does, for figures: `read-junit FILE` prints tests and failures.

#![allow(clippy::print_stdout, reason = "that is what it is for")]

use std::error::Error;
use std::fs::File;
use std::io::BufReader;

use gate::prow::junit::{Ending, read};

fn main() -> Result<(), Box<dyn Error>> {
    let path = std::env::args().nth(1).ok_or("expected a file")?;
    let (mut tests, mut failed) = (0_usize, 0_usize);
    read(&mut BufReader::new(File::open(path)?), |case| {
        tests += 1;
        failed += usize::from(case.ending == Ending::Failed);
    })?;
    println!("{tests} {failed}");
    Ok(())
}
