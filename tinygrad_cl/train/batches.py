"""From what `fit`, `evaluate` and `predict` are given to batches of inputs and targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sized
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.data import DataLoader, TensorDataset
from tinygrad_cl.errors import DataError
from tinygrad_cl.functional.creation import from_numpy
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device


class Batches:
    """Batches of a data source, on a device; every walk over them is one epoch.

    Floating-point inputs and targets are cast to one dtype, that of the net.

    Args:
        source: a tuple (inputs, targets) of arrays or Tensors, a data set, a `DataLoader`, or
            another iterable of batches. Inputs may themselves be a tuple of arrays.
        batch_size: for arrays and data sets.
        device: where the batches go.
        dtype: of floating-point members.
        shuffle: for arrays and data sets: a new order for every epoch, drawn from `manual_seed`.
        inputs_only: a source of arrays has no targets.

    Attributes:
        samples: the number of samples of an epoch; None if the source does not tell.
        steps: the number of batches of an epoch, or None.

    Raises:
        DataError: for a source of another kind.
    """

    def __init__(
        self,
        source: Any,
        batch_size: int,
        device: Device,
        dtype: DType,
        shuffle: bool = False,
        inputs_only: bool = False,
    ) -> None:
        self.device = device
        self.dtype = dtype
        self._members: int | None = None  # inputs of a sample, if they come flat
        self._loader = self._load(source, batch_size, shuffle, inputs_only)
        self.steps = len(self._loader) if isinstance(self._loader, Sized) else None
        self.samples = self._count()

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Yields (inputs, targets); targets are None where there are none."""
        for batch in self._loader:
            yield self._pair(batch)

    def _load(
        self, source: Any, batch_size: int, shuffle: bool, inputs_only: bool
    ) -> Iterable[Any]:
        if inputs_only and isinstance(source, np.ndarray | Tensor | tuple | list):
            given = source if isinstance(source, tuple) else (source,)
            self._members = len(given)
            source = TensorDataset(*given)
        elif isinstance(source, tuple):
            source = self._paired(source)
        elif isinstance(source, DataLoader) or not hasattr(source, "__getitem__"):
            if not isinstance(source, Iterable):
                raise DataError(
                    "Model: data must be a tuple (x, y) of arrays, a data set, a DataLoader or an "
                    f"iterable of batches, got {type(source).__name__}"
                )
            return source
        if len(source) == 0:
            raise DataError("Model: the data set has no samples")
        return DataLoader(source, batch_size, shuffle, device=self.device)

    def _paired(self, source: tuple[Any, ...]) -> TensorDataset:
        if len(source) != 2:
            raise DataError(f"Model: data must be a tuple (x, y), got {len(source)} members")
        inputs, targets = source
        given = inputs if isinstance(inputs, tuple) else (inputs,)
        if isinstance(inputs, tuple):
            self._members = len(inputs)
        return TensorDataset(*given, targets)

    def _count(self) -> int | None:
        if not isinstance(self._loader, DataLoader):
            return None
        if self._loader.drop_last:
            return len(self._loader) * self._loader.batch_size
        known = self._loader.dataset if self._loader.sampler is None else self._loader.sampler
        return len(known) if isinstance(known, Sized) else None

    def _pair(self, batch: Any) -> tuple[Any, Any]:
        batch = self._placed(batch)
        if not isinstance(batch, tuple):
            return batch, None
        if self._members is not None:
            inputs, rest = batch[: self._members], batch[self._members :]
            return inputs if len(inputs) > 1 else inputs[0], rest[0] if rest else None
        if len(batch) > 2:
            raise DataError(f"Model: a batch must be a pair (x, y), got {len(batch)} members")
        return batch[0], batch[1] if len(batch) == 2 else None

    def _placed(self, value: Any) -> Any:
        """Tensors on the device for arrays and tensors, within tuples; the rest as it is."""
        if isinstance(value, tuple | list):
            return tuple(self._placed(member) for member in value)
        if isinstance(value, np.ndarray):
            value = from_numpy(value, device=self.device)
        if not isinstance(value, Tensor):
            return value
        return value.to(self.device, self.dtype if value.dtype.is_floating_point else None)


def size_of(batch: Any) -> int:
    """Returns the number of samples of a batch's inputs or targets."""
    if isinstance(batch, tuple | list):
        return size_of(batch[0])
    if isinstance(batch, Tensor) and batch.ndim:
        return batch.shape[0]
    raise DataError(f"Model: a batch must be tensors of at least one dim, got {type(batch)}")
