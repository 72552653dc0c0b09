"""`GradScaler`: the loss times a large number, so that small float16 gradients do not vanish.

The number is an argument of kernels: one that changes compiles nothing.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.dtypes import float16, float32
from tinygrad_cl.errors import ArgumentError, GradientError, StateError
from tinygrad_cl.graph import scalar
from tinygrad_cl.optim.optimizer import Optimizer
from tinygrad_cl.optim.update import realize_all
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.tracing import tracing

READY, UNSCALED, STEPPED = "ready", "unscaled", "stepped"


class _Progress:
    """How far an optimizer is in this round, and what was found in its gradients."""

    def __init__(self) -> None:
        self.stage = READY
        self.found: list[Tensor] = []  # one per device; not zero means: not finite

    def overflowed(self) -> bool:
        """True if a gradient was infinite or NaN; waits for the gradients."""
        return any(tensor.item() != 0 for tensor in self.found)


class _Scale:
    """Where the factor of a captured `scale` comes from."""

    def __init__(self, scaler: GradScaler) -> None:
        self._scaler = scaler

    def check(self) -> str:
        """Returns what changed apart from the number."""
        return "" if self._scaler.is_enabled() else "the scaler was disabled"

    def draw(self) -> list[float]:
        """Returns the present scale."""
        return [self._scaler.get_scale()]

    def __str__(self) -> str:
        return "the scale of GradScaler"


class GradScaler:
    """Scales losses and gradients for training in float16, as PyTorch's `torch.amp.GradScaler`.

    float16 holds nothing below 6e-8, so small gradients become zero. The loss is therefore
    multiplied by a scale before `backward`, and the gradients are divided by it before the step. A
    step whose gradients overflowed is skipped and the scale shrinks; after `growth_interval` good
    steps it grows (Micikevicius et al. 2018).

        scaler = tg.amp.GradScaler()
        ...
        scaler.scale(loss).backward()
        scaler.unscale_(optimizer)        # only if gradients are read, or clipped, before the step
        scaler.step(optimizer)
        scaler.update()

    Without `unscale_` the division is part of the optimizer's kernel and done in float32, so
    float16 parameters can be trained too; `unscale_` needs float32 gradients.

    Args:
        device: accepted for PyTorch's programs; gradients are scaled where they are.
        init_scale: the scale to start with.
        growth_factor: factor of the scale after `growth_interval` good steps in a row; above 1.
        backoff_factor: factor of the scale after a skipped step; below 1.
        growth_interval: number of good steps.
        enabled: if False, nothing is scaled, and `step` is the optimizer's.

    Raises:
        ArgumentError: for factors or intervals out of range.

    Example:
        >>> import tinygrad_cl as tg
        >>> x = tg.tensor([1.0], requires_grad=True)
        >>> optimizer = tg.optim.SGD([x], lr=0.5)
        >>> scaler = tg.amp.GradScaler(init_scale=4.0)
        >>> for factor in (1.0, float("inf")):
        ...     optimizer.zero_grad()
        ...     scaler.scale((factor * x).sum()).backward()
        ...     scaler.step(optimizer)
        ...     scaler.update()
        >>> x.item(), scaler.get_scale()
        (0.5, 2.0)
    """

    def __init__(
        self,
        device: str | None = None,
        init_scale: float = 2.0**16,
        growth_factor: float = 2.0,
        backoff_factor: float = 0.5,
        growth_interval: int = 2000,
        enabled: bool = True,
    ) -> None:
        _check(init_scale, growth_factor, backoff_factor, growth_interval)
        self._enabled = enabled
        self._scale = float(init_scale)
        self._growth_factor = float(growth_factor)
        self._backoff_factor = float(backoff_factor)
        self._growth_interval = int(growth_interval)
        self._growth_tracker = 0
        self._rounds: dict[int, tuple[Optimizer, _Progress]] = {}

    # -------------------------------------------------------------------------------- one round

    def scale(self, outputs: Any) -> Any:
        """Returns tensors times the scale: a tensor, or lists, tuples and iterables of them.

        float16 and bfloat16 tensors become float32 by it, in which the product cannot overflow.

        Raises:
            ArgumentError: for anything else.
        """
        if not self._enabled:
            return outputs
        if isinstance(outputs, Tensor):
            narrow = outputs.dtype.is_half or not outputs.dtype.is_floating_point
            wide = outputs.to(float32) if narrow else outputs
            factor = scalar(self._scale, wide.dtype)
            tracer = tracing.active
            if tracer is not None:
                tracer.numbers((factor,), _Scale(self))
            return wide * wrap(factor)
        if isinstance(outputs, list | tuple):
            return type(outputs)([self.scale(output) for output in outputs])
        if isinstance(outputs, Iterable) and not isinstance(outputs, str | bytes | Mapping):
            return map(self.scale, outputs)
        raise ArgumentError(
            f"GradScaler.scale: needs a tensor or an iterable of tensors, got "
            f"{type(outputs).__name__}"
        )

    def unscale_(self, optimizer: Optimizer) -> None:
        """Divides the gradients of an optimizer's parameters by the scale, in place.

        `step` does it by itself; call this before if gradients are to be clipped or looked at.

        Raises:
            ArgumentError: for float16 gradients: they would be rounded to zero.
            GradientError: if called twice in a round, or after `step`.
        """
        if not self._enabled:
            return
        progress = self._progress(optimizer)
        if progress.stage != READY:
            text = "twice" if progress.stage == UNSCALED else "after step()"
            raise GradientError(
                f"GradScaler.unscale_: called {text} for this optimizer; call update() before"
            )
        owners = _owners(optimizer)
        if any(p.grad is not None and p.grad.dtype is float16 for p in owners):
            raise ArgumentError(
                "GradScaler.unscale_: the gradients are float16, in which small ones would vanish "
                "again; keep the parameters in float32 and cast in the forward pass, or leave "
                "unscale_ out: step() then divides in float32"
            )
        with no_grad():
            for p in owners:
                grad: Any = p.grad
                p.grad = grad * (1 / self._scale)
        self._look(owners, progress)
        progress.stage = UNSCALED

    def step(self, optimizer: Optimizer, *args: Any, **kwargs: Any) -> Any:
        """Steps the optimizer on the unscaled gradients, unless one of them is not finite.

        Returns:
            What the optimizer's `step(*args, **kwargs)` returned; None if it was skipped.

        Raises:
            ArgumentError: for a closure.
            GradientError: if called twice in a round, or if no parameter has a gradient.
        """
        if not self._enabled:
            return optimizer.step(*args, **kwargs)
        if kwargs.get("closure") is not None or any(arg is not None for arg in args):
            raise ArgumentError("GradScaler.step: closures cannot be used while scaling is enabled")
        progress = self._progress(optimizer)
        if progress.stage == STEPPED:
            raise GradientError(
                "GradScaler.step: called twice for this optimizer; call update() before"
            )
        unscaled = progress.stage == UNSCALED
        if not unscaled:
            self._look(_owners(optimizer), progress)
        if not progress.found:
            raise GradientError(
                "GradScaler.step: no parameter of this optimizer has a gradient; "
                "call scale(loss).backward() before"
            )
        result = None
        if not progress.overflowed():
            optimizer.grad_scale = None if unscaled else self._scale
            try:
                result = optimizer.step()
            finally:
                optimizer.grad_scale = None
        progress.stage = STEPPED
        return result

    def update(self, new_scale: float | Tensor | None = None) -> None:
        """Ends the round: the scale shrinks if a step was skipped, and grows after enough others.

        Args:
            new_scale: a scale to take instead, a number or a tensor of one element.

        Raises:
            ArgumentError: for a scale that is not a positive finite number.
            GradientError: if nothing was stepped or unscaled in this round.
        """
        if not self._enabled:
            return
        if new_scale is not None:
            value = float(new_scale.item() if isinstance(new_scale, Tensor) else new_scale)
            if not (value > 0 and math.isfinite(value)):
                raise ArgumentError(f"GradScaler.update: the scale must be positive, got {value}")
            self._scale = value
        else:
            rounds = [progress for _, progress in self._rounds.values() if progress.found]
            if not rounds:
                raise GradientError("GradScaler.update: call step(optimizer) before")
            self._adapt(any(progress.overflowed() for progress in rounds))
        self._rounds = {}

    def _adapt(self, overflowed: bool) -> None:
        if overflowed:
            self._scale = _single(self._scale * self._backoff_factor)
            self._growth_tracker = 0
            return
        self._growth_tracker += 1
        if self._growth_tracker == self._growth_interval:
            grown = _single(self._scale * self._growth_factor)
            self._scale = grown if math.isfinite(grown) else self._scale
            self._growth_tracker = 0

    def _progress(self, optimizer: Optimizer) -> _Progress:
        return self._rounds.setdefault(id(optimizer), (optimizer, _Progress()))[1]

    def _look(self, owners: list[Tensor], progress: _Progress) -> None:
        """Looks for gradients that are not finite; computes them, and all else that is pending."""
        sums: dict[Any, Tensor] = {}
        with no_grad():
            for p in owners:
                zero = (p.grad.detach().to(float32) * 0).sum()  # type: ignore[union-attr]
                held = sums.get(p.device)
                sums[p.device] = zero if held is None else held + zero
        progress.found = list(sums.values())
        gradients = [p.grad.node for p in owners]  # type: ignore[union-attr]
        realize_all([*(tensor.node for tensor in progress.found), *gradients])

    # ------------------------------------------------------------------------------------ state

    def get_scale(self) -> float:
        """Returns the scale; 1 if scaling is not enabled."""
        return self._scale if self._enabled else 1.0

    def get_growth_factor(self) -> float:
        """Returns the factor by which the scale grows."""
        return self._growth_factor

    def set_growth_factor(self, new_factor: float) -> None:
        """Sets the factor by which the scale grows."""
        _check(self._scale, new_factor, self._backoff_factor, self._growth_interval)
        self._growth_factor = float(new_factor)

    def get_backoff_factor(self) -> float:
        """Returns the factor by which the scale shrinks."""
        return self._backoff_factor

    def set_backoff_factor(self, new_factor: float) -> None:
        """Sets the factor by which the scale shrinks."""
        _check(self._scale, self._growth_factor, new_factor, self._growth_interval)
        self._backoff_factor = float(new_factor)

    def get_growth_interval(self) -> int:
        """Returns the number of good steps in a row after which the scale grows."""
        return self._growth_interval

    def set_growth_interval(self, new_interval: int) -> None:
        """Sets the number of good steps in a row after which the scale grows."""
        _check(self._scale, self._growth_factor, self._backoff_factor, new_interval)
        self._growth_interval = int(new_interval)

    def is_enabled(self) -> bool:
        """Returns True if losses are scaled."""
        return self._enabled

    def state_dict(self) -> dict[str, Any]:
        """Returns the scale, its settings and the count of good steps; empty if not enabled.

        Example:
            >>> import tinygrad_cl as tg
            >>> tg.amp.GradScaler(init_scale=8.0).state_dict()["scale"]
            8.0
        """
        if not self._enabled:
            return {}
        return {
            "scale": self._scale,
            "growth_factor": self._growth_factor,
            "backoff_factor": self._backoff_factor,
            "growth_interval": self._growth_interval,
            "_growth_tracker": self._growth_tracker,
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over a state that `state_dict`, or PyTorch's, gave; nothing if not enabled.

        Raises:
            StateError: listing entries that are missing or have no possible value.
        """
        if not self._enabled:
            return
        names = ("scale", "growth_factor", "backoff_factor", "growth_interval", "_growth_tracker")
        if not isinstance(state_dict, Mapping) or not set(names) <= set(state_dict):
            given = sorted(map(str, state_dict)) if isinstance(state_dict, Mapping) else state_dict
            raise StateError(
                f"GradScaler.load_state_dict: needs {', '.join(names)}, got {given}; "
                "a scaler that is not enabled saves an empty state"
            )
        scale, growth, backoff, interval, tracker = [state_dict[name] for name in names]
        try:
            _check(scale, growth, backoff, interval)
        except ArgumentError as error:
            raise StateError(f"GradScaler.load_state_dict: {error}") from None
        if not isinstance(tracker, int) or tracker < 0:
            raise StateError(
                f"GradScaler.load_state_dict: _growth_tracker must be a count, got {tracker!r}"
            )
        self._scale, self._growth_factor = float(scale), float(growth)
        self._backoff_factor, self._growth_interval = float(backoff), int(interval)
        self._growth_tracker = tracker


def _check(scale: Any, growth: Any, backoff: Any, interval: Any) -> None:
    wrong = [
        f"{name} {wanted}, got {value!r}"
        for name, value, wanted, low, high in (
            ("scale", scale, "must be a positive number", 0, math.inf),
            ("growth_factor", growth, "must be a number above 1", 1, math.inf),
            ("backoff_factor", backoff, "must be a number in (0, 1)", 0, 1),
            ("growth_interval", interval, "must be at least 1", 0, math.inf),
        )
        if not (isinstance(value, int | float) and low < value < high)
    ]
    if wrong:
        raise ArgumentError(f"GradScaler: {'; '.join(wrong)}")


def _owners(optimizer: Optimizer) -> list[Tensor]:
    """The parameters that have gradients."""
    groups = optimizer.param_groups
    return [p for group in groups for p in group["params"] if p.grad is not None]


def _single(value: float) -> float:
    """Rounds to float32, in which PyTorch keeps the scale."""
    with np.errstate(over="ignore", under="ignore"):
        return float(np.float32(value))
