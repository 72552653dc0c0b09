"""Schedules along cosines, with and without restarts."""

from __future__ import annotations

import math

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.optim.lr_scheduler.base import LRScheduler
from tinygrad_cl.optim.optimizer import Optimizer


class CosineAnnealingLR(LRScheduler):
    """`eta_min + (initial - eta_min) * (1 + cos(pi * epoch / T_max)) / 2`.

    (Loshchilov and Hutter 2017, without restarts.)

    Raises:
        ArgumentError: for a `T_max` below 1.
    """

    def __init__(
        self, optimizer: Optimizer, T_max: int, eta_min: float = 0.0, last_epoch: int = -1
    ) -> None:
        if T_max < 1:
            raise ArgumentError(f"CosineAnnealingLR: T_max must be at least 1, got {T_max}")
        self.T_max = T_max
        self.eta_min = eta_min
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Returns the rates of the current epoch."""
        epoch, low = self.last_epoch, self.eta_min
        if self._initial:
            return self._rates
        if self._step_count == 1 and epoch > 0:
            return self.closed_form()
        pairs = list(zip(self._rates, self.base_lrs, strict=False))
        if (epoch - 1 - self.T_max) % (2 * self.T_max) == 0:  # the ratio below would be 0 / 0
            rise = (1 - math.cos(math.pi / self.T_max)) / 2
            return [rate + (base - low) * rise for rate, base in pairs]
        now, before = (1 + math.cos(math.pi * e / self.T_max) for e in (epoch, epoch - 1))
        return [now / before * (rate - low) + low for rate, _ in pairs]

    def closed_form(self) -> list[float]:
        """Returns the rates of the current epoch from the first ones."""
        wave = (1 + math.cos(math.pi * self.last_epoch / self.T_max)) / 2
        return [self.eta_min + (base - self.eta_min) * wave for base in self.base_lrs]


class CosineAnnealingWarmRestarts(LRScheduler):
    """Falling half cosines; each starts at the first rate, and is `T_mult` times the last one long.

    (Loshchilov and Hutter 2017.) `step` takes the epoch too, a fraction if it is called for every
    batch: `schedule.step(epoch + i / batches)`.

    Args:
        optimizer: whose rates to set.
        T_0: epochs of the first wave.
        T_mult: by how much each wave is longer than the one before, a whole number.
        eta_min: where waves end.
        last_epoch: epochs already done, -1 for a new start.

    Raises:
        ArgumentError: for lengths or factors below 1.

    Example:
        >>> import tinygrad_cl as tg
        >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=0.5)
        >>> schedule = tg.optim.lr_scheduler.CosineAnnealingWarmRestarts(optimizer, T_0=2)
        >>> rates = []
        >>> for _ in range(4):
        ...     rates.append(round(schedule.get_last_lr()[0], 3))
        ...     schedule.step()
        >>> rates
        [0.5, 0.25, 0.5, 0.25]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        T_0: int,
        T_mult: int = 1,
        eta_min: float = 0.0,
        last_epoch: int = -1,
    ) -> None:
        for name, value in (("T_0", T_0), ("T_mult", T_mult)):
            if not isinstance(value, int) or value < 1:
                raise ArgumentError(
                    f"CosineAnnealingWarmRestarts: {name} must be a whole number of at least 1, "
                    f"got {value!r}"
                )
        self.T_0 = T_0
        self.T_i = T_0
        self.T_mult = T_mult
        self.eta_min = eta_min
        self.T_cur: float = last_epoch
        super().__init__(optimizer, last_epoch)

    def get_lr(self) -> list[float]:
        """Returns the rates of the current epoch."""
        wave = (1 + math.cos(math.pi * self.T_cur / self.T_i)) / 2
        return [self.eta_min + (base - self.eta_min) * wave for base in self.base_lrs]

    def step(self, epoch: float | None = None) -> None:
        """Goes to the next epoch, or to a given one, which may be a fraction.

        Raises:
            ArgumentError: for an epoch below 0.
        """
        if epoch is None and self.last_epoch < 0:
            epoch = 0
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: float | None = None) -> None:
        if epoch is None:
            self.T_cur += 1
            if self.T_cur >= self.T_i:
                self.T_cur %= self.T_i
                self.T_i *= self.T_mult
            self.last_epoch += 1
        else:
            self._go_to(epoch)
            self.last_epoch = math.floor(epoch)
        self._set(self.get_lr())

    def _go_to(self, epoch: float) -> None:
        if epoch < 0:
            raise ArgumentError(
                f"CosineAnnealingWarmRestarts: the epoch must be at least 0, got {epoch}"
            )
        self.T_i, self.T_cur = self.T_0, epoch
        if self.T_mult == 1:
            self.T_cur = epoch % self.T_0
            return
        while self.T_cur >= self.T_i:
            self.T_cur -= self.T_i
            self.T_i *= self.T_mult
