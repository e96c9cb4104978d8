//! The clock is set, forward and back.

use crate::help::Host;

const YEAR: i64 = 365 * 24 * 3600;

#[test]
fn after_a_jump_forward_messages_expire_a_bounded_number_at_a_time() {
    let mut host = Host::new();
    let config = r#"{"name":"S","subjects":["s"],"max_age":60000000000,"storage":"memory"}"#;
    host.api("STREAM.CREATE.S", config);
    for _ in 0..25_000 {
        host.publish_uncommitted("s", b"");
    }

    assert_eq!(host.at(YEAR).state("S").messages, 15_000);
    assert_eq!(host.at(YEAR + 1).state("S").messages, 5_000);
    assert_eq!(host.at(YEAR + 2).state("S").messages, 0);
}

#[test]
fn timestamps_of_a_stream_never_go_back() {
    let mut host = Host::new();
    host.api("STREAM.CREATE.S", r#"{"name":"S","subjects":["s"],"allow_direct":true}"#);
    host.at(YEAR).publish("s", &[]);
    let times = |host: &mut Host| {
        let info = host.api("STREAM.INFO.S", "");
        (info["state"]["first_ts"].clone(), info["state"]["last_ts"].clone())
    };
    let (first, _) = times(&mut host);

    host.restart_at(10);
    let ack = host.publish("s", &[]);

    assert_eq!(ack["seq"], 2);
    assert_eq!(times(&mut host), (first.clone(), first));
}
