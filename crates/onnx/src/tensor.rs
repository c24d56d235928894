//! Constant tensors: decoding and conversion.

use crate::proto::TensorProto;
use crate::shape::elements;

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
/// `uint8`.
pub(crate) const UINT8: i64 = 2;
/// `int8`.
pub(crate) const INT8: i64 = 3;
const UINT16: i64 = 4;
const INT16: i64 = 5;
/// `int32`.
pub(crate) const INT32: i64 = 6;
/// `int64`.
pub(crate) const INT64: i64 = 7;
/// `string`.
pub(crate) const STRING: i64 = 8;
/// `bool`.
pub(crate) const BOOL: i64 = 9;
/// `float64`.
pub(crate) const DOUBLE: i64 = 11;
const UINT32: i64 = 12;
const UINT64: i64 = 13;

/// Name of an element type.
pub(crate) fn type_name(number: i64) -> String {
    usize::try_from(number)
        .ok()
        .and_then(|n| TYPES.get(n))
        .map_or_else(|| format!("type {number}"), |name| (*name).to_owned())
}

/// Smallest and largest value of an integer type.
pub(crate) fn range(number: i64) -> Option<(i64, i64)> {
    Some(match number {
        UINT8 => (0, u8::MAX.into()),
        INT8 => (i8::MIN.into(), i8::MAX.into()),
        UINT16 => (0, u16::MAX.into()),
        INT16 => (i16::MIN.into(), i16::MAX.into()),
        INT32 => (i32::MIN.into(), i32::MAX.into()),
        UINT32 => (0, u32::MAX.into()),
        INT64 => (i64::MIN, i64::MAX),
        UINT64 => (0, i64::MAX),
        BOOL => (0, 1),
        _ => return None,
    })
}

/// Elements of a constant.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Data {
    /// `float32`.
    Float(Vec<f32>),
    /// `float64`.
    Double(Vec<f64>),
    /// Integers and booleans, with the number of their type.
    Int(Vec<i64>, i64),
    /// Strings: class names.
    Text(Vec<String>),
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
        let data = Data::Float(values);
        Self { dims, data }
    }

    /// An int64 tensor.
    pub(crate) fn int64(dims: Vec<usize>, values: Vec<i64>) -> Self {
        let data = Data::Int(values, INT64);
        Self { dims, data }
    }

    /// A tensor of the type numbered `kind` from real numbers, rounded to that type.
    pub(crate) fn from_reals(dims: Vec<usize>, values: &[f64], kind: i64) -> Self {
        let data = match kind {
            DOUBLE => Data::Double(values.to_vec()),
            FLOAT => Data::Float(values.iter().map(|v| *v as f32).collect()),
            _ => Data::Int(values.iter().map(|v| *v as i64).collect(), kind),
        };
        Self { dims, data }
    }

    /// Decodes a tensor of the file; sizes that it declares are checked against its bytes
    /// before anything is allocated.
    pub(crate) fn decode(proto: &TensorProto) -> Result<Self, String> {
        let tensor = Self::decode_any(proto)?;
        tensor.check_finite()?;
        Ok(tensor)
    }

    /// As [`Self::decode`], for numbers that may be NaN or infinite.
    pub(crate) fn decode_any(proto: &TensorProto) -> Result<Self, String> {
        if proto.data_location != 0 {
            return Err(
                "its data are in another file; export with all weights inside the model".into(),
            );
        }
        let dims = dims(&proto.dims)?;
        let count = elements(&dims)?;
        let raw = proto.raw_data.as_deref().filter(|raw| !raw.is_empty());
        let kind = i64::from(proto.data_type);
        macro_rules! numbers {
            ($type:ty, $field:ident) => {
                match raw {
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
                        raw.chunks_exact(SIZE).map(number).collect::<Vec<$type>>()
                    }
                    None if proto.$field.len() == count => {
                        proto.$field.iter().map(|v| *v as $type).collect()
                    }
                    None => return Err(length(&dims, count, proto.$field.len(), "values")),
                }
            };
        }
        macro_rules! integers {
            ($type:ty, $field:ident) => {
                Data::Int(
                    numbers!($type, $field)
                        .into_iter()
                        .map(|v| v as i64)
                        .collect(),
                    kind,
                )
            };
        }
        let data = match kind {
            FLOAT => Data::Float(numbers!(f32, float_data)),
            DOUBLE => Data::Double(numbers!(f64, double_data)),
            INT32 => integers!(i32, int32_data),
            INT64 => integers!(i64, int64_data),
            UINT8 | BOOL => integers!(u8, int32_data),
            INT8 => integers!(i8, int32_data),
            UINT16 => integers!(u16, int32_data),
            INT16 => integers!(i16, int32_data),
            UINT32 => integers!(u32, uint64_data),
            STRING if proto.string_data.len() == count => Data::Text(texts(&proto.string_data)),
            STRING => return Err(length(&dims, count, proto.string_data.len(), "values")),
            other => {
                return Err(format!(
                    "has type {}; supported are float32 weights, and float64, integer, bool and \
                     string constants",
                    type_name(other)
                ));
            }
        };
        Ok(Self { dims, data })
    }

    fn check_finite(&self) -> Result<(), String> {
        let found = match &self.data {
            Data::Float(values) => {
                let at = values.iter().position(|v| !v.is_finite());
                at.map(|at| (at, f64::from(values[at])))
            }
            Data::Double(values) => {
                let at = values.iter().position(|v| !v.is_finite());
                at.map(|at| (at, values[at]))
            }
            Data::Int(..) | Data::Text(_) => None,
        };
        match found {
            Some((at, value)) => Err(format!(
                "element {at} is {value}; every parameter must be finite: train or export again"
            )),
            None => Ok(()),
        }
    }

    /// Number of elements.
    pub(crate) fn len(&self) -> usize {
        match &self.data {
            Data::Float(values) => values.len(),
            Data::Double(values) => values.len(),
            Data::Int(values, _) => values.len(),
            Data::Text(values) => values.len(),
        }
    }

    /// Number of the element type.
    pub(crate) fn kind(&self) -> i64 {
        match self.data {
            Data::Float(_) => FLOAT,
            Data::Double(_) => DOUBLE,
            Data::Int(_, kind) => kind,
            Data::Text(_) => STRING,
        }
    }

    /// The elements, if they are float32.
    pub(crate) fn floats(&self) -> Result<&[f32], String> {
        match &self.data {
            Data::Float(values) => Ok(values),
            _ => Err(format!(
                "a constant has type {}; only float32 can be computed with",
                type_name(self.kind())
            )),
        }
    }

    /// The elements as real numbers.
    pub(crate) fn reals(&self) -> Result<Vec<f64>, String> {
        Ok(match &self.data {
            Data::Float(values) => values.iter().map(|v| f64::from(*v)).collect(),
            Data::Double(values) => values.clone(),
            Data::Int(values, _) => values.iter().map(|v| *v as f64).collect(),
            Data::Text(_) => return Err("a constant holds strings; numbers are needed".into()),
        })
    }

    /// The only element, as a real number.
    pub(crate) fn scalar(&self) -> Result<f64, String> {
        match self.reals()?[..] {
            [value] => Ok(value),
            _ => Err(format!("has shape {:?}; one number is needed", self.dims)),
        }
    }

    /// The elements, if they are integers.
    pub(crate) fn integers(&self) -> Result<&[i64], String> {
        match &self.data {
            Data::Int(values, _) => Ok(values),
            _ => Err(format!(
                "a shape or index has type {}; it must be int64",
                type_name(self.kind())
            )),
        }
    }

    /// The elements at `indices`, in the shape `dims`.
    pub(crate) fn select(&self, dims: Vec<usize>, indices: &[usize]) -> Self {
        let data = match &self.data {
            Data::Float(values) => Data::Float(indices.iter().map(|at| values[*at]).collect()),
            Data::Double(values) => Data::Double(indices.iter().map(|at| values[*at]).collect()),
            Data::Int(values, kind) => {
                Data::Int(indices.iter().map(|at| values[*at]).collect(), *kind)
            }
            Data::Text(values) => {
                Data::Text(indices.iter().map(|at| values[*at].clone()).collect())
            }
        };
        Self { dims, data }
    }

    /// The same elements converted to the type numbered `to`.
    pub(crate) fn cast(&self, to: i64) -> Result<Self, String> {
        if let Data::Text(_) = self.data {
            if to == STRING {
                return Ok(self.clone());
            }
            return Err(format!("casts strings to {}", type_name(to)));
        }
        let data = match to {
            FLOAT => match &self.data {
                Data::Float(values) => Data::Float(values.clone()),
                _ => Data::Float(self.reals()?.iter().map(|v| *v as f32).collect()),
            },
            DOUBLE => Data::Double(self.reals()?),
            BOOL => Data::Int(
                self.reals()?.iter().map(|v| i64::from(*v != 0.0)).collect(),
                BOOL,
            ),
            _ => {
                let Some((lo, hi)) = range(to) else {
                    return Err(format!(
                        "casts a constant to {}; supported are float32, float64, bool and integers",
                        type_name(to)
                    ));
                };
                let values: Vec<i64> = match &self.data {
                    Data::Int(values, _) => values.clone(),
                    _ => self.reals()?.iter().map(|v| *v as i64).collect(),
                };
                if let Some(bad) = values.iter().find(|v| !(lo..=hi).contains(*v)) {
                    return Err(format!(
                        "casts {bad} to {}, which is too small for it",
                        type_name(to)
                    ));
                }
                Data::Int(values, to)
            }
        };
        Ok(Self {
            dims: self.dims.clone(),
            data,
        })
    }
}

/// Strings of the file; what is no UTF-8 is shown with replacement characters.
pub(crate) fn texts(raw: &[Vec<u8>]) -> Vec<String> {
    raw.iter()
        .map(|bytes| String::from_utf8_lossy(bytes).into_owned())
        .collect()
}

fn length(dims: &[usize], expected: usize, got: usize, unit: &str) -> String {
    format!("has {got} {unit}, its shape {dims:?} needs {expected}: the file is damaged")
}

/// Dimensions of the file as sizes.
fn dims(raw: &[i64]) -> Result<Vec<usize>, String> {
    raw.iter()
        .map(|d| {
            usize::try_from(*d)
                .map_err(|_| format!("dimension {d} of {raw:?} must not be negative"))
        })
        .collect()
}
