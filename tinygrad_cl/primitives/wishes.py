"""Wishes: what a tuner may ask of the plans of matmul and conv, as tables.

A wish names what a plan is to do otherwise than by its own rules. Several wishes may come to the
same plan, and some to none; `distinct` keeps one of each.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from tinygrad_cl.lowering import Choices, Host, TemplatePlan

Pair = tuple[int, int]

OWN = "own"  # the label of a template's own plan
HOST = Host("the tuner measured the host's BLAS faster")
HOST_FROM = 64  # the least of M, N and K for which the host is tried
HOST_FLOPS = 16_000_000  # and the least work: below, waiting for the queue costs too much


@dataclass(frozen=True, slots=True)
class MatmulWish:
    """What a matrix product is to do.

    Attributes:
        tile: rows and vectors of the register tile.
        dot: rows and columns of a tile of dot products instead.
        direct: whether rows of B are read where they lie, or packed.
        flip: whether the transposed product is computed, where both operands lie along K.
        depth: of the packed panel, times the plan's own.
        chunk: rows that share a panel, times the plan's own.
        slices: of K, which are summed afterwards.
        items: outputs of a work-item along either side, on a GPU.
    """

    tile: Pair | None = None
    dot: Pair | None = None
    direct: bool | None = None
    flip: bool | None = None
    depth: float = 1.0
    chunk: float = 1.0
    slices: int = 0
    items: int = 0


OWN_WISH = MatmulWish()

_TILES = ((8, 2), (6, 4), (12, 2), (8, 3), (4, 6), (14, 1), (2, 8), (1, 8))
_DOTS = ((8, 3), (4, 6), (2, 8), (1, 8))
_VARIANTS = (
    ("chunk/2", MatmulWish(chunk=0.5)),
    ("chunk*2", MatmulWish(chunk=2.0)),
    ("depth/2", MatmulWish(depth=0.5)),
    ("depth*2", MatmulWish(depth=2.0)),
    ("chunk/4", MatmulWish(chunk=0.25)),
    ("chunk*4", MatmulWish(chunk=4.0)),
    ("depth/4", MatmulWish(depth=0.25)),
    *((f"slices {n}", MatmulWish(slices=n)) for n in (1, 2, 4, 8)),
)
_LARGE = ((6, 4), (12, 2), (8, 3))  # tiles that are tried with variants too

MATMUL: tuple[tuple[str, MatmulWish], ...] = (
    *((f"tile {r}x{c}", MatmulWish(tile=(r, c))) for r, c in _TILES),
    *((f"dot {r}x{c}", MatmulWish(dot=(r, c))) for r, c in _DOTS),
    ("packed", MatmulWish(direct=False)),
    ("direct", MatmulWish(direct=True)),
    ("flipped", MatmulWish(flip=True)),
    *_VARIANTS,
    *(
        (f"tile {r}x{c} {label}", replace(wish, tile=(r, c)))
        for label, wish in _VARIANTS[:4]
        for r, c in _LARGE
    ),
)
MATMUL_GPU: tuple[tuple[str, MatmulWish], ...] = (
    ("tile 32", MatmulWish(items=2)),
    ("tile 64", MatmulWish(items=4)),
    *((f"slices {n}", MatmulWish(slices=n)) for n in (1, 2, 4, 8)),
    *((f"tile 32 slices {n}", MatmulWish(items=2, slices=n)) for n in (2, 4)),
)


def distinct(choices: Iterable[tuple[str, TemplatePlan | Host | None]]) -> Choices:
    """Returns the choices without those that have no plan, or that of an earlier one."""
    found: dict[TemplatePlan | Host, str] = {}
    for label, plan in choices:
        if plan is not None:
            found.setdefault(plan, label)
    return tuple((label, plan) for plan, label in found.items())
