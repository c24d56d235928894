//! Real proofs of tampered witnesses in the wide shape: the prover writes them without a word, the
//! verifier refuses. One cell of each kind, alone and together with everything that is a copy of
//! the same value, with the look-ups counted anew, so that nothing but its meaning is wrong.
#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test fails by panicking"
)]

#[path = "../../circuit/tests/common/mod.rs"]
mod common;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use common::wide::{classes, models, salts};
use common::{input, tag};
use halo2_proofs::halo2curves::bn256::Fr;
use haloracle_circuit::wide::config::CELLS;
use haloracle_circuit::wide::program::{Cell, Live, Source, Value};
use haloracle_circuit::wide::{Program, Witness};
use haloracle_circuit::{Filled, Shape, compile};
use haloracle_model::IntegerModel;
use haloracle_prover::{Keys, Srs, VerifyError};

/// A model with keys and an honest run.
struct Case {
    keys: Keys,
    program: Arc<Program>,
    honest: Witness,
}

impl Case {
    fn new(model: IntegerModel, srs: &Srs) -> Self {
        let raw = input(&model, 9);
        let program = compile(&model, Some(Shape::Wide)).unwrap();
        let keys = Keys::generate_for(Arc::new(model), program, srs).unwrap();
        let program = Arc::clone(keys.program().wide().unwrap());
        let filled = keys.program().witness(keys.model(), &raw, salts(), &tag());
        let Filled::Wide(honest) = filled.unwrap() else {
            panic!("the keys are wide")
        };
        Self {
            keys,
            program,
            honest,
        }
    }

    #[track_caller]
    fn refuses(&self, witness: Witness, what: &str) {
        let proof = self.keys.prove_witness(witness).unwrap();
        let name = &self.keys.model().name;
        let verdict = self.keys.verify(&proof);
        assert_eq!(verdict, Err(VerifyError::Invalid), "{name}: {what}");
    }

    /// Counts the range look-ups anew; tuples keep their counts.
    fn recount(&self, witness: &mut Witness) {
        let size = self.program.max_digit() as usize + 1;
        let rows = self.program.rows.iter().enumerate();
        let entries: Vec<usize> = rows
            .filter(|(_, row)| !row.fixed.home)
            .map(|(at, _)| at)
            .take(size)
            .collect();
        entries.iter().for_each(|entry| witness.m[*entry] = 0);
        for row in 0..self.program.last_row() {
            if self.program.rows[row].fixed.live != Live::Looked {
                continue;
            }
            for lane in 0..CELLS {
                let digit = witness.z[row][lane] + witness.n[row][lane];
                for value in [digit, witness.r[row][lane]] {
                    if let Some(entry) = entries.get(value as usize) {
                        witness.m[*entry] += 1;
                    }
                }
            }
        }
    }
}

/// The variant's name, whatever it holds.
fn kind(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let letters = text.chars().take_while(char::is_ascii_alphabetic);
    letters.collect()
}

/// Another digit; still one.
fn other(digit: &mut u32) {
    *digit = if *digit > 0 { *digit - 1 } else { 1 };
}

/// Whether the cells of a row mean something: digits, negative parts, remainders. What is left out
/// is read by no equation and may be any digit, which a count in the look-up table follows.
fn meaning(program: &Program, row: usize, lane: usize) -> Vec<(String, char)> {
    let content = &program.rows[row];
    let tagged = content.fixed.tag != 0;
    let name = kind(&content.source);
    let named = |columns: &str| columns.chars().map(|c| (name.clone(), c)).collect();
    match content.source {
        Source::Values(values) => match values[lane] {
            Value::Zero if tagged => vec![("unused part of a tuple".into(), 'z')],
            Value::Zero => Vec::new(),
            value => vec![(kind(&value), 'z'), ("digit without a sign".into(), 'n')],
        },
        Source::Claims { units, .. } | Source::Excess { units, .. } => match units[lane] {
            u32::MAX => Vec::new(),
            _ => named("znr"),
        },
        Source::Maximum(_) => named("zr"),
        // The edge's next node and the rank's two distances, then the node that the row before
        // carries over.
        Source::Edge { .. } if lane == 1 => named("z"),
        Source::Edge { .. } => named("zr"),
        Source::Feature { .. } if lane < 2 => named("zr"),
        Source::Feature { .. } => named("z"),
        Source::Leaf { .. } => named("z"),
    }
}

#[test]
fn a_real_proof_of_each_tampered_kind_of_cell_is_refused() {
    let srs = Srs::unsafe_setup(11, [5; 32]).unwrap();
    let mut seen: BTreeSet<(String, char)> = BTreeSet::new();
    let mut together = BTreeSet::new();
    for model in models().into_iter().filter(|model| model.name != "rich") {
        let case = Case::new(model, &srs);
        let honest = &case.honest;
        let mut recounted = honest.clone();
        case.recount(&mut recounted);
        assert!(recounted == *honest, "{}", case.keys.model().name);
        let proof = case.keys.prove_witness(recounted).unwrap();
        case.keys.verify(&proof).unwrap();

        let same = classes(&case.program);
        for row in 0..case.program.last_row() {
            for lane in 0..CELLS {
                for (name, column) in meaning(&case.program, row, lane) {
                    // Lanes are columns of their own.
                    if !seen.insert((format!("{name} {lane}"), column)) {
                        continue;
                    }
                    let at = (row as u32, lane as u8);
                    let what = format!("{name}, {column}_{lane} of row {row}");
                    let mut witness = honest.clone();
                    match (column, witness.free.get_mut(&at)) {
                        ('z', Some(free)) => *free += Fr::one(),
                        ('z', None) => other(&mut witness.z[row][lane]),
                        ('n', _) => other(&mut witness.n[row][lane]),
                        (_, _) => other(&mut witness.r[row][lane]),
                    }
                    case.recount(&mut witness);
                    case.refuses(witness, &what);

                    // The value's every copy: now only equations can tell.
                    let home = Cell {
                        row: at.0,
                        lane: at.1,
                    };
                    let cells = same.get(&home).filter(|_| column == 'z');
                    let Some(cells) = cells.filter(|_| together.insert(name.clone())) else {
                        continue;
                    };
                    let mut witness = honest.clone();
                    for cell in cells {
                        let at = (cell.row, cell.lane);
                        match witness.free.get_mut(&at) {
                            Some(free) => *free += Fr::one(),
                            None => {
                                let z = &mut witness.z[cell.row as usize];
                                other(&mut z[usize::from(cell.lane)]);
                            }
                        }
                    }
                    case.recount(&mut witness);
                    case.refuses(witness, &format!("{what} and its copies"));
                }
            }
        }
    }
    let kinds: BTreeSet<&str> = seen.iter().map(|(name, _)| name.as_str()).collect();
    println!(
        "{} cells refused: {kinds:?}; with copies: {together:?}",
        seen.len()
    );
    assert!(seen.len() >= 60 && together.len() >= 4);
}

/// Powers in the rows of the sponges, multiplicities of every kind of table entry, digits out of
/// range and every instance.
#[test]
fn a_real_proof_of_everything_else_tampered_is_refused() {
    let srs = Srs::unsafe_setup(11, [5; 32]).unwrap();
    let named = |name: &str| models().into_iter().find(|model| model.name == name);
    for name in ["hidden", "private", "trees"] {
        let case = Case::new(named(name).unwrap(), &srs);
        let honest = &case.honest;
        let powers: BTreeSet<u8> = honest.free_r.keys().map(|(_, at)| *at).collect();
        assert_eq!(powers.is_empty(), name == "trees");
        for power in powers {
            let mut witness = honest.clone();
            let cell = witness.free_r.iter_mut().find(|((_, at), _)| *at == power);
            *cell.unwrap().1 += Fr::one();
            case.refuses(witness, &format!("power {power} of an S-box"));
        }
        // The first entry of each kind.
        let mut kinds = BTreeMap::new();
        for (row, content) in case.program.rows.iter().enumerate() {
            let fixed = &content.fixed;
            let (range, tuple) = (fixed.table_range != 0, fixed.table_tuple != Fr::zero());
            if row < case.program.last_row() {
                kinds.entry((range, tuple, fixed.home)).or_insert(row);
            }
        }
        for (kind, row) in kinds {
            let mut witness = honest.clone();
            witness.m[row] += 1;
            case.refuses(witness, &format!("multiplicity of entry {row}, {kind:?}"));
        }
        let mut witness = honest.clone();
        let idle = case.program.last_row() - 1;
        witness.z[idle][3] = case.program.max_digit() + 1;
        case.refuses(witness, "a digit out of range");
        for index in 0..honest.instances.len() {
            let mut witness = honest.clone();
            witness.instances[index][31] ^= 1;
            case.refuses(witness, &format!("instance {index}"));
            if index > 1 {
                // Packed words end below bit 252; a commitment is bound in every bit.
                let mut witness = honest.clone();
                witness.instances[index][1] ^= 0x10;
                case.refuses(witness, &format!("instance {index}, a high bit"));
            }
        }
    }
}
