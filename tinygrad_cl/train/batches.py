"""From what `fit`, `evaluate` and `predict` are given to batches of inputs and targets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sized
from itertools import islice
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl.data import DataLoader, Subset, TensorDataset
from tinygrad_cl.errors import ArgumentError, DataError, StateError
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
        self._skipped = 0  # batches of the next walk that an earlier run has done
        self._loader = self._load(source, batch_size, shuffle, inputs_only)
        self.steps = _length(self._loader)
        self.samples = self._count()

    def __iter__(self) -> Iterator[tuple[Any, Any]]:
        """Yields (inputs, targets); targets are None where there are none."""
        skipped, self._skipped = self._skipped, 0
        for batch in islice(self._loader, skipped, None):
            yield self._pair(batch)

    def groups(self, size: int) -> Iterator[list[tuple[Any, Any]]]:
        """Yields lists of up to `size` batches; a batch is drawn only when its group is."""
        batches = iter(self)
        while group := list(islice(batches, size)):
            yield group

    def state_dict(self, done: int) -> dict[str, Any]:
        """Returns where in the epoch a run is that has done some batches.

        Args:
            done: how many; the loader may have handed out more.
        """
        if not isinstance(self._loader, DataLoader):
            return {"done": done}
        state = self._loader.state_dict()
        if state["key"] is not None:  # within an epoch, or after one that was ended early
            state |= {"batch": done} if done else {"batch": 0, "key": None}
        return {"done": done, "loader": state}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Makes the next walk go on where another run was; a plain iterable is walked to there.

        Raises:
            StateError: if the state is of other data.
        """
        if isinstance(self._loader, DataLoader) != ("loader" in state):
            raise StateError("fit: the checkpoint was made with data of another kind")
        if isinstance(self._loader, DataLoader):
            self._loader.load_state_dict(state["loader"])
        else:
            self._skipped = int(state["done"])

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
        elif isinstance(source, np.ndarray | Tensor):
            raise DataError(
                f"Model: data must be a pair (x, y), got one array of shape {tuple(source.shape)}"
            )
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
        loader = self._loader
        if not isinstance(loader, DataLoader) or loader.batch_size is None:
            return None
        if loader.drop_last:
            return None if self.steps is None else self.steps * loader.batch_size
        return _length(loader.dataset if loader.sampler is None else loader.sampler)

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
    """Returns the number of samples of a batch's inputs or targets.

    Raises:
        DataError: if it is not made of tensors of at least one dim.
    """
    if isinstance(batch, tuple | list):
        return size_of(batch[0])
    if isinstance(batch, Tensor) and batch.ndim:
        return batch.shape[0]
    raise DataError(f"Model: a batch must be tensors of at least one dim, got {type(batch)}")


def split(source: Any, share: float) -> tuple[Any, Any]:
    """Returns the first samples of a source and its last ones, for training and validation.

    Args:
        source: a tuple (x, y) of arrays, or a data set.
        share: of the samples that are for validation, above 0 and below 1.

    Raises:
        ArgumentError: for another share, a source that cannot be cut, or too few samples.

    Example:
        >>> import numpy as np
        >>> (x, y), (u, v) = split((np.arange(10), np.arange(10)), 0.2)
        >>> len(y), v.tolist()
        (8, [8, 9])
    """
    if not isinstance(share, float) or not 0 < share < 1:
        raise ArgumentError(f"fit: validation_split must be above 0 and below 1, got {share!r}")
    if isinstance(source, DataLoader) or not hasattr(source, "__getitem__"):
        raise ArgumentError(
            "fit: validation_split needs arrays or a data set; split what is behind the "
            f"{type(source).__name__} (data.random_split) and give validation_data"
        )
    total = len(_first(source)) if isinstance(source, tuple) else len(source)
    kept = total - int(total * share)
    if not 0 < kept < total:
        raise ArgumentError(f"fit: validation_split {share} leaves nothing of {total} samples")
    if not isinstance(source, tuple):
        return Subset(source, range(kept)), Subset(source, range(kept, total))
    return _cut(source, slice(kept)), _cut(source, slice(kept, None))


def inputs_of(source: Any, batch_size: int) -> Any:
    """Returns the inputs of a source, or batches of them, in order and drawing no random numbers.

    Raises:
        DataError: for an iterable of batches, which could be walked only once.
    """
    if isinstance(source, tuple):
        return _first(source)
    dataset = source.dataset if isinstance(source, DataLoader) else source
    if not hasattr(dataset, "__getitem__"):
        raise DataError(
            "fit: the normalizer is not fitted, and the data are an iterable of batches; fit it "
            "before, on a sample of them"
        )
    collate = source.collate_fn if isinstance(source, DataLoader) else None
    generator = np.random.default_rng(0)  # so that the loader draws nothing from the library's
    return DataLoader(dataset, batch_size, collate_fn=collate, generator=generator, device="numpy")


def _first(source: Any) -> Any:
    while isinstance(source, tuple):
        source = source[0]
    return source


def _cut(value: Any, part: slice) -> Any:
    if isinstance(value, tuple):
        return tuple(_cut(member, part) for member in value)
    return value[part]


def _length(value: Any) -> int | None:
    if not isinstance(value, Sized):
        return None
    try:
        return len(value)
    except TypeError:  # a stream of unknown length
        return None
