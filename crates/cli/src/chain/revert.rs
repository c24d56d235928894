//! Revert data in words: a contract's error with its arguments.

use alloy::contract::Error as ContractError;
use alloy::primitives::U256;
use alloy::sol_types::{Panic, Revert, SolError, SolInterface};
use alloy::transports::TransportError;
use eyre::{Report, eyre};
use haloracle_contracts::{
    IBatchSettler, IEscrow, IInferenceHub, IModelRegistry, ISettlementHub, IVerifierRouter,
};

use super::collateral::ICollateralManager;
use super::view::show_id;

/// Names a contract's error, if it is one of ours or a plain reason.
pub(crate) fn describe(data: &[u8]) -> Option<String> {
    fn decode<E: SolInterface + std::fmt::Debug>(data: &[u8]) -> Option<String> {
        let text = format!("{:?}", E::abi_decode(data).ok()?);
        // `Name(Name { field: value })`: the inner part says it all.
        let inner = text
            .split_once('(')
            .and_then(|(_, rest)| rest.strip_suffix(')'));
        Some(ids_in_hex(inner.unwrap_or(&text)))
    }
    decode::<IInferenceHub::IInferenceHubErrors>(data)
        .or_else(|| decode::<IModelRegistry::IModelRegistryErrors>(data))
        .or_else(|| decode::<IVerifierRouter::IVerifierRouterErrors>(data))
        .or_else(|| decode::<IEscrow::IEscrowErrors>(data))
        .or_else(|| decode::<IBatchSettler::IBatchSettlerErrors>(data))
        .or_else(|| decode::<ISettlementHub::ISettlementHubErrors>(data))
        .or_else(|| decode::<ICollateralManager::ICollateralManagerErrors>(data))
        .or_else(|| Revert::abi_decode(data).ok().map(|revert| revert.reason))
        .or_else(|| Panic::abi_decode(data).ok().map(|panic| panic.to_string()))
}

/// Shows ids as everywhere else: numbers too long to be anything but hashes, in hexadecimal.
fn ids_in_hex(text: &str) -> String {
    const LONG: usize = 40;
    let mut shown = String::with_capacity(text.len());
    for part in text.split_inclusive(|c: char| !c.is_ascii_digit()) {
        let digits = part.trim_end_matches(|c: char| !c.is_ascii_digit());
        match digits.parse::<U256>() {
            Ok(id) if digits.len() >= LONG => {
                shown.push_str(&show_id(id));
                shown.push_str(&part[digits.len()..]);
            }
            _ => shown.push_str(part),
        }
    }
    shown
}

/// What the node or the contract said about `what`.
pub(crate) fn explain(what: &str, error: ContractError) -> Report {
    if let Some(data) = error.as_revert_data() {
        let reason = describe(&data).unwrap_or_else(|| format!("unknown error {data}"));
        return eyre!("{what}: the contract refused: {reason}");
    }
    match error {
        ContractError::TransportError(error) => explain_transport(what, &error),
        ContractError::ZeroData(function, _) => {
            eyre!("{what}: no contract answers `{function}`; is this the right address and chain?")
        }
        other => eyre!("{what}: {other}"),
    }
}

/// The same for calls without a contract.
pub(crate) fn explain_transport(what: &str, error: &TransportError) -> Report {
    if let Some(response) = error.as_error_resp() {
        let data = response.as_revert_data();
        if let Some(reason) = data.as_ref().and_then(|data| describe(data)) {
            return eyre!("{what}: the contract refused: {reason}");
        }
        return eyre!("{what}: the node refused: {}", response.message);
    }
    let mut causes = vec![error.to_string()];
    let mut next = std::error::Error::source(error);
    while let Some(cause) = next {
        causes.push(cause.to_string());
        next = cause.source();
    }
    causes.dedup();
    eyre!("{what}: {}", causes.join(": "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_are_named_with_their_arguments() {
        let id = U256::from(1) << 255;
        let error = IInferenceHub::InvalidProof { id };
        let shown = describe(&error.abi_encode());
        let zeros = "0".repeat(63);
        assert_eq!(shown, Some(format!("InvalidProof {{ id: 0x8{zeros} }}")));
        let error = IModelRegistry::WrongInputLength {
            expected: U256::from(30),
            got: U256::from(2),
        };
        let shown = describe(&error.abi_encode());
        assert_eq!(
            shown.as_deref(),
            Some("WrongInputLength { expected: 30, got: 2 }")
        );
        let plain = describe(&Revert::from("no reason").abi_encode());
        assert_eq!(plain.as_deref(), Some("no reason"));
        assert_eq!(describe(&[1, 2, 3, 4]), None);
    }
}
