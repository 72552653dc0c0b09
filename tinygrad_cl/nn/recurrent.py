"""RNN, LSTM and GRU over whole sequences. Functions: functional/recurrent.py."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.recurrent import gru_step, lstm_step, rnn_step
from tinygrad_cl.functional.recurrent_rules import Elman, Gated, LongShortTerm
from tinygrad_cl.nn.recurrent_base import RNNBase
from tinygrad_cl.tensor import Tensor

if TYPE_CHECKING:
    from tinygrad_cl.functional.recurrent import Step
    from tinygrad_cl.functional.recurrent_rules import Rule


class RNN(RNNBase):
    """Elman's recurrent layer: `h_t = act(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)`.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: layers on top of each other.
        nonlinearity: "tanh" or "relu".
        bias: if False, there are no biases.
        batch_first: batches come and go as (N, L, features) instead of (L, N, features).
        dropout: rate of dropout between layers.
        bidirectional: a second pass from the end to the beginning; outputs stand side by side.
        device: where the parameters live.
        dtype: their dtype.

    Raises:
        ArgumentError: for another nonlinearity, or sizes and rates out of range.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0: of the first layer; "_l1" of the
            second, "_l0_reverse" of the pass from the end, and so on.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> output, h_n = nn.RNN(10, 20, num_layers=2)(tg.zeros(5, 3, 10))
        >>> output.shape, h_n.shape
        ((5, 3, 20), (2, 3, 20))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        nonlinearity: str = "tanh",
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        **where: Any,
    ) -> None:
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(f'RNN: nonlinearity must be "tanh" or "relu", got {nonlinearity!r}')
        super().__init__(
            f"RNN_{nonlinearity.upper()}",
            input_size,
            hidden_size,
            num_layers,
            bias,
            batch_first,
            dropout,
            bidirectional,
            **where,
        )
        self.nonlinearity = nonlinearity

    def _step(self, end: str, weight: Tensor, bias: Tensor | None) -> Step:
        return partial(rnn_step, self.nonlinearity, weight)

    def _rule(self) -> Rule | None:
        return Elman(self.nonlinearity)


class LSTM(RNNBase):
    """Long short-term memory (Hochreiter and Schmidhuber 1997, with forget gates).

    `i, f, o = sigmoid(...)`, `g = tanh(...)` of `W_ih x_t + b_ih + W_hh h_(t-1) + b_hh`;
    `c_t = f * c_(t-1) + i * g`; `h_t = o * tanh(c_t)`, times `W_hr` if there is a projection.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: layers on top of each other.
        bias: if False, there are no biases.
        batch_first: batches come and go as (N, L, features) instead of (L, N, features).
        dropout: rate of dropout between layers.
        bidirectional: a second pass from the end to the beginning; outputs stand side by side.
        proj_size: if positive, h has so many features.
        device: where the parameters live.
        dtype: their dtype.

    Raises:
        ArgumentError: for sizes and rates out of range.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0, weight_hr_l0: rows in the order input,
            forget, cell, output gate; names as those of `RNN`.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> lstm = nn.LSTM(10, 20, batch_first=True, bidirectional=True)
        >>> output, (h_n, c_n) = lstm(tg.zeros(3, 5, 10))
        >>> output.shape, h_n.shape, c_n.shape
        ((3, 5, 40), (2, 3, 20), (2, 3, 20))
    """

    gates = 4
    states = 2

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__("LSTM", *args, **kwargs)

    def _step(self, end: str, weight: Tensor, bias: Tensor | None) -> Step:
        projection = getattr(self, f"weight_hr_{end}") if self.proj_size else None
        return partial(lstm_step, weight, projection)

    def _rule(self) -> Rule | None:
        return None if self.proj_size else LongShortTerm()


class GRU(RNNBase):
    """Gated recurrent units (Cho et al. 2014, with the reset gate behind the product).

    `r, z = sigmoid(W_ih x_t + b_ih + W_hh h_(t-1) + b_hh)`;
    `n = tanh(W_in x_t + b_in + r * (W_hn h_(t-1) + b_hn))`; `h_t = (1 - z) * n + z * h_(t-1)`.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: layers on top of each other.
        bias: if False, there are no biases.
        batch_first: batches come and go as (N, L, features) instead of (L, N, features).
        dropout: rate of dropout between layers.
        bidirectional: a second pass from the end to the beginning; outputs stand side by side.
        device: where the parameters live.
        dtype: their dtype.

    Raises:
        ArgumentError: for sizes and rates out of range.

    Attributes:
        weight_ih_l0, weight_hh_l0, bias_ih_l0, bias_hh_l0: rows in the order reset, update, new;
            names as those of `RNN`.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> output, h_n = nn.GRU(10, 20)(tg.zeros(5, 10))
        >>> output.shape, h_n.shape
        ((5, 20), (1, 20))
    """

    gates = 3

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        if "proj_size" in kwargs:
            raise ArgumentError("GRU: proj_size is for LSTM only")
        super().__init__("GRU", *args, **kwargs)

    def _step(self, end: str, weight: Tensor, bias: Tensor | None) -> Step:
        return partial(gru_step, weight, bias)

    def _rule(self) -> Rule | None:
        return Gated()

    def _biases(self, end: str) -> tuple[Tensor | None, Tensor | None]:
        if not self.bias:
            return None, None
        return getattr(self, f"bias_ih_{end}"), getattr(self, f"bias_hh_{end}")
