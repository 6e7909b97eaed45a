//! JSON written as the YAML that Go programs print: sorted keys, lists not indented, long text
//! folded after column 80.

use serde_json::Value;

/// Columns after which the next space becomes a line break.
const WIDTH: usize = 80;

/// The document, with a final newline.
pub(crate) fn print(value: &Value) -> String {
    let mut out = String::new();
    write(value, 0, &mut out);
    if out.starts_with('\n') {
        out.remove(0);
    }
    if !out.ends_with('\n') {
        out.push('\n');
    }
    out
}

/// Writes after a `key:` or `-`; maps and lists begin on a line of their own.
fn write(value: &Value, indent: usize, out: &mut String) {
    match value {
        Value::Object(map) if map.is_empty() => out.push_str(" {}"),
        Value::Array(items) if items.is_empty() => out.push_str(" []"),
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            for key in keys {
                newline(indent, out);
                out.push_str(&key_text(key));
                out.push(':');
                // a list stands under its key without further indent, a map with two spaces more
                let inner = if map[key].is_array() { indent } else { indent + 2 };
                write(&map[key], inner, out);
            }
        }
        Value::Array(items) => {
            for item in items {
                newline(indent, out);
                out.push('-');
                match item {
                    Value::Object(map) if !map.is_empty() => {
                        let mut inner = String::new();
                        write(item, indent + 2, &mut inner);
                        // the first key stands beside the dash
                        out.push(' ');
                        out.push_str(inner.trim_start());
                    }
                    _ => write(item, indent + 2, out),
                }
            }
        }
        Value::String(text) => scalar(text, indent, out),
        other => {
            out.push(' ');
            out.push_str(&other.to_string());
        }
    }
}

fn newline(indent: usize, out: &mut String) {
    out.push('\n');
    out.push_str(&" ".repeat(indent));
}

fn key_text(key: &str) -> String {
    let mut out = String::new();
    scalar(key, 0, &mut out);
    out.trim_start().to_owned()
}

fn scalar(text: &str, indent: usize, out: &mut String) {
    out.push(' ');
    let special = text.chars().any(|c| (c.is_control() && c != '\n') || c == '\u{feff}');
    if text.is_empty() || special || looks_like_another_type(text) {
        out.push_str(&serde_json::Value::from(text).to_string());
        return;
    }
    if text.contains('\n') {
        let chomp = if text.ends_with('\n') { "" } else { "-" };
        let hint = if text.starts_with(' ') { "2" } else { "" };
        out.push_str(&format!("|{hint}{chomp}"));
        for line in text.strip_suffix('\n').unwrap_or(text).split('\n') {
            if line.is_empty() {
                out.push('\n')
            } else {
                newline(indent, out)
            }
            out.push_str(line);
        }
        return;
    }
    if plain_is_fine(text) {
        folded(text, indent, out);
    } else {
        folded(&format!("'{}'", text.replace('\'', "''")), indent, out);
    }
}

/// Writes one scalar; a single space behind column 80 becomes a line break.
fn folded(text: &str, indent: usize, out: &mut String) {
    let mut column = out.len() - out.rfind('\n').map_or(0, |at| at + 1);
    let chars: Vec<char> = text.chars().collect();
    for (at, c) in chars.iter().enumerate() {
        let lone = *c == ' '
            && at > 0
            && chars[at - 1] != ' '
            && chars.get(at + 1).is_some_and(|next| *next != ' ');
        if lone && column > WIDTH {
            newline(indent, out);
            column = indent;
        } else {
            out.push(*c);
            column += 1;
        }
    }
}

fn plain_is_fine(text: &str) -> bool {
    let first = text.chars().next().unwrap_or(' ');
    let second = text.chars().nth(1);
    let bad_start = match first {
        '-' | '?' | ':' => second.is_none_or(|c| c == ' '),
        ',' | '[' | ']' | '{' | '}' | '#' | '&' | '*' | '!' | '|' | '>' | '\'' | '"' | '%'
        | '@' | '`' | ' ' => true,
        _ => false,
    };
    !(bad_start
        || text.ends_with([' ', ':'])
        || text.contains(": ")
        || text.contains(" #")
        || text.starts_with("---"))
}

/// Whether a reader would take the text for a number, a boolean, null or a timestamp.
fn looks_like_another_type(text: &str) -> bool {
    let lower = text.to_ascii_lowercase();
    let words = [
        "true", "false", "yes", "no", "on", "off", "y", "n", "null", "~", ".inf", "-.inf", ".nan",
        "<<", "=",
    ];
    let number = text.starts_with(|c: char| c.is_ascii_digit() || "+-.".contains(c))
        && (text.replace('_', "").parse::<f64>().is_ok()
            || lower.starts_with("0x")
            || lower.starts_with("0o"));
    let bytes = text.as_bytes();
    let date = bytes.len() >= 8
        && bytes[..4].iter().all(u8::is_ascii_digit)
        && bytes[4] == b'-'
        && bytes[5].is_ascii_digit();
    words.contains(&lower.as_str()) || number || date
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn as_deck_prints_it() {
        let long = "Pod can not be created: pods \"x\" is forbidden: exceeded quota: compute, requested: cpu=10, used: cpu=90, \
            limited: cpu=95 #hash @at %percent {brace} [list] !bang &amp <b>html</b> and on and on well past eighty columns";
        let value = json!({
            "status": {"build_id": "1e5", "state": "error", "startTime": "2026-11-22T16:40:27Z", "description": long},
            "spec": {"args": ["--target=e2e-aks"], "containers": [{"name": "", "env": [{"name": "X", "value": "a@sha256:b"}], "resources": {}}]},
            "lines": {"description": "line one\nstate: success\nline three"},
        });
        let wanted = "lines:
  description: |-
    line one
    state: success
    line three
spec:
  args:
  - --target=e2e-aks
  containers:
  - env:
    - name: X
      value: a@sha256:b
    name: \"\"
    resources: {}
status:
  build_id: \"1e5\"
  description: 'Pod can not be created: pods \"x\" is forbidden: exceeded quota: compute,
    requested: cpu=10, used: cpu=90, limited: cpu=95 #hash @at %percent {brace} [list]
    !bang &amp <b>html</b> and on and on well past eighty columns'
  startTime: \"2026-11-22T16:40:27Z\"
  state: error
";
        assert_eq!(print(&value), wanted);
    }

    /// What Deck printed, read and printed again, is the same to the byte.
    #[test]
    fn captured_documents() {
        for text in [
            include_str!("../../data/deck/prowjob-success.yaml"),
            include_str!("../../data/deck/prowjob-scheduling.yaml"),
            include_str!("../../data/deck/prowjob-error-long-description.yaml"),
            include_str!("../../data/deck/prowjob-multiline-description.yaml"),
            include_str!("../../data/deck/prowjob-hidden-job.yaml"),
            include_str!("../../data/deck/prowjob-aborted-bare.yaml"),
        ] {
            let value: Value = serde_saphyr::from_str(text).unwrap();
            assert_eq!(print(&value), text);
        }
    }

    #[test]
    fn reads_back_as_written() {
        for text in [
            "",
            "a",
            "true",
            "1e5",
            "- x",
            "a: b",
            "a #b",
            "'q'",
            " lead",
            "x\ny\n",
            "ümlaut",
            "\t",
            "2026-11-22T16:40:27Z",
            "a:",
        ] {
            let value = json!({ "k": text });
            let back: Value = serde_saphyr::from_str(&print(&value)).expect(text);
            assert_eq!(back, value, "{}", print(&value));
        }
    }
}
