//! The bindings against what forge builds: same functions, events and errors.

#![allow(clippy::expect_used, reason = "a test ends where its contracts do")]

use std::collections::BTreeSet;

use alloy::{json_abi::JsonAbi, primitives::B256, sol_types::SolInterface};
use haloracle_contracts::bindings::{
    IBatchSettler, IEscrow, IEscrow::IEscrowCalls, IHalo2Verifier::IHalo2VerifierCalls,
    IInferenceConsumer::IInferenceConsumerCalls, IInferenceHub, IModelRegistry, ISettlementHub,
    IVerifierRouter,
};
use haloracle_testkit::Artifact;

fn built(name: &str) -> JsonAbi {
    let abi = Artifact::load(name).expect("forge builds it").abi;
    serde_json::from_value(abi).expect("an ABI")
}

fn functions(abi: &JsonAbi) -> BTreeSet<[u8; 4]> {
    abi.functions()
        .map(|function| function.selector().0)
        .collect()
}

fn errors(abi: &JsonAbi) -> BTreeSet<[u8; 4]> {
    abi.errors().map(|error| error.selector().0).collect()
}

fn events(abi: &JsonAbi) -> BTreeSet<B256> {
    abi.events().map(|event| event.selector()).collect()
}

fn ours<I: SolInterface>() -> BTreeSet<[u8; 4]> {
    I::selectors().collect()
}

#[test]
fn functions_are_those_that_forge_builds() {
    assert_eq!(
        ours::<IInferenceHub::IInferenceHubCalls>(),
        functions(&built("IInferenceHub"))
    );
    assert_eq!(
        ours::<IModelRegistry::IModelRegistryCalls>(),
        functions(&built("IModelRegistry"))
    );
    assert_eq!(
        ours::<IVerifierRouter::IVerifierRouterCalls>(),
        functions(&built("IVerifierRouter"))
    );
    assert_eq!(ours::<IEscrowCalls>(), functions(&built("IEscrow")));
    assert_eq!(
        ours::<ISettlementHub::ISettlementHubCalls>(),
        functions(&built("ISettlementHub"))
    );
    assert_eq!(
        ours::<IHalo2VerifierCalls>(),
        functions(&built("IHalo2Verifier"))
    );
    assert_eq!(
        ours::<IInferenceConsumerCalls>(),
        functions(&built("IInferenceConsumer"))
    );
}

#[test]
fn errors_are_those_that_forge_builds() {
    assert_eq!(
        ours::<IInferenceHub::IInferenceHubErrors>(),
        errors(&built("IInferenceHub"))
    );
    assert_eq!(
        ours::<IModelRegistry::IModelRegistryErrors>(),
        errors(&built("IModelRegistry"))
    );
    assert_eq!(
        ours::<IVerifierRouter::IVerifierRouterErrors>(),
        errors(&built("IVerifierRouter"))
    );
    assert_eq!(ours::<IEscrow::IEscrowErrors>(), errors(&built("IEscrow")));
    assert_eq!(
        ours::<IBatchSettler::IBatchSettlerErrors>(),
        errors(&built("IBatchSettler"))
    );
    assert_eq!(
        ours::<ISettlementHub::ISettlementHubErrors>(),
        errors(&built("ISettlementHub"))
    );
}

#[test]
fn events_are_those_that_forge_builds() {
    let hashes = |selectors: &[[u8; 32]]| -> BTreeSet<B256> {
        selectors
            .iter()
            .map(|selector| B256::from(*selector))
            .collect()
    };
    let ours = hashes(IInferenceHub::IInferenceHubEvents::SELECTORS);
    assert_eq!(ours, events(&built("IInferenceHub")));
    let ours = hashes(IModelRegistry::IModelRegistryEvents::SELECTORS);
    assert_eq!(ours, events(&built("IModelRegistry")));
    let ours = hashes(IVerifierRouter::IVerifierRouterEvents::SELECTORS);
    assert_eq!(ours, events(&built("IVerifierRouter")));
    let ours = hashes(IEscrow::IEscrowEvents::SELECTORS);
    assert_eq!(ours, events(&built("IEscrow")));
    let ours = hashes(IBatchSettler::IBatchSettlerEvents::SELECTORS);
    assert_eq!(ours, events(&built("IBatchSettler")));
}

#[test]
fn the_hub_has_every_function_of_its_interface() {
    let (hub, interface) = (built("InferenceHub"), built("IInferenceHub"));
    assert!(functions(&interface).is_subset(&functions(&hub)));
    assert!(events(&interface).is_subset(&events(&hub)));
    assert!(functions(&built("ISettlementHub")).is_subset(&functions(&hub)));
    let settler = functions(&built("IBatchSettler"));
    // What it inherits is not among what `sol!` binds.
    assert!(ours::<IBatchSettler::IBatchSettlerCalls>().is_subset(&settler));
    assert!(settler.is_subset(&functions(&built("BatchSettler"))));
    let registry = functions(&built("ModelRegistry"));
    assert!(functions(&built("IModelRegistry")).is_subset(&registry));
}
