"""CSV files: a table of numbers, with or without a header and a column of labels.

The file is read line by line, numbers go straight into compact arrays, and whatever is wrong is
told with its line.
"""

from __future__ import annotations

import codecs
import contextlib
import csv
import gzip
import io
import zlib
from array import array
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Literal

import numpy as np

from tinygrad_cl.data.csvlabels import MISSING, Classes, Numbers
from tinygrad_cl.data.dataset import TensorDataset
from tinygrad_cl.data.idx import GZIP_MAGIC, MAX_BYTES, PathLike
from tinygrad_cl.errors import DataError

Target = Literal["class", "number"]

MAX_LINE = 1 << 24  # characters


@dataclass(frozen=True, slots=True)
class Table:
    """What a CSV file holds.

    Attributes:
        features: float32, of shape (rows, columns).
        labels: int64 class indices or float32 numbers, of shape (rows,); None without a label.
        columns: the names of the features; None without a header.
        classes: the names of the classes by index; empty without classes.
    """

    features: np.ndarray
    labels: np.ndarray | None
    columns: tuple[str, ...] | None
    classes: tuple[str, ...]


def read_csv(
    path: PathLike,
    label: str | int | None = None,
    *,
    header: bool | None = None,
    delimiter: str = ",",
    target: Target = "class",
    classes: Sequence[str] | None = None,
    skip: Sequence[str | int] = (),
    missing: float | None = None,
    encoding: str = "utf-8-sig",
    max_bytes: int = MAX_BYTES,
) -> Table:
    r"""Reads a CSV file of numbers, compressed with gzip or not.

    Args:
        path: the file.
        label: the column of labels, by name or by position (-1 is the last); None for none.
        header: whether the first line holds names. None: it does if a column is asked for by name,
            or if some cell of a feature in it is no number.
        delimiter: one character between cells.
        target: whether labels are classes or numbers. Whole numbers from 0 on are their own class
            indices; other names get the indices of their sorted order.
        classes: the names of the classes by index, instead: those of the training data, for test
            data.
        skip: columns to leave out, by name or by position.
        missing: what stands for empty cells, "?", "NA", "NaN", "null"; None makes them an error.
        encoding: of the text.
        max_bytes: the most text to read.

    Raises:
        DataError: if the file is missing, or malformed: a cell that is no number, a line of another
            length, an unknown label, a stray quote; tells the line.

    Example:
        >>> import tempfile
        >>> from pathlib import Path
        >>> with tempfile.TemporaryDirectory() as folder:
        ...     path = Path(folder, "iris.csv")
        ...     _ = path.write_text("length,kind\n5.5,setosa\n6.25,virginica\n")
        ...     table = read_csv(path, label="kind")
        >>> table.features.tolist(), table.labels.tolist(), table.classes
        ([[5.5], [6.25]], [0, 1], ('setosa', 'virginica'))
    """
    path = Path(path)
    if target not in ("class", "number"):
        raise DataError(f"read_csv: target must be 'class' or 'number', got {target!r}")
    if target == "number" and classes is not None:
        raise DataError("read_csv: classes need target='class'")
    if not isinstance(delimiter, str) or len(delimiter) != 1 or delimiter in '\r\n"':
        raise DataError(f"read_csv: delimiter must be one character, got {delimiter!r}")
    with _opened(path, encoding) as file:
        rows = _Rows(path, file, delimiter, max_bytes)
        layout = _layout(rows, label, header, skip)
        labels = None if layout.label is None else _labels(path, target, classes, missing)
        cells, lines = _read(rows, layout, labels, missing)
    features = np.frombuffer(cells, np.float32) if cells else np.zeros(0, np.float32)
    features = features.reshape(len(lines), len(layout.features))
    if missing is None:
        _check_finite(path, features, lines)
    found, names = (None, ()) if labels is None else labels.result()
    return Table(features, found, layout.columns, names)


class CSVDataset(TensorDataset):
    """The rows of a CSV file: `(features,)`, or `(features, label)` with a column of labels.

    Args:
        path: the file.
        label: the column of labels, by name or position; None for none.
        **options: as for `read_csv`.

    Raises:
        DataError: as `read_csv`.
    """

    def __init__(self, path: PathLike, label: str | int | None = None, **options: Any) -> None:
        table = read_csv(path, label, **options)
        self.columns, self.classes = table.columns, table.classes
        super().__init__(table.features, *([] if table.labels is None else [table.labels]))


@dataclass(frozen=True, slots=True)
class _Layout:
    """Which columns are what; the first line, if it is no header."""

    width: int
    label: int | None
    features: tuple[int, ...]
    columns: tuple[str, ...] | None
    first: list[str] | None


class _Rows:
    """The lines of a file, cut into cells."""

    def __init__(self, path: Path, file: IO[str], delimiter: str, max_bytes: int) -> None:
        self.path = path
        self.underscore = False  # Python's numbers may have them, a file's may not
        self._file, self._left = file, max_bytes
        self._number = 0
        self._reader = csv.reader(self._lines(), delimiter=delimiter, strict=True)

    @property
    def line(self) -> str:
        """Where the latest line is, for messages."""
        return f"{self.path}, line {self._number}"

    def __iter__(self) -> Iterator[list[str]]:
        while True:
            try:
                row = next(self._reader, None)
            except csv.Error as error:
                raise DataError(f"read_csv: {self.line}: {error}") from error
            except UnicodeDecodeError as error:
                raise DataError(
                    f"read_csv: {self.path}, after line {self._number}: not {error.encoding} text "
                    f"({error.reason}); give its encoding"
                ) from error
            except (EOFError, OSError, zlib.error) as error:
                raise DataError(f"read_csv: {self.path} is damaged: {error}") from error
            if row is None:
                return
            if row:  # empty lines are no rows
                yield row

    @property
    def number(self) -> int:
        """The number of the latest line, from 1."""
        return self._number

    def _lines(self) -> Iterator[str]:
        while line := self._file.readline(MAX_LINE):
            self._number += 1
            self._left -= len(line)
            if len(line) == MAX_LINE:
                raise DataError(f"read_csv: {self.line} is longer than {MAX_LINE} characters")
            if self._left < 0:
                raise DataError(
                    f"read_csv: {self.path} holds more text than the limit; raise max_bytes"
                )
            self.underscore = self.underscore or "_" in line
            yield line


@contextlib.contextmanager
def _opened(path: Path, encoding: str) -> Iterator[IO[str]]:
    try:
        codecs.lookup(encoding)
        with path.open("rb") as file:
            packed = file.read(2) == GZIP_MAGIC
            file.seek(0)
            raw: Any = gzip.GzipFile(fileobj=file) if packed else file
            with io.TextIOWrapper(raw, encoding=encoding, newline="") as text:
                yield text
    except OSError as error:
        raise DataError(f"read_csv: cannot read {path}: {error.strerror or error}") from error
    except LookupError as error:
        raise DataError(f"read_csv: {error}") from error


def _layout(
    rows: _Rows, label: str | int | None, header: bool | None, skip: Sequence[str | int]
) -> _Layout:
    first = next(iter(rows), None)
    if first is None:
        raise DataError(f"read_csv: {rows.path} holds no lines")
    named = isinstance(label, str) or any(isinstance(column, str) for column in skip)
    if named and header is False:
        raise DataError("read_csv: columns asked for by name need a header")
    names = tuple(cell.strip() for cell in first)
    header = True if named else header
    found = names if header else ()
    at = None if label is None else _column(rows, label, found, len(first))
    left_out = {_column(rows, column, found, len(first)) for column in skip}
    features = tuple(i for i in range(len(first)) if i != at and i not in left_out)
    if not features:
        raise DataError(f"read_csv: {rows.path} has no columns of features")
    if header is None:
        header = any(not _is_number(names[i]) for i in features)
    columns = tuple(names[i] for i in features) if header else None
    return _Layout(len(first), at, features, columns, None if header else first)


def _column(rows: _Rows, column: str | int, names: tuple[str, ...], width: int) -> int:
    if isinstance(column, str):
        if names.count(column) != 1:
            shown = ", ".join(names)[:200]
            raise DataError(
                f"read_csv: {rows.line}: column {column!r} must be there once; there are {shown}"
            )
        return names.index(column)
    if isinstance(column, bool) or not isinstance(column, int) or not -width <= column < width:
        raise DataError(f"read_csv: {rows.line}: no column {column!r} among {width}")
    return column % width


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return cell.strip().lower() in MISSING
    return True


def _read(
    rows: _Rows, layout: _Layout, labels: _Labels | None, missing: float | None
) -> tuple[array[float], array[int]]:
    """Returns the features of all rows, one after the other, and the rows' lines."""
    cells, lines = array("f"), array("q")
    pick = itemgetter(*layout.features) if len(layout.features) > 1 else None
    add = labels.add if labels else None

    def take(row: list[str]) -> None:
        if len(row) != layout.width:
            raise DataError(
                f"read_csv: {rows.line} has {len(row)} cells, and the first line {layout.width}"
            )
        chosen: Sequence[str] = pick(row) if pick else (row[layout.features[0]],)
        try:
            if rows.underscore:
                raise ValueError
            values = [*map(float, chosen)]
        except ValueError:
            values = _carefully(rows, chosen, layout, missing)
            rows.underscore = False
        cells.extend(values)
        lines.append(rows.number)
        if add and layout.label is not None:
            add(row[layout.label].strip(), rows.number)

    if layout.first is not None:
        take(layout.first)
    for row in rows:
        take(row)
    return cells, lines


def _carefully(
    rows: _Rows, chosen: Sequence[str], layout: _Layout, missing: float | None
) -> list[float]:
    """Returns the numbers of a row of which some may be missing; tells which cell is wrong."""
    values = []
    for at, cell in enumerate(chosen):
        if missing is not None and cell.strip().lower() in MISSING:
            values.append(missing)
            continue
        try:
            if "_" in cell:
                raise ValueError
            values.append(float(cell))
        except ValueError:
            column = layout.columns[at] if layout.columns else layout.features[at]
            hint = "; give `missing`" if cell.strip().lower() in MISSING else ""
            raise DataError(
                f"read_csv: {rows.line}, column {column!r}: {cell[:40]!r} is no number{hint}"
            ) from None
    return values


def _check_finite(path: Path, features: np.ndarray, lines: Sequence[int]) -> None:
    step = max(1, (1 << 22) // max(1, features.shape[1]))
    for start in range(0, len(features), step):
        wrong = ~np.isfinite(features[start : start + step]).all(1)
        if wrong.any():
            line = lines[start + int(wrong.argmax())]
            raise DataError(
                f"read_csv: {path}, line {line}: NaN, infinity, or too large for float32; "
                "give `missing` to read it"
            )


_Labels = Numbers | Classes


def _labels(
    path: Path, target: Target, classes: Sequence[str] | None, missing: float | None
) -> _Labels:
    return Numbers(path, missing) if target == "number" else Classes(path, classes)
