"""Images and volumes read at places of a grid: `grid_sample`, and grids of affine maps."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from tinygrad_cl.dtypes import int64
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.base import unwrap
from tinygrad_cl.functional.creation import arange, linspace, ones, zeros
from tinygrad_cl.functional.elementwise import add, mul
from tinygrad_cl.functional.index import gather
from tinygrad_cl.functional.logic import logical_and, where
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
    n, c, *sizes = input.shape
    index: Tensor | None = None
    shares: Tensor | None = None
    known: Tensor | None = None
    for d, size in enumerate(sizes):
        g = grid[..., dims - 1 - d].reshape(n, -1)
        place, share = _taps(g, size, mode, padding_mode, bool(align_corners))
        here = (place >= 0) & (place <= size - 1) if padding_mode == "zeros" else None
        place = place.clamp(0, size - 1).to(int64)
        index = place if index is None else _crossed(index * size, place, add)
        shares = share if shares is None else _crossed(shares, share, mul)
        if here is not None:
            known = here if known is None else _crossed(known, here, logical_and)
    assert index is not None
    assert shares is not None
    count, taps = index.shape[1:]
    wide = index.reshape(n, 1, count * taps).expand(n, c, count * taps)
    values = gather(input.reshape(n, c, -1), 2, wide).reshape(n, c, count, taps)
    if known is not None:
        nothing = zeros((), dtype=values.dtype, device=values.device)
        values = where(known.unsqueeze(1), values, nothing)
    return (values * shares.unsqueeze(1)).sum(-1).reshape(n, c, *grid.shape[1:-1])


def _crossed(a: Tensor, b: Tensor, meet: Callable[[Tensor, Tensor], Tensor]) -> Tensor:
    """Returns what all pairs of taps of two dims come to, (N, P, I) and (N, P, J) -> (N, P, IJ)."""
    return meet(a.unsqueeze(3), b.unsqueeze(2)).flatten(2)


def _taps(g: Tensor, size: int, mode: str, padding: str, aligned: bool) -> tuple[Tensor, Tensor]:
    """Returns the elements of one dim that are read, (N, P, taps), whole numbers, and weights."""
    c = (g + 1) * ((size - 1) / 2) if aligned else (g + 1) * (size / 2) - 0.5
    if mode == "bicubic":
        low = c.detach().floor()
        taps = low.unsqueeze(2) + arange(-1, 3, dtype=c.dtype, device=c.device)
        return _inside(taps, size, padding, aligned).floor(), _keys(c - low)
    c = _inside(c, size, padding, aligned)
    if mode == "nearest":
        whole = c.detach().round().unsqueeze(2)
        return whole, whole * 0 + 1
    low = c.detach().floor()
    taps = low.unsqueeze(2) + arange(2, dtype=c.dtype, device=c.device)
    return taps, stack([1 - (c - low), c - low], 2)


def _inside(c: Tensor, size: int, padding: str, aligned: bool) -> Tensor:
    """Returns coordinates moved inside; with zeros outside they stay."""
    if padding == "zeros":
        return c
    if padding == "reflection":
        low, span = (0.0, size - 1.0) if aligned else (-0.5, float(size))
        c = _reflected(c, low, span)
    return c.clamp(0.0, size - 1.0)


def _reflected(c: Tensor, low: float, span: float) -> Tensor:
    """Returns coordinates reflected at `low` and `low + span` until they lie between."""
    if span == 0:
        return c * 0.0
    away = (c - low).abs()
    extra = fmod(away, span)
    odd = fmod((away.detach() / span).floor(), 2.0) == 1
    return where(odd, span - extra, extra) + low


def _keys(t: Tensor) -> Tensor:
    """Returns the weights of four taps around a place (Keys 1981, a = -0.75), (..., 4)."""
    a = -0.75

    def near(x: Tensor) -> Tensor:
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x: Tensor) -> Tensor:
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return stack([far(t + 1), near(t), near(1 - t), far(2 - t)], 2)
