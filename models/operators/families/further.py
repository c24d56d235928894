"""Operators that exporters use less often."""

import numpy as np
from make_more import Case, Random as R, node, single
from onnx import TensorProto, helper

INT64, FLOAT, BOOL = TensorProto.INT64, TensorProto.FLOAT, TensorProto.BOOL


def integers(*values):
    return np.array(values, np.int64)


def ml(op, inputs, output="y", **attributes):
    return helper.make_node(op, inputs.split(), output.split(), domain="ai.onnx.ml", **attributes)


def sums():
    result = []
    for case, a in (("", {}), ("_exclusive", {"exclusive": 1}), ("_reverse", {"reverse": 1})):
        result.append(single(f"cumsum{case}", "CumSum", {"a": integers(1)[0]}, attributes=a, shape=("n", 3, 4)))
    both = {"exclusive": 1, "reverse": 1}
    result.append(single("cumsum_both", "CumSum", {"a": integers(-1)[0]}, attributes=both, shape=("n", 3, 4)))
    result.append(Case("mean_three", [node("Tanh", "x", "t"), node("Mean", "t c x")], {"c": R(3, 1)}, shape=("n", 3, 4)))
    result.append(single("mean_one", "Mean"))
    return result


def reductions():
    result = []
    for op in ("L1", "SumSquare", "Prod"):
        name = f"reduce{op.lower()}"
        result.append(single(f"{name}_last", f"Reduce{op}", attributes={"axes": [-1]}, shape=("n", 3, 4)))
        result.append(
            single(
                f"{name}_input",
                f"Reduce{op}",
                {"a": integers(1, 2)},
                attributes={"keepdims": 0},
                shape=("n", 3, 2),
                opset=18,
            )
        )
    result.append(single("reducelogsum", "ReduceLogSum", attributes={"axes": [1]}, shape=("n", 3, 4), low=0.2, high=3))
    noop = {"noop_with_empty_axes": 1}
    result.append(Case("reducesumsquare_noop", [node("ReduceSumSquare", "x", **noop)], opset=18))
    return result


def choices():
    triangle = [
        single("trilu_upper", "Trilu", shape=("n", 4, 3)),
        single("trilu_lower", "Trilu", {"k": integers(-1)[0]}, attributes={"upper": 0}, shape=("n", 3, 4)),
    ]
    scatter = [
        # The updates are the first two rows of the negated input.
        Case(
            "scatternd",
            [node("Neg", "x", "m"), node("Squeeze", "m z", "q"), node("Slice", "q s e", "u"), node("Squeeze", "x z", "v"),
             node("ScatterND", "v i u")],
            {"i": integers([2], [0]), "z": integers(0), "s": integers(0), "e": integers(2)},
            shape=(1, 3, 2),
        ),
        Case("scatternd_constant", [node("ScatterND", "x i u")], {"i": integers([0, 1]), "u": R(1)}, shape=(1, 4)),
    ]
    hot = {"i": integers(2, 0, -1), "d": integers(4), "v": np.float32([0.5, 2])}
    return [
        *triangle,
        *scatter,
        Case("compress_axis", [node("Compress", "x c", axis=1)], {"c": np.array([True, False, True])}, shape=("n", 3, 2)),
        Case("compress_flat", [node("Compress", "x c")], {"c": np.array([False, True, True, False, True])}, shape=(1, 2, 3)),
        Case("onehot", [node("OneHot", "i d v", "w", axis=1), node("MatMul", "x w")], hot, shape=("n", 3)),
        Case("onehot_first", [node("OneHot", "i d v", "w", axis=0), node("MatMul", "x w")], hot, shape=("n", 4)),
        Case(
            "size",
            [node("Size", "x", "s"), node("Cast", "s", "f", to=FLOAT), node("Div", "x f")],
            shape=("n", 2, 3),
        ),
        single("hardmax", "Hardmax", attributes={"axis": -1}, rows=[[1, 3, 3, 0], [0, 0, 0, 0], [-2, -1, -2, -1]]),
        single("hardmax_opset_11", "Hardmax", attributes={"axis": 1}, shape=("n", 2, 2), opset=11),
        Case("isnan", [node("IsNaN", "x", "b"), node("Not", "b", "o"), node("Where", "o x c")], {"c": R()}),
        Case("isinf", [node("IsInf", "x", "b"), node("Where", "b c x")], {"c": R()}),
    ]


def preprocessing():
    half = lambda lo, hi, out: node("Slice", f"x s{lo} s{hi} a", out)
    cuts = {f"s{i}": integers(i) for i in (0, 1, 4)} | {"a": integers(1)}
    pick = {"rows": [[0, 2, 5, -1], [7, 7, 7, 7], [2, 0, -3, 5]], "low": -4, "high": 8}
    return [
        Case("feature_vectorizer", [half(0, 1, "p"), half(1, 4, "q"), ml("FeatureVectorizer", "q p", inputdimensions=[3, 1])],
             cuts, ml=1),
        Case("one_hot_encoder", [ml("OneHotEncoder", "x", cats_int64s=[-3, 0, 2, 5, 7])], ml=1, integers=True, **pick),
        Case("one_hot_scaled", [node("Mul", "x k", "h"), ml("OneHotEncoder", "h", cats_int64s=[-6, 0, 4])],
             {"k": np.float32(2)}, ml=1, integers=True, **pick),
    ]


def sizes():
    result = []
    resize = lambda case, scales=None, sizes=None, shape=("n", 2, 3, 4), opset=13, **a: result.append(
        Case(
            f"resize_{case}",
            [node("Resize", "x r s z" if sizes else "x r s", **a)],
            {
                "r": np.zeros(0, np.float32),
                "s": np.float32(scales or []),
                **({"z": integers(*sizes)} if sizes else {}),
            },
            shape=shape,
            opset=opset,
        )
    )
    resize("nearest", [1, 1, 2, 2], mode="nearest", coordinate_transformation_mode="asymmetric", nearest_mode="floor")
    resize("nearest_default", [1, 1, 2, 3], mode="nearest")
    resize("nearest_down", [1, 1, 0.6, 0.5], mode="nearest", shape=("n", 1, 5, 8))
    for mode in ("floor", "ceil", "round_prefer_ceil"):
        resize(f"nearest_{mode}", [1, 1, 1.5, 2.5], mode="nearest", nearest_mode=mode)
    for mode in ("half_pixel", "pytorch_half_pixel", "align_corners", "asymmetric"):
        resize(f"linear_{mode}", [1, 1, 2, 1.5], mode="linear", coordinate_transformation_mode=mode)
        resize(f"linear_{mode}_one", sizes=(1, 2, 1, 7), mode="linear", coordinate_transformation_mode=mode)
    resize("linear_sizes", sizes=(1, 2, 5, 3), mode="linear")
    resize("linear_line", [1, 1, 2.5], shape=("n", 2, 4), mode="linear")
    result.append(
        Case("resize_opset_10", [node("Resize", "x s", mode="linear")], {"s": np.float32([1, 1, 2, 3])},
             shape=("n", 2, 3, 4), opset=10)
    )
    for mode in ("nearest", "linear"):
        result.append(
            Case(f"upsample_{mode}", [node("Upsample", "x s", mode=mode)], {"s": np.float32([1, 1, 2, 3])},
                 shape=("n", 2, 3, 4), opset=9)
        )
    return result


def cases():
    return [*sums(), *reductions(), *choices(), *preprocessing(), *sizes()]
