"""LSTM, GRU and RNN of static length; attention as its decomposition."""

import numpy as np
from make_more import Case, Random as R, node

STEPS, INPUTS, HIDDEN = 4, 3, 5
GATES = {"LSTM": 4, "GRU": 3, "RNN": 1}


def cell(
    name,
    op,
    output="y",
    *,
    direction="forward",
    bias=True,
    state=False,
    cell_state=False,
    peephole=False,
    lengths=False,
    opset=17,
    **attributes,
):
    """`output`: which of the cell's outputs is the answer, as a list such as ["", "y"]."""
    ways, gates = 2 if direction == "bidirectional" else 1, GATES[op] * HIDDEN
    weights = {"w": R(ways, gates, INPUTS, scale=0.5), "r": R(ways, gates, HIDDEN, scale=0.4)}
    inputs = ["x", "w", "r"]
    optional = [
        ("b", bias, R(ways, 2 * gates, scale=0.3)),
        ("n", lengths, np.array([STEPS], np.int32)),
        ("h0", state, R(ways, 1, HIDDEN, scale=0.5)),
    ]
    if op == "LSTM":
        optional += [("c0", cell_state, R(ways, 1, HIDDEN)), ("p", peephole, R(ways, 3 * HIDDEN, scale=0.3))]
    for key, present, value in optional:
        inputs.append(key if present else "")
        if present:
            weights[key] = value
    while not inputs[-1]:
        inputs.pop()
    if direction != "forward":
        attributes["direction"] = direction
    return Case(
        f"{op.lower()}_{name}",
        [node(op, inputs, output, hidden_size=HIDDEN, **attributes)],
        weights,
        shape=(STEPS, 1, INPUTS),
        opset=opset,
        low=-1.5,
        high=1.5,
    )


def cells():
    result = []
    for op in GATES:
        last = ["", "y"]
        result += [
            cell("all_steps", op),
            cell("last_state", op, last),
            cell("no_bias", op, last, bias=False),
            cell("initial_state", op, last, state=True),
            cell("reverse", op, direction="reverse"),
            cell("two_ways", op, direction="bidirectional"),
            cell("two_ways_last", op, last, direction="bidirectional", state=True),
            cell("lengths", op, last, lengths=True),
            cell("opset_09", op, last, opset=9),
        ]
    return [
        *result,
        cell("cell_state", "LSTM", ["", "", "y"]),
        cell("both_states", "LSTM", ["", "y"], state=True, cell_state=True),
        cell("peephole", "LSTM", ["", "y"], peephole=True),
        cell("input_forget", "LSTM", ["", "y"], input_forget=1),
        cell("clip", "LSTM", ["", "y"], clip=0.5),
        cell("activations", "LSTM", ["", "y"], activations=["HardSigmoid", "Relu", "Tanh"]),
        cell("before_reset", "GRU", ["", "y"], linear_before_reset=1),
        cell("before_reset_all_steps", "GRU", linear_before_reset=1, direction="bidirectional"),
        cell("relu", "RNN", ["", "y"], activations=["Relu"]),
    ]


def attention():
    """Scaled dot-product attention over four tokens of six numbers, one head and two."""
    f = np.float32
    project = [node("MatMul", "x wq", "q"), node("MatMul", "x wk", "k"), node("MatMul", "x wv", "v")]
    weights = {key: R(6, 6, scale=0.4) for key in ("wq", "wk", "wv", "wo")}
    one = [
        *project,
        node("Transpose", "k", "kt", perm=[0, 2, 1]),
        node("MatMul", "q kt", "s"),
        node("Div", "s d", "z"),
        node("Softmax", "z", "a", axis=-1),
        node("MatMul", "a v", "c"),
        node("MatMul", "c wo"),
    ]
    heads = [
        *project,
        *[node("Reshape", f"{n} hs", f"{n}h") for n in "qkv"],
        node("Transpose", "qh", "qt", perm=[0, 2, 1, 3]),
        node("Transpose", "kh", "kt", perm=[0, 2, 3, 1]),
        node("Transpose", "vh", "vt", perm=[0, 2, 1, 3]),
        node("MatMul", "qt kt", "s"),
        node("Mul", "s d", "z"),
        node("Softmax", "z", "a", axis=-1),
        node("MatMul", "a vt", "c"),
        node("Transpose", "c", "ct", perm=[0, 2, 1, 3]),
        node("Reshape", "ct os", "o"),
        node("MatMul", "o wo"),
    ]
    mask = np.triu(np.full((4, 4), -1e4, np.float32), 1)
    shape = dict(shape=("n", 4, 6), low=-1.5, high=1.5)
    return [
        Case("attention", one, {**weights, "d": f(np.sqrt(6))}, **shape),
        Case(
            "attention_two_heads",
            heads,
            {**weights, "d": f(3**-0.5), "hs": np.array([0, 0, 2, 3]), "os": np.array([0, 0, 6])},
            **shape,
        ),
        Case(
            "attention_causal",
            [*one[:6], node("Add", "z mask", "zm"), node("Softmax", "zm", "a", axis=-1), *one[7:]],
            {**weights, "d": f(np.sqrt(6)), "mask": mask},
            **shape,
        ),
        Case(
            "attention_residual_norm",
            [*one[:-1], node("MatMul", "c wo", "o"), node("Add", "x o", "t"), node("LayerNormalization", "t g b")],
            {**weights, "d": f(np.sqrt(6)), "g": R(6, low=0.5, high=1.5), "b": R(6)},
            **shape,
        ),
        Case(
            "linear_attention",
            [
                *project,
                node("Relu", "q", "qr"),
                node("Relu", "k", "kr"),
                node("Transpose", "kr", "kt", perm=[0, 2, 1]),
                node("MatMul", "kt v", "kv"),
                node("MatMul", "qr kv", "c"),
                node("MatMul", "c wo"),
            ],
            weights,
            **shape,
        ),
    ]


def cases():
    return [*cells(), *attention()]
