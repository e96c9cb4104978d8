use std::collections::BTreeMap;
use std::time::Instant;

use tokio::time::timeout;

use super::log::Log;
use super::stub::{Reply, Stub};
use super::*;
use crate::backoff::Backoff;
use crate::config::Secret;

/// What `GET /v1/health/service/nats-service?passing=true` gave, asked of Consul 1.14.11 with two
/// registered: one with an address of its own, one on its node's.
const RECORDED: &str = include_str!("health.json");

fn settings(address: &str) -> config::Consul {
    config::Consul {
        address: address.to_owned(),
        service: "nats-service".to_owned(),
        token: None,
        timeout: Duration::from_millis(300),
    }
}

fn consul(stub: &Stub) -> Consul {
    Consul::new(&settings(&stub.url())).unwrap()
}

fn list(addresses: &[(&str, u16)]) -> String {
    let entries: Vec<serde_json::Value> = addresses
        .iter()
        .map(|(address, port)| {
            serde_json::json!({
                "Node": {"Node": "node-1", "Address": "10.1.1.1"},
                "Service": {"Address": address, "Port": port},
            })
        })
        .collect();
    serde_json::json!(entries).to_string()
}

fn quick() -> WatchOptions {
    WatchOptions {
        wait: Duration::from_mins(1),
        interval_min: Duration::from_millis(1),
        backoff: Backoff::fixed(Duration::from_millis(10)),
    }
}

async fn next(watcher: &mut Watcher) -> Vec<String> {
    timeout(Duration::from_secs(5), watcher.changed()).await.unwrap().unwrap()
}

/// A port that nothing listens at.
async fn refused() -> String {
    let stub = Stub::start([]).await;
    let url = stub.url();
    drop(stub);
    while tokio::net::TcpStream::connect(url.trim_start_matches("http://")).await.is_ok() {
        tokio::task::yield_now().await;
    }
    url
}

/// Rows: S4-14, S4-73, S4-74.
#[tokio::test]
async fn s4_74_all_healthy_instances_are_asked_for() {
    let stub = Stub::start([Reply::List(20, RECORDED.to_owned())]).await;

    let urls = consul(&stub).healthy().await.unwrap();

    // The service's address, else the node's.
    assert_eq!(urls, ["nats://10.0.0.1:4222", "nats://127.0.0.1:4223"]);
    assert_eq!(stub.lines(), ["GET /v1/health/service/nats-service?passing=true"]);
}

/// Rows: S4-74.
#[tokio::test]
async fn s4_74_every_address_makes_a_url() {
    let body = list(&[("b", 4222), ("fd00::1", 4223), ("a", 0), ("b", 4222), ("", 4224)]);
    let stub = Stub::start([Reply::List(1, body)]).await;

    let urls = consul(&stub).healthy().await.unwrap();

    let expected =
        ["nats://10.1.1.1:4224", "nats://[fd00::1]:4223", "nats://a:4222", "nats://b:4222"];
    assert_eq!(urls, expected);
}

/// Rows: S4-14.
#[tokio::test]
async fn s4_14_the_token_is_sent_and_never_shown() {
    let refusal = Reply::Status(403, "ACL not found: 5ecret-t0ken\n is\tunknown");
    let stub = Stub::start([Reply::List(1, list(&[])), refusal]).await;
    let mut settings = settings(&stub.url());
    settings.token = Some(Secret::from("5ecret-t0ken"));
    let consul = Consul::new(&settings).unwrap();

    assert_eq!(consul.healthy().await, Ok(vec![]));
    let error = consul.healthy().await.unwrap_err();

    let head = stub.questions()[0].head.to_lowercase();
    assert!(head.contains("x-consul-token: 5ecret-t0ken"), "{head}");
    let expected = format!(
        "Consul at {}, service \"nats-service\": answered 403: ACL not found: … is unknown",
        stub.url()
    );
    assert_eq!(error.to_string(), expected);
    for shown in [format!("{error:?}"), format!("{consul:?}"), format!("{settings:?}")] {
        assert!(!shown.contains("5ecret"), "{shown}");
    }
}

/// Rows: S4-14.
#[test]
fn s4_14_a_wrong_configuration_is_said_at_once() {
    let error = |change: fn(&mut config::Consul)| {
        let mut settings = settings("http://user:hunter2@localhost:8500/consul/");
        change(&mut settings);
        Consul::new(&settings).unwrap_err().to_string()
    };

    let address = "Consul at http://localhost:8500/consul, service";
    assert_eq!(
        error(|it| it.service = " ".to_owned()),
        format!("{address} \" \": the service has no name")
    );
    assert_eq!(
        error(|it| it.token = Some(Secret::from("a\nb"))),
        format!("{address} \"nats-service\": the token has characters that no token has")
    );
    let scheme = error(|it| it.address = "ftp://user:hunter2@host".to_owned());
    assert!(scheme.contains("neither http nor https") && !scheme.contains("hunter2"), "{scheme}");
    assert!(error(|it| it.address = String::new()).contains("the address is wrong: empty host"));
    assert!(error(|it| it.address = "host?x=y".to_owned()).contains("more than scheme"));
}

#[tokio::test]
async fn an_address_without_scheme_and_one_with_a_path_are_asked() {
    let replies = || [Reply::List(1, list(&[("a", 1)]))];
    let (plain, path) = (Stub::start(replies()).await, Stub::start(replies()).await);

    let mut settings = settings(&plain.address.to_string());
    settings.service = "a/b c?".to_owned();
    assert!(Consul::new(&settings).unwrap().healthy().await.is_ok());
    settings.address = format!("{}/behind/proxy/", path.url());
    assert!(Consul::new(&settings).unwrap().healthy().await.is_ok());

    assert_eq!(plain.lines(), ["GET /v1/health/service/a%2Fb%20c%3F?passing=true"]);
    assert_eq!(path.lines(), ["GET /behind/proxy/v1/health/service/a%2Fb%20c%3F?passing=true"]);
}

/// With `https` there is TLS, without a provider that the process would have to install.
#[tokio::test]
async fn https_begins_a_handshake() {
    let stub = Stub::start([Reply::Bytes(b"no TLS here".to_vec())]).await;
    match Consul::new(&settings(&format!("https://{}", stub.address))) {
        Ok(consul) => {
            let error = consul.healthy().await.unwrap_err();
            let expected =
                matches!(error.cause, DiscoveryCause::Unreachable(_) | DiscoveryCause::Timeout(_));
            assert!(expected, "{error}");
            assert!(stub.lines().is_empty(), "nothing was sent in the clear");
        }
        Err(error) => assert!(error.to_string().contains("no certificates to trust"), "{error}"),
    }
}

/// A redirect would carry the token elsewhere.
#[tokio::test]
async fn a_redirect_is_not_followed() {
    let elsewhere = Stub::start([Reply::List(1, list(&[]))]).await;
    let redirect = format!(
        "HTTP/1.1 307 Temporary Redirect\r\nLocation: {}/v1/x\r\nContent-Length: 0\r\n\r\n",
        elsewhere.url()
    );
    let stub = Stub::start([Reply::Bytes(redirect.into_bytes())]).await;

    let error = consul(&stub).healthy().await.unwrap_err();

    assert!(matches!(error.cause, DiscoveryCause::Status { status: 307, .. }), "{error}");
    assert!(elsewhere.lines().is_empty());
}

/// Rows: S4-77.
#[tokio::test]
async fn s4_77_without_help_of_consul_the_configured_servers_are_used() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let mut configured = Config::new(["nats://a:1", "nats://b:2"]);
    let cut = b"HTTP/1.1 200 OK\r\nX-Consul-Index: 1\r\nContent-Length: 90\r\n\r\n[".to_vec();
    for (reply, cause) in [
        (None, "can't be reached: Connection refused"),
        (Some(Reply::Status(500, "No cluster leader")), "answered 500: No cluster leader"),
        (Some(Reply::Silence), "no answer in 300ms"),
        (Some(Reply::List(7, "[]".to_owned())), "Consul lists no healthy instance"),
        (Some(Reply::List(7, "{\"Node\":".to_owned())), "the answer can't be read: invalid type"),
        (Some(Reply::List(7, "[{\"Node\":{}}]".to_owned())), "missing field `Address`"),
        (Some(Reply::List(7, list(&[("a b", 1)]))), "\"a b\" is no address of an instance"),
        (Some(Reply::Plain("<html>".to_owned())), "the answer can't be read: expected value"),
        (Some(Reply::Bytes(b"220 smtp ready\r\n".to_vec())), "can't be reached: invalid HTTP"),
        (Some(Reply::Bytes(cut)), "can't be reached: "),
        (Some(Reply::Bytes(Vec::new())), "can't be reached: "),
    ] {
        let stub = match reply {
            Some(reply) => Some(Stub::start([reply]).await),
            None => None,
        };
        let address = match &stub {
            Some(stub) => stub.url(),
            None => refused().await,
        };
        configured.consul = Some(settings(&address));

        let begun = Instant::now();
        assert_eq!(resolve(&configured).await, ["nats://a:1", "nats://b:2"], "{cause}");

        assert!(begun.elapsed() < Duration::from_secs(3), "{cause}");
        let warning = log.take();
        assert!(warning.starts_with("WARN ") && warning.contains(cause), "{cause}: {warning}");
        assert!(warning.contains("nats-service"), "{warning}");
        assert!(warning.contains(&address) || cause.contains("lists no"), "{warning}");
    }
}

/// Rows: S4-73, S4-75.
#[tokio::test]
async fn s4_75_discovered_servers_are_used_instead_of_the_configured_ones() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let stub = Stub::start([Reply::List(20, RECORDED.to_owned())]).await;
    let mut configured = Config::new(["nats://a:1"]);

    assert_eq!(resolve(&configured).await, ["nats://a:1"]);
    assert!(stub.lines().is_empty());
    configured.consul = Some(settings(&stub.url()));
    assert_eq!(resolve(&configured).await, ["nats://10.0.0.1:4222", "nats://127.0.0.1:4223"]);
    assert_eq!(log.take(), "");
}

/// Rows: S4-76.
#[tokio::test]
async fn s4_76_a_watch_gives_every_list_that_differs() {
    let (one, two) = (list(&[("a", 1)]), list(&[("a", 1), ("b", 1)]));
    let wait = Duration::from_millis(50);
    let stub = Stub::start([
        Reply::List(5, one.clone()),
        // The index moves, the list doesn't.
        Reply::Later(wait, 6, one.clone()),
        Reply::Later(wait, 7, two.clone()),
        Reply::Later(wait, 9, "[]".to_owned()),
        // The state was restored from a snapshot: asked again at once, without index.
        Reply::Later(wait, 3, one),
        Reply::Later(wait, 3, two),
    ])
    .await;
    let mut watcher = consul(&stub).watch(quick());
    assert_eq!(watcher.current(), None);

    assert_eq!(next(&mut watcher).await, ["nats://a:1"]);
    assert_eq!(next(&mut watcher).await, ["nats://a:1", "nats://b:1"]);
    assert_eq!(next(&mut watcher).await, Vec::<String>::new());
    assert_eq!(next(&mut watcher).await, ["nats://a:1"]);
    assert_eq!(next(&mut watcher).await, ["nats://a:1", "nats://b:1"]);
    assert_eq!(watcher.current().unwrap().len(), 2);

    while stub.lines().len() < 7 {
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    let path = "GET /v1/health/service/nats-service?passing=true";
    let blocking = |index: u64| format!("{path}&index={index}&wait=60000ms");
    let expected = [
        path.to_owned(),
        blocking(5),
        blocking(6),
        blocking(7),
        blocking(9),
        path.to_owned(),
        blocking(3),
    ];
    assert_eq!(stub.lines(), expected);
}

/// Rows: S4-76, S4-77.
#[tokio::test]
async fn s4_76_a_watch_outlives_errors_and_says_so_once() {
    let log = Log::default();
    let _guard = tracing::subscriber::set_default(log.clone());
    let stub = Stub::start([
        Reply::List(5, list(&[("a", 1)])),
        Reply::Status(500, "No cluster leader"),
        Reply::Bytes(Vec::new()),
        Reply::List(6, "[".to_owned()),
        Reply::Plain("[]".to_owned()),
        Reply::List(2, list(&[("b", 1)])),
    ])
    .await;
    let mut watcher = consul(&stub).watch(quick());

    assert_eq!(next(&mut watcher).await, ["nats://a:1"]);
    // Not the empty list of the answer without index.
    assert_eq!(next(&mut watcher).await, ["nats://b:1"]);

    let text = log.take();
    let lines: Vec<&str> = text.lines().collect();
    assert_eq!(lines.len(), 2, "{text}");
    assert!(lines[0].starts_with("WARN") && lines[0].contains("No cluster leader"), "{text}");
    assert!(lines[1].starts_with("INFO") && lines[1].contains("failures=4"), "{text}");
    // After errors it asks anew, without the index of before.
    assert_eq!(stub.lines()[5], "GET /v1/health/service/nats-service?passing=true");
}

/// The timeout of a blocking query is its wait besides; one that is never answered is given up.
#[tokio::test]
async fn a_blocking_query_may_take_as_long_as_it_was_told_but_not_for_ever() {
    let stub = Stub::start([
        Reply::List(5, list(&[("a", 1)])),
        Reply::Later(Duration::from_millis(600), 6, list(&[("b", 1)])),
        Reply::Silence,
        Reply::List(7, list(&[("c", 1)])),
    ])
    .await;
    let mut watcher =
        consul(&stub).watch(WatchOptions { wait: Duration::from_millis(500), ..quick() });

    for expected in ["nats://a:1", "nats://b:1", "nats://c:1"] {
        assert_eq!(next(&mut watcher).await, [expected]);
    }
}

#[tokio::test]
async fn a_watch_ends_when_dropped_and_never_spins() {
    let stub = Stub::start((0..1000).map(|_| Reply::List(0, "[]".to_owned()))).await;
    let interval_min = Duration::from_millis(50);
    let mut watcher = consul(&stub).watch(WatchOptions { interval_min, ..quick() });

    assert_eq!(next(&mut watcher).await, Vec::<String>::new());
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert!(stub.lines().len() <= 12, "{}", stub.lines().len());

    drop(watcher);
    tokio::time::sleep(Duration::from_millis(50)).await;
    let asked = stub.lines().len();
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!(stub.lines().len(), asked);
}

/// Rows: S4-86.
#[tokio::test]
async fn s4_86_an_instance_is_registered_with_its_check_and_deregistered() {
    let unknown = Reply::Status(404, "Unknown service ID \"n/1\".");
    let ok = || Reply::Plain(String::new());
    let stub = Stub::start([ok(), ok(), ok(), unknown]).await;
    let consul = consul(&stub);
    let mut registration = Registration {
        id: "n/1".to_owned(),
        address: Some("10.0.0.1".to_owned()),
        port: 4222,
        tags: vec!["blue".to_owned()],
        meta: BTreeMap::from([("version".to_owned(), "2".to_owned())]),
        check: Some(Check {
            probe: Probe::Http("http://10.0.0.1:8222/healthz".to_owned()),
            interval: Duration::from_secs(10),
            timeout: Duration::from_millis(1500),
            deregister_after: Some(Duration::from_mins(1)),
        }),
    };

    consul.register(&registration).await.unwrap();
    registration.address = None;
    registration.check = None;
    consul.register(&registration).await.unwrap();
    consul.deregister("n/1").await.unwrap();
    let error = consul.deregister("n/1").await.unwrap_err();

    assert!(error.to_string().ends_with("answered 404: Unknown service ID \"n/1\"."), "{error}");
    let questions = stub.questions();
    assert_eq!(questions[0].line, "PUT /v1/agent/service/register");
    assert_eq!(questions[2].line, "PUT /v1/agent/service/deregister/n%2F1");
    let body: serde_json::Value = serde_json::from_str(&questions[0].body).unwrap();
    let expected = serde_json::json!({
        "ID": "n/1", "Name": "nats-service", "Address": "10.0.0.1", "Port": 4222,
        "Tags": ["blue"], "Meta": {"version": "2"},
        "Check": {
            "HTTP": "http://10.0.0.1:8222/healthz", "Interval": "10000ms", "Timeout": "1500ms",
            "DeregisterCriticalServiceAfter": "60000ms",
        },
    });
    assert_eq!(body, expected);
    let body: serde_json::Value = serde_json::from_str(&questions[1].body).unwrap();
    assert!(body.get("Address").is_none() && body.get("Check").is_none(), "{body}");
}
