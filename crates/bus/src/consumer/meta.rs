use std::time::Duration;

use jiff::Timestamp;

/// Where a delivery stands in its stream and its consumer: what a JetStream reply subject says
/// (NATS ADR-15).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Meta {
    /// The stream.
    pub stream: String,
    /// The consumer.
    pub consumer: String,
    /// How often the message was delivered, this time included.
    pub num_delivered: u64,
    /// Sequence in the stream.
    pub stream_sequence: u64,
    /// Sequence of deliveries of the consumer.
    pub consumer_sequence: u64,
    /// When it was stored.
    pub timestamp: Timestamp,
    /// Messages that wait behind it.
    pub num_pending: u64,
    /// The JetStream domain, if there is one.
    pub domain: Option<String>,
}

impl Meta {
    /// Reads a reply subject, of nine tokens or, with domain and account, of eleven and more.
    pub fn parse(reply: &str) -> Option<Meta> {
        let mut tokens = [""; 12];
        let mut n_tokens = 0;
        for token in reply.split('.') {
            *tokens.get_mut(n_tokens)? = token;
            n_tokens += 1;
        }
        if n_tokens < 9 || tokens[0] != "$JS" || tokens[1] != "ACK" {
            return None;
        }
        let (domain, at) = match n_tokens {
            9 => (None, 2),
            10 => return None,
            _ => (Some(tokens[2]).filter(|domain| *domain != "_"), 4),
        };
        let number = |place: usize| tokens[at + place].parse::<u64>().ok();
        let nanos = tokens[at + 5].parse::<i64>().ok()?;
        Some(Meta {
            stream: tokens[at].to_owned(),
            consumer: tokens[at + 1].to_owned(),
            num_delivered: number(2)?,
            stream_sequence: number(3)?,
            consumer_sequence: number(4)?,
            timestamp: Timestamp::from_nanosecond(nanos.into()).ok()?,
            num_pending: number(6)?,
            domain: domain.map(str::to_owned),
        })
    }

    /// How long ago it was stored, by our clock and the server's.
    pub fn age(&self) -> Duration {
        let nanos = Timestamp::now().as_nanosecond() - self.timestamp.as_nanosecond();
        Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
    }

    /// Whether it was delivered before.
    pub fn is_redelivered(&self) -> bool {
        1 < self.num_delivered
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rows: S0-74, S1-44, S1-53.
    #[test]
    fn s0_74_the_reply_subject_says_where_a_delivery_stands() {
        let old = Meta::parse("$JS.ACK.ORDERS.work.3.17.20.1700000000000000000.5").unwrap();
        let new = "$JS.ACK.hub.acchash.ORDERS.work.3.17.20.1700000000000000000.5.random";
        let new = Meta::parse(new).unwrap();

        assert_eq!((old.stream.as_str(), old.consumer.as_str()), ("ORDERS", "work"));
        assert_eq!((old.num_delivered, old.stream_sequence, old.consumer_sequence), (3, 17, 20));
        assert_eq!((old.num_pending, old.domain.as_deref()), (5, None));
        assert_eq!(old.timestamp.as_second(), 1_700_000_000);
        assert_eq!(Meta { domain: None, ..new.clone() }, old);
        assert_eq!(new.domain.as_deref(), Some("hub"));
    }

    #[test]
    fn other_subjects_are_no_metadata() {
        for reply in ["", "_INBOX.1", "$JS.ACK.S.c.1.2.3", "$JS.ACK.S.c.x.2.3.4.5", "$JS.FC.S.c"] {
            assert_eq!(Meta::parse(reply), None, "{reply}");
        }
    }
}
