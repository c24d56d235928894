//! A wrong sum, hidden by one wrong step of an accumulator.

use std::collections::BTreeSet;

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::wide::config::CELLS;
use haloracle_circuit::wide::program::Hold;
use haloracle_model::IntegerModel;
use rand::SeedableRng;
use rand::rngs::StdRng;

use super::common::wide::{Case, dense, empty, output};
use super::common::wide_checker::{CHECK, Cells, FOLD, HAND, R};
use super::{Forgery, case};

/// A layer of more units than sixteen lanes hold.
fn broad() -> IntegerModel {
    let mut model = empty("broad", 4, 4, 2);
    let rng = &mut StdRng::seed_from_u64(1);
    let out = model.push("dense", (0..8).collect(), dense(rng, 4, 8, 500));
    output(&mut model, out[0], 1);
    model
}

/// A run with one wrong remainder, which the last S shows.
fn wrong(name: &str) -> Cells {
    let case = match name {
        "broad" => Case::new(broad(), 9),
        _ => case(name, 9),
    };
    let mut cells = Cells::new(&case);
    let mut rows = case.program.rows.iter();
    let row = rows.position(|row| row.fixed.act != Fr::ZERO).unwrap();
    cells.change(row, |cells| {
        let flipped = if cells[R] == Fr::ZERO {
            Fr::ONE
        } else {
            cells[R] - Fr::ONE
        };
        cells[R] = flipped;
    });
    cells.repair();
    cells
}

/// Adds to one step what makes the last S vanish, if the step reaches it.
fn hidden(wrong: &Cells, column: usize, row: usize) -> Option<Cells> {
    let mut cells = wrong.clone();
    let end = cells.repair_linear(0, None);
    let slope = cells.repair_linear(0, Some((column, row, Fr::ONE))) - end;
    let by = -end * Option::<Fr>::from(slope.invert())?;
    let end = cells.repair_linear(0, Some((column, row, by)));
    assert_eq!(end, Fr::ZERO);
    Some(cells)
}

pub(super) fn forgeries() -> Vec<Forgery> {
    let mut all = Vec::new();
    let mut holds = BTreeSet::new();
    let mut folds = BTreeSet::new();
    for (name, step) in [
        ("dense", 1),
        ("dots", 1),
        ("sparse", 1),
        ("conv", 9),
        ("private", 7),
        ("broad", 3),
    ] {
        let wrong = wrong(name);
        all.push(Forgery::new("ends/0", wrong.clone()));
        let used = wrong.program.used_rows;
        for row in (1..used).step_by(step) {
            let fixed = &wrong.program.rows[row].fixed;
            if let Some(cells) = hidden(&wrong, FOLD, row) {
                let multiplier = fixed.a.map(|a| a != Fr::ZERO);
                let lanes = fixed.lanes[CELLS..].iter().any(|w| *w != Fr::ZERO);
                folds.insert((multiplier, fixed.local, lanes, fixed.vec != Fr::ZERO));
                assert_eq!(cells.failures(), [("fold/0".to_owned(), row)].into());
                all.push(Forgery::new("fold/0", cells));
            }
            if let Some(cells) = hidden(&wrong, CHECK, row) {
                assert_eq!(
                    cells.failures(),
                    [("linear check/0".to_owned(), row)].into()
                );
                all.push(Forgery::new("linear check/0", cells));
            }
        }
        for row in 1..used {
            let fixed = &wrong.program.rows[row].fixed;
            let code = (fixed.hold as u32, fixed.product);
            if holds.contains(&code) {
                continue;
            }
            if let Some(cells) = hidden(&wrong, HAND, row) {
                assert_eq!(cells.failures(), [("hand/0".to_owned(), row)].into());
                all.push(Forgery::new("hand/0", cells));
                holds.insert(code);
            }
        }
        // With a free start of S, the start could make up for any error.
        let mut cells = wrong;
        let end = cells.repair_linear(0, None);
        cells.advice[0][CHECK] = Fr::ONE;
        let slope = cells.repair_linear(0, None) - end;
        cells.advice[0][CHECK] = -end * slope.invert().unwrap();
        assert_eq!(cells.repair_linear(0, None), Fr::ZERO);
        assert_eq!(cells.failures(), [("ends/0".to_owned(), 0)].into());
        all.push(Forgery::new("ends/0", cells));
    }
    // D on rows with and without a product, under each of its codes.
    for hold in [Hold::Fresh, Hold::Keep, Hold::Shift, Hold::Take] {
        assert!(
            holds.iter().any(|(code, _)| *code == hold as u32),
            "{hold:?}"
        );
    }
    assert!(holds.contains(&(Hold::Fresh as u32, true)));
    assert!(holds.contains(&(Hold::Fresh as u32, false)));
    // Every multiplier, local sums with products, folds, vectors.
    for at in 0..3 {
        assert!(folds.iter().any(|(a, ..)| a[at]), "multiplier {at}");
    }
    for (local, lanes) in [(true, true), (true, false), (false, true)] {
        assert!(folds.iter().any(|(_, l, w, _)| (*l, *w) == (local, lanes)));
    }
    assert!(folds.iter().any(|(.., vec)| *vec));
    all
}
