//! Whole aggregation circuits of small proofs, under halo2's own checker.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod common;

use std::sync::Arc;

use halo2_proofs::dev::MockProver;
use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_aggregation::circuit::AggregationCircuit;
use haloracle_aggregation::rows::{Mode, Program};
use haloracle_aggregation::{Aggregator, Statement};
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

/// One key for every mixture: the fixed part of the circuit does not depend on the proofs, and
/// its size is the one that is estimated.
#[test]
fn the_circuit_depends_on_shape_and_slots_alone() {
    let srs = common::srs(9);
    for shape in Shape::ALL {
        let first = common::proof(&srs, shape, 16, [13, -100], 1);
        let second = common::proof(&srs, shape, -5, [99, 100], 2);
        let aggregator = Aggregator {
            shape,
            slots: 2,
            srs: &srs,
        };
        let of = |proofs: &[_]| aggregator.unchecked(proofs, Fr::from(3)).unwrap();
        let one = of(&[first.clone(), second.clone()]);
        let other = of(&[second, first]);
        assert_eq!(one.broken, None);
        assert_eq!(one.rows.modes, other.rows.modes);
        assert_eq!(one.copies, other.copies);
        assert_eq!(one.public, other.public);
        let rows = one.rows.operands.iter().zip(&other.rows.operands);
        for (row, (a, b)) in rows.enumerate() {
            let of = |p: &Program, c: &[u32; 8]| c.map(|index| p.pool.value(index));
            assert_eq!(of(&one, a), of(&other, b), "row {row}");
        }
        let estimate = haloracle_aggregation::memory::estimate(shape, 2);
        let rows = one.rows.len();
        let count = |mode| one.rows.modes.iter().filter(|m| **m == mode).count();
        println!(
            "{shape}: {rows} rows, estimated {}; limbs {}, steps {}, entries {}, plain {}, hash {}",
            estimate.rows,
            count(Mode::Limb),
            count(Mode::Step),
            count(Mode::Entry),
            count(Mode::Plain),
            count(Mode::Full) + count(Mode::Partial),
        );
        assert!(rows <= estimate.rows, "{rows} > {}", estimate.rows);
        assert!(
            10 * rows >= 9 * estimate.rows,
            "{rows} << {}",
            estimate.rows
        );
    }
}
