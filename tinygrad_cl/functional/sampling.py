"""Images and volumes read at places of a grid: `grid_sample`, and grids of affine maps."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING

from tinygrad_cl.dtypes import int64
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.base import unwrap
from tinygrad_cl.functional.creation import linspace, ones, zeros
from tinygrad_cl.functional.index import gather
from tinygrad_cl.functional.logic import where
from tinygrad_cl.functional.matmul import matmul
from tinygrad_cl.functional.movement import stack
from tinygrad_cl.functional.pairs import fmod
from tinygrad_cl.shapes import numel

if TYPE_CHECKING:
    from tinygrad_cl.tensor import Tensor


def affine_grid(theta: Tensor, size: Sequence[int], align_corners: bool | None = None) -> Tensor:
    """Returns the grid of an affine map, for `grid_sample`.

    Shapes: theta (N, 2, 3) and size (N, C, H, W) -> (N, H, W, 2); or (N, 3, 4) and (N, C, D, H, W)
    -> (N, D, H, W, 3). Coordinates are x, y(, z) from -1 to 1.

    Args:
        theta: the maps' matrices.
        size: the sizes of what is sampled to.
        align_corners: -1 and 1 are the centers of the outermost pixels; else their outer edges.

    Raises:
        ShapeError: if the shapes do not fit.

    Example:
        >>> import tinygrad_cl as tg
        >>> same = tg.tensor([[[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]]])
        >>> tg.nn.functional.affine_grid(same, (1, 1, 1, 2), align_corners=True)
        tensor([[[[-1.,  0.],
                  [ 1.,  0.]]]])
    """
    op = "affine_grid"
    dims = len(size) - 2
    if dims not in (2, 3) or unwrap(op, theta).shape != (size[0], dims, dims + 1):
        raise ShapeError(
            f"{op}: needs theta (N, 2, 3) and size (N, C, H, W), or (N, 3, 4) and (N, C, D, H, W), "
            f"got {theta.shape} and {tuple(size)}"
        )
    out = tuple(int(s) for s in size[2:])
    axes = []
    for d in reversed(range(dims)):
        n = out[d]
        edge = 1.0 if align_corners else 1.0 - 1.0 / n
        line = linspace(-edge, edge, n, dtype=theta.dtype, device=theta.device)
        if n == 1:
            line = zeros(1, dtype=theta.dtype, device=theta.device)
        axes.append(line.reshape(*(n if k == d else 1 for k in range(dims))).expand(*out))
    axes.append(ones(out, dtype=theta.dtype, device=theta.device))
    points = stack(axes, -1).reshape(1, numel(out), dims + 1)
    return matmul(points, theta.mT).reshape(size[0], *out, dims)


def grid_sample(
    input: Tensor,
    grid: Tensor,
    mode: str = "bilinear",
    padding_mode: str = "zeros",
    align_corners: bool | None = None,
) -> Tensor:
    """Returns images or volumes read at the places of a grid (Jaderberg et al. 2015).

    Shapes: input (N, C, H, W) and grid (N, OH, OW, 2) -> (N, C, OH, OW); or with depths and 3.

    Args:
        input: what is read.
        grid: places x, y(, z), -1 to 1 from edge to edge.
        mode: "bilinear" (in volumes trilinear), "nearest" or "bicubic" (images only).
        padding_mode: what stands outside: "zeros", "border" (the edge's values) or "reflection".
        align_corners: -1 and 1 are the centers of the outermost pixels; else their outer edges.

    Raises:
        ShapeError: if the shapes do not fit.
        ArgumentError: for another mode.

    Example:
        >>> import tinygrad_cl as tg
        >>> image = tg.tensor([[[[1.0, 3.0]]]])
        >>> tg.nn.functional.grid_sample(image, tg.zeros(1, 1, 1, 2))
        tensor([[[[2.]]]])
    """
    op = "grid_sample"
    dims = unwrap(op, input).ndim - 2
    fits = dims in (2, 3) and unwrap(op, grid).ndim == dims + 2 and grid.shape[-1] == dims
    if not fits or grid.shape[0] != input.shape[0] or 0 in input.shape[2:]:
        raise ShapeError(
            f"{op}: needs input (N, C, H, W) and grid (N, OH, OW, 2), or (N, C, D, H, W) and "
            f"(N, OD, OH, OW, 3), got {input.shape} and {grid.shape}"
        )
    modes = ("bilinear", "nearest", "bicubic") if dims == 2 else ("bilinear", "nearest")
    if mode not in modes or padding_mode not in ("zeros", "border", "reflection"):
        raise ArgumentError(
            f'{op}: mode must be one of {modes} and padding_mode "zeros", "border" or '
            f'"reflection", got {mode!r} and {padding_mode!r}'
        )
    aligned = bool(align_corners)
    sizes = input.shape[2:]
    places = [
        _unnormalized(grid[..., dims - 1 - d].reshape(grid.shape[0], -1), sizes[d], aligned)
        for d in range(dims)
    ]
    reader = _Reader(input, padding_mode, aligned)
    read = {"bilinear": _linear, "nearest": _nearest, "bicubic": _cubic}[mode]
    found = read(reader, places)
    return found.reshape(*input.shape[:2], *grid.shape[1:-1])


def _unnormalized(g: Tensor, size: int, aligned: bool) -> Tensor:
    return (g + 1) * ((size - 1) / 2) if aligned else (g + 1) * (size / 2) - 0.5


class _Reader:
    """Reads an input at places: moves them inside as the padding says, or gives zeros outside."""

    def __init__(self, input: Tensor, padding: str, aligned: bool) -> None:
        self.input = input
        self.flat = input.reshape(*input.shape[:2], -1)
        self.sizes = input.shape[2:]
        self.padding = padding
        self.aligned = aligned

    def inside(self, place: Tensor, size: int) -> Tensor:
        """Returns coordinates moved inside; with zeros outside they stay."""
        if self.padding == "zeros":
            return place
        if self.padding == "reflection":
            low, span = (0.0, size - 1.0) if self.aligned else (-0.5, float(size))
            place = _reflected(place, low, span)
        return place.clamp(0.0, size - 1.0)

    def at(self, places: Sequence[Tensor]) -> Tensor:
        """Returns values (N, C, P) at whole coordinates (N, P) of each dim."""
        index = None
        known = None
        for place, size in zip(places, self.sizes, strict=True):
            held = place.clamp(0, size - 1).to(int64)
            index = held if index is None else index * size + held
            if self.padding == "zeros":
                here = (place >= 0) & (place <= size - 1)
                known = here if known is None else known & here
        assert index is not None
        n, c = self.flat.shape[:2]
        wide = index.unsqueeze(1).expand(n, c, index.shape[1])
        values = gather(self.flat, 2, wide)
        if known is None:
            return values
        nothing = zeros((), dtype=values.dtype, device=values.device)
        return where(known.unsqueeze(1), values, nothing)


def _reflected(place: Tensor, low: float, span: float) -> Tensor:
    """Returns coordinates reflected at `low` and `low + span` until they lie between."""
    if span == 0:
        return place * 0.0
    away = (place - low).abs()
    extra = fmod(away, span)
    odd = fmod((away.detach() / span).floor(), 2.0) == 1
    return where(odd, span - extra, extra) + low


def _linear(reader: _Reader, places: Sequence[Tensor]) -> Tensor:
    moved = [reader.inside(c, s) for c, s in zip(places, reader.sizes, strict=True)]
    floors = [c.detach().floor() for c in moved]
    total: Tensor | None = None
    for corner in itertools.product((0, 1), repeat=len(moved)):
        share: Tensor | None = None
        for bit, c, f in zip(corner, moved, floors, strict=True):
            part = c - f if bit else 1 - (c - f)
            share = part if share is None else share * part
        assert share is not None
        values = reader.at([f + bit for bit, f in zip(corner, floors, strict=True)])
        term = values * share.unsqueeze(1)
        total = term if total is None else total + term
    assert total is not None
    return total


def _nearest(reader: _Reader, places: Sequence[Tensor]) -> Tensor:
    moved = [reader.inside(c.detach(), s) for c, s in zip(places, reader.sizes, strict=True)]
    return reader.at([c.round() for c in moved])


def _cubic(reader: _Reader, places: Sequence[Tensor]) -> Tensor:
    """Sixteen taps with the weights of Keys (1981), a = -0.75."""
    floors = [c.detach().floor() for c in places]
    shares = [_keys(c - f) for c, f in zip(places, floors, strict=True)]
    total: Tensor | None = None
    for i, j in itertools.product(range(4), repeat=2):
        taps = [floors[0] + (i - 1), floors[1] + (j - 1)]
        moved = [reader.inside(c, s) for c, s in zip(taps, reader.sizes, strict=True)]
        term = reader.at([c.floor() for c in moved]) * (shares[0][i] * shares[1][j]).unsqueeze(1)
        total = term if total is None else total + term
    assert total is not None
    return total


def _keys(t: Tensor) -> list[Tensor]:
    a = -0.75

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return [far(t + 1), near(t), near(1 - t), far(2 - t)]
