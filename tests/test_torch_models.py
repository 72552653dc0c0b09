"""The ready nets beside the same nets of PyTorch, where it is installed.

Weights carry over by name, outputs are equal, and so are the losses of the first 100 steps: in
float64 on the numpy device, in float32 on OpenCL devices. `--long` trains all nets on all devices.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

import tinygrad_cl as tg
from tinygrad_cl import models

torch = pytest.importorskip("torch", reason='PyTorch is missing: pip install -e ".[compare]"')
tnn = torch.nn
STEPS = 100


# ---------------------------------------------------------------------------- the nets in PyTorch


def mlp() -> Any:
    rows = [tnn.Flatten(), tnn.Linear(6, 16), tnn.BatchNorm1d(16), tnn.ReLU(), tnn.Linear(16, 4)]
    return tnn.Sequential(*rows)


def lenet5() -> Any:
    return tnn.Sequential(
        *(tnn.Conv2d(1, 6, 5, padding=2), tnn.ReLU(), tnn.MaxPool2d(2)),
        *(tnn.Conv2d(6, 16, 5), tnn.ReLU(), tnn.MaxPool2d(2), tnn.Flatten()),
        *(tnn.Linear(64, 120), tnn.ReLU(), tnn.Linear(120, 84), tnn.ReLU(), tnn.Linear(84, 4)),
    )


def convnet() -> Any:
    return tnn.Sequential(
        *(tnn.Conv2d(1, 8, 3), tnn.ReLU(), tnn.MaxPool2d(2)),
        *(tnn.Conv2d(8, 16, 3), tnn.ReLU(), tnn.MaxPool2d(2), tnn.Flatten()),
        *(tnn.Linear(64, 64), tnn.ReLU(), tnn.Linear(64, 4)),
    )


def alexnet_reduced() -> Any:
    rows = []
    for before, after in ((1, 16), (16, 32), (32, 64)):
        rows += [tnn.Conv2d(before, after, 3, padding=1), tnn.ReLU(), tnn.MaxPool2d(2)]
    return tnn.Sequential(*rows, tnn.Flatten(), tnn.Linear(64, 128), tnn.ReLU(), tnn.Linear(128, 4))


class AlexNet(tnn.Module):
    """As in torchvision, but for the average pool, which leaves these images alone."""

    def __init__(self) -> None:
        super().__init__()
        self.features = tnn.Sequential(
            *(tnn.Conv2d(3, 64, 11, stride=4, padding=2), tnn.ReLU(), tnn.MaxPool2d(3, 2)),
            *(tnn.Conv2d(64, 192, 5, padding=2), tnn.ReLU(), tnn.MaxPool2d(3, 2)),
            *(tnn.Conv2d(192, 384, 3, padding=1), tnn.ReLU()),
            *(tnn.Conv2d(384, 256, 3, padding=1), tnn.ReLU()),
            *(tnn.Conv2d(256, 256, 3, padding=1), tnn.ReLU(), tnn.MaxPool2d(3, 2)),
        )
        self.classifier = tnn.Sequential(
            *(tnn.Dropout(0.0), tnn.Linear(256, 32), tnn.ReLU()),
            *(tnn.Dropout(0.0), tnn.Linear(32, 32), tnn.ReLU(), tnn.Linear(32, 4)),
        )

    def forward(self, x: Any) -> Any:
        return self.classifier(self.features(x).flatten(1))


def vgg() -> Any:
    rows = []
    for before, after in ((3, 8), (8, 16)):
        for channels in (before, after):
            rows += [tnn.Conv2d(channels, after, 3, padding=1), tnn.BatchNorm2d(after), tnn.ReLU()]
        rows += [tnn.MaxPool2d(2), tnn.Dropout(0.0)]
    return tnn.Sequential(*rows, tnn.Flatten(), tnn.Linear(64, 32), tnn.ReLU(), tnn.Linear(32, 4))


class BasicBlock(tnn.Module):
    def __init__(self, before: int, after: int, stride: int = 1) -> None:
        super().__init__()
        self.conv1 = tnn.Conv2d(before, after, 3, stride, 1, bias=False)
        self.bn1 = tnn.BatchNorm2d(after)
        self.conv2 = tnn.Conv2d(after, after, 3, padding=1, bias=False)
        self.bn2 = tnn.BatchNorm2d(after)
        self.downsample = None
        if stride != 1:
            shortcut = tnn.Conv2d(before, after, 1, stride, bias=False)
            self.downsample = tnn.Sequential(shortcut, tnn.BatchNorm2d(after))

    def forward(self, x: Any) -> Any:
        y = self.bn2(self.conv2(torch.relu(self.bn1(self.conv1(x)))))
        return torch.relu(y + (x if self.downsample is None else self.downsample(x)))


class ResNet18(tnn.Module):
    def __init__(self, width: int) -> None:
        super().__init__()
        self.conv1 = tnn.Conv2d(3, width, 3, padding=1, bias=False)
        self.bn1 = tnn.BatchNorm2d(width)
        before = width
        for i in range(4):
            after = width << i
            blocks = BasicBlock(before, after, 1 if i == 0 else 2), BasicBlock(after, after)
            setattr(self, f"layer{i + 1}", tnn.Sequential(*blocks))
            before = after
        self.fc = tnn.Linear(before, 4)

    def forward(self, x: Any) -> Any:
        x = torch.relu(self.bn1(self.conv1(x)))
        for i in range(4):
            x = getattr(self, f"layer{i + 1}")(x)
        return self.fc(x.mean((2, 3)))


class Block(tnn.Module):
    def __init__(self, d: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.ln_1, self.ln_2 = tnn.LayerNorm(d), tnn.LayerNorm(d)
        self.attn = tnn.ModuleDict({"c_attn": tnn.Linear(d, 3 * d), "c_proj": tnn.Linear(d, d)})
        self.mlp = tnn.ModuleDict({"c_fc": tnn.Linear(d, 4 * d), "c_proj": tnn.Linear(4 * d, d)})

    def forward(self, x: Any) -> Any:
        n, t, d = x.shape
        parts = self.attn["c_attn"](self.ln_1(x)).split(d, 2)
        q, k, v = (p.view(n, t, self.heads, d // self.heads).transpose(1, 2) for p in parts)
        scores = (q @ k.mT / (d // self.heads) ** 0.5).masked_fill(
            torch.ones(t, t, dtype=torch.bool).triu(1), float("-inf")
        )
        y = (scores.softmax(-1) @ v).transpose(1, 2).reshape(n, t, d)
        x = x + self.attn["c_proj"](y)
        return x + self.mlp["c_proj"](tnn.functional.gelu(self.mlp["c_fc"](self.ln_2(x))))


class GPT(tnn.Module):
    def __init__(self, tied: bool) -> None:
        super().__init__()
        blocks = tnn.ModuleList(Block(16, 2) for _ in range(2))
        parts = {"wte": tnn.Embedding(7, 16), "wpe": tnn.Embedding(8, 16), "h": blocks}
        self.transformer = tnn.ModuleDict(parts | {"ln_f": tnn.LayerNorm(16)})
        self.lm_head = tnn.Linear(16, 7, bias=False)
        if tied:
            self.lm_head.weight = self.transformer["wte"].weight

    def forward(self, tokens: Any) -> Any:
        part = self.transformer
        x = part["wte"](tokens) + part["wpe"].weight[: tokens.shape[1]]
        for block in part["h"]:
            x = block(x)
        return self.lm_head(part["ln_f"](x))


GPT_OPTIONS = {"vocab": 7, "d": 16, "layers": 2, "heads": 2, "context": 8}
# name of the row -> PyTorch's net, name and options of ours, shape of a sample, rate
PAIRS: dict[str, tuple[Callable[[], Any], str, dict[str, Any], tuple[int, ...], float]] = {
    "mlp": (mlp, "mlp", {"sizes": (6, 16, 4), "batch_norm": True}, (6,), 0.02),
    "lenet5": (lenet5, "lenet5", {"num_classes": 4, "input_size": 16}, (1, 16, 16), 0.02),
    "convnet": (convnet, "convnet", {"num_classes": 4, "input_size": 14}, (1, 14, 14), 0.005),
    "alexnet_reduced": (
        *(alexnet_reduced, "alexnet_reduced"),
        *({"num_classes": 4, "input_size": 8}, (1, 8, 8), 0.02),
    ),
    "alexnet": (
        *(AlexNet, "alexnet"),
        {"num_classes": 4, "input_size": 63, "hidden": 32, "dropout": 0.0},
        *((3, 63, 63), 0.001),
    ),
    "vgg": (
        *(vgg, "vgg"),
        {"num_classes": 4, "channels": (8, 16), "hidden": 32, "input_size": 8, "dropout": 0.0},
        *((3, 8, 8), 0.01),
    ),
    "resnet18": (
        lambda: ResNet18(4),
        "resnet18",
        {"num_classes": 4, "width": 4},
        (3, 16, 16),
        0.0005,
    ),
    "gpt": (lambda: GPT(False), "gpt", GPT_OPTIONS, (8,), 0.02),
    "gpt_tied": (lambda: GPT(True), "gpt", GPT_OPTIONS | {"tie_weights": True}, (8,), 0.02),
}


QUICK = ("mlp", "alexnet", "gpt")  # on OpenCL devices; elsewhere all but AlexNet, without --long


@pytest.fixture(params=PAIRS)
def pair(request: pytest.FixtureRequest, default_device: str) -> Any:
    """Both nets with the same weights, batches for them, the rate, and how exact they must be."""
    slow = ("alexnet",) if default_device == "numpy" else tuple({*PAIRS} - {*QUICK})
    if request.param in slow and not request.config.getoption("--long"):
        pytest.skip("takes long here: --long")
    make, name, options, shape, rate = PAIRS[request.param]
    torch.set_num_threads(1)  # small nets: threads that wait for each other are slower
    torch.manual_seed(0)
    theirs, ours = make(), models.get(name, **options)
    exact = default_device == "numpy"
    state = {key: tg.tensor(value.detach().numpy()) for key, value in theirs.state_dict().items()}
    ours.load_state_dict(state)
    if exact:
        theirs.double()
        ours.to(tg.float64)
    rng, size = np.random.default_rng(1), 1 if name == "alexnet" else 4
    if name == "gpt":
        x, y = (rng.integers(0, 7, (3, size, *shape)) for _ in "xy")
    else:
        x = rng.normal(size=(3, size, *shape)).astype(np.float64 if exact else np.float32)
        y = rng.integers(0, 4, (3, size))
    return theirs, ours, x, y, rate, 1e-7 if exact else 1e-3


def test_outputs_and_100_steps_are_equal(pair: Any) -> None:
    theirs, ours, x, y, rate, close = pair
    sgd = torch.optim.SGD(theirs.parameters(), lr=rate, momentum=0.9)
    optimizer = tg.optim.SGD(ours.parameters(), lr=rate, momentum=0.9)
    wanted, losses = [], []
    for step in range(STEPS):
        at = step % len(x)
        logits = theirs(torch.from_numpy(x[at]))
        target = torch.from_numpy(y[at]).flatten()
        mine = ours(tg.tensor(x[at]))
        if step == 0:
            values = mine.detach().numpy(), logits.detach().numpy()
            np.testing.assert_allclose(*values, rtol=close, atol=close / 100)
        loss = tnn.functional.cross_entropy(logits.flatten(0, -2), target)
        sgd.zero_grad()
        loss.backward()
        sgd.step()
        wanted.append(loss.item())
        mine = tg.nn.functional.cross_entropy(mine.flatten(0, -2), tg.tensor(y[at]).flatten())
        optimizer.zero_grad()
        mine.backward()
        optimizer.step()
        losses.append(mine)
    np.testing.assert_allclose([loss.item() for loss in losses], wanted, rtol=close)
    back = {
        key: torch.from_numpy(np.array(v.detach().numpy())) for key, v in ours.state_dict().items()
    }
    theirs.load_state_dict(back)  # and back, by name
