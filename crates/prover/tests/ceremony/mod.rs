//! Ceremony files, made and taken apart.
#![allow(dead_code, clippy::unwrap_used, clippy::expect_used)]

use std::collections::BTreeMap;
use std::io::Cursor;
use std::ops::Range;

use halo2_proofs::SerdeFormat;
use haloracle_prover::{ImportOptions, ImportProblem, Srs};

/// A ceremony of power 4 made by snarkjs.
pub(crate) const TAU4: &[u8] = include_bytes!("../fixtures/tau4.ptau");

pub(crate) fn import(bytes: &[u8], options: &ImportOptions) -> Result<Srs, ImportProblem> {
    Srs::import_from(&mut Cursor::new(bytes), options, &mut |_| {})
}

pub(crate) fn whole(bytes: &[u8]) -> Result<Srs, ImportProblem> {
    import(bytes, &ImportOptions::default())
}

pub(crate) fn k(k: u32) -> ImportOptions {
    ImportOptions {
        k: Some(k),
        ..ImportOptions::default()
    }
}

pub(crate) fn pinned(text: &str) -> ImportOptions {
    ImportOptions {
        pin: Some(text.parse().expect("a pin")),
        ..ImportOptions::default()
    }
}

/// Where each section of a `.ptau` file lies.
pub(crate) fn sections(file: &[u8]) -> BTreeMap<u32, Range<usize>> {
    let u32_at = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let mut at = 12;
    let mut sections = BTreeMap::new();
    for _ in 0..u32_at(8) {
        let size = u64::from_le_bytes(file[at + 4..at + 12].try_into().unwrap()) as usize;
        sections.insert(u32_at(at), at + 12..at + 12 + size);
        at += 12 + size;
    }
    sections
}

/// Raw parameters as halo2 writes them.
pub(crate) fn raw(srs: &Srs, format: SerdeFormat) -> Vec<u8> {
    let mut bytes = Vec::new();
    srs.params().write_custom(&mut bytes, format).unwrap();
    bytes
}

/// A `.ptau` file of power `power` with the points of `srs`, whose k is one more.
pub(crate) fn ptau(power: u32, srs: &Srs) -> Vec<u8> {
    let points = raw(srs, SerdeFormat::RawBytes);
    let (g1, g2) = points[4..].split_at((2 << (power + 1)) * 64);
    let mut header = 32u32.to_le_bytes().to_vec();
    header.extend(&TAU4[28..60]);
    header.extend(power.to_le_bytes().repeat(2));
    let mut tau_g2 = g2.to_vec();
    tau_g2.resize(128 << power, 0);
    let contents = [header, g1[..((2 << power) - 1) * 64].to_vec(), tau_g2];
    let mut file = [&b"ptau"[..], &1u32.to_le_bytes(), &3u32.to_le_bytes()].concat();
    for (id, content) in (1u32..).zip(contents) {
        file.extend(id.to_le_bytes());
        file.extend((content.len() as u64).to_le_bytes());
        file.extend(content);
    }
    file
}
