//! Comma-separated numbers, one sample per line; a first line without any number is the header.

use super::{DataProblem, Dataset};

pub(super) fn parse(bytes: &[u8]) -> Result<Dataset, DataProblem> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .comment(Some(b'#'))
        .from_reader(bytes);
    let mut names: Option<Vec<String>> = None;
    let mut x: Vec<Vec<f64>> = Vec::new();
    for record in reader.records() {
        let record = record.map_err(|e| DataProblem::Format(format!("not valid csv: {e}")))?;
        let first = x.is_empty() && names.is_none();
        if first && record.iter().all(|cell| cell.parse::<f64>().is_err()) {
            names = Some(record.iter().map(str::to_owned).collect());
            continue;
        }
        let row = x.len() + 1;
        let values = record.iter().enumerate().map(|(column, cell)| {
            let number = cell.parse::<f64>().ok().filter(|v| v.is_finite());
            number.ok_or_else(|| DataProblem::Cell {
                array: "",
                row,
                column: column + 1,
                name: names.as_ref().and_then(|n| n.get(column).cloned()),
                found: format!("`{cell}`"),
            })
        });
        x.push(values.collect::<Result<_, _>>()?);
    }
    Dataset {
        names,
        x,
        ..Dataset::default()
    }
    .checked()
}
