//! Reading the SRS of a ceremony from other projects' files.
//!
//! | file | told by | read |
//! | --- | --- | --- |
//! | `.ptau` of snarkjs, BN254, version 1, prepared for phase 2 or not | magic `ptau` | τ powers in G1 and τ G2; the rest is skipped |
//! | raw parameters of halo2, `ParamsKZG::write_custom` with `SerdeFormat::RawBytes` | k and size | powers, τ G2, and the Lagrange points where the k is the file's |
//! | this project's SRS file | magic `HALOSRS1` | everything |
//!
//! Of the first two only the first 2^k points are read, so a file of 2^28 points needs no more
//! memory than a small one. Every point is checked to be on its curve, the first ones to be the
//! generators, and all of them by pairings to be the powers of one secret. That makes τ G2 stand
//! for all of them, and hence [`Srs::hash`] a sufficient pin.

mod pin;
mod ptau;
mod raw;
mod reader;

use std::fs::File;
use std::io::{Read, Seek};
use std::path::Path;

use halo2_proofs::halo2curves::bn256::{G1Affine, G2Affine};
use halo2_proofs::poly::commitment::ParamsProver;

pub(super) use self::pin::ceremony;
pub use self::pin::{Pin, PinError};
use self::reader::Reader;
use super::check::check_powers;
use super::{ImportProblem, MAX_K, Srs, SrsError, file};
use crate::files::FileError;

/// What to import.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// Take the first 2^k points only; all if absent.
    pub k: Option<u32>,
    /// Refuse everything else.
    pub pin: Option<Pin>,
}

/// A step of an import.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Stage {
    /// Hashing the file; in bytes.
    Hash,
    /// Reading points; in points.
    Read,
    /// Checking by pairings that they are powers of one secret.
    Check,
    /// Computing the Lagrange basis.
    Lagrange,
}

/// How far an import is: `done` of `total`; both 0 where that is not known.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The step.
    pub stage: Stage,
    /// What is done of it.
    pub done: u64,
    /// How much there is to do.
    pub total: u64,
}

/// The parts of an SRS in a file, read but not yet checked against each other.
struct Parts {
    k: u32,
    powers: Vec<G1Affine>,
    /// Where the file has a Lagrange basis of this size.
    lagrange: Option<Vec<G1Affine>>,
    secret: G2Affine,
}

impl Srs {
    /// Imports a file: see the table in the module's source for what is understood. `progress` is
    /// told how far it is.
    ///
    /// The result is [unsafe](Srs::is_unsafe) only if a file of this project says so or the secret
    /// is the public one of development.
    ///
    /// # Errors
    /// [`SrsError::Import`]: what is wrong with the file, or that it is not the pinned one.
    pub fn import(
        path: &Path,
        options: &ImportOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, SrsError> {
        let mut file = File::open(path).map_err(|source| FileError {
            action: "read",
            path: path.to_owned(),
            source,
        })?;
        Self::import_from(&mut file, options, progress).map_err(|problem| SrsError::Import {
            path: path.to_owned(),
            problem,
        })
    }

    /// As [`Srs::import`], from anything that can be read at any place.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn import_from<R: Read + Seek>(
        source: &mut R,
        options: &ImportOptions,
        progress: &mut dyn FnMut(Progress),
    ) -> Result<Self, ImportProblem> {
        let mut reader = Reader::new(source, progress)?;
        if let Some(Pin::File(expected)) = &options.pin {
            pin::check_file(expected, reader.hash()?)?;
        }
        let start = reader.start()?;
        let parts = if start.starts_with(ptau::MAGIC) {
            ptau::read(&mut reader, options)?
        } else if start == *file::MAGIC {
            return own(&mut reader, options);
        } else {
            raw::read(&mut reader, start, options)?
        };
        reader.tell(Stage::Check, 0, 0);
        if parts.powers.first() != Some(&G1Affine::generator()) {
            return Err(ImportProblem::Generator { part: "G1" });
        }
        check_powers(&parts.powers, &parts.secret)?;
        reader.tell(Stage::Lagrange, 0, 0);
        let srs = Self::assemble(parts.k, parts.powers, parts.lagrange, parts.secret);
        srs.check_lagrange()?;
        Ok(srs)
    }
}

/// Imports a file of this project.
fn own<R: Read + Seek>(
    reader: &mut Reader<'_, R>,
    options: &ImportOptions,
) -> Result<Srs, ImportProblem> {
    let srs = Srs::from_bytes(&reader.everything()?).map_err(ImportProblem::Own)?;
    pin::check_srs(options, &srs.params.s_g2())?;
    let k = choose(options, srs.k())?;
    reader.tell(Stage::Check, 0, 0);
    check_powers(srs.params().get_g(), &srs.params.s_g2())?;
    srs.check_lagrange()?;
    reader.tell(Stage::Lagrange, 0, 0);
    srs.truncate(k).map_err(|_| ImportProblem::BadK(k))
}

/// The k to import from a file that holds 2^`available` points.
fn choose(options: &ImportOptions, available: u32) -> Result<u32, ImportProblem> {
    let k = options.k.unwrap_or(available);
    if !(1..=MAX_K).contains(&k) {
        return Err(ImportProblem::BadK(k));
    }
    if k > available {
        return Err(ImportProblem::TooFew {
            asked: k,
            available,
        });
    }
    Ok(k)
}

/// Checks G2's generator and the pin, before the long part begins.
fn check_secret(
    options: &ImportOptions,
    generator: &G2Affine,
    secret: &G2Affine,
) -> Result<(), ImportProblem> {
    if *generator != G2Affine::generator() {
        return Err(ImportProblem::Generator { part: "G2" });
    }
    pin::check_srs(options, secret)
}
