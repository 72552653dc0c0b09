"""The table of a net's layers: names, shapes, parameters, multiply-adds, memory."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.dtypes import DType
from tinygrad_cl.nn import Module
from tinygrad_cl.train.modes import evaluating
from tinygrad_cl.train.watching import Seen, Shape, Sizes, example_inputs, watch

_HEAD = ("layer", "kind", "input shape", "output shape", "parameters", "mult-adds", "memory")


@dataclass(frozen=True, slots=True)
class LayerRow:
    """One layer: a module without children, or one that has parameters or products of its own.

    Attributes:
        name: its dotted name in the net.
        kind: the name of its class.
        depth: how many modules it stands in, without the net itself.
        input_shape: of its first input, without the batch dim; None if it was not called. Of
            several inputs, a tuple of shapes.
        output_shape: likewise.
        parameters: the number of its parameters; those of shared ones count where they come first.
        trainable: how many of them require grad.
        mult_adds: multiply-adds of its matrix products, convolutions and attention, for one sample
            (or as many as were asked for), over all its calls.
        memory: bytes of its parameters, buffers and outputs.
    """

    name: str
    kind: str
    depth: int
    input_shape: Shape | tuple[Shape, ...] | None
    output_shape: Shape | tuple[Shape, ...] | None
    parameters: int
    trainable: int
    mult_adds: int
    memory: int


@dataclass(frozen=True, slots=True)
class LayerTable:
    """The layers of a net; `print` shows them as a table.

    Attributes:
        rows: one per layer, in the order in which they are called.
        parameters: of the whole net.
        trainable: how many of them require grad.
        mult_adds: of the whole net.
        parameter_bytes: memory of all parameters and buffers.
        output_bytes: memory of all layers' outputs: what training keeps for the backward pass.
        input_bytes: memory of the inputs.
    """

    rows: tuple[LayerRow, ...]
    parameters: int
    trainable: int
    mult_adds: int
    parameter_bytes: int
    output_bytes: int
    input_bytes: int

    @property
    def memory(self) -> int:
        """All bytes together."""
        return self.parameter_bytes + self.output_bytes + self.input_bytes

    def __str__(self) -> str:
        body = [
            (
                row.name,
                row.kind,
                _shape_text(row.input_shape),
                _shape_text(row.output_shape),
                f"{row.parameters:,}",
                f"{row.mult_adds:,}",
                _bytes_text(row.memory),
            )
            for row in self.rows
        ]
        widths = [max(len(line[i]) for line in [_HEAD, *body]) for i in range(len(_HEAD))]
        rule = _line(tuple("-" * width for width in widths), widths)
        lines = [_line(_HEAD, widths), rule, *(_line(line, widths) for line in body), rule]
        fixed = self.parameters - self.trainable
        frozen = f", {fixed:,} frozen" if fixed else ""
        lines.append(f"{self.parameters:,} parameters{frozen}; {self.mult_adds:,} multiply-adds")
        lines.append(
            f"{_bytes_text(self.memory)}: parameters {_bytes_text(self.parameter_bytes)}, "
            f"outputs {_bytes_text(self.output_bytes)}, inputs {_bytes_text(self.input_bytes)}"
        )
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<LayerTable: {len(self.rows)} layers, {self.parameters:,} parameters>"


def summary(
    net: Module,
    input_size: Sizes | None = None,
    dtype: DType | Sequence[DType] | None = None,
    *,
    batch_size: int = 1,
    batch_dim: int | None = 0,
    input_data: Any = None,
    verbose: bool = True,
) -> LayerTable:
    """Prints and returns the table of a net's layers.

    The net is called in evaluation mode with zeros to learn the shapes; as tensors are lazy,
    nothing is computed.

    Args:
        net: the net.
        input_size: the shape of one sample, without the batch dim; several for several inputs. None
            leaves out what a call would tell.
        dtype: of the input, or of each of several; by default that of the parameters. Integers for
            nets that begin with an embedding.
        batch_size: samples for which multiply-adds and memory are counted.
        batch_dim: where the batch dim stands in inputs and outputs; None if `input_size` are whole
            shapes, batch and all.
        input_data: inputs, a tensor or a tuple of them, instead of `input_size`.
        verbose: whether to print.

    Raises:
        ArgumentError: for sizes that are no shapes, or as many dtypes as there are no inputs.

    Example:
        >>> from tinygrad_cl import nn
        >>> net = nn.Sequential(nn.Flatten(), nn.Linear(12, 4), nn.ReLU())
        >>> table = summary(net, (3, 4))
        layer  kind     input shape  output shape  parameters  mult-adds  memory
        -----  -------  -----------  ------------  ----------  ---------  ------
        0      Flatten  (3, 4)       (12,)                  0          0    48 B
        1      Linear   (12,)        (4,)                  52         48   224 B
        2      ReLU     (4,)         (4,)                   0          0    16 B
        -----  -------  -----------  ------------  ----------  ---------  ------
        52 parameters; 48 multiply-adds
        336 B: parameters 208 B, outputs 80 B, inputs 48 B
        >>> table.rows[1].mult_adds
        48
    """
    inputs = example_inputs(net, input_size, dtype, batch_size, batch_dim, input_data)
    seen: dict[int, Seen] = {}
    if inputs is not None:
        with no_grad(), evaluating(net):
            seen = watch(net, inputs, batch_dim)
    table = _table(net, seen, inputs or ())
    if verbose:
        sys.stdout.write(f"{table}\n")
    return table


def _table(net: Module, seen: dict[int, Seen], inputs: tuple[Any, ...]) -> LayerTable:
    modules = {id(module): (name, module) for name, module in net.named_modules()}
    order = [*seen, *(key for key in modules if key not in seen)]
    counted: set[int] = set()
    rows = []
    for key in order:
        if key not in modules:  # made and called within forward; its work belongs to the table
            continue
        name, module = modules[key]
        found = seen.get(key, Seen())
        leaf = not any(True for _ in module.children())
        own = leaf or any(True for _ in module.parameters(recurse=False))
        if own or found.mult_adds:
            rows.append(_row(name, module, found, leaf, counted))
    return LayerTable(
        rows=tuple(rows),
        parameters=sum(p.numel() for p in net.parameters()),
        trainable=sum(p.numel() for p in net.parameters() if p.requires_grad),
        mult_adds=sum(found.mult_adds for found in seen.values()),
        parameter_bytes=sum(map(_bytes, [*net.parameters(), *net.buffers()])),
        output_bytes=sum(found.bytes for key, found in seen.items() if _is_leaf(modules, key)),
        input_bytes=sum(map(_bytes, inputs)),
    )


def _row(name: str, module: Module, found: Seen, leaf: bool, counted: set[int]) -> LayerRow:
    """The row of a module; parameters that were counted before do not count again."""
    new = [p for p in module.parameters(recurse=False) if id(p) not in counted]
    buffers = [b for b in module.buffers(recurse=False) if id(b) not in counted]
    counted.update(id(tensor) for tensor in [*new, *buffers])
    outputs = found.bytes if leaf else 0  # a container's outputs are those of its last layer
    return LayerRow(
        name=name or "net",
        kind=type(module).__name__,
        depth=name.count("."),
        input_shape=found.input_shape,
        output_shape=found.output_shape,
        parameters=sum(p.numel() for p in new),
        trainable=sum(p.numel() for p in new if p.requires_grad),
        mult_adds=found.mult_adds,
        memory=sum(map(_bytes, [*new, *buffers])) + outputs,
    )


def _is_leaf(modules: dict[int, tuple[str, Module]], key: int) -> bool:
    return key in modules and not any(True for _ in modules[key][1].children())


def _bytes(tensor: Any) -> int:
    return int(tensor.numel()) * int(tensor.dtype.itemsize)


def _shape_text(shape: Any) -> str:
    if shape is None:
        return "?"
    return ", ".join(map(str, shape)) if shape and isinstance(shape[0], tuple) else str(shape)


def _bytes_text(count: int) -> str:
    size, units = float(count), ["B", "KiB", "MiB", "GiB", "TiB"]
    while size >= 1024 and len(units) > 1:
        size, units = size / 1024, units[1:]
    return f"{count} B" if units[0] == "B" else f"{size:.1f} {units[0]}"


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    words, numbers = 4, len(widths) - 4
    padded = [cell.ljust(width) for cell, width in zip(cells[:words], widths, strict=False)]
    padded += [
        cell.rjust(width) for cell, width in zip(cells[-numbers:], widths[-numbers:], strict=True)
    ]
    return "  ".join(padded).rstrip()
