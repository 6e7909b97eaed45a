//! A binary's flags as people see them, from its one description (argh's `ArgsInfo`), those of the
//! boot included. The help page, the man page and the completions are made of this.

use argh::{CommandInfoWithArgs, FlagInfoKind, Optionality};

use super::generate::Kind;

/// A flag that is shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// `--kubeconfig`
    pub long: String,
    /// What stands for its value, `FILE`; a switch has none.
    pub value: Option<String>,
    /// What it does, in one line, without what [`Flag::note`] adds.
    pub text: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it may be given more than once.
    pub repeated: bool,
}

impl Flag {
    /// As it is typed: `--kubeconfig FILE`.
    pub fn written(&self) -> String {
        match &self.value {
            Some(value) => format!("{} {value}", self.long),
            None => self.long.clone(),
        }
    }

    /// What the description does not say by itself.
    pub fn note(&self) -> &'static str {
        match self {
            Self { required: true, .. } => " (required)",
            Self { repeated: true, text, .. } if !text.contains("repeated") => " (may be repeated)",
            _ => "",
        }
    }

    fn of_boot(long: &str, value: Option<String>, text: &str) -> Self {
        Self {
            long: long.to_owned(),
            value,
            text: text.to_owned(),
            required: false,
            repeated: false,
        }
    }
}

/// The flags of a binary in the order of its description, then the boot's.
pub fn flags(info: &CommandInfoWithArgs) -> Vec<Flag> {
    let own = info
        .flags
        .iter()
        .filter(|flag| !flag.hidden && flag.long != "--help")
        .map(|flag| Flag {
            long: flag.long.to_owned(),
            value: match flag.kind {
                FlagInfoKind::Switch => None,
                FlagInfoKind::Option { arg_name } => Some(arg_name.to_owned()),
            },
            text: flag.description.split_whitespace().collect::<Vec<_>>().join(" "),
            required: flag.optionality == Optionality::Required,
            repeated: flag.optionality == Optionality::Repeating,
        });
    let kinds = Kind::ALL.map(Kind::word).join("|");
    let boot = [
        Flag::of_boot("--generate", Some(kinds), "print the man page, or a shell's completions"),
        Flag::of_boot("--help", None, "this page"),
        Flag::of_boot("--version", None, "the toolkit's version"),
    ];
    own.chain(boot).collect()
}
