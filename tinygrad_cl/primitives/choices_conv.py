"""Choices of the convolution and its gradients: what a tuner may compare.

The plans are in plans_conv.py, plans_pointwise.py, plans_winograd.py, plans_channels.py and
plans_depth.py, the blocks in conv_blocks.py. Blocks are many; the tuner gets the cheapest of each
form (what makes a kernel of its own), and of the best form some other sizes. Winograd's form, and
that with channels side by side, are offered wherever they can be had, whatever their price.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import inf
from typing import NamedTuple

from tinygrad_cl.lowering import Attrs, Choices, DeviceTraits, TemplatePlan
from tinygrad_cl.primitives import channels_blocks
from tinygrad_cl.primitives import plans_channels as channels
from tinygrad_cl.primitives import plans_channels_weight as channels_weight
from tinygrad_cl.primitives import plans_depth as depth
from tinygrad_cl.primitives import plans_pointwise as pointwise
from tinygrad_cl.primitives import plans_winograd as winograd
from tinygrad_cl.primitives.conv_blocks import all_blocks
from tinygrad_cl.primitives.conv_cuts import Blocks
from tinygrad_cl.primitives.conv_sides import Convolution, Pair
from tinygrad_cl.primitives.plans_conv import (
    convolution,
    direct_image_plan,
    direct_weight_plan,
    flipped_blocks,
    gpu_plan,
    plan_conv2d,
    plan_input_grad,
    plan_weight_grad,
)
from tinygrad_cl.primitives.plans_dense import Types, register_types
from tinygrad_cl.primitives.wishes import OWN, distinct
from tinygrad_cl.shapes import Layout, Shape

FORMS = 10  # that are offered, at most
FORM_PRICE = 1.6  # times that of the cheapest one, at most
SIZES = 8  # of the cheapest form
SIZE_PRICE = 1.25
SHARES = (0.5, 2.0)  # chunks of a weight gradient, times as many as a rule says
WINOGRAD_TILES = (64, 32, 16)
CHANNEL_BLOCKS = 4  # of the form with channels side by side
GPU_ITEMS = (2, 4)
GPU_SLICES = (1, 2, 4, 8)

_PLANS = {"FORWARD": plan_conv2d, "INPUT_GRAD": plan_input_grad, "WEIGHT_GRAD": plan_weight_grad}


def choices_conv2d(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> Choices:
    """Returns the plans of a convolution that a tuner may compare; the first is its own."""
    return _choices("FORWARD", inputs, out_shape, tags, attrs, traits)


def choices_input_grad(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> Choices:
    """Returns the plans of an input gradient that a tuner may compare; the first is its own."""
    return _choices("INPUT_GRAD", inputs, out_shape, tags, attrs, traits)


def choices_weight_grad(
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> Choices:
    """Returns the plans of a weight gradient that a tuner may compare; the first is its own."""
    return _choices("WEIGHT_GRAD", inputs, out_shape, tags, attrs, traits)


def _choices(
    mode: str,
    inputs: tuple[Layout, ...],
    out_shape: Shape,
    tags: tuple[str, ...],
    attrs: Attrs,
    traits: DeviceTraits,
) -> Choices:
    own = _PLANS[mode](inputs, out_shape, tags, attrs, traits)
    types = register_types(tags[0], traits)
    if types is None or not isinstance(own, TemplatePlan):
        return ((OWN, own),)
    c = convolution(mode, inputs, out_shape, attrs)
    others = _gpu_plans if traits.kind == "gpu" else _cpu_plans
    return distinct([(OWN, own), *others(mode, c, types, traits)])


Plans = Iterator[tuple[str, TemplatePlan]]


def _gpu_plans(mode: str, c: Convolution, types: Types, traits: DeviceTraits) -> Plans:
    for items in GPU_ITEMS:
        yield f"tile {16 * items}", gpu_plan(mode, c, types, traits, items)
        for slices in GPU_SLICES if mode == "WEIGHT_GRAD" else ():
            if slices * 64 <= c.images * c.out[0] * c.out[1]:
                label = f"tile {16 * items} slices {slices}"
                yield label, gpu_plan(mode, c, types, traits, items, slices)


def _cpu_plans(mode: str, c: Convolution, types: Types, traits: DeviceTraits) -> Plans:
    if not winograd.refusal(mode, c, types, inf):
        for tiles in WINOGRAD_TILES:
            if mode == "WEIGHT_GRAD":
                yield f"winograd {tiles}", winograd.weight_plan(c, types, traits, tiles)
            else:
                yield f"winograd {tiles}", winograd.image_plan(mode, c, types, traits, tiles)
    yield from _channel_plans(mode, c, types, traits)
    if mode != "WEIGHT_GRAD" and not pointwise.refusal(mode, c, types):
        for tile in pointwise.tiles(c):
            (rows, cols), direct, _ = tile
            name = f"product {rows}x{cols}{' direct' if direct else ''}"
            yield name, pointwise.image_plan(mode, c, types, traits, tile)
    planes = depth.planes(mode, c, types)
    if planes is not None:
        yield f"planes {planes.block_rows}", depth.plan(mode, c, types, traits, planes)
    blocks = block_choices(all_blocks(mode, c, types))
    for b in blocks:
        if mode == "WEIGHT_GRAD":
            yield label(b), direct_weight_plan(c, types, traits, b)
        else:
            yield label(b), direct_image_plan(mode, c, types, traits, b)
    turned = flipped_blocks(c, types) if mode == "WEIGHT_GRAD" else None
    if turned:
        plan = direct_weight_plan(c.flipped, types, traits, turned, flip=True)
        yield f"{label(turned)} flipped", plan
    for share in SHARES if mode == "WEIGHT_GRAD" else ():
        for b in blocks[:2]:
            plan = direct_weight_plan(c, types, traits, b, share)
            yield f"{label(b)} chunks*{share:g}", plan


def _channel_plans(mode: str, c: Convolution, types: Types, traits: DeviceTraits) -> Plans:
    if mode == "WEIGHT_GRAD":
        for f in _cheapest(channels_weight.weight_forms(c, types, traits)):
            sizes = f"{f.images}x{f.rows}x{f.sources}x{f.results} {f.cols}"
            yield f"channels {sizes}", channels_weight.weight_plan(c, types, traits, f)
        return
    own = channels.image_form(mode, c, types, traits)
    cheapest = _cheapest(channels.image_forms(mode, c, types))
    for f in dict.fromkeys([own, *cheapest] if own else cheapest):
        yield f"channels {f.images}x{f.rows}", channels.image_plan(mode, c, types, traits, f)


def _cheapest(forms: list[channels_blocks.Form]) -> list[channels_blocks.Form]:
    return sorted(forms, key=lambda f: f.cycles)[:CHANNEL_BLOCKS]


# ---- blocks


class Form(NamedTuple):
    """What two blocks have in common that run the same kernel, or nearly so."""

    file: str
    tile: Pair
    shift: bool
    panel: bool
    packed: bool
    deep: bool


def form(b: Blocks) -> Form:
    """The form of blocks."""
    return Form(b.file, b.tile, b.side.shift, b.panel, b.packed, b.sources < b.side.sources)


def label(b: Blocks) -> str:
    """The name of blocks: their form and their sizes."""
    f = form(b)
    flags = [name for name in ("shift", "panel", "packed") if getattr(f, name)]
    sizes = f"{b.images}x{b.sources}x{b.results}x{b.rows}x{b.columns}"
    return " ".join([f.file, f"{f.tile[0]}x{f.tile[1]}", *flags, sizes])


def block_choices(found: list[Blocks]) -> list[Blocks]:
    """The blocks worth measuring: the cheapest of each form, then other sizes of the best form."""
    ranked = sorted(found, key=lambda b: b.price)
    if not ranked:
        return []
    best = ranked[0]
    forms: dict[Form, Blocks] = {}
    for b in ranked:
        if b.price <= FORM_PRICE * best.price:
            forms.setdefault(form(b), b)
    sizes = [b for b in ranked[1:] if form(b) == form(best) and b.price <= SIZE_PRICE * best.price]
    return [*list(forms.values())[:FORMS], *sizes[:SIZES]]
