"""Stacks of transformer layers, and the whole of encoder and decoder."""

from __future__ import annotations

import copy
import math
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.creation import full
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn import init
from tinygrad_cl.nn.containers import ModuleList
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.norm import LayerNorm
from tinygrad_cl.nn.transformer_layers import (
    Activation,
    TransformerDecoderLayer,
    TransformerEncoderLayer,
)
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device


def causal_mask(
    size: int, device: Device | str | None = None, dtype: DType | None = None
) -> Tensor:
    """Returns a (size, size) mask to be added: minus infinity above the diagonal, 0 elsewhere."""
    return full((size, size), -math.inf, device=device, dtype=dtype).triu(1)


class _Stack(Module):
    def __init__(self, layer: Module, num_layers: int, norm: Module | None) -> None:
        super().__init__()
        if num_layers < 0:
            raise ArgumentError(
                f"{type(self).__name__}: num_layers must not be negative, got {num_layers}"
            )
        self.layers = ModuleList(copy.deepcopy(layer) for _ in range(num_layers))
        self.num_layers = num_layers
        self.norm = norm

    def _normalized(self, x: Tensor) -> Tensor:
        result: Tensor = x if self.norm is None else self.norm(x)
        return result


class TransformerEncoder(_Stack):
    """Copies of an encoder layer on top of each other.

    Args:
        encoder_layer: copied as it is, values too.
        num_layers: how often.
        norm: applied at the end, if given.
        enable_nested_tensor: taken for compatibility; there are no nested tensors here.
        mask_check: taken for compatibility.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> encoder = nn.TransformerEncoder(nn.TransformerEncoderLayer(8, 2, 16), 2)
        >>> encoder(tg.zeros(5, 3, 8)).shape
        (5, 3, 8)
    """

    def __init__(
        self,
        encoder_layer: Module,
        num_layers: int,
        norm: Module | None = None,
        enable_nested_tensor: bool = True,
        mask_check: bool = True,
    ) -> None:
        super().__init__(encoder_layer, num_layers, norm)
        self.enable_nested_tensor = enable_nested_tensor
        self.mask_check = mask_check

    def forward(
        self,
        src: Tensor,
        mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        is_causal: bool | None = None,
    ) -> Tensor:
        """Returns the encoded sequence, of the shape of `src`.

        Args:
            src: (L, N, E), (N, L, E) with `batch_first`, or (L, E).
            mask: (L, L), see `MultiheadAttention`.
            src_key_padding_mask: (N, L).
            is_causal: a hint that `mask` is the causal one; without it the mask is used as given.
        """
        for layer in self.layers:
            src = layer(
                src,
                src_mask=mask,
                src_key_padding_mask=src_key_padding_mask,
                is_causal=bool(is_causal),
            )
        return self._normalized(src)


class TransformerDecoder(_Stack):
    """Copies of a decoder layer on top of each other.

    Args:
        decoder_layer: copied as it is, values too.
        num_layers: how often.
        norm: applied at the end, if given.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> decoder = nn.TransformerDecoder(nn.TransformerDecoderLayer(8, 2, 16), 2)
        >>> decoder(tg.zeros(5, 3, 8), tg.zeros(7, 3, 8)).shape
        (5, 3, 8)
    """

    def __init__(self, decoder_layer: Module, num_layers: int, norm: Module | None = None) -> None:
        super().__init__(decoder_layer, num_layers, norm)

    def forward(
        self,
        tgt: Tensor,
        memory: Tensor,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Returns the decoded sequence; see `TransformerDecoderLayer`."""
        for layer in self.layers:
            tgt = layer(
                tgt,
                memory,
                tgt_mask=tgt_mask,
                memory_mask=memory_mask,
                tgt_key_padding_mask=tgt_key_padding_mask,
                memory_key_padding_mask=memory_key_padding_mask,
                tgt_is_causal=bool(tgt_is_causal),
                memory_is_causal=memory_is_causal,
            )
        return self._normalized(tgt)


class Transformer(Module):
    """Encoder and decoder of Vaswani et al. (2017), between embeddings of your own.

    Args:
        d_model: features.
        nhead: heads of all attentions; divide `d_model`.
        num_encoder_layers: layers of the encoder.
        num_decoder_layers: layers of the decoder.
        dim_feedforward: features between the dense layers.
        dropout: rate of all dropouts.
        activation: "relu", "gelu", or a function.
        custom_encoder: used instead of an encoder of these settings.
        custom_decoder: used instead of a decoder of these settings.
        layer_norm_eps: eps of the norms.
        batch_first: batches come and go as (N, L, E) instead of (L, N, E).
        norm_first: normalize in front of each block instead of behind.
        bias: if False, dense layers and norms have none.
        device: where the parameters live.
        dtype: their dtype.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> net = nn.Transformer(8, 2, 1, 1, 16)
        >>> mask = net.generate_square_subsequent_mask(4)
        >>> net(tg.zeros(6, 3, 8), tg.zeros(4, 3, 8), tgt_mask=mask).shape
        (4, 3, 8)
    """

    def __init__(
        self,
        d_model: int = 512,
        nhead: int = 8,
        num_encoder_layers: int = 6,
        num_decoder_layers: int = 6,
        dim_feedforward: int = 2048,
        dropout: float = 0.1,
        activation: Activation = F.relu,
        custom_encoder: Module | None = None,
        custom_decoder: Module | None = None,
        layer_norm_eps: float = 1e-5,
        batch_first: bool = False,
        norm_first: bool = False,
        bias: bool = True,
        **where: Any,
    ) -> None:
        super().__init__()
        settings = (dim_feedforward, dropout, activation, layer_norm_eps, batch_first, norm_first)
        if custom_encoder is None:
            layer = TransformerEncoderLayer(d_model, nhead, *settings, bias, **where)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
            custom_encoder = TransformerEncoder(layer, num_encoder_layers, norm)
        if custom_decoder is None:
            decoding = TransformerDecoderLayer(d_model, nhead, *settings, bias, **where)
            norm = LayerNorm(d_model, layer_norm_eps, bias=bias, **where)
            custom_decoder = TransformerDecoder(decoding, num_decoder_layers, norm)
        self.encoder = custom_encoder
        self.decoder = custom_decoder
        self._reset_parameters()
        self.d_model = d_model
        self.nhead = nhead
        self.batch_first = batch_first

    def _reset_parameters(self) -> None:
        for param in self.parameters():
            if param.ndim > 1:
                init.xavier_uniform_(param)

    @staticmethod
    def generate_square_subsequent_mask(
        sz: int, device: Device | str | None = None, dtype: DType | None = None
    ) -> Tensor:
        """Returns a (sz, sz) mask to be added: minus infinity above the diagonal, 0 elsewhere.

        Example:
            >>> from tinygrad_cl import nn
            >>> nn.Transformer.generate_square_subsequent_mask(2).tolist()
            [[0.0, -inf], [0.0, 0.0]]
        """
        return causal_mask(sz, device, dtype)

    def forward(
        self,
        src: Tensor,
        tgt: Tensor,
        src_mask: Tensor | None = None,
        tgt_mask: Tensor | None = None,
        memory_mask: Tensor | None = None,
        src_key_padding_mask: Tensor | None = None,
        tgt_key_padding_mask: Tensor | None = None,
        memory_key_padding_mask: Tensor | None = None,
        src_is_causal: bool | None = None,
        tgt_is_causal: bool | None = None,
        memory_is_causal: bool = False,
    ) -> Tensor:
        """Returns the decoded sequence, of the shape of `tgt`.

        Raises:
            ShapeError: if source and target differ in batch or features.
        """
        batch = 0 if self.batch_first else 1
        if src.ndim == 3 and src.shape[batch] != tgt.shape[batch]:
            raise ShapeError(f"Transformer: batches differ, src {src.shape} and tgt {tgt.shape}")
        if src.shape[-1] != self.d_model or tgt.shape[-1] != self.d_model:
            raise ShapeError(
                f"Transformer: src and tgt need {self.d_model} features, got {src.shape} and "
                f"{tgt.shape}"
            )
        memory = self.encoder(
            src, mask=src_mask, src_key_padding_mask=src_key_padding_mask, is_causal=src_is_causal
        )
        result: Tensor = self.decoder(
            tgt,
            memory,
            tgt_mask=tgt_mask,
            memory_mask=memory_mask,
            tgt_key_padding_mask=tgt_key_padding_mask,
            memory_key_padding_mask=memory_key_padding_mask,
            tgt_is_causal=tgt_is_causal,
            memory_is_causal=memory_is_causal,
        )
        return result
