"""`tune`: what tuning has found for a device, and how to forget it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING, Any

from tinygrad_cl import settings
from tinygrad_cl.cli.output import say
from tinygrad_cl.cli.parsing import add_device, command
from tinygrad_cl.runtime.device import get_device

if TYPE_CHECKING:
    from tinygrad_cl.compiler.winners import Winner

_EPILOG = "A program that runs with TINYGRAD_CL_TUNE=search finds them; later runs use them."


def add(commands: Any) -> None:
    """Adds the command."""
    parser = command(commands, "tune", run, "show or clear what tuning has found", _EPILOG)
    parser.add_argument("what", nargs="?", choices=("show", "clear"), default="show")
    add_device(parser)


def run(options: argparse.Namespace) -> int:
    """Shows or clears the winners of a device."""
    device = get_device(options.device)
    if device.kind == "host":
        say(f"{device}: nothing is tuned there, it computes with NumPy")
        return 0
    from tinygrad_cl.compiler.tuning import clear, report

    if options.what == "clear":
        say(f"{device}: {clear(device)} winners forgotten")
        return 0
    winners = report(device)
    for winner in winners:
        say(describe(winner))
    where = settings.current().cache
    say(f"{device}: {len(winners)} winners in {where / 'tuning' if where else 'no folder'}")
    return 0


def describe(winner: Winner) -> str:
    """Returns the lines about one winner."""
    own = f"its own plan {1e3 * winner.own_seconds:.3g} ms, {winner.tried} plans measured"
    better = "" if winner.choice == winner.own else f", {winner.gain:.2f}x"
    return f"{winner.call}\n  {winner.choice}: {1e3 * winner.seconds:.3g} ms{better} ({own})"
