//! What the flags ask for: scenarios, each with its plan.

use super::Wanted;
use crate::name::ObjectName;
use crate::step::groups::Builds;

/// The scenarios of `--scenario`, each with its `--release-plan`: one plan for all, or one for each
/// in their order.
///
/// # Errors
/// What was expected of which flag.
pub fn wanted(scenarios: &[String], plans: &[String]) -> Result<Vec<Wanted>, String> {
    if scenarios.is_empty() {
        return Err("expected --scenario NAME, the IntegrationTestScenario to start".to_owned());
    }
    let read = |flag: &'static str, names: &[String]| -> Result<Vec<ObjectName>, String> {
        names.iter().map(|name| object_name(flag, name)).collect()
    };
    let (scenarios, plans) = (read("--scenario", scenarios)?, read("--release-plan", plans)?);
    let twice = |(at, name): &(usize, &ObjectName)| scenarios[..*at].contains(name);
    if let Some((_, name)) = scenarios.iter().enumerate().find(twice) {
        return Err(format!("--scenario: {name} is given twice"));
    }
    if plans.len() > 1 && plans.len() != scenarios.len() {
        return Err(format!(
            "--release-plan: expected one for all scenarios or one for each, found {} for {} scenarios",
            plans.len(),
            scenarios.len()
        ));
    }
    let of_all = plans.first().filter(|_| plans.len() == 1);
    let wanted = scenarios.iter().enumerate().map(|(at, scenario)| Wanted {
        scenario: scenario.clone(),
        plan: of_all.or_else(|| plans.get(at)).cloned(),
    });
    Ok(wanted.collect())
}

/// The Application and the Snapshot of the flags, which name a Snapshot or say whose newest one is meant.
///
/// # Errors
/// What was expected of which flag.
pub fn named(
    builds: &Builds,
    snapshot: Option<&str>,
) -> Result<(Option<ObjectName>, Option<ObjectName>), String> {
    let Builds { application, component, .. } = builds;
    if snapshot.is_none() && (application.is_none() || component.is_none()) {
        return Err("expected --application and --component, or --snapshot NAME".to_owned());
    }
    let read = |flag, name: Option<&str>| name.map(|name| object_name(flag, name)).transpose();
    read("--component", component.as_deref())?;
    Ok((read("--application", application.as_deref())?, read("--snapshot", snapshot)?))
}

/// A name goes into label selectors and label values.
fn object_name(flag: &str, name: &str) -> Result<ObjectName, String> {
    ObjectName::label_value(name).map_err(|error| format!("{flag}: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plans(scenarios: &[&str], plans: &[&str]) -> Result<Vec<Option<ObjectName>>, String> {
        let texts =
            |given: &[&str]| given.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        let wanted = wanted(&texts(scenarios), &texts(plans))?;
        assert!(
            wanted
                .iter()
                .zip(scenarios)
                .all(|(wanted, given)| wanted.scenario.as_str() == *given)
        );
        Ok(wanted.into_iter().map(|wanted| wanted.plan).collect())
    }

    #[test]
    fn one_plan_for_all_or_one_for_each() {
        let plan = |name: &str| Some(ObjectName::label(name).unwrap());
        assert_eq!(plans(&["a", "b"], &[]), Ok(vec![None, None]));
        assert_eq!(plans(&["a", "b"], &["p"]), Ok(vec![plan("p"), plan("p")]));
        assert_eq!(plans(&["a", "b"], &["p", "q"]), Ok(vec![plan("p"), plan("q")]));
        assert_eq!(plans(&["a"], &["p"]), Ok(vec![plan("p")]));
    }

    #[test]
    fn what_is_wrong_is_named() {
        for (wrong, words) in [
            (plans(&[], &[]), "expected --scenario NAME"),
            (plans(&["a", "b", "a"], &[]), "--scenario: a is given twice"),
            (plans(&["a"], &["p", "q"]), "--release-plan: expected one for all"),
            (plans(&["A"], &[]), "--scenario: expected an object's name"),
            (plans(&["a"], &["-p"]), "--release-plan: expected an object's name"),
        ] {
            let error = wrong.unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
    }

    #[test]
    fn a_snapshot_or_whose_newest_one() {
        let builds = |application: Option<&str>, component: Option<&str>| Builds {
            application: application.map(str::to_owned),
            component: component.map(str::to_owned),
            component_version: None,
        };
        let name = |text: &str| Some(ObjectName::label(text).unwrap());
        assert_eq!(named(&builds(None, None), Some("ho-1")), Ok((None, name("ho-1"))));
        assert_eq!(named(&builds(Some("ho"), Some("main")), None), Ok((name("ho"), None)));
        for (wrong, words) in [
            (named(&builds(Some("ho"), None), None), "expected --application and"),
            (named(&builds(Some("ho "), Some("main")), None), "--application: "),
            (named(&builds(None, Some("Main")), Some("ho-1")), "--component: "),
            (named(&builds(None, None), Some("ho_1")), "--snapshot: "),
        ] {
            let error = wrong.unwrap_err();
            assert!(error.starts_with(words), "{error}");
        }
    }
}
