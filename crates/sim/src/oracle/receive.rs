//! What the server says, held against what it may say.

use serde_json::Value;

use super::{Expect, Model};
use crate::{driver::Mail, script::Kind};

impl Model {
    /// Takes note of a message from the server.
    ///
    /// # Errors
    ///
    /// What is wrong with it.
    pub(crate) fn receive(&mut self, mail: &Mail) -> Result<(), String> {
        if mail.reply.starts_with("$JS.ACK.") {
            self.n_deliveries += 1;
            return self.delivered(mail).map_err(|why| format!("{why}: {}", mail.reply));
        }
        let Some(expected) = self.expected.remove(&mail.to) else {
            // Statuses of pulls.
            let is_status = mail.to.starts_with("_P.") && mail.headers.starts_with(b"NATS/1.0 ");
            return if is_status { Ok(()) } else { Err(format!("nobody waits for {mail:?}")) };
        };
        self.n_answers += 1;
        self.version += 1;
        let result = self.answered(mail, &expected);
        result.map_err(|why| {
            let said = String::from_utf8_lossy(&mail.payload);
            format!("{why}: expected {expected:?}, got {said}")
        })
    }

    fn answered(&mut self, mail: &Mail, expected: &Expect) -> Result<(), String> {
        if let Expect::Ack { stream, op, consumer, seqs } = expected {
            if !mail.payload.is_empty() {
                return Err("an ack is confirmed with an empty message".to_owned());
            }
            for seq in seqs {
                self.consumers[*consumer].promise(*seq);
            }
            // What lives in memory does not wait for the disk.
            if self.consumers[*consumer].spec.kind != Kind::Volatile {
                self.confirm(stream, *op);
            }
            return Ok(());
        }
        if matches!(expected, Expect::Refusal) && mail.payload.is_empty() {
            return Err("a store that takes no writes confirmed an ack".to_owned());
        }
        if mail.headers.starts_with(b"NATS/1.0 503") {
            return if self.is_dead { Ok(()) } else { Err("nobody is there".to_owned()) };
        }
        let json: Value = serde_json::from_slice(&mail.payload).map_err(|e| e.to_string())?;
        let refused = json.get("error").is_some();
        self.n_refused += u64::from(refused);
        match expected {
            Expect::Refusal if refused => Ok(()),
            Expect::Refusal => Err("a store that takes no writes said yes".to_owned()),
            _ if refused && self.is_dead => Ok(()),
            Expect::Publish { stream, op, seq: Some(_) } if refused && self.is_full => {
                self.revert(stream, *op);
                Ok(())
            }
            Expect::Api { stream, op, ok: true, .. } if refused && self.is_full => {
                self.revert(stream, *op);
                Ok(())
            }
            Expect::Publish { stream, op, seq } => {
                let said = json.get("seq").and_then(Value::as_u64).filter(|_| !refused);
                let duplicate = json.get("duplicate").and_then(Value::as_bool).unwrap_or(false);
                if said.map(|seq| (seq, duplicate)) != *seq {
                    return Err("another answer".to_owned());
                }
                if json.get("stream").and_then(Value::as_str) != Some(stream) {
                    return Err("the answer names another stream".to_owned());
                }
                self.confirm(stream, *op);
                Ok(())
            }
            Expect::Api { stream, op, ok, purged } => {
                if *ok == refused {
                    return Err("another answer".to_owned());
                }
                let said = json.get("purged").and_then(Value::as_u64);
                if purged.is_some() && *purged != said {
                    return Err("another number of messages purged".to_owned());
                }
                self.confirm(stream, *op);
                Ok(())
            }
            Expect::Ack { .. } => Ok(()),
        }
    }

    /// `$JS.ACK.<stream>.<consumer>.<deliveries>.<stream seq>.<consumer seq>.<time>.<pending>`
    fn delivered(&mut self, mail: &Mail) -> Result<(), String> {
        let tokens: Vec<&str> = mail.reply.split('.').collect();
        let [_, _, stream, name, numbers @ ..] = &tokens[..] else { return Err("format".into()) };
        let numbers: Vec<u64> = numbers.iter().map(|text| text.parse().unwrap()).collect();
        let (deliveries, seq, pending) = (numbers[0], numbers[1], numbers[4]);
        let id = self.consumer(stream, name).ok_or("delivered by a consumer that is gone")?;
        let state = self.newest(stream).ok_or("delivered from a stream that is gone")?;
        let msg = state.live.get(&seq).ok_or("delivered a message that is gone")?;
        // What takes no writes can't take it out.
        if !self.is_dead && state.too_old(self.now).contains(&seq) {
            return Err("delivered a message that is too old".to_owned());
        }
        if (&*msg.subject, &msg.headers, &msg.payload)
            != (&*mail.subject, &mail.headers, &mail.payload)
        {
            return Err(format!("delivered other bytes than {msg:?}: {mail:?}"));
        }
        let consumer = &self.consumers[id];
        let seen = consumer.deliveries.get(&seq).copied().unwrap_or(0);
        if seq < consumer.start || !consumer.wants(&msg.subject) {
            return Err("delivered a message that the consumer does not want".to_owned());
        }
        if consumer.is_done(seq) {
            let promised = if consumer.is_promised(seq) { "confirmed " } else { "" };
            return Err(format!("delivered again after a {promised}ack"));
        }
        if deliveries == 0 || seen + 1 < deliveries {
            return Err(format!("{deliveries} deliveries, seen {seen} before"));
        }
        let left = state.live.iter().filter(|(other, msg)| {
            seq < **other && consumer.wants(&msg.subject) && !state.leaving.contains(*other)
        });
        let left = u64::try_from(left.count()).unwrap();
        if deliveries == 1 && state.leaving.is_empty() && pending != left {
            return Err(format!("{pending} pending, but {left} are left"));
        }
        let op = msg.op;
        self.consumers[id].deliver(seq, &mail.reply);
        let stream = self.consumers[id].spec.stream;
        self.confirm(stream, op);
        self.version += 1;
        Ok(())
    }
}
