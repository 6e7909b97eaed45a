//! A binary's flags as people see them: those of its one description (argh's `ArgsInfo`) and those
//! that the boot adds. The help page, the man page and the completions are made of this.

use argh::{ArgsInfo, FlagInfoKind, Optionality};

use super::Arguments;
use super::generate::Kind;

/// `--log-format`.
pub const LOG_FORMAT: &str = "--log-format";
/// `--time-scale`.
pub const TIME_SCALE: &str = "--time-scale";
/// `--generate`.
pub const GENERATE: &str = "--generate";
/// `--help`.
pub const HELP: &str = "--help";
/// `--version`.
pub const VERSION: &str = "--version";

/// What the boot adds to a binary's own flags.
#[derive(Debug, Clone, Copy, Default)]
pub struct Boot {
    /// Whether it has a log and a clock: `--log-format`, `--time-scale`.
    pub runs: bool,
    /// The results, each with a flag `--result-NAME`.
    pub results: &'static [&'static str],
    /// The fields of its own flags that most binaries have.
    pub common: &'static [&'static str],
}

impl Boot {
    /// That of a step.
    pub fn of<A: Arguments>() -> Self {
        Self { runs: true, results: A::RESULTS, common: A::COMMON }
    }
}

/// The flag of a result's path.
pub fn of_result(result: &str) -> String {
    format!("--result-{}", result.to_lowercase().replace('_', "-"))
}

/// A flag that is shown to people.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Flag {
    /// `--kubeconfig`
    pub long: String,
    /// The placeholder for its value, `FILE`; a switch has none.
    pub value: Option<String>,
    /// What it does, in one line, without what [`Flag::note`] adds.
    pub text: String,
    /// Whether it must be given.
    pub required: bool,
    /// Whether it may be given more than once.
    pub repeated: bool,
    /// Whether most binaries have it, so that it is shown last.
    pub common: bool,
    /// Whether the boot reads it, and not argh.
    pub of_boot: bool,
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

    fn added(long: impl Into<String>, value: Option<&str>, text: impl Into<String>) -> Self {
        Self {
            long: long.into(),
            value: value.map(str::to_owned),
            text: text.into(),
            required: false,
            repeated: false,
            common: true,
            of_boot: true,
        }
    }
}

/// The flags of a binary in the order of its description, then those of its results, then those
/// that most binaries have.
pub fn flags<A: ArgsInfo>(boot: Boot) -> Vec<Flag> {
    let info = A::get_args_info();
    let is_common = |long: &str| {
        let field = long.trim_start_matches('-').replace('-', "_");
        boot.common.contains(&field.as_str())
    };
    let own = info
        .flags
        .iter()
        .filter(|flag| !flag.hidden && flag.long != HELP)
        .map(|flag| Flag {
            long: flag.long.to_owned(),
            value: match flag.kind {
                FlagInfoKind::Switch => None,
                FlagInfoKind::Option { arg_name } => Some(arg_name.to_owned()),
            },
            text: flag.description.split_whitespace().collect::<Vec<_>>().join(" "),
            required: flag.optionality == Optionality::Required,
            repeated: flag.optionality == Optionality::Repeating,
            common: is_common(flag.long),
            of_boot: false,
        });
    let (common, mut flags): (Vec<_>, Vec<_>) = own.partition(|flag| flag.common);
    flags.extend(boot.results.iter().map(|result| Flag {
        common: false,
        ..Flag::added(
            of_result(result),
            Some("PATH"),
            format!("where to write the result {result}"),
        )
    }));
    flags.extend(common);
    if boot.runs {
        flags.extend([
            Flag::added(LOG_FORMAT, Some("human|json"), "how logs look [default: human]"),
            Flag::added(
                TIME_SCALE,
                Some("N"),
                "divide durations by this, for rehearsals [default: 1]",
            ),
        ]);
    }
    let kinds = Kind::ALL.map(Kind::word).join("|");
    flags.extend([
        Flag::added(GENERATE, Some(&kinds), "print the man page, or a shell's completions"),
        Flag::added(HELP, None, "this page; also -h"),
        Flag::added(VERSION, None, "the toolkit's version; also -V"),
    ]);
    flags
}
