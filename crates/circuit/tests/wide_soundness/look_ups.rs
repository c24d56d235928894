//! Values out of range and tuples that the table does not hold.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use haloracle_circuit::wide::config::CELLS;
use haloracle_circuit::wide::program::Source;

use super::common::wide_checker::{Cells, HELPER, M, R, SUM, Z, challenges};
use super::{Forgery, at, case, is_unread};

pub(super) fn forgeries() -> Vec<Forgery> {
    let mut all = ranges();
    all.extend(tuples());
    all.extend(ranks());
    all
}

/// An out-of-range value with a right helper, a wrong one, and a wrong sum.
fn ranges() -> Vec<Forgery> {
    let mut all = Vec::new();
    let honest = Cells::new(&case("dots", 9));
    let last = honest.last();
    let row = honest.program.used_rows + 2;
    assert!(row < last);
    let max = Fr::from(u64::from(honest.program.max_digit()));
    for value in [max + Fr::ONE, -Fr::ONE, Fr::from(2).invert().unwrap()] {
        for column in (Z..Z + CELLS).chain(R..M) {
            let mut cells = honest.clone();
            cells.change(row, |cells| cells[column] = value);
            let mut wrong_helper = honest.clone();
            wrong_helper.advice[row][column] = value;
            cells.repair();
            all.push(Forgery::new("ends/1", cells.clone()));
            let place = if column < R {
                column - Z
            } else {
                CELLS + column - R
            };
            let gate = format!("look-up fractions/{}", place / 3);
            all.push(Forgery::new(gate, wrong_helper));
            // The last step forgets the difference.
            cells.advice[last][SUM] = Fr::ZERO;
            all.push(Forgery::new("look-up sum/0", cells.clone()));
            // A sum that starts elsewhere.
            cells.advice[0][SUM] = Fr::ZERO;
            cells.repair_sum();
            let end = cells.advice[last][SUM];
            for cells in &mut cells.advice {
                cells[SUM] -= end;
            }
            assert_eq!(cells.failures(), [("ends/1".to_owned(), 0)].into());
        }
    }
    // A multiplicity too many.
    for row in 0..last {
        let mut cells = honest.clone();
        cells.advice[row][M] += Fr::ONE;
        cells.repair();
        all.push(Forgery::new("ends/1", cells));
    }
    all
}

/// A function's value that is not the table's, and a packed tuple as a digit.
fn tuples() -> Vec<Forgery> {
    let mut all = Vec::new();
    let case = case("table", 9);
    let unread = is_unread(&case);
    let honest = Cells::new(&case);
    let rows = case.program.rows.iter().enumerate();
    let rows = rows.filter(|(row, content)| content.fixed.tag != 0 && unread(at(*row, 1)));
    for (row, _) in rows {
        let mut cells = honest.clone();
        let value = Fr::from(u64::from(case.witness.z[row][1] ^ 1));
        cells.change(row, |cells| cells[Z + 1] = value);
        cells.repair();
        all.push(Forgery::new("ends/1", cells.clone()));
        // A helper and a multiplicity as if the tuple were the table's.
        for (cells, (honest, row)) in cells
            .advice
            .iter_mut()
            .zip(honest.advice.iter().zip(&case.program.rows))
        {
            if row.fixed.table_tuple != Fr::ZERO {
                cells[M] = honest[M];
            }
        }
        let helper = HELPER + 2;
        cells.advice[row][helper] = honest.advice[row][helper];
        cells.repair_sum();
        all.push(Forgery::new("look-up fractions/2", cells));
        // Cells of a tuple that the function has no use for.
        for column in [Z + 2, Z + 3, R] {
            let mut cells = honest.clone();
            cells.change(row, |cells| cells[column] = Fr::ONE);
            cells.repair();
            all.push(Forgery::new("ends/1", cells));
        }
    }
    assert!(all.len() > 5);
    all.push(packed(challenges().alpha));
    assert!(
        packed(Fr::ONE).cells.violations().is_empty(),
        "α separates them"
    );
    all
}

/// A range cell that holds a packed tuple.
fn packed(alpha: Fr) -> Forgery {
    let case = case("table", 9);
    let mut cells = Cells::new(&case);
    cells.challenges.alpha = alpha;
    let row = case.program.used_rows + 1;
    let entry = case.program.rows.iter();
    let entry = entry
        .clone()
        .position(|row| row.fixed.table_tuple != Fr::ZERO);
    let entry = entry.unwrap();
    let tuple = case.program.rows[entry].fixed.table_tuple;
    cells.change(row, |cells| cells[Z] = tuple);
    cells.advice[entry][M] += Fr::ONE;
    cells.repair();
    Forgery::new("ends/1", cells)
}

/// A rank that is not the feature's has no entry, although the edge takes it.
fn ranks() -> Vec<Forgery> {
    let mut all = Vec::new();
    for seed in 0..6 {
        let case = case("trees", seed);
        let honest = Cells::new(&case);
        for (row, content) in case.program.rows.iter().enumerate() {
            if !matches!(content.source, Source::Edge { .. }) || case.witness.r[row][3] == 0 {
                continue;
            }
            let mut cells = honest.clone();
            cells.change(row, |cells| {
                cells[R + 2] += Fr::ONE;
                cells[R + 3] -= Fr::ONE;
            });
            cells.change(row + 1, |cells| cells[Z] += Fr::ONE);
            cells.repair();
            all.push(Forgery::new("ends/1", cells));
        }
    }
    assert!(!all.is_empty());
    all
}
