"""Training and exporting small PyTorch nets, the same way for every script here.

One thread and fixed seeds: a second run on the same machine and versions gives the same bytes. On
another processor float sums may round differently, so the committed bytes are what counts.
"""

import io
import logging
import os
import tempfile
import warnings
from contextlib import redirect_stderr, redirect_stdout

import numpy as np
import onnx
import torch
from torch import nn

torch.set_num_threads(1)
torch.use_deterministic_algorithms(True)
logging.getLogger("torch.onnx").setLevel(logging.ERROR)
warnings.simplefilter("ignore")


def fit(net, data, shape, *, seed=0, epochs=30, batch=32, rate=2e-3, decay=1e-4):
    """Adam with a cosine schedule on the training part; leaves the net in evaluation mode."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.from_numpy(data.x).reshape(-1, *shape)
    y = torch.from_numpy(np.asarray(data.y))
    classes = y.dtype == torch.int64
    loss = nn.CrossEntropyLoss() if classes else nn.MSELoss()
    steps = epochs * -(-len(x) // batch)
    optimizer = torch.optim.AdamW(net.parameters(), lr=rate, weight_decay=decay)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, steps)
    net.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(x), generator=generator).split(batch):
            optimizer.zero_grad()
            loss(net(x[rows]), y[rows] if classes else y[rows].float()).backward()
            optimizer.step()
            schedule.step()
    return net.eval()


def predict(net, data, shape):
    """Outputs on the test part, by PyTorch itself."""
    with torch.no_grad():
        return net(torch.from_numpy(data.x_test).reshape(-1, *shape)).numpy()


def export(net, shape, *, dynamo=True, opset=18, batch=False, **options):
    """The ONNX model that `torch.onnx.export` writes for one row, or for a symbolic batch."""
    example = torch.zeros(1, *shape)
    if dynamo:
        options = {"external_data": False, "verbose": False, **options}
        if batch:
            # An example of one row would make the exporter take the batch for a constant.
            example = torch.zeros(2, *shape)
            options["dynamic_shapes"] = ({0: torch.export.Dim("batch")},)
    elif batch:
        options["dynamic_axes"] = {"x": {0: "batch"}, "y": {0: "batch"}}
    handle, path = tempfile.mkstemp(suffix=".onnx")
    os.close(handle)
    try:
        with redirect_stdout(io.StringIO()), redirect_stderr(io.StringIO()):
            torch.onnx.export(
                net,
                (example,),
                path,
                dynamo=dynamo,
                opset_version=opset,
                input_names=["x"],
                output_names=["y"],
                **options,
            )
        return onnx.load(path)
    finally:
        os.remove(path)
