//! The services framework: needs nothing of a server but queue groups and wildcards.

use async_nats::service::ServiceExt;
use futures_util::StreamExt;
use serde_json::Value;

use crate::help::soon;
use crate::server::Server;

async fn ask(client: &async_nats::Client, subject: &str) -> Value {
    let answer = soon(subject, client.request(subject.to_owned(), "".into())).await.unwrap();
    serde_json::from_slice(&answer.payload).unwrap()
}

#[tokio::test]
async fn a_service_is_found_asked_and_counted() {
    let server = Server::core_only();
    let host = server.client().await;
    let service = host.service_builder().description("adds").start("calc", "1.2.3").await.unwrap();
    let mut endpoint = service.group("v1").endpoint("add").await.unwrap();
    let serving = tokio::spawn(async move {
        while let Some(request) = endpoint.next().await {
            let sum = std::str::from_utf8(&request.message.payload)
                .unwrap()
                .split('+')
                .map(|n| n.parse::<u32>().unwrap())
                .sum::<u32>();
            request.respond(Ok(sum.to_string().into())).await.unwrap();
        }
    });
    let client = server.client().await;
    for _ in 0..3 {
        let sum = soon("a sum", client.request("v1.add", "20+22".into())).await.unwrap();
        assert_eq!(sum.payload, "42");
    }

    let ping = ask(&client, "$SRV.PING").await;
    assert_eq!(ping["type"], "io.nats.micro.v1.ping_response");
    assert_eq!((&ping["name"], &ping["version"]), (&"calc".into(), &"1.2.3".into()));
    let id = ping["id"].as_str().unwrap();

    let info = ask(&client, "$SRV.INFO.calc").await;
    assert_eq!(info["description"], "adds");
    assert_eq!(info["endpoints"][0]["subject"], "v1.add");
    assert_eq!(info["endpoints"][0]["queue_group"], "q");

    let stats = ask(&client, &format!("$SRV.STATS.calc.{id}")).await;
    assert_eq!(stats["endpoints"][0]["num_requests"], 3);
    assert_eq!(stats["endpoints"][0]["num_errors"], 0);
    serving.abort();
}

#[tokio::test]
async fn two_instances_answer_a_ping_and_share_the_requests() {
    let server = Server::core_only();
    let mut services = Vec::new();
    let mut tasks = Vec::new();
    for name in ["one", "two"] {
        let host = server.client().await;
        let service = host.service_builder().start("echo", "0.1.0").await.unwrap();
        let mut endpoint = service.endpoint("echo").await.unwrap();
        host.flush().await.unwrap();
        services.push(service);
        tasks.push(tokio::spawn(async move {
            while let Some(request) = endpoint.next().await {
                request.respond(Ok(name.into())).await.unwrap();
            }
        }));
    }
    let client = server.client().await;
    let inbox = client.new_inbox();
    let mut pongs = client.subscribe(inbox.clone()).await.unwrap();
    client.publish_with_reply("$SRV.PING.echo", inbox, "".into()).await.unwrap();
    let mut ids = std::collections::BTreeSet::new();
    for _ in 0..2 {
        let pong: Value =
            serde_json::from_slice(&crate::help::next(&mut pongs).await.payload).unwrap();
        ids.insert(pong["id"].as_str().unwrap().to_owned());
    }
    assert_eq!(ids.len(), 2);
    let mut names = std::collections::BTreeSet::new();
    for _ in 0..50 {
        names.insert(soon("an echo", client.request("echo", "".into())).await.unwrap().payload);
    }
    assert_eq!(names.len(), 2);
    tasks.iter().for_each(tokio::task::JoinHandle::abort);
}
