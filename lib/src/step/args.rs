//! The arguments as people and pipelines write them, made into what argh reads.
//!
//! argh knows neither `--flag=value` nor `--version` and `--generate`, exits 1 on misuse, and takes
//! `""` as a value; a pipeline without a shell passes every flag, so here `""` is as good as
//! absent. The flags that the boot reads itself never reach argh.

use std::str::FromStr;

use argh::{ArgsInfo, TopLevelCommand};

use super::flags::{self, Boot, Flag, GENERATE, HELP, VERSION};
use super::similar::similar;
use super::{generate, help, terminal};

/// What the arguments ask for.
#[derive(Debug)]
pub enum Parsed<A> {
    /// To run with these, and what the boot reads.
    Run(A, ForBoot),
    /// To print this and end well: the help, the version, or what `--generate` asks for.
    Print(String),
    /// They are wrong: why.
    Wrong(String),
}

/// The flags that the boot reads, with their values.
#[derive(Debug, Default)]
pub struct ForBoot(Vec<(String, String)>);

impl ForBoot {
    /// The value of a flag, if it was given.
    pub fn value(&self, flag: &str) -> Option<&str> {
        let found = self.0.iter().find(|(long, _)| long == flag);
        found.map(|(_, value)| value.as_str())
    }
}

/// Reads a binary's arguments (without its name).
pub fn parse<A>(name: &str, boot: Boot, given: &[String]) -> Parsed<A>
where
    A: TopLevelCommand + ArgsInfo,
{
    let wrong =
        |problem: String| Parsed::Wrong(format!("{problem}; {name} --help shows every flag"));
    let flags = flags::flags::<A>(boot);
    let Normal { arguments, for_boot, asked } = match normalize(&flags, given) {
        Ok(normal) => normal,
        Err(problem) => return wrong(problem),
    };
    match asked {
        Some(Asked::Version) => {
            return Parsed::Print(format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
        }
        Some(Asked::Generate(kind)) => {
            return match kind.parse() {
                Ok(kind) => Parsed::Print(generate::text(kind, name, &A::get_args_info(), &flags)),
                Err(problem) => wrong(problem),
            };
        }
        None => {}
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match A::from_args(&[name], &arguments) {
        Ok(args) => Parsed::Run(args, for_boot),
        Err(early) if early.status.is_ok() => {
            let width = help::WIDTH.min(terminal::width());
            Parsed::Print(help::page(name, &A::get_args_info(), &flags, width))
        }
        Err(early) => Parsed::Wrong(misuse(name, &early.output, &flags)),
    }
}

/// What the boot answers itself, whatever else is given.
enum Asked {
    Version,
    /// The word after `--generate`.
    Generate(String),
}

/// The arguments sorted: for argh, for the boot, and what is asked for instead of a run.
#[derive(Default)]
struct Normal {
    arguments: Vec<String>,
    for_boot: ForBoot,
    asked: Option<Asked>,
}

/// Splits `--flag=value`, writes short flags long, and drops a flag whose value is empty. What
/// stands in a value's place is never taken for a flag.
fn normalize(flags: &[Flag], given: &[String]) -> Result<Normal, String> {
    let mut normal = Normal::default();
    let mut rest = given.iter();
    while let Some(argument) = rest.next() {
        let (name, joined) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (argument.as_str(), None),
        };
        let name = match name {
            "-h" => HELP,
            "-V" => VERSION,
            // As kubectl has it.
            "-n" => "--namespace",
            name => name,
        };
        let Some(flag) = flags.iter().find(|flag| flag.long == name) else {
            normal.arguments.push(argument.clone());
            continue;
        };
        if flag.value.is_none() {
            if let Some(value) = joined {
                return Err(format!("{name} takes no value, found {value:?}"));
            }
            if name == VERSION {
                normal.asked.get_or_insert(Asked::Version);
            } else if flag.of_boot && name != HELP {
                normal.for_boot.0.push((name.to_owned(), String::new()));
            } else {
                normal.arguments.push(name.to_owned());
            }
            continue;
        }
        let Some(value) = joined.or_else(|| rest.next().cloned()) else {
            return Err(format!("{name}: expected a value, found none"));
        };
        if name == GENERATE {
            normal.asked.get_or_insert(Asked::Generate(value));
        } else if value.is_empty() {
            continue;
        } else if !flag.of_boot {
            normal.arguments.extend([name.to_owned(), value]);
        } else if normal.for_boot.value(name).is_some() {
            return Err(format!("{name}: expected it once, found it twice"));
        } else {
            normal.for_boot.0.push((name.to_owned(), value));
        }
    }
    Ok(normal)
}

/// How argh's complaint about a word begins that is no flag of the binary.
const UNKNOWN: &str = "unrecognized argument: ";

/// argh's complaint as one line of ours, with the flag that was meant.
fn misuse(name: &str, output: &str, flags: &[Flag]) -> String {
    let lines = output
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty() && !line.starts_with("Run "));
    let text = lines.collect::<Vec<_>>().join(" ");
    let mut letters = text.chars();
    let text = letters
        .next()
        .map(|first| first.to_lowercase().collect::<String>() + letters.as_str())
        .unwrap_or_default();
    let unknown = text
        .strip_prefix(UNKNOWN)
        .and_then(|word| similar(word.trim(), flags));
    let meant = unknown
        .map(|flag| format!("; did you mean {flag}?"))
        .unwrap_or_default();
    format!("{text}{meant}; {name} --help shows every flag")
}

/// A flag that was given more than once or with commas, as one list; blanks around an entry are
/// cut.
pub fn list(given: &[String]) -> Vec<String> {
    let entries = given.iter().flat_map(|value| value.split(','));
    entries
        .map(str::trim)
        .filter(|entry| !entry.is_empty())
        .map(str::to_owned)
        .collect()
}

/// What a flag was given, read as its own kind.
///
/// # Errors
/// Those of the kind.
pub fn read<T: FromStr>(given: Option<&String>) -> Result<Option<T>, T::Err> {
    given.map(|text| text.parse()).transpose()
}

/// A flag that may be given more than once, each entry read as its own kind.
///
/// # Errors
/// Those of the kind.
pub fn each<T: FromStr>(given: &[String]) -> Result<Vec<T>, T::Err> {
    list(given).iter().map(|entry| entry.parse()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use argh::FromArgs;

    /// Tests arguments.
    #[derive(FromArgs, ArgsInfo, Debug)]
    struct Args {
        /// the image
        #[argh(option, arg_name = "REF")]
        image: String,
        /// names
        #[argh(option, arg_name = "NAME")]
        name: Vec<String>,
        /// print only
        #[argh(switch)]
        dry_run: bool,
    }

    fn run(given: &[&str]) -> Parsed<Args> {
        let boot = Boot { runs: true, results: &["TEST_OUTPUT"], common: &[] };
        parse("tool", boot, &given.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    fn wrong(given: &[&str]) -> String {
        match run(given) {
            Parsed::Wrong(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_ways_to_give_a_value() {
        let Parsed::Run(args, _) =
            run(&["--image=a=b", "--name", "--image=x", "--name=", "--name", "", "--dry-run"])
        else {
            panic!()
        };
        assert_eq!(args.image, "a=b");
        assert_eq!(args.name, ["--image=x"]);
        assert!(args.dry_run);
    }

    #[test]
    fn misuse_names_the_flag() {
        assert_eq!(
            wrong(&[]),
            "required options not provided: --image; tool --help shows every flag"
        );
        assert!(wrong(&["--image", ""]).contains("--image"));
        assert!(wrong(&["--image"]).starts_with("--image: expected a value"));
        assert!(wrong(&["--image", "a", "--dry-run=yes"]).starts_with("--dry-run takes no value"));
        assert!(wrong(&["--image", "a", "--colour", "red"]).contains("--colour"));
        assert!(wrong(&["--image", "a", "--dry-run", ""]).contains("unrecognized argument"));
        let meant = "unrecognized argument: --dry-rum; did you mean --dry-run?; tool --help shows every flag";
        assert_eq!(wrong(&["--image", "a", "--dry-rum"]), meant);
        assert!(!wrong(&["--image", "a", "--colour"]).contains("did you mean"));
    }

    #[test]
    fn the_boot_reads_its_own_flags() {
        let Parsed::Run(args, boot) =
            run(&["--time-scale=7", "--image", "a", "--result-test-output", "x", "--log-format="])
        else {
            panic!()
        };
        assert_eq!(args.image, "a");
        let values = [flags::TIME_SCALE, "--result-test-output", flags::LOG_FORMAT, "--image"];
        assert_eq!(values.map(|flag| boot.value(flag)), [Some("7"), Some("x"), None, None]);
        let twice = wrong(&["--image", "a", "--time-scale", "1", "--time-scale", "1"]);
        assert!(twice.starts_with("--time-scale: expected it once"), "{twice}");
        let none = Boot::default();
        let given = ["--image=a", "--time-scale=1"].map(str::to_owned);
        assert!(
            matches!(parse::<Args>("tool", none, &given), Parsed::Wrong(text) if text.contains("--time-scale"))
        );
    }

    /// The boot has none today; argh would not know one.
    #[test]
    fn a_switch_of_the_boot_is_not_for_argh() {
        let switch = Flag {
            long: "--quiet".to_owned(),
            value: None,
            text: String::new(),
            required: false,
            repeated: false,
            common: true,
            of_boot: true,
        };
        let normal = normalize(&[switch], &["--quiet".to_owned()]).unwrap();
        assert!(normal.arguments.is_empty());
        assert_eq!(normal.for_boot.value("--quiet"), Some(""));
    }

    #[test]
    fn help_and_version_are_answers() {
        for flag in ["--help", "-h"] {
            assert!(matches!(run(&[flag]), Parsed::Print(text) if text.contains("--image")));
        }
        for flag in ["--version", "-V"] {
            assert!(matches!(run(&[flag]), Parsed::Print(text) if text.starts_with("tool ")));
        }
        assert!(
            matches!(run(&["--generate=man"]), Parsed::Print(text) if text.contains(".TH TOOL 1"))
        );
        assert!(matches!(run(&["--dry-run", "--generate", "complete-zsh"]), Parsed::Print(_)));
        assert!(
            wrong(&["--generate", "zsh"])
                .starts_with("--generate: expected one of man, complete-bash")
        );
        assert!(wrong(&["--generate", ""]).contains("found \"\""));
        let Parsed::Run(args, _) = run(&["--image", "--version", "--name", "--generate"]) else {
            panic!()
        };
        assert_eq!(
            (args.image.as_str(), args.name),
            ("--version", vec!["--generate".to_owned()]),
            "values are values"
        );
    }

    #[test]
    fn lists_may_be_repeated_and_joined() {
        assert_eq!(list(&["a, b".to_owned(), "c".to_owned(), ",".to_owned()]), ["a", "b", "c"]);
    }
}
