//! Label selectors.

use serde_json::{Map, Value};

/// One requirement of a selector.
#[derive(Debug, PartialEq, Eq)]
enum Need {
    In(String, Vec<String>),
    NotIn(String, Vec<String>),
    Has(String),
    HasNot(String),
}

/// A parsed label selector.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Selector(Vec<Need>);

impl Selector {
    /// Parses `a=b,c!=d,e in (f,g),h,!i`; the error is the text that could not be read.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut needs = Vec::new();
        for part in split(text) {
            let part = part.trim();
            if part.is_empty() {
                continue;
            }
            needs.push(need(part).ok_or_else(|| part.to_owned())?);
        }
        Ok(Self(needs))
    }

    /// Whether the object's labels fulfil it.
    pub(super) fn matches(&self, object: &Value) -> bool {
        let none = Map::new();
        let labels = object["metadata"]["labels"].as_object().unwrap_or(&none);
        let value = |key: &String| labels.get(key).and_then(Value::as_str);
        self.0.iter().all(|need| match need {
            Need::In(key, values) => {
                value(key).is_some_and(|value| values.iter().any(|wanted| wanted == value))
            }
            Need::NotIn(key, values) => {
                value(key).is_none_or(|value| values.iter().all(|wanted| wanted != value))
            }
            Need::Has(key) => value(key).is_some(),
            Need::HasNot(key) => value(key).is_none(),
        })
    }
}

/// Splits at commas outside parentheses.
fn split(text: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let (mut depth, mut start) = (0, 0);
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' => depth -= 1,
            ',' if depth == 0 => {
                parts.push(&text[start..at]);
                start = at + 1;
            }
            _ => {}
        }
    }
    parts.push(&text[start..]);
    parts
}

fn need(part: &str) -> Option<Need> {
    let key = |text: &str| {
        let text = text.trim();
        let fine = !text.is_empty()
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./".contains(c));
        fine.then(|| text.to_owned())
    };
    let value = |text: &str| {
        let text = text.trim();
        let fine = text.len() <= 63
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c));
        fine.then(|| text.to_owned())
    };
    let set = |text: &str| {
        let inner = text.trim().strip_prefix('(')?.strip_suffix(')')?;
        inner.split(',').map(value).collect::<Option<Vec<_>>>()
    };
    if let Some((left, right)) = part.split_once(" notin ") {
        return Some(Need::NotIn(key(left)?, set(right)?));
    }
    if let Some((left, right)) = part.split_once(" in ") {
        return Some(Need::In(key(left)?, set(right)?));
    }
    if let Some((left, right)) = part.split_once("!=") {
        return Some(Need::NotIn(key(left)?, vec![value(right)?]));
    }
    if let Some((left, right)) = part.split_once("==").or_else(|| part.split_once('=')) {
        return Some(Need::In(key(left)?, vec![value(right)?]));
    }
    match part.strip_prefix('!') {
        Some(rest) => Some(Need::HasNot(key(rest)?)),
        None => Some(Need::Has(key(part)?)),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn selectors() {
        let object = json!({"metadata": {"labels": {"a": "1", "x/b": "two"}}});
        for (text, wanted) in [
            ("", true),
            ("a=1", true),
            ("a==1,x/b=two", true),
            ("a=2", false),
            ("a!=2,c!=1", true),
            ("a in (1, 2),!c", true),
            ("a notin (1)", false),
            ("x/b", true),
            ("c", false),
        ] {
            assert_eq!(Selector::parse(text).unwrap().matches(&object), wanted, "{text}");
        }
        for bad in ["a=(", "=1", "a in 1", &format!("a={}", "x".repeat(64))] {
            assert!(Selector::parse(bad).is_err(), "{bad}");
        }
    }
}
