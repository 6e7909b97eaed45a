//! The man page, in roff's `man` macros as man-db and mandoc read them.

use argh::CommandInfoWithArgs;

use super::Flag;

/// The toolkit's binaries, each of whose pages names the others.
const BINARIES: &[&str] = &[
    "attach-verdict",
    "attest-verdict",
    "check-staleness",
    "collect-results",
    "create-release",
    "hold-gate",
    "launch-prow",
    "notify-slack",
    "override-gate",
    "rehearse-gate",
    "report-gate",
    "resolve-image",
    "retract-image",
    "trigger-gate",
    "verify-verdict",
    "check-gate",
    "collect-history",
    "show-gate",
    "new-gate",
    "bisect-gate",
];

/// A variable of the environment, the flag whose presence means that a binary reads it (or none,
/// for all), and what it does.
const ENVIRONMENT: [(&str, Option<&str>, &str); 7] = [
    ("KUBECONFIG", Some("--kubeconfig"), "the kubeconfig, where --kubeconfig is not given"),
    (
        "HTTPS_PROXY, HTTP_PROXY, NO_PROXY",
        Some("--ca-file"),
        "proxies, and the hosts that are reached without one",
    ),
    (
        "SSL_CERT_FILE, SSL_CERT_DIR",
        Some("--ca-file"),
        "the authorities to trust instead of the machine's; --ca-file adds to them",
    ),
    (
        "REGISTRY_AUTH_FILE, DOCKER_CONFIG, XDG_RUNTIME_DIR",
        Some("--authfile"),
        "where registry credentials are, where --authfile is not given",
    ),
    (
        "RUST_LOG",
        Some("--log-format"),
        "which log lines are written, as LEVEL or MODULE=LEVEL,… with the levels error, warn, info, debug and trace; info if unset",
    ),
    (
        "NO_COLOR",
        None,
        "anything but the empty text: no colour on a terminal either; a pipe never gets any",
    ),
    ("TERM", None, "dumb: a terminal without colour"),
];

/// The page.
pub fn page(name: &str, info: &CommandInfoWithArgs, flags: &[Flag]) -> String {
    let description = one_line(info.description);
    let version = env!("CARGO_PKG_VERSION");
    let upper = escaped(&name.to_uppercase());
    let mut page = format!(".\\\" made by: {name} --generate man\n");
    // Without a date: it would be that of a build, and two builds are to be the same.
    page += &format!(".TH {upper} 1 \"\" \"release\\-gate {version}\" \"Release gate\"\n");
    // No words cut, no blanks put in: what is copied from the page must be what was written.
    page += ".nh\n.ad l\n";
    page += &format!(".SH NAME\n{} \\- {}\n", escaped(name), text(&summary(&description)));
    page += &format!(".SH SYNOPSIS\n.B {}\n", escaped(name));
    for place in info.positionals {
        page += &format!("\\fI{}\\fR\n", escaped(place.name));
    }
    for flag in flags.iter().filter(|flag| flag.required) {
        page += &format!("{}\n", written(flag));
    }
    page += "[\\fIoptions\\fR]\n";
    page += &format!(".SH DESCRIPTION\n{}\n", text(&description));
    page += ".SH OPTIONS\n";
    for flag in flags {
        page += &format!(
            ".TP\n{}\n{}\n",
            written(flag),
            text(&format!("{}{}", flag.text, flag.note()))
        );
    }
    if !info.notes.is_empty() {
        page += ".SH NOTES\n";
        page += &info
            .notes
            .iter()
            .map(|note| format!("{}\n", text(&one_line(note))))
            .collect::<Vec<_>>()
            .join(".PP\n");
    }
    if !info.examples.is_empty() {
        page += ".SH EXAMPLES\n";
        let shown = |example: &&str| {
            let lines = example.lines().filter(|line| !line.trim().is_empty());
            let lines = lines.map(|line| {
                guarded(&escaped(&line.trim_end().replace("{command_name}", name))) + "\n"
            });
            format!(".nf\n{}.fi\n", lines.collect::<String>())
        };
        page += &info.examples.iter().map(shown).collect::<Vec<_>>().join(".PP\n");
    }
    if !info.error_codes.is_empty() {
        page += ".SH \"EXIT STATUS\"\n";
        for code in info.error_codes {
            page += &format!(".TP\n.B {}\n{}\n", code.code, text(&one_line(code.description)));
        }
    }
    page += ".SH ENVIRONMENT\n";
    let read =
        |flag: Option<&str>| flag.is_none_or(|wanted| flags.iter().any(|flag| flag.long == wanted));
    for (names, _, meaning) in ENVIRONMENT.iter().filter(|(_, flag, _)| read(*flag)) {
        page += &format!(".TP\n.B {}\n{}\n", escaped(names), text(meaning));
    }
    let others: Vec<String> = BINARIES
        .iter()
        .filter(|binary| **binary != name)
        .map(|binary| format!(".BR {} (1)", escaped(binary)))
        .collect();
    page += &format!(".SH \"SEE ALSO\"\n{}\n", others.join(",\n"));
    page
}

/// The first sentence, as it stands after a name and a dash.
fn summary(description: &str) -> String {
    let end = [". ", ": "].iter().filter_map(|end| description.find(end)).min();
    let first = &description[..end.unwrap_or(description.len())];
    let mut letters = first.trim_end_matches('.').chars();
    letters
        .next()
        .map(|letter| letter.to_lowercase().collect::<String>() + letters.as_str())
        .unwrap_or_default()
}

/// A flag with its value in other type.
fn written(flag: &Flag) -> String {
    let long = format!("\\fB{}\\fR", escaped(&flag.long));
    match &flag.value {
        Some(value) => format!("{long} \\fI{}\\fR", escaped(value)),
        None => long,
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// A text as lines that are never taken for requests; short ones, as roff's readers want them.
fn text(text: &str) -> String {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let word = escaped(word);
        match lines.last_mut() {
            Some(line) if line.is_empty() => line.push_str(&word),
            Some(line) if line.len() + 1 + word.len() <= 78 => {
                line.push(' ');
                line.push_str(&word);
            }
            _ => lines.push(word),
        }
    }
    lines.iter().map(|line| guarded(line)).collect::<Vec<_>>().join("\n")
}

/// A line that begins as a request would is none.
fn guarded(line: &str) -> String {
    if line.starts_with(['.', '\'']) { format!("\\&{line}") } else { line.to_owned() }
}

/// Letters that roff, a terminal's fonts or an old groff would read as something else.
fn escaped(text: &str) -> String {
    let mut escaped = String::new();
    for c in text.chars() {
        match c {
            '\\' => escaped.push_str("\\e"),
            '-' => escaped.push_str("\\-"),
            '\'' => escaped.push_str("\\(aq"),
            '"' => escaped.push_str("\\(dq"),
            '`' => escaped.push_str("\\(ga"),
            '~' => escaped.push_str("\\(ti"),
            '^' => escaped.push_str("\\(ha"),
            c if c.is_ascii() => escaped.push(c),
            c => escaped.push_str(&format!("\\[u{:04X}]", u32::from(c))),
        }
    }
    escaped
}
