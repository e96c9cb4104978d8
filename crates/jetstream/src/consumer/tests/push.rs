use super::{World, secs, world::explicit, world::millis};
use crate::api::config::{AckPolicy, ConsumerConfig};

fn push() -> ConsumerConfig {
    ConsumerConfig { deliver_subject: Some("d".to_owned()), ..explicit() }
}

fn bind(world: &mut World, bound: bool) {
    world.act(|world, out| world.consumer.on_interest(world.now, bound, out));
}

#[test]
fn a_push_consumer_delivers_while_somebody_listens() {
    let mut world = World::new(1, push());
    world.append("a");
    world.expect(&[]);
    assert_eq!(world.info().push_bound, Some(false));

    bind(&mut world, true);
    world.expect(&["d: 1 1 1 1", "d: 1 2 2 0"]);
    world.append("a");
    world.expect(&["d: 1 3 3 0"]);
    bind(&mut world, false);
    world.append("a");
    world.wait(secs(60)).expect(&[]);
    bind(&mut world, true);
    world.expect(&["d: 2 1 4 1", "d: 2 2 5 1", "d: 2 3 6 1", "d: 1 4 7 0"]);
}

#[test]
fn pulls_from_a_push_consumer_are_refused() {
    let mut world = World::new(1, push());

    world.pull("1").expect(&["r: 409 Consumer is push based"]);
}

#[test]
fn an_idle_push_consumer_sends_heartbeats() {
    let mut world = World::new(2, ConsumerConfig { idle_heartbeat: secs(1), ..push() });
    world.wait(secs(5)).expect(&[]);
    bind(&mut world, true);
    world.take_log();

    world.wait(millis(500));
    world.append("a");
    world.take_log();
    world.wait(millis(999)).expect(&[]);
    world
        .wait(millis(1))
        .expect(&["d: 100 Idle Heartbeat, Nats-Last-Consumer: 3, Nats-Last-Stream: 3"]);
}

#[test]
fn flow_control_asks_at_half_the_window_and_stops_behind_it() {
    let config = ConsumerConfig {
        ack_policy: AckPolicy::None,
        flow_control: true,
        idle_heartbeat: secs(5),
        ..push()
    };
    let mut world = World::new(100, config);
    world.consumer.on_interest(world.now, true, &mut Vec::new());
    let mut sent = 0;
    let mut asked = Vec::new();
    let mut pump = |world: &mut World, asked: &mut Vec<(u64, String)>| {
        let mut out = Vec::new();
        while let Some(next) = world.consumer.peek(world.now, &world.index, 100, &mut out) {
            world.consumer.deliver(world.now, &next, 100_000, &mut out).unwrap();
            sent += 1;
            for action in out.drain(..) {
                if let crate::consumer::Action::FlowControl { reply, headers, .. } = action {
                    assert_eq!(headers, b"NATS/1.0 100 FlowControl Request\r\n\r\n");
                    asked.push((sent, String::from_utf8(reply.to_vec()).unwrap()));
                }
            }
        }
        sent
    };

    // 2 MiB: asks behind 1 MiB, stops behind 2 MiB.
    assert_eq!(pump(&mut world, &mut asked), 21);
    assert_eq!(asked.len(), 1);
    let (at, subject) = asked[0].clone();
    assert_eq!(at, 11);
    assert!(subject.starts_with("$JS.FC.S.C.") && subject.len() == 15, "{subject}");
    world.wait(secs(5)).expect(&[&format!(
        "d: 100 Idle Heartbeat, Nats-Last-Consumer: 21, Nats-Last-Stream: 21, Nats-Consumer-Stalled: {subject}"
    )]);
    world.consumer.on_flow_control_reply(world.now, b"$JS.FC.S.C.none", &mut Vec::new());
    assert_eq!(pump(&mut world, &mut asked), 21);

    let mut out = Vec::new();
    world.consumer.on_flow_control_reply(world.now, subject.as_bytes(), &mut out);

    // 4 MiB: ten of a hundred thousand are still in flight.
    assert_eq!(out, [crate::consumer::Action::Kick]);
    assert_eq!(pump(&mut world, &mut asked), 11 + 42);
    assert_eq!(asked[1].0, 11 + 21);
}

#[test]
fn a_rate_limit_spreads_messages_over_time() {
    // 100 bytes a second, with bursts of 1000.
    let config = ConsumerConfig { rate_limit_bps: 800, ack_policy: AckPolicy::None, ..push() };
    let mut world = World::new(100, config);
    bind(&mut world, true);
    let burst = world.sent.len();
    assert!((25..35).contains(&burst), "{burst}");

    world.wait(secs(10));

    let more = world.sent.len() - burst;
    assert!((25..35).contains(&more), "{more}");
}

#[test]
fn a_push_consumer_without_interest_is_reported_inactive() {
    let mut world = World::new(0, ConsumerConfig { inactive_threshold: secs(5), ..push() });
    bind(&mut world, true);
    world.wait(secs(60)).expect(&[]);

    bind(&mut world, false);

    world.wait(secs(4)).expect(&[]);
    world.wait(secs(1)).expect(&["inactive"]);
}

#[test]
fn a_new_deliver_subject_waits_for_interest_of_its_own() {
    let mut world = World::new(0, push());
    bind(&mut world, true);
    let config = ConsumerConfig { deliver_subject: Some("e".to_owned()), ..push() };

    world.consumer.update(world.now, config, &world.index);
    world.append("a");
    world.expect(&[]);
    bind(&mut world, true);

    world.expect(&["e: 1 1 1 0"]);
}
