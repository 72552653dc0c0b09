"""The layers that transformers are stacked from."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.attention import MultiheadAttention
from tinygrad_cl.nn.dropout import Dropout
from tinygrad_cl.nn.linear import Linear
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.norm import LayerNorm
from tinygrad_cl.tensor import Tensor

Activation = str | Callable[[Tensor], Tensor]


def activation_function(activation: Activation) -> Callable[[Tensor], Tensor]:
    """Returns the function that a word means; a callable as it is.

    Raises:
        ArgumentError: for another word than "relu" and "gelu".
    """
    if callable(activation):
        return activation
    functions: dict[str, Callable[[Tensor], Tensor]] = {"relu": F.relu, "gelu": F.gelu}
    if activation not in functions:
        raise ArgumentError(
            f'activation must be "relu", "gelu" or a function of one tensor, got {activation!r}'
        )
    return functions[activation]


class _Layer(Module):
    """What both kinds of layer share: the two dense layers behind attention, and `norm_first`."""

    norm_first: bool

    def _feed_forward(
        self, d_model: int, dim_feedforward: int, dropout: float, bias: bool, **where: Any
    ) -> None:
        self.linear1 = Linear(d_model, dim_feedforward, bias=bias, **where)
        self.dropout = Dropout(dropout)
        self.linear2 = Linear(dim_feedforward, d_model, bias=bias, **where)

    def _fed(self, x: Tensor) -> Tensor:
        inner: Tensor = self.dropout(self.activation(self.linear1(x)))
        result: Tensor = self.linear2(inner)
        return result

    def _with(
        self, x: Tensor, block: Callable[[Tensor], Tensor], norm: Module, drop: Module
    ) -> Tensor:
        """Returns x plus a block of it, normalized before the block or after the sum."""
        if self.norm_first:
            before: Tensor = x + drop(block(norm(x)))
            return before
        after: Tensor = norm(x + drop(block(x)))
        return after


class TransformerEncoderLayer(_Layer):
    """Self-attention and two dense layers, each with a residual connection and layer norm.

    Args:
        d_model: features.
        nhead: heads of the attention; divide `d_model`.
        dim_feedforward: features between the dense layers.
        dropout: rate of all dropouts.
        activation: "relu", "gelu", or a function, between the dense layers.
        layer_norm_eps: eps of the norms.
        batch_first: batches come and go as (N, L, E) instead of (L, N, E).
        norm_first: normalize in front of each block instead of behind.
        bias: if False, dense layers and norms have none.
        device: where the parameters live.
        dtype: their dtype.

    Raises:
        ArgumentError: for another activation, or heads that do not divide.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        >>> layer(tg.zeros(3, 5, 8)).shape
        (3, 5, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        **where: Any,
    ) -> None:
        super().__init__()
        self.self_attn = MultiheadAttention(
            d_model, nhead, dropout, bias, batch_first=batch_first, **where
        )
        self._feed_forward(d_model, dim_feedforward, dropout, bias, **where)
        self.norm_first = norm_first
        self.norm1 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
        self.norm2 = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
        self.dropout1 = Dropout(dropout)
        self.dropout2 = Dropout(dropout)
        self.activation = activation_function(activation)

    def forward(
        self,
        src: Tensor,
        src_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool = False,
    ) -> Tensor:
        """Returns the encoded sequence, of the shape of `src`.

        Args:
            src: (L, N, E), (N, L, E) with `batch_first`, or (L, E).
            src_mask: (L, L), see `MultiheadAttention`.
            src_key_padding_mask: (N, L).
            is_causal: a hint that `src_mask` is the causal one.
        """

        def attend(x: Tensor) -> Tensor:
            y: Tensor = self.self_attn(
                x,
                x,
                x,
                key_padding_mask=src_key_padding_mask,
                need_weights=False,
                attn_mask=src_mask,
                is_causal=is_causal,
            )[0]
            return y

        x = self._with(src, attend, self.norm1, self.dropout1)
        return self._with(x, self._fed, self.norm2, self.dropout2)


class TransformerDecoderLayer(_Layer):
    """Self-attention, attention to the encoder's output, and two dense layers.

    Each has a residual connection and layer norm. Arguments as for `TransformerEncoderLayer`.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> layer = nn.TransformerDecoderLayer(8, 2, 16)
        >>> layer(tg.zeros(5, 3, 8), tg.zeros(7, 3, 8)).shape
        (5, 3, 8)
    """

    def __init__(
        self,
        d_model: int,
        nhead: int,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        **where: Any,
    ) -> None:
        super().__init__()
        for name in ("self_attn", "multihead_attn"):
            made = MultiheadAttention(
                d_model, nhead, dropout, bias, batch_first=batch_first, **where
            )
            self.register_module(name, made)
        self._feed_forward(d_model, dim_feedforward, dropout, bias, **where)
        self.norm_first = norm_first
        for i in (1, 2, 3):
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
            self.register_module(f"norm{i}", norm)
        for i in (1, 2, 3):
            self.register_module(f"dropout{i}", Dropout(dropout))
        self.activation = activation_function(activation)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool = False,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Returns the decoded sequence, of the shape of `tgt`.

        Args:
            tgt: (L, N, E), (N, L, E) with `batch_first`, or (L, E).
            memory: (S, N, E), likewise; what the encoder returned.
            tgt_mask: (L, L), see `MultiheadAttention`.
            memory_mask: (L, S).
            tgt_key_padding_mask: (N, L).
            memory_key_padding_mask: (N, S).
            tgt_is_causal: a hint that `tgt_mask` is the causal one.
            memory_is_causal: a hint that `memory_mask` is the causal one.
        """

        def attend(x: Tensor) -> Tensor:
            options = {"attn_mask": tgt_mask, "key_padding_mask": tgt_key_padding_mask}
            y: Tensor = self.self_attn(
                x, x, x, need_weights=False, is_causal=tgt_is_causal, **options
            )[0]
            return y

        def remember(x: Tensor) -> Tensor:
            options = {"attn_mask": memory_mask, "key_padding_mask": memory_key_padding_mask}
            y: Tensor = self.multihead_attn(
                x, memory, memory, need_weights=False, is_causal=memory_is_causal, **options
            )[0]
            return y

        x = self._with(tgt, attend, self.norm1, self.dropout1)
        x = self._with(x, remember, self.norm2, self.dropout2)
        return self._with(x, self._fed, self.norm3, self.dropout3)
