//! The three verifiers that must agree: halo2's own, snark-verifier's contract, and ours.
#![allow(dead_code, unreachable_pub, clippy::expect_used, clippy::panic)]

pub mod evm;
#[path = "../../../circuit/tests/common/graphs.rs"]
pub mod graphs;
pub mod oracle;
pub mod other;
pub mod solc;

use std::ops::Range;
use std::sync::{Arc, OnceLock};

use evm::{Chain, Outcome};
use graphs::{Piece, graph};
use haloracle_circuit::compile;
use haloracle_circuit::machine::config::DEGREE;
use haloracle_circuit::wide::Salts;
use haloracle_model::{Dense, Feature, FunctionTable, InputSchema, IntegerModel, Op, OutputField};
use haloracle_prover::{Keys, Proof, Shape, Srs, VerifyingKey};
use haloracle_solidity_verifier::{SrsVerifierPart, UNSAFE_SEED_TEXT, Verifier, calldata, vk_code};
use num_bigint::BigUint;
use sha3::{Digest, Keccak256};

/// A 32-byte big-endian word.
pub type Word = [u8; 32];

/// Where the tests put the contracts.
pub const VERIFIER: [u8; 20] = [0xa1; 20];
pub const KEY: [u8; 20] = [0xa2; 20];
pub const ORACLE: [u8; 20] = [0xa3; 20];

/// Order of the curve.
pub fn r() -> BigUint {
    number("30644e72e131a029b85045b68181585d2833e84879b9709143e1f593f0000001")
}

/// Modulus of the coordinates.
pub fn q() -> BigUint {
    number("30644e72e131a029b85045b68181585d97816a916871ca8d3c208c16d87cfd47")
}

fn number(hex: &str) -> BigUint {
    BigUint::parse_bytes(hex.as_bytes(), 16).expect("hex")
}

/// A word from a number below 2^256.
pub fn word(value: &BigUint) -> Word {
    let bytes = value.to_bytes_be();
    let mut word = [0; 32];
    word[32 - bytes.len()..].copy_from_slice(&bytes);
    word
}

/// `value + offset`, unless it exceeds 256 bits.
pub fn plus(value: &[u8], offset: &BigUint) -> Option<Word> {
    let sum = BigUint::from_bytes_be(value) + offset;
    (sum.bits() <= 256).then(|| word(&sum))
}

/// The development setup of the committed contract.
pub fn srs(k: u32) -> Srs {
    Srs::unsafe_setup(k, Keccak256::digest(UNSAFE_SEED_TEXT).into()).expect("k is small")
}

/// Large enough for every model of these tests; made once.
fn large_srs() -> &'static Srs {
    static SRS: OnceLock<Srs> = OnceLock::new();
    SRS.get_or_init(|| srs(10))
}

/// Runtime code of the verifier of a shape; compiled once.
pub fn verifier_code(shape: Shape) -> &'static [u8] {
    static CODES: [OnceLock<Vec<u8>>; 2] = [const { OnceLock::new() }; 2];
    CODES[shape as usize].get_or_init(|| {
        let part = SrsVerifierPart::new(large_srs());
        let source = Verifier::machine(shape).and_then(|v| v.generate(&part));
        solc::verifier(&source.expect("generates"))
    })
}

/// What stands at which words of every proof of a shape.
pub struct Sections {
    /// Points, two words each.
    pub points: Range<usize>,
    /// Evaluations.
    pub scalars: Range<usize>,
    /// Words; behind the evaluations are two points.
    pub words: usize,
}

impl Sections {
    /// Counted from the constraint system.
    pub fn of(shape: Shape) -> Self {
        let cs = shape.constraint_system();
        let products = cs.permutation().get_columns().len().div_ceil(DEGREE - 2);
        let points = 2 * (cs.num_advice_columns() + products + DEGREE);
        let words = haloracle_prover::proof::evm_proof_bytes(shape) / 32;
        Self {
            points: 0..points,
            scalars: points..words - 4,
            words,
        }
    }

    /// First words of the proof's points.
    pub fn point_words(&self) -> impl Iterator<Item = usize> {
        (self.points.clone().chain(self.scalars.end..self.words)).step_by(2)
    }
}

/// Models of the wide shape: layers and a convolution, trees, and one with private weights and
/// inputs.
pub fn wide_models() -> [IntegerModel; 3] {
    let named = |name: &str, mut model: IntegerModel| {
        model.name = name.into();
        model
    };
    let mut private = graph(23, 4, &[Piece::Dense, Piece::Table, Piece::Dense]);
    even_biases(&mut private);
    let private = private.with_private_inputs().with_private_weights();
    [
        named(
            "layers",
            graph(21, 4, &[Piece::Dense, Piece::Conv, Piece::Max]),
        ),
        named("trees", graph(22, 4, &[Piece::Trees, Piece::Digits])),
        named("private", private.expect("weights can be private")),
    ]
}

/// A convolution's private biases are one per filter.
pub fn even_biases(model: &mut IntegerModel) {
    for node in &mut model.nodes {
        if let Op::Conv(conv) = &mut node.op {
            let plane = conv.outputs() / conv.filters as usize;
            for biases in conv.bias.chunks_mut(plane) {
                let first = biases[0];
                biases.fill(first);
            }
        }
    }
}

/// An input of the model's box, a different one per seed.
pub fn input(model: &IntegerModel, seed: i64) -> Vec<i64> {
    let features = model.input.features.iter().enumerate();
    features
        .map(|(index, f)| {
            let (lo, hi) = (i64::from(f.lo), i64::from(f.hi));
            lo + (seed * 7919 + index as i64 * 104_729).rem_euclid(hi - lo + 1)
        })
        .collect()
}

/// A small model with saturating units, a function table, and `features` inputs of two digits.
pub fn model(features: usize) -> IntegerModel {
    const BITS: u32 = 5;
    let max = (1i64 << BITS) - 1;
    let layer = |name: &str, inputs: usize, units: usize, table: Option<FunctionTable>| Dense {
        name: name.into(),
        weights: (0..units)
            .map(|unit| {
                (0..inputs)
                    .map(|input| ((unit * 7 + input * 5) % 9) as i64 - 4)
                    .collect()
            })
            .collect(),
        bias: (0..units)
            .map(|unit| (unit as i64 * 23) % 60 - 10)
            .collect(),
        table,
    };
    let table = FunctionTable {
        name: "square".into(),
        values: (0..=max).map(|z| (z * z % (max + 1)) as u32).collect(),
    };
    let inputs = (0..features).map(|index| Feature {
        name: format!("x{index}"),
        decimals: 2,
        lo: -300,
        hi: 700,
    });
    haloracle_model::ChainModel {
        name: "small".into(),
        digit_bits: BITS,
        input: InputSchema {
            digits: 2,
            features: inputs.collect(),
        },
        layers: vec![
            layer("hidden", 2 * features, 4, None),
            layer("out", 4, 1, Some(table)),
        ],
        output: vec![OutputField {
            name: "y".into(),
            wire: 0,
            digits: 1,
            zero_point: 0,
            multiplier: 1,
            decimals: 0,
        }],
    }
    .build()
}

/// What our contract on `chain` says to exactly these bytes, and the gas it took; it must return
/// a canonical bool.
pub fn answer(chain: &Chain, data: &[u8]) -> (bool, u64) {
    let (outcome, gas) = chain.call(VERIFIER, data);
    let Outcome::Return(bytes) = outcome else {
        panic!("the verifier must never revert")
    };
    let verdict = BigUint::from_bytes_be(&bytes);
    assert!(
        bytes.len() == 32 && verdict <= BigUint::from(1u8),
        "not a bool: {bytes:?}"
    );
    (verdict == BigUint::from(1u8), gas)
}

/// Whether snark-verifier's contract on `chain` accepts: it returns, or it reverts.
pub fn accepts(chain: &Chain, instances: &[Word], proof: &[u8]) -> bool {
    let data = [instances.concat().as_slice(), proof].concat();
    matches!(chain.call(ORACLE, &data).0, Outcome::Return(_))
}

/// One model's keys, a proof, and the contracts that can check it.
pub struct Bench {
    pub name: String,
    pub srs: Srs,
    pub keys: Keys,
    pub proof: Proof,
    pub chain: Chain,
}

/// What the three verifiers say.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Verdicts {
    pub native: bool,
    pub oracle: bool,
    pub ours: bool,
}

impl Verdicts {
    pub const ACCEPT: Self = Self {
        native: true,
        oracle: true,
        ours: true,
    };
    pub const REJECT: Self = Self {
        native: false,
        oracle: false,
        ours: false,
    };
}

impl Bench {
    /// Proves `raw` with a model of `features` inputs.
    pub fn new(features: usize, raw: &[i64]) -> Self {
        Self::of(&model(features), raw)
    }

    /// Proves `raw` with `model` in the narrow shape.
    pub fn of(model: &IntegerModel, raw: &[i64]) -> Self {
        Self::in_shape(model, Shape::Narrow, raw)
    }

    /// Proves `raw` with `model` in a shape.
    pub fn in_shape(model: &IntegerModel, shape: Shape, raw: &[i64]) -> Self {
        let srs = large_srs().clone();
        let program = compile(model, Some(shape)).expect("model fits");
        let keys = Keys::generate_for(Arc::new(model.clone()), program, &srs).expect("has keys");
        let proof = prove(&keys, raw, 1);
        let mut chain = Chain::default();
        chain.put(VERIFIER, verifier_code(shape));
        chain.put(KEY, &vk_code(&keys.verifying_key().to_data()));
        chain.put(ORACLE, &solc::oracle(&oracle::source(&keys)));
        Self {
            name: format!("{} in the {shape} shape", model.name),
            srs,
            keys,
            proof,
            chain,
        }
    }

    /// One model in the narrow shape, [`wide_models`] in the wide one.
    pub fn all() -> Vec<Self> {
        let start = |model: IntegerModel| {
            std::thread::spawn(move || Self::in_shape(&model, Shape::Wide, &input(&model, 5)))
        };
        let wide: Vec<_> = wide_models().into_iter().map(start).collect();
        let join = |made: std::thread::JoinHandle<Self>| made.join().expect("has a bench");
        let mut all = vec![Self::small()];
        all.extend(wide.into_iter().map(join));
        all
    }

    /// Shape of the key.
    pub fn shape(&self) -> Shape {
        self.key().shape()
    }

    /// Three features, in the middle of their domain.
    pub fn small() -> Self {
        Self::new(3, &[12, -34, 560])
    }

    pub fn key(&self) -> &VerifyingKey {
        self.keys.verifying_key()
    }

    /// What our contract says to a well-encoded call.
    pub fn ours(&self, instances: &[Word], proof: &[u8]) -> bool {
        answer(&self.chain, &calldata(&KEY, instances, proof)).0
    }

    /// What halo2 says.
    pub fn native(&self, instances: &[Word], proof: &[u8]) -> bool {
        let proof = Proof {
            instances: instances.to_vec(),
            evm: proof.to_vec(),
        };
        self.keys.verify(&proof).is_ok()
    }

    /// All three.
    pub fn verdicts(&self, instances: &[Word], proof: &[u8]) -> Verdicts {
        Verdicts {
            native: self.native(instances, proof),
            oracle: accepts(&self.chain, instances, proof),
            ours: self.ours(instances, proof),
        }
    }
}

/// Salts of private models: any will do.
fn salts() -> Salts {
    Salts {
        input: 0x1234_5678_9abc_def0u64.into(),
        model: 0xfeed_beef_0123u64.into(),
    }
}

/// A proof of `raw` under a tag that `seed` stands for.
pub fn prove(keys: &Keys, raw: &[i64], seed: u8) -> Proof {
    let tag = std::array::from_fn(|byte| byte as u8 * 5 + seed);
    let witness = (keys.program()).witness(keys.model(), raw, salts(), &tag);
    let proof = keys.prove_witness(witness.expect("input is valid"));
    let proof = proof.expect("input has a proof");
    assert_eq!(keys.verify(&proof), Ok(()));
    proof
}
