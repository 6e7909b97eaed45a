//! The report of a namespace with a season of three gates, read through its API.

#![allow(missing_docs)]

use std::collections::BTreeSet;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use gate::clock::RuntimeClock;
use gate::cluster::{Cluster, Tenant};
use gate::report::serve::{Live, Server as ReportServer};
use gate::report::{
    CellMark, DecisionKind, Gate, Letter, Loader, Narrow, NightMark, Report, Source, Sources,
    metrics, page, table,
};
use jiff::{SignedDuration, Timestamp};
use rehearsal::season::Season;
use serde_json::{Value, json};
use standins::{Fault, ManualTime, Server, Trouble, World};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

const NS: &str = "tenant";

struct Namespace {
    world: World,
    loader: Loader,
}

impl Namespace {
    fn of(objects: Vec<Value>) -> Self {
        let world = World::builder().clock(ManualTime::starting_at(now())).build();
        for object in objects {
            world.kube().put(object);
        }
        let clock = Arc::new(RuntimeClock::starting_at(now()));
        let client = kube::Client::new(world.direct(Server::Kube), NS);
        let cluster = Cluster { client, namespace: NS.to_owned() };
        let tenant = Tenant::new(&cluster, clock);
        let threshold = SignedDuration::from_hours(72);
        Self { world, loader: Loader::new(Sources { tenant, archive: None, threshold }) }
    }

    /// The report, and the paths asked for it without their queries.
    async fn load(&mut self) -> (Report, Vec<String>) {
        let before = self.world.requests().len();
        let report = self.loader.load().await;
        let asked = self.world.requests().split_off(before);
        let path = |path: &str| path.split('?').next().unwrap_or_default().to_owned();
        (report, asked.iter().map(|asked| path(&asked.path)).collect())
    }
}

fn now() -> Timestamp {
    "2026-08-20T09:00:00Z".parse().unwrap()
}

/// What the season leaves, made once for all tests.
fn objects() -> Vec<Value> {
    static OBJECTS: LazyLock<Vec<Value>> =
        LazyLock::new(|| Season { nights: 42, tests: 20, ..Season::new(7, now()) }.objects(NS));
    OBJECTS.clone()
}

async fn played() -> Report {
    Namespace::of(objects()).load().await.0
}

fn gate<'a>(report: &'a Report, name: &str) -> &'a Gate {
    report.gates.iter().find(|gate| gate.name == name).unwrap()
}

fn marks(gate: &Gate) -> Vec<NightMark> {
    gate.nights.iter().map(|night| night.mark).collect()
}

const CONFIG_MAPS: &str = "/api/v1/namespaces/tenant/configmaps";

#[tokio::test(start_paused = true)]
async fn a_document_is_read_again_only_when_it_has_changed() {
    let mut namespace = Namespace::of(objects());
    let (report, asked) = namespace.load().await;
    assert_eq!(report.missing, [""; 0]);
    let documents = |asked: &[String]| {
        let of_one = format!("{CONFIG_MAPS}/");
        let of_one = asked.iter().filter(|path| path.starts_with(&of_one));
        // The plans' lists of images that were taken back are asked for with their Releases.
        of_one.filter(|path| !path.contains("/retracted-")).count()
    };
    let all = 3 * 42 + 3 * 8 + 3;
    assert_eq!(documents(&asked), all, "each record, each history and each list of holds once");

    let (again, asked) = namespace.load().await;
    assert_eq!(again, report);
    let scenarios = "/apis/appstudio.redhat.com/v1beta2/namespaces/tenant/integrationtestscenarios";
    assert_eq!(asked, [CONFIG_MAPS, scenarios]);

    let record = format!("gate-{}", report.gates[0].nights[3].run.clone().unwrap());
    namespace.world.kube().change("configmaps", NS, &record, |object| {
        let text = object["data"]["record.json"].as_str().unwrap();
        let mut record: Value = serde_json::from_str(text).unwrap();
        record["verdict"]["decision"] = json!("undecided");
        object["data"]["record.json"] = json!(record.to_string());
    });
    let (changed, asked) = namespace.load().await;
    assert_eq!(documents(&asked), 1);
    assert_eq!(changed.gates[0].nights[3].mark, NightMark::Undecided);

    assert!(namespace.world.kube().delete("configmaps", NS, &record));
    let (changed, asked) = namespace.load().await;
    assert_eq!((documents(&asked), changed.gates[0].nights.len()), (0, 41));

    // Releases are asked for again after five minutes.
    tokio::time::advance(Duration::from_secs(301)).await;
    let (_, asked) = namespace.load().await;
    assert!(asked.iter().any(|path| path.ends_with("/releases")), "{asked:?}");
}

#[tokio::test(start_paused = true)]
async fn what_a_season_tells() {
    let report = played().await;
    let names: Vec<_> = report.gates.iter().map(|gate| gate.name.as_str()).collect();
    assert_eq!(names, ["ARO HCP", "GCP HCP", "IBM Cloud HCP", "ROSA HCP"]);
    let (aro, gcp) = (gate(&report, "ARO HCP"), gate(&report, "GCP HCP"));
    assert_eq!((marks(aro)[12], marks(aro)[40]), (NightMark::Lost, NightMark::Unreadable));
    let words = aro.nights[40].words.as_deref().unwrap();
    assert!(words.contains("schema") && words.contains('0'), "{words}");
    assert_eq!((marks(gcp)[9], marks(gcp)[15]), (NightMark::Broken, NightMark::NotReleased));
    assert_eq!(marks(gate(&report, "ROSA HCP"))[0], NightMark::Open);
    let count = |mark| marks(aro).iter().filter(|found| **found == mark).count();
    assert_eq!(aro.promoted, count(NightMark::Promoted));
    assert!(aro.promoted > 20 && count(NightMark::Refused) >= 6, "{:?}", marks(aro));

    // What stands still is seen: four nights in a row were not released.
    let verified = gcp.verified.as_ref().unwrap();
    assert_eq!(verified.source, Source::Release);
    let newest = gcp
        .nights
        .iter()
        .find(|night| night.mark == NightMark::Promoted)
        .unwrap();
    assert_eq!(Some(&verified.image), newest.digest.as_ref());
    assert!(now().duration_since(verified.at) > SignedDuration::from_hours(72));

    let matrix = aro.coverage.as_ref().unwrap();
    assert_eq!((matrix.required, matrix.fresh, matrix.stale, matrix.holes), (5, 3, 1, 1));
    let cells = matrix.grid.as_ref().unwrap().rows.iter().flat_map(|row| &row.cells);
    let states: Vec<_> = cells.flatten().map(|cell| format!("{:?}", cell.state)).collect();
    let count = |state: &str| states.iter().filter(|found| *found == state).count();
    assert_eq!((states.len(), count("Fresh"), count("Stale"), count("Hole")), (5, 3, 1, 1));
    let shown = page(&report);
    assert!(shown.contains("<h3>Version matrix</h3>"), "the grid");
    assert!(shown.contains("✗</span><span class=\"hidden\">no job covers it"), "a sign and a word");
    assert!(aro.job_seconds > 42 * 8 * 95 * 60 / 2 && aro.lead_time.unwrap().nights > 20);

    let new = gate(&report, "IBM Cloud HCP");
    assert_eq!((new.nights.len(), new.verified.as_ref()), (0, None));
    assert_eq!(new.scenario.as_deref(), Some("ho-release-gate-ibmcloud"));
}

#[tokio::test(start_paused = true)]
async fn histories_add_letters_trends_regressions_and_what_was_wrong() {
    let report = played().await;
    let aro = gate(&report, "ARO HCP");
    // A fault of six nights in the first job.
    let rows = || aro.tests.iter().filter(|test| test.job_short == "e2e-aks");
    let longest = |test: &gate::report::TestRow| {
        let failed = test.letters[18..24].iter().filter(|letter| **letter == Letter::F);
        failed.count()
    };
    let row = rows().max_by_key(|test| longest(test)).unwrap();
    assert!(longest(row) >= 5, "{row:?}");
    assert!(row.letters[..12].contains(&Letter::P) && row.trend.is_some());
    let worse = aro.regressions.iter().find(|found| found.test.is_some()).unwrap();
    assert_eq!(worse.job_short, "e2e-aks-upgrade-minor");
    assert!(worse.failed >= 3 && worse.p < 0.05 && worse.basis_ran > 30, "{worse:?}");
    let found = aro.false_negatives.unwrap();
    assert!(found.wrong > 0 && found.right > 0 && found.at_least > 0.0, "{found:?}");

    // Without histories only what the records tell is said.
    let mut objects = objects();
    objects.retain(|object| object["binaryData"].is_null());
    let alone = Namespace::of(objects).load().await.0;
    let aro = gate(&alone, "ARO HCP");
    assert_eq!((&aro.false_negatives, aro.regressions.len()), (&None, 0));
    let letters: BTreeSet<_> = aro
        .tests
        .iter()
        .flat_map(|test| &test.letters)
        .map(|letter| letter.sign())
        .collect();
    assert!(letters.contains("F") && letters.contains(".") && !letters.contains("P"));
    assert!(aro.tests.iter().all(|test| test.trend.is_none()));
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_read_is_said_and_no_error() {
    let mut objects = objects();
    objects.push(json!({
        "kind": "ConfigMap", "data": {"record.json": "{\"kind\":\"gate\",\"schema_version\":9}"},
        "metadata": {"name": "gate-new", "namespace": NS, "creationTimestamp": "2026-08-20T08:00:00Z",
            "labels": {"release-gate/kind": "gate", "release-gate/gate": "GCP-HCP"}},
    }));
    objects.push(json!({
        "kind": "ConfigMap", "binaryData": {"x": "AAAA"},
        "metadata": {"name": "history-torn", "namespace": NS, "labels": {"release-gate/kind": "history"},
            "annotations": {"release-gate/job": "periodic-x"}},
    }));
    let mut namespace = Namespace::of(objects);
    namespace.world.kube().deny("list", "integrationtestscenarios");
    namespace.world.kube().deny("list", "releases");
    let (report, _) = namespace.load().await;
    let newest = &gate(&report, "GCP HCP").nights[0];
    assert_eq!((newest.mark, newest.record.as_str()), (NightMark::Unreadable, "gate-new"));
    let missing = report.missing.join("\n");
    for part in [
        "a gate that has no record yet is not known",
        "history configmap:history-torn: it is damaged",
        "plan ho-release-gate-aks: the cluster's Releases",
    ] {
        assert!(missing.contains(part), "{part} is not in {missing}");
    }
    // The record of the run tells of its image where no Release can be read.
    assert_eq!(gate(&report, "GCP HCP").verified.as_ref().unwrap().source, Source::Record);
    let text = page(&report);
    assert!(text.contains("Something is missing on this page."));

    // What was read stays where the list cannot be read again.
    namespace
        .world
        .fault(Fault::on(Server::Kube, Trouble::StatusBefore(403)).path(CONFIG_MAPS));
    let (again, _) = namespace.load().await;
    assert_eq!(again.gates, report.gates);
    assert!(
        again
            .missing
            .iter()
            .any(|line| line.starts_with("records and histories cannot"))
    );
}

#[tokio::test(start_paused = true)]
async fn what_people_decided_stands_first() {
    let mut namespace = Namespace::of(objects());
    let (report, _) = namespace.load().await;
    let (aro, rosa) = (gate(&report, "ARO HCP"), gate(&report, "ROSA HCP"));
    let of = |gate: &Gate, kind| {
        let found = gate.decisions.iter().filter(|decision| decision.kind == kind);
        found.cloned().collect::<Vec<_>>()
    };
    let overruled = rosa.nights.iter().filter(|night| night.mark == NightMark::Overridden);
    let overruled: BTreeSet<_> = overruled.map(|night| Some(night.id.clone())).collect();
    let overrides = of(rosa, DecisionKind::Override);
    assert!(!overruled.is_empty());
    assert_eq!(
        overrides
            .into_iter()
            .map(|found| found.night)
            .collect::<BTreeSet<_>>(),
        overruled
    );
    assert!(rosa.promoted > overruled.len(), "a promotion by a person is one");
    assert!(rosa.decisions[0].kind == DecisionKind::Hold && rosa.decisions[0].in_force);
    let lifted = &of(aro, DecisionKind::Hold)[0];
    assert!(!lifted.in_force && lifted.ended_by.as_deref() == Some("alice"));
    let taken_back = &of(aro, DecisionKind::Retraction)[0];
    assert!(taken_back.in_force && aro.decisions[0] == *taken_back);

    let text = page(&report);
    for part in [
        "<strong>Nothing is promoted</strong>",
        "promoted by an override",
        "<bdi>dave</bdi>: <bdi>known: the test is wrong</bdi>",
        "<bdi>it loses node pools on upgrade</bdi>",
    ] {
        assert!(text.contains(part), "{part}");
    }
    let held =
        "  nothing is promoted until 2026-08-21T15:00:00Z: freeze before the release (by carol)";
    assert!(table(&report, &Narrow::default()).lines().any(|line| line == held));
    let text = metrics(&report);
    let overrides = format!("overrides{{gate=\"ROSA HCP\"}} {}", overruled.len());
    for sample in [
        "held{gate=\"ROSA HCP\"} 1",
        "held{gate=\"ARO HCP\"} 0",
        "retracted_images{gate=\"ARO HCP\"} 1",
        &overrides,
    ] {
        let sample = format!("release_gate_{sample}");
        assert!(text.lines().any(|line| line == sample), "{sample} is not in\n{text}");
    }

    // A list that is torn is no empty one, and what it said before is not shown for what it says.
    namespace
        .world
        .kube()
        .change("configmaps", NS, "holds-ho-release-gate-aws", |object| {
            object["data"]["list.json"] = json!("{\"schema_version\":1,");
        });
    let (torn, _) = namespace.load().await;
    let said = "configmap:holds-ho-release-gate-aws cannot be read as the list holds";
    assert!(torn.missing.iter().any(|line| line.starts_with(said)), "{:?}", torn.missing);
    assert!(gate(&torn, "ROSA HCP").decisions.iter().all(|found| !found.in_force));
}

#[tokio::test(start_paused = true)]
async fn an_image_that_was_taken_back_is_no_verified_one() {
    let mut namespace = Namespace::of(objects());
    namespace.world.kube().deny("list", "releases");
    let before = namespace.load().await.0;
    let newest = gate(&before, "ARO HCP").verified.clone().unwrap();
    assert_eq!(newest.source, Source::Record);
    namespace
        .world
        .kube()
        .change("configmaps", NS, "retracted-ho-release-gate-aks", |object| {
            object["data"]["list.json"] = json!(
                json!({
                    "schema_version": 1, "kind": "retracted", "plan": "ho-release-gate-aks",
                    "entries": [{"digest": newest.image, "reason": "x", "at": now()}],
                })
                .to_string()
            );
        });
    let after = namespace.load().await.0;
    let left = gate(&after, "ARO HCP").verified.clone().unwrap();
    assert!(left.at < newest.at && left.image != newest.image, "{left:?}");
}

/// All values of an attribute.
fn values<'a>(page: &'a str, attribute: &str) -> Vec<&'a str> {
    let begin = format!(" {attribute}=\"");
    let after = page.split(begin.as_str()).skip(1);
    after.filter_map(|rest| rest.split('"').next()).collect()
}

#[tokio::test(start_paused = true)]
async fn every_link_has_a_target_and_every_id_is_one() {
    let report = played().await;
    let page = page(&report);
    let ids = values(&page, "id");
    let known: BTreeSet<_> = ids.iter().copied().collect();
    assert_eq!(known.len(), ids.len(), "an id stands twice");
    for tag in page.split('<').skip(1).filter_map(|rest| rest.split('>').next()) {
        assert!(tag.matches(" class=").count() < 2, "a browser takes the first alone: {tag}");
    }
    let links = values(&page, "href");
    let (inner, outer): (Vec<&str>, Vec<&str>) =
        links.iter().partition(|link| link.starts_with('#'));
    let lost: Vec<_> = inner.iter().filter(|link| !known.contains(&link[1..])).collect();
    assert!(lost.is_empty() && inner.len() > 1500, "{lost:?} of {}", inner.len());
    let prow = "https://prow.ci.openshift.org/view/gs/";
    assert!(outer.len() > 300 && outer.iter().all(|link| link.starts_with(prow)));
    // Every job of every night is a cell with a link to it.
    let asked = |gate: &Gate| gate.jobs.iter().flat_map(|job| job.cells.iter().flatten()).count();
    let cells: usize = report.gates.iter().map(asked).sum();
    assert_eq!(page.matches(" aria-label=\"e2e-").count(), cells);
}

#[tokio::test(start_paused = true)]
async fn no_foreign_text_does_anything() {
    let hostile = "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>&\u{202e}rtl\0 😀\n# x";
    let hostile = format!("{hostile}{}", "x".repeat(10_000));
    let season = Season { hostile: Some(hostile), nights: 5, tests: 20, ..Season::new(7, now()) };
    let report = Namespace::of(season.objects(NS)).load().await.0;
    let text = page(&report);
    assert_eq!((text.matches("<script>").count(), text.matches("<img").count()), (1, 0));
    for harmful in ["javascript:", "onerror=alert(2)>", "\u{202e}", "\0"] {
        assert!(!text.contains(harmful), "{harmful:?}");
    }
    assert!(text.contains("&lt;script&gt;alert(1)"));
    let policy = values(&text, "content")[0];
    assert!(policy.starts_with("default-src 'none'; ") && !policy.contains("unsafe"), "{policy}");
    assert!(text.len() < 2_000_000, "{}", text.len());

    let text = metrics(&report);
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        assert!(line.starts_with("release_gate_"), "{line}");
        line.rsplit(' ').next().unwrap().parse::<f64>().unwrap();
    }
    assert!(text.ends_with("# EOF\n") && text.matches("# EOF").count() == 1);
    let shown = table(&report, &Narrow::default());
    assert!(!shown.contains(['\0', '\u{202e}']), "{shown}");
    serde_json::from_str::<Report>(&serde_json::to_string(&report).unwrap()).unwrap();
}

#[tokio::test(start_paused = true)]
async fn the_same_namespace_gives_the_same_texts() {
    let (one, other) = (played().await, played().await);
    assert_eq!(page(&one), page(&other));
    assert_eq!(metrics(&one), metrics(&other));
    let text = metrics(&one);
    for sample in [
        "release_gate_verified_age_seconds{gate=\"GCP HCP\"} 449460.0",
        "release_gate_stale_after_seconds{gate=\"ARO HCP\"} 259200.0",
        "release_gate_matrix_cells{gate=\"ARO HCP\",state=\"hole\"} 1",
        "release_gate_nights{gate=\"ARO HCP\",outcome=\"lost\"} 1",
        "# UNIT release_gate_verified_age_seconds seconds",
    ] {
        assert!(text.lines().any(|line| line == sample), "{sample} is not in\n{text}");
    }
    let read: Report = serde_json::from_str(&serde_json::to_string(&one).unwrap()).unwrap();
    assert_eq!(read, one);
}

#[tokio::test(start_paused = true)]
async fn the_table_is_narrowed_to_a_row() {
    let report = played().await;
    let all = table(&report, &Narrow::default());
    assert!(all.contains("ARO HCP  verified ") && all.contains("IBM Cloud HCP  no verified image"));
    let job = &gate(&report, "ARO HCP").jobs[1];
    let narrow = |job: &str, test: Option<&str>| Narrow {
        job: Some(job.to_owned()),
        test: test.map(str::to_owned),
    };
    let one = table(&report, &narrow(&job.name, None));
    assert!(one.contains("\n  e2e-aks-upgrade-minor ") && !one.contains("\n  e2e-aks "), "{one}");
    assert!(!one.contains("GCP HCP"), "{one}");
    let worse = gate(&report, "ARO HCP").regressions[0].test.clone().unwrap();
    let one = table(&report, &narrow(&job.short, Some(&worse)));
    let rows: Vec<_> = one.lines().filter(|line| line.starts_with("  ")).collect();
    assert!(rows.len() == 2 && rows[1].contains("e2e-aks-upgrade-minor · "), "{one}");
    let wrong = narrow("e2e-az", None).check(&report).unwrap_err();
    assert!(wrong.starts_with("--job: \"e2e-az\" is in no record; there are e2e-aks,"), "{wrong}");
    let wrong = narrow(&job.name, Some("TestX")).check(&report).unwrap_err();
    assert!(wrong.starts_with("--test: no test that failed is called \"TestX\""), "{wrong}");
    assert!(Narrow::default().check(&report).is_ok());
    let passed = job
        .cells
        .iter()
        .flatten()
        .filter(|cell| cell.mark == CellMark::Passed)
        .count();
    assert_eq!(job.passed, passed);
}

#[tokio::test(start_paused = true)]
async fn an_empty_namespace_says_what_to_do() {
    let report = Namespace::of(Vec::new()).load().await.0;
    assert_eq!((report.gates.len(), report.missing.len()), (0, 0));
    assert!(page(&report).contains("trigger-gate --scenario NAME"));
    assert!(table(&report, &Narrow::default()).starts_with("no gate has a record here yet"));
    assert!(metrics(&report).ends_with("# EOF\n"));
}

#[tokio::test(start_paused = true)]
async fn however_many_look_the_cluster_is_asked_once_a_minute() {
    let namespace = Namespace::of(objects());
    let asked = || namespace.world.requests().len();
    let live = Live::new(namespace.loader);
    let (one, other, third) = tokio::join!(live.faces(), live.faces(), live.faces());
    let first = asked();
    assert!(Arc::ptr_eq(&one, &other) && Arc::ptr_eq(&one, &third));
    tokio::time::advance(Duration::from_secs(59)).await;
    assert!(Arc::ptr_eq(&one, &live.faces().await));
    assert_eq!(asked(), first);
    tokio::time::advance(Duration::from_secs(2)).await;
    let again = live.faces().await;
    assert!(!Arc::ptr_eq(&one, &again));
    assert_eq!(asked(), first + 2, "the list of documents and that of scenarios");
}

#[tokio::test(start_paused = true)]
async fn what_was_read_is_shown_while_the_cluster_is_silent() {
    let namespace = Namespace::of(objects());
    let live = Live::new(namespace.loader);
    let old = live.faces().await;
    let silent = Trouble::StallBefore(Duration::from_secs(3600));
    namespace.world.fault(Fault::on(Server::Kube, silent));
    tokio::time::advance(Duration::from_secs(61)).await;
    let before = tokio::time::Instant::now();
    assert!(Arc::ptr_eq(&old, &live.faces().await));
    assert_eq!(before.elapsed(), Duration::from_secs(10));
}

/// What a server answers to a request of HTTP/1.1 with these lines.
async fn ask(address: std::net::SocketAddr, lines: &str) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    stream
        .write_all(format!("{lines}\r\nconnection: close\r\n\r\n").as_bytes())
        .await
        .unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn it_is_served_and_ended_with_grace() {
    let live = Live::new(Namespace::of(objects()).loader);
    let server = ReportServer::listen(&"0".parse().unwrap(), live).await.unwrap();
    let (address, end) = (server.address().unwrap(), server.end());
    assert!(address.ip().is_loopback());
    let serving = tokio::spawn(server.serve());
    let page = ask(address, "GET / HTTP/1.1\r\nhost: localhost").await;
    assert!(page.starts_with("HTTP/1.1 200 OK") && page.contains("<!DOCTYPE html>"), "{page:.300}");
    let metrics = ask(address, "GET /metrics HTTP/1.1\r\nhost: 127.0.0.1").await;
    assert!(metrics.contains("application/openmetrics-text") && metrics.ends_with("# EOF\n"));
    let refused = ask(address, "POST / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 2").await;
    assert!(refused.starts_with("HTTP/1.1 405 "), "{refused}");
    let rebound = ask(address, "GET / HTTP/1.1\r\nhost: evil.example").await;
    assert!(rebound.starts_with("HTTP/1.1 421 "), "{rebound}");
    let large = format!("GET /{} HTTP/1.1\r\nhost: localhost", "x".repeat(20_000));
    assert!(ask(address, &large).await.starts_with("HTTP/1.1 4"), "a head has a limit");

    // A connection that waits for its next request is closed; none is taken any more.
    let mut idle = TcpStream::connect(address).await.unwrap();
    idle.write_all(b"GET /healthz HTTP/1.1\r\nhost: localhost\r\n\r\n")
        .await
        .unwrap();
    let mut first = [0; 15];
    idle.read_exact(&mut first).await.unwrap();
    assert_eq!(&first, b"HTTP/1.1 200 OK");
    serving.abort();
    let _ = serving.await;
    tokio::time::timeout(Duration::from_secs(5), end).await.unwrap();
    let mut rest = Vec::new();
    idle.read_to_end(&mut rest).await.unwrap();
    assert!(TcpStream::connect(address).await.is_err());
}
