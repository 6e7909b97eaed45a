//! How texts are filled in: first by Tekton, which replaces what it knows, then by the kubelet.

use std::collections::BTreeMap;

use crate::document::ParamValue;
use crate::reference::Reference;

/// What `$(KEY)` stands for, by KEY.
pub type Replacements = BTreeMap<String, String>;

/// What parameters stand for: strings by name, arrays by name.
#[derive(Debug, Default, Clone)]
pub struct Params {
    strings: Replacements,
    arrays: BTreeMap<String, Vec<String>>,
}

impl Params {
    /// From names and values.
    pub fn new<'a>(values: impl IntoIterator<Item = (&'a str, &'a ParamValue)>) -> Self {
        let mut params = Self::default();
        for (name, value) in values {
            match value {
                ParamValue::String(text) => {
                    params.strings.insert(format!("params.{name}"), text.clone());
                }
                ParamValue::Array(texts) => {
                    params.arrays.insert(name.to_owned(), texts.clone());
                }
            }
        }
        params
    }

    /// Fills in one text.
    pub fn apply(&self, text: &str) -> String {
        replace(text, &self.strings)
    }

    /// Fills in a list: `$(params.x[*])` as a whole element becomes the array's elements, so an
    /// empty array vanishes.
    pub fn apply_list(&self, texts: &[String]) -> Vec<String> {
        let mut out = Vec::with_capacity(texts.len());
        for text in texts {
            match Reference::whole_array(text).and_then(|name| self.arrays.get(&name)) {
                Some(elements) => out.extend(elements.iter().cloned()),
                None => out.push(self.apply(text)),
            }
        }
        out
    }

    /// Fills in a parameter's value; a string that is nothing but `$(params.x[*])` is that array.
    pub fn apply_value(&self, value: &ParamValue) -> ParamValue {
        match value {
            ParamValue::Array(texts) => ParamValue::Array(self.apply_list(texts)),
            ParamValue::String(text) => {
                match Reference::whole_array(text).and_then(|name| self.arrays.get(&name)) {
                    Some(elements) => ParamValue::Array(elements.clone()),
                    None => ParamValue::String(self.apply(text)),
                }
            }
        }
    }
}

/// Tekton's replacement: each `$(KEY)` that is known, once, as plain text; the rest stays.
pub fn replace(text: &str, known: &Replacements) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(start) = rest.find("$(") {
        let (before, from) = rest.split_at(start);
        out.push_str(before);
        let replaced = from[2..]
            .find(')')
            .and_then(|end| Some((known.get(&from[2..2 + end])?, 3 + end)));
        match replaced {
            Some((value, length)) => {
                out.push_str(value);
                rest = &from[length..];
            }
            None => {
                out.push_str("$(");
                rest = &from[2..];
            }
        }
    }
    out.push_str(rest);
    out
}

/// [`replace`] in every text of a value.
pub fn replace_value(value: &ParamValue, known: &Replacements) -> ParamValue {
    match value {
        ParamValue::String(text) => ParamValue::String(replace(text, known)),
        ParamValue::Array(texts) => {
            ParamValue::Array(texts.iter().map(|text| replace(text, known)).collect())
        }
    }
}

/// The kubelet's expansion of `$(NAME)` in arguments and variables, with the container's own
/// environment; `$$` is a dollar, unknown names stay (Kubernetes, `expansion.Expand`).
pub fn expand(text: &str, env: &[(String, String)]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(dollar) = rest.find('$') {
        out.push_str(&rest[..dollar]);
        let after = &rest[dollar + 1..];
        rest = match after.chars().next() {
            None => {
                out.push('$');
                after
            }
            Some('$') => {
                out.push('$');
                &after[1..]
            }
            Some('(') => match after.find(')') {
                Some(end) => {
                    let name = &after[1..end];
                    match env.iter().rfind(|(known, _)| known == name) {
                        Some((_, value)) => out.push_str(value),
                        None => out.push_str(&rest[dollar..dollar + 2 + end]),
                    }
                    &after[end + 1..]
                }
                None => {
                    out.push_str("$(");
                    &after[1..]
                }
            },
            Some(other) => {
                out.push('$');
                out.push(other);
                &after[other.len_utf8()..]
            }
        };
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn params() -> Params {
        let text = |t: &str| ParamValue::String(t.into());
        let values = [
            ("a", text("A")),
            ("odd", text("$(params.a) $(HOME)")),
            ("none", ParamValue::Array(vec![])),
            ("two", ParamValue::Array(vec!["x".into(), "$(params.a)".into()])),
        ];
        Params::new(values.iter().map(|(n, v)| (*n, v)))
    }

    #[test]
    fn tekton_replaces_once_what_it_knows() {
        let cases = [
            ("", ""),
            ("x$(params.a)y$(params.a)", "xAyA"),
            ("$(params.b)", "$(params.b)"),
            ("$(params.odd)", "$(params.a) $(HOME)"),
            ("$($(params.a))", "$(A)"),
            ("$(params.a", "$(params.a"),
            ("$$(params.a)", "$A"),
            ("ä$(params.a)ö", "äAö"),
        ];
        for (text, expected) in cases {
            assert_eq!(params().apply(text), expected, "{text}");
        }
    }

    #[test]
    fn arrays_are_spliced_as_whole_elements_and_empty_ones_vanish() {
        let list = |texts: &[&str]| {
            params().apply_list(&texts.iter().map(|t| (*t).to_owned()).collect::<Vec<_>>())
        };
        assert_eq!(list(&["--b", "$(params.none[*])", "--end"]), ["--b", "--end"]);
        assert_eq!(list(&["$(params.two[*])", "$(params.a)"]), ["x", "$(params.a)", "A"]);
        assert_eq!(list(&["--j=$(params.two[*])"]), ["--j=$(params.two[*])"]);
        let whole = ParamValue::String("$(params.two[*])".into());
        assert_eq!(params().apply_value(&whole).texts().len(), 2);
    }

    #[test]
    fn the_kubelet_expands_variables() {
        let env = [("HOME".to_owned(), "/h".to_owned()), ("N".to_owned(), "$(HOME)".to_owned())];
        // The first four were seen on a real kubelet.
        let cases = [
            ("x $(HOME) y", "x /h y"),
            ("$$(HOME)", "$(HOME)"),
            ("$(NOPE)", "$(NOPE)"),
            ("$(N)", "$(HOME)"),
            ("$(HOME", "$(HOME"),
            ("$", "$"),
            ("$$", "$"),
            ("$x$ä", "$x$ä"),
            ("$(params.x)", "$(params.x)"),
            ("$$$(HOME)", "$/h"),
        ];
        for (text, expected) in cases {
            assert_eq!(expand(text, &env), expected, "{text}");
        }
    }
}
