//! `quickstart`: a server, a stream, a consumer and messages, shown step by step.

use std::time::Duration;

use anyhow::{Context, Result};
use async_nats::jetstream::consumer::{AckPolicy, PullConsumer, pull};
use async_nats::jetstream::context::GetStreamErrorKind;
use async_nats::jetstream::stream::{self, StorageType};
use async_nats::jetstream::{self, ErrorCode};
use futures_util::StreamExt;
use serde_json::{Value, json};
use tokio::signal::unix::{SignalKind, signal};
use tradewind_server::{JetStreamOptions, Options, Server, StartError};

use crate::args::Quickstart;
use crate::output::{self, Printer};
use crate::problem::Problem;

const STREAM: &str = "neo-events";
const SUBJECTS: [&str; 3] = ["neo.datafeed.*", "neo.flow.*", "neo.accounts.*"];
const MAX_AGE: Duration = Duration::from_hours(7 * 24);
const MAX_BYTES: i64 = 10 * 1024 * 1024 * 1024;

const CONSUMER: &str = "neofeeds-consumer";
const FILTER: &str = "neo.datafeed.*";
const ACK_WAIT: Duration = Duration::from_secs(30);

/// What is published: a subject and a body each.
const MESSAGES: [(&str, &str); 5] = [
    ("neo.datafeed.prices", r#"{"symbol":"NEO","price":12.34}"#),
    ("neo.datafeed.prices", r#"{"symbol":"GAS","price":4.56}"#),
    ("neo.datafeed.blocks", r#"{"height":7654321}"#),
    ("neo.flow.started", r#"{"flow":"rebalance"}"#),
    ("neo.accounts.created", r#"{"account":"a-1"}"#),
];

/// Most messages that are consumed: what earlier runs left is consumed too.
const BATCH: usize = 100;

/// Does all of it, then serves until Ctrl-C.
pub(crate) async fn run(out: &Printer, args: &Quickstart) -> Result<()> {
    // Before anything is started, so that no signal is missed.
    let mut interrupt = signal(SignalKind::interrupt())?;
    let mut terminate = signal(SignalKind::terminate())?;
    let server = Server::start(options(args)).await.map_err(|error| start_problem(args, &error))?;
    let shown = show(out, args, &server).await;
    if shown.is_ok() && !args.once {
        tokio::select! {
            _ = interrupt.recv() => (),
            _ = terminate.recv() => (),
        }
    }
    server.shutdown().await;
    shown?;
    let kept = format!("everything is kept in {}", args.store_dir.display());
    step(out, "stopped", &kept, json!({"store_dir": args.store_dir}))
}

fn options(args: &Quickstart) -> Options {
    Options {
        host: args.host.clone(),
        port: args.port,
        server_name: "tradewind-quickstart".to_owned(),
        http: Some((args.host.clone(), args.http_port)),
        jetstream: Some(JetStreamOptions::new(&args.store_dir)),
        ..Options::default()
    }
}

fn start_problem(args: &Quickstart, error: &StartError) -> Problem {
    let problem = Problem::new(format!("the server does not start: {error}"));
    match error {
        StartError::Listen { .. } | StartError::Monitor { .. } => problem.with_remedy(
            "stop what listens there, or take other ports with --port and --http-port",
        ),
        _ => problem.with_remedy(format!(
            "is {} in use by another server? Take another directory with --store-dir",
            args.store_dir.display()
        )),
    }
}

/// Shows one step, as a line or a JSON object.
fn step(out: &Printer, name: &str, text: &str, fields: Value) -> Result<()> {
    if !out.is_json() {
        return out.line(&format!("{name:<10} {text}"));
    }
    let mut object = json!({"step": name});
    if let (Some(object), Value::Object(fields)) = (object.as_object_mut(), fields) {
        object.extend(fields);
    }
    out.json_line(&object)
}

async fn show(out: &Printer, args: &Quickstart, server: &Server) -> Result<()> {
    let port = server.client_address().port();
    let host = match args.host.as_str() {
        "0.0.0.0" | "::" => "127.0.0.1",
        host => host,
    };
    let url = format!("nats://{host}:{port}");
    let store = args.store_dir.display();
    let text = format!("serving on {url}, keeping everything in {store}");
    step(out, "server", &text, json!({"url": url, "store_dir": args.store_dir}))?;
    let http_port = server.monitoring_address().map_or(args.http_port, |address| address.port());
    let monitoring = format!("http://{host}:{http_port}");
    step(out, "monitoring", &monitoring, json!({"url": monitoring}))?;

    let client = async_nats::ConnectOptions::new().name("quickstart").connect(&url).await;
    let js = jetstream::new(client.with_context(|| format!("can't connect to {url}"))?);
    let stream = find_or_create_stream(out, &js).await?;
    let consumer = find_or_create_consumer(out, &stream).await?;
    publish(out, &js).await?;
    consume(out, &consumer).await?;
    state(out, &stream, &consumer).await?;
    if out.is_json() || args.once {
        return Ok(());
    }
    out.line("")?;
    out.line("Serving until Ctrl-C. In another terminal:")?;
    let at = if port == 4222 { String::new() } else { format!(" -s {url}") };
    out.line(&format!("  tradewind{at} pub neo.datafeed.prices '{{\"price\":1}}' -J"))?;
    out.line(&format!("  tradewind{at} consumer next {STREAM} {CONSUMER}"))?;
    out.line(&format!("  tradewind{at} stream info {STREAM}"))
}

async fn find_or_create_stream(out: &Printer, js: &jetstream::Context) -> Result<stream::Stream> {
    let created = match js.get_stream(STREAM).await {
        Ok(stream) => {
            let messages = stream.cached_info().state.messages;
            let messages_text = output::quantity(messages, "message");
            let text = format!("{STREAM} is there, with {messages_text}");
            step(
                out,
                "stream",
                &text,
                json!({"name": STREAM, "created": false, "messages": messages}),
            )?;
            return Ok(stream);
        }
        Err(error) => match error.kind() {
            GetStreamErrorKind::JetStream(api)
                if api.error_code() == ErrorCode::STREAM_NOT_FOUND =>
            {
                js.create_stream(stream::Config {
                    name: STREAM.to_owned(),
                    subjects: SUBJECTS.map(str::to_owned).to_vec(),
                    max_age: MAX_AGE,
                    max_bytes: MAX_BYTES,
                    max_messages: -1,
                    max_messages_per_subject: -1,
                    max_message_size: -1,
                    max_consumers: -1,
                    storage: StorageType::File,
                    num_replicas: 1,
                    allow_direct: true,
                    ..Default::default()
                })
                .await
            }
            _ => return Err(error).with_context(|| format!("can't look for stream {STREAM}")),
        },
    };
    let stream = created.with_context(|| format!("can't create stream {STREAM}"))?;
    let text = format!(
        "{STREAM} created: {}; kept {} days, at most {}, in files",
        SUBJECTS.join(", "),
        MAX_AGE.as_secs() / 86_400,
        output::size(MAX_BYTES.unsigned_abs()),
    );
    step(out, "stream", &text, json!({"name": STREAM, "created": true, "messages": 0}))?;
    Ok(stream)
}

async fn find_or_create_consumer(out: &Printer, stream: &stream::Stream) -> Result<PullConsumer> {
    if let Ok(consumer) = stream.get_consumer(CONSUMER).await {
        let text = format!("{CONSUMER} is there");
        step(out, "consumer", &text, json!({"name": CONSUMER, "created": false}))?;
        return Ok(consumer);
    }
    let created = stream
        .create_consumer(pull::Config {
            durable_name: Some(CONSUMER.to_owned()),
            ack_policy: AckPolicy::Explicit,
            ack_wait: ACK_WAIT,
            filter_subject: FILTER.to_owned(),
            ..Default::default()
        })
        .await;
    let consumer = created.with_context(|| format!("can't create consumer {CONSUMER}"))?;
    let text = format!("{CONSUMER} created: durable, explicit acks, filter {FILTER}");
    step(out, "consumer", &text, json!({"name": CONSUMER, "created": true}))?;
    Ok(consumer)
}

async fn publish(out: &Printer, js: &jetstream::Context) -> Result<()> {
    for (subject, body) in MESSAGES {
        let ack = js.publish(subject, body.into()).await?.await;
        let ack = ack.with_context(|| format!("{subject} was not stored"))?;
        let text = format!("{subject} {body} stored on disk as seq {}", ack.sequence);
        step(out, "published", &text, json!({"subject": subject, "seq": ack.sequence}))?;
    }
    Ok(())
}

async fn consume(out: &Printer, consumer: &PullConsumer) -> Result<()> {
    let mut messages = consumer.fetch().max_messages(BATCH).messages().await?;
    while let Some(message) = messages.next().await {
        let message = message.map_err(|error| anyhow::anyhow!(error)).context("can't fetch")?;
        let acked = message.double_ack().await;
        acked.map_err(|error| anyhow::anyhow!(error)).context("can't acknowledge")?;
        let info = message.info().map_err(|error| anyhow::anyhow!(error))?;
        let (seq, delivered) = (info.stream_sequence, info.delivered);
        let again = if delivered == 1 { String::new() } else { format!(", delivery {delivered}") };
        let body = output::printable(&message.payload);
        let text =
            format!("{} {body} from seq {seq}, acknowledged{again}", message.subject.as_str());
        let fields =
            json!({"subject": message.subject.as_str(), "seq": seq, "delivered": delivered});
        step(out, "consumed", &text, fields)?;
    }
    Ok(())
}

async fn state(out: &Printer, stream: &stream::Stream, consumer: &PullConsumer) -> Result<()> {
    let state = stream.get_info().await?.state;
    let info = consumer.get_info().await?;
    let text = format!(
        "{STREAM} has {}, seq {} to {}; {CONSUMER} has {} left and {} unacknowledged",
        output::quantity(state.messages, "message"),
        state.first_sequence,
        state.last_sequence,
        output::quantity(info.num_pending, "message"),
        info.num_ack_pending,
    );
    let fields = json!({
        "messages": state.messages,
        "first_seq": state.first_sequence,
        "last_seq": state.last_sequence,
        "pending": info.num_pending,
        "ack_pending": info.num_ack_pending,
        "ack_floor": info.ack_floor.stream_sequence,
    });
    step(out, "state", &text, fields)
}
