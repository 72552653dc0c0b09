"""`LRScheduler`: the base of schedules, in PyTorch's chainable form."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from tinygrad_cl.errors import ArgumentError, StateError
from tinygrad_cl.optim.optimizer import Optimizer


class LRScheduler:
    """The base of schedules that depend on the epoch alone; a subclass defines `get_lr`.

    Creating one sets the rates of epoch 0; every `step()` sets those of the next epoch. `get_lr`
    usually changes the present rates, so that several schedules can act on one optimizer. A
    subclass may also define `closed_form`: the rates from `base_lrs` and `last_epoch` alone.

    To go on after `last_epoch` epochs, load the optimizer's state (its groups keep the `initial_lr`
    with which they began) and give the number, or load the schedule's own state.

    Args:
        optimizer: whose rates to set.
        last_epoch: the last epoch that was done; -1 for a new start.

    Attributes:
        base_lrs: the rate with which each group began.
        last_epoch: number of steps so far.

    Raises:
        ArgumentError: if `last_epoch` is given for an optimizer whose groups have no `initial_lr`.

    Example:
        >>> import tinygrad_cl as tg
        >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=0.5)
        >>> schedule = tg.optim.lr_scheduler.StepLR(optimizer, step_size=2, gamma=0.5)
        >>> rates = []
        >>> for _ in range(5):
        ...     rates.append(optimizer.param_groups[0]["lr"])
        ...     schedule.step()
        >>> rates
        [0.5, 0.5, 0.25, 0.25, 0.125]
    """

    _initial = False  # while the rates of epoch 0 are set

    def __init__(self, optimizer: Optimizer, last_epoch: int = -1) -> None:
        self.optimizer = checked(type(self).__name__, optimizer)
        for i, group in enumerate(optimizer.param_groups):
            if last_epoch == -1:
                group.setdefault("initial_lr", group["lr"])
            elif "initial_lr" not in group:
                raise ArgumentError(
                    f"{type(self).__name__}: group {i} has no initial_lr, to go on after epoch "
                    f"{last_epoch} from; load the optimizer's state first"
                )
        self.base_lrs = [float(group["initial_lr"]) for group in optimizer.param_groups]
        self.last_epoch = last_epoch
        self._step_count = 0
        self._last_lr: list[float] = []
        self._start()

    def _start(self) -> None:
        """Sets the rates of the first epoch."""
        self._step_count = 0
        self._initial = True
        try:
            self.step()
        finally:
            del self._initial

    # -------------------------------------------------------------------------- for subclasses

    def get_lr(self) -> list[float]:
        """Returns the groups' rates in epoch `last_epoch`, usually from the present ones.

        For the present rates themselves see `get_last_lr`.
        """
        raise NotImplementedError

    def closed_form(self) -> list[float]:
        """Returns the groups' rates in epoch `last_epoch`, whatever they are now."""
        return self.get_lr()

    @property
    def _rates(self) -> list[float]:
        return [group["lr"] for group in self.optimizer.param_groups]

    # ------------------------------------------------------------------------------------ steps

    def step(self, epoch: int | None = None) -> None:
        """Goes to the next epoch, or to a given one."""
        self._step_count += 1
        self._update_lr(epoch)

    def _update_lr(self, epoch: int | None = None) -> None:
        if epoch is None:
            self.last_epoch += 1
            rates = self.get_lr()
        else:
            self.last_epoch = epoch
            rates = self.closed_form()
        self._set(rates)

    def _set(self, rates: Sequence[float]) -> None:
        groups = self.optimizer.param_groups
        if len(rates) != len(groups):
            raise ArgumentError(
                f"{type(self).__name__}: knows {len(rates)} groups, the optimizer has "
                f"{len(groups)}; add groups before the schedule is made"
            )
        for group, rate in zip(groups, rates, strict=True):
            group["lr"] = rate
        self._last_lr = self._rates

    def get_last_lr(self) -> list[float]:
        """Returns the rates of the groups that the last step set."""
        return list(self._last_lr)

    # ------------------------------------------------------------------------------------ state

    def state_dict(self) -> dict[str, Any]:
        """Returns what makes up the schedule's state, under PyTorch's names; no functions.

        Example:
            >>> import tinygrad_cl as tg
            >>> optimizer = tg.optim.SGD([tg.zeros(1, requires_grad=True)], lr=0.5)
            >>> tg.optim.lr_scheduler.ExponentialLR(optimizer, 0.5).state_dict()["last_epoch"]
            0
        """
        return {
            key: list(value) if isinstance(value, list) else value
            for key, value in vars(self).items()
            if key != "optimizer" and not callable(value)
        }

    def load_state_dict(self, state_dict: Mapping[str, Any]) -> None:
        """Takes over a state that `state_dict`, or PyTorch's, gave.

        The optimizer's rates are part of its own state.

        Raises:
            StateError: listing entries that are missing, unexpected or of the wrong kind.
        """
        vars(self).update(self._fitting(state_dict))

    def _fitting(self, saved: Any) -> dict[str, Any]:
        """The entries of a saved state, checked against the schedule's own."""
        name = type(self).__name__
        if not isinstance(saved, Mapping):
            raise StateError(f"{name}.load_state_dict: needs a dict, got {type(saved).__name__}")
        own = self.state_dict()
        wrong = [f"missing {key}" for key in own if key not in saved and not key.startswith("_")]
        taken = {}
        for key, value in saved.items():
            if key not in own:
                private = isinstance(key, str) and key.startswith("_")
                if not private and key != "verbose":
                    wrong.append(f"unexpected {key}")
            elif not _alike(own[key], value):
                wrong.append(f"{key} must be like {own[key]!r}, got {value!r}")
            else:
                taken[key] = list(value) if isinstance(own[key], list) else value
        if wrong:
            raise StateError(f"{name}.load_state_dict: {'; '.join(wrong)}")
        return taken


def _alike(own: Any, value: Any) -> bool:
    """True if a saved value is of the kind of the schedule's own one."""
    if own is None or value is None:
        return True
    if isinstance(own, bool):
        return isinstance(value, bool)
    if isinstance(own, int | float):
        return isinstance(value, int | float) and not isinstance(value, bool)
    if isinstance(own, list):
        return isinstance(value, list | tuple | Counter)
    return isinstance(value, type(own))


def checked(name: str, optimizer: Any) -> Optimizer:
    """Returns an optimizer.

    Raises:
        ArgumentError: if it is none.
    """
    if not isinstance(optimizer, Optimizer):
        raise ArgumentError(f"{name}: needs an optimizer, got {type(optimizer).__name__}")
    return optimizer


def per_group(name: str, key: str, optimizer: Optimizer, value: Any) -> list[Any]:
    """Returns a setting of each group, from one of all or a list.

    Raises:
        ArgumentError: for a list of another length.
    """
    count = len(optimizer.param_groups)
    listed = list(value) if isinstance(value, list | tuple) else [value] * count
    if len(listed) != count:
        raise ArgumentError(f"{name}: {key} has {len(listed)} values for {count} groups")
    return listed


def saved_functions(functions: Sequence[Callable[..., Any] | None]) -> list[Any]:
    """Returns the attributes of callable objects; None for plain functions."""
    return [dict(vars(f)) if hasattr(f, "__dict__") and not _plain(f) else None for f in functions]


def load_functions(functions: Sequence[Callable[..., Any] | None], saved: Any) -> None:
    """Gives callable objects the attributes that `saved_functions` gave."""
    for function, state in zip(functions, saved, strict=True):
        if state:
            vars(function).update(state)


def _plain(function: Any) -> bool:
    return function is None or hasattr(function, "__code__") or isinstance(function, type)
