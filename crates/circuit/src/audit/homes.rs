//! Which rows own which value: every value has one home, and every other cell that an equation
//! reads is a copy of a home.

use std::collections::{BTreeMap, BTreeSet};

use crate::chain::Chain;

use super::{AuditError, check, pieces};
use crate::field::power_of_two;
use crate::lower::TAG_HALF_BITS;
use crate::program::{Op, Program, Source};

/// Rows of the padding units of an item's layer, as (unit, row): they come first, and units are
/// laid out from the highest to the lowest.
pub(super) fn padding_rows(program: &Program, item: usize, layer: usize) -> Vec<(usize, usize)> {
    let pack = program.packings[layer];
    let rows = &program.unit_rows[program.piece(item, layer)];
    let units = rows.len();
    let total = pack.per_exponent * pack.exponents;
    let highest = rows[units - 1];
    (units..total)
        .map(|unit| (unit, highest.wrapping_sub(unit - units + 1)))
        .collect()
}

/// Rows of the tag's digits, by instance and bit: the model does not know them.
pub(super) fn tag_rows(program: &Program) -> BTreeMap<(usize, u32), usize> {
    let rows = program.rows.iter().enumerate();
    rows.filter_map(|(index, row)| match row.source {
        Source::Digit { word, bit, .. } if word < 2 => Some(((word, bit), index)),
        _ => None,
    })
    .collect()
}

/// Collects every home: in range, and no two values in one row.
pub(super) fn homes(model: &Chain<'_>, program: &Program) -> Result<BTreeSet<usize>, AuditError> {
    let mut homes = BTreeSet::new();
    let mut own = |row: usize, what: &str| {
        let fresh = row < program.last_row() && homes.insert(row);
        check(fresh, || format!("row {row}: no room for {what}"))
    };
    let tags = tag_rows(program);
    let digits = TAG_HALF_BITS.div_ceil(model.digit_bits) as usize;
    // Row 0 holds the first half's lowest digit in r.
    check(tags.len() == 2 * digits - 1, || {
        "a tag half misses digits".into()
    })?;
    for row in tags.into_values() {
        own(row, "a tag digit")?;
    }
    for &row in &program.digit_rows {
        own(row, "an input digit")?;
    }
    for (piece, (item, layer)) in pieces(model, program).enumerate() {
        for (unit, &row) in program.unit_rows[piece].iter().enumerate() {
            own(row, "a unit")?;
            if program.saturating[layer][unit] {
                own(row + 1, "a unit's excess")?;
            }
            if model.layers[layer].table.is_some() {
                own(program.activation_rows[piece][unit], "a function's value")?;
            }
        }
        for (_, row) in padding_rows(program, item, layer) {
            own(row, "a padding unit")?;
        }
    }
    Ok(homes)
}

/// The copies are those the sources declare, from homes, into exactly the cells that read one.
pub(super) fn copies(program: &Program, homes: &BTreeSet<usize>) -> Result<(), AuditError> {
    let mut pairs = program.copies.clone();
    pairs.sort_unstable();
    let declared = program.rows.iter().enumerate();
    let declared = declared.filter_map(|(to, row)| match row.source {
        Source::Copy { row: from } => Some((to, from)),
        _ => None,
    });
    check(declared.eq(pairs.iter().copied()), || {
        "copies differ from the sources".into()
    })?;
    for (to, from) in pairs {
        check(homes.contains(&from) && !homes.contains(&to), || {
            format!("row {to}: a copy of row {from}, which owns nothing or is a copy")
        })?;
    }
    for (index, row) in program.rows.iter().enumerate() {
        // Loads behind the instance rows and arguments of functions read a value of another row.
        let loads = row.fixed.load && row.fixed.q && index >= program.instances;
        let reads = (loads || row.fixed.tag != 0) && !homes.contains(&index);
        let copies = matches!(row.source, Source::Copy { .. });
        check(reads == copies, || {
            format!("row {index}: copy where none is read, or none")
        })?;
    }
    Ok(())
}

/// Row kinds of requantization rows, which decide what their cells may hold.
pub(super) fn kinds(model: &Chain<'_>, program: &Program) -> Result<(), AuditError> {
    let mut expected = vec![None; program.rows.len()];
    for (piece, (_, layer)) in pieces(model, program).enumerate() {
        for (unit, &row) in program.unit_rows[piece].iter().enumerate() {
            // Homes are distinct: no entry is written twice.
            if program.saturating[layer][unit] {
                expected[row] = Some(Op::Saturate);
                expected[row + 1] = Some(Op::Split);
            } else {
                expected[row] = Some(Op::Split);
            }
        }
    }
    for (index, (row, expected)) in program.rows.iter().zip(expected).enumerate() {
        let splits = matches!(row.fixed.op, Op::Split | Op::Saturate);
        let right = match expected {
            Some(op) => row.fixed.op == op,
            None => !splits,
        };
        check(right, || format!("row {index}: kind {:?}", row.fixed.op))?;
        let saturates_right =
            row.fixed.op != Op::Saturate || row.fixed.digit == power_of_two(program.digit_bits);
        check(saturates_right, || format!("row {index}: largest digit"))?;
    }
    Ok(())
}
