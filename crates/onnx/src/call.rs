//! One operator call: its inputs, its attributes, and the graph it adds to.

use crate::builder::Builder;
use crate::proto::{AttributeProto, NodeProto};
use crate::tensor::{Tensor, texts};
use crate::value::Value;

/// What an operator gives: one value per output.
pub(crate) type Outcome = Result<Vec<Value>, String>;

/// Reads one operator.
pub(crate) type Import = fn(&mut Call<'_>) -> Outcome;

/// Kinds of attributes, as ONNX numbers them.
const FLOAT: i32 = 1;
const INT: i32 = 2;
const STRING: i32 = 3;
const TENSOR: i32 = 4;
const FLOATS: i32 = 6;
const INTS: i32 = 7;
const STRINGS: i32 = 8;

/// One operator call with its inputs resolved.
pub(crate) struct Call<'a> {
    pub(crate) node: &'a NodeProto,
    /// Version of the operator's own set.
    pub(crate) opset: i64,
    /// `None` where an optional input is absent.
    pub(crate) inputs: Vec<Option<&'a Value>>,
    pub(crate) builder: &'a mut Builder,
    /// What the importer wants to say about choices it made.
    pub(crate) notes: &'a mut Vec<String>,
}

impl<'a> Call<'a> {
    /// A required input.
    pub(crate) fn input(&self, index: usize) -> Result<&'a Value, String> {
        self.optional(index)
            .ok_or_else(|| format!("input {index} is missing"))
    }

    /// An input that may be absent.
    pub(crate) fn optional(&self, index: usize) -> Option<&'a Value> {
        self.inputs.get(index).copied().flatten()
    }

    /// An input that must be known at import.
    pub(crate) fn constant(&self, index: usize, role: &str) -> Result<&'a Tensor, String> {
        self.optional_constant(index, role)?
            .ok_or_else(|| format!("input {index} ({role}) is missing"))
    }

    /// An input that may be absent, and must be known at import otherwise.
    pub(crate) fn optional_constant(
        &self,
        index: usize,
        role: &str,
    ) -> Result<Option<&'a Tensor>, String> {
        match self.optional(index) {
            None => Ok(None),
            Some(Value::Constant(tensor)) => Ok(Some(tensor)),
            Some(Value::Wires(_)) => Err(format!(
                "its {role} (input {index}) depends on the model's input; it must be constant"
            )),
        }
    }

    /// Fails on more inputs than `most`: an ignored input would change the result silently.
    pub(crate) fn at_most(&self, most: usize) -> Result<(), String> {
        if self.inputs.len() > most {
            return Err(format!(
                "has {} inputs; at most {most} are known",
                self.inputs.len()
            ));
        }
        Ok(())
    }

    /// Fails on attributes outside `known`: an ignored one would change the result silently.
    pub(crate) fn attributes(&self, known: &[&str]) -> Result<(), String> {
        let all = &self.node.attribute;
        let unknown = |a: &&AttributeProto| !known.contains(&a.name.as_str());
        match all.iter().find(unknown) {
            Some(a) if known.is_empty() => {
                return Err(format!("attribute `{}` is not known", a.name));
            }
            Some(a) => {
                return Err(format!(
                    "attribute `{}` is not supported; supported are {}",
                    a.name,
                    known.join(", ")
                ));
            }
            None => {}
        }
        for (at, attribute) in all.iter().enumerate() {
            if all[..at].iter().any(|a| a.name == attribute.name) {
                return Err(format!("attribute `{}` is given twice", attribute.name));
            }
            if !attribute.ref_attr_name.is_empty() {
                return Err(format!(
                    "attribute `{}` refers to an attribute of a function",
                    attribute.name
                ));
            }
        }
        Ok(())
    }

    /// Whether an attribute is there.
    pub(crate) fn has(&self, name: &str) -> bool {
        self.node.attribute.iter().any(|a| a.name == name)
    }

    /// An attribute that must be of the kind numbered `kind`.
    fn attribute(&self, name: &str, kind: i32) -> Result<Option<&'a AttributeProto>, String> {
        let Some(attribute) = self.node.attribute.iter().find(|a| a.name == name) else {
            return Ok(None);
        };
        // Files before IR version 2 do not say the kind.
        if attribute.r#type == kind || attribute.r#type == 0 {
            return Ok(Some(attribute));
        }
        Err(format!("attribute `{name}` is of the wrong kind"))
    }

    /// An integer attribute with its default.
    pub(crate) fn int(&self, name: &str, default: i64) -> Result<i64, String> {
        Ok(self.attribute(name, INT)?.map_or(default, |a| a.i))
    }

    /// An integer attribute that must be 0 or 1.
    pub(crate) fn flag(&self, name: &str, default: bool) -> Result<bool, String> {
        match self.int(name, i64::from(default))? {
            0 => Ok(false),
            1 => Ok(true),
            other => Err(format!("attribute `{name}` is {other}; it must be 0 or 1")),
        }
    }

    /// A float attribute with its default; must be finite.
    pub(crate) fn float(&self, name: &str, default: f32) -> Result<f32, String> {
        let value = self.attribute(name, FLOAT)?.map_or(default, |a| a.f);
        if value.is_finite() {
            Ok(value)
        } else {
            Err(format!("attribute `{name}` is {value}; it must be finite"))
        }
    }

    /// A float attribute that may be NaN or infinite.
    pub(crate) fn any_float(&self, name: &str) -> Result<Option<f32>, String> {
        Ok(self.attribute(name, FLOAT)?.map(|a| a.f))
    }

    /// A string attribute with its default.
    pub(crate) fn text(&self, name: &str, default: &str) -> Result<String, String> {
        Ok(self.attribute(name, STRING)?.map_or_else(
            || default.to_owned(),
            |a| String::from_utf8_lossy(&a.s).into_owned(),
        ))
    }

    /// A tensor attribute.
    pub(crate) fn tensor(&self, name: &str) -> Result<Option<Tensor>, String> {
        let Some(attribute) = self.attribute(name, TENSOR)? else {
            return Ok(None);
        };
        let proto = attribute
            .t
            .as_ref()
            .ok_or_else(|| format!("attribute `{name}` holds no tensor"))?;
        Tensor::decode(proto)
            .map(Some)
            .map_err(|what| format!("attribute `{name}`: {what}"))
    }

    /// A tensor attribute of floats, empty if absent; they may be NaN or infinite.
    pub(crate) fn float_tensor(&self, name: &str) -> Result<Vec<f32>, String> {
        let Some(attribute) = self.attribute(name, TENSOR)? else {
            return Ok(Vec::new());
        };
        let tensor = attribute.t.as_ref().map(Tensor::decode_any).transpose();
        let tensor = tensor.map_err(|what| format!("attribute `{name}`: {what}"))?;
        singles(
            name,
            &tensor.ok_or_else(|| format!("attribute `{name}` holds no tensor"))?,
        )
    }

    /// A list of integers, if the attribute is there.
    pub(crate) fn ints(&self, name: &str) -> Result<Option<&'a [i64]>, String> {
        Ok(self.attribute(name, INTS)?.map(|a| a.ints.as_slice()))
    }

    /// A list of floats, empty if absent; each must be finite.
    pub(crate) fn floats(&self, name: &str) -> Result<&'a [f32], String> {
        let values = self
            .attribute(name, FLOATS)?
            .map_or(&[][..], |a| a.floats.as_slice());
        match values.iter().position(|v| !v.is_finite()) {
            None => Ok(values),
            Some(at) => Err(format!(
                "element {at} of attribute `{name}` is {}; every parameter must be finite",
                values[at]
            )),
        }
    }

    /// A list of floats that may be infinite, empty if absent; from an attribute, or from the
    /// tensor attribute that may hold them with more digits.
    pub(crate) fn any_floats(&self, name: &str) -> Result<Vec<f32>, String> {
        let wide = format!("{name}_as_tensor");
        if !self.has(&wide) {
            let attribute = self.attribute(name, FLOATS)?;
            return Ok(attribute.map_or_else(Vec::new, |a| a.floats.clone()));
        }
        if self.has(name) {
            return Err(format!("has both `{name}` and `{wide}`"));
        }
        self.float_tensor(&wide)
    }

    /// A list of strings, empty if absent.
    pub(crate) fn texts(&self, name: &str) -> Result<Vec<String>, String> {
        Ok(self
            .attribute(name, STRINGS)?
            .map_or_else(Vec::new, |a| texts(&a.strings)))
    }

    /// Integers that stood in an attribute before opset `since` and in an input from then on.
    pub(crate) fn moved_ints(
        &self,
        name: &str,
        index: usize,
        since: i64,
    ) -> Result<Option<Vec<i64>>, String> {
        if self.opset < since {
            return Ok(self.ints(name)?.map(<[i64]>::to_vec));
        }
        if self.has(name) {
            return Err(format!(
                "attribute `{name}` became input {index} in opset {since}"
            ));
        }
        match self.optional_constant(index, name)? {
            Some(tensor) => Ok(Some(tensor.integers()?.to_vec())),
            None => Ok(None),
        }
    }
}

/// The elements of a tensor attribute, which must be float32 numbers.
fn singles(name: &str, tensor: &Tensor) -> Result<Vec<f32>, String> {
    let single = |v: &f64| {
        let value = *v as f32;
        if v.is_nan() || f64::from(value) == *v {
            Ok(value)
        } else {
            Err(format!(
                "`{name}` holds {v}, which is no float32; export with float32 parameters"
            ))
        }
    };
    tensor.reals()?.iter().map(single).collect()
}
