"""Averages of nets over training: `AveragedModel`, its batch statistics, and its rates.

Averaging the weights of the last steps (stochastic weight averaging, Izmailov and others 2018;
exponential moving averages, Polyak and Juditsky 1992) often predicts better than the last weights.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from copy import deepcopy
from typing import TYPE_CHECKING, Any

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.creation import tensor
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.norm import _BatchNorm
from tinygrad_cl.optim.lr_scheduler.base import LRScheduler
from tinygrad_cl.optim.update import realize_all

if TYPE_CHECKING:
    from tinygrad_cl.optim.optimizer import Optimizer
    from tinygrad_cl.runtime.device import Device
    from tinygrad_cl.tensor import Tensor

    Average = Callable[[Tensor, Tensor, Tensor], Tensor]
    Averages = Callable[[Sequence[Tensor], Sequence[Tensor], Tensor], None]


def get_swa_avg_fn() -> Average:
    """Returns the function for the mean of all nets so far.

    Example:
        >>> import tinygrad_cl as tg
        >>> mean = get_swa_avg_fn()
        >>> mean(tg.ones(1), tg.zeros(1), tg.tensor(3)).item()
        0.75
    """
    return lambda average, value, count: average + (value - average) / (count + 1)


def get_ema_avg_fn(decay: float = 0.999) -> Average:
    """Returns the function for the moving average `decay * average + (1 - decay) * value`.

    Raises:
        ArgumentError: unless `decay` lies in [0, 1].

    Example:
        >>> import tinygrad_cl as tg
        >>> round(get_ema_avg_fn(0.9)(tg.ones(1), tg.zeros(1), tg.tensor(3)).item(), 4)
        0.9
    """
    if not 0 <= decay <= 1:
        raise ArgumentError(f"get_ema_avg_fn: decay must lie in [0, 1], got {decay}")
    return lambda average, value, count: decay * average + (1 - decay) * value


def _each(average: Average) -> Averages:
    def all_at_once(held: Sequence[Tensor], values: Sequence[Tensor], count: Tensor) -> None:
        for mean, value in zip(held, values, strict=True):
            mean.copy_(average(mean, value, count))

    return all_at_once


def get_swa_multi_avg_fn() -> Averages:
    """Returns what `get_swa_avg_fn` does, for lists of tensors, in place.

    Example:
        >>> import tinygrad_cl as tg
        >>> held = [tg.ones(1)]
        >>> get_swa_multi_avg_fn()(held, [tg.zeros(1)], tg.tensor(3))
        >>> held[0].item()
        0.75
    """
    return _each(get_swa_avg_fn())


def get_ema_multi_avg_fn(decay: float = 0.999) -> Averages:
    """Returns what `get_ema_avg_fn` does, for lists of tensors, in place.

    Example:
        >>> import tinygrad_cl as tg
        >>> held = [tg.ones(1)]
        >>> get_ema_multi_avg_fn(0.5)(held, [tg.zeros(1)], tg.tensor(3))
        >>> held[0].item()
        0.5
    """
    return _each(get_ema_avg_fn(decay))


class AveragedModel(Module):
    """A copy of a net whose parameters are averages over the calls of `update_parameters`.

    Args:
        model: the net.
        device: where the copy lives; None for where the net is.
        avg_fn: from an average, a new value and the number of values so far, the new average;
            by default the mean of all.
        multi_avg_fn: the same for all parameters at once, in place.
        use_buffers: average buffers, too; otherwise they are those of the last net.

    Attributes:
        module: the copy.
        n_averaged: how many nets were averaged.

    Raises:
        ArgumentError: if both functions are given.

    Example:
        >>> import tinygrad_cl as tg
        >>> net = tg.nn.Linear(1, 1, bias=False)
        >>> mean = AveragedModel(net)
        >>> for value in (1.0, 2.0, 6.0):
        ...     net.weight.data.fill_(value).item()
        ...     mean.update_parameters(net)
        1.0
        2.0
        6.0
        >>> mean(tg.ones(1)).item(), int(mean.n_averaged)
        (3.0, 3)
    """

    n_averaged: Tensor

    def __init__(
        self,
        model: Module,
        device: Device | str | None = None,
        avg_fn: Average | None = None,
        multi_avg_fn: Averages | None = None,
        use_buffers: bool = False,
    ) -> None:
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise ArgumentError("AveragedModel: give avg_fn or multi_avg_fn, not both")
        self.module = deepcopy(model)
        if device is not None:
            self.module.to(device)
        held = next(iter([*self.module.parameters(), *self.module.buffers()]), None)
        place = device if held is None else held.device
        self.register_buffer("n_averaged", tensor(0, device=place))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args: Any, **kwargs: Any) -> Any:
        """Returns the averaged net's output."""
        return self.module(*args, **kwargs)

    def update_parameters(self, model: Module) -> None:
        """Takes the parameters of a net into the average."""
        held, values = _tensors(self.module, self.use_buffers), _tensors(model, self.use_buffers)
        copied = [] if self.use_buffers else list(self.module.buffers())
        with no_grad():
            values = [v.detach().to(h.device) for h, v in zip(held, values, strict=True)]
            if self.n_averaged.item() == 0:
                for mean, value in zip(held, values, strict=True):
                    mean.copy_(value)
            else:
                update = self.multi_avg_fn or _each(self.avg_fn or get_swa_avg_fn())
                update(held, values, self.n_averaged)
            for mean, value in zip(copied, model.buffers() if copied else (), strict=True):
                mean.copy_(value.detach().to(mean.device))
            self.n_averaged.add_(1)
        realize_all([t.node for t in (*held, *copied, self.n_averaged)])


def _tensors(model: Module, buffers: bool) -> list[Tensor]:
    return [*model.parameters(), *(model.buffers() if buffers else ())]


def update_bn(loader: Iterable[Any], model: Module, device: Device | str | None = None) -> None:
    """Computes the running statistics of batch norms anew: the means over all batches of a loader.

    Args:
        loader: gives inputs, or tuples that begin with them.
        model: the net; its mode and the momenta of its layers are put back.
        device: where inputs are moved to.

    Example:
        >>> import tinygrad_cl as tg
        >>> net = tg.nn.BatchNorm1d(1)
        >>> update_bn([tg.tensor([[1.0], [3.0]]), tg.tensor([[5.0], [7.0]])], net)
        >>> net.running_mean.item()
        4.0
    """
    norms: dict[_BatchNorm, float | None] = {}
    for module in model.modules():
        if isinstance(module, _BatchNorm):
            module.reset_running_stats()
            norms[module], module.momentum = module.momentum, None
    if not norms:
        return
    was_training = model.training
    model.train()
    try:
        with no_grad():
            for batch in loader:
                inputs = batch[0] if isinstance(batch, list | tuple) else batch
                model(inputs if device is None else inputs.to(device))
    finally:
        for module, momentum in norms.items():
            module.momentum = momentum
        model.train(was_training)


class SWALR(LRScheduler):
    """Goes from the present rates to constant ones, at which nets are averaged.

    Args:
        optimizer: whose rates to set.
        swa_lr: the last rate of all groups, or a list with one per group.
        anneal_epochs: how many steps it takes.
        anneal_strategy: "cos" or "linear".
        last_epoch: the last epoch that was done; -1 for a new start.

    Raises:
        ArgumentError: for another strategy, negative epochs, or another number of rates.

    Example:
        >>> import tinygrad_cl as tg
        >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=1.0)
        >>> schedule = SWALR(optimizer, swa_lr=0.5, anneal_epochs=2, anneal_strategy="linear")
        >>> rates = []
        >>> for _ in range(4):
        ...     rates.append(optimizer.param_groups[0]["lr"])
        ...     schedule.step()
        >>> rates
        [1.0, 0.75, 0.5, 0.5]
    """

    def __init__(
        self,
        optimizer: Optimizer,
        swa_lr: float | Sequence[float],
        anneal_epochs: int = 10,
        anneal_strategy: str = "cos",
        last_epoch: int = -1,
    ) -> None:
        if anneal_strategy not in ("cos", "linear"):
            raise ArgumentError(
                f"SWALR: anneal_strategy must be 'cos' or 'linear', got {anneal_strategy!r}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ArgumentError(f"SWALR: anneal_epochs must be a count, got {anneal_epochs!r}")
        groups = len(optimizer.param_groups)
        rates = [swa_lr] * groups if isinstance(swa_lr, int | float) else list(swa_lr)
        if len(rates) != groups:
            raise ArgumentError(f"SWALR: got {len(rates)} rates for {groups} groups")
        self.swa_lrs = [float(rate) for rate in rates]
        self.anneal_epochs = anneal_epochs
        self.anneal_strategy = anneal_strategy
        super().__init__(optimizer, last_epoch)

    def _share(self, epoch: float) -> float:
        """How much of the last rate a step has, in [0, 1]."""
        done = max(0.0, min(1.0, epoch / max(1, self.anneal_epochs)))
        return done if self.anneal_strategy == "linear" else (1 - math.cos(math.pi * done)) / 2

    def get_lr(self) -> list[float]:
        """Returns the next rates: the step before is undone, so that other schedules may act."""
        epoch = self._step_count - 1
        if self.anneal_epochs == 0:
            epoch = max(1, epoch)
        before, now = self._share(epoch - 1), self._share(epoch)
        rates = []
        for rate, last in zip(self._rates, self.swa_lrs, strict=True):
            first = last if before == 1 else (rate - before * last) / (1 - before)
            rates.append(last * now + first * (1 - now))
        return rates


__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]
