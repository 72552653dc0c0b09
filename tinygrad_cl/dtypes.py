"""Element types and their promotion.

A `DType` names one element type in the three places where it appears: NumPy (`numpy`), device
memory (`storage`, the OpenCL C type of a buffer's elements) and registers (`tag`, the suffix of the
macros in `ops/prelude.cl`). `float16` and `bfloat16` are storage types only: kernels load them into
`f32` registers. NumPy has no bfloat16: its arrays come from the package `ml_dtypes`.
`bool` is stored as `uchar` 0 or 1 and computed as a mask, 0 or -1 in each lane of an `int`
register.

Promotion follows PyTorch: the category (bool < integer < float) decides first, then the width (the
two halves meet in float32); a Python scalar is weak, it only ever raises the category (NEP 50).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from tinygrad_cl.errors import DTypeError

Scalar = bool | int | float


@dataclass(frozen=True, slots=True, eq=False)
class DType:
    """One element type. Instances are unique: compare them with `is`."""

    name: str
    kind: str  # "b" bool, "u" unsigned, "i" signed, "f" float, as in NumPy
    itemsize: int
    storage: str
    tag: str
    rank: int  # order of promotion inside a category

    @property
    def numpy(self) -> np.dtype[np.generic]:
        """The NumPy dtype of the same name; for bfloat16 that of the package `ml_dtypes`.

        Raises:
            DTypeError: for bfloat16 if `ml_dtypes` is not installed.
        """
        return _numpy_bfloat16() if self is bfloat16 else np.dtype(self.name)

    @property
    def is_half(self) -> bool:
        """True for the floats of 16 bits: they are computed as float32, and rounded when stored."""
        return self.storage in HALVES

    @property
    def is_floating_point(self) -> bool:
        """True for the float dtypes."""
        return self.kind == "f"

    @property
    def is_integer(self) -> bool:
        """True for the integer dtypes; `bool` is not one."""
        return self.kind in "ui"

    @property
    def category(self) -> int:
        """0 for bool, 1 for integers, 2 for floats."""
        return "buif".index(self.kind) - (self.kind in "if")

    def __repr__(self) -> str:
        return f"tinygrad_cl.{self.name}"

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return dtype, (self.name,)


bool_ = DType("bool", "b", 1, "uchar", "b", 0)
uint8 = DType("uint8", "u", 1, "uchar", "u8", 1)
int32 = DType("int32", "i", 4, "int", "i32", 2)
int64 = DType("int64", "i", 8, "long", "i64", 3)
float16 = DType("float16", "f", 2, "half", "f32", 4)
bfloat16 = DType("bfloat16", "f", 2, "bfloat", "f32", 4)
float32 = DType("float32", "f", 4, "float", "f32", 5)
float64 = DType("float64", "f", 8, "double", "f64", 6)

HALVES = ("half", "bfloat")  # the storage types of 16 bits that are computed as float
ALL = (bool_, uint8, int32, int64, float16, bfloat16, float32, float64)
_BY_NAME = {d.name: d for d in ALL} | {
    "float": float32,
    "double": float64,
    "half": float16,
    "int": int32,
    "long": int64,
    "byte": uint8,
}
_BY_NUMPY = {d.numpy: d for d in ALL if d is not bfloat16}
_BY_PYTHON_TYPE: dict[type, DType] = {bool: bool_, int: int64, float: float32}


def dtype(of: object) -> DType:
    """Returns the `DType` that a name, a NumPy dtype or a Python scalar type stands for.

    Raises:
        DTypeError: for element types that the library does not have (complex, strings, objects).

    Example:
        >>> import numpy as np
        >>> dtype("float32"), dtype(np.int64), dtype(float)
        (tinygrad_cl.float32, tinygrad_cl.int64, tinygrad_cl.float32)
    """
    if isinstance(of, DType):
        return of
    if isinstance(of, np.dtype) and of in _BY_NUMPY:
        return _BY_NUMPY[of]
    if isinstance(of, type) and of in _BY_PYTHON_TYPE:
        return _BY_PYTHON_TYPE[of]
    if isinstance(of, str) and of in _BY_NAME:
        return _BY_NAME[of]
    try:
        name = np.dtype(of).name  # type: ignore[call-overload]
    except TypeError:
        name = str(of)
    if name not in _BY_NAME:
        have = ", ".join(d.name for d in ALL)
        raise DTypeError(f"dtype {name} is not supported; use one of {have}")
    return _BY_NAME[name]


@cache
def promote(a: DType, b: DType) -> DType:
    """Returns the dtype in which `a` and `b` meet, as PyTorch promotes two tensors.

    Example:
        >>> promote(int64, float16), promote(uint8, int32), promote(float16, bfloat16)
        (tinygrad_cl.float16, tinygrad_cl.int32, tinygrad_cl.float32)
    """
    if a.category != b.category:
        return a if a.category > b.category else b
    if a.rank == b.rank and a is not b:
        return float32
    return a if a.rank >= b.rank else b


def promote_scalar(tensor: DType, value: Scalar) -> DType:
    """Returns the dtype of a tensor combined with a weak Python scalar.

    Example:
        >>> promote_scalar(float16, 2.5), promote_scalar(int32, 2.5), promote_scalar(uint8, 3)
        (tinygrad_cl.float16, tinygrad_cl.float32, tinygrad_cl.uint8)
    """
    scalar = of_scalar(value)
    return scalar if scalar.category > tensor.category else tensor


def of_scalar(value: Scalar) -> DType:
    """Returns the dtype that a Python scalar has by itself: bool, int64 or float32."""
    if isinstance(value, bool):
        return bool_
    return int64 if isinstance(value, int) else float32


@cache
def _numpy_bfloat16() -> np.dtype[np.generic]:
    try:
        from ml_dtypes import bfloat16 as found
    except ImportError as error:
        raise DTypeError(
            "bfloat16 needs the package ml_dtypes, as NumPy has no such dtype: "
            "pip install 'tinygrad-cl[bfloat16]'"
        ) from error
    named: np.dtype[np.generic] = np.dtype(found)
    return named


def widened(array: Any) -> Any:
    """Returns a NumPy array of bfloat16 as float32, and any other array as it is.

    Most of NumPy's functions do not know bfloat16. The values are the same.

    Example:
        >>> widened(np.zeros(2, bfloat16.numpy)).dtype, widened(np.zeros(2, np.float16)).dtype
        (dtype('float32'), dtype('float16'))
    """
    if array.dtype.kind != "V" or array.dtype.name != bfloat16.name:
        return array
    return array.astype(np.float32)


def number_array(value: object, kind: DType) -> np.ndarray[Any, Any]:
    """Returns a run-time number of a dtype as NumPy references and kernels meet it.

    Beside floats of 16 bits it is a float32: what is rounded is the result, as in PyTorch.

    Example:
        >>> number_array(0.1, float16).dtype, number_array(3, int64).dtype
        (dtype('float32'), dtype('int64'))
    """
    with np.errstate(all="ignore"):
        return np.asarray(value, np.float32 if kind.is_half else kind.numpy)


def rounded_number(value: float, kind: DType) -> float:
    """Returns a number as a float dtype holds it.

    Example:
        >>> rounded_number(0.3, float16), rounded_number(0.25, float16)
        (0.300048828125, 0.25)
    """
    with np.errstate(all="ignore"):
        return float(np.asarray(value, kind.numpy))


def as_array(value: Any) -> np.ndarray[Any, Any]:
    """Returns `numpy.asarray(value)`, also of PyTorch's bfloat16 tensors, which NumPy cannot read.

    Example:
        >>> as_array([1, 2])
        array([1, 2])
    """
    if str(getattr(value, "dtype", "")) == "torch.bfloat16":
        return np.asarray(value.detach().cpu().float()).astype(bfloat16.numpy)
    return np.asarray(value)


# Bits of the mantissa, and the largest exponent.
_FLOATS = {"float16": (10, 15), "bfloat16": (7, 127), "float32": (23, 127), "float64": (52, 1023)}


class finfo:
    """The numbers that a float dtype can hold, as PyTorch's `torch.finfo`.

    Args:
        dtype: a float dtype.

    Attributes:
        bits: of one number.
        eps: the step from 1 to the next larger number.
        max: the largest finite number.
        min: `-max`.
        tiny, smallest_normal: the smallest positive number of full precision.
        resolution: a power of ten: decimals that always come back.
        dtype: the dtype's name.

    Raises:
        DTypeError: for other dtypes.

    Example:
        >>> finfo(bfloat16).eps, finfo(float16).max
        (0.0078125, 65504.0)
    """

    def __init__(self, dtype: object = "float32") -> None:
        kind = _of(dtype, "f", "finfo")
        mantissa, exponent = _FLOATS[kind.name]
        self.bits = 8 * kind.itemsize
        self.eps = 2.0**-mantissa
        self.max = (2.0 - self.eps) * 2.0**exponent
        self.min = -self.max
        self.tiny = self.smallest_normal = 2.0 ** (1 - exponent)
        self.resolution = float(f"1e-{math.floor(mantissa * math.log10(2))}")
        self.dtype = kind.name

    def __repr__(self) -> str:
        names = ("resolution", "min", "max", "eps", "smallest_normal", "tiny")
        shown = ", ".join(f"{name}={getattr(self, name):g}" for name in names)
        return f"finfo({shown}, dtype={self.dtype})"


class iinfo:
    """The numbers that an integer dtype can hold, as PyTorch's `torch.iinfo`.

    Args:
        dtype: an integer dtype.

    Attributes:
        bits: of one number.
        min, max: the least and the largest number.
        dtype: the dtype's name.

    Raises:
        DTypeError: for other dtypes.

    Example:
        >>> iinfo(uint8)
        iinfo(min=0, max=255, dtype=uint8)
    """

    def __init__(self, dtype: object) -> None:
        kind = _of(dtype, "ui", "iinfo")
        self.bits = 8 * kind.itemsize
        self.min = 0 if kind.kind == "u" else -(1 << (self.bits - 1))
        self.max = self.min + (1 << self.bits) - 1
        self.dtype = kind.name

    def __repr__(self) -> str:
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"


def _of(given: object, kinds: str, op: str) -> DType:
    kind = dtype(given)
    if kind.kind not in kinds:
        wanted = ", ".join(d.name for d in ALL if d.kind in kinds)
        raise DTypeError(f"{op}: needs one of {wanted}, got {kind.name}")
    return kind
