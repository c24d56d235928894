//! SRS files. The first byte chooses: the file itself, or edits of a valid file of each format; the
//! second byte is the k that is asked for, if it is not 0.

use std::io::Cursor;

use halo2_proofs::SerdeFormat;
use haloracle_prover::{ImportOptions, Srs};

use crate::edit::edit;

/// A ceremony of power 4 made by snarkjs.
const PTAU: &[u8] = include_bytes!("../../prover/tests/fixtures/tau4.ptau");

fn small() -> Srs {
    Srs::unsafe_setup(2, [1; 32]).expect("k is in range")
}

fn raw() -> Vec<u8> {
    let mut raw = Vec::new();
    let params = small();
    let written = params
        .params()
        .write_custom(&mut raw, SerdeFormat::RawBytes);
    written.expect("memory takes it");
    raw
}

pub(crate) fn run(input: &[u8]) -> bool {
    let Some((&[kind, k], rest)) = input.split_first_chunk::<2>() else {
        return false;
    };
    let file = match kind % 4 {
        0 => rest.to_vec(),
        1 => edit(&small().to_bytes(), rest),
        2 => edit(&raw(), rest),
        _ => edit(PTAU, rest),
    };
    if kind % 4 < 2
        && let Ok(srs) = Srs::from_bytes(&file)
    {
        // Byte 8 is the flag of an unsafe SRS, which the known ones have whatever it says.
        assert!(
            srs.is_unsafe() || srs.to_bytes() == file,
            "another encoding"
        );
    }
    let options = ImportOptions {
        k: (k > 0).then(|| u32::from(k)),
        pin: None,
    };
    match Srs::import_from(&mut Cursor::new(&file), &options, &mut |_| {}) {
        Ok(srs) => {
            srs.check().expect("an imported SRS is consistent");
            let again = Srs::from_bytes(&srs.to_bytes()).expect("what is written is read");
            assert_eq!(again.hash(), srs.hash());
            true
        }
        Err(problem) => {
            assert!(!problem.to_string().is_empty());
            false
        }
    }
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    let whole = |bytes: &[u8]| [&[0, 0], bytes].concat();
    let mut seeds: Vec<Vec<u8>> = (1..4).map(|kind| vec![kind, 0]).collect();
    seeds.extend((1..4).map(|kind| vec![kind, 1]));
    seeds.extend((1..4).map(|kind| vec![kind, 0, 0, 100, 0, 1, 1]));
    seeds.extend([
        whole(&small().to_bytes()),
        whole(&raw()),
        whole(&PTAU[..200]),
    ]);
    seeds
}
