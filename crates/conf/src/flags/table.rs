//! Every flag of nats-server 2.15.1, and ours in addition.

use Target::Unsupported;

/// How a flag's value is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// Needs no value.
    Bool,
    Int,
    /// A number of bytes.
    Size,
    Text,
}

/// What a flag sets.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Target {
    Help,
    Version,
    Port,
    ServerName,
    Host,
    ClientAdvertise,
    Debug,
    Trace,
    Verbose,
    DebugAndTrace,
    DebugAndVerbose,
    Logtime,
    LogtimeUtc,
    User,
    Pass,
    Auth,
    HttpPort,
    ConfigFile,
    CheckConfig,
    Signal,
    PidFile,
    PortsFileDir,
    LogFile,
    LogSizeLimit,
    LogFormat,
    MaxTracedMsgLen,
    JetStream,
    StoreDir,
    MaxMemoryStore,
    MaxFileStore,
    SyncInterval,
    OnIoError,
    /// Refused, unless the value is the default. The sentence says what it does and the way out.
    Unsupported(&'static str),
}

/// A flag under all its names.
#[derive(Debug)]
pub(super) struct Flag {
    pub(super) names: &'static [&'static str],
    pub(super) kind: Kind,
    pub(super) target: Target,
}

pub(super) fn find(name: &str) -> Option<&'static Flag> {
    FLAGS.iter().find(|flag| flag.names.contains(&name))
}

const fn flag(names: &'static [&'static str], kind: Kind, target: Target) -> Flag {
    Flag { names, kind, target }
}

const NO_TLS: &str = "it encrypts connections; leave it out and let a TLS proxy stand in front.";
const NO_CLUSTER: &str =
    "it joins servers into a cluster; leave it out to run this one on its own.";
const NO_SYSLOG: &str = "it sends the log to syslog; use -l or the standard error output.";

const FLAGS: &[Flag] = &[
    flag(&["h", "help"], Kind::Bool, Target::Help),
    flag(&["v", "version"], Kind::Bool, Target::Version),
    flag(&["p", "port"], Kind::Int, Target::Port),
    flag(&["n", "name", "server_name"], Kind::Text, Target::ServerName),
    flag(&["a", "addr", "net"], Kind::Text, Target::Host),
    flag(&["client_advertise"], Kind::Text, Target::ClientAdvertise),
    flag(&["D", "debug"], Kind::Bool, Target::Debug),
    flag(&["V", "trace"], Kind::Bool, Target::Trace),
    flag(&["VV"], Kind::Bool, Target::Verbose),
    flag(&["DV"], Kind::Bool, Target::DebugAndTrace),
    flag(&["DVV"], Kind::Bool, Target::DebugAndVerbose),
    flag(&["T", "logtime"], Kind::Bool, Target::Logtime),
    flag(&["logtime_utc"], Kind::Bool, Target::LogtimeUtc),
    flag(&["user"], Kind::Text, Target::User),
    flag(&["pass"], Kind::Text, Target::Pass),
    flag(&["auth"], Kind::Text, Target::Auth),
    flag(&["m", "http_port"], Kind::Int, Target::HttpPort),
    flag(&["c", "config"], Kind::Text, Target::ConfigFile),
    flag(&["t"], Kind::Bool, Target::CheckConfig),
    flag(&["sl", "signal"], Kind::Text, Target::Signal),
    flag(&["P", "pid"], Kind::Text, Target::PidFile),
    flag(&["ports_file_dir"], Kind::Text, Target::PortsFileDir),
    flag(&["l", "log"], Kind::Text, Target::LogFile),
    flag(&["log_size_limit"], Kind::Size, Target::LogSizeLimit),
    flag(&["max_traced_msg_len"], Kind::Size, Target::MaxTracedMsgLen),
    flag(&["js", "jetstream"], Kind::Bool, Target::JetStream),
    flag(&["sd", "store_dir"], Kind::Text, Target::StoreDir),
    // Ours.
    flag(&["log_format"], Kind::Text, Target::LogFormat),
    flag(&["max_memory_store"], Kind::Size, Target::MaxMemoryStore),
    flag(&["max_file_store"], Kind::Size, Target::MaxFileStore),
    flag(&["sync_interval"], Kind::Text, Target::SyncInterval),
    flag(&["on_io_error"], Kind::Text, Target::OnIoError),
    // Not supported.
    flag(
        &["ms", "https_port"],
        Kind::Int,
        Unsupported("it serves monitoring over TLS; use -m behind a TLS proxy."),
    ),
    flag(&["s", "syslog"], Kind::Bool, Unsupported(NO_SYSLOG)),
    flag(&["r", "remote_syslog"], Kind::Text, Unsupported(NO_SYSLOG)),
    flag(
        &["profile"],
        Kind::Int,
        Unsupported("it serves profiles of the Go runtime; leave it out and profile with perf."),
    ),
    flag(&["routes"], Kind::Text, Unsupported(NO_CLUSTER)),
    flag(&["cluster", "cluster_listen"], Kind::Text, Unsupported(NO_CLUSTER)),
    flag(&["cluster_advertise"], Kind::Text, Unsupported(NO_CLUSTER)),
    flag(&["cluster_name"], Kind::Text, Unsupported(NO_CLUSTER)),
    flag(&["no_advertise"], Kind::Bool, Unsupported(NO_CLUSTER)),
    flag(&["connect_retries"], Kind::Int, Unsupported(NO_CLUSTER)),
    flag(&["tls"], Kind::Bool, Unsupported(NO_TLS)),
    flag(&["tlsverify"], Kind::Bool, Unsupported(NO_TLS)),
    flag(&["tlscert"], Kind::Text, Unsupported(NO_TLS)),
    flag(&["tlskey"], Kind::Text, Unsupported(NO_TLS)),
    flag(&["tlscacert"], Kind::Text, Unsupported(NO_TLS)),
    flag(
        &["help_tls"],
        Kind::Bool,
        Unsupported("it explains TLS settings, and there are none yet; see -h."),
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_name_stands_for_two_flags() {
        for flag in FLAGS {
            for name in flag.names {
                assert_eq!(find(name).unwrap().names, flag.names, "{name}");
            }
        }
    }
}
