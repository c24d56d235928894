//! LSTM, GRU and RNN, unrolled over their fixed number of steps.

use haloracle_model::graph::Function;

use crate::builder::{Builder, Combo, Pending};
use crate::call::{Call, Outcome};
use crate::shape::wire_elements;
use crate::tensor::Tensor;
use crate::value::{Elem, Kind, Value};

/// One activation, with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Activation {
    Map(Function),
    /// `alpha x + beta`.
    Affine(f64, f64),
    /// `alpha tanh(beta x)`.
    ScaledTanh(f64, f64),
}

impl Activation {
    fn apply(
        self,
        builder: &mut Builder,
        elems: &[Elem],
        clip: Option<f64>,
    ) -> Result<Vec<Elem>, String> {
        let clipped;
        let elems = match clip {
            Some(bound) => {
                clipped = builder.map(Function::Clip(-bound, bound), elems)?;
                &clipped
            }
            None => elems,
        };
        match self {
            Self::Map(function) => builder.map(function, elems),
            Self::Affine(alpha, beta) => builder.step_all(elems, &[Pending::Affine(alpha, beta)]),
            Self::ScaledTanh(alpha, beta) => {
                let inner = builder.step_all(elems, &[Pending::Affine(beta, 0.0)])?;
                let tanh = builder.map(Function::Tanh, &inner)?;
                builder.step_all(&tanh, &[Pending::Affine(alpha, 0.0)])
            }
        }
    }
}

/// The activations of all directions, in order.
fn activations(
    call: &Call<'_>,
    defaults: &[Function],
    directions: usize,
) -> Result<Vec<Activation>, String> {
    let names = call.texts("activations")?;
    let count = defaults.len() * directions;
    if names.is_empty() {
        if call.has("activation_alpha") || call.has("activation_beta") {
            return Err("has parameters of activations, but no `activations`".into());
        }
        return Ok((0..count)
            .map(|at| Activation::Map(defaults[at % defaults.len()]))
            .collect());
    }
    if names.len() != count {
        return Err(format!(
            "names {} activations; {count} are needed",
            names.len()
        ));
    }
    // Parameters are listed for the activations that have them, in order.
    let mut alphas = call.floats("activation_alpha")?.iter().copied();
    let mut betas = call.floats("activation_beta")?.iter().copied();
    let mut alpha = |default: f32| f64::from(alphas.next().unwrap_or(default));
    let mut beta = |default: f32| f64::from(betas.next().unwrap_or(default));
    let all = names
        .iter()
        .map(|name| {
            Ok(match name.to_ascii_lowercase().as_str() {
                "sigmoid" => Activation::Map(Function::Sigmoid),
                "tanh" => Activation::Map(Function::Tanh),
                "relu" => Activation::Map(Function::Relu),
                "softsign" => Activation::Map(Function::Softsign),
                "softplus" => Activation::Map(Function::Softplus),
                "leakyrelu" => Activation::Map(Function::LeakyRelu(alpha(0.01))),
                "elu" => Activation::Map(Function::Elu(alpha(1.0))),
                "hardsigmoid" => Activation::Map(Function::HardSigmoid(alpha(0.2), beta(0.5))),
                "affine" => Activation::Affine(alpha(1.0), beta(0.0)),
                "scaledtanh" => Activation::ScaledTanh(alpha(1.0), beta(1.0)),
                _ => {
                    return Err(format!(
                        "activation `{name}` is not supported; supported are Sigmoid, Tanh, Relu, \
                         Softsign, Softplus, LeakyRelu, Elu, HardSigmoid, Affine and ScaledTanh"
                    ));
                }
            })
        })
        .collect::<Result<_, String>>()?;
    if alphas.next().is_some() || betas.next().is_some() {
        return Err("has more parameters of activations than these take".into());
    }
    Ok(all)
}

/// Weights of one direction; rows of all gates one below the other.
struct Weights {
    input: Vec<Vec<f64>>,
    state: Vec<Vec<f64>>,
    input_bias: Vec<f64>,
    state_bias: Vec<f64>,
    peephole: Option<Vec<f64>>,
}

/// What the three operators have in common.
struct Recurrent {
    hidden: usize,
    steps: usize,
    inputs: usize,
    directions: usize,
    /// Which way each direction goes.
    reverse: Vec<bool>,
    batch_first: bool,
    clip: Option<f64>,
    weights: Vec<Weights>,
}

impl Recurrent {
    fn of(call: &Call<'_>, gates: usize, extra: &[&str], inputs: usize) -> Result<Self, String> {
        let mut known = vec![
            "activation_alpha",
            "activation_beta",
            "activations",
            "clip",
            "direction",
            "hidden_size",
            "layout",
        ];
        known.extend_from_slice(extra);
        call.attributes(&known)?;
        call.at_most(inputs)?;
        let x = call.input(0)?;
        if x.kind() != Kind::Float && x.kind() != Kind::Double {
            return Err(format!("takes float values, not {}", x.kind().name()));
        }
        let batch_first = call.flag("layout", false)?;
        let (steps, inputs) = match *x.dims() {
            [steps, 1, inputs] if !batch_first => (steps, inputs),
            [1, steps, inputs] if batch_first => (steps, inputs),
            ref other => {
                return Err(format!(
                    "takes a sequence with a batch of one, not shape {other:?}"
                ));
            }
        };
        if steps == 0 || inputs == 0 {
            return Err("takes an empty sequence".into());
        }
        let reverse = match call.text("direction", "forward")?.as_str() {
            "forward" => vec![false],
            "reverse" => vec![true],
            "bidirectional" => vec![false, true],
            other => {
                return Err(format!(
                    "attribute `direction` is `{other}`, which is not known"
                ));
            }
        };
        let directions = reverse.len();
        if let Some(lengths) = call.optional_constant(4, "sequence lengths")?
            && lengths
                .integers()?
                .iter()
                .any(|l| usize::try_from(*l) != Ok(steps))
        {
            return Err(format!("has sequences shorter than its {steps} steps"));
        }
        let (w, r) = (
            call.constant(1, "input weights")?,
            call.constant(2, "state weights")?,
        );
        let hidden = r.dims.get(2).copied().unwrap_or(0);
        if hidden == 0
            || w.dims != [directions, gates * hidden, inputs]
            || r.dims != [directions, gates * hidden, hidden]
        {
            return Err(format!(
                "weights of shapes {:?} and {:?} do not fit {inputs} inputs and {gates} gates",
                w.dims, r.dims
            ));
        }
        if call.int("hidden_size", hidden as i64)? != hidden as i64 {
            return Err(format!("attribute `hidden_size` is not {hidden}"));
        }
        let clip = match call.any_float("clip")? {
            None => None,
            Some(bound) if bound > 0.0 => Some(f64::from(bound)),
            Some(bound) => return Err(format!("attribute `clip` is {bound}; it must be above 0")),
        };
        let bias = match call.optional_constant(3, "bias")? {
            None => None,
            Some(b) if b.dims == [directions, 2 * gates * hidden] => Some(b.reals()?),
            Some(b) => return Err(format!("a bias of shape {:?} does not fit", b.dims)),
        };
        let rows = |tensor: &Tensor, direction: usize| -> Result<Vec<Vec<f64>>, String> {
            let width = tensor.dims[2];
            let size = tensor.dims[1] * width;
            let all = tensor.reals()?;
            let own = &all[direction * size..(direction + 1) * size];
            Ok(own.chunks(width).map(<[f64]>::to_vec).collect())
        };
        let count = gates * hidden;
        let weights = (0..directions)
            .map(|direction| {
                let part = |second: usize| match &bias {
                    Some(all) => {
                        let start = direction * 2 * count + second * count;
                        all[start..start + count].to_vec()
                    }
                    None => vec![0.0; count],
                };
                Ok(Weights {
                    input: rows(w, direction)?,
                    state: rows(r, direction)?,
                    input_bias: part(0),
                    state_bias: part(1),
                    peephole: None,
                })
            })
            .collect::<Result<_, String>>()?;
        wire_elements(&[steps, directions, hidden])?;
        Ok(Self {
            hidden,
            steps,
            inputs,
            directions,
            reverse,
            batch_first,
            clip,
            weights,
        })
    }

    /// A state before the first step, per direction; zeros where it is absent.
    fn initial(&self, call: &Call<'_>, index: usize) -> Result<Vec<Vec<Elem>>, String> {
        let zeros = vec![vec![Elem::Const(0.0); self.hidden]; self.directions];
        let Some(value) = call.optional(index) else {
            return Ok(zeros);
        };
        let wanted = if self.batch_first {
            [1, self.directions, self.hidden]
        } else {
            [self.directions, 1, self.hidden]
        };
        if value.dims() != wanted {
            return Err(format!(
                "an initial state of shape {:?} does not fit {wanted:?}",
                value.dims()
            ));
        }
        Ok(value
            .elems()?
            .chunks(self.hidden)
            .map(<[Elem]>::to_vec)
            .collect())
    }

    /// Runs all directions; `step` gives the state after one step from input and state before.
    fn run<S: Clone>(
        &self,
        x: &[Elem],
        states: Vec<S>,
        mut step: impl FnMut(usize, &[Elem], &S) -> Result<S, String>,
        hidden: fn(&S) -> &[Elem],
    ) -> Result<(Vec<Elem>, Vec<S>), String> {
        let mut sequence = vec![Elem::Const(0.0); self.steps * self.directions * self.hidden];
        let mut last = Vec::with_capacity(self.directions);
        for (direction, mut state) in states.into_iter().enumerate() {
            for nth in 0..self.steps {
                let t = if self.reverse[direction] {
                    self.steps - 1 - nth
                } else {
                    nth
                };
                state = step(
                    direction,
                    &x[t * self.inputs..(t + 1) * self.inputs],
                    &state,
                )?;
                let start = (t * self.directions + direction) * self.hidden;
                sequence[start..start + self.hidden].copy_from_slice(hidden(&state));
            }
            last.push(state);
        }
        Ok((sequence, last))
    }

    /// The output with all steps; elements come in order step, direction, unit.
    fn sequence(&self, elems: Vec<Elem>, kind: Kind) -> Value {
        let dims = if self.batch_first {
            vec![1, self.steps, self.directions, self.hidden]
        } else {
            vec![self.steps, self.directions, 1, self.hidden]
        };
        Value::wires(dims, elems, kind)
    }

    /// An output with the last step alone.
    fn last(&self, elems: Vec<Elem>, kind: Kind) -> Value {
        let dims = if self.batch_first {
            vec![1, self.directions, self.hidden]
        } else {
            vec![self.directions, 1, self.hidden]
        };
        Value::wires(dims, elems, kind)
    }
}

impl Weights {
    /// `W x + R h + b` for the gates `from..to`.
    fn gates(
        &self,
        builder: &mut Builder,
        x: &[Elem],
        h: &[Elem],
        rows: std::ops::Range<usize>,
    ) -> Result<Vec<Elem>, String> {
        let inputs: Vec<Elem> = x.iter().chain(h).copied().collect();
        let weights = rows
            .clone()
            .map(|row| [&self.input[row][..], &self.state[row]].concat());
        let bias = rows
            .clone()
            .map(|row| self.input_bias[row] + self.state_bias[row]);
        builder.dense(&inputs, weights.collect(), bias.collect())
    }
}

pub(super) fn rnn(call: &mut Call<'_>) -> Outcome {
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

pub(super) fn gru(call: &mut Call<'_>) -> Outcome {
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

pub(super) fn lstm(call: &mut Call<'_>) -> Outcome {
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
