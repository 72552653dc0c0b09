"""Tasks of the matrix product on CPUs: how one is cut so that all compute units are as busy."""

from __future__ import annotations

from tinygrad_cl.lowering import DeviceTraits
from tinygrad_cl.primitives.matmul_tiles import CHUNK, COPY, PACK, Tile
from tinygrad_cl.primitives.products import Product

SHARED = 32  # rows that share a panel at least, where there are so many
TASK_FLOPS = 400_000  # of a work-item, at least, where there is work enough: about 1 us
TASKS = 16  # work-items per compute unit, at most
TASK = 2000  # cycles that count for a task, so that there are not too many
SPLIT_DEPTH = 256  # of a slice of K, at least
IDLE = 1.25  # how many times as many tiles the units could do, before K is sliced


def rows_of_task(p: Product, tile: Tile, vec: int, traits: DeviceTraits) -> tuple[int, float]:
    """Rows of a task, and the cycles of a product if all units took as long as the busiest one.

    Many rows share the packed panel, but all units should be as busy.
    """
    rows, cols = tile
    across = p.batches * -(-p.n // (cols * vec))
    pack = (PACK if p.b[4] != 1 and p.n > 1 else COPY) * cols * vec * p.k

    def sized(down: int) -> int:
        return max(1, -(-p.m // (down * rows))) * rows

    def cycles(down: int) -> float:
        chunk = sized(down)
        tasks = across * -(-p.m // chunk)
        return -(-tasks // traits.units) * (chunk * cols * p.k / 2 + pack + TASK)

    least = -(-p.m // CHUNK)
    finest = max(least, min(4 * traits.units, p.m // SHARED))
    best = min(range(max(least, 1), max(finest, 1) + 1), key=cycles)
    return sized(best), cycles(best) * traits.units / max(1, p.batches)


def tiles_abreast(across: int, others: int, most: int, traits: DeviceTraits) -> int:
    """Tiles of columns of a task, which share packed rows: so many that all units are as busy."""

    def cycles(wide: int) -> float:
        tasks = others * -(-across // wide)
        return -(-tasks // traits.units) * (wide + 0.25)

    return min(range(1, min(most, across) + 1), key=cycles)


def tasks_of_item(tasks: int, flops: int, traits: DeviceTraits) -> int:
    """Tasks of a work-item: a microsecond's worth, and so that all units are as busy."""
    if traits.units == 1:
        return max(1, tasks)
    share = max(1, tasks // traits.units)
    least = max(1, min(-(-TASK_FLOPS // flops), share), -(-tasks // (TASKS * traits.units)))

    def busiest(per: int) -> int:
        groups = -(-tasks // per)
        return -(-groups // traits.units) * per

    return min(range(least, min(2 * least, max(share, least)) + 1), key=busiest)


def slices_of_sum(p: Product, tiles: int, traits: DeviceTraits) -> int:
    """Slices of K: more than one only where there are too few tiles to keep the units busy."""
    wanted = 2 * traits.units
    even = -(-tiles // traits.units) * traits.units <= IDLE * tiles
    if tiles >= wanted or even or p.k < 2 * SPLIT_DEPTH:
        return 1
    return max(1, min(-(-2 * wanted // max(tiles, 1)), p.k // SPLIT_DEPTH))
