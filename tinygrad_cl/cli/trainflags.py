"""The flags of `train`, and its options in a TOML file."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinygrad_cl.cli import nets, sources
from tinygrad_cl.cli.parsing import (
    Parser,
    Run,
    add_device,
    add_net_options,
    command,
    count,
    read_toml,
    set_defaults,
)
from tinygrad_cl.train.precision import WORDS
from tinygrad_cl.train.settings import LOSSES, NORMALIZERS, OPTIMIZERS, PENALTIES

SCHEDULES = ("cosine", "onecycle", "plateau")
_EPILOG = """examples:
  tinygrad-cl train lenet5 digits --epochs 5 --save digits.npz
  tinygrad-cl train convnet mnist:FOLDER --batch-size 64 --epochs 3
  tinygrad-cl train mlp iris.csv --label kind --set sizes=4,16,3 --normalizer zscore
  tinygrad-cl train mynet.py:Net data.npz --optimizer sgd --lr 0.1 --log run.csv
  tinygrad-cl train --options run.toml --epochs 20

run.toml may hold any of these options by their long names; flags win over it:
  net = "mlp"
  data = "iris.csv"
  label = "kind"
  epochs = 50
  [set]                 # options of the net
  sizes = [4, 16, 3]

Ctrl-C ends training after the running step; with --save, --resume goes on from there.
"""


def add(commands: Any, run: Run) -> None:
    """Adds the command."""
    parser = command(commands, "train", run, "train a net on a data set", _EPILOG)
    parser.add_argument("net", metavar="NET", nargs="?", help=nets.HELP)
    parser.add_argument("data", metavar="DATA", nargs="?", help=sources.HELP)
    parser.add_argument("--options", metavar="FILE.toml", type=Path, help="options from a file")
    add_net_options(parser)
    add_device(parser)
    _add_data(parser)
    _add_training(parser)
    _add_files(parser)

    def reparse(options: argparse.Namespace, words: list[str]) -> argparse.Namespace:
        """The flags again, over what the TOML file says."""
        if options.options is not None:
            set_defaults(parser, read_toml(options.options), str(options.options))
            options = parser.parse_args(words[1:])
        if not options.net or not options.data:
            parser.error("NET and DATA are needed")
        return options

    parser.set_defaults(reparse=reparse)


def _add_data(parser: Parser) -> None:
    group = parser.add_argument_group("data")
    group.add_argument(
        "--label", metavar="COLUMN", help="of a CSV file: name or position (default: the last)"
    )
    group.add_argument(
        "--target", choices=("class", "number"), help="what is predicted (default: found out)"
    )
    group.add_argument(
        "--validation",
        metavar="SHARE",
        type=float,
        default=0.1,
        help="of samples kept for validation, if the data have no test part (default: 0.1)",
    )
    group.add_argument(
        "--image-size", metavar="N", type=count, help="of pictures in folders (default: 32)"
    )
    group.add_argument("--normalizer", choices=tuple(NORMALIZERS), help="of the inputs")


def _add_training(parser: Parser) -> None:
    group = parser.add_argument_group("training")
    group.add_argument("--epochs", metavar="N", type=count, default=5, help="default: 5")
    group.add_argument("--batch-size", metavar="N", type=count, default=64, help="default: 64")
    group.add_argument(
        "--optimizer",
        choices=tuple(OPTIMIZERS),
        default="adam",
        metavar="NAME",
        help=f"{', '.join(OPTIMIZERS)} (default: adam)",
    )
    group.add_argument("--lr", metavar="RATE", type=float, help="default: the optimizer's")
    group.add_argument(
        "--loss",
        choices=tuple(LOSSES),
        metavar="NAME",
        help=f"{', '.join(LOSSES)} (default: cross_entropy, for numbers mse)",
    )
    group.add_argument(
        "--metric",
        action="append",
        default=[],
        metavar="NAME",
        help="accuracy, f1, r2, mae, ...; may be repeated",
    )
    group.add_argument("--schedule", choices=SCHEDULES, help="of the rate")
    group.add_argument("--weight-decay", metavar="X", type=float, help="not on biases and norms")
    group.add_argument("--penalty", choices=tuple(PENALTIES), help="on weights")
    group.add_argument("--clip-norm", metavar="X", type=float, help="largest norm of all gradients")
    group.add_argument(
        "--accumulate", metavar="N", type=count, default=1, help="batches that make one update"
    )
    group.add_argument("--precision", choices=WORDS)
    group.add_argument(
        "--patience",
        metavar="N",
        type=count,
        help="stop when val_loss has not improved for N epochs; keep the best",
    )
    group.add_argument("--seed", metavar="N", type=int, default=0, help="default: 0")


def _add_files(parser: Parser) -> None:
    group = parser.add_argument_group("files")
    group.add_argument(
        "--save",
        metavar="FILE",
        type=Path,
        help=".npz or .safetensors: the model, after every epoch",
    )
    group.add_argument("--resume", action="store_true", help="go on from the file of --save")
    group.add_argument("--log", metavar="FILE.csv", type=Path, help="a line per epoch")
    group.add_argument("--plot", metavar="FILE.png", type=Path, help="the curves")
    group.add_argument("--quiet", action="store_true", help="no bar")
