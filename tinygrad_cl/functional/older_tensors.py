"""Names that PyTorch keeps for making tensors, and for asking what they are."""

from __future__ import annotations

import builtins
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from tinygrad_cl import dtypes
from tinygrad_cl.dtypes import DType, Scalar
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import creation
from tinygrad_cl.functional.base import Handle
from tinygrad_cl.runtime.device import Device, get_device

if TYPE_CHECKING:
    from tinygrad_cl.functional.creation import DeviceLike, DTypeLike
    from tinygrad_cl.tensor import Tensor


def device(type: str | Device = "cpu", index: int | None = None) -> Device:
    """Returns the device of a name, as `x.to(device)` takes it.

    Args:
        type: "numpy", "opencl", "opencl:gpu", "opencl:1"; "cpu" is the default device if that is
            the processor, else "numpy"; "cuda" is the best OpenCL GPU.
        index: a number, as in "opencl:1" and "cuda:0".

    Raises:
        DeviceError: if there is no such device.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.zeros(2, device=tg.device("numpy")).device.name
        'numpy'
    """
    return get_device(type if index is None else f"{type}:{index}")


def is_tensor(obj: object) -> builtins.bool:
    """Returns whether something is a tensor.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.is_tensor(tg.ones(1)), tg.is_tensor([1.0])
        (True, False)
    """
    return isinstance(obj, Handle)


def numel(input: Tensor) -> builtins.int:
    """Returns the number of elements.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.numel(tg.ones(2, 3))
        6
    """
    return input.numel()


def is_floating_point(input: Tensor) -> builtins.bool:
    """Returns whether the dtype is one of floats.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.is_floating_point(tg.ones(1))
        True
    """
    return input.dtype.is_floating_point


def is_complex(input: Tensor) -> builtins.bool:
    """Returns False: there are no complex tensors.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.is_complex(tg.ones(1))
        False
    """
    return False


def is_nonzero(input: Tensor) -> builtins.bool:
    """Returns whether the one element is not zero.

    Raises:
        ShapeError: if there is not exactly one element.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.is_nonzero(tg.tensor([0.0]))
        False
    """
    if input.numel() != 1:
        raise ShapeError(f"is_nonzero: needs one element, got shape {input.shape}")
    return bool(input.item() != 0)


def scalar_tensor(s: Scalar, dtype: DTypeLike = None, device: DeviceLike = None) -> Tensor:
    """Returns a tensor without dims.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.scalar_tensor(3)
        tensor(3.)
    """
    return creation.tensor(s, dtype or dtypes.float32, device)


def use_deterministic_algorithms(mode: builtins.bool, *, warn_only: builtins.bool = False) -> None:
    """Does nothing: all results are deterministic, whatever `mode` says.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.use_deterministic_algorithms(True)
    """


def new(input: Tensor, *size: Any) -> Tensor:
    """Returns a tensor of the same dtype and device, of zeros or of given data.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.ones(3).new(2).shape, tg.ones(3).new([5.0, 6.0]).tolist()
        ((2,), [5.0, 6.0])
    """
    return _made(input.dtype, size, input.device)


def cuda(input: Tensor, device: Any = None, non_blocking: bool = False) -> Tensor:
    """Moves a tensor to an OpenCL GPU: the best one, or the one of a number or name.

    Args:
        input: the tensor.
        device: None, a number, or a device.
        non_blocking: taken over from PyTorch.

    Raises:
        DeviceError: if there is none.
    """
    return input.to(device=gpu_name(device))


def gpu_name(device: Any) -> Any:
    """Returns the device that `.cuda(device)` names."""
    if device is None:
        return "cuda"
    return f"cuda:{device}" if isinstance(device, int) else device


def _made(dtype: DType, data: tuple[Any, ...], device: DeviceLike = None) -> Tensor:
    if all(isinstance(size, builtins.int) for size in data):
        return creation.zeros(*(data or (0,)), dtype=dtype, device=device)
    if len(data) != 1:
        raise ShapeError(f"a tensor is made of sizes or of one list, got {len(data)} arguments")
    return creation.tensor(data[0], dtype, device)


def _typed(name: str, dtype: DType) -> Callable[..., Tensor]:
    def make(*data: Any) -> Tensor:
        return _made(dtype, data)

    make.__name__ = make.__qualname__ = name
    make.__doc__ = f"""Returns a {dtype.name} tensor: of zeros of some sizes, or of given data.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.{name}([1, 0]).dtype.name, tg.{name}(2, 3).shape
        ('{dtype.name}', (2, 3))
    """
    return make


FloatTensor = _typed("FloatTensor", dtypes.float32)
DoubleTensor = _typed("DoubleTensor", dtypes.float64)
HalfTensor = _typed("HalfTensor", dtypes.float16)
IntTensor = _typed("IntTensor", dtypes.int32)
LongTensor = _typed("LongTensor", dtypes.int64)
ByteTensor = _typed("ByteTensor", dtypes.uint8)
BoolTensor = _typed("BoolTensor", dtypes.bool_)
