//! What is attested: a final verdict of the gate, in plain values.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::image::{Digest, ImageRef};

/// A final verdict, with all that its statement says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    /// The gate's name as people know it.
    pub gate: String,
    /// The image that was tested: the repository, and the digest of its index (or of the one
    /// manifest).
    pub image: ImageRef,
    /// The manifests of the index, one for each platform.
    pub platforms: Vec<Digest>,
    /// The jobs that decide.
    pub blocking: Vec<Job>,
    /// The jobs that do not.
    pub informing: Vec<Job>,
    /// The SHA-256, in hexadecimal, of what was asked of Prow: the jobs with their variables.
    pub request: String,
    /// The rules of the judgement by name: proof, hollow runs, reruns.
    pub policy: BTreeMap<String, String>,
    /// The version of the toolkit.
    pub toolkit: String,
    pub snapshot: Option<String>,
    /// The commit that the image was built from.
    pub revision: Option<String>,
    /// The PipelineRun.
    pub run: Option<String>,
    /// Where people can look.
    pub url: Option<String>,
    /// When the verdict was final: never the time at which it is attested, which changes.
    pub decided_at: Timestamp,
}

/// A job of the request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    pub name: String,
    /// How its last attempt that counts ended.
    pub end: End,
    /// Who accepted that it did not pass. Without meaning for one that passed.
    pub accepted: Option<Acceptance>,
    /// Its run's page.
    pub url: Option<String>,
}

/// How a job ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum End {
    /// It passed, proven.
    Passed,
    /// It failed because of the product.
    Failed,
    /// Anything else: infrastructure, a hollow run, no proof of the image, no run at all.
    Undecided,
}

/// A person's word for a job that did not pass.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Acceptance {
    /// Who, where it is known.
    pub by: Option<String>,
    pub reason: String,
}

/// Why a verdict cannot be attested.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unattestable {
    /// Nothing was tested.
    #[error("the verdict names no blocking job; there is nothing to attest")]
    NoBlockingJob,
    /// One of the values is no SHA-256.
    #[error("the digest of the request is {found:?}; expected 64 hexadecimal digits")]
    Request {
        /// What it is.
        found: String,
    },
}

impl Verdict {
    /// Whether a statement can be made of it.
    ///
    /// # Errors
    /// [`Unattestable`].
    pub fn check(&self) -> Result<(), Unattestable> {
        let hex = self.request.bytes().all(|b| b.is_ascii_hexdigit()) && self.request.len() == 64;
        match () {
            () if self.blocking.is_empty() => Err(Unattestable::NoBlockingJob),
            () if !hex => Err(Unattestable::Request { found: self.request.clone() }),
            () => Ok(()),
        }
    }
}
