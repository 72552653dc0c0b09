"""`predict`: what a trained net says to new data."""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from tinygrad_cl.cli import nets, saved, sources
from tinygrad_cl.cli.output import say
from tinygrad_cl.cli.parsing import add_device, add_net_options, command, count, shape
from tinygrad_cl.errors import DataError
from tinygrad_cl.io.atomic import replacing
from tinygrad_cl.runtime.device import set_default_device
from tinygrad_cl.train import Model

_EPILOG = """examples:
  tinygrad-cl predict digits.npz digits                    the test part of a data set
  tinygrad-cl predict digits.npz three.png --top 3
  tinygrad-cl predict iris.npz new.csv --out answers.csv
  tinygrad-cl predict weights.pt x.npy --net resnet18 --out logits.npy

A line per sample: for classes, the likely ones and their probabilities; else the outputs.
"""


def add(commands: Any) -> None:
    """Adds the command."""
    parser = command(commands, "predict", run, "ask a trained net about new data", _EPILOG)
    parser.add_argument("file", metavar="FILE", help="what `train --save` wrote, or .pyn, ...")
    parser.add_argument(
        "data",
        metavar="DATA",
        help="a picture, .npy, .npz, .csv, .bin of CIFAR-10, or a data set as for `train`",
    )
    parser.add_argument("--net", metavar="NET", help="the net, where the file does not tell it")
    parser.add_argument("--input", metavar="SHAPE", type=shape, help="of one sample")
    parser.add_argument("--label", metavar="COLUMN", help="of a CSV file: is left out")
    parser.add_argument("--top", metavar="N", type=count, default=1, help="classes per line")
    parser.add_argument("--raw", action="store_true", help="the outputs as they are")
    parser.add_argument(
        "--out", metavar="FILE", type=Path, help=".csv: the lines; .npy: the raw outputs"
    )
    parser.add_argument("--force", action="store_true", help="overwrite --out")
    add_net_options(parser)
    add_device(parser)


def run(options: argparse.Namespace) -> int:
    """Predicts."""
    if options.device:
        set_default_device(options.device)
    if options.out is not None:
        if options.out.suffix not in (".csv", ".npy"):
            raise DataError(f"--out {options.out} must end in .csv or .npy")
        saved.check_target(options.out, options.force)
    model = saved.open_model(options.file, options.net, dict(options.set), options.input)
    known = options.input or _shape(model)
    inputs = sources.open_inputs(options.data, known, options.label)
    if len(inputs) == 0:
        raise DataError(f"{options.data} holds no samples")
    outputs = np.asarray(model.predict(inputs))
    if options.out is not None and options.out.suffix == ".npy":
        with replacing(options.out) as new, new.open("wb") as file:
            np.save(file, outputs)
        return 0
    _write(outputs, model, options)
    return 0


def _shape(model: Model) -> tuple[int, ...] | None:
    if "shape" in model.notes:
        return tuple(model.notes["shape"])
    return nets.input_shape(model.net)


def _write(outputs: np.ndarray, model: Model, options: argparse.Namespace) -> None:
    classes = model.notes.get("classes") or []
    if not classes and not options.raw and "classes" not in model.notes and outputs.ndim == 2:
        classes = [str(i) for i in range(outputs.shape[1])] if outputs.shape[1] > 1 else []
    plain = options.raw or len(classes) != outputs.shape[-1]
    rows = _numbers(outputs) if plain else _likely(outputs, classes, options.top)
    if options.out is None:
        csv.writer(sys.stdout, lineterminator="\n").writerows(rows)
        return
    with replacing(options.out) as new, new.open("w", newline="", encoding="utf-8") as file:
        csv.writer(file, lineterminator="\n").writerows(rows)
    say(f"{len(outputs):,} lines written to {options.out}")


def _numbers(outputs: np.ndarray) -> Iterator[list[Any]]:
    flat = outputs.reshape(len(outputs), -1)
    yield [f"output{i}" for i in range(flat.shape[1])]
    for row in flat:
        yield [f"{value:.7g}" for value in row]


def _likely(outputs: np.ndarray, classes: list[str], top: int) -> Iterator[list[Any]]:
    """The likely classes of each sample, by the softmax of its outputs."""
    top = min(top, len(classes))
    yield [f"{word}{i + 1 if top > 1 else ''}" for i in range(top) for word in ("class", "share")]
    for row in outputs.astype(np.float64):
        shares = np.exp(row - row.max())
        shares /= shares.sum()
        best = np.argsort(-shares, kind="stable")[:top]
        yield [cell for i in best for cell in (classes[i], f"{shares[i]:.4f}")]
