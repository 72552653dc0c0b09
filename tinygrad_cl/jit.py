"""`jit`: captures a function once and replays its kernels from then on.

The first call of each kind (shapes, dtypes and plain values of the arguments) runs define-by-run.
The next two run define-by-run and are recorded; if the recordings agree, later calls are replayed:
no graph is built, the plans' kernels are launched again with new arguments. Parameters, optimizer
state and running statistics are updated in place; learning rates, step counts and positions of
random numbers are drawn anew for each call. What the Python code depends on besides its arguments
(see `tinygrad_cl.guards`) is checked before each replay; if something has changed, the function is
captured again. Where a call cannot be replayed, it runs define-by-run: the result is always that of
the function.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable, Iterator
from typing import Any

from tinygrad_cl import engine, forms
from tinygrad_cl.autograd.handle import Handle
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.graph import Signature, cast_mode, grad_mode
from tinygrad_cl.guards import Guards, host_randomness
from tinygrad_cl.recording import Recorder, Recording, difference
from tinygrad_cl.replay import HELD, Replay
from tinygrad_cl.tracing import tracing

log = logging.getLogger("tinygrad_cl.jit")

MAX_VARIANTS = 32  # kinds of calls that are kept captured; the oldest goes
MAX_CAPTURES = 5  # recordings that may disagree before a kind of call stays define-by-run

_recording = threading.Lock()  # one call at a time; those of other threads run define-by-run


class _Variant:
    """One kind of call: what has been captured of it."""

    def __init__(self, key: tuple[Any, ...]) -> None:
        self.key = key
        self.calls = 0
        self.replays = 0
        self.captures = 0
        self.guards: Guards | None = None
        self.last: Recording | None = None
        self.form: Any = None  # of the result
        self.parameters: list[Handle] = []
        self.replay: Replay | None = None
        self.reason = ""
        self.given_up = False

    def reset(self, reason: str) -> None:
        """Forgets what was captured."""
        self.guards = self.last = self.replay = None
        self.parameters = []
        self.reason = reason

    def describe(self) -> Iterator[str]:
        """Yields what `print(jit)` shows of it."""
        specs = [str(part.spec) for part in self.key if isinstance(part, Signature)]
        yield f"  ({', '.join(specs)}): {self._state()}"
        if self.replay is not None:
            yield from (f"    {line}" for line in self.replay.describe())
        for line in self.guards or ():
            yield f"    checked: {line}"

    def _state(self) -> str:
        if self.replay is not None:
            return f"captured, replayed {self.replays} times"
        if self.given_up:
            return f"define-by-run: {self.reason}"
        return f"not yet captured{': ' + self.reason if self.reason else ''}"


class Jit:
    """A function whose calls are captured and replayed; made by `jit`.

    Calling it is calling the function. `print(step)` shows what was captured: per kind of call the
    plans and launches, the tensors that are updated, the numbers that are drawn, and what is
    checked.

    Args:
        function: a function or a module.
        quiet: log no warning if its calls run define-by-run.

    Attributes:
        function: what it was made from.
    """

    def __init__(self, function: Callable[..., Any], quiet: bool = False) -> None:
        if not callable(function):
            raise ArgumentError(f"jit: expected a function or a module, got {function!r}")
        functools.update_wrapper(self, function, updated=())
        self.__name__ = getattr(function, "__name__", type(function).__name__)  # a net has none
        self.function = function
        self._variants: dict[Any, _Variant] = {}
        self._level = logging.DEBUG if quiet else logging.WARNING

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Returns what the function returns for these arguments."""
        if tracing.active is not None or engine.inspection.modes:
            return self.function(*args, **kwargs)
        tensors: list[Handle] = []
        key: list[Any] = [grad_mode.enabled, cast_mode.dtype]
        form = None  # of tensors one after another, as in most calls
        for value in args:
            if kwargs or not isinstance(value, Handle):
                tensors, key = [], key[:2]
                form = forms.flatten((args, kwargs), tensors, key)
                break
            node = value.node
            tensors.append(value)
            key += (node.signature.leaf, node.device, node.needs_grad)
        else:
            if kwargs:
                form = forms.flatten(((), kwargs), tensors, key)
        if len(tensors) > 1 and len({tensor.node for tensor in tensors}) < len(tensors):
            key.append(_repeats(tensors))
        kind = tuple(key)
        variant = self._variants.get(kind) or self._new_variant(kind)
        replay = variant.replay
        if replay is not None:
            with replay.lock:  # between looking and running, no other thread may use the plans
                reason = replay.guards.check() or replay.refusal()
                if not reason:
                    variant.replays += 1
                    _realize(tensors)
                    outputs = replay(tensors)
                    form = replay.form
                    if form is forms.TENSOR:
                        return outputs[0]
                    return forms.unflatten(form, iter(outputs))
            if reason is HELD:  # this call alone
                return self._run(form, tensors)
            log.info("%s: captured again: %s", self.__name__, reason)
            variant.reset(reason)
        return self._capture(variant, form, tensors)

    def _new_variant(self, key: tuple[Any, ...]) -> _Variant:
        while len(self._variants) >= MAX_VARIANTS:
            self._variants.pop(next(iter(self._variants)))
        variant = self._variants[key] = _Variant(key)
        return variant

    def _run(self, form: Any, tensors: list[Handle]) -> Any:
        if form is None:
            return self.function(*tensors)
        args, kwargs = forms.unflatten(form, iter(tensors))
        return self.function(*args, **kwargs)

    # ---- capturing

    def _capture(self, variant: _Variant, form: Any, tensors: list[Handle]) -> Any:
        variant.calls += 1
        if variant.calls == 1 or variant.given_up or not _recording.acquire(blocking=False):
            return self._run(form, tensors)
        try:
            return self._record(variant, form, tensors)
        finally:
            _recording.release()

    def _record(self, variant: _Variant, form: Any, tensors: list[Handle]) -> Any:
        others = tuple(forms.others(form))
        guards = Guards(self.function, others)
        _realize(tensors)
        engine.catch_up()  # what earlier calls have left to do is no part of this one
        recorder = Recorder(tensors, variant.parameters)
        randomness = host_randomness()
        tracing.active = recorder
        try:
            result = self._run(form, tensors)
            outputs: list[Handle] = []
            shape = forms.flatten(result, outputs, [], arrays=False)
            recording = recorder.finish(outputs)
        finally:
            tracing.active = None
        if any(id(tensor) in guards.tensors for tensor in tensors):
            recorder.refuse("an argument is one of the tensors that it uses itself")
        if host_randomness() != randomness:
            recorder.refuse("it draws random numbers of Python's or NumPy's; draw them outside")
        reason, is_same = recorder.reason, False
        if not reason and variant.guards is not None and variant.last is not None:
            reason = variant.guards.check() or difference(variant.last, recording)
            reason = reason or forms.difference(variant.form, shape)
            is_same = not reason and len(recording.grads_before) == len(recorder.parameters)
        changed = guards.check()
        if changed:
            reason, is_same = f"it changes what it depends on: {changed}", False
        variant.guards, variant.last = Guards(self.function, others), recording
        variant.form = shape
        variant.parameters = recorder.parameters
        if is_same:
            variant.replay = Replay(recording, variant.guards, shape)
        self._judge(variant, recorder.reason, reason)
        return result

    def _judge(self, variant: _Variant, final: str, reason: str) -> None:
        """Stops capturing what cannot be captured."""
        variant.reason = reason
        variant.captures += 1
        if variant.replay is not None:
            variant.captures, variant.last = 0, None
            log.info("%s", self)
        elif final or (reason and variant.captures >= MAX_CAPTURES):
            variant.given_up = True
            variant.reset(reason)
            log.log(self._level, "%s runs define-by-run: %s", self.__name__, reason)

    # ---- looking at it

    @property
    def plans(self) -> list[Any]:
        """The plans of all captured kinds of calls, to print or to read the source of."""
        return [
            run.executable.plan
            for variant in self._variants.values()
            if variant.replay is not None
            for run in variant.replay.recording.runs
            if hasattr(run.executable, "plan")
        ]

    def __str__(self) -> str:
        lines = [f"jit of {self.__name__}: {len(self._variants)} kinds of calls"]
        for variant in self._variants.values():
            lines += variant.describe()
        return "\n".join(lines)

    def __repr__(self) -> str:
        return f"<jit {self.__name__}>"

    def __getattr__(self, name: str) -> Any:
        if name in ("function", "_variants"):
            raise AttributeError(name)
        return getattr(self.function, name)


def jit(function: Callable[..., Any] | None = None, **options: Any) -> Any:
    """Returns a function that captures the calls of `function` and replays their kernels.

    It is for training steps (forward, backward and optimizer) and for inference. The function must
    do all its work on tensors; what it prints or counts happens only while it is captured. Arrays
    among the arguments become tensors. A call whose result could not be repeated by a replay (it
    reads values on the host, changes an argument, leaves the backward pass to its caller, or
    computes with numbers that change without being arguments) runs define-by-run, and a
    warning is logged once. Replays return new tensors; parameters and states are updated in place.

    Args:
        function: a function or a module.
        options: taken over from `torch.compile` and ignored: there is one mode.

    Returns:
        A `Jit`; printing it shows what was captured.

    Example:
        >>> import tinygrad_cl as tg
        >>> w = tg.tensor([1.0, 2.0], requires_grad=True)
        >>> optimizer = tg.optim.SGD([w], lr=0.25)
        >>> @tg.jit
        ... def step(x):
        ...     optimizer.zero_grad()
        ...     loss = ((w * x) ** 2).sum()
        ...     loss.backward()
        ...     optimizer.step()
        ...     return loss
        >>> x = tg.ones(2)
        >>> [round(step(x).item(), 4) for _ in range(5)]
        [5.0, 1.25, 0.3125, 0.0781, 0.0195]
    """
    known = {"mode", "fullgraph", "dynamic", "backend", "options", "disable"}
    unknown = sorted(set(options) - known)
    if unknown:
        raise ArgumentError(f"jit: unknown options {', '.join(unknown)}")
    if function is None:
        return functools.partial(jit, **options)
    if isinstance(function, Jit):
        return function
    return function if options.get("disable") else Jit(function)


# ---- arguments


def _repeats(tensors: list[Handle]) -> tuple[int, ...]:
    """Which of several tensors are one: for each, where it comes first."""
    places: dict[int, int] = {}
    return tuple([places.setdefault(id(t.node), at) for at, t in enumerate(tensors)])


def _realize(tensors: list[Handle]) -> None:
    for tensor in tensors:
        if tensor.node.buffer is None:
            engine.realize([tensor.node])


__all__ = ["Jit", "jit"]
