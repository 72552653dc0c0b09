"""Training steps of tinygrad_cl and of PyTorch: modules made of the rows of `nets`.

Both are written the way their users write them; `nn` and `F` are either library's.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks import nets
from benchmarks.nets import Net, Row
from benchmarks.timing import Step


def build(net: Net, nn: Any) -> Any:
    """A module of either library."""
    return nn.Sequential(*[module_of(row, nn) for row in net.rows])


def module_of(row: Row, nn: Any) -> Any:
    """The module of one row."""
    kind, *sizes = row
    if kind in ("residual", "transformer", "embed", "mean"):
        return _BLOCKS[kind](nn, *sizes)
    if kind in ("conv", "conv_nobias"):
        before, after, kernel, stride, padding = sizes
        return nn.Conv2d(before, after, kernel, stride, padding, bias=kind == "conv")
    kinds = {
        "linear": nn.Linear,
        "batchnorm": nn.BatchNorm2d,
        "layernorm": nn.LayerNorm,
        "relu": nn.ReLU,
        "maxpool": nn.MaxPool2d,
        "dropout": nn.Dropout,
        "flatten": nn.Flatten,
    }
    return kinds[kind](*sizes)


def _mean(nn: Any) -> Any:
    return nn.Sequential(nn.AdaptiveAvgPool2d(1), nn.Flatten())


def _residual(nn: Any, before: int, after: int, stride: int) -> Any:
    """Two convolutions beside a shortcut (He et al. 2016)."""
    rows = nets.inner_rows(("residual", before, after, stride))
    parts = [module_of(row, nn) for row in rows]

    class Residual(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.body = nn.Sequential(parts[0], parts[1], nn.ReLU(), parts[2], parts[3])
            self.shortcut = nn.Sequential(*parts[4:])

        def forward(self, x: Any) -> Any:
            around = self.shortcut(x) if len(parts) > 4 else x
            return nn.functional.relu(self.body(x) + around)

    return Residual()


def _embed(nn: Any, vocabulary: int, tokens: int, width: int) -> Any:
    """Vectors of tokens plus vectors of places."""

    class Embed(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.token = nn.Embedding(vocabulary, width)
            self.place = nn.Embedding(tokens, width)

        def forward(self, x: Any) -> Any:
            return self.token(x) + self.place.weight

    return Embed()


def _transformer(nn: Any, width: int, heads: int) -> Any:
    """Causal attention and two dense layers, each after a norm (Radford et al. 2019)."""
    rows = nets.inner_rows(("transformer", width, heads))
    parts = [module_of(row, nn) for row in rows]

    class Transformer(nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.norm1, self.qkv, self.out, self.norm2, self.up, self.down = parts

        def attention(self, x: Any) -> Any:
            n, t, d = x.shape
            split = self.qkv(x).reshape(n, t, 3, heads, d // heads).permute(2, 0, 3, 1, 4)
            q, k, v = split[0], split[1], split[2]
            y = nn.functional.scaled_dot_product_attention(q, k, v, is_causal=True)
            return self.out(y.transpose(1, 2).reshape(n, t, d))

        def forward(self, x: Any) -> Any:
            x = x + self.attention(self.norm1(x))
            hidden = nn.functional.gelu(self.up(self.norm2(x)), approximate="tanh")
            return x + self.down(hidden)

    return Transformer()


_BLOCKS: dict[str, Callable[..., Any]] = {
    "residual": _residual,
    "embed": _embed,
    "transformer": _transformer,
    "mean": _mean,
}


def _loss(nn: Any, net: Net, model: Any, inputs: Any, classes: Any) -> Any:
    logits = model(inputs)
    if net.is_text:
        logits, classes = logits.reshape(-1, net.classes), classes.reshape(-1)
    return nn.functional.cross_entropy(logits, classes)


def _optimizer(optim: Any, net: Net, parameters: Any, **options: Any) -> Any:
    if net.optimizer == "adam":
        return optim.Adam(parameters, lr=net.rate, **options)
    return optim.SGD(parameters, lr=net.rate, momentum=nets.MOMENTUM, **options)


def tinygrad_cl_step(net: Net, size: int, variant: str) -> Step:
    """A step of tinygrad_cl, define-by-run or (variant "jit") captured and replayed."""
    import tinygrad_cl as tg

    model = build(net, tg.nn)
    with tg.no_grad():
        for p, array in zip(model.parameters(), nets.initial_parameters(net), strict=True):
            p.copy_(tg.tensor(array))
    optimizer = _optimizer(tg.optim, net, model.parameters())
    inputs, classes = (tg.tensor(array) for array in nets.batch(net, size))

    def step(inputs: Any, classes: Any) -> Any:
        optimizer.zero_grad()
        loss = _loss(tg.nn, net, model, inputs, classes)
        loss.backward()
        optimizer.step()
        return loss.detach()

    wait = tg.get_default_device().synchronize
    if variant == "jit":
        captured = tg.jit(step)
        return Step(lambda: captured(inputs, classes), wait, _item, lambda: _uncaptured(captured))
    return Step(lambda: step(inputs, classes), wait, _item)


def _item(loss: Any) -> float:
    return float(loss.item())


def _uncaptured(captured: Any) -> str:
    """Why a step that should be replayed is not."""
    return "" if captured.plans else str(captured).splitlines()[-1].strip()


def torch_step(net: Net, size: int, variant: str) -> Step:
    """A step of PyTorch: as it comes (""), with its "best" settings, or with those "compile"d."""
    import torch

    best = variant in ("best", "compile")
    device = torch_device()
    model = build(net, torch.nn).to(device)
    with torch.no_grad():
        for p, array in zip(model.parameters(), nets.initial_parameters(net), strict=True):
            p.copy_(torch.from_numpy(array))
    inputs, classes = (torch.from_numpy(array).to(device) for array in nets.batch(net, size))
    if best and len(net.shape) == 3:
        model = model.to(memory_format=torch.channels_last)
        inputs = inputs.to(memory_format=torch.channels_last)
    options = {"fused": True} if best else {}
    optimizer = _optimizer(torch.optim, net, model.parameters(), **options)
    if variant == "compile":
        model = torch.compile(model)

    def step() -> Any:
        optimizer.zero_grad()
        loss = _loss(torch.nn, net, model, inputs, classes)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return Step(step, torch_wait(), _item)


def torch_device() -> Any:
    """Where PyTorch computes: the processor, or what `--torch-device` says."""
    import torch

    torch.set_num_threads(int(os.environ.get("BENCH_THREADS", os.cpu_count() or 1)))
    allowed = os.environ.get("BENCH_TF32", "0") == "1"
    torch.backends.cuda.matmul.allow_tf32 = torch.backends.cudnn.allow_tf32 = allowed
    return torch.device(os.environ.get("BENCH_TORCH_DEVICE", "cpu"))


def torch_wait() -> Callable[[], Any]:
    """What waits for PyTorch's work: nothing on a processor."""
    import torch

    return torch.cuda.synchronize if torch_device().type == "cuda" else lambda: None


def as_arrays(model: Any) -> list[np.ndarray]:
    """The parameters of either library's module, for comparisons."""
    return [np.array(p.detach().numpy()) for p in model.parameters()]
