//! `--generate`: the man page and the completions of a binary, made of the same description as its
//! help, so that none of them can lack a flag.
//!
//! The shells learn from the name of a flag's value (argh's `arg_name`) what can stand there, see
//! `Values`. The generators are our own: those of argh_complete complete no files in zsh and fish,
//! no words anywhere, and what they make for fish calls what fish 3.6 does not have; the crate roff
//! leaves `~`, `^` and the backquote to be set as accents.
//!
//! To add a kind: a variant of [`Kind`], and a module with a function like the others'.

mod bash;
mod fish;
mod man;
mod zsh;

use std::str::FromStr;

use argh::CommandInfoWithArgs;

use super::flags::Flag;

/// What can be generated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// The man page, in section 1.
    Man,
    /// Completions for bash.
    Bash,
    /// Completions for zsh.
    Zsh,
    /// Completions for fish.
    Fish,
}

impl Kind {
    /// All of them, in the order shown.
    pub const ALL: [Self; 4] = [Self::Man, Self::Bash, Self::Zsh, Self::Fish];

    /// The word after `--generate`.
    pub fn word(self) -> &'static str {
        match self {
            Self::Man => "man",
            Self::Bash => "complete-bash",
            Self::Zsh => "complete-zsh",
            Self::Fish => "complete-fish",
        }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let kind = Self::ALL.into_iter().find(|kind| kind.word() == text);
        let words = Self::ALL.map(Self::word).join(", ");
        kind.ok_or_else(|| format!("--generate: expected one of {words}, found {text:?}"))
    }
}

/// The generated text of a binary with its flags.
pub fn text(kind: Kind, name: &str, info: &CommandInfoWithArgs, flags: &[Flag]) -> String {
    match kind {
        Kind::Man => man::page(name, info, flags),
        Kind::Bash => bash::script(name, flags),
        Kind::Zsh => zsh::script(name, flags),
        Kind::Fish => fish::script(name, flags),
    }
}

/// What can stand as a flag's value, as far as a shell can know.
#[derive(Debug, PartialEq, Eq)]
enum Values<'a> {
    /// The flag is a switch.
    None,
    /// Something that only the person knows.
    Unknown,
    /// A file: `FILE`, `PATH`, `PEM` (which may be a folder), `YAML`.
    File,
    /// A folder: `DIR`.
    Folder,
    /// A gate record, `configmap:NAME` or `file:PATH`: `RECORD`.
    Record,
    /// `@` and a file, among other things: `SNAPSHOT`.
    AtFile,
    /// One of some words: `human|json`.
    Words(Vec<&'a str>),
}

impl<'a> Values<'a> {
    fn of(flag: &'a Flag) -> Self {
        match flag.value.as_deref() {
            None => Self::None,
            Some("FILE" | "PATH" | "PEM" | "YAML") => Self::File,
            Some("DIR") => Self::Folder,
            Some("RECORD") => Self::Record,
            Some("SNAPSHOT") => Self::AtFile,
            Some(words) if words.contains('|') => Self::Words(words.split('|').collect()),
            Some(_) => Self::Unknown,
        }
    }
}

/// A shell function's name for a binary, prefixed to be alone with it.
fn function(name: &str) -> String {
    format!("_gate_{}", name.replace('-', "_"))
}

/// A text as one single-quoted word of a POSIX shell.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

#[cfg(test)]
mod tests {
    use super::super::flags::{Boot, flags};
    use super::*;
    use argh::{ArgsInfo, FromArgs};

    /// Does it. Then "more", at $HOME.
    #[derive(FromArgs, ArgsInfo)]
    #[argh(
        note = ".dot first, ~ and ^ and `this`, a\\b, 1…2",
        example = "{command_name} --file 'x y' \\\n    --name a-b"
    )]
    #[allow(dead_code)]
    struct Args {
        /// it's a [file]: "quoted", `ticked`, $dollar and back\slash
        #[argh(option, arg_name = "FILE")]
        file: String,
        /// a name
        #[argh(option, arg_name = "NAME")]
        name: Vec<String>,
        /// a look
        #[argh(option, arg_name = "human|json")]
        look: Option<String>,
        /// where
        #[argh(option, arg_name = "RECORD")]
        record: Option<String>,
    }

    fn generated(kind: Kind) -> String {
        text(kind, "do-it", &Args::get_args_info(), &flags::<Args>(Boot::default()))
    }

    #[test]
    fn the_kind_of_a_value_is_in_its_name() {
        let flags = flags::<Args>(Boot::default());
        let values: Vec<_> = flags.iter().map(Values::of).collect();
        let kinds = Kind::ALL.map(Kind::word).to_vec();
        assert_eq!(
            values,
            [
                Values::File,
                Values::Unknown,
                Values::Words(vec!["human", "json"]),
                Values::Record,
                Values::Words(kinds),
                Values::None,
                Values::None
            ]
        );
    }

    #[test]
    fn a_kind_is_named_or_the_names_are_told() {
        assert_eq!("complete-fish".parse(), Ok(Kind::Fish));
        let problem = "fish".parse::<Kind>().unwrap_err();
        assert!(problem.contains("complete-fish") && problem.contains("\"fish\""), "{problem}");
    }

    #[test]
    fn a_man_page_escapes_what_roff_would_take_for_its_own() {
        let page = generated(Kind::Man);
        for wanted in [
            ".TH DO\\-IT 1",
            "do\\-it \\- does it\n",
            "it\\(aqs a [file]: \\(dqquoted\\(dq, \\(gaticked\\(ga, $dollar and back\\eslash\n(required)",
            "\\&.dot first, \\(ti and \\(ha and \\(gathis\\(ga, a\\eb, 1\\[u2026]2",
            "do\\-it \\-\\-file \\(aqx y\\(aq \\e\n    \\-\\-name a\\-b",
        ] {
            assert!(page.contains(wanted), "{wanted}\n{page}");
        }
    }

    #[test]
    fn descriptions_are_one_word_of_the_shell() {
        let fish = generated(Kind::Fish);
        assert!(
            fish.contains(
                r#"-d 'it\'s a [file]: "quoted", `ticked`, $dollar and back\\slash (required)'"#
            ),
            "{fish}"
        );
        let zsh = generated(Kind::Zsh);
        assert!(
            zsh.contains(
                r#"[it'\''s a \[file\]\: "quoted", `ticked`, $dollar and back\\slash (required)]"#
            ),
            "{zsh}"
        );
    }
}
