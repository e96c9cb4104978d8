use super::{World, secs, world::explicit, world::setup};
use crate::{
    api::config::{ConsumerConfig, DeliverPolicy},
    consumer::{Consumer, StateError},
};

fn snapshot(consumer: &Consumer) -> Vec<u8> {
    let mut bytes = Vec::new();
    consumer.snapshot(&mut bytes);
    bytes
}

#[test]
fn a_snapshot_brings_everything_back() {
    let config = ConsumerConfig { max_deliver: 2, ..explicit() };
    let mut world = World::new(9, config.clone());
    world.pull("6").ack(1, "+ACK").ack(3, "-NAK 1h").ack(2, "-NAK").wait(secs(30));
    world.pull("3").wait(secs(30));
    let bytes = snapshot(&world.consumer);

    let mut restored = Consumer::restore(world.now, setup(config), &bytes).unwrap();
    restored.recovered(&world.index);

    assert_eq!(snapshot(&restored), bytes);
    let mut expected = world.info();
    expected.last_delivered = None;
    expected.last_acked = None;
    assert_eq!(restored.info(world.now), expected);
    world.consumer = restored;
    world.take_log();
    world.pull("9");
    let redelivered = world.take_log();
    assert_eq!(redelivered.first().map(String::as_str), Some("r: 2 6 10 3"));
}

#[test]
fn an_ack_wait_does_not_grow_by_what_the_clock_was_set_back() {
    let mut world = World::new(3, explicit());
    world.pull("2");
    let bytes = snapshot(&world.consumer);
    let now = tradewind_subject::Timestamp(secs(400));

    let mut restored = Consumer::restore(now, setup(explicit()), &bytes).unwrap();
    restored.rebase(now);

    let at = restored.next_deadline().unwrap();
    assert!(at <= now.plus(std::time::Duration::from_secs(30)), "{at:?}");
}

#[test]
fn a_delta_applied_twice_is_applied_once() {
    let mut world = World::new(9, explicit());
    let start = snapshot(&world.consumer);
    world.pull("6").ack(1, "+ACK").ack(3, "-NAK 1h").ack(2, "-NAK").wait(secs(30)).pull("2");
    let mut delta = Vec::new();
    assert!(world.consumer.take_delta(&mut delta));
    assert!(!world.consumer.take_delta(&mut Vec::new()));

    let mut restored = Consumer::restore(world.now, setup(explicit()), &start).unwrap();
    restored.apply_delta(&delta).unwrap();
    assert_eq!(snapshot(&restored), snapshot(&world.consumer));
    restored.apply_delta(&delta).unwrap();

    assert_eq!(snapshot(&restored), snapshot(&world.consumer));
}

#[test]
fn an_ack_costs_two_bytes_of_log() {
    let mut world = World::new(100, explicit());
    world.pull("100");
    let mut delta = Vec::new();
    world.consumer.take_delta(&mut delta);
    for nth in 1..=100 {
        world.ack(nth, "+ACK");
    }
    delta.clear();

    world.consumer.take_delta(&mut delta);

    assert_eq!(delta.len(), 1 + 2 * 100);
}

#[test]
fn a_consumer_that_is_not_logged_keeps_no_changes() {
    let mut world = World::new(3, explicit());
    let off = crate::consumer::Setup { logged: false, ..setup(explicit()) };
    world.consumer = Consumer::new(world.now, off, &world.index);

    world.pull("3").ack(1, "+ACK");

    assert!(!world.consumer.take_delta(&mut Vec::new()));
}

#[test]
fn a_consumer_ahead_of_its_stream_comes_back_to_its_end() {
    let mut world = World::new(9, explicit());
    world.pull("9").ack(9, "+ACK");
    let bytes = snapshot(&world.consumer);
    let shorter = World::new(5, explicit());

    let mut restored = Consumer::restore(world.now, setup(explicit()), &bytes).unwrap();
    restored.recovered(&shorter.index);
    world.consumer = restored;
    world.index = shorter.index;
    world.take_log();

    assert_eq!(world.counts(), "D9/5 F0/0 ack 5 again 0 pending 0");
    world.pull("1");
    world.append("a");
    world.expect(&["r: 1 6 10 0"]);
}

#[test]
fn a_consumer_for_new_messages_is_not_deaf_after_the_stream_lost_its_end() {
    let config = ConsumerConfig { deliver_policy: DeliverPolicy::New, ..explicit() };
    let world = World::new(9, config.clone());
    let bytes = snapshot(&world.consumer);
    let mut shorter = World::new(5, explicit());

    shorter.consumer = Consumer::restore(world.now, setup(config), &bytes).unwrap();
    shorter.consumer.recovered(&shorter.index);
    shorter.pull("1");
    shorter.append("a");

    shorter.expect(&["r: 1 6 1 0"]);
}

#[test]
fn bad_bytes_are_refused() {
    let world = World::new(3, explicit());
    let good = snapshot(&world.consumer);
    let restore = |bytes: &[u8]| {
        Consumer::restore(world.now, setup(explicit()), bytes).map(|_| ()).unwrap_err()
    };

    assert_eq!(restore(b""), StateError::Truncated);
    assert_eq!(restore(b"\x09"), StateError::Version(9));
    for end in 1..good.len() {
        assert_eq!(restore(&good[..end]), StateError::Truncated, "{end}");
    }
    let mut consumer = Consumer::new(world.now, setup(explicit()), &world.index);
    assert_eq!(consumer.apply_delta(b"\x01\x63\x00"), Err(StateError::Kind(0x63)));
    assert_eq!(consumer.apply_delta(b"\x01\x03\xff"), Err(StateError::Truncated));
}
