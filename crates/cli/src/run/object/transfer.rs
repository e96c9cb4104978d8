//! Files into and out of buckets.

use std::io;
use std::path::{Path, PathBuf};
use std::pin::Pin;
use std::task::{Context as TaskContext, Poll};

use anyhow::{Context, Result};
use async_nats::jetstream::object_store::ObjectMetadata;
use tokio::fs::File;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};

use super::{bucket, find, not_found, show};
use crate::args::object::{Get, Put};
use crate::context::Session;
use crate::headers::Headers;
use crate::output::{self, Progress};
use crate::problem::Problem;
use crate::run::compose::read_stdin;
use crate::run::confirm;

/// From this size on, progress is shown.
const PROGRESS_BYTES: u64 = 20 * 1024;

/// Bytes that are copied at once.
const COPY_BYTES: usize = 128 * 1024;

pub(super) async fn put(session: &Session, args: &Put) -> Result<()> {
    let store = bucket(session, &args.bucket).await?;
    let name = match (&args.name, &args.file) {
        (Some(name), _) => name.clone(),
        (None, Some(file)) => file.to_string_lossy().trim_start_matches("./").to_owned(),
        (None, None) => return Err(Problem::usage("stdin needs a --name").into()),
    };
    if find(&store, &name).await?.is_some()
        && !confirm(args.force, &format!("Replace existing file {} > {name}", args.bucket))?
    {
        return Ok(());
    }
    let headers = Headers::parse(&args.headers, false)?.render(1)?;
    let chunk_size = args.chunk_size.map(usize::try_from).transpose();
    let chunk_size = chunk_size.map_err(|_| Problem::usage("--chunk-size has to be positive"))?;
    let metadata = ObjectMetadata {
        name: name.clone(),
        description: args.description.clone(),
        chunk_size: chunk_size.filter(|size| *size != 0),
        headers: (!headers.is_empty()).then_some(headers),
        ..Default::default()
    };
    let wanted = args.progress.unwrap_or(true) && !session.out.is_json();
    let (reader, length) = source(args.file.as_deref()).await?;
    let progress = Progress::bytes(length, wanted && PROGRESS_BYTES <= length);
    let mut reader = Counted { reader, progress };
    let stored = store.put(metadata, &mut reader).await;
    reader.progress.finish();
    let stored = stored.with_context(|| format!("can't put {} > {name}", args.bucket))?;
    show::object_info(session, &stored)
}

/// What is put, and how long it is.
async fn source(file: Option<&Path>) -> Result<(Box<dyn AsyncRead + Send + Unpin>, u64)> {
    let Some(file) = file else {
        let content = read_stdin()?;
        let length = u64::try_from(content.len())?;
        return Ok((Box::new(io::Cursor::new(content)), length));
    };
    let opened =
        File::open(file).await.with_context(|| format!("can't read {}", file.display()))?;
    let length = opened.metadata().await?.len();
    Ok((Box::new(opened), length))
}

/// A reader that tells how far it is.
struct Counted {
    reader: Box<dyn AsyncRead + Send + Unpin>,
    progress: Progress,
}

impl AsyncRead for Counted {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut TaskContext<'_>,
        buf: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        let before = buf.filled().len();
        let polled = Pin::new(&mut this.reader).poll_read(cx, buf);
        let read = buf.filled().len() - before;
        this.progress.advance(u64::try_from(read).unwrap_or_default());
        polled
    }
}

pub(super) async fn get(session: &Session, args: &Get) -> Result<()> {
    let store = bucket(session, &args.bucket).await?;
    let (bucket_name, name) = (&args.bucket, &args.file);
    let info = find(&store, name).await?.ok_or_else(|| not_found(bucket_name, name))?;
    let target = args.target.clone().or_else(|| session.file.clone());
    let object =
        store.get(name).await.with_context(|| format!("can't get {bucket_name} > {name}"))?;
    let length = u64::try_from(info.size)?;
    let wanted = args.progress.unwrap_or(true) && !session.out.is_json();
    let progress = Progress::bytes(length, wanted && PROGRESS_BYTES <= length);
    if target.as_deref() == Some("-") {
        copy(object, Stdout(session), progress).await?;
        return Ok(());
    }
    let target = match target {
        Some(target) => PathBuf::from(target),
        // Only the last part of the name: an object must not choose a directory.
        None => PathBuf::from(Path::new(name).file_name().unwrap_or_else(|| name.as_ref())),
    };
    let question = format!("Replace existing target file {}", target.display());
    if target.exists() && !confirm(args.force, &question)? {
        return Ok(());
    }
    let start = std::time::Instant::now();
    // Written beside it and renamed: the file is never half there.
    let partial = PathBuf::from(format!("{}.{}.part", target.display(), nuid::next()));
    let file = File::create(&partial).await;
    let file = file.with_context(|| format!("can't write {}", partial.display()))?;
    let written = copy(object, file, progress).await;
    let written = match written {
        Ok(written) => {
            tokio::fs::rename(&partial, &target).await.map(|()| written).map_err(Into::into)
        }
        Err(error) => Err(error),
    };
    if written.is_err() {
        // The first error is the one to report.
        let _ = tokio::fs::remove_file(&partial).await;
    }
    let written = written.with_context(|| format!("can't get {bucket_name} > {name}"))?;
    if session.out.is_json() {
        return show::object_info(session, &info);
    }
    let elapsed = output::duration(start.elapsed());
    session.out.line(&format!(
        "Wrote: {} to {} in {elapsed}",
        output::size(written),
        target.display()
    ))
}

/// Copies all of `reader`, which checks the digest at its end.
async fn copy(
    mut reader: impl AsyncRead + Unpin,
    mut writer: impl AsyncWrite + Unpin,
    mut progress: Progress,
) -> Result<u64> {
    let mut buffer = vec![0; COPY_BYTES];
    let mut total = 0;
    loop {
        let read = reader.read(&mut buffer).await?;
        if read == 0 {
            break;
        }
        writer.write_all(&buffer[..read]).await?;
        let read = u64::try_from(read)?;
        total += read;
        progress.advance(read);
    }
    writer.flush().await?;
    progress.finish();
    Ok(total)
}

/// Standard output as a command writes to it.
struct Stdout<'a>(&'a Session);

impl AsyncWrite for Stdout<'_> {
    fn poll_write(
        self: Pin<&mut Self>,
        _cx: &mut TaskContext<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        let written = self.0.out.raw(bytes).map(|()| bytes.len());
        Poll::Ready(written.map_err(|error| error.downcast().unwrap_or_else(io::Error::other)))
    }

    fn poll_flush(self: Pin<&mut Self>, _cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _cx: &mut TaskContext<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
