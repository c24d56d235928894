//! Constraints as sums of products in which every common subexpression occurs once.
//!
//! Challenges are known when the quotient is computed, so they are constants here, and
//! everything that multiplies only constants is folded. Every subexpression is kept as a linear
//! combination of atoms (queries and products); a product's factors are brought to a common form
//! by taking out a coefficient, so that a sum and its multiples are one node.

use std::collections::{BTreeMap, HashMap};

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;
use halo2_proofs::plonk::Expression;

use super::CreateError;
use super::comb::Combs;

/// A polynomial whose values on a coset are an input of the evaluation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub(super) enum Input {
    /// A fixed column.
    Fixed(usize),
    /// An advice column.
    Advice(usize),
    /// An instance column.
    Instance(usize),
    /// The permutation of a permuted column.
    Sigma(usize),
    /// A permutation product.
    Product(usize),
    /// 1 on the first row, 0 on the others.
    First,
    /// The identity, X.
    Point,
    /// A linear combination of fixed columns ([`super::comb`]).
    Comb(usize),
}

/// Position of a node in its graph.
pub(super) type NodeId = usize;

/// A node; its operands come before it in the graph.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub(super) enum Node {
    /// An input, so many rows ahead.
    Query(Input, i32),
    /// Two factors, in order of position.
    Product(NodeId, NodeId),
    /// A linear combination of several terms, divided by its common factor.
    Sum(Linear),
}

/// `constant + Σ coefficient × node`; no coefficient is zero.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub(super) struct Linear {
    pub(super) constant: Fr,
    pub(super) terms: BTreeMap<NodeId, Fr>,
}

impl Linear {
    pub(super) fn constant(constant: Fr) -> Self {
        Self {
            constant,
            terms: BTreeMap::new(),
        }
    }

    pub(super) fn node(id: NodeId) -> Self {
        Self {
            constant: Fr::ZERO,
            terms: BTreeMap::from([(id, Fr::ONE)]),
        }
    }

    pub(super) fn add(&mut self, other: &Self, factor: Fr) {
        self.constant += other.constant * factor;
        for (id, coefficient) in &other.terms {
            self.add_term(*id, *coefficient * factor);
        }
    }

    pub(super) fn add_term(&mut self, id: NodeId, coefficient: Fr) {
        let sum = self.terms.entry(id).or_insert(Fr::ZERO);
        *sum += coefficient;
        if *sum == Fr::ZERO {
            self.terms.remove(&id);
        }
    }

    pub(super) fn scale(mut self, factor: Fr) -> Self {
        if factor == Fr::ZERO {
            return Self::default();
        }
        self.constant *= factor;
        for coefficient in self.terms.values_mut() {
            *coefficient *= factor;
        }
        self
    }

    /// The coefficient that, up to sign, most terms have, the first of several; 1 without terms.
    /// Divided by it, a sum and its multiples are the same and most coefficients are ±1.
    fn common_factor(&self) -> Fr {
        let same = |a: &Fr, b: &Fr| *a == *b || *a == -*b;
        let count = |c: &Fr| self.terms.values().filter(|other| same(c, other)).count();
        let mut best = (Fr::ONE, 0);
        for coefficient in self.terms.values() {
            let times = count(coefficient);
            if times > best.1 {
                best = (*coefficient, times);
            }
        }
        best.0
    }
}

/// Nodes, each once, operands first.
#[derive(Clone, Debug, Default)]
pub(super) struct Graph {
    nodes: Vec<Node>,
    /// Degree of each node, in units of the number of rows.
    degrees: Vec<usize>,
    ids: HashMap<Node, NodeId>,
    combs: Combs,
}

impl Graph {
    /// An empty graph whose sums are written with `combs`.
    pub(super) fn with_combs(combs: Combs) -> Self {
        Self {
            combs,
            ..Self::default()
        }
    }

    pub(super) fn combs(&self) -> &Combs {
        &self.combs
    }

    pub(super) fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Largest degree of a term.
    pub(super) fn degree(&self, linear: &Linear) -> usize {
        let degrees = linear.terms.keys().map(|id| self.degrees[*id]);
        degrees.max().unwrap_or(0)
    }

    fn insert(&mut self, node: Node) -> NodeId {
        if let Some(id) = self.ids.get(&node) {
            return *id;
        }
        let degree = match &node {
            Node::Query(..) => 1,
            Node::Product(a, b) => self.degrees[*a] + self.degrees[*b],
            Node::Sum(linear) => self.degree(linear),
        };
        let id = self.nodes.len();
        self.ids.insert(node.clone(), id);
        self.nodes.push(node);
        self.degrees.push(degree);
        id
    }

    /// An input as a linear combination.
    pub(super) fn query(&mut self, input: Input, rotation: i32) -> Linear {
        Linear::node(self.insert(Node::Query(input, rotation)))
    }

    /// The product of two linear combinations.
    pub(super) fn multiply(&mut self, a: Linear, b: Linear) -> Linear {
        if a.terms.is_empty() {
            return b.scale(a.constant);
        }
        if b.terms.is_empty() {
            return a.scale(b.constant);
        }
        let (a, first) = self.as_node(a);
        let (b, second) = self.as_node(b);
        let product = self.insert(Node::Product(a.min(b), a.max(b)));
        Linear::node(product).scale(first * second)
    }

    /// A combination with a term as a node and its factor.
    pub(super) fn as_node(&mut self, linear: Linear) -> (NodeId, Fr) {
        let mut linear = linear;
        for (terms, comb, rotation, factor) in self.combs.matches(&self.nodes, &linear) {
            for id in terms {
                linear.terms.remove(&id);
            }
            let id = self.insert(Node::Query(Input::Comb(comb), rotation));
            linear.add_term(id, factor);
        }
        let factor = linear.common_factor();
        match linear.terms.first_key_value() {
            Some((&id, _)) if linear.terms.len() == 1 && linear.constant == Fr::ZERO => {
                (id, factor)
            }
            _ => {
                let inverse = factor.invert().unwrap_or(Fr::ONE);
                (self.insert(Node::Sum(linear.scale(inverse))), factor)
            }
        }
    }

    /// Adds an expression of the constraint system.
    ///
    /// # Errors
    /// Selectors, and challenges that were not drawn.
    pub(super) fn expression(
        &mut self,
        expression: &Expression<Fr>,
        challenges: &[Fr],
    ) -> Result<Linear, CreateError> {
        Ok(match expression {
            Expression::Constant(constant) => Linear::constant(*constant),
            Expression::Selector(_) => return Err(CreateError::Unsupported("selectors")),
            Expression::Fixed(q) => self.query(Input::Fixed(q.column_index()), q.rotation().0),
            Expression::Advice(q) => self.query(Input::Advice(q.column_index()), q.rotation().0),
            Expression::Instance(q) => {
                self.query(Input::Instance(q.column_index()), q.rotation().0)
            }
            Expression::Challenge(challenge) => {
                let value = challenges.get(challenge.index());
                let unknown = CreateError::Unsupported("challenges that are never drawn");
                Linear::constant(*value.ok_or(unknown)?)
            }
            Expression::Negated(inner) => self.expression(inner, challenges)?.scale(-Fr::ONE),
            Expression::Sum(a, b) => {
                let mut sum = self.expression(a, challenges)?;
                sum.add(&self.expression(b, challenges)?, Fr::ONE);
                sum
            }
            Expression::Product(a, b) => {
                let a = self.expression(a, challenges)?;
                let b = self.expression(b, challenges)?;
                self.multiply(a, b)
            }
            Expression::Scaled(inner, factor) => self.expression(inner, challenges)?.scale(*factor),
        })
    }

    /// The same sum with factors common to several of its products taken out, the most frequent
    /// first.
    pub(super) fn factored(&mut self, linear: &Linear) -> Linear {
        let mut products = Vec::new();
        let mut rest = Linear::constant(linear.constant);
        for (id, coefficient) in &linear.terms {
            let mut factors = Vec::new();
            self.factors(*id, &mut factors);
            match factors.len() {
                1 => rest.add_term(*id, *coefficient),
                _ => products.push((*coefficient, factors)),
            }
        }
        let factored = self.factor(products);
        rest.add(&factored, Fr::ONE);
        rest
    }

    fn factors(&self, id: NodeId, factors: &mut Vec<NodeId>) {
        match &self.nodes[id] {
            Node::Product(a, b) => {
                self.factors(*a, factors);
                self.factors(*b, factors);
            }
            Node::Query(..) | Node::Sum(_) => factors.push(id),
        }
    }

    fn factor(&mut self, products: Vec<(Fr, Vec<NodeId>)>) -> Linear {
        let mut counts: BTreeMap<NodeId, usize> = BTreeMap::new();
        for (_, factors) in &products {
            let mut factors = factors.clone();
            factors.sort_unstable();
            factors.dedup();
            for factor in factors {
                *counts.entry(factor).or_default() += 1;
            }
        }
        let most = counts.into_iter().max_by_key(|(_, count)| *count);
        let Some((common, 2..)) = most else {
            return self.sum_of_products(products);
        };
        let (with, without): (Vec<_>, Vec<_>) = products
            .into_iter()
            .partition(|(_, factors)| factors.contains(&common));
        let divided = with.into_iter().map(|(coefficient, mut factors)| {
            if let Some(at) = factors.iter().position(|factor| *factor == common) {
                factors.remove(at);
            }
            (coefficient, factors)
        });
        let inner = self.factor(divided.collect());
        let mut sum = self.multiply(Linear::node(common), inner);
        sum.add(&self.factor(without), Fr::ONE);
        sum
    }

    fn sum_of_products(&mut self, products: Vec<(Fr, Vec<NodeId>)>) -> Linear {
        let mut sum = Linear::default();
        for (coefficient, factors) in products {
            let product = factors
                .into_iter()
                .fold(Linear::constant(Fr::ONE), |product, factor| {
                    self.multiply(product, Linear::node(factor))
                });
            sum.add(&product, coefficient);
        }
        sum
    }
}
