"""Parameters as one vector, and back."""

from __future__ import annotations

from collections.abc import Iterable

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.functional.movement import cat
from tinygrad_cl.tensor import Tensor


def parameters_to_vector(parameters: Iterable[Tensor]) -> Tensor:
    """Returns all parameters as one vector.

    Example:
        >>> from tinygrad_cl import nn
        >>> nn.utils.parameters_to_vector(nn.Linear(3, 2).parameters()).shape
        (8,)
    """
    return cat([param.reshape(-1) for param in parameters])


def vector_to_parameters(vec: Tensor, parameters: Iterable[Tensor]) -> None:
    """Writes the parts of a vector into the parameters; undoes `parameters_to_vector`.

    Raises:
        ArgumentError: if the vector has another length than the parameters together.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> layer = nn.Linear(2, 1)
        >>> nn.utils.vector_to_parameters(tg.tensor([1.0, 2.0, 3.0]), layer.parameters())
        >>> layer.weight.tolist(), layer.bias.tolist()
        ([[1.0, 2.0]], [3.0])
    """
    listed = list(parameters)
    needed = sum(param.numel() for param in listed)
    if vec.ndim != 1 or vec.numel() != needed:
        raise ArgumentError(
            f"vector_to_parameters: needs a vector of {needed} elements, got shape {vec.shape}"
        )
    start = 0
    with no_grad():
        for param in listed:
            end = start + param.numel()
            param.copy_(vec[start:end].reshape(param.shape))
            start = end
