"""Tracing: where the rooms tell `jit` what a function does while it is being captured.

`tracing.active` is None except while a function is captured; then the engine reports the plans that
it runs and the arrays that it uploads, in-place operations report the tensors that they give a new
value, and whoever makes a number that differs from call to call (a rate, a position in a stream of
random numbers) says where the next one comes from. Objects whose settings a captured function may
depend on have a method `_tracing_state()` and count `tracing.changes` up when they change; those
that call others name them in `_tracing_parts()`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections.abc import Sequence

    import numpy as np

    from tinygrad_cl.graph import Node


class Numbers(Protocol):
    """Where run-time numbers come from: asked anew for each replay."""

    def check(self) -> str:
        """Returns why the captured numbers no longer fit, or "" if they do."""

    def draw(self) -> Sequence[Any]:
        """Returns the numbers of the next call, in the order of the nodes, and moves on."""


class Tracer(Protocol):
    """What listens while a function is captured."""

    def ran(
        self, executable: Any, nodes: Sequence[Node], flags: list[int], buffers: dict[int, Any]
    ) -> None:
        """A plan ran; its buffers are not attached yet."""

    def rebound(self, tensor: Any, old: Node) -> None:
        """A tensor that showed `old` shows another node now."""

    def shown(self, node: Node, other: Node) -> None:
        """A new leaf shows the buffer of another realized node."""

    def graded(self, tensor: Any) -> None:
        """A leaf has got a gradient, or another one, or none any more."""

    def looked(self, tensor: Any) -> None:
        """The code asks for the gradient of a tensor, or whether there is one."""

    def uploaded(self, node: Node, array: np.ndarray) -> None:
        """An array of the host became a leaf."""

    def read(self, node: Node) -> None:
        """The host asks for the value of a node; raises if that cannot be replayed."""

    def refuse(self, reason: str) -> None:
        """What happens now cannot be replayed."""

    def numbers(self, nodes: Sequence[Node], source: Numbers) -> None:
        """Scalar nodes were made whose values change from call to call."""


class Tracing:
    """Holds the tracer, if there is one, and counts what a captured function could depend on.

    Attributes:
        active: the tracer.
        changes: how often a setting of some object has changed.
        rebinds: how often a living tensor got another node, or its node became a leaf or got or
            lost a hook. While it stands still, tensors are what they were.
        states: how often an optimizer's state of some parameter has changed.
    """

    active: Tracer | None = None
    changes: int = 0
    rebinds: int = 0
    states: int = 0


tracing = Tracing()
