//! Tables of real numbers from JSON, npz and csv files: calibration data, golden outputs, inputs.
//!
//! Every value that comes out is a finite number and every row has the same length; anything
//! else is an error that names file, row and column, counted from 1.

mod csv;
mod json;
mod npy;
mod npz;

use std::fs::File;
use std::io::Read;
use std::path::Path;

/// Largest file that is read, and largest array unpacked from one, in bytes.
pub const MAX_BYTES: u64 = 512 << 20;

/// Rows of features, with feature names and expected outputs where the file has them.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Dataset {
    /// Feature names (csv header, or `names` in JSON).
    pub names: Option<Vec<String>>,
    /// One row per sample; never empty, all of one length.
    pub x: Vec<Vec<f64>>,
    /// Expected outputs of the float model (`y` in npz or JSON), one row per row of `x`.
    pub y: Option<Vec<Vec<f64>>>,
    /// Expected classes (`label` in npz), one per row of `x`.
    pub labels: Option<Vec<i64>>,
}

/// What is wrong with a data file.
#[derive(Debug, thiserror::Error)]
#[error("`{file}`: {problem}")]
pub struct DataError {
    /// The file.
    pub file: String,
    /// What is wrong with it, and where.
    #[source]
    pub problem: DataProblem,
}

/// The problem itself.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum DataProblem {
    /// Not readable.
    #[error("could not be read: {0}")]
    Io(#[from] std::io::Error),
    /// Not a kind of file that is understood.
    #[error("unknown kind of file; give .json, .npz or .csv")]
    UnknownKind,
    /// Beyond [`MAX_BYTES`].
    #[error("larger than the limit of {MAX_BYTES} bytes")]
    TooLarge,
    /// Broken or of the wrong form.
    #[error("{0}")]
    Format(String),
    /// No rows.
    #[error("has no rows")]
    Empty,
    /// A cell that is no finite number.
    #[error("{array}row {row}, column {column}{}: {found} is not a finite number", named(.name))]
    Cell {
        /// Array, when the file has several: ends in a space.
        array: &'static str,
        /// Row, from 1.
        row: usize,
        /// Column, from 1.
        column: usize,
        /// Feature's name, if known.
        name: Option<String>,
        /// What is there.
        found: String,
    },
    /// A row of another length than the first.
    #[error("{array}row {row} has {got} values, row 1 has {expected}")]
    Ragged {
        /// Array, when the file has several: ends in a space.
        array: &'static str,
        /// Row, from 1.
        row: usize,
        /// Length of the first row.
        expected: usize,
        /// Its length.
        got: usize,
    },
}

fn named(name: &Option<String>) -> String {
    name.as_ref().map_or(String::new(), |n| format!(" (`{n}`)"))
}

impl Dataset {
    /// Reads a file, its kind by its ending.
    ///
    /// # Errors
    /// What is wrong, naming the file, and row and column where there are any.
    pub fn read(path: &Path) -> Result<Self, DataError> {
        let parse = || {
            let kind = path
                .extension()
                .and_then(|e| e.to_str())
                .unwrap_or_default()
                .to_ascii_lowercase();
            let parse = match kind.as_str() {
                "json" => json::parse,
                "npz" => npz::parse,
                "csv" => csv::parse,
                _ => return Err(DataProblem::UnknownKind),
            };
            parse(&read_limited(File::open(path)?)?)
        };
        parse().map_err(|problem| DataError {
            file: path.display().to_string(),
            problem,
        })
    }

    /// Parses the text of a JSON input; `name` stands for the file in errors.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub fn from_json(name: &str, text: &[u8]) -> Result<Self, DataError> {
        json::parse(text).map_err(|problem| DataError {
            file: name.into(),
            problem,
        })
    }

    /// Values per row.
    pub fn width(&self) -> usize {
        self.x.first().map_or(0, Vec::len)
    }

    /// Checks what every [`Dataset`] promises.
    fn checked(self) -> Result<Self, DataProblem> {
        check_rows("", &self.x, self.names.as_deref())?;
        if self.x.is_empty() || self.width() == 0 {
            return Err(DataProblem::Empty);
        }
        if let Some(names) = &self.names
            && names.len() != self.width()
        {
            return Err(DataProblem::Format(format!(
                "{} feature names for rows of {} values",
                names.len(),
                self.width()
            )));
        }
        if let Some(y) = &self.y {
            check_rows("y: ", y, None)?;
            if y.len() != self.x.len() {
                return Err(DataProblem::Format(format!(
                    "y has {} rows, x has {}",
                    y.len(),
                    self.x.len()
                )));
            }
        }
        if let Some(labels) = self.labels.as_ref().filter(|l| l.len() != self.x.len()) {
            return Err(DataProblem::Format(format!(
                "label has {} rows, x has {}",
                labels.len(),
                self.x.len()
            )));
        }
        Ok(self)
    }
}

fn check_rows(
    array: &'static str,
    rows: &[Vec<f64>],
    names: Option<&[String]>,
) -> Result<(), DataProblem> {
    let expected = rows.first().map_or(0, Vec::len);
    for (row, values) in rows.iter().enumerate() {
        if values.len() != expected {
            return Err(DataProblem::Ragged {
                array,
                row: row + 1,
                expected,
                got: values.len(),
            });
        }
        if let Some(column) = values.iter().position(|v| !v.is_finite()) {
            return Err(DataProblem::Cell {
                array,
                row: row + 1,
                column: column + 1,
                name: names.and_then(|n| n.get(column).cloned()),
                found: values[column].to_string(),
            });
        }
    }
    Ok(())
}

/// Reads to the end, but never more than [`MAX_BYTES`].
fn read_limited(reader: impl Read) -> Result<Vec<u8>, DataProblem> {
    let mut bytes = Vec::new();
    reader.take(MAX_BYTES + 1).read_to_end(&mut bytes)?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(DataProblem::TooLarge);
    }
    Ok(bytes)
}
