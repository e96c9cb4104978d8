use std::path::Path;
use std::time::{Duration, Instant};

use futures_util::FutureExt as _;
use futures_util::future::BoxFuture;
use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Sqlite, Transaction};

use super::{Begun, Claim, ClaimToken, Store, StoreError, millis, now_millis, timestamp};

/// The seed's table has a row for what is done, and for nothing else: whoever counts its rows by
/// `request_id` gets 1 or 0. So claims have a table of their own.
const TABLES: &str = "
    CREATE TABLE IF NOT EXISTS processed_requests (
        request_id TEXT PRIMARY KEY,
        processed_at INTEGER NOT NULL
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS processed_requests_by_time ON processed_requests (processed_at);
    CREATE TABLE IF NOT EXISTS request_claims (
        request_id TEXT PRIMARY KEY,
        owner TEXT NOT NULL,
        until INTEGER NOT NULL
    ) WITHOUT ROWID;
";
/// Marks nothing, and fails if a table that was there before does not keep ids apart.
const MARK_NOTHING: &str = "INSERT INTO processed_requests (request_id, processed_at) \
                            SELECT '', 0 WHERE FALSE ON CONFLICT (request_id) DO NOTHING";
const MARK: &str = "INSERT INTO processed_requests (request_id, processed_at) VALUES (?, ?) \
                    ON CONFLICT (request_id) DO NOTHING";
/// A writer has the file from its first statement on, so that two never wait for each other.
const BEGIN: &str = "BEGIN IMMEDIATE";
/// Time for which one who writes waits for another.
const BUSY_TIMEOUT: Duration = Duration::from_secs(30);
const BUSY_PAUSE: Duration = Duration::from_millis(10);
/// `SQLITE_BUSY`; what stands in the bytes above it says more about why.
const BUSY: u32 = 5;

/// A store in an SQLite file: for one host, with no server to install. Times are milliseconds since
/// 1970 by this host's clock.
#[derive(Clone, Debug)]
pub struct SqliteStore {
    pool: SqlitePool,
}

impl SqliteStore {
    /// Opens the file, or makes it. Commits are synced to the disk.
    ///
    /// # Errors
    ///
    /// If it can't be opened or is no database.
    pub async fn open(path: impl AsRef<Path>) -> Result<SqliteStore, StoreError> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Full)
            .busy_timeout(BUSY_TIMEOUT);
        // Others who make the file at once stand in the way of the change to a write-ahead log,
        // and there SQLite does not wait for them by itself.
        let deadline = Instant::now() + BUSY_TIMEOUT;
        loop {
            match SqliteStore::try_open(options.clone()).await {
                Err(StoreError::Database(error))
                    if is_busy(&error) && Instant::now() < deadline =>
                {
                    tokio::time::sleep(BUSY_PAUSE).await;
                }
                opened => return opened,
            }
        }
    }

    async fn try_open(options: SqliteConnectOptions) -> Result<SqliteStore, StoreError> {
        let pool = SqlitePoolOptions::new()
            .max_connections(4)
            .acquire_timeout(2 * BUSY_TIMEOUT)
            .connect_with(options)
            .await?;
        sqlx::raw_sql(TABLES).execute(&pool).await?;
        sqlx::query(MARK_NOTHING).execute(&pool).await.map_err(|error| {
            if is_busy(&error) { error.into() } else { StoreError::Schema(error) }
        })?;
        Ok(SqliteStore { pool })
    }

    /// The database, for tables of one's own beside those of the store.
    pub fn pool(&self) -> &SqlitePool {
        &self.pool
    }

    /// Begins a transaction in which a message is handled and marked as handled at once. It has the
    /// file to itself: others who write wait for its end, for 30 s at most.
    ///
    /// # Errors
    ///
    /// If the database refuses.
    pub async fn begin(&self, id: &str) -> Result<Begun<SqliteTransaction>, StoreError> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let marked =
            sqlx::query(MARK).bind(id).bind(now_millis()).execute(&mut *transaction).await?;
        if marked.rows_affected() == 0 {
            transaction.rollback().await?;
            return Ok(Begun::Done);
        }
        Ok(Begun::Fresh(SqliteTransaction { transaction }))
    }

    async fn claim_row(&self, id: &str, lease: Duration) -> Result<Claim, StoreError> {
        let mut transaction = self.pool.begin_with(BEGIN).await?;
        let done: Option<(i64,)> =
            sqlx::query_as("SELECT processed_at FROM processed_requests WHERE request_id = ?")
                .bind(id)
                .fetch_optional(&mut *transaction)
                .await?;
        if done.is_some() {
            return Ok(Claim::Done);
        }
        let claimed: Option<(i64,)> =
            sqlx::query_as("SELECT until FROM request_claims WHERE request_id = ?")
                .bind(id)
                .fetch_optional(&mut *transaction)
                .await?;
        let now = now_millis();
        if let Some((until,)) = claimed
            && now < until
        {
            return Ok(Claim::Busy { until: timestamp(until) });
        }
        let token = ClaimToken::new(id);
        sqlx::query(
            "INSERT OR REPLACE INTO request_claims (request_id, owner, until) VALUES (?, ?, ?)",
        )
        .bind(id)
        .bind(&token.owner)
        .bind(now.saturating_add(millis(lease)))
        .execute(&mut *transaction)
        .await?;
        transaction.commit().await?;
        Ok(Claim::Granted(token))
    }

    async fn drop_claim(
        connection: &mut SqliteConnection,
        token: &ClaimToken,
    ) -> Result<bool, StoreError> {
        let dropped = sqlx::query("DELETE FROM request_claims WHERE request_id = ? AND owner = ?")
            .bind(&token.id)
            .bind(&token.owner)
            .execute(connection)
            .await?;
        Ok(0 < dropped.rows_affected())
    }
}

fn is_busy(error: &sqlx::Error) -> bool {
    let code = error.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.and_then(|code| code.parse::<u32>().ok()).is_some_and(|code| code & 0xff == BUSY)
}

impl Store for SqliteStore {
    fn claim<'a>(
        &'a self,
        id: &'a str,
        lease: Duration,
    ) -> BoxFuture<'a, Result<Claim, StoreError>> {
        self.claim_row(id, lease).boxed()
    }

    fn complete<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<(), StoreError>> {
        async {
            let mut transaction = self.pool.begin_with(BEGIN).await?;
            if !SqliteStore::drop_claim(&mut transaction, token).await? {
                return Err(StoreError::LeaseLost { id: token.id.clone() });
            }
            sqlx::query(MARK).bind(&token.id).bind(now_millis()).execute(&mut *transaction).await?;
            Ok(transaction.commit().await?)
        }
        .boxed()
    }

    fn release<'a>(&'a self, token: &'a ClaimToken) -> BoxFuture<'a, Result<(), StoreError>> {
        async {
            let mut connection = self.pool.acquire().await?;
            SqliteStore::drop_claim(&mut connection, token).await.map(|_| ())
        }
        .boxed()
    }

    fn is_done<'a>(&'a self, id: &'a str) -> BoxFuture<'a, Result<bool, StoreError>> {
        async move {
            let done: Option<(i64,)> =
                sqlx::query_as("SELECT processed_at FROM processed_requests WHERE request_id = ?")
                    .bind(id)
                    .fetch_optional(&self.pool)
                    .await?;
            Ok(done.is_some())
        }
        .boxed()
    }

    fn forget_before(&self, age: Duration) -> BoxFuture<'_, Result<u64, StoreError>> {
        let oldest = now_millis().saturating_sub(millis(age));
        async move {
            let forgotten = sqlx::query("DELETE FROM processed_requests WHERE processed_at < ?")
                .bind(oldest)
                .execute(&self.pool)
                .await?;
            sqlx::query("DELETE FROM request_claims WHERE until < ?")
                .bind(oldest)
                .execute(&self.pool)
                .await?;
            Ok(forgotten.rows_affected())
        }
        .boxed()
    }
}

/// A transaction with the mark of a message in it.
#[derive(Debug)]
pub struct SqliteTransaction {
    transaction: Transaction<'static, Sqlite>,
}

impl SqliteTransaction {
    /// Where the handler's statements go.
    pub fn connection(&mut self) -> &mut SqliteConnection {
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
