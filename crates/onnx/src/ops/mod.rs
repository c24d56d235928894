//! The operators: one file per family, one list of all.

mod activation;
mod constant;
mod elementwise;
mod linear;
mod shape;

use haloracle_model::{Chain, FloatError};

use crate::proto::{AttributeProto, NodeProto};
use crate::tensor::Tensor;

/// What a name of the graph stands for.
#[derive(Clone, Debug)]
pub(crate) enum Value {
    /// Known at import.
    Constant(Tensor),
    /// The activations of the chain after `version` steps.
    Activations { dims: Vec<usize>, version: usize },
}

/// One operator call with its inputs resolved.
pub(crate) struct Call<'a> {
    pub(crate) node: &'a NodeProto,
    /// Name of the node for layers and errors.
    pub(crate) label: &'a str,
    /// `None` where an optional input is absent.
    pub(crate) inputs: Vec<Option<&'a Value>>,
    pub(crate) chain: &'a mut Chain,
    /// Steps that the chain has taken.
    pub(crate) version: &'a mut usize,
}

/// Reads one operator: its constant result, or the chain's new activations.
type Import = fn(&mut Call<'_>) -> Result<Value, String>;

/// Every supported operator, by name; errors list them from here.
const OPERATORS: [(&str, Import); 13] = [
    ("Add", elementwise::add),
    ("Cast", constant::cast),
    ("Constant", constant::constant),
    ("Div", elementwise::div),
    ("Flatten", shape::flatten),
    ("Gemm", linear::gemm),
    ("Identity", shape::identity),
    ("MatMul", linear::matmul),
    ("Mul", elementwise::mul),
    ("Relu", activation::relu),
    ("Reshape", shape::reshape),
    ("Sigmoid", activation::sigmoid),
    ("Sub", elementwise::sub),
];

/// The importer of an operator.
pub(crate) fn find(op_type: &str) -> Option<Import> {
    OPERATORS
        .iter()
        .find(|(name, _)| *name == op_type)
        .map(|(_, import)| *import)
}

/// Names of all supported operators, for people.
pub(crate) fn supported() -> String {
    OPERATORS.map(|(name, _)| name).join(", ")
}

/// Names of all supported operators.
pub fn supported_operators() -> impl Iterator<Item = &'static str> {
    OPERATORS.iter().map(|(name, _)| *name)
}

impl<'a> Call<'a> {
    /// A required input.
    pub(crate) fn input(&self, index: usize) -> Result<&'a Value, String> {
        self.inputs
            .get(index)
            .copied()
            .flatten()
            .ok_or_else(|| format!("input {index} is missing"))
    }

    /// An input that must be known at import.
    pub(crate) fn constant(&self, index: usize, role: &str) -> Result<&'a Tensor, String> {
        match self.input(index)? {
            Value::Constant(tensor) => Ok(tensor),
            Value::Activations { .. } => Err(format!(
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
        let unknown = |a: &&AttributeProto| !known.contains(&a.name.as_str());
        match self.node.attribute.iter().find(unknown) {
            Some(a) if known.is_empty() => Err(format!("attribute `{}` is not known", a.name)),
            Some(a) => Err(format!(
                "attribute `{}` is not supported; supported are {}",
                a.name,
                known.join(", ")
            )),
            None => Ok(()),
        }
    }

    /// An attribute by name.
    pub(crate) fn attribute(&self, name: &str) -> Option<&'a AttributeProto> {
        self.node.attribute.iter().find(|a| a.name == name)
    }

    /// An integer attribute with its default.
    pub(crate) fn int(&self, name: &str, default: i64) -> i64 {
        self.attribute(name).map_or(default, |a| a.i)
    }

    /// A float attribute with its default.
    pub(crate) fn float(&self, name: &str, default: f32) -> f32 {
        self.attribute(name).map_or(default, |a| a.f)
    }

    /// Applies `step` to the chain; the result has shape `dims`.
    pub(crate) fn step(
        &mut self,
        dims: Vec<usize>,
        step: impl FnOnce(&mut Chain, &str) -> Result<(), FloatError>,
    ) -> Result<Value, String> {
        step(self.chain, self.label).map_err(|e| e.to_string())?;
        *self.version += 1;
        Ok(Value::Activations {
            dims,
            version: *self.version,
        })
    }
}
