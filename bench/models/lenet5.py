#!/usr/bin/env python3
"""LeNet-5 on scikit-learn's digits upsampled to 28x28, trained and exported by PyTorch.

44,426 parameters: conv 1->6 5x5, ReLU, max pool 2, conv 6->16 5x5, ReLU, max pool 2,
256-120-84-10 with ReLU. No padding.
"""

import torch
from torch import nn

import datasets
from publish import publish
from torch_common import export, fit, predict

SHAPE = (1, 28, 28)
LAYERS = "28x28, conv 6 5x5, ReLU, max pool 2, conv 16 5x5, ReLU, max pool 2, 256-120-84-10 ReLU"


def lenet5():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Conv2d(6, 16, 5),
        nn.ReLU(),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(256, 120),
        nn.ReLU(),
        nn.Linear(120, 84),
        nn.ReLU(),
        nn.Linear(84, 10),
    )


def main():
    torch.manual_seed(0)
    data = datasets.digits(28)
    net = lenet5()
    assert sum(p.numel() for p in net.parameters()) == 44_426
    fit(net, data, SHAPE, epochs=20)
    model = export(net, SHAPE, dynamo=False, opset=17)
    publish(
        "digits",
        "lenet5",
        model,
        data,
        script=__file__,
        data="digits, 28x28",
        layers=LAYERS,
        decision="argmax",
        reference=predict(net, data, SHAPE).argmax(axis=1),
    )


if __name__ == "__main__":
    main()
