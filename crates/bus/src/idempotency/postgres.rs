use std::time::Duration;

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::postgres::{PgConnection, PgPool, PgPoolOptions};
use sqlx::{Postgres, Transaction};

use super::{Begun, Claim, ClaimToken, Store, StoreError, timestamp};

/// Whoever counts rows of `processed_requests` by `request_id` gets 1 for what is done, else 0: its
/// rows are of what is done, and claims have a table of their own.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS processed_requests (
        request_id TEXT PRIMARY KEY,
        processed_at TIMESTAMPTZ NOT NULL DEFAULT now()
    );
    CREATE INDEX IF NOT EXISTS processed_requests_by_time ON processed_requests (processed_at);
    CREATE TABLE IF NOT EXISTS request_claims (
        request_id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        until TIMESTAMPTZ NOT NULL
    );
";
/// Two who make the tables at once would fail: one makes them after the other.
const TABLES_LOCK: i64 = 0x7472_6164_6577_696e;
/// A user who may not make tables needs not, if somebody has made them.
const TABLES_ARE_THERE: &str = "SELECT to_regclass('processed_requests') IS NOT NULL \
                                AND to_regclass('request_claims') IS NOT NULL";
/// Marks nothing, and fails if a table that was there before does not keep ids apart.
const MARK_NOTHING: &str = "INSERT INTO processed_requests (request_id, processed_at) \
                            SELECT '', now() WHERE FALSE ON CONFLICT (request_id) DO NOTHING";
/// A second one waits here until the first has committed, and then sees its row.
const MARK: &str = "INSERT INTO processed_requests (request_id, processed_at) VALUES ($1, now()) \
                    ON CONFLICT (request_id) DO NOTHING";
/// Takes a claim that is free or has run out, by the database's clock: hosts' clocks differ. For
/// what is done long since nothing is written.
const CLAIM: &str = "INSERT INTO request_claims AS c (request_id, owner, until) \
     SELECT $1, $2, clock_timestamp() + make_interval(secs => $3) \
     WHERE NOT EXISTS (SELECT 1 FROM processed_requests WHERE request_id = $1) \
     ON CONFLICT (request_id) DO UPDATE SET owner = EXCLUDED.owner, until = EXCLUDED.until \
     WHERE c.until <= clock_timestamp()";
const UNTIL: &str = "SELECT (EXTRACT(EPOCH FROM until) * 1000)::BIGINT \
                     FROM request_claims WHERE request_id = $1";
/// Others may give a claim back between our try and our look this often in a row.
const TRIES_MAX: usize = 32;
/// A thousand years: PostgreSQL has no times much further from now.
const SECONDS_MAX: f64 = 31_556_952_000.0;

/// A store in PostgreSQL, for any number of hosts. All its times are by the database's clock.
///
/// An id has at most about 2,700 bytes, the most that an index takes, and no NUL.
#[derive(Clone, Debug)]
pub struct PostgresStore {
    pool: PgPool,
}

impl PostgresStore {
    /// Connects, and makes the tables if they are missing.
    ///
    /// # Errors
    ///
    /// If the database can't be reached or refuses.
    pub async fn connect(url: &str) -> Result<PostgresStore, StoreError> {
        let pool = PgPoolOptions::new().max_connections(16).connect(url).await?;
        PostgresStore::with_pool(pool).await
    }

    /// On a pool that is there. The tables are made where its `search_path` begins.
    ///
    /// # Errors
    ///
    /// As [`PostgresStore::connect`].
    pub async fn with_pool(pool: PgPool) -> Result<PostgresStore, StoreError> {
        let mut transaction = pool.begin().await?;
        sqlx::query("SELECT pg_advisory_xact_lock($1)")
            .bind(TABLES_LOCK)
            .execute(&mut *transaction)
            .await?;
        let (are_there,): (bool,) =
            sqlx::query_as(TABLES_ARE_THERE).fetch_one(&mut *transaction).await?;
        if !are_there {
            sqlx::raw_sql(TABLES).execute(&mut *transaction).await?;
        }
        sqlx::query(MARK_NOTHING).execute(&mut *transaction).await.map_err(StoreError::Schema)?;
        transaction.commit().await?;
        Ok(PostgresStore { pool })
    }

    /// The database, for tables of one's own beside those of the store.
    pub fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// Begins a transaction in which a message is handled and marked as handled at once. While
    /// another has begun one for the same message, this waits for its end.
    ///
    /// # Errors
    ///
    /// If the database refuses.
    pub async fn begin(&self, id: &str) -> Result<Begun<PostgresTransaction>, StoreError> {
        let mut transaction = self.pool.begin().await?;
        let marked = sqlx::query(MARK).bind(id).execute(&mut *transaction).await?;
        if marked.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(Begun::Done);
        }
        Ok(Begun::Fresh(PostgresTransaction { transaction }))
    }

    async fn claim_row(&self, id: &str, lease: Duration) -> Result<Claim, StoreError> {
        let token = ClaimToken::new(id);
        for _ in 0..TRIES_MAX {
            let claimed = sqlx::query(CLAIM)
                .bind(id)
                .bind(&token.owner)
                .bind(seconds(lease))
                .execute(&self.pool)
                .await?;
            // Once more: another may have finished while the statement waited for its row.
            if self.is_marked(id).await? {
                if 0 < claimed.rows_affected() {
                    self.drop_claim(&token).await?;
                }
                return Ok(Claim::Done);
            }
            if 0 < claimed.rows_affected() {
                return Ok(Claim::Granted(token));
            }
            let until: Option<(i64,)> =
                sqlx::query_as(UNTIL).bind(id).fetch_optional(&self.pool).await?;
            if let Some((until,)) = until {
                return Ok(Claim::Busy { until: timestamp(until) });
            }
        }
        Ok(Claim::Busy { until: jiff::Timestamp::now() })
    }

    async fn is_marked(&self, id: &str) -> Result<bool, StoreError> {
        let done: Option<(i32,)> =
            sqlx::query_as("SELECT 1 FROM processed_requests WHERE request_id = $1")
                .bind(id)
                .fetch_optional(&self.pool)
                .await?;
        Ok(done.is_some())
    }

    async fn drop_claim(&self, token: &ClaimToken) -> Result<(), StoreError> {
        sqlx::query("DELETE FROM request_claims WHERE request_id = $1 AND owner = $2")
            .bind(&token.id)
            .bind(&token.owner)
            .execute(&self.pool)
            .await?;
        Ok(())
    }
}

fn seconds(duration: Duration) -> f64 {
    duration.as_secs_f64().min(SECONDS_MAX)
}

impl Store for PostgresStore {
    fn claim<'a>(
        &'a self,
        id: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        self.claim_row(id, lease).boxed()
    }

    fn complete<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<(), StoreError>> {
        async {
            let mut transaction = self.pool.begin().await?;
            let dropped =
                sqlx::query("DELETE FROM request_claims WHERE request_id = $1 AND owner = $2")
                    .bind(&token.id)
                    .bind(&token.owner)
                    .execute(&mut *transaction)
                    .await?;
            if dropped.rows_affected() == 0 {
                return Err(StoreError::LeaseLost { id: token.id.clone() });
            }
            sqlx::query(MARK).bind(&token.id).execute(&mut *transaction).await?;
            Ok(transaction.commit().await?)
        }
        .boxed()
    }

    fn release<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<(), StoreError>> {
        self.drop_claim(token).boxed()
    }

    fn is_done<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        self.is_marked(id).boxed()
    }

    fn forget_before(&self, age: Duration) -> BoxFuture<'_, Result<u64, StoreError>> {
        async move {
            let forgotten = sqlx::query(
                "DELETE FROM processed_requests \
                 WHERE processed_at < now() - make_interval(secs => $1)",
            )
            .bind(seconds(age))
            .execute(&self.pool)
            .await?;
            sqlx::query(
                "DELETE FROM request_claims WHERE until < now() - make_interval(secs => $1)",
            )
            .bind(seconds(age))
            .execute(&self.pool)
            .await?;
            Ok(forgotten.rows_affected())
        }
        .boxed()
    }
}

/// A transaction with the mark of a message in it.
#[derive(Debug)]
pub struct PostgresTransaction {
    transaction: Transaction<'static, Postgres>,
}

impl PostgresTransaction {
    /// Where the handler's statements go.
    pub fn connection(&mut self) -> &mut PgConnection {
        &mut self.transaction
    }

    /// Makes the handler's work and the mark durable, both.
    ///
    /// # Errors
    ///
    /// If the database refuses: then neither is.
    pub async fn commit(self) -> Result<(), StoreError> {
        Ok(self.transaction.commit().await?)
    }
}
