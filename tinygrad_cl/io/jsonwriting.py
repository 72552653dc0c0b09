"""Modules as the layers of a JSON model: images and kernels turn from NCHW to NHWC.

See jsonlayers.py for the layers and the way there.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from tinygrad_cl import nn
from tinygrad_cl.errors import DataError
from tinygrad_cl.io.jsonlayers import ACTIVATIONS, Arrays, ChannelsLast, SamePad2d
from tinygrad_cl.tensor import Tensor

_NAMES = {type(make()): name for name, make in reversed(ACTIVATIONS.items())}
_NAMES[nn.SiLU] = "silu"
_NAMES[nn.Softmax] = "softmax"


def from_net(
    net: nn.Module, input_shape: tuple[int, ...] | None = None
) -> tuple[list[dict[str, Any]], Arrays]:
    """Returns the layers of a net, and their arrays by name.

    Args:
        net: a `Sequential`, which may hold others.
        input_shape: (channels, height, width) of the input, if it is an image.

    Raises:
        DataError: for modules or settings that the format does not have.
    """
    writer = Writer(input_shape)
    for module in _in_a_row(net):
        writer.add(module)
    return writer.finish()


def _in_a_row(net: nn.Module) -> Iterator[nn.Module]:
    if isinstance(net, nn.Sequential):
        for module in net:
            yield from _in_a_row(module)
    else:
        yield net


class Writer:
    """Makes layers of modules, one after the other; see `from_net`."""

    def __init__(self, input_shape: tuple[int, ...] | None) -> None:
        if input_shape is not None and len(input_shape) != 3:
            raise DataError(
                f"write: input_shape must be (channels, height, width), got {input_shape}"
            )
        self.shape: tuple[int, ...] | None = (
            input_shape  # of the planes between the last two modules, if known
        )
        self.channels = None if input_shape is None else input_shape[0]
        self.images = False  # whether there was a layer of images
        self.flat = False
        self.reorder: int | None = None  # channels of a Flatten that no Linear has followed yet
        self.before_flatten: tuple[int, ...] | None = None
        self.pad: SamePad2d | None = None
        self.channels_last = False
        self.layers: list[dict[str, Any]] = []
        self.arrays: Arrays = {}

    def add(self, module: nn.Module) -> None:
        """Adds the layer of a module."""
        if isinstance(module, nn.Identity):
            return
        handler = _HANDLERS.get(type(module))
        if (self.pad and not isinstance(module, nn.Conv2d)) or (
            self.channels_last and not isinstance(module, nn.Flatten)
        ):
            handler = None
        if handler is not None:
            handler(self, module)
        elif type(module) in _NAMES and not self.channels_last and not self.pad:
            self._activation(module)
        else:
            raise self._error(module, "the format has no such layer here")

    def finish(self) -> tuple[list[dict[str, Any]], Arrays]:
        """Returns the layers and arrays."""
        if (self.reorder or 1) > 1 or self.pad or self.channels_last:
            raise DataError(
                "write: the net ends with flattened images, which the format has in another order; "
                "a Linear after them is needed"
            )
        return self.layers, self.arrays

    def _error(self, module: nn.Module, reason: str) -> DataError:
        return DataError(
            f"write: a JSON model cannot hold {type(module).__name__}({module.extra_repr()}): "
            f"{reason}. It has Linear, Conv2d, BatchNorm2d, MaxPool2d, Flatten, Dropout and "
            f"the activations {', '.join(ACTIVATIONS)}"
        )

    def _put(self, kind: str, config: dict[str, Any], **arrays: Tensor | np.ndarray | None) -> None:
        for name, value in arrays.items():
            if value is not None:
                array = value.detach().numpy() if isinstance(value, Tensor) else value
                full = f"{len(self.layers)}_{kind}_{name}"
                self.arrays[full] = np.ascontiguousarray(array, np.float32)
        self.layers.append({"class": kind, "config": config})

    # ------------------------------------------------------------------------------------- modules

    def _linear(self, module: nn.Linear) -> None:
        if self.images and not self.flat:
            raise self._error(module, "a Flatten is needed before it")
        weight = module.weight.detach().numpy().T
        channels = self.reorder or 1
        if len(weight) % channels:
            raise self._error(module, f"its inputs are not from {channels} channels")
        rows = weight.reshape(channels, -1, weight.shape[1]).transpose(1, 0, 2)
        config = {"units": weight.shape[1], "use_bias": module.bias is not None}
        self._put("Dense", config, W=rows.reshape(weight.shape), b=module.bias)
        self.flat, self.reorder, self.before_flatten = True, None, None

    def _conv(self, module: nn.Conv2d) -> None:
        if module.groups != 1 or module.dilation != (1, 1) or module.padding_mode != "zeros":
            raise self._error(module, "groups, dilation and padding modes cannot be told")
        self._need_planes(module)
        padding = self._padding_of(module)
        config = {
            "filters": module.out_channels,
            "kernel_size": list(module.kernel_size),
            "stride": list(module.stride),
            "padding": padding,
            "use_bias": module.bias is not None,
        }
        weight = module.weight.detach().numpy().transpose(2, 3, 1, 0)
        self._put("Conv2D", config, W=weight, b=module.bias)
        self.channels, self.pad = module.out_channels, None
        if self.shape is not None:
            sides = zip(self.shape[1:], module.kernel_size, module.stride, strict=True)
            same = padding == "same"
            rows = (-(-n // s) if same else (n - k) // s + 1 for n, k, s in sides)
            self.shape = (module.out_channels, *rows)

    def _padding_of(self, module: nn.Conv2d) -> str:
        """How the format says a convolution's padding."""
        kernel, stride, padding = module.kernel_size, module.stride, module.padding
        if self.pad is not None:
            fits = (tuple(self.pad.kernel_size), tuple(self.pad.stride)) == (kernel, stride)
            if fits and padding in ((0, 0), "valid"):
                return "same"
        elif padding in ((0, 0), "valid"):
            return "valid"
        elif padding == "same" or (
            stride == (1, 1)
            and all(k % 2 == 1 for k in kernel)
            and padding == tuple(k // 2 for k in kernel)
        ):
            return "same"
        raise self._error(module, 'padding must be none or that of padding="same"')

    def _batch_norm(self, module: nn.BatchNorm2d) -> None:
        self._need_planes(module)
        if module.running_mean is None or module.momentum is None:
            raise self._error(module, "running statistics with a momentum are needed")
        config = {"momentum": round(1 - module.momentum, 12), "eps": module.eps}
        ones, zeros = np.ones(module.num_features), np.zeros(module.num_features)
        self._put(
            "BatchNorm2D",
            config,
            gamma=ones if module.weight is None else module.weight,
            beta=zeros if module.bias is None else module.bias,
            running_mean=module.running_mean,
            running_var=module.running_var,
        )
        self.channels = module.num_features

    def _max_pool(self, module: nn.MaxPool2d) -> None:
        self._need_planes(module)
        size, stride = _pair(module.kernel_size), _pair(module.stride)
        others = (_pair(module.padding), _pair(module.dilation))
        if others != ((0, 0), (1, 1)) or module.ceil_mode or module.return_indices:
            raise self._error(module, "padding, dilation, ceil_mode and indices cannot be told")
        self._put("MaxPool2D", {"pool_size": list(size), "stride": list(stride)})
        if self.shape is not None:
            sides = zip(self.shape[1:], size, stride, strict=True)
            self.shape = (self.shape[0], *((n - k) // s + 1 for n, k, s in sides))

    def _dropout(self, module: nn.Dropout) -> None:
        self._put("Dropout", {"rate": module.p})

    def _activation(self, module: nn.Module) -> None:
        if isinstance(module, nn.Softmax) and module.dim not in (1, -1 if self.flat else 1):
            raise self._error(module, "it must be over dim 1")
        if isinstance(module, nn.Softplus) and getattr(module, "beta", 1) != 1:
            raise self._error(module, "beta must be 1")
        self._put("Activation", {"func": _NAMES[type(module)]})

    def _flatten(self, module: nn.Flatten) -> None:
        if (module.start_dim, module.end_dim) != (1, -1):
            raise self._error(module, "all dims but the first must be joined")
        if not self.flat:
            self.before_flatten = self.shape
            self.reorder = None if self.channels_last else self.channels
        self.flat, self.channels_last = True, False
        self._put("Flatten", {})

    def _unflatten(self, module: nn.Unflatten) -> None:
        """The start of a net that takes flat images, or the undoing of a Flatten just before."""
        size = tuple(module.unflattened_size)
        undone = self.layers and self.layers[-1]["class"] == "Flatten"
        if undone and self.before_flatten == size:
            self.layers.pop()
        elif self.layers or len(size) != 3 or min(size) < 1:
            raise self._error(module, "only the input can be unflattened")
        self.images, self.flat, self.reorder = True, False, None
        self.shape, self.channels = size, size[0]

    def _same_pad(self, module: SamePad2d) -> None:
        self.pad = module

    def _to_channels_last(self, module: ChannelsLast) -> None:
        self.channels_last = True

    def _need_planes(self, module: nn.Module) -> None:
        self.images = True
        if self.flat:
            raise self._error(module, "it needs images, and comes after a Flatten or Linear")


_HANDLERS: dict[type[nn.Module], Callable[[Writer, Any], None]] = {
    nn.Linear: Writer._linear,
    nn.Conv2d: Writer._conv,
    nn.BatchNorm2d: Writer._batch_norm,
    nn.MaxPool2d: Writer._max_pool,
    nn.Dropout: Writer._dropout,
    nn.Flatten: Writer._flatten,
    nn.Unflatten: Writer._unflatten,
    SamePad2d: Writer._same_pad,
    ChannelsLast: Writer._to_channels_last,
}


def _pair(value: Any) -> tuple[int, int]:
    return (value[0], value[1]) if isinstance(value, list | tuple) else (value, value)
