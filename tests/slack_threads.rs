//! A row of red nights is one thread of a channel, with a bot's token: whatever happens to the
//! thread, to the channel and to the token, every message is either seen or said not to be.

use serde_json::{Value, json};
use standins::{Canned, Fault, Message, Nth, Server, Servers, Trouble, World};

use crate::support::{Dir, Output, Tool};

const NS: &str = "tenant";
const TOKEN: &str = "xoxb-geheim";
const CHANNEL: &str = "C0123";

struct Nights {
    dir: Dir,
    world: World,
    servers: Servers,
    played: u32,
}

impl Nights {
    fn new() -> Self {
        let world = World::default();
        let servers = world.serve().unwrap();
        let dir = Dir::new();
        servers.write_kubeconfig(&dir.path("kubeconfig"), NS).unwrap();
        dir.write("token", TOKEN);
        world.slack().bot(TOKEN, CHANNEL);
        Self { dir, world, servers, played: 0 }
    }

    /// A night that ended so, and what notify-slack made of it.
    fn play(&mut self, decision: &str) -> Output {
        self.played += 1;
        let name = format!("gate-{:02}", self.played);
        let at = format!("2026-08-{:02}T03:00:00Z", self.played);
        let digest = format!("sha256:{}", "4be1f0c2".repeat(8));
        let mut record = json!({
            "schema_version": 1, "kind": "gate", "id": name, "gate": "ARO HCP", "created_at": at, "updated_at": at,
            "candidate": {"image": format!("quay.io/acme/ho@{digest}"), "digest": digest, "snapshot": "snap-1"},
            "verdict": {"decision": decision, "decided_at": at, "reasons": [], "blocking_passed": 0, "blocking_total": 1},
        });
        if decision == "passed" {
            record["release"] =
                json!({"plan": "plan-1", "released": "true", "final": true, "completed_at": at});
        }
        self.world.kube().put(json!({
            "kind": "ConfigMap", "data": {"record.json": record.to_string()},
            "metadata": {"name": name, "namespace": NS,
                "labels": {"release-gate/kind": "gate", "release-gate/gate": "ARO-HCP"}},
        }));
        Tool::new("notify-slack")
            .args([
                "--time-scale",
                "10000",
                "--record",
                &format!("configmap:{name}"),
                "--channel",
                CHANNEL,
            ])
            .args([
                "--escalate",
                "3=S0123",
                "--slack-api-url",
                &format!("{}/api", self.servers.url(Server::Slack)),
            ])
            .args(["--task-status", "collect-results=Succeeded", "--slack-token-file"])
            .arg(self.dir.path("token"))
            .arg("--kubeconfig")
            .arg(self.dir.path("kubeconfig"))
            .run()
    }

    fn plays(&mut self, decision: &str) -> Message {
        let before = self.messages().len();
        let output = self.play(decision);
        assert_eq!(output.code, 0, "{output:?}");
        assert_eq!(self.messages().len(), before + 1, "one message a night: {output:?}");
        self.messages().pop().unwrap()
    }

    fn messages(&self) -> Vec<Message> {
        self.world.slack().messages()
    }

    /// What the record of the last night says of its message.
    fn note(&self) -> Value {
        let object = self
            .world
            .kube()
            .get("configmaps", NS, &format!("gate-{:02}", self.played))
            .unwrap();
        let record: Value =
            serde_json::from_str(object["data"]["record.json"].as_str().unwrap()).unwrap();
        record["notifications"].as_array().unwrap().last().unwrap().clone()
    }
}

#[test]
fn a_row_of_red_nights_is_one_thread_and_its_end_is_seen_in_the_channel() {
    let mut nights = Nights::new();
    assert_eq!(nights.plays("passed").thread, None);
    let first = nights.plays("failed");
    assert_eq!((&first.thread, first.in_channel), (&None, true), "a row begins in the channel");
    let second = nights.plays("undecided");
    assert_eq!((&second.thread, second.in_channel), (&first.ts, false));
    let third = nights.plays("failed");
    assert_eq!(
        (&third.thread, third.in_channel),
        (&first.ts, true),
        "the channel sees that somebody is called"
    );
    assert_eq!(nights.note()["thread"].as_str(), first.ts.as_deref());
    let end = nights.plays("passed");
    assert_eq!((&end.thread, end.in_channel), (&first.ts, true));
    assert!(end.words().contains("recovered after 3 red runs"), "{}", end.words());
    // The next row has a thread of its own.
    assert_eq!(nights.plays("passed").thread, None);
    let next = nights.plays("failed");
    assert_eq!((&next.thread, next.in_channel), (&None, true));
}

/// Slack posts the answer to a message that is gone to the channel, and says nothing.
#[test]
fn a_thread_that_was_deleted_begins_anew() {
    let mut nights = Nights::new();
    let first = nights.plays("failed");
    nights.world.slack().delete_message(first.ts.as_deref().unwrap());
    let second = nights.plays("failed");
    assert_eq!((&second.thread, second.in_channel), (&None, true));
    assert_eq!(nights.note()["thread"].as_str(), second.ts.as_deref());
    let third = nights.plays("failed");
    assert_eq!(third.thread, second.ts, "the row goes on where it can be read");
    // A reply that is deleted takes nothing with it.
    nights.world.slack().delete_message(third.ts.as_deref().unwrap());
    assert_eq!(nights.plays("failed").thread, second.ts);
}

#[test]
fn a_thread_that_is_closed_does_not_lose_the_message() {
    let mut nights = Nights::new();
    let first = nights.plays("failed");
    nights.world.slack().lock_thread(first.ts.as_deref().unwrap());
    let second = nights.plays("failed");
    assert_eq!((&second.thread, second.in_channel), (&None, true));
    assert_eq!(nights.plays("failed").thread, second.ts);
    for word in ["thread_not_found", "cannot_reply_to_message", "message_not_found"] {
        let mut nights = Nights::new();
        nights.plays("failed");
        let body = json!({"ok": false, "error": word}).to_string().into_bytes();
        let headers = vec![("content-type".to_owned(), "application/json".to_owned())];
        let refusal = Trouble::Answer(Canned { status: 200, headers, body });
        nights
            .world
            .fault(Fault::on(Server::Slack, refusal).nth(Nth::Only(1)));
        assert_eq!(nights.plays("failed").thread, None, "{word}");
    }
}

/// What cannot be delivered fails the step, and is kept where people look.
#[test]
fn a_channel_or_token_that_is_no_good_is_told_with_what_to_do() {
    let invite = "invite the app";
    let renew = "make a new one";
    type Arrange = fn(&World);
    let cases: [(&str, Arrange, &str); 7] = [
        ("token_revoked", |world| world.slack().refuse_token(TOKEN, "token_revoked"), renew),
        ("account_inactive", |world| world.slack().refuse_token(TOKEN, "account_inactive"), renew),
        ("token_expired", |world| world.slack().refuse_token(TOKEN, "token_expired"), renew),
        ("missing_scope", |world| world.slack().refuse_token(TOKEN, "missing_scope"), "chat:write"),
        (
            "not_in_channel",
            |world| world.slack().refuse_channel(CHANNEL, Some("not_in_channel")),
            invite,
        ),
        ("is_archived", |world| world.slack().refuse_channel(CHANNEL, Some("is_archived")), invite),
        (
            "channel_not_found",
            |world| world.slack().refuse_channel(CHANNEL, Some("channel_not_found")),
            invite,
        ),
    ];
    for (word, arrange, advice) in cases {
        let mut nights = Nights::new();
        let first = nights.plays("failed");
        arrange(&nights.world);
        let asked = nights.world.requests_to(Server::Slack).len();
        let output = nights.play("failed");
        assert_eq!(output.code, 1, "{word}: {output:?}");
        assert!(
            output.stderr.contains(word) && output.stderr.contains(advice),
            "{word}: {}",
            output.stderr
        );
        assert!(!output.stderr.contains(TOKEN) && !output.stdout.contains(TOKEN));
        assert!(
            output.stdout.contains("second red run in a row"),
            "{word}: the message is printed: {}",
            output.stdout
        );
        assert_eq!(
            nights.world.requests_to(Server::Slack).len(),
            asked + 1,
            "{word}: no try mends that"
        );
        let note = nights.note();
        assert_eq!((&note["delivered"], note.get("thread")), (&json!(false), None), "{word}");
        assert!(
            note["detail"].as_str().unwrap().contains("second red run in a row"),
            "{word}: {note}"
        );
        // Mended, the row goes on in its thread.
        nights.world.slack().bot(TOKEN, CHANNEL);
        assert_eq!(nights.plays("failed").thread, first.ts, "{word}");
    }
}

#[test]
fn what_passes_is_waited_out_and_nothing_is_said_twice() {
    let word = |status: u16, word: &str, headers: &[(&str, &str)]| {
        let headers = headers
            .iter()
            .map(|(name, value)| ((*name).to_owned(), (*value).to_owned()))
            .collect();
        let body = json!({"ok": false, "error": word}).to_string().into_bytes();
        Trouble::Answer(Canned { status, headers, body })
    };
    for trouble in [
        word(429, "ratelimited", &[("retry-after", "30")]),
        word(200, "ratelimited", &[]),
        word(200, "internal_error", &[]),
        word(200, "service_unavailable", &[]),
        Trouble::StatusBefore(503),
        Trouble::DropBefore,
    ] {
        let mut nights = Nights::new();
        let first = nights.plays("failed");
        nights
            .world
            .fault(Fault::on(Server::Slack, trouble.clone()).nth(Nth::First(2)));
        assert_eq!(nights.plays("failed").thread, first.ts, "{trouble:?}");
    }
}
