"""What a checkpoint takes states from and gives them back to: one owner, or a list or dict of them.

An owner has `state_dict` and `load_state_dict` (modules, optimizers, schedules, loaders, callbacks,
scalers), or is a generator of random numbers, of the library or of NumPy.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from tinygrad_cl.errors import ArgumentError, DataError, StateError
from tinygrad_cl.functional.random import Generator, default_generator

_TWISTER = "MT19937"
_PYTHON = 3  # the version of the states of Python's own generator


def states_of(part: str, given: Any) -> Any:
    """Returns the state of an owner; for several, a list or dict of their states.

    Raises:
        ArgumentError: for objects that have no state.
    """
    if isinstance(given, Mapping):
        return {name: states_of(f"{part}[{name!r}]", owner) for name, owner in given.items()}
    if isinstance(given, list | tuple):
        return [states_of(f"{part}[{i}]", owner) for i, owner in enumerate(given)]
    if isinstance(given, Generator):
        return list(given.get_state())
    if isinstance(given, np.random.Generator):
        return _lists(given.bit_generator.state)
    if not hasattr(given, "state_dict") or not hasattr(given, "load_state_dict"):
        raise ArgumentError(
            f"save_checkpoint: {part} is a {type(given).__name__}, which has no state_dict and "
            "load_state_dict"
        )
    return given.state_dict()


def paired(part: str, given: Any, saved: Any) -> Iterator[tuple[Any, Any]]:
    """Yields every owner with its saved state.

    Raises:
        StateError: if there are other owners than there were.
    """
    if isinstance(given, Mapping):
        names = list(saved) if isinstance(saved, Mapping) else None
        if names is None or set(names) != set(given):
            raise StateError(
                f"load_checkpoint: {part}: the file has states of {_listed(names)}, given were "
                f"{_listed(list(given))}"
            )
        for name, owner in given.items():
            yield from paired(f"{part}[{name!r}]", owner, saved[name])
    elif isinstance(given, list | tuple):
        count = len(saved) if isinstance(saved, list | tuple) else None
        if count != len(given):
            there = "one state" if count is None else f"a list of {count} states"
            raise StateError(f"load_checkpoint: {part}: the file has {there}, given {len(given)}")
        for i, owner in enumerate(given):
            yield from paired(f"{part}[{i}]", owner, saved[i])
    else:
        yield given, saved


def restore(owner: Any, state: Any) -> None:
    """Gives an owner its state back."""
    if isinstance(owner, Generator):
        seed, position = state
        owner.set_state((int(seed), int(position)))
    elif isinstance(owner, np.random.Generator):
        owner.bit_generator.state = _arrays(state)
    else:
        owner.load_state_dict(state)


def _listed(names: list[Any] | None) -> str:
    return "one" if names is None else ", ".join(map(str, names)) or "nothing"


def _lists(value: Any) -> Any:
    """A state of NumPy's generators with lists for its arrays of unsigned integers."""
    if isinstance(value, dict):
        return {key: _lists(item) for key, item in value.items()}
    return value.tolist() if isinstance(value, np.ndarray) else value


def _arrays(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _arrays(item) for key, item in value.items()}
    return np.array(value, np.uint64) if isinstance(value, list) else value


# -------------------------------------------------------------------------------- random numbers


def random_state() -> dict[str, Any]:
    """Returns the states of the generators that serve calls which name none.

    Those are the library's, NumPy's and Python's.
    """
    twister = np.random.get_state(legacy=False)
    version, words, gauss = random.getstate()
    state: dict[str, Any] = {"library": list(default_generator.get_state())}
    if twister["bit_generator"] == _TWISTER:
        key = np.asarray(twister["state"]["key"], np.int64)
        rest = [twister["state"]["pos"], twister["has_gauss"], twister["gauss"]]
        state["numpy"] = {"key": key, "rest": rest}
    if version == _PYTHON:
        state["python"] = {"key": np.asarray(words, np.int64), "gauss": gauss}
    return state


def restore_random(state: Any) -> None:
    """Goes back to what `random_state` returned.

    Raises:
        DataError: if the state is malformed; then nothing has changed.
    """
    before = random_state()
    try:
        _set_random(state)
    except (LookupError, TypeError, ValueError, OverflowError, AttributeError) as error:
        _set_random(before)
        raise DataError(f"load_checkpoint: malformed states of random numbers ({error})") from error


def _set_random(state: Any) -> None:
    if "numpy" in state:
        position, has_gauss, gauss = state["numpy"]["rest"]
        key = _words(state["numpy"]["key"]).astype(np.uint32)
        np.random.set_state((_TWISTER, key, position, has_gauss, gauss))
    if "python" in state:
        words = tuple(_words(state["python"]["key"]).tolist())
        random.setstate((_PYTHON, words, state["python"]["gauss"]))
    seed, position = state["library"]
    default_generator.set_state((int(seed), int(position)))


def _words(value: Any) -> np.ndarray:
    words: np.ndarray = value if isinstance(value, np.ndarray) else value.numpy()
    if words.dtype.kind not in "iu" or words.min() < 0 or words.max() >= 1 << 32:
        raise ValueError("words of 32 bits are needed")
    return words
