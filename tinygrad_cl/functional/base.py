"""What every function for users shares: from Tensors and numbers to nodes, and back.

Functions take Tensors, numbers and NumPy arrays and return Tensors; inside they work on nodes.
Dtypes meet as PyTorch promotes them: the category (bool < integer < float) decides first; inside a
category a tensor with dims outranks a zero-dimensional one, and Python and NumPy scalars are weak:
they only ever raise the category.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import engine
from tinygrad_cl.autograd.handle import Handle, own, rebind, show, wrap
from tinygrad_cl.dtypes import DType, Scalar, bool_, float32, of_scalar, promote, rounded_number
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional.autocasting import adapted
from tinygrad_cl.graph import Node, Primitive, apply, cast_mode, scalar
from tinygrad_cl.primitives import elementwise, movement
from tinygrad_cl.runtime.device import Device, get_device
from tinygrad_cl.shapes import Shape, normalize_dims

if TYPE_CHECKING:
    from typing import TypeAlias

    from tinygrad_cl.tensor import Tensor

    Operand: TypeAlias = Handle | Scalar | np.generic | np.ndarray[Any, Any]
    Dims: TypeAlias = int | Sequence[int] | None

_LIMITS = {"uint8": (0, 255), "int32": (-(2**31), 2**31 - 1), "int64": (-(2**63), 2**63 - 1)}


def unwrap(op: str, value: object) -> Node:
    """Returns the node of a Tensor, in the dtype that `autocast` wants for `op`.

    Raises:
        DTypeError: if `value` is something else.
    """
    if isinstance(value, Handle):
        return value.node if cast_mode.dtype is None else adapted(op, value.node)
    raise DTypeError(f"{op}: needs a Tensor, got {type(value).__name__}; make one with tensor(...)")


def device_of(node: Node) -> Device:
    """Returns the device on which a node is, or will be, computed."""
    return node.device or get_device(None)


def number(value: Any) -> Scalar:
    """Returns a NumPy scalar as a Python number, and a Python number as it is."""
    if isinstance(value, np.generic):
        value = value.item()
    if isinstance(value, bool | int | float):
        return value
    raise DTypeError(f"expected a real number, got {type(value).__name__}")


def constant(value: Scalar, dtype: DType) -> Node:
    """Returns a number as a node: an argument of the kernels, no part of their text.

    Raises:
        DTypeError: if an integer dtype cannot hold it.
    """
    if dtype.is_floating_point:
        return scalar(float(value), dtype)
    if dtype is bool_:
        return scalar(bool(value), dtype)
    low, high = _LIMITS[dtype.name]
    if not low <= value <= high:
        raise DTypeError(
            f"{value} does not fit {dtype.name} ({low} to {high}); cast the tensor first"
        )
    return scalar(int(value), dtype)


def cast(node: Node, dtype: DType) -> Node:
    """Returns `node` in another dtype; itself if it has it."""
    return node if node.dtype is dtype else elementwise.cast(node, dtype=dtype)


def floating(node: Node) -> Node:
    """Returns a float node as it is, and others as float32."""
    return node if node.dtype.is_floating_point else elementwise.cast(node, dtype=float32)


def fill(value: Scalar, shape: Shape, dtype: DType, device: Device | None) -> Node:
    """Returns a node of `shape` full of one number; it takes no memory until it must."""
    if dtype.is_half:
        value = rounded_number(value, dtype)  # other numbers are used as they are
    node = constant(value, dtype)
    node.device = device
    return movement.expand(node, shape=shape)


def reshape(node: Node, shape: Shape) -> Node:
    """Returns `node` in another shape; itself if it has it."""
    return node if node.shape == shape else movement.reshape(node, shape=shape)


def expand(node: Node, shape: Shape) -> Node:
    """Returns `node` broadcast to a shape; itself if it has it."""
    return node if node.shape == shape else movement.expand(node, shape=shape)


def upload(array: np.ndarray[Any, Any], device: Device | None) -> Node:
    """Returns a node that holds a copy of an array on a device (None: the default one)."""
    return engine.upload(array, device or get_device(None))


def operand(op: str, value: Any, like: Node) -> Node:
    """Returns an operand as a node beside `like`; a number takes its dtype, raised if need be."""
    if isinstance(value, Handle):
        return value.node
    if isinstance(value, np.ndarray):
        return upload(value, like.device)
    if not isinstance(value, bool | int | float | np.generic):
        raise DTypeError(f"{op}: needs a Tensor, an array or a number, got {type(value).__name__}")
    value = number(value)
    own_dtype = of_scalar(value)
    dtype = own_dtype if own_dtype.category > like.dtype.category else like.dtype
    return constant(value, dtype)


def common(a: DType, b: DType, a_dims: int, b_dims: int) -> DType:
    """Returns the dtype in which two tensors meet."""
    if a.category == b.category and (a_dims == 0) != (b_dims == 0):
        return b if a_dims == 0 else a
    return promote(a, b)


def operands(op: str, a: Any, b: Any) -> tuple[Node, Node]:
    """Returns two operands as nodes of one dtype."""
    if isinstance(a, Handle):
        left, right = a.node, operand(op, b, a.node)
        weak = not isinstance(b, Handle | np.ndarray)
    elif isinstance(b, Handle):
        left, right = operand(op, a, b.node), b.node
        weak = not isinstance(a, np.ndarray)
    else:
        raise DTypeError(
            f"{op}: one operand must be a Tensor, got {type(a).__name__} and {type(b).__name__}"
        )
    if cast_mode.dtype is not None:
        left, right = adapted(op, left), adapted(op, right)
    x, y = left.dtype, right.dtype
    if x is y:
        return left, right
    dtype = promote(x, y) if weak else common(x, y, left.ndim, right.ndim)
    return cast(left, dtype), cast(right, dtype)


def binary(primitive: Primitive, a: Any, b: Any) -> Tensor:
    """Returns a primitive of two operands, in the dtype in which they meet."""
    if isinstance(a, Handle):
        left = a.node
        dtype = left.signature.spec[1]
        if isinstance(b, Handle):
            right = b.node
            if right.signature.spec[1] is dtype:
                return wrap(apply(primitive, (left, right)))
        elif dtype.kind == "f" and (type(b) is float or type(b) is int):
            return wrap(apply(primitive, (left, scalar(float(b), dtype))))
    return wrap(apply(primitive, operands(primitive.name, a, b)))


def unary(primitive: Primitive, x: Any) -> Tensor:
    """Returns a primitive of one tensor, in its dtype."""
    return wrap(apply(primitive, (unwrap(primitive.name, x),)))


def unary_float(primitive: Primitive, x: Any) -> Tensor:
    """Returns a primitive of one tensor; integers and bools become float32 first."""
    return wrap(apply(primitive, (floating(unwrap(primitive.name, x)),)))


def truth(node: Node) -> Node:
    """Returns a node as bool: whether it is not zero."""
    return cast(node, bool_)


def listed_dims(op: str, dim: Dims, axis: Dims, ndim: int) -> Shape:
    """Returns normalized dims from `dim` or its alias `axis`.

    Raises:
        ShapeError: if both are given, or a dim is out of range or named twice.
    """
    if axis is not None:
        if dim is not None:
            raise ShapeError(f"{op}: dim and axis are the same argument; give one of them")
        dim = axis
    return normalize_dims(op, dim, ndim)


def size_argument(op: str, size: tuple[Any, ...]) -> Shape:
    """Returns sizes given as `f(2, 3)` or `f((2, 3))` as a tuple of ints.

    Raises:
        ShapeError: if one is no integer.
    """
    if len(size) == 1 and isinstance(size[0], Sequence | np.ndarray):
        size = tuple(size[0])
    try:
        return tuple([s.__index__() for s in size])
    except (AttributeError, TypeError):
        raise ShapeError(f"{op}: sizes must be integers, got {size}") from None


def pair(op: str, name: str, value: Any) -> tuple[int, int]:
    """Returns one int, or two, as two ints.

    Raises:
        ShapeError: if it is neither.
    """
    if type(value) is int:
        return (value, value)
    if type(value) is tuple and [type(v) for v in value] == [int, int]:
        return value
    if hasattr(value, "__index__"):
        return (int(value), int(value))
    listed = tuple(int(v) for v in value)
    if len(listed) == 1:
        return listed * 2
    if len(listed) != 2:
        raise ShapeError(f"{op}: {name} must be one int or two, got {value}")
    return listed


__all__ = ["Handle", "binary", "operand", "own", "rebind", "show", "unary", "unwrap", "wrap"]
