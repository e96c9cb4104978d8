use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use tradewind_bus::{Delivery, Raw, RequestError};

use crate::broker::Broker;

/// Rows: S2-15, S3-25, S4-03, S4-28, S4-29.
#[tokio::test]
async fn s4_29_a_request_gets_its_answer() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let responder = bus
        .subscribe::<Raw>("service.ping")
        .respond(|it: Delivery<Raw>| async move {
            // An answer of nothing is none.
            (it.data.as_str() == Ok("hello")).then(|| Raw::from("pong"))
        })
        .await
        .unwrap();

    let wait = Duration::from_secs(5);
    let answer = bus.request::<Raw>("service.ping", &Raw::from("hello"), wait).await.unwrap();
    assert_eq!(answer.data.as_str(), Ok("pong"));

    let since = Instant::now();
    let wait = Duration::from_millis(300);
    let none = bus.request::<Raw>("service.ping", &Raw::from("who?"), wait).await.unwrap_err();
    assert!(matches!(none, RequestError::TimedOut { .. }), "{none}");
    assert!(Duration::from_millis(280) < since.elapsed());

    let since = Instant::now();
    let wait = Duration::from_secs(5);
    let nobody = bus.request::<Raw>("service.none", &Raw::from("hello"), wait).await.unwrap_err();
    assert!(matches!(nobody, RequestError::NoResponders { .. }), "{nobody}");
    assert!(since.elapsed() < Duration::from_secs(2), "at once");
    drop(responder);
}

#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Sum {
    a: i64,
    b: i64,
}

#[tokio::test]
async fn typed_questions_have_typed_answers_and_typed_errors() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let responder = bus
        .subscribe::<Sum>("sum")
        .respond(|it: Delivery<Sum>| async move { Some(it.data.a + it.data.b) })
        .await
        .unwrap();
    let wait = Duration::from_secs(5);

    let sum = bus.request::<i64>("sum", &Sum { a: 2, b: 40 }, wait).await.unwrap();
    assert_eq!(sum.data, 42);
    let wrong = bus.request::<String>("sum", &Sum { a: 2, b: 40 }, wait).await.unwrap_err();
    assert!(matches!(wrong, RequestError::Codec(_)), "{wrong}");
    drop(responder);
}

#[tokio::test]
async fn scatter_gather_collects_all_answers_within_the_wait() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let mut responders = Vec::new();
    for name in ["a", "b", "c"] {
        let respond = bus.subscribe::<Raw>("who").respond(move |_: Delivery<Raw>| async move {
            if name == "c" {
                tokio::time::sleep(Duration::from_secs(3)).await;
            }
            Some(name)
        });
        responders.push(respond.await.unwrap());
    }

    let wait = Duration::from_millis(500);
    let answers = bus.gather::<String>("who", &Raw::from(""), 10, wait).await.unwrap();
    let mut names: Vec<String> = answers.into_iter().map(|it| it.unwrap().data).collect();
    names.sort();
    assert_eq!(names, ["a", "b"]);

    let since = Instant::now();
    let first = bus.gather::<String>("who", &Raw::from(""), 1, Duration::from_secs(5)).await;
    assert_eq!(first.unwrap().len(), 1);
    assert!(since.elapsed() < Duration::from_secs(2));
    let nobody = bus.gather::<String>("nobody", &Raw::from(""), 1, wait).await.unwrap_err();
    assert!(matches!(nobody, RequestError::NoResponders { .. }));
}
