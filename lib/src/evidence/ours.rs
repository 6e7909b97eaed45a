//! Whether a run is the one that was ordered: its job, and the key that only this attempt of this
//! record has. An id alone shows nothing, since whoever can write the record can write an id.

use super::look::Sighting;
use crate::prow::gangway::Create;
use crate::prow::key;
use crate::text;

/// Why a run is not that of the order, if its witness shows so. A witness that does not show whose
/// run it is contradicts nothing.
pub fn stranger(sighting: &Sighting, order: &Create) -> Option<String> {
    let job = sighting.job.as_deref()?;
    if job != order.job_name {
        return Some(format!("it is a run of {:?}", text::one_line(job, 200)));
    }
    let wanted = order.pod_spec_options.labels.get(key::LABEL);
    let carried = sighting.key.as_ref();
    if carried == wanted {
        return None;
    }
    Some(match carried {
        None => "it carries no key of ours: somebody else has launched it".to_owned(),
        Some(_) => {
            "it carries another key: it was launched for another run, image or attempt".to_owned()
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::prow::gangway::PodSpecOptions;

    #[test]
    fn job_and_key_must_be_those_of_the_order() {
        let labels = [(key::LABEL.to_owned(), "k1".to_owned())].into();
        let order = Create::new("a", PodSpecOptions { labels, ..PodSpecOptions::default() });
        let run = |job: Option<&str>, key: Option<&str>| {
            let sighting = Sighting {
                job: job.map(str::to_owned),
                key: key.map(str::to_owned),
                ..Sighting::default()
            };
            stranger(&sighting, &order)
        };
        assert_eq!(run(Some("a"), Some("k1")), None);
        assert_eq!(run(None, None), None);
        assert_eq!(run(Some("b"), Some("k1")).unwrap(), "it is a run of \"b\"");
        assert!(run(Some("a"), None).unwrap().starts_with("it carries no key"));
        assert!(
            run(Some("a"), Some("k2"))
                .unwrap()
                .starts_with("it carries another key")
        );
    }
}
