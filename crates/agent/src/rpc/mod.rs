//! Calls to the configured nodes: retry with backoff and jitter, failover, classified errors.

mod class;

use std::{
    future::Future,
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use alloy::{
    providers::RootProvider,
    rpc::client::RpcClient,
    transports::{
        TransportResult,
        http::{Http, reqwest},
    },
};
use rand::Rng;
use tracing::debug;

use crate::{config::RpcConfig, metrics::Metrics};

use class::classify;
pub use class::{Class, Method, RpcError};

/// First pause after every node failed; doubles each round.
const BACKOFF: Duration = Duration::from_millis(150);

/// Several nodes as one.
#[derive(Clone, Debug)]
pub(crate) struct Rpc {
    nodes: Arc<[RootProvider]>,
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
            nodes: nodes.into(),
            preferred: Arc::new(AtomicUsize::new(0)),
            rounds: config.retries.max(1),
            metrics,
        })
    }

    /// Makes a call, on the next node if one is in trouble, in rounds with growing pauses.
    ///
    /// # Errors
    /// The first answer that is not transient, or the last transient one.
    pub(crate) async fn call<T, F, Fut>(&self, method: Method, call: F) -> Result<T, RpcError>
    where
        F: Fn(RootProvider) -> Fut,
        Fut: Future<Output = TransportResult<T>>,
    {
        let mut last = RpcError::new(method, Class::Transient, "no node was asked");
        for round in 0..self.rounds {
            for _ in 0..self.nodes.len() {
                let index = self.preferred.load(Ordering::Relaxed) % self.nodes.len();
                match call(self.nodes[index].clone()).await {
                    Ok(answer) => return Ok(answer),
                    Err(error) => last = classify(method, &error),
                }
                self.metrics.rpc_error(method, &last.class);
                if last.class != Class::Transient {
                    return Err(last);
                }
                debug!(node = index, error = %last, "call failed, trying the next node");
                self.preferred.store(index + 1, Ordering::Relaxed);
            }
            if round + 1 < self.rounds {
                let pause = BACKOFF * 2u32.pow(round.min(6));
                let jitter = rand::thread_rng().gen_range(0.5..1.5);
                tokio::time::sleep(pause.mul_f64(jitter)).await;
            }
        }
        Err(last)
    }
}
