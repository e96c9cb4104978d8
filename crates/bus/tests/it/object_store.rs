use std::os::unix::fs::PermissionsExt as _;

use tokio::io::AsyncReadExt as _;
use tradewind_bus::{ObjectError, objects};

use crate::broker::Broker;

fn config(broker: &Broker, bucket: &str) -> objects::Config {
    objects::Config {
        bucket: bucket.to_owned(),
        num_replicas: broker.replicas(),
        ..objects::Config::default()
    }
}

/// Rows: S4-08, S4-37, S4-38, S4-39, S4-40.
#[tokio::test]
async fn s4_38_objects_of_all_sizes_come_back_as_they_were_put() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    let store = bus.create_object_store(config(&broker, "artifacts")).await.unwrap();

    let chunk = 128 * 1024;
    for size in [1, chunk - 1, chunk, chunk + 1, 5 << 20] {
        let data: Vec<u8> = (0..size).map(|n| u8::try_from(n % 251).unwrap()).collect();
        let info = store.put_bytes("report.pdf", &data).await.unwrap();
        assert_eq!(info.size, u64::try_from(size).unwrap());
        assert!(info.digest.unwrap().starts_with("SHA-256="));
        let mut reader = store.get("report.pdf").await.unwrap();
        let mut read = Vec::new();
        reader.read_to_end(&mut read).await.unwrap();
        assert_eq!(read, data);
    }
    store.put_bytes("other", b"x").await.unwrap();
    let mut listed: Vec<(String, u64)> =
        store.list().await.unwrap().into_iter().map(|it| (it.name, it.size)).collect();
    listed.sort();
    assert_eq!(listed, [("other".to_owned(), 1), ("report.pdf".to_owned(), 5 << 20)]);
    assert!(bus.stream_info("OBJ_artifacts").await.is_ok());
}

/// Rows: S4-68, S4-69, S4-70.
#[tokio::test]
async fn s4_70_a_file_is_put_and_got_with_its_mode() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;
    bus.create_object_store(config(&broker, "releases")).await.unwrap();
    let store = bus.object_store("releases").await.unwrap();
    let dir = tempfile::tempdir().unwrap();
    let (from, to) = (dir.path().join("v1.2.3"), dir.path().join("app"));
    std::fs::write(&from, vec![42; 300_000]).unwrap();

    let put = store.put_file("v1.2.3", &from).await.unwrap();
    store.get_to_file("v1.2.3", &to, 0o755).await.unwrap();

    assert_eq!(std::fs::read(&to).unwrap(), vec![42; 300_000]);
    assert_eq!(std::fs::metadata(&to).unwrap().permissions().mode() & 0o777, 0o755);
    assert_eq!(store.info("v1.2.3").await.unwrap().digest, put.digest);
    assert!(!dir.path().join("app.partial").exists());
}

#[tokio::test]
async fn what_is_not_there_is_named() {
    let broker = Broker::start().await;
    let bus = broker.bus().await;

    assert!(matches!(bus.object_store("none").await, Err(ObjectError::NoStore(_))));
    let store = bus.create_object_store(config(&broker, "artifacts")).await.unwrap();
    let error = store.get_bytes("none").await.unwrap_err();
    assert_eq!(error.to_string(), "there is no object \"none\" in store \"artifacts\"");
    store.put_bytes("some", b"x").await.unwrap();
    store.delete("some").await.unwrap();
    assert!(matches!(store.get_bytes("some").await, Err(ObjectError::NotFound { .. })));
}
