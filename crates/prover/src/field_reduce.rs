//! Reduction of hashes into the scalar field.

use halo2_proofs::halo2curves::{bn256::Fr, ff::FromUniformBytes};

/// A big-endian 256-bit integer modulo r.
pub fn reduce(word: &[u8; 32]) -> Fr {
    let mut wide = [0; 64];
    for (to, from) in wide.iter_mut().zip(word.iter().rev()) {
        *to = *from;
    }
    Fr::from_uniform_bytes(&wide)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reduces_modulo_r() {
        let mut modulus = haloracle_circuit::field::to_word(&-Fr::from(1));
        modulus[31] += 1;
        assert_eq!(reduce(&modulus), Fr::from(0));
        modulus[31] += 5;
        assert_eq!(reduce(&modulus), Fr::from(5));
        let mut big = [0xff; 32];
        big[31] = 0xfe;
        assert_eq!(reduce(&[0xff; 32]) - reduce(&big), Fr::from(1));
    }
}
