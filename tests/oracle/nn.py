"""What activations, norms and losses mean."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import special

Array = np.ndarray


# --- activations and losses


def gelu(x: Array, approximate: str = "none") -> Array:
    if approximate == "none":
        return x * special.ndtr(x)
    return 0.5 * x * (1 + np.tanh(np.sqrt(2 / np.pi) * (x + 0.044715 * x**3)))


def elu(x: Array, alpha: float = 1.0) -> Array:
    return np.where(x > 0, x, alpha * np.expm1(np.minimum(x, 0)))


def softplus(x: Array, beta: float = 1.0, threshold: float = 20.0) -> Array:
    return np.where(x * beta > threshold, x, np.logaddexp(0, x * beta) / beta)


def reduced(value: Array, reduction: str) -> Array:
    if reduction == "none":
        return value
    return np.asarray(value.sum() if reduction == "sum" else value.mean())


def cross_entropy(
    logits: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
) -> Array:
    """As PyTorch defines it; classes are dim 1 (or 0 without a batch)."""
    dim = 1 if logits.ndim > 1 else 0
    logp = np.moveaxis(special.log_softmax(logits, axis=dim), dim, -1)
    classes = logp.shape[-1]
    w = np.ones(classes) if weight is None else weight
    if target.dtype.kind == "f":
        p = np.moveaxis(target, dim, -1)
        p = p * (1 - label_smoothing) + label_smoothing / classes
        value = -(w * p * logp).sum(-1)
        count = value.size
        return value if reduction == "none" else value.sum() / (count if reduction == "mean" else 1)
    keep = target != ignore_index
    safe = np.where(keep, target, 0)
    picked = np.take_along_axis(logp, safe[..., None], -1)[..., 0]
    nll = -w[safe] * picked * keep
    smooth = -(w * logp).sum(-1) * keep / classes
    value = (1 - label_smoothing) * nll + label_smoothing * smooth
    if reduction == "none":
        return value
    return value.sum() / ((w[safe] * keep).sum() if reduction == "mean" else 1)


def nll_loss(
    logp: Array,
    target: Array,
    weight: Array | None = None,
    ignore_index: int = -100,
    reduction: str = "mean",
) -> Array:
    dim = 1 if logp.ndim > 1 else 0
    moved = np.moveaxis(logp, dim, -1)
    w = np.ones(moved.shape[-1]) if weight is None else weight
    keep = target != ignore_index
    safe = np.where(keep, target, 0)
    value = -w[safe] * np.take_along_axis(moved, safe[..., None], -1)[..., 0] * keep
    if reduction == "none":
        return value
    return value.sum() / ((w[safe] * keep).sum() if reduction == "mean" else 1)


def huber(x: Array, y: Array, reduction: str = "mean", delta: float = 1.0) -> Array:
    return reduced(special.huber(delta, x - y), reduction)


def smooth_l1(x: Array, y: Array, reduction: str = "mean", beta: float = 1.0) -> Array:
    d = np.abs(x - y)
    return reduced(np.where(d < beta, 0.5 * d * d / beta if beta else d, d - 0.5 * beta), reduction)


def bce(p: Array, y: Array, weight: Array | None = None, reduction: str = "mean") -> Array:
    value = -(y * np.maximum(np.log(p), -100) + (1 - y) * np.maximum(np.log1p(-p), -100))
    return reduced(value if weight is None else value * weight, reduction)


def bce_with_logits(
    x: Array,
    y: Array,
    weight: Array | None = None,
    reduction: str = "mean",
    pos_weight: Array | None = None,
) -> Array:
    positive = 1 if pos_weight is None else pos_weight
    value = -(positive * y * special.log_expit(x) + (1 - y) * special.log_expit(-x))
    return reduced(value if weight is None else value * weight, reduction)


def layer_norm(
    x: Array, shape: Any, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Array:
    axes = tuple(range(x.ndim - len(tuple(shape)), x.ndim))
    y = (x - x.mean(axes, keepdims=True)) / np.sqrt(x.var(axes, keepdims=True) + eps)
    y = y if weight is None else y * weight
    return y if bias is None else y + bias


def batch_norm(
    x: Array,
    mean: Array | None,
    var: Array | None,
    weight: Array | None = None,
    bias: Array | None = None,
    training: bool = False,
    momentum: float = 0.1,
    eps: float = 1e-5,
) -> Array:
    axes = (0, *range(2, x.ndim))
    shape = (1, -1, *[1] * (x.ndim - 2))
    if training or mean is None or var is None:
        mean, var = x.mean(axes), x.var(axes)
    y = (x - mean.reshape(shape)) / np.sqrt(var.reshape(shape) + eps)
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)


def group_norm(
    x: Array, groups: int, weight: Array | None = None, bias: Array | None = None, eps: float = 1e-5
) -> Array:
    split = x.reshape(x.shape[0], groups, -1)
    y = (split - split.mean(-1, keepdims=True)) / np.sqrt(split.var(-1, keepdims=True) + eps)
    y, shape = y.reshape(x.shape), (1, -1, *[1] * (x.ndim - 2))
    y = y if weight is None else y * weight.reshape(shape)
    return y if bias is None else y + bias.reshape(shape)
