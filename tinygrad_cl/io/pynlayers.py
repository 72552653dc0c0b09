"""The layers of `.pyn` files as modules, and modules as such layers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.functional.creation import from_numpy
from tinygrad_cl.functional.random import default_generator
from tinygrad_cl.nn import (
    Conv2d,
    Flatten,
    Identity,
    Linear,
    Module,
    Parameter,
    ReLU,
    Sequential,
    Sigmoid,
    Unflatten,
)
from tinygrad_cl.tensor import Tensor

DENSE, CONV = 1, 2
LINEAR, RELU, SIGMOID = 0, 1, 2

Fields = dict[Any, Any]


class PlaneBias(Module):
    """Adds a bias of its own to every position of the planes."""

    def __init__(self, bias: Tensor) -> None:
        super().__init__()
        self.bias = Parameter(bias)

    def forward(self, x: Tensor) -> Tensor:
        """Returns `x + bias`."""
        return x + self.bias


# ---------------------------------------------------------------------------------------- reading


def to_net(layers: list[tuple[int, Fields]], where: str) -> Sequential:
    """Returns the net of a file's layers.

    Raises:
        DataError: for layers of an unknown code, or whose arrays do not fit their sizes.
    """
    random = default_generator.get_state()  # initial values are drawn, and replaced
    try:
        return _made(layers, where)
    finally:
        default_generator.set_state(random)


def _made(layers: list[tuple[int, Fields]], where: str) -> Sequential:
    makers = {DENSE: _dense, CONV: _conv}
    modules: list[Module] = []
    size: int | None = None
    for i, (code, fields) in enumerate(layers):
        here = f"{where}: layer {i}"
        if code not in makers:
            raise DataError(f"{here} has the unknown code {code}")
        made, takes, gives = makers[code](fields, here)
        if size is not None and size != takes:
            raise DataError(f"{here} takes {takes} values, the layer before gives {size}")
        modules, size = modules + made, gives
    return Sequential(*modules)


def _dense(fields: Fields, here: str) -> tuple[list[Module], int, int]:
    takes, gives = _count(fields, "input_size", here), _count(fields, "output_size", here)
    weight = _floats(fields, ("weights",), here, takes * gives).reshape(gives, takes)
    bias = _floats(fields, ("biases", "bias"), here, gives)
    layer = _filled(Linear(takes, gives), weight, bias)
    return [layer, *_activation(fields)], takes, gives


def _conv(fields: Fields, here: str) -> tuple[list[Module], int, int]:
    width, height, channels = _sizes(fields, "input_shape", here, 3)
    kernel = _sizes(fields, "kernel_shape", here, 2)[::-1]
    stride = _stride(fields, here)
    if kernel[0] > height or kernel[1] > width:
        raise DataError(f"{here}: the kernel is larger than the input")
    filters = fields.get("filter", 1)
    if type(filters) is not int or filters < 1:
        raise DataError(f"{here} has {str(filters)[:80]} filters")
    rows = [(n - k) // s + 1 for n, k, s in zip((height, width), kernel, stride, strict=True)]
    shape = (filters, channels, *kernel)
    weight = _floats(fields, ("weights",), here, math.prod(shape)).reshape(shape)
    places = filters * math.prod(rows)
    bias = _floats(fields, ("bias", "biases"), here, 1, filters, places)
    shared = bias.size in (1, filters)
    given = np.broadcast_to(bias, (filters,)) if shared else None
    layer = _filled(Conv2d(channels, filters, kernel, stride, bias=shared), weight, given)
    modules: list[Module] = [Unflatten(1, (channels, height, width)), layer]
    if not shared:
        modules.append(PlaneBias(from_numpy(bias.reshape(filters, *rows))))
    return (
        [*modules, *_activation(fields), Flatten()],
        channels * height * width,
        places,
    )


def _filled(layer: Any, weight: np.ndarray, bias: np.ndarray | None) -> Any:
    layer.weight = Parameter(from_numpy(np.array(weight)))
    if bias is not None:
        layer.bias = Parameter(from_numpy(np.array(bias)))
    return layer


def _activation(fields: Fields) -> list[Module]:
    kinds: dict[Any, type[Module]] = {RELU: ReLU, SIGMOID: Sigmoid}
    given = fields.get("activation", LINEAR)
    kind = kinds.get(given) if type(given) is int else None
    return [] if kind is None else [kind()]


def _count(fields: Fields, name: str, here: str) -> int:
    value = fields.get(name)
    if type(value) is not int or not 0 < value < 1 << 40:
        raise DataError(f"{here}: {name} must be a positive integer, got {str(value)[:80]}")
    return value


def _sizes(fields: Fields, name: str, here: str, count: int) -> tuple[int, ...]:
    value = fields.get(name)
    if not isinstance(value, list | tuple) or len(value) != count:
        raise DataError(f"{here}: {name} must be {count} integers, got {str(value)[:80]}")
    return tuple(_count({name: size}, name, here) for size in value)


def _stride(fields: Fields, here: str) -> tuple[int, int]:
    """The vertical and the horizontal stride; pairs in the file are (horizontal, vertical)."""
    value = fields.get("stride", 1)
    if isinstance(value, list | tuple):
        across, down = _sizes(fields, "stride", here, 2)
        return down, across
    size = _count({"stride": value}, "stride", here)
    return size, size


def _floats(fields: Fields, names: tuple[str, ...], here: str, *sizes: int) -> np.ndarray:
    value = next((fields[name] for name in names if name in fields), None)
    if isinstance(value, float):
        value = np.array([value])
    if not isinstance(value, np.ndarray) or value.size not in sizes:
        have = f"{value.size} values" if isinstance(value, np.ndarray) else str(value)[:80]
        needed = " or ".join(map(str, dict.fromkeys(sizes)))
        raise DataError(f"{here}: {names[0]} must be an array of {needed} values, got {have}")
    return value.reshape(-1).astype(np.float32)


# ---------------------------------------------------------------------------------------- writing


def from_net(net: Module, input_size: tuple[int, ...] | None) -> list[tuple[int, Fields]]:
    """Returns the layers of a file that holds a net.

    Raises:
        DataError: for modules that the format does not have.
    """
    layers: list[tuple[int, Fields]] = []
    shape = input_size
    for module in net.children() if isinstance(net, Sequential) else [net]:
        if isinstance(module, Linear):
            layers.append((DENSE, _dense_fields(module)))
            shape = None
        elif isinstance(module, Conv2d):
            layers.append((CONV, _conv_fields(module, shape)))
            shape = _planes_after(module, shape)
        elif isinstance(module, ReLU | Sigmoid) and _open(layers, DENSE, CONV):
            layers[-1][1]["activation"] = RELU if isinstance(module, ReLU) else SIGMOID
        elif isinstance(module, Unflatten):
            shape = tuple(module.unflattened_size)
        elif isinstance(module, PlaneBias) and _open(layers, CONV):
            layers[-1][1]["bias"] = layers[-1][1]["bias"] + _array(module.bias).reshape(-1)
        elif not isinstance(module, Flatten | Identity):
            raise DataError(
                f"write_pyn: the format has no {type(module).__name__} here; it holds Linear, "
                "Conv2d with one filter, and ReLU or Sigmoid after them"
            )
    return layers


def _open(layers: list[tuple[int, Fields]], *codes: int) -> bool:
    """Whether the last layer is of a code and has no activation yet."""
    return bool(layers) and layers[-1][0] in codes and layers[-1][1]["activation"] == LINEAR


def _dense_fields(layer: Linear) -> Fields:
    gives, takes = layer.weight.shape
    bias = np.zeros(gives, np.float32) if layer.bias is None else _array(layer.bias)
    return {
        "input_size": takes,
        "output_size": gives,
        "activation": LINEAR,
        "weights": _array(layer.weight),
        "biases": bias,
    }


def _conv_fields(layer: Conv2d, shape: tuple[int, ...] | None) -> Fields:
    filters, channels, down, across = layer.weight.shape
    plain = layer.groups == 1 and _pair(layer.dilation) == (1, 1)
    if filters != 1 or not plain or layer.padding not in ("valid", 0, (0, 0)):
        raise DataError(f"write_pyn: a Conv2d must have one filter and no padding, got {layer!r}")
    if shape is None or len(shape) != 3 or shape[0] != channels:
        raise DataError(
            f"write_pyn: the size of a Conv2d's input must be known; give input_size=({channels}, "
            f"height, width), or an Unflatten before it (got {shape})"
        )
    stride = _pair(layer.stride)
    bias = np.zeros(1, np.float32) if layer.bias is None else _array(layer.bias)
    return {
        "input_shape": (shape[2], shape[1], channels),
        "kernel_shape": (across, down),
        "stride": stride[0] if stride[0] == stride[1] else stride[::-1],
        "activation": LINEAR,
        "weights": _array(layer.weight)[0],
        "bias": bias,
    }


def _planes_after(layer: Conv2d, shape: tuple[int, ...] | None) -> tuple[int, ...]:
    assert shape is not None
    kernel, stride = layer.weight.shape[2:], _pair(layer.stride)
    rows = [(n - k) // s + 1 for n, k, s in zip(shape[1:], kernel, stride, strict=True)]
    return (1, *rows)


def _pair(value: Any) -> tuple[Any, Any]:
    return (value[0], value[1]) if isinstance(value, list | tuple) else (value, value)


def _array(tensor: Tensor) -> np.ndarray:
    return np.asarray(tensor.detach().numpy(), np.float32)
