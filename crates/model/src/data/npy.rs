//! One numpy array: little-endian numbers in C order. Trusts no size that the header declares.

/// Numbers and their shape.
#[derive(Debug, PartialEq)]
pub(super) struct Array {
    pub(super) shape: Vec<usize>,
    pub(super) values: Vec<f64>,
}

/// Parses the bytes of an `.npy` file.
pub(super) fn parse(bytes: &[u8]) -> Result<Array, String> {
    let cut = || "cut short".to_owned();
    if bytes.get(..6) != Some(b"\x93NUMPY".as_slice()) {
        return Err("does not start as a numpy array".into());
    }
    let major = *bytes.get(6).ok_or_else(cut)?;
    let (start, len) = match major {
        1 => {
            let raw = bytes.get(8..10).ok_or_else(cut)?;
            (10, usize::from(u16::from_le_bytes([raw[0], raw[1]])))
        }
        2 | 3 => {
            let raw = bytes.get(8..12).ok_or_else(cut)?;
            let len = u32::from_le_bytes([raw[0], raw[1], raw[2], raw[3]]);
            (12, usize::try_from(len).map_err(|_| cut())?)
        }
        _ => return Err(format!("numpy format version {major} is not known")),
    };
    let end = start + len;
    let header = bytes.get(start..end).ok_or_else(cut)?;
    let header = std::str::from_utf8(header).map_err(|_| "header is not text".to_owned())?;
    if field(header, "fortran_order")?.starts_with("True") {
        return Err("is in Fortran order; save it with numpy.ascontiguousarray".into());
    }
    let kind = field(header, "descr")?;
    let kind = kind
        .trim_start_matches(['\'', '"'])
        .split(['\'', '"'])
        .next()
        .unwrap_or_default();
    let shape = shape(field(header, "shape")?)?;
    let (size, number) = reader(kind)?;
    let count = shape
        .iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .and_then(|n| n.checked_mul(size));
    let data = &bytes[end..];
    if count != Some(data.len()) {
        return Err(format!(
            "holds {} bytes, but shape {shape:?} of `{kind}` needs {}",
            data.len(),
            count.map_or("too many".into(), |n| n.to_string())
        ));
    }
    Ok(Array {
        shape,
        values: data.chunks_exact(size).map(number).collect(),
    })
}

/// What follows `'name':` in the header's dictionary.
fn field<'h>(header: &'h str, name: &str) -> Result<&'h str, String> {
    let at = header
        .find(&format!("'{name}'"))
        .ok_or_else(|| format!("header lacks `{name}`"))?;
    let rest = &header[at + name.len() + 2..];
    Ok(rest.trim_start().trim_start_matches(':').trim_start())
}

fn shape(text: &str) -> Result<Vec<usize>, String> {
    let inner = text
        .strip_prefix('(')
        .and_then(|t| t.split_once(')'))
        .ok_or("header's shape is not a tuple")?
        .0;
    let dims: Vec<usize> = inner
        .split(',')
        .map(str::trim)
        .filter(|d| !d.is_empty())
        .map(|d| d.parse().map_err(|_| format!("dimension `{d}`")))
        .collect::<Result<_, _>>()?;
    if dims.is_empty() {
        return Err("is a single number; expected rows".into());
    }
    Ok(dims)
}

/// Bytes per number, and how to read one.
type Reader = (usize, fn(&[u8]) -> f64);

fn reader(kind: &str) -> Result<Reader, String> {
    macro_rules! little_endian {
        ($type:ty) => {
            (size_of::<$type>(), |bytes| {
                let mut raw = [0; size_of::<$type>()];
                raw.copy_from_slice(bytes);
                <$type>::from_le_bytes(raw) as f64
            })
        };
    }
    Ok(match kind {
        "<f4" => little_endian!(f32),
        "<f8" => little_endian!(f64),
        "<i8" => little_endian!(i64),
        "<i4" => little_endian!(i32),
        "<i2" => little_endian!(i16),
        "|i1" => little_endian!(i8),
        "<u4" => little_endian!(u32),
        "<u2" => little_endian!(u16),
        "|u1" => little_endian!(u8),
        _ => {
            return Err(format!(
                "has type `{kind}`; supported are float32, float64 and integers, little-endian"
            ));
        }
    })
}
