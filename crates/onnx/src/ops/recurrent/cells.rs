//! LSTM, GRU and RNN.

use haloracle_model::graph::Function;

use super::{Recurrent, activations};
use crate::builder::{Builder, Combo, Pending};
use crate::call::{Call, Outcome};
use crate::value::Elem;

pub(in crate::ops) fn rnn(call: &mut Call<'_>) -> Outcome {
    let net = Recurrent::of(call, 1, &[], 6)?;
    let functions = activations(call, &[Function::Tanh], net.directions)?;
    let initial = net.initial(call, 5)?;
    let (x, kind) = (call.input(0)?.elems()?, call.input(0)?.kind());
    let builder = &mut *call.builder;
    let (sequence, last) = net.run(
        &x,
        initial,
        |direction, x, h| {
            let sums = net.weights[direction].gates(builder, x, h, 0..net.hidden)?;
            functions[direction].apply(builder, &sums, net.clip)
        },
        |h| h,
    )?;
    Ok(vec![
        net.sequence(sequence, kind.clone()),
        net.last(last.concat(), kind),
    ])
}

pub(in crate::ops) fn gru(call: &mut Call<'_>) -> Outcome {
    let net = Recurrent::of(call, 3, &["linear_before_reset"], 6)?;
    let functions = activations(call, &[Function::Sigmoid, Function::Tanh], net.directions)?;
    let reset_late = call.flag("linear_before_reset", false)?;
    let initial = net.initial(call, 5)?;
    let (x, kind) = (call.input(0)?.elems()?, call.input(0)?.kind());
    let builder = &mut *call.builder;
    let n = net.hidden;
    let (sequence, last) = net.run(
        &x,
        initial,
        |direction, x, h| {
            let weights = &net.weights[direction];
            let [f, g] = [functions[2 * direction], functions[2 * direction + 1]];
            // Rows: update, reset, hidden.
            let gates = weights.gates(builder, x, h, 0..2 * n)?;
            let gates = f.apply(builder, &gates, net.clip)?;
            let (z, r) = gates.split_at(n);
            let sums = if reset_late {
                let own = 2 * n..3 * n;
                let inner = builder.dense(
                    h,
                    weights.state[own.clone()].to_vec(),
                    weights.state_bias[own.clone()].to_vec(),
                )?;
                let outer = builder.dense(
                    x,
                    weights.input[own.clone()].to_vec(),
                    weights.input_bias[own].to_vec(),
                )?;
                let combos = (0..n).map(|at| Combo {
                    terms: vec![(outer[at], 1.0)],
                    products: vec![(r[at], inner[at], 1.0)],
                    ..Combo::default()
                });
                builder.combine(combos.collect())?
            } else {
                let combos = r.iter().zip(h).map(|(r, h)| Combo::product(*r, *h));
                let reset = builder.combine(combos.collect())?;
                weights.gates(builder, x, &reset, 2 * n..3 * n)?
            };
            let candidate = g.apply(builder, &sums, net.clip)?;
            // (1 − z) · candidate + z · h.
            let combos = (0..n).map(|at| Combo {
                terms: vec![(candidate[at], 1.0)],
                products: vec![(z[at], candidate[at], -1.0), (z[at], h[at], 1.0)],
                ..Combo::default()
            });
            builder.combine(combos.collect())
        },
        |h| h,
    )?;
    Ok(vec![
        net.sequence(sequence, kind.clone()),
        net.last(last.concat(), kind),
    ])
}

/// State of an LSTM: hidden values and cells.
#[derive(Clone)]
struct Cell {
    h: Vec<Elem>,
    c: Vec<Elem>,
}

pub(in crate::ops) fn lstm(call: &mut Call<'_>) -> Outcome {
    let mut net = Recurrent::of(call, 4, &["input_forget"], 8)?;
    let defaults = [Function::Sigmoid, Function::Tanh, Function::Tanh];
    let functions = activations(call, &defaults, net.directions)?;
    let coupled = call.flag("input_forget", false)?;
    let n = net.hidden;
    if let Some(p) = call.optional_constant(7, "peepholes")? {
        if p.dims != [net.directions, 3 * n] {
            return Err(format!("peepholes of shape {:?} do not fit", p.dims));
        }
        let all = p.reals()?;
        for (weights, own) in net.weights.iter_mut().zip(all.chunks(3 * n)) {
            weights.peephole = Some(own.to_vec()).filter(|own| own.iter().any(|v| *v != 0.0));
        }
    }
    let (h, c) = (net.initial(call, 5)?, net.initial(call, 6)?);
    let initial = h.into_iter().zip(c).map(|(h, c)| Cell { h, c }).collect();
    let (x, kind) = (call.input(0)?.elems()?, call.input(0)?.kind());
    let builder = &mut *call.builder;
    let (sequence, last) = net.run(
        &x,
        initial,
        |direction, x, cell: &Cell| {
            let weights = &net.weights[direction];
            let [f, g, h] = [0, 1, 2].map(|at| functions[3 * direction + at]);
            // Rows: input, output, forget, cell; peepholes: input, output, forget.
            let mut sums = weights.gates(builder, x, &cell.h, 0..4 * n)?;
            let peep = |builder: &mut Builder, sums: &mut [Elem], gate: usize, c: &[Elem]| {
                let Some(all) = &weights.peephole else {
                    return Ok(());
                };
                let own = &mut sums[gate * n..(gate + 1) * n];
                let terms = own.iter().zip(c).zip(&all[gate * n..]);
                let combos = terms.map(|((sum, c), p)| Combo::sum(&[(*sum, 1.0), (*c, *p)]));
                let combos = combos.collect();
                own.copy_from_slice(&builder.combine(combos)?);
                Ok::<(), String>(())
            };
            peep(builder, &mut sums, 0, &cell.c)?;
            peep(builder, &mut sums, 2, &cell.c)?;
            let late = weights.peephole.is_some();
            // Without peepholes all three gates are one node.
            let first: Vec<Elem> = match (late, coupled) {
                (false, _) => sums[..3 * n].to_vec(),
                (true, _) => [&sums[..n], &sums[2 * n..3 * n]].concat(),
            };
            let gates = f.apply(builder, &first, net.clip)?;
            let input = &gates[..n];
            let forget = if coupled {
                builder.step_all(input, &[Pending::Affine(-1.0, 1.0)])?
            } else {
                gates[gates.len() - n..].to_vec()
            };
            let candidate = g.apply(builder, &sums[3 * n..], net.clip)?;
            let combos = (0..n).map(|at| Combo {
                products: vec![
                    (forget[at], cell.c[at], 1.0),
                    (input[at], candidate[at], 1.0),
                ],
                ..Combo::default()
            });
            let c = builder.combine(combos.collect())?;
            let output = if late {
                peep(builder, &mut sums, 1, &c)?;
                f.apply(builder, &sums[n..2 * n], net.clip)?
            } else {
                gates[n..2 * n].to_vec()
            };
            let squashed = h.apply(builder, &c, None)?;
            let combos = output
                .iter()
                .zip(&squashed)
                .map(|(o, s)| Combo::product(*o, *s));
            Ok(Cell {
                h: builder.combine(combos.collect())?,
                c,
            })
        },
        |cell| &cell.h,
    )?;
    let (h, c): (Vec<_>, Vec<_>) = last.into_iter().map(|cell| (cell.h, cell.c)).unzip();
    Ok(vec![
        net.sequence(sequence, kind.clone()),
        net.last(h.concat(), kind.clone()),
        net.last(c.concat(), kind),
    ])
}
