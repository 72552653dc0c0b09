"""The nets as lists of rows, with their initial weights and batches: the same for every library.

A row is a kind of layer and its numbers. Each library reads the rows in its own terms; parameters
stand in the order of the rows, and within a row in the order of `parameter_shapes`, which is the
order of PyTorch's `parameters()`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

Row = tuple[Any, ...]
Shapes = list[tuple[int, ...]]

MOMENTUM = 0.9
EPS = 1e-5  # of batch and layer norm


@dataclass(frozen=True, slots=True)
class Net:
    """A net and how it is trained.

    Attributes:
        rows: its layers.
        shape: of one input: (features,), (channels, height, width) or (tokens,).
        classes: number of classes, for a transformer of its vocabulary.
        optimizer: "adam" or "sgd" (with momentum).
        rate: its learning rate; small enough that the losses of the first steps can be compared.
    """

    rows: tuple[Row, ...]
    shape: tuple[int, ...]
    classes: int
    optimizer: str
    rate: float = 1e-3

    @property
    def is_text(self) -> bool:
        """Whether it reads tokens, and predicts one at each place."""
        return self.rows[0][0] == "embed"

    @property
    def is_random(self) -> bool:
        """Whether it drops values at random."""
        return any(row[0] == "dropout" for row in self.rows)

    def without_dropout(self) -> Net:
        """The same net, so that libraries with other random numbers can be compared."""
        rows = tuple(row for row in self.rows if row[0] != "dropout")
        return replace(self, rows=rows)


def conv(before: int, after: int, kernel: int, stride: int = 1, padding: int = 0) -> Row:
    """A convolution with bias."""
    return "conv", before, after, kernel, stride, padding


def _vgg() -> Iterator[Row]:
    for before, after in ((3, 32), (32, 64), (64, 128)):
        for channels in (before, after):
            yield conv(channels, after, 3, 1, 1)
            yield "batchnorm", after
            yield ("relu",)
        yield "maxpool", 2, 2
        yield "dropout", 0.2
    yield from (("flatten",), ("linear", 128 * 16, 128), ("relu",), ("linear", 128, 10))


def _resnet18() -> Iterator[Row]:
    yield from (("conv_nobias", 3, 64, 3, 1, 1), ("batchnorm", 64), ("relu",))
    for before, after, stride in ((64, 64, 1), (64, 128, 2), (128, 256, 2), (256, 512, 2)):
        yield "residual", before, after, stride
        yield "residual", after, after, 1
    yield from (("mean",), ("linear", 512, 10))


_LENET = (
    *(conv(1, 6, 5, 1, 2), ("relu",), ("maxpool", 2, 2)),
    *(conv(6, 16, 5), ("relu",), ("maxpool", 2, 2), ("flatten",)),
    *(("linear", 400, 120), ("relu",), ("linear", 120, 84), ("relu",), ("linear", 84, 10)),
)
_ALEXNET = (
    *(conv(3, 64, 11, 4, 2), ("relu",), ("maxpool", 3, 2)),
    *(conv(64, 192, 5, 1, 2), ("relu",), ("maxpool", 3, 2)),
    *(conv(192, 384, 3, 1, 1), ("relu",), conv(384, 256, 3, 1, 1), ("relu",)),
    *(conv(256, 256, 3, 1, 1), ("relu",), ("maxpool", 3, 2), ("flatten",)),
    *(("dropout", 0.5), ("linear", 256 * 9, 4096), ("relu",)),
    *(("dropout", 0.5), ("linear", 4096, 4096), ("relu",), ("linear", 4096, 10)),
)
_MLP = (("linear", 784, 200), ("relu",), ("linear", 200, 10))
_GPT = (
    ("embed", 65, 64, 128),
    *(("transformer", 128, 4), ("transformer", 128, 4)),
    *(("layernorm", 128), ("linear", 128, 65)),
)

NETS: dict[str, Net] = {
    "mlp": Net(_MLP, (784,), 10, "adam"),
    "lenet5": Net(_LENET, (1, 28, 28), 10, "sgd"),
    "vgg": Net(tuple(_vgg()), (3, 32, 32), 10, "sgd"),
    "alexnet": Net(_ALEXNET, (3, 127, 127), 10, "sgd", 1e-4),
    "resnet18": Net(tuple(_resnet18()), (3, 32, 32), 10, "sgd"),
    "gpt": Net(_GPT, (64,), 65, "adam"),
}


def parameter_shapes(row: Row) -> Shapes:
    """The shapes of a row's parameters: weights (out, in, ...) and then biases, as in PyTorch."""
    kind, *sizes = row
    if kind in ("conv", "conv_nobias"):
        before, after, kernel = sizes[:3]
        weight = (after, before, kernel, kernel)
        return [weight, (after,)] if kind == "conv" else [weight]
    if kind == "linear":
        return [(sizes[1], sizes[0]), (sizes[1],)]
    if kind in ("batchnorm", "layernorm"):
        return [(sizes[0],), (sizes[0],)]
    if kind == "embed":
        vocabulary, tokens, width = sizes
        return [(vocabulary, width), (tokens, width)]
    return [shape for inner in inner_rows(row) for shape in parameter_shapes(inner)]


def inner_rows(row: Row) -> list[Row]:
    """The rows with parameters of which a residual or a transformer block is made, in order."""
    kind, *sizes = row
    if kind == "residual":
        before, after, stride = sizes
        rows: list[Row] = [("conv_nobias", before, after, 3, stride, 1), ("batchnorm", after)]
        rows += [("conv_nobias", after, after, 3, 1, 1), ("batchnorm", after)]
        if stride != 1 or before != after:
            rows += [("conv_nobias", before, after, 1, stride, 0), ("batchnorm", after)]
        return rows
    if kind == "transformer":
        width = sizes[0]
        attention = [("linear", width, 3 * width), ("linear", width, width)]
        dense = [("linear", width, 4 * width), ("linear", 4 * width, width)]
        return [("layernorm", width), *attention, ("layernorm", width), *dense]
    return []


def initial_parameters(net: Net) -> list[np.ndarray]:
    """The weights that every library starts from.

    Weights of layers are normal with variance 2 / inputs (He et al. 2015), those of norms are one,
    tables of embeddings and the last layer are small, biases are zero.
    """
    rng = np.random.default_rng(1)
    arrays = [array for row in net.rows for array in _initial(row, rng)]
    arrays[-2] *= np.float32(0.1)
    return arrays


def _initial(row: Row, rng: np.random.Generator) -> Iterator[np.ndarray]:
    inner = inner_rows(row)
    if inner:
        for one in inner:
            yield from _initial(one, rng)
        return
    for at, shape in enumerate(parameter_shapes(row)):
        if row[0] == "embed":
            yield rng.standard_normal(shape, np.float32) * np.float32(0.02)
        elif len(shape) > 1:
            scale = np.sqrt(2 / np.prod(shape[1:]))
            yield rng.standard_normal(shape, np.float32) * np.float32(scale)
        else:
            yield np.full(shape, float(at == 0 and "norm" in row[0]), np.float32)


def batch(net: Net, size: int) -> tuple[np.ndarray, np.ndarray]:
    """One batch that all libraries get: inputs (float32 or int64) and classes (int64)."""
    rng = np.random.default_rng(0)
    if net.is_text:
        tokens = rng.integers(0, net.classes, (size, net.shape[0] + 1))
        return np.ascontiguousarray(tokens[:, :-1]), np.ascontiguousarray(tokens[:, 1:])
    images = rng.standard_normal((size, *net.shape), np.float32)
    return images, rng.integers(0, net.classes, size)
