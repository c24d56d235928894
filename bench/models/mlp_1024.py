#!/usr/bin/env python3
"""A 1024-1024-1024-10 ReLU network with random weights: a yardstick for size and numeric error.

He-normal weights and small normal biases from a fixed seed; inputs uniform in [0, 1]. It has
learnt nothing, so only the numeric error against onnxruntime means anything. The weights come
back bit for bit; `out/` holds them, git does not.
"""

from types import SimpleNamespace

import numpy as np
from onnx import TensorProto, helper, numpy_helper

from publish import CALIBRATION_ROWS, GOLDEN_ROWS, publish

WIDTHS = (1024, 1024, 1024, 10)
SEED = 1024


def build(rng):
    nodes, weights, value = [], [], "x"
    for layer, (inputs, outputs) in enumerate(zip(WIDTHS, WIDTHS[1:])):
        last = layer == len(WIDTHS) - 2
        weight = rng.normal(scale=np.sqrt(2 / inputs), size=(outputs, inputs)).astype(np.float32)
        bias = rng.normal(scale=0.05, size=outputs).astype(np.float32)
        weights += [numpy_helper.from_array(weight, f"w{layer}"), numpy_helper.from_array(bias, f"b{layer}")]
        out = "y" if last else f"g{layer}"
        nodes.append(helper.make_node("Gemm", [value, f"w{layer}", f"b{layer}"], [out], f"dense{layer}", transB=1))
        if not last:
            value = f"h{layer}"
            nodes.append(helper.make_node("Relu", [out], [value], f"relu{layer}"))
    graph = helper.make_graph(
        nodes,
        "mlp_1024",
        [helper.make_tensor_value_info("x", TensorProto.FLOAT, [1, WIDTHS[0]])],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, [1, WIDTHS[-1]])],
        weights,
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def main():
    rng = np.random.default_rng(SEED)
    model = build(rng)
    x = rng.random((CALIBRATION_ROWS + GOLDEN_ROWS, WIDTHS[0]), dtype=np.float32)
    rows = SimpleNamespace(x=x[:CALIBRATION_ROWS], x_test=x[CALIBRATION_ROWS:])
    publish(
        "bench",
        "mlp_1024",
        model,
        rows,
        script=__file__,
        data="uniform in [0, 1]",
        layers="1024-1024-1024-10 ReLU, random weights",
        decision="value",
        scored=False,
        big=True,
    )


if __name__ == "__main__":
    main()
