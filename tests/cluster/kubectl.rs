//! kubectl, as the tests use it: one namespace, JSON in and out.

use std::io::Write;
use std::process::{Child, Command, Output, Stdio};

use serde_json::Value;

/// kubectl for one namespace.
#[derive(Debug, Clone)]
pub struct Kubectl {
    namespace: String,
}

impl Kubectl {
    /// For a namespace that may not exist yet.
    pub fn new(namespace: impl Into<String>) -> Self {
        Self { namespace: namespace.into() }
    }

    /// The namespace.
    pub fn namespace(&self) -> &str {
        &self.namespace
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("kubectl");
        command.args(["--namespace", &self.namespace]).args(arguments);
        command
    }

    /// Runs it, whatever comes of it.
    pub fn try_run(&self, arguments: &[&str]) -> Output {
        self.command(arguments)
            .output()
            .expect("kubectl is needed on the PATH")
    }

    /// Runs it; it must succeed.
    pub fn run(&self, arguments: &[&str]) -> String {
        let output = self.try_run(arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "kubectl {arguments:?}: {stderr}");
        String::from_utf8(output.stdout).unwrap()
    }

    /// An object.
    pub fn get(&self, kind: &str, name: &str) -> Value {
        serde_json::from_str(&self.run(&["get", kind, name, "-o", "json"])).unwrap()
    }

    /// All objects of a kind.
    pub fn list(&self, kind: &str) -> Vec<Value> {
        let list: Value = serde_json::from_str(&self.run(&["get", kind, "-o", "json"])).unwrap();
        list["items"].as_array().cloned().unwrap_or_default()
    }

    /// Makes an object as it stands; returns what the server made of it.
    pub fn create(&self, object: &Value) -> Value {
        let mut child = self
            .command(&["create", "-f", "-", "-o", "json"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        child
            .stdin
            .take()
            .unwrap()
            .write_all(object.to_string().as_bytes())
            .unwrap();
        let output = child.wait_with_output().unwrap();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "create {}: {stderr}", object["kind"]);
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Merges a patch into an object, or into its status.
    pub fn patch(&self, kind: &str, name: &str, patch: &Value, subresource: Option<&str>) {
        let patch = patch.to_string();
        let mut arguments = vec!["patch", kind, name, "--type=merge", "-p", &patch];
        let subresource = subresource.map(|name| format!("--subresource={name}"));
        arguments.extend(subresource.as_deref());
        self.run(&arguments);
    }

    /// Starts it in the background with its output piped.
    pub fn spawn(&self, arguments: &[&str]) -> Child {
        self.command(arguments)
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .unwrap()
    }
}
