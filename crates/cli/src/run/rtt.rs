use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use anyhow::Result;
use async_nats::ServerAddr;
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::args::Global;
use crate::args::pubsub::Rtt;
use crate::context::{self, Session};
use crate::output;

/// Time from many round trips to each address of each server.
pub(crate) async fn run(global: &Global, args: &Rtt) -> Result<()> {
    let out = global.printer();
    let mut targets = Vec::new();
    let mut failure = None;
    let mut succeeded = false;
    for server in context::addresses(&global.server)? {
        let mut results = Vec::new();
        for address in addresses(global, &server).await {
            let time = Timestamp::now();
            let measured = measure(global, &server, &address, args.iterations).await;
            let rtt = match measured {
                Ok(rtt) => Some(rtt),
                Err(error) => {
                    out.note(&format!("Failed to compute rtt for {address}: {error}"));
                    failure = Some(error);
                    None
                }
            };
            succeeded |= rtt.is_some();
            results.push((time, address, rtt));
        }
        targets.push((display(&server, server.host()), results));
    }
    if let (false, Some(failure)) = (succeeded, failure) {
        return Err(failure);
    }
    if out.is_json() {
        let target = |(url, results): &(String, Vec<Measured>)| {
            let results: Vec<Value> = results.iter().map(|result| to_json(url, result)).collect();
            json!({"url": url, "results": results})
        };
        return out.json(&targets.iter().map(target).collect());
    }
    for (url, results) in &targets {
        out.line(&format!("{url}:\n"))?;
        let widest =
            results.iter().map(|(_, address, _)| address.len()).max().unwrap_or_default() + 3;
        for (_, address, rtt) in results {
            let rtt = rtt.map_or_else(|| "failed".to_owned(), output::duration);
            out.line(&format!("{address:>widest$}: {rtt}"))?;
        }
        out.line("")?;
    }
    Ok(())
}

/// When, where and how long.
type Measured = (Timestamp, String, Option<Duration>);

fn to_json(url: &str, (time, address, rtt): &Measured) -> Value {
    let nanos = rtt.map(|rtt| u64::try_from(rtt.as_nanos()).unwrap_or(u64::MAX));
    json!({
        "time": time.to_string(),
        "address": address,
        "rtt": nanos.unwrap_or_default(),
        "url": if rtt.is_some() { url } else { "" },
    })
}

/// The addresses behind the name of `server`; with TLS the name itself, which certificates are for.
async fn addresses(global: &Global, server: &ServerAddr) -> Vec<String> {
    let by_name = vec![display(server, server.host())];
    let tls = server.tls_required() || global.tlsca.is_some() || global.tlsfirst;
    if tls || server.host().parse::<IpAddr>().is_ok() {
        return by_name;
    }
    let resolved = tokio::net::lookup_host((server.host(), server.port())).await;
    let ips: Vec<String> = resolved
        .map(|found| found.map(|found: SocketAddr| display(server, &host(found.ip()))).collect())
        .unwrap_or_default();
    if ips.is_empty() { by_name } else { ips }
}

fn host(ip: IpAddr) -> String {
    match ip {
        IpAddr::V4(ip) => ip.to_string(),
        IpAddr::V6(ip) => format!("[{ip}]"),
    }
}

/// `server` at `host`, without the password.
fn display(server: &ServerAddr, host: &str) -> String {
    format!("{}://{host}:{}", server.scheme(), server.port())
}

async fn measure(
    global: &Global,
    server: &ServerAddr,
    address: &str,
    iterations: u32,
) -> Result<Duration> {
    let user = match (server.username(), server.password()) {
        (Some(user), Some(password)) => format!("{user}:{password}@"),
        (Some(user), None) => format!("{user}@"),
        _ => String::new(),
    };
    let session =
        Session::connect_to(global, &address.replacen("://", &format!("://{user}"), 1)).await?;
    let mut sum = Duration::ZERO;
    for _ in 0..iterations {
        sum += session.round_trip().await?;
    }
    Ok(sum / iterations)
}
