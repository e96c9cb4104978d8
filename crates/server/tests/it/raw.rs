//! A client that is nothing but bytes on a socket.

use serde_json::Value;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::TcpStream;

use crate::help::soon;
use crate::server::Server;

/// What a client sends first when it wants no `+OK`.
pub(crate) const CONNECT: &str = "CONNECT {\"verbose\":false,\"pedantic\":false,\
    \"headers\":true,\"no_responders\":true,\"lang\":\"raw\",\"version\":\"1\"}\r\n";

/// A connection whose `INFO` has been read.
pub(crate) struct Raw {
    socket: BufReader<TcpStream>,
    pub(crate) info: Value,
}

/// One `MSG` or `HMSG`.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Frame {
    pub(crate) subject: String,
    pub(crate) sid: String,
    pub(crate) reply: Option<String>,
    pub(crate) headers: String,
    pub(crate) body: String,
}

impl Raw {
    /// Connects and reads `INFO`, nothing more.
    pub(crate) async fn open(server: &Server) -> Raw {
        let socket = TcpStream::connect(server.addr()).await.expect("connected");
        socket.set_nodelay(true).expect("no delay");
        let mut raw = Raw { socket: BufReader::new(socket), info: Value::Null };
        let line = raw.line().await;
        let json = line.strip_prefix("INFO ").expect("INFO comes first");
        raw.info = serde_json::from_str(json).expect("INFO is JSON");
        raw
    }

    /// Connects as a plain client with headers and without `+OK`.
    pub(crate) async fn hello(server: &Server) -> Raw {
        let mut raw = Raw::open(server).await;
        raw.send(CONNECT).await;
        raw.ping().await;
        raw
    }

    pub(crate) async fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.socket.write_all(bytes.as_ref()).await.expect("written");
    }

    /// Sends a request with `sid` 1 already subscribed on `reply`.
    pub(crate) async fn publish(&mut self, subject: &str, reply: &str, body: &str) {
        self.send(format!("PUB {subject} {reply} {}\r\n{body}\r\n", body.len())).await;
    }

    /// One line without its end; pings of the server are answered and left out.
    pub(crate) async fn line(&mut self) -> String {
        loop {
            let mut line = String::new();
            let read = soon("a line", self.socket.read_line(&mut line)).await.expect("read");
            assert_ne!(read, 0, "the server closed the connection");
            let line = line.strip_suffix("\r\n").expect("a whole line");
            if line != "PING" {
                return line.to_owned();
            }
            self.send("PONG\r\n").await;
        }
    }

    /// A round trip: all that was sent before has been looked at.
    pub(crate) async fn ping(&mut self) {
        self.send("PING\r\n").await;
        assert_eq!(self.line().await, "PONG");
    }

    /// All lines until the answer to a ping that is sent now.
    pub(crate) async fn lines_until_pong(&mut self) -> Vec<String> {
        self.send("PING\r\n").await;
        let mut lines = Vec::new();
        loop {
            let line = self.line().await;
            if line == "PONG" {
                return lines;
            }
            lines.push(line);
        }
    }

    /// All that comes until the server closes, which it must.
    pub(crate) async fn rest(&mut self) -> String {
        String::from_utf8(self.rest_bytes().await).expect("text")
    }

    /// As [`Raw::rest`], where it need not be text.
    pub(crate) async fn rest_bytes(&mut self) -> Vec<u8> {
        let mut bytes = Vec::new();
        // A reset after the last line is a close too.
        drop(soon("the server closes", self.socket.read_to_end(&mut bytes)).await);
        bytes
    }

    /// The next message.
    pub(crate) async fn frame(&mut self) -> Frame {
        let line = self.line().await;
        let words: Vec<&str> = line.split_whitespace().collect();
        let (verb, words) = words.split_first().expect("a verb");
        let n_sizes = match *verb {
            "MSG" => 1,
            "HMSG" => 2,
            _ => panic!("a message was expected, not {line:?}"),
        };
        let (names, sizes) = words.split_at(words.len() - n_sizes);
        let sizes: Vec<usize> = sizes.iter().map(|size| size.parse().expect("a size")).collect();
        let n_header_bytes = if n_sizes == 2 { sizes[0] } else { 0 };
        let mut bytes = vec![0; sizes[n_sizes - 1] + 2];
        soon("a payload", self.socket.read_exact(&mut bytes)).await.expect("read");
        let text = String::from_utf8(bytes).expect("text");
        let text = text.strip_suffix("\r\n").expect("a payload ends with CRLF");
        let (headers, body) = text.split_at(n_header_bytes);
        Frame {
            subject: names[0].to_owned(),
            sid: names[1].to_owned(),
            reply: names.get(2).map(|&reply| reply.to_owned()),
            headers: headers.to_owned(),
            body: body.to_owned(),
        }
    }
}
