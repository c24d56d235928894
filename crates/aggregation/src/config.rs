//! The constraint system of the aggregation circuit: curve arithmetic over the other field,
//! Poseidon and plain arithmetic, one kind of row each.
//!
//! Fixed columns. A used row has exactly one mode:
//! * `limb` (1): a limb enters the fold of a polynomial in ρ;
//! * `step` (1): a point operation ends;
//! * `plain` (1): one multiplication and a linear combination;
//! * `hash` (1 full, 2 partial): a round of Poseidon;
//! * `entry` (1): a table entry; 2: an end of the look-up sum.
//!
//! `c_0..c_7` are operands of the row's mode, see [`super::gates`].
//!
//! Phase-1 advice: cells `d_0..d_5` (digits of a limb, operands, Poseidon state) and `w` (the
//! limb, a result, an index, a multiplicity). Challenges ρ (limbs), σ (equations of one point
//! operation). Phase-2 advice, all values of polynomials at ρ: `fold`, `slope` (λ), `x`, `y`,
//! `tx`, `ty` (a point read from a table). Challenges α (tuples), β (look-ups). Phase-3 advice:
//! helpers `h_0`, `h_1` and the running sum `φ`.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::{
    Advice, Challenge, Column, ConstraintSystem, FirstPhase, Fixed, Instance, SecondPhase,
    ThirdPhase,
};

/// Digits per limb.
pub const DIGITS: usize = 6;
/// Bits of a digit: the range table has 2^15 entries.
pub const DIGIT_BITS: usize = 15;
/// Operand columns.
pub const OPERANDS: usize = 8;

/// The columns and challenges; holds no witness.
#[derive(Clone, Copy, Debug)]
pub struct AggregationConfig {
    /// A limb is folded.
    pub limb: Column<Fixed>,
    /// A point operation ends.
    pub step: Column<Fixed>,
    /// Plain arithmetic.
    pub plain: Column<Fixed>,
    /// A round of Poseidon.
    pub hash: Column<Fixed>,
    /// A table entry, or an end.
    pub entry: Column<Fixed>,
    /// Operands of the row's mode.
    pub c: [Column<Fixed>; OPERANDS],
    /// Digits, operands, state; the first three are under the permutation.
    pub d: [Column<Advice>; DIGITS],
    /// Limb, result, index or multiplicity; under the permutation.
    pub w: Column<Advice>,
    /// Fold of limbs.
    pub fold: Column<Advice>,
    /// λ.
    pub slope: Column<Advice>,
    /// The point's x.
    pub x: Column<Advice>,
    /// The point's y, plus what its equations have collected.
    pub y: Column<Advice>,
    /// x of the point read.
    pub tx: Column<Advice>,
    /// y of the point read.
    pub ty: Column<Advice>,
    /// Look-up helpers, three digits each.
    pub helpers: [Column<Advice>; 2],
    /// Look-up sum.
    pub sum: Column<Advice>,
    /// Public instances.
    pub instance: Column<Instance>,
    /// ρ.
    pub rho: Challenge,
    /// σ.
    pub sigma: Challenge,
    /// α.
    pub alpha: Challenge,
    /// β.
    pub beta: Challenge,
}

impl AggregationConfig {
    /// Lays down the columns and gates.
    ///
    /// # Side effects
    /// Enables equality on `d_0..d_2`, `w` and the instance column.
    pub fn configure(meta: &mut ConstraintSystem<Fr>) -> Self {
        let [limb, step, plain, hash, entry] = std::array::from_fn(|_| meta.fixed_column());
        let c = std::array::from_fn(|_| meta.fixed_column());
        let d: [Column<Advice>; DIGITS] =
            std::array::from_fn(|_| meta.advice_column_in(FirstPhase));
        let w = meta.advice_column_in(FirstPhase);
        let [rho, sigma] = std::array::from_fn(|_| meta.challenge_usable_after(FirstPhase));
        let [fold, slope, x, y, tx, ty] =
            std::array::from_fn(|_| meta.advice_column_in(SecondPhase));
        // Drawn only now: what a row reads must be committed before it is compared with the table.
        let [alpha, beta] = std::array::from_fn(|_| meta.challenge_usable_after(SecondPhase));
        let helpers = std::array::from_fn(|_| meta.advice_column_in(ThirdPhase));
        let sum = meta.advice_column_in(ThirdPhase);
        let instance = meta.instance_column();
        for column in [d[0], d[1], d[2], w] {
            meta.enable_equality(column);
        }
        meta.enable_equality(instance);
        let config = Self {
            limb,
            step,
            plain,
            hash,
            entry,
            c,
            d,
            w,
            fold,
            slope,
            x,
            y,
            tx,
            ty,
            helpers,
            sum,
            instance,
            rho,
            sigma,
            alpha,
            beta,
        };
        config.gates(meta);
        config
    }
}

/// The constraint system.
pub fn constraint_system() -> ConstraintSystem<Fr> {
    let mut meta = ConstraintSystem::default();
    AggregationConfig::configure(&mut meta);
    meta
}
