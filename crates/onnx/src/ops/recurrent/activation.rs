//! Activations that a recurrent operator names.

use haloracle_model::graph::Function;

use crate::builder::{Builder, Pending};
use crate::call::Call;
use crate::value::Elem;

/// One activation, with its parameters.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Activation {
    Map(Function),
    /// `alpha x + beta`.
    Affine(f64, f64),
    /// `alpha tanh(beta x)`.
    ScaledTanh(f64, f64),
}

impl Activation {
    pub(super) fn apply(
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
pub(super) fn activations(
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
