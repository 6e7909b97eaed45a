//! The Secrets and ConfigMaps that the steps can mount, and their files on a laptop.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use crate::document::{TaskSpec, Volume};
use crate::substitute::Params;

/// Files of one Secret or ConfigMap: text by key.
pub type Files = BTreeMap<String, String>;

/// The Secrets and ConfigMaps of the namespace.
#[derive(Debug, Clone, Default)]
pub struct Mountable {
    /// Secrets by name
    pub secrets: BTreeMap<String, Files>,
    /// ConfigMaps by name
    pub config_maps: BTreeMap<String, Files>,
}

/// A volume that keeps a pod from starting.
#[derive(Debug, thiserror::Error)]
pub enum VolumeError {
    /// Not optional and not there; in a cluster the pod hangs until its timeout
    #[error("volume {volume}: there is no {kind} {name}, and it is not optional")]
    Missing {
        /// The volume
        volume: String,
        /// Secret or ConfigMap
        kind: &'static str,
        /// Its name
        name: String,
    },
    /// A key that is no file name
    #[error("volume {volume}: the key {key:?} is no file name")]
    Key {
        /// The volume
        volume: String,
        /// The key
        key: String,
    },
    /// The disk
    #[error("volume {volume}: {source}")]
    Disk {
        /// The volume
        volume: String,
        /// What the system said
        source: std::io::Error,
    },
}

impl Mountable {
    /// Writes the files of a task's volumes below a folder, one folder for each.
    ///
    /// # Errors
    /// A Secret or ConfigMap that is neither there nor optional; a full disk.
    pub fn write(
        &self,
        task: &TaskSpec,
        params: &Params,
        folder: &Path,
    ) -> Result<BTreeMap<String, PathBuf>, VolumeError> {
        task.volumes
            .iter()
            .map(|volume| Ok((volume.name.clone(), self.write_one(volume, params, folder)?)))
            .collect()
    }

    fn write_one(
        &self,
        volume: &Volume,
        params: &Params,
        folder: &Path,
    ) -> Result<PathBuf, VolumeError> {
        let (kind, name, optional, there) = match (&volume.secret, &volume.config_map) {
            (Some(secret), _) => ("Secret", &secret.secret_name, secret.optional, &self.secrets),
            (None, Some(map)) => ("ConfigMap", &map.name, map.optional, &self.config_maps),
            (None, None) => unreachable!("checked: a volume has a source"),
        };
        let name = params.apply(name);
        let none = Files::new();
        let files = match there.get(&name) {
            Some(files) => files,
            None if optional => &none,
            None => {
                return Err(VolumeError::Missing { volume: volume.name.clone(), kind, name });
            }
        };
        let folder = folder.join(&volume.name);
        let disk = |source| VolumeError::Disk { volume: volume.name.clone(), source };
        fs::create_dir_all(&folder).map_err(disk)?;
        for (key, text) in files {
            if key.is_empty() || key.contains('/') || key.starts_with("..") {
                return Err(VolumeError::Key { volume: volume.name.clone(), key: key.clone() });
            }
            fs::write(folder.join(key), text).map_err(disk)?;
        }
        Ok(folder)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(yaml: &str, mountable: &Mountable) -> Result<String, VolumeError> {
        let task: TaskSpec = serde_saphyr::from_str(&format!(
            "volumes: [{yaml}]\nsteps: [{{name: s, image: i, command: [/s]}}]"
        ))
        .unwrap();
        let folder = tempfile::tempdir().unwrap();
        let written = mountable.write(&task, &Params::default(), folder.path())?;
        Ok(fs::read_to_string(written["v"].join("token")).unwrap_or_else(|_| "empty".into()))
    }

    #[test]
    fn volumes_hold_what_there_is() {
        let files = Files::from([("token".into(), "t".into())]);
        let mountable = Mountable {
            secrets: [("s".into(), files.clone())].into(),
            config_maps: [
                ("c".into(), files),
                ("bad".into(), Files::from([("../x".into(), String::new())])),
            ]
            .into(),
        };
        assert_eq!(write("{name: v, secret: {secretName: s}}", &mountable).unwrap(), "t");
        assert_eq!(write("{name: v, configMap: {name: c}}", &mountable).unwrap(), "t");
        assert_eq!(
            write("{name: v, secret: {secretName: c, optional: true}}", &mountable).unwrap(),
            "empty"
        );
        let error = write("{name: v, secret: {secretName: c}}", &mountable)
            .unwrap_err()
            .to_string();
        assert_eq!(error, "volume v: there is no Secret c, and it is not optional");
        assert!(write("{name: v, configMap: {name: bad}}", &mountable).is_err());
    }
}
