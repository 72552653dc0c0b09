"""What a row of the test table is made of."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tinygrad_cl import Tensor, tensor

FLOATS = ("float32", "float64", "float16")
WIDE_FLOATS = ("float32", "float64")
INTS = ("int32", "int64", "uint8")
NUMBERS = FLOATS + INTS
ANY = (*NUMBERS, "bool")

# Relative and absolute, between a device and an oracle that computes in float64.
TOLERANCES = {"float64": (1e-12, 1e-13), "float32": (2e-6, 1e-6), "float16": (1.5e-3, 1e-4)}
EXACT = dict.fromkeys(FLOATS, (0.0, 0.0))


@dataclass(frozen=True)
class View:
    """An array that reaches the op as a view of another tensor: same values, another layout."""

    array: np.ndarray
    how: str

    @property
    def base(self) -> np.ndarray:
        """The array of the tensor that is viewed."""
        a = self.array
        if self.how == "permuted":
            return np.ascontiguousarray(a.transpose())
        if self.how == "flipped":
            return np.ascontiguousarray(np.flip(a))
        if self.how == "sliced":
            wide = np.zeros((*a.shape[:-1], 2 * a.shape[-1] + 1), a.dtype)
            wide[..., 1::2] = a
            return wide
        assert self.how == "inner"
        return np.pad(a, 1)

    def of(self, base: Tensor) -> Tensor:
        """The view of the tensor that holds `base`."""
        if self.how == "permuted":
            return base.permute(*range(base.ndim - 1, -1, -1))
        if self.how == "flipped":
            return base.flip(*range(base.ndim))
        if self.how == "sliced":
            return base[..., 1::2]
        return base[tuple(slice(1, size - 1) for size in base.shape)]


@dataclass(frozen=True)
class Const:
    """A float array for which no gradient is checked."""

    array: np.ndarray


def permuted(array: np.ndarray) -> View:
    return View(array, "permuted")


def flipped(array: np.ndarray) -> View:
    return View(array, "flipped")


def sliced(array: np.ndarray) -> View:
    return View(array, "sliced")


def inner(array: np.ndarray) -> View:
    return View(array, "inner")


class Sample:
    """Arguments of one call: arrays (and views of them) become tensors, everything else stays.

    `grad=False` leaves a sample out of the gradient checks.
    """

    def __init__(self, *args: Any, grad: bool = True, **kwargs: Any) -> None:
        self.args = tuple(map(_array_if_scalar, args))
        self.kwargs = {k: _array_if_scalar(v) for k, v in kwargs.items()}
        self.grad = grad

    def call(self, function: Callable[..., Any], make: Callable[[Any], Any]) -> Any:
        """Calls `function` with every array replaced by what `make` returns for it."""
        args = [_replaced(arg, make) for arg in self.args]
        return function(*args, **{k: _replaced(v, make) for k, v in self.kwargs.items()})

    def leaves(self) -> Iterator[tuple[np.ndarray, bool]]:
        """The arrays of its tensors, and whether gradients are checked for them."""
        found: list[Any] = []
        self.call(lambda *a, **k: None, found.append)
        for leaf in found:
            array = leaf.base if isinstance(leaf, View) else getattr(leaf, "array", leaf)
            yield array, array.dtype.kind == "f" and not isinstance(leaf, Const)

    def __repr__(self) -> str:
        parts = [_brief(arg) for arg in self.args]
        parts += [f"{k}={_brief(v)}" for k, v in self.kwargs.items()]
        return f"({', '.join(parts)})"


def _array_if_scalar(value: Any) -> Any:
    """NumPy makes scalars of 0-d arrays in passing; here they are arrays."""
    if isinstance(value, View | Const):
        return replace(value, array=np.asarray(value.array))
    return np.asarray(value) if isinstance(value, np.generic) else value


def _replaced(value: Any, make: Callable[[Any], Any]) -> Any:
    if isinstance(value, np.ndarray | View | Const):
        return make(value)
    if isinstance(value, list | tuple):
        return type(value)(_replaced(v, make) for v in value)
    return value


def _brief(value: Any) -> str:
    if isinstance(value, View):
        return f"{value.how} {_brief(value.array)}"
    if isinstance(value, Const):
        return _brief(value.array)
    if isinstance(value, np.ndarray):
        return f"{value.dtype}{list(value.shape)}"
    return str([_brief(v) for v in value]) if isinstance(value, list | tuple) else repr(value)


def as_array(value: Any) -> np.ndarray:
    """The values of an array argument, for an oracle: floats in float64."""
    array = value if isinstance(value, np.ndarray) else value.array
    return array.astype(np.float64) if array.dtype.kind == "f" else array


def as_tensor(value: Any, device: str) -> Tensor:
    """An array argument as a tensor, through its view."""
    if isinstance(value, View):
        return value.of(tensor(value.base, device=device))
    return tensor(value if isinstance(value, np.ndarray) else value.array, device=device)


class Draw:
    """Draws the arrays of samples, in one dtype, always the same ones."""

    def __init__(self, dtype: str, seed: int = 0) -> None:
        self.dtype = np.dtype(dtype)
        self.rng = np.random.default_rng(seed)

    @property
    def is_float(self) -> bool:
        return self.dtype.kind == "f"

    def normal(self, *shape: int) -> np.ndarray:
        """Standard normal floats, small integers, or bools."""
        if self.is_float:
            return np.asarray(self.rng.standard_normal(shape).astype(self.dtype))
        if self.dtype.kind == "b":
            return np.asarray(self.rng.random(shape) < 0.5)
        low = 0 if self.dtype.kind == "u" else -9
        return np.asarray(self.rng.integers(low, 10, shape).astype(self.dtype))

    def uniform(self, low: float, high: float, *shape: int) -> np.ndarray:
        """Uniform floats, integers in the range, or bools."""
        if self.is_float:
            return np.asarray(self.rng.uniform(low, high, shape).astype(self.dtype))
        if self.dtype.kind == "b":
            return np.asarray(self.rng.random(shape) < 0.5)
        first = max(int(low), 0) if self.dtype.kind == "u" else int(low)
        return np.asarray(
            self.rng.integers(first, max(int(high), first) + 1, shape).astype(self.dtype)
        )

    def distinct(self, *shape: int) -> np.ndarray:
        """Values in random order, well apart, around 0 but never 0 (as far as the dtype allows)."""
        count = int(np.prod(shape, dtype=np.int64))
        values = np.arange(count) - count // 2
        if self.is_float:
            return np.asarray(
                (self.rng.permutation(values + 0.5) / 8).reshape(shape).astype(self.dtype)
            )
        return np.asarray(self.rng.permutation(values).reshape(shape).astype(self.dtype))

    def away(self, *shape: int) -> np.ndarray:
        """Floats of a magnitude between 0.3 and 2: away from a corner at 0."""
        sign = np.where(self.rng.random(shape) < 0.5, -1.0, 1.0)
        return np.asarray((sign * self.rng.uniform(0.3, 2.0, shape)).astype(self.dtype))

    def zeros_and_ones(self, *shape: int) -> np.ndarray:
        """Zeros and ones in equal parts."""
        return np.asarray((self.rng.random(shape) < 0.5).astype(self.dtype))

    def index(self, high: int, *shape: int, low: int = 0) -> np.ndarray:
        """Indices from `low` to `high - 1`."""
        return np.asarray(self.rng.integers(low, high, shape).astype(np.int64))

    def mask(self, *shape: int) -> np.ndarray:
        return np.asarray(self.rng.random(shape) < 0.5)

    def array(self, values: Any) -> np.ndarray:
        return np.array(values, self.dtype)


@dataclass(frozen=True)
class Raises:
    """A call that must fail: the exception, a part of its message, and the arguments."""

    error: type[Exception]
    message: str
    sample: Sample


def raises(error: type[Exception], message: str, *args: Any, **kwargs: Any) -> Raises:
    return Raises(error, message, Sample(*args, **kwargs))


@dataclass(frozen=True)
class Tie:
    """A point at a corner of a function, and what the gradient of its sum must be there."""

    sample: Sample
    gradients: tuple[Any, ...]


def tie(*args: Any, gradients: tuple[Any, ...], **kwargs: Any) -> Tie:
    return Tie(Sample(*args, **kwargs), gradients)


@dataclass(frozen=True)
class Case:
    """One row: an op, its oracle, and what it is tried on.

    Attributes:
        name: the row's name in test ids.
        function: the op.
        oracle: its meaning in NumPy and SciPy; receives floats as float64.
        samples: draws the samples of one dtype.
        dtypes: the dtypes of the samples.
        result: the dtype of the result: "same", a name, or a function of the dtype's name.
        tolerances: relative and absolute, for float dtypes that differ from the default.
        gradient: False where there is none; else first and second derivatives are checked in
            float64.
        check: keyword arguments for `gradcheck`.
        ties: gradients at corners.
        errors: calls that must fail.
        host: dtypes in which a device computes on the host, with the reason; not a failure there.
        covers: names of the public functions that the row stands for.
        wants_device: pass `device=` to the function.
        oracle_dtype: give the oracle arrays as they are, not in float64.
    """

    name: str
    function: Callable[..., Any]
    oracle: Callable[..., Any]
    samples: Callable[[Draw], Iterable[Sample]]
    dtypes: tuple[str, ...] = FLOATS
    result: str | Callable[[str], str] = "same"
    tolerances: dict[str, tuple[float, float]] = field(default_factory=dict)
    gradient: bool = True
    check: dict[str, Any] = field(default_factory=dict)
    ties: tuple[Tie, ...] = ()
    errors: tuple[Raises, ...] = ()
    host: dict[str, str] = field(default_factory=dict)
    covers: tuple[str, ...] = ()
    wants_device: bool = False
    oracle_dtype: bool = False

    def __repr__(self) -> str:
        return self.name

    def draws(self, dtype: str) -> list[Sample]:
        """The samples in one dtype."""
        return list(self.samples(Draw(dtype)))

    def result_dtype(self, dtype: str) -> str:
        """The dtype of the result for samples of `dtype`."""
        if callable(self.result):
            return self.result(dtype)
        return dtype if self.result == "same" else self.result

    def tolerance(self, dtype: str) -> tuple[float, float]:
        """Relative and absolute tolerance for results of `dtype`."""
        return self.tolerances.get(dtype) or TOLERANCES.get(dtype, (0.0, 0.0))

    def expected(self, sample: Sample) -> Any:
        """The oracle's answer: an array or a tuple of them."""
        plain = (
            (lambda v: v if isinstance(v, np.ndarray) else v.array)
            if self.oracle_dtype
            else as_array
        )
        with np.errstate(all="ignore"):
            return sample.call(self.oracle, plain)

    def run(self, sample: Sample, device: str) -> list[Tensor]:
        """The op's answer, not yet computed."""
        extra = {"device": device} if self.wants_device else {}
        called = sample.call(
            lambda *a, **k: self.function(*a, **k, **extra), lambda v: as_tensor(v, device)
        )
        return list(called) if isinstance(called, tuple | list) else [called]


def gradient_function(case: Case, samples: list[Sample]) -> Callable[..., tuple[Tensor, ...]]:
    """All samples of a case as one function of the tensors of all their leaves."""

    def function(*leaves: Tensor) -> tuple[Tensor, ...]:
        given = iter(leaves)

        def make(value: Any) -> Tensor:
            leaf = next(given)
            return value.of(leaf) if isinstance(value, View) else leaf

        outputs: list[Tensor] = []
        for sample in samples:
            called = sample.call(case.function, make)
            outputs += called if isinstance(called, tuple | list) else [called]
        return tuple(o for o in outputs if o.dtype.is_floating_point)

    function.__name__ = case.name
    return function


def gradient_leaves(samples: list[Sample], device: str) -> list[Tensor]:
    """The tensors that `gradient_function` takes."""
    return [
        tensor(array, device=device, requires_grad=needs)
        for sample in samples
        for array, needs in sample.leaves()
    ]
