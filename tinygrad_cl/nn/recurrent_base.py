"""`RNNBase`: what RNN, LSTM and GRU share: parameters, layers, directions, and forms of input."""

from __future__ import annotations

import math
import warnings
from collections.abc import Iterator
from functools import partial
from typing import TYPE_CHECKING, Any

from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.creation import empty, zeros
from tinygrad_cl.functional.index import index_select
from tinygrad_cl.functional.movement import cat, stack
from tinygrad_cl.functional.recurrent_pass import run_steps
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn import init
from tinygrad_cl.nn.module import Module
from tinygrad_cl.nn.utils.rnn import PackedSequence
from tinygrad_cl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.functional.recurrent import Step
    from tinygrad_cl.functional.recurrent_rules import Rule
    from tinygrad_cl.runtime.device import Device

State = tuple[Tensor, ...]


class RNNBase(Module):
    """The base of `RNN`, `LSTM` and `GRU`.

    Args:
        mode: "RNN_TANH", "RNN_RELU", "LSTM" or "GRU".
        input_size: features of the input.
        hidden_size: features of the state.
        num_layers: layers on top of each other.
        bias: if False, there are none.
        batch_first: batches come and go as (N, L, features) instead of (L, N, features).
        dropout: rate of dropout between layers.
        bidirectional: a second pass from the end to the beginning; outputs stand side by side.
        proj_size: of "LSTM" only: the output is projected to so many features.
        device: where the parameters live.
        dtype: their dtype.

    Raises:
        ArgumentError: for sizes or rates out of range.
    """

    gates = 1
    states = 1  # tensors that one state is made of

    def __init__(
        self,
        mode: str,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        proj_size: int = 0,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.mode = mode
        self.input_size = input_size
        self.hidden_size = hidden_size
        self.num_layers = num_layers
        self.bias = bias
        self.batch_first = batch_first
        self.dropout = float(dropout)
        self.bidirectional = bidirectional
        self.proj_size = proj_size
        self._check_settings()
        for name, shape in self._shapes():
            self.register_parameter(name, Parameter(empty(shape, device=device, dtype=dtype)))
        self.reset_parameters()

    def _check_settings(self) -> None:
        name = type(self).__name__
        if min(self.input_size, self.hidden_size, self.num_layers) < 1:
            raise ArgumentError(
                f"{name}: input_size, hidden_size and num_layers must be positive, got "
                f"{self.input_size}, {self.hidden_size}, {self.num_layers}"
            )
        if not 0 <= self.dropout <= 1:
            raise ArgumentError(f"{name}: dropout must lie in [0, 1], got {self.dropout}")
        if self.dropout and self.num_layers == 1:
            warnings.warn(
                f"{name}: dropout stands between layers, and there is only one", stacklevel=4
            )
        if not 0 <= self.proj_size < self.hidden_size or (self.proj_size and self.mode != "LSTM"):
            raise ArgumentError(
                f"{name}: proj_size must be 0, or smaller than hidden_size and for LSTM only, got "
                f"{self.proj_size}"
            )

    @property
    def _out(self) -> int:
        """Features that one direction puts out."""
        return self.proj_size or self.hidden_size

    def _passes(self) -> Iterator[tuple[int, bool, str]]:
        """Yields layer, whether backward, and the end of its parameters' names."""
        for layer in range(self.num_layers):
            yield layer, False, f"l{layer}"
            if self.bidirectional:
                yield layer, True, f"l{layer}_reverse"

    def _shapes(self) -> Iterator[tuple[str, tuple[int, ...]]]:
        rows = self.gates * self.hidden_size
        for layer, _, end in self._passes():
            features = self._out * (1 + self.bidirectional) if layer else self.input_size
            yield f"weight_ih_{end}", (rows, features)
            yield f"weight_hh_{end}", (rows, self._out)
            if self.bias:
                yield f"bias_ih_{end}", (rows,)
                yield f"bias_hh_{end}", (rows,)
            if self.proj_size:
                yield f"weight_hr_{end}", (self.proj_size, self.hidden_size)

    @property
    def all_weights(self) -> list[list[Parameter]]:
        """The parameters of each pass, as PyTorch lists them."""
        kinds = ("weight_ih", "weight_hh", "bias_ih", "bias_hh", "weight_hr")
        return [
            [getattr(self, f"{kind}_{end}") for kind in kinds if hasattr(self, f"{kind}_{end}")]
            for _, _, end in self._passes()
        ]

    def reset_parameters(self) -> None:
        """Draws new initial values, uniform in `+-1 / sqrt(hidden_size)`."""
        bound = 1 / math.sqrt(self.hidden_size)
        for param in self.parameters():
            init.uniform_(param, -bound, bound)

    def flatten_parameters(self) -> None:
        """Does nothing: parameters need no special place in memory here."""

    # ------------------------------------------------------------------------------------ passes

    def _step(self, end: str, weight: Tensor, bias: Tensor | None) -> Step:
        """Returns the step of one pass, from the weight and bias of the state's part."""
        raise NotImplementedError

    def _rule(self) -> Rule | None:
        """Returns the formulas of a pass, if it has a backward pass of its own."""
        raise NotImplementedError

    def _biases(self, end: str) -> tuple[Tensor | None, Tensor | None]:
        """Returns the bias that joins the input's part, and that of the state's part."""
        return self._whole_bias(end), None

    def _whole_bias(self, end: str) -> Tensor | None:
        """The sum of both biases, for steps that only ever use the sum."""
        if not self.bias:
            return None
        total: Tensor = getattr(self, f"bias_ih_{end}") + getattr(self, f"bias_hh_{end}")
        return total

    def _run(self, rows: Tensor, sizes: list[int], state: State) -> tuple[Tensor, list[Tensor]]:
        """Returns packed outputs and last states, (layers * directions, N, features) each."""
        last: list[State] = []
        outputs: list[Tensor] = []
        for number, (layer, backward, end) in enumerate(self._passes()):
            if layer and not backward:
                rows = self._between(outputs)
                outputs = []
            bias, own = self._biases(end)
            parts = F.linear(rows, getattr(self, f"weight_ih_{end}"), bias)
            first = tuple(s[number] for s in state)
            tensors = parts, getattr(self, f"weight_hh_{end}"), own
            make = partial(self._step, end)
            out, final = run_steps(self._rule(), make, tensors, sizes, first, backward)
            outputs.append(out)
            last.append(final)
        return _beside(outputs), [stack([s[i] for s in last]) for i in range(self.states)]

    def _between(self, outputs: list[Tensor]) -> Tensor:
        return F.dropout(_beside(outputs), self.dropout, self.training)

    # ----------------------------------------------------------------------------- forms of input

    def forward(self, input: Tensor | PackedSequence, hx: Any = None) -> tuple[Any, Any]:
        """Returns the outputs of all steps and the last states.

        Args:
            input: (L, N, features), (N, L, features) with `batch_first`, (L, features) for one
                sequence, or a `PackedSequence`.
            hx: the first states, (layers * directions, N, features); for LSTM a pair `(h_0, c_0)`;
                zeros by default.

        Raises:
            ShapeError: if the sizes do not fit.
        """
        given = () if hx is None else (hx if isinstance(hx, tuple) else (hx,))
        if isinstance(input, PackedSequence):
            return self._run_packed(input, given)
        x, single = self._steps_first(input)
        if single:
            given = tuple(self._with_batch(h) for h in given)
        length, batch, features = x.shape
        state = self._first_state(given, batch, x)
        out, last = self._run(x.reshape(length * batch, features), [batch] * length, state)
        out = out.reshape(length, batch, out.shape[-1])
        if single:
            return out.squeeze(1), self._as_given([s.squeeze(1) for s in last])
        return (out.transpose(0, 1) if self.batch_first else out), self._as_given(last)

    def _run_packed(self, packed: PackedSequence, given: State) -> tuple[PackedSequence, Any]:
        sizes, order, back = packed.sizes(), packed.sorted_indices, packed.unsorted_indices
        self._check_features(packed.data)
        if order is not None:
            given = tuple(index_select(s, 1, order) for s in given)
        state = self._first_state(given, sizes[0], packed.data)
        out, last = self._run(packed.data, sizes, state)
        if back is not None:
            last = [index_select(s, 1, back) for s in last]
        return PackedSequence(out, packed.batch_sizes, order, back), self._as_given(last)

    def _steps_first(self, x: Tensor) -> tuple[Tensor, bool]:
        """Returns (L, N, features), and whether there was no batch."""
        if x.ndim not in (2, 3):
            raise ShapeError(
                f"{type(self).__name__}: needs an input of 3 dims, or 2 without a batch, got shape "
                f"{x.shape}"
            )
        self._check_features(x)
        if x.ndim == 2:
            x = x.unsqueeze(1)
            single = True
        else:
            single = False
            x = x.transpose(0, 1) if self.batch_first else x
        if x.shape[0] == 0:
            raise ShapeError(f"{type(self).__name__}: needs at least one step, got {x.shape}")
        return x, single

    def _check_features(self, x: Tensor) -> None:
        if x.shape[-1] != self.input_size:
            raise ShapeError(
                f"{type(self).__name__}: needs {self.input_size} features in the last dim, got "
                f"shape {x.shape}"
            )

    def _with_batch(self, state: Tensor) -> Tensor:
        if state.ndim != 2:
            raise ShapeError(
                f"{type(self).__name__}: an input without batch needs states of 2 dims, got shape "
                f"{state.shape}"
            )
        return state.unsqueeze(1)

    def _first_state(self, given: State, batch: int, like: Tensor) -> State:
        count = self.num_layers * (1 + self.bidirectional)
        shapes = [(count, batch, self._out), (count, batch, self.hidden_size)][: self.states]
        if not given:
            return tuple(zeros(s, dtype=like.dtype, device=like.device) for s in shapes)
        if [tuple(s.shape) for s in given] != shapes:
            raise ShapeError(
                f"{type(self).__name__}: needs first states of shapes {shapes}, got "
                f"{[s.shape for s in given]}"
            )
        return given

    def _as_given(self, last: list[Tensor]) -> Any:
        """Returns states as the user gives them: a tensor, or a tuple of several."""
        return last[0] if self.states == 1 else tuple(last)

    def extra_repr(self) -> str:
        """Returns the settings that are not the default, as PyTorch prints them."""
        text = f"{self.input_size}, {self.hidden_size}"
        settings: dict[str, tuple[Any, Any]] = {
            "proj_size": (self.proj_size, 0),
            "num_layers": (self.num_layers, 1),
            "bias": (self.bias, True),
            "batch_first": (self.batch_first, False),
            "dropout": (self.dropout, 0.0),
            "bidirectional": (self.bidirectional, False),
        }
        shown = [f"{name}={now}" for name, (now, usual) in settings.items() if now != usual]
        return ", ".join([text, *shown])


def _beside(outputs: list[Tensor]) -> Tensor:
    return outputs[0] if len(outputs) == 1 else cat(outputs, dim=-1)
