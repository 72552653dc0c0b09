"""What every normalizer does: `fit`, `transform`, `undo` and saving.   The kinds: normalize.py.

Each one is `y = (x - shift) / scale + offset`, with numbers per feature, per channel or for all the
data. They are kept in float64; float32 data are shifted in two steps, `(x - high) - low`, so that a
mean that is large against the spread costs no digits.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, ClassVar, Literal, TypeVar, cast

import numpy as np

from tinygrad_cl.dtypes import float32, float64
from tinygrad_cl.errors import DataError, ShapeError, StateError
from tinygrad_cl.functional.creation import from_numpy
from tinygrad_cl.tensor import Tensor

Per = Literal["feature", "channel", "global"]
Data = TypeVar("Data", np.ndarray, Tensor)
Constants = tuple[np.ndarray, np.ndarray, np.ndarray]  # shift, scale, offset; float64
Self = TypeVar("Self", bound="Normalizer")

_CHUNK = 1 << 22  # elements that `fit` looks at together, so that a memory map stays one
_KINDS: dict[str, type[Normalizer]] = {}


class Normalizer(ABC):
    """Base class of the normalizers.

    Args:
        per: "feature": numbers of their own for each position of a sample (statistics run over dim
            0); "channel": for each channel (over all dims but `channel_dim`); "global": the same
            for all elements.
        channel_dim: where the channels stand; 1 for NCHW, -1 for NHWC.

    Raises:
        DataError: for another `per`.
    """

    names: ClassVar[tuple[str, ...]] = ()  # of the fitted arrays
    settings: ClassVar[tuple[str, ...]] = ()  # attributes that are finite floats

    def __init__(self, per: Per = "feature", channel_dim: int = 1) -> None:
        if per not in ("feature", "channel", "global"):
            raise DataError(
                f"{type(self).__name__}: per must be 'feature', 'channel' or 'global', got {per!r}"
            )
        self.per: Per = per
        self.channel_dim = int(channel_dim)
        self.count = 0  # elements behind each number
        self.fitted: dict[str, np.ndarray] = {}
        self._on_device: dict[Any, tuple[Tensor, ...]] = {}

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        _KINDS[cls.__name__] = cls

    def __repr__(self) -> str:
        return f"{type(self).__name__}(per={self.per!r}, count={self.count})"

    def __getstate__(self) -> dict[str, Any]:
        return self.__dict__ | {"_on_device": {}}  # worker processes have no devices

    def fit(self: Self, data: Any) -> Self:
        """Takes the statistics of data, instead of earlier ones; returns the normalizer.

        Args:
            data: an array or Tensor of shape (N, ...), also a memory map larger than memory; or an
                iterable of batches, such as a `DataLoader`, of which the first members are taken.

        Raises:
            DataError: if there are no data, or some are not finite.
            ShapeError: if batches differ in shape, or there is no channel dim.
        """
        self.count, self.fitted = 0, {}
        for batch in _batches(data):
            self.partial_fit(batch)
        if not self.count:
            raise DataError(f"{type(self).__name__}.fit: needs at least one sample, got none")
        return self

    def partial_fit(self: Self, batch: Any) -> Self:
        """Adds a batch to the statistics; returns the normalizer.

        Raises:
            DataError: if some data are not finite.
            ShapeError: if the batch's shape differs from earlier ones.
        """
        name = f"{type(self).__name__}.fit"
        array = batch.detach().numpy() if isinstance(batch, Tensor) else np.asarray(batch)
        if array.ndim == 0 or array.dtype.kind not in "buif":
            raise DataError(f"{name}: needs numbers (N, ...), got {array.dtype} {array.shape}")
        if array.size == 0:
            return self
        dims = self._dims(array.ndim, name)
        if not np.isfinite(array).all():
            raise DataError(f"{name}: the data hold NaN or infinity; clean them first")
        with np.errstate(over="ignore", invalid="ignore"):
            found = self._statistics(array, dims)
        if not all(np.isfinite(values).all() for values in found.values()):
            raise DataError(f"{name}: the data are too large for their squares to be summed up")
        if self.per == "global":
            found = {key: values.reshape(()) for key, values in found.items()}
        shape = next(iter(found.values())).shape
        if self.fitted and next(iter(self.fitted.values())).shape != shape:
            raise ShapeError(f"{name}: {self._needed()}, got a batch of shape {array.shape}")
        count = array.size // found[self.names[0]].size
        self.fitted = self._merged(found, count) if self.fitted else found
        self.count += count
        self._on_device = {}
        return self

    def transform(self, data: Data) -> Data:
        """Returns normalized data: an array for an array, a Tensor for a Tensor.

        Floating-point data keep their dtype, others become float32. Tensors may require gradients.

        Raises:
            StateError: if the normalizer is not fitted.
            ShapeError: if the data do not have the fitted shape.
        """
        return self._apply(data, "transform", undo=False)

    def undo(self, data: Data) -> Data:
        """Returns data as they were before `transform`, within rounding.

        Raises:
            StateError: if the normalizer is not fitted.
            ShapeError: if the data do not have the fitted shape.
        """
        return self._apply(data, "undo", undo=True)

    def fit_transform(self, data: Data) -> Data:
        """Fits to data and returns them normalized."""
        return self.fit(data).transform(data)

    def __call__(self, data: Data) -> Data:
        """Returns normalized data, as `transform` does."""
        return self.transform(data)

    def state_dict(self) -> dict[str, Any]:
        """Returns everything that `load_state_dict` needs: strings, numbers and float64 arrays."""
        state: dict[str, Any] = {"kind": type(self).__name__, "per": self.per}
        state |= {"channel_dim": self.channel_dim, "count": self.count}
        state |= {key: getattr(self, key) for key in self.settings}
        return state | {name: array.copy() for name, array in self.fitted.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Takes over what `state_dict` returned.

        Raises:
            StateError: if it is of another normalizer, or malformed.
        """
        name = type(self).__name__
        if not isinstance(state, Mapping) or state.get("kind") != name:
            kind = state.get("kind") if isinstance(state, Mapping) else type(state).__name__
            raise StateError(f"{name}.load_state_dict: needs the state of a {name}, got {kind!r}")
        per, channel_dim, count = (state.get(key) for key in ("per", "channel_dim", "count"))
        plain = per in ("feature", "channel", "global") and type(channel_dim) is int
        options = {key: state.get(key) for key in self.settings}
        floats = all(type(v) is float and np.isfinite(v) for v in options.values())
        if not plain or not floats or type(count) is not int or count < 0:
            raise StateError(f"{name}.load_state_dict: the state is malformed")
        arrays = {key: _fitted_array(name, key, state.get(key)) for key in self.names if count}
        if len({array.shape for array in arrays.values()}) > 1:
            raise StateError(f"{name}.load_state_dict: {', '.join(arrays)} differ in shape")
        self.per, self.channel_dim, self.count = cast(Per, per), cast(int, channel_dim), count
        self.fitted, self._on_device = arrays, {}
        self.__dict__.update(options)

    @staticmethod
    def from_state_dict(state: Mapping[str, Any]) -> Normalizer:
        """Returns the normalizer whose `state_dict` this is, whatever its kind.

        Raises:
            StateError: if it is of no known kind, or malformed.
        """
        kind = state.get("kind") if isinstance(state, Mapping) else None
        if not isinstance(kind, str) or kind not in _KINDS:
            known = ", ".join(_KINDS)
            raise StateError(f"Normalizer: needs a state of {known}, got {str(kind)[:80]!r}")
        normalizer = _KINDS[kind]()
        normalizer.load_state_dict(state)
        return normalizer

    @abstractmethod
    def _statistics(self, array: np.ndarray, dims: tuple[int, ...]) -> dict[str, np.ndarray]:
        """Returns the statistics of a batch by name, with dim 0 dropped, else kept as 1."""

    @abstractmethod
    def _merged(self, new: dict[str, np.ndarray], count: int) -> dict[str, np.ndarray]:
        """Returns the statistics of what was seen before and a new batch together."""

    @abstractmethod
    def _constants(self) -> Constants:
        """Returns shift, scale and offset, float64, of the fitted arrays' shape."""

    def _dims(self, ndim: int, name: str) -> tuple[int, ...]:
        """Returns the dims over which statistics run."""
        if self.per == "feature":
            return (0,)
        if self.per == "global":
            return tuple(range(ndim))
        if not -ndim <= self.channel_dim < ndim or self.channel_dim % ndim == 0:
            raise ShapeError(
                f"{name}: channel_dim={self.channel_dim} is no dim behind the first of data of "
                f"{ndim} dims"
            )
        return tuple(d for d in range(ndim) if d != self.channel_dim % ndim)

    def _needed(self) -> str:
        shape = next(iter(self.fitted.values())).shape
        if self.per == "channel":
            where = f"{max(shape, default=1)} channels in dim {self.channel_dim}"
            return f"needs data of {len(shape) + 1} dims with {where}"
        return f"needs data of shape (N, {', '.join(map(str, shape))})"

    def _fits(self, given: tuple[int, ...]) -> bool:
        shape = next(iter(self.fitted.values())).shape
        if self.per == "feature":
            return given[1:] == shape and len(given) > 0
        if self.per == "channel":
            channels = max(shape, default=1)
            return len(given) == len(shape) + 1 and given[self.channel_dim] == channels
        return True

    def _apply(self, data: Data, what: str, undo: bool) -> Data:
        name = f"{type(self).__name__}.{what}"
        if not self.fitted:
            raise StateError(f"{name}: not fitted; call fit(training_data) first")
        values: Any = data if isinstance(data, Tensor) else np.asarray(data)
        if not self._fits(tuple(values.shape)):
            raise ShapeError(f"{name}: {self._needed()}, got shape {tuple(values.shape)}")
        if isinstance(values, Tensor):
            kept = values.dtype if values.dtype.is_floating_point else float32
            values = values if kept is float64 else values.to(float32)
            moved: Any = _affine(values, self._tensors(values), undo)
            return cast(Data, moved.to(kept))
        dtype = values.dtype if values.dtype.kind == "f" else np.dtype(np.float32)
        values = values.astype(np.promote_types(dtype, np.float32), copy=False)
        moved = np.asarray(_affine(values, _split(self._constants(), values.dtype), undo))
        return cast(Data, moved.astype(dtype, copy=False))

    def _tensors(self, like: Tensor) -> tuple[Tensor, ...]:
        """Returns the constants on a Tensor's device and in its dtype; uploaded once."""
        key = (str(like.device), like.dtype)
        if key not in self._on_device:
            split = _split(self._constants(), like.dtype.numpy)
            self._on_device[key] = tuple(from_numpy(part, device=like.device) for part in split)
        return self._on_device[key]


def _batches(data: Any) -> Iterator[Any]:
    """Cuts arrays into rows of bounded size; takes the first members of an iterable's batches."""
    if isinstance(data, list | tuple) and not any(isinstance(m, np.ndarray | Tensor) for m in data):
        data = np.asarray(data)
    if isinstance(data, Tensor):
        data = data.detach().numpy()
    if isinstance(data, np.ndarray):
        rows = max(1, _CHUNK // max(1, data[:1].size)) if data.ndim else 1
        starts: Iterable[int] = range(0, len(data), rows) if data.ndim else ()
        yield from (data[start : start + rows] for start in starts)
        return
    if not isinstance(data, Iterable):
        raise DataError(f"fit: needs an array, a Tensor or batches, got {type(data).__name__}")
    for batch in data:
        yield batch[0] if isinstance(batch, tuple | list) else batch


def _affine(values: Any, constants: tuple[Any, ...], undo: bool) -> Any:
    high, low, scale, offset = constants
    return (
        ((values - offset) * scale + low) + high
        if undo
        else (((values - high) - low) / scale + offset)
    )


def _split(constants: Constants, dtype: np.dtype[Any]) -> tuple[np.ndarray, ...]:
    """Returns the shift as a sum of two, the scale and the offset; finite, and of a dtype."""
    limits = np.finfo(dtype)
    shift, scale, offset = constants
    high = np.clip(shift, limits.min, limits.max).astype(dtype)
    low = np.clip(shift - high, limits.min, limits.max).astype(dtype)
    scale = np.clip(scale, limits.tiny, limits.max).astype(dtype)
    return tuple(np.asarray(part) for part in (high, low, scale, offset.astype(dtype)))


def _fitted_array(kind: str, key: str, value: Any) -> np.ndarray:
    array = value.detach().numpy() if isinstance(value, Tensor) else value
    if not isinstance(array, np.ndarray) or array.dtype.kind != "f":
        raise StateError(f"{kind}.load_state_dict: {key} is missing, or no array of floats")
    if not np.isfinite(array).all():
        raise StateError(f"{kind}.load_state_dict: {key} holds NaN or infinity")
    return array.astype(np.float64)
