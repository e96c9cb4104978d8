//! A second stream and its consumer, created and deleted right before the power goes.

use anyhow::{Result, ensure};
use serde_json::{Value, json};

use crate::peer::Server;
use crate::promises::{Findings, answered};

const STREAM: &str = "SHORTLIVED";
const CONSUMER: &str = "passing";

/// What there has to be, by the answers.
#[derive(Debug, Default)]
pub(super) struct Lifecycle {
    steps: u64,
    /// Messages of the stream, if there is one.
    stream: Option<u64>,
    consumer: bool,
}

impl Lifecycle {
    /// The next step, answered: a stream, its consumer, without the consumer, without the stream.
    pub(super) fn step(&mut self, server: &Server) -> Result<()> {
        let mut conn = server.connect()?;
        let round = self.steps / 4;
        match (self.steps % 4, self.stream, self.consumer) {
            (_, None, _) => {
                let config = json!({"name": STREAM, "subjects": ["shortlived"]});
                conn.api(&format!("STREAM.CREATE.{STREAM}"), &config)?;
                self.stream = Some(0);
                // Another number each time, to tell one stream from the next.
                for n in 1..=1 + round % 5 {
                    let ack = conn.request("shortlived", b"short")?;
                    ensure!(ack["seq"] == n, "not acknowledged as {n}: {ack}");
                    self.stream = Some(n);
                }
                self.steps = round * 4 + 1;
            }
            (1, Some(_), false) => {
                let config = json!({
                    "stream_name": STREAM,
                    "config": {"durable_name": CONSUMER, "ack_policy": "explicit"},
                });
                conn.api(&format!("CONSUMER.DURABLE.CREATE.{STREAM}.{CONSUMER}"), &config)?;
                self.consumer = true;
                self.steps += 1;
            }
            // In every other round the consumer goes with its stream.
            (2, Some(_), true) if round.is_multiple_of(2) => {
                conn.api(&format!("CONSUMER.DELETE.{STREAM}.{CONSUMER}"), &Value::Null)?;
                self.consumer = false;
                self.steps += 1;
            }
            _ => {
                conn.api(&format!("STREAM.DELETE.{STREAM}"), &Value::Null)?;
                (self.stream, self.consumer) = (None, false);
                self.steps = (round + 1) * 4;
            }
        }
        Ok(())
    }

    /// Compares with what there is, and goes on from that.
    pub(super) fn check(&mut self, server: &Server, findings: &mut Findings) -> Result<()> {
        let mut conn = server.connect()?;
        let info = answered(&mut conn, &format!("STREAM.INFO.{STREAM}"))?;
        let stream = info["state"]["messages"].as_u64();
        let info = answered(&mut conn, &format!("CONSUMER.INFO.{STREAM}.{CONSUMER}"))?;
        let consumer = info.get("error").is_none();
        let words = format!(
            "after step {}: {STREAM} has {stream:?} messages, a consumer: {consumer}; answered \
             were {:?} and {}",
            self.steps, self.stream, self.consumer
        );
        match (self.stream, stream) {
            (Some(_), None) => findings.add(|it| &mut it.vanished, || words.clone()),
            (None, Some(_)) => findings.add(|it| &mut it.reborn, || words.clone()),
            (Some(before), Some(now)) if now < before => {
                findings.add(|it| &mut it.lost_suffix, || words.clone());
            }
            (Some(before), Some(now)) if before < now => {
                findings.add(|it| &mut it.unexpected, || words.clone());
            }
            _ if self.consumer && !consumer => findings.add(|it| &mut it.vanished, || words),
            _ if consumer && !self.consumer => findings.add(|it| &mut it.reborn, || words),
            _ => (),
        }
        (self.stream, self.consumer) = (stream, consumer);
        Ok(())
    }
}
