//! `--help` as a page that a newcomer can work from: what is required first, every flag with the
//! form of its value, examples, exit codes, and at the end the flags that most binaries have; no
//! line wider than a terminal.

use argh::CommandInfoWithArgs;

use super::flags::Flag;

/// Columns of a page, where the terminal is not narrower.
pub const WIDTH: usize = 98;
/// Where a flag's text begins.
const COLUMN: usize = 30;

/// The page of a binary with its flags, in `width` columns.
pub fn page(name: &str, info: &CommandInfoWithArgs, flags: &[Flag], width: usize) -> String {
    let mut page = String::new();
    let required = flags.iter().filter(|flag| flag.required);
    let places = info.positionals.iter().map(|place| place.name.to_owned());
    let usage = places
        .chain(required.map(Flag::written))
        .chain(["[options]".to_owned()])
        .collect::<Vec<_>>()
        .join(" ");
    page += &wrapped(&format!("Usage: {name} {usage}"), 0, 4, width);
    page += "\n";
    page += &wrapped(info.description, 0, 0, width);
    if !info.positionals.is_empty() {
        page += "\nArguments:\n";
    }
    for place in info.positionals {
        page += &entry(width, &format!("  {}", place.name), place.description, COLUMN);
    }
    page += "\nOptions:\n";
    page += &entries(width, flags.iter().filter(|flag| !flag.common));
    if !info.notes.is_empty() {
        page += "\n";
        for note in info.notes {
            page += &wrapped(note, 0, 0, width);
        }
    }
    if !info.examples.is_empty() {
        page += "\nExamples:\n";
        for line in info
            .examples
            .iter()
            .flat_map(|example| example.lines())
            .filter(|line| !line.trim().is_empty())
        {
            page += &format!("  {}\n", line.trim_end().replace("{command_name}", name));
        }
    }
    if !info.error_codes.is_empty() {
        page += "\nExit:\n";
        for code in info.error_codes {
            page += &entry(width, &format!("  {}", code.code), code.description, 6);
        }
    }
    page += "\nCommon options:\n";
    page + &entries(width, flags.iter().filter(|flag| flag.common))
}

fn entries<'a>(width: usize, flags: impl Iterator<Item = &'a Flag>) -> String {
    let text = |flag: &Flag| format!("{}{}", flag.text, flag.note());
    let entry = |flag: &Flag| entry(width, &format!("  {}", flag.written()), &text(flag), COLUMN);
    flags.map(entry).collect()
}

/// A word and its text beside it, or below where the word is too long.
fn entry(width: usize, word: &str, text: &str, column: usize) -> String {
    let body = wrapped(text, column, column, width);
    if word.chars().count() + 2 > column {
        return format!("{word}\n{body}");
    }
    let gap = " ".repeat(column - word.chars().count());
    format!("{word}{gap}{}", body.trim_start())
}

/// A text in lines of at most `width` columns; the first begins after `first` blanks, the others
/// after `rest`. A word that is longer stays whole.
fn wrapped(text: &str, first: usize, rest: usize, width: usize) -> String {
    let mut lines = Vec::new();
    let mut line = " ".repeat(first);
    let mut empty = true;
    for word in text.split_whitespace() {
        if !empty && line.chars().count() + 1 + word.chars().count() > width {
            lines.push(std::mem::replace(&mut line, " ".repeat(rest)));
            empty = true;
        }
        if !empty {
            line.push(' ');
        }
        line += word;
        empty = false;
    }
    lines.push(line);
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::super::flags::{Boot, flags};
    use super::*;
    use argh::{ArgsInfo, FromArgs};

    /// Does a thing, and explains it in a text that is certainly longer than one line of the page
    /// can ever be.
    #[derive(FromArgs, ArgsInfo)]
    #[argh(example = "do-it:\n\n  do-it --name x", error_code(0, "done"))]
    #[allow(dead_code)]
    struct Args {
        /// whose name
        #[argh(option, arg_name = "NAME")]
        name: String,
        /// things
        #[argh(option, arg_name = "THING-WITH-A-LONG-NAME")]
        thing: Vec<String>,
        /// quietly
        #[argh(switch)]
        quiet: bool,
    }

    #[test]
    fn a_page() {
        let wanted = "\
Usage: do-it --name NAME [options]

Does a thing, and explains it in a text that is certainly longer than one line of the page can
ever be.

Options:
  --name NAME                 whose name (required)
  --thing THING-WITH-A-LONG-NAME
                              things (may be repeated)
  --result-test-output PATH   where to write the result TEST_OUTPUT

Examples:
  do-it:
    do-it --name x

Exit:
  0   done

Common options:
  --quiet                     quietly
  --log-format human|json     how logs look [default: human]
  --time-scale N              divide durations by this, for rehearsals [default: 1]
  --generate man|complete-bash|complete-zsh|complete-fish
                              print the man page, or a shell's completions
  --help                      this page; also -h
  --version                   the toolkit's version; also -V
";
        let boot = Boot { runs: true, results: &["TEST_OUTPUT"], common: &["quiet"] };
        let flags = flags::<Args>(boot);
        assert_eq!(page("do-it", &Args::get_args_info(), &flags, WIDTH), wanted);
        let narrow = page("do-it", &Args::get_args_info(), &flags, 60);
        assert!(narrow.lines().all(|line| line.chars().count() <= 60), "{narrow}");
        assert_eq!(
            narrow.split_whitespace().collect::<Vec<_>>(),
            wanted.split_whitespace().collect::<Vec<_>>()
        );
    }
}
