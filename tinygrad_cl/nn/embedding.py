"""`Embedding`: a table of vectors, looked up by index."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tinygrad_cl.autograd import no_grad
from tinygrad_cl.errors import ArgumentError, ShapeError
from tinygrad_cl.functional.creation import empty
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn import init
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Parameter, Tensor

if TYPE_CHECKING:
    from tinygrad_cl.dtypes import DType
    from tinygrad_cl.runtime.device import Device


class Embedding(Module):
    """Looks up rows of a table.

    The table starts from N(0, 1), as in PyTorch.

    Args:
        num_embeddings: number of rows.
        embedding_dim: size of a row.
        padding_idx: a row that starts at zero and receives no gradient.
        device: where the table lives.
        dtype: its dtype.

    Raises:
        ArgumentError: if `padding_idx` is no row.
        IndexError: when the result is read, if an index was out of range.

    Attributes:
        weight: `(num_embeddings, embedding_dim)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.Embedding(10, 3)(tg.tensor([[1, 2], [4, 5]])).shape
        (2, 2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        padding_idx: int | None = None,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _checked_padding(padding_idx, num_embeddings)
        self.weight = Parameter(empty(num_embeddings, embedding_dim, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new initial values."""
        init.normal_(self.weight)
        if self.padding_idx is not None:
            with no_grad():
                self.weight[self.padding_idx] = 0.0

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, padding_idx: int | None = None
    ) -> Embedding:
        """Returns a layer that looks up rows of a given table.

        Args:
            embeddings: the table.
            freeze: if True, the table is not trained.
            padding_idx: as for the layer.

        Raises:
            ShapeError: if the table is not two-dimensional.
        """
        if embeddings.ndim != 2:
            raise ShapeError(
                f"Embedding.from_pretrained: a table has 2 dims, got shape {embeddings.shape}"
            )
        rows, columns = embeddings.shape
        layer = cls(rows, columns, padding_idx, embeddings.device, embeddings.dtype)
        layer.weight = Parameter(embeddings.detach(), requires_grad=not freeze)
        return layer

    def forward(self, x: Tensor) -> Tensor:
        """Returns the rows at the indices `x`, with one dim more than `x`."""
        return F.embedding(x, self.weight, self.padding_idx)

    def extra_repr(self) -> str:
        """Returns the sizes."""
        text = f"{self.num_embeddings}, {self.embedding_dim}"
        return text if self.padding_idx is None else f"{text}, padding_idx={self.padding_idx}"


def _checked_padding(padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ArgumentError(
            f"Embedding: padding_idx {padding_idx} is not a row of a table with {rows} rows"
        )
    return padding_idx % rows
