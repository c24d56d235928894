"""Operators beside one another, where a reader of the file may merge them."""

import numpy as np
from make_more import Case, Random as R, node

IMAGE = ("n", 2, 5, 4)
CONV = {"w": R(3, 2, 3, 3), "b": R(3)}
PADDED = {"pads": [1, 1, 1, 1]}


def integers(*values):
    return np.array(values, np.int64)


def batch(name, channels):
    return {f"{name}_scale": R(channels), f"{name}_bias": R(channels), f"{name}_mean": R(channels),
            f"{name}_var": R(channels, low=0.5, high=2)}


def normalized(inputs, output, name):
    parts = " ".join(f"{name}_{part}" for part in ("scale", "bias", "mean", "var"))
    return node("BatchNormalization", f"{inputs} {parts}", output)


def convolutions():
    rim = integers(0, 0, 1, 2, 0, 0, 1, 0)
    conv = lambda inputs, output, **a: node("Conv", f"{inputs} w b", output, **a)
    return [
        Case("zeros_around_conv", [node("Pad", "x p", "h"), conv("h", "y")], {"p": rim, **CONV}, shape=IMAGE),
        Case("zeros_and_pads_around_conv", [node("Pad", "x p", "h"), conv("h", "y", **PADDED)], {"p": rim, **CONV}, shape=IMAGE),
        Case("ones_around_conv", [node("Pad", "x p v", "h"), conv("h", "y")], {"p": rim, "v": np.float32(1), **CONV}, shape=IMAGE),
        Case("batch_norm_before_conv", [normalized("x", "h", "n"), conv("h", "y")], {**batch("n", 2), **CONV}, shape=IMAGE),
        Case("batch_norm_before_padded_conv", [normalized("x", "h", "n"), conv("h", "y", **PADDED)],
             {**batch("n", 2), **CONV}, shape=IMAGE),
        Case("scale_before_padded_conv", [node("Mul", "x k", "h"), conv("h", "y", **PADDED)], {"k": R(2, 1, 1), **CONV}, shape=IMAGE),
        Case("uneven_scale_before_conv", [node("Mul", "x k", "h"), conv("h", "y")], {"k": R(5, 4), **CONV}, shape=IMAGE),
        Case("batch_norm_behind_conv", [conv("x", "h"), normalized("h", "i", "n"), node("Relu", "i")],
             {**batch("n", 3), **CONV}, shape=IMAGE),
        Case("uneven_bias_behind_conv", [conv("x", "h"), node("Add", "h k", "i"), node("Relu", "i")], {"k": R(3, 2), **CONV}, shape=IMAGE),
        Case("batch_norm_on_a_branch", [conv("x", "h"), normalized("h", "i", "n"), node("Relu", "i", "r"), node("Add", "r h")],
             {**batch("n", 3), **CONV}, shape=IMAGE),
        Case("groups_with_scales", [normalized("x", "h", "n"), node("Conv", "h w b", group=2)],
             {**batch("n", 4), "w": R(6, 2, 2, 2), "b": R(6)}, shape=("n", 4, 3, 3)),
        Case("pool_behind_negation", [node("Neg", "x", "h"), node("MaxPool", "h", kernel_shape=[2, 2])], shape=IMAGE),
        Case("conv_of_a_transpose", [node("Transpose", "x", "h", perm=[0, 3, 1, 2]), node("Conv", "h w b")],
             {"w": R(3, 2, 2, 2), "b": R(3)}, shape=("n", 4, 5, 2)),
        Case("conv_of_joined_constants", [node("Concat", "x c", "h", axis=1), node("Conv", "h w b")],
             {"c": R(1, 1, 5, 4), "w": R(3, 3, 2, 2), "b": R(3)}, shape=IMAGE),
    ]


def layers():
    return [
        Case("two_layers_as_one", [node("MatMul", "x v", "h"), node("Gemm", "h w b")], {"v": R(4, 6), "w": R(6, 3), "b": R(3)}),
        Case("narrow_waist", [node("MatMul", "x v", "h"), node("MatMul", "h w")], {"v": R(4, 1), "w": R(1, 4)}),
        Case("layer_with_two_readers",
             [node("MatMul", "x v", "h"), node("MatMul", "h w", "i"), node("Relu", "h", "r"), node("Add", "i r")],
             {"v": R(4, 3), "w": R(3, 3)}),
        Case("layer_on_repeated_inputs", [node("Concat", "x x", "h", axis=1), node("Gemm", "h w b")], {"w": R(8, 3), "b": R(3)}),
        Case("layer_on_constants_too", [node("Concat", "x c", "h", axis=1), node("Gemm", "h w b")],
             {"c": R(1, 3), "w": R(7, 3), "b": R(3)}, shape=(1, 4)),
        Case("scaled_rows", [node("MatMul", "x v", "h"), node("Mul", "h k", "i"), node("Add", "i c", "j"), node("Tanh", "j")],
             {"v": R(4, 5), "k": R(5), "c": R(5)}),
        Case("sum_of_sums", [node("Neg", "x", "m"), node("Tanh", "x", "t"), node("Sum", "x m t", "s"), node("Add", "s x", "u"),
                             node("Sub", "u t", "v"), node("Relu", "v")]),
        Case("dot_product", [node("Tanh", "x", "t"), node("Mul", "x t", "p"), node("ReduceSum", "p a", keepdims=1)], {"a": integers(1)}),
        Case("scaled_products", [node("Mul", "x k", "a"), node("Add", "x c", "b"), node("Mul", "a b", "p"), node("Sub", "p x")],
             {"k": R(4), "c": R(4)}),
        Case("quotient_of_layers", [node("MatMul", "x v", "h"), node("Exp", "h", "e"), node("Div", "x e")], {"v": R(4, 4, scale=0.3)}),
        Case("zero_times", [node("Mul", "x k", "h"), node("Add", "h x")], {"k": np.float32([0, 1, 0, -1])}),
        Case("square", [node("Add", "x c", "h"), node("Mul", "h h")], {"c": R(4)}),
        Case("residual_of_layers",
             [node("Gemm", "x v b", "h"), node("Relu", "h", "r"), node("Gemm", "r w", "i"), node("Add", "i x", "j"), node("Relu", "j")],
             {"v": R(4, 6), "b": R(6), "w": R(6, 4)}),
        Case("softmax_then_norm", [node("Softmax", "x", "s", axis=1), node("LpNormalization", "s", axis=1, p=1)], shape=("n", 5)),
        Case("shape_arithmetic",
             [node("Shape", "x", "s"), node("Gather", "s i", "d"), node("Unsqueeze", "d z", "u"), node("Concat", "u m", "r", axis=0),
              node("Reshape", "x r", "h"), node("MatMul", "h w")],
             {"i": integers(0)[0], "z": integers(0), "m": integers(-1), "w": R(6, 2)}, shape=("n", 2, 3)),
    ]


def cases():
    return [*convolutions(), *layers()]
