#!/usr/bin/env python3
"""A convolutional net of about a million parameters on digits upsampled to 32x32.

    conv 1->32 3x3 padded, batch normalization, ReLU, max pool 2     32x32 -> 16x16
    conv 32->64 3x3 padded, batch normalization, ReLU, max pool 2    16x16 -> 8x8
    dense 4096->256, ReLU, dense 256->10                             1,070,410 learnable numbers

BatchNormalization is left a node of its own, as exports often have it. All but the last layer is
random (He-normal, fixed seed), its batch statistics measured on the training part; the last layer
is fitted by ridge regression. That is done in float64 and rounded to a coarse binary grid, so the
same bytes come back on any machine: `out/` holds them, git does not.
"""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from onnx import TensorProto, helper, numpy_helper

import datasets
from publish import publish

SEED = 32
CHANNELS = (1, 32, 64)
HIDDEN = 256
CLASSES = 10
SIZE = 32
RIDGE = 1.0
EPSILON = 1e-5
LEARNABLE = 1_070_410


def grid(values, bits):
    """Multiples of 2^-bits: what float64 sums in another order cannot change."""
    return (np.round(np.asarray(values, np.float64) * 2**bits) / 2**bits).astype(np.float32)


def convolve(x, weight):
    """3x3 with padding 1, in float64: `x` [n, c, h, w], `weight` [o, c, 3, 3]."""
    windows = sliding_window_view(np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1))), (3, 3), axis=(2, 3))
    return np.einsum("nchwij,ocij->nohw", windows, weight, optimize=True)


def pool(x):
    n, c, h, w = x.shape
    return x.reshape(n, c, h // 2, 2, w // 2, 2).max(axis=(3, 5))


def main():
    rng = np.random.default_rng(SEED)
    he = lambda *shape: grid(rng.normal(scale=np.sqrt(2 / np.prod(shape[1:])), size=shape), 20)
    data = datasets.digits(SIZE)
    tensors, nodes = {}, []

    def add(op, inputs, output, weights, **attributes):
        tensors.update(weights)
        nodes.append(helper.make_node(op, [*inputs, *weights], [output], name=f"{op}_{output}", **attributes))

    hidden, value = data.x.astype(np.float64).reshape(-1, 1, SIZE, SIZE), "x"
    for layer, (inputs, outputs) in enumerate(zip(CHANNELS, CHANNELS[1:])):
        weight, bias = he(outputs, inputs, 3, 3), grid(rng.normal(scale=0.05, size=outputs), 20)
        gamma, beta = grid(rng.uniform(0.5, 1.5, outputs), 20), grid(rng.normal(scale=0.2, size=outputs), 20)
        hidden = convolve(hidden, weight.astype(np.float64)) + bias[:, None, None].astype(np.float64)
        mean, var = grid(hidden.mean(axis=(0, 2, 3)), 12), grid(hidden.var(axis=(0, 2, 3)), 12)
        add(
            "Conv",
            [value],
            f"c{layer}",
            {f"conv{layer}.weight": weight, f"conv{layer}.bias": bias},
            kernel_shape=[3, 3],
            pads=[1, 1, 1, 1],
            strides=[1, 1],
            dilations=[1, 1],
            group=1,
        )
        add(
            "BatchNormalization",
            [f"c{layer}"],
            f"n{layer}",
            {f"bn{layer}.weight": gamma, f"bn{layer}.bias": beta, f"bn{layer}.mean": mean, f"bn{layer}.var": var},
            epsilon=EPSILON,
        )
        add("Relu", [f"n{layer}"], f"r{layer}", {})
        value = f"p{layer}"
        add("MaxPool", [f"r{layer}"], value, {}, kernel_shape=[2, 2], strides=[2, 2])
        per_channel = lambda v: v[:, None, None].astype(np.float64)
        hidden = (hidden - per_channel(mean)) / np.sqrt(per_channel(var) + EPSILON)
        hidden = pool(np.maximum(hidden * per_channel(gamma) + per_channel(beta), 0))
    hidden = hidden.reshape(len(hidden), -1)
    add("Flatten", [value], "f", {}, axis=1)
    weight, bias = he(HIDDEN, hidden.shape[1]), grid(rng.normal(scale=0.05, size=HIDDEN), 20)
    add("Gemm", ["f"], "d", {"fc1.weight": weight, "fc1.bias": bias}, transB=1)
    add("Relu", ["d"], "h", {})
    hidden = np.maximum(hidden @ weight.T.astype(np.float64) + bias, 0)
    design = np.hstack([hidden, np.ones((len(hidden), 1))])
    wanted = np.where(data.y[:, None] == np.arange(CLASSES), 4.0, -4.0)
    solution = np.linalg.solve(design.T @ design + RIDGE * np.eye(HIDDEN + 1), design.T @ wanted)
    add("Gemm", ["h"], "y", {"fc2.weight": grid(solution[:-1].T, 12), "fc2.bias": grid(solution[-1], 12)}, transB=1)

    learnable = sum(v.size for k, v in tensors.items() if not k.endswith((".mean", ".var")))
    assert learnable == LEARNABLE, learnable
    graph = helper.make_graph(
        nodes,
        "cnn_1m",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, 1, SIZE, SIZE])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, CLASSES])],
        [numpy_helper.from_array(value, name) for name, value in tensors.items()],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    publish(
        "bench",
        "cnn_1m",
        model,
        data,
        script=__file__,
        data="digits, 32x32",
        decision="argmax",
        big=True,
        layers="32x32, 2 x (conv 3x3 to 32, 64 channels, batch norm, ReLU, max pool 2), 4096-256-10 ReLU",
    )


if __name__ == "__main__":
    main()
