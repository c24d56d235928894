//! JSON: values are replaced, removed, repeated, exchanged.

use serde_json::{Number, Value, json};

use super::Random;

/// Changes one to four values of a JSON text.
pub(super) fn mutate(text: &[u8], random: &mut Random) -> Option<Vec<u8>> {
    let mut root: Value = serde_json::from_slice(text).ok()?;
    for _ in 0..=random.below(4) {
        let nodes = count(&root);
        let donor = pick(&mut root, &mut random.below(nodes)).cloned();
        let node = pick(&mut root, &mut random.below(nodes))?;
        change(node, donor?, random);
    }
    serde_json::to_vec(&root).ok()
}

fn count(value: &Value) -> usize {
    1 + match value {
        Value::Array(items) => items.iter().map(count).sum(),
        Value::Object(fields) => fields.values().map(count).sum(),
        _ => 0usize,
    }
}

/// Node `index` of the tree, itself being 0.
fn pick<'v>(value: &'v mut Value, index: &mut usize) -> Option<&'v mut Value> {
    if *index == 0 {
        return Some(value);
    }
    *index -= 1;
    match value {
        Value::Array(items) => items.iter_mut().find_map(|item| pick(item, index)),
        Value::Object(fields) => fields.values_mut().find_map(|field| pick(field, index)),
        _ => None,
    }
}

fn change(node: &mut Value, donor: Value, random: &mut Random) {
    match (random.below(8), &mut *node) {
        (0..3, Value::Number(_)) => *node = number(random),
        (0, Value::Array(items)) => {
            let at = random.below(items.len() + 1);
            items.insert(at, donor);
        }
        (1, Value::Array(items)) if !items.is_empty() => {
            items.remove(random.below(items.len()));
        }
        (2, Value::Array(items)) => {
            // Few, large: what grows without limit takes long or much memory.
            let times = 1 << random.below(9);
            if let Some(item) = random.of(items).cloned() {
                items.extend(std::iter::repeat_n(item, times));
            }
        }
        (3, Value::Array(items)) => {
            let (a, b) = (random.below(items.len()), random.below(items.len()));
            if a < items.len() && b < items.len() {
                items.swap(a, b);
            }
        }
        (0, Value::Object(fields)) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            if let Some(name) = random.of(&names) {
                fields.remove(name);
            }
        }
        (1, Value::Object(fields)) => {
            fields.insert("unheard-of".into(), donor);
        }
        (2, Value::Object(fields)) => {
            let names: Vec<String> = fields.keys().cloned().collect();
            if let Some(name) = random.of(&names) {
                fields.insert(name.clone(), donor);
            }
        }
        (3, Value::String(text)) => {
            let longer = text.repeat(1 << random.below(6));
            *text = longer;
        }
        (4, _) => *node = donor,
        (5, _) => {
            let odd = [json!(null), json!(""), json!([]), json!({}), json!(true)];
            *node = random.of(&odd).cloned().unwrap_or_default();
        }
        _ => *node = number(random),
    }
}

fn number(random: &mut Random) -> Value {
    let number = random.number();
    match random.below(4) {
        0 => json!(number),
        1 => json!(number as i64),
        2 => json!(number as i32),
        _ => {
            let float = f64::from_bits(random.next());
            let float = if random.below(2) == 0 {
                float
            } else {
                number as f64 / 7.0
            };
            Number::from_f64(float).map_or(json!(1e308), Value::Number)
        }
    }
}
