"""Origins: the line of the user's code that made a node.

Nothing is recorded unless a block asks for it (`with recording(): ...`), as the anomaly mode, the
shadow mode and gradient checks do. Then every new node gets an `Origin`, and nodes that the
backward walk makes also say of which forward node they carry the gradient.
"""

from __future__ import annotations

import linecache
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tinygrad_cl import graph
from tinygrad_cl.graph import Node

_PACKAGE = str(Path(__file__).parent)
_FUNCTIONAL = str(Path(__file__).parent / "functional")


@dataclass(frozen=True, slots=True)
class Forward:
    """The forward node whose gradient rule made a node.

    Attributes:
        name: what it applies: `<log 3 float32>`.
        origin: where it was made; None if nothing was recorded then.
    """

    name: str
    origin: Origin | None


@dataclass(frozen=True, slots=True)
class Origin:
    """Where a node was made: the innermost line outside this package.

    Attributes:
        file: the file of the line.
        line: its number.
        function: the function that it stands in.
        op: the function of the library that the line called, as far as that is known.
        forward: for gradients, the forward node whose rule made them; None for forward nodes.
    """

    file: str
    line: int
    function: str
    op: str
    forward: Forward | None = None

    def __str__(self) -> str:
        text = linecache.getline(self.file, self.line).strip()
        return f"{self.file}:{self.line}, in {self.function}" + (f": {text}" if text else "")

    @property
    def direction(self) -> str:
        """Which it is: forward or backward."""
        return "forward" if self.forward is None else "backward"

    @property
    def source(self) -> Origin | None:
        """The line to look at: for gradients the one that made the forward node."""
        return self if self.forward is None else self.forward.origin


class _Walk(threading.local):
    """What the backward walk of a thread is at."""

    forward: Forward | None = None


_walk = _Walk()
_lock = threading.Lock()
_blocks = 0


def of(node: Node) -> Origin | None:
    """Returns the origin of a node, or None if it was made while nothing was recorded."""
    return getattr(node, "origin", None)


def active() -> bool:
    """Tells whether origins are being recorded."""
    return _blocks > 0


def start() -> None:
    """Records origins from now on, until as many calls of `stop`."""
    global _blocks
    with _lock:
        _blocks += 1
        graph.watch_nodes(_record)


def stop() -> None:
    """Takes back one call of `start`."""
    global _blocks
    with _lock:
        _blocks -= 1
        if not _blocks:
            graph.watch_nodes(None)


@contextmanager
def recording() -> Iterator[None]:
    """Records the origins of the nodes made in a block."""
    start()
    try:
        yield
    finally:
        stop()


def following(propagate: Callable[..., None]) -> Callable[..., None]:
    """Returns a step of the backward walk that also says whose gradient it carries."""

    def step(node: Node, *rest: Any) -> None:
        before, _walk.forward = _walk.forward, Forward(repr(node), of(node))
        try:
            propagate(node, *rest)
        finally:
            _walk.forward = before

    return step


def _record(node: Node) -> None:
    op, frame = "", sys._getframe(1)
    while frame.f_code.co_filename.startswith(_PACKAGE):
        if frame.f_code.co_filename.startswith(_FUNCTIONAL):
            op = frame.f_code.co_name.strip("_")
        if frame.f_back is None:
            return
        frame = frame.f_back
    code = frame.f_code
    node.origin = Origin(code.co_filename, frame.f_lineno, code.co_name, op, _walk.forward)
