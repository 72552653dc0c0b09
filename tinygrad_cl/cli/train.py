"""`train`: a net learns from a data set."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinygrad_cl import optim
from tinygrad_cl.cli import nets, sources, trainflags
from tinygrad_cl.cli.output import say
from tinygrad_cl.errors import ArgumentError, DataError
from tinygrad_cl.functional.random import manual_seed
from tinygrad_cl.runtime.device import get_default_device, set_default_device
from tinygrad_cl.train import (
    Callback,
    CSVLogger,
    EarlyStopping,
    Model,
    ModelCheckpoint,
    PlotCurves,
    ReduceLROnPlateau,
)

INTERRUPTED = 130


def add(commands: Any) -> None:
    """Adds the command."""
    trainflags.add(commands, run)


def run(options: argparse.Namespace) -> int:
    """Trains a net; returns the exit status."""
    _check(options)
    if options.device:
        set_default_device(options.device)
    manual_seed(options.seed)
    whole = sources.open_data(options.data, options.label, options.target, options.image_size)
    found = sources.split(whole, options.validation, options.seed)
    model = _model(options, found)
    tested = "none" if found.test is None else f"{len(found.test):,}"
    parameters = sum(p.numel() for p in model.net.parameters())
    say(
        f"{options.net}: {parameters:,} parameters; {len(found.train):,} samples to learn from, "
        f"{tested} to test on; {get_default_device()!r}"
    )
    resume = options.save if options.resume else None
    history = model.fit(
        found.train,
        epochs=options.epochs,
        batch_size=options.batch_size,
        validation_data=found.test,
        callbacks=_callbacks(options),
        verbose=not options.quiet,
        initial_epoch=None if resume else 0,
        resume=resume,
    )
    last = {name: values[-1] for name, values in history.items() if values}
    shown = ", ".join(f"{k} {v:.4f}" for k, v in last.items() if isinstance(v, float) and k != "lr")
    say(f"epoch {model.epoch}: {shown or 'nothing to do'}; {history.seconds:.1f} s")
    if model.interrupted:
        if options.save:
            say(f"interrupted; --resume goes on from {options.save}")
        return INTERRUPTED
    if options.save:
        model.save(options.save)
        say(f"saved to {options.save}")
    return 0


def _check(options: argparse.Namespace) -> None:
    """Refuses what would only fail after the training."""
    for path in (options.save, options.log, options.plot):
        if path is not None and not path.parent.is_dir():
            raise DataError(f"there is no folder {path.parent}")
    if options.save is not None and options.save.suffix not in (".npz", ".safetensors"):
        raise ArgumentError(f"--save {options.save} must end in .npz or .safetensors")
    if options.resume and options.save is None:
        raise ArgumentError("--resume needs --save FILE")
    if not 0 <= options.validation < 1:
        raise ArgumentError(f"--validation must be from 0 to below 1, got {options.validation}")


def _model(options: argparse.Namespace, found: sources.Data) -> Model:
    given = nets.fitting(options.net, dict(options.set), found.shape, found.outputs)
    model = Model(nets.build(options.net, given), normalizer=options.normalizer)
    model.notes = {
        "net": _absolute(options.net),
        "options": given,
        "classes": list(found.classes),
        "shape": list(found.shape),
    }
    loss = options.loss or ("cross_entropy" if found.classes else "mse")
    metrics = options.metric or (["accuracy"] if loss == "cross_entropy" else [])
    if not metrics and not found.classes:
        metrics = ["r2"] if found.outputs == 1 else ["mae"]
    return model.compile(
        optimizer=options.optimizer,
        loss=loss,
        metrics=metrics,
        lr=options.lr,
        weight_decay=options.weight_decay,
        penalty=options.penalty,
        clip_norm=options.clip_norm,
        accumulate=options.accumulate,
        precision=options.precision,
        scheduler=_schedule(options, len(found.train)),
        scheduler_by="step" if options.schedule == "onecycle" else "epoch",
    )


def _absolute(net: str) -> str:
    if not nets.is_file(net):
        return net
    path, _, name = net.partition(".py")
    return f"{Path(path + '.py').resolve()}{name}"


def _schedule(options: argparse.Namespace, samples: int) -> Any:
    if options.schedule == "cosine":
        return lambda made: optim.lr_scheduler.CosineAnnealingLR(made, options.epochs)
    if options.schedule == "onecycle":
        batches = -(-samples // options.batch_size)
        steps = options.epochs * -(-batches // options.accumulate)
        return lambda made: optim.lr_scheduler.OneCycleLR(
            made, made.param_groups[0]["lr"], total_steps=steps
        )
    return None


def _callbacks(options: argparse.Namespace) -> list[Callback]:
    monitor = "val_loss" if options.validation else "loss"
    found: list[Callback] = []
    if options.schedule == "plateau":
        found.append(ReduceLROnPlateau(monitor))
    if options.patience:
        found.append(EarlyStopping(monitor, options.patience))
    if options.save:
        found.append(ModelCheckpoint(options.save))
    if options.log:
        found.append(CSVLogger(options.log))
    if options.plot:
        found.append(PlotCurves(options.plot))
    return found
