use std::ops::Range;

use tradewind_proto::Publish;

/// Messages on their way out, in one buffer.
#[derive(Debug, Default)]
pub struct Outgoing {
    bytes: Vec<u8>,
    messages: Vec<Parts>,
}

#[derive(Clone, Debug)]
struct Parts {
    start: usize,
    /// Where route, subject, reply, headers and payload end, one after the other.
    ends: [usize; 5],
    is_pub_ack: bool,
}

/// One message on its way out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Message<'a> {
    /// Whose subscriptions get it.
    pub route: &'a [u8],
    /// What they are shown.
    pub publish: Publish<'a>,
}

impl Outgoing {
    /// Adds a message for the subscribers of `route`.
    pub(crate) fn push(&mut self, route: &[u8], publish: &Publish<'_>) {
        self.push_with(route, publish, |_| ());
    }

    /// Adds a message whose payload, or its end, is written by `write`.
    pub(crate) fn push_with(
        &mut self,
        route: &[u8],
        publish: &Publish<'_>,
        write: impl FnOnce(&mut Vec<u8>),
    ) {
        let start = self.bytes.len();
        let route_end = start + route.len();
        let subject_end = route_end + publish.subject.len();
        let reply_end = subject_end + publish.reply.len();
        let headers_end = reply_end + publish.headers.len();
        for part in [route, publish.subject, publish.reply, publish.headers, publish.payload] {
            self.bytes.extend_from_slice(part);
        }
        write(&mut self.bytes);
        let ends = [route_end, subject_end, reply_end, headers_end, self.bytes.len()];
        self.messages.push(Parts { start, ends, is_pub_ack: false });
    }

    /// Adds an answer on `reply`: only a payload, written by `write`.
    pub(crate) fn answer(&mut self, reply: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        let publish = Publish { subject: reply, reply: b"", headers: b"", payload: b"" };
        self.push_with(reply, &publish, write);
    }

    /// As [`Outgoing::answer`], of a publish.
    pub(crate) fn pub_ack(&mut self, reply: &[u8], write: impl FnOnce(&mut Vec<u8>)) {
        self.answer(reply, write);
        if let Some(parts) = self.messages.last_mut() {
            parts.is_pub_ack = true;
        }
    }

    /// Moves all of `other` behind what is here.
    pub(crate) fn append(&mut self, other: &mut Outgoing) {
        if self.messages.is_empty() {
            std::mem::swap(self, other);
            return;
        }
        let base = self.bytes.len();
        self.bytes.append(&mut other.bytes);
        self.messages.extend(other.messages.drain(..).map(|parts| Parts {
            start: parts.start + base,
            ends: parts.ends.map(|end| end + base),
            ..parts
        }));
    }

    /// Reply subjects of the answers to publishes.
    pub(crate) fn pub_ack_replies(&self) -> impl Iterator<Item = &[u8]> {
        let acks = self.messages.iter().filter(|parts| parts.is_pub_ack);
        acks.map(|parts| &self.bytes[parts.ranges()[0].clone()])
    }

    /// How many bytes there are.
    pub(crate) fn n_bytes(&self) -> usize {
        self.bytes.len()
    }

    /// How many messages there are.
    pub fn len(&self) -> usize {
        self.messages.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.messages.is_empty()
    }

    /// The messages in order.
    pub fn iter(&self) -> impl Iterator<Item = Message<'_>> {
        self.messages.iter().map(|parts| {
            let [route, subject, reply, headers, payload] =
                parts.ranges().map(|range| &self.bytes[range]);
            Message { route, publish: Publish { subject, reply, headers, payload } }
        })
    }

    /// Forgets all messages and keeps the memory, unless it is much.
    pub fn clear(&mut self) {
        const KEPT_MAX: usize = 4 * 1024 * 1024;
        if KEPT_MAX < self.bytes.capacity() {
            *self = Outgoing::default();
        }
        self.bytes.clear();
        self.messages.clear();
    }
}

impl Parts {
    fn ranges(&self) -> [Range<usize>; 5] {
        let [route, subject, reply, headers, payload] = self.ends;
        [self.start..route, route..subject, subject..reply, reply..headers, headers..payload]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_appended_keeps_its_parts() {
        let mut first = Outgoing::default();
        first.answer(b"r1", |out| out.extend_from_slice(b"one"));
        let mut second = Outgoing::default();
        second.pub_ack(b"r2", |out| out.extend_from_slice(b"two"));

        first.append(&mut second);

        let payloads: Vec<_> = first.iter().map(|m| (m.route, m.publish.payload)).collect();
        assert_eq!(payloads, [(&b"r1"[..], &b"one"[..]), (b"r2", b"two")]);
        assert_eq!(first.pub_ack_replies().collect::<Vec<_>>(), [b"r2"]);
        assert!(second.is_empty());
    }
}
