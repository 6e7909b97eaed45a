//! Completions for zsh: a file `_NAME` in a folder of `fpath`, or sourced.

use super::{Flag, Values, function, quoted};

/// The script.
pub fn script(name: &str, flags: &[Flag]) -> String {
    let function = function(name);
    let mut script = format!("#compdef {name}\n# made by: {name} --generate complete-zsh\n\n");
    script += &format!("{function}_record() {{\n");
    script += "    if compset -P 'file:'; then\n        _files\n    else\n";
    script += "        compadd -S '' -- configmap: file:\n    fi\n}\n\n";
    script += &format!("{function}_at_file() {{\n    compset -P '@' && _files\n}}\n\n");
    script += &format!("{function}() {{\n    _arguments -S \\\n");
    let specs: Vec<String> = flags
        .iter()
        .map(|flag| format!("        {}", specification(flag, &function)))
        .collect();
    script += &specs.join(" \\\n");
    script += "\n}\n\n";
    // Autoloaded, the file's body is the function; sourced, it must make itself known.
    script += &format!("if [[ $funcstack[1] == _{name} ]]; then\n    {function} \"$@\"\n");
    script +=
        &format!("elif (( $+functions[compdef] )); then\n    compdef {function} {name}\nfi\n");
    script
}

/// A flag as `_arguments` reads it: `*--flag=[text]:VALUE:action`.
fn specification(flag: &Flag, function: &str) -> String {
    let action = match Values::of(flag) {
        Values::None => None,
        Values::Unknown => Some(" ".to_owned()),
        Values::File => Some("_files".to_owned()),
        Values::Folder => Some("_files -/".to_owned()),
        Values::Record => Some(format!("{function}_record")),
        Values::AtFile => Some(format!("{function}_at_file")),
        Values::Words(words) => Some(format!("({})", words.join(" "))),
    };
    let star = if flag.repeated { "*" } else { "" };
    let text = escaped(&format!("{}{}", flag.text, flag.note()));
    let value = match (&flag.value, action) {
        (Some(value), Some(action)) => format!(":{}:{action}", escaped(value)),
        _ => String::new(),
    };
    let equals = if flag.value.is_some() { "=" } else { "" };
    quoted(&format!("{star}{}{equals}[{text}]{value}", flag.long))
}

fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        if matches!(c, '\\' | '[' | ']' | ':') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}
