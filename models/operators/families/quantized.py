"""Quantized operators: integers inside, float32 at both ends.

Weights stay within seven bits: on processors without dot-product instructions onnxruntime adds
pairs of eight-bit products in sixteen bits, which saturate, and the answer would be the machine's.
onnxruntime's rewriting is off here: it would replace float products of dequantized weights by
coarser ones. The reference evaluator multiplies exact integers; a difference would be printed.
"""

import numpy as np
from make_more import Case, Random as R, node
from onnx import TensorProto

FLOAT = TensorProto.FLOAT
f = np.float32
u8, i8, i32 = np.uint8, np.int8, np.int32
# Halves of the step: rounding is half to even.
HALVES = [[0.25, 0.75, -0.25, -0.75], [1.25, -1.25, 1e4, -1e4], [31.75, 63.5, -64.25, 0]]


def scalars():
    """QuantizeLinear and DequantizeLinear, there and back."""

    def there(name, zero, scale=f(0.5), opset=17, axis=None, shape=("n", 4), rows=HALVES):
        attributes = {} if axis is None else {"axis": axis}
        inputs = "s z" if zero is not None else "s"
        return Case(
            f"quantize_{name}",
            [
                node("QuantizeLinear", f"x {inputs}", "q", **attributes),
                node("DequantizeLinear", f"q {inputs}", **attributes),
            ],
            {"s": scale, **({"z": zero} if zero is not None else {})},
            opset=opset,
            shape=shape,
            rows=rows,
        )

    return [
        there("uint8", u8(100)),
        there("int8", i8(-20)),
        there("int8_symmetric", i8(0)),
        there("no_zero_point", None),
        there("opset_10", u8(100), opset=10),
        there("opset_13", i8(3), opset=13),
        there("opset_21", u8(100), opset=21),
        there("scale_odd", u8(128), f(0.3)),
        there(
            "per_channel",
            np.array([0, 100, 200], u8),
            np.float32([0.5, 0.1, 0.03]),
            axis=1,
            shape=("n", 3, 2),
            rows=None,
        ),
        there("per_column", np.array([0, -10, 10, 5], i8), np.float32([0.5, 0.1, 0.03, 1]), axis=-1, shape=("n", 4)),
        there("int16", np.int16(7), f(0.01), opset=21),
        Case(
            "quantize_answer",
            [node("QuantizeLinear", "x s z")],
            {"s": f(0.5), "z": u8(100)},
            kind=TensorProto.UINT8,
            rows=HALVES,
        ),
        Case(
            "dequantize_weights",
            [node("DequantizeLinear", "q s", "w"), node("MatMul", "x w")],
            {"q": R(4, 3, low=-60, high=60, kind=i8), "s": f(0.02)},
        ),
        Case(
            "dequantize_weights_per_column",
            [node("DequantizeLinear", "q s z", "w", axis=1), node("MatMul", "x w")],
            {
                "q": R(4, 3, low=-60, high=60, kind=i8),
                "s": np.float32([0.02, 0.05, 0.01]),
                "z": np.array([0, 3, -4], i8),
            },
        ),
        Case(
            "dequantize_bias",
            [node("DequantizeLinear", "q s", "b"), node("Gemm", "x w b")],
            {"q": R(3, low=-9000, high=9000, kind=i32), "s": f(1e-3), "w": R(4, 3)},
        ),
    ]


def products():
    """Integer matrix products behind a QuantizeLinear of the input."""

    def quantized(name, weights, nodes, activation=(f(0.05), u8(110)), shape=("n", 6), **o):
        s, z = activation
        return Case(
            name,
            [node("QuantizeLinear", "x xs xz", "q"), *nodes],
            {"xs": s, "xz": z, **weights},
            shape=shape,
            low=-4,
            high=4,
            **o,
        )

    w = lambda kind=i8, shape=(6, 3): R(*shape, low=0 if kind is u8 else -60, high=60, kind=kind)
    integer = lambda name, inputs, weights, **o: quantized(
        f"matmulinteger_{name}", weights, [node("MatMulInteger", inputs, "i"), node("Cast", "i", to=FLOAT)], **o
    )
    linear = lambda name, weights, zero_out=u8(90), scale_out=f(0.2), **o: quantized(
        f"qlinearmatmul_{name}",
        {**weights, "os": scale_out, "oz": zero_out},
        [node("QLinearMatMul", "q xs xz w ws wz os oz", "i"), node("DequantizeLinear", "i os oz")],
        **o,
    )
    signed = (f(0.05), i8(-12))
    return [
        integer("unsigned", "q w xz wz", {"w": w(u8), "wz": u8(30)}),
        integer("unsigned_signed", "q w xz wz", {"w": w(), "wz": i8(4)}),
        integer("no_weight_zero", "q w xz", {"w": w()}),
        integer("no_zeros", "q w", {"w": w()}),
        integer("zero_per_column", "q w xz wz", {"w": w(), "wz": np.array([1, -2, 3], i8)}),
        quantized(
            "matmulinteger_scaled",
            {"w": w(), "s": np.float32([0.001, 0.002, 0.003]), "b": R(3)},
            [
                node("MatMulInteger", "q w xz", "i"),
                node("Cast", "i", "c", to=FLOAT),
                node("Mul", "c s", "m"),
                node("Add", "m b"),
            ],
        ),
        linear("unsigned", {"w": w(u8), "ws": f(0.02), "wz": u8(30)}),
        linear("unsigned_signed", {"w": w(), "ws": f(0.02), "wz": i8(0)}),
        linear("signed", {"w": w(), "ws": f(0.02), "wz": i8(5)}, i8(-3), activation=signed),
        linear("per_column", {"w": w(), "ws": np.float32([0.02, 0.01, 0.05]), "wz": np.array([0, 0, 0], i8)}),
        linear("saturates", {"w": w(), "ws": f(0.02), "wz": i8(0)}, scale_out=f(0.02)),
        linear("opset_10", {"w": w(u8), "ws": f(0.02), "wz": u8(30)}, opset=10),
        linear("opset_21", {"w": w(u8), "ws": f(0.02), "wz": u8(30)}, opset=21),
    ]


def convolutions():
    image = ("n", 2, 5, 5)

    def conv(
        name,
        weights,
        weight_scale=f(0.02),
        zero=None,
        bias=None,
        shape=image,
        activation=(f(0.05), u8(110)),
        out=(f(0.1), u8(100)),
        opset=17,
        **a,
    ):
        (xs, xz), (os, oz) = activation, out
        zero = np.zeros(np.shape(weight_scale), i8) if zero is None else zero
        tensors = {
            "xs": xs,
            "xz": xz,
            "w": weights,
            "ws": weight_scale,
            "wz": zero,
            "os": os,
            "oz": oz,
            **({} if bias is None else {"b": bias}),
        }
        inputs = ["q", "xs", "xz", "w", "ws", "wz", "os", "oz", *(["b"] if bias is not None else [])]
        return Case(
            f"qlinearconv_{name}",
            [
                node("QuantizeLinear", "x xs xz", "q"),
                node("QLinearConv", inputs, "i", **a),
                node("DequantizeLinear", "i os oz"),
            ],
            tensors,
            shape=shape,
            low=-4,
            high=4,
            opset=opset,
        )

    w = R(3, 2, 3, 3, low=-60, high=60, kind=i8)
    bias = R(3, low=-900, high=900, kind=i32)
    depth = R(2, 1, 3, 3, low=-60, high=60, kind=i8)
    return [
        conv("plain", w),
        conv("bias", w, bias=bias),
        conv("padded", w, pads=[1, 1, 1, 1], bias=bias),
        conv("strides", w, strides=[2, 2], pads=[1, 0, 1, 0]),
        conv("per_channel", w, np.float32([0.02, 0.01, 0.04]), bias=bias),
        conv("depthwise", depth, group=2, pads=[1, 1, 1, 1]),
        conv("signed", w, activation=(f(0.05), i8(-9)), out=(f(0.1), i8(0)), bias=bias),
        conv("unsigned_weights", R(3, 2, 3, 3, low=0, high=60, kind=u8), zero=u8(30)),
        conv("opset_10", w, opset=10, bias=bias),
        conv("dilations", R(3, 2, 2, 2, low=-60, high=60, kind=i8), dilations=[2, 2]),
        Case(
            "convinteger",
            [
                node("QuantizeLinear", "x xs xz", "q"),
                node("ConvInteger", "q w xz", "i", pads=[1, 1, 1, 1]),
                node("Cast", "i", to=FLOAT),
            ],
            {"xs": f(0.05), "xz": u8(110), "w": w},
            shape=image,
            low=-4,
            high=4,
        ),
    ]


def networks():
    """Two layers, in both forms that quantizing tools write."""
    i = dict(low=-60, high=60)
    weights = {
        "xs": f(0.04),
        "xz": u8(120),
        "w1": R(6, 5, **i, kind=i8),
        "s1": f(0.02),
        "z1": i8(0),
        "hs": f(0.08),
        "hz": u8(0),
        "w2": R(5, 2, **i, kind=i8),
        "s2": f(0.02),
        "z2": i8(0),
        "os": f(0.2),
        "oz": u8(128),
    }
    operators = [
        node("QuantizeLinear", "x xs xz", "q"),
        node("QLinearMatMul", "q xs xz w1 s1 z1 hs hz", "h"),
        node("QLinearMatMul", "h hs hz w2 s2 z2 os oz", "o"),
        node("DequantizeLinear", "o os oz"),
    ]
    pairs = [
        node("QuantizeLinear", "x xs xz", "q"),
        node("DequantizeLinear", "q xs xz", "d"),
        node("DequantizeLinear", "w1 s1 z1", "v1"),
        node("MatMul", "d v1", "h"),
        node("Relu", "h", "r"),
        node("QuantizeLinear", "r hs hz", "rq"),
        node("DequantizeLinear", "rq hs hz", "rd"),
        node("DequantizeLinear", "w2 s2 z2", "v2"),
        node("MatMul", "rd v2", "o"),
        node("QuantizeLinear", "o os oz", "oq"),
        node("DequantizeLinear", "oq os oz"),
    ]
    image = {
        "xs": f(0.04),
        "xz": u8(120),
        "w": R(3, 2, 3, 3, **i, kind=i8),
        "s": np.float32([0.02, 0.01, 0.03]),
        "z": np.zeros(3, i8),
        "b": R(3, low=-900, high=900, kind=i32),
        "bs": np.float32([8e-4, 4e-4, 1.2e-3]),
        "bz": np.zeros(3, i32),
        "os": f(0.1),
        "oz": u8(100),
    }
    conv = [
        node("QuantizeLinear", "x xs xz", "q"),
        node("DequantizeLinear", "q xs xz", "d"),
        node("DequantizeLinear", "w s z", "v", axis=0),
        node("DequantizeLinear", "b bs bz", "c", axis=0),
        node("Conv", "d v c", "h", pads=[1, 1, 1, 1]),
        node("QuantizeLinear", "h os oz", "o"),
        node("DequantizeLinear", "o os oz"),
    ]
    dynamic = [
        node("DynamicQuantizeLinear", "x", "q s z"),
        node("MatMulInteger", "q w z", "i"),
        node("Cast", "i", "c", to=FLOAT),
        node("Mul", "s k", "m"),
        node("Mul", "c m"),
    ]
    return [
        Case("network_of_operators", operators, weights, shape=("n", 6), low=-4, high=4),
        Case("network_of_pairs", pairs, weights, shape=("n", 6), low=-4, high=4),
        Case("network_of_pairs_conv", conv, image, shape=("n", 2, 4, 4), low=-4, high=4),
        Case("dynamic", dynamic, {"w": R(6, 3, **i, kind=i8), "k": f(0.02)}, shape=("n", 6), low=-4, high=4),
    ]


def cases():
    result = [*scalars(), *products(), *convolutions(), *networks()]
    for case in result:
        case.optimized = False
    return result
