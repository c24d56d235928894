//! The constraint system of the wide machine: four digits a row, for convolutions, trees, local
//! sums and private weights. It never depends on a model.
//!
//! Fixed columns (the program), with `'` for the next row and `k` from 0 to 3:
//! * `w_0..w_15`: weight lanes;
//! * `q`: gates on; `live`: 1 the row's cells are looked up, 0 they are free field elements,
//!   2 they are a Poseidon state, with lanes that mix it;
//! * `a_one`, `a_four`, `a_lanes`: multiplier of A, `a_one + a_four ρ^4 + a_lanes ρ^16`;
//! * `local`: the lanes are coefficients of this row's cells instead of a fold of weights;
//! * `vec`: coefficient of `Σ ρ^k z_k`; `act`, `digit`: of `−Σ ρ^k r_k` and `−Σ ρ^k (z_k − n_k)`;
//! * `close`: a position of the linear check ends; `product`: adds `D' A'`;
//! * `hold`: 0 D becomes `z_0` where `product` is set, else 0; 1 stays; 2 is multiplied by σ;
//!   3 takes the row's four cells in, `σ^4 D + Σ σ^k z_k`;
//! * `split`: cells may have a negative part; `max`: the next row's `z_0` is the largest of this
//!   row's; `kind`: 1 saturates, 2 an edge of a tree, 3 the feature that an edge compares;
//! * `tag`: the row's tuple is looked up under it; `table_range`, `table_tuple`: the table;
//!   `home`: this row's `z_0` belongs to its table entry.
//!
//! Phase-1 advice: `z_k`, `n_k`, `r_k`, `m`. Phase-2 advice: `fold` (A), `hand` (D), `check` (S),
//! three helpers `h_j`, `sum` (φ). Challenges after phase 1, all independent: ρ (channels),
//! σ (positions), β (look-ups), α (separates tuples from ranges).
//!
//! The gates stand in [`super::gates`].

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::plonk::{
    Advice, Challenge, Column, ConstraintSystem, FirstPhase, Fixed, Instance, SecondPhase,
};

/// Weight lanes per row.
pub const LANES: usize = 16;
/// Digits per row.
pub const CELLS: usize = 4;
/// Look-up helpers per row, three look-ups each.
pub const HELPERS: usize = 3;
/// Bits of one component of a packed tuple.
pub const TUPLE_BITS: u32 = 16;
/// Bit position of a tuple's tag in its packed form: five components come before it.
pub const TAG_SHIFT: u32 = 80;

/// The machine's columns and challenges; holds no witness.
#[derive(Clone, Copy, Debug)]
pub struct WideConfig {
    /// Weight lanes.
    pub lanes: [Column<Fixed>; LANES],
    /// 1 on every usable row but the last.
    pub q: Column<Fixed>,
    /// Whether and how the row's cells are bound.
    pub live: Column<Fixed>,
    /// Constant part of A's multiplier.
    pub a_one: Column<Fixed>,
    /// Coefficient of ρ^4 in A's multiplier.
    pub a_four: Column<Fixed>,
    /// Coefficient of ρ^16 in A's multiplier.
    pub a_lanes: Column<Fixed>,
    /// Lanes are local coefficients.
    pub local: Column<Fixed>,
    /// Coefficient of `Σ ρ^k z_k`.
    pub vec: Column<Fixed>,
    /// Coefficient of `−Σ ρ^k r_k`.
    pub act: Column<Fixed>,
    /// Coefficient of `−Σ ρ^k (z_k − n_k)`.
    pub digit: Column<Fixed>,
    /// Ends a position; with `product`, marks the ends of the program.
    pub close: Column<Fixed>,
    /// Adds `D' A'`.
    pub product: Column<Fixed>,
    /// What becomes of D.
    pub hold: Column<Fixed>,
    /// Negative parts are allowed.
    pub split: Column<Fixed>,
    /// Maximum of four.
    pub max: Column<Fixed>,
    /// Saturation and tree rows.
    pub kind: Column<Fixed>,
    /// Tag of the row's tuple, or 0.
    pub tag: Column<Fixed>,
    /// Table side: range values.
    pub table_range: Column<Fixed>,
    /// Table side: packed tuples.
    pub table_tuple: Column<Fixed>,
    /// Table side: adds `z_0` to the tuple.
    pub home: Column<Fixed>,
    /// Digits; under the permutation.
    pub z: [Column<Advice>; CELLS],
    /// Negative parts.
    pub n: [Column<Advice>; CELLS],
    /// Remainders, differences.
    pub r: [Column<Advice>; CELLS],
    /// Multiplicity of this row's table entry.
    pub m: Column<Advice>,
    /// `A`.
    pub fold: Column<Advice>,
    /// `D`.
    pub hand: Column<Advice>,
    /// `S`.
    pub check: Column<Advice>,
    /// `h_j`.
    pub helpers: [Column<Advice>; HELPERS],
    /// `φ`.
    pub sum: Column<Advice>,
    /// Public inputs; copied into free cells.
    pub instance: Column<Instance>,
    /// ρ.
    pub rho: Challenge,
    /// σ.
    pub sigma: Challenge,
    /// β.
    pub beta: Challenge,
    /// α.
    pub alpha: Challenge,
}

impl WideConfig {
    /// Lays down the columns and gates.
    ///
    /// # Side effects
    /// Enables equality on `z_0..z_3` and the instance column.
    pub fn configure(meta: &mut ConstraintSystem<Fr>) -> Self {
        let mut fixed = || meta.fixed_column();
        let lanes = std::array::from_fn(|_| fixed());
        let [q, live, a_one, a_four, a_lanes, local, vec, act, digit] =
            std::array::from_fn(|_| fixed());
        let [close, product, hold, split, max, kind, tag] = std::array::from_fn(|_| fixed());
        let [table_range, table_tuple, home] = std::array::from_fn(|_| fixed());
        let mut first = || std::array::from_fn(|_| meta.advice_column_in(FirstPhase));
        let (z, n, r) = (first(), first(), first());
        let m = meta.advice_column_in(FirstPhase);
        let [rho, sigma, beta, alpha] =
            std::array::from_fn(|_| meta.challenge_usable_after(FirstPhase));
        let [fold, hand, check] = std::array::from_fn(|_| meta.advice_column_in(SecondPhase));
        let helpers = std::array::from_fn(|_| meta.advice_column_in(SecondPhase));
        let sum = meta.advice_column_in(SecondPhase);
        let instance = meta.instance_column();
        for column in z {
            meta.enable_equality(column);
        }
        meta.enable_equality(instance);
        let config = Self {
            lanes,
            q,
            live,
            a_one,
            a_four,
            a_lanes,
            local,
            vec,
            act,
            digit,
            close,
            product,
            hold,
            split,
            max,
            kind,
            tag,
            table_range,
            table_tuple,
            home,
            z,
            n,
            r,
            m,
            fold,
            hand,
            check,
            helpers,
            sum,
            instance,
            rho,
            sigma,
            beta,
            alpha,
        };
        config.gates(meta);
        config
    }
}
