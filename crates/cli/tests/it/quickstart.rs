use serde_json::{Value, json};

use crate::fixture::{Run, dead_url, run_in};

const ONCE: &str = "quickstart --once --port 0 --http-port 0";

#[test]
fn a_first_run_shows_every_step() {
    let directory = tempfile::tempdir().unwrap();

    let shown = run_in(directory.path(), "", ONCE, b"").ok();

    let steps: Vec<&str> = shown.lines().filter_map(|line| line.split(' ').next()).collect();
    let mut expected = vec!["server", "monitoring", "stream", "consumer"];
    expected.extend(["published"; 5]);
    expected.extend(["consumed"; 3]);
    expected.extend(["state", "stopped"]);
    assert_eq!(steps, expected, "{shown}");
    let lines = [
        "stream     neo-events created: neo.datafeed.*, neo.flow.*, neo.accounts.*; kept 7 days, at most 10 GiB, in files",
        "consumer   neofeeds-consumer created: durable, explicit acks, filter neo.datafeed.*",
        "published  neo.datafeed.blocks {\"height\":7654321} stored on disk as seq 3",
        "consumed   neo.datafeed.blocks {\"height\":7654321} from seq 3, acknowledged",
        "state      neo-events has 5 messages, seq 1 to 5; neofeeds-consumer has 0 messages left and 0 unacknowledged",
    ];
    for line in lines {
        assert!(shown.lines().any(|shown| shown == line), "{line}\n{shown}");
    }
    assert!(directory.path().join("tradewind-data").is_dir());
}

#[test]
fn a_second_run_goes_on_with_what_is_there() {
    let directory = tempfile::tempdir().unwrap();
    let line = format!("{ONCE} --store-dir data --json");
    let steps = |run: Run| -> Vec<Value> {
        run.ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    };
    let find = |steps: &[Value], name: &str| {
        steps.iter().find(|step| step["step"] == name).cloned().unwrap_or_default()
    };
    let first = steps(run_in(directory.path(), "", &line, b""));
    assert_eq!(find(&first, "stream")["created"], true);

    let second = steps(run_in(directory.path(), "", &line, b""));

    assert_eq!(
        find(&second, "stream"),
        json!({"step": "stream", "name": "neo-events", "created": false, "messages": 5})
    );
    assert_eq!(find(&second, "consumer")["created"], false);
    assert_eq!(find(&second, "published")["seq"], 6);
    assert_eq!(
        find(&second, "consumed"),
        json!({"step": "consumed", "subject": "neo.datafeed.prices", "seq": 6, "delivered": 1})
    );
    assert_eq!(find(&second, "state")["ack_pending"], 0);
}

#[test]
fn a_port_that_is_taken_is_named() {
    let directory = tempfile::tempdir().unwrap();
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();

    let line = format!("quickstart --once --port {port} --http-port 0");
    let error = run_in(directory.path(), &dead_url(), &line, b"").error(1);

    assert!(error.contains(&port.to_string()), "{error}");
    assert!(error.contains("take other ports with --port and --http-port"), "{error}");
}
