"""Random numbers: counter-based, the same bits on every device.   Primitives: primitives/random.py.

Element i of a tensor is a function of the generator's seed (the key) and of its position plus i
(the counter); drawing moves the position on by the number of elements.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

from tinygrad_cl import dtypes
from tinygrad_cl.dtypes import DType, float16, float32, int64, promote
from tinygrad_cl.errors import DTypeError, ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import rebind, unwrap, wrap
from tinygrad_cl.functional.creation import leaf
from tinygrad_cl.graph import Node, Primitive, scalar
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.primitives import random as primitive
from tinygrad_cl.runtime.device import Device, get_device
from tinygrad_cl.shapes import Shape, numel
from tinygrad_cl.tracing import tracing

if TYPE_CHECKING:
    from tinygrad_cl.functional.creation import DeviceLike, DTypeLike
    from tinygrad_cl.tensor import Tensor


class Generator:
    """A stream of random numbers: a seed and a position.

    A new generator starts at seed 0. The default generator, which serves every call that names
    none, starts each process at a seed drawn by chance, as PyTorch's does: call `manual_seed` for
    the same numbers again.

    Example:
        >>> import tinygrad_cl as tg
        >>> g = tg.Generator().manual_seed(0)
        >>> h = tg.Generator().manual_seed(0)
        >>> bool((tg.rand(3, generator=g) == tg.rand(3, generator=h)).all())
        True
    """

    def __init__(self, seed: int = 0) -> None:
        self.manual_seed(seed)

    def manual_seed(self, seed: int) -> Generator:
        """Starts the stream of a seed from its beginning; returns the generator."""
        return self.set_state((_signed(int(seed)), 0))

    def seed(self) -> int:
        """Starts the stream of a seed drawn by chance, and returns that seed."""
        self.manual_seed(secrets.randbits(63))
        return self._seed

    def initial_seed(self) -> int:
        """Returns the seed of the stream."""
        return self._seed

    def get_state(self) -> tuple[int, int]:
        """Returns (seed, position), for `set_state`."""
        return self._seed, _signed(self._position)

    def set_state(self, state: tuple[int, int]) -> Generator:
        """Goes back to a state that `get_state` returned; returns the generator."""
        self._seed, self._position = int(state[0]), int(state[1])
        tracer = tracing.active
        if tracer is not None:
            tracer.refuse("it sets the state of random numbers")
        return self

    def advance(self, count: int) -> tuple[int, int]:
        """Returns (seed, position) for `count` numbers, and moves on behind them."""
        position = self._position  # without a call up to the next line, where threads might change
        self._position = position + count
        return self._seed, _signed(position)


def _signed(value: int) -> int:
    """The int64 with the same low 64 bits."""
    return (value + 2**63) % 2**64 - 2**63


default_generator = Generator()
default_generator.seed()


def manual_seed(seed: int) -> Generator:
    """Seeds the default generator and returns it.

    Example:
        >>> import tinygrad_cl as tg
        >>> first = tg.manual_seed(7) and tg.rand(2)
        >>> again = tg.manual_seed(7) and tg.rand(2)
        >>> first.tolist() == again.tolist()
        True
    """
    return default_generator.manual_seed(seed)


def initial_seed() -> int:
    """Returns the seed of the default generator; drawn by chance before `manual_seed`."""
    return default_generator.initial_seed()


def draw_numbers(
    kind: Primitive, shape: Shape, device: Device, generator: Generator | None
) -> Node:
    """A float32 node of random numbers."""
    if any(size < 0 for size in shape):
        raise ShapeError(f"random: sizes must not be negative, got {shape}")
    key, position = (generator or default_generator).advance(numel(shape))
    index = m.iota(shape=shape)
    index.device = device
    numbers = scalar(key, int64), scalar(position, int64)
    tracer = tracing.active
    if tracer is not None:
        source = _Stream(generator or default_generator, numel(shape))
        tracer.numbers(numbers, source)
    return kind(index, *numbers)


class _Stream:
    """Where a captured function's random numbers come from: the generator moves on."""

    def __init__(self, generator: Generator, count: int) -> None:
        self._generator = generator
        self._count = count

    def check(self) -> str:
        """Returns "": a generator can always move on."""
        return ""

    def draw(self) -> tuple[int, int]:
        """Returns seed and position for the next numbers."""
        return self._generator.advance(self._count)

    def __str__(self) -> str:
        return f"{self._count} random numbers"


class Place:
    """Where a generator is, to go back to: in the replays of a captured function, too."""

    def __init__(self, generator: Generator) -> None:
        self._generator = generator
        _tell(self)

    def go_back(self) -> None:
        """Lets the generator draw the numbers from here on again."""
        _tell(_Return(self))

    def check(self) -> str:
        """Returns "": a generator is always somewhere."""
        return ""

    def draw(self) -> tuple[()]:
        """Remembers where the generator is now."""
        self._state = self._generator._seed, self._generator._position
        return ()

    def __str__(self) -> str:
        return "random numbers that are drawn again"


class _Return:
    """The way back to a place."""

    def __init__(self, place: Place) -> None:
        self._place = place

    def check(self) -> str:
        """Returns "": there is always a way back."""
        return ""

    def draw(self) -> tuple[()]:
        """Sets the generator back."""
        generator = self._place._generator
        generator._seed, generator._position = self._place._state
        return ()

    def __str__(self) -> str:
        return "the way back to them"


def _tell(source: Place | _Return) -> None:
    source.draw()
    tracer = tracing.active
    if tracer is not None:
        tracer.numbers((), source)


def _floats(
    op: str,
    kind: Primitive,
    shape: Shape,
    dtype: DTypeLike,
    device: DeviceLike,
    generator: Generator | None,
    requires_grad: bool,
) -> Tensor:
    wanted = float32 if dtype is None else dtypes.dtype(dtype)
    if not wanted.is_floating_point:
        raise DTypeError(f"{op}: needs a float dtype, got {wanted.name}")
    node = draw_numbers(kind, shape, get_device(device), generator)
    if wanted.is_half and kind is primitive.random_uniform:
        bits = 11 if wanted is float16 else 8  # as many fit: rounding up would give 1
        node = p.floor(node * 2.0**bits) * 2.0**-bits
    return leaf(base.cast(node, wanted), requires_grad)


def rand(
    *size: Any,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns random numbers, uniform from 0 up to, and without, 1.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.rand(100)
        >>> bool(((x >= 0) & (x < 1)).all())
        True
    """
    shape = base.size_argument("rand", size)
    kind = primitive.random_uniform
    return _floats("rand", kind, shape, dtype, device, generator, requires_grad)


def randn(
    *size: Any,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns random numbers of the standard normal distribution.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.randn(2, 3).shape
        (2, 3)
    """
    shape = base.size_argument("randn", size)
    kind = primitive.random_normal
    return _floats("randn", kind, shape, dtype, device, generator, requires_grad)


def rand_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns `rand` with the shape, dtype and device of `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.rand_like(tg.zeros(2)).shape
        (2,)
    """
    node = unwrap("rand_like", input)
    kind, where = primitive.random_uniform, base.device_of(node)
    wanted = dtype or node.dtype
    return _floats("rand_like", kind, node.shape, wanted, where, generator, requires_grad)


def randn_like(
    input: Tensor,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    requires_grad: bool = False,
) -> Tensor:
    """Returns `randn` with the shape, dtype and device of `input`.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.randn_like(tg.zeros(2)).shape
        (2,)
    """
    node = unwrap("randn_like", input)
    kind, where = primitive.random_normal, base.device_of(node)
    wanted = dtype or node.dtype
    return _floats("randn_like", kind, node.shape, wanted, where, generator, requires_grad)


_WORD = 2**24  # `random_uniform` has 24 random bits


def randint(
    low: int,
    high: Any = None,
    size: Any = None,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
) -> Tensor:
    """Returns random integers from `low` up to, and without, `high`; `low` may be left out.

    Raises:
        ShapeError: if the range is empty or wider than 2**48, or no size is given.

    Example:
        >>> import tinygrad_cl as tg
        >>> sorted(set(tg.randint(3, (100,)).tolist()))
        [0, 1, 2]
    """
    if size is None:
        low, high, size = 0, low, high
    if size is None:
        raise ShapeError("randint: give a size, e.g. randint(0, 10, (3,))")
    span = int(high) - int(low)
    if not 0 < span <= _WORD * _WORD:
        raise ShapeError(f"randint: the range from {low} to {high} must hold 1 to 2**48 numbers")
    shape, where = base.size_argument("randint", (size,)), get_device(device)
    drawn = _word(shape, where, generator)
    if span <= _WORD:  # the high bits of bits * span
        node = p.floor_divide(drawn * span, base.constant(_WORD, int64))
    else:
        both = drawn * _WORD + _word(shape, where, generator)
        node = p.remainder(both, base.constant(span, int64))
    node = node if low == 0 else node + int(low)
    return wrap(base.cast(node, int64 if dtype is None else dtypes.dtype(dtype)))


def _word(shape: Shape, device: Device, generator: Generator | None) -> Node:
    """24 random bits per element, as int64."""
    drawn = draw_numbers(primitive.random_uniform, shape, device, generator)
    return base.cast(drawn * float(_WORD), int64)


def randperm(
    n: int,
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
) -> Tensor:
    """Returns the integers from 0 to n - 1 in random order, drawn on the host from the same stream.

    Raises:
        ShapeError: if n is negative.

    Example:
        >>> import tinygrad_cl as tg
        >>> sorted(tg.randperm(4).tolist())
        [0, 1, 2, 3]
    """
    if n < 0:
        raise ShapeError(f"randperm: n must not be negative, got {n}")
    key, position = (generator or default_generator).advance(n)
    bits = np.random.Philox(key=key % 2**64, counter=[position % 2**64, 0, 1, 0])
    order = np.random.Generator(bits).permutation(n)
    kind: DType = int64 if dtype is None else dtypes.dtype(dtype)
    return wrap(base.upload(order.astype(kind.numpy), get_device(device)))


# --- distributions


def normal(
    mean: float = 0.0,
    std: float = 1.0,
    size: Any = (),
    *,
    generator: Generator | None = None,
    dtype: DTypeLike = None,
    device: DeviceLike = None,
) -> Tensor:
    """Returns normal random numbers with a mean and a standard deviation.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.normal(5.0, 0.0, (2,))
        tensor([5., 5.])
    """
    drawn = randn(size, generator=generator, dtype=dtype, device=device)
    return wrap(drawn.node * float(std) + float(mean))


def bernoulli(input: Tensor, *, generator: Generator | None = None) -> Tensor:
    """Returns 1 with the probabilities given by `input`, and 0 otherwise.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.bernoulli(tg.tensor([0.0, 1.0]))
        tensor([0., 1.])
    """
    node = base.floating(unwrap("bernoulli", input))
    drawn = draw_numbers(primitive.random_uniform, node.shape, base.device_of(node), generator)
    wide = promote(node.dtype, float32)
    hit = p.lt(base.cast(drawn, wide), base.cast(node, wide))
    return wrap(base.cast(hit, node.dtype))


def _refill(op: str, tensor: Tensor, draw: Callable[[Shape, DType, Device], Node]) -> Tensor:
    """Gives a tensor new random values in place, recording nothing."""
    node = unwrap(op, tensor)
    fresh = draw(node.shape, node.dtype, base.device_of(node))
    if node.leaf:
        fresh.leaf = fresh.needs_grad = True
        fresh.hooks = node.hooks
    rebind(tensor, fresh)
    return tensor


def uniform_(
    tensor: Tensor, a: float = 0.0, b: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fills a tensor with uniform random numbers from `a` to `b`; returns it. Leaves stay leaves.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.nn.init.uniform_(tg.zeros(3), 1, 2)
        >>> bool(((x >= 1) & (x <= 2)).all())
        True
    """

    def draw(shape: Shape, dtype: DType, device: Device) -> Node:
        unit = base.cast(draw_numbers(primitive.random_uniform, shape, device, generator), dtype)
        return unit * (float(b) - float(a)) + float(a)

    return _refill("uniform_", tensor, draw)


def normal_(
    tensor: Tensor, mean: float = 0.0, std: float = 1.0, *, generator: Generator | None = None
) -> Tensor:
    """Fills a tensor with normal random numbers; returns it. Leaves stay leaves.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.nn.init.normal_(tg.zeros(3), 4, 0)
        tensor([4., 4., 4.])
    """

    def draw(shape: Shape, dtype: DType, device: Device) -> Node:
        unit = base.cast(draw_numbers(primitive.random_normal, shape, device, generator), dtype)
        return unit * float(std) + float(mean)

    return _refill("normal_", tensor, draw)
