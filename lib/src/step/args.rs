//! The arguments as people and pipelines write them, made into what argh reads.
//!
//! argh knows neither `--flag=value` nor `--version` and `--generate`, exits 1 on misuse, and takes
//! `""` as a value; a pipeline without a shell passes every flag, so here `""` is as good as
//! absent.

use argh::{ArgsInfo, FlagInfoKind, TopLevelCommand};

use super::{generate, help, terminal};

/// What the arguments ask for.
#[derive(Debug)]
pub enum Parsed<A> {
    /// To run with these.
    Run(A),
    /// To print this and end well: the help, the version, or what `--generate` asks for.
    Print(String),
    /// They are wrong: why.
    Wrong(String),
}

/// Reads a binary's arguments (without its name).
pub fn parse<A: TopLevelCommand + ArgsInfo>(name: &str, given: &[String]) -> Parsed<A> {
    let wrong =
        |problem: String| Parsed::Wrong(format!("{problem}; {name} --help shows every flag"));
    let (arguments, asked) = match normalize(&options_of::<A>(), given) {
        Ok(normal) => normal,
        Err(problem) => return wrong(problem),
    };
    match asked {
        Some(Asked::Version) => {
            return Parsed::Print(format!("{name} {}\n", env!("CARGO_PKG_VERSION")));
        }
        Some(Asked::Generate(kind)) => {
            return match kind.parse() {
                Ok(kind) => Parsed::Print(generate::text(kind, name, &A::get_args_info())),
                Err(problem) => wrong(problem),
            };
        }
        None => {}
    }
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match A::from_args(&[name], &arguments) {
        Ok(args) => Parsed::Run(args),
        Err(early) if early.status.is_ok() => {
            Parsed::Print(help::page(name, &A::get_args_info(), help::WIDTH.min(terminal::width())))
        }
        Err(early) => Parsed::Wrong(misuse(name, &early.output)),
    }
}

/// A flag's name and whether a value follows it.
struct Flag {
    long: String,
    takes_value: bool,
}

/// What the boot answers itself, whatever else is given.
enum Asked {
    Version,
    /// The word after `--generate`.
    Generate(String),
}

const VERSION: &str = "--version";
const GENERATE: &str = "--generate";

fn options_of<A: ArgsInfo>() -> Vec<Flag> {
    let info = A::get_args_info();
    let flag = |flag: &argh::FlagInfo<'_>| Flag {
        long: flag.long.to_owned(),
        takes_value: matches!(flag.kind, FlagInfoKind::Option { .. }),
    };
    let boot = [(VERSION, false), (GENERATE, true)];
    let boot = boot.map(|(long, takes_value)| Flag { long: long.to_owned(), takes_value });
    info.flags.iter().map(flag).chain(boot).collect()
}

/// Splits `--flag=value`, and drops a flag whose value is empty. What stands in a value's place is
/// never taken for a flag.
fn normalize(flags: &[Flag], given: &[String]) -> Result<(Vec<String>, Option<Asked>), String> {
    let mut arguments = Vec::new();
    let mut asked = None;
    let mut rest = given.iter();
    while let Some(argument) = rest.next() {
        let (name, joined) = match argument.split_once('=') {
            Some((name, value)) if name.starts_with("--") => (name, Some(value.to_owned())),
            _ => (argument.as_str(), None),
        };
        let Some(flag) = flags.iter().find(|flag| flag.long == name) else {
            arguments.push(argument.clone());
            continue;
        };
        if !flag.takes_value {
            if let Some(value) = joined {
                return Err(format!("{name} takes no value, found {value:?}"));
            }
            if name == VERSION {
                asked.get_or_insert(Asked::Version);
            } else {
                arguments.push(argument.clone());
            }
            continue;
        }
        let Some(value) = joined.or_else(|| rest.next().cloned()) else {
            return Err(format!("{name}: expected a value, found none"));
        };
        if name == GENERATE {
            asked.get_or_insert(Asked::Generate(value));
        } else if !value.is_empty() {
            arguments.extend([name.to_owned(), value]);
        }
    }
    Ok((arguments, asked))
}

/// argh's complaint as one line of ours.
fn misuse(name: &str, output: &str) -> String {
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
    format!("{text}; {name} --help shows every flag")
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
        parse("tool", &given.iter().map(|s| (*s).to_owned()).collect::<Vec<_>>())
    }

    fn wrong(given: &[&str]) -> String {
        match run(given) {
            Parsed::Wrong(text) => text,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn both_ways_to_give_a_value() {
        let Parsed::Run(args) =
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
    }

    #[test]
    fn help_and_version_are_answers() {
        assert!(matches!(run(&["--help"]), Parsed::Print(text) if text.contains("--image")));
        assert!(matches!(run(&["--version"]), Parsed::Print(text) if text.starts_with("tool ")));
        assert!(
            matches!(run(&["--generate=man"]), Parsed::Print(text) if text.contains(".TH TOOL 1"))
        );
        assert!(matches!(run(&["--dry-run", "--generate", "complete-zsh"]), Parsed::Print(_)));
        assert!(
            wrong(&["--generate", "zsh"])
                .starts_with("--generate: expected one of man, complete-bash")
        );
        assert!(wrong(&["--generate", ""]).contains("found \"\""));
        let Parsed::Run(args) = run(&["--image", "--version", "--name", "--generate"]) else {
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
