"""Random numbers from counters.   Device side: ops/random.cl.   User side: functional/random.py.

Philox4x32-10 (Salmon et al., "Parallel random numbers: as easy as 1, 2, 3", 2011): ten rounds of
multiplications mix a 128-bit counter under a 64-bit key. Element i of a tensor is number
`counter + i` of the key's stream, so its bits depend neither on the device nor on how work is
divided. Four uniform numbers share a block: number m takes word m % 4 of the block of the counter
m // 4 + 2**64. A normal number has the block of the counter m for itself.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from tinygrad_cl.dtypes import float32, int64
from tinygrad_cl.errors import DTypeError
from tinygrad_cl.graph import Primitive, TensorSpec, register
from tinygrad_cl.lowering import Expr

# Multipliers of the halves of a block, and what is added to the halves of the key per round.
_M0, _M1 = np.uint64(0xD2511F53), np.uint64(0xCD9E8D57)
_W0, _W1 = np.uint64(0x9E3779B9), np.uint64(0xBB67AE85)
_LOW, _32 = np.uint64(0xFFFFFFFF), np.uint64(32)


def philox(counter: tuple[Any, Any, Any, Any], key: tuple[Any, Any]) -> tuple[Any, Any, Any, Any]:
    """Returns the four 32-bit words of Philox4x32-10 blocks.

    Args:
        counter: four arrays of 32-bit words held in uint64, the lowest first.
        key: two words held in uint64, the lower first.

    Example:
        >>> zero = np.uint64(0)
        >>> [hex(int(word)) for word in philox((zero,) * 4, (zero,) * 2)]
        ['0x6627e8d5', '0xe169c58d', '0xbc57ac4c', '0x9b00dbd8']
    """
    (c0, c1, c2, c3), (k0, k1) = counter, key
    for _ in range(10):
        p0, p1 = _M0 * c0, _M1 * c2
        c0, c1, c2, c3 = (p1 >> _32) ^ c1 ^ k0, p1 & _LOW, (p0 >> _32) ^ c3 ^ k1, p0 & _LOW
        k0, k1 = (k0 + _W0) & _LOW, (k1 + _W1) & _LOW
    return c0, c1, c2, c3


def _blocks(at: Any, key: Any, third: int) -> tuple[Any, Any, Any, Any]:
    """Returns the words of the blocks whose counters are `at`, with a third word."""
    wide, zero = key.astype(np.uint64), np.zeros_like(at)
    counter = (at & _LOW, at >> _32, zero + np.uint64(third), zero)
    return philox(counter, (wide & _LOW, wide >> _32))


def _np_uniform(index: Any, key: Any, counter: Any) -> Any:
    number = index.astype(np.uint64) + counter.astype(np.uint64)
    place = (number & np.uint64(3)).astype(np.int64)
    word = np.choose(place, _blocks(number >> np.uint64(2), key, 1))
    return np.asarray((word >> np.uint64(8)) * 2.0**-24, np.float32)


def _np_normal(index: Any, key: Any, counter: Any) -> Any:
    number = index.astype(np.uint64) + counter.astype(np.uint64)
    first, second, _, _ = _blocks(number, key, 0)
    u = np.asarray(first.astype(np.float32) * np.float32(2.0**-32) + np.float32(2.0**-33), float)
    v = (second >> np.uint64(8)) * 2.0**-24
    return np.asarray(np.sqrt(-2 * np.log(u)) * np.cos(2 * np.pi * v), np.float32)


def row(name: str, function: Callable[..., Any], text: str, in_order: str = "") -> Primitive:
    """Registers a generator of float32 numbers from (index, key, counter)."""

    def spec(index: TensorSpec, key: TensorSpec, counter: TensorSpec) -> TensorSpec:
        number = TensorSpec((), int64)
        if index.dtype is not int64 or key != number or counter != number:
            raise DTypeError(
                f"{name}: needs an int64 index, and an int64 number as key and counter"
            )
        return TensorSpec(index.shape, float32)

    return register(Primitive(name, spec, function, Expr(text, in_order=in_order)))


# fmt: off
# uniform: 0 <= u < 1; normal: mean 0, deviation 1
random_uniform = row("random_uniform", _np_uniform, "PHILOX_UNIFORM({0}, {1}, {2})",
                     in_order="PHILOX_DRAWN({run}, {0}, {1}, {2})")
random_normal  = row("random_normal",  _np_normal,  "PHILOX_NORMAL({0}, {1}, {2})")
# fmt: on
