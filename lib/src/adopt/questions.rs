//! What a new gate must know: each question with its flag.

use super::Answers;
use crate::http::BaseUrl;
use crate::image::ImageRef;
use crate::jobs::{Given, read};
use crate::name::ObjectName;

/// What is taken where nothing is said.
#[derive(Clone, Copy)]
pub enum Usual {
    /// Nothing: it must be said.
    None,
    /// This.
    Text(&'static str),
    /// What follows from the answers before it.
    Of(fn(&Answers) -> Option<String>),
}

/// A question.
pub struct Question {
    /// The flag that answers it.
    pub flag: &'static str,
    /// What it is, for people.
    pub words: &'static str,
    /// What is taken where nothing is said.
    pub usual: Usual,
    check: fn(&str, &Answers) -> Result<(), String>,
}

/// Which digits and names a platform's may have: kustomize appends it to all names, and a CronJob's
/// has at most 52 characters.
const LONGEST: usize = 30;

/// All questions, in the order in which they are asked.
pub const QUESTIONS: [Question; 20] = [
    Question {
        flag: "--platform",
        words: "the platform's short name, which ends the name of every object, such as aro-hcp",
        usual: Usual::None,
        check: |text, _| match text.len() <= LONGEST {
            true => label(text),
            false => Err(format!("expected at most {LONGEST} characters, found {text:?}")),
        },
    },
    Question {
        flag: "--gate-label",
        words: "its name for people, such as ARO HCP",
        usual: Usual::Of(|given| Some(given.get("--platform")?.to_uppercase())),
        check: |text, _| one_line(text),
    },
    Question {
        flag: "--application",
        words: "the Konflux Application",
        usual: Usual::None,
        check: |text, _| name(text),
    },
    Question {
        flag: "--component",
        words: "the component of its Snapshots that is tested",
        usual: Usual::None,
        check: |text, _| name(text),
    },
    Question {
        flag: "--blocking",
        words: "the Prow periodic jobs that must pass, with blanks between",
        usual: Usual::None,
        check: |text, _| jobs(text, "[]"),
    },
    Question {
        flag: "--informing",
        words: "jobs that are run and shown and decide nothing",
        usual: Usual::Text("[]"),
        check: |text, given| jobs(given.get("--blocking").map_or("[]", String::as_str), text),
    },
    Question {
        flag: "--override-env",
        words: "the variable that carries the image into the jobs; their steps must declare it",
        usual: Usual::None,
        check: |text, given| variable(text, given),
    },
    Question {
        flag: "--env",
        words: "further variables for every job, as a JSON object of texts",
        usual: Usual::Text("{}"),
        check: |text, given| env(text, given),
    },
    Question {
        flag: "--proof-log",
        words: "the log of a job that shows the image's digest, as a path below the run's folder, * for one folder",
        usual: Usual::None,
        check: |text, _| text.parse::<crate::glob::Glob>().map(drop).map_err(|e| e.to_string()),
    },
    Question {
        flag: "--release-plan",
        words: "the ReleasePlan that is made for it; its name ends with the platform's",
        usual: Usual::Of(|given| Some(format!("release-gate-{}", given.get("--platform")?))),
        check: plan,
    },
    Question {
        flag: "--managed-namespace",
        words: "the namespace of the managed release pipeline",
        usual: Usual::None,
        check: |text, _| label(text),
    },
    Question {
        flag: "--admission",
        words: "the ReleasePlanAdmission there, which its owner makes",
        usual: Usual::Of(|given| Some(format!("{}-release-gate", given.get("--platform")?))),
        check: |text, _| label(text),
    },
    Question {
        flag: "--verified-repository",
        words: "the repository that verified images are pushed to",
        usual: Usual::None,
        check: |text, _| repository(text),
    },
    Question {
        flag: "--pipeline-url",
        words: "this toolkit's repository, or your fork of it, by https",
        usual: Usual::None,
        check: |text, _| url(text),
    },
    Question {
        flag: "--pipeline-revision",
        words: "a tag or commit of it; a branch would change under your gate",
        usual: Usual::Text(concat!("v", env!("CARGO_PKG_VERSION"))),
        check: |text, _| revision(text),
    },
    Question {
        flag: "--step-image",
        words: "the image of the steps, NAME:TAG@sha256:DIGEST",
        usual: Usual::None,
        check: |text, _| ImageRef::dropping_tag(text).map(drop).map_err(|e| e.to_string()),
    },
    Question {
        flag: "--run-url-base",
        words: "the console's address of this namespace's PipelineRuns, ending in /",
        usual: Usual::None,
        check: |text, _| match text.ends_with('/') {
            true => url(text),
            false => Err(format!("expected an address that ends in /, found {text:?}")),
        },
    },
    Question {
        flag: "--kubearchive-url",
        words: "KubeArchive, by https, where the cluster has one: older Releases are known by it",
        usual: Usual::Text(""),
        check: |text, _| match text {
            "" => Ok(()),
            text => url(text),
        },
    },
    Question {
        flag: "--runbook-url",
        words: "where the runbook is read, for links in messages",
        usual: Usual::Of(|given| {
            let repository = given.get("--pipeline-url")?;
            let repository = repository.trim_end_matches('/').trim_end_matches(".git");
            Some(format!("{repository}/blob/main/docs/runbook.md"))
        }),
        check: |text, _| url(text),
    },
    Question {
        flag: "--trigger-schedule",
        words: "when it starts, as cron has it, in UTC; an hour from the other gates of the cluster",
        usual: Usual::Text("15 3 * * *"),
        check: |text, _| match text.split_whitespace().count() {
            5 => one_line(text),
            _ => Err(format!("expected five fields such as 15 3 * * *, found {text:?}")),
        },
    },
];

impl Question {
    /// What is taken where nothing is said; `None` where something must be.
    pub fn usual(&self, given: &Answers) -> Option<String> {
        match self.usual {
            Usual::None => None,
            Usual::Text(text) => Some(text.to_owned()),
            Usual::Of(make) => make(given),
        }
    }

    /// An answer as it is kept: a list of jobs may be given as words.
    ///
    /// # Errors
    /// What was expected.
    pub fn read(&self, text: &str, given: &Answers) -> Result<String, String> {
        let text = text.trim();
        let is_list = matches!(self.flag, "--blocking" | "--informing");
        let text = match is_list && !text.starts_with('[') {
            true => {
                let names = text.split([' ', ',', '\t']).filter(|name| !name.is_empty());
                serde_json::to_string(&names.collect::<Vec<_>>()).unwrap_or_default()
            }
            false => text.to_owned(),
        };
        (self.check)(&text, given).map(|()| text)
    }
}

fn label(text: &str) -> Result<(), String> {
    ObjectName::label(text).map(drop).map_err(|error| error.to_string())
}

fn name(text: &str) -> Result<(), String> {
    ObjectName::label_value(text)
        .map(drop)
        .map_err(|error| error.to_string())
}

fn one_line(text: &str) -> Result<(), String> {
    match text.is_empty() || text.chars().any(char::is_control) || text.len() > 200 {
        true => Err(format!("expected a text of one line, found {text:?}")),
        false => Ok(()),
    }
}

fn url(text: &str) -> Result<(), String> {
    text.parse::<BaseUrl>().map(drop).map_err(|error| error.to_string())
}

/// A branch moves. That a name is one cannot be told; the usual ones can.
fn revision(text: &str) -> Result<(), String> {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    let branches = ["main", "master", "HEAD", "develop"];
    match text.is_empty() || !text.chars().all(fits) || branches.contains(&text) {
        true => Err(format!("expected a tag or a commit and no branch, found {text:?}")),
        false => Ok(()),
    }
}

fn repository(text: &str) -> Result<(), String> {
    let digest = format!("{text}@sha256:{}", "0".repeat(64));
    match digest.parse::<ImageRef>() {
        Ok(_) if !text.contains('@') => Ok(()),
        _ => Err(format!("expected a repository such as quay.io/acme/operator, found {text:?}")),
    }
}

fn plan(text: &str, given: &Answers) -> Result<(), String> {
    label(text)?;
    let end = given
        .get("--platform")
        .map(|platform| format!("-{platform}"))
        .unwrap_or_default();
    match text.strip_suffix(end.as_str()).is_some_and(|start| !start.is_empty()) {
        true => Ok(()),
        false => Err(format!("expected a name that ends with {end}, found {text:?}")),
    }
}

/// The jobs and variables as launch-prow will read them.
fn request(blocking: &str, informing: &str, variable: &str, env: &str) -> Result<(), String> {
    let variables: Vec<String> = variable.split(',').map(str::to_owned).collect();
    let given = Given {
        blocking: Some(blocking),
        informing: Some(informing),
        jobs: None,
        override_env: &variables,
        env: Some(env),
    };
    read(&given).map(drop).map_err(|error| error.to_string())
}

fn jobs(blocking: &str, informing: &str) -> Result<(), String> {
    request(blocking, informing, "IMAGE", "{}")
}

fn variable(text: &str, given: &Answers) -> Result<(), String> {
    let of = |flag| given.get(flag).map_or("[]", String::as_str);
    request(of("--blocking"), of("--informing"), text, "{}")
}

fn env(text: &str, given: &Answers) -> Result<(), String> {
    let of = |flag| given.get(flag).map_or("[]", String::as_str);
    request(of("--blocking"), of("--informing"), of("--override-env"), text)
}
