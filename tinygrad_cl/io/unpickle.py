"""A reader of pickles that runs nothing: it knows plain values, and the names that it is given.

A pickle is a program for a machine with a stack and a memo. This machine has the instructions that
make numbers, strings, lists, tuples and dicts. A name in the pickle is looked up in a table of the
caller's and never imported; only what the table marks as a `Maker` can be called; attributes are
never set. Memory is taken only for what the pickle holds.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tinygrad_cl.errors import DataError

MAX_DEPTH = 64
MAX_INT = 255  # bytes of an integer
_PLAIN_KEYS = (str, int, float, bytes, type(None))


@dataclass(frozen=True, slots=True)
class Maker:
    """What a name in a pickle stands for, if it may be called.

    Attributes:
        name: for errors.
        make: a function of the arguments that the pickle gives.
    """

    name: str
    make: Callable[..., Any]


class Machine:
    """Reads one pickle after the other from some bytes.

    Args:
        content: the bytes.
        where: how errors begin.
        find: what a name ("collections OrderedDict") stands for; raises a DataError for others.
        persistent: what an identifier of the pickle stands for, such as a storage.

    Attributes:
        at: where the next pickle begins.

    Example:
        >>> import pickle
        >>> def find(name):
        ...     raise DataError(f"the pickle names {name}")
        >>> Machine(pickle.dumps({"a": [1, (2.5, None)]}), "test", find).load()
        {'a': [1, (2.5, None)]}
        >>> Machine(pickle.dumps(print), "test", find).load()
        Traceback (most recent call last):
        tinygrad_cl.errors.DataError: the pickle names builtins print
    """

    def __init__(
        self,
        content: bytes | bytearray | memoryview,
        where: str,
        find: Callable[[str], Any],
        persistent: Callable[[Any], Any] | None = None,
    ) -> None:
        self.content = memoryview(content)
        self.where = where
        self.find = find
        self.persistent = persistent
        self.at = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.memo: dict[int, Any] = {}

    def error(self, message: str) -> DataError:
        """Returns the error to raise."""
        return DataError(f"{self.where}: {message}, at byte {self.at} of a pickle")

    def load(self) -> Any:
        """Returns the value of the next pickle; lists and dicts in it may hold themselves.

        Raises:
            DataError: for what is malformed, truncated or not allowed.
        """
        self.stack, self.marks, self.memo = [], [], {}
        try:
            while True:
                code = self.take(1)[0]
                if code == _STOP:
                    return self.stack.pop()
                step = _STEPS.get(code)
                if step is None:
                    raise self.error(f"the instruction {code:#04x} is not known")
                step(self)
        except DataError:
            raise
        except (LookupError, TypeError, ValueError, OverflowError) as error:
            raise self.error(f"malformed ({type(error).__name__}: {str(error)[:80]})") from error

    # ------------------------------------------------------------------------------------ reading

    def take(self, count: int) -> memoryview:
        """Returns the next bytes."""
        if count > len(self.content) - self.at:
            raise self.error(f"{count} bytes are stated and {len(self.content) - self.at} are left")
        self.at += count
        return self.content[self.at - count : self.at]

    def number(self, form: str) -> Any:
        """Returns the next number of a `struct` form."""
        return struct.unpack(form, self.take(struct.calcsize(form)))[0]

    def line(self) -> str:
        """Returns the text up to the next newline."""
        found = bytes(self.content[self.at : self.at + 256]).find(b"\n")
        if found < 0:
            raise self.error("a name does not end")
        return bytes(self.take(found + 1)[:-1]).decode()

    # ------------------------------------------------------------------------------------- values

    def push(self, value: Any) -> None:
        """Puts a value onto the stack."""
        self.stack.append(value)

    def marked(self) -> list[Any]:
        """Takes the values above the last mark from the stack."""
        start = self.marks.pop()
        found = self.stack[start:]
        del self.stack[start:]
        return found

    def top(self, kind: type) -> Any:
        """Returns the value on top, which must be of a kind."""
        if not isinstance(self.stack[-1], kind):
            raise self.error(f"a {kind.__name__} was expected")
        return self.stack[-1]

    def integer(self, count: int) -> int:
        """Returns the next integer of so many bytes."""
        if count > MAX_INT:
            raise self.error(f"an integer of {count} bytes")
        return int.from_bytes(self.take(count), "little", signed=True)

    def text(self, count: int) -> str:
        """Returns the next string of so many bytes."""
        return str(self.take(count), "utf-8", "surrogatepass")

    def extend(self, items: list[Any]) -> None:
        """Adds items to the list on top."""
        self.top(list).extend(items)

    def update(self, items: list[Any]) -> None:
        """Adds keys and values, one after the other, to the dict on top."""
        target = self.top(dict)
        for key, value in zip(items[::2], items[1::2], strict=True):
            if not isinstance(key, _PLAIN_KEYS):  # hashing deep tuples could overflow the C stack
                raise self.error(f"a {type(key).__name__} as a key")
            target[key] = value

    def call(self) -> None:
        """Replaces a `Maker` and its arguments by what it makes."""
        arguments, maker = self.stack.pop(), self.stack.pop()
        if not isinstance(maker, Maker) or not isinstance(arguments, tuple):
            raise self.error("the pickle calls what is not allowed to be called")
        try:
            self.push(maker.make(*arguments))
        except TypeError as error:
            raise self.error(f"{maker.name} was called with wrong arguments ({error})") from error

    def build(self) -> None:
        """Drops the attributes that an object would get."""
        self.stack.pop()
        if not self.stack:
            raise self.error("attributes of nothing")

    def named(self, module: Any, name: Any) -> None:
        """Puts what a name stands for onto the stack."""
        if not isinstance(module, str) or not isinstance(name, str):
            raise self.error("a name is no text")
        self.push(self.find(f"{module} {name}"))

    def identified(self) -> None:
        """Replaces an identifier by what it stands for."""
        if self.persistent is None:
            raise self.error("an identifier of something outside")
        self.push(self.persistent(self.stack.pop()))

    def tuple_of(self, count: int) -> None:
        """Joins the last values to a tuple."""
        if count > len(self.stack):
            raise self.error("a tuple of more than there is")
        items = tuple(self.stack[len(self.stack) - count :])
        del self.stack[len(self.stack) - count :]
        self.push(items)


def plain(value: Any, where: str, leaf: Callable[[Any], Any], budget: int) -> Any:
    """Returns a copy of a tree of lists, tuples and dicts, with `leaf` of everything else.

    Args:
        value: what `Machine.load` returned.
        where: how errors begin.
        leaf: a function of every other value.
        budget: how many values the tree may have; a value in several places counts in each.

    Raises:
        DataError: for trees that are too deep or too large, or hold themselves.
    """
    left = budget

    def walk(value: Any, depth: int) -> Any:
        nonlocal left
        left -= 1
        if left < 0 or depth > MAX_DEPTH:
            raise DataError(f"{where}: values are nested too deep, or in too many places")
        if isinstance(value, dict):
            return {key: walk(item, depth + 1) for key, item in value.items()}
        if isinstance(value, list | tuple):
            return type(value)([walk(item, depth + 1) for item in value])
        return leaf(value)

    return walk(value, 0)


def _pop_two(machine: Machine) -> list[Any]:
    value = machine.stack.pop()
    return [machine.stack.pop(), value]


def _stack_global(machine: Machine) -> None:
    module, name = _pop_two(machine)
    machine.named(module, name)


def _keep(machine: Machine, index: int) -> None:
    machine.memo[index] = machine.stack[-1]


def _pop_mark(machine: Machine) -> None:
    machine.marked()


_STOP = 0x2E
_STEPS: dict[int, Callable[[Machine], Any]] = {
    0x80: lambda m: m.take(1),  # PROTO
    0x95: lambda m: m.take(8),  # FRAME
    ord("("): lambda m: m.marks.append(len(m.stack)),
    ord("0"): lambda m: m.stack.pop(),
    ord("1"): _pop_mark,
    ord("2"): lambda m: m.push(m.stack[-1]),
    ord("N"): lambda m: m.push(None),
    0x88: lambda m: m.push(True),
    0x89: lambda m: m.push(False),
    ord("J"): lambda m: m.push(m.number("<i")),
    ord("K"): lambda m: m.push(m.number("<B")),
    ord("M"): lambda m: m.push(m.number("<H")),
    0x8A: lambda m: m.push(m.integer(m.number("<B"))),
    0x8B: lambda m: m.push(m.integer(m.number("<I"))),
    ord("G"): lambda m: m.push(m.number(">d")),
    ord("X"): lambda m: m.push(m.text(m.number("<I"))),
    0x8C: lambda m: m.push(m.text(m.number("<B"))),
    0x8D: lambda m: m.push(m.text(m.number("<Q"))),
    ord("U"): lambda m: m.push(m.text(m.number("<B"))),  # strings of Python 2
    ord("T"): lambda m: m.push(m.text(m.number("<I"))),
    ord("B"): lambda m: m.push(bytes(m.take(m.number("<I")))),
    ord("C"): lambda m: m.push(bytes(m.take(m.number("<B")))),
    0x8E: lambda m: m.push(bytes(m.take(m.number("<Q")))),
    ord("]"): lambda m: m.push([]),
    ord("}"): lambda m: m.push({}),
    ord(")"): lambda m: m.push(()),
    0x85: lambda m: m.tuple_of(1),
    0x86: lambda m: m.tuple_of(2),
    0x87: lambda m: m.tuple_of(3),
    ord("t"): lambda m: m.push(tuple(m.marked())),
    ord("l"): lambda m: m.push(m.marked()),
    ord("a"): lambda m: m.extend([m.stack.pop()]),
    ord("e"): lambda m: m.extend(m.marked()),
    ord("s"): lambda m: m.update(_pop_two(m)),
    ord("u"): lambda m: m.update(m.marked()),
    ord("h"): lambda m: m.push(m.memo[m.number("<B")]),
    ord("j"): lambda m: m.push(m.memo[m.number("<I")]),
    ord("q"): lambda m: _keep(m, m.number("<B")),
    ord("r"): lambda m: _keep(m, m.number("<I")),
    0x94: lambda m: _keep(m, len(m.memo)),
    ord("c"): lambda m: m.named(m.line(), m.line()),
    0x93: _stack_global,
    ord("R"): lambda m: m.call(),
    0x81: lambda m: m.call(),  # NEWOBJ
    ord("b"): lambda m: m.build(),
    ord("Q"): lambda m: m.identified(),
}
