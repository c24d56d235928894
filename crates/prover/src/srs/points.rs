//! Points as files hold them.
//!
//! *Words*: big-endian canonical coordinates, the form of the EVM, in this project's own files.
//! *Montgomery*: each coordinate `c` as the little-endian bytes of `c 2^256 mod q`, x before y and
//! the real part before the imaginary one, in files of snarkjs and raw files of halo2. Either way
//! a point that is read is canonical, on its curve, in its group and not infinity.

use halo2_proofs::halo2curves::{
    CurveAffine,
    bn256::{Fq, Fq2, Fr, G1Affine, G2Affine},
    ff::Field,
    group::{Group, prime::PrimeCurveAffine},
    serde::SerdeObject,
};

use crate::transcript::{coordinate_from_word, coordinate_word};

/// Bytes of a G1 point, in either form.
pub(super) const G1_BYTES: usize = 64;
/// Bytes of a G2 point, in either form.
pub(super) const G2_BYTES: usize = 128;

/// The four words of a G2 point in EIP-197 order: imaginary parts first.
pub(super) fn g2_words(point: &G2Affine) -> [u8; G2_BYTES] {
    let mut words = [0; G2_BYTES];
    let parts = [point.x.c1, point.x.c0, point.y.c1, point.y.c0];
    for (to, part) in words.chunks_mut(32).zip(parts) {
        to.copy_from_slice(&coordinate_word(&part));
    }
    words
}

/// The point of [`g2_words`].
pub(super) fn g2_from_words(words: &[u8]) -> Option<G2Affine> {
    let mut parts = words.chunks(32).map(coordinate_from_word);
    let mut next = || parts.next().flatten();
    let [x1, x0, y1, y0] = [next()?, next()?, next()?, next()?];
    g2(Fq2::new(x0, x1), Fq2::new(y0, y1))
}

/// A G1 point in Montgomery form.
pub(super) fn g1_from_montgomery(bytes: &[u8]) -> Option<G1Affine> {
    let [x, y] = coordinates(bytes)?;
    let point: Option<G1Affine> = G1Affine::from_xy(x, y).into();
    point.filter(|point| !bool::from(point.is_identity()))
}

/// A G2 point in Montgomery form.
pub(super) fn g2_from_montgomery(bytes: &[u8]) -> Option<G2Affine> {
    let [x0, x1, y0, y1] = coordinates(bytes)?;
    g2(Fq2::new(x0, x1), Fq2::new(y0, y1))
}

/// Coordinates below the modulus; `None` if one is not, or the length is wrong.
fn coordinates<const N: usize>(bytes: &[u8]) -> Option<[Fq; N]> {
    let mut coordinates = [Fq::ZERO; N];
    if bytes.len() != 32 * N {
        return None;
    }
    for (to, bytes) in coordinates.iter_mut().zip(bytes.chunks(32)) {
        *to = Fq::from_raw_bytes(bytes)?;
    }
    Some(coordinates)
}

fn g2(x: Fq2, y: Fq2) -> Option<G2Affine> {
    let point: Option<G2Affine> = G2Affine::from_xy(x, y).into();
    // G2 has a cofactor: a point of the curve need not be of the group.
    let order_less_one = -Fr::ONE;
    point.filter(|point| {
        let last = point.to_curve() * order_less_one;
        !bool::from(point.is_identity()) && bool::from((last + point).is_identity())
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    /// A point of the curve that G2 lies on, but not of G2.
    fn outside_the_group() -> (Fq2, Fq2) {
        let candidates = (1..).map(|x| Fq2::new(Fq::from(x), Fq::ONE));
        let mut points = candidates.filter_map(|x| {
            let y: Option<Fq2> = (x.square() * x + G2Affine::b()).sqrt().into();
            Some((x, y?))
        });
        points.find(|(x, y)| g2(*x, *y).is_none()).unwrap()
    }

    #[test]
    fn a_point_of_the_twist_outside_g2_is_refused() {
        let (x, y) = outside_the_group();
        assert!(bool::from(G2Affine::from_xy(x, y).is_some()));
        let point = G2Affine { x, y };
        assert!(g2_from_words(&g2_words(&point)).is_none());
        assert!(g2_from_montgomery(&point.to_raw_bytes()).is_none());
    }

    #[test]
    fn both_forms_of_a_point_agree() {
        let point = G2Affine::from(G2Affine::generator() * Fr::from(77));
        assert_eq!(g2_from_words(&g2_words(&point)), Some(point));
        assert_eq!(g2_from_montgomery(&point.to_raw_bytes()), Some(point));
        let point = G1Affine::from(G1Affine::generator() * Fr::from(77));
        assert_eq!(g1_from_montgomery(&point.to_raw_bytes()), Some(point));
        assert_eq!(g1_from_montgomery(&[0; 64]), None);
        assert_eq!(g1_from_montgomery(&[1; 63]), None);
        assert_eq!(g2_from_montgomery(&[0; 128]), None);
        assert_eq!(g2_from_words(&[0; 128]), None);
    }
}
