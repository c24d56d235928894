//! Protobuf: a file is read as a tree of fields without its schema, changed, and written with
//! lengths that fit.

use super::Random;

/// Nested deeper, bytes stay bytes.
const MAX_DEPTH: u32 = 10;

#[derive(Clone, Debug, PartialEq)]
enum Value {
    Varint(u64),
    Fixed64([u8; 8]),
    Bytes(Vec<u8>),
    Message(Vec<Field>),
    Fixed32([u8; 4]),
}

#[derive(Clone, Debug, PartialEq)]
struct Field {
    number: u64,
    value: Value,
}

/// Changes one to four fields of a message.
pub(super) fn mutate(bytes: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut fields = read(bytes, 0)?;
    for _ in 0..=random.below(4) {
        let total = count(&fields);
        let donor = pick(&mut fields, &mut random.below(total), &mut |list, at| {
            list[at].value.clone()
        });
        let mut donor = donor?;
        pick(&mut fields, &mut random.below(total), &mut |list, at| {
            change(list, at, &mut donor, random);
        });
    }
    let mut out = Vec::new();
    write(&fields, &mut out);
    Some(out)
}

/// The fields of a message, if `bytes` are one and not empty.
fn read(bytes: &[u8], depth: u32) -> Option<Vec<Field>> {
    let mut rest = bytes;
    let mut fields = Vec::new();
    while !rest.is_empty() {
        let tag = varint(&mut rest)?;
        let number = tag >> 3;
        let value = match tag & 7 {
            0 => Value::Varint(varint(&mut rest)?),
            1 => Value::Fixed64(*rest.split_off(..8)?.first_chunk()?),
            2 => {
                let length = usize::try_from(varint(&mut rest)?).ok()?;
                let content = rest.split_off(..length)?;
                let nested = if depth < MAX_DEPTH {
                    read(content, depth + 1)
                } else {
                    None
                };
                nested.map_or_else(|| Value::Bytes(content.to_vec()), Value::Message)
            }
            5 => Value::Fixed32(*rest.split_off(..4)?.first_chunk()?),
            _ => return None,
        };
        if number == 0 {
            return None;
        }
        fields.push(Field { number, value });
    }
    (!fields.is_empty()).then_some(fields)
}

fn varint(rest: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let byte = *rest.split_off_first()?;
        value |= u64::from(byte & 127) << shift;
        if byte < 128 {
            return Some(value);
        }
    }
    None
}

fn put(mut value: u64, out: &mut Vec<u8>) {
    while value > 127 {
        out.push(value as u8 | 128);
        value >>= 7;
    }
    out.push(value as u8);
}

fn write(fields: &[Field], out: &mut Vec<u8>) {
    for Field { number, value } in fields {
        let kind = match value {
            Value::Varint(_) => 0,
            Value::Fixed64(_) => 1,
            Value::Bytes(_) | Value::Message(_) => 2,
            Value::Fixed32(_) => 5,
        };
        put(number << 3 | kind, out);
        match value {
            Value::Varint(value) => put(*value, out),
            Value::Fixed64(bytes) => out.extend(bytes),
            Value::Fixed32(bytes) => out.extend(bytes),
            Value::Bytes(bytes) => {
                put(bytes.len() as u64, out);
                out.extend(bytes);
            }
            Value::Message(fields) => {
                let mut content = Vec::new();
                write(fields, &mut content);
                put(content.len() as u64, out);
                out.extend(content);
            }
        }
    }
}

fn count(fields: &[Field]) -> usize {
    let nested = |field: &Field| match &field.value {
        Value::Message(fields) => count(fields),
        _ => 0,
    };
    fields.iter().map(|field| 1 + nested(field)).sum()
}

/// Calls `then` with field `index` of the tree: its list and its place there.
fn pick<T>(
    fields: &mut Vec<Field>,
    index: &mut usize,
    then: &mut dyn FnMut(&mut Vec<Field>, usize) -> T,
) -> Option<T> {
    for at in 0..fields.len() {
        if *index == 0 {
            return Some(then(fields, at));
        }
        *index -= 1;
        if let Value::Message(nested) = &mut fields[at].value
            && let Some(done) = pick(nested, index, then)
        {
            return Some(done);
        }
    }
    None
}

fn change(list: &mut Vec<Field>, at: usize, donor: &mut Value, random: &mut Random) {
    match random.below(10) {
        0 => {
            list.remove(at);
        }
        1 => {
            let copies = 1 + random.below(3);
            let field = list[at].clone();
            list.splice(at..at, std::iter::repeat_n(field, copies));
        }
        2 => {
            let other = random.below(list.len());
            list.swap(at, other);
        }
        3 => list[at].value = donor.clone(),
        4 => list[at].number = 1 + random.below(20) as u64,
        5 => {
            let number = 1 + random.below(20) as u64;
            let value = donor.clone();
            list.insert(at, Field { number, value });
        }
        _ => value(&mut list[at].value, donor, random),
    }
}

fn value(value: &mut Value, donor: &Value, random: &mut Random) {
    match value {
        Value::Varint(number) => *number = random.number(),
        Value::Fixed64(bytes) => *bytes = float(random).to_le_bytes(),
        Value::Fixed32(bytes) => *bytes = (float(random) as f32).to_le_bytes(),
        Value::Bytes(bytes) => text(bytes, donor, random),
        // Packed numbers and names may look like messages.
        Value::Message(fields) => {
            let mut bytes = Vec::new();
            write(fields, &mut bytes);
            text(&mut bytes, donor, random);
            *value = Value::Bytes(bytes);
        }
    }
}

fn float(random: &mut Random) -> f64 {
    let odd = [
        0.0,
        -0.0,
        1.0,
        -1.5,
        1e30,
        -1e300,
        1e-40,
        f64::NAN,
        f64::INFINITY,
    ];
    random.of(&odd).copied().unwrap_or_default()
}

fn text(bytes: &mut Vec<u8>, donor: &Value, random: &mut Random) {
    let operators = haloracle_onnx::operators();
    let is_operator = operators
        .iter()
        .any(|operator| operator.name.as_bytes() == bytes);
    match random.below(7) {
        _ if is_operator => {
            let operator = random.of(operators);
            *bytes = operator.map_or(Vec::new(), |operator| operator.name.into());
        }
        0 => bytes.clear(),
        1 => bytes.truncate(random.below(bytes.len() + 1)),
        2 => bytes.extend_from_within(..),
        3 => {
            if let Value::Bytes(other) = donor {
                bytes.clone_from(other);
            }
        }
        4 => {
            let floats = bytes.len() / 4;
            let at = 4 * random.below(floats);
            let number = (float(random) as f32).to_le_bytes();
            for (to, from) in bytes.iter_mut().skip(at).zip(number) {
                *to = from;
            }
        }
        _ => {
            let at = random.below(bytes.len());
            if let Some(byte) = bytes.get_mut(at) {
                *byte = random.next() as u8;
            }
        }
    }
}
