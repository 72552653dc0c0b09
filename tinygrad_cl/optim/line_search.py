"""A line search for the strong Wolfe conditions (Nocedal and Wright 2006, algorithms 3.5 and 3.6).

It brackets a step that lowers the loss enough and has a small slope, then narrows the bracket by
cubic interpolation. Limits and safeguards are those of PyTorch's `LBFGS`.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

from tinygrad_cl.tensor import Tensor

ENOUGH = 1e-4  # share of the descent that the slope at the start promises
FLAT = 0.9  # share of the slope at the start that may remain


class Trial(NamedTuple):
    """A point on the line: its distance, and loss, gradient and slope there."""

    t: float
    loss: float
    grad: Tensor
    slope: float


def cubic_minimum(a: Trial, b: Trial, low: float, high: float) -> float:
    """Returns where a cubic through two points and slopes is smallest, kept in `[low, high]`.

    Where there is no such place, it is the middle of the range.
    """
    if a.t > b.t:
        a, b = b, a
    if a.t == b.t:
        return (low + high) / 2
    d1 = a.slope + b.slope - 3 * (a.loss - b.loss) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if not 0 <= square < math.inf:
        return (low + high) / 2
    d2 = math.sqrt(square)
    below = b.slope - a.slope + 2 * d2
    if below == 0:
        return (low + high) / 2
    return min(max(b.t - (b.t - a.t) * ((b.slope + d2 - d1) / below), low), high)


def strong_wolfe(
    evaluate: Callable[[float], Trial],
    start: Trial,
    t: float,
    smallest: float,
    most: int,
) -> tuple[Trial, int]:
    """Returns a point that satisfies the conditions, or the best found, and the evaluations.

    Args:
        evaluate: gives the point at a distance.
        start: the point at distance 0; its slope is negative.
        t: the first distance to try.
        smallest: length of a bracket that is not worth narrowing.
        most: number of evaluations, the first not counted.
    """
    bracket, rounds, found = _bracketed(evaluate, start, t, most)
    low = 0 if bracket[0].loss <= bracket[-1].loss else 1
    stuck = False
    evaluations = rounds + 1
    while not found and rounds < most:
        if abs(bracket[1].t - bracket[0].t) < smallest:
            break
        t, stuck = _inside(bracket, stuck)
        new = evaluate(t)
        rounds, evaluations = rounds + 1, evaluations + 1
        high = 1 - low
        if _too_high(new, start) or new.loss >= bracket[low].loss:
            bracket[high] = new
            low = 0 if bracket[0].loss <= bracket[1].loss else 1
            continue
        if abs(new.slope) <= -FLAT * start.slope:
            found = True
        elif new.slope * (bracket[high].t - bracket[low].t) >= 0:
            bracket[high] = bracket[low]
        bracket[low] = new
    return bracket[low], evaluations


def _too_high(new: Trial, start: Trial) -> bool:
    return new.loss > start.loss + ENOUGH * new.t * start.slope


def _bracketed(
    evaluate: Callable[[float], Trial], start: Trial, t: float, most: int
) -> tuple[list[Trial], int, bool]:
    """Two points between which a good one lies (or one that is good), the rounds, and if it is."""
    before, new = start, evaluate(t)
    for done in range(most):
        if _too_high(new, start) or (done > 1 and new.loss >= before.loss):
            return [before, new], done, False
        if abs(new.slope) <= -FLAT * start.slope:
            return [new], done, True
        if new.slope >= 0:
            return [before, new], done, False
        low, high = new.t + 0.01 * (new.t - before.t), new.t * 10
        t = cubic_minimum(before, new, low, high)
        before, new = new, evaluate(t)
    return [start, new], most, False


def _inside(bracket: list[Trial], stuck: bool) -> tuple[float, bool]:
    """The next point of a bracket; the second time near a bound, a tenth is kept from it."""
    low, high = sorted((bracket[0].t, bracket[1].t))
    t = cubic_minimum(bracket[0], bracket[1], low, high)
    margin = 0.1 * (high - low)
    if min(high - t, t - low) >= margin:
        return t, False
    if stuck or t >= high or t <= low:
        return (high - margin if abs(t - high) < abs(t - low) else low + margin), False
    return t, True
