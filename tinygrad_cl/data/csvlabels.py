"""The labels of a CSV file: numbers, or classes.   The reader: csvfile.py."""

from __future__ import annotations

import math
import re
from array import array
from collections.abc import Sequence
from pathlib import Path

import numpy as np

from tinygrad_cl.errors import DataError

MAX_CLASSES = 1 << 16
MISSING = frozenset(("", "?", "na", "n/a", "nan", "none", "null"))


class Numbers:
    """Labels that are numbers."""

    def __init__(self, path: Path, missing: float | None) -> None:
        self.path, self.missing = path, missing
        self.values = array("f")

    def add(self, cell: str, line: int) -> None:
        """Takes the label of a line."""
        try:
            if "_" in cell:
                raise ValueError
            value = float(cell)
        except ValueError:
            value = math.nan
        if not math.isfinite(value) and self.missing is not None and cell.lower() in MISSING:
            value = self.missing
        elif not math.isfinite(value):
            raise DataError(
                f"read_csv: {self.path}, line {line}: the label {cell[:40]!r} is no finite number"
            )
        self.values.append(value)

    def result(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Returns the labels, and no class names."""
        return np.array(self.values, np.float32), ()


class Classes:
    """Labels that are classes."""

    def __init__(self, path: Path, classes: Sequence[str] | None) -> None:
        self.path = path
        self.given = None if classes is None else tuple(str(name) for name in classes)
        self.names = {name: at for at, name in enumerate(self.given or ())}
        self.codes = array("q")

    def add(self, cell: str, line: int) -> None:
        """Takes the label of a line."""
        code = self.names.get(cell)
        if code is None:
            where = f"read_csv: {self.path}, line {line}"
            if self.given is not None:
                shown = ", ".join(self.given)[:200]
                raise DataError(f"{where}: the label {cell[:40]!r} is none of {shown}")
            if len(self.names) == MAX_CLASSES:
                raise DataError(
                    f"{where}: more than {MAX_CLASSES} classes; are the labels numbers? "
                    "give target='number'"
                )
            code = self.names[cell] = len(self.names)
        self.codes.append(code)

    def result(self) -> tuple[np.ndarray, tuple[str, ...]]:
        """Returns the class indices and the names by index."""
        codes = np.array(self.codes, np.int64)
        if self.given is not None:
            return codes, self.given
        names = list(self.names)
        if names and all(re.fullmatch("[0-9]{1,5}", name) for name in names):
            values = np.array([int(name) for name in names])
            if values.max() < MAX_CLASSES:
                return values[codes], tuple(str(i) for i in range(int(values.max()) + 1))
        order = sorted(range(len(names)), key=lambda at: _rank(names[at]))
        place = np.empty(len(names), np.int64)
        place[order] = np.arange(len(names))
        return place[codes], tuple(names[at] for at in order)


def _rank(name: str) -> tuple[bool, float, str]:
    """Numbers come first, by value; then names, by their letters."""
    try:
        value = float(name)
    except ValueError:
        return True, 0.0, name
    return (False, value, name) if value == value else (True, 0.0, name)
