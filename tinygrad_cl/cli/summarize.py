"""`summary`: the layers of a net, or the arrays of a file."""

from __future__ import annotations

import argparse
import math
from typing import Any

from tinygrad_cl import io
from tinygrad_cl.cli import nets, saved
from tinygrad_cl.cli.output import say
from tinygrad_cl.cli.parsing import add_net_options, command, shape
from tinygrad_cl.dtypes import float32
from tinygrad_cl.io.checkpoint import is_checkpoint
from tinygrad_cl.io.jsonnet import is_json_net
from tinygrad_cl.train import summary

_EPILOG = """examples:
  tinygrad-cl summary lenet5
  tinygrad-cl summary mlp --set sizes=4,16,3
  tinygrad-cl summary net.pyn
  tinygrad-cl summary mynet.py:Net --input 3,32,32
  tinygrad-cl summary weights.safetensors            the arrays, by name
  tinygrad-cl summary weights.pt --net resnet18      the net that takes them over
"""


def add(commands: Any) -> None:
    """Adds the command."""
    about = "show the layers of a net, or the arrays of a file"
    parser = command(commands, "summary", run, about, _EPILOG)
    what = ".pyn, .json (with .hdf5 or .hdf5.npz), .npz, .safetensors, .pt"
    parser.add_argument("file", metavar="FILE", help=f"{what}; or {nets.HELP}")
    parser.add_argument("--net", metavar="NET", help="the net that takes over a file of arrays")
    parser.add_argument(
        "--input", metavar="SHAPE", type=shape, help="of one sample, such as 3,32,32"
    )
    add_net_options(parser)


def run(options: argparse.Namespace) -> int:
    """Shows the table."""
    source = options.file
    if source.endswith(saved.STATES) and not is_json_net(source) and options.net is None:
        state = io.load(source, device="numpy")
        notes = saved.notes_of(state)
        if "net" not in notes or nets.is_file(notes["net"]):
            say(_table(state))
            return 0
    net = saved.module_of(source, options.net, dict(options.set), options.input)
    known = options.input or nets.input_shape(net)
    dtype = getattr(net, "input_dtype", float32)
    say(str(summary(net, known, dtype if known else None, verbose=False)))
    return 0


def _table(state: Any) -> str:
    """The arrays of a state: names, dtypes, shapes, and how many numbers there are."""
    found = saved.arrays(state["states"] if is_checkpoint(state) else state)
    rows = [(k, v.dtype.name, "x".join(map(str, v.shape)) or "scalar") for k, v in found.items()]
    widths = [max((len(row[i]) for row in rows), default=0) for i in range(3)]
    lines = ["  ".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    total = sum(math.prod(value.shape) for value in found.values())
    return "\n".join([*lines, f"{len(rows)} arrays, {total:,} numbers"])
