//! A numpy archive with array `x` or `input`, and optionally `y` and `label`.

use std::io::Cursor;

use npyz::npz::NpzArchive;

use super::npy::{self, Array};
use super::{DataProblem, Dataset, read_limited};

pub(super) fn parse(bytes: &[u8]) -> Result<Dataset, DataProblem> {
    let broken =
        |e: &dyn std::fmt::Display| DataProblem::Format(format!("not a readable npz archive: {e}"));
    let mut archive = NpzArchive::new(Cursor::new(bytes)).map_err(|e| broken(&e))?;
    let names: Vec<String> = archive.array_names().map(str::to_owned).collect();
    let has = |name: &str| names.iter().any(|n| n == name);
    let input = match (has("x"), has("input")) {
        (true, false) => "x",
        (false, true) => "input",
        (true, true) => {
            return Err(DataProblem::Format(
                "has both arrays `x` and `input`; keep one".into(),
            ));
        }
        (false, false) => {
            return Err(DataProblem::Format(format!(
                "has no array `x` or `input`; it has {names:?}"
            )));
        }
    };
    let mut rows = |name: &str| -> Result<Vec<Vec<f64>>, DataProblem> {
        let file = npyz::npz::file_name_from_array_name(name);
        let entry = archive
            .zip_archive()
            .by_name(&file)
            .map_err(|e| broken(&e))?;
        let bytes = read_limited(entry).map_err(|e| broken(&e))?;
        let array = npy::parse(&bytes)
            .map_err(|what| DataProblem::Format(format!("array `{name}`: {what}")))?;
        Ok(into_rows(array))
    };
    let labels = match has("label") {
        true => Some(
            rows("label")?
                .iter()
                .map(|row| class(row))
                .collect::<Result<_, _>>()?,
        ),
        false => None,
    };
    Dataset {
        names: None,
        x: rows(input)?,
        y: if has("y") { Some(rows("y")?) } else { None },
        labels,
    }
    .checked()
}

/// The class that a row of `label` names.
fn class(row: &[f64]) -> Result<i64, DataProblem> {
    match row {
        [class] if class.fract() == 0.0 && class.abs() < 2f64.powi(53) => Ok(*class as i64),
        _ => Err(DataProblem::Format(format!(
            "array `label`: {row:?} is not one class number"
        ))),
    }
}

/// The first axis counts rows, the others are flattened; a plain vector is one value a row.
fn into_rows(array: Array) -> Vec<Vec<f64>> {
    let width: usize = array.shape.iter().skip(1).product();
    array
        .values
        .chunks(width.max(1))
        .map(<[f64]>::to_vec)
        .collect()
}
