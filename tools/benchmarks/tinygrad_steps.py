"""Training steps in tinygrad: a captured step (TinyJit), searched if BEAM is set."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from benchmarks import nets
from benchmarks.nets import Net, Row
from benchmarks.timing import Step


def step(net: Net, size: int, variant: str) -> Step:
    """A step of any net."""
    from tinygrad import Device, Tensor, TinyJit
    from tinygrad.nn import optim

    parameters = [Tensor(array).realize() for array in nets.initial_parameters(net)]
    images, labels = nets.batch(net, size)
    inputs = Tensor(images.astype(np.int32) if net.is_text else images).realize()
    classes = Tensor(labels.astype(np.int32)).realize()
    if net.optimizer == "adam":
        optimizer = optim.Adam(parameters, lr=net.rate)
    else:
        optimizer = optim.SGD(parameters, lr=net.rate, momentum=nets.MOMENTUM)
    norms = _norms(net)

    @TinyJit
    def captured() -> Any:
        optimizer.zero_grad()
        trace = _Trace(parameters, norms)
        logits = inputs
        for row in net.rows:
            logits = trace.apply(row, logits)
        logits = logits.reshape(-1, net.classes)
        loss = logits.sparse_categorical_crossentropy(classes.reshape(-1))
        loss.backward()
        return loss.realize(*optimizer.schedule_step())

    training = _training()

    def run() -> Any:
        with training():
            return captured()

    return Step(run, Device[Device.DEFAULT].synchronize, lambda loss: float(loss.item()))


def _training() -> Any:
    """The context in which tinygrad trains, which its versions spell differently."""
    try:
        from tinygrad.helpers import TRAINING, Context

        assert TRAINING is not None
        return lambda: Context(TRAINING=1)
    except ImportError:
        from tinygrad import Tensor

        return Tensor.train


def _norms(net: Net) -> list[Any]:
    """The batch norms in order; their own weights are replaced by the net's."""
    from tinygrad import nn

    rows = [inner for row in net.rows for inner in (nets.inner_rows(row) or [row])]
    return [nn.BatchNorm2d(row[1]) for row in rows if row[0] == "batchnorm"]


class _Trace:
    """Reads the rows of a net, taking parameters and norms in order."""

    def __init__(self, parameters: list[Any], norms: list[Any]) -> None:
        self.parameters: Iterator[Any] = iter(parameters)
        self.norms = iter(norms)

    def apply(self, row: Row, x: Any) -> Any:
        """The output of a layer."""
        return getattr(self, "_" + row[0])(x, *row[1:])

    def _conv(self, x: Any, before: int, after: int, kernel: int, stride: int, pad: int) -> Any:
        weight, bias = next(self.parameters), next(self.parameters)
        return x.conv2d(weight, bias, stride=stride, padding=pad)

    def _conv_nobias(self, x: Any, before: int, after: int, kernel: int, *rest: int) -> Any:
        return x.conv2d(next(self.parameters), stride=rest[0], padding=rest[1])

    def _linear(self, x: Any, *sizes: int) -> Any:
        weight, bias = next(self.parameters), next(self.parameters)
        return x.linear(weight.transpose(), bias)

    def _relu(self, x: Any) -> Any:
        return x.relu()

    def _maxpool(self, x: Any, kernel: int, stride: int) -> Any:
        return x.max_pool2d((kernel, kernel), stride)

    def _mean(self, x: Any) -> Any:
        return x.mean((2, 3))

    def _flatten(self, x: Any) -> Any:
        return x.flatten(1)

    def _dropout(self, x: Any, p: float) -> Any:
        return x.dropout(p)

    def _batchnorm(self, x: Any, width: int) -> Any:
        norm = next(self.norms)
        norm.weight, norm.bias = next(self.parameters), next(self.parameters)
        return norm(x)

    def _layernorm(self, x: Any, width: int) -> Any:
        return x.layernorm(eps=nets.EPS) * next(self.parameters) + next(self.parameters)

    def _embed(self, x: Any, vocabulary: int, tokens: int, width: int) -> Any:
        weight, place = next(self.parameters), next(self.parameters)
        return weight[x] + place

    def _residual(self, x: Any, *sizes: int) -> Any:
        rows = nets.inner_rows(("residual", *sizes))
        y = self.apply(rows[1], self.apply(rows[0], x)).relu()
        y = self.apply(rows[3], self.apply(rows[2], y))
        around = self.apply(rows[5], self.apply(rows[4], x)) if len(rows) > 4 else x
        return (y + around).relu()

    def _transformer(self, x: Any, width: int, heads: int) -> Any:
        n, t, d = x.shape
        qkv = self._linear(self._layernorm(x, d)).reshape(n, t, 3, heads, d // heads)
        q, k, v = (qkv[:, :, i].transpose(1, 2) for i in range(3))
        y = q.scaled_dot_product_attention(k, v, is_causal=True)
        x = x + self._linear(y.transpose(1, 2).reshape(n, t, d))
        hidden = self._linear(self._layernorm(x, d)).gelu()
        return x + self._linear(hidden)
