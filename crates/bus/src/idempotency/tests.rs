//! One contract for all stores.

use std::sync::Arc;

use super::*;

const LEASE: Duration = Duration::from_secs(30);

async fn granted(store: &dyn Store, id: &str, lease: Duration) -> ClaimToken {
    match store.claim(id, lease).await.unwrap() {
        Claim::Granted(token) => token,
        other => panic!("{other:?}"),
    }
}

/// What every store does, seen by two who share it. Rows of it stand at the tests that call it.
async fn keeps_the_contract(stores: [Arc<dyn Store>; 2]) {
    claims_end_in_a_mark(&*stores[0], &*stores[1]).await;
    claims_are_given_back(&*stores[0], &*stores[1]).await;
    leases_run_out(&stores).await;
    // Of many who race, one is granted.
    assert_eq!(n_granted_of_fifty(&stores, "race").await, 1);
    old_marks_are_forgotten(&*stores[0], &*stores[1]).await;
}

async fn claims_end_in_a_mark(ours: &dyn Store, theirs: &dyn Store) {
    let token = granted(ours, "a.b > *", LEASE).await;
    assert!(matches!(theirs.claim("a.b > *", LEASE).await.unwrap(), Claim::Busy { until }
        if jiff::Timestamp::now() < until));
    assert!(!theirs.is_done("a.b > *").await.unwrap());
    ours.complete(&token).await.unwrap();
    assert!(theirs.is_done("a.b > *").await.unwrap());
    assert_eq!(theirs.claim("a.b > *", LEASE).await.unwrap(), Claim::Done);
    assert!(matches!(ours.complete(&token).await, Err(StoreError::LeaseLost { .. })));
    ours.release(&token).await.unwrap();
    assert!(theirs.is_done("a.b > *").await.unwrap());

    // Neither empty nor long ids are mixed up, and no lease is too long.
    let long = "x".repeat(1000);
    let other = format!("{long}y");
    for id in ["", &long] {
        let token = granted(ours, id, Duration::MAX).await;
        assert_eq!(token.id(), id);
        ours.complete(&token).await.unwrap();
        assert!(theirs.is_done(id).await.unwrap());
    }
    assert!(!theirs.is_done(&other).await.unwrap());
}

async fn claims_are_given_back(ours: &dyn Store, theirs: &dyn Store) {
    let first = granted(ours, "released", LEASE).await;
    ours.release(&first).await.unwrap();
    let second = granted(theirs, "released", LEASE).await;
    // Another's claim is neither given back nor completed.
    ours.release(&first).await.unwrap();
    assert!(matches!(ours.complete(&first).await, Err(StoreError::LeaseLost { .. })));
    assert!(matches!(ours.claim("released", LEASE).await.unwrap(), Claim::Busy { .. }));
    theirs.complete(&second).await.unwrap();
}

async fn leases_run_out(stores: &[Arc<dyn Store>; 2]) {
    let short = Duration::from_millis(50);
    let later = Duration::from_millis(120);
    let [ours, theirs] = stores;

    // A lease that ran out is taken over, and its first owner is told.
    let slow = granted(&**ours, "slow", short).await;
    tokio::time::sleep(later).await;
    let quick = granted(&**theirs, "slow", LEASE).await;
    assert!(
        matches!(ours.complete(&slow).await, Err(StoreError::LeaseLost { id }) if id == "slow")
    );
    ours.release(&slow).await.unwrap();
    theirs.complete(&quick).await.unwrap();
    assert!(matches!(ours.complete(&slow).await, Err(StoreError::LeaseLost { .. })));

    // One that nobody took over is good.
    let late = granted(&**ours, "late", short).await;
    tokio::time::sleep(later).await;
    ours.complete(&late).await.unwrap();

    // Of many who would take it over, one does.
    granted(&**ours, "left", short).await;
    tokio::time::sleep(later).await;
    assert_eq!(n_granted_of_fifty(stores, "left").await, 1);
}

async fn n_granted_of_fifty(stores: &[Arc<dyn Store>; 2], id: &'static str) -> usize {
    let tasks: Vec<_> = (0..50)
        .map(|idx| {
            let store = Arc::clone(&stores[idx % 2]);
            tokio::spawn(async move { store.claim(id, LEASE).await.unwrap() })
        })
        .collect();
    let mut n_granted = 0;
    for task in tasks {
        match task.await.unwrap() {
            Claim::Granted(_) => n_granted += 1,
            Claim::Busy { until } => assert!(jiff::Timestamp::now() < until),
            Claim::Done => panic!("{id} is not done"),
        }
    }
    n_granted
}

async fn old_marks_are_forgotten(ours: &dyn Store, theirs: &dyn Store) {
    for age in [Duration::from_hours(1), Duration::from_hours(24 * 365), Duration::MAX] {
        assert_eq!(ours.forget_before(age).await.unwrap(), 0, "{age:?}");
    }
    tokio::time::sleep(Duration::from_millis(20)).await;
    assert_eq!(ours.forget_before(Duration::from_millis(5)).await.unwrap(), 6);
    assert!(!theirs.is_done("slow").await.unwrap());
    // Claims that run are not.
    assert!(matches!(theirs.claim("race", LEASE).await.unwrap(), Claim::Busy { .. }));
}

/// Rows: S1-62.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s1_62_memory_keeps_the_contract() {
    let store: Arc<dyn Store> = Arc::new(MemoryStore::default());
    keeps_the_contract([Arc::clone(&store), store]).await;
}

#[tokio::test]
async fn memory_is_bounded() {
    let store = MemoryStore::new(2);
    for id in ["a", "b", "c"] {
        let token = granted(&store, id, LEASE).await;
        store.complete(&token).await.unwrap();
    }

    assert!(!store.is_done("a").await.unwrap());
    assert!(store.is_done("b").await.unwrap() && store.is_done("c").await.unwrap());

    // Handlers that are never heard of again leave claims behind.
    let running = granted(&store, "running", LEASE).await;
    for idx in 0..5000 {
        granted(&store, &idx.to_string(), Duration::ZERO).await;
    }
    assert!(store.n_claims() <= 1025, "{}", store.n_claims());
    store.complete(&running).await.unwrap();
}

/// A server with a bucket in it, as two clients see it.
async fn buckets(
    dir: &std::path::Path,
) -> (tradewind_server::Server, [async_nats::jetstream::kv::Store; 2]) {
    let options = tradewind_server::Options::embedded(dir);
    let server = tradewind_server::Server::start(options).await.unwrap();
    let connect = async || {
        let options = async_nats::ConnectOptions::with_token(server.token().unwrap().to_owned());
        let client = options.connect(server.client_address().to_string()).await.unwrap();
        async_nats::jetstream::new(client)
    };
    let config =
        async_nats::jetstream::kv::Config { bucket: "ids".to_owned(), ..Default::default() };
    let ours = connect().await.create_key_value(config).await.unwrap();
    let theirs = connect().await.get_key_value("ids").await.unwrap();
    (server, [ours, theirs])
}

/// Rows: S1-62.
#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn s1_62_a_bucket_keeps_the_contract_and_the_marks_survive_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let (server, buckets_before) = buckets(dir.path()).await;
    let stores =
        buckets_before.map(|bucket| -> Arc<dyn Store> { Arc::new(KeyValueStore::new(bucket)) });
    keeps_the_contract(stores).await;
    server.shutdown().await;

    let (server, [bucket, _]) = buckets(dir.path()).await;
    let store = KeyValueStore::new(bucket);
    assert!(matches!(store.claim("race", LEASE).await.unwrap(), Claim::Busy { .. }));
    let token = granted(&store, "kept", LEASE).await;
    store.complete(&token).await.unwrap();
    server.shutdown().await;
    let (server, [bucket, _]) = buckets(dir.path()).await;
    assert!(KeyValueStore::new(bucket).is_done("kept").await.unwrap());
    server.shutdown().await;
}

#[tokio::test]
async fn what_a_bucket_forgets_leaves_nothing_behind() {
    let dir = tempfile::tempdir().unwrap();
    let (server, [bucket, _]) = buckets(dir.path()).await;
    let store = KeyValueStore::new(bucket.clone());
    for id in ["done", "also done"] {
        let token = granted(&store, id, LEASE).await;
        store.complete(&token).await.unwrap();
    }
    let token = granted(&store, "released", LEASE).await;
    store.release(&token).await.unwrap();
    granted(&store, "left", Duration::ZERO).await;
    granted(&store, "running", LEASE).await;
    tokio::time::sleep(Duration::from_millis(20)).await;

    assert_eq!(store.forget_before(Duration::from_millis(5)).await.unwrap(), 2);

    let mut stream = bucket.stream.clone();
    assert_eq!(stream.info().await.unwrap().state.messages, 1, "the claim that runs");
    server.shutdown().await;
}

/// What the Go consumer asks, which shares the table.
#[cfg(any(feature = "sqlite", feature = "postgres"))]
const COUNT: &str = "SELECT COUNT(*) FROM processed_requests WHERE request_id = $1";

#[cfg(feature = "sqlite")]
mod sqlite {
    use std::path::Path;

    use super::*;

    const EFFECT: &str = "INSERT INTO effects (id) VALUES ('m')";

    async fn count(store: &SqliteStore, id: &str) -> i64 {
        let (n,) = sqlx::query_as(COUNT).bind(id).fetch_one(store.pool()).await.unwrap();
        n
    }

    async fn n_effects(store: &SqliteStore) -> i64 {
        let query = sqlx::query_as("SELECT COUNT(*) FROM effects");
        let (n,) = query.fetch_one(store.pool()).await.unwrap();
        n
    }

    async fn with_effects(path: &Path) -> SqliteStore {
        let store = SqliteStore::open(path).await.unwrap();
        sqlx::query("CREATE TABLE effects (id TEXT)").execute(store.pool()).await.unwrap();
        store
    }

    /// Rows: S0-41, S0-43, S0-44, S0-45.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn s0_41_sqlite_keeps_the_contract_and_the_marks_survive_a_restart() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ids.db");
        let ours = Arc::new(SqliteStore::open(&path).await.unwrap());
        let theirs = Arc::new(SqliteStore::open(&path).await.unwrap());
        keeps_the_contract([ours, theirs]).await;
        let store = SqliteStore::open(&path).await.unwrap();
        let token = granted(&store, "kept", LEASE).await;
        store.complete(&token).await.unwrap();
        store.pool().close().await;

        let store = SqliteStore::open(&path).await.unwrap();

        assert!(store.is_done("kept").await.unwrap());
        assert!(matches!(store.claim("race", LEASE).await.unwrap(), Claim::Busy { .. }));
        assert_eq!(count(&store, "kept").await, 1);
        assert_eq!(count(&store, "race").await, 0);
    }

    /// Rows: S0-46.
    #[tokio::test]
    async fn s0_46_effect_and_mark_are_there_together_or_not_at_all() {
        let dir = tempfile::tempdir().unwrap();
        let store = with_effects(&dir.path().join("ids.db")).await;

        // A handler that fails between the work and the commit.
        let Begun::Fresh(mut dropped) = store.begin("m").await.unwrap() else { panic!("fresh") };
        sqlx::query(EFFECT).execute(dropped.connection()).await.unwrap();
        drop(dropped);
        assert_eq!((n_effects(&store).await, store.is_done("m").await.unwrap()), (0, false));

        let Begun::Fresh(mut work) = store.begin("m").await.unwrap() else { panic!("fresh") };
        sqlx::query(EFFECT).execute(work.connection()).await.unwrap();
        assert_eq!((n_effects(&store).await, store.is_done("m").await.unwrap()), (0, false));
        work.commit().await.unwrap();
        assert_eq!((n_effects(&store).await, count(&store, "m").await), (1, 1));
        assert!(matches!(store.begin("m").await.unwrap(), Begun::Done));
        assert_eq!(store.claim("m", LEASE).await.unwrap(), Claim::Done);
    }

    /// Rows: S0-46.
    #[tokio::test]
    async fn s0_46_a_crash_leaves_effect_and_mark_or_neither() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ids.db");
        let store = with_effects(&path).await;
        // What a process that dies now leaves: the file and its log, as they are.
        let found_after_a_crash = async |name: &str| {
            let folder = dir.path().join(name);
            std::fs::create_dir(&folder).unwrap();
            for file in ["ids.db", "ids.db-wal"] {
                std::fs::copy(dir.path().join(file), folder.join(file)).unwrap();
            }
            let store = SqliteStore::open(folder.join("ids.db")).await.unwrap();
            (n_effects(&store).await, count(&store, "m").await)
        };
        let Begun::Fresh(mut work) = store.begin("m").await.unwrap() else { panic!("fresh") };
        sqlx::query(EFFECT).execute(work.connection()).await.unwrap();

        assert_eq!(found_after_a_crash("before").await, (0, 0));
        work.commit().await.unwrap();
        assert_eq!(found_after_a_crash("after").await, (1, 1));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_transactions_at_once_one_has_the_effect() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ids.db");
        let stores = [with_effects(&path).await, SqliteStore::open(&path).await.unwrap()];
        let tasks: Vec<_> = (0..20)
            .map(|idx| {
                let store = stores[idx % 2].clone();
                tokio::spawn(async move {
                    if let Begun::Fresh(mut work) = store.begin("m").await.unwrap() {
                        sqlx::query(EFFECT).execute(work.connection()).await.unwrap();
                        work.commit().await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(n_effects(&stores[0]).await, 1);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_make_the_file_at_once() {
        for _ in 0..5 {
            let dir = tempfile::tempdir().unwrap();
            let path = dir.path().join("ids.db");
            let tasks: Vec<_> = (0..8)
                .map(|_| {
                    let path = path.clone();
                    tokio::spawn(async move { SqliteStore::open(path).await.map(|_| ()) })
                })
                .collect();
            for task in tasks {
                task.await.unwrap().unwrap();
            }
        }
    }

    #[tokio::test]
    async fn a_table_that_lets_an_id_in_twice_is_refused() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("ids.db");
        let store = SqliteStore::open(&path).await.unwrap();
        let table = "DROP TABLE processed_requests; \
                     CREATE TABLE processed_requests (request_id TEXT, processed_at INTEGER)";
        sqlx::raw_sql(table).execute(store.pool()).await.unwrap();

        let refused = SqliteStore::open(&path).await.unwrap_err();

        assert!(matches!(refused, StoreError::Schema(_)), "{refused}");
    }
}

#[cfg(feature = "postgres")]
mod postgres {
    use super::*;

    const EFFECT: &str = "INSERT INTO effects (id) VALUES ('m')";

    /// The URL of a database of its own for each test; none where there is no server.
    async fn database(name: &str) -> Option<String> {
        let Ok(url) = std::env::var("TRADEWIND_POSTGRES_URL") else {
            eprintln!("SKIPPED: {name}: no TRADEWIND_POSTGRES_URL; `cargo xtask postgres` sets it");
            return None;
        };
        let admin = sqlx::PgPool::connect(&url).await.unwrap();
        for statement in ["DROP DATABASE IF EXISTS", "CREATE DATABASE"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("{statement} {name}")))
                .execute(&admin)
                .await
                .unwrap();
        }
        let (base, _) = url.rsplit_once('/').unwrap();
        Some(format!("{base}/{name}"))
    }

    async fn with_effects(url: &str) -> PostgresStore {
        let store = PostgresStore::connect(url).await.unwrap();
        sqlx::query("CREATE TABLE effects (id TEXT)").execute(store.pool()).await.unwrap();
        store
    }

    /// Rows of the effect, and rows of the mark.
    async fn counts(store: &PostgresStore) -> (i64, i64) {
        let effects = sqlx::query_as("SELECT COUNT(*) FROM effects");
        let (n_effects,) = effects.fetch_one(store.pool()).await.unwrap();
        let (n_marks,) = sqlx::query_as(COUNT).bind("m").fetch_one(store.pool()).await.unwrap();
        (n_effects, n_marks)
    }

    /// Rows: S0-41, S0-43, S0-44, S0-45.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn s0_41_postgres_keeps_the_contract_and_the_marks_survive_a_restart() {
        let Some(url) = database("contract").await else { return };
        let ours = Arc::new(PostgresStore::connect(&url).await.unwrap());
        let theirs = Arc::new(PostgresStore::connect(&url).await.unwrap());
        keeps_the_contract([ours, theirs]).await;
        let store = PostgresStore::connect(&url).await.unwrap();
        let token = granted(&store, "m", LEASE).await;
        store.complete(&token).await.unwrap();
        store.pool().close().await;

        let store = PostgresStore::connect(&url).await.unwrap();

        assert!(store.is_done("m").await.unwrap());
        assert!(matches!(store.claim("race", LEASE).await.unwrap(), Claim::Busy { .. }));
        let time = "SELECT processed_at BETWEEN now() - interval '1 minute' AND now() \
                    FROM processed_requests WHERE request_id = 'm'";
        let (is_timed,): (bool,) = sqlx::query_as(time).fetch_one(store.pool()).await.unwrap();
        assert!(is_timed);
        let (n,): (i64,) =
            sqlx::query_as(COUNT).bind("race").fetch_one(store.pool()).await.unwrap();
        assert_eq!(n, 0);
    }

    /// Rows: S0-46.
    #[tokio::test]
    async fn s0_46_postgres_has_effect_and_mark_together_or_not_at_all() {
        let Some(url) = database("transactions").await else { return };
        let store = with_effects(&url).await;
        let Begun::Fresh(mut dropped) = store.begin("m").await.unwrap() else { panic!("fresh") };
        sqlx::query(EFFECT).execute(dropped.connection()).await.unwrap();
        drop(dropped);
        assert_eq!(counts(&store).await, (0, 0));

        // Two at once: the second waits, and sees that it is done.
        let Begun::Fresh(mut work) = store.begin("m").await.unwrap() else { panic!("fresh") };
        let other = store.clone();
        let second =
            tokio::spawn(async move { matches!(other.begin("m").await.unwrap(), Begun::Done) });
        sqlx::query(EFFECT).execute(work.connection()).await.unwrap();
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert!(!second.is_finished());
        assert_eq!(counts(&store).await, (0, 0));
        work.commit().await.unwrap();
        assert!(second.await.unwrap());
        assert_eq!(counts(&store).await, (1, 1));
    }

    /// Rows: S0-46.
    #[tokio::test]
    async fn s0_46_a_crash_leaves_neither_effect_nor_mark() {
        let Some(url) = database("crash").await else { return };
        let store = with_effects(&url).await;
        let Begun::Fresh(mut work) = store.begin("m").await.unwrap() else { panic!("fresh") };
        sqlx::query(EFFECT).execute(work.connection()).await.unwrap();
        let query = sqlx::query_as("SELECT pg_backend_pid()");
        let (process,): (i32,) = query.fetch_one(work.connection()).await.unwrap();
        let other = store.clone();
        let second =
            tokio::spawn(async move { matches!(other.begin("m").await.unwrap(), Begun::Fresh(_)) });
        tokio::time::sleep(Duration::from_millis(100)).await;

        let kill = sqlx::query("SELECT pg_terminate_backend($1)").bind(process);
        kill.execute(store.pool()).await.unwrap();

        assert!(matches!(work.commit().await, Err(StoreError::Database(_))));
        assert!(second.await.unwrap(), "whoever waited has it");
        assert_eq!(counts(&store).await, (0, 0));
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn of_many_transactions_at_once_one_has_the_effect() {
        let Some(url) = database("at_once").await else { return };
        let store = with_effects(&url).await;
        let tasks: Vec<_> = (0..40)
            .map(|_| {
                let store = store.clone();
                tokio::spawn(async move {
                    if let Begun::Fresh(mut work) = store.begin("m").await.unwrap() {
                        sqlx::query(EFFECT).execute(work.connection()).await.unwrap();
                        work.commit().await.unwrap();
                    }
                })
            })
            .collect();
        for task in tasks {
            task.await.unwrap();
        }
        assert_eq!(counts(&store).await, (1, 1));
    }

    /// The age is as the caller says, however long.
    #[tokio::test]
    async fn marks_within_a_long_retention_are_kept() {
        let Some(url) = database("retention").await else { return };
        let store = PostgresStore::connect(&url).await.unwrap();
        let marks = "INSERT INTO processed_requests VALUES \
                     ('60 days', now() - interval '60 days'), ('99 days', now() - interval '99 days')";
        sqlx::query(marks).execute(store.pool()).await.unwrap();

        assert_eq!(store.forget_before(Duration::from_hours(24 * 90)).await.unwrap(), 1);

        assert!(store.is_done("60 days").await.unwrap());
    }

    /// Rows: S0-46.
    #[tokio::test]
    async fn s0_46_a_table_that_was_there_before_is_used_if_it_keeps_ids_apart() {
        let Some(url) = database("before").await else { return };
        let pool = sqlx::PgPool::connect(&url).await.unwrap();
        let table = "CREATE TABLE processed_requests (request_id VARCHAR(64), \
                     processed_at TIMESTAMP); INSERT INTO processed_requests VALUES ('m', NOW())";
        sqlx::raw_sql(table).execute(&pool).await.unwrap();

        let refused = PostgresStore::connect(&url).await.unwrap_err();
        assert!(matches!(refused, StoreError::Schema(_)), "{refused}");
        let remedy = "ALTER TABLE processed_requests ADD PRIMARY KEY (request_id)";
        sqlx::query(remedy).execute(&pool).await.unwrap();

        let store = PostgresStore::connect(&url).await.unwrap();
        assert!(matches!(store.begin("m").await.unwrap(), Begun::Done));
        let token = granted(&store, "n", LEASE).await;
        store.complete(&token).await.unwrap();
        // One who may not make tables.
        let reader = "CREATE ROLE clerk LOGIN; \
            GRANT SELECT, INSERT, UPDATE, DELETE ON processed_requests, request_claims TO clerk";
        sqlx::raw_sql(sqlx::AssertSqlSafe(format!("DROP ROLE IF EXISTS clerk; {reader}")))
            .execute(&pool)
            .await
            .unwrap();
        let clerk = PostgresStore::connect(&url.replacen("postgres@", "clerk@", 1)).await.unwrap();
        assert!(clerk.is_done("n").await.unwrap());
        drop(granted(&clerk, "o", LEASE).await);
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn many_make_the_tables_at_once() {
        let Some(url) = database("tables").await else { return };
        let tasks: Vec<_> = (0..4)
            .map(|_| {
                let url = url.clone();
                tokio::spawn(async move { PostgresStore::connect(&url).await.map(|_| ()) })
            })
            .collect();
        for task in tasks {
            task.await.unwrap().unwrap();
        }
    }
}
