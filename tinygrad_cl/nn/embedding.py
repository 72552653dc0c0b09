"""`Embedding` and `EmbeddingBag`: a table of vectors, looked up by index."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
        max_norm: rows that are used and have a larger norm are scaled down to it, in place.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is used in the batch.
        sparse: taken for compatibility; gradients are dense here.
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
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
        _weight: Tensor | None = None,
        _freeze: bool = False,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.padding_idx = _checked_padding(padding_idx, num_embeddings)
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.sparse = sparse
        shape = (num_embeddings, embedding_dim)
        self.weight = _table(type(self).__name__, shape, _weight, _freeze, device, dtype)
        if _weight is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new initial values."""
        _draw(self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(
        cls,
        embeddings: Tensor,
        freeze: bool = True,
        padding_idx: int | None = None,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        sparse: bool = False,
    ) -> Embedding:
        """Returns a layer that looks up rows of a given table.

        Args:
            embeddings: the table.
            freeze: if True, the table is not trained.
            padding_idx: as for the layer; so for the next four.
            max_norm: largest norm of a row.
            norm_type: the p of that norm.
            scale_grad_by_freq: divide gradients by how often a row is used.
            sparse: taken for compatibility.

        Raises:
            ShapeError: if the table is not two-dimensional.
        """
        rows, columns = _sizes("Embedding.from_pretrained", embeddings)
        return cls(
            rows,
            columns,
            padding_idx,
            max_norm,
            norm_type,
            scale_grad_by_freq,
            sparse,
            _weight=embeddings,
            _freeze=freeze,
        )

    def forward(self, x: Tensor) -> Tensor:
        """Returns the rows at the indices `x`, with one dim more than `x`."""
        return F.embedding(
            x,
            self.weight,
            self.padding_idx,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.sparse,
        )

    def extra_repr(self) -> str:
        """Returns the sizes, and the settings that are not the default."""
        return _described(self)


class EmbeddingBag(Module):
    """Sums, means or maxima of rows of a table; see `functional.embedding_bag`.

    Args:
        num_embeddings: number of rows.
        embedding_dim: size of a row.
        max_norm: rows that are used and have a larger norm are scaled down to it, in place.
        norm_type: the p of that norm.
        scale_grad_by_freq: divide the gradient of a row by how often it is used in the batch.
        mode: "sum", "mean" or "max".
        sparse: taken for compatibility; gradients are dense here.
        include_last_offset: the last offset is the length of the input.
        padding_idx: a row that counts for nothing.
        device: where the table lives.
        dtype: its dtype.

    Raises:
        ArgumentError: if `padding_idx` is no row, or for another mode.

    Attributes:
        weight: `(num_embeddings, embedding_dim)`.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.EmbeddingBag(10, 3)(tg.tensor([1, 2, 4, 5]), tg.tensor([0, 3])).shape
        (2, 3)
    """

    weight: Parameter

    def __init__(
        self,
        num_embeddings: int,
        embedding_dim: int,
        max_norm: float | None = None,
        norm_type: float = 2.0,
        scale_grad_by_freq: bool = False,
        mode: str = "mean",
        sparse: bool = False,
        _weight: Tensor | None = None,
        include_last_offset: bool = False,
        padding_idx: int | None = None,
        device: Device | str | None = None,
        dtype: DType | None = None,
    ) -> None:
        super().__init__()
        if mode not in ("sum", "mean", "max"):
            raise ArgumentError(f'EmbeddingBag: mode must be "sum", "mean" or "max", got {mode!r}')
        self.num_embeddings = num_embeddings
        self.embedding_dim = embedding_dim
        self.max_norm = max_norm
        self.norm_type = norm_type
        self.scale_grad_by_freq = scale_grad_by_freq
        self.mode = mode
        self.sparse = sparse
        self.include_last_offset = include_last_offset
        self.padding_idx = _checked_padding(padding_idx, num_embeddings)
        shape = (num_embeddings, embedding_dim)
        self.weight = _table(type(self).__name__, shape, _weight, False, device, dtype)
        if _weight is None:
            self.reset_parameters()

    def reset_parameters(self) -> None:
        """Draws new initial values."""
        _draw(self.weight, self.padding_idx)

    @classmethod
    def from_pretrained(
        cls, embeddings: Tensor, freeze: bool = True, **settings: Any
    ) -> EmbeddingBag:
        """Returns a layer of a given table.

        Args:
            embeddings: the table.
            freeze: if True, the table is not trained.
            settings: as for the layer.

        Raises:
            ShapeError: if the table is not two-dimensional.
        """
        rows, columns = _sizes("EmbeddingBag.from_pretrained", embeddings)
        layer = cls(rows, columns, _weight=embeddings, **settings)
        layer.weight.requires_grad_(not freeze)
        return layer

    def forward(
        self,
        input: Tensor,
        offsets: Tensor | None = None,
        per_sample_weights: Tensor | None = None,
    ) -> Tensor:
        """Returns (B, embedding_dim) for bags (B, N), or (N) with offsets (B)."""
        return F.embedding_bag(
            input,
            self.weight,
            offsets,
            self.max_norm,
            self.norm_type,
            self.scale_grad_by_freq,
            self.mode,
            self.sparse,
            per_sample_weights,
            self.include_last_offset,
            self.padding_idx,
        )

    def extra_repr(self) -> str:
        """Returns the sizes, and the settings that are not the default."""
        return f"{_described(self)}, mode={self.mode!r}"


def _described(layer: Embedding | EmbeddingBag) -> str:
    text = f"{layer.num_embeddings}, {layer.embedding_dim}"
    usual: dict[str, Any] = {
        "padding_idx": None,
        "max_norm": None,
        "norm_type": 2,
        "scale_grad_by_freq": False,
    }
    for name, value in usual.items():
        if getattr(layer, name) != value:
            text += f", {name}={getattr(layer, name)}"
    return text


def _draw(weight: Parameter, padding_idx: int | None) -> None:
    init.normal_(weight)
    if padding_idx is not None:
        with no_grad():
            weight[padding_idx] = 0.0


def _table(
    name: str,
    shape: tuple[int, int],
    given: Tensor | None,
    freeze: bool,
    device: Device | str | None,
    dtype: DType | None,
) -> Parameter:
    if given is None:
        made = empty(shape, device=device, dtype=dtype)
    elif given.shape != shape:
        raise ShapeError(f"{name}: the table must be {shape}, got shape {given.shape}")
    else:
        made = given.detach()
    return Parameter(made, requires_grad=not freeze)


def _sizes(op: str, table: Tensor) -> tuple[int, int]:
    if table.ndim != 2:
        raise ShapeError(f"{op}: a table has 2 dims, got shape {table.shape}")
    return table.shape[0], table.shape[1]


def _checked_padding(padding_idx: int | None, rows: int) -> int | None:
    if padding_idx is None:
        return None
    if not -rows <= padding_idx < rows:
        raise ArgumentError(
            f"Embedding: padding_idx {padding_idx} is not a row of a table with {rows} rows"
        )
    return padding_idx % rows
