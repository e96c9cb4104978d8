use super::{World, secs, world::explicit};
use crate::api::config::{ConsumerConfig, DeliverPolicy};

/// Ten messages, the first of them deleted; or none.
#[track_caller]
fn check(config: ConsumerConfig, empty: &str, ten: &str) {
    let world = World::new(0, config.clone());
    assert_eq!(world.counts(), format!("D{empty} F{empty} ack 0 again 0 pending 0"));

    let mut world = World::new(10, explicit());
    world.index.remove(1);
    let setup = super::world::setup(config);
    world.consumer = crate::consumer::Consumer::new(world.now, setup, &world.index);
    let (place, pending) = ten.split_once(' ').unwrap();
    assert_eq!(world.counts(), format!("D{place} F{place} ack 0 again 0 pending {pending}"));
}

#[test]
fn a_consumer_starts_where_its_policy_says() {
    let filtered = |policy, filter: &str| ConsumerConfig {
        deliver_policy: policy,
        filter_subject: Some(filter.to_owned()),
        ..explicit()
    };
    let policy = |deliver_policy| ConsumerConfig { deliver_policy, ..explicit() };
    let seq =
        |seq| ConsumerConfig { opt_start_seq: Some(seq), ..policy(DeliverPolicy::ByStartSequence) };
    let time = |time: &str| ConsumerConfig {
        opt_start_time: Some(time.to_owned()),
        ..policy(DeliverPolicy::ByStartTime)
    };
    check(policy(DeliverPolicy::All), "0/0", "0/1 9");
    check(policy(DeliverPolicy::Last), "0/0", "0/9 1");
    check(filtered(DeliverPolicy::Last, "b"), "0/0", "0/7 1");
    check(filtered(DeliverPolicy::Last, "z"), "0/0", "0/1 0");
    check(policy(DeliverPolicy::New), "0/0", "0/10 0");
    check(filtered(DeliverPolicy::LastPerSubject, "*"), "0/0", "0/7 3");
    check(filtered(DeliverPolicy::LastPerSubject, "z"), "0/0", "0/9 0");
    check(seq(5), "0/4", "0/4 6");
    check(seq(20), "0/19", "0/19 0");
    check(time("1970-01-01T00:00:00Z"), "0/0", "0/1 9");
    check(time("1970-01-01T00:00:05Z"), "0/0", "0/4 6");
    check(time("2090-01-01T00:00:00Z"), "0/0", "0/10 0");
}

#[test]
fn last_per_subject_goes_on_with_what_is_new() {
    let config = ConsumerConfig { deliver_policy: DeliverPolicy::LastPerSubject, ..explicit() };
    let mut world = World::new(5, config);
    world.append("b");
    world.remove(4);
    assert_eq!(world.info().num_pending, 3);
    assert!(!world.consumer.still_needs(1, b"a") && world.consumer.still_needs(3, b"c"));

    world.pull("9").expect(&["r: 1 3 1 2", "r: 1 5 2 1", "r: 1 6 3 0"]);
    world.ack(1, "+ACK").ack(2, "+ACK").take_log();

    assert_eq!(world.counts(), "D3/6 F2/5 ack 1 again 0 pending 0");
}

#[test]
fn a_consumer_that_starts_in_the_future_waits_for_its_sequence() {
    let config = ConsumerConfig {
        deliver_policy: DeliverPolicy::ByStartSequence,
        opt_start_seq: Some(3),
        ..explicit()
    };
    let mut world = World::new(0, config);
    world.pull("9");

    for _ in 0..4 {
        world.append("a");
    }

    world.expect(&["r: 1 3 1 0", "r: 1 4 2 0"]);
}

#[test]
fn an_update_counts_anew_for_another_filter() {
    let mut world = World::new(9, explicit());
    world.pull("2").take_log();
    let config = ConsumerConfig {
        filter_subjects: vec!["a".to_owned(), "b".to_owned()],
        ack_wait: secs(1),
        headers_only: true,
        ..explicit()
    };

    world.consumer.update(world.now, config, &world.index);

    assert_eq!(world.info().num_pending, 4);
    world.wait(secs(1));
    let mut out = Vec::new();
    world.consumer.on_pull(world.now, b"r", b"9", &mut out);
    let next = world.consumer.peek(world.now, &world.index, 9, &mut out).unwrap();
    assert!(next.again && next.headers_only && next.seq == 1);
}

#[test]
fn ten_thousand_idle_consumers_are_cheap() {
    assert!(size_of::<crate::consumer::Consumer>() <= 768);
}
