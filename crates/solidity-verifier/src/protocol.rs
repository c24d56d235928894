//! What a proof consists of and what is opened where, derived from the constraint system alone.
//!
//! The order is that of the proof system's `create_proof` with SHPLONK: per phase its advice
//! commitments, then its challenges; theta; beta, gamma; permutation products and the random
//! polynomial; y; quotient pieces; x; evaluations; the two challenges and the first point of the
//! multi-opening; its evaluation point and the second point.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::{Any, Column, ConstraintSystem};

use crate::GenerateError;

/// A polynomial whose commitment is opened.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum Polynomial {
    /// Advice column.
    Advice(usize),
    /// Fixed column, committed in the verifying key.
    Fixed(usize),
    /// Permutation polynomial of one column, committed in the verifying key.
    Sigma(usize),
    /// Grand product of one chunk of permutation columns.
    Product(usize),
    /// Blinds the quotient.
    Random,
    /// The quotient, put together from its pieces.
    Quotient,
}

/// A point of the proof.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Point {
    /// Commitment to an advice column.
    Advice(usize),
    /// Commitment to a permutation product.
    Product(usize),
    /// Commitment to the random polynomial.
    Random,
    /// Commitment to a piece of the quotient.
    QuotientPiece(usize),
    /// First point of the multi-opening: the quotient of the opened polynomials.
    W,
    /// Second point of the multi-opening: the opening at `u`.
    WPrime,
}

/// A challenge of the transcript.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Challenge {
    /// Declared by the constraint system.
    Phase(usize),
    /// Compresses built-in look-ups: drawn even where there are none.
    Theta,
    /// Permutation.
    Beta,
    /// Permutation.
    Gamma,
    /// Separates the constraints.
    Y,
    /// Where the polynomials are opened.
    X,
    /// Separates the polynomials of one rotation set.
    Mu,
    /// Separates the rotation sets.
    Nu,
    /// Where the multi-opening is checked.
    U,
}

/// What the transcript absorbs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Item {
    /// 64 bytes.
    Point(Point),
    /// 32 bytes: evaluation of a polynomial at a rotation of x.
    Evaluation(Polynomial, i32),
}

impl Item {
    /// Bytes in the proof.
    pub(crate) fn len(self) -> usize {
        match self {
            Self::Point(_) => 64,
            Self::Evaluation(..) => 32,
        }
    }
}

/// Items absorbed together, then challenges squeezed one after the other.
#[derive(Clone, Debug, Default)]
pub(crate) struct Round {
    pub(crate) items: Vec<Item>,
    pub(crate) challenges: Vec<Challenge>,
}

impl Round {
    /// Bytes in the proof.
    pub(crate) fn len(&self) -> usize {
        self.items.iter().map(|item| item.len()).sum()
    }
}

/// Polynomials opened at the same rotations of x, in the order of their first query.
#[derive(Clone, Debug)]
pub(crate) struct RotationSet {
    /// Ascending.
    pub(crate) rotations: Vec<i32>,
    pub(crate) polynomials: Vec<Polynomial>,
}

/// The proof's content and the statements that the multi-opening shows.
#[derive(Clone, Debug)]
pub(crate) struct Protocol {
    pub(crate) blinding_factors: usize,
    pub(crate) fixed: usize,
    pub(crate) sigmas: usize,
    pub(crate) quotient_pieces: usize,
    /// Permutation columns, in the chunks that share a product.
    pub(crate) chunks: Vec<Vec<Column<Any>>>,
    pub(crate) rounds: Vec<Round>,
    pub(crate) sets: Vec<RotationSet>,
}

impl Protocol {
    /// Reads the protocol off `cs`.
    ///
    /// # Errors
    /// [`GenerateError::Unsupported`] where `cs` uses what the verifier does not implement,
    /// [`GenerateError::DegreeCapped`] where the proof system would cut the quotient short.
    pub(crate) fn new(cs: &ConstraintSystem<Fr>) -> Result<Self, GenerateError> {
        reject_unsupported(cs)?;
        let degree = degree(cs)?;
        let columns = cs.permutation().get_columns();
        let chunks: Vec<Vec<_>> = columns.chunks(degree - 2).map(<[_]>::to_vec).collect();
        let mut protocol = Self {
            blinding_factors: cs.blinding_factors(),
            fixed: cs.num_fixed_columns(),
            sigmas: columns.len(),
            quotient_pieces: degree - 1,
            chunks,
            rounds: Vec::new(),
            sets: Vec::new(),
        };
        protocol.rounds = protocol.rounds(cs);
        protocol.sets = rotation_sets(&protocol.queries(cs));
        Ok(protocol)
    }

    /// Rotation of the last usable row.
    pub(crate) fn last_rotation(&self) -> i32 {
        -i32::try_from(self.blinding_factors + 1).unwrap_or(i32::MAX)
    }

    /// Every rotation at which something is opened, ascending.
    pub(crate) fn rotations(&self) -> Vec<i32> {
        let mut all: Vec<i32> = self
            .sets
            .iter()
            .flat_map(|set| set.rotations.clone())
            .collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Bytes of a proof.
    pub(crate) fn proof_len(&self) -> usize {
        self.rounds.iter().map(Round::len).sum()
    }

    /// Evaluations of the products, in proof order.
    fn product_evaluations(&self) -> impl Iterator<Item = (Polynomial, i32)> {
        let count = self.chunks.len();
        let last = self.last_rotation();
        (0..count).flat_map(move |chunk| {
            let rotations = [0, 1]
                .into_iter()
                .chain((chunk + 1 < count).then_some(last));
            rotations.map(move |rotation| (Polynomial::Product(chunk), rotation))
        })
    }

    fn rounds(&self, cs: &ConstraintSystem<Fr>) -> Vec<Round> {
        let mut rounds = Rounds::default();
        let phases = cs.advice_column_phase();
        for phase in 0..=phases.iter().copied().max().unwrap_or(0) {
            for (column, of) in phases.iter().enumerate() {
                if *of == phase {
                    rounds.point(Point::Advice(column));
                }
            }
            for (index, of) in cs.challenge_phase().iter().enumerate() {
                if *of == phase {
                    rounds.squeeze(Challenge::Phase(index));
                }
            }
        }
        rounds.squeeze(Challenge::Theta);
        rounds.squeeze(Challenge::Beta);
        rounds.squeeze(Challenge::Gamma);
        (0..self.chunks.len()).for_each(|chunk| rounds.point(Point::Product(chunk)));
        rounds.point(Point::Random);
        rounds.squeeze(Challenge::Y);
        (0..self.quotient_pieces).for_each(|piece| rounds.point(Point::QuotientPiece(piece)));
        rounds.squeeze(Challenge::X);
        for (column, rotation) in cs.advice_queries() {
            rounds.evaluation(Polynomial::Advice(column.index()), rotation.0);
        }
        for (column, rotation) in cs.fixed_queries() {
            rounds.evaluation(Polynomial::Fixed(column.index()), rotation.0);
        }
        rounds.evaluation(Polynomial::Random, 0);
        (0..self.sigmas).for_each(|column| rounds.evaluation(Polynomial::Sigma(column), 0));
        for (product, rotation) in self.product_evaluations() {
            rounds.evaluation(product, rotation);
        }
        rounds.squeeze(Challenge::Mu);
        rounds.squeeze(Challenge::Nu);
        rounds.point(Point::W);
        rounds.squeeze(Challenge::U);
        rounds.point(Point::WPrime);
        rounds.0
    }

    /// The multi-opening's queries; their order fixes the powers of its challenges.
    fn queries(&self, cs: &ConstraintSystem<Fr>) -> Vec<(Polynomial, i32)> {
        let advice = cs
            .advice_queries()
            .iter()
            .map(|(c, at)| (Polynomial::Advice(c.index()), at.0));
        let (both, mut last): (Vec<_>, Vec<_>) = self
            .product_evaluations()
            .partition(|(_, rotation)| *rotation >= 0);
        last.reverse();
        let fixed = cs
            .fixed_queries()
            .iter()
            .map(|(c, at)| (Polynomial::Fixed(c.index()), at.0));
        let sigmas = (0..self.sigmas).map(|column| (Polynomial::Sigma(column), 0));
        advice
            .chain(both)
            .chain(last)
            .chain(fixed)
            .chain(sigmas)
            .chain([(Polynomial::Quotient, 0), (Polynomial::Random, 0)])
            .collect()
    }
}

/// Builds rounds: an item after a squeeze opens the next one.
#[derive(Default)]
struct Rounds(Vec<Round>);

impl Rounds {
    fn item(&mut self, item: Item) {
        match self.0.last_mut() {
            Some(round) if round.challenges.is_empty() => round.items.push(item),
            _ => self.0.push(Round {
                items: vec![item],
                challenges: Vec::new(),
            }),
        }
    }

    fn point(&mut self, point: Point) {
        self.item(Item::Point(point));
    }

    fn evaluation(&mut self, polynomial: Polynomial, rotation: i32) {
        self.item(Item::Evaluation(polynomial, rotation));
    }

    fn squeeze(&mut self, challenge: Challenge) {
        match self.0.last_mut() {
            Some(round) => round.challenges.push(challenge),
            None => self.0.push(Round {
                items: Vec::new(),
                challenges: vec![challenge],
            }),
        }
    }
}

/// Groups polynomials by the set of rotations they are opened at; the first set is the one of the
/// first query.
fn rotation_sets(queries: &[(Polynomial, i32)]) -> Vec<RotationSet> {
    let mut polynomials: Vec<(Polynomial, Vec<i32>)> = Vec::new();
    for (polynomial, rotation) in queries {
        match polynomials
            .iter_mut()
            .find(|(known, _)| known == polynomial)
        {
            Some((_, rotations)) => rotations.push(*rotation),
            None => polynomials.push((*polynomial, vec![*rotation])),
        }
    }
    let mut sets: Vec<RotationSet> = Vec::new();
    for (polynomial, mut rotations) in polynomials {
        rotations.sort_unstable();
        match sets.iter_mut().find(|set| set.rotations == rotations) {
            Some(set) => set.polynomials.push(polynomial),
            None => sets.push(RotationSet {
                rotations,
                polynomials: vec![polynomial],
            }),
        }
    }
    sets
}

fn reject_unsupported(cs: &ConstraintSystem<Fr>) -> Result<(), GenerateError> {
    let reject = |feature: &'static str| Err(GenerateError::Unsupported { feature });
    if !cs.lookups().is_empty() {
        return reject("built-in look-ups");
    }
    if cs.num_selectors() > 0 {
        return reject("selectors (use fixed columns)");
    }
    if cs.num_instance_columns() != 1 {
        return reject("a number of instance columns other than one");
    }
    if cs
        .instance_queries()
        .iter()
        .any(|(_, rotation)| rotation.0 != 0)
    {
        return reject("a rotated query of the instance column");
    }
    Ok(())
}

/// Degree of the constraints, which the proof system must not cap.
fn degree(cs: &ConstraintSystem<Fr>) -> Result<usize, GenerateError> {
    /// Of the permutation's own constraints.
    const PERMUTATION_DEGREE: usize = 3;
    let gates = cs
        .gates()
        .iter()
        .flat_map(|gate| gate.polynomials())
        .map(|poly| poly.degree());
    let needed = gates.max().unwrap_or(0).max(PERMUTATION_DEGREE);
    let used = cs.degree();
    if used < needed {
        return Err(GenerateError::DegreeCapped { needed, used });
    }
    Ok(used)
}
