//! Field expressions as a graph in which equal subexpressions are one node, evaluated once.

use std::collections::HashMap;

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::{Field, PrimeField};
use num_bigint::BigUint;

use crate::yul::Yul;

/// A node of a [`Graph`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(crate) struct Id(usize);

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Node {
    Constant(Fr),
    /// Content of a named memory slot.
    Slot(String),
    Add(Id, Id),
    Sub(Id, Id),
    Mul(Id, Id),
}

/// Field expressions that share their equal parts.
#[derive(Clone, Debug, Default)]
pub(crate) struct Graph {
    nodes: Vec<Node>,
    ids: HashMap<Node, Id>,
}

impl Graph {
    fn node(&mut self, node: Node) -> Id {
        if let Some(id) = self.ids.get(&node) {
            return *id;
        }
        let id = Id(self.nodes.len());
        self.nodes.push(node.clone());
        self.ids.insert(node, id);
        id
    }

    fn value(&self, id: Id) -> Option<Fr> {
        match self.nodes[id.0] {
            Node::Constant(value) => Some(value),
            _ => None,
        }
    }

    /// A constant.
    pub(crate) fn constant(&mut self, value: Fr) -> Id {
        self.node(Node::Constant(value))
    }

    /// The content of memory slot `name`.
    pub(crate) fn slot(&mut self, name: String) -> Id {
        self.node(Node::Slot(name))
    }

    /// `a + b`.
    pub(crate) fn add(&mut self, a: Id, b: Id) -> Id {
        match (self.value(a), self.value(b)) {
            (Some(x), Some(y)) => self.constant(x + y),
            (Some(x), _) if x == Fr::ZERO => b,
            (_, Some(y)) if y == Fr::ZERO => a,
            _ => match (self.negated(a), self.negated(b)) {
                (_, Some(b)) => self.sub(a, b),
                (Some(a), _) => self.sub(b, a),
                _ => self.node(Node::Add(a.min(b), a.max(b))),
            },
        }
    }

    /// `a - b`.
    pub(crate) fn sub(&mut self, a: Id, b: Id) -> Id {
        match (self.value(b), self.negated(b)) {
            (Some(y), _) => {
                let minus = self.constant(-y);
                self.add(a, minus)
            }
            (_, Some(b)) => self.add(a, b),
            _ => self.node(Node::Sub(a, b)),
        }
    }

    /// `-a`, represented as `0 - a`.
    pub(crate) fn neg(&mut self, a: Id) -> Id {
        let zero = self.constant(Fr::ZERO);
        match self.negated(a) {
            Some(positive) => positive,
            None => self.sub(zero, a),
        }
    }

    /// `x` where `id` is `0 - x`.
    fn negated(&self, id: Id) -> Option<Id> {
        match self.nodes[id.0] {
            Node::Sub(zero, x) if self.value(zero) == Some(Fr::ZERO) => Some(x),
            _ => None,
        }
    }

    /// `a b`.
    pub(crate) fn mul(&mut self, a: Id, b: Id) -> Id {
        match (self.value(a), self.value(b)) {
            (Some(x), Some(y)) => self.constant(x * y),
            (Some(x), _) if x == Fr::ZERO => a,
            (_, Some(y)) if y == Fr::ZERO => b,
            (Some(x), _) if x == Fr::ONE => b,
            (_, Some(y)) if y == Fr::ONE => a,
            _ => self.node(Node::Mul(a.min(b), a.max(b))),
        }
    }

    fn operands(&self, id: Id) -> Vec<Id> {
        match self.nodes[id.0] {
            Node::Constant(_) | Node::Slot(_) => Vec::new(),
            Node::Add(a, b) | Node::Sub(a, b) | Node::Mul(a, b) => vec![a, b],
        }
    }

    /// How often each node is read when `roots` are evaluated.
    fn uses(&self, roots: &[Id]) -> Vec<usize> {
        let mut uses = vec![0; self.nodes.len()];
        let mut stack = roots.to_vec();
        while let Some(id) = stack.pop() {
            uses[id.0] += 1;
            if uses[id.0] == 1 {
                stack.extend(self.operands(id));
            }
        }
        uses
    }
}

/// Stack slots that one expression may take: the machine reaches 16, and the statement around the
/// expression has its own variables.
const STACK_LIMIT: usize = 8;

/// Turns a graph's nodes into Yul; a node that is read more than once, or that would need too much
/// of the stack, goes through a memory slot.
pub(crate) struct Emitter<'g> {
    graph: &'g Graph,
    uses: Vec<usize>,
    slots: HashMap<Id, String>,
}

impl<'g> Emitter<'g> {
    /// An emitter for exactly `roots`, to be emitted in this order.
    pub(crate) fn new(graph: &'g Graph, roots: &[Id]) -> Self {
        Self {
            graph,
            uses: graph.uses(roots),
            slots: HashMap::new(),
        }
    }

    /// Number of slots used so far: T_0, T_1, ...
    pub(crate) fn slots(&self) -> usize {
        self.slots.len()
    }

    /// The value of `id`, below r or, for a difference from zero, at most r. Shared parts that
    /// are not in memory yet are appended to `stores` as (slot, value).
    pub(crate) fn emit(&mut self, id: Id, stores: &mut Vec<(String, Yul)>) -> Yul {
        if let Some(slot) = self.slots.get(&id) {
            return Yul::load(slot.clone());
        }
        let value = match self.graph.nodes[id.0].clone() {
            Node::Constant(value) => return constant(value),
            Node::Slot(name) => return Yul::load(name),
            Node::Add(a, b) => {
                let a = self.emit(a, stores);
                Yul::add(a, self.emit(b, stores))
            }
            Node::Sub(a, b) if self.graph.value(a) == Some(Fr::ZERO) => {
                return Yul::neg(self.emit(b, stores));
            }
            Node::Sub(a, b) => {
                let a = self.emit(a, stores);
                Yul::add(a, Yul::neg(self.emit(b, stores)))
            }
            Node::Mul(a, b) => {
                let a = self.emit(a, stores);
                Yul::mul(a, self.emit(b, stores))
            }
        };
        if self.uses[id.0] < 2 && value.stack() <= STACK_LIMIT {
            return value;
        }
        let slot = format!("T_{}", self.slots.len());
        self.slots.insert(id, slot.clone());
        stores.push((slot.clone(), value));
        Yul::load(slot)
    }
}

/// A field element as a literal; a small negative one as `sub(r, n)`.
pub(crate) fn constant(value: Fr) -> Yul {
    let small = |value: Fr| {
        let number = BigUint::from_bytes_le(value.to_repr().as_ref());
        (number.bits() <= 128).then(|| format!("{number:#x}"))
    };
    if let Some(text) = small(value) {
        return Yul::atom(text);
    }
    if let Some(text) = small(-value) {
        return Yul::neg(Yul::atom(text));
    }
    Yul::atom(format!(
        "{:#066x}",
        BigUint::from_bytes_le(value.to_repr().as_ref())
    ))
}
