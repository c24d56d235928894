#!/usr/bin/env python3
"""Writes one tiny model per way of using a supported operator, with onnxruntime's answers.

    pip install -r ../requirements.txt && python3 make.py
"""

from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnx import TensorProto, helper, numpy_helper

HERE = Path(__file__).resolve().parent
RNG = np.random.default_rng(7)
ROWS = 5


def w(*shape):
    """Weights."""
    return RNG.normal(size=shape).astype(np.float32)


def node(op, inputs, output, **attributes):
    return helper.make_node(op, inputs, [output], **attributes)


def write(name, nodes, weights=None, shape=("batch", 4), opset=17, ir=8, listed=False, typed=False):
    """`typed`: weights in float_data instead of raw bytes; `listed`: weights among the inputs."""
    tensors = []
    for key, value in (weights or {}).items():
        value = np.asarray(value)
        if typed:
            kind = helper.np_dtype_to_tensor_dtype(value.dtype)
            tensors.append(helper.make_tensor(key, kind, value.shape, value.ravel().tolist()))
        else:
            tensors.append(numpy_helper.from_array(value, key))
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, list(shape))]
    if listed:
        inputs += [helper.make_tensor_value_info(t.name, t.data_type, list(t.dims)) for t in tensors]
    make = lambda rank: helper.make_model(
        helper.make_graph(nodes, name, inputs, [
            helper.make_tensor_value_info("y", TensorProto.FLOAT, rank and [None] * rank)], tensors),
        opset_imports=[helper.make_opsetid("", opset)], ir_version=ir)
    fixed = [d if isinstance(d, int) else 1 for d in shape]
    x = RNG.normal(scale=2, size=(ROWS, int(np.prod(fixed)))).astype(np.float32)

    def run(model):
        session = onnxruntime.InferenceSession(model.SerializeToString(), providers=["CPUExecutionProvider"])
        return [session.run(None, {"x": row.reshape(fixed)})[0] for row in x]

    # The checker wants the output's rank, which a first run tells.
    model = make(run(make(None))[0].ndim)
    onnx.checker.check_model(model, full_check=True)
    (HERE / f"{name}.onnx").write_bytes(model.SerializeToString())
    np.savez(HERE / f"{name}.npz", x=x, y=np.stack([y.ravel() for y in run(model)]))


def main():
    for opset in range(9, 22):
        write(f"opset_{opset:02}", [node("Gemm", ["x", "w", "b"], "h"), node("Relu", ["h"], "y")],
              {"w": w(4, 3), "b": w(3)}, opset=opset, ir=3 if opset == 9 else 8, listed=opset == 9)
    write("gemm_trans_b_alpha_beta", [node("Gemm", ["x", "w", "b"], "y", transB=1, alpha=0.5, beta=-2.0)],
          {"w": w(3, 4), "b": w(3)})
    write("gemm_no_bias", [node("Gemm", ["x", "w"], "y")], {"w": w(4, 2)}, shape=(1, 4))
    write("gemm_row_bias", [node("Gemm", ["x", "w", "b"], "y")], {"w": w(4, 2), "b": w(1, 2)})
    write("gemm_scalar_bias", [node("Gemm", ["x", "w", "b"], "y")], {"w": w(4, 2), "b": w()})
    write("gemm_trans_a", [node("Reshape", ["x", "s"], "c"), node("Gemm", ["c", "w"], "y", transA=1)],
          {"s": np.array([4, 1]), "w": w(4, 3)})
    write("gemm_typed_data", [node("Gemm", ["x", "w", "b"], "y")], {"w": w(4, 2), "b": w(2)}, typed=True)
    write("matmul_add", [node("MatMul", ["x", "w"], "h"), node("Add", ["b", "h"], "y")], {"w": w(4, 3), "b": w(3)})
    write("matmul_vector", [node("MatMul", ["x", "w"], "y")], {"w": w(4)})
    write("matmul_three_axes", [node("MatMul", ["x", "w"], "y")], {"w": w(4, 2)}, shape=("n", 1, 4))
    write("rank_one_input", [node("MatMul", ["x", "w"], "y")], {"w": w(4, 2)}, shape=(4,))
    write("nameless_batch", [node("Relu", ["x"], "y")], shape=(None, 4))
    write("scaler", [node("Sub", ["x", "m"], "c"), node("Div", ["c", "s"], "z"), node("MatMul", ["z", "w"], "y")],
          {"m": w(1, 4), "s": np.abs(w(4)) + 0.5, "w": w(4, 3)})
    write("scaler_behind_layer", [node("MatMul", ["x", "w"], "h"), node("Mul", ["h", "k"], "i"),
                                  node("Sub", ["i", "c"], "j"), node("Div", ["j", "d"], "y")],
          {"w": w(4, 3), "k": w(3), "c": w(), "d": np.float32([2, 3, 4])})
    write("constant_minus_x", [node("Sub", ["c", "x"], "y")], {"c": w(4)})
    write("constant_times_x", [node("Mul", ["c", "x"], "h"), node("Add", ["h", "x0"], "y")],
          {"c": w(1, 1), "x0": w()})
    write("broadcast_rows", [node("Add", ["x", "c"], "y")], {"c": w(2, 1)}, shape=("n", 2, 3))
    write("relu_on_input", [node("Relu", ["x"], "y")])
    write("relu_twice", [node("Relu", ["x"], "h"), node("Relu", ["h"], "y")])
    write("sigmoid_on_input", [node("Sigmoid", ["x"], "y")])
    write("sigmoid_twice", [node("Sigmoid", ["x"], "h"), node("Sigmoid", ["h"], "y")])
    write("sigmoid_hidden", [node("Gemm", ["x", "w", "b"], "h"), node("Sigmoid", ["h"], "s"), node("MatMul", ["s", "v"], "y")],
          {"w": w(4, 5), "b": w(5), "v": w(5, 2)})
    write("relu_after_sigmoid", [node("Sigmoid", ["x"], "h"), node("Relu", ["h"], "y")])
    write("flatten", [node("Flatten", ["x"], "h"), node("Gemm", ["h", "w"], "y")], {"w": w(6, 2)}, shape=("n", 2, 3))
    write("flatten_axis", [node("Flatten", ["x"], "h", axis=-1), node("MatMul", ["h", "w"], "y")],
          {"w": w(3, 2)}, shape=(1, 1, 3))
    write("reshape_zero_free", [node("Reshape", ["x", "s"], "h"), node("MatMul", ["h", "w"], "y")],
          {"s": np.array([0, -1]), "w": w(6, 2)}, shape=("n", 2, 3))
    write("reshape_there_and_back", [node("Reshape", ["x", "s"], "h"), node("Relu", ["h"], "r"), node("Reshape", ["r", "t"], "y")],
          {"s": np.array([-1, 2, 2]), "t": np.array([1, 4])})
    write("identity", [node("Identity", ["x"], "h"), node("Identity", ["h"], "y")])
    write("cast", [node("Cast", ["x"], "h", to=TensorProto.FLOAT), node("Relu", ["h"], "y")])
    constant = lambda output, value: node("Constant", [], output, value=numpy_helper.from_array(value))
    write("constant_nodes", [constant("w", w(4, 3)), node("Constant", [], "k", value_float=1.5),
                             node("Constant", [], "b", value_floats=[0.5, -1.0, 2.0]), node("MatMul", ["x", "w"], "h"),
                             node("Mul", ["h", "k"], "i"), node("Add", ["i", "b"], "y")])
    write("constant_integers", [node("Constant", [], "s", value_ints=[2, 2]), node("Constant", [], "one", value_int=1),
                                node("Cast", ["one"], "f", to=TensorProto.FLOAT), node("Reshape", ["x", "s"], "h"),
                                node("Add", ["h", "f"], "y")], shape=(1, 4))
    write("folding", [node("Add", ["a", "b"], "c"), node("Sub", ["c", "a"], "d"), node("Mul", ["d", "b"], "e"),
                      node("Div", ["e", "k"], "f"), node("Relu", ["f"], "g"), node("Sigmoid", ["g"], "h"),
                      node("Identity", ["h"], "i"), node("Reshape", ["i", "s"], "j"), node("Flatten", ["j"], "l"),
                      node("MatMul", ["l", "v"], "m"), node("Gemm", ["p", "m", "q"], "n", transA=1, alpha=2.0, beta=3.0),
                      node("Cast", ["r"], "t", to=TensorProto.FLOAT), node("Mul", ["n", "t"], "u"), node("MatMul", ["x", "u"], "y")],
          {"a": w(4, 3), "b": w(3), "k": w(4, 1) + 3, "s": np.array([4, 3, 1]), "v": w(3, 2), "p": w(4, 4),
           "q": w(2), "r": np.array([1.25, -0.75])})
    write("unused_branch", [node("Relu", ["x"], "y"), node("Tanh", ["x"], "unused")])


if __name__ == "__main__":
    main()
