"""Single steps of recurrent layers. Functions: functional/recurrent.py."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.creation import empty, zeros
from tinygrad_cl.functional.recurrent import gru_step, lstm_step, rnn_step
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn import init
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device


class RNNCellBase(Module):
    """What the cells share: their parameters and the checks of their arguments.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: if False, there are no biases.
        num_chunks: gates, each with `hidden_size` rows.
        device: where the parameters live.
        dtype: their dtype.
    """

    weight_ih: Parameter
    weight_hh: Parameter
    bias_ih: Parameter | None
    bias_hh: Parameter | None

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool,
        num_chunks: int,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.bias = bias
        rows = num_chunks * hidden_size
        shapes = {"weight_ih": (rows, input_size), "weight_hh": (rows, hidden_size)}
        shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)} if bias else {}  # type: ignore[dict-item]
        for name in ("weight_ih", "weight_hh", "bias_ih", "bias_hh"):
            made = None
            if name in shapes:
                made = Parameter(empty(shapes[name], device=device, dtype=dtype))
            self.register_parameter(name, made)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new initial values, uniform in `+-1 / sqrt(hidden_size)`."""
        bound = 1 / math.sqrt(self.hidden_size) if self.hidden_size > 0 else 0.0
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def extra_repr(self) -> str:
        """Returns the settings."""
        text = f"{self.input_size}, {self.hidden_size}"
        return text if self.bias else f"{text}, bias=False"

    def _batched(
        self, x: Tensor, given: tuple[Tensor, ...] | None, states: int
    ) -> tuple[Tensor, tuple[Tensor, ...], bool]:
        """Returns input and state with a batch dim, and whether they had none."""
        name = type(self).__name__
        if x.ndim not in (1, 2) or x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{name}: needs input (N, {self.input_size}) or ({self.input_size},), got {x.shape}"
            )
        single = x.ndim == 1
        x = x.unsqueeze(0) if single else x
        shape = (x.shape[0], self.hidden_size)
        if given is None:
            return x, (zeros(shape, dtype=x.dtype, device=x.device),) * states, single
        found = tuple(s.unsqueeze(0) if single and s.ndim == 1 else s for s in given)
        if len(found) != states or any(s.shape != shape for s in found):
            raise ShapeError(
                f"{name}: needs {states} state(s) of shape {shape[single:]}, got "
                f"{[s.shape for s in given]}"
            )
        return x, found, single

    def _sum_of_biases(self) -> Tensor | None:
        if self.bias_ih is None or self.bias_hh is None:
            return None
        return self.bias_ih + self.bias_hh


class RNNCell(RNNCellBase):
    """One step of `RNN`: `h' = act(W_ih x + b_ih + W_hh h + b_hh)`.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: if False, there are no biases.
        nonlinearity: "tanh" or "relu".
        device: where the parameters live.
        dtype: their dtype.

    Raises:
        ArgumentError: for another nonlinearity.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.RNNCell(4, 3)(tg.zeros(2, 4)).shape
        (2, 3)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        nonlinearity: str = "tanh",
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 1, device, dtype)
        if nonlinearity not in ("tanh", "relu"):
            raise ArgumentError(
                f'RNNCell: nonlinearity must be "tanh" or "relu", got {nonlinearity!r}'
            )
        self.nonlinearity = nonlinearity

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Returns the new state, (N, hidden_size), or (hidden_size,) without a batch."""
        x, state, single = self._batched(input, None if hx is None else (hx,), 1)
        part = F.linear(x, self.weight_ih, self._sum_of_biases())
        (h,) = rnn_step(self.nonlinearity, self.weight_hh, part, state)
        return h.squeeze(0) if single else h

    def extra_repr(self) -> str:
        """Returns the settings."""
        text = super().extra_repr()
        shown = self.nonlinearity != "tanh"
        return f"{text}, nonlinearity={self.nonlinearity}" if shown else text


class LSTMCell(RNNCellBase):
    """One step of `LSTM`.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: if False, there are no biases.
        device: where the parameters live.
        dtype: their dtype.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> h, c = nn.LSTMCell(4, 3)(tg.zeros(2, 4))
        >>> h.shape, c.shape
        ((2, 3), (2, 3))
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 4, device, dtype)

    def forward(
        self, input: Tensor, hx: tuple[Tensor, Tensor] | None = None
    ) -> tuple[Tensor, Tensor]:
        """Returns the new `(h, c)`, (N, hidden_size) each, or without a batch as the input."""
        x, state, single = self._batched(input, hx, 2)
        part = F.linear(x, self.weight_ih, self._sum_of_biases())
        h, c = lstm_step(self.weight_hh, None, part, state)
        return (h.squeeze(0), c.squeeze(0)) if single else (h, c)


class GRUCell(RNNCellBase):
    """One step of `GRU`.

    Args:
        input_size: features of the input.
        hidden_size: features of the state.
        bias: if False, there are no biases.
        device: where the parameters live.
        dtype: their dtype.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.GRUCell(4, 3)(tg.zeros(4)).shape
        (3,)
    """

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        bias: bool = True,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__(input_size, hidden_size, bias, 3, device, dtype)

    def forward(self, input: Tensor, hx: Tensor | None = None) -> Tensor:
        """Returns the new state, (N, hidden_size), or (hidden_size,) without a batch."""
        x, state, single = self._batched(input, None if hx is None else (hx,), 1)
        part = F.linear(x, self.weight_ih, self.bias_ih)
        (h,) = gru_step(self.weight_hh, self.bias_hh, part, state)
        return h.squeeze(0) if single else h
