//! A TCP proxy in front of a node that can be told to fail, for tests of RPC trouble.

use std::{io, net::SocketAddr, time::Duration};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, copy_bidirectional},
    net::{TcpListener, TcpStream},
    sync::watch,
    task::JoinHandle,
};

/// What the proxy does with connections; a change closes those that are open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// Forwards everything.
    None,
    /// Closes connections at once.
    Refuse,
    /// Answers each request with HTTP 503.
    Unavailable,
    /// Accepts and stays silent.
    Hang,
    /// Refuses `eth_getLogs` over more blocks than this.
    LimitLogs(u64),
    /// Knows no block by its number, as a node that starts from nothing.
    NoBlocks,
    /// Has no logs, as a node that has not indexed them yet.
    NoLogs,
    /// Answers every `eth_call` with zeros, as from a state in which nothing has happened.
    BlankState,
    /// Says that it is on this chain.
    OtherChain(u64),
    /// Forwards requests and loses the answers: the node acts, the caller does not hear of it.
    LoseAnswers,
}

/// A running proxy; stops when dropped.
#[derive(Debug)]
pub struct FaultyProxy {
    address: SocketAddr,
    fault: watch::Sender<Fault>,
    task: JoinHandle<()>,
}

impl FaultyProxy {
    /// Listens on a free port and forwards to `upstream`, a `host:port` or `http://host:port`.
    ///
    /// # Errors
    /// No port is free.
    pub async fn start(upstream: &str) -> io::Result<Self> {
        let upstream = upstream.trim_start_matches("http://").to_owned();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await?;
        let address = listener.local_addr()?;
        let (fault, faults) = watch::channel(Fault::None);
        let task = tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                tokio::spawn(serve(client, upstream.clone(), faults.clone()));
            }
        });
        Ok(Self {
            address,
            fault,
            task,
        })
    }

    /// The proxy's HTTP address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Changes what happens from now on.
    pub fn set(&self, fault: Fault) {
        self.fault.send_replace(fault);
    }
}

impl Drop for FaultyProxy {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Serves one connection until it ends or the fault changes.
async fn serve(mut client: TcpStream, upstream: String, mut faults: watch::Receiver<Fault>) {
    let fault = *faults.borrow_and_update();
    let exchange = async {
        match fault {
            Fault::None => {
                let mut node = TcpStream::connect(&upstream).await?;
                copy_bidirectional(&mut client, &mut node).await.map(drop)
            }
            Fault::Refuse => Ok(()),
            Fault::Unavailable => {
                let mut request = [0u8; 64 * 1024];
                let _ = client.read(&mut request).await?;
                let answer = b"HTTP/1.1 503 Service Unavailable\r\n\
                               content-length: 0\r\nconnection: close\r\n\r\n";
                client.write_all(answer).await
            }
            Fault::Hang => {
                tokio::time::sleep(Duration::from_secs(3600)).await;
                Ok(())
            }
            Fault::LimitLogs(_)
            | Fault::NoBlocks
            | Fault::NoLogs
            | Fault::BlankState
            | Fault::OtherChain(_) => answer_some(&mut client, &upstream, fault).await,
            Fault::LoseAnswers => {
                let mut node = TcpStream::connect(&upstream).await?;
                let mut request = vec![0u8; 64 * 1024];
                // A request may come in several pieces; the node's first byte ends it.
                let mut answer = [0u8; 1];
                loop {
                    tokio::select! {
                        read = client.read(&mut request) => match read? {
                            0 => return Ok(()),
                            bytes => node.write_all(&request[..bytes]).await?,
                        },
                        _ = node.read(&mut answer) => return Ok(()),
                    }
                }
            }
        }
    };
    tokio::select! {
        _ = exchange => {}
        _ = faults.changed() => {}
    }
}

/// What the proxy answers itself: a member of the JSON-RPC response and its value.
fn own_answer(fault: Fault, call: &Value) -> Option<(&'static str, Value)> {
    let method = call["method"].as_str().unwrap_or_default();
    match (fault, method) {
        (Fault::LimitLogs(blocks), "eth_getLogs") if span(&call["params"][0]) > blocks => {
            let refusal = json!({ "code": -32602, "message": "query exceeds max block range" });
            Some(("error", refusal))
        }
        (Fault::NoBlocks, "eth_getBlockByNumber") if call["params"][0] != "latest" => {
            Some(("result", Value::Null))
        }
        (Fault::NoLogs, "eth_getLogs") => Some(("result", json!([]))),
        (Fault::BlankState, "eth_call") => {
            Some(("result", json!(format!("0x{}", "0".repeat(320)))))
        }
        (Fault::OtherChain(id), "eth_chainId") => Some(("result", json!(format!("{id:#x}")))),
        _ => None,
    }
}

/// Forwards one request after the other, but for those that it answers itself.
async fn answer_some(client: &mut TcpStream, upstream: &str, fault: Fault) -> io::Result<()> {
    let mut node = TcpStream::connect(upstream).await?;
    while let Some((request, body)) = read_message(client).await? {
        let call: Value = serde_json::from_slice(&body).unwrap_or_default();
        if let Some((member, value)) = own_answer(fault, &call) {
            let answer = json!({ "jsonrpc": "2.0", "id": call["id"], member: value }).to_string();
            let length = answer.len();
            let answer = format!(
                "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n\
                 content-length: {length}\r\n\r\n{answer}"
            );
            client.write_all(answer.as_bytes()).await?;
            continue;
        }
        node.write_all(&request).await?;
        let Some((answer, _)) = read_message(&mut node).await? else {
            return Ok(());
        };
        client.write_all(&answer).await?;
    }
    Ok(())
}

/// Blocks that a log filter spans.
fn span(filter: &Value) -> u64 {
    let number = |key: &str| {
        let text = filter[key]
            .as_str()
            .and_then(|text| text.strip_prefix("0x"));
        text.and_then(|digits| u64::from_str_radix(digits, 16).ok())
            .unwrap_or_default()
    };
    (number("toBlock") + 1).saturating_sub(number("fromBlock"))
}

/// Reads one HTTP message with a content length: all of it, and its body.
async fn read_message(stream: &mut TcpStream) -> io::Result<Option<(Vec<u8>, Vec<u8>)>> {
    let mut message = Vec::new();
    loop {
        let head = message.windows(4).position(|window| window == b"\r\n\r\n");
        if let Some(head) = head.map(|end| end + 4) {
            let text = String::from_utf8_lossy(&message[..head]).to_lowercase();
            let length = text
                .lines()
                .find_map(|line| line.strip_prefix("content-length:"));
            let length: usize = length
                .and_then(|text| text.trim().parse().ok())
                .unwrap_or(0);
            if message.len() >= head + length {
                let body = message[head..].to_vec();
                return Ok(Some((message, body)));
            }
        }
        if stream.read_buf(&mut message).await? == 0 {
            return Ok(None);
        }
    }
}
