//! Core NATS between two clients, as a sign of life beside whatever happens to JetStream.

use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Result, ensure};

use crate::conn::is_timeout;
use crate::peer::Server;
use crate::wire;

/// Round trips through the server.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Pulse {
    pub(crate) beats: usize,
    pub(crate) lost: usize,
    pub(crate) p99: Duration,
    pub(crate) max: Duration,
}

impl Pulse {
    /// In words.
    pub(crate) fn words(&self) -> String {
        let Pulse { beats, lost, p99, max } = self;
        format!("{beats} messages, {lost} lost, p99 {p99:.1?}, max {max:.1?}")
    }
}

/// A message every 2 ms from one client to another, for so long.
pub(crate) fn pulse(server: &Server, duration: Duration) -> Result<Pulse> {
    const SUBJECT: &str = "lab.pulse";
    let mut receiver = server.connect()?;
    receiver.send(format!("SUB {SUBJECT} 1\r\n").as_bytes())?;
    receiver.flush()?;
    receiver.stream().set_read_timeout(Some(Duration::from_secs(2)))?;
    let mut sender = server.connect()?;
    let mut taken = Vec::new();
    let mut lost = 0;
    let began = Instant::now();
    while began.elapsed() < duration {
        let sent_at = Instant::now();
        sender.send(&wire::publish(SUBJECT, None, b"beat"))?;
        let mut n_heard = 0;
        while n_heard == 0 {
            let pumped = receiver.pump(|_| {
                n_heard += 1;
                Ok(())
            });
            match pumped {
                Err(error) if is_timeout(&error) => {
                    lost += 1;
                    break;
                }
                other => other?,
            }
        }
        taken.push(sent_at.elapsed());
        thread::sleep(Duration::from_millis(2));
    }
    ensure!(!taken.is_empty(), "no time for a beat");
    taken.sort_unstable();
    let p99 = taken[(taken.len() - 1) * 99 / 100];
    Ok(Pulse { beats: taken.len(), lost, p99, max: taken[taken.len() - 1] })
}
