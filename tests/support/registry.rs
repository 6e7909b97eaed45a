//! Debian's docker-registry with images in it, on loopback.

use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use standins::{ImageBuilder, ImageRef, Server, World};

use super::Dir;

const PROGRAM: &str = "/usr/bin/docker-registry";

/// What the registry asks of its readers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Door {
    /// Nothing.
    Open,
    /// `robot` and `s3cr3t`.
    Password,
    /// Nothing, but it speaks TLS.
    Tls,
}

/// A running registry; it ends when this is dropped.
pub struct DockerRegistry {
    dir: Dir,
    process: Child,
    port: u16,
}

impl DockerRegistry {
    /// Starts one; `None`, said on stderr, where it is not installed.
    pub fn start(door: Door) -> Option<Self> {
        if !Path::new(PROGRAM).exists() {
            eprintln!("skipped: {PROGRAM} is not installed");
            return None;
        }
        let dir = Dir::new();
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let tls = xtask::repository("tests/data/tls");
        // bcrypt of s3cr3t
        let passwords = dir.write(
            "htpasswd",
            "robot:$2y$05$abcdefghijklmnopqrstuu9Avu/WgbsK7g7xfCY1X3pdjsTgxqQLS\n",
        );
        let extra = match door {
            Door::Open => String::new(),
            Door::Password => {
                format!("auth: {{htpasswd: {{realm: tests, path: {}}}}}\n", passwords.display())
            }
            Door::Tls => {
                format!(
                    "  tls: {{certificate: {0}/server.crt, key: {0}/server.key}}\n",
                    tls.display()
                )
            }
        };
        let config = format!(
            "version: 0.1\nlog: {{level: error, accesslog: {{disabled: true}}}}\nstorage:\n  filesystem: {{rootdirectory: {}}}\nhttp:\n  addr: 127.0.0.1:{port}\n{extra}",
            dir.path("storage").display()
        );
        let config = dir.write("config.yml", config);
        let mut command = Command::new(PROGRAM);
        command
            .arg("serve")
            .arg(config)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        let process = command.spawn().unwrap();
        let registry = Self { dir, process, port };
        let begun = Instant::now();
        while TcpStream::connect(("127.0.0.1", port)).is_err() {
            assert!(begun.elapsed() < Duration::from_secs(30), "{PROGRAM} did not start");
            std::thread::sleep(Duration::from_millis(20));
        }
        Some(registry)
    }

    /// `127.0.0.1:PORT`
    pub fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    /// Puts an image into its storage, as a push would.
    pub fn push(&self, image: &ImageBuilder) -> ImageRef {
        let world = World::default();
        let built = world.registry().push(image);
        let fetch = |kind: &str, digest: &str| {
            let request = http::Request::get(format!("/v2/{}/{kind}/{digest}", built.repository));
            let answer = world
                .direct(Server::Registry)
                .ask_blocking(request.body(Default::default()).unwrap())
                .unwrap();
            assert_eq!(answer.status(), 200, "{kind} {digest}");
            answer.into_body()
        };
        let repository = format!("repositories/{}", built.repository);
        for digest in built.platforms.values().chain([&built.digest]) {
            self.store(digest, &fetch("manifests", digest));
            self.link(&format!("{repository}/_manifests/revisions"), digest);
        }
        for digest in &built.blobs {
            self.store(digest, &fetch("blobs", digest));
            self.link(&format!("{repository}/_layers"), digest);
        }
        built
    }

    /// Replaces what is stored under a digest.
    pub fn spoil(&self, digest: &str) {
        let mut bytes = std::fs::read(self.dir.path(&place(digest))).unwrap();
        bytes.push(b' ');
        self.store(digest, &bytes);
    }

    /// Forgets what is stored under a digest.
    pub fn remove(&self, repository: &str, digest: &str) {
        std::fs::remove_file(self.dir.path(&place(digest))).unwrap();
        for kind in ["_manifests/revisions", "_layers"] {
            let hex = digest.trim_start_matches("sha256:");
            let path = format!(
                "storage/docker/registry/v2/repositories/{repository}/{kind}/sha256/{hex}/link"
            );
            let _ = std::fs::remove_file(self.dir.path(&path));
        }
    }

    fn store(&self, digest: &str, bytes: &[u8]) {
        self.dir.write(&place(digest), bytes);
    }

    fn link(&self, folder: &str, digest: &str) {
        let hex = digest.trim_start_matches("sha256:");
        self.dir
            .write(&format!("storage/docker/registry/v2/{folder}/sha256/{hex}/link"), digest);
    }
}

fn place(digest: &str) -> String {
    let hex = digest.trim_start_matches("sha256:");
    format!("storage/docker/registry/v2/blobs/sha256/{}/{hex}/data", &hex[..2])
}

impl Drop for DockerRegistry {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
