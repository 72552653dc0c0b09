"""Element types and their promotion.

A `DType` names one element type in the three places where it appears: NumPy (`numpy`), device
memory (`storage`, the OpenCL C type of a buffer's elements) and registers (`tag`, the suffix of the
macros in `ops/prelude.cl`). `float16` is a storage type only: kernels load it into `f32` registers.
`bool` is stored as `uchar` 0 or 1 and computed as a mask, 0 or -1 in each lane of an `int`
register.

Promotion follows PyTorch: the category (bool < integer < float) decides first, then the width; a
Python scalar is weak, it only ever raises the category (NEP 50).
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

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
        """The NumPy dtype of the same name."""
        return np.dtype(self.name)

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
float32 = DType("float32", "f", 4, "float", "f32", 5)
float64 = DType("float64", "f", 8, "double", "f64", 6)

ALL = (bool_, uint8, int32, int64, float16, float32, float64)
_BY_NAME = {d.name: d for d in ALL} | {
    "float": float32,
    "double": float64,
    "half": float16,
    "int": int32,
    "long": int64,
    "byte": uint8,
}
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
        >>> promote(int64, float16), promote(uint8, int32), promote(bool_, uint8)
        (tinygrad_cl.float16, tinygrad_cl.int32, tinygrad_cl.uint8)
    """
    if a.category != b.category:
        return a if a.category > b.category else b
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
