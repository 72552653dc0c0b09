"""`Stateless`: what layers without parameters share, their settings and how these are printed."""

from __future__ import annotations

from typing import Any

from tinygrad_cl.nn.module import Module


class Stateless(Module):
    """A layer that only has settings, each an attribute.

    Example:
        >>> from tinygrad_cl import nn
        >>> nn.Softshrink(0.25)
        Softshrink(lambd=0.25)
    """

    def __init__(self, **settings: Any) -> None:
        super().__init__()
        self._settings = tuple(settings)
        for name, value in settings.items():
            setattr(self, name, value)

    def extra_repr(self) -> str:
        """Returns the settings."""
        shown = [f"{name}={getattr(self, name)!r}" for name in self._settings]
        if getattr(self, "inplace", False):
            shown.append("inplace=True")
        return ", ".join(shown)
