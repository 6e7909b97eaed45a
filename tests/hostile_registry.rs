//! resolve-image against registries that mean harm, or are broken: where its credentials go, and
//! how much it reads.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;

use serde_json::json;
use standins::{ImageBuilder, ImageRef, Server, World};

use crate::support::{Dir, Output, Tool};

/// `robot` and `s3cr3t-pass-word`.
const LOGIN: &str = "cm9ib3Q6czNjcjN0LXBhc3Mtd29yZA==";

/// No answer is larger (64 MiB); whoever reads more than that reads without end.
const ENDLESS: usize = 64 << 20;

/// A server that answers as it likes, and what it was asked.
struct Hostile {
    port: u16,
    /// Path and `Authorization` of each request.
    asked: Arc<Mutex<Vec<(String, String)>>>,
    /// The most bytes that one client took.
    taken: Arc<Mutex<usize>>,
}

/// Status and headers, and the body; `None` for one without end.
type Answer = (String, Option<Vec<u8>>);

/// Answers by path.
type Answers = Box<dyn Fn(&str) -> Answer + Send + Sync>;

impl Hostile {
    /// Answers by path and `Authorization`.
    fn start(answer: impl Fn(&str, &str) -> Answer + Send + Sync + 'static) -> Self {
        // On all addresses, so that 0.0.0.0, which is not this machine by its name, leads here as
        // well.
        let listener = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let (asked, taken) = (Arc::default(), Arc::default());
        let this = Self { port, asked: Arc::clone(&asked), taken: Arc::clone(&taken) };
        let answer = Arc::new(answer);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (asked, taken, answer) =
                    (Arc::clone(&asked), Arc::clone(&taken), Arc::clone(&answer));
                thread::spawn(move || serve(stream, &asked, &taken, &*answer));
            }
        });
        this
    }

    fn host(&self) -> String {
        format!("127.0.0.1:{}", self.port)
    }

    fn asked(&self) -> Vec<(String, String)> {
        self.asked.lock().unwrap().clone()
    }
}

fn serve(
    mut stream: TcpStream,
    asked: &Mutex<Vec<(String, String)>>,
    taken: &Mutex<usize>,
    answer: &dyn Fn(&str, &str) -> Answer,
) {
    let mut first = [0];
    // The beginning of TLS, which this is none.
    if !matches!(stream.peek(&mut first), Ok(1) if first[0].is_ascii_alphabetic()) {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\n\r\n");
        return;
    }
    let mut lines = BufReader::new(stream.try_clone().unwrap())
        .lines()
        .map_while(Result::ok);
    let path = lines
        .next()
        .and_then(|line| Some(line.split(' ').nth(1)?.to_owned()))
        .unwrap_or_default();
    let authorization = lines
        .by_ref()
        .take_while(|line| !line.is_empty())
        .fold(String::new(), |found, line| {
            line.strip_prefix("authorization: ").map_or(found, str::to_owned)
        });
    asked.lock().unwrap().push((path.clone(), authorization.clone()));
    let (head, body) = answer(&path, &authorization);
    let _ = write!(stream, "HTTP/1.1 {head}\r\nconnection: close\r\n\r\n");
    match body {
        Some(body) => drop(stream.write_all(&body)),
        None => {
            let piece = vec![b' '; 64 << 10];
            let mut sent = 0;
            while sent < ENDLESS && stream.write_all(&piece).is_ok() {
                sent += piece.len();
            }
            let mut most = taken.lock().unwrap();
            *most = sent.max(*most);
        }
    }
    // Until the client has gone: an early end would look like a broken connection.
    let _ = stream.shutdown(std::net::Shutdown::Write);
    let _ = stream.read(&mut [0; 64]);
}

/// An image whose documents a hostile registry can hand out.
fn image() -> (World, ImageRef) {
    let world = World::default();
    let image = world.registry().push(&ImageBuilder::new("acme/ho"));
    (world, image)
}

fn document(world: &World, kind: &str, digest: &str) -> Vec<u8> {
    let request = http::Request::get(format!("/v2/acme/ho/{kind}/{digest}"))
        .body(Default::default())
        .unwrap();
    world
        .direct(Server::Registry)
        .ask_blocking(request)
        .unwrap()
        .into_body()
        .to_vec()
}

/// resolve-image with the login for that host.
fn resolve(host: &str, image: &ImageRef) -> Output {
    let dir = Dir::new();
    let login = dir.write("auth.json", json!({"auths": {host: {"auth": LOGIN}}}).to_string());
    let component = json!({"name": "ho", "containerImage": image.at(host)});
    Tool::new("resolve-image")
        .args(["--component", "ho", "--time-scale", "1000", "--snapshot"])
        .arg(json!({"components": [component]}).to_string())
        .arg("--authfile")
        .arg(login)
        .run()
}

#[track_caller]
fn ends(output: &Output, code: i32, words: &str) {
    assert_eq!(output.code, code, "{output:?}");
    assert!(output.stderr.contains(words), "expected {words:?} in {}", output.stderr);
    assert!(
        !output.stderr.contains("s3cr3t-pass-word") && !output.stderr.contains(LOGIN),
        "{}",
        output.stderr
    );
}

fn challenge(realm: &str) -> Answer {
    (
        format!("401 Unauthorized\r\nwww-authenticate: Bearer realm=\"{realm}\",service=\"r\""),
        Some(Vec::new()),
    )
}

#[test]
fn a_token_service_in_plain_http_elsewhere_gets_no_password() {
    let thief = Hostile::start(|_, _| ("200 OK".to_owned(), Some(br#"{"token":"x"}"#.to_vec())));
    let realm = format!("http://0.0.0.0:{}/token", thief.port);
    let registry = Hostile::start(move |_, _| challenge(&realm));
    let (_world, image) = image();
    ends(&resolve(&registry.host(), &image), 1, "which is plain http; expected https");
    assert_eq!(thief.asked(), []);
    // One on this machine may be asked, as the registry itself.
    let service = Hostile::start(|_, _| ("200 OK".to_owned(), Some(br#"{"token":"x"}"#.to_vec())));
    let realm = format!("http://127.0.0.1:{}/token", service.port);
    let registry = Hostile::start(move |_, _| challenge(&realm));
    resolve(&registry.host(), &image);
    assert_eq!(service.asked()[0].1, format!("Basic {LOGIN}"));
}

#[test]
fn a_redirect_takes_no_credentials_and_leads_to_no_plain_http() {
    let (world, image) = image();
    let manifest = document(&world, "manifests", &image.digest);
    let bodies: Vec<_> = image
        .blobs
        .iter()
        .map(|digest| (digest.clone(), document(&world, "blobs", digest)))
        .collect();
    let store = Hostile::start(move |path, _| {
        let found = bodies.iter().find(|(digest, _)| path.contains(digest.as_str()));
        ("200 OK".to_owned(), found.map(|(_, body)| body.clone()))
    });
    let door = |to: String, manifest: Vec<u8>| {
        Hostile::start(move |path, authorization| match path {
            _ if authorization.is_empty() => (
                "401 Unauthorized\r\nwww-authenticate: Basic realm=\"r\"".to_owned(),
                Some(Vec::new()),
            ),
            path if path.contains("/blobs/") => {
                (format!("307 Moved\r\nlocation: {to}{path}"), Some(Vec::new()))
            }
            path if path.contains("/manifests/") => ("200 OK".to_owned(), Some(manifest.clone())),
            _ => ("200 OK".to_owned(), Some(Vec::new())),
        })
    };
    let near = door(format!("http://127.0.0.1:{}", store.port), manifest.clone());
    ends(&resolve(&near.host(), &image), 0, "");
    assert!(
        store
            .asked()
            .iter()
            .all(|(_, authorization)| authorization.is_empty()),
        "{:?}",
        store.asked()
    );
    let asked = store.asked().len();
    let far = door(format!("http://0.0.0.0:{}", store.port), manifest);
    ends(&resolve(&far.host(), &image), 1, "which is plain http; expected https");
    assert_eq!(store.asked().len(), asked);
}

#[test]
fn redirects_have_an_end() {
    let registry = Hostile::start(|path, _| {
        let body = Some(Vec::new());
        if path == "/v2/" {
            ("200 OK".to_owned(), body)
        } else {
            (format!("302 Found\r\nlocation: {path}x"), body)
        }
    });
    let (_world, image) = image();
    ends(&resolve(&registry.host(), &image), 1, "it sends us on more than 5 times");
    assert!(registry.asked().len() < 20);
}

#[test]
fn answers_without_end_are_not_read() {
    let (world, image) = image();
    let manifest = document(&world, "manifests", &image.digest);
    let endless = |status: &str| (status.to_owned(), None);
    let open = || ("200 OK".to_owned(), Some(Vec::new()));
    let token = |path: &str| {
        if path.starts_with("/token") {
            ("200 OK".to_owned(), None)
        } else {
            challenge("http://127.0.0.1:PORT/token")
        }
    };
    let cases: Vec<(&str, Answers)> = vec![
        ("manifest", Box::new(move |path| if path == "/v2/" { open() } else { endless("200 OK") })),
        (
            "refusal",
            Box::new(move |path| if path == "/v2/" { open() } else { endless("403 Forbidden") }),
        ),
        ("first word", Box::new(move |_| endless("500 Oops"))),
        ("token", Box::new(token)),
        (
            "configuration",
            Box::new(move |path| match path {
                path if path.contains("/blobs/") => endless("200 OK"),
                path if path.contains("/manifests/") => {
                    ("200 OK".to_owned(), Some(manifest.clone()))
                }
                _ => open(),
            }),
        ),
    ];
    for (name, answer) in cases {
        let port = Arc::new(Mutex::new(0));
        let own = Arc::clone(&port);
        let registry = Hostile::start(move |path, _| {
            let (head, body) = answer(path);
            (head.replace("PORT", &own.lock().unwrap().to_string()), body)
        });
        *port.lock().unwrap() = registry.port;
        let output = resolve(&registry.host(), &image);
        assert_eq!(output.code, 1, "{name}: {output:?}");
        // Its limit, and what the sockets between them hold.
        let taken = *registry.taken.lock().unwrap();
        assert!(taken < 24 << 20, "{name}: {taken} bytes");
    }
}

#[test]
fn content_proves_itself_whatever_a_header_says() {
    let (world, image) = image();
    let manifest = document(&world, "manifests", &image.digest);
    let bodies: Vec<_> = image
        .blobs
        .iter()
        .map(|digest| (digest.clone(), document(&world, "blobs", digest)))
        .collect();
    let other = format!("sha256:{}", "0".repeat(64));
    let registry = |header: String, spoil: bool| {
        let (mut manifest, bodies) = (manifest.clone(), bodies.clone());
        manifest.extend(spoil.then_some(b' '));
        Hostile::start(move |path, _| {
            let found = bodies.iter().find(|(digest, _)| path.contains(digest.as_str()));
            let body = found.map_or_else(|| manifest.clone(), |(_, body)| body.clone());
            (format!("200 OK\r\ndocker-content-digest: {header}"), Some(body))
        })
    };
    for header in [
        other.clone(),
        image.digest["sha256:".len()..].to_owned(),
        "nonsense".to_owned(),
        String::new(),
    ] {
        ends(&resolve(&registry(header, false).host(), &image), 0, "");
    }
    let refused = resolve(&registry(other.clone(), true).host(), &image);
    ends(&refused, 3, &format!("its Docker-Content-Digest says \"{other}\""));
    ends(&refused, 3, &format!("expected {}", image.digest));
}
