//! Shapes: sizes, axes, broadcasting, and the index lists that shape operators are.

/// Most elements of any tensor, constant or broadcast: a limit on memory.
pub(crate) const MAX_ELEMENTS: usize = 1 << 24;

/// Number of elements, within [`MAX_ELEMENTS`].
pub(crate) fn elements(dims: &[usize]) -> Result<usize, String> {
    dims.iter()
        .try_fold(1usize, |n, d| n.checked_mul(*d))
        .filter(|n| *n <= MAX_ELEMENTS)
        .ok_or_else(|| format!("shape {dims:?} has more elements than the limit of {MAX_ELEMENTS}"))
}

/// Most elements of a tensor that depends on the input, each of which may become a wire.
pub(crate) const MAX_WIRES: usize = 1 << 21;

/// Number of elements, within [`MAX_WIRES`].
pub(crate) fn wire_elements(dims: &[usize]) -> Result<usize, String> {
    match elements(dims) {
        Ok(count) if count <= MAX_WIRES => Ok(count),
        _ => Err(format!(
            "shape {dims:?} has more elements than the limit of {MAX_WIRES} for activations"
        )),
    }
}

/// An axis that may count from the end, as a position below `rank`.
pub(crate) fn axis(axis: i64, rank: usize) -> Result<usize, String> {
    let at = if axis < 0 { axis + rank as i64 } else { axis };
    usize::try_from(at)
        .ok()
        .filter(|at| *at < rank)
        .ok_or_else(|| format!("axis {axis} is outside a tensor of {rank} axes"))
}

/// Axes of a tensor of `rank` axes, sorted and distinct.
pub(crate) fn axes(raw: &[i64], rank: usize) -> Result<Vec<usize>, String> {
    let mut all = raw
        .iter()
        .map(|a| axis(*a, rank))
        .collect::<Result<Vec<_>, _>>()?;
    all.sort_unstable();
    if all.windows(2).any(|pair| pair[0] == pair[1]) {
        return Err(format!("axes {raw:?} name an axis twice"));
    }
    Ok(all)
}

/// Row-major steps between neighbours along each axis.
pub(crate) fn strides(dims: &[usize]) -> Vec<usize> {
    let mut strides = vec![1; dims.len()];
    for axis in (1..dims.len()).rev() {
        strides[axis - 1] = strides[axis] * dims[axis];
    }
    strides
}

/// Shape that two shapes broadcast to, by numpy's rule.
pub(crate) fn broadcast(a: &[usize], b: &[usize]) -> Result<Vec<usize>, String> {
    let rank = a.len().max(b.len());
    let dim = |dims: &[usize], axis: usize| {
        // Missing leading axes count as 1.
        (axis + dims.len())
            .checked_sub(rank)
            .map_or(1, |at| dims[at])
    };
    let dims: Vec<usize> = (0..rank)
        .map(|axis| match (dim(a, axis), dim(b, axis)) {
            (a, b) if a == b => Ok(a),
            (1, d) | (d, 1) => Ok(d),
            _ => Err(format!("shapes {a:?} and {b:?} do not broadcast")),
        })
        .collect::<Result<_, _>>()?;
    elements(&dims)?;
    Ok(dims)
}

/// For each element of shape `to`, the element of `from` that broadcasting puts there; `to` is
/// what [`broadcast`] gave for `from` and another shape.
pub(crate) fn expand(from: &[usize], to: &[usize]) -> Vec<usize> {
    let own = strides(from);
    let steps: Vec<usize> = (0..to.len())
        .map(|axis| match (axis + from.len()).checked_sub(to.len()) {
            Some(at) if from[at] != 1 => own[at],
            _ => 0,
        })
        .collect();
    walk(to, &steps, 0)
}

/// Positions `start + Σ index · step` over all indices of shape `dims`, in row-major order.
pub(crate) fn walk(dims: &[usize], steps: &[usize], start: usize) -> Vec<usize> {
    let mut all = vec![start];
    for (dim, step) in dims.iter().zip(steps) {
        let mut next = Vec::with_capacity(all.len() * dim);
        for at in &all {
            next.extend((0..*dim).map(|index| at + index * step));
        }
        all = next;
    }
    all
}

/// Transposition: the new shape, and the old position of each new element.
pub(crate) fn transpose(dims: &[usize], order: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let own = strides(dims);
    let to: Vec<usize> = order.iter().map(|axis| dims[*axis]).collect();
    let steps: Vec<usize> = order.iter().map(|axis| own[*axis]).collect();
    let indices = walk(&to, &steps, 0);
    (to, indices)
}

/// Picks along one axis: the new shape, and the old position of each new element.
pub(crate) fn pick(dims: &[usize], axis: usize, at: &[usize]) -> (Vec<usize>, Vec<usize>) {
    let inner: usize = dims[axis + 1..].iter().product();
    let outer: usize = dims[..axis].iter().product();
    let mut indices = Vec::with_capacity(outer * at.len() * inner);
    for block in 0..outer {
        for index in at {
            let start = (block * dims[axis] + index) * inner;
            indices.extend(start..start + inner);
        }
    }
    let mut to = dims.to_vec();
    to[axis] = at.len();
    (to, indices)
}

/// Positions of the members of each group that a reduction over `over` collapses, and the shape
/// with the reduced axes of size 1.
pub(crate) fn groups(dims: &[usize], over: &[usize]) -> (Vec<usize>, Vec<Vec<usize>>) {
    let own = strides(dims);
    let part = |reduced: bool| -> (Vec<usize>, Vec<usize>) {
        let axes = (0..dims.len()).filter(|axis| over.contains(axis) == reduced);
        axes.map(|axis| (dims[axis], own[axis])).unzip()
    };
    let (inner_dims, inner_steps) = part(true);
    let (outer_dims, outer_steps) = part(false);
    let inside = walk(&inner_dims, &inner_steps, 0);
    let groups = walk(&outer_dims, &outer_steps, 0)
        .into_iter()
        .map(|start| inside.iter().map(|at| start + at).collect())
        .collect();
    let mut kept = dims.to_vec();
    for axis in over {
        kept[*axis] = 1;
    }
    (kept, groups)
}
