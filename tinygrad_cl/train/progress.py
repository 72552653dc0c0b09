"""The bar of an epoch: samples done, samples per second, running loss and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tqdm.auto import tqdm


class Progress:
    """A tqdm bar in the terminal or notebook, or nothing at all."""

    def __init__(self, title: str, samples: int | None, shown: bool) -> None:
        self._bar: Any = None
        if shown:
            self._bar = tqdm(desc=title, total=samples, unit="img", dynamic_ncols=True)

    def __bool__(self) -> bool:
        return self._bar is not None

    def advance(self, count: int) -> None:
        """Moves the bar on."""
        if self._bar is not None:
            self._bar.update(count)

    def show(self, values: Mapping[str, float]) -> None:
        """Shows values behind the bar."""
        if self._bar is not None:
            self._bar.set_postfix({name: f"{value:.4g}" for name, value in values.items()})

    def close(self) -> None:
        """Leaves the bar as it is."""
        if self._bar is not None:
            self._bar.close()
