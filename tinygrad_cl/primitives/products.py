"""Matrix products as kernels see them: sizes and strides, from the layouts of two operands."""

from __future__ import annotations

from dataclasses import dataclass

from tinygrad_cl.lowering import Attrs
from tinygrad_cl.shapes import Layout, numel


@dataclass(frozen=True, slots=True)
class Sparse:
    """Columns that are every second pixel of every second row of an image.

    Attributes:
        kind: "READ": that is what B is; "WRITTEN": the output is, with zeros between.
        line: columns of a row of such pixels.
        size: rows and columns of the image.
    """

    kind: str
    line: int
    size: tuple[int, int]


@dataclass(frozen=True, slots=True)
class Product:
    """out[b] = A[b] @ B[b], every operand with strides: (batch0, batch1, batch2, rows, columns)."""

    batch: tuple[int, int, int]
    m: int
    n: int
    k: int
    a: tuple[int, ...]
    b: tuple[int, ...]
    a_first: int
    b_first: int
    sparse: Sparse | None = None

    @property
    def batches(self) -> int:
        """The number of products."""
        return numel(self.batch)

    @property
    def b_end(self) -> int:
        """One past the last element of B."""
        sizes = (*self.batch, self.k, self.n)
        if self.sparse and self.sparse.kind == "READ":
            sizes = (*sizes[:-1], numel(self.sparse.size))
        if 0 in sizes:
            return 0
        return self.b_first + 1 + sum((s - 1) * t for s, t in zip(sizes, self.b, strict=True))

    @property
    def flipped(self) -> Product:
        """The transposed product, whose operands are the transposed ones in turn."""
        left = (*self.b[:3], self.b[4], self.b[3])
        right = (*self.a[:3], self.a[4], self.a[3])
        return Product(self.batch, self.n, self.m, self.k, left, right, self.b_first, self.a_first)


def accepts_operand(i: int, layout: Layout, attrs: Attrs) -> bool:
    """Tells whether the kernels read an operand through this layout.

    Rows or columns must lie side by side, and the batch dims must be at most two runs of equal
    strides (a permuted, sliced or broadcast batch is).
    """
    if layout.bounds is not None or min(layout.strides, default=0) < 0:
        return False
    rows, columns = layout.shape[-2:]
    row, column = layout.strides[-2:]
    side_by_side = column == 1 or row == 1 or rows <= 1 or columns <= 1
    batch = zip(layout.shape[:-2], layout.strides[:-2], strict=True)
    return side_by_side and len(_runs(tuple((size, stride) for size, stride in batch))) <= 2


def _runs(dims: tuple[tuple[int, ...], ...]) -> list[list[int]]:
    """Merges neighboring dims (size, stride of each operand) that are one run for every operand."""
    runs: list[list[int]] = []
    for size, *strides in dims:
        if size == 1:
            continue
        if runs and all(
            outer == size * inner for outer, inner in zip(runs[-1][1:], strides, strict=True)
        ):
            runs[-1] = [runs[-1][0] * size, *strides]
        else:
            runs.append([size, *strides])
    return runs


def product_of(a: Layout, b: Layout) -> Product:
    """Returns the product of two accepted operands, in the form that is cheapest to run.

    A batch that B does not have becomes rows of A; a single column becomes a single row of the
    transposed product.
    """
    dims = zip(a.shape[:-2], a.strides[:-2], b.strides[:-2], strict=True)
    runs = _runs(tuple(dims))
    (m, k), n = a.shape[-2:], b.shape[-1]
    (a_m, a_k), (b_k, b_n) = a.strides[-2:], b.strides[-2:]
    if m == 1:
        a_m = 0
    if len(runs) == 1 and runs[0][2] == 0 and (m == 1 or runs[0][1] == m * a_m):
        a_m = runs[0][1] if m == 1 else a_m
        m, runs = m * runs[0][0], []
    runs = [[1, 0, 0]] * (3 - len(runs)) + runs
    batch = (runs[0][0], runs[1][0], runs[2][0])
    a_batch, b_batch = [r[1] for r in runs], [r[2] for r in runs]
    if n == 1 and m > 1:
        left, right = (*b_batch, b_n, b_k), (*a_batch, a_k, a_m)
        return Product(batch, 1, m, k, left, right, b.offset, a.offset)
    left, right = (*a_batch, a_m, a_k), (*b_batch, b_k, b_n)
    return Product(batch, m, n, k, left, right, a.offset, b.offset)
