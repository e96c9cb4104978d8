//! The monitoring port. Key lists are those of nats-server 2.15.1.

use serde_json::{Value, json};

use crate::process::Server;

/// The keys of an object, in order.
fn keys(value: &Value) -> String {
    let keys: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    keys.join(" ")
}

#[test]
fn varz_has_the_keys_of_nats_server_in_their_order() {
    let server = Server::start(&["-js", "-sd", "store"]);
    let varz = server.json("/varz");
    // git_commit is absent: there is none.
    assert_eq!(
        keys(&varz),
        "server_id server_name version proto go host port max_connections ping_interval ping_max \
         http_host http_port http_base_path https_port auth_timeout max_control_line max_payload \
         max_pending cluster gateway leaf mqtt websocket jetstream tls_timeout write_deadline start \
         now uptime mem cores gomaxprocs cpu connections total_connections routes remotes leafnodes \
         in_msgs in_bytes in_client_msgs in_client_bytes out_msgs out_bytes out_client_msgs \
         out_client_bytes slow_consumers stale_connections stalled_clients subscriptions \
         http_req_stats config_load_time config_digest feature_flags system_account \
         slow_consumer_stats stale_connection_stats disk_io_wait_stats"
    );
    let jetstream = &varz["jetstream"];
    assert_eq!(keys(jetstream), "config stats limits");
    // The last two are ours.
    assert_eq!(
        keys(&jetstream["config"]),
        "max_memory max_storage store_dir sync_interval sync_always strict durability store_medium"
    );
    assert_eq!(
        keys(&jetstream["stats"]),
        "memory storage reserved_memory reserved_storage accounts ha_assets api"
    );
    assert_eq!(jetstream["stats"]["api"], json!({ "level": 5, "total": 0, "errors": 0 }));
    assert_eq!(jetstream["limits"], json!({ "default_max_consumers": 1000 }));
    assert_eq!(varz["port"], server.port());
    assert_eq!(varz["http_port"], -1);
    assert!(0 < varz["mem"].as_u64().unwrap());
}

#[test]
fn varz_counts_messages_and_its_own_requests() {
    let server = Server::start(&["--user", "u", "--pass", "p"]);
    let mut client = server.client("\"user\":\"u\",\"pass\":\"p\",\"protocol\":0");
    client.say("SUB a 1\r\nPUB a 5\r\nhello\r\nPUB b 2\r\nhi\r\n");
    client.flush();
    server.json("/connz");

    let varz = server.json("/varz");

    assert_eq!(varz["auth_required"], true);
    assert_eq!(varz["jetstream"], json!({}));
    assert_eq!((&varz["in_msgs"], &varz["in_bytes"]), (&json!(2), &json!(7)));
    assert_eq!((&varz["out_msgs"], &varz["out_bytes"]), (&json!(1), &json!(5)));
    assert_eq!((&varz["connections"], &varz["subscriptions"]), (&json!(1), &json!(1)));
    assert_eq!(varz["http_req_stats"], json!({ "/connz": 1, "/varz": 1 }));
}

#[test]
fn connz_shows_connections_and_their_subscriptions() {
    let server = Server::start(&[]);
    let mut client =
        server.client("\"name\":\"n\",\"lang\":\"l\",\"version\":\"v\",\"protocol\":0");
    client.say("SUB a.* 1\r\nSUB b q 2\r\nUNSUB 2 5\r\nPUB a.b 1\r\nx\r\n");
    client.flush();
    let connz = server.json("/connz");
    assert_eq!(keys(&connz), "server_id now num_connections total offset limit connections");
    let connection = &connz["connections"][0];
    assert_eq!(
        keys(connection),
        "cid kind type ip port start last_activity rtt uptime idle pending_bytes in_msgs out_msgs \
         in_bytes out_bytes subscriptions name lang version"
    );
    assert_eq!((&connection["kind"], &connection["type"]), (&json!("Client"), &json!("nats")));
    assert_eq!(connection["cid"], 5);
    assert_ne!(connection["rtt"], "0s");
    let listed = &server.json("/connz?subs=1")["connections"][0]["subscriptions_list"];
    assert_eq!(*listed, json!(["a.*", "b"]));
    let detailed = &server.json("/connz?subs=detail&cid=5")["connections"][0];
    assert_eq!(
        detailed["subscriptions_list_detail"],
        json!([
            { "subject": "a.*", "sid": "1", "msgs": 1, "cid": 5 },
            { "subject": "b", "qgroup": "q", "sid": "2", "msgs": 0, "max": 5, "cid": 5 },
        ])
    );
    assert_eq!(server.json("/connz?auth=1")["connections"][0]["name_tag"], "$G");
}

#[test]
fn connz_filters_pages_and_sorts() {
    let server = Server::start(&[]);
    let mut first = server.client("\"user\":\"a\",\"protocol\":0");
    let mut second = server.client("\"user\":\"b\",\"protocol\":0");
    first.flush();
    second.say("PUB x 1\r\nx\r\n");
    second.flush();
    drop(server.client("\"protocol\":0"));
    let cids = |path: &str| -> Vec<u64> {
        let connz = server.json(path);
        connz["connections"]
            .as_array()
            .unwrap()
            .iter()
            .map(|it| it["cid"].as_u64().unwrap())
            .collect()
    };
    crate::process::poll("the third to go", || (cids("/connz?state=closed") == [7]).then_some(()));
    let cases: [(&str, &[u64]); 9] = [
        ("/connz", &[5, 6]),
        ("/connz?state=all", &[5, 6, 7]),
        ("/connz?limit=1", &[5]),
        ("/connz?offset=1", &[6]),
        ("/connz?cid=6", &[6]),
        ("/connz?cid=99", &[]),
        ("/connz?sort=msgs_from", &[6, 5]),
        ("/connz?sort=uptime", &[6, 5]),
        ("/connz?user=b", &[6]),
    ];
    for (path, expected) in cases {
        assert_eq!(cids(path), expected, "{path}");
    }
    let closed = &server.json("/connz?state=closed")["connections"][0];
    assert_eq!(closed["reason"], "Client Closed");
    assert!(closed["stop"].is_string());
    let nobody = server.json("/connz?acc=X");
    assert_eq!((&nobody["connections"], &nobody["server_id"]), (&Value::Null, &json!("")));
}

#[test]
fn bad_arguments_are_400_as_plain_text() {
    let server = Server::start(&[]);
    let cases = [
        (
            "/connz?limit=abc",
            "Error decoding int for 'limit': strconv.Atoi: parsing \"abc\": invalid syntax",
        ),
        (
            "/connz?subs=abc",
            "Error decoding boolean for 'subs': strconv.ParseBool: parsing \"abc\": invalid syntax",
        ),
        ("/connz?state=x", "Error decoding state for x"),
        ("/connz?sort=x", "invalid sorting option: x"),
        ("/connz?sort=stop", "sort by stop only valid on closed connections"),
        ("/subsz?test=foo.*", "invalid test subject, must be valid publish subject: foo.*"),
        ("/accountz?acc=X", "Account X does not exist"),
        (
            "/jsz?streams=x",
            "Error decoding boolean for 'streams': strconv.ParseBool: parsing \"x\": invalid syntax",
        ),
    ];
    for (path, text) in cases {
        let (status, head, body) = server.http("GET", path);
        assert_eq!((status, body.as_str()), (400, text));
        assert!(head.contains("content-type: text/plain; charset=utf-8"), "{head}");
        assert!(!head.contains("access-control"), "{head}");
    }
}

#[test]
fn every_method_is_answered_and_an_unknown_path_is_404() {
    let server = Server::start(&[]);
    for method in ["GET", "POST", "HEAD"] {
        let (status, head, body) = server.http(method, "/varz");
        assert_eq!(status, 200);
        assert!(head.contains("content-type: application/json"), "{head}");
        assert!(head.contains("access-control-allow-origin: *"), "{head}");
        assert_eq!(body.is_empty(), method == "HEAD");
    }
    let (status, head, body) = server.http("GET", "/");
    assert_eq!(status, 200);
    assert!(head.contains("content-type: text/html; charset=utf-8") && body.contains("./varz"));
    for path in ["/x", "/varz/", "//varz"] {
        let (status, _, body) = server.http("GET", path);
        assert_eq!((status, body.as_str()), (404, "404 page not found\n"), "{path}");
    }
}

#[test]
fn a_base_path_stands_before_every_endpoint() {
    let server = Server::with_config("http_base_path: mon", &[]);
    for (path, status) in
        [("/mon", 200), ("/mon/varz", 200), ("/mon/", 404), ("/varz", 404), ("/", 404)]
    {
        assert_eq!(server.http("GET", path).0, status, "{path}");
    }
}

#[test]
fn the_other_endpoints_have_the_keys_of_nats_server() {
    let server = Server::start(&[]);
    let mut client = server.client("\"protocol\":0");
    client.say("SUB a.* 1\r\n");
    client.flush();
    let stats = "num_subscriptions num_cache num_inserts num_removes num_matches cache_hit_rate \
                 max_fanout avg_fanout";
    let cases = [
        ("/subsz", format!("server_id now {stats} total offset limit")),
        (
            "/subscriptionsz?subs=1",
            format!("server_id now {stats} total offset limit subscriptions_list"),
        ),
        ("/accountz", "server_id now system_account accounts".to_owned()),
        ("/accountz?acc=$G", "server_id now system_account account_detail".to_owned()),
        ("/accstatz", "server_id now account_statz".to_owned()),
        ("/routez", "server_id server_name now num_routes routes".to_owned()),
        ("/gatewayz", "server_id now outbound_gateways inbound_gateways".to_owned()),
        ("/leafz", "server_id now leafnodes leafs".to_owned()),
        ("/ipqueuesz", String::new()),
    ];
    for (path, expected) in cases {
        assert_eq!(keys(&server.json(path)), expected, "{path}");
    }
    let subsz = server.json("/subsz?subs=1&test=a.b");
    assert_eq!(
        subsz["subscriptions_list"],
        json!([{
            "account": "$G", "account_tag": "$G", "subject": "a.*", "sid": "1", "msgs": 0, "cid": 5,
        }])
    );
    let account = &server.json("/accstatz")["account_statz"][0];
    assert_eq!(
        keys(account),
        "acc name conns leafnodes total_conns num_subscriptions sent received slow_consumers"
    );
    assert_eq!(keys(&account["sent"]), "msgs bytes gateways routes leafs");
    assert_eq!(server.http("GET", "/raftz").0, 404);
}

#[test]
fn jsz_without_jetstream_is_disabled() {
    let server = Server::start(&[]);
    let jsz = server.json("/jsz");
    assert_eq!(
        keys(&jsz),
        "memory storage reserved_memory reserved_storage accounts ha_assets api server_id now \
         disabled config streams consumers messages bytes total"
    );
    assert_eq!(jsz["config"], json!({ "max_memory": 0, "max_storage": 0 }));
    assert_eq!(server.http("GET", "/healthz?js-enabled-only=1").0, 200);
}

#[test]
fn jsz_shows_accounts_streams_and_consumers_as_asked() {
    let server = Server::start(&["-js", "-sd", "store"]);
    with_stream(&server);
    let jsz = server.json("/jsz");
    assert_eq!(
        keys(&jsz),
        "memory storage reserved_memory reserved_storage accounts ha_assets api server_id now \
         config limits streams consumers messages bytes total"
    );
    assert_eq!((&jsz["streams"], &jsz["consumers"]), (&json!(1), &json!(1)));
    let account = &server.json("/jsz?accounts=1")["account_details"][0];
    assert_eq!(
        keys(account),
        "name id memory storage reserved_memory reserved_storage accounts ha_assets api"
    );
    assert_eq!(account["reserved_memory"], u64::MAX);
    let stream = |path: &str| server.json(path)["account_details"][0]["stream_detail"][0].clone();
    // The last one is ours.
    assert_eq!(keys(&stream("/jsz?streams=1")), "name created cluster state durability");
    let detailed = stream("/jsz?consumers=1&config=1");
    assert_eq!(keys(&detailed), "name created cluster config state consumer_detail durability");
    assert_eq!(
        keys(&detailed["consumer_detail"][0]),
        "stream_name name created config delivered ack_floor num_ack_pending num_redelivered \
         num_waiting num_pending ts"
    );
    let bare = stream("/jsz?consumers=1");
    assert!(bare["consumer_detail"][0].get("config").is_none());
    assert!(server.json("/jsz?acc=X").get("account_details").is_none());
    assert_eq!(server.json("/jsz?raft=1")["streams_leader"], 1);
}

#[test]
fn healthz_looks_for_account_stream_and_consumer() {
    let server = Server::start(&["-js", "-sd", "store"]);
    with_stream(&server);
    let at_g = "on account \\\"$G\\\"\"";
    let cases = [
        ("/healthz", 200, "{\"status\":\"ok\"}".to_owned()),
        ("/healthz?js-server-only=1", 200, "{\"status\":\"ok\"}".to_owned()),
        ("/healthz?account=$G&stream=S&consumer=C", 200, "{\"status\":\"ok\"}".to_owned()),
        (
            "/healthz?account=$G&stream=X",
            404,
            format!("{{\"status\":\"unavailable\",\"error\":\"JetStream stream \\\"X\\\" not found {at_g}}}"),
        ),
        (
            "/healthz?account=$G&stream=S&consumer=X",
            404,
            format!(
                "{{\"status\":\"unavailable\",\"error\":\"JetStream consumer \\\"X\\\" not found for \
                 stream \\\"S\\\" {at_g}}}"
            ),
        ),
        (
            "/healthz?stream=S",
            400,
            "{\"status\":\"error\",\"error\":\"\\\"account\\\" must not be empty when checking stream \
             health\"}"
                .to_owned(),
        ),
        (
            "/healthz?account=x&stream=S&details=1",
            404,
            "{\"status\":\"error\",\"errors\":[{\"type\":\"ACCOUNT\",\"account\":\"x\",\"error\":\
             \"JetStream account \\\"x\\\" not found\"}]}"
                .to_owned(),
        ),
    ];
    for (path, status, body) in cases {
        let (found, head, text) = server.http("GET", path);
        assert_eq!((found, text), (status, body), "{path}");
        assert!(head.contains("content-type: application/json"), "{head}");
    }
}

/// Makes the stream `S` and its consumer `C`.
fn with_stream(server: &Server) {
    let mut client = server.client("\"protocol\":0");
    client.say("SUB r 1\r\n");
    let calls = [
        ("$JS.API.STREAM.CREATE.S", "{\"name\":\"S\",\"subjects\":[\"s\"]}"),
        (
            "$JS.API.CONSUMER.DURABLE.CREATE.S.C",
            "{\"stream_name\":\"S\",\"config\":{\"durable_name\":\"C\",\"ack_policy\":\"explicit\"}}",
        ),
    ];
    for (subject, body) in calls {
        client.say(&format!("PUB {subject} r {}\r\n{body}\r\n", body.len()));
        assert!(client.line().starts_with("MSG r 1 "));
        let answer = client.line();
        assert!(!answer.contains("\"error\""), "{answer}");
    }
}
