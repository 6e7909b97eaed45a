//! `POST /v1/executions`: launching a job.

use std::collections::BTreeMap;

use bytes::Bytes;
use http::request::Parts;
use serde::Serialize;
use serde_json::{Map, Value};

use super::{TYPES, enumeration, ok, transcoder, unsupported};
use crate::World;
use crate::answer::{Answer, answer, grpc, quoted};
use crate::prow::Order;

/// The API server refuses more annotations than this.
const LARGEST_ANNOTATIONS: usize = 262_144; // 256 KiB

#[derive(Serialize)]
struct Created {
    id: String,
    job_name: String,
    job_type: &'static str,
    job_status: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pod_spec_options: Option<Options>,
    gcs_path: &'static str,
    job_url: &'static str,
}

#[derive(Serialize, Default)]
struct Options {
    envs: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

pub(super) fn create(
    world: &World,
    parts: &Parts,
    name_in_path: &str,
    pairs: &[(String, String)],
    body: &Bytes,
    token: Option<&str>,
) -> Answer {
    if pairs
        .iter()
        .any(|(name, _)| name != "job_name" && name != "job_execution_type")
    {
        return unsupported(parts);
    }
    if parts
        .headers
        .get("content-type")
        .is_some_and(|kind| kind.as_bytes().starts_with(b"application/grpc"))
    {
        return answer(
            200,
            &[
                ("content-type", "application/grpc"),
                ("grpc-status", "12"),
                ("grpc-message", "unknown service v1"),
            ],
            "",
        );
    }
    if !name_in_path.is_empty() && body.is_empty() {
        return unsupported(parts);
    }
    let request = match message(body) {
        Ok(request) => request,
        Err(words) => return transcoder(words),
    };
    let asked = match Asked::read(&request) {
        Ok(asked) => asked,
        Err(words) => return transcoder(words),
    };
    let from_query = pairs
        .iter()
        .find(|(name, _)| name == "job_name")
        .map(|(_, value)| value.clone());
    let name = match (name_in_path, from_query) {
        ("", Some(name)) => name,
        ("", None) => asked.name.clone(),
        (name, _) => name.to_owned(),
    };
    launch(world, parts, name, asked, token)
}

fn launch(world: &World, parts: &Parts, name: String, asked: Asked, token: Option<&str>) -> Answer {
    if token.is_some_and(|token| {
        world
            .prow_state()
            .foreign_tokens
            .iter()
            .any(|foreign| foreign == token)
    }) {
        return grpc(400, 3, &unknown_client(parts));
    }
    if let Err(words) = asked.validate(&name) {
        return grpc(400, 3, &words);
    }
    let now = world.now();
    let mut state = world.prow_state();
    let Some(job) = state.jobs.get(&name) else {
        return grpc(500, 2, &format!("failed to find associated periodic job {}", quoted(&name)));
    };
    if job.tenant != "GlobalDefaultID" {
        return grpc(403, 7, "client is not authorized to execute the given job");
    }
    if state.api_lost.is_some() {
        return grpc(
            500,
            2,
            "Post \"https://198.51.100.2:1/apis/prow.k8s.io/v1/namespaces/ci/prowjobs\": dial tcp 198.51.100.2:1: connect: connection refused",
        );
    }
    if let Some(words) = asked.refused_by_api_server() {
        return grpc(
            500,
            2,
            &format!("ProwJob.prow.k8s.io \"{}\" is invalid: {words}", world.uuid()),
        );
    }
    let order = Order {
        job: name.clone(),
        envs: asked.envs,
        labels: asked.labels,
        annotations: asked.annotations,
    };
    let id = state.launch(world, order, now);
    // the echo shows what the ProwJob got, which is how a lost override is found
    let run = state.runs.last().expect("just launched");
    let options = asked.options.then(|| {
        let mut annotations = run.annotations.clone();
        annotations.insert("executor".into(), "gangway".into());
        Options { envs: run.envs.clone(), labels: run.labels.clone(), annotations }
    });
    ok(&Created {
        id,
        job_name: name,
        job_type: TYPES[1],
        job_status: "TRIGGERED",
        pod_spec_options: options,
        gcs_path: "",
        job_url: "",
    })
}

/// The body as a message; otherwise Envoy's words.
fn message(body: &Bytes) -> Result<Map<String, Value>, Vec<u8>> {
    let blank = body.iter().all(u8::is_ascii_whitespace);
    if blank {
        return Ok(Map::new());
    }
    match serde_json::from_slice(body) {
        Ok(Value::Object(map)) => Ok(map),
        Ok(Value::Array(_)) => Ok(Map::new()),
        Ok(_) => Err(b": Root element must be a message.".to_vec()),
        Err(error) if error.is_eof() => {
            Err(b"Unexpected end of string. Expected a value.\n\n^".to_vec())
        }
        Err(_) if std::str::from_utf8(body).is_err() => Err([
            b"Encountered non UTF-8 code points.\n".as_slice(),
            &body[..body.len().min(20)],
            b"\n^",
        ]
        .concat()),
        Err(_) => {
            Err([b"Unexpected token.\n".as_slice(), &body[..body.len().min(80)], b"\n^"].concat())
        }
    }
}

/// A create request as Gangway understands it; unknown fields are ignored.
struct Asked {
    name: String,
    kind: &'static str,
    refs: bool,
    options: bool,
    envs: BTreeMap<String, String>,
    labels: BTreeMap<String, String>,
    annotations: BTreeMap<String, String>,
}

impl Asked {
    fn read(request: &Map<String, Value>) -> Result<Self, String> {
        let name = match field(request, "job_name", "jobName") {
            None | Some(Value::Null) => String::new(),
            Some(Value::String(name)) => name.clone(),
            Some(other) => {
                return Err(format!("job_name: invalid value {other} for type TYPE_STRING"));
            }
        };
        let kind = match field(request, "job_execution_type", "jobExecutionType") {
            None | Some(Value::Null) => TYPES[0],
            Some(given) => enumeration(given, &TYPES).ok_or_else(|| {
                format!("job_execution_type: invalid value {given} for type type.googleapis.com/JobExecutionType")
            })?,
        };
        let refs = field(request, "refs", "refs").is_some_and(|refs| !refs.is_null());
        let mut asked = Self {
            name,
            kind,
            refs,
            // Envoy's filter adds an annotation, and with it the options; it leaves an explicit
            // null alone
            options: !request.get("pod_spec_options").is_some_and(Value::is_null),
            envs: BTreeMap::new(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        };
        for key in ["podSpecOptions", "pod_spec_options"] {
            let Some(Value::Object(options)) = request.get(key) else {
                continue;
            };
            for (map, into) in [
                ("envs", &mut asked.envs),
                ("labels", &mut asked.labels),
                ("annotations", &mut asked.annotations),
            ] {
                let Some(Value::Object(given)) = options.get(map) else {
                    continue;
                };
                for (at, (key, value)) in given.iter().enumerate() {
                    let Value::String(value) = value else {
                        return Err(format!(
                            "pod_spec_options.{map}[{at}].value: invalid value {value} for type TYPE_STRING"
                        ));
                    };
                    into.insert(key.clone(), value.clone());
                }
            }
        }
        Ok(asked)
    }

    /// Gangway's own checks, in its order: keys and values there, label values as Kubernetes wants
    /// them.
    fn validate(&self, name: &str) -> Result<(), String> {
        if name.is_empty() {
            return Err("job_name field cannot be empty".into());
        }
        match (self.kind, self.refs) {
            ("JOB_EXECUTION_TYPE_UNSPECIFIED", _) => {
                return Err(format!("unsupported JobExecutionType: {}", self.kind));
            }
            ("PERIODIC", true) => return Err("periodic jobs cannot also have gitRefs".into()),
            ("PERIODIC", false) => {}
            (kind, _) => return Err(format!("gitRefs must be defined for {kind:?}")),
        }
        let pairs = [
            ("environment variable", &self.envs),
            ("label", &self.labels),
            ("annotation", &self.annotations),
        ];
        for (what, map) in pairs {
            for (key, value) in map {
                if key.is_empty() || value.is_empty() {
                    return Err(format!(
                        "invalid {what} key/value pair: {}, {}",
                        quoted(key),
                        quoted(value)
                    ));
                }
                if what == "label" {
                    check_label_value(value)?;
                }
            }
        }
        Ok(())
    }

    /// What the API server refuses after Gangway let it pass: keys, and too many annotations.
    fn refused_by_api_server(&self) -> Option<String> {
        for (what, map) in [("labels", &self.labels), ("annotations", &self.annotations)] {
            for key in map.keys() {
                let name = key.rsplit('/').next().unwrap_or(key);
                if key.matches('/').count() > 1 {
                    return Some(format!(
                        "metadata.{what}: Invalid value: {key:?}: a qualified name must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]') with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
                    ));
                }
                if name.is_empty() || name.len() > 63 || !is_name(name) {
                    return Some(format!(
                        "metadata.{what}: Invalid value: {key:?}: name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')"
                    ));
                }
            }
        }
        let size: usize = self
            .annotations
            .iter()
            .map(|(key, value)| key.len() + value.len())
            .sum();
        (size > LARGEST_ANNOTATIONS)
            .then(|| "metadata.annotations: Too long: may not be more than 262144 bytes".into())
    }
}

fn field<'a>(request: &'a Map<String, Value>, snake: &str, camel: &str) -> Option<&'a Value> {
    request.get(snake).or_else(|| request.get(camel))
}

fn check_label_value(value: &str) -> Result<(), String> {
    if value.len() > 63 {
        return Err(
            "invalid label: the following errors found: [\"must be no more than 63 bytes\"]".into(),
        );
    }
    if !is_name(value) {
        return Err("invalid label: the following errors found: [\"a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')\"]".into());
    }
    Ok(())
}

/// `([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]`
pub(super) fn is_name(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
        && text.ends_with(|c: char| c.is_ascii_alphanumeric())
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_.".contains(c))
}

/// Gangway quotes all request headers, the bearer token among them.
fn unknown_client(parts: &Parts) -> String {
    let mut headers: Vec<String> = parts
        .headers
        .iter()
        .map(|(name, value)| format!("{name}:[{}]", String::from_utf8_lossy(value.as_bytes())))
        .collect();
    headers.sort();
    format!("could not find allowed client from &map[:authority:[gangway] {}]", headers.join(" "))
}
