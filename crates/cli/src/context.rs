//! The connection a command works on, made from flags and environment.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use async_nats::jetstream::context::ContextBuilder;
use async_nats::{Client, ConnectOptions, Event, ServerAddr, ServerError, jetstream};
use futures_util::StreamExt;
use parking_lot::Mutex;
use tokio::sync::Notify;

use crate::args::Global;
use crate::output::Printer;
use crate::problem::{self, Problem};

/// Most server errors that are remembered: the first ones tell the story.
const ERRORS_MAX: usize = 16;

/// A connected command.
#[derive(Debug)]
pub(crate) struct Session {
    /// The connection.
    pub(crate) client: Client,
    /// JetStream over it.
    pub(crate) js: jetstream::Context,
    /// How long to wait for an answer.
    pub(crate) timeout: Duration,
    /// Where output goes.
    pub(crate) out: Printer,
    /// The `--output` of commands that write a file.
    pub(crate) file: Option<String>,
    complaints: Arc<Complaints>,
    trace: bool,
}

/// What the server complained about, which arrives apart from the command that caused it.
#[derive(Debug, Default)]
struct Complaints {
    texts: Mutex<Vec<String>>,
    arrived: Notify,
}

impl Complaints {
    fn add(&self, text: String) {
        let mut texts = self.texts.lock();
        if texts.len() < ERRORS_MAX {
            texts.push(text);
        }
        drop(texts);
        self.arrived.notify_waiters();
    }

    fn mentions(&self, word: &str) -> bool {
        self.texts.lock().iter().any(|text| text.contains(word))
    }
}

impl Session {
    /// Connects as `global` says.
    pub(crate) async fn connect(global: &Global) -> Result<Session> {
        Session::connect_to(global, &global.server).await
    }

    /// Connects to `server` with the rest of what `global` says.
    pub(crate) async fn connect_to(global: &Global, server: &str) -> Result<Session> {
        let out = global.printer();
        let complaints = Arc::new(Complaints::default());
        let addresses = addresses(server)?;
        let options = options(global, &addresses).await?;
        let inboxes = global.inbox_prefix.clone().unwrap_or_else(|| "_INBOX".to_owned());
        let options = watch(options, Arc::clone(&complaints), out.clone(), inboxes);
        let server = &redacted(server);
        let connecting = options.connect(addresses.as_slice());
        let Ok(connected) = tokio::time::timeout(global.timeout, connecting).await else {
            let problem = Problem::new(format!("{server} does not answer in time"));
            return Err(problem.with_remedy("wait longer with --timeout").into());
        };
        let client = connected.map_err(|error| problem::connection(server, &error))?;
        let builder = ContextBuilder::new().timeout(global.timeout);
        let js = match (&global.js_api_prefix, &global.js_domain) {
            (Some(prefix), _) => builder.api_prefix(prefix.as_str()).build(client.clone()),
            (None, Some(domain)) => builder.domain(domain.as_str()).build(client.clone()),
            (None, None) => builder.build(client.clone()),
        };
        let file = global.file();
        Ok(Session {
            client,
            js,
            timeout: global.timeout,
            out,
            file,
            complaints,
            trace: global.trace,
        })
    }

    /// Waits until the server has handled all that was sent before; says how long that took.
    ///
    /// # Errors
    ///
    /// What the server complained about, if it did.
    pub(crate) async fn round_trip(&self) -> Result<Duration> {
        let inbox = self.client.new_inbox();
        let mut echo = self.client.subscribe(inbox.clone()).await?;
        let start = Instant::now();
        self.client.publish(inbox.clone(), bytes::Bytes::new()).await?;
        self.client.flush().await?;
        let deadline = tokio::time::sleep(self.timeout);
        tokio::pin!(deadline);
        loop {
            let complaint = self.complaints.arrived.notified();
            // A server that forbids the inbox says so after it has handled everything before it.
            if self.complaints.mentions(&inbox) {
                break;
            }
            tokio::select! {
                _ = echo.next() => break,
                () = complaint => (),
                () = &mut deadline => {
                    self.complaint_about_us(&inbox)?;
                    let problem = Problem::new("the server does not answer in time");
                    return Err(problem.with_remedy("wait longer with --timeout").into());
                }
            }
        }
        let elapsed = start.elapsed();
        self.complaint_about_us(&inbox)?;
        Ok(elapsed)
    }

    /// The first complaint that is not about `inbox`, as an error.
    fn complaint_about_us(&self, inbox: &str) -> Result<()> {
        let texts = self.complaints.texts.lock();
        match texts.iter().find(|text| !text.contains(inbox)) {
            None => Ok(()),
            Some(text) => Err(Problem::new(text.clone()).into()),
        }
    }

    /// Sends what is still to be sent.
    pub(crate) async fn close(&self) -> Result<()> {
        self.client.flush().await.context("can't send the last messages")
    }

    /// Tells people what goes on.
    pub(crate) fn note(&self, text: &str) {
        self.out.note(text);
    }

    /// Tells what the API is asked and answers, with `--trace`.
    pub(crate) fn trace(&self, text: impl FnOnce() -> String) {
        if self.trace {
            self.out.note(&text());
        }
    }
}

/// The addresses in a comma-separated list.
pub(crate) fn addresses(server: &str) -> Result<Vec<ServerAddr>> {
    let mut addresses = Vec::new();
    for url in server.split(',').map(str::trim).filter(|url| !url.is_empty()) {
        if url.starts_with("ws://") || url.starts_with("wss://") {
            let problem = Problem::usage(format!("{url}: websocket connections are not supported"));
            return Err(problem.with_remedy("use a nats:// or tls:// URL").into());
        }
        let address: ServerAddr = url.parse().map_err(|error| {
            Problem::usage(format!("server {url:?}: {error}"))
                .with_remedy("a server looks like nats://localhost:4222")
        })?;
        addresses.push(address);
    }
    if addresses.is_empty() {
        return Err(Problem::usage("--server is empty").into());
    }
    Ok(addresses)
}

/// `server` without the passwords and tokens in it.
fn redacted(server: &str) -> String {
    let url = |url: &str| match (url.split_once("://"), url.rsplit_once('@')) {
        (Some((scheme, _)), Some((_, host))) => format!("{scheme}://{host}"),
        (None, Some((_, host))) => host.to_owned(),
        (_, None) => url.to_owned(),
    };
    server.split(',').map(url).collect::<Vec<String>>().join(",")
}

/// `%40` as `@`, and so on.
fn percent_decoded(text: &str) -> String {
    let mut bytes = Vec::new();
    let mut rest = text.as_bytes();
    while let Some((&first, tail)) = rest.split_first() {
        let code = tail.get(..2).and_then(|hex| std::str::from_utf8(hex).ok());
        let code = code.filter(|_| first == b'%').and_then(|hex| u8::from_str_radix(hex, 16).ok());
        bytes.push(code.unwrap_or(first));
        rest = if code.is_some() { &tail[2..] } else { tail };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

async fn options(global: &Global, addresses: &[ServerAddr]) -> Result<ConnectOptions> {
    let mut options = ConnectOptions::new()
        .name(&global.connection_name)
        .connection_timeout(global.timeout)
        .request_timeout(Some(global.timeout));
    // As in nats: what a URL says goes before flags. The library does not look at it.
    let in_url = addresses.iter().find(|address| address.has_user_pass());
    options = match in_url.map(|address| (address.username(), address.password())) {
        Some((Some(user), Some(password))) => {
            options.user_and_password(percent_decoded(user), percent_decoded(password))
        }
        Some((Some(token), None)) => options.token(percent_decoded(token)),
        _ => credentials(options, global).await?,
    };
    if let Some(prefix) = &global.inbox_prefix {
        options = options.custom_inbox_prefix(prefix);
    }
    if let Some(ca) = &global.tlsca {
        options = options.add_root_certificates(existing(ca, "--tlsca")?.into());
    }
    match (&global.tlscert, &global.tlskey) {
        (Some(cert), Some(key)) => {
            let (cert, key) = (existing(cert, "--tlscert")?, existing(key, "--tlskey")?);
            options = options.add_client_certificate(cert.into(), key.into());
        }
        (None, None) => (),
        _ => return Err(Problem::usage("--tlscert and --tlskey need each other").into()),
    }
    if global.tlsfirst {
        options = options.tls_first();
    }
    Ok(options)
}

async fn credentials(options: ConnectOptions, global: &Global) -> Result<ConnectOptions> {
    if let Some(creds) = &global.creds {
        let file = options.credentials_file(creds).await;
        return file.with_context(|| format!("can't use the credentials in {}", creds.display()));
    }
    if let Some(nkey) = &global.nkey {
        return Ok(options.nkey(seed(nkey)?));
    }
    if let Some(jwt) = &global.jwt {
        let seed_text = global
            .seed
            .as_ref()
            .ok_or_else(|| Problem::usage("--jwt needs the --seed it belongs to"))?;
        let key = Arc::new(nkeys::KeyPair::from_seed(&seed(seed_text)?).context("bad --seed")?);
        let jwt = file_or_text(jwt)?;
        return Ok(options.jwt(jwt.trim().to_owned(), move |nonce| {
            let key = Arc::clone(&key);
            async move { key.sign(&nonce).map_err(async_nats::AuthError::new) }
        }));
    }
    if let Some(token) = &global.token {
        return Ok(options.token(token.clone()));
    }
    Ok(match (&global.user, &global.password) {
        (Some(user), Some(password)) => options.user_and_password(user.clone(), password.clone()),
        // As in nats: a user without a password is a token.
        (Some(token), None) => options.token(token.clone()),
        (None, Some(_)) => return Err(Problem::usage("--password needs --user").into()),
        (None, None) => options,
    })
}

/// The seed in `text`, or in the file of that name.
fn seed(text: &str) -> Result<String> {
    let content = file_or_text(text)?;
    let is_seed = |line: &&str| line.starts_with('S') && 50 <= line.len() && !line.contains(' ');
    let found = content.lines().map(str::trim).find(is_seed).map(str::to_owned);
    found.ok_or_else(|| Problem::usage(format!("{text:?} is no seed and no file with one")).into())
}

fn file_or_text(text: &str) -> Result<String> {
    if Path::new(text).is_file() {
        return std::fs::read_to_string(text).with_context(|| format!("can't read {text}"));
    }
    Ok(text.to_owned())
}

fn existing<'a>(path: &'a Path, flag: &str) -> Result<&'a Path> {
    if path.is_file() {
        return Ok(path);
    }
    Err(Problem::usage(format!("{flag}: there is no file {}", path.display())).into())
}

fn watch(
    options: ConnectOptions,
    complaints: Arc<Complaints>,
    out: Printer,
    inboxes: String,
) -> ConnectOptions {
    options.event_callback(move |event| {
        match event {
            Event::Disconnected => out.note("Disconnected, will attempt to reconnect"),
            Event::LameDuckMode => out.note("The server is about to shut down"),
            Event::SlowConsumer(_) => out.note("Slow consumer: messages were dropped"),
            Event::ServerError(ServerError::Other(text)) => {
                // Round trips try inboxes out; who minds their refusal says so.
                if !text.contains(&inboxes) {
                    out.note(&format!("Unexpected server error: {text}"));
                }
                complaints.add(text);
            }
            Event::ServerError(error) => complaints.add(error.to_string()),
            Event::ClientError(error) => out.note(&format!("Client error: {error}")),
            Event::Connected | Event::Draining | Event::Closed => (),
        }
        std::future::ready(())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn servers_are_a_list_of_urls() {
        let hosts = |text| -> Vec<String> {
            let addresses = addresses(text).unwrap();
            addresses
                .iter()
                .map(|address| format!("{}:{}", address.host(), address.port()))
                .collect()
        };
        assert_eq!(hosts("localhost"), ["localhost:4222"]);
        assert_eq!(hosts("nats://a:1, tls://b:2"), ["a:1", "b:2"]);
        for bad in ["", " , ", "ws://a", "nats://:x"] {
            assert!(addresses(bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn passwords_are_not_shown() {
        let cases = [
            ("nats://a:1", "nats://a:1"),
            ("nats://u:p@a:1,tok@b", "nats://a:1,b"),
            ("nats://u:p@q@a", "nats://a"),
        ];
        for (server, expected) in cases {
            assert_eq!(redacted(server), expected);
        }
    }

    #[test]
    fn percent_codes_are_decoded() {
        for (text, expected) in [("a%40b", "a@b"), ("100%", "100%"), ("%zz%41", "%zzA"), ("", "")] {
            assert_eq!(percent_decoded(text), expected);
        }
    }
}
