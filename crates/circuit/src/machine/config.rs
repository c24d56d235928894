//! The constraint system of the narrow machine. It never depends on a model.
//!
//! Fixed columns (the program): lanes `w_0..w_{L-1}`, `q` (gates on), `s_one` and `s_rho`
//! (multiplier of the linear check), `op` (0 plain, 1 fold, 2 split, 3 saturate), `load`,
//! `act`, `digit` (weight of the z digit), `tag`, `table_range`, `table_tuple`.
//! Phase-1 advice (committed before any challenge): `z`, `n`, `r`, `m`, small and
//! non-negative. Phase-2 advice: `fold` (A), `check` (S), `helper` (h), `sum` (φ).
//! Challenges after phase 1: ρ (linear check), β (look-ups), α (separates tuples from ranges).
//!
//! With `'` for the next row, `W = Σ_l ρ^l w_l`, and the indicators of `op`
//! `fold(op) = [op = 1]`, `split(op) = [op ≥ 2]`, `sat(op) = [op = 3]` (cubics):
//! ```text
//! A      q (A' − W) − fold(op) ρ^L A                                                  = 0
//! S      q (S' − S (s_one + ρ s_rho) − load s_rho I − act (W − r) + digit (z − n) − load z A') = 0
//! split  q n (1 − split(op)) = 0,   split(op) z n = 0
//! sat    sat(op) z n' = 0,          sat(op) (digit − 1 − z)(z' + r') = 0
//! h      q (h f₁f₂f₃ − f₂f₃ − f₁f₃ − tag f₁f₂) = 0
//!        f₁ = β + z + n,  f₂ = β + r,  f₃ = β + α (z + 2^16 z' + 2^80 tag)
//! φ      q ((φ' − φ − h)(β + T + αU) + m) = 0
//! ends   load act S = 0,  load act φ = 0
//! ```
//! `load · act` is non-zero on the first and the last usable row only, `load · s_rho` on
//! instance rows only: no other row reads the instance column, so an instance beyond the
//! declared ones meets no constraint (the verifier fixes their count as well).
//! `digit` is 2^t on a saturating row, so `digit − 1` is the largest digit there.
//! Every term without `q` is multiplied by a flag that is zero on rows without `q`, except
//! `ends`, which is meant for the last usable row.
//!
//! Degree 5, the default cap of the proof system: see [`tests`] in `machine`.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use halo2_proofs::plonk::{
    Advice, Challenge, Column, ConstraintSystem, Expression, FirstPhase, Fixed, Instance,
    SecondPhase,
};
use halo2_proofs::poly::Rotation;

/// Weight lanes per row.
pub const LANES: usize = 4;
/// Largest degree of a gate; the quotient has `DEGREE − 1` pieces.
pub const DEGREE: usize = 5;
/// Bit position of a tuple's second component in its packed form.
pub const TUPLE_OUT_SHIFT: u32 = 16;
/// Bit position of a tuple's tag in its packed form.
pub const TUPLE_TAG_SHIFT: u32 = 80;

/// The machine's columns and challenges; holds no witness.
#[derive(Clone, Copy, Debug)]
pub struct MachineConfig {
    /// Weight lanes `w_l`.
    pub lanes: [Column<Fixed>; LANES],
    /// 1 on every usable row but the last.
    pub q: Column<Fixed>,
    /// Constant part of the linear check's multiplier.
    pub s_one: Column<Fixed>,
    /// Coefficient of ρ in the linear check's multiplier.
    pub s_rho: Column<Fixed>,
    /// 0 plain, 1 fold, 2 split, 3 split and saturate.
    pub op: Column<Fixed>,
    /// Adds `z A'` to the check; with `s_rho`, reads the instance; with `act`, marks the ends.
    pub load: Column<Fixed>,
    /// Coefficient of `W − r` in the check.
    pub act: Column<Fixed>,
    /// Coefficient of `−(z − n)` in the check.
    pub digit: Column<Fixed>,
    /// Function tag of the tuple `(z, z')`, or 0.
    pub tag: Column<Fixed>,
    /// Table side: range values.
    pub table_range: Column<Fixed>,
    /// Table side: packed tuples.
    pub table_tuple: Column<Fixed>,
    /// Digits; the only column under the permutation.
    pub z: Column<Advice>,
    /// Negative part of a split.
    pub n: Column<Advice>,
    /// Remainder of a requantization.
    pub r: Column<Advice>,
    /// Multiplicity of this row's table entry.
    pub m: Column<Advice>,
    /// `A`: weight fold.
    pub fold: Column<Advice>,
    /// `S`: linear check.
    pub check: Column<Advice>,
    /// `h`: sum of this row's look-up fractions.
    pub helper: Column<Advice>,
    /// `φ`: running sum of look-up fractions minus table fractions.
    pub sum: Column<Advice>,
    /// Public inputs.
    pub instance: Column<Instance>,
    /// ρ.
    pub rho: Challenge,
    /// β.
    pub beta: Challenge,
    /// α, drawn independently of β: were α a function of β, tuples could be forged.
    pub alpha: Challenge,
}

fn constant(value: u64) -> Expression<Fr> {
    Expression::Constant(Fr::from(value))
}

/// `[op = 1]`, `[op ≥ 2]`, `[op = 3]` on `op ∈ {0, 1, 2, 3}`, as cubics by interpolation.
fn indicators(op: &Expression<Fr>) -> [Expression<Fr>; 3] {
    let invert = |value: u64| Expression::Constant(Fr::from(value).invert().unwrap_or(Fr::ZERO));
    let minus = |value: u64| op.clone() - constant(value);
    let one = op.clone() * minus(2) * minus(3) * invert(2);
    let two = op.clone() * minus(1) * (constant(3) - op.clone()) * invert(2);
    let three = op.clone() * minus(1) * minus(2) * invert(6);
    [one, two + three.clone(), three]
}

impl MachineConfig {
    /// Lays down the columns and gates.
    ///
    /// # Side effects
    /// Enables equality on `z`.
    pub fn configure(meta: &mut ConstraintSystem<Fr>) -> Self {
        let lanes = std::array::from_fn(|_| meta.fixed_column());
        let [
            q,
            s_one,
            s_rho,
            op,
            load,
            act,
            digit,
            tag,
            table_range,
            table_tuple,
        ] = std::array::from_fn(|_| meta.fixed_column());
        let [z, n, r, m] = std::array::from_fn(|_| meta.advice_column_in(FirstPhase));
        let rho = meta.challenge_usable_after(FirstPhase);
        let beta = meta.challenge_usable_after(FirstPhase);
        let alpha = meta.challenge_usable_after(FirstPhase);
        let [fold, check, helper, sum] =
            std::array::from_fn(|_| meta.advice_column_in(SecondPhase));
        let instance = meta.instance_column();
        meta.enable_equality(z);
        let config = Self {
            lanes,
            q,
            s_one,
            s_rho,
            op,
            load,
            act,
            digit,
            tag,
            table_range,
            table_tuple,
            z,
            n,
            r,
            m,
            fold,
            check,
            helper,
            sum,
            instance,
            rho,
            beta,
            alpha,
        };
        config.linear_gates(meta);
        config.digit_gates(meta);
        config.lookup_gates(meta);
        config
    }

    /// `A`, `S` and the ends of `S` and `φ`.
    fn linear_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("fold: A' = W + fold rho^L A", |row| {
            let fixed = |row: &mut halo2_proofs::plonk::VirtualCells<'_, Fr>, c| {
                row.query_fixed(c, Rotation::cur())
            };
            let rho = row.query_challenge(config.rho);
            let lanes = config.lanes.map(|lane| fixed(row, lane));
            let weights = horner(&lanes, &rho);
            let q = fixed(row, config.q);
            let op = fixed(row, config.op);
            let [is_fold, _, _] = indicators(&op);
            let now = row.query_advice(config.fold, Rotation::cur());
            let next = row.query_advice(config.fold, Rotation::next());
            let shift = (0..LANES).fold(constant(1), |power, _| power * rho.clone());
            vec![q * (next - weights) - is_fold * (now * shift)]
        });
        meta.create_gate("linear check", |row| {
            let rho = row.query_challenge(config.rho);
            let lanes = config
                .lanes
                .map(|lane| row.query_fixed(lane, Rotation::cur()));
            let weights = horner(&lanes, &rho);
            let [q, s_one, s_rho, load, act, digit] = [
                config.q,
                config.s_one,
                config.s_rho,
                config.load,
                config.act,
                config.digit,
            ]
            .map(|c| row.query_fixed(c, Rotation::cur()));
            let [z, n, r, check] = [config.z, config.n, config.r, config.check]
                .map(|c| row.query_advice(c, Rotation::cur()));
            let next = row.query_advice(config.check, Rotation::next());
            let folded = row.query_advice(config.fold, Rotation::next());
            let instance = row.query_instance(config.instance, Rotation::cur());
            let multiplier = s_one + s_rho.clone() * rho;
            vec![
                q * (next
                    - check * multiplier
                    - load.clone() * (s_rho * instance + z.clone() * folded)
                    - act * (weights - r)
                    + digit * (z - n)),
            ]
        });
        meta.create_gate("ends", |row| {
            let [load, act] =
                [config.load, config.act].map(|c| row.query_fixed(c, Rotation::cur()));
            let [check, sum] =
                [config.check, config.sum].map(|c| row.query_advice(c, Rotation::cur()));
            let end = load * act;
            vec![end.clone() * check, end * sum]
        });
    }

    /// Unique splitting of an accumulator into `z − n`, and saturation.
    fn digit_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("split and saturate", |row| {
            let [q, op, digit] =
                [config.q, config.op, config.digit].map(|c| row.query_fixed(c, Rotation::cur()));
            let [z, n] = [config.z, config.n].map(|c| row.query_advice(c, Rotation::cur()));
            let [z_next, n_next, r_next] =
                [config.z, config.n, config.r].map(|c| row.query_advice(c, Rotation::next()));
            let [_, split, saturate] = indicators(&op);
            vec![
                q * n.clone() * (constant(1) - split.clone()),
                split * (z.clone() * n),
                saturate.clone() * (z.clone() * n_next),
                saturate * ((digit - constant(1) - z) * (z_next + r_next)),
            ]
        });
    }

    /// LogUp: every `z + n`, every `r` and every tagged tuple is in the table.
    fn lookup_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("look-up fractions", |row| {
            let beta = row.query_challenge(config.beta);
            let alpha = row.query_challenge(config.alpha);
            let [q, tag] = [config.q, config.tag].map(|c| row.query_fixed(c, Rotation::cur()));
            let [z, n, r, helper] = [config.z, config.n, config.r, config.helper]
                .map(|c| row.query_advice(c, Rotation::cur()));
            let z_next = row.query_advice(config.z, Rotation::next());
            let power = |bits: u32| Expression::Constant(Fr::from(2).pow([u64::from(bits)]));
            let tuple =
                z.clone() + z_next * power(TUPLE_OUT_SHIFT) + tag.clone() * power(TUPLE_TAG_SHIFT);
            let f1 = beta.clone() + z + n;
            let f2 = beta.clone() + r;
            let f3 = beta + alpha * tuple;
            let product = f1.clone() * f2.clone();
            vec![q * (helper * product.clone() * f3.clone() - (f1 + f2) * f3 - tag * product)]
        });
        meta.create_gate("look-up sum", |row| {
            let beta = row.query_challenge(config.beta);
            let alpha = row.query_challenge(config.alpha);
            let [q, range, tuple] = [config.q, config.table_range, config.table_tuple]
                .map(|c| row.query_fixed(c, Rotation::cur()));
            let [m, helper, sum] =
                [config.m, config.helper, config.sum].map(|c| row.query_advice(c, Rotation::cur()));
            let next = row.query_advice(config.sum, Rotation::next());
            vec![q * ((next - sum - helper) * (beta + range + alpha * tuple) + m)]
        });
    }
}

/// `Σ_l base^l terms_l`.
fn horner(terms: &[Expression<Fr>], base: &Expression<Fr>) -> Expression<Fr> {
    terms
        .iter()
        .rev()
        .cloned()
        .reduce(|sum, term| sum * base.clone() + term)
        .unwrap_or_else(|| constant(0))
}
