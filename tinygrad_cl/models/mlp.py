"""`MLP`: dense layers in a row."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.models.base import Net, dropouts, several
from tinygrad_cl.nn import (
    GELU,
    BatchNorm1d,
    Flatten,
    LeakyReLU,
    Linear,
    Module,
    ReLU,
    Sigmoid,
    SiLU,
    Tanh,
)

ACTIVATIONS: dict[str, type[Module]] = {
    "relu": ReLU,
    "leaky_relu": LeakyReLU,
    "gelu": GELU,
    "silu": SiLU,
    "tanh": Tanh,
    "sigmoid": Sigmoid,
}


class MLP(Net):
    """Dense layers with an activation after each but the last; images are flattened first.

    Args:
        sizes: features of the input, of each hidden layer, and of the output.
        activation: "relu", "leaky_relu", "gelu", "silu", "tanh" or "sigmoid".
        dropout: rate after each hidden layer.
        batch_norm: normalize each hidden layer in front of its activation.

    Raises:
        ArgumentError: for fewer than two sizes, or another activation.

    Example:
        >>> import tinygrad_cl as tg
        >>> net = tg.models.MLP((4, 8, 3))
        >>> net(tg.zeros(5, 4)).shape, list(net.state_dict())
        ((5, 3), ['1.weight', '1.bias', '3.weight', '3.bias'])
    """

    def __init__(
        self,
        sizes: Sequence[int] = (784, 200, 10),
        activation: str = "relu",
        dropout: float = 0.0,
        batch_norm: bool = False,
    ) -> None:
        sizes = several("MLP", "sizes", sizes, 2)
        if activation not in ACTIVATIONS:
            known = ", ".join(ACTIVATIONS)
            raise ArgumentError(f"MLP: unknown activation {activation!r}; known: {known}")
        make = ACTIVATIONS[activation]

        def hidden() -> Iterator[Module]:
            for before, after in itertools.pairwise(sizes[:-1]):
                yield Linear(before, after)
                if batch_norm:
                    yield BatchNorm1d(after)
                yield make()
                yield from dropouts(dropout)

        super().__init__(Flatten(), *hidden(), Linear(sizes[-2], sizes[-1]))
        self.input_shape = (sizes[0],)
