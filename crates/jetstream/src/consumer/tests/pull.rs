use super::{
    World, secs,
    world::{explicit, millis},
};
use crate::{
    api::config::{AckPolicy, ConsumerConfig, ReplayPolicy},
    consumer::Closing,
};

#[test]
fn a_batch_is_served_from_what_is_there_and_from_what_comes() {
    let mut world = World::new(2, explicit());

    world.pull("3").expect(&["r: 1 1 1 1", "r: 1 2 2 0"]);
    assert_eq!(world.info().num_waiting, 1);
    world.append("a");

    world.expect(&["r: 1 3 3 0"]);
    assert_eq!(world.info().num_waiting, 0);
}

#[test]
fn waiting_pulls_take_turns() {
    let mut world = World::new(0, explicit());
    world.pull_to("x", "2").pull_to("y", "2");

    for _ in 0..5 {
        world.append("a");
    }

    world.expect(&["x: 1 1 1 0", "y: 1 2 2 0", "x: 1 3 3 0", "y: 1 4 4 0"]);
}

#[test]
fn a_pull_that_does_not_wait_gets_404_when_nothing_is_left() {
    let mut world = World::new(2, explicit());

    world.pull(r#"{"batch":5,"no_wait":true}"#).expect(&[
        "r: 1 1 1 1",
        "r: 1 2 2 0",
        "r: 404 No Messages",
    ]);
    world.pull(r#"{"batch":5,"no_wait":true}"#).expect(&["r: 404 No Messages"]);
}

#[test]
fn one_shot_waits_for_its_first_message_only() {
    let mut world = World::new(0, explicit());
    let body = r#"{"batch":2,"no_wait":true,"expires":1000000000}"#;

    world.pull(body).expect(&[]);
    world.append("a");
    world.expect(&["r: 1 1 1 0", "r: 404 No Messages"]);

    world
        .pull(body)
        .wait(secs(1))
        .expect(&["r: 408 Request Timeout, Nats-Pending-Messages: 2, Nats-Pending-Bytes: 0"]);
}

#[test]
fn a_pull_that_does_not_wait_is_refused_when_earlier_ones_want_more_than_there_is() {
    let config = ConsumerConfig { max_ack_pending: 1, ..explicit() };
    let mut world = World::new(6, config);
    world.pull("1").pull("6").expect(&["r: 1 1 1 5"]);

    world.pull(r#"{"no_wait":true}"#).expect(&["r: 408 Requests Pending"]);

    assert_eq!(world.info().num_waiting, 1);
}

#[test]
fn a_pull_that_does_not_wait_stays_while_the_consumer_is_stalled() {
    let config = ConsumerConfig { max_ack_pending: 1, ..explicit() };
    let mut world = World::new(2, config);
    world.pull("1").pull(r#"{"no_wait":true}"#).expect(&["r: 1 1 1 1"]);

    world.ack(1, "+ACK");

    world.expect(&["acked 1", "ok: confirmed", "r: 1 2 2 0"]);
}

#[test]
fn an_expired_pull_gets_408_with_what_is_left() {
    let mut world = World::new(1, explicit());
    world.pull(r#"{"batch":5,"expires":1000000000,"max_bytes":1000}"#);
    world.take_log();

    world.wait(secs(1) - 1).expect(&[]);
    world
        .wait(1)
        .expect(&["r: 408 Request Timeout, Nats-Pending-Messages: 4, Nats-Pending-Bytes: 968"]);
    world
        .pull(r#"{"batch":2,"expires":-5}"#)
        .expect(&["r: 408 Request Timeout, Nats-Pending-Messages: 2, Nats-Pending-Bytes: 0"]);
}

#[test]
fn a_batch_below_one_is_served_once_and_shown_as_it_came() {
    let mut world = World::new(2, explicit());

    world.pull("-3").pull("0").expect(&["r: 1 1 1 1", "r: 1 2 2 0"]);
    assert_eq!(world.info().num_waiting, 0);
    world
        .pull(r#"{"batch":-3,"expires":1000000000}"#)
        .wait(secs(1))
        .expect(&["r: 408 Request Timeout, Nats-Pending-Messages: -3, Nats-Pending-Bytes: 0"]);
}

#[test]
fn max_bytes_counts_subject_reply_headers_and_payload() {
    let mut world = World::new(5, explicit());
    let size = 2 + "$JS.ACK.S.C.1.1.1.1000000000.4".len();

    world
        .pull(&format!(r#"{{"batch":5,"max_bytes":{}}}"#, size * 2))
        .expect(&["r: 1 1 1 4", "r: 1 2 2 3"]);
    world.pull(&format!(r#"{{"batch":2,"max_bytes":{}}}"#, size * 2 - 1)).expect(&[
        "r: 1 3 3 2",
        "r: 409 Message Size Exceeds MaxBytes, Nats-Pending-Messages: 1, Nats-Pending-Bytes: 31",
    ]);
    world.pull(&format!(r#"{{"batch":1,"max_bytes":{}}}"#, size + 1)).expect(&[
        "r: 1 4 4 1",
        "r: 409 Batch Completed, Nats-Pending-Messages: 0, Nats-Pending-Bytes: 1",
    ]);
    world.pull(r#"{"max_bytes":1}"#).expect(&[
        "r: 409 Message Size Exceeds MaxBytes, Nats-Pending-Messages: 0, Nats-Pending-Bytes: 1",
    ]);
    assert_eq!(world.info().num_pending, 1);
}

#[test]
fn requests_over_a_limit_of_the_consumer_are_refused() {
    let config = ConsumerConfig {
        max_batch: 3,
        max_expires: millis(1500),
        max_bytes: 1000,
        max_waiting: 1,
        ..explicit()
    };
    let mut world = World::new(0, config);
    for (body, status) in [
        ("4", "r: 409 Exceeded MaxRequestBatch of 3"),
        (r#"{"expires":1500000001}"#, "r: 409 Exceeded MaxRequestExpires of 1.5s"),
        (r#"{"max_bytes":1001}"#, "r: 409 Exceeded MaxRequestMaxBytes of 1000"),
        ("{", "r: 400 Bad Request - unexpected end of JSON input"),
    ] {
        world.pull(body).expect(&[status]);
    }
    world.pull("1").pull("1").expect(&["r: 409 Exceeded MaxWaiting"]);
    world.pull(r#"{"expires":10,"idle_heartbeat":5}"#).expect(&[]);
    assert_eq!(world.info().num_waiting, 1);
}

#[test]
fn expired_pulls_make_room_for_new_ones() {
    let mut world = World::new(0, ConsumerConfig { max_waiting: 1, ..explicit() });
    world.pull(r#"{"expires":1000}"#);
    world.now = tradewind_subject::Timestamp(world.now.nanos() + 1000);

    world
        .pull_to("s", "1")
        .expect(&["r: 408 Request Timeout, Nats-Pending-Messages: 0, Nats-Pending-Bytes: 0"]);

    assert_eq!(world.info().num_waiting, 1);
}

#[test]
fn heartbeats_tell_how_far_the_consumer_has_looked() {
    let config = ConsumerConfig { filter_subject: Some("b".to_owned()), ..explicit() };
    let mut world = World::new(4, config);
    world.pull(r#"{"batch":9,"expires":1000000000,"idle_heartbeat":400000000}"#);
    world.expect(&["r: 1 2 1 0"]);

    world
        .wait(millis(500))
        .expect(&["r: 100 Idle Heartbeat, Nats-Last-Consumer: 1, Nats-Last-Stream: 4"]);
    world.append("b");
    world.expect(&["r: 1 5 2 0"]);
    world.wait(millis(399)).expect(&[]);
    world
        .wait(millis(1))
        .expect(&["r: 100 Idle Heartbeat, Nats-Last-Consumer: 2, Nats-Last-Stream: 5"]);
}

#[test]
fn nothing_beyond_the_durable_end_is_delivered() {
    let mut world = World::new(3, explicit());
    world.visible = 1;
    world.pull(r#"{"batch":3,"no_wait":true}"#).expect(&["r: 1 1 1 2"]);

    world.visible = 3;
    world.pump();

    world.expect(&["r: 1 2 2 1", "r: 1 3 3 0"]);
}

#[test]
fn pulls_of_a_requester_that_left_are_dropped() {
    let mut world = World::new(0, explicit());
    world.pull_to("x", "1").pull_to("y", "1").pull_to("x", "1");

    world.consumer.on_requester_gone(b"x");

    assert_eq!(world.consumer.waiting_replies().collect::<Vec<_>>(), ["y"]);
}

#[test]
fn waiting_pulls_are_told_that_the_consumer_ends() {
    for (reason, status) in
        [(Closing::Deleted, "409 Consumer Deleted"), (Closing::Shutdown, "409 Server Shutdown")]
    {
        let mut world = World::new(0, explicit());
        world.pull_to("x", "1").pull_to("y", "5");

        world.act(|world, out| world.consumer.closing_statuses(reason, out));

        world.expect(&[&format!("x: {status}"), &format!("y: {status}")]);
        assert_eq!(world.info().num_waiting, 0);
    }
}

#[test]
fn a_pull_consumer_nobody_uses_is_reported_once() {
    let config = ConsumerConfig { inactive_threshold: secs(5), ..explicit() };
    let mut world = World::new(2, config);

    world.wait(secs(4)).pull(r#"{"batch":3,"expires":20000000000}"#);
    world.take_log();
    world.wait(secs(19)).expect(&[]);
    world.wait(secs(1));
    world.take_log();
    world.wait(secs(20)).expect(&["inactive"]);
}

#[test]
fn a_paused_consumer_delivers_nothing_until_it_is_resumed() {
    let mut world = World::new(1, explicit());
    let until = tradewind_subject::Timestamp(world.now.nanos() + secs(10));
    world.act(|world, out| world.consumer.pause(world.now, Some(until), out));

    world.pull(r#"{"no_wait":true}"#).expect(&["r: 404 No Messages"]);
    world.pull("1").expect(&[]);
    assert_eq!(world.info().pause_remaining, Some(std::time::Duration::from_secs(10)));
    world.wait(secs(10)).expect(&["resumed", "r: 1 1 1 0"]);
    assert_eq!(world.info().pause_remaining, None);
}

#[test]
fn original_replay_keeps_the_gaps_until_it_has_caught_up() {
    let config = ConsumerConfig { replay_policy: ReplayPolicy::Original, ..explicit() };
    let mut world = World::new(3, config);

    world.pull("9").expect(&["r: 1 1 1 2"]);
    world.wait(millis(999)).expect(&[]);
    world.wait(millis(1)).expect(&["r: 1 2 2 1"]);
    world.wait(secs(1)).expect(&["r: 1 3 3 0"]);
    world.append("a");
    world.expect(&["r: 1 4 4 0"]);
}

#[test]
fn an_original_replay_that_waits_does_not_hold_up_redeliveries() {
    let config = ConsumerConfig { replay_policy: ReplayPolicy::Original, ..explicit() };
    let mut world = World::new(2, config);
    world.pull("9").expect(&["r: 1 1 1 1"]);

    world.ack(1, "-NAK");

    world.expect(&["nak 1 1 1", "ok: confirmed", "r: 2 1 2 1"]);
}

#[test]
fn with_ack_none_a_delivery_is_its_own_acknowledgement() {
    let config = ConsumerConfig { ack_policy: AckPolicy::None, ..Default::default() };
    let mut world = World::new(3, config);

    world.pull("2").expect(&["r: 1 1 1 2", "acked 1", "r: 1 2 2 1", "acked 2"]);
    world.ack(1, "-NAK").expect(&[]);

    assert_eq!(world.counts(), "D2/2 F2/2 ack 0 again 0 pending 1");
    assert!(!world.consumer.takes_acks());
}

#[test]
fn a_candidate_overtaken_by_events_is_not_delivered() {
    let mut world = World::new(2, explicit());
    world.consumer.on_pull(world.now, b"r", b"5", &mut Vec::new());
    let mut out = Vec::new();
    let old = world.consumer.peek(world.now, &world.index, 2, &mut out).unwrap();
    world.pump();
    world.expect(&["r: 1 1 1 1", "r: 1 2 2 0"]);

    assert_eq!(world.consumer.deliver(world.now, &old, 2, &mut out), None);

    assert_eq!(world.counts(), "D2/2 F0/0 ack 2 again 0 pending 0");
}

#[test]
fn a_message_that_cannot_be_read_is_passed_over() {
    let mut world = World::new(3, explicit());
    world.consumer.on_missing(1, &world.index);
    world.index.remove(2);
    let mut out = Vec::new();
    world.consumer.on_removed(world.now, 2, &mut out);
    world.consumer.on_missing(2, &world.index);
    assert_eq!(world.info().num_pending, 1);

    world.pull("5").expect(&["r: 1 3 1 0"]);
}
