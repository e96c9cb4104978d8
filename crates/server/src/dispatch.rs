//! From a published message to everybody who wants it.

use std::sync::Arc;

use tradewind_proto::Publish;
use tradewind_router::{ClientId, Fanout, QueueGroup, RouteCache, Subscription, Turn};

use crate::account::Account;
use crate::client::Client;
use crate::client::outbox::Appended;
use crate::mailbox::{Batch, Letter, Mailbox, Purpose};

/// Where the messages of a subscription go.
#[derive(Clone, Debug)]
pub(crate) enum Target {
    /// To a connection.
    Client(Arc<Client>),
    /// To the shard.
    Shard(Purpose),
}

/// Above this much waiting at a target, publishers slow down.
const SLOW_ABOVE: usize = 1024 * 1024;

/// Who can't keep up with a publisher.
pub(crate) enum Slow {
    Client(Arc<Client>),
    Shard(Arc<Mailbox>),
}

/// One publisher's way to all subscribers: knows the routes and who has to be flushed.
#[derive(Debug)]
pub(crate) struct Dispatcher {
    account: Arc<Account>,
    cache: RouteCache<Target>,
    dirty: Vec<Arc<Client>>,
    /// For the shard.
    batch: Batch,
    random: u64,
}

/// Who publishes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Origin {
    pub(crate) client: ClientId,
    /// Whether its own subscriptions get the message.
    pub(crate) echo: bool,
    /// Whether it wants to know if nobody is there.
    pub(crate) no_responders: bool,
}

impl Dispatcher {
    pub(crate) fn new(account: Arc<Account>, seed: u64) -> Dispatcher {
        Dispatcher {
            account,
            cache: RouteCache::default(),
            dirty: Vec::new(),
            batch: Batch::default(),
            random: seed | 1,
        }
    }

    /// Gives `publish` to everybody who wants it; returns how many got it.
    #[inline]
    pub(crate) fn publish(&mut self, origin: Origin, publish: &Publish<'_>) -> usize {
        self.publish_to(origin, publish.subject, publish)
    }

    /// Gives `publish` to everybody who wants `route`; they are shown the subject it has.
    #[inline]
    pub(crate) fn publish_to(
        &mut self,
        origin: Origin,
        route: &[u8],
        publish: &Publish<'_>,
    ) -> usize {
        let account = &self.account;
        let fanout = self.cache.fanout(route, &account.generations, || {
            let interest = account.interest.read();
            (account.generations.current(route), interest.fanout(route))
        });
        self.fan_out(origin, publish, &fanout)
    }

    fn fan_out(&mut self, origin: Origin, publish: &Publish<'_>, fanout: &Fanout<Target>) -> usize {
        let mut n_reached = 0;
        for subscription in &fanout.plain {
            n_reached += usize::from(self.give(origin, subscription, publish));
        }
        for group in &fanout.queues {
            n_reached += usize::from(self.give_one(origin, group, publish));
        }
        n_reached
    }

    /// Gives the message to one member, starting at a random one, passing over those that can't.
    fn give_one(
        &mut self,
        origin: Origin,
        group: &QueueGroup<Target>,
        publish: &Publish<'_>,
    ) -> bool {
        let n_members = group.members.len();
        let start = self.random_below(n_members);
        let (after, before) = (&group.members[start..], &group.members[..start]);
        after.iter().chain(before).any(|member| self.give(origin, member, publish))
    }

    #[inline]
    fn give(
        &mut self,
        origin: Origin,
        subscription: &Arc<Subscription<Target>>,
        publish: &Publish<'_>,
    ) -> bool {
        if subscription.client == origin.client && !origin.echo {
            return false;
        }
        match &subscription.target {
            Target::Client(client) => {
                let turn = subscription.take_turn();
                if turn == Turn::Over {
                    self.end(subscription, client);
                    return false;
                }
                let appended = client.deliver(subscription, publish);
                if appended == Appended::First {
                    self.dirty.push(Arc::clone(client));
                }
                if turn == Turn::Last {
                    self.end(subscription, client);
                }
                matches!(appended, Appended::First | Appended::More)
            }
            Target::Shard(purpose) => {
                self.batch.push(*purpose, publish, origin.no_responders);
                true
            }
        }
    }

    /// A subscription has had all it asked for.
    fn end(&self, subscription: &Arc<Subscription<Target>>, client: &Client) {
        if self.account.remove(subscription) {
            client.ended.lock().push(Arc::clone(subscription));
        }
    }

    /// Tells the publisher that nobody got its request: to its own subscription on the reply subject.
    pub(crate) fn no_responders(&mut self, origin: Origin, subject: &[u8], reply: &[u8]) {
        let fanout = self.account.interest.read().fanout(reply);
        let Some(own) = fanout.plain.iter().find(|s| s.client == origin.client) else {
            return;
        };
        let mut headers = Vec::with_capacity(subject.len() + 32);
        headers.extend_from_slice(b"NATS/1.0 503\r\nNats-Subject: ");
        headers.extend_from_slice(subject);
        headers.extend_from_slice(b"\r\n\r\n");
        let status = Publish { subject: reply, reply: b"", headers: &headers, payload: b"" };
        let Target::Client(client) = &own.target else { return };
        if client.deliver(own, &status) == Appended::First {
            self.dirty.push(Arc::clone(client));
        }
    }

    /// Remembers that `client` has something to write.
    pub(crate) fn touched(&mut self, client: &Arc<Client>, appended: Appended) {
        if appended == Appended::First {
            self.dirty.push(Arc::clone(client));
        }
    }

    /// Sees that everything given is written, from here where few clients have little waiting, and
    /// leaves the shard what is for it. Returns who wants this publisher to slow down.
    pub(crate) fn flush(&mut self) -> Option<Slow> {
        /// More clients than this are written to by their own tasks.
        const INLINE_CLIENTS: usize = 2;
        let mut slow = None;
        if self.dirty.len() <= INLINE_CLIENTS {
            self.dirty.iter().for_each(|client| client.flush());
        } else {
            self.dirty.iter().for_each(|client| client.outbox.wake_writer());
        }
        for client in self.dirty.drain(..) {
            if SLOW_ABOVE < client.outbox.pending() {
                slow = Some(Slow::Client(client));
            }
        }
        if !self.batch.is_empty()
            && let Some(shard) = self.account.shard()
            && shard.leave(Letter::Batch(std::mem::take(&mut self.batch)))
        {
            slow = Some(Slow::Shard(Arc::clone(shard)));
        }
        slow
    }

    /// Hands over what was given already, whatever becomes of this publisher.
    fn abandon(&mut self) {
        for client in self.dirty.drain(..) {
            client.outbox.wake_writer();
        }
        if !self.batch.is_empty()
            && let Some(shard) = self.account.shard()
        {
            shard.leave(Letter::Batch(std::mem::take(&mut self.batch)));
        }
    }

    /// Waits until there is room: for a client a bounded time, for the shard as long as it takes.
    pub(crate) async fn slow_down(slow: Slow) {
        match slow {
            Slow::Client(client) => {
                let patience = std::time::Duration::from_millis(10);
                // Whatever is left after that piles up to `max_pending`.
                let _ = tokio::time::timeout(patience, client.outbox.below(SLOW_ABOVE)).await;
            }
            Slow::Shard(shard) => shard.below_limit().await,
        }
    }

    /// A number below `n`, by xorshift64.
    fn random_below(&mut self, n: usize) -> usize {
        self.random ^= self.random << 13;
        self.random ^= self.random >> 7;
        self.random ^= self.random << 17;
        tradewind_subject::int::usize_from(self.random >> 16) % n.max(1)
    }
}

// A publisher may end in the middle of its work: those it gave something to must not wait for ever.
impl Drop for Dispatcher {
    fn drop(&mut self) {
        self.abandon();
    }
}
