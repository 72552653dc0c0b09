"""The bar of an epoch: samples done, samples per second, running loss and metrics."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from tinygrad_cl.train.history import scalars

_SECONDS = 0.2  # from one showing of values to the next: each waits for the device


class Progress:
    """A tqdm bar in the terminal or notebook, or nothing at all."""

    def __init__(self, title: str, samples: int | None, shown: bool) -> None:
        self._bar: Any = None
        self._next = 0.0
        if shown:
            from tqdm.auto import tqdm  # here: it loads asyncio

            self._bar = tqdm(desc=title, total=samples, unit="img", dynamic_ncols=True)

    def advance(self, count: int) -> None:
        """Moves the bar on."""
        if self._bar is not None:
            self._bar.update(count)

    def due(self) -> bool:
        """Whether there is a bar and it is time for it to show new values."""
        if self._bar is None or time.monotonic() < self._next:
            return False
        self._next = time.monotonic() + _SECONDS
        return True

    def show(self, values: Mapping[str, Any]) -> None:
        """Shows values behind the bar."""
        if self._bar is not None:
            found = scalars(values).items()
            self._bar.set_postfix({name: f"{value:.4g}" for name, value in found})

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self._bar is not None:
            self._bar.close()
