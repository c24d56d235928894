//! Class labels: numbers or names, and LabelEncoder.

use std::rc::Rc;

use crate::builder::Builder;
use crate::call::{Call, Outcome};
use crate::ops::gather::stairs;
use crate::tensor::Data;
use crate::value::{Elem, Kind, Value};

/// The labels of a classifier, by class.
#[derive(Clone, Debug)]
pub(super) enum Labels {
    Numbers(Vec<i64>),
    Names(Rc<Vec<String>>),
}

impl Labels {
    /// Number of classes.
    pub(super) fn len(&self) -> usize {
        match self {
            Self::Numbers(all) => all.len(),
            Self::Names(all) => all.len(),
        }
    }

    /// The label output, from the positions of the classes.
    pub(super) fn value(&self, builder: &mut Builder, classes: &[Elem]) -> Result<Value, String> {
        let dims = vec![classes.len()];
        match self {
            Self::Names(names) => {
                let kind = Kind::Text(Rc::clone(names));
                Ok(Value::wires(dims, classes.to_vec(), kind))
            }
            Self::Numbers(numbers) => {
                let keys: Vec<f64> = (0..numbers.len()).map(|at| at as f64).collect();
                let values: Vec<f64> = numbers.iter().map(|n| *n as f64).collect();
                let elems = stairs(builder, classes, &keys, &values)?;
                Ok(Value::wires(dims, elems, Kind::Int))
            }
        }
    }
}

/// The labels that two attributes may give.
pub(super) fn class_labels(call: &Call<'_>, ints: &str, strings: &str) -> Result<Labels, String> {
    let numbers = call.ints(ints)?.unwrap_or_default();
    let names = call.texts(strings)?;
    match (numbers.is_empty(), names.is_empty()) {
        (false, true) => Ok(Labels::Numbers(numbers.to_vec())),
        (true, false) => Ok(Labels::Names(Rc::new(names))),
        (true, true) => Err(format!("needs `{ints}` or `{strings}`")),
        (false, false) => Err(format!("has both `{ints}` and `{strings}`")),
    }
}

/// ZipMap: scores with the names of their classes; the scores stay.
pub(in crate::ops) fn zip_map(call: &mut Call<'_>) -> Outcome {
    call.attributes(&["classlabels_int64s", "classlabels_strings"])?;
    call.at_most(1)?;
    let labels = class_labels(call, "classlabels_int64s", "classlabels_strings")?;
    let value = call.input(0)?;
    if value.len() != labels.len() {
        return Err(format!(
            "{} labels do not fit {} scores",
            labels.len(),
            value.len()
        ));
    }
    Ok(vec![value.clone()])
}

/// One column of a LabelEncoder's table.
enum Column {
    Numbers(Vec<f64>),
    Names(Vec<String>),
}

fn column(call: &Call<'_>, prefix: &str, old: &str) -> Result<Column, String> {
    let ints = call.ints(&format!("{prefix}_int64s"))?.unwrap_or_default();
    let floats = call.floats(&format!("{prefix}_floats"))?;
    let mut names = call.texts(&format!("{prefix}_strings"))?;
    if names.is_empty() && !old.is_empty() {
        names = call.texts(old)?;
    }
    let tensor = call.tensor(&format!("{prefix}_tensor"))?;
    match (ints.is_empty(), floats.is_empty(), names.is_empty(), tensor) {
        (false, true, true, None) => Ok(Column::Numbers(ints.iter().map(|v| *v as f64).collect())),
        (true, false, true, None) => Ok(Column::Numbers(
            floats.iter().map(|v| f64::from(*v)).collect(),
        )),
        (true, true, false, None) => Ok(Column::Names(names)),
        (true, true, true, Some(tensor)) => match tensor.data {
            Data::Text(names) => Ok(Column::Names(names)),
            _ => Ok(Column::Numbers(tensor.reals()?)),
        },
        _ => Err(format!("needs exactly one of the lists `{prefix}_…`")),
    }
}

/// LabelEncoder on a class that the graph computed.
pub(in crate::ops) fn label_encoder(call: &mut Call<'_>) -> Outcome {
    call.attributes(&[
        "keys_int64s",
        "keys_floats",
        "keys_strings",
        "keys_tensor",
        "values_int64s",
        "values_floats",
        "values_strings",
        "values_tensor",
        "classes_strings",
        "default_int64",
        "default_float",
        "default_string",
        "default_tensor",
    ])?;
    call.at_most(1)?;
    let Value::Wires(wires) = call.input(0)? else {
        return Err("encodes a constant".into());
    };
    let (keys, values) = if call.opset < 2 {
        let names = call.texts("classes_strings")?;
        let numbers = Column::Numbers((0..names.len()).map(|at| at as f64).collect());
        match wires.kind {
            Kind::Text(_) => (Column::Names(names), numbers),
            _ => (numbers, Column::Names(names)),
        }
    } else {
        (column(call, "keys", "")?, column(call, "values", "")?)
    };
    // Positions that the input can take, and the key that stands for each.
    let mut pairs: Vec<(f64, usize)> = match (&wires.kind, keys) {
        (Kind::Text(names), Column::Names(keys)) => names
            .iter()
            .enumerate()
            .map(|(at, name)| {
                let key = keys.iter().position(|key| key == name);
                let key = key.ok_or_else(|| format!("class `{name}` is not among its keys"))?;
                Ok((at as f64, key))
            })
            .collect::<Result<_, String>>()?,
        (Kind::Int | Kind::Float, Column::Numbers(keys)) => keys
            .into_iter()
            .enumerate()
            .map(|(at, key)| (key, at))
            .collect(),
        _ => return Err("its keys are of another type than its input".into()),
    };
    pairs.sort_by(|a, b| a.0.total_cmp(&b.0));
    if pairs.windows(2).any(|pair| pair[0].0 == pair[1].0) {
        return Err("has a key twice".into());
    }
    let positions: Vec<f64> = pairs.iter().map(|(position, _)| *position).collect();
    let (results, kind): (Vec<f64>, Kind) = match values {
        Column::Names(names) => (
            pairs.iter().map(|(_, key)| *key as f64).collect(),
            Kind::Text(Rc::new(names)),
        ),
        Column::Numbers(numbers) => {
            let pick = |(_, key): &(f64, usize)| {
                let value = numbers.get(*key).copied();
                value.ok_or_else(|| "has fewer values than keys".to_owned())
            };
            let kind = if call.has("values_floats") {
                Kind::Float
            } else {
                Kind::Int
            };
            (pairs.iter().map(pick).collect::<Result<_, _>>()?, kind)
        }
    };
    let elems = stairs(call.builder, &wires.elems, &positions, &results)?;
    Ok(vec![Value::wires(wires.dims.clone(), elems, kind)])
}
