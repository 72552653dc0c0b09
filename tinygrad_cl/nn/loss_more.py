"""More losses, and distances. Functions: functional/{margin_loss,distance,norm}.py."""

from __future__ import annotations

from collections.abc import Callable

from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.stateless import Stateless
from tinygrad_cl.tensor import Tensor


class PoissonNLLLoss(Stateless):
    """Minus the log-likelihood of counts under Poisson distributions."""

    log_input: bool
    full: bool
    eps: float
    reduction: str

    def __init__(
        self, log_input: bool = True, full: bool = False, eps: float = 1e-8, reduction: str = "mean"
    ) -> None:
        super().__init__(log_input=log_input, full=full, eps=eps, reduction=reduction)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Returns the loss."""
        return F.poisson_nll_loss(x, y, self.log_input, self.full, self.eps, self.reduction)


class GaussianNLLLoss(Stateless):
    """Minus the log-likelihood under normal distributions with given variances."""

    full: bool
    eps: float
    reduction: str

    def __init__(self, full: bool = False, eps: float = 1e-6, reduction: str = "mean") -> None:
        super().__init__(full=full, eps=eps, reduction=reduction)

    def forward(self, x: Tensor, y: Tensor, var: Tensor | float) -> Tensor:
        """Returns the loss."""
        return F.gaussian_nll_loss(x, y, var, self.full, self.eps, self.reduction)


class SoftMarginLoss(Stateless):
    """`log(1 + exp(-y * x))` for targets 1 and -1."""

    reduction: str

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Returns the loss."""
        return F.soft_margin_loss(x, y, self.reduction)


class HingeEmbeddingLoss(Stateless):
    """`x` for targets 1, `max(0, margin - x)` for targets -1."""

    margin: float
    reduction: str

    def __init__(self, margin: float = 1.0, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Returns the loss."""
        return F.hinge_embedding_loss(x, y, self.margin, self.reduction)


class MultiLabelMarginLoss(Stateless):
    """Margins of all target classes over all other classes."""

    reduction: str

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Returns the loss."""
        return F.multilabel_margin_loss(x, y, self.reduction)


class MarginRankingLoss(Stateless):
    """`max(0, margin - y * (x1 - x2))` for targets 1 and -1."""

    margin: float
    reduction: str

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor) -> Tensor:
        """Returns the loss."""
        return F.margin_ranking_loss(x1, x2, y, self.margin, self.reduction)


class CosineEmbeddingLoss(Stateless):
    """`1 - cos` for targets 1, `max(0, cos - margin)` for targets -1."""

    margin: float
    reduction: str

    def __init__(self, margin: float = 0.0, reduction: str = "mean") -> None:
        super().__init__(margin=margin, reduction=reduction)

    def forward(self, x1: Tensor, x2: Tensor, y: Tensor) -> Tensor:
        """Returns the loss."""
        return F.cosine_embedding_loss(x1, x2, y, self.margin, self.reduction)


class TripletMarginLoss(Stateless):
    """`max(0, d(anchor, positive) - d(anchor, negative) + margin)`."""

    margin: float
    p: float
    eps: float
    swap: bool
    reduction: str

    def __init__(
        self,
        margin: float = 1.0,
        p: float = 2.0,
        eps: float = 1e-6,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(margin=margin, p=p, eps=eps, swap=swap, reduction=reduction)

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Returns the loss."""
        return F.triplet_margin_loss(
            anchor, positive, negative, self.margin, self.p, self.eps, self.swap, self.reduction
        )


class TripletMarginWithDistanceLoss(Stateless):
    """`TripletMarginLoss` with a distance of your own; `functional.pairwise_distance` if None."""

    distance_function: Callable[[Tensor, Tensor], Tensor] | None
    margin: float
    swap: bool
    reduction: str

    def __init__(
        self,
        *,
        distance_function: Callable[[Tensor, Tensor], Tensor] | None = None,
        margin: float = 1.0,
        swap: bool = False,
        reduction: str = "mean",
    ) -> None:
        super().__init__(
            distance_function=distance_function, margin=margin, swap=swap, reduction=reduction
        )

    def forward(self, anchor: Tensor, positive: Tensor, negative: Tensor) -> Tensor:
        """Returns the loss."""
        return F.triplet_margin_with_distance_loss(
            anchor,
            positive,
            negative,
            distance_function=self.distance_function,
            margin=self.margin,
            swap=self.swap,
            reduction=self.reduction,
        )


class MultiMarginLoss(Stateless):
    """Margins of the target class over all other classes, with one weight per class."""

    weight: Tensor | None
    p: int
    margin: float
    reduction: str

    def __init__(
        self,
        p: int = 1,
        margin: float = 1.0,
        weight: Tensor | None = None,
        reduction: str = "mean",
    ) -> None:
        super().__init__(p=p, margin=margin, reduction=reduction)
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Returns the loss."""
        return F.multi_margin_loss(x, y, self.p, self.margin, self.weight, self.reduction)


class MultiLabelSoftMarginLoss(Stateless):
    """Binary cross-entropy of logits, averaged over the classes, with one weight per class."""

    weight: Tensor | None
    reduction: str

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction=reduction)
        self.register_buffer("weight", weight)

    def forward(self, x: Tensor, y: Tensor) -> Tensor:
        """Returns the loss."""
        return F.multilabel_soft_margin_loss(x, y, self.weight, self.reduction)


class PairwiseDistance(Stateless):
    """The norm of the difference of vectors."""

    p: float
    eps: float
    keepdim: bool

    def __init__(self, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False) -> None:
        super().__init__(p=p, eps=eps, keepdim=keepdim)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Returns the distances."""
        return F.pairwise_distance(x1, x2, self.p, self.eps, self.keepdim)


class CosineSimilarity(Stateless):
    """The cosine of the angle between vectors."""

    dim: int
    eps: float

    def __init__(self, dim: int = 1, eps: float = 1e-8) -> None:
        super().__init__(dim=dim, eps=eps)

    def forward(self, x1: Tensor, x2: Tensor) -> Tensor:
        """Returns the cosines."""
        return F.cosine_similarity(x1, x2, self.dim, self.eps)
