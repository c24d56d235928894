"""Maxima, positions of maxima, comparisons, choices."""

import numpy as np
from make_more import Case, Random as R, node, single
from onnx import TensorProto

INT64, FLOAT = TensorProto.INT64, TensorProto.FLOAT
# Ties: whichever comes first, unless the last is asked for.
TIES = [[1, 3, 3, 0, -1, 3], [0, 0, 0, 0, 0, 0], [-2, -1, -2, -1, -3, -1]]


def maxima():
    result = []
    for op in ("ReduceMax", "ReduceMin"):
        name = op[6:].lower()
        reduce = lambda case, axes=None, opset=18, shape=("n", 3, 4), **a: result.append(
            single(
                f"reduce_{name}_{case}",
                op,
                {"axes": np.array(axes, np.int64)} if axes is not None and opset >= 18 else {},
                attributes={**a, **({"axes": axes} if axes is not None and opset < 18 else {})},
                shape=shape,
                opset=opset,
            )
        )
        (
            reduce("last", [-1]),
            reduce("several", [1, 2], keepdims=0),
            reduce("all", None),
            reduce("attribute", [1], opset=13),
        )
        reduce("image", [2, 3], shape=("n", 2, 3, 3), keepdims=0), reduce("opset_09", [2], opset=9, keepdims=0)
    for op in ("Max", "Min"):
        name = op.lower()
        result += [
            Case(f"{name}_two", [node("Neg", "x", "m"), node(op, "x m")]),
            Case(f"{name}_three", [node("Neg", "x", "m"), node(op, "m c x")], {"c": R(4)}),
            single(f"{name}_constant", op, {"c": R(4)}),
            single(f"{name}_scalar", op, {"c": np.float32(0.5)}),
            single(f"{name}_one", op),
            single(f"{name}_opset_09", op, {"c": R(1, 4)}, opset=9),
        ]
    return result


def positions():
    result = []
    for op in ("ArgMax", "ArgMin"):
        arg = lambda case, opset=17, shape=("n", 6), rows=TIES, **a: result.append(
            single(f"{op.lower()}_{case}", op, attributes=a, shape=shape, opset=opset, rows=rows, kind=INT64)
        )
        (
            arg("axis_1", axis=1),
            arg("flat", axis=-1, keepdims=0),
            arg("select_last", axis=1, select_last_index=1),
            arg("opset_09", opset=9, axis=1),
        )
        arg("channels", axis=1, shape=("n", 3, 2, 2), rows=None), arg("default_axis", shape=(4, 2), rows=None)
        result.append(
            Case(
                f"{op.lower()}_as_float",
                [node("Gemm", "x w b", "h"), node(op, "h", "i", axis=1, keepdims=0), node("Cast", "i", to=FLOAT)],
                {"w": R(4, 5), "b": R(5)},
            )
        )
    k = np.array([1], np.int64)
    top = lambda name, outputs, opset=17, weights=None, shape=("n", 6), kind=FLOAT, rows=TIES, **a: Case(
        f"topk_{name}",
        [node("TopK", ["x", *(weights or {})], outputs, **a)],
        weights,
        opset=opset,
        shape=shape,
        kind=kind,
        rows=rows,
    )
    return [
        *result,
        top("value", "y indices", weights={"k": k}),
        top("index", "values y", weights={"k": k}, kind=INT64),
        top("smallest", "y indices", weights={"k": k}, largest=0),
        top("smallest_index", "values y", weights={"k": k}, largest=0, kind=INT64),
        top("axis", "y indices", weights={"k": k}, axis=1, shape=("n", 3, 4), rows=None),
        top("opset_10", "y indices", 10, {"k": k}),
        top("opset_09", "y indices", 9, k=1),
        top("unsorted", "y indices", weights={"k": k}, sorted=0),
    ]


def comparisons():
    result = []
    for op in ("Greater", "Less", "Equal", "GreaterOrEqual", "LessOrEqual"):
        name = op.lower()
        as_float = lambda case, inputs, weights, opset=17: result.append(
            Case(
                f"{name}_{case}",
                [node(op, inputs, "b"), node("Cast", "b", to=FLOAT)],
                weights,
                opset=opset,
                integers=True,
                low=-2,
                high=2,
            )
        )
        (
            as_float("constant", "x c", {"c": np.float32([0, 1, -1, 2])}),
            as_float("constant_left", "c x", {"c": np.float32(1)}),
        )
        result.append(
            Case(
                f"{name}_two",
                [node("Relu", "x", "r"), node("Gemm", "x w", "h"), node(op, "h r", "b"), node("Cast", "b", to=FLOAT)],
                {"w": np.float32(np.roll(np.eye(4), 1, axis=0))},
                integers=True,
                low=-2,
                high=2,
            )
        )
        result.append(
            Case(
                f"{name}_answer",
                [node(op, "x c")],
                {"c": np.float32(0)},
                kind=TensorProto.BOOL,
                integers=True,
                low=-1,
                high=1,
            )
        )
    masks = [node("Greater", "x lo", "a"), node("Less", "x hi", "b")]
    bounds = {"lo": np.float32(-1), "hi": np.float32(1)}
    joined = lambda op, bounds=bounds: Case(
        op.lower(), [*masks, node(op, "a b", "m"), node("Cast", "m", to=FLOAT)], bounds
    )
    return [
        *result,
        joined("And"),
        joined("Or", {"lo": np.float32(1), "hi": np.float32(-1)}),
        joined("Xor"),
        Case(
            "not",
            [node("Greater", "x c", "a"), node("Not", "a", "m"), node("Cast", "m", to=FLOAT)],
            {"c": np.float32(0)},
        ),
        Case(
            "equal_integers",
            [node("Cast", "x", "i", to=INT64), node("Equal", "i c", "b"), node("Cast", "b", to=FLOAT)],
            {"c": np.array([0, 1, 2, -1])},
            integers=True,
            low=-2,
            high=2,
        ),
        Case(
            "equal_opset_09",
            [node("Cast", "x", "i", to=INT64), node("Equal", "i c", "b"), node("Cast", "b", to=FLOAT)],
            {"c": np.array([0, 1, 2, -1])},
            integers=True,
            low=-2,
            high=2,
            opset=9,
        ),
        Case(
            "where",
            [node("Greater", "x c", "m"), node("Neg", "x", "n"), node("Where", "m x n")],
            {"c": np.float32(0.5)},
        ),
        Case(
            "where_constants",
            [node("Less", "x c", "m"), node("Where", "m p q")],
            {"c": np.float32(0), "p": np.float32(2.5), "q": R(4)},
        ),
        Case(
            "where_constant_mask",
            [node("Neg", "x", "n"), node("Where", "m x n")],
            {"m": np.array([True, False, True, False])},
        ),
        Case(
            "where_broadcast",
            [node("Greater", "x c", "m"), node("Where", "m x z")],
            {"c": R(3, 1), "z": np.float32([0])},
            shape=("n", 3, 4),
        ),
        Case("greater_opset_09", [node("Greater", "x c", "m"), node("Cast", "m", to=FLOAT)], {"c": R(4)}, opset=9),
        # A band of scores: how many thresholds are passed.
        Case(
            "bands",
            [
                node("Gemm", "x w", "s"),
                node("GreaterOrEqual", "s t", "m"),
                node("Cast", "m", "f", to=FLOAT),
                node("ReduceSum", "f a", keepdims=1),
            ],
            {"w": R(4, 1), "t": np.float32([-2, 0, 1.5]), "a": np.array([1], np.int64)},
        ),
    ]


def cases():
    return [*maxima(), *positions(), *comparisons()]
