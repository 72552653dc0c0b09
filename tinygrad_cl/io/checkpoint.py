"""Checkpoints: everything that training needs to go on as if it had never stopped."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import DataError, TinygradError
from tinygrad_cl.io.owners import paired, random_state, restore, restore_random, states_of
from tinygrad_cl.io.state import MAX_BYTES, PathLike, load, save

if TYPE_CHECKING:
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
    model: Any = None,
    optimizer: Any = None,
    scheduler: Any = None,
    loader: Any = None,
    callbacks: Any = None,
    scaler: Any = None,
    generator: Any = None,
    epoch: int = 0,
    extra: Any = None,
) -> None:
    """Saves the states of all parts of a training run, and of the random numbers, in one file.

    Every part may be one object, a list, or a dict of objects by name (two optimizers, say); each
    has `state_dict` and `load_state_dict`. Training that goes on from the checkpoint gives the same
    bits as training that never stopped, on the same device; with `loader`, also from the middle of
    an epoch. The states of the generators that serve calls which name none (the library's, NumPy's
    and Python's) are always saved.

    The file is written beside `path`, flushed to the disk and renamed: a crash at any instant
    leaves the old checkpoint or the new one, whole. Nothing in it is pickled.

    Args:
        path: a name that ends in `.npz` or `.safetensors`.
        model: whose `state_dict()` is saved; so are those of the other parts.
        optimizer: may be None, as every part.
        scheduler: rate schedules.
        loader: data loaders, whose position and order of samples are saved.
        callbacks: those of the training run, in their order.
        scaler: of the loss, for mixed precision.
        generator: more generators of random numbers, of the library (`tg.Generator`) or NumPy's.
        epoch: the number of epochs (or steps) done.
        extra: more to keep, any state that `save` takes.

    Raises:
        DataError: as `save`.
        ArgumentError: for a part that has no state.

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
    parts = _parts(model, optimizer, scheduler, loader, callbacks, scaler, generator)
    numbers = random_state()
    state: dict[str, Any] = {"format": FORMAT, "epoch": epoch}
    state["random"], state["generators"] = numbers["library"], numbers
    state["states"] = {name: states_of(name, part) for name, part in parts.items()}
    save(state | {"extra": extra}, path)


def load_checkpoint(
    path: PathLike,
    *,
    model: Any = None,
    optimizer: Any = None,
    scheduler: Any = None,
    loader: Any = None,
    callbacks: Any = None,
    scaler: Any = None,
    generator: Any = None,
    random: bool = True,
    device: str | Device | None = None,
    max_bytes: int = MAX_BYTES,
) -> Checkpoint:
    """Puts the states of a checkpoint back in their places; all of them, or none.

    Args:
        path: the file.
        model: takes over the saved state, as do the other parts; what is None is not restored.
            Several are given in the same list or dict as to `save_checkpoint`.
        optimizer: made as the saved one was, over the parameters of `model`.
        scheduler: made as the saved one was, and so for the parts that follow.
        loader: the next loop over it goes on where the saved one was.
        callbacks: as many as were saved, in the same order.
        scaler: of the loss.
        generator: generators of random numbers.
        random: whether to restore the random numbers of calls that name no generator.
        device: where tensors in `extra` go; states go where their owners are.
        max_bytes: the most data to accept.

    Returns:
        The epoch and the extra state.

    Raises:
        DataError: if the file is missing, malformed or no checkpoint, or lacks a state asked for.
        StateError: if a state does not fit; it names every key that does not.
    """
    saved = _checked(load(path, device, max_bytes), path)
    parts = _parts(model, optimizer, scheduler, loader, callbacks, scaler, generator)
    missing = [name for name in parts if name not in saved["states"]]
    if missing:
        raise DataError(f"load_checkpoint: {path} has no state of the {' and the '.join(missing)}")
    pairs = [p for name, part in parts.items() for p in paired(name, part, saved["states"][name])]
    before = [(owner, states_of("before", owner)) for owner, _ in pairs]

    def put_back() -> None:
        for owner, state in before:
            restore(owner, state)

    _all_or_none(pairs, put_back, path)
    if random:
        try:
            restore_random(saved.get("generators") or {"library": saved["random"]})
        except DataError:
            put_back()
            raise
    return Checkpoint(saved["epoch"], saved["extra"])


def _parts(*given: Any) -> dict[str, Any]:
    """The parts that there are, by name."""
    names = ("model", "optimizer", "scheduler", "loader", "callbacks", "scaler", "generator")
    return {name: part for name, part in zip(names, given, strict=True) if part is not None}


def _all_or_none(
    pairs: list[tuple[Any, Any]], put_back: Callable[[], None], path: PathLike
) -> None:
    """Restores all owners; if one does not take its state, all are put back."""
    try:
        for owner, state in pairs:
            restore(owner, state)
    except Exception as error:
        put_back()
        if isinstance(error, TinygradError):
            raise
        raise DataError(f"load_checkpoint: {path}: a state is malformed ({error!r})") from error


def _checked(saved: Any, path: PathLike) -> dict[str, Any]:
    """Returns a loaded state if it is a checkpoint."""
    if not is_checkpoint(saved):
        raise DataError(
            f"load_checkpoint: {path} is no checkpoint; read it with tinygrad_cl.io.load"
        )
    states, random, epoch = saved.get("states"), saved.get("random"), saved.get("epoch")
    numbers = isinstance(random, list) and [type(n) for n in random] == [int, int]
    whole = isinstance(states, dict) and all(isinstance(s, dict | list) for s in states.values())
    others = isinstance(saved.get("generators", {}), dict)
    if not (whole and numbers and others) or type(epoch) is not int or "extra" not in saved:
        raise DataError(f"load_checkpoint: {path} is a malformed checkpoint")
    checked: dict[str, Any] = saved
    return checked


def is_checkpoint(state: Any) -> bool:
    """Whether a loaded state says that it is a checkpoint."""
    return isinstance(state, dict) and state.get("format") == FORMAT
