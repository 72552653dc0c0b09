"""Random numbers on the host: generators, their states, and one stream per batch.

While a `DataLoader` prepares a batch, whatever draws without a generator of its own (samplers,
augmentations, a data set that asks `current_generator`) draws from a stream that depends on the
epoch's key and the batch's number only. So neither the number nor the kind of workers changes what
is drawn, and a resumed run draws what the interrupted one would have drawn.
"""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator, Mapping
from typing import Any, cast

import numpy as np

from tinygrad_cl.errors import DataError, StateError
from tinygrad_cl.functional.random import Generator, default_generator

AnyGenerator = np.random.Generator | Generator
Key = tuple[int, ...]  # of a stream of random numbers; each from 0 to 2**64 - 1


class _Scope(threading.local):
    key: Key | None = None
    generator: np.random.Generator | None = None


_scope = _Scope()


@contextlib.contextmanager
def stream(key: Key) -> Iterator[None]:
    """Makes `current_generator` of this thread draw from the stream of a key within the block."""
    before = _scope.key, _scope.generator
    _scope.key, _scope.generator = key, None
    try:
        yield
    finally:
        _scope.key, _scope.generator = before


def current_generator() -> np.random.Generator:
    """Returns the NumPy generator to draw from: that of the batch that is being prepared.

    Within a `DataLoader`'s batch (in a data set, a `collate_fn`, a `transform`) it depends on the
    epoch and the batch alone, so its numbers are the same with any workers and in a resumed run.
    Elsewhere it is a new generator, seeded by the library's default generator (`manual_seed`).

    Example:
        >>> import tinygrad_cl as tg
        >>> _ = tg.manual_seed(3)
        >>> first = current_generator().random()
        >>> _ = tg.manual_seed(3)
        >>> first == current_generator().random()
        True
    """
    if _scope.key is None:
        return make_generator(None, None)
    if _scope.generator is None:  # made when it is needed: it takes longer than a small batch
        _scope.generator = np.random.default_rng(_scope.key)
    return _scope.generator


def make_generator(seed: int | None, generator: AnyGenerator | None) -> np.random.Generator:
    """Returns `generator`, or one from `seed`, or else one from the library's default generator.

    Raises:
        DataError: if both are given, or one is no seed or generator.
    """
    if seed is not None:
        return np.random.default_rng(checked_seed(seed, generator))
    if isinstance(generator, np.random.Generator):
        return generator
    return np.random.default_rng(draw_key(check_generator(generator)))


def sampling_generator(generator: AnyGenerator | None) -> np.random.Generator:
    """Returns what samplers and augmentations draw from: their own generator, or the current."""
    return current_generator() if generator is None else make_generator(None, generator)


def checked_seed(seed: int, generator: AnyGenerator | None) -> int:
    """Returns a seed if it is one and comes alone.

    Raises:
        DataError: otherwise.
    """
    if generator is not None:
        raise DataError("give a seed or a generator, not both")
    if isinstance(seed, bool) or not isinstance(seed, int | np.integer) or seed < 0:
        raise DataError(f"a seed must be an int of at least 0, got {seed!r}")
    return int(seed)


def check_generator(generator: Any) -> AnyGenerator | None:
    """Returns `generator` if it can be drawn from.

    Raises:
        DataError: otherwise.
    """
    if generator is None or isinstance(generator, np.random.Generator | Generator):
        return generator
    raise DataError(
        "a generator must be a numpy.random.Generator or a tinygrad_cl.Generator, got "
        f"{type(generator).__name__}"
    )


def draw_key(generator: AnyGenerator | None) -> Key:
    """Returns the key of a new stream, drawn from a generator; None for the library's default."""
    if isinstance(generator, np.random.Generator):
        return (int(generator.integers(2**63)),)
    return tuple(number % 2**64 for number in (generator or default_generator).advance(1))


def peek_key() -> Key:
    """Returns the key that the library's default generator stands at; draws nothing."""
    return tuple(number % 2**64 for number in default_generator.get_state())


def seeds_of(key: Key, count: int) -> list[int]:
    """Returns seeds of 32 bits that a key determines."""
    return [int(word) for word in np.random.SeedSequence(key).generate_state(count)]


def generator_state(generator: AnyGenerator | None) -> Any:
    """Returns a generator's state as plain numbers, strings and lists; None for None."""
    if isinstance(generator, np.random.Generator):
        return _plain(generator.bit_generator.state)
    return None if generator is None else list(generator.get_state())


def set_generator_state(generator: AnyGenerator | None, state: Any) -> None:
    """Goes back to what `generator_state` returned.

    Raises:
        StateError: if the state is not of such a generator.
    """
    try:
        if isinstance(generator, np.random.Generator) and isinstance(state, Mapping):
            generator.bit_generator.state = dict(state)
            return
        if isinstance(generator, Generator) and [type(n) for n in state] == [int, int]:
            generator.set_state(cast(tuple[int, int], tuple(state)))
            return
    except (TypeError, ValueError, KeyError, OverflowError) as error:
        raise StateError(f"the state of a random generator is malformed ({error})") from error
    if generator is not None or state is not None:
        kind = type(generator).__name__
        raise StateError(f"a state of another random generator does not fit a {kind}")


def _plain(state: Any) -> Any:
    """A state with lists where it has arrays, some of them of dtypes that files do not hold."""
    if isinstance(state, Mapping):
        return {key: _plain(value) for key, value in state.items()}
    return state.tolist() if isinstance(state, np.ndarray) else state
