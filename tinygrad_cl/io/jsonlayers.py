"""The layers of JSON models as modules: images and kernels turn from NHWC to NCHW.

A layer is `{"class": ..., "config": {...}}`. Its arrays are named `<index>_<class>_<param>`, where
the index counts all layers from 0:

- Dense{units, use_bias}: W (inputs, units), b (units,)
- Conv2D{filters, kernel_size, stride, padding, use_bias}: W (rows, columns, channels, filters),
  b (filters,); "same" padding puts the odd zero behind, and gives ceil(size / stride) places
- BatchNorm2D{momentum, eps}: gamma, beta, running_mean, running_var (channels,); the running value
  keeps the share `momentum` of itself in every step
- Activation{func}, Dropout{rate}, MaxPool2D{pool_size, stride}, Flatten{}

The first Dense after a Flatten has its rows reordered, from (row, column, channel) to (channel,
row, column). See jsonwriting.py for the way back.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cl import nn
from tinygrad_cl.errors import DataError
from tinygrad_cl.functional.creation import from_numpy
from tinygrad_cl.functional.random import default_generator
from tinygrad_cl.nn import functional as F
from tinygrad_cl.tensor import Parameter, Tensor

Arrays = dict[str, np.ndarray]

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "relu": nn.ReLU,
    "sigmoid": nn.Sigmoid,
    "tanh": nn.Tanh,
    "softmax": lambda: nn.Softmax(1),
    "silu": nn.SiLU,
    "swish": nn.SiLU,
    "softplus": nn.Softplus,
    "linear": nn.Identity,
    "identity": nn.Identity,
}
_CONFIGS: dict[str, set[str]] = {
    "Dense": {"units", "use_bias"},
    "Conv2D": {"filters", "kernel_size", "stride", "padding", "use_bias"},
    "Activation": {"func"},
    "Dropout": {"rate"},
    "MaxPool2D": {"pool_size", "stride"},
    "BatchNorm2D": {"momentum", "eps"},
    "Flatten": set(),
}
_IGNORED = {"name", "trainable"}
_STATISTICS = ("running_mean", "running_var")
_logger = logging.getLogger("tinygrad_cl.io")


class SamePad2d(nn.Module):
    """Zeros around an `(N, C, H, W)` image, so that the next kernel gives ceil(size / stride).

    Where their number is odd, the extra row or column is behind the image.

    Args:
        kernel_size: rows and columns of the kernel.
        stride: its steps.

    Example:
        >>> import tinygrad_cl as tg
        >>> SamePad2d((2, 3), (2, 2))(tg.ones(1, 1, 5, 5)).shape
        (1, 1, 6, 7)
    """

    def __init__(self, kernel_size: tuple[int, int], stride: tuple[int, int]) -> None:
        super().__init__()
        self.kernel_size = kernel_size
        self.stride = stride

    def forward(self, x: Tensor) -> Tensor:
        """Returns the padded image."""
        pads: list[int] = []
        for size, kernel, step in zip(x.shape[2:], self.kernel_size, self.stride, strict=True):
            total = max((-(-size // step) - 1) * step + kernel - size, 0)
            pads = [total // 2, total - total // 2, *pads]  # the last dim comes first
        return F.pad(x, tuple(pads))

    def extra_repr(self) -> str:
        """Returns the sizes."""
        return f"kernel_size={self.kernel_size}, stride={self.stride}"


class ChannelsLast(nn.Module):
    """Turns an `(N, C, H, W)` image into `(N, H, W, C)`."""

    def forward(self, x: Tensor) -> Tensor:
        """Returns the image with its channels last."""
        return x.permute(0, 2, 3, 1)


def to_net(layers: Any, arrays: Arrays, where: str, channels: int | None = None) -> nn.Sequential:
    """Returns the net of a list of layers and their arrays.

    Args:
        layers: as JSON gave it.
        arrays: by name.
        where: how errors begin.
        channels: of the input images, if they are known.

    Raises:
        DataError: for unknown layers or settings; or, all at once, for arrays that are missing,
            unexpected, or of a wrong shape.
    """
    if not isinstance(layers, list) or len(layers) > 10000:
        raise DataError(f"{where}: a list of layers was expected")
    random = default_generator.get_state()  # initial values are drawn, and replaced
    try:
        reader = Reader(arrays, where, channels)
        for index, layer in enumerate(layers):
            reader.add(index, layer)
        return reader.net()
    finally:
        default_generator.set_state(random)


class Reader:
    """Makes modules of layers, one after the other; see `to_net`."""

    def __init__(self, arrays: Arrays, where: str, channels: int | None) -> None:
        self.arrays = arrays
        self.where = where
        self.channels = channels  # of the planes between the last two layers, if known
        self.images = False  # whether there was a layer of images
        self.flat = False  # whether the value between the last two has one dim
        self.features: int | None = None
        self.reorder: tuple[int, int] | None = None  # channels, and where their Flatten stands
        self.modules: list[nn.Module] = []
        self.used: set[str] = set()
        self.problems: dict[str, list[str]] = {"missing": [], "unexpected": [], "wrong shape": []}

    def add(self, index: int, layer: Any) -> None:
        """Adds the modules of a layer."""
        self.here = f"{self.where}: layer {index}"
        kind = layer.get("class") if isinstance(layer, dict) else None
        if not isinstance(kind, str) or kind not in _CONFIGS:
            known = ", ".join(_CONFIGS)
            raise DataError(f"{self.here} has the unknown class {_shown(kind)}; known: {known}")
        config = layer.get("config", {})
        self.here += f" ({kind})"
        self.prefix = f"{index}_{kind}_"
        if not isinstance(config, dict):
            raise DataError(f"{self.here} has a malformed config")
        unknown = sorted(str(key)[:40] for key in set(config) - _CONFIGS[kind] - _IGNORED)
        if unknown:
            raise DataError(f"{self.here} has the unknown settings {', '.join(unknown)[:200]}")
        self.config = config
        getattr(self, f"_add_{kind.lower()}")()

    def net(self) -> nn.Sequential:
        """Returns the net of all layers."""
        self.problems["unexpected"] = sorted(self.arrays.keys() - self.used)
        rows = [
            f"\n  {what}: {', '.join(name[:80] for name in names[:100])}"
            for what, names in self.problems.items()
            if names
        ]
        if rows:
            raise DataError(f"{self.where}: the arrays do not fit the layers.{''.join(rows)}")
        if self.reorder is not None and self.reorder[0] > 1:
            self.modules.insert(self.reorder[1], ChannelsLast())
        return nn.Sequential(*self.modules)

    # ------------------------------------------------------------------------------------- layers

    def _add_dense(self) -> None:
        units = self._count("units")
        if self.images and not self.flat:
            raise DataError(f"{self.here} needs a Flatten before it")
        weight = self._array("W", self.features, units)
        bias = self._array("b", units) if self._flag("use_bias") else None
        if weight is not None:
            weight = self._reordered(weight)
            self._fill(nn.Linear(len(weight), units, bias is not None), weight.T, bias)
        self.flat, self.features, self.reorder = True, units, None

    def _reordered(self, weight: np.ndarray) -> np.ndarray:
        """The rows of the first Dense after a Flatten, channels first."""
        channels = 1 if self.reorder is None else self.reorder[0]
        places, rest = divmod(len(weight), channels)
        if rest:
            raise DataError(f"{self.here}: {len(weight)} inputs are not from {channels} channels")
        rows = weight.reshape(places, channels, -1).transpose(1, 0, 2)
        return rows.reshape(weight.shape)

    def _add_conv2d(self) -> None:
        self._need_planes()
        filters, kernel = self._count("filters"), self._pair("kernel_size")
        stride, padding = self._pair("stride", 1), self._padding()
        weight = self._array("W", *kernel, self.channels, filters)
        bias = self._array("b", filters) if self._flag("use_bias") else None
        if weight is not None:
            strided_same = padding == "same" and stride != (1, 1)
            if strided_same:
                self.modules.append(SamePad2d(kernel, stride))
            layer = nn.Conv2d(
                weight.shape[2],
                filters,
                kernel,
                stride,
                padding="valid" if strided_same else padding,
                bias=bias is not None,
            )
            self._fill(layer, weight.transpose(3, 2, 0, 1), bias)
        self.channels = filters

    def _add_batchnorm2d(self) -> None:
        self._need_planes()
        momentum, eps = self._number("momentum", 0.9), self._number("eps", 1e-5)
        gamma = self._array("gamma", self.channels)
        channels = self.channels if gamma is None else len(gamma)
        beta = self._array("beta", channels)
        given = [name for name in _STATISTICS if self.prefix + name in self.arrays]
        found = {name: self._array(name, channels) for name in given}
        if not given:
            _logger.warning("%s has no running statistics: train before evaluating", self.here)
        elif len(given) < 2:
            self.problems["missing"] += [self.prefix + n for n in _STATISTICS if n not in given]
        if gamma is not None and beta is not None:
            layer = nn.BatchNorm2d(len(gamma), eps=eps, momentum=round(1.0 - momentum, 12))
            for name, value in found.items():
                if value is not None:
                    layer.register_buffer(name, from_numpy(np.array(value)))
            self._fill(layer, gamma, beta)
        self.channels = channels

    def _add_maxpool2d(self) -> None:
        self._need_planes()
        size = self._pair("pool_size", 2)
        self.modules.append(nn.MaxPool2d(size, self._pair("stride", size)))

    def _add_flatten(self) -> None:
        if not self.flat and self.channels is not None:
            self.reorder = (self.channels, len(self.modules))
        self.flat, self.features = True, self.features if self.flat else None
        self.modules.append(nn.Flatten())

    def _add_activation(self) -> None:
        name = self.config.get("func")
        if not isinstance(name, str) or name.lower() not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise DataError(f"{self.here}: unknown func {_shown(name)}; known: {known}")
        self.modules.append(ACTIVATIONS[name.lower()]())

    def _add_dropout(self) -> None:
        self.modules.append(nn.Dropout(self._number("rate")))

    def _need_planes(self) -> None:
        self.images = True
        if self.flat:
            raise DataError(f"{self.here} needs images, and comes after a Flatten or Dense")

    # ------------------------------------------------------------------------------------- values

    def _array(self, name: str, *shape: int | None) -> np.ndarray | None:
        """The array of a name as float32; None if it is missing or of another shape.

        None in a shape stands for any size; arrays of one dim may have more, of size 1.
        """
        name = self.prefix + name
        if name not in self.arrays:
            self.problems["missing"].append(name)
            return None
        self.used.add(name)
        value = self.arrays[name]
        if value.dtype.kind not in "fiu":
            raise DataError(f"{self.where}: {name} has the dtype {value.dtype}")
        if len(shape) == 1 and value.size == max(value.shape, default=1):
            value = value.reshape(-1)
        fits = value.ndim == len(shape) and all(
            wanted in (None, size) for size, wanted in zip(value.shape, shape, strict=True)
        )
        if not fits or 0 in value.shape:
            wanted = ", ".join("?" if size is None else str(size) for size in shape)
            self.problems["wrong shape"].append(f"{name} is {value.shape}, not ({wanted})")
            return None
        return value.astype(np.float32)

    def _fill(self, layer: Any, weight: np.ndarray, bias: np.ndarray | None) -> None:
        layer.weight = Parameter(from_numpy(np.ascontiguousarray(weight)))
        if bias is not None:
            layer.bias = Parameter(from_numpy(np.ascontiguousarray(bias)))
        self.modules.append(layer)

    def _count(self, name: str) -> int:
        value = self.config.get(name)
        if type(value) is not int or not 0 < value < 1 << 31:
            raise DataError(f"{self.here}: {name} must be a positive int, not {_shown(value)}")
        return value

    def _pair(self, name: str, default: Any = None) -> tuple[int, int]:
        value = self.config.get(name)
        value = default if value is None else value
        pair = value if isinstance(value, list | tuple) else (value, value)
        if len(pair) != 2 or not all(type(n) is int and 0 < n < 1 << 31 for n in pair):
            raise DataError(f"{self.here}: {name} must be one or two ints, not {_shown(value)}")
        return pair[0], pair[1]

    def _padding(self) -> Any:
        value = self.config.get("padding", "valid")
        if isinstance(value, str) and value.lower() in ("same", "valid"):
            return value.lower()
        pair = value if isinstance(value, list | tuple) else (value, value)
        if len(pair) != 2 or not all(type(n) is int and 0 <= n < 1 << 31 for n in pair):
            raise DataError(f'{self.here}: padding must be "same" or "valid", not {_shown(value)}')
        return tuple(pair)

    def _flag(self, name: str) -> bool:
        value = self.config.get(name, True)
        if not isinstance(value, bool):
            raise DataError(f"{self.here}: {name} must be true or false, not {_shown(value)}")
        return value

    def _number(self, name: str, default: float | None = None) -> float:
        value: Any = self.config.get(name, default)
        if type(value) not in (int, float) or not 0 <= value <= 1:
            raise DataError(f"{self.here}: {name} must be from 0 to 1, not {_shown(value)}")
        return float(value)


def _shown(value: Any) -> str:
    return repr(value[:80]) if isinstance(value, str) else f"a {type(value).__name__}"
