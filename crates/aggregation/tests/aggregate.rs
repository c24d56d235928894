//! Whole aggregation circuits of small proofs, under halo2's own checker.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use halo2_proofs::dev::MockProver;
use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_aggregation::circuit::AggregationCircuit;
use haloracle_aggregation::rows::Program;
use haloracle_aggregation::{AggregationKeys, Aggregator, Statement};
use haloracle_circuit::Shape;

fn check(program: Program) {
    assert_eq!(program.broken, None);
    let rows = program.rows.len() + 10;
    let k = rows.next_power_of_two().trailing_zeros();
    println!("rows {rows}, k {k}");
    let instances = program.instances.clone();
    let circuit = AggregationCircuit::new(Arc::new(program));
    let prover = MockProver::run(k, &circuit, vec![instances]).expect("runs");
    prover.assert_satisfied();
}

#[test]
fn two_models_of_different_sizes() {
    let srs = common::srs(9);
    let shape = Shape::Narrow;
    let proofs = [
        common::proof(&srs, shape, 16, [13, -100], 1),
        common::proof(&srs, shape, -5, [99, 100], 2),
    ];
    assert_ne!(proofs[0].key, proofs[1].key);
    let aggregator = Aggregator {
        shape,
        slots: 2,
        srs: &srs,
    };
    let gamma = Fr::from(77);
    let program = aggregator.program(&proofs, gamma).unwrap();
    let statement = Statement::new(shape, 2, &srs.hash(), &proofs).unwrap();
    let instances = &program.instances;
    assert_eq!(
        instances[8..],
        [statement.hash, gamma, statement.combine(gamma)]
    );
    check(program);
}

#[test]
fn the_accumulator_pairs_and_a_real_proof_verifies() {
    let srs = common::srs(18);
    let shape = Shape::Narrow;
    let proofs = [
        common::proof(&srs, shape, 16, [13, -100], 1),
        common::proof(&srs, shape, -5, [99, 100], 2),
    ];
    let start = std::time::Instant::now();
    let keys = AggregationKeys::generate(shape, 2, &srs, &proofs[1]).unwrap();
    println!("keys {:?}", start.elapsed());
    let start = std::time::Instant::now();
    let gamma = Fr::from(77);
    let aggregate = keys.prove(&proofs, gamma).unwrap();
    println!("proof {:?}, {} bytes", start.elapsed(), aggregate.evm.len());
}
