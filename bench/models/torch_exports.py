#!/usr/bin/env python3
"""Small nets as PyTorch exports them, by both of its exporters. Writes `models/torch/`.

Each is trained for a few seconds on scikit-learn's 8x8 digits (diabetes for the regression), so
that classes mean something. `dynamo`: by the exporter of torch.export; otherwise by TorchScript's.
"""

from copy import copy

import torch
from torch import nn

import datasets
import torch_nets as nets
from publish import publish
from torch_common import export, fit, predict

DIGITS, DIABETES = datasets.digits(), datasets.diabetes()
IMAGE, ROWS, FLAT = nets.IMAGE, (8, 8), (64,)
# Leaves BatchNormalization a node of its own.
UNFOLDED = {"training": torch.onnx.TrainingMode.PRESERVE, "do_constant_folding": False}


def pixels():
    """The image itself as the target."""
    data = copy(DIGITS)
    data.y, data.y_test = data.x, data.x_test
    return data


def regression():
    net = nn.Sequential(nn.Linear(10, 16), nn.Tanh(), nn.Linear(16, 1))
    scale, offset = float(DIABETES.y.std()), float(DIABETES.y.mean())
    return nets.Normalised(DIABETES.x, nets.Scaled(net, scale, offset))


# name: (net, shape of a row, exports as {suffix: options}, layers)
LEGACY = {"dynamo": False, "opset": 17}
DYNAMO = {"dynamo": True, "opset": 18}
MODELS = {
    "cnn": (
        nets.plain_cnn,
        IMAGE,
        {
            "": LEGACY,
            "_dynamo": DYNAMO,
            "_batch": {**LEGACY, "batch": True},
            "_dynamo_batch": {**DYNAMO, "batch": True},
            "_opset9": {**LEGACY, "opset": 9},
        },
        "two convolutions with max pools, dense 32-24-10",
    ),
    "resnet": (
        nets.resnet,
        IMAGE,
        {"": LEGACY, "_dynamo": DYNAMO, "_unfolded": {**LEGACY, **UNFOLDED, "opset": 13}},
        "padded max pool, two residual blocks (one with stride 2), global average pool",
    ),
    "mobilenet": (
        nets.mobilenet,
        IMAGE,
        {"": LEGACY, "_dynamo": DYNAMO},
        "depthwise convolutions, ReLU6, hard swish, squeeze and excite with hard sigmoid",
    ),
    "shufflenet": (
        nets.shufflenet,
        IMAGE,
        {"": LEGACY, "_dynamo": DYNAMO},
        "group convolutions, channel shuffle, average pool",
    ),
    "dilated": (nets.dilated, IMAGE, {"": LEGACY}, "dilated and strided convolutions, leaky ReLU, average pool"),
    "branches": (nets.Branches, IMAGE, {"": LEGACY}, "three branches, tanh, Concat, padded average pool"),
    "dense": (nets.Dense, IMAGE, {"": DYNAMO}, "dense connections by Concat, ELU, maximum over the image"),
    "autoencoder": (
        nets.autoencoder,
        IMAGE,
        {"": LEGACY, "_dynamo": DYNAMO},
        "strided convolutions, transposed convolutions, sigmoid; 64 pixels out",
    ),
    "gelu_mlp": (
        nets.gelu_mlp,
        FLAT,
        {"": {**DYNAMO, "opset": 20}, "_erf": {**LEGACY, "opset": 14}, "_opset17": LEGACY},
        "64-32-16-10, layer norm, GELU",
    ),
    "gelu_tanh_mlp": (
        lambda: nets.gelu_mlp("tanh"),
        FLAT,
        {"": {**DYNAMO, "opset": 20}, "_legacy": LEGACY},
        "64-32-16-10, layer norm, GELU by tanh",
    ),
    "batchnorm_mlp": (
        nets.batchnorm_mlp,
        FLAT,
        {"": {**LEGACY, **UNFOLDED}, "_dynamo": DYNAMO},
        "BatchNorm1d, PReLU, SiLU, softplus, dropout, softmax",
    ),
    "gated": (nets.Gated, FLAT, {"": LEGACY, "_dynamo": DYNAMO}, "gated linear units: Split, Sigmoid, Mul"),
    "sliced": (nets.Sliced, IMAGE, {"": LEGACY, "_dynamo": DYNAMO}, "Pad, Gather, Clip, strided Slice, Abs, ReduceSum"),
    "series": (nets.series, FLAT, {"": LEGACY, "_dynamo": DYNAMO}, "one-dimensional convolutions and pools"),
    "lstm": (lambda: nets.Recurrent(nn.LSTM), ROWS, {"": LEGACY, "_dynamo": DYNAMO}, "LSTM of 16 units over 8 steps"),
    "lstm_state": (lambda: nets.RecurrentState(nn.LSTM), ROWS, {"": LEGACY}, "LSTM, final state"),
    "lstm_two_ways": (lambda: nets.Recurrent(nn.LSTM, bidirectional=True), ROWS, {"": LEGACY}, "bidirectional LSTM"),
    "gru": (lambda: nets.Recurrent(nn.GRU), ROWS, {"": LEGACY, "_dynamo": DYNAMO}, "GRU of 16 units over 8 steps"),
    "gru_state": (lambda: nets.RecurrentState(nn.GRU), ROWS, {"": LEGACY}, "GRU, final state"),
    "rnn": (lambda: nets.Recurrent(nn.RNN), ROWS, {"": LEGACY}, "tanh RNN of 16 units over 8 steps"),
    "attention": (
        nets.Transformer,
        ROWS,
        {"": LEGACY, "_dynamo": DYNAMO},
        "one transformer block of width 16 with 2 heads, written out",
    ),
    "multihead": (nets.multihead, ROWS, {"": LEGACY, "_dynamo": DYNAMO}, "the same with nn.MultiheadAttention"),
    "regression": (
        regression,
        (10,),
        {"": LEGACY, "_dynamo_batch": {**DYNAMO, "batch": True}},
        "standardised inside, 10-16-1 tanh, in units of the target",
    ),
}


def main():
    for seed, (name, (build, shape, exports, layers)) in enumerate(MODELS.items(), start=1):
        torch.manual_seed(seed)
        data = {"regression": DIABETES, "autoencoder": pixels()}.get(name, DIGITS)
        title = "diabetes" if data is DIABETES else "digits"
        classes = name not in ("regression", "autoencoder")
        net = fit(build(), data, shape, seed=seed, rate=2e-2 if name == "regression" else 5e-3)
        answers = predict(net, data, shape)
        for suffix, options in exports.items():
            how = "torch.export" if options["dynamo"] else "TorchScript"
            publish(
                "torch",
                name + suffix,
                export(net, shape, **options),
                data,
                script=__file__,
                data=title,
                decision="argmax" if classes else "value",
                layers=f"{layers} ({how}, opset {options['opset']})",
                reference=answers.argmax(axis=1) if classes else answers,
            )


if __name__ == "__main__":
    main()
