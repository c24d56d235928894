//! `{"input": [[…], …]}`; `x` or `input_data` instead of `input`, optional `y` and `names`.

use serde_json::{Map, Value};

use super::{DataProblem, Dataset};

const INPUT_KEYS: [&str; 3] = ["input", "x", "input_data"];

pub(super) fn parse(bytes: &[u8]) -> Result<Dataset, DataProblem> {
    let value: Value = serde_json::from_slice(bytes)
        .map_err(|e| DataProblem::Format(format!("not valid JSON: {e}")))?;
    let Value::Object(object) = value else {
        return Err(no_input());
    };
    let names = object.get("names").map(names).transpose()?;
    let input = INPUT_KEYS
        .iter()
        .find_map(|key| object.get(*key))
        .ok_or_else(no_input)?;
    let y = match object.get("y") {
        Some(value) => Some(rows("y: ", value, None)?),
        None => None,
    };
    unknown(&object)?;
    Dataset {
        x: rows("", input, names.as_deref())?,
        names,
        y,
        labels: None,
    }
    .checked()
}

fn no_input() -> DataProblem {
    DataProblem::Format("expected an object {\"input\": [[…numbers…], …]}".into())
}

/// A misspelt or second input would otherwise be ignored silently.
fn unknown(object: &Map<String, Value>) -> Result<(), DataProblem> {
    let inputs = INPUT_KEYS
        .iter()
        .filter(|key| object.contains_key(**key))
        .count();
    if inputs > 1 {
        return Err(DataProblem::Format(
            "has more than one of `input`, `x`, `input_data`; give one".into(),
        ));
    }
    let known = |key: &str| INPUT_KEYS.contains(&key) || ["y", "names", "note"].contains(&key);
    match object.keys().find(|key| !known(key)) {
        Some(key) => Err(DataProblem::Format(format!(
            "unknown key `{key}`; known are input (or x, input_data), y, names, note"
        ))),
        None => Ok(()),
    }
}

fn names(value: &Value) -> Result<Vec<String>, DataProblem> {
    let bad = || DataProblem::Format("`names` is not an array of strings".into());
    let array = value.as_array().ok_or_else(bad)?;
    array
        .iter()
        .map(|v| v.as_str().map(str::to_owned).ok_or_else(bad))
        .collect()
}

/// Rows of numbers; one flat row is one sample.
fn rows(
    array: &'static str,
    value: &Value,
    names: Option<&[String]>,
) -> Result<Vec<Vec<f64>>, DataProblem> {
    let outer = value.as_array().ok_or_else(no_input)?;
    let nested = outer.first().is_some_and(Value::is_array);
    let row = |index: usize, values: &[Value]| -> Result<Vec<f64>, DataProblem> {
        values
            .iter()
            .enumerate()
            .map(|(column, v)| match v.as_f64() {
                Some(number) if number.is_finite() => Ok(number),
                _ => Err(DataProblem::Cell {
                    array,
                    row: index + 1,
                    column: column + 1,
                    name: names.and_then(|n| n.get(column).cloned()),
                    found: shorten(&v.to_string()),
                }),
            })
            .collect()
    };
    if !nested {
        return Ok(vec![row(0, outer)?]);
    }
    outer
        .iter()
        .enumerate()
        .map(|(index, v)| match v.as_array() {
            Some(values) => row(index, values),
            None => Err(DataProblem::Format(format!(
                "{array}row {} is {}, not an array of numbers",
                index + 1,
                shorten(&v.to_string())
            ))),
        })
        .collect()
}

fn shorten(text: &str) -> String {
    match text.char_indices().nth(40) {
        Some((end, _)) => format!("{}…", &text[..end]),
        None => text.into(),
    }
}
