//! `.ptau` files of snarkjs.
//!
//! Little-endian throughout: magic `ptau`, version (u32), number of sections (u32), then sections:
//! id (u32), size (u64), content. Read are 1, the header: bytes per coordinate (u32), the prime,
//! `power` (u32), the ceremony's power (u32); 2: 2^(power+1) − 1 powers of τ in G1; 3: 2^power
//! powers of τ in G2. Points are in Montgomery form.

use std::io::{Read, Seek};

use halo2_proofs::halo2curves::bn256::Fq;
use halo2_proofs::halo2curves::ff::PrimeField;

use super::reader::Reader;
use super::{ImportOptions, Parts, check_secret, choose};
use crate::srs::ImportProblem;
use crate::srs::points::{G1_BYTES, G2_BYTES};

/// First bytes.
pub(super) const MAGIC: &[u8] = b"ptau";
/// Largest power: 2^28 is the order of the scalar field's largest subgroup of that kind.
const MAX_POWER: u32 = 28;
/// Bytes of a BN254 coordinate.
const COORDINATE: u32 = 32;
/// snarkjs writes eleven; a file that claims more is not worth walking through.
const MAX_SECTIONS: u32 = 64;

/// The sections that are read.
const HEADER: (u32, &str) = (1, "header");
const TAU_G1: (u32, &str) = (2, "tau powers in G1");
const TAU_G2: (u32, &str) = (3, "tau powers in G2");

/// Where a section's content lies.
#[derive(Clone, Copy)]
struct Section {
    id: u32,
    at: u64,
    size: u64,
}

pub(super) fn read<R: Read + Seek>(
    reader: &mut Reader<'_, R>,
    options: &ImportOptions,
) -> Result<Parts, ImportProblem> {
    let sections = sections(reader)?;
    let header = find(&sections, HEADER)?;
    let power = power(reader, header)?;
    let g1 = sized(
        &sections,
        TAU_G1,
        power,
        ((2 << power) - 1) * G1_BYTES as u64,
    )?;
    let g2 = sized(&sections, TAU_G2, power, (1 << power) * G2_BYTES as u64)?;
    let k = choose(options, power)?;
    let [generator, secret] = [0, 1].map(|index| reader.g2(g2.at, index, "G2"));
    let secret = secret?;
    check_secret(options, &generator?, &secret)?;
    Ok(Parts {
        k,
        powers: reader.g1(g1.at, 1 << k, "G1")?,
        lagrange: None,
        secret,
    })
}

/// Finds every section; each must lie inside the file.
fn sections<R: Read + Seek>(reader: &mut Reader<'_, R>) -> Result<Vec<Section>, ImportProblem> {
    let version = reader.u32(4, "the version")?;
    if version != 1 {
        return Err(ImportProblem::Version(version));
    }
    let count = reader.u32(8, "the number of sections")?;
    let mut sections = Vec::new();
    let mut at = 12;
    for _ in 0..count.min(MAX_SECTIONS) {
        let id = reader.u32(at, "a section's head")?;
        let size = reader.u64(at + 4, "a section's head")?;
        at += 12;
        let end = at.saturating_add(size);
        if end > reader.length() {
            return Err(ImportProblem::Truncated {
                part: part(id),
                end,
                length: reader.length(),
            });
        }
        sections.push(Section { id, at, size });
        at = end;
    }
    Ok(sections)
}

fn part(id: u32) -> &'static str {
    match id {
        1 => "section 1 (header)",
        2 => "section 2 (tau powers in G1)",
        3 => "section 3 (tau powers in G2)",
        _ => "a section that is not needed",
    }
}

fn find(sections: &[Section], (id, name): (u32, &'static str)) -> Result<Section, ImportProblem> {
    let mut found = sections.iter().filter(|section| section.id == id);
    match (found.next(), found.count()) {
        (Some(section), 0) => Ok(*section),
        (first, more) => Err(ImportProblem::Section {
            id,
            name,
            count: usize::from(first.is_some()) + more,
        }),
    }
}

/// Finds a section whose size follows from the header.
fn sized(
    sections: &[Section],
    kind: (u32, &'static str),
    power: u32,
    expected: u64,
) -> Result<Section, ImportProblem> {
    let section = find(sections, kind)?;
    if section.size != expected {
        return Err(ImportProblem::SectionSize {
            power,
            id: kind.0,
            name: kind.1,
            expected,
            found: section.size,
        });
    }
    Ok(section)
}

/// Checks the header's prime and returns its power.
fn power<R: Read + Seek>(
    reader: &mut Reader<'_, R>,
    header: Section,
) -> Result<u32, ImportProblem> {
    let part = part(HEADER.0);
    // Another curve's prime may have another size: read the size first.
    if header.size < 4 || reader.u32(header.at, part)? != COORDINATE || header.size != 44 {
        return Err(ImportProblem::Header(header.size));
    }
    let mut prime: [u8; 32] = reader.bytes(header.at + 4, part)?;
    prime.reverse();
    let found = hex::encode(prime);
    let expected = Fq::MODULUS.trim_start_matches("0x");
    if found != expected {
        return Err(ImportProblem::Prime {
            found,
            expected: expected.into(),
        });
    }
    let power = reader.u32(header.at + 36, part)?;
    if !(1..=MAX_POWER).contains(&power) {
        return Err(ImportProblem::Power(power));
    }
    Ok(power)
}
