//! Every kind of cell, changed: the constraint that binds it says so. Cells that nothing reads are
//! listed.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::collections::BTreeSet;
use std::sync::{Arc, OnceLock};

use halo2_proofs::dev::{MockProver, VerifyFailure};
use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use haloracle_aggregation::circuit::AggregationCircuit;
use haloracle_aggregation::msm::Term;
use haloracle_aggregation::rows::{Builder, Mode, Program};

/// One point times a scalar, and a hash of the scalar.
fn program() -> &'static Program {
    static PROGRAM: OnceLock<Program> = OnceLock::new();
    PROGRAM.get_or_init(|| {
        let mut builder = Builder::default();
        let point: G1Affine = (G1Affine::generator() * Fr::from(9)).into();
        let start = Term {
            scalar: builder.witness(Fr::from(123)),
            table: builder.table(&G1Affine::generator()),
        };
        let term = Term {
            scalar: builder.witness(-Fr::from(77)),
            table: builder.table(&point),
        };
        let sum = builder.sum(start, &[term]).expect("limbs");
        let hash = builder.hash(start.scalar, &[term.scalar, sum.y[0]]);
        builder.expose(sum.x[0]);
        builder.expose(hash);
        let program = builder.finish();
        assert_eq!(program.broken, None);
        program
    })
}

/// Names of the constraints that fail.
fn failures(program: Program) -> BTreeSet<String> {
    const K: u32 = 16;
    let instances = program.instances.clone();
    let circuit = AggregationCircuit::new(Arc::new(program));
    let prover = MockProver::run(K, &circuit, vec![instances]).expect("runs");
    let failures = prover.verify().err().unwrap_or_default();
    let name = |failure: VerifyFailure| match failure {
        VerifyFailure::ConstraintNotSatisfied { constraint, .. } => format!("{constraint}"),
        VerifyFailure::Permutation { .. } => "copy".into(),
        other => panic!("{other}"),
    };
    let name = |failure| {
        let name = name(failure);
        let gate = name.split('\'').nth(1).map(str::to_owned);
        gate.unwrap_or(name)
    };
    failures.into_iter().map(name).collect()
}

/// The `nth` row of a mode.
fn row(mode: Mode, nth: usize) -> usize {
    let rows = program().rows.modes.iter().enumerate();
    let mut rows = rows.filter(|(_, m)| **m == mode).map(|(row, _)| row);
    rows.nth(nth).expect("there is one")
}

fn changed(change: impl Fn(&mut Program)) -> BTreeSet<String> {
    let mut program = program().clone();
    change(&mut program);
    failures(program)
}

fn set(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(|name| (*name).to_owned()).collect()
}

#[test]
fn the_program_is_satisfied() {
    assert_eq!(failures(program().clone()), set(&[]));
}

#[test]
fn a_limb_is_its_digits() {
    let row = row(Mode::Limb, 40);
    let found = changed(|p| p.rows.w[row] += Fr::one());
    assert!(found.contains("limb"), "{found:?}");
    let found = changed(|p| p.rows.d[row][2] += Fr::one());
    assert!(found.contains("limb"), "{found:?}");
}

#[test]
fn a_digit_has_fifteen_bits() {
    // The same limb, by a digit that is too large. Nothing but the look-up tells.
    let row = row(Mode::Limb, 41);
    let found = changed(|p| {
        p.rows.d[row][0] += Fr::from(1 << 15);
        p.rows.d[row][1] -= Fr::one();
    });
    assert_eq!(found, set(&["sums", "entry"]));
    let found = changed(|p| {
        p.rows.d[row][3] += Fr::from(1 << 15);
        p.rows.d[row][4] -= Fr::one();
    });
    assert_eq!(found, set(&["sums", "entry"]));
}

#[test]
fn another_limb_ends_in_another_point() {
    // Limb and digit together: the row itself is right, the operation it belongs to is not.
    for nth in [0, 3, 7, 12, 15, 20, 22, 24, 30, 35, 40, 44, 60] {
        let row = row(Mode::Limb, nth);
        let digit = program().rows.d[row][0];
        let step = match digit == Fr::zero() {
            true => Fr::one(),
            false => -Fr::one(),
        };
        let found = changed(|p| {
            p.rows.w[row] += step;
            p.rows.d[row][0] += step;
        });
        // Counts of digits are off, too.
        assert!(found.contains("step"), "{nth}: {found:?}");
    }
}

#[test]
fn a_step_reads_the_entry_of_its_index() {
    // Another entry's point under the same index: the point operation is checked with it, so it
    // would have to satisfy that as well; the look-up tells in any case.
    let reads = &program().reads;
    let nth = reads.len() - 1;
    let other = reads.iter().position(|(_, entry)| *entry != reads[nth].1);
    let other = reads[other.expect("another entry")].1;
    let found = changed(|p| p.reads[nth].1 = other);
    assert!(found.contains("entry"), "{found:?}");
    assert!(found.contains("step"), "{found:?}");
    // Another index with its own entry: the digit is no longer the scalar's.
    let row = reads[nth].0 as usize;
    let found = changed(|p| p.rows.w[row] += Fr::one());
    assert!(found.contains("copy"), "{found:?}");
    assert!(found.contains("entry"), "{found:?}");
}

#[test]
fn a_table_counts_its_reads() {
    for nth in [0, 1, 5] {
        let row = row(Mode::Entry, nth);
        let found = changed(|p| p.rows.w[row] += Fr::one());
        assert_eq!(found, set(&["entry"]), "{nth}");
    }
    let range = program().rows.modes.len() - 100;
    assert_eq!(program().rows.modes[range], Mode::Entry);
    let found = changed(|p| p.rows.w[range] += Fr::one());
    assert_eq!(found, set(&["entry"]));
}

#[test]
fn arithmetic_is_what_it_says() {
    for nth in [2, 10, 20] {
        let row = row(Mode::Plain, nth);
        let found = changed(|p| p.rows.w[row] += Fr::one());
        assert!(found.contains("plain"), "{nth}: {found:?}");
    }
    // An operand that is another cell's value.
    let row = row(Mode::Plain, 10);
    let found = changed(|p| p.rows.d[row][0] += Fr::one());
    assert!(found.contains("copy"), "{found:?}");
}

#[test]
fn every_round_of_the_hash_is_bound() {
    for (mode, cells) in [(Mode::Full, 0..6), (Mode::Partial, 0..4)] {
        for nth in [0, 2] {
            let row = row(mode, nth);
            for cell in cells.clone() {
                let found = changed(|p| p.rows.d[row][cell] += Fr::one());
                assert!(found.contains("Poseidon"), "{mode:?} {cell}: {found:?}");
            }
        }
    }
}

#[test]
fn instances_are_the_cells() {
    for index in 0..program().instances.len() {
        let found = changed(|p| p.instances[index] += Fr::one());
        assert_eq!(found, set(&["copy"]));
    }
}

#[test]
fn cells_that_nothing_reads() {
    let free: [(Mode, &[usize]); 5] = [
        (Mode::Plain, &[3, 4, 5]),
        (Mode::Partial, &[4, 5]),
        (Mode::Step, &[0, 1, 2, 3, 4, 5]),
        (Mode::Entry, &[0, 1, 2, 3, 4, 5]),
        (Mode::End, &[0, 1, 2, 3, 4, 5]),
    ];
    let found = changed(|p| {
        for (mode, cells) in free {
            for cell in cells {
                p.rows.d[row(mode, 1)][*cell] += Fr::one();
            }
        }
    });
    assert_eq!(found, set(&[]));
}
