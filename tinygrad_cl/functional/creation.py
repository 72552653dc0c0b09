"""Making tensors from data, and from nothing."""

from __future__ import annotations

import builtins
import math
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import dtypes, engine
from tinygrad_cl.dtypes import DType, Scalar, float32, int64, of_scalar, widened
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import Handle, wrap
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise, movement
from tinygrad_cl.runtime.device import Device, get_device
from tinygrad_cl.tracing import tracing

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

    DeviceLike = str | Device | None
    DTypeLike = DType | str | type | np.dtype[Any] | None


def leaf(node: Node, requires_grad: bool) -> Tensor:
    """Returns a fresh node as a Tensor, which starts a graph if `requires_grad`."""
    tensor = wrap(node)
    if requires_grad:
        mark_leaf(node)
    return tensor


def mark_leaf(node: Node) -> None:
    """Makes gradients flow to this node, and stop there.

    Raises:
        DTypeError: if its dtype has no gradients.
    """
    if not node.dtype.is_floating_point:
        raise DTypeError(
            f"requires_grad: only float tensors have gradients, got {node.dtype.name}; use .float()"
        )
    node.leaf = node.needs_grad = True
    tracing.rebinds += 1


def _dtype(given: DTypeLike, default: DType) -> DType:
    return default if given is None else dtypes.dtype(given)


def _array(data: Any, weak: bool = True) -> np.ndarray[Any, Any]:
    """Python data as an array; arrays keep their dtype, other floats become float32 if `weak`."""
    if isinstance(data, np.ndarray | np.generic):
        return np.asarray(data)
    if isinstance(data, list | tuple):
        data = _without_tensors(data)
    try:
        array = dtypes.as_array(data)
    except ValueError as error:
        raise ShapeError(f"tensor: rows must have equal lengths; {error}") from None
    except OverflowError as error:
        raise DTypeError(f"tensor: {error}") from None
    if weak and array.dtype == np.float64 and not _has_arrays(data):
        with np.errstate(over="ignore"):
            return array.astype(np.float32)
    return array.astype(np.int64) if array.dtype.kind == "i" else array


def _without_tensors(data: Any) -> Any:
    if isinstance(data, Handle):
        return widened(engine.numpy(data.node))
    return [_without_tensors(item) for item in data] if isinstance(data, list | tuple) else data


def _has_arrays(data: Any) -> bool:
    if isinstance(data, list | tuple):
        return builtins.any(_has_arrays(item) for item in data[:1])
    return isinstance(data, np.ndarray | np.generic)


def _to_node(data: Any, dtype: DTypeLike, device: DeviceLike) -> Node:
    array = _array(data, weak=dtype is None)
    kind = None if dtype is None else dtypes.dtype(dtype)
    if kind is None:
        dtypes.dtype(array.dtype)
    elif array.dtype != kind.numpy:
        array = widened(array)
        if array.dtype.kind not in "buif":
            raise DTypeError(f"tensor: cannot make {kind.name} of {array.dtype}")
        with np.errstate(all="ignore"):
            array = array.astype(kind.numpy)
    return engine.upload(array, get_device(device))


def tensor(
    data: Any,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns a tensor with a copy of `data`.

    Args:
        data: a number, nested lists of numbers, an array, or a Tensor.
        dtype: default: that of an array; of Python numbers bool, int64 or float32.
        device: default: the default device.
        requires_grad: True to start a graph here.

    Raises:
        ShapeError: if nested lists have unequal lengths.
        DTypeError: if the data are no numbers.

    Example:
        >>> tensor([[1, 2], [3, 4]])
        tensor([[1, 2],
                [3, 4]])
        >>> tensor([0.5, 1.0], requires_grad=True)
        tensor([0.5000, 1.0000], requires_grad=True)
    """
    if isinstance(data, Handle):
        device = device or data.node.device
        data = engine.numpy(data.node)
    return leaf(_to_node(data, dtype, device), requires_grad)


def as_tensor(data: Any, dtype: DTypeLike = None, device: DeviceLike = None) -> Tensor:
    """Returns `data` as a tensor: a Tensor that fits as it is, everything else as `tensor` does.

    Example:
        >>> x = tensor([1.0])
        >>> as_tensor(x) is x
        True
    """
    if not isinstance(data, Handle):
        return tensor(data, dtype, device)
    return data.to(device=device, dtype=dtype)  # type: ignore[attr-defined, no-any-return]


def from_numpy(array: np.ndarray[Any, Any], device: DeviceLike = None) -> Tensor:
    """Returns a tensor that shows an array, uncopied if the device shares the host's memory.

    Do not write to the array as long as the tensor, or anything computed from it, is in use: values
    are computed late.

    Raises:
        DTypeError: if the library does not have the array's dtype.

    Example:
        >>> import numpy as np
        >>> from_numpy(np.arange(3.0))
        tensor([0., 1., 2.], dtype=tinygrad_cl.float64)
    """
    if not isinstance(array, np.ndarray):
        raise DTypeError(f"from_numpy: needs an array, got {type(array).__name__}; use tensor(...)")
    dtypes.dtype(array.dtype)
    return wrap(engine.upload(array, get_device(device), copy=False))


def full(
    size: Any,
    fill_value: Scalar,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns a tensor full of `fill_value`, in the dtype of that number by default.

    Example:
        >>> full((2,), 7)
        tensor([7, 7])
    """
    shape = base.size_argument("full", (size,))
    value = base.number(fill_value)
    return _full(shape, value, _dtype(dtype, of_scalar(value)), device, requires_grad)


def _full(
    shape: tuple[int, ...], value: Scalar, dtype: DType, device: DeviceLike, requires_grad: bool
) -> Tensor:
    if builtins.any(size < 0 for size in shape):
        raise ShapeError(f"full: sizes must not be negative, got {shape}")
    return leaf(base.fill(value, shape, dtype, get_device(device)), requires_grad)


def zeros(
    *size: Any, dtype: DTypeLike = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Returns a tensor full of zeros, float32 by default.

    Example:
        >>> zeros(2, 3).shape
        (2, 3)
    """
    shape = base.size_argument("zeros", size)
    return _full(shape, 0, _dtype(dtype, float32), device, requires_grad)


def ones(
    *size: Any, dtype: DTypeLike = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Returns a tensor full of ones, float32 by default.

    Example:
        >>> ones(3)
        tensor([1., 1., 1.])
    """
    shape = base.size_argument("ones", size)
    return _full(shape, 1, _dtype(dtype, float32), device, requires_grad)


def empty(
    *size: Any, dtype: DTypeLike = None, device: DeviceLike = None, requires_grad: bool = False
) -> Tensor:
    """Returns a tensor to be filled later; its elements are zeros, not what memory held.

    Example:
        >>> empty(2).shape
        (2,)
    """
    return zeros(*size, dtype=dtype, device=device, requires_grad=requires_grad)


def full_like(
    input: Tensor,
    fill_value: Scalar,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns a tensor full of `fill_value` with the shape, dtype and device of `input`.

    Example:
        >>> full_like(ones(2), 3)
        tensor([3., 3.])
    """
    node = base.unwrap("full_like", input)
    where = base.device_of(node) if device is None else device
    return _full(
        node.shape, base.number(fill_value), _dtype(dtype, node.dtype), where, requires_grad
    )


def zeros_like(
    input: Tensor,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns zeros with the shape, dtype and device of `input`.

    Example:
        >>> zeros_like(tensor([1, 2]))
        tensor([0, 0])
    """
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def ones_like(
    input: Tensor,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns ones with the shape, dtype and device of `input`.

    Example:
        >>> ones_like(tensor([1, 2]))
        tensor([1, 1])
    """
    return full_like(input, 1, dtype=dtype, device=device, requires_grad=requires_grad)


def empty_like(
    input: Tensor,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns a tensor to be filled later (zeros) with the shape, dtype and device of `input`.

    Example:
        >>> empty_like(ones(2, 3)).shape
        (2, 3)
    """
    return full_like(input, 0, dtype=dtype, device=device, requires_grad=requires_grad)


def arange(
    start: Scalar,
    end: Scalar | None = None,
    step: Scalar = 1,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns `start + i * step` up to, and without, `end`; `arange(end)` starts at 0.

    Integers give int64, floats float32, unless a dtype is given.

    Raises:
        ShapeError: if `step` is zero or leads away from `end`.

    Example:
        >>> arange(1, 7, 2)
        tensor([1, 3, 5])
    """
    if end is None:
        start, end = 0, start
    start, end, step = base.number(start), base.number(end), base.number(step)
    if step == 0 or (end - start) * step < 0:
        raise ShapeError(f"arange: step {step} does not lead from {start} to {end}")
    whole = not builtins.any(isinstance(v, float) for v in (start, end, step))
    count = -((start - end) // step) if whole else math.ceil((end - start) / step)
    kind = _dtype(dtype, int64 if whole else float32)
    if whole:
        node = _iota(int(count), get_device(device))
        if step != 1:
            node = node * step
        if start != 0:
            node = node + start
        return leaf(base.cast(node, kind), requires_grad)
    values = start + np.arange(int(count)) * step
    return leaf(_to_node(values, kind, device), requires_grad)


def _iota(count: int, device: Device) -> Node:
    node = movement.iota(shape=(count,))
    node.device = device
    return node


def linspace(
    start: float,
    end: float,
    steps: int,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns `steps` numbers evenly spaced from `start` to `end`, both included.

    Raises:
        ShapeError: if `steps` is negative.

    Example:
        >>> linspace(0, 1, 3)
        tensor([0.0000, 0.5000, 1.0000])
    """
    if steps < 0:
        raise ShapeError(f"linspace: steps must not be negative, got {steps}")
    values = np.linspace(base.number(start), base.number(end), steps)
    return leaf(_to_node(values, _dtype(dtype, float32), device), requires_grad)


def eye(
    n: int,
    m: int | None = None,
    *,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns the matrix of shape (n, m) with ones on the diagonal and zeros elsewhere.

    Example:
        >>> eye(2)
        tensor([[1., 0.],
                [0., 1.]])
    """
    columns = n if m is None else m
    if n < 0 or columns < 0:
        raise ShapeError(f"eye: sizes must not be negative, got {(n, columns)}")
    where = get_device(device)
    row = base.reshape(_iota(n, where), (n, 1))
    node = elementwise.eq(row, _iota(columns, where))
    return leaf(base.cast(node, _dtype(dtype, float32)), requires_grad)
