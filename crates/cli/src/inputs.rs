//! Input rows of `infer`, `prove` and `request`: JSON, npz or csv, in real units or raw.

use std::path::{Path, PathBuf};

use eyre::{Report, WrapErr, ensure, eyre};
use haloracle_model::{Dataset, IntegerModel, ModelError};

/// Where inputs come from and in which units.
#[derive(Clone, Debug, clap::Args)]
pub(crate) struct InputArgs {
    /// Input rows: .json {"input": [[...]]}, .npz with `x`, or .csv
    #[arg(long, value_name = "FILE")]
    pub(crate) input: PathBuf,
    /// The values are raw fixed-point integers (real value x 10^decimals) already
    #[arg(long)]
    pub(crate) raw: bool,
}

/// One row, as given and as the model takes it.
#[derive(Clone, Debug)]
pub(crate) struct Row {
    /// Real values.
    pub(crate) real: Vec<f64>,
    /// Raw fixed-point integers inside the domain box.
    pub(crate) raw: Vec<i64>,
}

impl InputArgs {
    /// Every row, each checked against the domain of `model`.
    pub(crate) fn rows(&self, model: &IntegerModel) -> eyre::Result<Vec<eyre::Result<Row>>> {
        let data = Dataset::read(&self.input)?;
        let rows = (0..data.x.len()).map(|index| self.convert(model, &data, index));
        Ok(rows.collect())
    }

    /// Row `number`, counted from 1; may be absent where there is only one.
    pub(crate) fn row(&self, model: &IntegerModel, number: Option<usize>) -> eyre::Result<Row> {
        let data = Dataset::read(&self.input)?;
        let rows = data.x.len();
        let file = self.input.display();
        let number = match number {
            Some(number) => number,
            None if rows == 1 => 1,
            None => {
                return Err(eyre!(
                    "`{file}` has {rows} rows; choose one with --row 1..{rows}"
                ));
            }
        };
        ensure!(
            (1..=rows).contains(&number),
            "`{file}` has rows 1..{rows}, there is no row {number}"
        );
        self.convert(model, &data, number - 1)
    }

    /// Up to `most` rows from row `first` on, counted from 1; without it, all rows, and no more.
    pub(crate) fn some(
        &self,
        model: &IntegerModel,
        first: Option<usize>,
        most: usize,
    ) -> eyre::Result<Vec<Row>> {
        let data = Dataset::read(&self.input)?;
        let rows = data.x.len();
        let file = self.input.display();
        ensure!(
            first.is_some() || rows <= most,
            "`{file}` has {rows} rows, a batch answers {most}; say where it begins with --row"
        );
        let first = first.unwrap_or(1);
        ensure!(
            (1..=rows).contains(&first),
            "`{file}` has rows 1..{rows}, there is no row {first}"
        );
        let chosen = (first - 1..rows).take(most);
        chosen
            .map(|index| self.convert(model, &data, index))
            .collect()
    }

    fn convert(&self, model: &IntegerModel, data: &Dataset, index: usize) -> eyre::Result<Row> {
        let values = &data.x[index];
        let row = if self.raw {
            from_raw(model, values)
        } else {
            from_real(model, values)
        };
        row.wrap_err_with(|| place(&self.input, index))
    }
}

/// Whether a row was refused because a value lies outside its feature's box.
pub(crate) fn is_outside(error: &Report) -> bool {
    error.chain().any(|cause| {
        let cause = cause.downcast_ref::<ModelError>();
        matches!(cause, Some(ModelError::OutOfDomain { .. }))
    })
}

fn place(file: &Path, index: usize) -> String {
    format!("`{}` row {}", file.display(), index + 1)
}

pub(crate) fn from_real(model: &IntegerModel, values: &[f64]) -> eyre::Result<Row> {
    let raw = model.raw_from_real(values)?;
    Ok(Row {
        real: values.to_vec(),
        raw,
    })
}

pub(crate) fn from_raw(model: &IntegerModel, values: &[f64]) -> eyre::Result<Row> {
    let whole = |(index, value): (usize, &f64)| {
        ensure!(
            value.fract() == 0.0 && value.abs() <= f64::from(u32::MAX),
            "value {} is {value}; raw values are 32-bit integers",
            index + 1
        );
        Ok(*value as i64)
    };
    let raw: Vec<i64> = values
        .iter()
        .enumerate()
        .map(whole)
        .collect::<eyre::Result<_>>()?;
    // Length and box.
    model.digits(&raw)?;
    let features = model.input.features.iter().zip(values);
    let real = features
        .map(|(f, value)| value / 10f64.powi(i32::from(f.decimals)))
        .collect();
    Ok(Row { real, raw })
}
