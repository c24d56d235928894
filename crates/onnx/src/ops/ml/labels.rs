//! Class labels: numbers or names, and LabelEncoder.

use std::rc::Rc;

use haloracle_model::graph::BranchMode;

use crate::builder::{Builder, Combo};
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

/// The default of a LabelEncoder, for numbers that are no key.
fn default(call: &Call<'_>, values: &Column) -> Result<f64, String> {
    if let Some(tensor) = call.tensor("default_tensor")? {
        return tensor.scalar();
    }
    match values {
        Column::Names(_) => Err(
            "gives names to numbers, some of which may be no key: supported \
                                 are numbers as values"
                .into(),
        ),
        Column::Numbers(_) if call.has("values_floats") => {
            Ok(call.float("default_float", 0.0)?.into())
        }
        Column::Numbers(_) => Ok(call.int("default_int64", -1)? as f64),
    }
}

/// LabelEncoder on numbers, or on a class that the graph computed.
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
    let kind = match &values {
        Column::Names(names) => Kind::Text(Rc::new(names.clone())),
        Column::Numbers(_) if call.has("values_floats") => Kind::Float,
        Column::Numbers(_) => Kind::Int,
    };
    // What stands for each value: names keep their position.
    let results: Vec<f64> = match &values {
        Column::Names(names) => (0..names.len()).map(|at| at as f64).collect(),
        Column::Numbers(numbers) => numbers.clone(),
    };
    let elems = match (&wires.kind, keys) {
        (Kind::Text(names), Column::Names(keys)) if !names.is_empty() => {
            if keys.len() != results.len() {
                return Err("has another number of values than of keys".into());
            }
            let value = |name: &String| match keys.iter().position(|key| key == name) {
                Some(at) => Ok(results[at]),
                None => default(call, &values),
            };
            let positions: Vec<f64> = (0..names.len()).map(|at| at as f64).collect();
            let found = names.iter().map(value).collect::<Result<Vec<_>, _>>()?;
            stairs(call.builder, &wires.elems, &positions, &found)?
        }
        (Kind::Int | Kind::Float, Column::Numbers(keys)) => {
            if keys.len() != results.len() {
                return Err("has another number of values than of keys".into());
            }
            let default = default(call, &values)?;
            matched(call, &wires.elems, &keys, &results, default)?
        }
        _ => return Err("its keys are of another type than its input".into()),
    };
    Ok(vec![Value::wires(wires.dims.clone(), elems, kind)])
}

/// The value of the key that `x` is, or the default.
fn matched(
    call: &mut Call<'_>,
    elems: &[Elem],
    keys: &[f64],
    values: &[f64],
    default: f64,
) -> Result<Vec<Elem>, String> {
    let mut asked = Vec::with_capacity(elems.len() * keys.len());
    for elem in elems {
        for key in keys {
            asked.push((*elem, BranchMode::Eq, *key));
        }
    }
    let hits = call.builder.indicators(&asked)?;
    let combos = hits
        .chunks(keys.len().max(1))
        .map(|hits| Combo {
            bias: default,
            // The first of equal keys counts.
            terms: (0..keys.len())
                .filter(|at| !keys[..*at].contains(&keys[*at]))
                .map(|at| (hits[at], values[at] - default))
                .collect(),
            ..Combo::default()
        })
        .collect();
    call.builder.combine(combos)
}
