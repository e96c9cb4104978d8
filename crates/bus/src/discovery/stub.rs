//! An agent that gives prepared answers, one to each question.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinHandle;

/// What the agent does with one question.
#[derive(Clone, Debug)]
pub(super) enum Reply {
    /// 200 with this `X-Consul-Index` and body.
    List(u64, String),
    /// The same, after a while: a blocking query.
    Later(Duration, u64, String),
    /// 200 with a body, no index.
    Plain(String),
    /// A status, and a text.
    Status(u16, &'static str),
    /// This, byte for byte.
    Bytes(Vec<u8>),
    /// Nothing, for ever.
    Silence,
}

/// One question, as it came.
#[derive(Clone, Debug)]
pub(super) struct Question {
    /// Such as `GET /v1/health/service/nats?passing=true`.
    pub(super) line: String,
    pub(super) head: String,
    pub(super) body: String,
}

#[derive(Debug)]
pub(super) struct Stub {
    pub(super) address: SocketAddr,
    questions: Arc<Mutex<Vec<Question>>>,
    task: JoinHandle<()>,
}

impl Stub {
    /// Once the replies are used up there is [`Reply::Silence`].
    pub(super) async fn start(replies: impl IntoIterator<Item = Reply>) -> Stub {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let questions = Arc::new(Mutex::new(Vec::new()));
        let asked = Arc::clone(&questions);
        let mut replies: VecDeque<Reply> = replies.into_iter().collect();
        let task = tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let reply = replies.pop_front().unwrap_or(Reply::Silence);
                tokio::spawn(serve(stream, reply, Arc::clone(&asked)));
            }
        });
        Stub { address, questions, task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    pub(super) fn questions(&self) -> Vec<Question> {
        self.questions.lock().clone()
    }

    pub(super) fn lines(&self) -> Vec<String> {
        self.questions().into_iter().map(|question| question.line).collect()
    }
}

impl Drop for Stub {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, reply: Reply, questions: Arc<Mutex<Vec<Question>>>) {
    let Some(question) = read(&mut stream).await else { return };
    questions.lock().push(question);
    let answer = match reply {
        Reply::List(index, body) => list(index, &body),
        Reply::Later(wait, index, body) => {
            tokio::time::sleep(wait).await;
            list(index, &body)
        }
        Reply::Plain(body) => response("200 OK", "", &body),
        Reply::Status(status, text) => response(&format!("{status} Status"), "", text),
        Reply::Bytes(bytes) => bytes,
        Reply::Silence => {
            std::future::pending::<()>().await;
            return;
        }
    };
    // The client may have gone.
    drop(stream.write_all(&answer).await);
}

async fn read(stream: &mut TcpStream) -> Option<Question> {
    let mut bytes = Vec::new();
    loop {
        if stream.read_buf(&mut bytes).await.ok()? == 0 {
            return None;
        }
        let text = String::from_utf8_lossy(&bytes);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
        });
        if body.len() < length.unwrap_or(0) {
            continue;
        }
        let line = head.lines().next()?.trim_end_matches(" HTTP/1.1").to_owned();
        return Some(Question { line, head: head.to_owned(), body: body.to_owned() });
    }
}

/// With the headers that an agent sends.
fn list(index: u64, body: &str) -> Vec<u8> {
    let headers = format!(
        "Content-Type: application/json\r\nVary: Accept-Encoding\r\n\
         X-Consul-Default-Acl-Policy: allow\r\nX-Consul-Effective-Consistency: leader\r\n\
         X-Consul-Index: {index}\r\nX-Consul-Knownleader: true\r\nX-Consul-Lastcontact: 0\r\n\
         X-Consul-Query-Backend: blocking-query\r\n"
    );
    response("200 OK", &headers, body)
}

fn response(status: &str, headers: &str, body: &str) -> Vec<u8> {
    let size = body.len();
    format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {size}\r\nConnection: close\r\n\r\n{body}"
    )
    .into_bytes()
}
