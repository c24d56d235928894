//! `/live`, `/ready` and `/metrics`.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    time::Duration,
};

use axum::{
    Router,
    extract::State,
    http::{StatusCode, header::CONTENT_TYPE},
    response::{IntoResponse, Response},
    routing::get,
};
use serde_json::json;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    error::AgentError,
    metrics::Metrics,
    store::{Store, now_ms},
};

/// Media type of the metrics text.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// What `/ready` judges.
#[derive(Debug)]
pub(crate) struct Status {
    /// When the chain was last read to its head, in milliseconds since 1970; 0: never.
    pub(crate) caught_up_ms: AtomicU64,
    pub(crate) low_balance: AtomicBool,
    /// Longest time without reading the chain to its head.
    stale_after: Duration,
}

impl Status {
    pub(crate) fn new(poll: Duration) -> Self {
        Self {
            caught_up_ms: AtomicU64::new(0),
            low_balance: AtomicBool::new(false),
            stale_after: (poll * 10).max(Duration::from_secs(15)),
        }
    }

    /// Why the agent cannot serve requests now.
    fn problems(&self) -> Vec<&'static str> {
        let mut problems = Vec::new();
        let caught_up = self.caught_up_ms.load(Ordering::Relaxed);
        let age = Duration::from_millis(now_ms().saturating_sub(caught_up));
        if caught_up == 0 {
            problems.push("the chain has not been read to its head yet");
        } else if age > self.stale_after {
            problems.push("the chain could not be read lately");
        }
        if self.low_balance.load(Ordering::Relaxed) {
            problems.push("the signer's balance is low");
        }
        problems
    }
}

/// State of the handlers.
#[derive(Clone, Debug)]
struct Health {
    status: Arc<Status>,
    metrics: Arc<Metrics>,
    store: Arc<Store>,
}

/// Binds the health server.
pub(crate) async fn bind(address: SocketAddr) -> Result<TcpListener, AgentError> {
    let bound = TcpListener::bind(address).await;
    bound.map_err(|source| AgentError::Http { address, source })
}

/// Serves until `stop`.
pub(crate) async fn serve(
    listener: TcpListener,
    status: Arc<Status>,
    metrics: Arc<Metrics>,
    store: Arc<Store>,
    stop: CancellationToken,
) -> std::io::Result<()> {
    let router = Router::new()
        .route("/live", get(|| async { "alive\n" }))
        .route("/ready", get(ready))
        .route("/metrics", get(metrics_text))
        .with_state(Health {
            status,
            metrics,
            store,
        });
    axum::serve(listener, router)
        .with_graceful_shutdown(stop.cancelled_owned())
        .await
}

async fn ready(State(health): State<Health>) -> Response {
    let problems = health.status.problems();
    let code = if problems.is_empty() {
        StatusCode::OK
    } else {
        StatusCode::SERVICE_UNAVAILABLE
    };
    let body = json!({ "ready": problems.is_empty(), "problems": problems });
    (
        code,
        [(CONTENT_TYPE, "application/json")],
        format!("{body}\n"),
    )
        .into_response()
}

async fn metrics_text(State(health): State<Health>) -> Response {
    let text = health.store.counts().map(|counts| {
        counts
            .into_iter()
            .for_each(|(state, count)| health.metrics.set_jobs(state, count));
        health.metrics.encode()
    });
    match text {
        Ok(Ok(text)) => ([(CONTENT_TYPE, OPEN_METRICS)], text).into_response(),
        Ok(Err(error)) => failed(&error),
        Err(error) => failed(&error),
    }
}

fn failed(error: &dyn std::error::Error) -> Response {
    (StatusCode::INTERNAL_SERVER_ERROR, format!("{error}\n")).into_response()
}
