//! `--generate`: the man page and the completions of each binary, held against its help and against
//! the programs that read them. bash is everywhere; man readers, zsh and fish are tried where they
//! are.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError};
use std::time::{Duration, Instant};

use crate::help::binaries;
use crate::support::{Dir, Tool};

const KINDS: [&str; 4] = ["man", "complete-bash", "complete-zsh", "complete-fish"];

fn generated(name: &str, kind: &str) -> String {
    let output = Tool::new(name).args(["--generate", kind]).run();
    assert_eq!((output.code, output.stderr.as_str()), (0, ""), "{name} {kind}");
    output.stdout
}

/// Every flag of a binary, as its help shows them.
fn flags(name: &str) -> Vec<String> {
    let help = Tool::new(name).arg("--help").run().stdout;
    let flags = help
        .lines()
        .filter_map(|line| line.strip_prefix("  --")?.split(' ').next());
    flags.map(|flag| format!("--{flag}")).collect()
}

/// Runs a program that this machine may lack; its output must be empty but for lines with
/// `allowed`.
fn content(program: &str, arguments: &[&str], file: &Path, allowed: &str) {
    let mut command = Command::new(program);
    command
        .args(arguments)
        .arg(file)
        .stdin(Stdio::null())
        .env("MANWIDTH", "80");
    let Ok(output) = command.output() else {
        eprintln!("skipped: {program} is not installed");
        return;
    };
    let complaints = |text: &[u8]| -> Vec<String> {
        let text = String::from_utf8_lossy(text).into_owned();
        text.lines()
            .filter(|line| !line.contains(allowed))
            .map(str::to_owned)
            .collect()
    };
    let mut said = complaints(&output.stderr);
    // A page is shown on stdout; a linter's findings are.
    if arguments.contains(&"lint") {
        said.extend(complaints(&output.stdout));
    }
    assert!(said.is_empty(), "{program} {}: {}", file.display(), said.join("\n"));
}

#[test]
fn every_flag_is_in_every_text() {
    for name in binaries() {
        let flags = flags(name);
        assert!(flags.len() >= 5 && flags.contains(&"--generate".to_owned()), "{name}: {flags:?}");
        for kind in KINDS {
            let text = generated(name, kind);
            for flag in &flags {
                let ways = match kind {
                    "man" => vec![format!("\\fB{}\\fR", flag.replace('-', "\\-"))],
                    "complete-fish" => vec![format!(" -l {} ", flag.trim_start_matches('-'))],
                    "complete-zsh" => ["'", "'*"]
                        .iter()
                        .flat_map(|q| [format!("{q}{flag}["), format!("{q}{flag}=[")])
                        .collect(),
                    _ => vec![format!("'{flag} "), format!(" {flag} "), format!(" {flag}'")],
                };
                let there = ways.iter().any(|way| text.contains(way));
                assert!(there, "{name}: {kind} lacks {flag}");
            }
        }
    }
}

#[test]
fn a_kind_that_is_none_is_misuse() {
    for given in [&["--generate", "html"][..], &["--generate"], &["--generate="]] {
        let output = Tool::new("notify-slack").args(given).run();
        assert_eq!(output.code, 2);
        assert!(output.stderr.contains("--generate: expected "), "{}", output.stderr);
    }
}

/// Read by groff, man-db and mandoc without a complaint. mandoc misses a date, which is left out so
/// that two builds are the same, and finds lines of examples and addresses long.
#[test]
fn man_pages_are_read_without_a_warning() {
    let dir = Dir::new();
    for name in binaries() {
        let page = generated(name, "man");
        let file = dir.write(&format!("{name}.1"), &page);
        content("groff", &["-man", "-ww", "-Tutf8", "-z"], &file, "\0");
        content("man", &["--warnings", "-l"], &file, "\0");
        content("mandoc", &["-T", "lint", "-W", "warning"], &file, "missing date");
        for section in
            ["NAME", "SYNOPSIS", "DESCRIPTION", "OPTIONS", "NOTES", "EXAMPLES", "ENVIRONMENT"]
        {
            assert!(page.contains(&format!("\n.SH {section}\n")), "{name}: no {section}");
        }
        assert!(page.contains("\n.SH \"EXIT STATUS\"\n.TP\n.B 0\n"), "{name}");
        let (_, also) = page.split_once(".SH \"SEE ALSO\"\n").unwrap();
        for other in binaries().filter(|other| *other != name) {
            assert!(
                also.contains(&format!(".BR {} (1)", other.replace('-', "\\-"))),
                "{name} does not name {other}"
            );
        }
        assert!(page.contains("NO_COLOR"), "{name}");
        let kubeconfig = flags(name).contains(&"--kubeconfig".to_owned());
        assert_eq!(page.contains("\n.B KUBECONFIG\n"), kubeconfig, "{name}");
    }
}

/// Only a reader who has seen enough is no failure.
#[test]
fn a_page_that_is_not_written_is_a_failure() {
    for arguments in [&["--generate", "man"][..], &["--help"], &["--version"]] {
        let mut command = Tool::new("resolve-image").args(arguments).command();
        let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
        let output = command.stdout(full).stderr(Stdio::piped()).output().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        assert_eq!(output.status.code(), Some(1), "{arguments:?}: {said}");
        assert!(said.starts_with("error: stdout: cannot write: "), "{said}");

        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut command = Tool::new("resolve-image").args(arguments).command();
        let output = command.stdout(writer).stderr(Stdio::piped()).output().unwrap();
        assert_eq!(
            (output.status.code(), output.stderr.as_slice()),
            (Some(0), &b""[..]),
            "{arguments:?}"
        );
    }
}

/// What is typed, `^` standing for the tab key, and what the command must then have been given.
const TYPED: [(&str, &str); 11] = [
    ("collect-results --kubec^gat^", "<--kubeconfig><gate.json>"),
    ("collect-results --kubeconfig=my^", "<--kubeconfig=my file.json>"),
    ("collect-results --record fi^ga^", "<--record><file:gate.json>"),
    ("collect-results --record=file:ga^", "<--record=file:gate.json>"),
    ("collect-results --fail-fast --record conf^", "<--fail-fast><--record><configmap:>"),
    ("collect-results --proof en^", "<--proof><enforce>"),
    ("collect-results --log-format=js^", "<--log-format=json>"),
    ("collect-results --timeout ga^", "<--timeout><ga>"),
    (
        "collect-results --gate-label 'A B' --informing-g^30m",
        "<--gate-label><A B><--informing-grace><30m>",
    ),
    ("resolve-image --snapshot @sn^", "<--snapshot><@snap.json>"),
    ("resolve-image --generate complete-z^", "<--generate><complete-zsh>"),
];

/// A folder with files to complete, and commands that show what they were given.
fn playground() -> Dir {
    let dir = Dir::new();
    for file in ["gate.json", "my file.json", "snap.json"] {
        dir.write(file, "");
    }
    for name in ["collect-results", "resolve-image"] {
        let tool = dir.write(&format!("bin/{name}"), "#!/bin/sh\nprintf '<%s>' \"$@\"; echo\n");
        let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
        std::fs::set_permissions(tool, mode).unwrap();
        dir.write(&format!("{name}.bash"), generated(name, "complete-bash"));
        dir.write(&format!("_{name}"), generated(name, "complete-zsh"));
        dir.write(&format!("{name}.fish"), generated(name, "complete-fish"));
    }
    dir
}

/// What a program shows until it ends, or in vain for a minute: a shell may lose what is typed too
/// soon.
fn shown_by(mut child: Child) -> Result<String, String> {
    let mut stdout = child.stdout.take().unwrap();
    let (sender, parts) = mpsc::channel();
    std::thread::spawn(move || {
        let mut part = [0; 4096];
        while let Ok(length @ 1..) = stdout.read(&mut part) {
            let _ = sender.send(part[..length].to_vec());
        }
    });
    let end = Instant::now() + Duration::from_secs(60);
    let mut shown = Vec::new();
    let text = |shown: &[u8]| String::from_utf8_lossy(shown).into_owned();
    loop {
        match parts.recv_timeout(end.saturating_duration_since(Instant::now())) {
            Ok(part) => shown.extend(part),
            Err(RecvTimeoutError::Disconnected) => {
                child.wait().unwrap();
                return Ok(text(&shown));
            }
            Err(RecvTimeoutError::Timeout) => {
                let _ = child.kill();
                let _ = child.wait();
                return Err(text(&shown));
            }
        }
    }
}

/// Types into a shell on a terminal of its own (by `script`, which every Debian has).
fn type_into(shell: &str, setup: &str, typed: &[(&str, &str)]) {
    let missing = |program: &str| {
        let there = Command::new("sh")
            .args(["-c", &format!("command -v {program}")])
            .output();
        let missing = !there.is_ok_and(|there| there.status.success());
        if missing {
            eprintln!("skipped: there is no {program} here");
        }
        missing
    };
    if missing("script") || missing(shell.split(' ').next().unwrap()) {
        return;
    }
    for (keys, wanted) in typed {
        let dir = playground();
        let path = format!("{}:{}", dir.path("bin").display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("script");
        command
            .args(["-qec", shell, "/dev/null"])
            .current_dir(dir.path(""))
            .env("PATH", path);
        command
            .env("HOME", dir.path(""))
            .env("TERM", "xterm")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let keys = format!("{setup}\r{}\rexit\r", keys.replace('^', "\t"));
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), keys.as_bytes()).unwrap();
        let said = shown_by(child)
            .unwrap_or_else(|said| panic!("{shell}: {keys:?}: does not end after {said}"));
        assert!(said.contains(wanted), "{shell}: {keys:?}: no {wanted} in {said}");
    }
}

#[test]
fn bash_completes() {
    for name in binaries() {
        let dir = Dir::new();
        let script = dir.write("script", generated(name, "complete-bash"));
        let read = Command::new("bash")
            .arg("-n")
            .arg(script)
            .output()
            .expect("bash is everywhere");
        assert!(
            read.status.success() && read.stderr.is_empty(),
            "{name}: {}",
            String::from_utf8_lossy(&read.stderr)
        );
    }
    type_into(
        "bash --norc --noprofile -i",
        "source collect-results.bash; source resolve-image.bash",
        &TYPED,
    );
}

/// The same without a terminal: bash's function is called as bash would call it.
#[test]
fn bash_s_function_answers() {
    let dir = playground();
    let asked = |words: &[&str]| {
        let words = words
            .iter()
            .map(|word| format!("'{word}'"))
            .collect::<Vec<_>>()
            .join(" ");
        let code = format!(
            "compopt() {{ echo \"compopt $*\"; }}; source collect-results.bash; COMP_WORDS=({words}); \
             COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); _gate_collect_results; echo \"${{COMPREPLY[*]}}\""
        );
        let output = Command::new("bash")
            .args(["-uc", &code])
            .current_dir(dir.path(""))
            .output()
            .unwrap();
        assert!(output.stderr.is_empty(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    assert_eq!(asked(&["collect-results", "--pro"]), "--proof --proof-log\n");
    assert_eq!(asked(&["collect-results", "--proof", ""]), "enforce warn off\n");
    assert_eq!(asked(&["collect-results", "--proof", "=", "w"]), "warn\n");
    assert_eq!(asked(&["collect-results", "--record", "file", ":", "x"]), "compopt -o default\n\n");
    assert_eq!(asked(&["collect-results", "--timeout", "4"]), "\n");
    assert!(asked(&["collect-results", "--fail-fast", ""]).contains("--record --timeout"));
}

#[test]
fn zsh_completes() {
    // Found by its name in a folder of fpath, and read in as it is.
    let found = "fpath=($PWD $fpath); autoload -U compinit; compinit -u -D";
    // zsh puts = between a flag that it completes and its value.
    let typed = TYPED.map(|(keys, wanted)| match wanted {
        "<--kubeconfig><gate.json>" => (keys, "<--kubeconfig=gate.json>"),
        "<--gate-label><A B><--informing-grace><30m>" => {
            (keys, "<--gate-label><A B><--informing-grace=30m>")
        }
        wanted => (keys, wanted),
    });
    type_into("zsh -f -i", found, &typed);
    let sourced = "autoload -U compinit; compinit -u -D; source ./_collect-results";
    type_into("zsh -f -i", sourced, &typed[..1]);
}

#[test]
fn fish_completes() {
    let dir = playground();
    let ask = |typed: &str| {
        let code = format!(
            "source collect-results.fish; source resolve-image.fish; complete -C \"{typed}\""
        );
        Command::new("fish")
            .args(["--no-config", "-c", &code])
            .current_dir(dir.path(""))
            .env("HOME", dir.path(""))
            .output()
    };
    if ask("").is_err() {
        eprintln!("skipped: fish is not installed");
        return;
    }
    for (typed, wanted) in [
        ("collect-results --kubec", "--kubeconfig\tthe kubeconfig"),
        ("collect-results --kubeconfig gat", "gate.json"),
        ("collect-results --kubeconfig=my", "--kubeconfig=my file.json"),
        ("collect-results --record conf", "configmap:"),
        ("collect-results --record file:ga", "file:gate.json"),
        ("collect-results --record=file:ga", "--record=file:gate.json"),
        ("collect-results --proof w", "warn"),
        ("resolve-image --snapshot @sn", "@snap.json"),
        ("resolve-image --generate complete-z", "complete-zsh"),
    ] {
        let output = ask(typed).unwrap();
        let said = String::from_utf8_lossy(&output.stdout);
        let line = said.lines().find(|line| line.starts_with(wanted));
        assert!(
            line.is_some() && output.stderr.is_empty(),
            "{typed}: {said}{}",
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let nothing = ask("collect-results --timeout ga").unwrap();
    assert!(
        nothing.stdout.is_empty(),
        "no file is a duration: {}",
        String::from_utf8_lossy(&nothing.stdout)
    );
}
