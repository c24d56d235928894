//! Constant tensors: decoding, shapes and broadcasting.

use crate::proto::TensorProto;

/// Most elements of any tensor, constant or broadcast: a limit on memory.
pub(crate) const MAX_ELEMENTS: usize = 1 << 24;

/// Element types by their number in the ONNX schema.
const TYPES: [&str; 17] = [
    "undefined",
    "float32",
    "uint8",
    "int8",
    "uint16",
    "int16",
    "int32",
    "int64",
    "string",
    "bool",
    "float16",
    "float64",
    "uint32",
    "uint64",
    "complex64",
    "complex128",
    "bfloat16",
];
/// `float32`.
pub(crate) const FLOAT: i64 = 1;
const INT32: i64 = 6;
const INT64: i64 = 7;
const DOUBLE: i64 = 11;

/// Name of an element type.
pub(crate) fn type_name(number: i64) -> String {
    usize::try_from(number)
        .ok()
        .and_then(|n| TYPES.get(n))
        .map_or_else(|| format!("type {number}"), |name| (*name).to_owned())
}

/// Elements of a constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    Float(Vec<f32>),
    Double(Vec<f64>),
    Int32(Vec<i32>),
    Int64(Vec<i64>),
}

/// A constant in row-major order; `dims` and the number of elements agree.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Tensor {
    pub(crate) dims: Vec<usize>,
    pub(crate) data: Data,
}

impl Tensor {
    /// A float tensor.
    pub(crate) fn float(dims: Vec<usize>, values: Vec<f32>) -> Self {
        Self {
            dims,
            data: Data::Float(values),
        }
    }

    /// Decodes a tensor of the file; sizes that it declares are checked against its bytes
    /// before anything is allocated.
    pub(crate) fn decode(proto: &TensorProto) -> Result<Self, String> {
        if proto.data_location != 0 {
            return Err(
                "its data are in another file; export with all weights inside the model".into(),
            );
        }
        let dims = dims(&proto.dims)?;
        let count = elements(&dims)?;
        let raw = proto.raw_data.as_deref().filter(|raw| !raw.is_empty());
        macro_rules! data {
            ($kind:ident, $type:ty, $field:ident) => {
                Data::$kind(match raw {
                    Some(raw) => {
                        const SIZE: usize = size_of::<$type>();
                        if raw.len() != count * SIZE {
                            return Err(length(&dims, count * SIZE, raw.len(), "bytes"));
                        }
                        let number = |bytes: &[u8]| {
                            let mut raw = [0; SIZE];
                            raw.copy_from_slice(bytes);
                            <$type>::from_le_bytes(raw)
                        };
                        raw.chunks_exact(SIZE).map(number).collect()
                    }
                    None if proto.$field.len() == count => proto.$field.clone(),
                    None => return Err(length(&dims, count, proto.$field.len(), "values")),
                })
            };
        }
        let data = match i64::from(proto.data_type) {
            FLOAT => data!(Float, f32, float_data),
            DOUBLE => data!(Double, f64, double_data),
            INT32 => data!(Int32, i32, int32_data),
            INT64 => data!(Int64, i64, int64_data),
            other => {
                return Err(format!(
                    "has type {}; supported are float32 weights, and float64, int32 and int64 \
                     constants",
                    type_name(other)
                ));
            }
        };
        let tensor = Self { dims, data };
        tensor.check_finite()?;
        Ok(tensor)
    }

    fn check_finite(&self) -> Result<(), String> {
        let found = match &self.data {
            Data::Float(values) => values
                .iter()
                .position(|v| !v.is_finite())
                .map(|at| (at, f64::from(values[at]))),
            Data::Double(values) => values
                .iter()
                .position(|v| !v.is_finite())
                .map(|at| (at, values[at])),
            Data::Int32(_) | Data::Int64(_) => None,
        };
        match found {
            Some((at, value)) => Err(format!(
                "element {at} is {value}; every parameter must be finite: train or export again"
            )),
            None => Ok(()),
        }
    }

    /// Name of the element type.
    pub(crate) fn type_name(&self) -> String {
        type_name(match self.data {
            Data::Float(_) => FLOAT,
            Data::Double(_) => DOUBLE,
            Data::Int32(_) => INT32,
            Data::Int64(_) => INT64,
        })
    }

    /// The elements, if they are float32.
    pub(crate) fn floats(&self) -> Result<&[f32], String> {
        match &self.data {
            Data::Float(values) => Ok(values),
            _ => Err(format!(
                "a constant has type {}; only float32 can be computed with",
                self.type_name()
            )),
        }
    }

    /// The elements as dimensions, if they are integers.
    pub(crate) fn integers(&self) -> Result<Vec<i64>, String> {
        match &self.data {
            Data::Int64(values) => Ok(values.clone()),
            Data::Int32(values) => Ok(values.iter().map(|v| i64::from(*v)).collect()),
            _ => Err(format!(
                "a shape has type {}; it must be int64",
                self.type_name()
            )),
        }
    }

    /// The same elements converted to the type numbered `to`.
    pub(crate) fn cast(&self, to: i64) -> Result<Self, String> {
        macro_rules! convert {
            ($type:ty) => {
                match &self.data {
                    Data::Float(values) => values.iter().map(|v| *v as $type).collect(),
                    Data::Double(values) => values.iter().map(|v| *v as $type).collect(),
                    Data::Int32(values) => values.iter().map(|v| *v as $type).collect(),
                    Data::Int64(values) => values.iter().map(|v| *v as $type).collect(),
                }
            };
        }
        let data = match to {
            FLOAT => Data::Float(convert!(f32)),
            DOUBLE => Data::Double(convert!(f64)),
            INT32 => Data::Int32(convert!(i32)),
            INT64 => Data::Int64(convert!(i64)),
            other => {
                return Err(format!(
                    "casts a constant to {}; supported are float32, float64, int32 and int64",
                    type_name(other)
                ));
            }
        };
        Ok(Self {
            dims: self.dims.clone(),
            data,
        })
    }
}

fn length(dims: &[usize], expected: usize, got: usize, unit: &str) -> String {
    format!("has {got} {unit}, its shape {dims:?} needs {expected}: the file is damaged")
}

/// Dimensions of the file as sizes.
pub(crate) fn dims(raw: &[i64]) -> Result<Vec<usize>, String> {
    raw.iter()
        .map(|d| match usize::try_from(*d) {
            Ok(d) if d > 0 => Ok(d),
            _ => Err(format!("dimension {d} of {raw:?} must be positive")),
        })
        .collect()
}

/// Number of elements, within [`MAX_ELEMENTS`].
pub(crate) fn elements(dims: &[usize]) -> Result<usize, String> {
    dims.iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .filter(|n| *n <= MAX_ELEMENTS)
        .ok_or_else(|| format!("shape {dims:?} has more elements than the limit of {MAX_ELEMENTS}"))
}

/// Shape that two shapes broadcast to, by numpy's rule.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let dim = |dims: &[usize], axis: usize| {
        // Missing leading axes count as 1.
        (axis + dims.len())
            .checked_sub(rank)
            .map_or(1, |at| dims[at])
    };
    let dims: Vec<usize> = (0..rank)
        .map(|axis| match (dim(a, axis), dim(b, axis)) {
            (a, b) if a == b => Ok(a),
            (1, d) | (d, 1) => Ok(d),
            _ => Err(format!("shapes {a:?} and {b:?} do not broadcast")),
        })
        .collect::<Result<_, _>>()?;
    elements(&dims)?;
    Ok(dims)
}

/// `values` of shape `from`, repeated to shape `to`, which [`broadcast`] gave.
pub(crate) fn expand<T: Copy>(values: &[T], from: &[usize], to: &[usize]) -> Vec<T> {
    let mut strides = vec![0usize; to.len()];
    let mut stride = 1;
    for axis in (0..from.len()).rev() {
        let at = axis + to.len() - from.len();
        strides[at] = if from[axis] == 1 { 0 } else { stride };
        stride *= from[axis];
    }
    let count = to.iter().product();
    (0..count)
        .map(|mut index| {
            let mut at = 0;
            for axis in (0..to.len()).rev() {
                at += index % to[axis] * strides[axis];
                index /= to[axis];
            }
            values[at]
        })
        .collect()
}
