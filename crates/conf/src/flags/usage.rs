//! The help text.

/// What `-h` prints.
pub fn usage(program: &str) -> String {
    format!("Usage: {program} [options]\n{OPTIONS}")
}

const OPTIONS: &str = "
Server:
    -a, --addr, --net <host>         Interface to listen on (default: 0.0.0.0, all of them)
    -p, --port <port>                Port for clients (default: 4222; -1 takes any free one)
    -n, --name, --server_name <name> Name of this server (default: made up)
    -c, --config <file>              Configuration file
    -t                               Check the configuration file and exit
    -P, --pid <file>                 Write the process id to this file
        --ports_file_dir <dir>       Write the ports in use to <program>_<pid>.ports in there
        --client_advertise <addr>    Address to tell clients instead of the real one
    -m, --http_port <port>           Port for monitoring over HTTP
    -sl, --signal <cmd>[=<pid>]      Tell a running server: ldm, stop, quit, term, reopen, reload;
                                     <pid> is a process id or a pid file

Log:
    -l, --log <file>                 Log to this file instead of standard error
        --log_size_limit <size>      Set the log file aside at this size, such as 64MB
        --log_format <text|json>     Form of the log lines (default: text)
    -T, --logtime                    Begin log lines with the time (default: true)
        --logtime_utc                That time in UTC
    -D, --debug                      Log debug lines
    -V, --trace                      Log protocol lines
    -VV                              Protocol lines of the system account too
    -DV, -DVV                        Both of -D and -V, or -D and -VV
        --max_traced_msg_len <size>  Bytes of a payload shown in a trace (default: all)

JetStream:
    -js, --jetstream                 Turn JetStream on
    -sd, --store_dir <dir>           Folder for the streams
        --max_memory_store <size>    Most bytes for streams in memory, such as 1GB
        --max_file_store <size>      Most bytes for streams on disk, such as 10GB
        --sync_interval <duration>   How often to sync: always, or an interval such as 10s
        --on_io_error <what>         When the disk fails: continue without writes, or exit
                                     (default: continue)

Who may connect:
        --user <user>                User name
        --pass <password>            Password
        --auth <token>               Token

    -h, --help                       This text
    -v, --version                    Version
";
