//! Seed 000, lines 356–371: a message that fails three times goes to the dead letters.

use async_nats::jetstream::{AckKind, Context};

use crate::help::{
    batch, bodies, eventually, info, look, ms, publish, seqs, silent, state, stream, take,
};
use crate::mission_s0::{neo_events, neofeeds};
use crate::server::Server;

/// The seed's `processWithDLQ`, with a shorter delay.
async fn process(js: &Context, message: &async_nats::jetstream::Message) {
    if message.payload != "poison" {
        message.double_ack().await.unwrap();
    } else if info(message).delivered >= 3 {
        publish(js, "neo.dlq.datafeed", message.payload.clone()).await;
        message.double_ack().await.unwrap();
    } else {
        message.ack_with(AckKind::Nak(Some(ms(200)))).await.unwrap();
    }
}

/// Rows: S0-74, S0-75, S0-76, S0-77, S1-74
#[tokio::test]
async fn s0_75_poison_is_one_dead_letter_after_three_deliveries() {
    let server = Server::start();
    let js = server.jetstream().await;
    let events = neo_events(&js).await;
    let dead = stream(&js, "neo-events-dlq", &["neo.dlq.>"]).await;
    for body in ["good", "poison", "fine"] {
        publish(&js, "neo.datafeed.update", body).await;
    }
    let consumer = neofeeds(&events).await;
    let mut order = Vec::new();
    while look(&consumer).await.ack_floor.stream_sequence < 3 {
        for message in batch(&consumer, 10, ms(400)).await {
            order.push((info(&message).stream_sequence, info(&message).delivered));
            process(&js, &message).await;
        }
    }
    assert_eq!(order, [(1, 1), (2, 1), (3, 1), (2, 2), (2, 3)]);
    let letters = take(&crate::help::durable(&dead, "undertaker").await, 1).await;
    assert_eq!((bodies(&letters), seqs(&letters)), (vec!["poison"], vec![1]));
    assert_eq!(state(&dead).await.messages, 1);
    assert_eq!(look(&consumer).await.num_ack_pending, 0);
    silent(&consumer, ms(300)).await;
}

/// Rows: S0-75
#[tokio::test]
async fn s0_75_without_a_stream_for_dead_letters_the_original_stays() {
    let server = Server::start();
    let js = server.jetstream().await;
    let events = neo_events(&js).await;
    publish(&js, "neo.datafeed.update", "poison").await;
    let consumer = neofeeds(&events).await;
    let message = take(&consumer, 1).await.remove(0);
    let sent = js.publish("neo.dlq.datafeed", message.payload.clone()).await.unwrap();
    assert!(sent.await.is_err(), "no stream takes it");
    message.ack_with(AckKind::Nak(None)).await.unwrap();
    eventually("it comes again", || async {
        batch(&consumer, 1, ms(200)).await.iter().any(|m| info(m).delivered == 2)
    })
    .await;
}
