//! `store`: what the files of a store say.

use std::io::{BufWriter, ErrorKind, Write};

use anyhow::Result;
use serde_json::{Value, json};
use tradewind_server::maintenance::{self, Examined, ExaminedStream, Line, MaintenanceError};

use crate::args::store::{Command, Dump, Repair};
use crate::output::Printer;
use crate::problem::Problem;

/// Does what `command` says. Blocks.
pub(crate) fn run(printer: &Printer, command: &Command) -> Result<()> {
    match command {
        Command::Verify(at) => verify(printer, &maintenance::verify(&at.directory).map_err(told)?),
        Command::Dump(args) => dump(printer, args),
        Command::Repair(args) => repair(printer, args),
    }
}

/// The same, with what to do about it.
fn told(error: MaintenanceError) -> anyhow::Error {
    let remedy = match &error {
        MaintenanceError::NoStore(_) => "name the directory that the server has as its store_dir",
        MaintenanceError::NotOffline(_) => "see which have with: tradewind store repair DIR",
        MaintenanceError::Open(_) => {
            "nothing was changed; if a server has it open, stop that first, else restore a backup"
        }
        _ => return error.into(),
    };
    let mut text = error.to_string();
    let mut source = std::error::Error::source(&error);
    while let Some(below) = source {
        text = format!("{text}: {below}");
        source = below.source();
    }
    Problem::new(text).with_remedy(remedy).into()
}

fn verify(printer: &Printer, found: &Examined) -> Result<()> {
    let lost = found.streams.iter().filter(|stream| stream.loss.is_some()).count();
    let is_sound = found.log.damage.is_empty() && lost == 0 && !found.unknown_lost;
    if printer.is_json() {
        printer.json(&as_json(found, is_sound))?;
    } else {
        for stream in &found.streams {
            printer.line(&about(stream))?;
        }
        for damage in &found.log.damage {
            printer.line(&format!("DAMAGED: {damage}"))?;
        }
        if let Some(cut) = &found.log.cut {
            let (file, at) = (&cut.file, cut.offset);
            printer.line(&format!(
                "torn end: {file} at byte {at}; nobody was told that this was stored"
            ))?;
        }
        if found.unknown_lost {
            printer.line("streams made shortly before the damage may be lost without a trace")?;
        }
        let log = &found.log;
        printer.line(&format!(
            "{} segments, {} records, {} streams: {}",
            log.n_segments,
            log.n_records,
            found.streams.len(),
            if is_sound { "sound" } else { "DAMAGED" }
        ))?;
    }
    if is_sound {
        return Ok(());
    }
    let problem = Problem::new(format!("the store is damaged; {lost} streams lost something"));
    Err(problem.with_remedy("decide about them with: tradewind store repair DIR").into())
}

fn about(stream: &ExaminedStream) -> String {
    let name = stream.name.as_deref().unwrap_or("(its name is lost)");
    let ExaminedStream { id, messages, bytes, first_seq, last_seq, consumers, .. } = stream;
    let state = stream.loss.as_ref().map_or_else(String::new, |loss| format!(", LOST: {loss}"));
    format!(
        "stream {id} {name}: {messages} messages, {bytes} bytes, \
         sequences {first_seq} to {last_seq}, {consumers} consumers{state}"
    )
}

fn as_json(found: &Examined, is_sound: bool) -> Value {
    let stream = |stream: &ExaminedStream| {
        json!({
            "id": stream.id, "name": stream.name, "messages": stream.messages,
            "bytes": stream.bytes, "first_seq": stream.first_seq, "last_seq": stream.last_seq,
            "consumers": stream.consumers, "loss": stream.loss,
        })
    };
    let damage = |damage: &maintenance::Corruption| {
        json!({
            "file": damage.file, "offset": damage.offset, "lsn": damage.lsn.0, "what": damage.what,
            "streams": damage.streams.iter().map(|stream| stream.0).collect::<Vec<_>>(),
        })
    };
    json!({
        "sound": is_sound, "segments": found.log.n_segments, "records": found.log.n_records,
        "last": found.log.last.0, "unknown_lost": found.unknown_lost,
        "streams": found.streams.iter().map(stream).collect::<Vec<_>>(),
        "damage": found.log.damage.iter().map(damage).collect::<Vec<_>>(),
    })
}

fn dump(printer: &Printer, args: &Dump) -> Result<()> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let is_json = printer.is_json();
    let mut show = |line: &Line| {
        if args.stream.is_some_and(|stream| stream != line.stream) {
            return Ok(());
        }
        let Line { lsn, segment, offset, len, is_cold, stream, kind, text } = line;
        if is_json {
            let value = json!({
                "lsn": lsn, "segment": segment, "offset": offset, "len": len, "cold": is_cold,
                "stream": stream, "kind": kind, "text": text,
            });
            writeln!(out, "{value}")
        } else {
            let cold = if *is_cold { " cold" } else { "" };
            writeln!(out, "{lsn} {segment}:{offset}+{len}{cold} stream {stream} {kind} {text}")
        }
    };
    match maintenance::dump(&args.at.directory, &mut show) {
        Ok(_) => Ok(out.flush()?),
        // Whoever reads has seen enough.
        Err(_) if out.flush().is_err_and(|error| error.kind() == ErrorKind::BrokenPipe) => Ok(()),
        Err(error) => Err(told(error)),
    }
}

fn repair(printer: &Printer, args: &Repair) -> Result<()> {
    let directory = &args.at.directory;
    if args.accept_loss.is_empty() {
        // Nothing is changed without being told.
        let found = maintenance::verify(directory).map_err(told)?;
        let lost: Vec<&ExaminedStream> =
            found.streams.iter().filter(|stream| stream.loss.is_some()).collect();
        if printer.is_json() {
            return printer.json(&as_json(&found, lost.is_empty()));
        }
        for stream in &lost {
            printer.line(&about(stream))?;
        }
        return printer.line(if lost.is_empty() {
            "no stream has lost anything"
        } else {
            "let one go on with what is left: tradewind store repair DIR --accept-loss STREAM; \
             or start the server, and delete it with: tradewind stream rm STREAM"
        });
    }
    let left = maintenance::repair(directory, &args.accept_loss).map_err(told)?;
    if printer.is_json() {
        let left: Vec<Value> = (left.iter())
            .map(|it| json!({ "id": it.id, "name": it.name, "why": it.why }))
            .collect();
        return printer.json(&json!({ "accepted": args.accept_loss, "offline": left }));
    }
    for name in &args.accept_loss {
        printer.line(&format!("{name} goes on with what is left of it"))?;
    }
    for stream in &left {
        let name = stream.name.as_deref().unwrap_or("(its name is lost)");
        printer.line(&format!("still offline: {name}: {}", stream.why))?;
    }
    Ok(())
}
