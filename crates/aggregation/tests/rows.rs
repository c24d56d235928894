//! Small circuits of point operations, arithmetic and hashes, under halo2's own checker.

use std::sync::Arc;

use halo2_proofs::dev::MockProver;
use halo2_proofs::halo2curves::bn256::{Fr, G1, G1Affine};
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_proofs::halo2curves::group::{Curve, Group};
use haloracle_aggregation::circuit::AggregationCircuit;
use haloracle_aggregation::msm::Term;
use haloracle_aggregation::rows::Builder;
use rand::rngs::OsRng;

const K: u32 = 17;

#[test]
fn a_sum_of_points_is_the_sum() {
    let mut builder = Builder::default();
    let points: Vec<G1Affine> = (0..3).map(|_| G1::random(OsRng).to_affine()).collect();
    let scalars = [Fr::random(OsRng), Fr::ZERO, -Fr::ONE];
    let offset = G1Affine::generator();
    let start = Fr::random(OsRng);
    let start_term = Term {
        scalar: builder.witness(start),
        table: builder.table(&offset),
    };
    let mut terms = Vec::new();
    for (point, scalar) in points.iter().zip(scalars) {
        let scalar = builder.witness(scalar);
        let table = builder.table(point);
        terms.push(Term { scalar, table });
    }
    let sum = builder.sum(start_term, &terms).expect("limbs");
    let shift = Fr::from(2).pow_vartime([255]);
    let expected: G1 =
        points.iter().zip(scalars).map(|(p, s)| p * s).sum::<G1>() + offset * (start * shift);
    let expected = expected.to_affine();
    let limbs = haloracle_prover::poseidon::point_limbs(&expected);
    for (cells, limbs) in [sum.x, sum.y].into_iter().zip(limbs) {
        for (cell, limb) in cells.into_iter().zip(limbs) {
            assert_eq!(cell.value, Fr::from_u128(limb));
            builder.expose(cell);
        }
    }
    let hashed = builder.hash(
        terms[0].scalar,
        &[terms[1].scalar, terms[2].scalar, sum.x[0]],
    );
    let native =
        haloracle_circuit::poseidon::hash(scalars[0], &[scalars[1], scalars[2], sum.x[0].value]);
    assert_eq!(hashed.value, native);
    builder.expose(hashed);
    println!("{:?}", builder.rows());
    let program = builder.finish();
    assert_eq!(program.broken, None);
    let instances = program.instances.clone();
    let circuit = AggregationCircuit::new(Arc::new(program));
    let prover = MockProver::run(K, &circuit, vec![instances]).expect("runs");
    prover.assert_satisfied();
}
