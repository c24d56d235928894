//! The gates of the wide machine, of degree 5.
//!
//! With `W = Σ_l ρ^l w_l` and indicators of the codes by interpolation:
//! ```text
//! A    q A' = A (a_one + a_four ρ^4 + a_lanes ρ^16) + (1 − local) W
//!             + local (Σ_k w_k z_k + w_4 z_0 z_1 + w_5 z_2 z_3 + w_6)
//!             + vec Σ ρ^k z_k − act Σ ρ^k r_k − digit Σ ρ^k (z_k − n_k)
//! D    q D' = [hold = 1] D + [2] σ D + [3] (σ^4 D + Σ σ^k z_k) + [0] product z_0
//! S    q (S' − S − close ((σ − 1) S + A') − product D' A') = 0
//! ends product close S = 0,  product close φ = 0
//! n    (q − split) n_k = 0,  split z_k n_k = 0
//! sat  [kind = 1] z_k n_k' = 0,  [kind = 1] (digit − 1 − z_k)(z_k' + r_k') = 0
//! max  max (z_0' − z_k − r_k) = 0,  max r_0 r_1 r_2 r_3 = 0
//! edge [kind = 2]: z_1' = z_1, r_2 = z_0' − z_2, r_3 = z_3 − z_0', r_1' = r_0
//! next [kind = 3]: z_0' = r_1
//! hash [live = 2]: r_0 = z_0², r_1 = r_0² z_0, r_2 = z_3², r_3 = r_2² z_3,
//!      z_3  = w_0 r_1 + w_1 z_1 + w_2 z_2 + w_3
//!      z_0' = w_4 r_1 + w_5 z_1 + w_6 z_2 + w_7 r_3 + w_8
//!      z_1' = w_9 r_1 + w_10 z_1 + w_11 z_2 + w_12 r_3
//!      z_2' = w_13 r_1 + w_14 z_1 + w_15 z_2 + w_12 r_3
//! h_j  q h_j f f' f'' = Σ numerators times the other two
//!      f: β + z_k + n_k and β + r_k, numerator [live = 1];
//!      tuple β + α (z_0 + 2^16 z_1 + 2^32 z_2 + 2^48 z_3 + 2^64 r_0 + 2^80 tag), numerator tag
//! φ    q ((φ' − φ − Σ h_j)(β + T + α (U + home z_0)) + m) = 0
//! ```
//! A term without `q` is multiplied by a flag that is 0 on rows without `q`.

use halo2_proofs::halo2curves::{bn256::Fr, ff::Field};
use halo2_proofs::plonk::{Advice, Column, ConstraintSystem, Expression, Fixed, VirtualCells};
use halo2_proofs::poly::Rotation;

use super::config::{CELLS, LANES, TAG_SHIFT, TUPLE_BITS, WideConfig};

type Cells<'a> = VirtualCells<'a, Fr>;

fn constant(value: u64) -> Expression<Fr> {
    Expression::Constant(Fr::from(value))
}

fn power_of_two(bits: u32) -> Expression<Fr> {
    Expression::Constant(Fr::from(2).pow_vartime([u64::from(bits)]))
}

/// `[code = value]` on codes 0..=most.
fn indicator(code: &Expression<Fr>, value: u64, most: u64) -> Expression<Fr> {
    let others = (0..=most).filter(|other| *other != value);
    let mut scale = Fr::ONE;
    let mut product = constant(1);
    for other in others {
        scale *= Fr::from(value) - Fr::from(other);
        product = product * (code.clone() - constant(other));
    }
    product * Expression::Constant(scale.invert().unwrap_or(Fr::ZERO))
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

fn power(base: &Expression<Fr>, exponent: usize) -> Expression<Fr> {
    (1..exponent).fold(base.clone(), |power, _| power * base.clone())
}

fn fixed(row: &mut Cells<'_>, column: Column<Fixed>) -> Expression<Fr> {
    row.query_fixed(column, Rotation::cur())
}

fn now(row: &mut Cells<'_>, column: Column<Advice>) -> Expression<Fr> {
    row.query_advice(column, Rotation::cur())
}

fn next(row: &mut Cells<'_>, column: Column<Advice>) -> Expression<Fr> {
    row.query_advice(column, Rotation::next())
}

impl WideConfig {
    pub(super) fn gates(&self, meta: &mut ConstraintSystem<Fr>) {
        self.fold_gate(meta);
        self.check_gates(meta);
        self.digit_gates(meta);
        self.tree_gates(meta);
        self.hash_gate(meta);
        self.lookup_gates(meta);
    }

    fn fold_gate(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("fold", |row| {
            let rho = row.query_challenge(config.rho);
            let w: Vec<_> = config.lanes.map(|lane| fixed(row, lane)).to_vec();
            let [z, n, r] = [config.z, config.n, config.r].map(|c| c.map(|c| now(row, c)));
            let [q, a_one, a_four, a_lanes, local, vec, act, digit] = [
                config.q,
                config.a_one,
                config.a_four,
                config.a_lanes,
                config.local,
                config.vec,
                config.act,
                config.digit,
            ]
            .map(|c| fixed(row, c));
            let (a, a_next) = (now(row, config.fold), next(row, config.fold));
            let multiplier = a_one + a_four * power(&rho, CELLS) + a_lanes * power(&rho, LANES);
            let weights = horner(&w, &rho);
            let dot = (0..CELLS).fold(w[6].clone(), |sum, k| sum + w[k].clone() * z[k].clone())
                + w[4].clone() * (z[0].clone() * z[1].clone())
                + w[5].clone() * (z[2].clone() * z[3].clone());
            let differences: Vec<_> = (0..CELLS).map(|k| z[k].clone() - n[k].clone()).collect();
            vec![
                q * a_next
                    - a * multiplier
                    - weights.clone()
                    - local * (dot - weights)
                    - vec * horner(&z, &rho)
                    + act * horner(&r, &rho)
                    + digit * horner(&differences, &rho),
            ]
        });
    }

    fn check_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("hand", |row| {
            let sigma = row.query_challenge(config.sigma);
            let [q, hold, product] = [config.q, config.hold, config.product].map(|c| fixed(row, c));
            let z = config.z.map(|c| now(row, c));
            let (d, d_next) = (now(row, config.hand), next(row, config.hand));
            let is = |value| indicator(&hold, value, 3);
            let taken = d.clone() * power(&sigma, CELLS) + horner(&z, &sigma);
            vec![
                q * d_next
                    - is(1) * d.clone()
                    - is(2) * (d * sigma)
                    - is(3) * taken
                    - is(0) * (product * z[0].clone()),
            ]
        });
        meta.create_gate("linear check", |row| {
            let sigma = row.query_challenge(config.sigma);
            let [q, close, product] =
                [config.q, config.close, config.product].map(|c| fixed(row, c));
            let [a, d, s_next] = [config.fold, config.hand, config.check].map(|c| next(row, c));
            let s = now(row, config.check);
            vec![
                q * (s_next
                    - s.clone()
                    - close * (s * (sigma - constant(1)) + a.clone())
                    - product * (d * a)),
            ]
        });
        meta.create_gate("ends", |row| {
            let [close, product] = [config.close, config.product].map(|c| fixed(row, c));
            let [check, sum] = [config.check, config.sum].map(|c| now(row, c));
            let end = close * product;
            vec![end.clone() * check, end * sum]
        });
    }

    fn digit_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("split", |row| {
            let [q, split] = [config.q, config.split].map(|c| fixed(row, c));
            let [z, n] = [config.z, config.n].map(|c| c.map(|c| now(row, c)));
            let free = q - split.clone();
            let pairs = z.into_iter().zip(n);
            pairs
                .flat_map(|(z, n)| [free.clone() * n.clone(), split.clone() * (z * n)])
                .collect::<Vec<_>>()
        });
        meta.create_gate("saturate", |row| {
            let [kind, digit] = [config.kind, config.digit].map(|c| fixed(row, c));
            let saturates = indicator(&kind, 1, 3);
            let top = digit - constant(1);
            (0..CELLS)
                .flat_map(|k| {
                    let z = now(row, config.z[k]);
                    let [z_next, n_next, r_next] =
                        [config.z[k], config.n[k], config.r[k]].map(|c| next(row, c));
                    [
                        saturates.clone() * (z.clone() * n_next),
                        saturates.clone() * ((top.clone() - z) * (z_next + r_next)),
                    ]
                })
                .collect::<Vec<_>>()
        });
        meta.create_gate("maximum", |row| {
            let max = fixed(row, config.max);
            let largest = next(row, config.z[0]);
            let [z, r] = [config.z, config.r].map(|c| c.map(|c| now(row, c)));
            let product = r.iter().cloned().reduce(|a, b| a * b);
            let mut gates = vec![max.clone() * product.unwrap_or_else(|| constant(0))];
            for (z, r) in z.into_iter().zip(r) {
                gates.push(max.clone() * (largest.clone() - z - r));
            }
            gates
        });
    }

    fn tree_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("tree", |row| {
            let kind = fixed(row, config.kind);
            let (edge, feature) = (indicator(&kind, 2, 3), indicator(&kind, 3, 3));
            let z = config.z.map(|c| now(row, c));
            let r = config.r.map(|c| now(row, c));
            let x = next(row, config.z[0]);
            let asked = next(row, config.z[1]);
            let carried = next(row, config.r[1]);
            vec![
                edge.clone() * (asked - z[1].clone()),
                edge.clone() * (x.clone() - z[2].clone() - r[2].clone()),
                edge.clone() * (z[3].clone() - x.clone() - r[3].clone()),
                edge * (carried - r[0].clone()),
                feature * (x - r[1].clone()),
            ]
        });
    }

    /// Two S-boxes a row, of `z_0` and `z_3`; the lanes hold what is mixed before and after the
    /// second.
    fn hash_gate(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("hash", |row| {
            let hashes = indicator(&fixed(row, config.live), 2, 2);
            let w = config.lanes.map(|lane| fixed(row, lane));
            let [z, r] = [config.z, config.r].map(|c| c.map(|c| now(row, c)));
            let outs: Vec<_> = config.z[..3].iter().map(|c| next(row, *c)).collect();
            let mut gates = Vec::new();
            for (x, square, fifth) in [(&z[0], &r[0], &r[1]), (&z[3], &r[2], &r[3])] {
                gates.push(square.clone() - x.clone() * x.clone());
                gates.push(fifth.clone() - square.clone() * square.clone() * x.clone());
            }
            let mixed = |first: usize| {
                w[first].clone() * r[1].clone()
                    + w[first + 1].clone() * z[1].clone()
                    + w[first + 2].clone() * z[2].clone()
            };
            let second = |lane: usize| w[lane].clone() * r[3].clone();
            let sums = [
                mixed(0) + w[3].clone(),
                mixed(4) + second(7) + w[8].clone(),
                mixed(9) + second(12),
                mixed(13) + second(12),
            ];
            let targets = z[3..].iter().chain(&outs);
            gates.extend(targets.zip(sums).map(|(cell, sum)| cell.clone() - sum));
            let gates = gates.into_iter().map(|gate| hashes.clone() * gate);
            gates.collect::<Vec<_>>()
        });
    }

    fn lookup_gates(&self, meta: &mut ConstraintSystem<Fr>) {
        let config = *self;
        meta.create_gate("look-up fractions", |row| {
            let beta = row.query_challenge(config.beta);
            let alpha = row.query_challenge(config.alpha);
            let [q, live, tag] = [config.q, config.live, config.tag].map(|c| fixed(row, c));
            let live = indicator(&live, 1, 2);
            let [z, n, r] = [config.z, config.n, config.r].map(|c| c.map(|c| now(row, c)));
            let parts = z.iter().chain([&r[0]]).enumerate();
            let tuple = parts.fold(tag.clone() * power_of_two(TAG_SHIFT), |sum, (at, part)| {
                sum + part.clone() * power_of_two(TUPLE_BITS * at as u32)
            });
            let range = (0..CELLS).map(|k| beta.clone() + z[k].clone() + n[k].clone());
            let rest = r.into_iter().map(|r| beta.clone() + r);
            let ranges: Vec<_> = range.chain(rest).collect();
            let tuple = beta + alpha * tuple;
            let mut gates = Vec::new();
            for (helper, f) in config.helpers.into_iter().zip(ranges.chunks(3)) {
                let helper = now(row, helper);
                let (a, b) = (f[0].clone(), f[1].clone());
                let pair = a.clone() * b.clone();
                gates.push(match f.get(2) {
                    Some(c) => {
                        q.clone() * (helper * pair.clone() * c.clone())
                            - live.clone() * ((a + b) * c.clone() + pair)
                    }
                    None => {
                        q.clone() * (helper * pair.clone() * tuple.clone())
                            - live.clone() * ((a + b) * tuple.clone())
                            - tag.clone() * pair
                    }
                });
            }
            gates
        });
        meta.create_gate("look-up sum", |row| {
            let beta = row.query_challenge(config.beta);
            let alpha = row.query_challenge(config.alpha);
            let [q, range, tuple, home] = [
                config.q,
                config.table_range,
                config.table_tuple,
                config.home,
            ]
            .map(|c| fixed(row, c));
            let [m, sum, z] = [config.m, config.sum, config.z[0]].map(|c| now(row, c));
            let after = next(row, config.sum);
            let helpers = config.helpers.map(|c| now(row, c));
            let change = helpers.into_iter().fold(after - sum, |sum, h| sum - h);
            vec![q * (change * (beta + range + alpha * (tuple + home * z)) + m)]
        });
    }
}
