//! Message ids outlive their messages, the segments these were in, and the process.

use std::collections::BTreeMap;

use proptest::prelude::*;

use crate::help::Host;

const WINDOW: i64 = 10;

#[derive(Clone, Debug)]
enum Step {
    /// So many ids to a stream that keeps none of their messages.
    Burn(u64),
    /// So many to one that keeps two.
    Keep(u64),
    /// Messages of another stream, so that segments fill and go.
    Churn(u64),
    Pass(i64),
    Kill,
    Restart,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        3 => (1..40_u64).prop_map(Step::Burn),
        3 => (1..40_u64).prop_map(Step::Keep),
        4 => (1..80_u64).prop_map(Step::Churn),
        4 => (1..8_i64).prop_map(Step::Pass),
        1 => Just(Step::Kill),
        1 => Just(Step::Restart),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    #[test]
    fn every_id_of_the_window_is_known_after_a_restart(
        steps in prop::collection::vec(step(), 1..60),
    ) {
        let mut host = host();
        let mut seconds = 0;
        // By subject and id: when, and which sequence.
        let mut known = BTreeMap::new();
        let mut n_ids = 0;
        for step in steps {
            match step {
                Step::Burn(count) | Step::Keep(count) => {
                    let subject = if matches!(step, Step::Burn(_)) { "burned" } else { "kept" };
                    for _ in 0..count {
                        n_ids += 1;
                        let ack = host.publish_to(subject, &[&format!("Nats-Msg-Id: {n_ids}")]);
                        known.insert((subject, n_ids), (seconds, ack["seq"].clone()));
                    }
                }
                Step::Churn(count) => {
                    for _ in 0..count {
                        host.publish_to("churn", &[]);
                    }
                }
                Step::Pass(passed) => {
                    seconds += passed;
                    host.at(seconds);
                }
                Step::Kill => host.kill(),
                Step::Restart => host.restart(),
            }
            if matches!(step, Step::Kill | Step::Restart) {
                known.retain(|_, (then, _)| seconds < *then + WINDOW);
                for ((subject, id), (_, seq)) in &known {
                    let ack = host.publish_to(subject, &[&format!("Nats-Msg-Id: {id}")]);
                    prop_assert_eq!((&ack["duplicate"], &ack["seq"]), (&true.into(), seq), "{}", ack);
                }
            }
        }
    }
}

fn host() -> Host {
    let mut host = Host::new();
    let window = WINDOW * 1_000_000_000;
    for (name, more) in [
        ("BURNED", r#""subjects":["burned"],"retention":"interest""#),
        ("KEPT", r#""subjects":["kept"],"max_msgs":2"#),
        ("CHURN", r#""subjects":["churn"],"max_msgs":3"#),
    ] {
        let config = format!(r#"{{"name":"{name}","duplicate_window":{window},{more}}}"#);
        let made = host.api(&format!("STREAM.CREATE.{name}"), &config);
        assert_eq!(made["config"]["name"], name, "{made}");
    }
    host
}
