"""Functions of one number, softmax, layer normalization."""

import numpy as np
from make_more import Case, Random as R, node, single

# Halves and whole numbers on both sides of zero: where rounding modes differ.
HALVES = [[-2.5, -1.5, -0.5, 0.5], [1.5, 2.5, -2.0, 3.0], [-0.25, 0.25, -0.75, 0.0]]


def plain():
    one = lambda op, low=None, high=None, name=None, **o: single(name or op.lower(), op, low=low, high=high, **o)
    return [
        one("Tanh"),
        one("Exp", -4, 2),
        one("Log", 0.1, 20),
        one("Sqrt", 0, 9),
        one("Reciprocal", 0.25, 4),
        one("Reciprocal", -4, -0.25, name="reciprocal_negative"),
        one("Abs"),
        one("Neg"),
        one("Erf"),
        one("Sign", rows=HALVES),
        one("Softplus"),
        one("Softsign"),
        one("HardSwish", rows=[[-3, 3, -4, 4]]),
        one("Floor", rows=HALVES),
        one("Ceil", rows=HALVES),
        one("Round", rows=HALVES, opset=11),
        one("Sin"),
        one("Cos"),
        one("Mish", opset=18),
        one("Tanh", name="tanh_opset_09", opset=9),
        one("Exp", -4, 2, name="exp_opset_09", opset=9),
        one("Erf", name="erf_opset_09", opset=9),
        one("Relu", name="relu_image", shape=("n", 2, 3, 3)),
        one("Sigmoid", name="sigmoid_image", shape=("n", 2, 3, 3)),
    ]


def with_attributes():
    one = lambda name, op, opset=17, shape=("n", 4), weights=None, rows=None, **a: single(
        name, op, weights, attributes=a, opset=opset, shape=shape, rows=rows
    )
    return [
        one("leakyrelu", "LeakyRelu"),
        one("leakyrelu_alpha", "LeakyRelu", alpha=0.3),
        one("leakyrelu_above_one", "LeakyRelu", alpha=1.5),
        one("leakyrelu_negative", "LeakyRelu", alpha=-0.5),
        one("leakyrelu_opset_09", "LeakyRelu", opset=9),
        one("prelu_scalar", "PRelu", weights={"s": R(1)}),
        one("prelu_each", "PRelu", weights={"s": R(4)}),
        one("prelu_channels", "PRelu", weights={"s": R(3, 1, 1)}, shape=("n", 3, 2, 2)),
        one("prelu_opset_09", "PRelu", opset=9, weights={"s": R(4)}),
        one("elu", "Elu"),
        one("elu_alpha", "Elu", alpha=0.5),
        one("selu", "Selu"),
        one("celu", "Celu", alpha=2.0),
        one("thresholdedrelu", "ThresholdedRelu", alpha=0.7),
        one("shrink", "Shrink", lambd=0.8, bias=0.3),
        one("hardsigmoid", "HardSigmoid"),
        one("hardsigmoid_torch", "HardSigmoid", alpha=1 / 6, beta=0.5),
        one("hardsigmoid_opset_09", "HardSigmoid", opset=9, alpha=0.4, beta=0.3),
        one("gelu", "Gelu", opset=20),
        one("gelu_tanh", "Gelu", opset=20, approximate="tanh"),
        one("clip_attributes", "Clip", opset=9, min=-1.0, max=1.5),
        one("clip_attribute_min", "Clip", opset=9, min=-0.5),
        one("clip_both", "Clip", weights={"lo": np.float32(-1), "hi": np.float32(1.5)}),
        one("clip_min", "Clip", weights={"lo": np.float32(-0.5)}),
        one("clip_relu6", "Clip", weights={"lo": np.float32(0), "hi": np.float32(6)}, rows=[[6, 7, -1, 0]]),
        Case("clip_max", [node("Clip", ["x", "", "hi"])], {"hi": np.float32(0.5)}),
        one("clip_opset_11", "Clip", opset=11, weights={"lo": np.float32(-1), "hi": np.float32(1)}),
        Case(
            "clip_by_min_max",
            [node("Max", "x lo", "h"), node("Min", "h hi")],
            {"lo": np.float32(-1), "hi": np.float32(1)},
        ),
    ]


def powers():
    power = lambda name, exponent, low=None, high=None, opset=17: single(
        f"pow_{name}", "Pow", {"e": exponent}, low=low, high=high, opset=opset
    )
    return [
        power("2", np.float32(2)),
        power("3", np.float32(3)),
        power("1", np.float32(1)),
        power("half", np.float32(0.5), 0, 9),
        power("minus_1", np.float32(-1), 0.25, 4),
        power("integer_exponent", np.int64(2)),
        power("each", np.float32([1, 2, 3, 2])),
        power("opset_09", np.float32(2), opset=9),
        power("of_shape_one", np.float32([3])),
    ]


def written_out():
    """Functions as exporters of older operator sets spell them."""
    f = np.float32
    return [
        Case(
            "gelu_by_erf",
            [
                node("Div", "x s", "a"),
                node("Erf", "a", "b"),
                node("Add", "b one", "c"),
                node("Mul", "x c", "d"),
                node("Mul", "d half"),
            ],
            {"s": f(np.sqrt(2)), "one": f(1), "half": f(0.5)},
        ),
        Case("silu", [node("Sigmoid", "x", "s"), node("Mul", "x s")]),
        Case(
            "hardswish_by_clip",
            [
                node("Add", "x three", "a"),
                node("Clip", "a zero six", "c"),
                node("Mul", "x c", "m"),
                node("Div", "m six"),
            ],
            {"three": f(3), "zero": f(0), "six": f(6)},
        ),
        Case("mish_by_softplus", [node("Softplus", "x", "s"), node("Tanh", "s", "t"), node("Mul", "x t")]),
        Case(
            "layernorm_written_out",
            [
                node("ReduceMean", "x", "m", axes=[-1]),
                node("Sub", "x m", "d"),
                node("Pow", "d two", "q"),
                node("ReduceMean", "q", "v", axes=[-1]),
                node("Add", "v eps", "e"),
                node("Sqrt", "e", "s"),
                node("Div", "d s", "n"),
                node("Mul", "n g", "h"),
                node("Add", "h b"),
            ],
            {"two": f(2), "eps": f(1e-5), "g": R(6, low=0.5, high=1.5), "b": R(6)},
            shape=("n", 6),
        ),
        Case(
            "softmax_written_out",
            [
                node("ReduceMax", "x", "m", axes=[-1]),
                node("Sub", "x m", "d"),
                node("Exp", "d", "e"),
                node("ReduceSum", "e a", "s"),
                node("Div", "e s"),
            ],
            {"a": np.array([-1], np.int64)},
        ),
        Case("logsumexp", [node("ReduceLogSumExp", "x", axes=[1], keepdims=1)]),
        Case("l2_norm", [node("ReduceL2", "x", "n", axes=[1]), node("Div", "x n")], low=0.5, high=2),
        single("lpnormalization", "LpNormalization", attributes={"p": 1, "axis": 1}, low=0.5, high=2),
        single("lpnormalization_2", "LpNormalization", attributes={"p": 2, "axis": -1}),
        Case(
            "mod_weights",
            [node("Mod", "a b", "c"), node("Cast", "c", "d", to=1), node("Mul", "x d")],
            {"a": np.array([5, 7, -3, 4]), "b": np.int64(3)},
        ),
    ]


def softmaxes():
    soft = lambda name, shape=("n", 5), opset=17, op="Softmax", **a: single(
        name, op, attributes=a, shape=shape, opset=opset
    )
    return [
        soft("softmax"),
        soft("softmax_axis_1", ("n", 3, 4), axis=1),
        soft("softmax_last", ("n", 2, 3), axis=-1),
        soft("softmax_channels", ("n", 3, 2, 2), axis=1),
        soft("softmax_opset_09", opset=9),
        soft("softmax_opset_11", opset=11, axis=1),
        # Before opset 13 all axes from `axis` on are one.
        soft("softmax_opset_11_flattens", ("n", 3, 4), opset=11, axis=1),
        soft("softmax_opset_09_default", ("n", 2, 3), opset=9),
        soft("softmax_opset_11_last", ("n", 2, 3), opset=11, axis=2),
        soft("logsoftmax", op="LogSoftmax"),
        Case("softmax_after_layer", [node("Gemm", "x w b", "h"), node("Softmax", "h")], {"w": R(4, 3), "b": R(3)}),
    ]


def layer_norms():
    def norm(name, shape, axis=-1, bias=True, **a):
        scale = shape[axis:] if axis < 0 else shape[axis:]
        weights = {"g": R(*scale, low=0.5, high=1.5), **({"b": R(*scale)} if bias else {})}
        return single(f"layernorm_{name}", "LayerNormalization", weights, attributes={"axis": axis, **a}, shape=shape)

    return [
        norm("last", ("n", 6)),
        norm("no_bias", ("n", 6), bias=False),
        norm("tokens", ("n", 3, 4)),
        norm("two_axes", ("n", 3, 4), axis=-2),
        norm("axis_1", ("n", 2, 3, 2), axis=1),
        norm("epsilon", ("n", 6), epsilon=0.3),
        single("layernorm_default_axis", "LayerNormalization", {"g": R(4, low=0.5, high=1.5)}, shape=("n", 2, 4)),
        single("instancenorm", "InstanceNormalization", {"g": R(2), "b": R(2)}, shape=("n", 2, 3, 3)),
        single(
            "groupnorm_opset_21",
            "GroupNormalization",
            {"g": R(4, low=0.5, high=1.5), "b": R(4)},
            attributes={"num_groups": 2},
            shape=("n", 4, 2, 2),
            opset=21,
        ),
    ]


def cases():
    return [*plain(), *with_attributes(), *powers(), *written_out(), *softmaxes(), *layer_norms()]
