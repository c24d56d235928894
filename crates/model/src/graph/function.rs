//! Functions of one number.

/// An elementwise function; each becomes one look-up table.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Function {
    /// `max(x, 0)`.
    Relu,
    /// `x` for `x ≥ 0`, else `alpha · x`.
    LeakyRelu(f64),
    /// `min(max(x, lo), hi)`.
    Clip(f64, f64),
    /// `1 / (1 + e^−x)`.
    Sigmoid,
    /// `min(max(alpha · x + beta, 0), 1)`.
    HardSigmoid(f64, f64),
    /// Hyperbolic tangent.
    Tanh,
    /// `e^x`.
    Exp,
    /// Natural logarithm.
    Log,
    /// Square root.
    Sqrt,
    /// `1 / x`.
    Reciprocal,
    /// `x^p` for a whole `p`.
    Power(i32),
    /// `|x|`.
    Abs,
    /// The error function.
    Erf,
    /// `x Φ(x)`, with the error function.
    Gelu,
    /// Gelu's approximation by tanh.
    GeluTanh,
    /// `ln(1 + e^x)`.
    Softplus,
    /// `x / (1 + |x|)`.
    Softsign,
    /// `x · min(max(x / 6 + 1/2, 0), 1)`.
    HardSwish,
    /// `alpha (e^x − 1)` below 0, else `x`.
    Elu(f64),
    /// `gamma · alpha (e^x − 1)` below 0, else `gamma · x`.
    Selu(f64, f64),
    /// Largest integer not above `x`.
    Floor,
    /// Smallest integer not below `x`.
    Ceil,
    /// Nearest integer, halves to even.
    Round,
    /// 1 if `x > 0`, else 0.
    Positive,
    /// 1 if `x ≥ 0`, else 0.
    NotNegative,
    /// 1 if `x = 0`, else 0; read with half a quantization step of tolerance.
    Zero,
    /// −1, 0 or 1.
    Sign,
    /// The standard normal distribution function.
    Probit,
}

impl Function {
    /// The function itself.
    pub fn apply(self, x: f64) -> f64 {
        match self {
            Self::Relu => x.max(0.0),
            Self::LeakyRelu(alpha) => {
                if x >= 0.0 {
                    x
                } else {
                    alpha * x
                }
            }
            Self::Clip(lo, hi) => x.max(lo).min(hi),
            Self::Sigmoid => 1.0 / (1.0 + (-x).exp()),
            Self::HardSigmoid(alpha, beta) => (alpha * x + beta).clamp(0.0, 1.0),
            Self::Tanh => x.tanh(),
            Self::Exp => x.exp(),
            Self::Log => x.ln(),
            Self::Sqrt => x.sqrt(),
            Self::Reciprocal => 1.0 / x,
            Self::Power(p) => x.powi(p),
            Self::Abs => x.abs(),
            Self::Erf => erf(x),
            Self::Gelu => 0.5 * x * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
            Self::GeluTanh => {
                let inner = (2.0 / std::f64::consts::PI).sqrt() * (x + 0.044_715 * x * x * x);
                0.5 * x * (1.0 + inner.tanh())
            }
            Self::Softplus => x.max(0.0) + (-x.abs()).exp().ln_1p(),
            Self::Softsign => x / (1.0 + x.abs()),
            Self::HardSwish => x * (x / 6.0 + 0.5).clamp(0.0, 1.0),
            Self::Elu(alpha) => {
                if x >= 0.0 {
                    x
                } else {
                    alpha * x.exp_m1()
                }
            }
            Self::Selu(alpha, gamma) => {
                if x > 0.0 {
                    gamma * x
                } else {
                    gamma * alpha * x.exp_m1()
                }
            }
            Self::Floor => x.floor(),
            Self::Ceil => x.ceil(),
            Self::Round => x.round_ties_even(),
            Self::Positive => f64::from(x > 0.0),
            Self::NotNegative => f64::from(x >= 0.0),
            Self::Zero => f64::from(x == 0.0),
            Self::Sign => {
                if x == 0.0 {
                    0.0
                } else {
                    x.signum()
                }
            }
            Self::Probit => 0.5 * (1.0 + erf(x * std::f64::consts::FRAC_1_SQRT_2)),
        }
    }

    /// Name in reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Relu => "relu",
            Self::LeakyRelu(_) => "leaky_relu",
            Self::Clip(..) => "clip",
            Self::Sigmoid => "sigmoid",
            Self::HardSigmoid(..) => "hard_sigmoid",
            Self::Tanh => "tanh",
            Self::Exp => "exp",
            Self::Log => "log",
            Self::Sqrt => "sqrt",
            Self::Reciprocal => "reciprocal",
            Self::Power(_) => "power",
            Self::Abs => "abs",
            Self::Erf => "erf",
            Self::Gelu => "gelu",
            Self::GeluTanh => "gelu_tanh",
            Self::Softplus => "softplus",
            Self::Softsign => "softsign",
            Self::HardSwish => "hard_swish",
            Self::Elu(_) => "elu",
            Self::Selu(..) => "selu",
            Self::Floor => "floor",
            Self::Ceil => "ceil",
            Self::Round => "round",
            Self::Positive => "positive",
            Self::NotNegative => "not_negative",
            Self::Zero => "zero",
            Self::Sign => "sign",
            Self::Probit => "probit",
        }
    }
}

/// The error function by its Maclaurin series near 0 and by a continued fraction of erfc beyond
/// (Abramowitz and Stegun, 7.1.6 and 7.1.14), to about 1e-15.
fn erf(x: f64) -> f64 {
    let a = x.abs();
    if a < 2.5 {
        let (mut term, mut sum) = (a, a);
        for n in 1..80 {
            term *= 2.0 * a * a / (2.0 * f64::from(n) + 1.0);
            sum += term;
        }
        return (2.0 / std::f64::consts::PI.sqrt() * (-a * a).exp() * sum).copysign(x);
    }
    let fraction = (1..=60).rev().fold(a, |f, n| a + f64::from(n) / 2.0 / f);
    (1.0 - (-a * a).exp() / (fraction * std::f64::consts::PI.sqrt())).copysign(x)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn erf_matches_tabulated_values() {
        // Abramowitz and Stegun, table 7.1.
        for (x, y) in [
            (0.0, 0.0),
            (0.5, 0.520_499_877_8),
            (1.0, 0.842_700_792_9),
            (2.0, 0.995_322_265_0),
            (2.499, 0.999_590_904_7),
            (2.6, 0.999_763_965_6),
            (3.0, 0.999_977_909_5),
        ] {
            assert!((erf(x) - y).abs() < 3e-6, "{x}: {} {y}", erf(x));
            assert!((erf(-x) + erf(x)).abs() < 1e-15);
        }
        assert!((erf(2.5 - 1e-12) - erf(2.5)).abs() < 1e-12);
    }
}
