//! Opening many polynomials at many points with two commitments (SHPLONK).
//!
//! Boneh, Drake, Fisch, Gabizon, "Efficient polynomial commitment schemes for multiple points
//! and polynomials", eprint 2020/081, section 4, in halo2's order: polynomials opened at the
//! same set of points are combined by powers of y, the sets by powers of v.
//!
//! Columns enter as values on the rows: they are combined as values, and each set is
//! interpolated once.

use halo2_proofs::arithmetic::{eval_polynomial, lagrange_interpolate};
use halo2_proofs::halo2curves::bn256::{Fr, G1Affine};
use halo2_proofs::halo2curves::ff::Field;
use halo2_proofs::halo2curves::group::Curve;
use halo2_proofs::transcript::{EncodedChallenge, TranscriptWrite};
use rayon::prelude::*;

use super::CreateError;
use super::domain::powers;
use super::graph::Input;
use super::key::ProvingKey;
use super::msm::multiexp;

/// A polynomial to be opened.
#[derive(Clone, Copy, Debug)]
pub(super) enum Opened<'p> {
    /// Values on the rows.
    Values(&'p [Fr]),
    /// Coefficients in natural order.
    Coefficients(&'p [Fr]),
}

/// Tells polynomials apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Name {
    /// A column.
    Column(Input),
    /// The quotient, its pieces combined.
    Quotient,
    /// The random polynomial.
    Random,
}

/// The claim that a polynomial has a value at `ω^rotation x`.
#[derive(Clone, Debug)]
pub(super) struct Query<'p> {
    pub(super) name: Name,
    pub(super) polynomial: Opened<'p>,
    pub(super) rotation: i32,
    pub(super) evaluation: Fr,
}

/// Polynomials opened at one set of points.
#[derive(Debug)]
struct PointSet<'p> {
    /// Rotations modulo the number of rows, rising.
    rotations: Vec<i32>,
    points: Vec<Fr>,
    members: Vec<Member<'p>>,
}

#[derive(Clone, Debug)]
struct Member<'p> {
    name: Name,
    polynomial: Opened<'p>,
    /// Rotation modulo the number of rows, and value.
    evaluations: Vec<(i32, Fr)>,
}

/// Opens every query.
///
/// # Errors
/// A transcript that refuses a commitment.
pub(super) fn open<E, T>(
    key: &ProvingKey,
    queries: &[Query<'_>],
    x: Fr,
    transcript: &mut T,
) -> Result<(), CreateError>
where
    E: EncodedChallenge<G1Affine>,
    T: TranscriptWrite<G1Affine, E>,
{
    let sets = point_sets(key, queries, x);
    let y = transcript.squeeze_challenge().get_scalar();
    let v = transcript.squeeze_challenge().get_scalar();

    // Of each set, the combination of its polynomials and that of their interpolations.
    let combined: Vec<(Vec<Fr>, Vec<Fr>)> = sets
        .iter()
        .map(|set| (combine(key, set, y), remainder(set, y)))
        .collect();
    let quotients: Vec<Vec<Fr>> = sets
        .par_iter()
        .zip(&combined)
        .map(|(set, (polynomial, remainder))| {
            let mut quotient = polynomial.clone();
            for (coefficient, r) in quotient.iter_mut().zip(remainder) {
                *coefficient -= r;
            }
            for point in &set.points {
                divide(&mut quotient, *point);
            }
            quotient
        })
        .collect();
    let powers: Vec<Fr> = powers(Fr::ONE, v).take(sets.len()).collect();
    let quotients = quotients.iter().map(Vec::as_slice);
    let h = linear_combination(key.rows(), quotients.zip(powers.iter().copied()));
    transcript.write_point(multiexp(&key.monomial, &h).to_affine())?;

    let u = transcript.squeeze_challenge().get_scalar();
    // Differences of u from every point, and from those outside of each set.
    let mut all: Vec<(i32, Fr)> = Vec::new();
    for set in &sets {
        let points = set
            .rotations
            .iter()
            .copied()
            .zip(set.points.iter().copied());
        all.extend(points);
    }
    all.sort_unstable_by_key(|(rotation, _)| *rotation);
    all.dedup_by_key(|(rotation, _)| *rotation);
    let outside = |set: &PointSet<'_>| -> Fr {
        let points = all.iter().filter(|(r, _)| !set.rotations.contains(r));
        points.map(|(_, point)| u - point).product()
    };
    let vanishing: Fr = all.iter().map(|(_, point)| u - point).product();
    let outside: Vec<Fr> = sets.iter().map(outside).collect();
    // Normalized so that the first set's polynomials enter as they are.
    let first = outside.first().and_then(|z| z.invert().into());
    let first = first.unwrap_or(Fr::ONE);

    let mut parts: Vec<(&[Fr], Fr)> = Vec::new();
    let mut constant = Fr::ZERO;
    for (((polynomial, remainder), z), power) in combined.iter().zip(&outside).zip(&powers) {
        let factor = *z * power * first;
        parts.push((polynomial, factor));
        constant += eval_polynomial(remainder, u) * factor;
    }
    parts.push((&h, -vanishing * first));
    let mut linearization = linear_combination(key.rows(), parts.into_iter());
    linearization[0] -= constant;
    divide(&mut linearization, u);
    transcript.write_point(multiexp(&key.monomial, &linearization).to_affine())?;
    Ok(())
}

/// Groups polynomials by the points at which they are opened, both in order of appearance.
fn point_sets<'p>(key: &ProvingKey, queries: &[Query<'p>], x: Fr) -> Vec<PointSet<'p>> {
    let rows = key.rows() as i64;
    let mut members: Vec<Member<'p>> = Vec::new();
    for query in queries {
        let rotation = i64::from(query.rotation).rem_euclid(rows) as i32;
        let evaluation = (rotation, query.evaluation);
        match members.iter_mut().find(|member| member.name == query.name) {
            Some(member) => member.evaluations.push(evaluation),
            None => members.push(Member {
                name: query.name,
                polynomial: query.polynomial,
                evaluations: vec![evaluation],
            }),
        }
    }
    let mut sets: Vec<PointSet<'p>> = Vec::new();
    for mut member in members {
        member.evaluations.sort_unstable_by_key(|(r, _)| *r);
        member.evaluations.dedup_by_key(|(r, _)| *r);
        let rotations: Vec<i32> = member.evaluations.iter().map(|(r, _)| *r).collect();
        match sets.iter_mut().find(|set| set.rotations == rotations) {
            Some(set) => set.members.push(member),
            None => sets.push(PointSet {
                points: rotations
                    .iter()
                    .map(|r| x * key.domain.rotation(*r))
                    .collect(),
                rotations,
                members: vec![member],
            }),
        }
    }
    sets
}

/// `Σ y^j p_j` as coefficients.
fn combine(key: &ProvingKey, set: &PointSet<'_>, y: Fr) -> Vec<Fr> {
    let (mut values, mut coefficients) = (Vec::new(), Vec::new());
    let mut power = Fr::ONE;
    for member in &set.members {
        match member.polynomial {
            Opened::Values(polynomial) => values.push((polynomial, power)),
            Opened::Coefficients(polynomial) => coefficients.push((polynomial, power)),
        }
        power *= y;
    }
    let mut sum = match values.is_empty() {
        true => vec![Fr::ZERO; key.rows()],
        false => {
            let mut sum = linear_combination(key.rows(), values.into_iter());
            key.domain.interpolate(&mut sum);
            key.domain.reverse_bits(&mut sum);
            sum
        }
    };
    for (polynomial, power) in coefficients {
        for (sum, coefficient) in sum.iter_mut().zip(polynomial) {
            *sum += *coefficient * power;
        }
    }
    sum
}

/// `Σ y^j r_j`, where `r_j` has the values of the set's `j`th polynomial at the set's points.
fn remainder(set: &PointSet<'_>, y: Fr) -> Vec<Fr> {
    let mut evaluations = vec![Fr::ZERO; set.points.len()];
    let mut power = Fr::ONE;
    for member in &set.members {
        for (sum, (_, evaluation)) in evaluations.iter_mut().zip(&member.evaluations) {
            *sum += *evaluation * power;
        }
        power *= y;
    }
    lagrange_interpolate(&set.points, &evaluations)
}

/// `Σ factor × polynomial` over `rows` entries; shorter polynomials count as padded.
fn linear_combination<'p>(rows: usize, terms: impl Iterator<Item = (&'p [Fr], Fr)>) -> Vec<Fr> {
    let terms: Vec<(&[Fr], Fr)> = terms.collect();
    let mut sum = vec![Fr::ZERO; rows];
    let size = rows.div_ceil(rayon::current_num_threads()).clamp(1, 1024);
    sum.par_chunks_mut(size)
        .enumerate()
        .for_each(|(chunk, sum)| {
            for (polynomial, factor) in &terms {
                let part = polynomial.iter().skip(chunk * size);
                for (sum, value) in sum.iter_mut().zip(part) {
                    if *value != Fr::ZERO {
                        *sum += *value * factor;
                    }
                }
            }
        });
    sum
}

/// Divides by `X − point` in place and drops the remainder; the length stays.
fn divide(polynomial: &mut [Fr], point: Fr) {
    let mut carry = Fr::ZERO;
    for coefficient in polynomial.iter_mut().rev() {
        let quotient = carry;
        carry = *coefficient + carry * point;
        *coefficient = quotient;
    }
}
