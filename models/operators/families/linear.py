"""Gemm, MatMul, Conv, ConvTranspose, batch normalization, arithmetic, sums and means."""

import numpy as np
from make_more import Case, Random as R, node, single

IMAGE = ("n", 2, 6, 6)


def products():
    # Two activations: x and Relu(x).
    both = lambda name, op, shape, **a: Case(name, [node("Relu", "x", "r"), node(op, "x r", **a)], shape=shape)
    return [
        both("matmul_two", "MatMul", (3, 3)),
        both("matmul_two_batched", "MatMul", ("n", 2, 3, 3)),
        both("gemm_two", "Gemm", (4, 4), transB=1, alpha=0.5),
        single("matmul_constant_left", "MatMul", {"w": R(2, 3)}, before=["w"], shape=(3, 4)),
        single("matmul_constant_left_batched", "MatMul", {"w": R(2, 2, 3)}, before=["w"], shape=("n", 2, 3, 4)),
        single("matmul_weights_per_head", "MatMul", {"w": R(2, 4, 3)}, shape=("n", 2, 3, 4)),
        single("gemm_constant_left", "Gemm", {"w": R(2, 3), "b": R(2, 1)}, before=["w"], shape=(3, 4)),
        Case("gemm_activation_bias", [node("Relu", "x", "r"), node("Gemm", "x w r")], {"w": R(4, 4)}, shape=(1, 4)),
        Case(
            "residual",
            [node("Gemm", "x w b", "h"), node("Relu", "h", "r"), node("Add", "r x")],
            {"w": R(4, 4), "b": R(4)},
        ),
        Case(
            "residual_twice",
            [
                node("Gemm", "x w", "h"),
                node("Add", "h x", "a"),
                node("Relu", "a", "r"),
                node("Gemm", "r v", "g"),
                node("Add", "g a", "s"),
                node("Relu", "s"),
            ],
            {"w": R(4, 4), "v": R(4, 4)},
        ),
    ]


def convolutions():
    conv = lambda name, weight, bias=True, shape=IMAGE, opset=17, **a: single(
        f"conv_{name}",
        "Conv",
        {"w": R(*weight, scale=0.4), **({"b": R(weight[0])} if bias else {})},
        attributes=a,
        shape=shape,
        opset=opset,
    )
    return [
        conv("plain", (3, 2, 3, 3)),
        conv("no_bias", (3, 2, 3, 3), bias=False, kernel_shape=[3, 3]),
        conv("opset_09", (3, 2, 3, 3), opset=9, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        conv("opset_21", (3, 2, 3, 3), opset=21, kernel_shape=[3, 3], pads=[1, 1, 1, 1]),
        conv("one_by_one", (4, 2, 1, 1)),
        conv("padded", (3, 2, 3, 3), pads=[1, 1, 1, 1]),
        conv("pads_uneven", (3, 2, 3, 3), pads=[0, 1, 2, 3]),
        conv("kernel_uneven", (3, 2, 2, 5), pads=[0, 2, 1, 2]),
        conv("strides", (3, 2, 3, 3), strides=[2, 2]),
        conv("strides_uneven_padded", (3, 2, 3, 3), strides=[2, 3], pads=[1, 1, 1, 1]),
        conv("strides_beyond_kernel", (3, 2, 2, 2), strides=[3, 3]),
        conv("dilations", (3, 2, 3, 3), dilations=[2, 2]),
        conv("dilations_uneven_padded", (3, 2, 2, 3), dilations=[3, 2], pads=[1, 2, 1, 2], strides=[1, 2]),
        conv("groups", (4, 2, 3, 3), shape=("n", 4, 5, 5), group=2, pads=[1, 1, 1, 1]),
        conv("depthwise", (3, 1, 3, 3), shape=("n", 3, 5, 5), group=3, pads=[1, 1, 1, 1]),
        conv("depthwise_multiplier", (6, 1, 3, 3), shape=("n", 3, 5, 5), group=3, strides=[2, 2]),
        conv("auto_same_upper", (3, 2, 3, 2), auto_pad="SAME_UPPER", strides=[2, 2]),
        conv("auto_same_lower", (3, 2, 3, 2), auto_pad="SAME_LOWER", strides=[2, 2]),
        conv("auto_valid", (3, 2, 3, 3), auto_pad="VALID", strides=[2, 2]),
        conv("auto_notset", (3, 2, 3, 3), auto_pad="NOTSET", pads=[1, 0, 1, 0]),
        conv("whole_image", (3, 2, 6, 6)),
        conv("1d", (3, 2, 3), shape=("n", 2, 8)),
        conv("1d_padded_strides", (3, 2, 5), shape=("n", 2, 9), pads=[2, 2], strides=[2]),
        conv("1d_dilations", (3, 2, 3), shape=("n", 2, 9), dilations=[3], pads=[3, 1]),
        conv("1d_depthwise", (2, 1, 3), shape=("n", 2, 8), group=2, pads=[2, 0]),
        Case(
            "conv_twice",
            [
                node("Conv", "x w b", "h", pads=[1, 1, 1, 1]),
                node("Relu", "h", "r"),
                node("Conv", "r v", "g", strides=[2, 2]),
                node("Flatten", "g"),
            ],
            {"w": R(3, 2, 3, 3, scale=0.4), "b": R(3), "v": R(2, 3, 3, 3, scale=0.3)},
            shape=IMAGE,
        ),
        Case(
            "conv_batchnorm_relu",
            [
                node("Conv", "x w", "h", pads=[1, 1, 1, 1]),
                node("BatchNormalization", "h g b m v", "n"),
                node("Relu", "n"),
            ],
            {
                "w": R(3, 2, 3, 3, scale=0.4),
                "g": R(3, low=0.5, high=1.5),
                "b": R(3),
                "m": R(3),
                "v": R(3, low=0.5, high=2.0),
            },
            shape=IMAGE,
        ),
        # A channel's bias as an addition of its own, as some exporters leave it.
        Case(
            "conv_add_channels",
            [node("Conv", "x w", "h"), node("Add", "h b")],
            {"w": R(3, 2, 3, 3, scale=0.4), "b": R(1, 3, 1, 1)},
            shape=IMAGE,
        ),
    ]


def transposed():
    conv = lambda name, weight, shape=("n", 2, 3, 3), bias=True, opset=17, **a: single(
        f"conv_transpose_{name}",
        "ConvTranspose",
        {"w": R(*weight, scale=0.5), **({"b": R(weight[1] * a.get("group", 1))} if bias else {})},
        attributes=a,
        shape=shape,
        opset=opset,
    )
    return [
        conv("plain", (2, 3, 3, 3)),
        conv("no_bias", (2, 3, 2, 2), bias=False),
        conv("opset_09", (2, 3, 3, 3), opset=9, kernel_shape=[3, 3]),
        conv("strides", (2, 3, 2, 2), strides=[2, 2]),
        conv("strides_overlap", (2, 3, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1]),
        conv("strides_beyond_kernel", (2, 2, 2, 2), strides=[3, 3]),
        conv("output_padding", (2, 3, 3, 3), strides=[2, 2], pads=[1, 1, 1, 1], output_padding=[1, 1]),
        conv("output_shape", (2, 3, 3, 3), strides=[2, 2], output_shape=[6, 6]),
        conv("pads_uneven", (2, 3, 3, 3), pads=[0, 1, 1, 0]),
        conv("dilations", (2, 3, 2, 2), dilations=[2, 2]),
        conv("groups", (4, 2, 3, 3), shape=("n", 4, 3, 3), group=2),
        conv("depthwise", (3, 1, 2, 2), shape=("n", 3, 3, 3), group=3, strides=[2, 2]),
        conv("auto_same_upper", (2, 3, 3, 3), auto_pad="SAME_UPPER", strides=[2, 2]),
        conv("auto_same_lower", (2, 3, 3, 3), auto_pad="SAME_LOWER", strides=[2, 2]),
        conv("1d", (2, 3, 3), shape=("n", 2, 4), strides=[2]),
    ]


def normalizations():
    def batch(name, shape, opset=17, **a):
        channels = shape[1]
        return single(
            f"batchnorm_{name}",
            "BatchNormalization",
            {
                "g": R(channels, low=0.5, high=1.5),
                "b": R(channels),
                "m": R(channels),
                "v": R(channels, low=0.2, high=3.0),
            },
            attributes=a,
            shape=shape,
            opset=opset,
        )

    return [
        batch("features", ("n", 4)),
        batch("series", ("n", 3, 5)),
        batch("image", ("n", 3, 4, 4)),
        batch("epsilon", ("n", 4), epsilon=0.5),
        batch("opset_09", ("n", 3, 4, 4), opset=9, momentum=0.8),
        batch("opset_14", ("n", 3, 4, 4), opset=14, training_mode=0),
        batch("opset_15", ("n", 3, 4, 4), opset=15),
    ]


def arithmetic():
    relu = node("Relu", "x", "r")
    two = lambda name, op, inputs="r x", **o: Case(name, [relu, node(op, inputs)], **o)
    constant = lambda name, op, value, before=(), **o: single(name, op, {"c": value}, before=before, **o)
    return [
        two("add_two", "Add"),
        two("sub_two", "Sub"),
        two("mul_two", "Mul"),
        two("mul_itself", "Mul", "x x"),
        two("add_itself", "Add", "x x"),
        two("sum_three", "Sum", "x r x"),
        Case("div_two", [relu, node("Add", "r one", "d"), node("Div", "x d")], {"one": np.float32(1)}),
        constant("div_constant_by_x", "Div", R(4), before=["c"], low=0.5, high=4.0),
        constant("mul_constant", "Mul", R(4)),
        constant("mul_zero", "Mul", np.float32([0, 1, -1, 2])),
        constant("mul_small", "Mul", np.float32(1e-4)),
        constant("add_small", "Add", np.float32(1e-4)),
        constant("div_constant", "Div", R(4, low=0.5, high=3.0)),
        constant("add_image_row", "Add", R(4), shape=("n", 2, 3, 4)),
        constant("mul_channels", "Mul", R(3, 1, 1), shape=("n", 3, 2, 2)),
        constant("sub_wider_constant", "Sub", R(1, 3, 4), shape=("n", 1, 4)),
        constant("add_opset_09", "Add", R(4), opset=9),
        Case(
            "mul_gate",
            [node("GlobalAveragePool", "x", "p"), node("Sigmoid", "p", "g"), node("Mul", "x g")],
            shape=("n", 3, 3, 3),
        ),
        Case("add_broadcast_two", [node("MatMul", "x w", "h"), node("Add", "x h")], {"w": R(4, 1)}, shape=("n", 3, 4)),
        Case("sub_broadcast_two", [node("MatMul", "w x", "h"), node("Sub", "h x")], {"w": R(1, 3)}, shape=("n", 3, 4)),
    ]


def sums():
    result = []
    for op in ("ReduceSum", "ReduceMean"):
        name = "reduce_" + op[6:].lower()
        # Since opset 13 (sum) and 18 (mean) the axes are an input.
        old, new = {"ReduceSum": (11, 13), "ReduceMean": (13, 18)}[op]
        case = lambda case, axes=None, opset=new, shape=("n", 3, 4), **a: result.append(
            single(
                f"{name}_{case}",
                op,
                {} if axes is None or opset < new else {"axes": np.array(axes, np.int64)},
                attributes={**a, **({"axes": axes} if axes is not None and opset < new else {})},
                shape=shape,
                opset=opset,
            )
        )
        case("last", [-1]), case("middle", [1]), case("several", [1, 2]), case("flat", [1], keepdims=0)
        case("flat_last", [-1], keepdims=0), case("all", None), case("all_flat", None, keepdims=0)
        case("empty_noop", None, noop_with_empty_axes=1)
        case("image", [2, 3], shape=("n", 2, 3, 3), keepdims=0)
        (
            case("attribute", [1], opset=old),
            case("attribute_flat", [-1, -2], opset=old, keepdims=0),
            case("opset_09", [2], opset=9),
        )
    return result


def cases():
    return [*products(), *convolutions(), *transposed(), *normalizations(), *arithmetic(), *sums()]
