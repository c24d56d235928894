//! Reads parts of a file of known length. Nothing is allocated before the file is known to hold
//! it.

use std::io::{Read, Seek, SeekFrom};

use halo2_proofs::halo2curves::bn256::{G1Affine, G2Affine};
use rayon::prelude::*;

use super::{Progress, Stage};
use crate::srs::points::{G1_BYTES, G2_BYTES, g1_from_montgomery, g2_from_montgomery};
use crate::srs::{ImportProblem, MAX_K};

/// Points, or kibibytes / 16, that are read at once: 1 MiB.
const CHUNK: usize = 1 << 14;

/// A file, its length, and who wants to know how far it is read.
pub(super) struct Reader<'r, R> {
    source: &'r mut R,
    length: u64,
    progress: &'r mut dyn FnMut(Progress),
}

impl<'r, R: Read + Seek> Reader<'r, R> {
    pub(super) fn new(
        source: &'r mut R,
        progress: &'r mut dyn FnMut(Progress),
    ) -> Result<Self, ImportProblem> {
        let length = source.seek(SeekFrom::End(0))?;
        Ok(Self {
            source,
            length,
            progress,
        })
    }

    pub(super) fn length(&self) -> u64 {
        self.length
    }

    pub(super) fn tell(&mut self, stage: Stage, done: u64, total: u64) {
        (self.progress)(Progress { stage, done, total });
    }

    /// Goes to `at` if `size` bytes follow there; returns where they end.
    fn go(&mut self, at: u64, size: u64, part: &'static str) -> Result<u64, ImportProblem> {
        let end = at.saturating_add(size);
        if end > self.length {
            return Err(ImportProblem::Truncated {
                part,
                end,
                length: self.length,
            });
        }
        self.source.seek(SeekFrom::Start(at))?;
        Ok(end)
    }

    /// `N` bytes at `at`.
    pub(super) fn bytes<const N: usize>(
        &mut self,
        at: u64,
        part: &'static str,
    ) -> Result<[u8; N], ImportProblem> {
        self.go(at, N as u64, part)?;
        let mut bytes = [0; N];
        self.source.read_exact(&mut bytes)?;
        Ok(bytes)
    }

    /// A little-endian number at `at`.
    pub(super) fn u32(&mut self, at: u64, part: &'static str) -> Result<u32, ImportProblem> {
        Ok(u32::from_le_bytes(self.bytes(at, part)?))
    }

    /// A little-endian number at `at`.
    pub(super) fn u64(&mut self, at: u64, part: &'static str) -> Result<u64, ImportProblem> {
        Ok(u64::from_le_bytes(self.bytes(at, part)?))
    }

    /// The first bytes, which tell formats apart.
    pub(super) fn start(&mut self) -> Result<[u8; 8], ImportProblem> {
        if self.length < 8 {
            return Err(ImportProblem::UnknownFormat);
        }
        self.bytes(0, "the start")
    }

    /// The whole file, if it can be an SRS of this project.
    pub(super) fn everything(&mut self) -> Result<Vec<u8>, ImportProblem> {
        let most = 13 + ((G1_BYTES as u64) << (MAX_K + 1)) + 2 * G2_BYTES as u64;
        if self.length > most {
            let what = format!("{} bytes are more than k = {MAX_K} takes", self.length);
            return Err(ImportProblem::Own(what));
        }
        self.go(0, self.length, "the file")?;
        let mut bytes = Vec::new();
        self.source.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    /// BLAKE2b-512 of the whole file.
    pub(super) fn hash(&mut self) -> Result<[u8; 64], ImportProblem> {
        self.go(0, self.length, "the file")?;
        let mut state = blake2b_simd::State::new();
        let mut buffer = vec![0; CHUNK * G1_BYTES];
        let mut done = 0;
        loop {
            self.tell(Stage::Hash, done, self.length);
            let count = self.source.read(&mut buffer)?;
            if count == 0 {
                return Ok(*state.finalize().as_array());
            }
            state.update(&buffer[..count]);
            done += count as u64;
        }
    }

    /// `count` points of G1 at `at`, in Montgomery form; memory for no others.
    pub(super) fn g1(
        &mut self,
        at: u64,
        count: usize,
        part: &'static str,
    ) -> Result<Vec<G1Affine>, ImportProblem> {
        self.go(at, (count * G1_BYTES) as u64, part)?;
        let mut points = Vec::with_capacity(count);
        let mut buffer = vec![0; count.min(CHUNK) * G1_BYTES];
        while points.len() < count {
            self.tell(Stage::Read, points.len() as u64, count as u64);
            let size = (count - points.len()).min(CHUNK) * G1_BYTES;
            let bytes = &mut buffer[..size];
            self.source.read_exact(bytes)?;
            let decoded: Vec<Option<G1Affine>> =
                bytes.par_chunks(G1_BYTES).map(g1_from_montgomery).collect();
            for point in decoded {
                let index = points.len();
                points.push(point.ok_or(ImportProblem::Point { part, index })?);
            }
        }
        Ok(points)
    }

    /// Point `index` of a list of G2 points at `at`, in Montgomery form.
    pub(super) fn g2(
        &mut self,
        at: u64,
        index: usize,
        part: &'static str,
    ) -> Result<G2Affine, ImportProblem> {
        let bytes: [u8; G2_BYTES] = self.bytes(at + (index * G2_BYTES) as u64, part)?;
        g2_from_montgomery(&bytes).ok_or(ImportProblem::Point { part, index })
    }
}
