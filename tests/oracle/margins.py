"""What losses of margins, distances and likelihoods mean: sums over elements, written as loops."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from scipy import special, stats

from oracle.nn import reduced

Array = np.ndarray


def poisson_nll(
    x: Array,
    t: Array,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
) -> Array:
    value = np.exp(x) - t * x if log_input else x - t * np.log(x + eps)
    if full:
        stirling = special.xlogy(t, t) - t + 0.5 * np.log(2 * np.pi * np.maximum(t, 1))
        value = value + np.where(t > 1, stirling, 0)
    return reduced(value, reduction)


def gaussian_nll(
    x: Array,
    t: Array,
    var: Any,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
) -> Array:
    v = np.maximum(var, eps)
    if v.ndim and v.ndim < x.ndim:
        v = v[..., None]
    value = -stats.norm.logpdf(t, x, np.sqrt(v)) - (0 if full else 0.5 * math.log(2 * math.pi))
    return reduced(value, reduction)


def hinge_embedding(x: Array, t: Array, margin: float = 1.0, reduction: str = "mean") -> Array:
    return reduced(np.where(t == 1, x, np.maximum(0, margin - x)), reduction)


def ranking(a: Array, b: Array, t: Array, margin: float = 0.0, reduction: str = "mean") -> Array:
    return reduced(np.maximum(0, margin - t * (a - b)), reduction)


def multi_margin(
    x: Array,
    t: Array,
    p: int = 1,
    margin: float = 1.0,
    weight: Array | None = None,
    reduction: str = "mean",
) -> Array:
    if x.ndim == 1:
        return reduced(multi_margin(x[None], t[None], p, margin, weight, "none")[0], reduction)
    losses = np.zeros(len(x))
    for row, (scores, label) in enumerate(zip(x, t, strict=True)):
        others = np.delete(scores, label)
        losses[row] = (np.maximum(0, margin - scores[label] + others) ** p).sum() / scores.size
        losses[row] *= 1 if weight is None else weight[label]
    return reduced(losses, reduction)


def multilabel_margin(x: Array, t: Array, reduction: str = "mean") -> Array:
    if x.ndim == 1:
        return reduced(multilabel_margin(x[None], t[None], "none")[0], reduction)
    losses = np.zeros(len(x))
    for row, (scores, listed) in enumerate(zip(x, t.tolist(), strict=True)):
        labels = listed[: listed.index(-1)] if -1 in listed else listed
        others = [i for i in range(scores.size) if i not in labels]
        losses[row] = sum(max(0.0, 1 - scores[j] + scores[i]) for j in labels for i in others)
    return reduced(losses / x.shape[1], reduction)


def multilabel_soft_margin(
    x: Array, t: Array, weight: Array | None = None, reduction: str = "mean"
) -> Array:
    value = -(t * special.log_expit(x) + (1 - t) * special.log_expit(-x))
    return reduced((value if weight is None else value * weight).mean(-1), reduction)


def distance(a: Array, b: Array, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> Array:
    return np.asarray(np.linalg.norm(a - b + eps, p, axis=-1, keepdims=keepdim))


def cosine_embedding(
    a: Array, b: Array, t: Array, margin: float = 0.0, reduction: str = "mean"
) -> Array:
    cosine = (a * b).sum(-1) / (np.linalg.norm(a, axis=-1) * np.linalg.norm(b, axis=-1))
    return reduced(np.where(t == 1, 1 - cosine, np.maximum(0, cosine - margin)), reduction)


def triplet(
    anchor: Array,
    positive: Array,
    negative: Array,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
) -> Array:
    far = distance(anchor, negative, p, eps)
    if swap:
        far = np.minimum(far, distance(positive, negative, p, eps))
    return reduced(np.maximum(0, distance(anchor, positive, p, eps) - far + margin), reduction)
