//! Small steps that many tests take.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use async_nats::jetstream::consumer::{Consumer, pull};
use async_nats::jetstream::message::{Info, PublishMessage};
use async_nats::jetstream::publish::PublishAck;
use async_nats::jetstream::stream::{Config, State, Stream};
use async_nats::jetstream::{Context, Message};
use async_nats::{Client, Subscriber};
use bytes::Bytes;
use futures_util::StreamExt;
use serde_json::Value;

pub(crate) type Pull = Consumer<pull::Config>;

/// How long a test waits for what must happen.
pub(crate) const PATIENCE: Duration = Duration::from_secs(10);

pub(crate) const fn ms(count: u64) -> Duration {
    Duration::from_millis(count)
}

/// Waits for `step`, but not for ever.
pub(crate) async fn soon<F: Future>(what: &str, step: F) -> F::Output {
    let done = tokio::time::timeout(PATIENCE, step).await;
    done.unwrap_or_else(|_| panic!("not within {PATIENCE:?}: {what}"))
}

/// Asks again and again until `check` says yes.
pub(crate) async fn eventually<F, Fut>(what: &str, mut check: F)
where
    F: FnMut() -> Fut,
    Fut: Future<Output = bool>,
{
    let deadline = Instant::now() + PATIENCE;
    while !check().await {
        assert!(Instant::now() < deadline, "not within {PATIENCE:?}: {what}");
        tokio::time::sleep(ms(5)).await;
    }
}

/// A file stream with default limits.
pub(crate) async fn stream(js: &Context, name: &str, subjects: &[&str]) -> Stream {
    stream_with(js, Config { name: name.into(), subjects: owned(subjects), ..Config::default() })
        .await
}

pub(crate) async fn stream_with(js: &Context, config: Config) -> Stream {
    js.create_stream(config).await.expect("the stream is created")
}

pub(crate) fn owned(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

pub(crate) async fn publish(js: &Context, subject: &str, body: impl Into<Bytes>) -> PublishAck {
    let sent = js.publish(subject.to_owned(), body.into()).await.expect("the publish is sent");
    sent.await.expect("the publish is acknowledged")
}

/// Publishes the bodies `1` to `count` on one subject, all in flight at once.
pub(crate) async fn publish_many(js: &Context, subject: &str, count: u64) {
    let mut acks = Vec::new();
    for i in 1..=count {
        acks.push(js.publish(subject.to_owned(), i.to_string().into()).await.expect("sent"));
    }
    for ack in acks {
        ack.await.expect("acknowledged");
    }
}

/// Publishes and gives the JetStream error code of the refusal.
pub(crate) async fn refused(js: &Context, subject: &str, message: PublishMessage) -> u64 {
    let sent = js.send_publish(subject.to_owned(), message).await.expect("the publish is sent");
    let error = sent.await.expect_err("the publish is refused");
    error_code(&error)
}

/// The JetStream error code in `error`: each kind of call of the client wraps it in its own way.
pub(crate) fn error_code(error: &impl Debug) -> u64 {
    let text = format!("{error:?}");
    let code = text.split("ErrorCode(").nth(1).and_then(|rest| rest.split(')').next());
    let code = code.unwrap_or_else(|| panic!("no JetStream error in {text}"));
    code.parse().expect("a code")
}

/// A durable pull consumer with explicit acks.
pub(crate) async fn durable(stream: &Stream, name: &str) -> Pull {
    consumer(stream, pull::Config { durable_name: Some(name.into()), ..Default::default() }).await
}

pub(crate) async fn consumer(stream: &Stream, config: pull::Config) -> Pull {
    stream.create_consumer(config).await.expect("the consumer is created")
}

/// Pulls exactly `count` messages.
pub(crate) async fn take(consumer: &Pull, count: usize) -> Vec<Message> {
    let messages = batch(consumer, count, PATIENCE.mul_f32(0.8)).await;
    assert_eq!(messages.len(), count, "as many messages as asked for");
    messages
}

pub(crate) async fn take_one(consumer: &Pull) -> Message {
    take(consumer, 1).await.remove(0)
}

/// Pulls up to `count` messages and returns when they are there or the time is up.
pub(crate) async fn batch(consumer: &Pull, count: usize, expires: Duration) -> Vec<Message> {
    let pull = consumer.batch().max_messages(count).expires(expires);
    let mut batch = pull.messages().await.expect("the pull is sent");
    let mut messages = Vec::new();
    while let Some(message) = soon("the end of a batch", batch.next()).await {
        messages.push(message.expect("a message"));
    }
    messages
}

/// Nothing is delivered for that long.
pub(crate) async fn silent(consumer: &Pull, time: Duration) {
    let messages = batch(consumer, 1, time).await;
    assert_eq!(seqs(&messages), Vec::<u64>::new(), "no message is delivered");
}

pub(crate) fn info(message: &Message) -> Info<'_> {
    message.info().expect("the reply subject is an ack subject")
}

pub(crate) fn seqs(messages: &[Message]) -> Vec<u64> {
    messages.iter().map(|message| info(message).stream_sequence).collect()
}

pub(crate) fn bodies(messages: &[Message]) -> Vec<&str> {
    messages.iter().map(|message| std::str::from_utf8(&message.payload).expect("text")).collect()
}

pub(crate) async fn ack_all(messages: &[Message]) {
    for message in messages {
        soon("a confirmed ack", message.double_ack()).await.expect("acknowledged");
    }
}

/// The state of a stream, asked for now.
pub(crate) async fn state(stream: &Stream) -> State {
    stream.get_info().await.expect("stream info").state
}

/// What the server says of a consumer, asked for now.
pub(crate) async fn look(consumer: &Pull) -> async_nats::jetstream::consumer::Info {
    consumer.get_info().await.expect("consumer info")
}

/// The next message of a subscription.
pub(crate) async fn next(sub: &mut Subscriber) -> async_nats::Message {
    soon("a message", sub.next()).await.expect("the subscription is open")
}

/// Nothing has come on `sub` that was sent before now: a marker sent through the same client
/// would overtake nothing.
pub(crate) async fn quiet(client: &Client, sub: &mut Subscriber) {
    client.flush().await.expect("flushed");
    round_trip(client).await;
    if let Ok(message) = tokio::time::timeout(ms(0), sub.next()).await {
        panic!("unexpected: {message:?}");
    }
}

/// A message to ourselves and back: all that the server had for us before is here.
pub(crate) async fn round_trip(client: &Client) {
    let inbox = client.new_inbox();
    let mut sub = client.subscribe(inbox.clone()).await.expect("subscribed");
    client.publish(inbox, Bytes::new()).await.expect("sent");
    next(&mut sub).await;
}

/// Calls the JetStream API with these bytes; `subject` goes without its prefix.
pub(crate) async fn api(client: &Client, subject: &str, body: impl Into<Bytes>) -> Value {
    let answer = client.request(format!("$JS.API.{subject}"), body.into());
    let answer = soon(subject, answer).await.expect("the API answers");
    serde_json::from_slice(&answer.payload).expect("the answer is JSON")
}

/// Calls the JetStream API with a JSON body.
pub(crate) async fn api_json(client: &Client, subject: &str, body: Value) -> Value {
    api(client, subject, body.to_string()).await
}

/// The error code that the API answers to these bytes.
pub(crate) async fn api_error(client: &Client, subject: &str, body: impl Into<Bytes>) -> u64 {
    let answer = api(client, subject, body).await;
    let code = answer.pointer("/error/err_code").and_then(Value::as_u64);
    code.unwrap_or_else(|| panic!("{subject} is refused, but: {answer}"))
}

/// The value of a result that must be an error.
pub(crate) fn fails<T, E>(result: Result<T, E>) -> E {
    match result {
        Ok(_) => panic!("an error was expected"),
        Err(error) => error,
    }
}
