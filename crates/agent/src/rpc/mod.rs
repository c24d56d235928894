//! Calls to the configured nodes: retry with backoff and jitter, failover, classified errors.

mod class;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicU8, AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::{
    providers::{Provider, RootProvider},
    rpc::client::RpcClient,
    transports::{
        TransportResult,
        http::{Http, reqwest},
    },
};
use rand::Rng;
use tracing::{debug, error};

use crate::{config::RpcConfig, metrics::Metrics};

use class::classify;
pub use class::{Class, Method, RpcError};

/// First pause after every node failed; doubles each round.
const BACKOFF: Duration = Duration::from_millis(150);

/// What is known of a node's chain.
const UNKNOWN: u8 = 0;
const TRUSTED: u8 = 1;
const WRONG: u8 = 2;

/// Several nodes as one.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    nodes: Arc<[RootProvider]>,
    /// Chain that nodes must be on, and what is known about each.
    chain: Option<u64>,
    trust: Arc<[AtomicU8]>,
    /// Index of the node that answered last: it is asked first.
    preferred: Arc<AtomicUsize>,
    rounds: u32,
    metrics: Arc<Metrics>,
}

impl Rpc {
    /// Prepares the nodes; connects to none.
    ///
    /// # Errors
    /// An address is not an HTTP URL.
    pub(crate) fn new(config: &RpcConfig, metrics: Arc<Metrics>) -> Result<Self, RpcError> {
        let rejected = |message| RpcError::new(Method::ChainId, Class::Rejected, message);
        let client = reqwest::Client::builder()
            .timeout(Duration::from_millis(config.timeout_ms))
            .build()
            .map_err(|error| rejected(format!("no HTTP client: {error}")))?;
        let nodes = config
            .urls
            .iter()
            .enumerate()
            .map(|(index, url)| {
                let parsed: reqwest::Url = url
                    .parse()
                    .map_err(|error| rejected(format!("rpc.urls[{index}]: {error}")))?;
                if !matches!(parsed.scheme(), "http" | "https") {
                    return Err(rejected(format!(
                        "rpc.urls[{index}] is not an HTTP address"
                    )));
                }
                let transport = Http::with_client(client.clone(), parsed);
                Ok(RootProvider::new(RpcClient::new(transport, false)))
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self {
            chain: None,
            trust: nodes.iter().map(|_| AtomicU8::new(UNKNOWN)).collect(),
            nodes: nodes.into(),
            preferred: Arc::new(AtomicUsize::new(0)),
            rounds: config.retries.max(1),
            metrics,
        })
    }

    /// The same nodes, each asked for its chain before it is used first and again after trouble;
    /// one on another chain than `id` is never used.
    pub(crate) fn on_chain(mut self, id: u64) -> Self {
        self.chain = Some(id);
        self
    }

    /// Whether a node is on the right chain.
    async fn vet(&self, index: usize, method: Method) -> Result<(), RpcError> {
        let (Some(expected), false) = (self.chain, method == Method::ChainId) else {
            return Ok(());
        };
        let wrong = || {
            let message = format!("rpc.urls[{index}] is on another chain than {expected}");
            RpcError::new(Method::ChainId, Class::Rejected, message)
        };
        match self.trust[index].load(Ordering::Relaxed) {
            TRUSTED => return Ok(()),
            WRONG => return Err(wrong()),
            _ => {}
        }
        let answer = self.nodes[index].get_chain_id().await;
        let got = answer.map_err(|error| classify(Method::ChainId, &error))?;
        if got == expected {
            self.trust[index].store(TRUSTED, Ordering::Relaxed);
            return Ok(());
        }
        error!(
            node = index,
            expected, got, "a node is on another chain and is not used"
        );
        self.trust[index].store(WRONG, Ordering::Relaxed);
        Err(wrong())
    }

    /// Makes a call, on the next node if one is in trouble, in rounds with growing pauses.
    ///
    /// # Errors
    /// The first verdict on the call itself, or what the last node said.
    pub(crate) async fn call<T, F, Fut>(&self, method: Method, call: F) -> Result<T, RpcError>
    where
        F: Fn(RootProvider) -> Fut,
        Fut: Future<Output = TransportResult<T>>,
    {
        let mut last = RpcError::new(method, Class::Transient, "no node was asked");
        for round in 0..self.rounds {
            let mut refused = 0;
            for _ in 0..self.nodes.len() {
                let index = self.preferred.load(Ordering::Relaxed) % self.nodes.len();
                let vetted = self.vet(index, method).await;
                let outcome = match vetted {
                    Ok(()) => call(self.nodes[index].clone())
                        .await
                        .map_err(|error| classify(method, &error)),
                    Err(error) => Err(error),
                };
                match outcome {
                    Ok(answer) => return Ok(answer),
                    Err(error) => last = error,
                }
                self.metrics.rpc_error(method, &last.class);
                match last.class {
                    // What answers at this address may be another machine next time.
                    Class::Transient => self.forget(index),
                    // Another node may offer what this one does not.
                    Class::Rejected => refused += 1,
                    _ => return Err(last),
                }
                debug!(node = index, error = %last, "call failed, trying the next node");
                self.preferred.store(index + 1, Ordering::Relaxed);
            }
            if refused == self.nodes.len() {
                return Err(last);
            }
            if round + 1 < self.rounds {
                let pause = BACKOFF * 2u32.pow(round.min(6));
                let jitter = rand::thread_rng().gen_range(0.5..1.5);
                tokio::time::sleep(pause.mul_f64(jitter)).await;
            }
        }
        Err(last)
    }

    /// Has a node asked for its chain again, unless it was on a wrong one.
    fn forget(&self, index: usize) {
        let _ = self.trust[index].compare_exchange(
            TRUSTED,
            UNKNOWN,
            Ordering::Relaxed,
            Ordering::Relaxed,
        );
    }
}
