//! Values that are right wherever they stand, but not the same.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::wide::program::{Source, Value};

use super::common::wide_checker::{ADVICE, Cells};
use super::{Forgery, case};

pub(super) fn forgeries() -> Vec<Forgery> {
    let mut all: Vec<Forgery> = ["dense", "dots", "conv", "sparse", "trees"]
        .into_iter()
        .map(another_input)
        .collect();
    for name in ["dots", "private", "hidden"] {
        let honest = Cells::new(&case(name, 9));
        for index in 0..honest.instances.len() {
            for change in [Fr::ONE, -Fr::ONE, Fr::from(1 << 20)] {
                let mut cells = honest.clone();
                cells.instances[index] += change;
                all.push(Forgery::new("public", cells));
            }
        }
    }
    all
}

/// The prover runs the whole model on another input, but shows the words of this one.
fn another_input(name: &str) -> Forgery {
    let this = Cells::new(&case(name, 9));
    let mut cells = Cells::new(&case(name, 10));
    let program = this.program.clone();
    let inputs = 2..2 + program.input_words;
    let mut shows = false;
    for (row, content) in program.rows.iter().enumerate() {
        if let Source::Values([Value::Instance(word), ..]) = content.source {
            shows = inputs.contains(&(word as usize));
        }
        if shows {
            let cells_of: [Fr; ADVICE] = this.advice[row];
            cells.change(row, |cells| cells[..12].copy_from_slice(&cells_of[..12]));
        }
        shows &= !content.fixed.close;
    }
    cells.instances[inputs.clone()].copy_from_slice(&this.instances[inputs]);
    cells.repair();
    Forgery::new("copy", cells)
}
