"""Attention with several heads: projections, masks, and the product of functional/attention.py."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.autograd.handle import wrap
from tinygrad_cl.dtypes import bool_
from tinygrad_cl.errors import ArgumentError, DTypeError, ShapeError
from tinygrad_cl.functional.attention import _safe_softmax, scaled_dot_product_attention
from tinygrad_cl.functional.creation import full, zeros
from tinygrad_cl.functional.cutting import cut
from tinygrad_cl.functional.dropout import dropout
from tinygrad_cl.functional.logic import where
from tinygrad_cl.functional.matmul import linear, matmul
from tinygrad_cl.functional.movement import cat, pad

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.tensor import Tensor

_OP = "multi_head_attention_forward"


def multi_head_attention_forward(
    query: Tensor,
    key: Tensor,
    value: Tensor,
    embed_dim_to_check: int,
    num_heads: int,
    in_proj_weight: Tensor | None,
    in_proj_bias: Tensor | None,
    bias_k: Tensor | None,
    bias_v: Tensor | None,
    add_zero_attn: bool,
    dropout_p: float,
    out_proj_weight: Tensor,
    out_proj_bias: Tensor | None,
    training: bool = True,
    key_padding_mask: Tensor | None = None,
    need_weights: bool = True,
    attn_mask: Tensor | None = None,
    use_separate_proj_weight: bool = False,
    q_proj_weight: Tensor | None = None,
    k_proj_weight: Tensor | None = None,
    v_proj_weight: Tensor | None = None,
    static_k: Tensor | None = None,
    static_v: Tensor | None = None,
    average_attn_weights: bool = True,
    is_causal: bool = False,
) -> tuple[Tensor, Tensor | None]:
    """Returns attention with several heads (Vaswani et al. 2017), and its weights if wanted.

    `concat(head_1, ..., head_h) @ W_o.T + b_o`, each head the attention of projections of its own.

    Shapes: query (L, N, E), key (S, N, K), value (S, N, V) -> (L, N, E), weights (N, L, S); or all
    without N. A query whose keys are all masked gets zeros.

    Args:
        query: what asks.
        key: what is compared with it.
        value: what is averaged.
        embed_dim_to_check: E.
        num_heads: h; divides E.
        in_proj_weight: (3 E, E), the projections of query, key and value on top of each other.
        in_proj_bias: (3 E).
        bias_k: (1, 1, E), one more key, or None.
        bias_v: (1, 1, E), its value.
        add_zero_attn: add a key and a value of zeros.
        dropout_p: the probability with which a weight is dropped while training.
        out_proj_weight: (E, E).
        out_proj_bias: (E).
        training: whether there is dropout.
        key_padding_mask: (N, S); bool (True is left out) or float (added).
        need_weights: return the weights, too.
        attn_mask: (L, S) or (N h, L, S); bool (True is left out) or float (added).
        use_separate_proj_weight: use the next three instead of `in_proj_weight`.
        q_proj_weight: (E, E).
        k_proj_weight: (E, K).
        v_proj_weight: (E, V).
        static_k: (N h, S, E / h), used instead of projected keys.
        static_v: (N h, S, E / h), used instead of projected values.
        average_attn_weights: weights as means over the heads; else (N, h, L, S).
        is_causal: a hint that `attn_mask`, which must be given, is the causal one.

    Raises:
        ShapeError: if the shapes do not fit.
        ArgumentError: if the hint comes without mask, or a projection is missing.

    Example:
        >>> import tinygrad_cl as tg
        >>> x, one = tg.ones(3, 1, 4), tg.eye(4)
        >>> y, weights = tg.nn.functional.multi_head_attention_forward(
        ...     x, x, x, 4, 2, tg.cat([one, one, one]), None, None, None, False, 0.0, one, None
        ... )
        >>> y.shape, weights.shape
        ((3, 1, 4), (1, 3, 3))
    """
    single = query.ndim == 2
    q_in, k_in, v_in = _batched(query, key, value, single, embed_dim_to_check, num_heads)
    separate = (q_proj_weight, k_proj_weight, v_proj_weight) if use_separate_proj_weight else None
    q, k, v = _projected(q_in, k_in, v_in, in_proj_weight, in_proj_bias, separate)
    if bias_k is not None and bias_v is not None:
        k, v = _with_row(k, bias_k), _with_row(v, bias_v)
    q, k, v = _heads(q, num_heads), _heads(k, num_heads), _heads(v, num_heads)
    k = k if static_k is None else static_k.reshape(*k.shape[:2], *static_k.shape[1:])
    v = v if static_v is None else static_v.reshape(*v.shape[:2], *static_v.shape[1:])
    if add_zero_attn:
        k, v = _with_zero(k), _with_zero(v)
    if is_causal and attn_mask is None:
        raise ArgumentError(f"{_OP}: is_causal is a hint on attn_mask; give the mask, too")
    given = k_in.shape[0] if static_k is None else static_k.shape[1]
    causal = is_causal and key_padding_mask is None and k.shape[-2] == given and not need_weights
    mask: Tensor | None = None
    if not causal:
        sizes = (q.shape[0], num_heads, q.shape[2], given)
        mask = _mask(attn_mask, key_padding_mask, sizes, q.dtype, single)
        mask = _widened(mask, k.shape[-2])
    rate = dropout_p if training else 0.0
    weights = _weights(q, k, mask, rate) if need_weights else None
    if weights is None:
        y = scaled_dot_product_attention(q, k, v, mask, rate, causal)
    else:
        y = matmul(weights, v)
    y = y.permute(2, 0, 1, 3).reshape(q_in.shape)
    y = linear(y, out_proj_weight, out_proj_bias)
    if weights is not None and average_attn_weights:
        weights = weights.mean(dim=1)
    if single:
        return y.squeeze(1), None if weights is None else weights.squeeze(0)
    return y, weights


def _batched(
    query: Tensor, key: Tensor, value: Tensor, single: bool, size: int, heads: int
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns all three with a batch dim, checked; what was one tensor stays one."""
    dims = 2 if single else 3
    if query.ndim not in (2, 3) or key.ndim != dims or value.ndim != dims:
        raise ShapeError(
            f"{_OP}: query, key and value must have 3 dims, or 2 without a batch, got "
            f"{query.shape}, {key.shape} and {value.shape}"
        )
    lead = 1 if single else 2
    if query.shape[-1] != size or size % heads or key.shape[:lead] != value.shape[:lead]:
        raise ShapeError(
            f"{_OP}: needs query (L, N, {size}) with {heads} heads that divide it, key (S, N, ...) "
            f"and value (S, N, ...), got {query.shape}, {key.shape} and {value.shape}"
        )
    if not single:
        return query, key, value
    q = query.unsqueeze(1)
    k = q if key is query else key.unsqueeze(1)
    return q, k, (k if value is key else value.unsqueeze(1))


def _projected(
    q: Tensor,
    k: Tensor,
    v: Tensor,
    weight: Tensor | None,
    bias: Tensor | None,
    separate: tuple[Tensor | None, ...] | None,
) -> tuple[Tensor, Tensor, Tensor]:
    """Returns the projections; inputs that are one tensor share one product."""
    size = q.shape[-1]
    if separate is None:
        if weight is None:
            raise ArgumentError(f"{_OP}: in_proj_weight is missing")
        if k is q and v is q:
            return cut(linear(q, weight, bias), (size, size, size), -1)  # type: ignore[return-value]
        if v is k:
            first, others = cut(weight, (size, 2 * size))
            one, two = (None, None) if bias is None else cut(bias, (size, 2 * size))
            joint = cut(linear(k, others, two), (size, size), -1)
            return linear(q, first, one), joint[0], joint[1]
        separate = cut(weight, (size,) * 3)
    biases = (None,) * 3 if bias is None else cut(bias, (size,) * 3)
    made = []
    for x, w, b in zip((q, k, v), separate, biases, strict=True):
        if w is None:
            raise ArgumentError(f"{_OP}: q_proj_weight, k_proj_weight or v_proj_weight is missing")
        made.append(linear(x, w, b))
    return made[0], made[1], made[2]


def _with_row(x: Tensor, row: Tensor) -> Tensor:
    """Returns (S, N, E) with one more place, the same for all of the batch."""
    return cat([x, row.expand(1, x.shape[1], row.shape[-1])])


def _heads(x: Tensor, heads: int) -> Tensor:
    """Returns (L, N, E) as (N, h, L, E / h)."""
    return x.reshape(*x.shape[:2], heads, x.shape[2] // heads).permute(1, 2, 0, 3)


def _with_zero(x: Tensor) -> Tensor:
    """Returns (N, h, S, D) with one more place, of zeros."""
    shape = (*x.shape[:2], 1, x.shape[3])
    return cat([x, zeros(shape, dtype=x.dtype, device=x.device)], 2)


def _mask(
    attn_mask: Tensor | None,
    key_padding_mask: Tensor | None,
    sizes: tuple[int, int, int, int],
    dtype: DType,
    single: bool,
) -> Tensor | None:
    """Returns both masks as one float mask that is added to (N, h, L, S)."""
    batch, heads, length, keys = sizes
    mask: Tensor | None = None
    if attn_mask is not None:
        shapes = {2: (length, keys), 3: (batch * heads, length, keys)}
        if shapes.get(attn_mask.ndim) != attn_mask.shape:
            raise ShapeError(
                f"{_OP}: attn_mask must be {shapes[2]} or {shapes[3]}, got {attn_mask.shape}"
            )
        mask = _added("attn_mask", attn_mask, dtype)
        mask = mask.reshape(batch, heads, length, keys) if mask.ndim == 3 else mask
    if key_padding_mask is not None:
        shape = (keys,) if single else (batch, keys)
        if key_padding_mask.shape != shape:
            raise ShapeError(
                f"{_OP}: key_padding_mask must be {shape}, got {key_padding_mask.shape}"
            )
        padding = _added("key_padding_mask", key_padding_mask, dtype).reshape(batch, 1, 1, keys)
        mask = padding if mask is None else mask + padding
    return mask


def _added(name: str, mask: Tensor, dtype: DType) -> Tensor:
    """Returns a bool mask (True is left out) as what is added; a float mask as it is."""
    if mask.dtype.is_floating_point:
        return mask.to(dtype)
    if mask.dtype is not bool_:
        raise DTypeError(f"{_OP}: {name} must be bool or float, got {mask.dtype.name}")
    low = full((), -math.inf, dtype=dtype, device=mask.device)
    return where(mask, low, zeros((), dtype=dtype, device=mask.device))


def _widened(mask: Tensor | None, keys: int) -> Tensor | None:
    """Returns the mask for keys that were added behind the given ones, which are never masked."""
    if mask is None or mask.shape[-1] == keys:
        return mask
    return pad(mask, (0, keys - mask.shape[-1]))


def _weights(q: Tensor, k: Tensor, mask: Tensor | None, rate: float) -> Tensor:
    scores = matmul(q * (1 / math.sqrt(q.shape[-1])), k.mT)
    if mask is not None:
        scores = scores + mask
    weights = wrap(_safe_softmax(scores.node))
    return dropout(weights, rate) if rate else weights
