"""`convert`: from one file format to another."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

from tinygrad_cl import io
from tinygrad_cl.cli import nets, saved
from tinygrad_cl.cli.output import say
from tinygrad_cl.cli.parsing import add_net_options, command, shape
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.io.jsonnet import is_json_net
from tinygrad_cl.nn import Module

_EPILOG = """The names' endings tell the formats:
  .pyn                          a net of dense and one-filter convolution layers
  .json                         a net as JSON, with .hdf5 or .hdf5.npz beside it
  .npz, .safetensors, .pt       arrays by name; --net says what net they are of, unless
                                `train` wrote them

examples:
  tinygrad-cl convert weights.pt weights.safetensors
  tinygrad-cl convert net.pyn net.json
  tinygrad-cl convert digits.npz digits.json
  tinygrad-cl convert weights.npz net.pyn --net mlp --set sizes=784,200,10
"""


def add(commands: Any) -> None:
    """Adds the command."""
    about = "convert between .pyn, .json with .hdf5, .npz, .safetensors and .pt"
    parser = command(commands, "convert", run, about, _EPILOG)
    parser.add_argument("input", metavar="IN", help="the file to read")
    parser.add_argument("output", metavar="OUT", type=Path, help="the file to write")
    parser.add_argument("--net", metavar="NET", help="the net that the arrays are of")
    parser.add_argument(
        "--input-shape", metavar="SHAPE", type=shape, help="channels,height,width of the net"
    )
    parser.add_argument("--force", action="store_true", help="overwrite OUT")
    add_net_options(parser)


def run(options: argparse.Namespace) -> int:
    """Converts."""
    if Path(options.input).resolve() == options.output.resolve():
        raise ArgumentError(f"convert: {options.input} cannot be converted into itself")
    saved.check_target(options.output, options.force)
    net, known = _net(options)
    images: Any = options.input_shape or known
    io.convert(
        options.input,
        options.output,
        net=net,
        input_shape=images if images and len(images) == 3 else None,
    )
    say(f"{options.input} converted to {options.output}")
    return 0


def _net(options: argparse.Namespace) -> tuple[Module | None, tuple[int, ...] | None]:
    """The net that takes the arrays over, if one is needed, and the shape of its input."""
    settings = dict(options.set)
    layers = options.output.suffix == ".pyn" or is_json_net(options.output)
    if layers and options.input.endswith(saved.STATES):
        model = saved.open_model(options.input, options.net, settings, options.input_shape)
        return model.net, model.notes.get("shape") or nets.input_shape(model.net)
    net = None if options.net is None else nets.build(options.net, settings)
    return net, getattr(net, "input_shape", None)
