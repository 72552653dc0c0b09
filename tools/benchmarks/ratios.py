"""Arithmetic over times: medians, ratios and means. Pure functions."""

from __future__ import annotations

import itertools
import math
import statistics
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

Times = Mapping[str, Sequence[float]]


def ratio(ours: Sequence[float], theirs: Sequence[float]) -> float:
    """How many times faster we are: the median of their time over ours, round by round.

    A library that was stopped early has fewer rounds; the rounds that both have are compared.

    Example:
        >>> ratio([1.0, 2.0, 1.0], [2.0, 8.0, 3.0])
        3.0
    """
    return statistics.median(b / a for a, b in zip(ours, theirs, strict=False))


def summarize(times: Times, ours: Sequence[str]) -> dict[str, Any]:
    """Medians, and for each library of ours the ratios to the peers, the best peer among them.

    Args:
        times: rounds of each library, in milliseconds; without those that did not run.
        ours: which of the libraries are ours.

    Returns:
        `ms` by library, `ratio` by our library and peer, `best` by our library: the peer that is
        fastest against it, with its ratio.
    """
    present = {name: values for name, values in times.items() if values}
    peers = [name for name in present if name not in ours]
    found: dict[str, dict[str, float]] = {}
    best: dict[str, dict[str, Any]] = {}
    for mine in ours:
        if mine not in present:
            continue
        found[mine] = {peer: ratio(present[mine], present[peer]) for peer in peers}
        if peers:
            fastest = min(peers, key=found[mine].__getitem__)
            best[mine] = {"peer": fastest, "ratio": found[mine][fastest]}
    medians = {name: statistics.median(values) for name, values in present.items()}
    return {"ms": medians, "ratio": found, "best": best}


def geometric_mean(values: Iterable[float]) -> float | None:
    """The geometric mean; None of nothing.

    Example:
        >>> geometric_mean([1.0, 4.0])
        2.0
    """
    logs = [math.log(value) for value in values]
    return round(math.exp(statistics.fmean(logs)), 12) if logs else None


def over_best(rows: Sequence[Mapping[str, Any]], ours: str) -> dict[str, Any]:
    """Geometric mean and minimum over cases of our speed against the best peer of each case.

    Args:
        rows: with `case` and `best` as `summarize` gives it.
        ours: which of our libraries.
    """
    found = {row["case"]: row["best"][ours]["ratio"] for row in rows if ours in row["best"]}
    if not found:
        return {"cases": 0, "geometric_mean": None, "minimum": None, "worst": None}
    worst = min(found, key=found.__getitem__)
    mean = geometric_mean(found.values())
    return {"cases": len(found), "geometric_mean": mean, "minimum": found[worst], "worst": worst}


def ceiling_ms(
    flops: float, moved: float, peak: float, stream: float, exps: float = 0, gexp: float = 1
) -> float:
    """The least time that work can take: the arithmetic or the memory, whichever is slower.

    Args:
        flops: multiplications and additions.
        moved: bytes read and written at least.
        peak: the machine's GFLOP/s.
        stream: its GB/s at that size.
        exps: exponentials, which take turns with the multiplications.
        gexp: thousand million of them that the machine takes a second.

    Example:
        >>> ceiling_ms(2e9, 1e6, peak=500, stream=50)
        4.0
        >>> ceiling_ms(2e9, 1e6, peak=500, stream=50, exps=1e6, gexp=10)
        4.1
    """
    return max(flops / peak + exps / gexp, moved / stream) / 1e6


def stream_at(streams: Mapping[int, float], size: float) -> float:
    """The bandwidth for a working set, between the measured sizes; they are powers of two or so.

    Example:
        >>> stream_at({1024: 100.0, 4096: 50.0}, 2048)
        75.0
        >>> stream_at({1024: 100.0, 4096: 50.0}, 1e9)
        50.0
    """
    sizes = sorted(streams)
    if size <= sizes[0]:
        return streams[sizes[0]]
    for low, high in itertools.pairwise(sizes):
        if size <= high:
            share = math.log(size / low) / math.log(high / low)
            return round(streams[low] + share * (streams[high] - streams[low]), 9)
    return streams[sizes[-1]]


def losses_agree(losses: Mapping[str, Sequence[float]], tolerance: float = 2e-3) -> list[str]:
    """The libraries whose losses differ from the first one's, with a word on how.

    Example:
        >>> losses_agree({"a": [2.0, 1.0], "b": [2.001, 1.0], "c": [2.0, 1.5]})
        ['c: loss 1.5 instead of 1 at step 2']
    """
    if not losses:
        return []
    wrong = []
    reference = next(iter(losses.values()))
    for name, values in losses.items():
        for at, (expected, got) in enumerate(zip(reference, values, strict=False), 1):
            if not abs(got - expected) <= tolerance * max(1.0, abs(expected)):
                wrong.append(f"{name}: loss {got:.6g} instead of {expected:.6g} at step {at}")
                break
    return wrong


def flatness(per_image: Mapping[int, float], start: int = 64) -> float | None:
    """The largest over the smallest time per image from a batch size on; 1 is linear growth.

    Example:
        >>> flatness({32: 9.0, 64: 1.0, 128: 1.1})
        1.1
    """
    values = [value for size, value in per_image.items() if size >= start]
    return round(max(values) / min(values), 9) if values else None
