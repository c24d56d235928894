//! Yul expressions as trees, so that generated code can be laid out for reading.

use std::fmt::Write as _;

/// Columns per line of generated code.
const WIDTH: usize = 100;

/// A Yul expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Yul {
    /// Literal or identifier.
    Atom(String),
    /// Call of a built-in.
    Call(&'static str, Vec<Yul>),
}

impl Yul {
    /// A literal or an identifier.
    pub(crate) fn atom(text: impl Into<String>) -> Self {
        Self::Atom(text.into())
    }

    /// `mload(slot)`.
    pub(crate) fn load(slot: impl Into<String>) -> Self {
        Self::Call("mload", vec![Self::atom(slot)])
    }

    /// `mstore(slot, value)`.
    pub(crate) fn store(slot: impl Into<String>, value: Self) -> Self {
        Self::Call("mstore", vec![Self::atom(slot), value])
    }

    /// `(a + b) mod r`.
    pub(crate) fn add(a: Self, b: Self) -> Self {
        Self::commutative("addmod", a, b)
    }

    /// `r - a`, which is `-a` as an operand (it may be `r` itself).
    pub(crate) fn neg(a: Self) -> Self {
        Self::Call("sub", vec![Self::atom("r"), a])
    }

    /// `(a b) mod r`.
    pub(crate) fn mul(a: Self, b: Self) -> Self {
        Self::commutative("mulmod", a, b)
    }

    /// Arguments are evaluated from the last to the first: the one that needs more of the stack
    /// goes last.
    fn commutative(name: &'static str, a: Self, b: Self) -> Self {
        let (a, b) = if a.stack() > b.stack() {
            (b, a)
        } else {
            (a, b)
        };
        Self::Call(name, vec![a, b, Self::atom("r")])
    }

    /// Stack slots that the evaluation takes.
    pub(crate) fn stack(&self) -> usize {
        match self {
            Self::Atom(_) => 1,
            Self::Call(_, arguments) => {
                let pushed = arguments.iter().rev().enumerate();
                pushed
                    .map(|(below, argument)| below + argument.stack())
                    .max()
                    .unwrap_or(1)
            }
        }
    }

    /// Product of `factors`, or 1.
    pub(crate) fn product(factors: impl IntoIterator<Item = Self>) -> Self {
        factors
            .into_iter()
            .reduce(Self::mul)
            .unwrap_or_else(|| Self::atom("1"))
    }

    /// The expression on one line.
    pub(crate) fn flat(&self) -> String {
        match self {
            Self::Atom(text) => text.clone(),
            Self::Call(name, arguments) => {
                let arguments: Vec<_> = arguments.iter().map(Self::flat).collect();
                format!("{name}({})", arguments.join(", "))
            }
        }
    }

    /// The statement `{prefix}{self}` at `indent` spaces, broken over lines where it is too long
    /// for one.
    pub(crate) fn statement(&self, indent: usize, prefix: &str) -> String {
        let mut text = format!("{:indent$}{prefix}", "");
        self.write(&mut text, indent, indent + prefix.len(), 0);
        text
    }

    /// `column` is where the text stands in its line, `reserve` what must still fit behind it.
    fn write(&self, text: &mut String, indent: usize, column: usize, reserve: usize) {
        let flat = self.flat();
        match self {
            Self::Call(name, arguments) if column + flat.len() + reserve > WIDTH => {
                let _ = write!(text, "{name}(");
                let inner = indent + 4;
                for (index, argument) in arguments.iter().enumerate() {
                    let last = index + 1 == arguments.len();
                    let _ = write!(text, "\n{:inner$}", "");
                    argument.write(text, inner, inner, usize::from(!last));
                    text.push_str(if last { "" } else { "," });
                }
                let _ = write!(text, "\n{:indent$})", "");
            }
            _ => text.push_str(&flat),
        }
    }
}
