"""How ops/conv.cl, ops/conv_weight.cl and ops/conv_weight_wide.cl cut a convolution into blocks.

A handful of block sizes (conv_cuts.py) and register tiles is weighed by a rough count of cycles
(conv_prices.py), and the cheapest that fits private memory is taken.
"""

from __future__ import annotations

from collections.abc import Iterator
from operator import attrgetter

from tinygrad_cl.primitives.conv_cuts import Blocks, candidates
from tinygrad_cl.primitives.conv_prices import weigh, weigh_weight
from tinygrad_cl.primitives.conv_sides import Convolution, forward_side, input_side
from tinygrad_cl.primitives.plans_dense import Types

COLUMNS = 1024  # of a block, at most


def all_blocks(mode: str, c: Convolution, types: Types) -> list[Blocks]:
    """Returns all blocks that fit a convolution or one of its gradients, in no order.

    There are narrower ones only if nothing else fits.
    """
    return next((found for found in map(list, _by_width(mode, c, types)) if found), [])


def _by_width(mode: str, c: Convolution, types: Types) -> Iterator[Iterator[Blocks]]:
    """Yields the blocks of the widest columns, then those of half as many, and so on."""
    of = input_side if mode == "INPUT_GRAD" else forward_side
    price = weigh_weight if mode == "WEIGHT_GRAD" else weigh
    sides = [of(c), of(c, True)] if c.kernel[1] > 1 else [of(c)]
    up_columns = sides[0].up_size[1]
    columns = max(1, -(-up_columns // max(1, -(-up_columns // COLUMNS))))
    while columns:
        cuts = (cut for side in sides for cut in candidates(side, c, columns, types.vec))
        yield (b for cut in cuts for b in price(cut, c, types))
        columns //= 2


def choose_blocks(mode: str, c: Convolution, types: Types) -> Blocks | None:
    """Returns the cheapest blocks of a convolution or one of its gradients; None if none fit."""
    for found in _by_width(mode, c, types):
        best = min(found, key=attrgetter("price"), default=None)
        if best is not None:
            return best
    return None
