"""The table of a net's layers: names, output shapes, parameters."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.dtypes import DType, float32
from tinygrad_cl.functional.creation import zeros
from tinygrad_cl.nn import Module
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.modes import evaluating


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer: a module without children.

    Attributes:
        name: its dotted name in the net.
        kind: the name of its class.
        output_shape: of one sample, without the batch dim; None if the layer was not called.
        parameters: the number of its parameters; those of shared ones count where they come first.
        trainable: how many of them require grad.
    """

    name: str
    kind: str
    output_shape: tuple[int, ...] | None
    parameters: int
    trainable: int


@dataclass(frozen=True, slots=True)
class LayerTable:
    """The layers of a net, printed as a table.

    Attributes:
        rows: one per layer, in the order in which they are called.
        parameters: of the whole net.
        trainable: how many of them require grad.
    """

    rows: tuple[LayerRow, ...]
    parameters: int
    trainable: int

    def __str__(self) -> str:
        head = ("layer", "kind", "output shape", "parameters")
        body = [
            (row.name, row.kind, _shape_text(row.output_shape), f"{row.parameters:,}")
            for row in self.rows
        ]
        widths = [max(len(line[i]) for line in [head, *body]) for i in range(4)]
        lines = [_line(line, widths) for line in [head, tuple("-" * w for w in widths), *body]]
        lines.append(_line(tuple("-" * w for w in widths), widths))
        fixed = self.parameters - self.trainable
        lines.append(f"{self.parameters:,} parameters" + (f", {fixed:,} frozen" if fixed else ""))
        return "\n".join(lines)

    __repr__ = __str__


def summary(
    net: Module, input_size: Sequence[int] | None = None, dtype: DType = float32
) -> LayerTable:
    """Returns the table of a net's layers.

    The net is called with zeros to learn the shapes; as tensors are lazy, nothing is computed.

    Args:
        net: the net.
        input_size: the shape of one sample, without the batch dim; None leaves shapes out.
        dtype: of the input; integers for nets that begin with an embedding.

    Example:
        >>> from tinygrad_cl import nn
        >>> summary(nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.ReLU()), (3, 4))
        layer  kind     output shape  parameters
        -----  -------  ------------  ----------
        0      Flatten  (12,)                  0
        1      Linear   (4,)                  52
        2      ReLU     (4,)                   0
        -----  -------  ------------  ----------
        52 parameters
    """
    layers = {
        id(module): (name, module)
        for name, module in net.named_modules()
        if not any(True for _ in module.children())
    }
    shapes = {} if input_size is None else _shapes(net, layers, tuple(input_size), dtype)
    order = [*shapes, *(key for key in layers if key not in shapes)]
    seen: set[int] = set()
    rows = []
    for key in order:
        name, module = layers[key]
        counts = _counted(module, seen)
        rows.append(LayerRow(name or "net", type(module).__name__, shapes.get(key), *counts))
    return LayerTable(tuple(rows), *_counted(net, set()))


def _shapes(
    net: Module, layers: dict[int, tuple[str, Module]], size: tuple[int, ...], dtype: DType
) -> dict[int, tuple[int, ...] | None]:
    """The output shapes of layers, by id, in the order of their first calls."""
    found: dict[int, tuple[int, ...] | None] = {}

    def note(module: Module, args: Any, output: Any) -> None:
        shape = output.shape[1:] if isinstance(output, Tensor) else None
        found.setdefault(id(module), shape)

    handles = [module.register_forward_hook(note) for _, module in layers.values()]
    first = next(iter(net.parameters()), None)
    try:
        with no_grad(), evaluating(net):
            net(zeros(1, *size, dtype=dtype, device=None if first is None else first.device))
    finally:
        for handle in handles:
            handle.remove()
    return found


def _counted(module: Module, seen: set[int]) -> tuple[int, int]:
    """The parameters of a module that were not seen before, and how many of them require grad."""
    new = [p for p in module.parameters() if id(p) not in seen]
    seen.update(id(p) for p in new)
    return sum(p.numel() for p in new), sum(p.numel() for p in new if p.requires_grad)


def _shape_text(shape: tuple[int, ...] | None) -> str:
    return "?" if shape is None else str(shape)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    padded = [cell.ljust(width) for cell, width in zip(cells[:-1], widths[:-1], strict=True)]
    return "  ".join([*padded, cells[-1].rjust(widths[-1])])
