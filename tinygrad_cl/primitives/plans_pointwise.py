"""Plans of 1 x 1 convolutions as matrix products: ops/matmul.cl, on CPUs.

With one tap and no padding, the output of an image is W @ x, the input gradient W.T @ g: channels
are the rows of the right operand and pixels its columns, as they lie. Nothing is padded, turned or
packed but the panel of a tile. With stride 2 the columns are every second pixel of every second
row of the image, which is read or, for the input gradient, written.
"""

from __future__ import annotations

from dataclasses import replace

from tinygrad_cl.dtypes import HALVES
from tinygrad_cl.lowering import DeviceTraits, TemplatePlan
from tinygrad_cl.primitives.conv_sides import Convolution, Pair
from tinygrad_cl.primitives.matmul_tiles import LAST
from tinygrad_cl.primitives.plans_dense import Types
from tinygrad_cl.primitives.plans_matmul import plan_product
from tinygrad_cl.primitives.products import Product, Sparse
from tinygrad_cl.primitives.wishes import MatmulWish
from tinygrad_cl.shapes import numel

Tile = tuple[Pair, bool, float]

# Register tiles, whether pixels are read where they lie, and how near to the best rate they come.
TILES: tuple[Tile, ...] = (((6, 4), True, 1.0), ((8, 2), True, 0.98), ((8, 2), False, 0.95))
WASTE = 1.3  # times the multiply-adds of a row of pixels, at most
FEW = 5  # channels of the output, for which other tiles are better


def refusal(mode: str, c: Convolution, types: Types) -> str | None:
    """Returns why a convolution or its input gradient is no matrix product, or None if it is."""
    if not c.single or c.stride not in ((1, 1), (2, 2)):
        return "its pixels meet more than those in the same place, or the stride is not 1 or 2"
    if c.groups != 1:
        return "it is made for one group"
    if types.storage in HALVES:
        return "halves are dear to read one by one"
    if _results(mode, c) <= FEW:
        return "there are too few channels for a register tile"
    if min(_wide(c, types, *tile) for tile in tiles(c)) > WASTE:
        return "the maps are too small for a register tile"
    return None


def tiles(c: Convolution) -> tuple[Tile, ...]:
    """The register tiles: pixels that lie apart are packed."""
    return TILES if c.plain else tuple(tile for tile in TILES if not tile[1])


def _results(mode: str, c: Convolution) -> int:
    return c.outputs if mode == "FORWARD" else c.channels


def _wide(c: Convolution, types: Types, tile: Pair, direct: bool, rate: float) -> float:
    """What a tile takes for a row of an image, in multiply-adds of each pixel."""
    pixels = max(c.out[0] * c.out[1], 1)
    across, rest = divmod(pixels, tile[1] * types.vec)
    last = LAST if not direct and rest <= types.vec else 1
    return (across + (last if rest else 0)) * tile[1] * types.vec / pixels / rate


def _price(mode: str, c: Convolution, types: Types, tile: Tile) -> float:
    """What a tile takes for an image."""
    rows = tile[0][0]
    return _wide(c, types, *tile) * -(-_results(mode, c) // rows) * rows


def image_plan(
    mode: str, c: Convolution, types: Types, traits: DeviceTraits, tile: Tile | None = None
) -> TemplatePlan:
    """Returns the plan of a convolution or of its input gradient that was not refused."""
    pixels = c.out[0] * c.out[1]
    if mode == "FORWARD":
        name, depth, steps = "conv", c.channels, (c.channels, 1)
    else:
        name, depth, steps = "conv_input_grad", c.outputs, (1, c.channels)
    sparse = None
    if not c.plain:
        sparse = Sparse("READ" if mode == "FORWARD" else "WRITTEN", c.out[1], c.size)
    rows, area = _results(mode, c), numel(c.size if mode == "FORWARD" else c.out)
    images = (0, 0, depth * area, area, 1)
    sizes = (1, 1, c.images), rows, pixels, depth
    product = Product(*sizes, (0, 0, 0, *steps), images, 0, 0, sparse)
    size, direct, _ = tile or min(tiles(c), key=lambda t: _price(mode, c, types, t))
    wish = MatmulWish(tile=size, direct=direct, slices=int(not c.plain))
    plan = plan_product(product, types, traits, True, wish)
    return replace(plan, passes=tuple(replace(step, kernel=name) for step in plan.passes))
