//! Data files: the same rows from every kind, and errors that name file, row and column.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::PathBuf;

use haloracle_model::Dataset;
use tempfile::TempDir;

fn models() -> PathBuf {
    PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

/// Writes `bytes` as a file called `name` and reads it.
fn read(name: &str, bytes: &[u8]) -> Result<Dataset, String> {
    let dir = TempDir::new().unwrap();
    let path = dir.path().join(name);
    std::fs::write(&path, bytes).unwrap();
    Dataset::read(&path).map_err(|error| {
        let text = error.to_string();
        assert!(text.contains(name), "the file is missing in: {text}");
        text
    })
}

fn refuses(name: &str, bytes: &[u8], parts: &[&str]) {
    let text = read(name, bytes).unwrap_err();
    for part in parts {
        assert!(text.contains(part), "`{part}` is missing in: {text}");
    }
}

#[test]
fn npz_and_csv_of_the_credit_model_hold_the_same_rows() {
    let npz = Dataset::read(&models().join("credit_risk/calibration.npz")).unwrap();
    let csv = Dataset::read(&models().join("credit_risk/calibration.csv")).unwrap();
    assert_eq!(npz.x.len(), 400);
    assert_eq!(npz.y.as_ref().unwrap().len(), 400);
    assert_eq!(csv.names.as_ref().unwrap()[1], "debt_to_income_pct");
    for (a, b) in npz.x.iter().flatten().zip(csv.x.iter().flatten()) {
        assert!((a - b).abs() < 1e-4, "{a} against {b}");
    }
}

#[test]
fn json_in_all_its_forms() {
    let rows = vec![vec![1.0, -2.5], vec![3.0, 4e-3]];
    for key in ["input", "x", "input_data"] {
        let text = format!("{{\"{key}\": [[1, -2.5], [3, 4e-3]]}}");
        assert_eq!(read("a.json", text.as_bytes()).unwrap().x, rows);
    }
    let one = read(
        "a.json",
        b"{\"input\": [1, 2], \"names\": [\"a\", \"b\"], \"note\": \"n\"}",
    )
    .unwrap();
    assert_eq!(one.x, [[1.0, 2.0]]);
    assert_eq!(one.names.unwrap(), ["a", "b"]);
    let labelled = read("a.json", b"{\"input\": [[1, 2]], \"y\": [[0.5]]}").unwrap();
    assert_eq!(labelled.y.unwrap(), [[0.5]]);
}

#[test]
fn json_that_is_refused() {
    let cell =
        |value: &str| format!("{{\"names\": [\"a\", \"b\"], \"input\": [[1, 2], [3, {value}]]}}");
    for value in ["null", "true", "\"4\"", "[4]", "{}"] {
        refuses(
            "a.json",
            cell(value).as_bytes(),
            &["row 2, column 2 (`b`)", "not a finite number"],
        );
    }
    refuses("a.json", cell("NaN").as_bytes(), &["not valid JSON"]);
    refuses("a.json", cell("1e999").as_bytes(), &["not valid JSON"]);
    refuses(
        "a.json",
        b"{\"input\": [[1, 2], [3]]}",
        &["row 2 has 1 values, row 1 has 2"],
    );
    refuses("a.json", b"{\"input\": [[1, 2], 3]}", &["row 2 is 3"]);
    refuses("a.json", b"{\"input\": []}", &["no rows"]);
    refuses("a.json", b"{\"input\": [[]]}", &["no rows"]);
    refuses("a.json", b"{\"inputs\": [[1]]}", &["expected an object"]);
    refuses(
        "a.json",
        b"{\"input\": [[1]], \"rows\": 1}",
        &["unknown key `rows`"],
    );
    refuses(
        "a.json",
        b"{\"input\": [[1]], \"x\": [[1]]}",
        &["more than one"],
    );
    refuses(
        "a.json",
        b"{\"input\": [[1]], \"y\": [[1], [2]]}",
        &["y has 2 rows, x has 1"],
    );
    refuses(
        "a.json",
        b"{\"input\": [[1]], \"y\": [[null]]}",
        &["y: row 1, column 1"],
    );
    refuses(
        "a.json",
        b"{\"input\": [[1]], \"names\": [\"a\", \"b\"]}",
        &["2 feature names"],
    );
    refuses("a.json", b"[1, 2]", &["expected an object"]);
    refuses(
        "a.json",
        b"{\"input\": [[1, 2]",
        &["not valid JSON", "line 1"],
    );
    refuses("a.json", b"", &["not valid JSON"]);
    let deep = [vec![b'['; 100_000], vec![b']'; 100_000]].concat();
    refuses("a.json", &deep, &["not valid JSON"]);
}

#[test]
fn csv_with_and_without_header() {
    let rows = vec![vec![1.0, 2.0], vec![-3.5, 4.0]];
    let plain = read("a.csv", b"1,2\n-3.5, 4\n").unwrap();
    assert_eq!((plain.names, plain.x), (None, rows.clone()));
    let headed = read("a.csv", b"# comment\nage,\"income, yearly\"\n1,2\r\n-3.5,4").unwrap();
    assert_eq!(headed.names.unwrap(), ["age", "income, yearly"]);
    assert_eq!(headed.x, rows);
}

#[test]
fn csv_that_is_refused() {
    refuses(
        "a.csv",
        b"a,b\n1,2\n3,x\n",
        &["row 2, column 2 (`b`)", "`x`"],
    );
    refuses("a.csv", b"1,NaN\n", &["row 1, column 2", "NaN"]);
    refuses("a.csv", b"1,2\n1,inf\n", &["row 2, column 2", "inf"]);
    refuses("a.csv", b"1,2\n1,\n", &["row 2, column 2"]);
    refuses("a.csv", b"1,2\n1\n", &["row 2 has 1 values, row 1 has 2"]);
    refuses("a.csv", b"a,b\n1,2,3\n", &["2 feature names for rows of 3"]);
    refuses("a.csv", b"a,b\n", &["no rows"]);
    refuses("a.csv", b"", &["no rows"]);
    refuses("a.csv", b"1,\xff\n", &["not valid csv"]);
}

#[test]
fn other_files_are_refused() {
    refuses("a.txt", b"1", &[".json, .npz or .csv"]);
    refuses("json", b"1", &[".json, .npz or .csv"]);
    let missing = Dataset::read(&PathBuf::from("no/such.npz")).unwrap_err();
    assert!(missing.to_string().contains("no/such.npz"));
}

/// A zip archive with one stored entry, enough for a reader.
fn zip(entry: &str, data: &[u8]) -> Vec<u8> {
    let mut crc = !0u32;
    for byte in data {
        crc ^= u32::from(*byte);
        for _ in 0..8 {
            crc = (crc >> 1) ^ (0xEDB8_8320 & (crc & 1).wrapping_neg());
        }
    }
    let size = (data.len() as u32).to_le_bytes();
    let fields = [
        &[20, 0, 0, 0, 0, 0, 0, 0, 33, 0][..],
        &(!crc).to_le_bytes(),
        &size,
        &size,
        &(entry.len() as u16).to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    let local = [b"PK\x03\x04", &fields[..], entry.as_bytes(), data].concat();
    let central = [
        b"PK\x01\x02\x14\x00",
        &fields[..],
        &[0; 14],
        entry.as_bytes(),
    ]
    .concat();
    let end = [
        b"PK\x05\x06\0\0\0\0\x01\0\x01\0",
        &(central.len() as u32).to_le_bytes()[..],
        &(local.len() as u32).to_le_bytes(),
        &[0, 0],
    ]
    .concat();
    [local, central, end].concat()
}

fn npy(header: &str, data: &[u8]) -> Vec<u8> {
    let len = (header.len() as u16).to_le_bytes();
    [b"\x93NUMPY\x01\x00", &len[..], header.as_bytes(), data].concat()
}

#[test]
fn npz_arrays_of_several_types() {
    let header = "{'descr': '<f4', 'fortran_order': False, 'shape': (2, 2), }\n";
    let data: Vec<u8> = [1f32, 2.0, 3.0, -4.0]
        .iter()
        .flat_map(|v| v.to_le_bytes())
        .collect();
    let set = read("a.npz", &zip("x.npy", &npy(header, &data))).unwrap();
    assert_eq!(set.x, [[1.0, 2.0], [3.0, -4.0]]);
    let header = "{'descr': '|i1', 'fortran_order': False, 'shape': (3,), }";
    let set = read("a.npz", &zip("input.npy", &npy(header, &[1, 255, 3]))).unwrap();
    assert_eq!(set.x, [[1.0], [-1.0], [3.0]]);
}

#[test]
fn npz_that_is_refused() {
    let array = |header: &str, data: &[u8]| zip("x.npy", &npy(header, data));
    let header = |descr: &str, shape: &str| {
        format!("{{'descr': '{descr}', 'fortran_order': False, 'shape': {shape}, }}")
    };
    refuses("a.npz", b"not a zip", &["not a readable npz"]);
    refuses(
        "a.npz",
        &zip("z.npy", &npy(&header("<f4", "(1,)"), &[0; 4])),
        &["no array `x` or `input`", "z"],
    );
    refuses(
        "a.npz",
        &zip("x.npy", b"junk"),
        &["array `x`", "numpy array"],
    );
    refuses(
        "a.npz",
        &array(&header("<f4", "(2,)"), &[0; 4]),
        &["4 bytes", "needs 8"],
    );
    // Sizes that would overflow or exhaust memory if they were believed.
    refuses(
        "a.npz",
        &array(&header("<f8", "(4294967296, 4294967296)"), &[0; 8]),
        &["too many"],
    );
    refuses(
        "a.npz",
        &array(&header("<f8", "(1000000000000,)"), &[0; 8]),
        &["needs 8000000000000"],
    );
    refuses(
        "a.npz",
        &array(&header("<f8", "(99999999999999999999,)"), &[]),
        &["dimension"],
    );
    refuses(
        "a.npz",
        &array(&header("|O", "(1,)"), &[0; 8]),
        &["`|O`", "float32"],
    );
    refuses("a.npz", &array(&header(">f4", "(1,)"), &[0; 4]), &["`>f4`"]);
    refuses(
        "a.npz",
        &array(&header("<f4", "()"), &[0; 4]),
        &["single number"],
    );
    refuses("a.npz", &array(&header("<f4", "(0, 4)"), &[]), &["no rows"]);
    let fortran = "{'descr': '<f4', 'fortran_order': True, 'shape': (1, 1), }";
    refuses("a.npz", &array(fortran, &[0; 4]), &["Fortran"]);
    let nan = f32::NAN.to_le_bytes();
    refuses(
        "a.npz",
        &array(&header("<f4", "(1, 1)"), &nan),
        &["row 1, column 1", "NaN"],
    );
}

#[test]
fn a_damaged_archive_never_panics() {
    let bytes = std::fs::read(models().join("breast_cancer/logreg_std.npz")).unwrap();
    let dir = TempDir::new().unwrap();
    let path = dir.path().join("a.npz");
    for len in (0..bytes.len()).step_by(37) {
        std::fs::write(&path, &bytes[..len]).unwrap();
        assert!(Dataset::read(&path).is_err());
    }
    // Headers of the archive and of its arrays.
    let structure = (0..300).chain(bytes.len() - 300..bytes.len());
    for at in structure {
        for flip in [0x01, 0x80, 0xff] {
            let mut bytes = bytes.clone();
            bytes[at] ^= flip;
            std::fs::write(&path, &bytes).unwrap();
            let _ = Dataset::read(&path);
        }
    }
}
