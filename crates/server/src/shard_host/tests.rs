//! A whole server on a disk that hangs, fills up and breaks.

mod disk;

use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::{self, Context, consumer::pull, stream::Config};
use async_nats::{Client, ConnectOptions, Subscriber};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::task::JoinHandle;

use self::disk::TestDisk;
use crate::log::Log;
use crate::mailbox::Letter;
use crate::options::{LogOptions, LogTarget, Options};
use crate::{Server, StoreState};

const PATIENCE: Duration = Duration::from_secs(10);

/// A server, its disk and a client.
struct Rig {
    disk: TestDisk,
    server: Server,
    client: Client,
    js: Context,
    dir: tempfile::TempDir,
}

impl Rig {
    async fn start() -> Rig {
        let dir = tempfile::tempdir().unwrap();
        let disk = TestDisk::default();
        let options = Options {
            http: Some(("127.0.0.1".to_owned(), 0)),
            log: LogOptions {
                target: LogTarget::File(dir.path().join("log")),
                ..LogOptions::default()
            },
            ..Options::embedded(dir.path())
        };
        let log = Arc::new(Log::open(options.log.clone()).unwrap());
        let server = Server::start_on(options, log, Some(Arc::new(disk.clone()))).await.unwrap();
        let token = server.token().unwrap().to_owned();
        let url = format!("nats://{}", server.client_address());
        let client = ConnectOptions::with_token(token).connect(url).await.unwrap();
        let js = jetstream::new(client.clone());
        Rig { disk, server, client, js, dir }
    }

    async fn stream(&self, config: Value) -> Value {
        let name = config["name"].as_str().unwrap();
        self.api(&format!("STREAM.CREATE.{name}"), config.clone()).await
    }

    async fn api(&self, call: &str, body: Value) -> Value {
        let subject = format!("$JS.API.{call}");
        let answer = soon(self.client.request(subject, body.to_string().into())).await.unwrap();
        serde_json::from_slice(&answer.payload).unwrap()
    }

    /// The answer to a publish, which may be long in coming.
    fn publishing(&self, subject: &'static str) -> JoinHandle<Value> {
        let client = self.client.clone();
        tokio::spawn(async move {
            let request = async_nats::Request::new().payload("x".into()).timeout(None);
            let answer = client.send_request(subject, request).await.unwrap();
            serde_json::from_slice(&answer.payload).unwrap()
        })
    }

    async fn publish(&self, subject: &'static str) -> Value {
        soon(self.publishing(subject)).await.unwrap()
    }

    /// Publishes until the server knows that its disk is slow.
    async fn learn_that_the_disk_is_slow(&self, subject: &'static str) {
        self.disk.slow_down(Duration::from_millis(20));
        for _ in 0..6 {
            self.publish(subject).await;
        }
        self.disk.slow_down(Duration::ZERO);
    }

    async fn health(&self) -> (u16, Value) {
        let address = self.server.monitoring_address().unwrap();
        let mut socket = tokio::net::TcpStream::connect(address).await.unwrap();
        let request = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n";
        tokio::io::AsyncWriteExt::write_all(&mut socket, request).await.unwrap();
        let mut answer = String::new();
        let read = tokio::io::AsyncReadExt::read_to_string(&mut socket, &mut answer);
        soon(read).await.unwrap();
        let code = answer.split(' ').nth(1).unwrap().parse().unwrap();
        let body = answer.split("\r\n\r\n").nth(1).unwrap();
        (code, serde_json::from_str(body).unwrap())
    }

    async fn advisories(&self) -> Subscriber {
        let sub = self.client.subscribe("$JS.EVENT.ADVISORY.SERVER.*").await.unwrap();
        self.client.flush().await.unwrap();
        sub
    }

    /// Whether a message still comes round.
    async fn core_goes_on(&self) {
        let inbox = self.client.new_inbox();
        let mut sub = self.client.subscribe(inbox.clone()).await.unwrap();
        self.client.publish(inbox, "core".into()).await.unwrap();
        assert_eq!(soon(sub.next()).await.unwrap().payload, "core");
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.dir.path().join("log")).unwrap()
    }

    async fn until(&self, what: &str, check: impl Fn(&Rig) -> bool) {
        let waited = async {
            while !check(self) {
                tokio::time::sleep(Duration::from_millis(5)).await;
            }
        };
        let done = tokio::time::timeout(PATIENCE, waited).await;
        assert!(done.is_ok(), "not in time: {what}\n{}", self.log());
    }
}

async fn soon<F: Future>(future: F) -> F::Output {
    tokio::time::timeout(PATIENCE, future).await.expect("in time")
}

fn error_code(answer: &Value) -> u64 {
    answer["error"]["err_code"].as_u64().unwrap_or_else(|| panic!("no error: {answer}"))
}

async fn first_advisory(sub: &mut Subscriber) -> (String, Value) {
    let message = soon(sub.next()).await.unwrap();
    (message.subject.to_string(), serde_json::from_slice(&message.payload).unwrap())
}

/// A stream with one message and a pull consumer that has not seen it.
async fn stream_with_a_message(rig: &Rig) -> jetstream::consumer::PullConsumer {
    let config = Config {
        name: "S".into(),
        subjects: vec!["s".into()],
        allow_direct: true,
        ..Config::default()
    };
    let stream = rig.js.create_stream(config).await.unwrap();
    assert_eq!(rig.publish("s").await["seq"], 1);
    let config = pull::Config { durable_name: Some("C".into()), ..Default::default() };
    stream.create_consumer(config).await.unwrap()
}

async fn pull_one(consumer: &jetstream::consumer::PullConsumer) -> jetstream::Message {
    let mut batch = consumer.fetch().max_messages(1).messages().await.unwrap();
    soon(batch.next()).await.unwrap().unwrap()
}

async fn direct_get_works(rig: &Rig) {
    let request = rig.client.request("$JS.API.DIRECT.GET.S", r#"{"seq":1}"#.into());
    assert_eq!(soon(request).await.unwrap().payload, "x");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn while_a_sync_hangs_what_is_durable_is_read_and_delivered() {
    let rig = Rig::start().await;
    let consumer = stream_with_a_message(&rig).await;
    let mut advisories = rig.advisories().await;
    rig.learn_that_the_disk_is_slow("s").await;

    rig.disk.hang();
    let mut waiting = rig.publishing("s");

    rig.core_goes_on().await;
    direct_get_works(&rig).await;
    assert_eq!(pull_one(&consumer).await.payload, "x");
    assert_eq!(rig.health().await.0, 200);
    let (subject, advisory) = first_advisory(&mut advisories).await;
    assert_eq!(subject, "$JS.EVENT.ADVISORY.SERVER.SLOW_DISK");
    assert_eq!(advisory["type"], "io.tradewind.jetstream.advisory.v1.server_slow_disk");
    assert!(tokio::time::timeout(Duration::ZERO, &mut waiting).await.is_err(), "not synced yet");
    rig.disk.release();
    assert_eq!(soon(waiting).await.unwrap()["seq"], 8);
    rig.until("the end of the episode", |rig| rig.log().contains("fast again")).await;
    assert_eq!(rig.log().matches("disk is slow").count(), 1, "{}", rig.log());
    rig.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hanging_sync_on_the_shards_own_thread_is_noticed_too() {
    let rig = Rig::start().await;
    stream_with_a_message(&rig).await;

    rig.disk.hang();
    let waiting = rig.publishing("s");

    rig.until("a warning", |rig| rig.log().contains("disk is slow")).await;
    rig.core_goes_on().await;
    rig.disk.release();
    assert_eq!(soon(waiting).await.unwrap()["seq"], 2);
    rig.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_async_stream_acknowledges_at_append_and_a_default_one_beside_it_after_the_sync() {
    let rig = Rig::start().await;
    rig.stream(json!({"name": "D", "subjects": ["d"]})).await;
    let made = rig.stream(json!({"name": "A", "subjects": ["a"], "persist_mode": "async"})).await;
    assert_eq!(
        (&made["durability"], &made["config"]["persist_mode"]),
        (&json!("async"), &json!("async"))
    );
    rig.learn_that_the_disk_is_slow("d").await;

    rig.disk.hang();
    let mut durable = rig.publishing("d");
    for seq in 1..=3 {
        assert_eq!(rig.publish("a").await["seq"], seq);
    }

    assert!(tokio::time::timeout(Duration::from_millis(50), &mut durable).await.is_err());
    rig.disk.release();
    assert_eq!(soon(durable).await.unwrap()["seq"], 7);
    let info = rig.api("STREAM.INFO.A", json!("")).await;
    assert_eq!(info["state"]["messages"], 3, "{info}");
    rig.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_an_io_error_writes_are_refused_and_the_rest_goes_on() {
    let rig = Rig::start().await;
    let consumer = stream_with_a_message(&rig).await;
    let mut advisories = rig.advisories().await;

    rig.disk.break_down();
    let refused = rig.publish("s").await;

    assert_eq!(error_code(&refused), 10077, "{refused}");
    assert_eq!(error_code(&rig.publish("s").await), 10077);
    let refused = rig.stream(json!({"name": "T"})).await;
    assert!(0 < error_code(&refused), "{refused}");
    assert!(0 < error_code(&rig.api("STREAM.PURGE.S", json!({})).await));
    let StoreState::Failed { reason } = rig.server.store_state() else { panic!("it failed") };
    assert!(reason.contains("os error 5"), "names the error: {reason}");
    assert_eq!(soon(rig.server.store_failed()).await, reason);
    let (code, health) = rig.health().await;
    assert_eq!((code, health["status"].as_str()), (503, Some("unavailable")), "{health}");
    assert!(health["error"].as_str().unwrap().contains(&reason), "{health}");
    let (subject, advisory) = first_advisory(&mut advisories).await;
    assert_eq!(subject, "$JS.EVENT.ADVISORY.SERVER.STORE_FAILED");
    assert_eq!(advisory["error"], reason.as_str());
    assert_eq!(rig.log().matches("until the server is started").count(), 1, "{}", rig.log());
    rig.core_goes_on().await;
    direct_get_works(&rig).await;
    assert_eq!(pull_one(&consumer).await.payload, "x");
    rig.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn after_a_panic_of_the_shard_whoever_waits_for_an_ack_is_told() {
    let rig = Rig::start().await;
    stream_with_a_message(&rig).await;
    rig.learn_that_the_disk_is_slow("s").await;
    rig.disk.hang();
    let waiting = rig.publishing("s");
    rig.core_goes_on().await;

    let mailbox = rig.server.shared().jetstream.as_ref().unwrap();
    mailbox.leave(Letter::Ask(Box::new(|_| panic!("a bug, planted by a test"))));

    assert_eq!(error_code(&soon(waiting).await.unwrap()), 10077);
    let (code, health) = rig.health().await;
    assert_eq!(code, 503, "{health}");
    rig.core_goes_on().await;
    rig.disk.release();
    rig.server.shutdown().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_disk_refuses_publishes_only_and_heals() {
    let rig = Rig::start().await;
    let consumer = stream_with_a_message(&rig).await;
    let mut advisories = rig.advisories().await;

    rig.disk.set_full(true);
    let payload = vec![b'x'; 100_000];
    let request = || async_nats::Request::new().payload(payload.clone().into());
    let refused = loop {
        // The one that finds no room waits for it, and tells those after it.
        let request = request().timeout(Some(Duration::from_millis(500)));
        let Ok(answer) = rig.client.send_request("s", request).await else { continue };
        let answer: Value = serde_json::from_slice(&answer.payload).unwrap();
        if answer["error"].is_object() {
            break answer;
        }
    };

    assert_eq!(error_code(&refused), 10047, "{refused}");
    rig.until("the state", |rig| rig.server.store_state() == StoreState::Full).await;
    assert_eq!(first_advisory(&mut advisories).await.0, "$JS.EVENT.ADVISORY.SERVER.OUT_OF_STORAGE");
    assert_eq!(rig.health().await.0, 503);
    rig.core_goes_on().await;
    direct_get_works(&rig).await;
    rig.disk.set_full(false);
    rig.until("room again", |rig| rig.server.store_state() == StoreState::Healthy).await;
    assert_eq!(
        first_advisory(&mut advisories).await.0,
        "$JS.EVENT.ADVISORY.SERVER.STORAGE_AVAILABLE"
    );
    assert!(rig.publish("s").await["seq"].is_u64());
    assert_eq!(rig.health().await.0, 200);
    assert_eq!(pull_one(&consumer).await.payload, "x");
    let log = rig.log();
    assert_eq!(log.matches("until there is room").count(), 1, "{log}");
    assert_eq!(log.matches("has disk space again").count(), 1, "{log}");
    rig.server.shutdown().await;
}
