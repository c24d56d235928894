//! Input and calibration data.

use std::fs;
use std::path::PathBuf;
use std::sync::OnceLock;

use haloracle_model::{DataError, Dataset};

use crate::zip::stored;

/// What every data set promises.
fn accepted(data: Result<Dataset, DataError>) -> bool {
    let data = match data {
        Ok(data) => data,
        Err(error) => {
            assert!(!error.to_string().is_empty());
            return false;
        }
    };
    let rows_are_sound = |rows: &[Vec<f64>]| {
        let width = rows.first().map_or(0, Vec::len);
        let sound = |row: &Vec<f64>| row.len() == width && row.iter().all(|v| v.is_finite());
        rows.iter().all(sound)
    };
    assert!(data.width() > 0, "no values");
    assert!(rows_are_sound(&data.x), "x is ragged or not finite");
    if let Some(y) = &data.y {
        assert!(rows_are_sound(y), "y is ragged or not finite");
        assert_eq!(y.len(), data.x.len(), "x and y differ");
    }
    if let Some(names) = &data.names {
        assert_eq!(names.len(), data.width(), "names and values differ");
    }
    true
}

/// Parses bytes as a file with that ending.
fn file(ending: &str, bytes: &[u8]) -> bool {
    static FOLDER: OnceLock<PathBuf> = OnceLock::new();
    let folder = FOLDER.get_or_init(|| {
        let name = format!("haloracle-fuzz-{}", std::process::id());
        let folder = std::env::temp_dir().join(name);
        fs::create_dir_all(&folder).expect("a temporary folder can be made");
        folder
    });
    let path = folder.join(format!("input.{ending}"));
    fs::write(&path, bytes).expect("the input can be written");
    accepted(Dataset::read(&path))
}

pub(crate) fn json(input: &[u8]) -> bool {
    accepted(Dataset::from_json("fuzz.json", input))
}

pub(crate) fn csv(input: &[u8]) -> bool {
    file("csv", input)
}

/// The first byte chooses: the archive itself, or the content of array `x`, or of `x` and `y`
/// split in the middle.
pub(crate) fn npz(input: &[u8]) -> bool {
    let Some((&kind, rest)) = input.split_first() else {
        return false;
    };
    match kind % 3 {
        0 => file("npz", rest),
        1 => file("npz", &stored(&[("x.npy", rest)])),
        _ => {
            let (x, y) = rest.split_at(rest.len() / 2);
            file("npz", &stored(&[("x.npy", x), ("y.npy", y)]))
        }
    }
}

/// One numpy array.
fn npy(kind: &str, shape: &str, data: &[u8]) -> Vec<u8> {
    let header = format!("{{'descr': '{kind}', 'fortran_order': False, 'shape': {shape}, }}\n");
    let length = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &length[..], header.as_bytes(), data].concat()
}

pub(crate) fn json_seeds() -> Vec<Vec<u8>> {
    let texts = [
        r#"{"input": [[1, 2.5, -3e2], [4, 5, 6]]}"#,
        r#"{"x": [1, 2], "names": ["a", "b"], "note": "n"}"#,
        r#"{"input_data": [[1], [2]], "y": [[0], [1]]}"#,
        r#"{"input": [[1, "2"]], "names": []}"#,
        "[[1, 2]]",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(crate) fn csv_seeds() -> Vec<Vec<u8>> {
    let texts = [
        "1,2,3\n4,5,6\n",
        "a,b\n1.5,-2e3\n",
        "\"a\"\"x\",\"b\nc\"\r\n1,2\r\n",
        "\u{feff}a,b\n1,2\n",
        "1,2\n3\n",
        "nan,1\n",
    ];
    texts.map(|text| text.as_bytes().to_vec()).to_vec()
}

pub(crate) fn npz_seeds() -> Vec<Vec<u8>> {
    let floats: Vec<u8> = [1.0f32, -2.5, 3.0, 4.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let x = npy("<f4", "(2, 2)", &floats);
    let y = npy("|u1", "(2,)", &[0, 1]);
    let archive = stored(&[("x.npy", &x), ("y.npy", &y)]);
    let both = [&[2], &x[..], &npy("<f4", "(2, 2)", &floats)].concat();
    vec![
        [&[0], &archive[..]].concat(),
        [&[1], &x[..]].concat(),
        both,
        [&[1], &npy("<i8", "(1, 2)", &[7; 16])[..]].concat(),
        [&[1], &npy("<f8", "(2,)", &[0; 16])[..]].concat(),
        [&[1], &npy("|i1", "(1, 2, 2)", &[1; 4])[..]].concat(),
    ]
}
