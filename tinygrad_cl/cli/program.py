"""`main`: parses the arguments, runs a command, and turns errors into one line."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Sequence

from tinygrad_cl import settings
from tinygrad_cl.cli import convert, devices, doctor, predict, summarize, train, tune
from tinygrad_cl.cli.output import remark
from tinygrad_cl.cli.parsing import WRONG, Parser
from tinygrad_cl.errors import TinygradError

_ABOUT = """Train and use neural networks on any OpenCL device.

The first steps:
  %(prog)s doctor                    is everything installed?
  %(prog)s train lenet5 digits       learn to read handwritten digits
  %(prog)s summary lenet5            the layers of a net
Each command has its own help: %(prog)s train --help
"""
_STATUS = """exit status:
  0  done
  1  a check failed (doctor), or something unexpected happened
  2  wrong arguments, files or data; one line on standard error says what
  130  interrupted (Ctrl-C)
"""
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs the command line.

    Args:
        arguments: the words behind the program's name; None for those of the process.

    Returns:
        The exit status: 0 if all went well, 1 if a check failed, 2 for wrong arguments, files or
        data, 130 if it was interrupted.

    Raises:
        SystemExit: for `--help` and words that no command takes.
    """
    words = list(sys.argv[1:] if arguments is None else arguments)
    try:
        options = _parser().parse_args(words)
        if hasattr(options, "reparse"):
            options = options.reparse(options, words)
        status: int = options.run(options)
        sys.stdout.flush()
    except KeyboardInterrupt:
        remark("tinygrad-cl: interrupted")
        return INTERRUPTED
    except BrokenPipeError:  # a reader such as `head` has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except (TinygradError, OSError) as error:
        if settings.current().debug:
            raise
        remark(f"tinygrad-cl: {' '.join(str(error).split())}")
        return WRONG
    return status


def _parser() -> Parser:
    parser = Parser(prog="tinygrad-cl", description=_ABOUT, epilog=_STATUS)
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for one in (devices, doctor, summarize, train, predict, convert, tune):
        one.add(commands)
    return parser
