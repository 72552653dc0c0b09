"""Grad modes: whether new values record how they were computed."""

from __future__ import annotations

import functools
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from tinygrad_cl.graph import grad_mode

F = TypeVar("F", bound=Callable[..., Any])


class _Mode:
    """A grad mode for a block, a function, or (set_grad_enabled) from now on."""

    mode = True

    def __init__(self) -> None:
        self._before: list[bool] = []

    def __enter__(self) -> None:
        self._before.append(grad_mode.enabled)
        grad_mode.enabled = self.mode

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        grad_mode.enabled = self._before.pop()

    def __call__(self, function: F) -> F:
        """Returns the function with this mode around each call."""

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            before, grad_mode.enabled = grad_mode.enabled, self.mode
            try:
                return function(*args, **kwargs)
            finally:
                grad_mode.enabled = before

        return inside  # type: ignore[return-value]


class _Plain(_Mode):
    """A mode that decorates a function with or without parentheses."""

    def __new__(cls, function: Callable[..., Any] | None = None) -> Any:
        """Returns a mode, or the function with this mode around each call."""
        made = super().__new__(cls)
        if function is None:
            return made
        made.__init__()  # type: ignore[misc]
        return made(function)


class no_grad(_Plain):
    """Records no gradients in a block or in a function.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.ones(2, requires_grad=True)
        >>> with tg.no_grad():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    mode = False


class enable_grad(_Plain):
    """Records gradients in a block or in a function, inside `no_grad`.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.ones(2, requires_grad=True)
        >>> with tg.no_grad(), tg.enable_grad():
        ...     y = x * 2
        >>> y.requires_grad
        True
    """

    mode = True


class inference_mode(_Mode):
    """Records no gradients in a block or in a function: `no_grad`, which may be switched off.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.ones(2, requires_grad=True)
        >>> with tg.inference_mode():
        ...     y = x * 2
        >>> y.requires_grad
        False
    """

    def __new__(cls, mode: Any = True) -> Any:
        """Returns a mode, or a given function with this mode around each call."""
        made = super().__new__(cls)
        if isinstance(mode, bool):
            return made
        made.__init__()  # type: ignore[misc]
        return made(mode)

    def __init__(self, mode: bool = True) -> None:
        super().__init__()
        self.mode = not mode


class set_grad_enabled(_Mode):
    """Switches the recording of gradients, from now on or for a block or a function.

    Example:
        >>> import tinygrad_cl as tg
        >>> with tg.set_grad_enabled(False):
        ...     print(tg.is_grad_enabled())
        False
    """

    def __init__(self, mode: bool) -> None:
        super().__init__()
        self.mode = bool(mode)
        self._first: bool | None = grad_mode.enabled
        grad_mode.enabled = self.mode

    def __enter__(self) -> None:
        if (
            self._first is not None
        ):  # `with set_grad_enabled(...)`: the constructor has switched already
            grad_mode.enabled, self._first = self._first, None
        super().__enter__()

    def __call__(self, function: F) -> F:
        """Returns the function with this mode around each call, and takes back the switch."""
        if self._first is not None:
            grad_mode.enabled, self._first = self._first, None
        return super().__call__(function)


def is_grad_enabled() -> bool:
    """Returns True if new values record how they were computed."""
    return grad_mode.enabled
