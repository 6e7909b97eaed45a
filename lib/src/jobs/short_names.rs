//! Job names as people know them.

use std::collections::HashSet;

/// No job's short name is shorter, unless the whole is.
const SHORTEST: usize = 6;

/// What stands before the part of a periodic's name that people use.
const PERIODICS: &str = "-periodics-";

/// Shortens job names and keeps them distinct: to what follows `-periodics-`, or else without the
/// beginning that they all share up to a `-`; never to less than six bytes.
pub fn short_names<'a>(names: &[&'a str]) -> Vec<&'a str> {
    let rest_of = |name: &'a str| {
        name.split_once(PERIODICS)
            .map(|(_, rest)| rest)
            .filter(|rest| !rest.is_empty())
    };
    let periodics: Option<Vec<&str>> = names.iter().map(|name| rest_of(name)).collect();
    if let Some(short) = periodics.filter(|short| all_different(short)) {
        return short;
    }
    let Some((first, rest)) = names.split_first().filter(|(_, rest)| !rest.is_empty()) else {
        return names.to_vec();
    };
    let shared = rest.iter().fold(first.len(), |length, name| {
        first
            .bytes()
            .zip(name.bytes())
            .take(length)
            .take_while(|(a, b)| a == b)
            .count()
    });
    let shortest = names.iter().map(|name| name.len()).min().unwrap_or(0);
    let fits = |cut: &usize| shortest.saturating_sub(*cut) >= SHORTEST;
    let dashes = first[..first.floor_char_boundary(shared)]
        .rmatch_indices('-')
        .map(|(dash, _)| dash + 1);
    let mut cut = dashes.into_iter().find(fits).unwrap_or(0);
    // `e2e-` is part of what people call a job.
    if first[..cut].ends_with("-e2e-") {
        cut -= "e2e-".len();
    }
    names.iter().map(|name| &name[cut..]).collect()
}

fn all_different(names: &[&str]) -> bool {
    let mut seen = HashSet::new();
    names.iter().all(|name| seen.insert(name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_of_jobs_as_people_know_them() {
        let long = [
            "periodic-ci-x-4.22-periodics-e2e-aks",
            "periodic-ci-x-4.22-periodics-e2e-aks-upgrade",
        ];
        assert_eq!(short_names(&long), ["e2e-aks", "e2e-aks-upgrade"]);
        assert_eq!(short_names(&long[..1]), ["e2e-aks"]);
        let releases = ["ci-4.22-periodics-e2e-aks", "ci-4.23-periodics-e2e-aks"];
        assert_eq!(short_names(&releases), ["4.22-periodics-e2e-aks", "4.23-periodics-e2e-aks"]);
        assert_eq!(
            short_names(&["ci-main-e2e-aks", "ci-main-e2e-aks-upgrade"]),
            ["e2e-aks", "e2e-aks-upgrade"]
        );
        assert_eq!(
            short_names(&["x-e2e-cell-001", "x-e2e-cell-002"]),
            ["e2e-cell-001", "e2e-cell-002"]
        );
        assert_eq!(short_names(&["a-b", "c-d"]), ["a-b", "c-d"]);
        assert_eq!(short_names(&["jobé-x", "jobè-x"]), ["jobé-x", "jobè-x"]);
        assert_eq!(short_names(&["x-periodics-"]), ["x-periodics-"]);
        assert_eq!(short_names(&[]), [""; 0]);
    }
}
