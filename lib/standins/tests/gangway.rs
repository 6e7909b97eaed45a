//! Gangway, held against what was captured from the real one behind Envoy and nginx.

mod captured;

use std::time::Duration;

use captured::{alike, ask};
use standins::captured::{Exchange, exchanges};
use standins::{Ending, Fault, JobScript, Limit, ManualTime, Server, State, Trouble, World};

const LONG: &str = "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks";

fn world() -> (World, ManualTime) {
    let clock = ManualTime::starting_at("2026-11-22T15:24:00Z".parse().unwrap());
    let world = World::builder().clock(clock.clone()).build();
    for job in [
        LONG,
        "periodic-short",
        "periodic-ci-openshift-hypershift-release-4.19-periodics-e2e-aks-external-oidc-techpreview",
        "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-v2-aws-conformance",
        "periodic-of-another-tenant",
    ] {
        world.prow().job(job, JobScript::passes());
    }
    world.prow().foreign("periodic-of-another-tenant");
    (world, clock)
}

fn compare(world: &World, exchange: &Exchange) {
    let answer = ask(world, Server::Gangway, exchange).expect(&exchange.name);
    assert_eq!(alike(answer), alike(exchange.answer.clone()), "{}", exchange.name);
}

#[test]
fn launches() {
    for mut exchange in exchanges("gangway/create.txt") {
        let (world, _) = world();
        let before = world.prow().launches().len();
        match exchange.name.as_str() {
            // the page's other headers are the client's own; what matters is that the token comes
            // back
            "create-unknown-client" => {
                world.prow().foreign_token("sha256~EXAMPLE");
                exchange.headers = vec![("authorization".into(), "Bearer sha256~EXAMPLE".into())];
                exchange.answer.headers.remove("grpc-message");
                compare(&world, &exchange);
                exchange.answer.headers.insert("grpc-message".into(), String::new());
                let answer = ask(&world, Server::Gangway, &exchange).unwrap();
                let words = &answer.headers["grpc-message"];
                assert!(
                    words.starts_with("could not find allowed client from &map[:authority:["),
                    "{words}"
                );
                assert!(words.contains("authorization:[Bearer sha256~EXAMPLE]"), "{words}");
            }
            _ => compare(&world, &exchange),
        }
        let accepted = exchange.answer.status == 200 && !exchange.answer.body.is_empty();
        assert_eq!(
            world.prow().launches().len() - before,
            usize::from(accepted),
            "{}",
            exchange.name
        );
    }
}

#[test]
fn looks_at_one() {
    for mut exchange in exchanges("gangway/read.txt") {
        let (world, clock) = world();
        let ends = |ending: Ending| JobScript {
            ending,
            bare: exchange.name.ends_with("without-url"),
            ..JobScript::passes()
        };
        let (script, gone) = match exchange.name.strip_prefix("get-").unwrap() {
            "state-success" | "unknown-client" => (ends(Ending::Success), 10_000),
            "state-failure" => (ends(Ending::Failure), 10_000),
            "state-aborted" | "aborted-without-url" => (ends(Ending::Aborted), 10_000),
            "state-error" | "error-without-url" => (ends(Ending::Error), 10_000),
            "state-pending" => (ends(Ending::Success), 100),
            "state-triggered" => (ends(Ending::Success), 10),
            _ => (ends(Ending::Success), 0),
        };
        world.prow().job(LONG, script);
        let id = world.prow().somebody_launches(LONG);
        clock.advance(Duration::from_secs(gone));
        exchange.path = exchange.path.replace("5fac00a6-8131-4d67-81ef-f950416a0777", &id);
        compare(&world, &exchange);
    }
}

#[test]
fn lists() {
    for exchange in exchanges("gangway/list.txt") {
        let (world, _) = world();
        world.prow().somebody_launches("periodic-short");
        world.prow().somebody_launches("periodic-short");
        world.prow().somebody_launches(
            "periodic-ci-openshift-hypershift-release-4.22-periodics-e2e-v2-aws-conformance",
        );
        if exchange.name == "list-by-own-key" && exchange.method == "GET" {
            let create = exchanges("gangway/list.txt");
            let create = create
                .iter()
                .find(|create| create.name == "list-by-own-key" && create.method == "POST")
                .unwrap();
            compare(&world, create);
        }
        compare(&world, &exchange);
    }
}

#[test]
fn names_that_share_63_characters_come_together() {
    let (world, _) = world();
    let other = format!("{LONG}-external-oidc-techpreview");
    let ids = [world.prow().somebody_launches(LONG), world.prow().somebody_launches(&other)];
    let list = |name: &str| {
        let path = format!("/v1/executions?job_name={name}");
        ask(
            &world,
            Server::Gangway,
            &Exchange { method: "GET".into(), path, ..Exchange::default() },
        )
        .unwrap()
        .body
    };
    assert!(ids.iter().all(|id| list(LONG).contains(id.as_str())));
    assert_eq!(list(&other), "{\n \"job_execution\": []\n}");
}

#[test]
fn the_layers_before_it() {
    for exchange in exchanges("gangway/layers.txt") {
        let (world, _) = world();
        world.prow().somebody_launches("periodic-short");
        match exchange.name.as_str() {
            "backend-down-get" => {
                world.fault(Fault::on(Server::Gangway, Trouble::StatusBefore(503)))
            }
            "backend-hangs-get" => {
                world.fault(Fault::on(Server::Gangway, Trouble::StatusAfter(504)))
            }
            "noapi-create" | "noapi-get" | "noapi-list" | "noapi-list-all" => {
                world.prow().api_server(false)
            }
            "nginx-burst-10" | "nginx-limited-post" => {
                world.prow().limit(Some(Limit { burst: 0, ..Limit::observed() }));
                let path = "/v1/executions".to_owned();
                ask(
                    &world,
                    Server::Gangway,
                    &Exchange { method: "GET".into(), path, ..Exchange::default() },
                )
                .unwrap();
            }
            _ => {}
        }
        let mut exchange = exchange;
        if exchange.name.starts_with("noapi") {
            // the namespace is not the one of the captured server
            for header in exchange.answer.headers.values_mut() {
                *header = header.replace("prow-noapi", "ci");
            }
        }
        compare(&world, &exchange);
    }
}

#[test]
fn a_wrong_token_is_a_sign_in_page() {
    let (world, _) = world();
    world.prow().token("sha256~right");
    let get = |token: &str| {
        let mut headers = vec![("authorization".to_owned(), format!("Bearer {token}"))];
        headers.retain(|_| !token.is_empty());
        let mut exchange = Exchange {
            method: "GET".into(),
            path: "/v1/executions".into(),
            headers,
            ..Exchange::default()
        };
        exchange.answer.headers =
            [("content-type".to_owned(), String::new()), ("grpc-status".to_owned(), String::new())]
                .into();
        let answer = ask(&world, Server::Gangway, &exchange).unwrap();
        (
            answer.status,
            answer.headers["content-type"].clone(),
            answer.headers["grpc-status"].clone(),
        )
    };
    let page = (403, "text/html; charset=utf-8".to_owned(), "(absent)".to_owned());
    let list = (200, "application/json".to_owned(), "0".to_owned());
    assert_eq!(
        [get("sha256~right"), get("sha256~wrong"), get("")],
        [list.clone(), page.clone(), page.clone()]
    );
    world.prow().revoke("sha256~right");
    assert_eq!(get("sha256~right"), page);
    world.prow().token("sha256~new");
    assert_eq!(get("sha256~new"), list);
}

/// 20 a minute, burst 10: eleven at once, then one in 3 s; refusals do not count; `Retry-After: 7`
/// buys two.
#[test]
fn the_limit_is_a_leaky_bucket() {
    for scale in [1, 100] {
        let clock = ManualTime::starting_at("2026-11-22T15:24:00Z".parse().unwrap());
        let world = World::builder()
            .clock(clock.clone())
            .time_scale(scale)
            .gangway_limit(Limit::observed())
            .build();
        let burst = |gate_seconds: u64| {
            clock.advance(Duration::from_secs(gate_seconds) / scale);
            let exchange = Exchange {
                method: "GET".into(),
                path: "/v1/executions".into(),
                ..Exchange::default()
            };
            (0..14)
                .filter(|_| ask(&world, Server::Gangway, &exchange).unwrap().status == 200)
                .count()
        };
        assert_eq!(
            [burst(0), burst(3), burst(7), burst(1), burst(60)],
            [11, 1, 2, 0, 11],
            "scale {scale}"
        );
    }
}

#[test]
fn an_old_gangway() {
    let (world, _) = world();
    world.prow().old_gangway(true);
    let id = world.prow().somebody_launches(LONG);
    let get = |path: String| {
        ask(
            &world,
            Server::Gangway,
            &Exchange { method: "GET".into(), path, ..Exchange::default() },
        )
        .unwrap()
    };
    let one = get(format!("/v1/executions/{id}"));
    assert!(
        one.body
            .contains("\"job_status\": \"JOB_EXECUTION_STATUS_UNSPECIFIED\""),
        "{}",
        one.body
    );
    assert!(!one.body.contains("create_time"));
    assert_eq!(get("/v1/executions?job_name=x".into()).status, 501);
}

#[test]
fn what_happens_from_outside() {
    let (world, clock) = world();
    let prow = world.prow();
    let nightly = prow.somebody_launches(LONG);
    let rerun = prow.somebody_reruns(&nightly);
    assert_ne!(nightly, rerun);
    clock.advance(Duration::from_secs(60));
    assert_eq!(prow.state(&nightly), Some(State::Pending));
    let url = |id: &str| {
        prow.prowjob(id).unwrap()["status"]["url"]
            .as_str()
            .unwrap()
            .to_owned()
    };
    let first = url(&nightly);
    prow.replace_pod(&nightly);
    assert_ne!(url(&nightly), first);
    prow.force(&nightly, State::Aborted, "Pod running timeout.");
    assert_eq!(prow.state(&nightly), Some(State::Aborted));
    prow.vanish(&nightly);
    assert_eq!(prow.state(&nightly), None);
    assert_eq!(prow.launches().len(), 2);
}

/// As when the API server behind Gangway is slow: the client is gone, the job comes all the same.
#[test]
fn a_job_can_appear_late() {
    let (world, clock) = world();
    world
        .prow()
        .job("periodic-late", JobScript::passes().appears_after(Duration::from_secs(9)));
    let id = world.prow().somebody_launches("periodic-late");
    assert_eq!(world.prow().state(&id), None);
    clock.advance(Duration::from_secs(9));
    assert_eq!(world.prow().state(&id), Some(State::Scheduling));
}
