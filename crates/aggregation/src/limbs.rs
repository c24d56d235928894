//! The base field inside the scalar field.
//!
//! A number is a polynomial of limbs; it stands for its value at `B = 2^85`. An equation
//! `E(B) = 0 mod p` between such polynomials is shown by a quotient `q` and carries `c` with
//! $$E(X) = q(X)\,p(X) + (X - B)\,c(X)$$
//! as polynomials over the scalar field, at a random point ρ. All limbs are below 2^89 in size, so
//! the coefficients of both sides are far below the scalar field's modulus, the equation holds
//! over the integers, and at `X = B` the last term vanishes.

use halo2_proofs::halo2curves::bn256::{Fq, Fr};
use halo2_proofs::halo2curves::ff::PrimeField;
use haloracle_prover::poseidon::{LIMB_BITS, LIMBS};
use num_bigint::{BigInt, BigUint, Sign};
use num_integer::Integer;
use num_traits::{One, Signed, ToPrimitive, Zero};

/// Bits of the base `B`.
pub const BASE_BITS: usize = LIMB_BITS;
/// A limb row holds limbs from `−2^89` to `2^89 − 1`.
pub const OFFSET_BITS: usize = 89;
/// The base field's modulus, in limbs.
pub const MODULUS_LIMBS: [u128; LIMBS] = [
    0x11_ca8d_3c20_8c16_d87c_fd47,
    0x0d_b40c_0ac2_ecbc_0b54_8b43,
    0x0c_1913_9cb8_4c68_0a6e_1411,
];
/// Coefficients of an equation.
pub const DEGREE: usize = 5;
/// Carries of an equation.
pub const CARRIES: usize = DEGREE - 1;

/// A polynomial of signed limbs, lowest first, of any length up to [`DEGREE`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Polynomial(pub Vec<BigInt>);

impl Polynomial {
    /// The limbs of a base-field element.
    pub fn of(value: &Fq) -> Self {
        let limbs = haloracle_prover::poseidon::limbs(value);
        Self(limbs.into_iter().map(BigInt::from).collect())
    }

    /// A constant.
    pub fn constant(value: i64) -> Self {
        Self(vec![BigInt::from(value)])
    }

    fn zip(&self, other: &Self, op: impl Fn(&BigInt, &BigInt) -> BigInt) -> Self {
        let zero = BigInt::zero();
        let at = |p: &Self, i: usize| p.0.get(i).unwrap_or(&zero).clone();
        let length = self.0.len().max(other.0.len());
        Self(
            (0..length)
                .map(|i| op(&at(self, i), &at(other, i)))
                .collect(),
        )
    }

    /// Sum.
    pub fn plus(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a + b)
    }

    /// Difference.
    pub fn minus(&self, other: &Self) -> Self {
        self.zip(other, |a, b| a - b)
    }

    /// Product.
    pub fn times(&self, other: &Self) -> Self {
        let length = (self.0.len() + other.0.len()).saturating_sub(1);
        let mut product = vec![BigInt::zero(); length];
        for (i, a) in self.0.iter().enumerate() {
            for (j, b) in other.0.iter().enumerate() {
                product[i + j] += a * b;
            }
        }
        Self(product)
    }

    /// Times a small number.
    pub fn scaled(&self, factor: i64) -> Self {
        Self(self.0.iter().map(|limb| limb * factor).collect())
    }

    /// The integer that it stands for.
    pub fn value(&self) -> BigInt {
        let limbs = self.0.iter().rev();
        limbs.fold(BigInt::zero(), |sum, limb| (sum << BASE_BITS) + limb)
    }
}

/// The modulus.
pub fn modulus() -> BigInt {
    let limbs = MODULUS_LIMBS.map(BigInt::from);
    Polynomial(limbs.to_vec()).value()
}

/// Quotient and carries that show an equation.
#[derive(Clone, Debug)]
pub struct Shown {
    /// Lowest limb first.
    pub quotient: [BigInt; LIMBS],
    /// Lowest first.
    pub carries: [BigInt; CARRIES],
    /// Whether the equation holds and every limb fits its row.
    pub holds: bool,
}

/// Quotient and carries of `equation`. Where it does not hold, anything of the right form.
pub fn show(equation: &Polynomial) -> Shown {
    let p = modulus();
    let (quotient, rest) = equation.value().div_mod_floor(&p);
    let mut holds = rest.is_zero();
    let quotient = split(&quotient);
    let modulus = Polynomial(MODULUS_LIMBS.map(BigInt::from).to_vec());
    let difference = equation.minus(&modulus.times(&Polynomial(quotient.to_vec())));
    let mut carry = BigInt::zero();
    let mut carries: [BigInt; CARRIES] = Default::default();
    let base = BigInt::one() << BASE_BITS;
    for (index, slot) in carries.iter_mut().enumerate() {
        let coefficient = difference.0.get(index).cloned().unwrap_or_default();
        let (next, rest) = (&carry - coefficient).div_mod_floor(&base);
        holds &= rest.is_zero();
        carry = next;
        *slot = carry.clone();
    }
    let last = difference.0.get(CARRIES).cloned().unwrap_or_default();
    holds &= last == carry;
    holds &= quotient.iter().chain(&carries).all(fits);
    Shown {
        quotient,
        carries,
        holds,
    }
}

/// Limbs of a signed integer: all but the highest are not negative.
fn split(value: &BigInt) -> [BigInt; LIMBS] {
    let base = BigInt::one() << BASE_BITS;
    let mut rest = value.clone();
    std::array::from_fn(|index| {
        if index + 1 == LIMBS {
            return rest.clone();
        }
        let (high, low) = rest.div_mod_floor(&base);
        rest = high;
        low
    })
}

/// Whether a limb row can hold it.
pub fn fits(limb: &BigInt) -> bool {
    let bound = BigInt::one() << OFFSET_BITS;
    *limb >= -&bound && *limb < bound
}

/// A signed integer as a field element.
pub fn to_field(value: &BigInt) -> Fr {
    let bytes = (value.magnitude() % scalar_modulus()).to_bytes_le();
    let mut repr = [0; 32];
    repr[..bytes.len()].copy_from_slice(&bytes);
    let magnitude = Option::from(Fr::from_repr(repr)).unwrap_or_else(|| Fr::from(0));
    match value.sign() {
        Sign::Minus => -magnitude,
        _ => magnitude,
    }
}

/// The scalar field's modulus.
pub fn scalar_modulus() -> BigUint {
    to_integer(&-Fr::from(1)) + 1u8
}

/// The least integer that represents a scalar.
pub fn to_integer(value: &Fr) -> BigUint {
    BigUint::from_bytes_le(value.to_repr().as_ref())
}

/// The digits of a limb row: of the limb plus 2^89, lowest first. A limb that does not fit gives
/// digits of something else.
pub fn digits(limb: &BigInt) -> [u16; crate::config::DIGITS] {
    let shifted = limb + (BigInt::one() << OFFSET_BITS);
    let value = shifted.abs().to_u128().unwrap_or(0);
    let mask = (1 << crate::config::DIGIT_BITS) - 1;
    std::array::from_fn(|j| (value >> (j * crate::config::DIGIT_BITS) & mask) as u16)
}
