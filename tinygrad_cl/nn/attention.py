"""`MultiheadAttention`. Function: functional/multihead.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.creation import empty
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn import init
from tinygrad_cl.nn.linear import Linear
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device


class NonDynamicallyQuantizableLinear(Linear):
    """The output projection, a dense layer; PyTorch's name, which its `repr` shows."""


class MultiheadAttention(Module):
    """Attention with several heads (Vaswani et al. 2017).

    Args:
        embed_dim: features of query and output.
        num_heads: heads; divide `embed_dim`.
        dropout: rate at which attention weights are dropped while training.
        bias: if False, the projections have none.
        add_bias_kv: one more key and value, which are trained.
        add_zero_attn: one more key and value of zeros.
        kdim: features of the keys; by default `embed_dim`.
        vdim: features of the values; by default `embed_dim`.
        batch_first: batches come and go as (N, L, E) instead of (L, N, E).
        device: where the parameters live.
        dtype: their dtype.

    Raises:
        ArgumentError: if the heads do not divide the features.

    Attributes:
        in_proj_weight: (3 E, E), projections of query, key and value; None if `kdim` or `vdim`
            differ, when there are `q_proj_weight`, `k_proj_weight` and `v_proj_weight`.
        in_proj_bias: (3 E), or None.
        out_proj: the dense layer behind the heads.
        bias_k, bias_v: (1, 1, E), or None.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> x = tg.zeros(2, 5, 8)
        >>> y, weights = nn.MultiheadAttention(8, 2, batch_first=True)(x, x, x)
        >>> y.shape, weights.shape
        ((2, 5, 8), (2, 5, 5))
    """

    in_proj_weight: Parameter | None
    in_proj_bias: Parameter | None
    q_proj_weight: Parameter | None
    k_proj_weight: Parameter | None
    v_proj_weight: Parameter | None
    bias_k: Parameter | None
    bias_v: Parameter | None

    def __init__(
        self,
        embed_dim: int,
        num_heads: int,
        dropout: float = 0.0,
        bias: bool = True,
        add_bias_kv: bool = False,
        add_zero_attn: bool = False,
        kdim: int | None = None,
        vdim: int | None = None,
        batch_first: bool = False,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if embed_dim < 1 or num_heads < 1 or embed_dim % num_heads:
            raise ArgumentError(
                f"MultiheadAttention: num_heads must divide embed_dim, got {num_heads} and "
                f"{embed_dim}"
            )
        self.embed_dim = embed_dim
        self.kdim = embed_dim if kdim is None else kdim
        self.vdim = embed_dim if vdim is None else vdim
        self._qkv_same_embed_dim = self.kdim == embed_dim == self.vdim
        self.num_heads = num_heads
        self.dropout = dropout
        self.batch_first = batch_first
        self.head_dim = embed_dim // num_heads
        self.add_zero_attn = add_zero_attn
        together, e = self._qkv_same_embed_dim, embed_dim
        shapes: dict[str, tuple[int, ...] | None] = {
            "q_proj_weight": None if together else (e, e),
            "k_proj_weight": None if together else (e, self.kdim),
            "v_proj_weight": None if together else (e, self.vdim),
            "in_proj_weight": (3 * e, e) if together else None,
            "in_proj_bias": (3 * e,) if bias else None,
            "bias_k": (1, 1, e) if add_bias_kv else None,
            "bias_v": (1, 1, e) if add_bias_kv else None,
        }
        for name, shape in shapes.items():
            made = None
            if shape is not None:
                made = Parameter(empty(shape, device=device, dtype=dtype))
            self.register_parameter(name, made)
        self.out_proj = NonDynamicallyQuantizableLinear(e, e, bias, device=device, dtype=dtype)
        self._reset_parameters()

    def _reset_parameters(self) -> None:
        for name in ("in_proj_weight", "q_proj_weight", "k_proj_weight", "v_proj_weight"):
            weight = getattr(self, name)
            if weight is not None:
                init.xavier_uniform_(weight)
        if self.in_proj_bias is not None:
            init.zeros_(self.in_proj_bias)
            assert self.out_proj.bias is not None
            init.zeros_(self.out_proj.bias)
        for extra in (self.bias_k, self.bias_v):
            if extra is not None:
                init.normal_(extra, std=(2 / (self.embed_dim + 1)) ** 0.5)  # Xavier's

    def forward(
        self,
        query: Tensor,
        key: Tensor,
        value: Tensor,
        key_padding_mask: Tensor | None = None,
        need_weights: bool = True,
        attn_mask: Tensor | None = None,
        average_attn_weights: bool = True,
        is_causal: bool = False,
    ) -> tuple[Tensor, Tensor | None]:
        """Returns the attention, and its weights or None.

        Args:
            query: (L, N, E), (N, L, E) with `batch_first`, or (L, E).
            key: (S, N, kdim), likewise.
            value: (S, N, vdim), likewise.
            key_padding_mask: (N, S); bool, True for keys that are left out, or float, added.
            need_weights: also return the weights; without them less memory is needed.
            attn_mask: (L, S) or (N heads, L, S); bool, True is left out, or float, added.
            average_attn_weights: weights as means over the heads, (N, L, S); else
                (N, heads, L, S).
            is_causal: a hint that `attn_mask` is the causal one.
        """
        swap = self.batch_first and query.ndim == 3
        if swap:
            query, key, value = _turned(query, key, value)
        y, weights = F.multi_head_attention_forward(
            query,
            key,
            value,
            self.embed_dim,
            self.num_heads,
            self.in_proj_weight,
            self.in_proj_bias,
            self.bias_k,
            self.bias_v,
            self.add_zero_attn,
            self.dropout,
            self.out_proj.weight,
            self.out_proj.bias,
            training=self.training,
            key_padding_mask=key_padding_mask,
            need_weights=need_weights,
            attn_mask=attn_mask,
            use_separate_proj_weight=not self._qkv_same_embed_dim,
            q_proj_weight=self.q_proj_weight,
            k_proj_weight=self.k_proj_weight,
            v_proj_weight=self.v_proj_weight,
            average_attn_weights=average_attn_weights,
            is_causal=is_causal,
        )
        return (y.transpose(0, 1) if swap else y), weights


def _turned(query: Tensor, key: Tensor, value: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Returns all with the first two dims swapped; what was one tensor stays one."""
    q = query.transpose(0, 1)
    k = q if key is query else key.transpose(0, 1)
    return q, k, (k if value is key else q if value is query else value.transpose(0, 1))
