//! The final `S` at a point, from fixed cells and copies alone.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};

use super::point::Point;
use super::wiring::cell;
use super::{AuditError, check};
use crate::wide::config::{CELLS, LANES};
use crate::wide::program::{FixedRow, Hold, Program};

/// `Σ_l base^l terms_l`.
fn polynomial(terms: &[Fr], base: Fr) -> Fr {
    let terms = terms.iter().rev();
    terms.fold(Fr::ZERO, |sum, term| sum * base + term)
}

/// `S` on the last row.
pub(super) fn final_check(program: &Program, point: &Point) -> Fr {
    let (rho, sigma) = (point.rho, point.sigma);
    let steps = [
        Fr::ONE,
        rho.pow([CELLS as u64]),
        rho.pow([LANES as u64]),
        sigma.pow([CELLS as u64]),
    ];
    let (mut fold, mut hand, mut sum) = (Fr::ZERO, Fr::ZERO, Fr::ZERO);
    for (row, content) in program.rows[..program.last_row()].iter().enumerate() {
        let fixed = &content.fixed;
        let z: [Fr; CELLS] = std::array::from_fn(|lane| point.z(cell(row, lane)));
        let multiplier = fixed.a.iter().zip(steps).map(|(a, step)| *a * step);
        let multiplier: Fr = match fixed.a == [Fr::ZERO; 3] {
            true => Fr::ZERO,
            false => multiplier.sum(),
        };
        fold = fold * multiplier + added(fixed, &z, row, point);
        hand = match fixed.hold {
            Hold::Fresh if fixed.product => z[0],
            Hold::Fresh => Fr::ZERO,
            Hold::Keep => hand,
            Hold::Shift => hand * sigma,
            Hold::Take => hand * steps[3] + polynomial(&z, sigma),
        };
        let closed = match fixed.close {
            true => sum * sigma + fold,
            false => sum,
        };
        sum = match fixed.product {
            true => closed + hand * fold,
            false => closed,
        };
    }
    sum
}

/// What a row adds to A.
fn added(fixed: &FixedRow, z: &[Fr; CELLS], row: usize, point: &Point) -> Fr {
    let w = &fixed.lanes;
    let mut sum = Fr::ZERO;
    if w.iter().any(|w| *w != Fr::ZERO) {
        sum = match fixed.local {
            false => polynomial(w, point.rho),
            true => {
                let linear: Fr = w.iter().zip(z).map(|(w, z)| *w * z).sum();
                linear + w[4] * z[0] * z[1] + w[5] * z[2] * z[3] + w[6]
            }
        };
    }
    if fixed.vec != Fr::ZERO {
        sum += fixed.vec * polynomial(z, point.rho);
    }
    if fixed.act != Fr::ZERO {
        sum -= fixed.act * polynomial(&point.parts(row).r, point.rho);
    }
    if fixed.digit != Fr::ZERO {
        let n = point.parts(row).n;
        let differences: [Fr; CELLS] = std::array::from_fn(|lane| z[lane] - n[lane]);
        sum -= fixed.digit * polynomial(&differences, point.rho);
    }
    sum
}

/// No product reaches the zero cell's power of σ, the highest of all: then its coefficient is the
/// zero cell alone, which is therefore 0, and so is everything that unused cells contribute.
///
/// # Errors
/// The first row whose product may reach as far.
pub(super) fn zero_cell(program: &Program) -> Result<(), AuditError> {
    let rows = &program.rows[..program.last_row()];
    let closes = |row: usize| usize::from(rows[row].fixed.close);
    // Row 0's close meets an empty sum.
    let mut after: usize = (1..rows.len()).map(closes).sum();
    let highest = after.saturating_sub(1);
    let mut degree: Option<usize> = None;
    for (row, content) in rows.iter().enumerate() {
        let fixed = &content.fixed;
        after -= if row > 0 { closes(row) } else { 0 };
        degree = match fixed.hold {
            Hold::Fresh => fixed.product.then_some(0),
            Hold::Keep => degree,
            Hold::Shift => degree.map(|degree| degree + 1),
            Hold::Take => Some(degree.map_or(0, |degree| degree + 1) + CELLS - 1),
        };
        let reach = degree.filter(|_| fixed.product).map(|d| d + after);
        check(
            row == 0 || reach.is_none_or(|reach| reach < highest),
            || format!("row {row}: a product reaches the zero cell's equation"),
        )?;
    }
    Ok(())
}
