"""MaxPool, AveragePool, global pools."""

from make_more import Case, node, single

IMAGE = ("n", 2, 6, 6)
# Everywhere below zero: padding must not win a maximum.
BELOW = dict(low=-5, high=-0.5)


def pools(op, name):
    pool = lambda case, shape=IMAGE, opset=17, low=None, high=None, **a: single(
        f"{name}_{case}", op, attributes=a, shape=shape, opset=opset, low=low, high=high
    )
    return [
        pool("no_strides", kernel_shape=[2, 2]),
        pool("strides", kernel_shape=[2, 2], strides=[2, 2]),
        pool("overlap", kernel_shape=[3, 3], strides=[2, 2]),
        pool("uneven", kernel_shape=[2, 3], strides=[3, 1]),
        pool("padded", kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], **BELOW),
        pool("pads_uneven", kernel_shape=[3, 2], pads=[0, 1, 2, 0], **BELOW),
        pool("ceil", shape=("n", 2, 5, 5), kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, **BELOW),
        pool("ceil_padded", shape=("n", 1, 6, 7), kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1], ceil_mode=1),
        pool("auto_same_upper", kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_UPPER", **BELOW),
        pool("auto_same_lower", kernel_shape=[3, 2], strides=[2, 2], auto_pad="SAME_LOWER", **BELOW),
        pool("auto_valid", kernel_shape=[4, 4], strides=[2, 2], auto_pad="VALID"),
        pool("whole_image", kernel_shape=[6, 6]),
        pool("1d", shape=("n", 2, 8), kernel_shape=[3], strides=[2]),
        pool("1d_padded", shape=("n", 2, 7), kernel_shape=[3], pads=[1, 1], **BELOW),
        pool("opset_09", opset=9, kernel_shape=[2, 2], strides=[2, 2]),
    ]


def cases():
    average = lambda case, **a: single(f"average_{case}", "AveragePool", attributes=a, shape=("n", 2, 5, 5))
    return [
        *pools("MaxPool", "max"),
        *pools("AveragePool", "average"),
        single("max_dilations", "MaxPool", attributes={"kernel_shape": [2, 2], "dilations": [2, 3]}, shape=IMAGE),
        single(
            "max_dilations_padded",
            "MaxPool",
            attributes={"kernel_shape": [3, 3], "dilations": [2, 2], "pads": [2, 2, 2, 2], "strides": [2, 2]},
            shape=IMAGE,
            **BELOW,
        ),
        single(
            "average_dilations",
            "AveragePool",
            attributes={"kernel_shape": [2, 2], "dilations": [2, 2]},
            shape=IMAGE,
            opset=19,
        ),
        average("count_include_pad", kernel_shape=[3, 3], pads=[1, 1, 1, 1], count_include_pad=1),
        average(
            "count_include_pad_strides", kernel_shape=[3, 2], pads=[1, 0, 1, 1], strides=[2, 2], count_include_pad=1
        ),
        average("count_include_pad_ceil", kernel_shape=[2, 2], strides=[2, 2], ceil_mode=1, count_include_pad=1),
        single("global_average", "GlobalAveragePool", shape=IMAGE),
        single("global_average_1d", "GlobalAveragePool", shape=("n", 3, 5)),
        single("global_max", "GlobalMaxPool", shape=IMAGE),
        Case(
            "max_then_flatten",
            [node("MaxPool", "x", "p", kernel_shape=[2, 2], strides=[2, 2]), node("Flatten", "p")],
            shape=IMAGE,
        ),
        Case(
            "max_after_relu",
            [node("Relu", "x", "r"), node("MaxPool", "r", kernel_shape=[3, 3], strides=[1, 1], pads=[1, 1, 1, 1])],
            shape=IMAGE,
        ),
    ]
