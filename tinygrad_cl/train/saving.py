"""A model in a file: what `Model.save` writes and `Model.load` and `Model.fit(resume=)` read."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tinygrad_cl import io
from tinygrad_cl.data.normalizer import Normalizer
from tinygrad_cl.errors import DataError
from tinygrad_cl.train.history import History

if TYPE_CHECKING:
    from tinygrad_cl.io.state import PathLike
    from tinygrad_cl.train.model import Model

logger = logging.getLogger("tinygrad_cl.train")


def save(model: Model, path: PathLike) -> None:
    """Saves a model, and within `fit` the place where the run is."""
    normalizer = model.normalizer
    fitted = normalizer is not None and normalizer.count > 0
    extra = {
        "history": model.history.state_dict(),
        "normalizer": normalizer.state_dict() if normalizer is not None and fitted else None,
        "run": None if model.run is None else model.run.state_dict(),
        "notes": model.notes,
    }
    io.save_checkpoint(path, **parts(model), epoch=model.epoch, extra=extra)


def load(model: Model, path: PathLike) -> Mapping[str, Any] | None:
    """Gives a model what `save` wrote; returns the place where the run was, if there was one.

    Raises:
        DataError: if the file is malformed or of another kind.
        StateError: if the states do not fit.
    """
    compiled = model.loss is not None
    found = io.load_checkpoint(path, **parts(model), random=compiled, device="numpy")
    extra = found.extra
    if not isinstance(extra, dict) or not {"history", "normalizer", "run"} <= set(extra):
        raise DataError(f"Model.load: {path} has no history; was it saved by Model.save?")
    try:
        history = History.from_state(extra["history"])
    except DataError as error:
        raise DataError(f"Model.load: {path}: {error}") from error
    if extra["normalizer"] is not None:
        model.normalizer = Normalizer.from_state_dict(extra["normalizer"])
    model.history, model.epoch = history, found.epoch
    model.notes = dict(extra.get("notes") or {})
    run: Mapping[str, Any] | None = extra["run"]
    return run


def resume(model: Model, path: PathLike) -> Mapping[str, Any] | None:
    """Loads a checkpoint if there is one; returns the place where its run was."""
    if not Path(path).exists():
        logger.info("fit: there is no %s yet; training starts anew", path)
        return None
    return load(model, path)


def parts(model: Model) -> dict[str, Any]:
    """Returns what has a state in a checkpoint, by name."""
    if model.loss is None:
        return {"model": model.net}
    return {
        "model": model.net,
        "optimizer": model.optimizer,
        "scheduler": model.scheduler,
        "scaler": model.scaler,
    }
