//! Ceremonies made by other programs: what is read, what is refused, and with which words.
#![allow(clippy::unwrap_used, clippy::expect_used)]

mod ceremony;

use std::collections::BTreeSet;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::path::{Path, PathBuf};

use ceremony::{TAU4, import, k, pinned, ptau, raw, sections, whole};
use halo2_proofs::SerdeFormat;
use haloracle_prover::srs::{Inconsistency, Stage};
use haloracle_prover::{ImportOptions, ImportProblem, Pin, Srs, SrsError, files};

/// What `b2sum` prints.
const TAU4_FILE_HASH: &str = "85bd3f98d20a18b998c52031f8dd0ff3abf2ece785da2fcabffaeaa1d2d005c5\
                              e069feb5c2fcadc1d72366b5fecb2d4b9fffb6c2e6b22c3643126c0298ebeefb";
/// keccak-256 of the generators and the τ G2 that ffjavascript reads.
const TAU4_SRS_HASH: &str = "40e0539f769aebf94dc0de5afa55bfb793baba6c8dcf48ec8465e4cb00a20294";

#[test]
fn a_ceremony_of_snarkjs_is_read() {
    let srs = whole(TAU4).unwrap();
    assert_eq!(srs.k(), 4);
    assert_eq!(hex::encode(srs.hash()), TAU4_SRS_HASH);
    assert!(!srs.is_unsafe());
    assert_eq!(srs.ceremony(), None);
    srs.check().unwrap();
    // Our own file keeps it.
    let again = Srs::from_bytes(&srs.to_bytes()).unwrap();
    again.check().unwrap();
    assert_eq!(again.hash(), srs.hash());
    assert!(!again.is_unsafe());
    assert_eq!(whole(&srs.to_bytes()).unwrap().to_bytes(), srs.to_bytes());
}

#[test]
fn points_are_those_of_snarkjs() {
    let sections = sections(TAU4);
    for k in 1..=4 {
        let srs = import(TAU4, &ceremony::k(k)).unwrap();
        let bytes = raw(&srs, SerdeFormat::RawBytes);
        let (powers, lagrange) = bytes[4..4 + (128 << k)].split_at(64 << k);
        let of_snarkjs = &TAU4[sections[&2].clone()][..64 << k];
        assert_eq!(powers, of_snarkjs, "k = {k}");
        // Sizes 1, 2, 4, … follow each other; snarkjs takes another generator of the same roots
        // of unity, so its order differs.
        let start = sections[&12].start + 64 * ((1 << k) - 1);
        let of_snarkjs: BTreeSet<&[u8]> = TAU4[start..start + (64 << k)].chunks(64).collect();
        let ours: BTreeSet<&[u8]> = lagrange.chunks(64).collect();
        assert_eq!(ours.len(), 1 << k);
        assert_eq!(ours, of_snarkjs, "Lagrange points, k = {k}");
    }
}

#[test]
fn truncation_takes_the_first_points() {
    let all = whole(TAU4).unwrap();
    for size in 1..=4 {
        let part = import(TAU4, &k(size)).unwrap();
        part.check().unwrap();
        assert_eq!(part.to_bytes(), all.truncate(size).unwrap().to_bytes());
        assert_eq!(part.hash(), all.hash());
        // From each format.
        let raw = raw(&all, SerdeFormat::RawBytes);
        assert_eq!(import(&raw, &k(size)).unwrap().to_bytes(), part.to_bytes());
        let own = all.to_bytes();
        assert_eq!(import(&own, &k(size)).unwrap().to_bytes(), part.to_bytes());
    }
    assert!(matches!(
        import(TAU4, &k(5)),
        Err(ImportProblem::TooFew {
            asked: 5,
            available: 4
        })
    ));
    assert!(matches!(import(TAU4, &k(0)), Err(ImportProblem::BadK(0))));
    assert!(matches!(import(TAU4, &k(23)), Err(ImportProblem::BadK(23))));
}

#[test]
fn every_cut_is_an_error() {
    for length in 0..TAU4.len() {
        assert!(whole(&TAU4[..length]).is_err(), "{length} bytes");
    }
    let raw = raw(&whole(TAU4).unwrap(), SerdeFormat::RawBytes);
    for length in (0..raw.len()).step_by(7) {
        assert!(whole(&raw[..length]).is_err(), "{length} bytes");
    }
}

#[test]
fn raw_parameters_of_halo2_are_read() {
    let srs = whole(TAU4).unwrap();
    let bytes = raw(&srs, SerdeFormat::RawBytes);
    let read = whole(&bytes).unwrap();
    assert_eq!(read.to_bytes(), srs.to_bytes());
    assert!(!read.is_unsafe());

    let problem = |bytes: &[u8]| whole(bytes).unwrap_err().to_string();
    let compressed = raw(&srs, SerdeFormat::Processed);
    assert!(problem(&compressed).contains("SerdeFormat::RawBytes"));
    assert!(problem(&bytes[..bytes.len() - 1]).contains("which have 2308 bytes, but the file has"));
    let mut other = bytes.clone();
    other[0] = 5;
    assert!(problem(&other).contains("k = 5"));
    other[3] = 1;
    assert!(problem(&other).contains("no file that can be imported"));
    let lagrange = 4 + 64 * 16;
    let mut swapped = bytes.clone();
    for at in lagrange..lagrange + 64 {
        swapped.swap(at, at + 64);
    }
    assert!(matches!(
        whole(&swapped),
        Err(ImportProblem::Inconsistent(Inconsistency::Lagrange))
    ));
    // They are computed anew where fewer are wanted.
    import(&swapped, &k(3)).unwrap().check().unwrap();
    let mut off = bytes.clone();
    off[lagrange + 64 * 2] ^= 1;
    assert!(problem(&off).contains("Lagrange point 2"));
    let mut off = bytes.clone();
    off[4 + 64 * 2] ^= 1;
    assert!(problem(&off).contains("G1 point 2"));
    let mut off = bytes;
    let last = off.len() - 1;
    off[last] ^= 1;
    assert!(problem(&off).contains("G2 point 1"));
}

#[test]
fn pins_refuse_everything_else() {
    let file_pin: String = TAU4_FILE_HASH.split_whitespace().collect();
    for pin in [TAU4_SRS_HASH, &format!("0x{TAU4_SRS_HASH}"), &file_pin] {
        import(TAU4, &pinned(pin)).unwrap();
    }
    // The SRS hash holds for every format, the file's for one file.
    let srs = whole(TAU4).unwrap();
    for bytes in [raw(&srs, SerdeFormat::RawBytes), srs.to_bytes()] {
        import(&bytes, &pinned(TAU4_SRS_HASH)).unwrap();
        let problem = import(&bytes, &pinned(&file_pin)).unwrap_err().to_string();
        assert!(problem.contains("another file"), "{problem}");
        let problem = import(&bytes, &pinned("hermez")).unwrap_err().to_string();
        assert!(problem.contains("another ceremony"), "{problem}");
    }
    let mut beyond = TAU4.to_vec();
    *beyond.last_mut().unwrap() ^= 1;
    assert!(import(&beyond, &pinned(&file_pin)).is_err());
    import(&beyond, &pinned(TAU4_SRS_HASH)).unwrap();

    for text in [
        "",
        "0x",
        "hermes",
        &TAU4_SRS_HASH[1..],
        &file_pin[2..],
        "zz",
    ] {
        assert!(text.parse::<Pin>().is_err(), "{text}");
    }
}

#[test]
fn the_development_srs_stays_unsafe_in_every_format() {
    let seed = files::keccak(b"haloracle unsafe development srs v1");
    let development = Srs::unsafe_setup(5, seed).unwrap();
    let other = Srs::unsafe_setup(5, [8; 32]).unwrap();
    for (srs, is_unsafe) in [(&development, true), (&other, false)] {
        for bytes in [raw(srs, SerdeFormat::RawBytes), ptau(4, srs)] {
            assert_eq!(whole(&bytes).unwrap().is_unsafe(), is_unsafe);
        }
    }
    // What admits to be unsafe stays so.
    assert!(whole(&other.to_bytes()).unwrap().is_unsafe());
}

/// Counts what is read.
struct Counted<R> {
    inner: R,
    read: u64,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        self.read += count as u64;
        Ok(count)
    }
}

impl<R: Seek> Seek for Counted<R> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        self.inner.seek(to)
    }
}

/// Writes a file of power 28, nearly all of it a hole, whose first 2^k points are those of `srs`.
fn huge(path: &Path, srs: &Srs) {
    let small = ptau(srs.k() - 1, srs);
    let mut file = File::create(path).unwrap();
    let power = 28u32;
    let mut at = 12;
    file.write_all(&small[..12]).unwrap();
    for (id, part) in sections(&small) {
        let size = match id {
            1 => 44,
            2 => ((2u64 << power) - 1) * 64,
            _ => 128u64 << power,
        };
        file.seek(SeekFrom::Start(at)).unwrap();
        file.write_all(&id.to_le_bytes()).unwrap();
        file.write_all(&size.to_le_bytes()).unwrap();
        let mut content = small[part].to_vec();
        if id == 1 {
            content[36..40].copy_from_slice(&power.to_le_bytes());
        }
        file.write_all(&content).unwrap();
        at += 12 + size;
    }
    file.set_len(at).unwrap();
}

#[test]
fn a_file_of_2_to_the_28_points_is_read_no_further_than_needed() {
    let folder = tempfile::tempdir().unwrap();
    let path: PathBuf = folder.path().join("huge.ptau");
    let srs = Srs::unsafe_setup(11, [3; 32]).unwrap();
    huge(&path, &srs);
    let mut counted = Counted {
        inner: File::open(&path).unwrap(),
        read: 0,
    };
    assert!(counted.inner.metadata().unwrap().len() > 63 << 30);
    let mut points = 0;
    let read = Srs::import_from(&mut counted, &k(10), &mut |progress| {
        if progress.stage == Stage::Read {
            points = progress.total;
        }
    });
    assert_eq!(read.unwrap().hash(), srs.hash());
    assert_eq!(points, 1 << 10);
    assert!(counted.read < (1 << 10) * 64 + 1000, "{}", counted.read);
    // Without --k it says what to do, instead of reading 16 GiB.
    let error = Srs::import(&path, &ImportOptions::default(), &mut |_| {}).unwrap_err();
    assert!(matches!(error, SrsError::Import { .. }));
    let error = error.to_string();
    assert!(
        error.contains("huge.ptau") && error.contains("--k"),
        "{error}"
    );
}
