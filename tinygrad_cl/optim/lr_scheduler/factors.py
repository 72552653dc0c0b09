"""Schedules that multiply the rate: by a function, in steps, along a line or a power."""

from __future__ import annotations

from bisect import bisect_right
from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from tinygrad_cl.errors import ArgumentError, StateError
from tinygrad_cl.optim.lr_scheduler.base import (
    LRScheduler,
    load_functions,
    per_group,
    saved_functions,
)
from tinygrad_cl.optim.optimizer import Optimizer

Factor = Callable[[int], float]


class _Functions(LRScheduler):
    """Schedules with a function, or one per group; callable objects are saved, functions not."""

    def __init__(
        self, optimizer: Optimizer, lr_lambda: Factor | Iterable[Factor], last_epoch: int = -1
    ) -> None:
        name = type(self).__name__
        given = lr_lambda if callable(lr_lambda) else list(lr_lambda)
        self.lr_lambdas: list[Factor] = per_group(name, "lr_lambda", optimizer, given)
        if not all(callable(function) for function in self.lr_lambdas):
            raise ArgumentError(f"{name}: lr_lambda must be a function, or one per group")
        super().__init__(optimizer, last_epoch)

    def state_dict(self) -> dict[str, Any]:
        """Returns the schedule's state; of its functions the attributes of callable objects."""
        return super().state_dict() | {"lr_lambdas": saved_functions(self.lr_lambdas)}

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over a state that `state_dict`, or PyTorch's, gave.

        Raises:
            StateError: if it does not fit.
        """
        fitting = self._fitting(state_dict)
        functions = fitting.pop("lr_lambdas")
        if len(functions) != len(self.lr_lambdas):
            raise StateError(
                f"{type(self).__name__}.load_state_dict: {len(functions)} functions, "
                f"the schedule has {len(self.lr_lambdas)}"
            )
        load_functions(self.lr_lambdas, functions)
        vars(self).update(fitting)


class LambdaLR(_Functions):
    """The first rate times `lr_lambda(epoch)`.

    Args:
        optimizer: whose rates to set.
        lr_lambda: one function, or one per group.
        last_epoch: epochs already done, -1 for a new start.

    Raises:
        ArgumentError: if the functions are not as many as the groups.

    Example:
        >>> import tinygrad_cl as tg
        >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=0.5)
        >>> schedule = tg.optim.lr_scheduler.LambdaLR(optimizer, lambda epoch: 1 / (1 + epoch))
        >>> schedule.step()
        >>> schedule.get_last_lr()
        [0.25]
    """

    def get_lr(self) -> list[float]:
        """Returns the rates of the current epoch."""
        pairs = zip(self.base_lrs, self.lr_lambdas, strict=True)
        return [base * function(self.last_epoch) for base, function in pairs]


class MultiplicativeLR(_Functions):
    """The present rate times `lr_lambda(epoch)`, from epoch 1 on.

    Args:
        optimizer: whose rates to set.
        lr_lambda: one function, or one per group.
        last_epoch: epochs already done, -1 for a new start.

    Raises:
        ArgumentError: if the functions are not as many as the groups.
    """

    def get_lr(self) -> list[float]:
        """Returns the rates of the current epoch."""
        if self._initial:
            return self._rates
        pairs = zip(self._rates, self.lr_lambdas, strict=False)
        return [rate * function(self.last_epoch) for rate, function in pairs]


class StepLR(LRScheduler):
    """The rate times `gamma` after every `step_size` epochs.

    Raises:
        ArgumentError: for a step size below 1.
    """

    def __init__(
        self, optimizer: Optimizer, step_size: int, gamma: float = 0.1, last_epoch: int = -1
    ) -> None:
        if step_size < 1:
            raise ArgumentError(f"StepLR: step_size must be at least 1, got {step_size}")
        self.step_size = step_size
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Returns the rates of the current epoch."""
        if self.last_epoch == 0 or self.last_epoch % self.step_size != 0:
            return self._rates
        return [rate * self.gamma for rate in self._rates]

    def closed_form(self) -> list[float]:
        """Returns the rates of the current epoch from the first ones."""
        return [base * self.gamma ** (self.last_epoch // self.step_size) for base in self.base_lrs]


class MultiStepLR(LRScheduler):
    """The rate times `gamma` at each of the `milestones` (epochs)."""

    def __init__(
        self,
        optimizer: Optimizer,
        milestones: Iterable[int],
        gamma: float = 0.1,
        last_epoch: int = -1,
    ) -> None:
        self.milestones = sorted(milestones)
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Returns the rates of the current epoch."""
        factor = self.gamma ** self.milestones.count(self.last_epoch)
        return [rate * factor for rate in self._rates]

    def closed_form(self) -> list[float]:
        """Returns the rates of the current epoch from the first ones."""
        factor = self.gamma ** bisect_right(self.milestones, self.last_epoch)
        return [base * factor for base in self.base_lrs]

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over a state that `state_dict` gave, or PyTorch's, which counts milestones.

        Raises:
            StateError: if it does not fit.
        """
        fitting = dict(state_dict) if isinstance(state_dict, Mapping) else state_dict
        if isinstance(fitting, dict) and isinstance(fitting.get("milestones"), Mapping):
            counted = Counter({int(key): int(n) for key, n in fitting["milestones"].items()})
            fitting["milestones"] = sorted(counted.elements())
        super().load_state_dict(fitting)


class ConstantLR(LRScheduler):
    """The rate times `factor` during the first `total_iters` epochs.

    Raises:
        ArgumentError: for a factor outside [0, 1].
    """

    def __init__(
        self,
        optimizer: Optimizer,
        factor: float = 1 / 3,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not 0 < factor <= 1:
            raise ArgumentError(f"ConstantLR: factor must be in (0, 1], got {factor}")
        self.factor = factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Returns the rates of the current epoch."""
        if self.last_epoch == 0:
            return [rate * self.factor for rate in self._rates]
        if self.last_epoch != self.total_iters:
            return self._rates
        return [rate * (1.0 / self.factor) for rate in self._rates]

    def closed_form(self) -> list[float]:
        """Returns the rates of the current epoch from the first ones."""
        factor = 1.0 if self.last_epoch >= self.total_iters else self.factor
        return [base * factor for base in self.base_lrs]


class LinearLR(LRScheduler):
    """The rate times a factor that goes from `start_factor` to `end_factor` on a line: a warm-up.

    Args:
        optimizer: whose rates to set.
        start_factor: factor of epoch 0, in (0, 1].
        end_factor: factor of epoch `total_iters` and all later ones, in [0, 1].
        total_iters: length of the line in epochs.
        last_epoch: epochs already done, -1 for a new start.

    Raises:
        ArgumentError: for values out of range.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        start_factor: float = 1 / 3,
        end_factor: float = 1.0,
        total_iters: int = 5,
        last_epoch: int = -1,
    ) -> None:
        if not (0 < start_factor <= 1 and 0 <= end_factor <= 1 and total_iters >= 1):
            raise ArgumentError(
                "LinearLR: needs start_factor in (0, 1], end_factor in [0, 1], total_iters of at "
                f"least 1, got {start_factor}, {end_factor}, {total_iters}"
            )
        self.start_factor = start_factor
        self.end_factor = end_factor
        self.total_iters = total_iters
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Returns the rates of the current epoch."""
        if self.last_epoch == 0:
            return [rate * self.start_factor for rate in self._rates]
        if self._initial or self.last_epoch > self.total_iters:
            return self._rates
        rise = self.end_factor - self.start_factor
        before = self.total_iters * self.start_factor + (self.last_epoch - 1) * rise
        return [rate * (1.0 + rise / before) for rate in self._rates]

    def closed_form(self) -> list[float]:
        """Returns the rates of the current epoch from the first ones."""
        done = min(self.total_iters, self.last_epoch) / self.total_iters
        factor = self.start_factor + (self.end_factor - self.start_factor) * done
        return [base * factor for base in self.base_lrs]


class ExponentialLR(LRScheduler):
    """The rate times `gamma` after every epoch."""

    def __init__(self, optimizer: Optimizer, gamma: float, last_epoch: int = -1) -> None:
        self.gamma = gamma
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Returns the rates of the current epoch."""
        return self._rates if self._initial else [rate * self.gamma for rate in self._rates]

    def closed_form(self) -> list[float]:
        """Returns the rates of the current epoch from the first ones."""
        return [base * self.gamma**self.last_epoch for base in self.base_lrs]


class PolynomialLR(LRScheduler):
    """`initial * (1 - epoch / total_iters)**power`, and 0 from epoch `total_iters` on.

    Raises:
        ArgumentError: for a length below 1.
    """

    def __init__(
        self, optimizer: Optimizer, total_iters: int = 5, power: float = 1.0, last_epoch: int = -1
    ) -> None:
        if total_iters < 1:
            raise ArgumentError(f"PolynomialLR: total_iters must be at least 1, got {total_iters}")
        self.total_iters = total_iters
        self.power = power
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Returns the rates of the current epoch."""
        if self._initial or self.last_epoch > self.total_iters:
            return self._rates
        now, before = (
            1.0 - epoch / self.total_iters for epoch in (self.last_epoch, self.last_epoch - 1)
        )
        return [rate * (now / before) ** self.power for rate in self._rates]

    def closed_form(self) -> list[float]:
        """Returns the rates of the current epoch from the first ones."""
        left = 1.0 - min(self.total_iters, self.last_epoch) / self.total_iters
        return [base * left**self.power for base in self.base_lrs]
