use super::{
    World, secs,
    world::{explicit, millis},
};
use crate::api::config::{AckPolicy, ConsumerConfig};

#[test]
fn every_body_but_next_is_confirmed() {
    for (body, expected) in [
        ("", &["acked 1", "ok: confirmed"][..]),
        ("+ACK", &["acked 1", "ok: confirmed"]),
        ("+OK", &["acked 1", "ok: confirmed"]),
        ("+WPI", &["ok: confirmed"]),
        ("what", &["ok: confirmed"]),
        ("-NAK", &["nak 1 1 1", "ok: confirmed"]),
        ("+TERM no good", &["acked 1", "term 1 1 1 no good", "ok: confirmed"]),
        ("+NXT", &["acked 1", "ok: 1 2 2 1"]),
        ("+NXT 2", &["acked 1", "ok: 1 2 2 1", "ok: 1 3 3 0"]),
        (r#"+NXT {"batch":1}"#, &["acked 1", "ok: 1 2 2 1"]),
    ] {
        let mut world = World::new(3, explicit());
        world.pull("1").take_log();

        world.ack(1, body).expect(expected);
    }
}

#[test]
fn a_repeated_ack_is_confirmed_and_changes_nothing() {
    let mut world = World::new(2, explicit());
    world.pull("1").ack(1, "+ACK").take_log();
    let before = world.counts();

    world.ack(1, "+ACK").ack(1, "-NAK").expect(&["ok: confirmed", "ok: confirmed"]);

    assert_eq!(world.counts(), before);
}

#[test]
fn an_ack_of_a_sequence_never_delivered_is_not_confirmed() {
    let mut world = World::new(3, explicit());
    world.pull("1").take_log();

    world.ack_subject("$JS.ACK.S.C.1.2.2.0.0", "+ACK").expect(&[]);
    world.ack_subject("$JS.ACK.S.C.1.99.2.0.0", "+TERM").expect(&[]);

    assert_eq!(world.counts(), "D1/1 F0/0 ack 1 again 0 pending 2");
}

#[test]
fn the_floor_stops_in_front_of_the_first_unacknowledged_message() {
    let config = ConsumerConfig { filter_subject: Some("b".to_owned()), ..explicit() };
    let mut world = World::new(9, config);
    world.pull("3");

    for (nth, counts) in [
        (1, "D3/8 F1/4 ack 2 again 0 pending 0"),
        (3, "D3/8 F1/4 ack 1 again 0 pending 0"),
        (2, "D3/8 F3/8 ack 0 again 0 pending 0"),
    ] {
        world.ack(nth, "+ACK");
        assert_eq!(world.counts(), counts);
    }
}

#[test]
fn ack_all_acknowledges_everything_in_front() {
    let mut world = World::new(6, ConsumerConfig { ack_policy: AckPolicy::All, ..explicit() });
    world.pull("5").take_log();

    world.ack(3, "+ACK").expect(&["acked 1", "acked 2", "acked 3", "ok: confirmed"]);
    assert_eq!(world.counts(), "D5/5 F3/3 ack 2 again 0 pending 1");

    world.ack(2, "+ACK").expect(&["ok: confirmed"]);
    world.ack(4, "-NAK").pull("1").expect(&["nak 4 4 1", "ok: confirmed", "r: 2 4 6 1"]);
    world.ack(6, "+ACK").expect(&["acked 4", "ok: confirmed"]);
    assert_eq!(world.counts(), "D6/5 F6/4 ack 1 again 0 pending 1");

    world.ack(5, "+ACK").expect(&["acked 5", "ok: confirmed"]);
    assert_eq!(world.counts(), "D6/5 F6/5 ack 0 again 0 pending 1");
}

#[test]
fn an_unacknowledged_message_comes_again_after_the_ack_wait() {
    let mut world = World::new(3, explicit());
    world.pull("2").take_log();

    world.wait(secs(30)).expect(&[]);
    world.pull("3").expect(&["r: 2 1 3 1", "r: 2 2 4 1", "r: 1 3 5 0"]);

    assert_eq!(world.counts(), "D5/3 F0/0 ack 3 again 2 pending 0");
}

#[test]
fn work_in_progress_starts_the_ack_wait_anew() {
    let mut world = World::new(1, explicit());
    world.pull("2").wait(secs(20)).ack(1, "+WPI").take_log();

    world.wait(secs(29)).expect(&[]);
    world.wait(secs(1)).expect(&["r: 2 1 2 0"]);
}

#[test]
fn a_message_already_queued_comes_again_in_spite_of_work_in_progress() {
    let mut world = World::new(1, explicit());
    world.pull("1").wait(secs(30)).ack(1, "+WPI").take_log();

    world.pull("1").expect(&["r: 2 1 2 0"]);
}

#[test]
fn refused_messages_come_again_in_the_order_of_refusal() {
    let mut world = World::new(4, explicit());
    world.pull("3").ack(2, "-NAK").ack(1, "-NAK").ack(2, "-NAK").take_log();

    world.pull("3").expect(&["r: 2 2 4 1", "r: 2 1 5 1", "r: 1 4 6 0"]);
}

#[test]
fn a_delayed_refusal_waits_even_if_the_message_was_queued() {
    let mut world = World::new(1, explicit());
    world.pull("2").ack(1, r#"-NAK {"delay":200000000}"#).take_log();

    world.wait(millis(199)).expect(&[]);
    world.wait(millis(1)).expect(&["r: 2 1 2 0"]);
    world.ack(2, "-NAK").ack(2, "-NAK 1m").take_log();
    world.wait(secs(59)).pull("1").expect(&[]);
    world.wait(secs(1)).expect(&["r: 3 1 3 0"]);
}

#[test]
fn backoff_times_ack_timeouts_and_repeats_its_last_wait() {
    let config =
        ConsumerConfig { backoff: vec![secs(1), secs(5)], ack_wait: secs(1), ..explicit() };
    let mut world = World::new(1, config);
    world.pull("9").take_log();

    for (wait, line) in [(1, "r: 2 1 2 0"), (5, "r: 3 1 3 0"), (5, "r: 4 1 4 0")] {
        world.wait(secs(wait) - 1).expect(&[]);
        world.wait(1).expect(&[line]);
    }
    world.ack(4, "-NAK").expect(&["nak 4 1 4", "ok: confirmed", "r: 5 1 5 0"]);
}

#[test]
fn a_message_leaves_pending_when_one_more_delivery_would_be_due() {
    let config = ConsumerConfig { max_deliver: 2, ..explicit() };
    let mut world = World::new(2, config);
    world.pull("3").wait(secs(30)).take_log();
    assert_eq!(world.counts(), "D3/2 F0/0 ack 2 again 1 pending 0");

    world.wait(secs(30)).expect(&["max deliver 1 2"]);
    assert_eq!(world.counts(), "D3/2 F0/0 ack 1 again 1 pending 0");
    assert!(world.consumer.still_needs(1, b"a"));

    world.ack(2, "+ACK").take_log();
    assert_eq!(world.counts(), "D3/2 F3/2 ack 0 again 1 pending 0");
    world.ack(1, "+ACK").expect(&["acked 1", "ok: confirmed"]);
    assert_eq!(world.counts(), "D3/2 F3/2 ack 0 again 0 pending 0");
    assert!(!world.consumer.still_needs(1, b"a"));
}

#[test]
fn the_last_refusal_gives_a_message_up_when_somebody_pulls() {
    let config = ConsumerConfig { max_deliver: 1, ..explicit() };
    let mut world = World::new(2, config);
    world.pull("1").take_log();

    world.ack(1, "-NAK").expect(&["nak 1 1 1", "ok: confirmed"]);
    assert_eq!(world.info().num_ack_pending, 1);
    world.pull("1").expect(&["max deliver 1 1", "r: 1 2 2 0"]);
    assert_eq!(world.counts(), "D2/2 F0/0 ack 1 again 1 pending 0");
}

#[test]
fn max_ack_pending_holds_up_new_messages_and_not_redeliveries() {
    let mut world = World::new(4, ConsumerConfig { max_ack_pending: 2, ..explicit() });

    world.pull("9").expect(&["r: 1 1 1 3", "r: 1 2 2 2"]);
    world.wait(secs(30)).expect(&["r: 2 1 3 2", "r: 2 2 4 2"]);
    world.ack(1, "+ACK").expect(&["acked 1", "ok: confirmed", "r: 1 3 5 1"]);
}

#[test]
fn a_message_deleted_while_unacknowledged_counts_as_terminated() {
    let mut world = World::new(6, explicit());
    world.pull("3").take_log();

    world.remove(1);
    world.expect(&["term 1 1 1 Unacknowledged message was deleted"]);
    assert_eq!(world.counts(), "D3/3 F1/1 ack 2 again 0 pending 3");
    world.remove(5);
    assert_eq!(world.counts(), "D3/3 F1/1 ack 2 again 0 pending 2");
    world.ack(1, "+ACK").expect(&["ok: confirmed"]);
}

#[test]
fn a_purge_moves_the_consumer_without_a_word() {
    let mut world = World::new(6, explicit());
    world.pull("3").take_log();
    world.index.purge_to(3, &mut |_| ());
    world.act(|world, out| world.consumer.on_purged(world.now, &world.index, out));
    assert_eq!(world.counts(), "D3/3 F2/2 ack 1 again 0 pending 3");

    world.index.purge_to(7, &mut |_| ());
    world.act(|world, out| world.consumer.on_purged(world.now, &world.index, out));

    world.expect(&[]);
    assert_eq!(world.counts(), "D3/6 F3/6 ack 0 again 0 pending 0");
}

#[test]
fn sampled_acks_make_metrics() {
    let config = ConsumerConfig { sample_freq: Some("100%".to_owned()), ..explicit() };
    let mut world = World::new(3, config);
    world.pull("3").take_log();

    world.wait(5).ack(1, "+ACK").expect(&["metric 1 1 5", "acked 1", "ok: confirmed"]);
    world.ack(1, "+ACK").expect(&["ok: confirmed"]);
    world.ack(2, "+TERM").expect(&["acked 2", "term 2 2 1 ", "ok: confirmed"]);
}

#[test]
fn about_the_asked_share_of_acks_is_sampled() {
    let config = ConsumerConfig { sample_freq: Some("30".to_owned()), ..explicit() };
    let mut world = World::new(1000, config);
    world.pull("1000").take_log();

    for nth in 1..=1000 {
        world.ack(nth, "+ACK");
    }

    let metrics = world.take_log().iter().filter(|line| line.starts_with("metric")).count();
    assert!((250..350).contains(&metrics), "{metrics}");
}

#[test]
fn interest_retention_keeps_what_is_not_acknowledged_yet() {
    let config = ConsumerConfig { filter_subject: Some("b".to_owned()), ..explicit() };
    let mut world = World::new(8, config);
    world.pull("2").ack(1, "+ACK");

    let needed: Vec<u64> = (1..=9)
        .filter(|&seq| world.consumer.still_needs(seq, super::world::subject(seq).as_bytes()))
        .collect();

    assert_eq!(needed, [5, 8]);
}
