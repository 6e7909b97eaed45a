//! The registry, asked by a real client, and Slack's webhook.

use bytes::Bytes;
use http::Request;
use oci_distribution::client::{ClientConfig, ClientProtocol};
use oci_distribution::errors::{OciDistributionError, OciErrorCode};
use oci_distribution::manifest::OciManifest;
use oci_distribution::secrets::RegistryAuth;
use oci_distribution::{Client, Reference};
use serde_json::{Value, json};
use standins::{Access, Fault, ImageBuilder, Nth, Server, Trouble, World};

const REVISION: &str = "3ee96155a7c0d2f1e4b6a8c9d0e1f2031425364f";

fn client() -> Client {
    let _ = rustls::crypto::ring::default_provider().install_default();
    Client::new(ClientConfig { protocol: ClientProtocol::Http, ..ClientConfig::default() })
}

fn image() -> ImageBuilder {
    ImageBuilder::new("acme/ho")
        .revision(REVISION)
        .platforms(&["linux/amd64", "linux/arm64"])
        .tag("latest")
}

#[tokio::test]
async fn an_index_down_to_its_labels() {
    for builder in [image(), image().docker()] {
        let world = World::default();
        let servers = world.serve().unwrap();
        let pushed = world.registry().push(&builder);
        let host = servers.registry_host();
        let reference: Reference = pushed.at(&host).parse().unwrap();
        let (manifest, digest) = client()
            .pull_manifest(&reference, &RegistryAuth::Anonymous)
            .await
            .unwrap();
        assert_eq!(digest, pushed.digest);
        let OciManifest::ImageIndex(index) = manifest else { panic!("an index") };
        let found: Vec<(String, String)> = index
            .manifests
            .iter()
            .map(|entry| {
                let platform = entry.platform.as_ref().unwrap();
                (format!("{}/{}", platform.os, platform.architecture), entry.digest.clone())
            })
            .collect();
        assert_eq!(found, pushed.platforms.clone().into_iter().collect::<Vec<_>>());

        let one: Reference = format!("{host}/acme/ho@{}", pushed.platforms["linux/arm64"])
            .parse()
            .unwrap();
        let (_, _, config) = client()
            .pull_manifest_and_config(&one, &RegistryAuth::Anonymous)
            .await
            .unwrap();
        let config: Value = serde_json::from_str(&config).unwrap();
        assert_eq!(config["architecture"], "arm64");
        for label in
            ["io.openshift.build.commit.id", "vcs-ref", "org.opencontainers.image.revision"]
        {
            assert_eq!(config["config"]["Labels"][label], REVISION);
        }
        let tag: Reference = format!("{host}/acme/ho:latest").parse().unwrap();
        assert_eq!(
            client()
                .fetch_manifest_digest(&tag, &RegistryAuth::Anonymous)
                .await
                .unwrap(),
            pushed.digest
        );
    }
}

#[tokio::test]
async fn who_may_read() {
    let world = World::default();
    let servers = world.serve().unwrap();
    let pushed = world.registry().push(&image());
    let reference: Reference = pushed.at(&servers.registry_host()).parse().unwrap();
    let right = RegistryAuth::Basic("user".into(), "secret".into());
    let wrong = RegistryAuth::Basic("user".into(), "guess".into());
    for access in
        [Access::Basic("dXNlcjpzZWNyZXQ=".into()), Access::Bearer(Some("dXNlcjpzZWNyZXQ=".into()))]
    {
        world.registry().access(access.clone());
        client().pull_manifest(&reference, &right).await.unwrap();
        for auth in [&wrong, &RegistryAuth::Anonymous] {
            assert!(client().pull_manifest(&reference, auth).await.is_err(), "{access:?}");
        }
    }
    world.registry().access(Access::Bearer(None));
    client()
        .pull_manifest(&reference, &RegistryAuth::Anonymous)
        .await
        .unwrap();
}

#[tokio::test]
async fn what_is_wrong_with_an_image() {
    let world = World::default();
    let servers = world.serve().unwrap();
    let pushed = world.registry().push(&image());
    let reference: Reference = pushed.at(&servers.registry_host()).parse().unwrap();
    let pull = || async { client().pull_manifest(&reference, &RegistryAuth::Anonymous).await };

    world.fault(
        Fault::on(Server::Registry, Trouble::TooMany(Some(5)))
            .path("/v2/acme/ho/manifests/*")
            .nth(Nth::Only(1)),
    );
    let code = |error: OciDistributionError| match error {
        OciDistributionError::RegistryError { envelope, .. } => {
            envelope.errors.into_iter().next().unwrap().code
        }
        other => panic!("{other}"),
    };
    assert_eq!(code(pull().await.unwrap_err()), OciErrorCode::Toomanyrequests);
    pull().await.unwrap();

    world.registry().corrupt(&pushed.digest);
    assert!(matches!(pull().await.unwrap_err(), OciDistributionError::DigestError(_)));

    world.registry().remove(&pushed.digest);
    assert_eq!(code(pull().await.unwrap_err()), OciErrorCode::ManifestUnknown);
}

#[test]
fn slack_keeps_what_it_accepts() {
    let world = World::default();
    world.slack().webhook("/services/T/B/x");
    let post = |path: &str, payload: &str| {
        let request = Request::post(path)
            .header("content-type", "application/json")
            .body(Bytes::from(payload.to_owned()));
        let answer = world.direct(Server::Slack).ask_blocking(request.unwrap()).unwrap();
        (answer.status().as_u16(), String::from_utf8(answer.into_body().to_vec()).unwrap())
    };
    let section = |text: &str| {
        json!({"text": "plain", "blocks": [{"type": "section", "text": {"type": "mrkdwn", "text": text}}]}).to_string()
    };
    let long = section(&"x".repeat(3001));
    let refused = |code: u16, word: &str| (code, word.to_owned());
    assert_eq!(post("/services/T/B/x", &section("hello")), refused(200, "ok"));
    assert_eq!(post("/services/T/B/x", &long), refused(400, "invalid_blocks"));
    assert_eq!(post("/services/T/B/x", "hello"), refused(400, "invalid_payload"));
    assert_eq!(post("/services/T/B/y", &section("hello")), refused(404, "no_service"));
    world.slack().revoke("/services/T/B/x");
    assert_eq!(post("/services/T/B/x", &section("hello")), refused(403, "invalid_token"));
    assert_eq!(world.slack().messages().len(), 1);
    assert_eq!(world.slack().messages()[0].words(), "hello");
    assert_eq!(world.slack().refused().len(), 2);
}
