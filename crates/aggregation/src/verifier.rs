//! Verification of one proof of a machine, up to the pairing.
//!
//! With the notation of [`Inner`], rotation sets `S_i`, points `p_t = x ω^t` and
//! `V_i(u) = Π_{t ∉ S_i} (u − p_t)`, a proof is valid if `L = τ W'` for
//! $$L = \sum_i ν^i \frac{V_i(u)}{V_0(u)} \Big(\sum_j μ^j C_{ij} - R_i(u) G\Big)
//!     - \prod_{t ∈ S_0}(u - p_t)\, W + u W'.$$
//! The scalars are computed here; the sum is taken for all proofs at once.
//!
//! Nothing of the key or the transcript is free: k, the number of instances and the commitments
//! are hashed to the key's digest, digest and instances open the transcript, and every challenge
//! is squeezed from what came before it.

use std::collections::HashMap;

use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_proofs::plonk::Any;
use haloracle_circuit::field::from_word;
use haloracle_prover::poseidon::{Purpose, capacity};
use haloracle_prover::{Proof, VerifyingKey};

use crate::domain::Domain;
use crate::expression::Evaluator;
use crate::inner::{Inner, Opened};
use crate::inputs::{Absorbed, Stream};
use crate::lagrange::Lagrange;
use crate::msm::{Table, Term};
use crate::rows::{Builder, Cell};
use crate::transcript::Transcript;

/// A proof that was made for aggregation, with its key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InnerProof {
    /// The key that it is valid under.
    pub key: VerifyingKey,
    /// Instances and bytes.
    pub proof: Proof,
}

/// What verifying one proof leaves to be checked, and what it was about.
#[derive(Clone, Debug)]
pub(crate) struct Verified {
    /// Terms of L, but for the generator's.
    pub(crate) terms: Vec<Term>,
    /// The generator's scalar in L.
    pub(crate) generator: Cell,
    /// W'.
    pub(crate) opening: Table,
    /// Digest of the key.
    pub(crate) digest: Cell,
    /// Instances, padded with zeros.
    pub(crate) instances: Vec<Cell>,
    /// Digest of the instances.
    pub(crate) instances_digest: Cell,
    /// Squeezed after the whole proof.
    pub(crate) last: Cell,
}

/// A commitment with its scalar in L, or its opening's in the proof.
struct Commitments(HashMap<Opened, Vec<(Table, Option<Cell>)>>);

struct Verifier<'a> {
    builder: &'a mut Builder,
    inner: &'a Inner,
    transcript: Transcript,
    stream: Stream<'a>,
}

impl Verifier<'_> {
    fn read_point(&mut self) -> Table {
        let point = self.stream.point();
        let Absorbed { table, elements } = self.builder.absorbed(&point);
        self.transcript.absorb(&elements);
        table
    }

    fn read_scalar(&mut self) -> Cell {
        let value = self.stream.scalar();
        let cell = self.builder.witness(value);
        self.transcript.absorb(&[cell]);
        cell
    }

    fn squeeze(&mut self) -> Cell {
        self.transcript.squeeze(self.builder)
    }
}

/// Writes the verification of `proof` as far as the pairing. `route` names shape and SRS.
pub(crate) fn verify(
    builder: &mut Builder,
    inner: &Inner,
    route: Fr,
    proof: &InnerProof,
) -> Option<Verified> {
    let values: Vec<Fr> = proof
        .proof
        .instances
        .iter()
        .map(|word| from_word(word).unwrap_or(Fr::ZERO))
        .collect();
    let domain = Domain::new(builder, proof.key.k());
    let count = builder.witness(Fr::from(proof.key.instances() as u64));
    let route = builder.constant(route);
    let mut commitments = Commitments(HashMap::new());
    let mut elements = vec![route, domain.k, count];
    let (fixed, permuted) = inner.commitments();
    let points: Vec<G1Affine> = proof.key.commitments().copied().collect();
    for (index, point) in points.iter().enumerate().take(fixed) {
        let (absorbed, present) = builder.absorbed_or_zero(point);
        elements.extend(absorbed.elements);
        commitments.add(Opened::Fixed(index), absorbed.table, Some(present));
    }
    for (index, point) in points[fixed..].iter().enumerate().take(permuted) {
        let absorbed = builder.absorbed(point);
        elements.extend(absorbed.elements);
        commitments.add(Opened::Sigma(index), absorbed.table, None);
    }
    let key = builder.constant(capacity(Purpose::Key, elements.len()));
    let digest = builder.hash(key, &elements);
    let (instances, instances_digest) = builder.padded_instances(count, &values);

    let mut transcript = Transcript::new(builder, Purpose::Transcript);
    transcript.absorb(&[digest, instances_digest]);
    let mut verifier = Verifier {
        builder,
        inner,
        transcript,
        stream: Stream(&proof.proof.evm),
    };
    verifier.run(
        &domain,
        commitments,
        Statement {
            digest,
            instances,
            instances_digest,
        },
    )
}

struct Statement {
    digest: Cell,
    instances: Vec<Cell>,
    instances_digest: Cell,
}

impl Commitments {
    fn add(&mut self, name: Opened, table: Table, factor: Option<Cell>) {
        self.0.entry(name).or_default().push((table, factor));
    }
}

impl Verifier<'_> {
    fn run(
        &mut self,
        domain: &Domain,
        mut commitments: Commitments,
        statement: Statement,
    ) -> Option<Verified> {
        let inner = self.inner;
        let phases = inner.cs.advice_column_phase();
        let mut challenges: Vec<Option<Cell>> = vec![None; inner.cs.num_challenges()];
        for phase in 0..=phases.iter().copied().max().unwrap_or(0) {
            for (column, of) in phases.iter().enumerate() {
                if *of == phase {
                    let table = self.read_point();
                    commitments.add(Opened::Advice(column), table, None);
                }
            }
            for (index, of) in inner.cs.challenge_phase().iter().enumerate() {
                if *of == phase {
                    challenges[index] = Some(self.squeeze());
                }
            }
        }
        let challenges: Option<Vec<Cell>> = challenges.into_iter().collect();
        // θ compresses look-ups, of which there are none.
        self.squeeze();
        let (beta, gamma) = (self.squeeze(), self.squeeze());
        for chunk in 0..inner.chunks.len() {
            let table = self.read_point();
            commitments.add(Opened::Product(chunk), table, None);
        }
        let random = self.read_point();
        commitments.add(Opened::Random, random, None);
        let y = self.squeeze();
        let pieces: Vec<Table> = (0..inner.pieces).map(|_| self.read_point()).collect();
        let x = self.squeeze();
        let mut evaluations = HashMap::new();
        for query in &inner.evaluations {
            let cell = self.read_scalar();
            evaluations.insert(*query, cell);
        }
        let xn = domain.power(self.builder, x);
        let mut power = self.builder.constant(Fr::ONE);
        for (index, table) in pieces.into_iter().enumerate() {
            if index > 0 {
                power = self.builder.mul(power, xn);
            }
            commitments.add(Opened::Quotient, table, Some(power));
        }
        let lagrange = Lagrange::new(self.builder, domain, x, xn, inner.blinding);
        let instance = lagrange.instance(self.builder, domain, &statement.instances);
        let quotient = self.quotient(
            &Claims {
                evaluations: &evaluations,
                challenges: &challenges?,
                instance,
                x,
            },
            &lagrange,
            [beta, gamma, y],
        )?;
        evaluations.insert((Opened::Quotient, 0), quotient);

        let (mu, nu) = (self.squeeze(), self.squeeze());
        let w = self.read_point();
        let u = self.squeeze();
        let opening = self.read_point();
        let last = self.squeeze();
        let (mut terms, generator) =
            self.combine(domain, &commitments, &evaluations, [x, mu, nu, u])?;
        let vanishing = self.distance_of_first(domain, x, u)?;
        let vanishing = self.builder.affine(vanishing, -Fr::ONE, Fr::ZERO);
        terms.push(Term {
            scalar: vanishing,
            table: w,
        });
        terms.push(Term {
            scalar: u,
            table: opening,
        });
        Some(Verified {
            terms,
            generator,
            opening,
            digest: statement.digest,
            instances: statement.instances,
            instances_digest: statement.instances_digest,
            last,
        })
    }

    /// What the quotient must be at x: all constraints, combined by powers of y, over `x^n − 1`.
    fn quotient(
        &mut self,
        claims: &Claims<'_>,
        lagrange: &Lagrange,
        [beta, gamma, y]: [Cell; 3],
    ) -> Option<Cell> {
        let inner = self.inner;
        let mut constraints = Vec::new();
        let mut evaluator = Evaluator::new(
            self.builder,
            claims.evaluations,
            claims.challenges,
            claims.instance,
        );
        for gate in inner.cs.gates() {
            for polynomial in gate.polynomials() {
                constraints.push(evaluator.cell(polynomial)?);
            }
        }
        constraints.extend(self.permutation(claims, lagrange, [beta, gamma])?);
        constraints.reverse();
        let sum = self.builder.horner(&constraints, y);
        let inverse = self.builder.inverse(lagrange.vanishing);
        Some(self.builder.mul(sum, inverse))
    }

    fn permutation(
        &mut self,
        claims: &Claims<'_>,
        lagrange: &Lagrange,
        [beta, gamma]: [Cell; 2],
    ) -> Option<Vec<Cell>> {
        let (inner, b) = (self.inner, &mut *self.builder);
        let at = |name, rotation| claims.evaluations.get(&(name, rotation)).copied();
        let count = inner.chunks.len();
        let mut constraints = Vec::new();
        let one = b.constant(Fr::ONE);
        let first = at(Opened::Product(0), 0)?;
        let rest = b.sub(one, first);
        constraints.push(b.mul(lagrange.first, rest));
        let end = at(Opened::Product(count - 1), 0)?;
        let square = b.mul(end, end);
        let rest = b.sub(square, end);
        constraints.push(b.mul(lagrange.last, rest));
        for chunk in 1..count {
            let start = at(Opened::Product(chunk), 0)?;
            let before = at(Opened::Product(chunk - 1), inner.last())?;
            let rest = b.sub(start, before);
            constraints.push(b.mul(lagrange.first, rest));
        }
        let active = b.plain_row(
            [Some(lagrange.last), Some(lagrange.blind), None],
            [Fr::ZERO, -Fr::ONE, -Fr::ONE, Fr::ZERO, Fr::ONE],
        );
        let mut sigma = 0;
        let mut delta = b.mul(beta, claims.x);
        for (chunk, columns) in inner.chunks.iter().enumerate() {
            let mut left = at(Opened::Product(chunk), 1)?;
            let mut right = at(Opened::Product(chunk), 0)?;
            for column in columns {
                let value = match column.column_type() {
                    Any::Advice(_) => at(Opened::Advice(column.index()), 0)?,
                    Any::Fixed => at(Opened::Fixed(column.index()), 0)?,
                    Any::Instance => claims.instance,
                };
                let shifted = b.add(value, gamma);
                let factor = b.mul_add(beta, at(Opened::Sigma(sigma), 0)?, shifted);
                left = b.mul(left, factor);
                let factor = b.add(delta, shifted);
                right = b.mul(right, factor);
                delta = b.affine(delta, Fr::DELTA, Fr::ZERO);
                sigma += 1;
            }
            let difference = b.sub(left, right);
            constraints.push(b.mul(active, difference));
        }
        Some(constraints)
    }

    fn points(&mut self, domain: &Domain, x: Cell) -> HashMap<i32, Cell> {
        let rotations = self.inner.rotations();
        let point = |rotation: &i32| {
            let root = domain.root(self.builder, *rotation);
            (*rotation, self.builder.mul(x, root))
        };
        rotations.iter().map(point).collect()
    }

    /// `Π_{t ∈ S_0} (u − p_t)`.
    fn distance_of_first(&mut self, domain: &Domain, x: Cell, u: Cell) -> Option<Cell> {
        let points = self.points(domain, x);
        let rotations = &self.inner.sets.first()?.rotations;
        let distances: Option<Vec<Cell>> = rotations
            .iter()
            .map(|t| Some(self.builder.sub(u, *points.get(t)?)))
            .collect();
        Some(self.builder.product(&distances?))
    }

    /// The terms of all commitments, and the generator's scalar.
    fn combine(
        &mut self,
        domain: &Domain,
        commitments: &Commitments,
        evaluations: &HashMap<(Opened, i32), Cell>,
        [x, mu, nu, u]: [Cell; 4],
    ) -> Option<(Vec<Term>, Cell)> {
        let points = self.points(domain, x);
        let b = &mut *self.builder;
        let all = self.inner.rotations();
        let mut distances = HashMap::new();
        for rotation in &all {
            distances.insert(*rotation, b.sub(u, *points.get(rotation)?));
        }
        let outside = |b: &mut Builder, set: &[i32]| {
            let missing = all.iter().filter(|t| !set.contains(t));
            let missing: Option<Vec<Cell>> = missing.map(|t| distances.get(t).copied()).collect();
            Some(b.product(&missing?))
        };
        let first = outside(b, &self.inner.sets.first()?.rotations)?;
        let mut scale = b.inverse(first);
        let mut terms = Vec::new();
        let mut constant = b.constant(Fr::ZERO);
        for set in &self.inner.sets {
            let others = outside(b, &set.rotations)?;
            let factor = b.mul(scale, others);
            // The combined values, interpolated and evaluated at u.
            let mut remainder = b.constant(Fr::ZERO);
            for t in &set.rotations {
                let values = set.polynomials.iter().map(|p| evaluations.get(&(*p, *t)));
                let values: Option<Vec<Cell>> = values.map(Option::<&Cell>::copied).collect();
                let mut value = b.horner(&values?, mu);
                for s in set.rotations.iter().filter(|s| *s != t) {
                    value = b.mul(value, *distances.get(s)?);
                    let difference = b.sub(*points.get(t)?, *points.get(s)?);
                    let inverse = b.inverse(difference);
                    value = b.mul(value, inverse);
                }
                remainder = b.add(remainder, value);
            }
            constant = b.mul_add(remainder, factor, constant);
            let mut scalar = factor;
            for (index, polynomial) in set.polynomials.iter().enumerate() {
                if index > 0 {
                    scalar = b.mul(scalar, mu);
                }
                for (table, own) in commitments.0.get(polynomial)? {
                    let scalar = match own {
                        Some(own) => b.mul(scalar, *own),
                        None => scalar,
                    };
                    terms.push(Term {
                        scalar,
                        table: *table,
                    });
                }
            }
            scale = b.mul(scale, nu);
        }
        let generator = b.affine(constant, -Fr::ONE, Fr::ZERO);
        Some((terms, generator))
    }
}

/// What the constraints are evaluated on.
struct Claims<'a> {
    evaluations: &'a HashMap<(Opened, i32), Cell>,
    challenges: &'a [Cell],
    instance: Cell,
    x: Cell,
}
