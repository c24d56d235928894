//! What can be wrong with a structured reference string.

use std::io;
use std::path::PathBuf;

use super::MAX_K;
use crate::files::FileError;

/// Why an SRS cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SrsError {
    /// Reading or writing failed.
    #[error(transparent)]
    File(#[from] FileError),
    /// Not our format.
    #[error(
        "`{}` is not an SRS file of version 1: {what}; make one with `haloracle srs new` or \
         import one", .path.display()
    )]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A file that cannot be imported.
    #[error("could not import `{}`: {problem}", .path.display())]
    Import {
        /// The file.
        path: PathBuf,
        /// Why not.
        problem: ImportProblem,
    },
    /// A smaller SRS than asked for.
    #[error("the SRS holds 2^{available} points, but the circuit needs 2^{needed}")]
    TooSmall {
        /// Needed k.
        needed: u32,
        /// The file's k.
        available: u32,
    },
    /// k out of range.
    #[error("k = {k} is outside 1..={MAX_K}")]
    BadK {
        /// The k asked for.
        k: u32,
    },
    /// The points are not powers of one secret.
    #[error("the SRS is inconsistent: {0}")]
    Inconsistent(#[from] Inconsistency),
}

/// The check by pairings that fails.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Inconsistency {
    /// tau = 1: what a ceremony starts with.
    #[error("tau is 1, which everybody knows: nobody has contributed to this ceremony yet")]
    Trivial,
    /// The first power in G1 and the one in G2 differ.
    #[error("tau in G1 (point 1) and tau in G2 are different secrets, so no powers of tau follow")]
    Groups,
    /// A later point breaks the sequence.
    #[error(
        "the points of G1 are not successive powers of tau: point {index} is not tau times \
         point {}", .index - 1
    )]
    Power {
        /// Position of the first wrong point, from 0.
        index: usize,
    },
    /// The Lagrange basis is another one.
    #[error("the Lagrange points do not belong to the powers of tau")]
    Lagrange,
}

/// Why a file cannot be imported. Positions count from 0; sizes are bytes.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum ImportProblem {
    /// Reading failed.
    #[error("reading failed: {0}")]
    Io(#[from] io::Error),
    /// Neither magic bytes nor the size of a raw file.
    #[error(
        "this is no file that can be imported; known are .ptau files of snarkjs, raw parameters \
         of halo2 (`SerdeFormat::RawBytes`), and SRS files of this project"
    )]
    UnknownFormat,
    /// Compressed parameters of halo2.
    #[error(
        "this has the size of halo2 parameters for k = {k} with compressed points \
         (`SerdeFormat::Processed`), whose sign bits differ between versions of halo2; write \
         them with `SerdeFormat::RawBytes`"
    )]
    Compressed {
        /// The k that the file starts with.
        k: u32,
    },
    /// A raw file of the wrong size.
    #[error(
        "starts as raw halo2 parameters for k = {k}, which have {expected} bytes, but the file \
         has {found}: it is cut short, or something else"
    )]
    RawSize {
        /// The k that the file starts with.
        k: u32,
        /// Bytes that k needs.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// A file of this project that is damaged.
    #[error("not an SRS file of version 1: {0}")]
    Own(String),
    /// The file ends before a part of it does.
    #[error("the file is cut short: {part} ends at byte {end}, but the file has {length} bytes")]
    Truncated {
        /// Which part.
        part: &'static str,
        /// Where it ends.
        end: u64,
        /// The file's length.
        length: u64,
    },
    /// A version of the container that is not known.
    #[error("version {0} of the .ptau format is not known; known is 1")]
    Version(u32),
    /// A section that must be there once.
    #[error("section {id} ({name}) is there {count} times instead of once")]
    Section {
        /// snarkjs' number.
        id: u32,
        /// What it holds.
        name: &'static str,
        /// How often it is there.
        count: usize,
    },
    /// A header that does not have the header's size.
    #[error(
        "the header section has {0} bytes, but that of a BN254 ceremony has 44: this is a ceremony \
         for another curve, or damaged"
    )]
    Header(u64),
    /// A ceremony over another field.
    #[error(
        "the prime is 0x{found}, but BN254 has 0x{expected}: this is a ceremony for another curve"
    )]
    Prime {
        /// The file's prime.
        found: String,
        /// BN254's base field.
        expected: String,
    },
    /// A power that no BN254 ceremony has.
    #[error("power {0} is outside 1..=28, what BN254 allows")]
    Power(u32),
    /// Sections that have another size than the header's power says.
    #[error("power {power} needs {expected} bytes in section {id} ({name}), which has {found}")]
    SectionSize {
        /// The header's power.
        power: u32,
        /// snarkjs' number.
        id: u32,
        /// What it holds.
        name: &'static str,
        /// Bytes that the power needs.
        expected: u64,
        /// Bytes that are there.
        found: u64,
    },
    /// More points asked for than there are.
    #[error(
        "2^{asked} points were asked for, but the file holds 2^{available}: give a smaller --k"
    )]
    TooFew {
        /// The k asked for.
        asked: u32,
        /// The file's k.
        available: u32,
    },
    /// More points than can be used.
    #[error("k = {0} is outside 1..={MAX_K}, what this project can use: choose one with --k")]
    BadK(u32),
    /// Bytes that are no point.
    #[error(
        "{part} point {index} is not a finite point of the curve with coordinates below the prime"
    )]
    Point {
        /// Which list of points.
        part: &'static str,
        /// Position in it.
        index: usize,
    },
    /// Powers of another base point.
    #[error("{part} point 0 is not the curve's standard generator")]
    Generator {
        /// Which list of points.
        part: &'static str,
    },
    /// Points that are not powers of one secret.
    #[error(transparent)]
    Inconsistent(#[from] Inconsistency),
    /// Another file or SRS than the pinned one.
    #[error("the {what} is {found}, but --hash asks for {expected}: this is another {thing}")]
    Pin {
        /// What was hashed.
        what: &'static str,
        /// File or SRS.
        thing: &'static str,
        /// The hash.
        found: String,
        /// The pinned hash.
        expected: String,
    },
}
