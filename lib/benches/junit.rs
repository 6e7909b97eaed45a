//! How fast JUnit files are read, and in what memory: 100 MB of each kind, never at hand as a whole.
//!
//! `cargo bench -p gate --bench junit` prints the rate and the most memory allocated at once.

use std::io::{BufReader, Read};

use divan::counter::BytesCount;
use divan::{AllocProfiler, Bencher};
use gate::prow::junit::{Tests, read};

#[global_allocator]
static ALLOCATIONS: AllocProfiler = AllocProfiler::system();

/// So much is read (100 MB).
const SIZE: usize = 100_000_000;

fn main() {
    divan::main();
}

/// A file that is made while it is read: head, blocks of tests with ever new names, foot.
struct Made {
    block: fn(usize) -> String,
    number: usize,
    pending: Vec<u8>,
    at: usize,
    made: usize,
}

impl Made {
    fn new(block: fn(usize) -> String) -> Self {
        let pending = b"<?xml version=\"1.0\"?><testsuites><testsuite name=\"e2e\">".to_vec();
        Self { block, number: 0, pending, at: 0, made: 0 }
    }
}

impl Read for Made {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        if self.at == self.pending.len() {
            if self.made >= SIZE {
                return Ok(0);
            }
            self.number += 1;
            self.pending = (self.block)(self.number).into_bytes();
            self.at = 0;
        }
        let length = buffer.len().min(self.pending.len() - self.at);
        buffer[..length].copy_from_slice(&self.pending[self.at..self.at + length]);
        self.at += length;
        self.made += length;
        Ok(length)
    }
}

/// A hundred tests as Go's reporters write them; one of a hundred fails with a log of 4 KB.
fn usual(number: usize) -> String {
    let mut block = String::with_capacity(64 * 1024);
    for test in 0..100 {
        let name = format!("TestNodePool/HostedCluster{number}/Main/Test{test}");
        block +=
            &format!("<testcase name=\"{name}\" classname=\"github.com/openshift/hypershift/test/e2e\" time=\"61.5\">");
        if test == 99 && number.is_multiple_of(10) {
            block += "<failure message=\"Failed\" type=\"\">";
            block += &"eventually.go:104: Failed to wait for the condition in 30m0s &lt;nil&gt;\n".repeat(55);
            block += "</failure>";
        }
        block += "<system-out>";
        block += &"    util.go:276: Successfully waited for the cluster to come up in 5m12s\n".repeat(6);
        block += "</system-out></testcase>\n";
    }
    block
}

/// Tests and nothing else: the most tags that a byte can hold.
fn dense(number: usize) -> String {
    let case = |test| format!("<testcase name=\"TestX/{number}/{test}\" time=\"0.1\"></testcase>\n");
    (0..500).map(case).collect()
}

/// Logs and next to no tests.
fn logs(number: usize) -> String {
    let line = "2026-08-20T03:20:11Z INFO reconciling hostedcluster namespace=clusters name=example\n";
    format!("<testcase name=\"Test{number}\"><system-out><![CDATA[{}]]></system-out></testcase>\n", line.repeat(10_000))
}

fn bench(bencher: Bencher<'_, '_>, block: fn(usize) -> String) {
    bencher.counter(BytesCount::new(SIZE)).bench(|| {
        let mut tests = Tests::default();
        read(&mut BufReader::with_capacity(64 * 1024, Made::new(block)), |case| tests.add(case)).expect("made here");
        tests
    });
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn usual_file(bencher: Bencher<'_, '_>) {
    bench(bencher, usual);
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn dense_file(bencher: Bencher<'_, '_>) {
    bench(bencher, dense);
}

#[divan::bench(sample_count = 5, sample_size = 1)]
fn logs_only(bencher: Bencher<'_, '_>) {
    bench(bencher, logs);
}
