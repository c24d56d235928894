//! The committed contract, and what it costs.

mod common;

use std::process::Command;

use common::{Bench, input, solc, wide_models};
use haloracle_prover::Shape;
use haloracle_solidity_verifier::{
    COMMAND, GenerateError, SrsVerifierPart, Verifier, calldata, contract_name, contract_path,
};

/// Largest code a chain takes.
const CODE_LIMIT: usize = 24_576;
/// What we allow ourselves, per shape.
const CODE_BUDGETS: [usize; 2] = [8_192, 12_288];
/// Largest gas of one verification per shape; what fewer than twenty instances must stay below.
const GAS_BUDGETS: [u64; 2] = [340_000, 800_000];

fn committed(shape: Shape) -> std::io::Result<String> {
    std::fs::read_to_string(solc::root().join(contract_path(shape)))
}

#[test]
fn the_committed_contracts_are_what_the_generator_writes() {
    let part = SrsVerifierPart::new(&common::srs(1));
    for shape in Shape::ALL {
        let source = Verifier::machine(shape).and_then(|v| v.generate(&part));
        assert!(
            source.expect("generates") == committed(shape).expect("committed"),
            "the committed {shape} contract is out of date: run `{COMMAND}`"
        );
    }
}

#[test]
fn the_command_writes_the_same_bytes_and_refuses_a_capped_degree() {
    let folder = tempfile::tempdir().expect("temporary folder");
    let path = |shape| folder.path().join(format!("{}.sol", contract_name(shape)));
    let run = |max_degree: &str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_generate-verifier"));
        command
            .arg(folder.path())
            .env("MAX_DEGREE", max_degree)
            .output()
            .expect("starts")
    };
    // The proof system would silently cut the quotient short.
    let refused = run("4");
    let message = String::from_utf8_lossy(&refused.stderr).into_owned();
    assert_eq!(refused.status.code(), Some(2));
    assert!(
        message.contains("degree 5") && message.contains("MAX_DEGREE"),
        "{message}"
    );
    assert!(!path(Shape::Narrow).exists(), "no partial file");

    assert!(run("5").status.success());
    for shape in Shape::ALL {
        let written = std::fs::read_to_string(path(shape)).expect("written");
        assert!(written == committed(shape).expect("committed"), "{shape}");
    }
}

#[test]
fn the_setup_part_is_the_setup_whatever_its_size() {
    let (small, large) = (common::srs(1), common::srs(8));
    assert_eq!(SrsVerifierPart::new(&small), SrsVerifierPart::new(&large));
    assert_eq!(SrsVerifierPart::new(&small).hash(), large.hash());
}

#[test]
fn proof_and_key_have_the_lengths_of_the_prover() {
    for shape in Shape::ALL {
        let verifier = Verifier::machine(shape).expect("the machine is supported");
        let proved = haloracle_prover::proof::evm_proof_bytes(shape);
        assert_eq!(verifier.proof_len(), proved, "{shape}");
    }
    for bench in [Bench::small(), wide()] {
        let verifier = Verifier::machine(bench.shape()).expect("the machine is supported");
        assert_eq!(verifier.vk_len(), bench.key().to_data().len());
        assert_eq!(verifier.proof_len(), bench.proof.evm.len());
    }
}

fn wide() -> Bench {
    let [.., private] = wide_models();
    Bench::in_shape(&private, Shape::Wide, &input(&private, 5))
}

#[test]
fn code_and_gas_stay_in_their_budgets() {
    for (shape, budget) in Shape::ALL.into_iter().zip(CODE_BUDGETS) {
        let code = solc::verifier(&committed(shape).expect("committed")).len();
        println!("{shape}: runtime code {code} bytes");
        assert!(code <= budget && budget <= CODE_LIMIT);
    }
    let narrow = [3, 30].map(|features| Bench::new(features, &vec![17; features]));
    for bench in narrow.into_iter().chain([wide()]) {
        let proof = &bench.proof;
        let call = calldata(&common::KEY, &proof.instances, &proof.evm);
        let (verdict, gas) = common::answer(&bench.chain, &call);
        let count = proof.instances.len();
        let (name, k) = (&bench.name, bench.key().k());
        println!("{name}: {count} instances, k = {k}: {gas} gas");
        assert!(verdict);
        assert!(gas <= GAS_BUDGETS[bench.shape() as usize], "{gas} gas");
    }
}

/// Unused fixed columns are skipped: the terms of the multi-scalar multiplication per model.
#[test]
fn terms_stay_in_their_budgets() {
    let all = [
        (Shape::Narrow, "mlp_small", 30),
        (Shape::Narrow, "logreg", 31),
        (Shape::Wide, "trees", 60),
        (Shape::Wide, "credit_risk_private", 69),
    ];
    for (shape, name, budget) in all {
        let verifier = Verifier::machine(shape).expect("the machine is supported");
        let path = solc::root().join(format!("test/fixtures/{name}.json"));
        let fixture = std::fs::read(path).expect("a committed fixture");
        let fixture: serde_json::Value = serde_json::from_slice(&fixture).expect("JSON");
        let data = fixture["vkData"].as_str().expect("key data");
        let data = hex::decode(data.trim_start_matches("0x")).expect("hexadecimal");
        let zeros = data[64..].chunks(64).filter(|p| p.iter().all(|b| *b == 0));
        let terms = verifier.multiplications_for(&data);
        println!("{name}: {terms} terms");
        assert!(terms <= budget);
        assert_eq!(terms + zeros.count(), verifier.multiplications());
    }
}

#[test]
fn unsupported_constraint_systems_are_named() {
    use halo2_proofs::plonk::ConstraintSystem;
    let mut cs = ConstraintSystem::default();
    let reason = |cs| match Verifier::of(cs, [0; 32]) {
        Err(GenerateError::Unsupported { feature }) => feature,
        other => panic!("{other:?}"),
    };
    assert!(reason(cs.clone()).contains("instance columns"));
    cs.instance_column();
    cs.selector();
    assert!(reason(cs).contains("selectors"));
}
