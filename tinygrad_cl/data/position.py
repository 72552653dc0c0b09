"""Where a `DataLoader` is within an epoch, as it is saved and loaded."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tinygrad_cl.data.randomness import Key
from tinygrad_cl.errors import StateError


@dataclass(slots=True)
class Position:
    """A place in an epoch.

    Attributes:
        epoch: how many epochs were walked to their end before.
        batch: how many batches were handed out.
        key: of the epoch's random numbers; None between two epochs.
        sampler: the state of the sampler when the epoch began.
    """

    epoch: int = 0
    batch: int = 0
    key: Key | None = None
    sampler: Any = None

    def state_dict(self) -> dict[str, Any]:
        """Returns the place as plain values."""
        key = None if self.key is None else list(self.key)
        return {"epoch": self.epoch, "batch": self.batch, "key": key, "sampler": self.sampler}

    @staticmethod
    def from_state_dict(state: Mapping[str, Any], samples: int, batch_size: int | None) -> Position:
        """Returns the place that a loader's `state_dict` tells.

        Args:
            state: what it returned.
            samples: of the loader that takes it over; -1 for a stream.
            batch_size: of that loader.

        Raises:
            StateError: if the state is malformed or of a loader with other data or batches.
        """
        name = "DataLoader.load_state_dict"
        if not isinstance(state, Mapping):
            raise StateError(f"{name}: needs the state of a DataLoader, got {type(state).__name__}")
        missing = [k for k in ("epoch", "batch", "key", "samples", "batch_size") if k not in state]
        if missing:
            raise StateError(f"{name}: the state lacks {', '.join(missing)}")
        epoch, batch, key = state["epoch"], state["batch"], state["key"]
        counts = type(epoch) is int and type(batch) is int and min(epoch, batch) >= 0
        keyed = isinstance(key, list | tuple) and 0 < len(key) <= 8
        if not counts or not (key is None or (keyed and all(map(_is_word, key)))):
            raise StateError(f"{name}: the state is malformed")
        if (state["samples"], state["batch_size"]) != (samples, batch_size):
            raise StateError(
                f"{name}: the state is of {state['samples']} samples in batches of "
                f"{state['batch_size']}, and the loader has {samples} in batches of {batch_size}; "
                "make the loader as it was"
            )
        words = None if key is None else tuple(key)
        return Position(epoch, batch, words, state.get("sampler"))


def _is_word(number: object) -> bool:
    return type(number) is int and 0 <= number < 1 << 64
