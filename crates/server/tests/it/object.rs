//! Object stores.

use async_nats::jetstream::Context;
use async_nats::jetstream::object_store::{Config, ObjectMetadata, ObjectStore};
use futures_util::{StreamExt, TryStreamExt};
use tokio::io::AsyncReadExt;

use crate::help::{fails, soon, state};
use crate::server::Server;

async fn artifacts() -> (Server, Context, ObjectStore) {
    let server = Server::start();
    let js = server.jetstream().await;
    let config = Config { bucket: "artifacts".into(), ..Config::default() };
    let store = js.create_object_store(config).await.expect("the store is created");
    (server, js, store)
}

fn pattern(size: u32) -> Vec<u8> {
    (0..size).map(|i| (i.wrapping_mul(7).wrapping_add(i / 256)).to_le_bytes()[0]).collect()
}

async fn read(store: &ObjectStore, name: &str) -> Vec<u8> {
    let mut object = store.get(name).await.expect("the object is there");
    let mut data = Vec::new();
    soon("the whole object", object.read_to_end(&mut data)).await.expect("its digest is right");
    data
}

/// Rows: S4-08, S4-37, S4-38, S4-39, S4-68
#[tokio::test]
async fn s4_38_objects_of_all_sizes_come_back_with_their_digest() {
    let (_server, js, store) = artifacts().await;
    let chunk = 128 * 1024;
    for size in [0, 1, chunk - 1, chunk, chunk + 1, 1_000_000] {
        let data = pattern(size);
        let info = store.put("report.pdf", &mut &data[..]).await.unwrap();
        assert_eq!(info.size, data.len());
        assert_eq!(info.chunks, data.len().div_ceil(usize::try_from(chunk).unwrap()));
        assert!(read(&store, "report.pdf").await == data, "the bytes of {size}");
    }
    let info = store.info("report.pdf").await.unwrap();
    let digest = "SHA-256=xA8rtlBr4ZfUIwGTN-QqGT0IExKS_e33bO0L9KOriI4=";
    assert_eq!(info.digest.as_deref(), Some(digest));
    assert_eq!((info.bucket.as_str(), info.name.as_str()), ("artifacts", "report.pdf"));

    let stream = js.get_stream("OBJ_artifacts").await.unwrap();
    let config = &stream.cached_info().config;
    assert_eq!(config.subjects, ["$O.artifacts.C.>", "$O.artifacts.M.>"]);
    assert!(config.allow_rollup && config.allow_direct);
    assert_eq!(state(&stream).await.messages, 9, "the chunks of older versions are purged");
}

/// Rows: S4-69, S4-70
#[tokio::test]
async fn s4_70_a_release_is_uploaded_once_and_downloaded_by_every_node() {
    let (server, _js, store) = artifacts().await;
    let binary = pattern(2_000_000);
    store.put("v1.2.3", &mut &binary[..]).await.unwrap();
    let mut nodes = Vec::new();
    for _ in 0..3 {
        let js = server.jetstream().await;
        nodes.push(tokio::spawn(async move {
            let store = js.get_object_store("artifacts").await.unwrap();
            read(&store, "v1.2.3").await
        }));
    }
    for node in nodes {
        assert!(soon("a download", node).await.unwrap() == binary);
    }
}

/// Rows: S4-40
#[tokio::test]
async fn s4_40_list_gives_names_and_sizes_of_what_is_there() {
    let (_server, _js, store) = artifacts().await;
    for (name, size) in [("a", 10), ("b/with spaces", 20), ("c", 30)] {
        store.put(name, &mut &pattern(size)[..]).await.unwrap();
    }
    store.delete("c").await.unwrap();
    let mut objects: Vec<_> = store
        .list()
        .await
        .unwrap()
        .map_ok(|info| (info.name, info.size))
        .try_collect()
        .await
        .unwrap();
    objects.sort();
    assert_eq!(objects, [("a".to_owned(), 10), ("b/with spaces".to_owned(), 20)]);
}

#[tokio::test]
async fn a_deleted_object_is_not_found_and_its_chunks_are_gone() {
    let (_server, js, store) = artifacts().await;
    store.put("big", &mut &pattern(500_000)[..]).await.unwrap();
    store.put("small", &mut &pattern(5)[..]).await.unwrap();
    store.delete("big").await.unwrap();
    fails(store.get("big").await);
    let stream = js.get_stream("OBJ_artifacts").await.unwrap();
    // The marker, and the other object's chunk and description.
    assert_eq!(state(&stream).await.messages, 3);
    assert_eq!(read(&store, "small").await, pattern(5));
    fails(store.get("never.there").await);
}

#[tokio::test]
async fn a_watch_sees_puts_and_deletes() {
    let (_server, _js, store) = artifacts().await;
    let mut watch = store.watch().await.unwrap();
    store.put("a", &mut &b"1"[..]).await.unwrap();
    store.put("b", &mut &b"22"[..]).await.unwrap();
    store.delete("a").await.unwrap();
    let mut seen = Vec::new();
    for _ in 0..3 {
        let info = soon("an event", watch.next()).await.unwrap().unwrap();
        seen.push((info.name, info.size, info.deleted));
    }
    let expected = [("a", 1, false), ("b", 2, false), ("a", 0, true)];
    assert_eq!(seen, expected.map(|(name, size, deleted)| (name.to_owned(), size, deleted)));
}

#[tokio::test]
async fn description_and_chunk_size_are_kept() {
    let (_server, _js, store) = artifacts().await;
    let metadata = ObjectMetadata {
        name: "notes.txt".into(),
        description: Some("what changed".into()),
        chunk_size: Some(1000),
        ..Default::default()
    };
    let data = pattern(2500);
    let info = store.put(metadata, &mut &data[..]).await.unwrap();
    assert_eq!(info.chunks, 3);
    let info = store.info("notes.txt").await.unwrap();
    assert_eq!(info.description.as_deref(), Some("what changed"));
    assert_eq!(info.options.and_then(|options| options.max_chunk_size), Some(1000));
    assert_eq!(read(&store, "notes.txt").await, data);
}

#[tokio::test]
async fn a_sealed_store_is_read_only() {
    let (_server, _js, mut store) = artifacts().await;
    store.put("a", &mut &b"1"[..]).await.unwrap();
    store.seal().await.unwrap();
    assert!(store.put("b", &mut &b"2"[..]).await.is_err());
    assert_eq!(read(&store, "a").await, b"1");
}

#[tokio::test]
async fn a_link_leads_to_the_object() {
    let (_server, _js, store) = artifacts().await;
    store.put("v1", &mut &b"the release"[..]).await.unwrap();
    let target = store.get("v1").await.unwrap();
    store.add_link("latest", &target).await.unwrap();
    assert_eq!(read(&store, "latest").await, b"the release");
}
