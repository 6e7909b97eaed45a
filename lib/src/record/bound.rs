//! Keeping a record within its size: lists of failing tests are cut, with a count, never silently.

use super::{GateRecord, MAX_BYTES};

/// How many names an attempt keeps, tried in this order until the record fits.
const NAMES: [usize; 6] = [50, 25, 10, 5, 2, 0];

/// A record as it is stored, no larger than [`MAX_BYTES`].
pub fn encode(record: &mut GateRecord) -> Vec<u8> {
    let mut bytes = Vec::new();
    for most in NAMES {
        cut_names(record, most);
        bytes = serde_json::to_vec(record).expect("a record is JSON");
        if bytes.len() <= MAX_BYTES {
            break;
        }
    }
    bytes
}

fn cut_names(record: &mut GateRecord, most: usize) {
    for tests in record.jobs.iter_mut().flat_map(|job| &mut job.attempts).map(|attempt| &mut attempt.failing_tests) {
        let surplus = tests.names.len().saturating_sub(most);
        tests.names.truncate(most);
        tests.more += surplus;
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Attempt, Class, FailingTests, Intent, JobRecord};
    use super::*;
    use jiff::Timestamp;

    #[test]
    fn two_hundred_jobs_with_fifty_failing_tests_fit() {
        let mut record = GateRecord::begin("run", Timestamp::UNIX_EPOCH);
        for number in 0..200 {
            let intent = Intent {
                key: "k".repeat(40),
                written_at: Timestamp::UNIX_EPOCH,
                holder: "h".repeat(36),
                sent_at: None,
                sends: 1,
                certainly_not_created: false,
            };
            let mut attempt = Attempt::intended(1, intent);
            let names =
                (0..50).map(|test| format!("TestNodePool/HostedCluster{number}/Main/{}{test}", "Test".repeat(20)));
            attempt.failing_tests = FailingTests { names: names.collect(), more: 0 };
            record.jobs.push(JobRecord {
                override_env: vec!["IMAGE".to_owned()],
                attempts: vec![attempt],
                ..JobRecord::named(
                    format!("periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-{number}"),
                    Class::Blocking,
                )
            });
        }
        assert!(encode(&mut record).len() <= MAX_BYTES);
        let tests = &record.jobs[0].attempts[0].failing_tests;
        assert!(!tests.names.is_empty());
        assert_eq!(tests.names.len() + tests.more, 50);
    }
}
