"""From samples to a batch: stacking on the host, and the way to a device."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np

from tinygrad_cl.errors import DataError
from tinygrad_cl.functional.creation import from_numpy
from tinygrad_cl.functional.movement import cat, stack
from tinygrad_cl.tensor import Tensor


def default_collate(samples: Sequence[Any]) -> Any:
    """Stacks samples along a new first dim, within the structure they have.

    Arrays of equal shape become one array; ints int64, floats float32, bools bool arrays; Tensors
    one Tensor; strings and bytes a list. Tuples, lists, named tuples and mappings are stacked
    member by member.

    Args:
        samples: at least one, all of one structure.

    Returns:
        The batch, on the host.

    Raises:
        DataError: if samples differ in structure or shape, or are of a kind that cannot be stacked.

    Example:
        >>> default_collate([(1, "a"), (2, "b")])
        (array([1, 2]), ['a', 'b'])
    """
    first = samples[0]
    if isinstance(first, Tensor):
        _check_shapes(samples)
        return stack(list(samples))
    if isinstance(first, np.ndarray | np.generic):
        return _stack_arrays(samples)
    if isinstance(first, bool | int | float):
        return _stack_numbers(samples)
    if isinstance(first, str | bytes):
        return list(samples)
    if isinstance(first, Mapping):
        return {key: default_collate([_member(sample, key) for sample in samples]) for key in first}
    if isinstance(first, tuple | list):
        return _stack_members(first, samples)
    raise DataError(
        f"DataLoader: cannot stack samples of type {type(first).__name__}; "
        "return arrays, numbers or tuples of them from the data set, or give a collate_fn"
    )


def default_convert(sample: Any) -> Any:
    """Returns a sample whose arrays are Tensors, in the structure it has.

    Numbers, strings and Tensors stay as they are; it is what a `collate_fn` may do with the samples
    of a loader without batches.

    Example:
        >>> import numpy as np
        >>> default_convert((np.ones(2), "a", 3))
        (tensor([1., 1.], dtype=tinygrad_cl.float64), 'a', 3)
    """
    return map_arrays(sample, lambda array: from_numpy(np.asarray(array)))


def join(batches: Sequence[Any], order: np.ndarray) -> Any:
    """Puts batches of one structure one after the other and arranges the samples anew.

    Args:
        batches: at least one.
        order: position `i` of the result is position `order[i]` of all batches in a row.

    Raises:
        DataError: if batches differ in structure or shape.
    """
    first = batches[0]
    if len({type(batch) for batch in batches}) > 1:
        names = ", ".join(sorted({type(batch).__name__ for batch in batches}))
        raise DataError(f"DataLoader: parts of one batch are of different types, {names}")
    if isinstance(first, Mapping):
        return {key: join([_member(batch, key) for batch in batches], order) for key in first}
    if isinstance(first, list) and sum(map(len, batches)) == len(order):
        flat = [value for batch in batches for value in batch]
        return [flat[at] for at in order]
    if isinstance(first, tuple | list):
        return _rebuilt(first, [join(parts, order) for parts in zip(*batches, strict=True)])
    if isinstance(first, Tensor):
        return cat(list(batches))[from_numpy(order, device=first.device)]
    if len({batch.shape[1:] for batch in batches}) > 1:
        shapes = sorted({batch.shape[1:] for batch in batches})
        raise DataError(f"DataLoader: samples of one batch have different shapes, {shapes}")
    return np.concatenate(batches)[order]


def map_arrays(
    batch: Any,
    function: Callable[[np.ndarray], Any],
    tensors: Callable[[Tensor], Any] | None = None,
) -> Any:
    """Returns `batch` with the NumPy arrays in its tuples, lists and mappings replaced.

    Args:
        batch: any structure.
        function: what replaces an array.
        tensors: what replaces a Tensor; None leaves it.
    """
    if isinstance(batch, np.ndarray):
        return function(batch)
    if isinstance(batch, Tensor):
        return batch if tensors is None else tensors(batch)
    if isinstance(batch, Mapping):
        return {key: map_arrays(value, function, tensors) for key, value in batch.items()}
    if isinstance(batch, tuple | list):
        return _rebuilt(batch, [map_arrays(value, function, tensors) for value in batch])
    return batch


def _check_shapes(samples: Sequence[Any]) -> None:
    shapes = {np.shape(sample) for sample in samples}
    if len(shapes) > 1:
        raise DataError(
            f"DataLoader: samples of one batch have different shapes, {sorted(shapes)}; "
            "make them equal in the data set, or give a collate_fn"
        )


def _stack_arrays(samples: Sequence[Any]) -> np.ndarray:
    _check_shapes(samples)
    return np.stack(samples)


def _stack_numbers(samples: Sequence[Any]) -> np.ndarray:
    if not all(isinstance(sample, bool | int | float | np.generic) for sample in samples):
        names = ", ".join(sorted({type(sample).__name__ for sample in samples}))
        raise DataError(f"DataLoader: samples of one batch are of different types, {names}")
    if any(isinstance(sample, float | np.floating) for sample in samples):
        return np.array(samples, np.float32)
    if all(isinstance(sample, bool | np.bool_) for sample in samples):
        return np.array(samples, np.bool_)
    try:
        return np.array(samples, np.int64)
    except OverflowError as error:
        raise DataError(f"DataLoader: a number of a sample does not fit int64: {error}") from error


def _stack_members(first: tuple[Any, ...] | list[Any], samples: Sequence[Any]) -> Any:
    if any(len(sample) != len(first) for sample in samples):
        lengths = sorted({len(sample) for sample in samples})
        raise DataError(f"DataLoader: samples of one batch have different lengths, {lengths}")
    return _rebuilt(first, [default_collate(members) for members in zip(*samples, strict=True)])


def _member(sample: Mapping[Any, Any], key: Any) -> Any:
    if key not in sample:
        raise DataError(f"DataLoader: a sample lacks the key {key!r} of the batch's first sample")
    return sample[key]


def _rebuilt(like: tuple[Any, ...] | list[Any], members: list[Any]) -> Any:
    if hasattr(like, "_fields"):
        return type(like)(*members)
    return tuple(members) if isinstance(like, tuple) else members
