"""Losses as layers; each calls the function of the same meaning in `nn.functional`.

`reduction` is "mean", "sum" or "none" (one value per element or sample).
"""

from __future__ import annotations

from tinygrad_cl.errors import ArgumentError
from tinygrad_cl.nn import functional as F
from tinygrad_cl.nn.module import Module
from tinygrad_cl.tensor import Tensor


class _Loss(Module):
    words: tuple[str, ...] = ("mean", "sum", "none")

    def __init__(self, reduction: str = "mean") -> None:
        super().__init__()
        if reduction not in self.words:
            listed = ", ".join(f'"{word}"' for word in self.words)
            raise ArgumentError(
                f"{type(self).__name__}: reduction must be one of {listed}, got {reduction!r}"
            )
        self.reduction = reduction


class _WeightedLoss(_Loss):
    weight: Tensor | None

    def __init__(self, weight: Tensor | None = None, reduction: str = "mean") -> None:
        super().__init__(reduction)
        self.register_buffer("weight", weight)


class CrossEntropyLoss(_WeightedLoss):
    """Softmax and negative log likelihood in one, of logits of shape `(N, C)` or `(N, C, ...)`.

    Do not apply softmax first: the loss does.

    Args:
        weight: one factor per class.
        ignore_index: targets of this class do not count.
        reduction: "mean", "sum" or "none".
        label_smoothing: share of the target that is spread evenly over all classes.

    Raises:
        ArgumentError: for an unknown reduction or a share outside [0, 1].

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> loss = nn.CrossEntropyLoss()(tg.zeros(2, 4), tg.tensor([1, 3]))
        >>> round(loss.item(), 4)
        1.3863
    """

    def __init__(
        self,
        weight: Tensor | None = None,
        ignore_index: int = -100,
        reduction: str = "mean",
        label_smoothing: float = 0.0,
    ) -> None:
        super().__init__(weight, reduction)
        if not 0 <= label_smoothing <= 1:
            raise ArgumentError(
                f"CrossEntropyLoss: label_smoothing must be in [0, 1], got {label_smoothing}"
            )
        self.ignore_index = ignore_index
        self.label_smoothing = label_smoothing

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Returns the loss.

        `target` holds class indices `(N, ...)` or probabilities `(N, C, ...)`.
        """
        return F.cross_entropy(
            logits,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )


class NLLLoss(_WeightedLoss):
    """Negative log likelihood of log-probabilities `(N, C, ...)` and class indices `(N, ...)`."""

    def __init__(
        self, weight: Tensor | None = None, ignore_index: int = -100, reduction: str = "mean"
    ) -> None:
        super().__init__(weight, reduction)
        self.ignore_index = ignore_index

    def forward(self, log_probabilities: Tensor, target: Tensor) -> Tensor:
        """Returns the loss."""
        return F.nll_loss(
            log_probabilities,
            target,
            weight=self.weight,
            ignore_index=self.ignore_index,
            reduction=self.reduction,
        )


class MSELoss(_Loss):
    """Squared error, `(x - y)**2`.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.MSELoss()(tg.tensor([1.0, 3.0]), tg.tensor([1.0, 1.0])).item()
        2.0
    """

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Returns the loss."""
        return F.mse_loss(x, target, reduction=self.reduction)


class L1Loss(_Loss):
    """Absolute error, `|x - y|`."""

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Returns the loss."""
        return F.l1_loss(x, target, reduction=self.reduction)


class SmoothL1Loss(_Loss):
    """`(x - y)**2 / (2 beta)` where the error is below `beta`, `|x - y| - beta / 2` elsewhere.

    Raises:
        ArgumentError: if `beta` is negative.
    """

    def __init__(self, reduction: str = "mean", beta: float = 1.0) -> None:
        super().__init__(reduction)
        if beta < 0:
            raise ArgumentError(f"SmoothL1Loss: beta must not be negative, got {beta}")
        self.beta = beta

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Returns the loss."""
        return F.smooth_l1_loss(x, target, reduction=self.reduction, beta=self.beta)


class HuberLoss(_Loss):
    """`(x - y)**2 / 2` where the error is below `delta`, `delta * (|x - y| - delta / 2)` elsewhere.

    Raises:
        ArgumentError: if `delta` is not positive.
    """

    def __init__(self, reduction: str = "mean", delta: float = 1.0) -> None:
        super().__init__(reduction)
        if not delta > 0:
            raise ArgumentError(f"HuberLoss: delta must be positive, got {delta}")
        self.delta = delta

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Returns the loss."""
        return F.huber_loss(x, target, reduction=self.reduction, delta=self.delta)


class BCELoss(_WeightedLoss):
    """Binary cross-entropy of probabilities, `-(y log x + (1 - y) log(1 - x))`.

    The logarithms stop at -100. For logits, `BCEWithLogitsLoss` is more exact.

    Args:
        weight: one factor per element, broadcast.
        reduction: "mean", "sum" or "none".
    """

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Returns the loss."""
        return F.binary_cross_entropy(x, target, weight=self.weight, reduction=self.reduction)


class BCEWithLogitsLoss(_WeightedLoss):
    """Sigmoid and binary cross-entropy in one, without overflow.

    Args:
        weight: one factor per element, broadcast.
        reduction: "mean", "sum" or "none".
        pos_weight: one factor per class for positive targets, broadcast.

    Example:
        >>> import tinygrad_cl as tg
        >>> from tinygrad_cl import nn
        >>> nn.BCEWithLogitsLoss()(tg.tensor([1000.0, -1000.0]), tg.tensor([1.0, 0.0])).item()
        0.0
    """

    pos_weight: Tensor | None

    def __init__(
        self,
        weight: Tensor | None = None,
        reduction: str = "mean",
        pos_weight: Tensor | None = None,
    ) -> None:
        super().__init__(weight, reduction)
        self.register_buffer("pos_weight", pos_weight)

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Returns the loss."""
        return F.binary_cross_entropy_with_logits(
            logits,
            target,
            weight=self.weight,
            reduction=self.reduction,
            pos_weight=self.pos_weight,
        )


class KLDivLoss(_Loss):
    """Divergence of log-probabilities `x` from probabilities `y`: `y * (log y - x)`.

    Args:
        reduction: "mean" (over all elements), "batchmean" (the mathematical one), "sum" or "none".
        log_target: if True, targets are log-probabilities, too.
    """

    words = ("mean", "batchmean", "sum", "none")

    def __init__(self, reduction: str = "mean", log_target: bool = False) -> None:
        super().__init__(reduction)
        self.log_target = log_target

    def forward(self, x: Tensor, target: Tensor) -> Tensor:
        """Returns the loss."""
        return F.kl_div(x, target, reduction=self.reduction, log_target=self.log_target)
