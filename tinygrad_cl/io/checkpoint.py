"""Checkpoints: everything that training needs to go on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import DataError, StateError
from tinygrad_cl.functional.random import default_generator
from tinygrad_cl.io.state import MAX_BYTES, PathLike, load, save

if TYPE_CHECKING:
    from tinygrad_cl.nn import Module
    from tinygrad_cl.optim import Optimizer
    from tinygrad_cl.runtime.device import Device

FORMAT = "tinygrad_cl checkpoint 1"


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """What `load_checkpoint` read besides the states that it put in their places.

    Attributes:
        epoch: as it was given to `save_checkpoint`.
        extra: as it was given to `save_checkpoint`, arrays as tensors.
    """

    epoch: int
    extra: Any


def save_checkpoint(
    path: PathLike,
    *,
    model: Module | None = None,
    optimizer: Optimizer | None = None,
    scheduler: Any = None,
    epoch: int = 0,
    extra: Any = None,
) -> None:
    """Saves the states of a model, its optimizer and schedule, and of the random numbers.

    Training that goes on from the checkpoint gives the same bits as training that never stopped, if
    its batches come in the same order: orders drawn from the library's default generator do (a
    `DataLoader` without `seed`), when the checkpoint is written between two epochs.

    Args:
        path: a name that ends in `.npz` or `.safetensors`.
        model: whose `state_dict()` is saved; so are those of `optimizer` and `scheduler`.
        optimizer: may be None, as every part.
        scheduler: a rate schedule, or whatever else has `state_dict` and `load_state_dict`.
        epoch: the number of epochs (or steps) done.
        extra: more to keep, any state that `save` takes.

    Raises:
        DataError: as `save`.

    Example:
        >>> import tempfile
        >>> import tinygrad_cl as tg
        >>> net = tg.nn.Linear(2, 1)
        >>> optimizer = tg.optim.Adam(net.parameters())
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = f"{folder}/last.npz"
        ...     tg.io.save_checkpoint(path, model=net, optimizer=optimizer, epoch=5)
        ...     tg.io.load_checkpoint(path, model=net, optimizer=optimizer).epoch
        5
    """
    parts = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    state: dict[str, Any] = {"format": FORMAT, "epoch": epoch}
    state["random"] = list(default_generator.get_state())
    state["states"] = {name: p.state_dict() for name, p in parts.items() if p is not None}
    save(state | {"extra": extra}, path)


def load_checkpoint(
    path: PathLike,
    *,
    model: Module | None = None,
    optimizer: Optimizer | None = None,
    scheduler: Any = None,
    random: bool = True,
    device: str | Device | None = None,
    max_bytes: int = MAX_BYTES,
) -> Checkpoint:
    """Puts the states of a checkpoint back in their places; all of them, or none.

    Args:
        path: the file.
        model: takes over the saved state, as do `optimizer` and `scheduler`; what is None is not
            restored.
        optimizer: made as the saved one was, over the parameters of `model`.
        scheduler: made as the saved one was.
        random: whether to restore the library's random numbers too.
        device: where tensors in `extra` go; states go where their owners are.
        max_bytes: the most data to accept.

    Returns:
        The epoch and the extra state.

    Raises:
        DataError: if the file is missing, malformed or no checkpoint, or lacks a state asked for.
        StateError: if a state does not fit; it names every key that does not.
    """
    saved = _checked(load(path, device, max_bytes), path)
    given = {"model": model, "optimizer": optimizer, "scheduler": scheduler}
    owners = {name: owner for name, owner in given.items() if owner is not None}
    missing = [name for name in owners if name not in saved["states"]]
    if missing:
        raise DataError(f"load_checkpoint: {path} has no state of the {' and the '.join(missing)}")
    before = {name: owner.state_dict() for name, owner in owners.items()}
    try:
        for name, owner in owners.items():
            owner.load_state_dict(saved["states"][name])
    except Exception as error:
        for name, owner in owners.items():
            owner.load_state_dict(before[name])
        if isinstance(error, StateError | DataError):
            raise
        raise DataError(f"load_checkpoint: {path}: a state is malformed ({error!r})") from error
    if random:
        default_generator.set_state(saved["random"])
    return Checkpoint(saved["epoch"], saved["extra"])


def _checked(saved: Any, path: PathLike) -> dict[str, Any]:
    """Returns a loaded state if it is a checkpoint."""
    if not isinstance(saved, dict) or saved.get("format") != FORMAT:
        raise DataError(
            f"load_checkpoint: {path} is no checkpoint; read it with tinygrad_cl.io.load"
        )
    states, random, epoch = saved.get("states"), saved.get("random"), saved.get("epoch")
    whole = isinstance(states, dict) and all(isinstance(s, Mapping) for s in states.values())
    numbers = isinstance(random, list) and [type(n) for n in random] == [int, int]
    if not whole or not numbers or type(epoch) is not int or "extra" not in saved:
        raise DataError(f"load_checkpoint: {path} is a malformed checkpoint")
    return saved
