"""Operators that only move numbers: reshaping, joining, cutting, picking, padding, casting."""

import numpy as np
from make_more import Case, Random as R, node, single
from onnx import TensorProto

BLOCK = ("n", 2, 3, 4)
LONG = lambda *values: np.array(values, np.int64)


def reshaping():
    return [
        single("reshape_minus_one", "Reshape", {"s": LONG(1, -1)}, shape=BLOCK),
        single("reshape_zero_copies", "Reshape", {"s": LONG(0, 0, 12)}, shape=BLOCK),
        single("reshape_allowzero", "Reshape", {"s": LONG(1, 6, 4)}, attributes={"allowzero": 1}, shape=BLOCK),
        single("reshape_opset_09", "Reshape", {"s": LONG(-1, 24)}, opset=9, shape=BLOCK),
        # As TorchScript writes `x.view(x.size(0), -1)`.
        Case(
            "reshape_by_shape",
            [
                node("Shape", "x", "d"),
                node("Gather", "d i", "b", axis=0),
                node("Unsqueeze", "b z", "u"),
                node("Concat", "u m", "s", axis=0),
                node("Reshape", "x s"),
            ],
            {"i": np.int64(0), "z": LONG(0), "m": LONG(-1)},
            shape=BLOCK,
        ),
        Case(
            "reshape_by_shape_slice",
            [node("Shape", "x", "d", start=0, end=2), node("Concat", "d m", "s", axis=0), node("Reshape", "x s")],
            {"m": LONG(-1)},
            shape=BLOCK,
        ),
        *[
            single(
                f"flatten_{axis % 5 if axis >= 0 else 'minus_' + str(-axis)}",
                "Flatten",
                attributes={"axis": axis},
                shape=BLOCK,
            )
            for axis in (0, 1, 2, 3, -1, -2)
        ],
        single("flatten_opset_09", "Flatten", shape=BLOCK, opset=9),
        single("transpose", "Transpose", shape=(2, 3, 4)),
        single("transpose_perm", "Transpose", attributes={"perm": [0, 2, 3, 1]}, shape=BLOCK),
        single("transpose_last_two", "Transpose", attributes={"perm": [0, 1, 3, 2]}, shape=BLOCK),
        Case("transpose_weights", [node("Transpose", "w", "t"), node("MatMul", "x t")], {"w": R(3, 4)}),
        single("squeeze", "Squeeze", {"a": LONG(1)}, shape=("n", 1, 4)),
        single("squeeze_negative", "Squeeze", {"a": LONG(-1, 1)}, shape=("n", 1, 4, 1)),
        single("squeeze_all", "Squeeze", shape=(1, 1, 4)),
        single("squeeze_attribute", "Squeeze", attributes={"axes": [1]}, shape=("n", 1, 4), opset=11),
        single("unsqueeze", "Unsqueeze", {"a": LONG(1)}),
        single("unsqueeze_several", "Unsqueeze", {"a": LONG(-1, 1)}),
        single("unsqueeze_attribute", "Unsqueeze", attributes={"axes": [0, 2]}, opset=11),
        single("identity_image", "Identity", shape=BLOCK),
        single("expand", "Expand", {"s": LONG(1, 3, 4)}, shape=("n", 1, 4)),
        single("expand_new_axis", "Expand", {"s": LONG(2, 1, 4)}),
        single("expand_ones", "Expand", {"s": LONG(1, 1)}),
        single("tile", "Tile", {"r": LONG(1, 2, 3)}, shape=("n", 2, 2)),
        single("depth_to_space", "DepthToSpace", attributes={"blocksize": 2}, shape=("n", 4, 2, 2)),
        single("space_to_depth", "SpaceToDepth", attributes={"blocksize": 2}, shape=("n", 1, 4, 4)),
    ]


def joining():
    two = [node("Relu", "x", "r")]
    cut = lambda name, outputs, keep, weights=None, opset=17, shape=("n", 6), **a: Case(
        f"split_{name}",
        [node("Split", ["x", *(k for k in weights or {} if k == "s")], outputs, **a), *keep],
        weights,
        opset=opset,
        shape=shape,
    )
    return [
        Case("concat", [*two, node("Concat", "x r", axis=1)]),
        Case("concat_negative_axis", [*two, node("Concat", "r x", axis=-1)], shape=("n", 2, 3)),
        Case("concat_channels", [*two, node("Concat", "r x r", axis=1)], shape=("n", 2, 3, 3)),
        Case("concat_rows", [*two, node("Concat", "r x", axis=2)], shape=("n", 2, 2, 3)),
        Case("concat_constant", [node("Concat", "c x", axis=1)], {"c": R(1, 2)}, shape=(1, 4)),
        Case("concat_uneven", [node("MatMul", "x w", "h"), node("Concat", "h x", axis=1)], {"w": R(4, 2)}),
        Case("concat_one", [node("Concat", "x", axis=1)]),
        Case("concat_opset_09", [*two, node("Concat", "x r", axis=1)], opset=9),
        cut("even", "a b", [node("Sub", "a b")], axis=1),
        cut("three", "a b c", [node("Mul", "a c", "d"), node("Add", "d b")], axis=-1),
        cut("sizes", "a b", [node("MatMul", "b w", "h"), node("Add", "a h")], {"s": LONG(2, 4), "w": R(4, 2)}, axis=1),
        cut(
            "num_outputs_uneven",
            "a b",
            [node("Concat", "b a", axis=1)],
            opset=18,
            axis=1,
            num_outputs=2,
            shape=("n", 5),
        ),
        cut("attribute", "a b", [node("Concat", "b a", axis=1)], opset=11, axis=1, split=[1, 5]),
        cut("opset_09", "a b", [node("Sub", "b a")], opset=9, axis=1),
        cut("rows", "a b", [node("Add", "a b")], axis=2, shape=("n", 2, 4, 3)),
    ]


def cutting():
    cut = lambda name, starts, ends, axes=None, steps=None, shape=BLOCK, opset=17: single(
        f"slice_{name}",
        "Slice",
        {k: LONG(*v) for k, v in (("s", starts), ("e", ends), ("a", axes), ("t", steps)) if v is not None},
        shape=shape,
        opset=opset,
    )
    end = np.iinfo(np.int64).max
    return [
        cut("axis", [1], [3], [3]),
        cut("several", [0, 1], [1, 3], [1, 2]),
        cut("no_axes", [0, 0, 1], [1, 2, 3]),
        cut("negative", [-2], [-1], [-1]),
        cut("to_end", [1], [end], [2]),
        cut("beyond", [-100], [100], [3]),
        cut("steps", [0], [end], [3], [2]),
        cut("steps_offset", [1], [end], [3], [2]),
        cut("reversed", [-1], [-end], [3], [-1]),
        cut("reversed_step", [3], [0], [3], [-2]),
        cut("two_steps", [0, 1], [3, 4], [2, 3], [2, 2]),
        cut("opset_10", [1], [3], [3], opset=10),
        single(
            "slice_attributes",
            "Slice",
            attributes={"starts": [1, 0], "ends": [3, 2], "axes": [3, 2]},
            shape=BLOCK,
            opset=9,
        ),
        single(
            "slice_attributes_no_axes", "Slice", attributes={"starts": [0, 1], "ends": [1, 3]}, shape=(1, 4, 2), opset=9
        ),
    ]


def picking():
    pick = lambda name, indices, axis, shape=("n", 5), **o: single(
        f"gather_{name}", "Gather", {"i": np.array(indices, np.int64)}, attributes={"axis": axis}, shape=shape, **o
    )
    return [
        pick("columns", [4, 0, 0, 2], 1),
        pick("negative", [-1, -5], 1),
        pick("scalar", 3, 1),
        pick("last", -1, 1, ("n", 4, 3)),
        pick("matrix", [[0, 1], [3, 2]], -1),
        pick("channels", [1, 0], 1, ("n", 2, 3, 3)),
        pick("opset_09", [2, 1], 1, opset=9),
        single("gather_int32", "Gather", {"i": np.array([1, 3], np.int32)}, attributes={"axis": 1}, shape=("n", 5)),
        single("gather_default_axis", "Gather", {"i": np.array([1, 0], np.int64)}, shape=(3, 4)),
        Case(
            "gather_weights",
            [node("Gather", "w i", "v", axis=1), node("MatMul", "x v")],
            {"w": R(4, 5), "i": LONG(4, 1, 1)},
        ),
        single(
            "gather_elements",
            "GatherElements",
            {"i": np.array([[3, 0, 0]], np.int64)},
            attributes={"axis": 1},
            shape=(1, 4),
        ),
        single("gather_nd", "GatherND", {"i": np.array([[0, 3], [0, 1]], np.int64)}, shape=(1, 4)),
    ]


def padding():
    pad = lambda name, pads, value=None, axes=None, mode=None, shape=("n", 2, 3, 4), opset=17: Case(
        f"pad_{name}",
        [
            node(
                "Pad",
                [
                    "x",
                    "p",
                    *(["v"] if value is not None else [""] if axes is not None else []),
                    *(["a"] if axes is not None else []),
                ],
                **({"mode": mode} if mode else {}),
            )
        ],
        {
            "p": LONG(*pads),
            **({"v": np.float32(value)} if value is not None else {}),
            **({"a": LONG(*axes)} if axes is not None else {}),
        },
        shape=shape,
        opset=opset,
    )
    return [
        pad("image", [0, 0, 1, 1, 0, 0, 1, 1]),
        pad("uneven", [0, 1, 0, 2, 0, 0, 3, 1]),
        pad("value", [0, 0, 1, 0, 0, 0, 0, 2], 1.5),
        pad("value_negative", [0, 0, 1, 1, 0, 0, 1, 1], -3.0),
        pad("crop", [0, 0, -1, 0, 0, 0, 0, -1]),
        pad("crop_and_pad", [0, 0, -1, 2, 0, 0, 1, -2], 0.5),
        pad("reflect", [0, 0, 1, 2, 0, 0, 2, 1], mode="reflect"),
        pad("edge", [0, 0, 1, 2, 0, 0, 2, 1], mode="edge"),
        pad("wrap", [0, 0, 1, 2, 0, 0, 2, 1], mode="wrap", opset=19),
        pad("axes", [1, 2], 0.25, [3], opset=18),
        pad("axes_no_value", [1, 0, 2, 1], None, [-1, 2], opset=18),
        pad("opset_11", [0, 0, 1, 1, 0, 0, 1, 1], 0.0, opset=11),
        single("pad_attributes", "Pad", attributes={"pads": [0, 1, 0, 2], "value": -1.0}, opset=9),
        single("pad_attributes_reflect", "Pad", attributes={"pads": [0, 2, 0, 1], "mode": "reflect"}, opset=9),
        Case(
            "pad_then_conv",
            [node("Pad", "x p", "h"), node("Conv", "h w")],
            {"p": LONG(0, 0, 1, 1, 0, 0, 1, 1), "w": R(2, 2, 3, 3, scale=0.4)},
            shape=("n", 2, 4, 4),
        ),
    ]


def casting():
    there = lambda name, to, **o: Case(
        f"cast_{name}", [node("Cast", "x", "i", to=to), node("Cast", "i", to=TensorProto.FLOAT)], **o
    )
    halves = [[-2.5, -1.0, -0.5, -0.25], [0.25, 0.5, 1.5, 2.5], [0, -0.75, 0.75, 3.999]]
    return [
        there("int64", TensorProto.INT64, rows=halves),
        there("int32", TensorProto.INT32, rows=halves),
        there("int8", TensorProto.INT8, rows=halves),
        there("uint8", TensorProto.UINT8, low=0, high=9),
        there("bool", TensorProto.BOOL, rows=[[0, 1, -1, 0.25], [0, 0, -0.5, 2]]),
        there("double", TensorProto.DOUBLE),
        there("float16", TensorProto.FLOAT16, rows=[[0.5, 1.25, -3, 1024]]),
        Case("cast_to_int64", [node("Cast", "x", to=TensorProto.INT64)], kind=TensorProto.INT64, rows=halves),
        Case(
            "cast_opset_09",
            [node("Cast", "x", "i", to=TensorProto.INT64), node("Cast", "i", to=TensorProto.FLOAT)],
            opset=9,
            rows=halves,
        ),
        Case(
            "cast_like",
            [
                node("Cast", "c", "d", to=TensorProto.FLOAT),
                node("CastLike", "c x", "e"),
                node("Mul", "x d", "f"),
                node("Add", "f e"),
            ],
            {"c": np.array([1.5, -2, 0.25, 3])},
        ),
        single("dropout", "Dropout"),
        single("dropout_ratio", "Dropout", {"r": np.float32(0.3)}),
        single("dropout_training_false", "Dropout", {"r": np.float32(0.3), "t": np.array(False)}),
        single("dropout_attribute", "Dropout", attributes={"ratio": 0.4}, opset=9),
        Case("dropout_with_mask", [node("Dropout", "x", "h mask"), node("Relu", "h")]),
        Case(
            "constant_of_shape",
            [node("ConstantOfShape", "s", "c", value=_tensor(2.5)), node("Mul", "x c")],
            {"s": LONG(1, 4)},
        ),
        Case(
            "constant_of_shape_zero", [node("Shape", "x", "s"), node("ConstantOfShape", "s", "c"), node("Max", "x c")]
        ),
        Case(
            "range_weights",
            [node("Range", "a b c", "r"), node("Cast", "r", "f", to=TensorProto.FLOAT), node("Mul", "x f")],
            {"a": np.int64(0), "b": np.int64(4), "c": np.int64(1)},
        ),
    ]


def _tensor(value):
    from onnx import numpy_helper

    return numpy_helper.from_array(np.array([value], np.float32))


def cases():
    return [*reshaping(), *joining(), *cutting(), *picking(), *padding(), *casting()]
