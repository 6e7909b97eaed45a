//! How fast JUnit files are read, and in what memory: 100 MB of each kind, never at hand as a
//! whole.
//!
//! `cargo bench -p gate --bench junit` prints the rate and the most memory allocated at once.

use std::io::{BufReader, Read};

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher};
use gate::prow::junit::read;
use gate::prow::tally::Tests;

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// So much is read (100 MB).
const SIZE: usize = 100_000_000;

fn main() {
    divan::main();
}

/// Where a block has a number, which is another one each time: eight digits.
const NUMBER: &[u8] = b"########";

/// A file that is made while it is read: a block again and again with ever new numbers, so that
/// making it costs next to nothing.
struct Made {
    block: Vec<u8>,
    numbers: Vec<usize>,
    next: usize,
    at: usize,
    made: usize,
}

impl Made {
    fn new(block: &str) -> Self {
        let block = block.as_bytes().to_vec();
        let numbers = memchr::memmem::find_iter(&block, NUMBER).collect();
        Self { at: block.len(), block, numbers, next: 0, made: 0 }
    }

    fn renumber(&mut self) {
        for at in &self.numbers {
            self.next += 1;
            let mut rest = self.next;
            for digit in self.block[*at..*at + NUMBER.len()].iter_mut().rev() {
                *digit = b'0' + (rest % 10) as u8;
                rest /= 10;
            }
        }
    }
}

impl Read for Made {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.block.len() {
            if self.made >= SIZE {
                return Ok(0);
            }
            self.renumber();
            self.at = 0;
        }
        let length = buffer.len().min(self.block.len() - self.at);
        buffer[..length].copy_from_slice(&self.block[self.at..self.at + length]);
        self.at += length;
        self.made += length;
        Ok(length)
    }
}

/// Tests as Go's reporters write them; one of a thousand fails, with a log of 4 KB.
fn usual() -> String {
    let mut block = String::new();
    for test in 0..1000 {
        block += "<testcase name=\"TestNodePool/HostedCluster########/Main\" classname=\"github.com/openshift/hypershift/test/e2e\" time=\"61.5\">";
        if test == 999 {
            block += "<failure message=\"Failed\" type=\"\">";
            block += &"eventually.go:104: Failed to wait for the condition in 30m0s &lt;nil&gt;\n"
                .repeat(55);
            block += "</failure>";
        }
        block += "<system-out>";
        block +=
            &"    util.go:276: Successfully waited for the cluster to come up in 5m12s\n".repeat(6);
        block += "</system-out></testcase>\n";
    }
    block
}

/// Tests and nothing else: more of them than any real file has.
fn dense() -> String {
    "<testcase name=\"TestNodePool/Sub########\" classname=\"e2e\" time=\"0.1\"></testcase>\n"
        .repeat(10_000)
}

/// Logs and next to no tests.
fn logs() -> String {
    let line =
        "2026-08-20T03:20:11Z INFO reconciling hostedcluster namespace=clusters name=example\n";
    format!(
        "<testcase name=\"Test########\"><system-out><![CDATA[{}]]></system-out></testcase>\n",
        line.repeat(10_000)
    )
}

fn bench(bencher: Bencher<'_, '_>, block: fn() -> String) {
    let block = block();
    bencher.counter(BytesCount::new(SIZE)).bench(|| {
        let (mut file, mut tests) =
            (BufReader::with_capacity(64 * 1024, Made::new(&block)), Tests::default());
        read(&mut file, |case| tests.add(case)).expect("made here");
        let counts = tests.counts();
        assert_eq!(counts.run, file.get_ref().next, "every test was seen");
        tests
    });
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn usual_file(bencher: Bencher<'_, '_>) {
    bench(bencher, usual);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn dense_file(bencher: Bencher<'_, '_>) {
    bench(bencher, dense);
}

#[divan::bench(sample_count = 10, sample_size = 1)]
fn logs_only(bencher: Bencher<'_, '_>) {
    bench(bencher, logs);
}
