//! What a node's refusal means, per method: the same code means different things to different
//! calls, and nodes agree on few of them.

use std::fmt;

use alloy::{
    primitives::Bytes,
    transports::{RpcError as Transport, TransportError, TransportErrorKind},
};

/// The calls that the agent makes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Method {
    /// `eth_chainId`.
    ChainId,
    /// `eth_getBlockByNumber`.
    Block,
    /// `eth_getLogs`.
    Logs,
    /// `eth_call`.
    Call,
    /// `eth_estimateGas`.
    EstimateGas,
    /// `eth_getTransactionCount`.
    Nonce,
    /// `eth_getBalance`.
    Balance,
    /// `eth_getCode`.
    Code,
    /// `eth_getStorageAt`.
    Storage,
    /// `eth_maxPriorityFeePerGas`.
    PriorityFee,
    /// `eth_sendRawTransaction`.
    Send,
    /// `eth_getTransactionReceipt`.
    Receipt,
    /// `eth_getTransactionByHash`.
    Transaction,
}

impl Method {
    /// The JSON-RPC name.
    pub const fn name(self) -> &'static str {
        match self {
            Self::ChainId => "eth_chainId",
            Self::Block => "eth_getBlockByNumber",
            Self::Logs => "eth_getLogs",
            Self::Call => "eth_call",
            Self::EstimateGas => "eth_estimateGas",
            Self::Nonce => "eth_getTransactionCount",
            Self::Balance => "eth_getBalance",
            Self::Code => "eth_getCode",
            Self::Storage => "eth_getStorageAt",
            Self::PriorityFee => "eth_maxPriorityFeePerGas",
            Self::Send => "eth_sendRawTransaction",
            Self::Receipt => "eth_getTransactionReceipt",
            Self::Transaction => "eth_getTransactionByHash",
        }
    }
}

/// What to do about an error.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Class {
    /// Try again, or another node: the network, a limit, a node that lags.
    Transient,
    /// Ask for fewer blocks.
    RangeTooLarge,
    /// The contract said no; holds its revert data.
    Revert(Bytes),
    /// The nonce is used: a receipt must exist, ours or another's.
    NonceTooLow,
    /// The node has this very transaction: success.
    AlreadyKnown,
    /// A replacement must pay more.
    Underpriced,
    /// The signer cannot pay for gas.
    InsufficientFunds,
    /// The node will never take this.
    Rejected,
}

impl Class {
    /// Label of the error counter.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RangeTooLarge => "range_too_large",
            Self::Revert(_) => "revert",
            Self::NonceTooLow => "nonce_too_low",
            Self::AlreadyKnown => "already_known",
            Self::Underpriced => "underpriced",
            Self::InsufficientFunds => "insufficient_funds",
            Self::Rejected => "rejected",
        }
    }
}

/// A call that no configured node answered.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{}: {message}", .method.name())]
#[non_exhaustive]
pub struct RpcError {
    /// The call.
    pub method: Method,
    /// What it means.
    pub class: Class,
    /// What the last node said, without its address: that may hold a key.
    pub message: String,
}

impl RpcError {
    pub(crate) fn new(method: Method, class: Class, message: impl fmt::Display) -> Self {
        Self {
            method,
            class,
            message: message.to_string(),
        }
    }

    /// Whether the same call may succeed later.
    pub fn is_transient(&self) -> bool {
        match self.class {
            Class::Transient | Class::InsufficientFunds | Class::Underpriced => true,
            Class::RangeTooLarge
            | Class::Revert(_)
            | Class::NonceTooLow
            | Class::AlreadyKnown
            | Class::Rejected => false,
        }
    }
}

/// Phrases by which nodes refuse a log query for its size.
const RANGE: [&str; 8] = [
    "block range",
    "range too large",
    "range is too",
    "range limit",
    "more than",
    "too many results",
    "response size",
    "exceeds the range",
];

/// Phrases of a transaction pool.
const POOL: [(&str, Class); 9] = [
    ("nonce too low", Class::NonceTooLow),
    ("already known", Class::AlreadyKnown),
    ("already imported", Class::AlreadyKnown),
    ("already in mempool", Class::AlreadyKnown),
    ("known transaction", Class::AlreadyKnown),
    ("underpriced", Class::Underpriced),
    ("less than block base fee", Class::Underpriced),
    ("max fee per gas less than", Class::Underpriced),
    ("insufficient funds", Class::InsufficientFunds),
];

/// Phrases by which nodes refuse a transaction for what it is.
const FATAL: [&str; 10] = [
    "intrinsic gas",
    "gas limit",
    "invalid sender",
    "invalid signature",
    "oversized data",
    "size exceeded",
    "invalid chain",
    "exceeds the configured cap",
    "max priority fee per gas higher",
    "type not supported",
];

/// The meaning of `error` as an answer to `method`.
pub(super) fn classify(method: Method, error: &TransportError) -> RpcError {
    let (class, message) = match error {
        Transport::ErrorResp(payload) => {
            let message = payload.message.to_lowercase();
            let class = match method {
                Method::Logs if RANGE.iter().any(|phrase| message.contains(phrase)) => {
                    Class::RangeTooLarge
                }
                Method::Call | Method::EstimateGas if is_revert(payload.code, &message) => {
                    Class::Revert(payload.as_revert_data().unwrap_or_default())
                }
                Method::EstimateGas => {
                    pool(&message).unwrap_or_else(|| refused(payload.code, &message))
                }
                // Pools are full, lag and have rules of their own: only what no pool may ever
                // take is given up.
                Method::Send => pool(&message).unwrap_or_else(|| {
                    let fatal = FATAL.iter().any(|phrase| message.contains(phrase));
                    if fatal {
                        Class::Rejected
                    } else {
                        Class::Transient
                    }
                }),
                _ => refused(payload.code, &message),
            };
            (class, payload.message.to_string())
        }
        Transport::Transport(TransportErrorKind::HttpError(http)) => {
            (status(http.status), format!("HTTP status {}", http.status))
        }
        Transport::Transport(TransportErrorKind::Custom(inner)) => {
            (Class::Transient, root_cause(inner.as_ref()))
        }
        Transport::Transport(other) => (Class::Transient, other.to_string()),
        // An answer that is no JSON-RPC: a proxy's page, a cut connection.
        Transport::NullResp | Transport::DeserError { .. } => (
            Class::Transient,
            "the answer is not what the method returns".into(),
        ),
        other => (Class::Rejected, other.to_string()),
    };
    RpcError::new(method, class, message)
}

/// The innermost cause: the outer layers of a transport error quote the node's address.
fn root_cause(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(source) = cause.source() {
        cause = source;
    }
    if std::ptr::eq(cause, error) {
        "the node could not be reached".into()
    } else {
        cause.to_string()
    }
}

fn status(status: u16) -> Class {
    match status {
        // 401 to 404: a quota that is used up, a key or path that another node may not need.
        401..=404 | 408 | 413 | 425 | 429 | 500.. => Class::Transient,
        _ => Class::Rejected,
    }
}

fn is_revert(code: i64, message: &str) -> bool {
    code == 3 || message.contains("revert")
}

fn pool(message: &str) -> Option<Class> {
    let found = POOL.iter().find(|(phrase, _)| message.contains(phrase));
    found.map(|(_, class)| class.clone())
}

/// A refusal without a meaning of its own: node trouble may pass, a wrong call never does.
fn refused(code: i64, message: &str) -> Class {
    let passing = [
        "rate limit",
        "limit exceeded",
        "timeout",
        "timed out",
        "not found",
        "could not be found",
        "unknown block",
        "not canonical",
        "missing trie node",
        "unavailable",
        "too many",
    ];
    match code {
        -32005 | -32603 | 429 | -32016 => Class::Transient,
        _ if passing.iter().any(|phrase| message.contains(phrase)) => Class::Transient,
        _ => Class::Rejected,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn class(method: Method, code: i64, message: &'static str) -> Class {
        let payload = serde_json::json!({ "code": code, "message": message });
        let payload = serde_json::from_value(payload).expect("an error object");
        classify(method, &Transport::ErrorResp(payload)).class
    }

    #[test]
    fn the_method_decides_what_a_refusal_means() {
        let limit = "query exceeds max block range 1000";
        assert_eq!(class(Method::Logs, -32602, limit), Class::RangeTooLarge);
        assert_eq!(class(Method::Logs, -32005, "rate limit"), Class::Transient);
        assert_eq!(
            class(Method::Call, 3, "execution reverted"),
            Class::Revert(Bytes::new())
        );
        assert_eq!(
            class(Method::Send, -32000, "nonce too low: next 3"),
            Class::NonceTooLow
        );
        assert_eq!(
            class(Method::Send, -32000, "already known"),
            Class::AlreadyKnown
        );
        assert_eq!(
            class(Method::Send, -32000, "replacement transaction underpriced"),
            Class::Underpriced
        );
        assert_eq!(
            class(
                Method::Send,
                -32003,
                "Insufficient funds for gas * price + value"
            ),
            Class::InsufficientFunds
        );
        assert_eq!(
            class(Method::Send, -32000, "exceeds block gas limit"),
            Class::Rejected
        );
        assert_eq!(
            class(Method::Send, -32000, "intrinsic gas too low"),
            Class::Rejected
        );
        assert_eq!(
            class(Method::Block, -32601, "no such method"),
            Class::Rejected
        );
    }

    #[test]
    fn http_trouble_is_transient_and_malformed_requests_are_not() {
        for code in [401, 402, 403, 404, 429, 500, 502, 503] {
            assert_eq!(status(code), Class::Transient);
        }
        assert_eq!(status(400), Class::Rejected);
    }

    #[test]
    fn a_pool_that_is_full_or_behind_is_waited_for() {
        for message in [
            "txpool is full",
            "nonce too high",
            "future transaction tries to replace",
        ] {
            assert_eq!(class(Method::Send, -32000, message), Class::Transient);
        }
    }
}
