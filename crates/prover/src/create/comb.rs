//! Linear combinations of fixed columns that are extended to a coset as one polynomial.
//!
//! A gate may use many fixed columns only through `Σ_l ρ^l w_l`. Extending each `w_l` to a coset
//! costs a transform; the combination is one polynomial, computed on the rows and transformed
//! once. Neither the proof nor the verifier changes.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use halo2_proofs::halo2curves::bn256::Fr;
use halo2_proofs::halo2curves::ff::Field;

use super::graph::{Input, Linear, Node, NodeId};

/// `Σ coefficient × column`, the first coefficient being 1.
pub(super) type Comb = Vec<(usize, Fr)>;

/// The combinations chosen.
#[derive(Clone, Debug, Default)]
pub(super) struct Combs {
    list: Vec<Comb>,
    positions: HashMap<Comb, usize>,
}

/// Terms of a sum that are a multiple of a comb.
type Match = (Vec<NodeId>, usize, i32, Fr);

impl Combs {
    /// The combinations, by number.
    pub(super) fn list(&self) -> &[Comb] {
        &self.list
    }

    /// Chooses among the sums of a graph and of its constraints.
    ///
    /// A column that is also used on its own must be extended anyway. Combinations pay if they
    /// are no more than the columns that they replace, counted per group of combinations that
    /// share such columns.
    pub(super) fn choose(nodes: &[Node], constraints: &[Linear]) -> Self {
        let mut alone = BTreeSet::new();
        let mut candidates: Vec<Comb> = Vec::new();
        let mut see = |linear: &Linear, is_sum: bool| {
            for ((_, terms), _) in groups(nodes, linear) {
                let (comb, _) = normalized(&terms);
                if !is_sum || comb.len() < 2 {
                    alone.extend(comb.iter().map(|(column, _)| *column));
                } else if !candidates.contains(&comb) {
                    candidates.push(comb);
                }
            }
        };
        for constraint in constraints {
            see(constraint, false);
        }
        for node in nodes {
            match node {
                Node::Query(..) => {}
                Node::Sum(linear) => see(linear, true),
                Node::Product(a, b) => [a, b].iter().for_each(|factor| {
                    see(&Linear::node(**factor), false);
                }),
            }
        }
        let mut chosen = Self::default();
        while let Some(candidate) = candidates.pop() {
            // The group of combinations that this one shares replaceable columns with.
            let mut group = vec![candidate];
            let mut columns = BTreeSet::new();
            let mut seen = 0;
            while let Some(comb) = group.get(seen) {
                let fresh = comb.iter().map(|(column, _)| *column);
                columns.extend(fresh.filter(|column| !alone.contains(column)));
                let touches = |comb: &Comb| comb.iter().any(|(column, _)| columns.contains(column));
                let (near, far) = candidates.into_iter().partition(touches);
                candidates = far;
                group.extend::<Vec<_>>(near);
                seen += 1;
            }
            if group.len() <= columns.len() {
                for comb in group {
                    chosen.positions.insert(comb.clone(), chosen.list.len());
                    chosen.list.push(comb);
                }
            }
        }
        chosen
    }

    /// The parts of `linear` that are multiples of combinations.
    pub(super) fn matches(&self, nodes: &[Node], linear: &Linear) -> Vec<Match> {
        if self.list.is_empty() {
            return Vec::new();
        }
        let groups = groups(nodes, linear).into_iter();
        let found = groups.filter_map(|((rotation, terms), ids)| {
            let (comb, factor) = normalized(&terms);
            let position = self.positions.get(&comb)?;
            Some((ids, *position, rotation, factor))
        });
        found.collect()
    }
}

/// Fixed columns of a sum by rotation, with the nodes that query them.
fn groups(nodes: &[Node], linear: &Linear) -> Vec<((i32, Comb), Vec<NodeId>)> {
    let mut groups: BTreeMap<i32, BTreeMap<usize, (Fr, NodeId)>> = BTreeMap::new();
    for (id, coefficient) in &linear.terms {
        if let Some(Node::Query(Input::Fixed(column), rotation)) = nodes.get(*id) {
            let group = groups.entry(*rotation).or_default();
            group.insert(*column, (*coefficient, *id));
        }
    }
    let split = |(rotation, group): (i32, BTreeMap<usize, (Fr, NodeId)>)| {
        let ids = group.values().map(|(_, id)| *id).collect();
        let terms = group.into_iter().map(|(column, (c, _))| (column, c));
        ((rotation, terms.collect()), ids)
    };
    groups.into_iter().map(split).collect()
}

/// Divides by the first coefficient, which is returned.
fn normalized(terms: &Comb) -> (Comb, Fr) {
    let leading = terms.first().map_or(Fr::ONE, |(_, c)| *c);
    let inverse = leading.invert().unwrap_or(Fr::ONE);
    let terms = terms.iter().map(|(column, c)| (*column, *c * inverse));
    (terms.collect(), leading)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::create::graph::Graph;

    fn lanes(graph: &mut Graph, columns: std::ops::Range<usize>, rho: u64, times: u64) -> Linear {
        let mut sum = Linear::default();
        let mut power = Fr::from(times);
        for column in columns {
            let query = graph.query(Input::Fixed(column), 0);
            sum.add(&query, power);
            power *= Fr::from(rho);
        }
        sum
    }

    /// `q (W − a) + b (3 W + c)`: one combination, whatever its multiple; `q` stays alone.
    fn gate(graph: &mut Graph, rho: u64) -> Linear {
        let q = graph.query(Input::Fixed(9), 0);
        let [a, b, c] = [0, 1, 2].map(|column| graph.query(Input::Advice(column), 0));
        let mut first = lanes(graph, 0..4, rho, 1);
        first.add(&a, -Fr::ONE);
        let mut second = lanes(graph, 0..4, rho, 3);
        second.add(&c, Fr::ONE);
        let mut gate = graph.multiply(q, first);
        let other = graph.multiply(b, second);
        gate.add(&other, Fr::ONE);
        gate
    }

    fn fixed_queries(graph: &Graph) -> Vec<Input> {
        let inputs = graph.nodes().iter().filter_map(|node| match node {
            Node::Query(input, _) => Some(*input),
            _ => None,
        });
        inputs.collect()
    }

    #[test]
    fn multiples_of_one_combination_are_one_polynomial() {
        let mut graph = Graph::default();
        let gate_before = gate(&mut graph, 5);
        let combs = Combs::choose(graph.nodes(), &[gate_before]);
        assert_eq!(combs.list().len(), 1);
        let expected: Comb = (0..4).map(|l| (l, Fr::from(5).pow([l as u64]))).collect();
        assert_eq!(combs.list()[0], expected);
        let mut graph = Graph::with_combs(combs);
        gate(&mut graph, 5);
        let combs = fixed_queries(&graph);
        assert_eq!(combs.iter().filter(|i| **i == Input::Comb(0)).count(), 1);
    }

    #[test]
    fn columns_used_alone_or_in_too_many_combinations_are_left() {
        let mut graph = Graph::default();
        let mut constraints = Vec::new();
        // Two columns, three combinations: nothing is gained.
        for rho in [2, 3, 5] {
            let a = graph.query(Input::Advice(rho as usize), 0);
            let sum = lanes(&mut graph, 0..2, rho, 1);
            constraints.push(graph.multiply(a, sum));
        }
        // Both columns of this one are also used alone.
        for column in [4, 5] {
            let a = graph.query(Input::Advice(0), 0);
            let alone = graph.query(Input::Fixed(column), 0);
            constraints.push(graph.multiply(a, alone));
        }
        let a = graph.query(Input::Advice(0), 1);
        let sum = lanes(&mut graph, 4..6, 7, 1);
        constraints.push(graph.multiply(a, sum));
        assert!(Combs::choose(graph.nodes(), &constraints).list().is_empty());
    }
}
