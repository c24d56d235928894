//! The gates, of degree 5. With `B = 2^85`, `p(ρ)` the base field's modulus as a polynomial of
//! limbs, and `'` for the next row:
//! ```text
//! limb   w = Σ_j 2^(15 j) d_j − 2^89
//!        fold'  = c_0 ρ fold + w
//!        slope' = slope + c_5 (fold − slope)
//!        x'     = x + c_6 (fold − x)
//!        y'     = (1 − c_7) y + fold ((c_1 + c_3 σ) p(ρ) + (c_2 + c_4 σ)(ρ − B))
//! step   c_0 addition, c_1 doubling, c_2 loading, c_3 reduction of y, c_4 start:
//!        c_0 (ty − λ (tx − x)) + c_1 (3 x² − 2 λ ty) + c_2 (x² − λ) + c_3 fold
//!          + σ ((c_0 + c_1)(λ² − x − tx − fold) + c_2 (fold² − x λ − 3))
//!          = (c_0 + c_1 + c_2 + c_3) y
//!        x' = (c_0 + c_1) fold + (c_2 + c_3) x + c_4 tx
//!        y' = (c_0 + c_1)(λ (tx − fold) − ty) + (c_2 + c_3) fold + c_4 ty
//! entry  x' = x, y' = y, and where entry = 2, φ = 0
//! plain  w = c_0 d_0 d_1 + c_1 d_0 + c_2 d_1 + c_3 d_2 + c_4
//! hash   d_{3+j} = (d_j + c_j)², j = 0, and where full j = 1, 2;
//!        d_i' = Σ_j M_ij s_j, s_j = d_{3+j}² (d_j + c_j) under an S-box, else d_j + c_j
//! sums   h_j Π f = [limb] Σ of products of the other two f, f = β + d
//!        (φ' − φ − h_0 − h_1) r t = [read] t − entry w r
//!        r = β + α c_5 + α² w + α³ tx + α⁴ ty,  [read] = step (c_0 + c_1 + c_4)
//!        t = β + c_3 + α c_0 + α² c_1 + α³ c_2 x + α⁴ c_4 y
//! ```
//! The sums hold on every used row. `fold` and `x, y` after the last row of a run of limb, step
//! and entry rows are free.

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Expression, Fixed, VirtualCells};
use halo2_proofs::poly::Rotation;
use haloracle_circuit::poseidon;

use crate::config::{AggregationConfig, DIGIT_BITS, DIGITS};
use crate::limbs::{BASE_BITS, MODULUS_LIMBS, OFFSET_BITS};

type E = Expression<Fr>;

fn constant(value: u64) -> E {
    E::Constant(Fr::from(value))
}

/// `2^bits`.
pub(crate) fn power_of_two(bits: usize) -> Fr {
    Fr::from(2).pow_vartime([bits as u64])
}

fn fixed(row: &mut VirtualCells<'_, Fr>, column: Column<Fixed>) -> E {
    row.query_fixed(column, Rotation::cur())
}

fn now(row: &mut VirtualCells<'_, Fr>, column: Column<Advice>) -> E {
    row.query_advice(column, Rotation::cur())
}

fn next(row: &mut VirtualCells<'_, Fr>, column: Column<Advice>) -> E {
    row.query_advice(column, Rotation::next())
}

fn square(value: &E) -> E {
    value.clone() * value.clone()
}

impl AggregationConfig {
    pub(crate) fn gates(&self, meta: &mut ConstraintSystem<Fr>) {
        self.limb_gates(meta);
        self.step_gates(meta);
        self.plain_gate(meta);
        self.hash_gates(meta);
        self.lookup_gates(meta);
    }

    fn limb_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("limb", |row| {
            let limb = fixed(row, config.limb);
            let c = config.c.map(|c| fixed(row, c));
            let rho = row.query_challenge(config.rho);
            let sigma = row.query_challenge(config.sigma);
            let w = now(row, config.w);
            let digits = (0..DIGITS).fold(constant(0), |sum, j| {
                sum + now(row, config.d[j]) * E::Constant(power_of_two(DIGIT_BITS * j))
            });
            let [fold, slope, x, y] =
                [config.fold, config.slope, config.x, config.y].map(|c| now(row, c));
            let [fold_next, slope_next, x_next, y_next] =
                [config.fold, config.slope, config.x, config.y].map(|c| next(row, c));
            let modulus = MODULUS_LIMBS.iter().rev().fold(constant(0), |sum, limb| {
                sum * rho.clone() + E::Constant(Fr::from_u128(*limb))
            });
            let carry = rho.clone() - E::Constant(power_of_two(BASE_BITS));
            let weight = (c[1].clone() + c[3].clone() * sigma.clone()) * modulus
                + (c[2].clone() + c[4].clone() * sigma) * carry;
            vec![
                limb.clone() * (w.clone() + E::Constant(power_of_two(OFFSET_BITS)) - digits),
                limb.clone() * (fold_next - c[0].clone() * (rho * fold.clone()) - w),
                limb.clone() * (slope_next - slope.clone() - c[5].clone() * (fold.clone() - slope)),
                limb.clone() * (x_next - x.clone() - c[6].clone() * (fold.clone() - x)),
                limb * (y_next - y.clone() + c[7].clone() * y - fold * weight),
            ]
        });
    }

    fn step_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("step", |row| {
            let step = fixed(row, config.step);
            let [add, double, load, reduce, start, ..] = config.c.map(|c| fixed(row, c));
            let sigma = row.query_challenge(config.sigma);
            let [fold, slope, x, y, tx, ty] = [
                config.fold,
                config.slope,
                config.x,
                config.y,
                config.tx,
                config.ty,
            ]
            .map(|c| now(row, c));
            let [x_next, y_next] = [config.x, config.y].map(|c| next(row, c));
            let sum = add.clone() + double.clone();
            let keep = load.clone() + reduce.clone();
            let first = add * (ty.clone() - slope.clone() * (tx.clone() - x.clone()))
                + double * (square(&x) * constant(3) - slope.clone() * ty.clone() * constant(2))
                + load.clone() * (square(&x) - slope.clone())
                + reduce.clone() * fold.clone();
            let second = sum.clone() * (square(&slope) - x.clone() - tx.clone() - fold.clone())
                + load * (square(&fold) - x.clone() * slope.clone() - constant(3));
            vec![
                step.clone() * (first + sigma * second - (sum.clone() + keep.clone()) * y),
                step.clone()
                    * (x_next
                        - sum.clone() * fold.clone()
                        - keep.clone() * x
                        - start.clone() * tx.clone()),
                step * (y_next
                    - sum * (slope * (tx - fold.clone()) - ty.clone())
                    - keep * fold
                    - start * ty),
            ]
        });
        meta.create_gate("entry", |row| {
            let entry = fixed(row, config.entry);
            let [x, y, sum] = [config.x, config.y, config.sum].map(|c| now(row, c));
            let [x_next, y_next] = [config.x, config.y].map(|c| next(row, c));
            let end = entry.clone() * (entry.clone() - constant(1));
            vec![
                entry.clone() * (x_next - x),
                entry * (y_next - y),
                end * sum,
            ]
        });
    }

    fn plain_gate(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("plain", |row| {
            let plain = fixed(row, config.plain);
            let [c0, c1, c2, c3, c4, ..] = config.c.map(|c| fixed(row, c));
            let [a, b, c, ..] = config.d.map(|c| now(row, c));
            let w = now(row, config.w);
            vec![plain * (c0 * (a.clone() * b.clone()) + c1 * a + c2 * b + c3 * c + c4 - w)]
        });
    }

    fn hash_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("Poseidon", |row| {
            let hash = fixed(row, config.hash);
            let half = E::Constant(Fr::from(2).invert().unwrap_or(Fr::ZERO));
            let full = hash.clone() * (constant(2) - hash.clone());
            let partial = hash.clone() * (hash - constant(1)) * half;
            let d = config.d.map(|c| now(row, c));
            let s: [E; poseidon::WIDTH] =
                std::array::from_fn(|j| d[j].clone() + fixed(row, config.c[j]));
            let boxed: [E; poseidon::WIDTH] =
                std::array::from_fn(|j| square(&d[3 + j]) * s[j].clone());
            let matrix = poseidon::parameters().matrix;
            let mut gates = vec![(full.clone() + partial.clone()) * (d[3].clone() - square(&s[0]))];
            for j in 1..poseidon::WIDTH {
                gates.push(full.clone() * (d[3 + j].clone() - square(&s[j])));
            }
            for (i, line) in matrix.iter().enumerate() {
                let next = next(row, config.d[i]);
                let mix = |terms: [&E; poseidon::WIDTH]| {
                    let terms = terms.into_iter().zip(line);
                    terms.fold(constant(0), |sum, (t, m)| sum + t.clone() * E::Constant(*m))
                };
                let in_full = next.clone() - mix([&boxed[0], &boxed[1], &boxed[2]]);
                let in_partial = next - mix([&boxed[0], &s[1], &s[2]]);
                gates.push(full.clone() * in_full);
                gates.push(partial.clone() * in_partial);
            }
            gates
        });
    }

    fn lookup_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("sums", |row| {
            let [limb, step, plain, hash, entry] = [
                config.limb,
                config.step,
                config.plain,
                config.hash,
                config.entry,
            ]
            .map(|c| fixed(row, c));
            // Not zero on used rows, zero on all others.
            let used = limb.clone() + step.clone() + plain + hash + entry.clone();
            let alpha = row.query_challenge(config.alpha);
            let beta = row.query_challenge(config.beta);
            let c = config.c.map(|c| fixed(row, c));
            let f: Vec<E> = config
                .d
                .iter()
                .map(|d| beta.clone() + now(row, *d))
                .collect();
            let w = now(row, config.w);
            let [x, y, tx, ty] = [config.x, config.y, config.tx, config.ty].map(|c| now(row, c));
            let [h0, h1] = config.helpers.map(|c| now(row, c));
            let (sum, sum_next) = (now(row, config.sum), next(row, config.sum));
            let mut gates = Vec::new();
            for (h, f) in [(&h0, &f[..3]), (&h1, &f[3..])] {
                let product = f[0].clone() * f[1].clone() * f[2].clone();
                let others = f[0].clone() * f[1].clone()
                    + f[0].clone() * f[2].clone()
                    + f[1].clone() * f[2].clone();
                gates.push(used.clone() * (h.clone() * product) - limb.clone() * others);
            }
            let powers: Vec<E> = (1..5)
                .scan(constant(1), |power, _| {
                    *power = power.clone() * alpha.clone();
                    Some(power.clone())
                })
                .collect();
            let read = beta.clone()
                + c[5].clone() * powers[0].clone()
                + w.clone() * powers[1].clone()
                + tx * powers[2].clone()
                + ty * powers[3].clone();
            let table = beta
                + c[3].clone()
                + c[0].clone() * powers[0].clone()
                + c[1].clone() * powers[1].clone()
                + c[2].clone() * x * powers[2].clone()
                + c[4].clone() * y * powers[3].clone();
            let reads = step * (c[0].clone() + c[1].clone() + c[4].clone());
            let difference = sum_next - sum - h0 - h1;
            gates.push(
                used * (difference * read.clone() * table.clone()) - reads * table
                    + entry * (w * read),
            );
            gates
        });
    }
}
