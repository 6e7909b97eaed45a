//! One step as a child process, with Tekton's way of ending it.

use std::fs::File;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};
use tokio::process::Command;
use tokio::time::{Instant, timeout, timeout_at};

use crate::pod::CommandLine;

/// Kubernetes' grace between SIGTERM and SIGKILL (30 seconds); Tekton sets none of its own.
const GRACE: Duration = Duration::from_secs(30);

/// How a child ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ended {
    /// With an exit code; 128 and the signal's number, if a signal ended it
    Exited(i32),
    /// Its time was up: it was told to stop, and killed after a grace
    TimedOut,
}

/// Runs a program with nothing in its environment but what the command line says, its outputs in
/// files, until `deadline`. Dropping the future kills the child.
///
/// # Errors
/// The program cannot be started, a file cannot be made.
pub async fn run(
    program: &Path,
    line: &CommandLine,
    stdout: &Path,
    stderr: &Path,
    deadline: Option<Instant>,
) -> std::io::Result<Ended> {
    let mut child = Command::new(program)
        .args(&line.args)
        .env_clear()
        .envs(line.env.iter().map(|(name, value)| (name, value)))
        .stdin(Stdio::null())
        .stdout(File::create(stdout)?)
        .stderr(File::create(stderr)?)
        .kill_on_drop(true)
        .spawn()?;
    let Some(deadline) = deadline else {
        return Ok(Ended::Exited(code(child.wait().await?)));
    };
    if let Ok(status) = timeout_at(deadline, child.wait()).await {
        return Ok(Ended::Exited(code(status?)));
    }
    let pid = child.id().and_then(|id| Pid::from_raw(i32::try_from(id).ok()?));
    if let Some(pid) = pid {
        // It may have ended this instant; then there is nothing to tell it.
        let _ = kill_process(pid, Signal::TERM);
    }
    if timeout(GRACE, child.wait()).await.is_err() {
        child.kill().await?;
    }
    Ok(Ended::TimedOut)
}

fn code(status: ExitStatus) -> i32 {
    use std::os::unix::process::ExitStatusExt;
    status.code().unwrap_or_else(|| 128 + status.signal().unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn sh(script: &str, deadline: Option<Duration>) -> (Ended, String) {
        let folder = tempfile::tempdir().unwrap();
        let (out, err) = (folder.path().join("out"), folder.path().join("err"));
        let line = CommandLine {
            program: "/usr/bin/sh".into(),
            args: vec!["-c".into(), script.into()],
            env: vec![("A".into(), "b c".into())],
        };
        let deadline = deadline.map(|d| Instant::now() + d);
        let ended = run(Path::new("/bin/sh"), &line, &out, &err, deadline).await.unwrap();
        (ended, std::fs::read_to_string(out).unwrap())
    }

    #[tokio::test]
    async fn codes_signals_and_outputs_arrive() {
        assert_eq!(sh("echo $A $HOME; exit 3", None).await, (Ended::Exited(3), "b c\n".into()));
        assert_eq!(sh("kill -9 $$", None).await.0, Ended::Exited(137));
    }

    #[tokio::test]
    async fn time_that_is_up_is_told_by_sigterm() {
        // The script ends itself on SIGTERM; without the signal it would wait for ever.
        let script = "trap 'echo told; exit 0' TERM; while :; do sleep 0.01; done";
        let (ended, out) = sh(script, Some(Duration::from_millis(300))).await;
        assert_eq!((ended, out.as_str()), (Ended::TimedOut, "told\n"));
    }
}
