//! Names and variables as JSON: `--blocking`, `--informing`, `--env`.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserialize, Deserializer, MapAccess, Visitor};
use serde_json::Value;

use super::{JobsError, check_name, check_value, check_variable, quoted};

/// Reads a JSON array of job names.
pub(super) fn names(flag: &str, text: &str) -> Result<Vec<String>, JobsError> {
    let expected = r#"expected a JSON array of job names such as ["periodic-ci-…-e2e-aks"]"#;
    let wrong = |found: String| JobsError::new(flag, format!("{expected}, found {found}"));
    let value: Value =
        serde_json::from_str(text).map_err(|error| wrong(format!("{} ({error})", quoted(text))))?;
    let Value::Array(entries) = value else { return Err(wrong(described(&value))) };
    let name = |(index, entry): (usize, Value)| {
        let place = format!("{flag}, entry {}", index + 1);
        let Value::String(name) = entry else {
            return Err(JobsError::new(
                place,
                format!("expected a job's name in quotes, found {}", described(&entry)),
            ));
        };
        check_name(&name).map_err(|problem| JobsError::new(place, problem))?;
        Ok(name)
    };
    entries.into_iter().enumerate().map(name).collect()
}

/// Reads a JSON object of variables.
pub(super) fn variables(flag: &str, text: &str) -> Result<BTreeMap<String, String>, JobsError> {
    let expected = r#"expected a JSON object of texts such as {"NAME":"value"}"#;
    let wrong = |found: String| JobsError::new(flag, format!("{expected}, found {found}"));
    let value: Value =
        serde_json::from_str(text).map_err(|error| wrong(format!("{} ({error})", quoted(text))))?;
    if !value.is_object() {
        return Err(wrong(described(&value)));
    }
    let Pairs(pairs) = serde_json::from_str(text).map_err(|error| wrong(error.to_string()))?;
    let mut variables = BTreeMap::new();
    for (name, value) in pairs {
        let refuse = |problem| JobsError::new(flag, problem);
        check_variable(&name).map_err(refuse)?;
        let Value::String(value) = value else {
            return Err(refuse(format!(
                "expected the value of {name} in quotes, found {}",
                described(&value)
            )));
        };
        check_value(&name, &value).map_err(refuse)?;
        if variables.insert(name.clone(), value).is_some() {
            return Err(refuse(format!("{name} is set twice; expected each name once")));
        }
    }
    Ok(variables)
}

/// A value for a message: what it is, and itself where it is short.
fn described(value: &Value) -> String {
    match value {
        Value::Null => "null".to_owned(),
        Value::Bool(value) => value.to_string(),
        Value::Number(number) => format!("a number: {number}"),
        Value::String(text) => format!("a string: {}", quoted(text)),
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
    }
}

/// An object's pairs in order, a name given twice included.
struct Pairs(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Pairs {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Collect;
        impl<'de> Visitor<'de> for Collect {
            type Value = Pairs;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Pairs, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Pairs(pairs))
            }
        }
        deserializer.deserialize_map(Collect)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_list_is_a_list_of_names() {
        assert_eq!(names("--blocking", r#" ["a", "b"] "#).unwrap(), ["a", "b"]);
        assert!(names("--blocking", "[]").unwrap().is_empty());
        let table = [
            (
                r#""periodic-x""#,
                r#"--blocking: expected a JSON array of job names such as ["periodic-ci-…-e2e-aks"], found a string: "periodic-x""#,
            ),
            ("periodic-x", r#"found "periodic-x" (expected value at line 1 column 1)"#),
            ("null", "found null"),
            ("{}", "found an object"),
            ("[\"a\",", "(EOF while parsing a value at line 1 column 5)"),
            (
                r#"["a",1]"#,
                "--blocking, entry 2: expected a job's name in quotes, found a number: 1",
            ),
            (
                r#"["a",["b"]]"#,
                "--blocking, entry 2: expected a job's name in quotes, found a list",
            ),
            (r#"[""]"#, "--blocking, entry 1: an empty name"),
            (r#"["  "]"#, "--blocking, entry 1: a blank name"),
            (r#"["a "]"#, r#"--blocking, entry 1: "a " holds a blank"#),
            ("[\"a\\nb\"]", r#"--blocking, entry 1: "a\nb" holds a control character"#),
            (
                "[\"a\u{200b}b\"]",
                r#"--blocking, entry 1: "a\u{200b}b" holds '\u{200b}', which no job's name has"#,
            ),
            ("[\"\u{feff}a\"]", r#"holds '\u{feff}'"#),
            // A Cyrillic letter that looks like a Latin one.
            ("[\"periodic-\u{430}\"]", r#"holds '\u{430}'"#),
            (r#"["a/b"]"#, r#"holds '/'"#),
        ];
        for (text, message) in table {
            let error = names("--blocking", text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }

    #[test]
    fn variables_are_texts() {
        let read = variables("--env", r#"{"A":"1","_b":"x=y"}"#).unwrap();
        assert_eq!(
            read,
            BTreeMap::from([("A".to_owned(), "1".to_owned()), ("_b".to_owned(), "x=y".to_owned())])
        );
        let table = [
            (
                "[]",
                r#"--env: expected a JSON object of texts such as {"NAME":"value"}, found a list"#,
            ),
            ("A=b", "found \"A=b\""),
            (r#"{"A":1}"#, "--env: expected the value of A in quotes, found a number: 1"),
            (r#"{"A":""}"#, "--env: the value of A is empty"),
            (r#"{"A":"a\u0000b"}"#, "--env: the value of A holds a NUL character"),
            (r#"{"A":"1","A":"2"}"#, "--env: A is set twice"),
            (r#"{"a b":"1"}"#, "found \"a b\""),
        ];
        for (text, message) in table {
            let error = variables("--env", text).unwrap_err().to_string();
            assert!(error.contains(message), "{error}");
        }
    }
}
