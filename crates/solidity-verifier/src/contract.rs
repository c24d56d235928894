//! Lays the verifier out in memory and renders the contract's source.

use std::fmt;

use askama::Template;
use halo2_proofs::halo2curves::bn256::{Fq, Fr};
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_proofs::plonk::ConstraintSystem;
use num_bigint::BigUint;

use crate::constraints::{self, INSTANCE, L_BLIND, L_FIRST, L_LAST};
use crate::memory::Memory;
use crate::names;
use crate::opening::{self, SetView};
use crate::protocol::{Item, Polynomial, Protocol};
use crate::yul::Yul;
use crate::{GenerateError, SrsVerifierPart};

/// Largest k of a verifying key: beyond it no setup file or prover of this project goes.
pub(crate) const MAX_K: u32 = 25;
/// Indentation of a statement in the template's inner blocks.
pub(crate) const INDENT: usize = 16;

/// One round of the transcript.
struct RoundView {
    /// Slot of the state before it; none for the first round, which starts from the key digest.
    state: Option<String>,
    data: String,
    /// End of the data, if it is points.
    points_end: Option<String>,
    offset: Hex,
    len: Hex,
    /// With the state before it.
    hashed: Hex,
    challenges: Vec<String>,
}

impl RoundView {
    fn is_empty(&self) -> bool {
        self.len == Hex(0)
    }
}

/// A point of evaluation.
struct RotationView {
    note: String,
    /// Slots.
    point: String,
    distance: String,
    /// Factors that lead from x to the point.
    steps: Vec<&'static str>,
}

struct ConstraintView {
    label: String,
    lines: Vec<String>,
}

#[derive(Template)]
#[template(path = "Halo2Verifier.sol", escape = "none")]
struct Contract<'a> {
    name: &'a str,
    command: &'static str,
    points: usize,
    scalars: usize,
    proof_len: usize,
    fixed: usize,
    sigmas: usize,
    key_code_len: usize,
    key_digested: Hex,
    multiplications: usize,
    shape_hash: String,
    srs_hash: String,
    srs_unsafe: bool,
    scalar_modulus: &'static str,
    base_modulus: &'static str,
    max_k: u32,
    root: String,
    root_inverse: Option<String>,
    blinding_factors: usize,
    g2: Vec<(&'static str, String)>,
    memory: &'a Memory,
    rounds: Vec<RoundView>,
    scalar_slots: Vec<String>,
    rotations: Vec<RotationView>,
    /// Statements, each of which sets `d` to a value to be inverted.
    inverses: Vec<String>,
    last_row: String,
    blinding_rows: Vec<String>,
    constraints: Vec<ConstraintView>,
    sets: Vec<SetView>,
    quotient_pieces: Vec<String>,
    vanishing_of_set_0: String,
    /// Whether the first instances are points to be paired with the proof's.
    accumulator: bool,
    /// Slot of the transcript's state before the last point.
    last_state: String,
}

/// A number that the contract shows in hexadecimal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Hex(usize);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:#x}", self.0)
    }
}

/// Source of the verifier of `cs` under the setup `srs`.
pub(crate) fn render(
    name: &str,
    cs: &ConstraintSystem<Fr>,
    protocol: &Protocol,
    shape_hash: &[u8; 32],
    srs: &SrsVerifierPart,
    accumulator: bool,
) -> Result<String, GenerateError> {
    let mut memory = Memory::default();
    key_slots(&mut memory, protocol);
    let rounds = round_slots(&mut memory, protocol);
    let rotations = rotation_slots(&mut memory, protocol);
    let (constraints, shared) = constraints::constraints(cs, protocol);
    memory.section("Constraints at x.");
    for name in [L_FIRST, L_LAST, L_BLIND, INSTANCE, "E_QUOTIENT"] {
        memory.slot(name, 1);
    }
    (0..shared).for_each(|index| {
        memory.slot(format!("T_{index}"), 1);
    });
    let sets = opening::sets(&mut memory, protocol);
    if accumulator {
        memory.section("Accumulator: L and R of the aggregated proofs.");
        memory.slot("ACCUMULATOR", 4);
    }
    let inverses = tail_slots(&mut memory, protocol);

    let items = || protocol.rounds.iter().flat_map(|round| &round.items);
    let scalar_slots: Vec<String> = items()
        .filter_map(|item| match item {
            Item::Evaluation(polynomial, rotation) => {
                Some(names::evaluation(*polynomial, *rotation))
            }
            Item::Point(_) => None,
        })
        .collect();
    let points = items()
        .filter(|item| matches!(item, Item::Point(_)))
        .count();
    let root = Fr::ROOT_OF_UNITY.pow([1 << (Fr::S - MAX_K)]);
    let backwards = protocol.rotations().iter().any(|rotation| *rotation < 0);
    let root_inverse = backwards.then(|| root.invert().unwrap_or(Fr::ZERO));
    let contract = Contract {
        name,
        command: match accumulator {
            true => crate::AGGREGATE_COMMAND,
            false => crate::COMMAND,
        },
        points,
        scalars: scalar_slots.len(),
        proof_len: protocol.proof_len(),
        fixed: protocol.fixed,
        sigmas: protocol.sigmas,
        key_code_len: key_len(protocol) + 1,
        key_digested: Hex(key_len(protocol) + 64),
        multiplications: opening::multiplications(protocol) + if accumulator { 2 } else { 0 },
        shape_hash: format!("0x{}", hex::encode(shape_hash)),
        srs_hash: format!("0x{}", hex::encode(srs.hash())),
        srs_unsafe: srs.is_unsafe,
        scalar_modulus: Fr::MODULUS,
        base_modulus: Fq::MODULUS,
        max_k: MAX_K,
        root: word(&root),
        root_inverse: root_inverse.map(|root| word(&root)),
        blinding_factors: protocol.blinding_factors,
        g2: g2_constants(srs),
        memory: &memory,
        rounds,
        scalar_slots,
        rotations,
        inverses,
        last_row: last_row(protocol.blinding_factors + 1),
        blinding_rows: (1..=protocol.blinding_factors).map(last_row).collect(),
        constraints: constraints
            .into_iter()
            .enumerate()
            .map(constraint_view)
            .collect(),
        sets,
        quotient_pieces: quotient_pieces(protocol),
        vanishing_of_set_0: opening::vanishing_of_set_0(protocol),
        accumulator,
        last_state: format!("STATE_{}", protocol.rounds.len() - 1),
    };
    contract
        .render()
        .map(|source| source + "\n")
        .map_err(GenerateError::Render)
}

/// Bytes of a commitment.
pub(crate) const POINT_BYTES: usize = 64;

/// Where the commitment to a fixed column lies in the verifying-key data: behind k and the count.
pub(crate) fn key_point(column: usize) -> usize {
    64 + POINT_BYTES * column
}

/// Bytes of the verifying-key data.
pub(crate) fn key_len(protocol: &Protocol) -> usize {
    key_point(protocol.fixed + protocol.sigmas)
}

fn key_slots(memory: &mut Memory, protocol: &Protocol) {
    memory.section("Verifying key behind the digests that its own digest covers too.");
    memory.slot("SHAPE", 1);
    memory.slot("SRS", 1);
    memory.name("KEY", memory.top());
    memory.slot("K", 1);
    memory.slot("COUNT", 1);
    memory.name("FIXED_POINTS", memory.top());
    for column in 0..protocol.fixed {
        memory.slot(names::commitment(Polynomial::Fixed(column)), 2);
    }
    memory.name("SIGMA_POINTS", memory.top());
    for column in 0..protocol.sigmas {
        memory.slot(names::commitment(Polynomial::Sigma(column)), 2);
    }
    memory.name("KEY_END", memory.top());
}

fn round_slots(memory: &mut Memory, protocol: &Protocol) -> Vec<RoundView> {
    let mut offset = 0;
    let mut views = Vec::new();
    for (index, round) in protocol.rounds.iter().enumerate() {
        memory.section(format!("Proof, round {index} of the transcript."));
        let state = (index > 0).then(|| format!("STATE_{index}"));
        if let Some(name) = &state {
            memory.slot(name, 1);
        }
        let data = format!("ROUND_{index}");
        memory.name(&data, memory.top());
        for item in &round.items {
            match item {
                Item::Point(point) => memory.slot(names::point(*point), 2),
                Item::Evaluation(polynomial, rotation) => {
                    memory.slot(names::evaluation(*polynomial, *rotation), 1)
                }
            };
        }
        // A round has points or evaluations, never both.
        let end = matches!(round.items.first(), Some(Item::Point(_))).then(|| {
            let name = format!("{data}_END");
            memory.name(&name, memory.top());
            name
        });
        let challenges = round
            .challenges
            .iter()
            .map(|c| names::challenge(*c))
            .collect();
        views.push(RoundView {
            state,
            data,
            points_end: end,
            offset: Hex(offset),
            len: Hex(round.len()),
            hashed: Hex(32 + round.len()),
            challenges,
        });
        offset += round.len();
    }
    memory.section("Challenges.");
    for challenge in protocol.rounds.iter().flat_map(|round| &round.challenges) {
        memory.slot(names::challenge(*challenge), 1);
    }
    views
}

/// The points x ω^i and their distances from u.
fn rotation_slots(memory: &mut Memory, protocol: &Protocol) -> Vec<RotationView> {
    memory.section("x^n, omega, points of evaluation and their distances from u.");
    memory.slot("X_TO_N", 1);
    memory.slot("OMEGA", 1);
    let mut views = Vec::new();
    for rotation in protocol.rotations() {
        let point = names::at_rotation("POINT", rotation);
        let distance = names::at_rotation("DISTANCE", rotation);
        memory.slot(&point, 1);
        memory.slot(&distance, 1);
        let generator = if rotation < 0 {
            "omegaInverse"
        } else {
            "omega"
        };
        views.push(RotationView {
            note: format!("Rotation {rotation}."),
            point,
            distance,
            steps: (0..rotation.unsigned_abs()).map(|_| generator).collect(),
        });
    }
    views
}

/// Scratch space for the precompiles, then the region whose end depends on the instances: the
/// transcript's first input, later the inversions.
fn tail_slots(memory: &mut Memory, protocol: &Protocol) -> Vec<String> {
    memory.section("Precompiles: point and scalar; two points; the running sum and the pairing.");
    memory.slot("FOLD", 3);
    memory.slot("PAIR", 4);
    memory.slot("SUM", 12);
    memory.section("First the transcript's input, then inversions: two words each.");
    memory.name("INPUT", memory.top());
    memory.name("INVERSES", memory.top());
    let minus_one = Yul::neg(Yul::atom("1"));
    let vanishing = Yul::add(Yul::load("X_TO_N"), minus_one);
    let mut inverses = vec![("INVERSE_VANISHING".to_owned(), vanishing)];
    inverses.extend(opening::inverses(protocol));
    let views = inverses
        .into_iter()
        .map(|(slot, value)| {
            memory.slot(slot, 2);
            value.statement(INDENT + 4, "d := ")
        })
        .collect();
    for row in 1..=protocol.blinding_factors + 1 {
        memory.slot(last_row(row), 2);
    }
    memory.name("FIRST_ROWS", memory.top());
    views
}

/// Slot of the Lagrange denominator of the row `row` from the end.
fn last_row(row: usize) -> String {
    format!("LAST_ROW_{row}")
}

fn quotient_pieces(protocol: &Protocol) -> Vec<String> {
    use crate::protocol::Point::QuotientPiece;
    (0..protocol.quotient_pieces)
        .rev()
        .map(|piece| names::point(QuotientPiece(piece)))
        .collect()
}

fn constraint_view((index, constraint): (usize, constraints::Constraint)) -> ConstraintView {
    let mut lines: Vec<String> = constraint
        .stores
        .iter()
        .map(|(slot, value)| Yul::store(slot, value.clone()).statement(INDENT, ""))
        .collect();
    let value = if index == 0 {
        constraint.value
    } else {
        Yul::add(Yul::mul(Yul::atom("h"), Yul::atom("y")), constraint.value)
    };
    lines.push(value.statement(INDENT, "h := "));
    ConstraintView {
        label: constraint.label,
        lines,
    }
}

fn g2_constants(srs: &SrsVerifierPart) -> Vec<(&'static str, String)> {
    let names = [
        "G2_X_IM",
        "G2_X_RE",
        "G2_Y_IM",
        "G2_Y_RE",
        "TAU_G2_X_IM",
        "TAU_G2_X_RE",
        "TAU_G2_Y_IM",
        "TAU_G2_Y_RE",
    ];
    names
        .into_iter()
        .zip(
            srs.words()
                .iter()
                .skip(2)
                .map(|w| format!("0x{}", hex::encode(w))),
        )
        .collect()
}

/// A field element as a 32-byte literal.
fn word(value: &Fr) -> String {
    format!("{:#066x}", BigUint::from_bytes_le(value.to_repr().as_ref()))
}
