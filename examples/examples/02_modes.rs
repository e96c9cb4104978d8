//! Two ways to share a subject: everyone gets a copy (fan-out), or one of a group does (queue).
//!
//! The flow: a user service says that a user was created; the mail service welcomes the user, the
//! audit service notes it; and of the mail service two instances run.
#![expect(clippy::print_stdout, reason = "an example shows what it does")]

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tradewind_bus::{Bus, Delivery, Subscription};
use tradewind_examples::{connect, until};

#[derive(Serialize, Deserialize)]
struct UserCreated {
    user_id: String,
    email: String,
    timestamp: Timestamp,
}

const USERS: usize = 10;

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    let example = connect("02_modes").await?;
    let bus = &example.bus;
    let (audited, mailed) = (Arc::default(), Arc::default());
    // Without a group each subscription gets every message, whatever instance it belongs to.
    let audit = [audit_service(bus, &audited).await?, audit_service(bus, &audited).await?];
    // In a group each message goes to one of them. More instances share the work.
    let mail = [mail_service(bus, &mailed).await?, mail_service(bus, &mailed).await?];

    // Core NATS: at most once. Who does not listen now will never get it; 05 shows the other way.
    let user_service = bus.core_producer().start().await?;
    for n in 0..USERS {
        let event = UserCreated {
            user_id: (123 + n).to_string(),
            email: format!("user{n}@example.com"),
            timestamp: Timestamp::now(),
        };
        user_service.publish("events.user.created", &event).await?;
    }

    until("all copies", || count(&audited) == 2 * USERS && count(&mailed) == USERS).await?;
    let each = audit.iter().map(|it| it.stats().delivered).collect::<Vec<_>>();
    println!("fan-out: {USERS} events, 2 listeners, {} copies {each:?}", count(&audited));
    let shared = mail.iter().map(|it| it.stats().delivered).sum::<u64>();
    println!("queue: {USERS} events, a group of 2, {shared} copies");
    example.close().await
}

async fn audit_service(bus: &Bus, audited: &Arc<AtomicUsize>) -> anyhow::Result<Subscription> {
    let audited = Arc::clone(audited);
    let builder = bus.subscribe::<UserCreated>("events.user.*");
    let run = builder.run(move |_: Delivery<UserCreated>| {
        audited.fetch_add(1, Ordering::Relaxed);
        std::future::ready(())
    });
    Ok(run.await?)
}

async fn mail_service(bus: &Bus, mailed: &Arc<AtomicUsize>) -> anyhow::Result<Subscription> {
    let mailed = Arc::clone(mailed);
    let builder = bus.subscribe::<UserCreated>("events.user.created").group("mail-service");
    let run = builder.run(move |event: Delivery<UserCreated>| {
        let mailed = Arc::clone(&mailed);
        async move {
            let UserCreated { user_id, email, timestamp } = event.data;
            println!("welcome mail to {email} (user {user_id}, created {timestamp})");
            mailed.fetch_add(1, Ordering::Relaxed);
        }
    });
    Ok(run.await?)
}

fn count(counter: &AtomicUsize) -> usize {
    counter.load(Ordering::Relaxed)
}
