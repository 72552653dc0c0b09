"""`einsum`: Einstein's notation, as views and one matrix product per operand."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinygrad_cl.dtypes import promote
from tinygrad_cl.errors import ShapeError
from tinygrad_cl.functional import base
from tinygrad_cl.functional.base import unwrap, wrap
from tinygrad_cl.functional.matmul import product
from tinygrad_cl.functional.reduce import total
from tinygrad_cl.graph import Node
from tinygrad_cl.primitives import elementwise as p
from tinygrad_cl.primitives import movement as m
from tinygrad_cl.shapes import numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor

# Dims of "..." are named by private characters, counted from the right.
_DOTS = "\ue000\ue001\ue002\ue003\ue004\ue005\ue006\ue007\ue008\ue009"


def einsum(equation: str, *operands: Tensor) -> Tensor:
    """Returns the product of the operands, summed over all letters that the output lacks.

    Args:
        equation: one letter per dim, as in "bij,bjk->bik"; "..." stands for dims that broadcast.
            Without "->" the output has the letters that occur once, in alphabetical order.
        operands: one tensor per term.

    Raises:
        ShapeError: if the equation does not fit the operands.

    Example:
        >>> import tinygrad_cl as tg
        >>> tg.einsum("ij,j->i", tg.tensor([[1.0, 2.0], [3.0, 4.0]]), tg.tensor([1.0, 1.0]))
        tensor([3., 7.])
    """
    listed = (
        operands[0] if len(operands) == 1 and isinstance(operands[0], list | tuple) else operands
    )
    nodes = [unwrap("einsum", x) for x in listed]
    terms, output = _parse(equation, nodes)
    dtype = nodes[0].dtype
    for node in nodes:
        dtype = promote(dtype, node.dtype)
    pairs = [_diagonals(base.cast(n, dtype), t) for n, t in zip(nodes, terms, strict=True)]
    _check_sizes(equation, pairs)
    result, letters = pairs[0]
    for i in range(1, len(pairs)):
        later = output + "".join(t for _, t in pairs[i + 1 :])
        result, letters = _combine(result, letters, *pairs[i], later)
    result, letters = _sum_out(result, letters, output)
    order = tuple(letters.index(c) for c in output)
    return wrap(p.alias(result) if not order else m.permute(result, dims=order))


def _parse(equation: str, nodes: Sequence[Node]) -> tuple[list[str], str]:
    """Returns the letters of each operand and of the output, with "..." spelled out."""
    text = equation.replace(" ", "")
    left, arrow, right = text.partition("->")
    terms = left.split(",")
    if len(terms) != len(nodes) or not nodes:
        raise ShapeError(f"einsum: {equation!r} has {len(terms)} terms for {len(nodes)} operands")
    spelled = [_spell(equation, t, n.ndim) for t, n in zip(terms, nodes, strict=True)]
    used = "".join(spelled)
    dots = "".join(c for c in reversed(_DOTS) if c in used)
    if arrow:
        output = right.replace("...", dots)
    else:
        output = dots + "".join(
            sorted(c for c in set(used) if used.count(c) == 1 and c not in _DOTS)
        )
    extra = [c for c in output if c not in used]
    if extra or len(set(output)) != len(output) or "." in output:
        raise ShapeError(
            f"einsum: the output of {equation!r} must name dims of the operands, each once"
        )
    return spelled, output


def _spell(equation: str, term: str, ndim: int) -> str:
    letters = term.replace("...", "", 1)
    if not all(c.isalpha() for c in letters):
        raise ShapeError(f"einsum: {term!r} in {equation!r} must consist of letters and one '...'")
    hidden = ndim - len(letters)
    if hidden < 0 or (hidden and "..." not in term) or hidden > len(_DOTS):
        raise ShapeError(f"einsum: {term!r} in {equation!r} does not fit an operand of {ndim} dims")
    return term.replace("...", _DOTS[:hidden][::-1])


def _diagonals(node: Node, letters: str) -> tuple[Node, str]:
    """Returns the diagonal where a letter stands twice in one term."""
    for letter in dict.fromkeys(letters):
        while letters.count(letter) > 1:
            first = letters.index(letter)
            second = letters.index(letter, first + 1)
            n = node.shape[first]
            if node.shape[second] != n:
                raise ShapeError(
                    f"einsum: {letter!r} is {n} and {node.shape[second]} in one operand"
                )
            rest = [d for d in range(node.ndim) if d not in (first, second)]
            moved = m.permute(node, dims=(*rest, first, second))
            outer = tuple(node.shape[d] for d in rest)
            flat = m.reshape(moved, shape=(*outer, n * n))
            zeros, ones = (0,) * (len(outer) + 1), (1,) * len(outer)
            node = m.slice(flat, starts=zeros, steps=(*ones, n + 1), shape=(*outer, n))
            letters = "".join(letters[d] for d in rest) + letter
    return node, letters


def _check_sizes(equation: str, pairs: Sequence[tuple[Node, str]]) -> None:
    sizes: dict[str, int] = {}
    for node, letters in pairs:
        for letter, size in zip(letters, node.shape, strict=True):
            if sizes.setdefault(letter, size) == 1:
                sizes[letter] = size
            if size not in (1, sizes[letter]):
                raise ShapeError(
                    f"einsum: {letter!r} in {equation!r} is {sizes[letter]} in one operand "
                    f"and {size} in another"
                )


def _sum_out(node: Node, letters: str, kept: str) -> tuple[Node, str]:
    dims = tuple(d for d, c in enumerate(letters) if c not in kept)
    return total(node, dims, False), "".join(c for c in letters if c in kept)


def _combine(a: Node, left: str, b: Node, right: str, later: str) -> tuple[Node, str]:
    """Returns the product of two operands, summed over what nothing later needs."""
    a, left = _sum_out(a, left, right + later)
    b, right = _sum_out(b, right, left + later)
    # A dim of size 1 beside a larger one broadcasts: it cannot be summed as a matrix product's
    # inner dim.
    shared = [c for c in left if c in right]
    for c in shared:
        wide = max(a.shape[left.index(c)], b.shape[right.index(c)])
        a, b = _widen(a, left.index(c), wide), _widen(b, right.index(c), wide)
    batch = [c for c in shared if c in later]
    inner = [c for c in shared if c not in later]
    rows = [c for c in left if c not in right]
    columns = [c for c in right if c not in left]
    size = dict(zip(left, a.shape, strict=True)) | dict(zip(right, b.shape, strict=True))
    x = m.permute(a, dims=tuple(left.index(c) for c in [*batch, *rows, *inner]))
    y = m.permute(b, dims=tuple(right.index(c) for c in [*batch, *inner, *columns]))
    outer = tuple(size[c] for c in batch)
    many, deep, wide = (numel([size[c] for c in group]) for group in (rows, inner, columns))
    matrix = product(base.reshape(x, (*outer, many, deep)), base.reshape(y, (*outer, deep, wide)))
    found = batch + rows + columns
    return base.reshape(matrix, tuple(size[c] for c in found)), "".join(found)


def _widen(node: Node, dim: int, size: int) -> Node:
    return base.expand(node, (*node.shape[:dim], size, *node.shape[dim + 1 :]))
