use std::time::Duration;

use tradewind_bus::{Ensured, ManageError, OnDrift, stream};

use crate::broker::Broker;

fn config(broker: &Broker) -> stream::Config {
    stream::Config {
        name: "ORDERS".to_owned(),
        subjects: vec!["orders.>".to_owned()],
        max_age: Duration::from_hours(30 * 24),
        num_replicas: broker.replicas(),
        ..stream::Config::default()
    }
}

/// Rows: S1-27, S4-05, S4-30.
#[tokio::test]
async fn s1_27_ensuring_twice_changes_nothing_and_drift_is_told_or_mended() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;

    let first = bus.ensure_stream(config(&broker), OnDrift::Fail).await.unwrap();
    let second = bus.ensure_stream(config(&broker), OnDrift::Fail).await.unwrap();
    assert_eq!((first, second), (Ensured::Created, Ensured::Same));
    let age = bus.stream_info("ORDERS").await.unwrap().config.max_age;
    assert_eq!(age.as_nanos(), 30 * 24 * 3_600_000_000_000);

    let longer = stream::Config { max_age: Duration::from_hours(60 * 24), ..config(&broker) };
    let failed = bus.ensure_stream(longer.clone(), OnDrift::Fail).await.unwrap_err();
    assert!(
        failed.to_string().contains("max_age is 2592000000000000, not 5184000000000000"),
        "{failed}"
    );
    let told = bus.ensure_stream(longer.clone(), OnDrift::Report).await.unwrap();
    assert!(matches!(told, Ensured::Differs(_)));
    let mended = bus.ensure_stream(longer.clone(), OnDrift::Update).await.unwrap();
    assert!(matches!(mended, Ensured::Updated(_)));
    assert_eq!(bus.ensure_stream(longer, OnDrift::Fail).await.unwrap(), Ensured::Same);
}

/// Rows: S4-05.
#[tokio::test]
async fn s4_05_a_deleted_stream_is_not_found() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    bus.ensure_stream(config(&broker), OnDrift::Fail).await.unwrap();

    bus.delete_stream("ORDERS").await.unwrap();

    let error = bus.stream_info("ORDERS").await.unwrap_err();
    assert!(matches!(&error, ManageError::NotFound { what: "stream", .. }), "{error}");
}

/// Rows: S2-22, S2-56, S3-56.
#[tokio::test]
async fn s2_22_the_stream_of_the_configuration_is_made() {
    let broker = Broker::start().await;
    let bus = broker
        .bus_with(|config| {
            config.stream.name = Some("my_stream".to_owned());
            config.stream.subjects = vec!["demo.>".to_owned()];
            config.stream.durable = Some(true);
            config.subject_prefix = "app.".to_owned();
        })
        .await;

    assert_eq!(bus.ensure_configured_stream().await.unwrap(), Ensured::Created);

    let info = bus.stream_info("my_stream").await.unwrap();
    assert_eq!(info.config.subjects, ["app.demo.>"]);
    assert_eq!(info.config.storage, stream::StorageType::File);
    assert_eq!(info.config.num_replicas, broker.replicas());
    let producer = bus.producer().start().await.unwrap();
    let receipt = producer.publish("demo.subject", &"Hello, World!").await.unwrap();
    assert_eq!(receipt.stored().unwrap().stream, "my_stream");
}
