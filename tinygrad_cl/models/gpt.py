"""`GPT`: a small transformer that predicts the next token, with the names of nanoGPT's."""

from __future__ import annotations

import math
from typing import Any

import numpy as np

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.dtypes import DType, float32, int64
from tinygrad_cl.errors import ArgumentError, DataError, DTypeError, ShapeError
from tinygrad_cl.functional.counting import multinomial
from tinygrad_cl.functional.creation import from_numpy
from tinygrad_cl.functional.random import Generator
from tinygrad_cl.models.base import Shape, counts
from tinygrad_cl.nn import (
    GELU,
    Dropout,
    Embedding,
    LayerNorm,
    Linear,
    Module,
    ModuleDict,
    ModuleList,
    init,
)
from tinygrad_cl.nn import functional as F
from tinygrad_cl.tensor import Tensor
from tinygrad_cl.train.modes import evaluating


class CausalSelfAttention(Module):
    """Attention with several heads, of each token to itself and those before it.

    Args:
        d: features; a multiple of `heads`.
        heads: how many.
        dropout: rate of attention weights and outputs.
        bias: whether the dense layers have one.
    """

    def __init__(self, d: int, heads: int, dropout: float, bias: bool) -> None:
        super().__init__()
        self.heads, self.rate = heads, dropout
        self.c_attn = Linear(d, 3 * d, bias)
        self.c_proj = Linear(d, d, bias)
        self.resid_dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N, T, d) of (N, T, d)."""
        n, t, d = x.shape
        parts = self.c_attn(x).reshape(n, t, 3, self.heads, d // self.heads).permute(2, 0, 3, 1, 4)
        query, key, value = parts.unbind(0)
        rate = self.rate if self.training else 0.0
        y = F.scaled_dot_product_attention(query, key, value, None, rate, is_causal=True)
        result: Tensor = self.resid_dropout(self.c_proj(y.transpose(1, 2).reshape(n, t, d)))
        return result


class FeedForward(Module):
    """Two dense layers with GELU between them.

    Args:
        d: features; four times as many between the layers.
        dropout: rate of the output.
        bias: whether the dense layers have one.
    """

    def __init__(self, d: int, dropout: float, bias: bool) -> None:
        super().__init__()
        self.c_fc = Linear(d, 4 * d, bias)
        self.gelu = GELU()
        self.c_proj = Linear(4 * d, d, bias)
        self.dropout = Dropout(dropout)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N, T, d) of (N, T, d)."""
        result: Tensor = self.dropout(self.c_proj(self.gelu(self.c_fc(x))))
        return result


class Block(Module):
    """Attention and dense layers, each behind a layer norm and added to its input.

    Args:
        d: features.
        heads: of the attention.
        dropout: rate.
        bias: whether dense layers and norms have one.
    """

    def __init__(self, d: int, heads: int, dropout: float, bias: bool) -> None:
        super().__init__()
        self.ln_1 = LayerNorm(d, bias=bias)
        self.attn = CausalSelfAttention(d, heads, dropout, bias)
        self.ln_2 = LayerNorm(d, bias=bias)
        self.mlp = FeedForward(d, dropout, bias)

    def forward(self, x: Tensor) -> Tensor:
        """Returns (N, T, d) of (N, T, d)."""
        x = x + self.attn(self.ln_1(x))
        result: Tensor = x + self.mlp(self.ln_2(x))
        return result


class GPT(Module):
    """A decoder-only transformer with norms in front of its blocks (Radford et al. 2019).

    Args:
        vocab: number of different tokens.
        d: features; a multiple of `heads`.
        layers: blocks.
        heads: of the attention.
        context: the most tokens that it looks at.
        dropout: rate of all dropouts.
        bias: whether dense layers and norms have one.
        tie_weights: whether the last layer is the table of embeddings (Press and Wolf 2017).

    Attributes:
        input_shape: of one sample: (context,); fewer tokens are taken, too.
        input_dtype: int64.

    Raises:
        ArgumentError: if the heads do not divide the features.

    Example:
        >>> import tinygrad_cl as tg
        >>> _ = tg.manual_seed(0)
        >>> net = tg.models.GPT(vocab=11, d=16, layers=1, heads=2, context=8)
        >>> tokens = tg.tensor([[1, 2, 3]])
        >>> net(tokens).shape, net.generate(tokens, 4).shape
        ((1, 3, 11), (1, 7))
    """

    input_dtype: DType = int64

    def __init__(
        self,
        vocab: int = 65,
        d: int = 128,
        layers: int = 2,
        heads: int = 4,
        context: int = 64,
        dropout: float = 0.0,
        bias: bool = True,
        tie_weights: bool = False,
    ) -> None:
        counts("GPT", vocab=vocab, d=d, layers=layers, heads=heads, context=context)
        if d % heads:
            raise ArgumentError(f"GPT: heads must divide d, got {heads} and {d}")
        super().__init__()
        self.vocab, self.context, self.input_shape = vocab, context, (context,)
        parts: dict[str, Module] = {
            "wte": Embedding(vocab, d),
            "wpe": Embedding(context, d),
            "drop": Dropout(dropout),
            "h": ModuleList(Block(d, heads, dropout, bias) for _ in range(layers)),
            "ln_f": LayerNorm(d, bias=bias),
        }
        self.transformer = ModuleDict(parts)
        self.lm_head = Linear(d, vocab, bias=False)
        self._start(layers)
        if tie_weights:
            self.lm_head.weight = self.transformer["wte"].weight

    input_shape: Shape

    def _start(self, layers: int) -> None:
        """Draws the first values: normal ones of 0.02, smaller where blocks add to their input."""
        for name, module in self.named_modules():
            if isinstance(module, Linear | Embedding):
                ends = name.endswith("c_proj")
                init.normal_(module.weight, std=0.02 / (math.sqrt(2 * layers) if ends else 1.0))
            if isinstance(module, Linear) and module.bias is not None:
                init.zeros_(module.bias)

    def forward(self, tokens: Tensor) -> Tensor:
        """Returns logits of the token that follows each, (N, T, vocab), of tokens (N, T).

        Raises:
            ShapeError: for more tokens than `context`.
            DTypeError: for tokens that are no integers.
        """
        logits: Tensor = self.lm_head(self.features(tokens))
        return logits

    def features(self, tokens: Tensor) -> Tensor:
        """Returns what stands in front of the last layer, (N, T, d), of tokens (N, T).

        Raises:
            ShapeError: for more tokens than `context`.
            DTypeError: for tokens that are no integers.
        """
        if tokens.ndim != 2 or not 0 < tokens.shape[1] <= self.context:
            raise ShapeError(
                f"GPT: needs tokens of shape (N, 1 to {self.context}), got {tuple(tokens.shape)}"
            )
        if tokens.dtype.is_floating_point:
            raise DTypeError(f"GPT: tokens must be integers, got {tokens.dtype.name}")
        part = self.transformer
        x = part["wte"](tokens) + part["wpe"].weight[: tokens.shape[1]]
        x = part["drop"](x)
        for block in part["h"]:
            x = block(x)
        result: Tensor = part["ln_f"](x)
        return result

    def generate(
        self,
        tokens: Any,
        max_new_tokens: int,
        temperature: float = 1.0,
        top_k: int | None = None,
        *,
        generator: Generator | None = None,
    ) -> Tensor:
        """Returns tokens with new ones behind them, (N, T + max_new_tokens).

        The net looks at the last `context` tokens for each new one, in evaluation mode. All steps
        have the same shapes, so that nothing is compiled after the first.

        Args:
            tokens: what to begin with: integers of shape (N, T) or (T,), T from 1 on.
            max_new_tokens: how many to add.
            temperature: logits are divided by it: below 1 the likely tokens gain; 0 takes the most
                likely one always.
            top_k: draw from that many most likely tokens only.
            generator: the stream of random numbers; None takes the default one.

        Raises:
            ArgumentError: for settings out of range.
            DataError: if there is no token to begin with, or one is not in the vocabulary.
        """
        if not temperature >= 0 or not math.isfinite(temperature):
            raise ArgumentError(f"generate: temperature must be 0 or more, got {temperature!r}")
        if top_k is not None:
            counts("generate", top_k=top_k)
        ids = self._checked(tokens)
        with no_grad(), evaluating(self):
            for _ in range(max_new_tokens):
                logits = self._next(ids[:, -self.context :]) / (temperature or 1.0)
                new = self._drawn(logits, top_k if temperature else 1, generator)
                ids = np.concatenate([ids, new.numpy().reshape(-1, 1)], 1)
        return from_numpy(ids, device=self.lm_head.weight.device)

    def _checked(self, tokens: Any) -> np.ndarray:
        ids = tokens.numpy() if isinstance(tokens, Tensor) else np.asarray(tokens)
        ids = ids[None] if ids.ndim == 1 else ids
        if ids.ndim != 2 or ids.size == 0 or ids.dtype.kind not in "iu":
            raise DataError(f"generate: needs integers (N, T), got {ids.dtype} {ids.shape}")
        if not 0 <= ids.min() <= ids.max() < self.vocab:
            raise DataError(
                f"generate: tokens run from {ids.min()} to {ids.max()}, and there are {self.vocab}"
            )
        return ids.astype(np.int64)

    def _next(self, ids: np.ndarray) -> Tensor:
        """The logits of the token after the last; what pads the rest is behind it, unseen."""
        window = np.zeros((len(ids), self.context), np.int64)
        window[:, : ids.shape[1]] = ids
        device = self.lm_head.weight.device
        last = from_numpy(np.array([ids.shape[1] - 1]), device=device)
        x = self.features(from_numpy(window, device=device)).index_select(1, last).squeeze(1)
        logits: Tensor = self.lm_head(x).to(float32)
        return logits

    def _drawn(self, logits: Tensor, top_k: int | None, generator: Generator | None) -> Tensor:
        if top_k == 1:
            return logits.argmax(1)
        if top_k is not None and top_k < self.vocab:
            least = logits.topk(top_k, 1)[0][:, -1:]
            logits = logits.masked_fill(logits < least, -math.inf)
        return multinomial(F.softmax(logits, 1), 1, generator=generator)


def next_token_loss(logits: Tensor, targets: Tensor) -> Tensor:
    """Returns the mean cross-entropy over all places of all sequences.

    Args:
        logits: (N, T, vocab), as `GPT` returns them.
        targets: integers (N, T): the token that follows each place.

    Example:
        >>> import tinygrad_cl as tg
        >>> loss = next_token_loss(tg.zeros(2, 3, 4), tg.zeros(2, 3, dtype=tg.int64))
        >>> round(loss.item(), 4)  # log(4)
        1.3863
    """
    return F.cross_entropy(logits.flatten(0, 1), targets.flatten())


__all__ = ["GPT", "Block", "CausalSelfAttention", "FeedForward", "next_token_loss"]
