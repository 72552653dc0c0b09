"""Choices of the matrix product: what a tuner may compare. The plans are in plans_matmul.py."""

from __future__ import annotations

from tinygrad_cl.lowering import Attrs, Choices, DeviceTraits
from tinygrad_cl.primitives.matmul_tiles import best_tile
from tinygrad_cl.primitives.plans_dense import register_types
from tinygrad_cl.primitives.plans_matmul import plan_matmul, plan_product, takes_dots
from tinygrad_cl.primitives.products import Product, product_of
from tinygrad_cl.primitives.wishes import (
    HOST,
    HOST_FLOPS,
    HOST_FROM,
    MATMUL,
    MATMUL_GPU,
    OWN,
    MatmulWish,
    distinct,
)
from tinygrad_cl.shapes import Layout, Shape


def choices_matmul(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> Choices:
    """Returns the plans of a matrix product that a tuner may compare; the first is its own."""
    own = plan_matmul(inputs, out_shape, tags, attrs, traits)
    types = register_types(tags[0], traits)
    product = product_of(*inputs)
    work = 2 * product.batches * product.m * product.n * product.k
    if types is None or work == 0:
        return ((OWN, own),)
    swapped = inputs[1].shape[-1] == 1 and product.n != 1
    large = min(product.m, product.n, product.k) >= HOST_FROM and work >= HOST_FLOPS
    wishes = MATMUL_GPU if traits.kind == "gpu" else MATMUL
    made = (
        (label, plan_product(product, types, traits, swapped, wish))
        for label, wish in wishes
        if _is_sensible(wish, product, types.vec)
    )
    return distinct([(OWN, own), ("host", HOST if large else None), *made])


def _is_sensible(wish: MatmulWish, p: Product, vec: int) -> bool:
    """Whether a wish can be granted, and does not multiply zeros for the most part."""
    if wish.slices > 1 and p.k < wish.slices * 64:
        return False
    if wish.direct and p.b[4] != 1:
        return False
    if wish.flip:
        return takes_dots(p) and vec % 8 == 0 and p.n >= vec
    if wish.dot is not None:
        return takes_dots(p) and wish.dot[0] <= p.m
    if wish.tile is None:
        return True
    (rows, cols), (best_rows, best_cols) = wish.tile, best_tile(p, vec)[0]
    area = -(-p.m // rows) * rows * -(-p.n // (cols * vec)) * cols
    best = -(-p.m // best_rows) * best_rows * -(-p.n // (best_cols * vec)) * best_cols
    return area <= 1.5 * best and (rows > 2 or p.m < 32)
