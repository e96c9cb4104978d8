//! What waits to be written to one client.

use std::io;

use parking_lot::Mutex;
use tokio::net::TcpStream;
use tokio::sync::Notify;

/// Largest amount that a publisher writes itself instead of waking the writer.
const INLINE_MAX: usize = 16 * 1024;
/// A written buffer larger than this is not kept for the next time.
const SPARE_MAX: usize = 256 * 1024;

/// Bytes on their way to a client. Publishers append, the writer task takes all at once.
#[derive(Debug)]
pub(crate) struct Outbox {
    inner: Mutex<Pending>,
    /// Told when there is something to write, or nothing will ever come again.
    wake: Notify,
    /// Told when the writer has written what it took.
    drained: Notify,
    max_pending: usize,
}

#[derive(Debug, Default)]
struct Pending {
    bytes: Vec<u8>,
    /// Bytes the writer has taken and not written yet.
    in_flight: usize,
    writing: bool,
    closed: bool,
    n_messages: u64,
    n_bytes: u64,
}

/// What became of an append.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Appended {
    /// Nothing else was waiting: whoever appended has to see that it is written.
    First,
    /// Something was waiting already.
    More,
    /// More waits than the client may have. Nothing was appended.
    Overflow,
    /// The connection is closed. Nothing was appended.
    Closed,
}

/// Counters of what went into an outbox.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) messages: u64,
    pub(crate) bytes: u64,
}

impl Outbox {
    pub(crate) fn new(max_pending: usize) -> Outbox {
        Outbox {
            inner: Mutex::new(Pending::default()),
            wake: Notify::new(),
            drained: Notify::new(),
            max_pending,
        }
    }

    /// Appends a message of `size` bytes by `write`.
    #[inline]
    pub(crate) fn message(&self, size: usize, write: impl FnOnce(&mut Vec<u8>)) -> Appended {
        let mut pending = self.inner.lock();
        let appended = pending.append(self.max_pending, write);
        if matches!(appended, Appended::First | Appended::More) {
            pending.n_messages += 1;
            pending.n_bytes += tradewind_subject::int::u64_from(size);
        }
        appended
    }

    /// Appends protocol lines.
    pub(crate) fn control(&self, write: impl FnOnce(&mut Vec<u8>)) -> Appended {
        self.inner.lock().append(self.max_pending, write)
    }

    /// Bytes that wait, the writer's included.
    pub(crate) fn pending(&self) -> usize {
        let pending = self.inner.lock();
        pending.bytes.len() + pending.in_flight
    }

    pub(crate) fn sent(&self) -> Sent {
        let pending = self.inner.lock();
        Sent { messages: pending.n_messages, bytes: pending.n_bytes }
    }

    /// Nothing more may be appended; the writer ends when it has written what is there.
    pub(crate) fn close(&self) {
        self.inner.lock().closed = true;
        self.wake.notify_one();
        self.drained.notify_waiters();
    }

    /// Drops what waits, for a client that will not read it.
    pub(crate) fn discard(&self) {
        self.inner.lock().bytes = Vec::new();
        self.close();
    }

    /// Lets the writer task write.
    pub(crate) fn wake_writer(&self) {
        self.wake.notify_one();
    }

    /// Writes what waits from this thread, if it is little, without blocking; else wakes the writer.
    pub(crate) fn flush(&self, stream: &TcpStream) {
        let mut pending = self.inner.lock();
        if pending.writing || pending.bytes.is_empty() {
            return;
        }
        if INLINE_MAX < pending.bytes.len() {
            drop(pending);
            self.wake.notify_one();
            return;
        }
        match stream.try_write(&pending.bytes) {
            Ok(n) if n == pending.bytes.len() => pending.emptied(),
            Ok(n) => {
                pending.bytes.drain(..n);
                drop(pending);
                self.wake.notify_one();
            }
            // The writer meets the same error, or waits until the socket takes more.
            Err(_) => {
                drop(pending);
                self.wake.notify_one();
            }
        }
    }

    /// Takes all that waits into `chunk`, waiting for it. False when nothing will come any more.
    pub(crate) async fn take(&self, chunk: &mut Vec<u8>) -> bool {
        loop {
            {
                let mut pending = self.inner.lock();
                pending.in_flight = 0;
                pending.writing = !pending.bytes.is_empty();
                if pending.writing {
                    chunk.clear();
                    std::mem::swap(&mut pending.bytes, chunk);
                    pending.in_flight = chunk.len();
                    return true;
                }
                if pending.closed {
                    return false;
                }
                // An idle connection holds no buffer.
                *chunk = Vec::new();
                pending.emptied();
            }
            self.drained.notify_waiters();
            self.wake.notified().await;
        }
    }

    /// The writer is done with what it took.
    pub(crate) fn wrote(&self, chunk: &mut Vec<u8>) {
        if SPARE_MAX < chunk.capacity() {
            *chunk = Vec::new();
        }
        self.inner.lock().in_flight = 0;
        self.drained.notify_waiters();
    }

    /// Waits until less than `limit` bytes wait, or the connection is closed.
    pub(crate) async fn below(&self, limit: usize) {
        loop {
            let drained = self.drained.notified();
            {
                let pending = self.inner.lock();
                if pending.closed || pending.bytes.len() + pending.in_flight < limit {
                    return;
                }
            }
            drained.await;
        }
    }
}

impl Pending {
    #[inline]
    fn append(&mut self, max_pending: usize, write: impl FnOnce(&mut Vec<u8>)) -> Appended {
        if self.closed {
            return Appended::Closed;
        }
        if max_pending < self.bytes.len() + self.in_flight {
            return Appended::Overflow;
        }
        let first = self.bytes.is_empty() && !self.writing;
        write(&mut self.bytes);
        if first { Appended::First } else { Appended::More }
    }

    fn emptied(&mut self) {
        self.bytes.clear();
        if 4096 < self.bytes.capacity() {
            self.bytes = Vec::new();
        }
    }
}

/// Writes all of `chunk`, waiting for the socket where it has to.
pub(crate) async fn write_all(stream: &TcpStream, chunk: &[u8]) -> io::Result<()> {
    let mut rest = chunk;
    while !rest.is_empty() {
        match stream.try_write(rest) {
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => rest = &rest[n..],
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => stream.writable().await?,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}
