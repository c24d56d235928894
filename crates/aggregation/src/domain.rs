//! The inner circuit's rows: their number is a witness.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use haloracle_circuit::lower::{MAX_K, MIN_K};

use crate::rows::{Builder, Cell};

/// `2^k` rows, for one k between [`MIN_K`] and [`MAX_K`].
#[derive(Clone, Debug)]
pub(crate) struct Domain {
    /// `[k = MIN_K + i]`: bits, one of them set.
    bits: Vec<Cell>,
    /// k.
    pub(crate) k: Cell,
}

fn omega(k: u32) -> Fr {
    (k..Fr::S).fold(Fr::ROOT_OF_UNITY, |omega, _| omega.square())
}

impl Domain {
    pub(crate) fn new(builder: &mut Builder, k: u32) -> Self {
        let bits: Vec<Cell> = (MIN_K..=MAX_K)
            .map(|value| builder.witness(Fr::from(u64::from(value == k))))
            .collect();
        for bit in &bits {
            builder.boolean(*bit);
        }
        let mut domain = Self { k: bits[0], bits };
        let sum = domain.choose(builder, |_| Fr::ONE);
        let one = builder.constant(Fr::ONE);
        builder.equal(sum, one);
        domain.k = domain.choose(builder, |k| Fr::from(u64::from(k)));
        domain
    }

    /// The constant of the k that was chosen.
    fn choose(&self, builder: &mut Builder, of: impl Fn(u32) -> Fr) -> Cell {
        let mut sum = builder.constant(Fr::ZERO);
        for (k, bit) in (MIN_K..).zip(&self.bits) {
            sum = builder.add_scaled(sum, *bit, of(k));
        }
        sum
    }

    /// `ω^rotation`.
    pub(crate) fn root(&self, builder: &mut Builder, rotation: i32) -> Cell {
        let power = |k| {
            let root = match rotation < 0 {
                true => Option::from(omega(k).invert()).unwrap_or(Fr::ZERO),
                false => omega(k),
            };
            root.pow_vartime([u64::from(rotation.unsigned_abs())])
        };
        self.choose(builder, power)
    }

    /// `1 / 2^k`.
    pub(crate) fn inverse_rows(&self, builder: &mut Builder) -> Cell {
        let half: Fr = Option::from(Fr::from(2).invert()).unwrap_or(Fr::ZERO);
        self.choose(builder, |k| half.pow_vartime([u64::from(k)]))
    }

    /// `x^(2^k)`.
    pub(crate) fn power(&self, builder: &mut Builder, x: Cell) -> Cell {
        let mut power = x;
        let mut sum = builder.constant(Fr::ZERO);
        for k in 1..=MAX_K {
            power = builder.mul(power, power);
            if let Some(bit) = k.checked_sub(MIN_K).and_then(|i| self.bits.get(i as usize)) {
                sum = builder.mul_add(power, *bit, sum);
            }
        }
        sum
    }
}
