//! The proving key: what a proof needs besides the witness.
//!
//! Nothing of it is worth a file: fixed columns and copies come from synthesizing the circuit
//! without a witness, which costs less than reading and checking them would. Columns are held
//! as values on the rows only; coefficients are computed where a proof needs them.

use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_proofs::plonk::{Any, Circuit, Column, ConstraintSystem, FloorPlanner};

use super::CreateError;
use super::domain::{Domain, powers};
use super::fixed::{FixedCollector, Fixture};
use super::msm::{Bases, commit_all};

/// Everything but the witness.
#[derive(Clone, Debug)]
pub struct ProvingKey {
    pub(super) cs: ConstraintSystem<Fr>,
    pub(super) domain: Domain,
    /// Degree of the constraint system; the quotient has one piece less.
    pub(super) degree: usize,
    /// Rows before the last one of the permutation argument and the blinding.
    pub(super) usable: usize,
    pub(super) fixed: Vec<Vec<Fr>>,
    /// Columns under the permutation.
    pub(super) permuted: Vec<Column<Any>>,
    /// For each of them, the name `δ^j ω^i` of the cell that follows in its cycle.
    pub(super) sigma: Vec<Vec<Fr>>,
    /// For each permutation product, the rows on which one of its columns is copied.
    pub(super) copied: Vec<Vec<usize>>,
    pub(super) monomial: Bases,
    pub(super) lagrange: Bases,
}

/// Commitments of a key's fixed columns and permutations.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commitments {
    /// Fixed columns.
    pub fixed: Vec<G1Affine>,
    /// Permutations.
    pub permutation: Vec<G1Affine>,
}

impl ProvingKey {
    /// Synthesizes `circuit` without its witness, on as many rows as there are SRS points:
    /// powers of τ in `monomial`, the same points in the Lagrange basis in `lagrange`.
    ///
    /// # Errors
    /// Constraint systems with look-ups, shuffles or selectors; circuits that do not fit.
    pub fn generate<C: Circuit<Fr>>(
        circuit: &C,
        monomial: Vec<G1Affine>,
        lagrange: Vec<G1Affine>,
    ) -> Result<Self, CreateError> {
        let mut cs = ConstraintSystem::default();
        let config = C::configure_with_params(&mut cs, circuit.params());
        check_supported(&cs)?;
        let points = monomial.len();
        let minimum = cs.minimum_rows().max(2);
        let k = points.checked_ilog2().unwrap_or(0);
        let fits = points >= minimum && k + 2 <= Fr::S;
        if !points.is_power_of_two() || lagrange.len() != points || !fits {
            return Err(CreateError::Points {
                monomial: points,
                lagrange: lagrange.len(),
                minimum,
            });
        }
        let usable = points - (cs.blinding_factors() + 1);
        let permuted = cs.permutation().get_columns();
        let mut collector = FixedCollector::new(&cs, points, usable);
        C::FloorPlanner::synthesize(
            &mut collector,
            &circuit.without_witnesses(),
            config,
            cs.constants().clone(),
        )
        .map_err(CreateError::Synthesis)?;
        let Fixture { columns, cycles } = collector.finish()?;
        let domain = Domain::new(k);
        let sigma = sigma(&domain, &cycles);
        let degree = cs.degree();
        let moved = |row: usize, first: usize, columns: usize| {
            (first..first + columns).any(|j| cycles[j][row] != (j * points + row) as u32)
        };
        let sets = (0..permuted.len()).step_by(degree - 2);
        let copied = sets.map(|first| {
            let columns = (permuted.len() - first).min(degree - 2);
            (0..usable)
                .filter(|row| moved(*row, first, columns))
                .collect()
        });
        Ok(Self {
            degree,
            usable,
            fixed: columns,
            sigma,
            copied: copied.collect(),
            permuted,
            monomial: Bases::new(monomial),
            lagrange: Bases::new(lagrange),
            domain,
            cs,
        })
    }

    /// Number of rows, blinding included.
    pub fn rows(&self) -> usize {
        self.domain.rows()
    }

    /// The constraint system.
    pub fn cs(&self) -> &ConstraintSystem<Fr> {
        &self.cs
    }

    /// Computes the commitments that make up the verifying key.
    pub fn commitments(&self) -> Commitments {
        let slices = |columns: &[Vec<Fr>]| -> Vec<G1Affine> {
            let columns: Vec<&[Fr]> = columns.iter().map(Vec::as_slice).collect();
            commit_all(&self.lagrange, &columns)
        };
        Commitments {
            fixed: slices(&self.fixed),
            permutation: slices(&self.sigma),
        }
    }
}

/// Refuses what this prover does not implement.
fn check_supported(cs: &ConstraintSystem<Fr>) -> Result<(), CreateError> {
    if cs.num_selectors() > 0 {
        return Err(CreateError::Unsupported("selectors"));
    }
    if !cs.lookups().is_empty() {
        return Err(CreateError::Unsupported("look-up arguments"));
    }
    let highest = cs.advice_column_phase().into_iter().max().unwrap_or(0);
    if cs.challenge_phase().iter().any(|phase| *phase > highest) {
        return Err(CreateError::Unsupported("challenges that are never drawn"));
    }
    Ok(())
}

/// `δ^j ω^i` for the cell `(j, i)` that each cell is mapped to.
fn sigma(domain: &Domain, cycles: &[Vec<u32>]) -> Vec<Vec<Fr>> {
    let rows = domain.rows();
    let names: Vec<Fr> = powers(Fr::ONE, domain.omega()).take(rows).collect();
    let deltas: Vec<Fr> = powers(Fr::ONE, Fr::DELTA).take(cycles.len()).collect();
    let columns = cycles.iter().map(|column| {
        let cells = column.iter().map(|cell| {
            let cell = *cell as usize;
            deltas[cell / rows] * names[cell % rows]
        });
        cells.collect()
    });
    columns.collect()
}
