"""The anomaly mode: the first NaN or infinity stops, and names the line that made it.

After each plan the values that were asked for are looked at. If one of them holds a NaN or an
infinity, the values behind it are computed again by the NumPy references, and the first op that
made one from finite inputs is named: for gradients with the forward op whose rule it was. Values
that a user cannot see do not count (`where(x > 0, x.log(), 0)` is fine, its gradient may not be),
nor do infinities that were given as numbers or data (masks of `-inf`).
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, NamedTuple, TypeVar

import numpy as np

from tinygrad_cl import origins
from tinygrad_cl.compiler.structure import WANTED
from tinygrad_cl.dtypes import number_array
from tinygrad_cl.engine import inspection
from tinygrad_cl.errors import AnomalyError
from tinygrad_cl.formula import arguments
from tinygrad_cl.graph import DATA, Node, toposort
from tinygrad_cl.runtime.memory import Buffer

F = TypeVar("F", bound=Callable[..., Any])
Array = np.ndarray[Any, Any]


class _State:
    """Whether the mode is on, and whether it stops."""

    enabled = False
    check = True


_state = _State()


def is_anomaly_enabled() -> bool:
    """Returns True while anomalies are looked for."""
    return _state.enabled


def is_anomaly_check_nan_enabled() -> bool:
    """Returns True while an anomaly would stop the program."""
    return _state.enabled and _state.check


def _switch(enabled: bool, check: bool) -> None:
    if enabled and not _state.enabled:
        origins.start()
        inspection.modes += 1
    if _state.enabled and not enabled:
        origins.stop()
        inspection.modes -= 1
    _state.enabled, _state.check = enabled, check
    inspection.results = _look if enabled and check else None


class set_detect_anomaly:
    """Switches the anomaly mode, from now on or for a block or a function; see `detect_anomaly`.

    Args:
        mode: whether to look for anomalies.
        check_nan: if False, lines are recorded, but nothing stops.
    """

    def __init__(self, mode: bool, check_nan: bool = True) -> None:
        self._before = (_state.enabled, _state.check)
        self._wanted = (bool(mode), bool(check_nan))
        _switch(*self._wanted)

    def __enter__(self) -> None:
        _switch(*self._wanted)

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        _switch(*self._before)

    def __call__(self, function: F) -> F:
        """Returns the function with this mode around each call, and takes back the switch."""
        _switch(*self._before)

        @functools.wraps(function)
        def inside(*args: Any, **kwargs: Any) -> Any:
            with set_detect_anomaly(*self._wanted):
                return function(*args, **kwargs)

        return inside  # type: ignore[return-value]


class detect_anomaly(set_detect_anomaly):
    """Stops at the first NaN or infinity, forward or backward, for a block or a function.

    It is for debugging: every plan is waited for, and all nodes remember the line that made them.

    Args:
        check_nan: if False, lines are recorded, but nothing stops.

    Raises:
        AnomalyError: inside the block, when a value is computed that holds a NaN or an infinity.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([0.0, 1.0], requires_grad=True)
        >>> with tg.autograd.detect_anomaly():
        ...     x.sqrt().sum().backward()
        ...     x.grad.tolist()
        Traceback (most recent call last):
            ...
        tinygrad_cl.errors.AnomalyError: backward: the gradient rule of <sqrt 2 float32> made...
    """

    def __init__(self, check_nan: bool = True) -> None:
        self._before = (_state.enabled, _state.check)
        self._wanted = (True, bool(check_nan))

    def __enter__(self) -> None:
        self._before = (_state.enabled, _state.check)
        super().__enter__()


# ---- looking


def _look(nodes: Sequence[Node], flags: Sequence[int], buffers: dict[int, Buffer]) -> None:
    """Looks at the results of a plan.

    Raises:
        AnomalyError: if an op made a NaN or an infinity.
    """
    results = {}
    for at, buffer in buffers.items():
        node = nodes[at]
        if flags[at] == WANTED and node.dtype.is_floating_point:
            value = buffer.device.view(buffer, node.shape, node.dtype)
            if not np.isfinite(value).all():
                results[id(node)] = value
    if results:
        _search([node for node in nodes if id(node) in results], results)


class _Culprit(NamedTuple):
    """A node that made a NaN or an infinity, and its value."""

    node: Node
    value: Array


def _search(roots: list[Node], results: dict[int, Array]) -> None:
    """Computes what is behind the roots, and raises for the first that is to blame, if any is."""
    order = toposort(roots, _behind)
    values: dict[int, Array] = {}
    bad: dict[int, _Culprit | None] = {}
    for node in order:
        value = values[id(node)] = _value(node, values)
        if node.dtype.is_floating_point and not np.isfinite(value).all():
            bad[id(node)] = _blame(node, values, bad)
    found = [culprit for root in roots if (culprit := bad.get(id(root))) is not None]
    if found:
        places = {id(node): at for at, node in enumerate(order)}
        culprit = min(found, key=lambda c: (_direction(c.node) == "backward", places[id(c.node)]))
        raise _error(culprit, _reader(culprit.node, order), "")
    for root in roots:
        if id(root) not in bad:
            raise _error(_Culprit(root, results[id(root)]), None, _DEVICE_ONLY)


def _behind(node: Node) -> Sequence[Node]:
    """What a node is computed from, as far as it is known and matters."""
    if node.buffer is None or not np.isfinite(_view(node)).all():
        return arguments(node)
    return ()


def _view(node: Node) -> Array:
    assert node.buffer is not None
    return node.buffer.device.view(node.buffer, node.shape, node.dtype)


def _value(node: Node, values: dict[int, Array]) -> Array:
    if node.buffer is not None:
        return _view(node)
    if node.scalar is not None:
        return number_array(node.scalar, node.dtype)
    with np.errstate(all="ignore"):
        inputs = [values[id(i)] for i in arguments(node)]
        result = node.primitive.compute(inputs, node.signature.kwargs)
    return np.asarray(result, dtype=node.dtype.numpy).reshape(node.shape)


def _blame(
    node: Node, values: dict[int, Array], bad: dict[int, _Culprit | None]
) -> _Culprit | None:
    """Returns where the NaN or the infinity of a node comes from; None if it was given as such."""
    value = values[id(node)]
    nan = bool(np.isnan(value).any())
    below = [i for i in arguments(node) if id(i) in bad]
    below.sort(key=lambda i: not np.isnan(values[id(i)]).any())  # those with NaN first
    for source in below:
        if bad[id(source)] is not None:
            return bad[id(source)]
    made = nan or (bool(node.inputs) and not below)
    return _Culprit(node, value) if made else None


def _direction(node: Node) -> str:
    origin = origins.of(node)
    return "forward" if origin is None else origin.direction


def _reader(node: Node, order: Sequence[Node]) -> Node | None:
    """The first node that reads a leaf."""
    if node.primitive is not DATA:
        return None
    return next((user for user in order if any(i is node for i in arguments(user))), None)


# ---- saying


_DEVICE_ONLY = (
    "\n  the NumPy reference of the same inputs is finite, so that the kernel is to blame; "
    "tinygrad_cl.testing.shadow() finds it"
)


def _error(culprit: _Culprit, reader: Node | None, note: str) -> AnomalyError:
    node, value = culprit
    origin, direction = origins.of(node), _direction(node)
    lines = [f"{direction}: {_what(node, reader)} {_extent(value)}"]
    if origin is not None and origin.forward is not None:
        lines.append(f"  forward op made at {origin.forward.origin or _UNKNOWN}")
        lines.append(f"  gradient made at {origin}")
    else:
        lines.append(f"  made at {origin or _UNKNOWN}")
    if reader is not None:
        lines.append(f"  read by {reader} at {origins.of(reader) or _UNKNOWN}")
    source = None if origin is None else origin.source
    line = "" if source is None else str(source)
    return AnomalyError("\n".join(lines) + note, repr(node), node.shape, direction, line)


_UNKNOWN = "an unknown line, before anomalies were looked for"


def _what(node: Node, reader: Node | None) -> str:
    origin = origins.of(node)
    if reader is not None:
        return f"the data of a tensor, {node.signature.spec}, hold"
    if origin is not None and origin.forward is not None:
        return f"the gradient rule of {origin.forward.name} made, in {node},"
    user = "" if origin is None or origin.op in ("", node.primitive.name) else f" (in {origin.op})"
    return f"{node}{user} made"


def _extent(value: Array) -> str:
    """How many elements are bad, and where the first is."""
    nan = bool(np.isnan(value).any())
    wrong = np.isnan(value) if nan else np.isinf(value)
    place = tuple(int(i) for i in np.argwhere(wrong)[0])
    kind = "NaN" if nan else "infinity"
    return f"{kind} at {int(wrong.sum())} of {value.size} elements, first at {place}"
