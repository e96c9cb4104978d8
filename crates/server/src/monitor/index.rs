//! The page at `/`.

use std::fmt::Write;

use crate::options::NATS_VERSION;

const LINKS: [(&str, &str); 10] = [
    ("varz", "General"),
    ("jsz", "JetStream"),
    ("connz", "Connections"),
    ("accountz", "Accounts"),
    ("accstatz", "Account Stats"),
    ("subsz", "Subscriptions"),
    ("routez", "Routes"),
    ("leafz", "LeafNodes"),
    ("gatewayz", "Gateways"),
    ("healthz", "Health Probe"),
];

/// Links to the other endpoints, relative as nats-server's are.
pub(super) fn page() -> String {
    let mut links = String::new();
    for (path, title) in LINKS {
        let _ = writeln!(links, "    <li><a href=./{path}>{title}</a> /{path}</li>");
    }
    let version = env!("CARGO_PKG_VERSION");
    format!(
        "<!doctype html>\n<html lang=\"en\">\n  <head><title>Tradewind</title></head>\n  <body>\n    \
         <h1>Tradewind {version}</h1>\n    <p>As nats-server {NATS_VERSION}.</p>\n    <ul>\n{links}    \
         </ul>\n  </body>\n</html>\n"
    )
}
