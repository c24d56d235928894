//! `pk.bin`: halo2's proving key behind a magic number, its structure checked before halo2 reads
//! it, because halo2 trusts every length it finds and panics on a short file.

use halo2_proofs::SerdeFormat;
use halo2_proofs::halo2curves::bn256::G1Affine;
use halo2_proofs::plonk::ProvingKey;
use haloracle_circuit::wide::WideCircuit;
use haloracle_circuit::{MachineCircuit, Shape};

const MAGIC: &[u8; 8] = b"HALOPK01";
const FORMAT: SerdeFormat = SerdeFormat::RawBytesUnchecked;

/// The file's bytes.
pub(crate) fn write(key: &ProvingKey<G1Affine>) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(key.to_bytes(FORMAT));
    bytes
}

/// Reads a key of a circuit with 2^k rows; the error is a sentence.
pub(crate) fn read(
    bytes: &[u8],
    shape: Shape,
    k: u32,
) -> Result<ProvingKey<G1Affine>, String> {
    let key = bytes.strip_prefix(MAGIC).ok_or("wrong magic bytes")?;
    check(key, shape, k).ok_or("not a proving key of this circuit")?;
    let key = match shape {
        Shape::Narrow => ProvingKey::from_bytes::<MachineCircuit>(key, FORMAT, ()),
        Shape::Wide => ProvingKey::from_bytes::<WideCircuit>(key, FORMAT, ()),
    };
    key.map_err(|error| error.to_string())
}

/// Walks halo2's layout: header (version, k, selector compression, number of fixed columns),
/// commitments, the three indicator polynomials, fixed values, fixed polynomials, then the
/// permutation's values and polynomials; each polynomial behind its length, each list behind its
/// count.
fn check(bytes: &[u8], shape: Shape, k: u32) -> Option<()> {
    let meta = shape.constraint_system();
    let fixed = meta.num_fixed_columns();
    let permuted = meta.permutation().get_columns().len();
    let mut reader = Reader(bytes);
    reader.expect(&[2])?;
    reader.expect(&k.to_le_bytes())?;
    reader.expect(&[0])?;
    reader.expect(&(fixed as u32).to_le_bytes())?;
    reader.take(64 * (fixed + permuted))?;
    let polynomial = |reader: &mut Reader<'_>| {
        reader.expect(&(1u32 << k).to_be_bytes())?;
        reader.take(32 << k).map(drop)
    };
    for _ in 0..3 {
        polynomial(&mut reader)?;
    }
    for count in [fixed, fixed, permuted, permuted] {
        reader.expect(&(count as u32).to_be_bytes())?;
        for _ in 0..count {
            polynomial(&mut reader)?;
        }
    }
    reader.0.is_empty().then_some(())
}

/// What is left to read.
struct Reader<'b>(&'b [u8]);

impl<'b> Reader<'b> {
    fn take(&mut self, count: usize) -> Option<&'b [u8]> {
        let (taken, rest) = self.0.split_at_checked(count)?;
        self.0 = rest;
        Some(taken)
    }

    fn expect(&mut self, wanted: &[u8]) -> Option<()> {
        (self.take(wanted.len())? == wanted).then_some(())
    }
}
