//! SHPLONK: how the opened polynomials and values are combined.
//!
//! With rotation sets S_i (S_0 first), points p_t = x ω^t, and V_i(u) = Π_{t ∉ S_i} (u − p_t):
//! ```text
//! Σ_i ν^i V_i(u)/V_0(u) (Σ_j μ^j C_ij − R_i(u) G) − Π_{t ∈ S_0}(u − p_t) W + u W' = τ W'
//! R_i(u) = Σ_{t ∈ S_i} (Σ_j μ^j e_ijt) Π_{s ≠ t} (u − p_s)/(p_t − p_s)
//! ```
//! Points are combined from the last to the first (Horner), one multiplication per commitment. A
//! fixed column that a model does not use is zero, and so is its commitment: it adds nothing, and
//! its multiplication by μ joins the next one's scalar.

use crate::contract::INDENT;
use crate::memory::Memory;
use crate::names;
use crate::protocol::{Polynomial, Protocol, RotationSet};
use crate::yul::Yul;

/// Inverse of V_0(u); only where S_0 lacks a rotation.
const INVERSE_MISSING: &str = "INVERSE_MISSING";

/// Values of one rotation set at one of its points.
pub(crate) struct ColumnView {
    /// Slots, last polynomial first.
    pub(crate) values: Vec<String>,
    /// Adds the weighted sum; none where the point is the set's only one.
    pub(crate) weight: Option<String>,
}

/// One rotation set.
pub(crate) struct SetView {
    pub(crate) note: String,
    /// Stores ν^i V_i(u)/V_0(u); none for the first set, where it is 1.
    pub(crate) scale: Option<String>,
    pub(crate) scale_slot: String,
    pub(crate) columns: Vec<ColumnView>,
    /// Last polynomial first.
    pub(crate) commitments: Vec<CommitmentView>,
}

/// A commitment that is folded in.
pub(crate) struct CommitmentView {
    pub(crate) name: String,
    /// Whether a key may have infinity here, which is then skipped.
    pub(crate) skippable: bool,
    /// Whether the one before may have been skipped: the scalar is then no longer μ alone.
    pub(crate) after_skippable: bool,
}

/// The sets in order; reserves the slots of their factors and of the opened value.
pub(crate) fn sets(memory: &mut Memory, protocol: &Protocol) -> Vec<SetView> {
    memory.section("Factors of the rotation sets, and minus the opened value.");
    let views = protocol
        .sets
        .iter()
        .enumerate()
        .map(|(index, set)| {
            let scale_slot = format!("SCALE_{index}");
            let scale = (index > 0).then(|| {
                memory.slot(&scale_slot, 1);
                let value = scale(protocol, index, set);
                Yul::store(&scale_slot, value).statement(INDENT, "")
            });
            SetView {
                note: format!("rotations {:?}.", set.rotations),
                scale,
                scale_slot,
                columns: set
                    .rotations
                    .iter()
                    .map(|at| column(index, set, *at))
                    .collect(),
                commitments: set
                    .polynomials
                    .iter()
                    .enumerate()
                    .rev()
                    .map(|(at, p)| CommitmentView {
                        name: names::commitment(*p),
                        skippable: is_skippable(set, at),
                        after_skippable: is_skippable(set, at + 1),
                    })
                    .collect(),
            }
        })
        .collect();
    memory.slot("VALUE", 1);
    views
}

/// What must be inverted: (slot, value).
pub(crate) fn inverses(protocol: &Protocol) -> Vec<(String, Yul)> {
    let mut inverses = Vec::new();
    for (index, set) in protocol.sets.iter().enumerate() {
        if set.rotations.len() < 2 {
            continue;
        }
        for at in &set.rotations {
            let others = set.rotations.iter().filter(|other| *other != at);
            let differences = others.map(|other| Yul::add(point(*at), Yul::neg(point(*other))));
            inverses.push((inverse_slot(index, *at), Yul::product(differences)));
        }
    }
    let missing = protocol
        .sets
        .first()
        .map(|set| missing(protocol, set))
        .unwrap_or_default();
    if !missing.is_empty() {
        inverses.push((INVERSE_MISSING.to_owned(), distances(&missing)));
    }
    inverses
}

/// Stores minus Π_{t ∈ S_0}(u − p_t) as the scalar behind `FOLD`.
pub(crate) fn vanishing_of_set_0(protocol: &Protocol) -> String {
    let rotations = protocol
        .sets
        .first()
        .map(|set| set.rotations.clone())
        .unwrap_or_default();
    Yul::store("add(FOLD, 0x40)", Yul::neg(distances(&rotations))).statement(INDENT - 4, "")
}

/// Whether the polynomial at `at` of `set` may be skipped. The last one folded (the set's first)
/// may not: nothing follows that could take its factor; nor the first one folded, which costs no
/// multiplication.
fn is_skippable(set: &RotationSet, at: usize) -> bool {
    let inner = at > 0 && at + 1 < set.polynomials.len();
    inner && matches!(set.polynomials.get(at), Some(Polynomial::Fixed(_)))
}

/// Fixed columns whose commitments may be skipped.
pub(crate) fn skippable(protocol: &Protocol) -> Vec<usize> {
    let of_set = |set: &RotationSet| {
        let at = (0..set.polynomials.len()).filter(|at| is_skippable(set, *at));
        at.filter_map(|at| match set.polynomials.get(at) {
            Some(Polynomial::Fixed(column)) => Some(*column),
            _ => None,
        })
        .collect::<Vec<_>>()
    };
    protocol.sets.iter().flat_map(of_set).collect()
}

/// Curve multiplications of the whole check, for a key without zero columns.
pub(crate) fn multiplications(protocol: &Protocol) -> usize {
    /// The generator, W and W'.
    const OTHERS: usize = 3;
    let commitments: usize = protocol.sets.iter().map(|set| set.polynomials.len()).sum();
    // Each commitment but the first one, and each piece of the quotient but the first one.
    commitments - 1 + protocol.quotient_pieces - 1 + OTHERS
}

fn column(index: usize, set: &RotationSet, at: i32) -> ColumnView {
    let values = set
        .polynomials
        .iter()
        .rev()
        .map(|p| value_slot(*p, at))
        .collect();
    let others: Vec<i32> = set
        .rotations
        .iter()
        .copied()
        .filter(|other| *other != at)
        .collect();
    let weight = (!others.is_empty()).then(|| {
        let weight = Yul::mul(distances(&others), Yul::load(inverse_slot(index, at)));
        let weighted = Yul::mul(Yul::atom("sum"), weight);
        Yul::add(Yul::atom("inner"), weighted).statement(INDENT, "inner := ")
    });
    ColumnView { values, weight }
}

fn scale(protocol: &Protocol, index: usize, set: &RotationSet) -> Yul {
    let powers = (0..index).map(|_| Yul::load("NU"));
    let missing_here = missing(protocol, set);
    let lacks = protocol
        .sets
        .first()
        .is_some_and(|first| !missing(protocol, first).is_empty());
    let distances = missing_here.iter().map(|at| distance(*at));
    let inverse = lacks.then(|| Yul::load(INVERSE_MISSING));
    Yul::product(powers.chain(distances).chain(inverse))
}

/// Rotations of the other sets that `set` lacks.
fn missing(protocol: &Protocol, set: &RotationSet) -> Vec<i32> {
    protocol
        .rotations()
        .into_iter()
        .filter(|at| !set.rotations.contains(at))
        .collect()
}

fn value_slot(polynomial: Polynomial, at: i32) -> String {
    names::evaluation(polynomial, at)
}

fn inverse_slot(set: usize, at: i32) -> String {
    names::at_rotation(&format!("INVERSE_{set}"), at)
}

fn point(at: i32) -> Yul {
    Yul::load(names::at_rotation("POINT", at))
}

fn distance(at: i32) -> Yul {
    Yul::load(names::at_rotation("DISTANCE", at))
}

/// Product of the distances from u.
fn distances(rotations: &[i32]) -> Yul {
    Yul::product(rotations.iter().map(|at| distance(*at)))
}
