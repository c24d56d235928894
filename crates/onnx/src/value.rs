//! What a name of the graph stands for while it is read.

use std::rc::Rc;

use haloracle_model::WireId;

use crate::tensor::{Data, Tensor};

/// Number of a list of pending steps in the [builder](crate::builder::Builder); 0 is no step.
pub(crate) type StepsId = u32;

/// One number of a tensor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) enum Elem {
    /// Known at import.
    Const(f64),
    /// A wire, followed by arithmetic with constants that has not become a node yet: what reads
    /// it takes the arithmetic into its own weights where it can.
    Wire(WireId, StepsId),
}

/// Element type of a tensor that depends on the input.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Kind {
    /// `float32`.
    Float,
    /// `float64`.
    Double,
    /// Integers of any width.
    Int,
    /// 0 or 1.
    Bool,
    /// Positions in a list of names.
    Text(Rc<Vec<String>>),
}

impl Kind {
    /// Name for errors.
    pub(crate) fn name(&self) -> &'static str {
        match self {
            Self::Float => "float32",
            Self::Double => "float64",
            Self::Int => "integer",
            Self::Bool => "bool",
            Self::Text(_) => "string",
        }
    }

    /// Whether arithmetic is that of real numbers.
    pub(crate) fn is_real(&self) -> bool {
        matches!(self, Self::Float | Self::Double)
    }
}

/// A tensor that depends on the model's input, in row-major order.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Wires {
    pub(crate) dims: Vec<usize>,
    pub(crate) elems: Vec<Elem>,
    pub(crate) kind: Kind,
}

/// A tensor.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Value {
    /// Known at import.
    Constant(Tensor),
    /// Depends on the input.
    Wires(Wires),
}

impl Value {
    /// A float tensor that depends on the input.
    pub(crate) fn float(dims: Vec<usize>, elems: Vec<Elem>) -> Self {
        Self::wires(dims, elems, Kind::Float)
    }

    /// A tensor that depends on the input, or a constant where no element does.
    pub(crate) fn wires(dims: Vec<usize>, elems: Vec<Elem>, kind: Kind) -> Self {
        let constants: Option<Vec<f64>> = elems
            .iter()
            .map(|elem| match elem {
                Elem::Const(value) => Some(*value),
                Elem::Wire(..) => None,
            })
            .collect();
        let Some(values) = constants else {
            return Self::Wires(Wires { dims, elems, kind });
        };
        let data = match &kind {
            Kind::Float => Data::Float(values.iter().map(|v| *v as f32).collect()),
            Kind::Double => Data::Double(values),
            Kind::Int => Data::Int(
                values.iter().map(|v| *v as i64).collect(),
                crate::tensor::INT64,
            ),
            Kind::Bool => Data::Int(
                values.iter().map(|v| *v as i64).collect(),
                crate::tensor::BOOL,
            ),
            Kind::Text(names) => Data::Text(
                values
                    .iter()
                    .map(|v| names.get(*v as usize).cloned().unwrap_or_default())
                    .collect(),
            ),
        };
        Self::Constant(Tensor { dims, data })
    }

    /// The shape.
    pub(crate) fn dims(&self) -> &[usize] {
        match self {
            Self::Constant(tensor) => &tensor.dims,
            Self::Wires(wires) => &wires.dims,
        }
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        match self {
            Self::Constant(tensor) => tensor.len(),
            Self::Wires(wires) => wires.elems.len(),
        }
    }

    /// The elements.
    pub(crate) fn elems(&self) -> Result<Vec<Elem>, String> {
        Ok(match self {
            Self::Constant(tensor) => tensor.reals()?.into_iter().map(Elem::Const).collect(),
            Self::Wires(wires) => wires.elems.clone(),
        })
    }

    /// The element type.
    pub(crate) fn kind(&self) -> Kind {
        match self {
            Self::Wires(wires) => wires.kind.clone(),
            Self::Constant(tensor) => match &tensor.data {
                Data::Float(_) => Kind::Float,
                Data::Double(_) => Kind::Double,
                Data::Int(_, crate::tensor::BOOL) => Kind::Bool,
                Data::Int(..) => Kind::Int,
                Data::Text(names) => Kind::Text(Rc::new(names.clone())),
            },
        }
    }

    /// The elements at `indices`, in the shape `dims`.
    pub(crate) fn select(&self, dims: Vec<usize>, indices: &[usize]) -> Self {
        match self {
            Self::Constant(tensor) => Self::Constant(tensor.select(dims, indices)),
            Self::Wires(wires) => Self::wires(
                dims,
                indices.iter().map(|at| wires.elems[*at]).collect(),
                wires.kind.clone(),
            ),
        }
    }

    /// The same elements in another shape of as many elements.
    pub(crate) fn reshaped(&self, dims: Vec<usize>) -> Self {
        let mut value = self.clone();
        match &mut value {
            Self::Constant(tensor) => tensor.dims = dims,
            Self::Wires(wires) => wires.dims = dims,
        }
        value
    }
}
