//! Against a Consul in development mode, if there is one on `PATH`: 1.14 or later.

use std::net::TcpListener;
use std::process::Stdio;

use tokio::net::TcpListener as Server;
use tokio::process::{Child, Command};
use tokio::time::{sleep, timeout};

use super::*;

struct Agent {
    _process: Child,
    settings: config::Consul,
}

/// None, loudly, without a `consul` to start.
fn start() -> Option<Agent> {
    let listeners: Vec<TcpListener> =
        (0..4).map(|_| TcpListener::bind("127.0.0.1:0").unwrap()).collect();
    let ports: Vec<u16> =
        listeners.iter().map(|listener| listener.local_addr().unwrap().port()).collect();
    drop(listeners);
    let process = Command::new("consul")
        .args(["agent", "-dev", "-log-level=error", "-bind=127.0.0.1", "-dns-port=-1"])
        .args(["-grpc-port=-1", "-grpc-tls-port=-1"])
        .arg(format!("-http-port={}", ports[0]))
        .arg(format!("-server-port={}", ports[1]))
        .arg(format!("-serf-lan-port={}", ports[2]))
        .arg(format!("-serf-wan-port={}", ports[3]))
        .stdout(Stdio::null())
        .kill_on_drop(true)
        .spawn();
    let Ok(process) = process else {
        eprintln!("SKIPPED: no `consul` on PATH");
        return None;
    };
    let settings = config::Consul {
        address: format!("http://127.0.0.1:{}", ports[0]),
        service: "nats-service".to_owned(),
        token: None,
        timeout: Duration::from_secs(5),
    };
    Some(Agent { _process: process, settings })
}

async fn next(watcher: &mut Watcher) -> Vec<String> {
    timeout(Duration::from_secs(30), watcher.changed()).await.unwrap().unwrap()
}

fn registration(id: &str, port: u16, probe: Option<Probe>) -> Registration {
    Registration {
        id: id.to_owned(),
        address: Some("127.0.0.1".to_owned()),
        port,
        check: probe.map(|probe| Check {
            probe,
            interval: Duration::from_secs(1),
            timeout: Duration::from_secs(1),
            deregister_after: Some(Duration::from_mins(1)),
        }),
        ..Registration::default()
    }
}

/// Rows: S4-14, S4-74, S4-76, S4-86.
#[tokio::test]
async fn s4_76_a_real_consul_tells_who_comes_and_goes() {
    let Some(agent) = start() else { return };
    let consul = Consul::new(&agent.settings).unwrap();
    // Until it leads itself it refuses.
    for _ in 0..300 {
        if consul.register(&registration("first", 4001, None)).await.is_ok()
            && consul.healthy().await.is_ok_and(|urls| !urls.is_empty())
        {
            break;
        }
        sleep(Duration::from_millis(100)).await;
    }
    let mut watcher = consul.watch(WatchOptions::default());
    assert_eq!(next(&mut watcher).await, ["nats://127.0.0.1:4001"]);

    // It appears once its check passed, and goes when what it probes does.
    let server = Server::bind("127.0.0.1:0").await.unwrap();
    let address = server.local_addr().unwrap();
    let second = registration("second", address.port(), Some(Probe::Tcp(address.to_string())));
    consul.register(&second).await.unwrap();
    let url = format!("nats://{address}");
    assert!(next(&mut watcher).await.contains(&url));
    drop(server);
    assert_eq!(next(&mut watcher).await, ["nats://127.0.0.1:4001"]);

    let probe = Probe::Http(format!("{}/v1/status/leader", agent.settings.address));
    consul.register(&registration("third", 4003, Some(probe))).await.unwrap();
    assert_eq!(next(&mut watcher).await, ["nats://127.0.0.1:4001", "nats://127.0.0.1:4003"]);

    for id in ["first", "third"] {
        consul.deregister(id).await.unwrap();
    }
    while !next(&mut watcher).await.is_empty() {}
    let error = consul.deregister("first").await.unwrap_err();
    assert!(error.to_string().contains("Unknown service ID"), "{error}");
}
