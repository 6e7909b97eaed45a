//! From a Snapshot to one image that is proven to exist, as resolve-image does it.
//!
//! [`choose`] and [`judge`] decide without clients; [`inspect`] asks the registry.

mod input;
mod preflight;
mod run;

use crate::failure::{Exit, Failure};
use crate::image::{Digest, ImageError, ImageRef};
use crate::record::{Candidate, PlatformManifest};
use crate::registry::manifest::{self, Child, Configuration, ContentError, Manifest};
use crate::registry::{Registry, RegistryError};
use crate::snapshot::{ComponentName, SnapshotError, SnapshotSpec};

pub use input::{InputError, SnapshotFlag};
pub use preflight::{RIGHTS, preflight};
pub use run::{Options, run, table};

/// What the image must have besides existing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Demands {
    /// Platforms such as `linux/amd64`.
    pub platforms: Vec<String>,
    /// Whether a label must name the Snapshot's git revision.
    pub revision: bool,
}

/// Why there is no image to test.
#[derive(Debug, thiserror::Error)]
pub enum ResolveError {
    /// The Snapshot does not say which one.
    #[error(transparent)]
    Snapshot(#[from] SnapshotError),
    /// The Snapshot says so by a tag.
    #[error(
        "SNAPSHOT: component {component:?}: {tag} {}; the gate needs a digest{}",
        kind(tag),
        points_to(now)
    )]
    Tag {
        component: String,
        /// The reference.
        tag: String,
        /// The digest that the tag points to now, where that could be found out.
        now: Option<String>,
    },
    /// A revision is demanded and the Snapshot names none.
    #[error(
        "--require-revision: component {component:?} of the Snapshot has no source.git.revision to compare with"
    )]
    NoRevision { component: String },
    /// The registry did not give it.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// It is not what it should be.
    #[error("{image}")]
    Content {
        image: String,
        /// What is wrong.
        source: ContentError,
    },
    /// A platform is missing.
    #[error("{image} has no image for {missing}; it has {has}")]
    Platform {
        image: String,
        /// The platforms missing.
        missing: String,
        /// The platforms there.
        has: String,
    },
    /// A label names another revision, or none does.
    #[error("{image}: {problem}")]
    Revision {
        image: String,
        /// What was found.
        problem: String,
    },
}

fn kind(reference: &str) -> &'static str {
    let name = reference.rsplit('/').next().unwrap_or(reference);
    if name.contains(':') { "is a tag" } else { "names neither digest nor tag" }
}

fn points_to(now: &Option<String>) -> String {
    now.as_deref()
        .map(|now| format!("; today it points to {now}"))
        .unwrap_or_default()
}

impl From<ResolveError> for Failure {
    fn from(error: ResolveError) -> Self {
        use ResolveError as E;
        let exit = match &error {
            E::Snapshot(_) | E::Tag { .. } | E::NoRevision { .. } => Exit::Misuse,
            E::Registry(RegistryError::Content { .. }) => Exit::Refused,
            E::Registry(_) => Exit::Failed,
            E::Content { .. } | E::Platform { .. } | E::Revision { .. } => Exit::Refused,
        };
        Self::new(exit, error)
    }
}

/// The candidate that a Snapshot names.
///
/// # Errors
/// [`ResolveError`] when it does not name exactly one image by its digest, or lacks the revision
/// that is demanded.
pub fn choose(
    spec: &SnapshotSpec,
    name: Option<&str>,
    component: &ComponentName,
    demands: &Demands,
) -> Result<Candidate, ResolveError> {
    let found = spec.component(component)?;
    let image = match found.image() {
        Err(SnapshotError::Image { component, source: ImageError::NoDigest { found: tag } })
            if !tag.is_empty() =>
        {
            return Err(ResolveError::Tag { component, tag, now: None });
        }
        other => other?,
    };
    if demands.revision && found.revision().is_none() {
        return Err(ResolveError::NoRevision { component: component.name.clone() });
    }
    Ok(Candidate {
        snapshot: name.map(str::to_owned),
        component: Some(component.name.clone()),
        component_version: component.version.clone(),
        revision: found.revision().map(str::to_owned),
        git_url: found.git_url().map(str::to_owned),
        ..Candidate::of(image)
    })
}

/// What a registry holds under an image's digest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Inspection {
    /// Each image with its place in the index, if it is in one.
    pub images: Vec<(Option<Child>, Configuration)>,
    /// The index itself, if it is one and not too large for a record.
    pub index: Option<String>,
}

/// No larger index goes into a record (32 KiB): 32 images have some 10 KiB.
const MAX_INDEX: usize = 32 * 1024;

/// Fetches an image's manifest, those of its platforms, and their configurations; all are proven
/// by their digests.
///
/// # Errors
/// [`ResolveError`] when something is missing, or is not what it should be.
pub async fn inspect(registry: &Registry, image: &ImageRef) -> Result<Inspection, ResolveError> {
    let (manifest, bytes) = fetch_manifest(registry, image, image.digest()).await?;
    let children = match manifest {
        Manifest::Image { config } => {
            let images = vec![(None, fetch_configuration(registry, image, &config).await?)];
            return Ok(Inspection { images, index: None });
        }
        Manifest::Index(children) => children,
    };
    let mut images = Vec::new();
    for child in children {
        let (Manifest::Image { config }, _) =
            fetch_manifest(registry, image, &child.digest).await?
        else {
            let problem = format!("{} in its index is an index itself", child.digest);
            return Err(wrong(image, ContentError::NoManifest { problem }));
        };
        images.push((Some(child), fetch_configuration(registry, image, &config).await?));
    }
    let index = String::from_utf8(bytes).ok().filter(|index| index.len() <= MAX_INDEX);
    Ok(Inspection { images, index })
}

/// A manifest, and its bytes.
async fn fetch_manifest(
    registry: &Registry,
    image: &ImageRef,
    digest: &Digest,
) -> Result<(Manifest, Vec<u8>), ResolveError> {
    let bytes = registry.manifest(digest).await?;
    let manifest = manifest::read(&bytes).map_err(|source| wrong(image, source))?;
    Ok((manifest, bytes.into()))
}

async fn fetch_configuration(
    registry: &Registry,
    image: &ImageRef,
    digest: &Digest,
) -> Result<Configuration, ResolveError> {
    let bytes = registry.blob(digest).await?;
    manifest::configuration(&bytes).map_err(|source| wrong(image, source))
}

fn wrong(image: &ImageRef, source: ContentError) -> ResolveError {
    ResolveError::Content { image: image.to_string(), source }
}

/// What an inspection came to.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Judgement {
    /// The platforms there, sorted.
    pub platforms: Vec<String>,
    /// The manifests of an index, in its order.
    pub manifests: Vec<PlatformManifest>,
    /// What is odd, but allowed.
    pub warnings: Vec<String>,
}

/// Holds what was found against what is demanded.
///
/// # Errors
/// [`ResolveError::Platform`], [`ResolveError::Revision`].
pub fn judge(
    candidate: &Candidate,
    inspection: &Inspection,
    demands: &Demands,
) -> Result<Judgement, ResolveError> {
    let image = candidate.image.brief();
    let mut judgement = Judgement::default();
    let mut there = Vec::new();
    for (listed, configuration) in &inspection.images {
        let platform = listed
            .as_ref()
            .map_or(&configuration.platform, |child| &child.platform);
        judgement
            .manifests
            .extend(listed.as_ref().map(|child| PlatformManifest {
                digest: child.digest.clone(),
                platform: child.platform.to_string(),
            }));
        let own = &configuration.platform;
        if (&platform.os, &platform.architecture) == (&own.os, &own.architecture) {
            there.push(platform);
        } else {
            judgement
                .warnings
                .push(format!("{image}: its index calls an image {platform} that is for {own}"));
        }
    }
    there.sort();
    judgement.platforms = there.iter().map(ToString::to_string).collect();
    let missing: Vec<_> = demands
        .platforms
        .iter()
        .filter(|wanted| !there.iter().any(|platform| platform.is(wanted)))
        .collect();
    if !missing.is_empty() {
        let missing = missing
            .iter()
            .map(|wanted| wanted.as_str())
            .collect::<Vec<_>>()
            .join(" and ");
        let has = if there.is_empty() { "none".to_owned() } else { judgement.platforms.join(", ") };
        return Err(ResolveError::Platform { image: candidate.image.to_string(), missing, has });
    }
    let difference = candidate
        .revision
        .as_deref()
        .and_then(|revision| other_revision(inspection, revision));
    match difference {
        Some(problem) if demands.revision => Err(ResolveError::Revision {
            image: candidate.image.to_string(),
            problem: problem.to_string(),
        }),
        Some(problem @ Difference::Other { .. }) => {
            judgement.warnings.push(format!("{image}: {problem}"));
            Ok(judgement)
        }
        // Builders are free to set no label.
        Some(Difference::Unlabelled { .. }) | None => Ok(judgement),
    }
}

/// Why an image is probably not built from a revision.
#[derive(Debug)]
enum Difference {
    Unlabelled { platform: String, revision: String },
    Other { platform: String, label: &'static str, value: String, revision: String },
}

impl std::fmt::Display for Difference {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Unlabelled { platform, revision } => write!(
                f,
                "no label of its {platform} image names the commit it was built from; the Snapshot says {revision}"
            ),
            Self::Other { platform, label, value, revision } => write!(
                f,
                "the label {label} of its {platform} image says {value:?}, the Snapshot says {revision}; the label may come from a base image"
            ),
        }
    }
}

fn other_revision(inspection: &Inspection, revision: &str) -> Option<Difference> {
    inspection.images.iter().find_map(|(_, configuration)| {
        let labels = configuration.revisions();
        if labels.iter().any(|(_, label)| manifest::is_revision(label, revision)) {
            return None;
        }
        let (platform, revision) = (configuration.platform.to_string(), revision.to_owned());
        Some(match labels.first() {
            None => Difference::Unlabelled { platform, revision },
            Some((label, value)) => Difference::Other {
                platform,
                label,
                value: crate::text::one_line(value, 80),
                revision,
            },
        })
    })
}

#[cfg(test)]
mod tests;
