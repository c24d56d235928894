"""Small PyTorch nets, each with one thing that exports of real nets contain."""

import torch
from torch import nn
from torch.nn import functional as F

IMAGE = (1, 8, 8)
CLASSES = 10


class Normalised(nn.Module):
    """Standardises raw features inside the graph, with the training part's mean and deviation."""

    def __init__(self, x, net):
        super().__init__()
        x = torch.from_numpy(x)
        self.register_buffer("mean", x.mean(dim=0))
        self.register_buffer("deviation", x.std(dim=0))
        self.net = net

    def forward(self, x):
        return self.net((x - self.mean) / self.deviation)


class Scaled(nn.Module):
    """A regression in units of the target: `net` times `scale` plus `offset`."""

    def __init__(self, net, scale, offset):
        super().__init__()
        self.net, self.scale, self.offset = net, scale, offset

    def forward(self, x):
        return (self.net(x) * self.scale + self.offset).squeeze(-1)


def conv_bn(inputs, outputs, kernel=3, **options):
    return [nn.Conv2d(inputs, outputs, kernel, bias=False, **options), nn.BatchNorm2d(outputs)]


class Residual(nn.Module):
    """Two convolutions around a shortcut; a strided 1x1 convolution where the shape changes."""

    def __init__(self, inputs, outputs, stride=1):
        super().__init__()
        self.body = nn.Sequential(
            *conv_bn(inputs, outputs, stride=stride, padding=1), nn.ReLU(), *conv_bn(outputs, outputs, padding=1)
        )
        same = stride == 1 and inputs == outputs
        self.shortcut = nn.Identity() if same else nn.Sequential(*conv_bn(inputs, outputs, 1, stride=stride))

    def forward(self, x):
        return F.relu(self.body(x) + self.shortcut(x))


def resnet():
    """Stem with a padded, overlapping max pool, two residual blocks, global average pool."""
    return nn.Sequential(
        *conv_bn(1, 8, padding=1),
        nn.ReLU(),
        nn.MaxPool2d(3, stride=2, padding=1),
        Residual(8, 8),
        Residual(8, 16, stride=2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(16, CLASSES),
    )


class SqueezeExcite(nn.Module):
    def __init__(self, channels):
        super().__init__()
        self.down, self.up = nn.Conv2d(channels, channels // 4, 1), nn.Conv2d(channels // 4, channels, 1)

    def forward(self, x):
        gate = self.up(F.relu(self.down(F.adaptive_avg_pool2d(x, 1))))
        return x * F.hardsigmoid(gate)


class Inverted(nn.Module):
    """Expand, depthwise, squeeze and excite, project, residual: a block of MobileNetV3."""

    def __init__(self, channels, expand):
        super().__init__()
        wide = channels * expand
        self.body = nn.Sequential(
            *conv_bn(channels, wide, 1),
            nn.Hardswish(),
            *conv_bn(wide, wide, padding=1, groups=wide),
            nn.Hardswish(),
            SqueezeExcite(wide),
            *conv_bn(wide, channels, 1),
        )

    def forward(self, x):
        return x + self.body(x)


def mobilenet():
    return nn.Sequential(
        *conv_bn(1, 8, stride=2, padding=1),
        nn.ReLU6(),
        *conv_bn(8, 8, padding=1, groups=8),
        nn.ReLU6(),
        Inverted(8, 2),
        nn.AdaptiveAvgPool2d(1),
        nn.Flatten(),
        nn.Linear(8, CLASSES),
    )


class Shuffle(nn.Module):
    """Channel shuffle: Reshape, Transpose, Reshape."""

    def forward(self, x):
        n, c, h, w = x.shape
        return x.view(n, 2, c // 2, h, w).transpose(1, 2).reshape(n, c, h, w)


def shufflenet():
    return nn.Sequential(
        *conv_bn(1, 8, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 8, 1, groups=2),
        Shuffle(),
        nn.ReLU(),
        *conv_bn(8, 8, padding=1, groups=4),
        nn.ReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(128, CLASSES),
    )


def dilated():
    return nn.Sequential(
        nn.Conv2d(1, 6, 3, padding=2, dilation=2),
        nn.LeakyReLU(0.1),
        nn.Conv2d(6, 8, 3, stride=2, padding=1),
        nn.LeakyReLU(),
        nn.AvgPool2d(2),
        nn.Flatten(),
        nn.Linear(32, CLASSES),
    )


class Branches(nn.Module):
    """Three branches of kernels 1, 3 and 5, concatenated, as in Inception."""

    def __init__(self):
        super().__init__()
        self.branches = nn.ModuleList(nn.Conv2d(1, 4, k, padding=k // 2) for k in (1, 3, 5))
        self.head = nn.Linear(12 * 16, CLASSES)

    def forward(self, x):
        x = torch.cat([torch.tanh(branch(x)) for branch in self.branches], dim=1)
        return self.head(F.avg_pool2d(x, 3, stride=2, padding=1, count_include_pad=False).flatten(1))


class Dense(nn.Module):
    """Every layer sees all earlier ones, as in DenseNet."""

    def __init__(self):
        super().__init__()
        self.layers = nn.ModuleList(nn.Conv2d(1 + 4 * i, 4, 3, padding=1) for i in range(3))
        self.head = nn.Linear(13, CLASSES)

    def forward(self, x):
        for layer in self.layers:
            x = torch.cat([x, F.elu(layer(x))], dim=1)
        return self.head(x.amax(dim=(2, 3)))


def autoencoder():
    """Strided convolutions down, transposed ones up; answers with 64 pixels."""
    return nn.Sequential(
        nn.Conv2d(1, 8, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.Conv2d(8, 12, 3, stride=2, padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(12, 8, 3, stride=2, padding=1, output_padding=1),
        nn.ReLU(),
        nn.ConvTranspose2d(8, 1, 2, stride=2),
        nn.Sigmoid(),
        nn.Flatten(),
    )


def gelu_mlp(approximate="none"):
    return nn.Sequential(
        nn.Linear(64, 32),
        nn.LayerNorm(32),
        nn.GELU(approximate),
        nn.Linear(32, 16),
        nn.GELU(approximate),
        nn.Linear(16, CLASSES),
    )


def batchnorm_mlp():
    """BatchNorm1d, PReLU, SiLU, Softplus, Dropout, and a softmax as the last layer."""
    return nn.Sequential(
        nn.BatchNorm1d(64),
        nn.Linear(64, 24),
        nn.BatchNorm1d(24),
        nn.PReLU(),
        nn.Dropout(0.1),
        nn.Linear(24, 24),
        nn.SiLU(),
        nn.Linear(24, 16),
        nn.Softplus(),
        nn.Linear(16, CLASSES),
        nn.Softmax(dim=1),
    )


class Gated(nn.Module):
    """Gated linear units: Split, Sigmoid, Mul of two activations."""

    def __init__(self):
        super().__init__()
        self.first, self.second, self.head = nn.Linear(64, 48), nn.Linear(24, 32), nn.Linear(16, CLASSES)

    def forward(self, x):
        return self.head(F.glu(self.second(F.glu(self.first(x)))))


class Sliced(nn.Module):
    """Slices, constant gathers, padding, and a sum over an axis."""

    def __init__(self):
        super().__init__()
        self.register_buffer("order", torch.tensor([7, 0, 6, 1, 5, 2, 4, 3]))
        self.conv = nn.Conv2d(1, 6, 3)
        self.head = nn.Linear(48, CLASSES)

    def forward(self, x):
        x = F.pad(x, (1, 1, 1, 1)).index_select(2, torch.arange(10))
        x = torch.clamp(self.conv(x), -1, 1)[:, :, self.order, :]
        return self.head((x[:, :, ::2, :] - x[:, :, 1::2, :]).abs().sum(dim=2).flatten(1))


def series():
    """One-dimensional convolutions over the 64 pixels as a series."""
    return nn.Sequential(
        nn.Unflatten(1, (1, 64)),
        nn.Conv1d(1, 8, 5, padding=2),
        nn.ReLU(),
        nn.MaxPool1d(2),
        nn.Conv1d(8, 12, 3, padding=2, dilation=2),
        nn.ReLU(),
        nn.AvgPool1d(2),
        nn.Flatten(),
        nn.Linear(192, CLASSES),
    )


class Recurrent(nn.Module):
    """Reads an image row by row; the last state decides."""

    def __init__(self, cell, **options):
        super().__init__()
        self.cell = cell(8, 16, batch_first=True, **options)
        self.head = nn.Linear(32 if options.get("bidirectional") else 16, CLASSES)

    def forward(self, x):
        return self.head(self.cell(x)[0][:, -1])


class RecurrentState(Recurrent):
    """The same, by the final hidden state instead of the last output."""

    def forward(self, x):
        state = self.cell(x)[1]
        return self.head((state[0] if isinstance(state, tuple) else state)[0])


class Attention(nn.Module):
    """Self-attention with `heads` heads, written out."""

    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)

    def forward(self, x):
        batch, tokens, width = x.shape
        q, k, v = self.project(x).view(batch, tokens, 3, self.heads, width // self.heads).permute(2, 0, 3, 1, 4)
        weights = torch.softmax(q @ k.transpose(-1, -2) * (width // self.heads) ** -0.5, dim=-1)
        return self.out((weights @ v).transpose(1, 2).reshape(batch, tokens, width))


class Transformer(nn.Module):
    """One block over the eight rows as tokens: layer norm, attention, residual, GELU, mean."""

    def __init__(self, width=16, heads=2, attention=None):
        super().__init__()
        self.embed = nn.Linear(8, width)
        self.position = nn.Parameter(0.02 * torch.randn(8, width))
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(3))
        self.attention = attention or Attention(width, heads)
        self.mlp = nn.Sequential(nn.Linear(width, 32), nn.GELU(), nn.Linear(32, width))
        self.head = nn.Linear(width, CLASSES)

    def attend(self, x):
        if isinstance(self.attention, nn.MultiheadAttention):
            return self.attention(x, x, x, need_weights=False)[0]
        return self.attention(x)

    def forward(self, x):
        x = self.embed(x) + self.position
        x = x + self.attend(self.norms[0](x))
        x = x + self.mlp(self.norms[1](x))
        return self.head(self.norms[2](x).mean(dim=1))


def multihead():
    return Transformer(attention=nn.MultiheadAttention(16, 2, batch_first=True))


def plain_cnn():
    """As in most tutorials: convolutions, a view by the batch's size, dense layers."""

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv1, self.conv2 = nn.Conv2d(1, 8, 3, padding=1), nn.Conv2d(8, 8, 3, padding=1)
            self.fc1, self.fc2 = nn.Linear(32, 24), nn.Linear(24, CLASSES)

        def forward(self, x):
            x = F.max_pool2d(F.relu(self.conv1(x)), 2)
            x = F.max_pool2d(F.relu(self.conv2(x)), 2)
            return self.fc2(F.relu(self.fc1(x.view(x.size(0), -1))))

    return Net()
