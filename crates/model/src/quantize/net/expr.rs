//! Functions of one variable, composed: what one look-up table can hold.
//!
//! `x · sigmoid(x)`, a softplus between two scalings, or a Gelu written with the error function
//! are functions of one number, so each costs one table, however many operators the file needs
//! to say it. Equal compositions get equal numbers, so that tables are shared.

use std::collections::HashMap;

use crate::graph::Function;

/// Number of an expression in [`Exprs`].
pub(in crate::quantize) type ExprId = u32;

/// The variable itself.
pub(in crate::quantize) const VAR: ExprId = 0;

/// Most operators in one expression; larger ones are cut by a quantized value.
const MAX_SIZE: u32 = 48;

/// A function of one variable.
#[derive(Clone, Debug, PartialEq)]
pub(in crate::quantize) enum Expr {
    /// The variable.
    Var,
    /// `f(scale · e + offset)`.
    Apply {
        /// `f`.
        function: Function,
        /// `e`.
        argument: ExprId,
        /// Factor of the argument.
        scale: f64,
        /// Added to the argument.
        offset: f64,
    },
    /// `bias + Σ c e + Σ c e e'`.
    Sum {
        /// Constant.
        bias: f64,
        /// (expression, coefficient).
        terms: Vec<(ExprId, f64)>,
        /// (expression, expression, coefficient).
        products: Vec<(ExprId, ExprId, f64)>,
    },
    /// Largest of `scale · e + offset`.
    Max(Vec<(ExprId, f64, f64)>),
}

/// All expressions of a network.
#[derive(Clone, Debug)]
pub(in crate::quantize) struct Exprs {
    list: Vec<Expr>,
    sizes: Vec<u32>,
    index: HashMap<Vec<u64>, ExprId>,
    /// Whether clamps from both sides count as clamps.
    two_sided: bool,
}

impl Exprs {
    /// No expressions but the variable; clamps from both sides are clamps if `two_sided`.
    pub(in crate::quantize) fn new(two_sided: bool) -> Self {
        Self {
            two_sided,
            list: vec![Expr::Var],
            sizes: vec![1],
            index: HashMap::from([(key(&Expr::Var), VAR)]),
        }
    }

    pub(in crate::quantize) fn get(&self, id: ExprId) -> &Expr {
        &self.list[id as usize]
    }

    /// The number of `expr`; `None` if it is too large for one table to be worth it.
    pub(in crate::quantize) fn add(&mut self, expr: Expr) -> Option<ExprId> {
        let key = key(&expr);
        if let Some(id) = self.index.get(&key) {
            return Some(*id);
        }
        let parts = parts(&expr);
        let size = parts.iter().map(|id| self.sizes[*id as usize]).sum::<u32>() + 1;
        if size > MAX_SIZE {
            return None;
        }
        let id = self.list.len() as ExprId;
        self.list.push(expr);
        self.sizes.push(size);
        self.index.insert(key, id);
        Some(id)
    }

    /// Its value where the variable is `x`.
    pub(in crate::quantize) fn value(&self, id: ExprId, x: f64) -> f64 {
        match self.get(id) {
            Expr::Var => x,
            Expr::Apply {
                function,
                argument,
                scale,
                offset,
            } => {
                let argument = scale * self.value(*argument, x) + offset;
                // An exact 0 that rounding moved.
                match *function == Function::Zero && argument.abs() <= 1e-12 * offset.abs() {
                    true => 1.0,
                    false => function.apply(argument),
                }
            }
            Expr::Sum {
                bias,
                terms,
                products,
            } => {
                let terms = terms.iter().map(|(e, c)| c * self.value(*e, x));
                let products = products
                    .iter()
                    .map(|(a, b, c)| c * self.value(*a, x) * self.value(*b, x));
                bias + terms.sum::<f64>() + products.sum::<f64>()
            }
            Expr::Max(members) => members
                .iter()
                .map(|(e, scale, offset)| scale * self.value(*e, x) + offset)
                .fold(f64::NEG_INFINITY, f64::max),
        }
    }

    /// Its value at a digit that stands for `x`, give or take half a step: where a function asks
    /// whether the variable is 0, the digit nearest to 0 counts.
    pub(in crate::quantize) fn value_of_digit(&self, id: ExprId, x: f64, step: f64) -> f64 {
        let mut near = x;
        for zero in &self.zeros(id) {
            if (x - zero).abs() <= 0.5 * step && (near == x || (x - zero).abs() < (x - near).abs())
            {
                near = *zero;
            }
        }
        self.value(id, near)
    }

    /// Where the expression asks whether an affine function of the variable is 0.
    fn zeros(&self, id: ExprId) -> Vec<f64> {
        match self.get(id) {
            Expr::Apply {
                function: Function::Zero,
                argument: VAR,
                scale,
                offset,
            } => vec![-offset / scale],
            expr => parts(expr)
                .into_iter()
                .flat_map(|part| self.zeros(part))
                .collect(),
        }
    }

    /// The innermost clamp, if `id` depends on its variable through this clamp alone: bounds
    /// of the clamp, and the rest as a function of what is clamped.
    pub(in crate::quantize) fn strip_clamp(&mut self, id: ExprId) -> Option<(ExprId, ExprId)> {
        let leaf = self.innermost(id)?;
        self.clamp(leaf)?;
        let rest = self.replace(id, leaf)?;
        Some((leaf, rest))
    }

    /// Bounds of a clamp of the bare variable.
    pub(in crate::quantize) fn clamp(&self, id: ExprId) -> Option<(f64, f64)> {
        match self.get(id) {
            Expr::Apply {
                function,
                argument: VAR,
                scale: 1.0,
                offset: 0.0,
            } => {
                let clamp = clamp_of(*function)?;
                let both = clamp.0.is_finite() && clamp.1.is_finite();
                (self.two_sided || !both).then_some(clamp)
            }
            _ => None,
        }
    }

    /// The first expression on the way down whose argument is the bare variable.
    fn innermost(&self, id: ExprId) -> Option<ExprId> {
        let mut at = id;
        while at != VAR {
            let parts = parts(self.get(at));
            match parts.iter().find(|part| **part != VAR) {
                None => return Some(at),
                Some(part) => at = *part,
            }
        }
        None
    }

    /// `id` with every `leaf` replaced by the variable; `None` if the variable is also used
    /// elsewhere.
    fn replace(&mut self, id: ExprId, leaf: ExprId) -> Option<ExprId> {
        if id == leaf {
            return Some(VAR);
        }
        let expr = match self.get(id).clone() {
            Expr::Var => return None,
            Expr::Apply {
                function,
                argument,
                scale,
                offset,
            } => Expr::Apply {
                function,
                argument: self.replace(argument, leaf)?,
                scale,
                offset,
            },
            Expr::Sum {
                bias,
                mut terms,
                mut products,
            } => {
                for (e, _) in &mut terms {
                    *e = self.replace(*e, leaf)?;
                }
                for (a, b, _) in &mut products {
                    *a = self.replace(*a, leaf)?;
                    *b = self.replace(*b, leaf)?;
                }
                Expr::Sum {
                    bias,
                    terms,
                    products,
                }
            }
            Expr::Max(mut members) => {
                for (e, _, _) in &mut members {
                    *e = self.replace(*e, leaf)?;
                }
                Expr::Max(members)
            }
        };
        self.add(expr)
    }

    /// Whether `scale · e + offset` is never negative, whatever the variable.
    pub(in crate::quantize) fn never_negative(&self, id: ExprId, scale: f64, offset: f64) -> bool {
        if scale < 0.0 || offset < 0.0 {
            return false;
        }
        match self.get(id) {
            Expr::Apply { function, .. } => match function {
                Function::Relu
                | Function::Sigmoid
                | Function::HardSigmoid(..)
                | Function::Exp
                | Function::Sqrt
                | Function::Abs
                | Function::Softplus
                | Function::Positive
                | Function::NotNegative
                | Function::Zero
                | Function::Probit => true,
                Function::Clip(lo, _) => *lo >= 0.0,
                Function::Power(p) => p % 2 == 0,
                _ => false,
            },
            _ => false,
        }
    }

    /// Name in reports: the outermost function.
    pub(in crate::quantize) fn name(&self, id: ExprId) -> String {
        match self.get(id) {
            Expr::Var => "identity".into(),
            Expr::Apply {
                function, argument, ..
            } => match self.get(*argument) {
                Expr::Var => function.name().into(),
                _ => format!("{}_of_{}", function.name(), self.name(*argument)),
            },
            Expr::Sum { .. } => "composed".into(),
            Expr::Max(_) => "max".into(),
        }
    }
}

/// Bounds of a function that is a clamp.
fn clamp_of(function: Function) -> Option<(f64, f64)> {
    match function {
        Function::Relu => Some((0.0, f64::INFINITY)),
        Function::Clip(lo, hi) if lo < hi => Some((lo, hi)),
        _ => None,
    }
}

fn parts(expr: &Expr) -> Vec<ExprId> {
    match expr {
        Expr::Var => Vec::new(),
        Expr::Apply { argument, .. } => vec![*argument],
        Expr::Sum {
            terms, products, ..
        } => {
            let terms = terms.iter().map(|(e, _)| *e);
            terms
                .chain(products.iter().flat_map(|(a, b, _)| [*a, *b]))
                .collect()
        }
        Expr::Max(members) => members.iter().map(|(e, _, _)| *e).collect(),
    }
}

/// Equal for equal expressions, and only for them.
fn key(expr: &Expr) -> Vec<u64> {
    match expr {
        Expr::Var => vec![0],
        Expr::Apply {
            function,
            argument,
            scale,
            offset,
        } => {
            let mut key = vec![1, u64::from(*argument), scale.to_bits(), offset.to_bits()];
            key.extend(function_key(*function));
            key
        }
        Expr::Sum {
            bias,
            terms,
            products,
        } => {
            let mut key = vec![2, bias.to_bits(), terms.len() as u64];
            key.extend(terms.iter().flat_map(|(e, c)| [u64::from(*e), c.to_bits()]));
            let products = products.iter();
            key.extend(products.flat_map(|(a, b, c)| [u64::from(*a), u64::from(*b), c.to_bits()]));
            key
        }
        Expr::Max(members) => {
            let members = members.iter();
            let members = members.flat_map(|(e, s, o)| [u64::from(*e), s.to_bits(), o.to_bits()]);
            std::iter::once(3).chain(members).collect()
        }
    }
}

fn function_key(function: Function) -> Vec<u64> {
    let parameters = match function {
        Function::LeakyRelu(a) | Function::Elu(a) => vec![a.to_bits()],
        Function::Clip(a, b) | Function::HardSigmoid(a, b) | Function::Selu(a, b) => {
            vec![a.to_bits(), b.to_bits()]
        }
        Function::Power(p) => vec![p as u64],
        _ => Vec::new(),
    };
    let name = function.name().bytes().map(u64::from);
    name.chain(parameters).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn apply(exprs: &mut Exprs, function: Function, argument: ExprId) -> ExprId {
        let expr = Expr::Apply {
            function,
            argument,
            scale: 1.0,
            offset: 0.0,
        };
        exprs.add(expr).unwrap_or(VAR)
    }

    #[test]
    fn equal_compositions_are_one() {
        let mut exprs = Exprs::new(true);
        let a = apply(&mut exprs, Function::Sigmoid, VAR);
        let b = apply(&mut exprs, Function::Sigmoid, VAR);
        let c = apply(&mut exprs, Function::LeakyRelu(0.1), VAR);
        let d = apply(&mut exprs, Function::LeakyRelu(0.2), VAR);
        assert!(a == b && c != d && a != c && a != VAR);
    }

    #[test]
    fn clamps_come_off_where_nothing_else_reads_the_variable() {
        let mut exprs = Exprs::new(true);
        let relu = apply(&mut exprs, Function::Relu, VAR);
        let tanh = apply(&mut exprs, Function::Tanh, relu);
        let bare = apply(&mut exprs, Function::Tanh, VAR);
        assert_eq!(exprs.strip_clamp(tanh), Some((relu, bare)));
        assert_eq!(exprs.strip_clamp(relu), Some((relu, VAR)));
        assert_eq!(exprs.strip_clamp(bare), None);
        let both = Expr::Sum {
            bias: 0.0,
            terms: vec![(VAR, 1.0), (relu, 1.0)],
            products: Vec::new(),
        };
        let both = exprs.add(both).unwrap_or(VAR);
        assert_eq!(exprs.value(both, 3.0), 6.0);
        assert_eq!(exprs.value(both, -3.0), -3.0);
        assert_eq!(exprs.strip_clamp(both), None);
    }
}
