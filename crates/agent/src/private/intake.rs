//! `POST /v1/private-inputs`: where subjects hand in what opens their commitments.
//!
//! Everything cheap is checked first: token, rate, size, form, whether the request waits for its
//! input. Only what opens the request's commitment costs a node a call, for the subject's
//! signature, and only what the subject signed is stored.

use std::{
    net::SocketAddr,
    sync::Arc,
    time::{Duration, Instant},
};

use alloy::primitives::{Address, B256, Bytes, U256, keccak256};
use axum::{
    Router,
    body::{Body, to_bytes},
    extract::{Request, State},
    http::{
        HeaderMap, HeaderValue, StatusCode,
        header::{AUTHORIZATION, CONTENT_LENGTH, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE},
    },
    response::{IntoResponse, Response},
    routing::post,
};
use haloracle_contracts::{authorisation, statement::INPUT_COMMITMENT};
use serde::Deserialize;
use serde_json::json;
use tokio::{
    net::TcpListener,
    sync::{Semaphore, watch},
};
use tokio_util::sync::CancellationToken;
use tracing::{info, warn};

use super::{Opening, Openings, authorise, commitment, limits::Bucket};
use crate::{
    chain::{Block, Chain, hex_id},
    config::IntakeConfig,
    error::AgentError,
    http,
    metrics::Metrics,
    models::Models,
    provers::Wake,
    rpc::RpcError,
    store::{Store, StoreError, Stored, now_ms},
};

/// Where it is.
pub(crate) const PATH: &str = "/v1/private-inputs";
/// Longest time to send a body.
const BODY_TIME: Duration = Duration::from_secs(10);

/// What the intake needs to decide.
#[derive(Debug)]
pub(crate) struct Intake {
    pub(crate) chain: Chain,
    pub(crate) store: Arc<Store>,
    pub(crate) models: Arc<Models>,
    pub(crate) openings: Arc<Openings>,
    pub(crate) metrics: Arc<Metrics>,
    pub(crate) wake: Arc<Wake>,
    /// The block up to which the chain was read.
    pub(crate) head: watch::Receiver<Option<Block>>,
    pub(crate) limits: Limits,
}

/// How much the intake takes on.
#[derive(Debug)]
pub(crate) struct Limits {
    rate: Bucket,
    places: Semaphore,
    max_body_bytes: usize,
    /// Longest time to keep an input.
    keep: Duration,
    /// Seconds before the deadline from which on nothing is proved any more.
    margin_s: u64,
}

impl Limits {
    pub(crate) fn new(config: &IntakeConfig, margin_s: u64) -> Self {
        Self {
            rate: Bucket::new(config.per_minute, Instant::now()),
            places: Semaphore::new(config.max_concurrent),
            max_body_bytes: config.max_body_bytes,
            keep: config.keep(),
            margin_s,
        }
    }
}

/// The open socket and who may come in.
#[derive(Debug)]
pub(crate) struct Door {
    listener: TcpListener,
    address: SocketAddr,
    /// keccak-256 of the bearer token; `None` lets everybody in.
    token: Option<B256>,
}

impl Door {
    /// Reads the token and binds the address.
    pub(crate) async fn open(config: &IntakeConfig) -> Result<Self, AgentError> {
        Ok(Self {
            token: config.token()?,
            listener: http::bind(config.listen).await?,
            address: config.listen,
        })
    }

    /// Serves until `stop`.
    pub(crate) async fn serve(
        self,
        intake: Intake,
        stop: CancellationToken,
    ) -> Result<(), AgentError> {
        let state = Arc::new((self.token, intake));
        let router = Router::new().route(PATH, post(submit)).with_state(state);
        let served = axum::serve(self.listener, router)
            .with_graceful_shutdown(stop.cancelled_owned())
            .await;
        let address = self.address;
        served.map_err(|source| AgentError::Http { address, source })
    }
}

/// The body of a request. Not printable: it holds values.
#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
struct Submission {
    request_id: U256,
    salt: B256,
    values: Vec<i64>,
    signature: Bytes,
}

/// Why nothing was taken. Never says a value.
#[derive(Debug, thiserror::Error)]
enum Refusal {
    #[error("the token is missing or wrong: send `Authorization: Bearer TOKEN`")]
    Token,
    #[error("too many requests, try again in {seconds} s")]
    Rate { seconds: u64 },
    #[error("busy, try again")]
    Busy,
    #[error("send the body as application/json")]
    MediaType,
    #[error("the body took more than {} s", BODY_TIME.as_secs())]
    Slow,
    #[error("the body has more than {0} bytes")]
    TooLarge(usize),
    #[error("the body ended early, or has more than {0} bytes")]
    Body(usize),
    #[error(
        "line {line}, column {column}: expected {{\"requestId\", \"salt\", \"values\", \
         \"signature\"}}, numbers in decimal, the rest as 0x-prefixed hexadecimal"
    )]
    Form { line: usize, column: usize },
    #[error(
        "no such request has been seen: try again once its transaction has been mined, and check \
         that it was made at this operator's hub"
    )]
    Unknown,
    #[error("the request has public inputs: there is nothing to hand in")]
    Public,
    #[error("the request does not wait for its input: it is {0}")]
    NotWaiting(&'static str),
    #[error("this operator does not prove the request's model")]
    NotServed,
    #[error("too late: less than {margin} s are left before the request's deadline")]
    TooLate { margin: u64 },
    #[error(transparent)]
    Opening(#[from] commitment::OpeningError),
    #[error(
        "the signature is not that of the request's subject {0}: sign EIP-712 \
         `PrivateInput(uint256 requestId,bytes32 commitment)` in the hub's domain"
    )]
    Signature(Address),
    #[error("the chain has not been read to its head yet, try again")]
    NotReady,
    #[error("no node answers, try again")]
    Node,
    #[error("the input could not be stored")]
    Store,
}

impl Refusal {
    fn status(&self) -> StatusCode {
        match self {
            Self::Token => StatusCode::UNAUTHORIZED,
            Self::Rate { .. } => StatusCode::TOO_MANY_REQUESTS,
            Self::Busy | Self::NotReady | Self::Node => StatusCode::SERVICE_UNAVAILABLE,
            Self::MediaType => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::TooLarge(_) => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Body(_) | Self::Form { .. } => StatusCode::BAD_REQUEST,
            Self::Unknown => StatusCode::NOT_FOUND,
            Self::Public | Self::NotWaiting(_) | Self::NotServed => StatusCode::CONFLICT,
            Self::TooLate { .. } => StatusCode::GONE,
            Self::Opening(_) => StatusCode::UNPROCESSABLE_ENTITY,
            Self::Signature(_) => StatusCode::FORBIDDEN,
            Self::Store => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }
}

impl From<RpcError> for Refusal {
    fn from(error: RpcError) -> Self {
        warn!(%error, "a private input could not be checked");
        Self::Node
    }
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        warn!(%error, "a private input could not be stored");
        Self::Store
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let body = format!("{}\n", json!({ "error": self.to_string() }));
        let mut response =
            (self.status(), [(CONTENT_TYPE, "application/json")], body).into_response();
        let headers = response.headers_mut();
        match self {
            Self::Token => {
                headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
            }
            Self::Rate { seconds } => {
                headers.insert(RETRY_AFTER, seconds.into());
            }
            _ => {}
        }
        response
    }
}

async fn submit(State(state): State<Arc<(Option<B256>, Intake)>>, request: Request) -> Response {
    let (token, intake) = &*state;
    let outcome = match check_token(*token, request.headers()) {
        Ok(()) => intake.take(request).await,
        Err(refusal) => Err(refusal),
    };
    match outcome {
        Ok(id) => {
            intake.metrics.private_input("taken");
            info!(request = %hex_id(id), "private input taken");
            intake.wake.provers.notify_one();
            let body = json!({ "requestId": hex_id(id), "status": "taken" });
            let json = [(CONTENT_TYPE, "application/json")];
            (StatusCode::ACCEPTED, json, format!("{body}\n")).into_response()
        }
        Err(refusal) => {
            intake.metrics.private_input("refused");
            refusal.into_response()
        }
    }
}

impl Intake {
    /// Checks and stores one input; the request it belongs to.
    async fn take(&self, request: Request) -> Result<U256, Refusal> {
        let limits = &self.limits;
        let rate = limits.rate.take(Instant::now());
        rate.map_err(|seconds| Refusal::Rate { seconds })?;
        let _place = limits.places.try_acquire().map_err(|_| Refusal::Busy)?;
        let (parts, body) = request.into_parts();
        let Submission {
            request_id: id,
            salt,
            values,
            signature,
        } = read(&parts.headers, body, limits.max_body_bytes).await?;
        let opening = Opening {
            salt: salt.0,
            values,
        };
        let job = self.store.job(id)?.ok_or(Refusal::Unknown)?;
        if job.request.inputMode != INPUT_COMMITMENT {
            return Err(Refusal::Public);
        }
        let head = (*self.head.borrow()).ok_or(Refusal::NotReady)?;
        let margin = limits.margin_s;
        if job.request.deadline < head.timestamp.saturating_add(margin) {
            return Err(Refusal::TooLate { margin });
        }
        let model = self.models.find(&self.chain, job.request.modelId).await?;
        let model = model.ok_or(Refusal::NotServed)?;
        let digest = job.request.inputDigest;
        let opening = on_thread(move || {
            commitment::check(model.provable.model(), &opening, digest).map(|()| opening)
        })
        .await?;
        let subject = job.request.subject;
        let (chain_id, hub) = (self.chain.id(), self.chain.hub());
        let hash = authorisation::private_input_hash(chain_id, hub, id, digest);
        if !authorise::is_signed(&self.chain, subject, hash, &signature).await? {
            return Err(Refusal::Signature(subject));
        }
        let left_ms = (job.request.deadline - head.timestamp).saturating_mul(1_000);
        let keep_ms = u64::try_from(limits.keep.as_millis()).unwrap_or(u64::MAX);
        let until = now_ms().saturating_add(left_ms.min(keep_ms));
        match self.openings.keep(id, &opening, until)? {
            Stored::Kept => Ok(id),
            Stored::Unknown => Err(Refusal::Unknown),
            Stored::NotWaiting(state) => Err(Refusal::NotWaiting(state.name())),
        }
    }
}

fn check_token(expected: Option<B256>, headers: &HeaderMap) -> Result<(), Refusal> {
    let Some(expected) = expected else {
        return Ok(());
    };
    let given = headers.get(AUTHORIZATION);
    let given = given.and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
    // Hashes are compared: how long that takes says nothing about the token.
    match given {
        Some(token) if keccak256(token) == expected => Ok(()),
        _ => Err(Refusal::Token),
    }
}

async fn read(headers: &HeaderMap, body: Body, limit: usize) -> Result<Submission, Refusal> {
    let text = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let media = text(CONTENT_TYPE).and_then(|value| value.split(';').next());
    if media.map(str::trim) != Some("application/json") {
        return Err(Refusal::MediaType);
    }
    let length = text(CONTENT_LENGTH).and_then(|value| value.parse::<usize>().ok());
    if length.is_some_and(|length| length > limit) {
        return Err(Refusal::TooLarge(limit));
    }
    let bytes = tokio::time::timeout(BODY_TIME, to_bytes(body, limit)).await;
    let bytes = bytes.map_err(|_| Refusal::Slow)?;
    let bytes = bytes.map_err(|_| Refusal::Body(limit))?;
    // The parser's own message may quote a value.
    serde_json::from_slice(&bytes).map_err(|error| Refusal::Form {
        line: error.line(),
        column: error.column(),
    })
}

/// Runs what takes milliseconds of computing off the async workers.
async fn on_thread<T: Send + 'static>(
    work: impl FnOnce() -> Result<T, commitment::OpeningError> + Send + 'static,
) -> Result<T, Refusal> {
    let outcome = tokio::task::spawn_blocking(work).await;
    Ok(outcome.map_err(|_| Refusal::Busy)??)
}
