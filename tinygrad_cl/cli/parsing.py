"""What the commands' arguments have in common: errors in one line, `key=value`, shapes, TOML."""

from __future__ import annotations

import argparse
import ast
import difflib
import importlib
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, NoReturn

from tinygrad_cl.errors import ArgumentError, DataError

Run = Callable[[argparse.Namespace], int]
WRONG = 2  # the exit status for wrong arguments and files


class Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        """Ends the program."""
        self.exit(WRONG, f"{self.prog}: {message}; see {self.prog} --help\n")


def command(commands: Any, name: str, run: Run, about: str, epilog: str = "") -> Parser:
    """Adds a command; returns its parser.

    Args:
        commands: what `add_subparsers` returned.
        name: of the command.
        run: is called with the parsed arguments; returns the exit status.
        about: one sentence.
        epilog: examples, at the end of the help.
    """
    parser: Parser = commands.add_parser(
        name,
        help=about,
        description=about[0].upper() + about[1:] + ".",
        epilog=epilog,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.set_defaults(run=run)
    return parser


def add_device(parser: argparse.ArgumentParser) -> None:
    """Adds `--device`."""
    parser.add_argument(
        "--device",
        metavar="NAME",
        help="where to compute: opencl, opencl:1, opencl:gpu, numpy, ...",
    )


def add_net_options(parser: argparse.ArgumentParser) -> None:
    """Adds `--set`."""
    parser.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        type=pair,
        default=[],
        help="an option of the net, such as num_classes=3 or sizes=4,16,3; may be repeated",
    )


def pair(text: str) -> tuple[str, Any]:
    """Returns the name and the value of `name=value`.

    Example:
        >>> pair("sizes=4,16,3"), pair("batch-norm=true"), pair("activation=tanh")
        (('sizes', (4, 16, 3)), ('batch_norm', True), ('activation', 'tanh'))
    """
    name, mark, value = text.partition("=")
    if not mark or not name.replace("-", "_").isidentifier():
        raise argparse.ArgumentTypeError(f"expected KEY=VALUE, got {text!r}")
    return name.replace("-", "_"), _value(value)


def _value(text: str) -> Any:
    words = {"true": True, "false": False, "none": None}
    if text.lower() in words:
        return words[text.lower()]
    try:
        return ast.literal_eval(text)
    except (ValueError, SyntaxError, MemoryError, RecursionError):
        return text


def shape(text: str) -> tuple[int, ...]:
    """Returns sizes that are written as `1,28,28` or `1x28x28`."""
    try:
        sizes = tuple(int(size) for size in text.lower().replace("x", ",").split(","))
    except ValueError:
        sizes = ()
    if not sizes or min(sizes) < 1:
        raise argparse.ArgumentTypeError(f"expected a shape such as 1,28,28, got {text!r}")
    return sizes


def count(text: str) -> int:
    """Returns a whole number above 0."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number above 0, got {text!r}")
    return int(text)


def read_toml(path: Path) -> dict[str, Any]:
    """Returns the options of a TOML file.

    Raises:
        DataError: if it cannot be read.
    """
    name = "tomllib" if sys.version_info >= (3, 11) else "tomli"
    toml: Any = importlib.import_module(name)
    try:
        found: dict[str, Any] = toml.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise DataError(f"cannot read {path}: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is not TOML: {error}") from error
    return found


def set_defaults(parser: argparse.ArgumentParser, given: Mapping[str, Any], where: str) -> None:
    """Makes options of a file the defaults of a command's flags.

    A table `set` has the options of the net.

    Raises:
        ArgumentError: for a name that no flag has, or a value that it cannot have.
    """
    actions = {a.dest: a for a in parser._actions if a.dest not in ("help", "options")}
    for key, value in given.items():
        name = key.replace("-", "_")
        action = actions.get(name)
        if action is None:
            close = difflib.get_close_matches(name, actions, 1)
            hint = f"did you mean {close[0]!r}?" if close else f"known: {', '.join(actions)}"
            raise ArgumentError(f"{where}: unknown option {key!r}; {hint}")
        parser.set_defaults(**{name: _checked(action, value, f"{where}: {key}")})


def _checked(action: argparse.Action, value: Any, where: str) -> Any:
    if action.dest == "set":
        if not isinstance(value, dict):
            raise ArgumentError(f"{where} must be a table of the net's options")
        return [
            (k.replace("-", "_"), tuple(v) if isinstance(v, list) else v) for k, v in value.items()
        ]
    if action.nargs == 0:  # a switch
        if not isinstance(value, bool):
            raise ArgumentError(f"{where} must be true or false, got {value!r}")
        return value
    values = value if isinstance(action.default, list) and isinstance(value, list) else [value]
    made = [_converted(action, one, where) for one in values]
    return made if isinstance(action.default, list) else made[0]


def _converted(action: argparse.Action, value: Any, where: str) -> Any:
    if isinstance(value, list | dict | bool):
        raise ArgumentError(f"{where} cannot be {value!r}")
    convert: Callable[[str], Any] = action.type if callable(action.type) else str
    try:
        made = convert(str(value))
    except (ValueError, argparse.ArgumentTypeError) as error:
        raise ArgumentError(f"{where}: {error}") from None
    if action.choices is not None and made not in action.choices:
        raise ArgumentError(f"{where} must be one of {', '.join(action.choices)}, got {value!r}")
    return made
