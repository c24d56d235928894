//! Maxima, of one variable or several.

use super::super::expr::{Expr, VAR};
use super::super::{NetOp, Ref};
use super::{Lowering, Maximum, RealGroup, Value};
use crate::graph::Function;

impl Lowering {
    pub(super) fn max(&mut self, name: &str, x: &[Value], groups: &[Vec<u32>]) {
        let first = self.values.len();
        let mut real: Vec<RealGroup> = Vec::new();
        for (index, group) in groups.iter().enumerate() {
            let mut floor = None;
            let mut members: Vec<Value> = Vec::with_capacity(group.len());
            for at in group {
                let value = x[*at as usize];
                if value.is_constant() {
                    floor = Some(value.offset.max(floor.unwrap_or(f64::NEG_INFINITY)));
                } else if !members.contains(&value) {
                    members.push(value);
                }
            }
            let value = match members.as_slice() {
                [] => Value::constant(floor.unwrap_or(0.0)),
                [only] => match floor {
                    None => *only,
                    Some(floor) => self.apply(*only, Function::Clip(floor, f64::INFINITY)),
                },
                _ => match self.same_variable(&members, floor) {
                    Some(value) => value,
                    None => {
                        let (refs, view) = self.members(&members);
                        let members = members.clone();
                        real.push(RealGroup {
                            index,
                            refs,
                            members,
                            floor,
                            view,
                        });
                        Value::constant(0.0)
                    }
                },
            };
            self.values.push(value);
        }
        if real.is_empty() {
            return self.flush(name);
        }
        let count = real.len();
        let groups = real.iter().map(|group| group.refs.clone()).collect();
        let outputs = self.push(name, NetOp::Max(groups), count);
        for (group, var) in real.into_iter().zip(outputs) {
            let RealGroup {
                index,
                refs,
                members,
                floor,
                view,
            } = group;
            let known = Maximum {
                scale: view.scale,
                offset: view.offset,
                members: refs
                    .iter()
                    .map(|r| Value::whole(*r))
                    .chain(members)
                    .collect(),
            };
            self.maxima.insert(var, known);
            let never = |r: &Ref| match r.expr {
                VAR => self.not_negative[r.var as usize],
                expr => self.net.exprs.never_negative(expr, 1.0, 0.0),
            };
            self.not_negative[var as usize] = refs.iter().any(never);
            let value = Value {
                of: Ref::bare(var),
                ..view
            };
            self.values[first + index] = match floor {
                None => value,
                Some(floor) => self.apply(value, Function::Clip(floor, f64::INFINITY)),
            };
        }
        self.flush(name);
    }

    /// The maximum of functions of one variable.
    fn same_variable(&mut self, members: &[Value], floor: Option<f64>) -> Option<Value> {
        let members: Vec<Value> = members.iter().map(|value| self.known(*value)).collect();
        let var = members.first()?.of.var;
        if members.iter().any(|value| value.of.var != var) {
            return None;
        }
        let affine = members.iter().map(|v| (v.of.expr, v.scale, v.offset));
        let floor = floor.map(|floor| (VAR, 0.0, floor));
        let expr = (self.net.exprs).add(Expr::Max(affine.chain(floor).collect()))?;
        Some(Value::whole(Ref { var, expr }))
    }

    /// Members on one scale, and the affine function that is applied after the maximum.
    fn members(&mut self, members: &[Value]) -> (Vec<Ref>, Value) {
        let (scale, offset) = (members[0].scale, members[0].offset);
        let alike = |v: &Value| v.scale == scale && v.offset == offset;
        if scale > 0.0 && members.iter().all(alike) {
            return (members.iter().map(|v| v.of).collect(), members[0]);
        }
        let refs = members.iter().map(|v| self.copy(*v)).collect();
        (refs, Value::whole(Ref::bare(0)))
    }
}
